"""Parts of a source that DuckDB reads alike: where their rows are, and their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gclust.listings.sources import values

Lines = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""Turns numbers of rows, from 0, into the lines at which they begin."""


@dataclass(frozen=True)
class Column:
    """A column of the user's.

    Attributes
    ----------
    name : str
        As the user has it.
    sql : str
        SQL that yields its values.
    kind : str
        DuckDB's type of these.
    """

    name: str
    sql: str
    kind: str


@dataclass(frozen=True)
class BadRows:
    """Rows of one file with a wrong number of fields.

    Attributes
    ----------
    line, found : ndarray of int64
        The line of each, and how many fields it has.
    expected : int
    text : tuple of str
        The beginning of each.
    """

    line: NDArray[np.int64]
    found: NDArray[np.int64]
    expected: int
    text: tuple[str, ...]


@dataclass(frozen=True)
class SourcePart:
    """Files of a source that are read by one table function.

    Attributes
    ----------
    files : tuple of str
        The user's files, sorted.
    rows : tuple of int
        Rows of each that are read, counted apart from DuckDB.
    table : callable
        Returns SQL for ``FROM`` that yields the rows of some of the files.
    columns : dict
        gclust's name -> the column that serves.
    lines : dict
        File -> the lines of its rows; where a file is not there, rows are numbered from 1.
    bad : dict
        File -> its rows with a wrong number of fields.
    is_text : bool
        Whether it is read from CSV, whose values are all texts.
    missing : tuple of str, optional
        Texts that stand for no value.
    """

    files: tuple[str, ...]
    rows: tuple[int, ...]
    table: Callable[[Sequence[str]], str]
    columns: Mapping[str, Column]
    lines: Mapping[str, Lines] = field(default_factory=dict)
    bad: Mapping[str, BadRows] = field(default_factory=dict)
    is_text: bool = False
    missing: tuple[str, ...] | None = None

    def value(self, name: str) -> str:
        """Return SQL for one of gclust's columns, null where it cannot be read."""
        column = self.columns.get(name)
        if column is None:
            return "NULL"
        if name in values.NUMBERS:
            return values.number(column.sql, column.kind)
        if name == "year":
            return values.year(column.sql, column.kind, self.missing)
        return values.text(column.sql, column.kind, name, self.missing)

    def given(self, name: str) -> str:
        """Return SQL for one of gclust's columns as text, as the user gave it."""
        column = self.columns.get(name)
        return "CAST(NULL AS VARCHAR)" if column is None else f"CAST({column.sql} AS VARCHAR)"

    @property
    def record_is_integer(self) -> bool:
        """Whether the records are whole numbers of 64 bits."""
        return self.columns["record"].kind in values.INTEGERS
