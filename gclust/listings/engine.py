"""The DuckDB engine: a database of its own that spills to disk, with progress.

Stages are written on narwhals frames; this module only opens the database,
turns a frame into a stored table, and brings a table to pandas.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa

from gclust.processes import is_alive
from gclust.progress import Report, silent
from gclust.threads import count_threads

POLL_SECONDS = 0.1

LOOK_SECONDS = 1e-3


class Engine:
    """A DuckDB database in a temporary folder, removed on exit.

    Parameters
    ----------
    folder : path-like, optional
        Where the database and its spill files live; the system's temporary
        folder by default.
    threads : int, optional
        Threads that DuckDB may use, see `gclust.threads.count_threads`; all by default.
    progress : callable
        Called with ``(fraction, stage)``.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        threads: int | None = None,
        progress: Report = silent,
    ) -> None:
        self._folder = _own_folder(folder)
        self.progress = progress
        config: dict[str, Any] = {
            "temp_directory": str(self._folder / "spill"),
            "preserve_insertion_order": False,
            "threads": count_threads(threads),
        }
        self.connection = duckdb.connect(str(self._folder / "listings.duckdb"), config=config)
        # Years must not depend on where the machine stands.
        self.connection.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.connection.close()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def frame(self, name: str) -> nw.LazyFrame[Any]:
        """Return a stored table as a lazy narwhals frame."""
        return nw.from_native(self.connection.table(name))

    def store(self, frame: nw.LazyFrame[Any], name: str, stage: str = "") -> nw.LazyFrame[Any]:
        """Run a lazy frame's query, store the result as a table, return that table."""
        relation = frame.to_native()
        self._watched(lambda: relation.create(name), stage)
        return self.frame(name)

    def drop(self, name: str) -> None:
        """Remove a stored table and free its space."""
        self.connection.execute(f'DROP TABLE "{name}"')

    def arrow(self, frame: nw.LazyFrame[Any], stage: str = "") -> pa.Table:
        """Run a lazy frame's query and bring the result as an Arrow table."""
        relation = frame.to_native()
        return self._watched(lambda: relation.to_arrow_table(), stage)

    def pandas(self, frame: nw.LazyFrame[Any], stage: str = "") -> pd.DataFrame:
        """Run a lazy frame's query and bring the result as a pandas frame."""
        return self.arrow(frame, stage).to_pandas()

    def put(self, table: pa.Table | pd.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """Store a table that is in memory, and return it as a lazy frame."""
        self.connection.register("incoming", table)
        self.connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
        self.connection.unregister("incoming")
        return self.frame(name)

    def _watched(self, query: Callable[[], Any], stage: str) -> Any:
        """Run a query in a thread, so that Ctrl-C and progress are served meanwhile."""
        outcome: list[Any] = []
        failure: list[BaseException] = []

        def work() -> None:
            try:
                outcome.append(query())
            except BaseException as error:
                failure.append(error)

        # Polled, not joined: a join that Ctrl-C breaks off takes the thread for ended
        # (CPython 3.11), and the connection would be closed under a running query. Nor is
        # an event of its own enough: what the thread still frees after setting it must not
        # meet a closed connection or an interpreter that shuts down, which aborts.
        thread = threading.Thread(target=work, name="gclust-query", daemon=True)
        thread.start()
        try:
            while _runs(thread):
                percent = self.connection.query_progress()
                if stage and percent >= 0:
                    self.progress(min(percent / 100, 0.999), stage)
        except BaseException:
            while _runs(thread):
                self.connection.interrupt()
            raise
        if failure:
            raise failure[0]
        if stage:
            self.progress(1.0, stage)
        return outcome[0]


def _runs(thread: threading.Thread) -> bool:
    """Return whether a thread still runs after a tenth of a second, at once where not."""
    end = time.monotonic() + POLL_SECONDS
    while thread.is_alive() and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return thread.is_alive()


def _own_folder(parent: str | Path | None) -> Path:
    """Make a temporary folder, and remove those that killed processes left."""
    place = Path(parent) if parent is not None else Path(tempfile.gettempdir())
    for left in place.glob("gclust-*-*"):
        pid = left.name.split("-")[1]
        if pid.isdigit() and not is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"gclust-{os.getpid()}-", dir=place))
