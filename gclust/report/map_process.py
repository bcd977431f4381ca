"""A process that loads the modules of maps while a study is computed, and then draws its map.

matplotlib is slow to load and draws on one processor, without sharing it with other threads. In a
process of its own it takes no time from the stages before, and draws while tables are written.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NoReturn

from gclust.parallel import end_if_left
from gclust.threads import may_use_two

if TYPE_CHECKING:
    import pandas as pd

CODE = (
    "import sys; sys.path[:] = sys.argv[1:]; from gclust.report.map_process import serve; serve()"
)
"""What the process runs. The main module of this one, such as a notebook's, has no part in it."""
SIZE_BYTES = 8
"""Bytes of the number that says how long a request is."""
LOOK_SECONDS = 0.005
"""Seconds between two looks whether the map is there."""

_running: ContextVar[MapProcess | None] = ContextVar("map process", default=None)


class MapProcess:
    """A process that draws one map; it ends with the process that has started it."""

    def __init__(self) -> None:
        # In a group of its own: Ctrl-C in a terminal goes to this process, which ends the other.
        apart: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            apart = {"creationflags": flags}
        # Without buffers, whose locks a signal could leave held.
        self._child = subprocess.Popen(
            [sys.executable, "-c", CODE, *sys.path],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **apart,
        )
        self.is_free = True

    def images(
        self, clusters: pd.DataFrame, locations: pd.DataFrame, options: Mapping[str, Any]
    ) -> dict[str, bytes]:
        """Return the map as files, by their endings ``png`` and ``pdf``.

        ``options`` are those of `gclust.report.map.MapOptions`, by name; for the tables see
        `gclust.report.map.draw_map`. What drawing raises is raised here, and ChildProcessError if
        the process has ended without an answer.
        """
        self.is_free = False
        request = pickle.dumps((clusters, locations, dict(options)))
        answers: list[bytes] = []
        asking = Thread(target=lambda: answers.append(self._answer(request)), daemon=True)
        asking.start()
        while asking.is_alive():
            end_if_left()
            time.sleep(LOOK_SECONDS)
        code = self._child.wait() if answers else "unknown"
        if code != 0:
            raise ChildProcessError(
                f"the process that draws the map was ended (exit code {code}), perhaps for lack of"
                " memory; with --threads 1 no other process is started"
            )
        found, error, lines = pickle.loads(answers[0])  # of our own process
        if error is not None:
            raise error from _RemoteError(lines)
        return dict(found)

    def _answer(self, request: bytes) -> bytes:
        """Send a request, and return the answer: all that comes until the process ends."""
        child: Any = self._child
        with suppress(OSError):  # it has ended, perhaps with an error as its answer
            for content in (len(request).to_bytes(SIZE_BYTES, "little"), request):
                rest = memoryview(content)
                while len(rest):
                    rest = rest[child.stdin.write(rest) :]
        return bytes(child.stdout.read())

    def end(self) -> None:
        """End the process, whatever it does."""
        self._child.kill()
        self._child.wait()


class _RemoteError(Exception):
    """The lines of an error in the other process, which are shown above those of this one."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


@contextmanager
def map_process(n_jobs: int | None = None) -> Iterator[None]:
    """Let another process draw the map of the run in the block, if two may work side by side.

    It is for commands only. A function does not know what ``sys.executable`` is: a program with
    Python inside would be started a second time, as would one that is frozen into a file.
    """
    if not may_use_two(n_jobs) or getattr(sys, "frozen", False):
        yield
        return
    process = MapProcess()
    token = _running.set(process)
    try:
        yield
    finally:
        _running.reset(token)
        process.end()


def running_map_process() -> MapProcess | None:
    """Return the process of the enclosing `map_process`, None if there is none or it was used."""
    process = _running.get()
    return process if process is not None and process.is_free else None


def serve() -> NoReturn:
    """Load what a map needs, draw the one that is asked for, and end."""
    requests: list[bytes] = []
    arrived = Event()

    def listen() -> None:
        source = sys.stdin.buffer
        size = int.from_bytes(source.read(SIZE_BYTES), "little")
        requests.append(source.read(size))
        arrived.set()
        source.read(1)  # nothing comes any more: it ends with the other process
        os._exit(1)

    Thread(target=listen, daemon=True).start()
    try:
        from gclust.places import basemap
        from gclust.report import pdf_canvas  # noqa: F401 - loaded before it is needed
        from gclust.report.map import MapOptions, map_images

        basemap.countries()
        basemap.lakes()
        arrived.wait()
        clusters, locations, options = pickle.loads(requests[0])  # of our own process
        answer = map_images(clusters, locations, MapOptions(**options)), None, ""
        content = pickle.dumps(answer)
    except BaseException as error:
        content = _pickled_error(error)
    with os.fdopen(sys.stdout.fileno(), "wb") as output:
        output.write(content)
    os._exit(0)


def _pickled_error(error: BaseException) -> bytes:
    lines = traceback.format_exc()
    try:
        content = pickle.dumps((None, error, lines))
        pickle.loads(content)  # some errors cannot be made again
    except Exception:
        content = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}"), lines))
    return content
