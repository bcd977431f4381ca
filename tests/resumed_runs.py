"""A process that starts runs as children, kills them where it is asked to, and says how they ended.

It has imported everything and run the study once, so that a child takes a second, not ten. It reads
one JSON object from each line of its input; `Runs` is the other end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path


def main(study: str, warm: str) -> None:
    import gclust
    from gclust.pipeline import prepare
    from tests.fuzz_studies import undrawn

    # Listings stay in the engine, as those of runs that take long do.
    prepare.fit_into_memory = lambda *_: False
    with undrawn():
        gclust.run(study, warm, n_jobs=2)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(order)
        if order.get("seconds") is not None:
            time.sleep(order["seconds"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


def _run(order) -> None:
    code = 1
    try:
        import gclust
        from gclust.pipeline import checkpoint
        from tests.fuzz_studies import undrawn

        checkpoint.AFTER_SECONDS = order.get("after", 0.0)
        tempfile.tempdir = order["place"]
        _kill(checkpoint.Checkpoint, order.get("kill_in"), order.get("kill_after"))
        with nullcontext() if order.get("drawn") else undrawn():
            if order.get("verify"):
                _verify(gclust, order)
            else:
                gclust.run(order["study"], order["out"], n_jobs=order.get("threads", 2))
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _verify(gclust, order) -> None:
    """Verify the run instead; a difference ends this process with an error."""
    found = gclust.verify(order["out"], n_jobs=order.get("threads", 2))
    assert found.same, found.files.loc[~found.files["same"]].to_dict("records")


def _kill(stages, inside, after) -> None:
    """Kill this process when a stage has been computed, before or after its file is written."""
    step = stages.step

    def watched(self, name, compute, *more):
        def computed():
            result = compute()
            if name == inside:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        result = step(self, name, computed, *more)
        if name == after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    stages.step = watched


class Runs:
    """The other end: `start` returns a run's exit code, negative for a signal."""

    def __init__(self, study: Path, place: Path) -> None:
        self.study, self.place = study, place
        place.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.resumed_runs", str(study), str(place.parent / "warm")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[1],
        )
        assert self._read() == "ready"

    def start(self, out: Path, **order) -> int:
        asked = {"study": str(self.study), "place": str(self.place), "out": str(out), **order}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        assert line, "the process that starts runs has ended"
        return json.loads(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
