"""Spark engine: the listings lie in a cluster, or in processes of this machine.

Stored tables are Parquet files in the temporary folder, so that no result depends on a worker that
is lost.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gclust.disk import writing
from gclust.errors import StudyError
from gclust.listings.engines.duckdb import PREFIX, DuckDBEngine
from gclust.listings.engines.protocol import ROWS_OF_A_BATCH, EngineError, prefix_of_kind
from gclust.listings.engines.spark_jobs import SparkJobs
from gclust.listings.engines.spark_parquet import ParquetReader
from gclust.listings.engines.spark_session import OpenedSession
from gclust.listings.engines.spark_types import (
    file_address,
    identifier,
    schema_of,
    with_plain_types,
)
from gclust.listings.sources.part_query import part_query
from gclust.listings.sources.source_part import PartRead
from gclust.progress import Report, silent
from gclust.temporary_folders import TemporaryFolder

ROW_GROUP = 1_000_000
"""Rows that one task of Spark reads at least of a Parquet file that gclust writes."""

GLOB_CHARACTERS = frozenset("*?[]{}\\^,:%")
"""Characters that Hadoop does not take as they are in the name of a file."""


class SparkEngine:
    """Listings in Spark; files other than Parquet are read by DuckDB on this machine.

    Parameters
    ----------
    opened : OpenedSession
        It is closed on exit.
    folder : path-like, optional
        Folder for temporary files, which all workers must see; needed unless Spark runs on this
        machine alone.
    threads : int, optional
        Threads of DuckDB; see `gclust.threads.count_threads`.
    memory : int, optional
        Memory of DuckDB in bytes.
    progress : callable, optional

    Attributes
    ----------
    session : SparkSession
    parquet : ParquetReader
        Reads the Parquet files that Spark reads itself.
    """

    def __init__(
        self,
        opened: OpenedSession,
        folder: str | Path | None = None,
        *,
        threads: int | None = None,
        memory: int | None = None,
        progress: Report = silent,
    ) -> None:
        self._opened, self.session = opened, opened.session
        self._numbers = itertools.count()
        self._tables: dict[str, tuple[Path, Any]] = {}  # folder and schema
        try:
            place = _shared_place(folder, self.session.sparkContext.master)
            self._reader = DuckDBEngine(place, threads=threads, memory=memory, progress=progress)
        except BaseException:
            opened.close()
            raise
        try:
            with writing(place):
                self._folder = TemporaryFolder(place, PREFIX)
        except BaseException as error:
            self._reader.__exit__(None, error, None)
            opened.close()
            raise
        self._jobs = SparkJobs(self.session, self._folder.path, progress)
        self.parquet = ParquetReader(self.session, self._jobs, self._folder.path / "links")

    def __enter__(self) -> SparkEngine:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._reader.__exit__(kind, error, trace)
        finally:
            self._folder.remove()
            self._opened.close()

    @property
    def progress(self) -> Report:
        """Called with the fraction done and the name of the stage."""
        return self._jobs.progress

    @progress.setter
    def progress(self, report: Report) -> None:
        self._jobs.progress = self._reader.progress = report

    @property
    def reader(self) -> DuckDBEngine:
        """The DuckDB database on this machine, in which files are opened."""
        return self._reader

    def expect(self, rows: int) -> None:
        """Do nothing: Spark needs no preparation."""

    def rows(self, reads: Sequence[PartRead]) -> nw.LazyFrame[Any]:
        """Return the rows of parts of sources; see `gclust.listings.engines.protocol.Engine`."""
        return nw.from_native(reduce(lambda a, b: a.union(b), map(self._rows_of, reads)))

    def _rows_of(self, read: PartRead) -> Any:
        """Return the rows of a part that Spark reads itself, or that DuckDB writes for it."""
        if (found := self.parquet.read(read)) is not None:
            return found
        reader = self._reader
        path = reader.copies / f"rows-{reader.next_number()}.parquet"
        target = str(path).replace("'", "''")
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
        reader.execute(f"COPY ({part_query(read)}) TO '{target}' ({options})", "read listings")
        return self._read([path], schema_of(pq.read_schema(path)))

    def _read(self, paths: Sequence[Path], schema: Any) -> Any:
        return self.session.read.schema(schema).parquet(*map(file_address, paths))

    def frame(self, name: str) -> nw.LazyFrame[Any]:
        """Return a stored table as a lazy narwhals frame."""
        folder, schema = self._tables[name]
        return nw.from_native(self._read([folder], schema))

    def store(self, frame: nw.LazyFrame[Any], name: str, stage: str = "") -> nw.LazyFrame[Any]:
        """Run a lazy frame's query, store the result as a table, and return the table."""
        if name in self._tables:
            raise EngineError(f"there is a table {name} already")
        self.append(frame, name, stage)
        return self.frame(name)

    def append(
        self,
        frame: nw.LazyFrame[Any],
        name: str,
        stage: str = "",
        constants: Mapping[str, int | None] = MappingProxyType({}),  # noqa: ARG002 - small in Parquet
    ) -> None:
        """Run a lazy frame's query, and append the result to a table."""
        native = frame.to_native()
        folder, schema = self._tables.get(name) or (self._new_path(name), native.schema)
        self._jobs.write(native, folder, stage)
        self._tables[name] = (folder, schema)

    def _new_path(self, name: str) -> Path:
        """Return a path that no table had before, because Spark may remember what was there."""
        return self._folder.path / f"{name}-{next(self._numbers)}.parquet"

    def drop(self, name: str) -> None:
        """Remove a stored table, if it is there, and free its space."""
        if name in self._tables:
            folder, _ = self._tables.pop(name)
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
            else:
                folder.unlink(missing_ok=True)

    def arrow(self, frame: nw.LazyFrame[Any], stage: str = "") -> pa.Table:
        """Run a lazy frame's query and return the result as an Arrow table."""
        native = frame.to_native()
        return self._jobs.run(native.toArrow, stage)

    def pandas(self, frame: nw.LazyFrame[Any], stage: str = "") -> pd.DataFrame:
        """Run a lazy frame's query and return the result as a pandas frame."""
        return self.arrow(frame, stage).to_pandas()

    def batches(
        self, frame: nw.LazyFrame[Any], stage: str = "", rows: int = ROWS_OF_A_BATCH
    ) -> Iterator[pa.RecordBatch]:
        """Run a lazy frame's query and yield the result batch by batch, from sorted files."""
        folder = self._new_path("batches")
        self._jobs.write(frame.to_native(), folder, stage)
        try:
            for path in sorted(folder.glob("part-*.parquet")):
                yield from pq.ParquetFile(path).iter_batches(rows)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def free_memory(self) -> None:
        """Do nothing: stored tables are on disk alone."""

    def put(
        self, table: pa.Table | pa.RecordBatchReader | pd.DataFrame, name: str
    ) -> nw.LazyFrame[Any]:
        """Store a table that is in memory, and return it as a lazy frame."""
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False)
        elif isinstance(table, pa.RecordBatchReader):
            table = table.read_all()
        table = with_plain_types(table)
        path = self._new_path(name)
        with writing(self._folder.path):
            pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
        self._tables[name] = (path, schema_of(table.schema))
        return self.frame(name)

    def keyed(self, listings: nw.LazyFrame[Any]) -> None:  # noqa: ARG002
        """Return None: listings stay in Spark."""
        return None

    def with_digits(
        self, listings: nw.LazyFrame[Any], prefixes: Mapping[int, str]
    ) -> nw.LazyFrame[Any]:
        """Add ``digit`` to listings; see `gclust.listings.engines.protocol.Engine`."""
        text = f"{prefix_of_kind(prefixes)} || cast(record AS string)"
        digit = f"substring(sha2({text}, 256), 1, 1) AS digit"
        return nw.from_native(listings.to_native().selectExpr("*", digit))

    def fingerprint(self, name: str, columns: Sequence[str]) -> str:
        """Return the number of a table's rows and the sum of their hashes."""
        listed = ", ".join(map(identifier, columns))
        sums = f"sum(cast(xxhash64({listed}) as decimal(20, 0))) AS total"
        frame = self.frame(name).to_native().selectExpr("count(*) AS n", sums)
        return repr(self._jobs.run(frame.toArrow, "").to_pylist())


def _shared_place(folder: str | Path | None, master: str) -> Path:
    """Return the folder for temporary files; refuse one that workers cannot see or name."""
    if folder is None and not master.startswith("local"):
        raise StudyError(
            f"[engine] temp_dir is missing; expected a folder that all workers of the master"
            f" {master} see under the same path"
        )
    place = Path(tempfile.gettempdir() if folder is None else folder).absolute()
    odd = sorted(GLOB_CHARACTERS & set(str(place)))
    if odd:
        raise StudyError(
            f"[engine] temp_dir: {place} has characters that Spark cannot take in a path:"
            f" {' '.join(odd)}; name another folder"
        )
    return place
