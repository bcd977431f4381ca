"""Protocol of engines: what the stages of a study need of the database that holds the listings.

The stages are written once, on lazy narwhals frames. An engine is one module that yields the rows
of sources as such frames, stores and drops tables, and returns small results to this process.
Nothing may rely on the order of rows.

Only DuckDB's tables outlive their process, in a file: a stopped run goes on with them
(`gclust.pipeline.checkpoint`). With any other engine it starts from the beginning, and nothing of
the protocol is needed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import narwhals as nw
import pandas as pd
import pyarrow as pa

from gclust.listings.sources.source_part import PartRead
from gclust.progress import Report


class EngineError(Exception):
    """A query that failed in an engine; the cause is the engine's own exception."""


class QueryOverflowError(EngineError):
    """A query that failed because a number does not fit into its type."""


class FileDatabase(Protocol):
    """A DuckDB database on this machine, in which the files of sources are opened.

    Attributes
    ----------
    connection : duckdb.DuckDBPyConnection
    progress : callable
        Called with the fraction done and the name of the stage.
    """

    connection: Any
    progress: Report

    @property
    def copies(self) -> Path:
        """The folder for copies of input files."""

    def remove_copies(self) -> None:
        """Remove the copies of input files, once they have been read."""

    def next_number(self) -> int:
        """Return a number not returned before, for a unique name of a table or file."""

    def put(
        self, table: pa.Table | pa.RecordBatchReader | pd.DataFrame, name: str, columns: str = "*"
    ) -> nw.LazyFrame[Any]:
        """Store a table that is in memory, and return it as a lazy frame."""

    def pandas(self, frame: nw.LazyFrame[Any], stage: str = "") -> pd.DataFrame:
        """Run a lazy frame's query and return the result as a pandas frame."""


ROWS_OF_A_BATCH = 100_000
"""Rows that a query yields at once, unless more are asked for."""


class Engine(Protocol):
    """A database that holds the listings of a study.

    Attributes
    ----------
    progress : callable
        Called with the fraction done and the name of the stage.
    reader : FileDatabase
        The database on this machine in which the files of sources are opened and looked through.
    """

    progress: Report

    @property
    def reader(self) -> FileDatabase:
        """The database on this machine in which files are opened."""

    def expect(self, rows: int) -> None:
        """Prepare for a number of rows of all sources, before they are read."""

    def rows(self, reads: Sequence[PartRead]) -> nw.LazyFrame[Any]:
        """Return the rows of parts of sources as one lazy frame.

        Columns: ``source`` (int), ``kind`` (int), ``record`` (int64 or text), ``lat``, ``lon``,
        ``inside``, ``island``, ``weight`` and the sources' ``further`` columns; see
        `gclust.listings.sources.source_part.PartRead`. If rows are numbered, also ``position``:
        the number of the row, from 0, in the order of sources, parts and files in which they are
        read; null in tables without an order.
        """

    def frame(self, name: str) -> nw.LazyFrame[Any]:
        """Return a stored table as a lazy frame."""

    def store(self, frame: nw.LazyFrame[Any], name: str, stage: str = "") -> nw.LazyFrame[Any]:
        """Run a lazy frame's query, store the result as a table, and return the table."""

    def append(
        self,
        frame: nw.LazyFrame[Any],
        name: str,
        stage: str = "",
        constants: Mapping[str, int | None] = MappingProxyType({}),
    ) -> None:
        """Run a lazy frame's query, and append the result to a table, made if it is not there.

        ``constants`` are columns with the same value in all rows of the table, whenever they are
        appended: an engine need not store them.
        """

    def put(
        self, table: pa.Table | pa.RecordBatchReader | pd.DataFrame, name: str
    ) -> nw.LazyFrame[Any]:
        """Store a table that is in memory, and return it as a lazy frame."""

    def drop(self, name: str) -> None:
        """Remove a stored table, if it is there, and free its space."""

    def arrow(self, frame: nw.LazyFrame[Any], stage: str = "") -> pa.Table:
        """Run a lazy frame's query and return the result as an Arrow table."""

    def pandas(self, frame: nw.LazyFrame[Any], stage: str = "") -> pd.DataFrame:
        """Run a lazy frame's query and return the result as a pandas frame."""

    def batches(
        self, frame: nw.LazyFrame[Any], stage: str = "", rows: int = ROWS_OF_A_BATCH
    ) -> Iterator[pa.RecordBatch]:
        """Run a lazy frame's query and yield the result, of any size, batch by batch.

        If the frame is sorted, the batches are in its order; each has ``rows`` or less. No other
        query may be run before the last batch.
        """

    def free_memory(self) -> None:
        """Free the memory of what is on disk too; later queries read it again."""

    def __enter__(self) -> Engine: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None: ...

    def keyed(self, listings: nw.LazyFrame[Any]) -> tuple[nw.LazyFrame[Any], bool] | None:
        """Add ``key`` to listings: the record as an int64, 0 for none.

        Returns the listings and whether different records of a kind surely have different keys.
        None if listings of this engine do not come into this process.
        """

    def with_digits(
        self, listings: nw.LazyFrame[Any], prefixes: Mapping[int, str]
    ) -> nw.LazyFrame[Any]:
        """Add ``digit`` to listings: the first hexadecimal digit of a SHA-256 of their record.

        It is that of the text of the record after the prefix of the code of its kind; null
        without a record, and for kinds without a prefix.
        """

    def fingerprint(self, name: str, columns: Sequence[str]) -> str:
        """Return a text that identifies the rows of a stored table, whatever their order."""


def prefix_of_kind(prefixes: Mapping[int, str]) -> str:
    """Return SQL for the prefix of a row's kind, null without one; prefixes have no quotes."""
    cases = " ".join(f"WHEN {code} THEN '{prefix}'" for code, prefix in sorted(prefixes.items()))
    return f"(CASE kind {cases} END)"
