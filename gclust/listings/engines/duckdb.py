"""DuckDB engine: a temporary database on this machine, which spills to disk."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa

from gclust.disk import FULL, is_full, writing
from gclust.errors import StudyError, first_line
from gclust.listings.engines.protocol import (
    ROWS_OF_A_BATCH,
    EngineError,
    QueryOverflowError,
    prefix_of_kind,
)
from gclust.listings.sources.part_query import part_query
from gclust.listings.sources.source_part import PartRead
from gclust.progress import Report, silent
from gclust.temporary_folders import TemporaryFolder, remove_abandoned
from gclust.threads import count_threads

PREFIX = "gclust-"
DISK_WORDS = ("No space left", "max_temp_directory_size", "Disk quota", "File too large")
"""Parts of DuckDB's error messages when the disk of its database is full."""
POLL_SECONDS = 0.1

MOST_UNCOMPRESSED = 20_000_000
"""Largest number of rows of a table that is not compressed. Compressing took a third of the time
of reading; without it a row takes 40 bytes on the disk instead of 12 (measured with 2 million rows
with ids of 15 letters)."""

LOOK_SECONDS = 1e-3

BYTES_OF_A_THREAD = 150_000_000
"""Least memory for each thread: with less, DuckDB's queries on large tables fail."""

STORED = "stored_"
"""Beginning of the name of the table that holds what is stored of a view."""

LITTLE = "50MB"
"""Memory for tables that are on disk, while other arrays need it."""

LEAST_FREE = 0.05
"""Part of the free space of the disk that spill files leave free."""


class DuckDBEngine:
    """A DuckDB database in a temporary folder, removed on exit unless it is kept.

    The temporary folder is made in ``folder``, by default in the system's, and holds the database
    and its spill files, which leave a part of the disk's space free. ``threads`` is as in
    `gclust.threads.count_threads`, but no more than the memory is enough for. ``memory`` is
    DuckDB's limit in bytes, by default its own (80 % of the machine's memory). ``home`` is the
    folder of an earlier process's database, in place of a new one; it is opened, and `EngineError`
    is raised if it is damaged.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        threads: int | None = None,
        memory: int | None = None,
        progress: Report = silent,
        home: TemporaryFolder | None = None,
    ) -> None:
        self._folder = _own_folder(folder) if home is None else _emptied(home)
        self.progress = progress
        self._numbers = itertools.count()
        self._memory = memory
        place = self._folder.path
        config = _settings(place, count_threads(threads), memory)
        try:
            self.connection = duckdb.connect(str(place / "listings.duckdb"), config=config)
            # Years must not depend on the time zone of the machine.
            self.connection.execute("SET TimeZone = 'UTC'")
        except BaseException as error:
            failure = _disk_failure(error, place)
            self._folder.remove_unless_kept()
            if failure is not None:
                raise failure from error
            if home is not None and isinstance(error, duckdb.Error):
                raise EngineError(first_line(error)) from error
            raise

    def __enter__(self) -> DuckDBEngine:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        failure = _disk_failure(error, self._folder.path)
        try:
            # Closing may fail on a full disk; the database is not needed any more.
            with suppress(duckdb.Error):
                self.connection.close()
        finally:
            self._folder.remove_unless_kept()
        if failure is not None:
            raise failure from error

    @property
    def home(self) -> TemporaryFolder:
        """The folder of the database, for a checkpoint of a run."""
        return self._folder

    def tables(self) -> dict[str, int]:
        """Return the number of rows of each stored table."""
        query = "SELECT table_name, estimated_size FROM duckdb_tables()"
        return {str(name): int(rows) for name, rows in self._executed(query)}

    def sync(self) -> None:
        """Write all stored tables into the file of the database."""
        self._executed("CHECKPOINT")

    def check(self, name: str, stage: str = "") -> None:
        """Read a stored table from the disk; raise EngineError if its blocks are damaged."""
        query = f'SELECT sum(hash(COLUMNS(*))) FROM "{name}"'
        self._watched(lambda: self.connection.execute(query).fetchall(), stage)

    def _executed(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self.connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise EngineError(first_line(error)) from error

    @property
    def copies(self) -> Path:
        """The folder for copies of input files; it is removed on exit."""
        folder = self._folder.path / "copies"
        folder.mkdir(exist_ok=True)
        return folder

    def remove_copies(self) -> None:
        """Remove the copies of input files, once they have been read, to free disk space."""
        shutil.rmtree(self._folder.path / "copies", ignore_errors=True)

    @property
    def reader(self) -> DuckDBEngine:
        """The database itself, in which files are opened too."""
        return self

    def rows(self, reads: Sequence[PartRead]) -> nw.LazyFrame[Any]:
        """Return the rows of parts of sources; see `gclust.listings.engines.protocol.Engine`."""
        query = " UNION ALL ".join(map(part_query, reads))
        try:
            return nw.from_native(self.connection.sql(query))
        except duckdb.Error as error:
            raise EngineError(first_line(error)) from error

    def next_number(self) -> int:
        """Return a number not returned before, for a unique name of a table or file."""
        return next(self._numbers)

    def expect(self, rows: int) -> None:
        """Give the expected number of rows: above `MOST_UNCOMPRESSED`, tables are compressed."""
        how = "uncompressed" if rows <= MOST_UNCOMPRESSED else "auto"
        self.connection.execute(f"SET force_compression = '{how}'")

    def frame(self, name: str) -> nw.LazyFrame[Any]:
        """Return a stored table as a lazy narwhals frame."""
        return nw.from_native(self.connection.table(name))

    def store(self, frame: nw.LazyFrame[Any], name: str, stage: str = "") -> nw.LazyFrame[Any]:
        """Run a lazy frame's query, store the result as a table, and return the table."""
        relation = frame.to_native()
        self._watched(lambda: relation.create(name), stage)
        return self.frame(name)

    def append(
        self,
        frame: nw.LazyFrame[Any],
        name: str,
        stage: str = "",
        constants: Mapping[str, int | None] = MappingProxyType({}),
    ) -> None:
        """Run a lazy frame's query, and append the result to a table.

        ``constants`` are not stored: the table is then a view that adds them to what is.
        """
        relation = frame.to_native()
        types = dict(zip(relation.columns, relation.types, strict=True))
        stored = name
        if constants:
            stored = f"{STORED}{name}"
            relation = relation.project(
                ", ".join(f'"{each}"' for each in types if each not in constants)
            )
        exists = stored in self.tables()
        add = relation.insert_into if exists else relation.create
        self._watched(lambda: add(stored), stage)
        if constants and not exists:
            columns = [_stored_or_constant(*each, constants) for each in types.items()]
            self._executed(
                f'CREATE OR REPLACE VIEW "{name}" AS SELECT {", ".join(columns)} FROM "{stored}"'
            )

    def drop(self, name: str) -> None:
        """Remove a stored table, if it is there, and free its space."""
        self._executed(f'DROP TABLE IF EXISTS "{name}"')

    def arrow(self, frame: nw.LazyFrame[Any], stage: str = "") -> pa.Table:
        """Run a lazy frame's query and return the result as an Arrow table."""
        relation = frame.to_native()
        return self._watched(lambda: relation.to_arrow_table(), stage)

    def pandas(self, frame: nw.LazyFrame[Any], stage: str = "") -> pd.DataFrame:
        """Run a lazy frame's query and return the result as a pandas frame."""
        return self.arrow(frame, stage).to_pandas()

    def batches(
        self, frame: nw.LazyFrame[Any], stage: str = "", rows: int = ROWS_OF_A_BATCH
    ) -> Iterator[pa.RecordBatch]:
        """Run a lazy frame's query and yield the result batch by batch."""
        relation = frame.to_native()
        reader = self._watched(lambda: relation.to_arrow_reader(rows), stage)
        while (batch := self._watched(lambda: next(reader, None), "")) is not None:
            yield batch

    def free_memory(self) -> None:
        """Free the memory of stored tables, which are on disk; later queries read them again."""
        back = "RESET memory_limit"
        if self._memory is not None:
            back = f"SET memory_limit = '{self._memory}B'"
        try:
            with suppress(duckdb.Error):  # raised if more is in use; the rest is freed
                self.connection.execute(f"SET memory_limit = '{LITTLE}'")
        finally:
            self._executed(back)

    def put(
        self, table: pa.Table | pa.RecordBatchReader | pd.DataFrame, name: str, columns: str = "*"
    ) -> nw.LazyFrame[Any]:
        """Store a table that is in memory, and return it as a lazy frame.

        ``columns`` is the SQL list of columns to select from it.
        """
        self.connection.register("incoming", table)
        self.connection.execute(f'CREATE TABLE "{name}" AS SELECT {columns} FROM incoming')
        self.connection.unregister("incoming")
        return self.frame(name)

    def execute(self, statement: str, stage: str = "") -> None:
        """Run a statement of DuckDB's SQL that returns nothing."""
        self._watched(lambda: self.connection.execute(statement), stage)

    def keyed(self, listings: nw.LazyFrame[Any]) -> tuple[nw.LazyFrame[Any], bool]:
        """Add ``key`` to listings; see `gclust.listings.engines.protocol.Engine`."""
        whole = listings.collect_schema()["record"].is_integer()
        key = "record" if whole else f"hash(record)::HUGEINT - {2**63}"
        relation = listings.to_native().project(f"*, coalesce(({key})::BIGINT, 0) AS key")
        return nw.from_native(relation), whole

    def with_digits(
        self, listings: nw.LazyFrame[Any], prefixes: Mapping[int, str]
    ) -> nw.LazyFrame[Any]:
        """Add ``digit`` to listings; see `gclust.listings.engines.protocol.Engine`."""
        text = f"{prefix_of_kind(prefixes)} || CAST(record AS VARCHAR)"
        return nw.from_native(listings.to_native().project(f"*, sha256({text})[1] AS digit"))

    def fingerprint(self, name: str, columns: Sequence[str]) -> str:
        """Return the number of a table's rows and the sum of their hashes."""
        query = f'SELECT count(*), sum(hash({", ".join(columns)})) FROM "{name}"'
        return repr(self.connection.execute(query).fetchall())

    def _watched(self, query: Callable[[], Any], stage: str) -> Any:
        """Run a query in a thread, so that Ctrl-C and progress reports work meanwhile."""
        if stage:
            self.progress(0.0, stage)
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
            if isinstance(failure[0], duckdb.Error):
                overflows = isinstance(failure[0], duckdb.ConversionException)
                kind = QueryOverflowError if overflows else EngineError
                raise kind(first_line(failure[0])) from failure[0]
            raise failure[0]
        if stage:
            self.progress(1.0, stage)
        return outcome[0]


def _stored_or_constant(column: str, kind: Any, constants: Mapping[str, int | None]) -> str:
    """Return SQL for a column of a view on a table that does not store ``constants``."""
    if column not in constants:
        return f'"{column}"'
    value = constants[column]
    return f'CAST({"NULL" if value is None else value} AS {kind}) AS "{column}"'


def _settings(folder: Path, threads: int, memory: int | None) -> dict[str, Any]:
    """Return DuckDB's settings for a database in a folder."""
    free = int(shutil.disk_usage(folder).free * (1.0 - LEAST_FREE))
    settings: dict[str, Any] = {
        "temp_directory": str(folder / "spill"),
        "max_temp_directory_size": f"{free}B",
        "preserve_insertion_order": False,
        "threads": threads,
    }
    if memory is not None:
        settings["memory_limit"] = f"{memory}B"
        settings["threads"] = min(threads, max(1, memory // BYTES_OF_A_THREAD))
    return settings


def _runs(thread: threading.Thread) -> bool:
    """Wait up to a tenth of a second; return whether a thread still runs."""
    end = time.monotonic() + POLL_SECONDS
    while thread.is_alive() and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return thread.is_alive()


def _emptied(home: TemporaryFolder) -> TemporaryFolder:
    """Remove an ended process's spill files and copies of input files; return its folder."""
    for name in ("spill", "copies"):
        shutil.rmtree(home.path / name, ignore_errors=True)
    return home


def _own_folder(parent: str | Path | None) -> TemporaryFolder:
    """Make a temporary folder; remove temporary folders that killed processes left."""
    try:
        place = Path(parent) if parent is not None else Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise StudyError(
            "no temporary folder can be written to: make room on the disk, or name a folder in"
            " the environment variable TMPDIR"
        ) from error
    remove_abandoned(place, PREFIX)
    with writing(place):
        return TemporaryFolder(place, PREFIX)


def _disk_failure(error: BaseException | None, folder: Path) -> StudyError | None:
    """Return the error to raise if a full disk caused an error, directly or not, else None.

    DuckDB may report a full disk as an error in the input.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, duckdb.Error | OSError) and _is_full_disk(error, folder):
            return StudyError(
                f"{folder.parent}: the disk is full, and temporary files of the listings do not"
                " fit; make room there, or name another folder in the environment variable TMPDIR"
            )
        error = error.__cause__ or error.__context__
    return None


def _is_full_disk(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError):
        return error.errno in FULL and str(error.filename or "").startswith(str(folder))
    return any(words in str(error) for words in DISK_WORDS) or is_full(folder)
