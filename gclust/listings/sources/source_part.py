"""Parts of sources: files that DuckDB reads with one call, and the SQL for their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.listings.sources import values
from gclust.listings.sources.dialects import DUCKDB, Dialect
from gclust.listings.sources.source import SourceFiles

Lines = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""Type of a function that turns row numbers (from 0) into the lines where the rows begin."""


@dataclass(frozen=True)
class Column:
    """Column of the user's files, with the SQL that reads it."""

    name: str
    sql: str  # yields its values
    sql_type: str  # DuckDB's type of the values
    path: tuple[str, ...] = ()  # in a Parquet file: the column, and the fields in it

    def check_type(self, path: str, name: str) -> None:
        """Raise StudyError if gclust's column ``name`` cannot have this column's type."""
        if (expected := values.expected_of(name, self.sql_type)) is not None:
            raise StudyError(
                f"{path}: column {self.name!r} ({name}) is of type {self.sql_type}; expected"
                f" {expected}"
            )


@dataclass(frozen=True)
class BadRows:
    """Rows of one file that have a wrong number of fields."""

    line: NDArray[np.int64]
    found: NDArray[np.int64]  # number of fields
    expected: int
    text: tuple[str, ...]  # the beginning of each row


@dataclass(frozen=True)
class SourcePart:
    """Part of a source: files that DuckDB reads with one call, or a stored table."""

    files: tuple[str, ...]  # the user's, sorted
    rows: tuple[int, ...]  # number read from each file, counted independently of DuckDB
    table: Callable[[Sequence[str]], str]  # SQL for FROM that reads the rows of given files
    columns: Mapping[str, Column]  # by gclust's name
    source: SourceFiles
    lines: Mapping[str, Lines] = field(default_factory=dict)
    """File -> function that gives its rows' lines; rows of other files are numbered from 1."""
    bad: Mapping[str, BadRows] = field(default_factory=dict)  # by file
    is_text: bool = False  # whether it is read from CSV files, in which all values are texts
    is_parquet: bool = False
    """Whether `files`, or those in `stored`, are Parquet files with types that DuckDB knows by the
    same name: it calls floats of 16 bits FLOAT too."""
    stored: tuple[str, ...] = ()  # files that gclust made of the user's table
    folder_values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """Of columns that are read from the names of folders: gclust's name -> file -> value."""
    has_order: bool = True  # whether the rows of a file have an order, so that they have numbers
    row_number: str = "row_number() OVER () - 1"
    """SQL for the number of a row among those of all files, from 0. By default it is counted while
    the rows are read, which one thread alone can do."""
    sql: Dialect = DUCKDB

    def value(self, name: str) -> str:
        """Return SQL for the values of gclust's column ``name``, null where they cannot be read."""
        column = self.columns.get(name)
        if column is None:
            return "NULL"
        if name in values.NUMBERS:
            return values.number(column.sql, column.sql_type, self.sql)
        missing = self.source.missing
        if name == "year":
            return values.year(column.sql, column.sql_type, missing, self.sql)
        return values.text(column.sql, column.sql_type, name, missing, self.sql)

    def given(self, name: str) -> str:
        """Return SQL for the user's original values of gclust's column ``name``, as text."""
        column = self.columns.get(name)
        return "CAST(NULL AS VARCHAR)" if column is None else f"CAST({column.sql} AS VARCHAR)"

    @property
    def inside(self) -> str:
        """SQL for whether a row's year is within the source's years; null for an unknown year."""
        if self.source.years is None:
            return "true"
        first, last = self.source.years
        return f"({self.value('year')} BETWEEN {first} AND {last})"

    @property
    def validated(self) -> tuple[str, ...]:
        """SQL for the columns that `gclust.listings.validate.validate` needs."""
        island = str(self.source.null_island == "reject").lower()
        return (
            f"{self.sql.cast(self.value('lat'), 'double')} AS lat",
            f"{self.sql.cast(self.value('lon'), 'double')} AS lon",
            f"{self.inside} AS inside",
            f"{island} AS island",
        )


@dataclass(frozen=True)
class PartRead:
    """Part of a source to read, with the numbers that its rows get.

    Attributes
    ----------
    part : SourcePart
    source : int
        Position of its source.
    kind : int
        Position of its kind among the kinds, in the order of their first source.
    whole_ids : bool
        Whether the record ids of all sources are whole numbers (int64), not texts.
    first : int
        Number of the part's first row among the rows of all sources.
    """

    part: SourcePart
    source: int
    kind: int
    whole_ids: bool
    first: int

    @property
    def first_of_file(self) -> dict[str, int]:
        """Number of the first row of each file; see ``first``."""
        numbers = accumulate(self.part.rows, initial=self.first)
        return dict(zip(self.part.files, numbers, strict=False))
