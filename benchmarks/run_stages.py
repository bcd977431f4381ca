"""A run of a study in a process of its own: time, peak memory and disk of every stage.

Run as a script, this file is that process.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

SAMPLE_SECONDS = 0.5
RESET = Path("/proc/self/clear_refs")
"""File of Linux: writing 5 sets the high-water mark of the process's memory to its present use."""


class StageUse(NamedTuple):
    """A stage that is reported as progress, and what it took."""

    name: str
    seconds: float
    peak_bytes: int
    """Largest resident memory of the process in the stage."""
    disk_bytes: int
    """Largest size of the temporary files in the stage."""


class RunUse(NamedTuple):
    """A whole run. ``fault`` says why there is no result."""

    stages: list[StageUse]
    locations: int
    fault: str = ""

    @property
    def seconds(self) -> float:
        """Time of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def peak_bytes(self) -> int:
        """Largest resident memory of the process."""
        return max(stage.peak_bytes for stage in self.stages)

    @property
    def disk_bytes(self) -> int:
        """Largest size of the temporary files."""
        return max(stage.disk_bytes for stage in self.stages)


def measure_run(
    study: Path,
    out: Path,
    temporary: Path,
    memory: str,
    threads: int | None = None,
    *,
    decimals: int | None = None,
) -> RunUse:
    """Run a study in a new process with ``[engine] memory``, and return what its stages took.

    ``decimals`` are those of ``[density]``; the study's own by default.
    """
    order = {
        "decimals": decimals,
        "study": str(study),
        "out": str(out),
        "temp_dir": str(temporary),
        "memory": memory,
        "threads": threads,
    }
    command = [sys.executable, str(Path(__file__).resolve()), json.dumps(order)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return RunUse([], 0, f"failed, exit {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    return RunUse([StageUse(*stage) for stage in found["stages"]], found["locations"])


class _Watch:
    """A callable for ``progress=`` that notes what each stage takes."""

    def __init__(self, temporary: Path) -> None:
        self.stages: list[StageUse] = []
        self._temporary = temporary
        self._name = "start"
        self._start = time.perf_counter()
        self._disk = 0
        self._lock = threading.Lock()

    def __call__(self, _fraction: float, stage: str) -> None:
        if stage != self._name:
            self.note(stage)

    def note(self, following: str) -> None:
        """End the present stage, and begin the following one."""
        now = time.perf_counter()
        with self._lock:
            self._disk = max(self._disk, _size(self._temporary))
            self.stages.append(StageUse(self._name, now - self._start, peak_bytes(), self._disk))
            last = self.stages[-1]
            print(
                f"{last.seconds:8.1f} s {last.peak_bytes / 1e9:6.2f} GB memory"
                f" {last.disk_bytes / 1e9:6.2f} GB disk  {last.name}",
                file=sys.stderr,
                flush=True,
            )
            self._name, self._start, self._disk = following, now, 0
        if RESET.exists():
            RESET.write_text("5")

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Look at the temporary files now and then."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(SAMPLE_SECONDS):
                size = _size(self._temporary)
                with self._lock:
                    self._disk = max(self._disk, size)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def peak_bytes() -> int:
    """Return the high-water mark of this process's resident memory."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _size(folder: Path) -> int:
    """Return the size of the files below a folder, without those that vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except OSError:
            continue
        total += stat.st_blocks * 512
    return total


def _run(order: dict) -> dict:
    from dataclasses import replace

    import gclust
    from gclust.study.sections import EngineOptions

    study = gclust.read_study(order["study"])
    options = {name: order[name] for name in ("temp_dir", "memory", "threads")}
    study = replace(study, engine=EngineOptions(**options))
    if order["decimals"] is not None:
        study = replace(study, density=replace(study.density, decimals=order["decimals"]))
    watch = _Watch(Path(order["temp_dir"]))
    with watch.sampled():
        run = gclust.run(study, order["out"], progress=watch, overwrite=True)
        watch.note("")
    return {"stages": watch.stages, "locations": len(run.locations)}


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(json.dumps(_run(json.loads(sys.argv[1]))))
