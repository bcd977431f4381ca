"""Options of one source of listings, as a study gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEAST_REJECTED = 10
"""With fewer rejected rows in a source or file, any share of rejected rows is accepted."""


@dataclass(frozen=True)
class SourceFiles:
    """Source of listings: files of one format, a table in memory, or a query."""

    kind: str
    path: str  # a file, a folder of files, or a pattern; the source's name if it is no file
    columns: Mapping[str, str] = field(default_factory=dict)  # gclust's name -> the user's
    years: tuple[int, int] | None = None  # first and last year, both included
    delimiter: str | None = None  # of CSV files; found if not given, like quote
    layer: str | None = None  # of a GeoPackage; its only layer of points if not given
    further: tuple[str, ...] = ()  # the columns of `gclust.listings.columns.FURTHER` that are read
    encoding: str | None = None  # of CSV files; UTF-8 if not given
    quote: str | None = None
    missing: tuple[str, ...] | None = None  # texts that mean no value, instead of `values.MISSING`
    null_island: str = "reject"  # or "keep": rows within 1 km of latitude 0, longitude 0
    max_rejects: float = 0.05  # share of its rows, or of their weight, that may be rejected
    data: Any = None  # a table in memory instead of files
    sql: str | None = None  # a query instead of files
    sql_paths: tuple[str, ...] = ()  # folders that the query may read
    numbered: bool = False  # whether the rows keep their numbers in their files

    @property
    def is_file(self) -> bool:
        """Whether the source is read from files."""
        return self.data is None and self.sql is None
