"""One call in a process of its own: its time, its peak memory, what it found.

Run as a script, this file is that process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402

from benchmarks.contenders import CONTENDERS, Task  # noqa: E402
from gclust.memory import free_memory  # noqa: E402

WARM_UP = 20_000
"""Rows of a first call, not measured: it compiles or loads kernels and starts threads."""


class Measured(NamedTuple):
    """One call. ``fault`` says why there is no time."""

    seconds: float | None
    peak_bytes: int | None
    """Above what the process held before the call, its input included; None off Linux."""
    fault: str = ""


def measure(
    name: str,
    data: Path,
    task: Task,
    *,
    found: Path | None = None,
    limit_s: float = 3600.0,
) -> Measured:
    """Run a contender once in a new process.

    Parameters
    ----------
    name : str
        Key of ``CONTENDERS``.
    data : path
        ``.npy`` file of its input.
    task : Task
        Parameters.
    found : path, optional
        ``.npz`` file to write labels and cores to.
    limit_s : float
        Seconds after which the process is ended.
    """
    order = {
        "name": name,
        "data": str(data),
        "task": list(task),
        "found": str(found) if found is not None else None,
        "most_bytes": free_memory(),
    }
    command = [sys.executable, str(Path(__file__).resolve()), json.dumps(order)]
    # Files, not pipes: processes that a peer leaves behind would keep those open.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, start_new_session=True)
        try:
            exit_code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return Measured(None, None, f"over {limit_s:g} s")
        finally:
            _end_session(process)
        output.seek(0)
        errors.seek(0)
        printed, said = output.read(), errors.read()
    if exit_code == 0:
        return Measured(**json.loads(printed.splitlines()[-1]))
    if "MemoryError" in said or "bad_alloc" in said or exit_code == -signal.SIGKILL:
        return Measured(None, None, "out of memory")
    print(said, file=sys.stderr)
    return Measured(None, None, f"failed, exit {exit_code}")


def _end_session(process: subprocess.Popen) -> None:
    """End the process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def _give_way(most_bytes: int | None) -> None:
    """Fail alone where memory ends, rather than take the machine along."""
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (int(most_bytes * 0.97), resource.RLIM_INFINITY))
        Path("/proc/self/oom_score_adj").write_text("1000")


def _run(order: dict) -> Measured:
    _give_way(order["most_bytes"])
    contender, task = CONTENDERS[order["name"]], Task(*order["task"])
    data = np.load(order["data"])
    small = data[:WARM_UP].copy()
    contender.ready(small, Task(task.eps_km, min(task.min_samples, 20)))()
    call = contender.ready(data, task)
    on_linux = Path("/proc/self/clear_refs").exists()
    if on_linux:
        before = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark to now
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    peak = max(_resident("VmHWM") - before, 0) if on_linux else None
    if order["found"] is not None:
        answer = contender.answer(result)
        np.savez(order["found"], labels=answer.labels, core=answer.core)
    return Measured(seconds, peak)


if __name__ == "__main__":
    print(json.dumps(_run(json.loads(sys.argv[1]))._asdict()))
    sys.stdout.flush()
    os._exit(0)  # some peers' threads hinder an ordinary end
