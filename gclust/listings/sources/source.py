"""Options of one source of listings, as a study gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LEAST_REJECTED = 10
"""Rejected rows of a source or file below which any share of them is accepted."""


@dataclass(frozen=True)
class SourceFiles:
    """One source: files of one format, a table in memory, or a query.

    Attributes
    ----------
    kind : str
        Kind of the records.
    path : str
        A file, a folder of files, or a pattern; the source's name if it is no file.
    columns : mapping
        gclust's name of a column -> the user's.
    years : (int, int), optional
        First and last year of the window, both included.
    delimiter, quote, encoding : str, optional
        Of CSV files. Delimiter and quote are found if not given; the encoding is UTF-8.
    layer : str, optional
        Of a GeoPackage; its only layer of points if not given.
    further : tuple of str
        Which of `gclust.listings.columns.FURTHER` are read.
    missing : tuple of str, optional
        Texts that stand for no value, in place of `gclust.listings.sources.values.MISSING`.
    null_island : {"reject", "keep"}
        Treatment of rows within 1 km of latitude 0, longitude 0.
    max_rejects : float
        Share of its rows, or of their weight, that may be rejected.
    data : table, optional
        A table in memory instead of files.
    sql : str, optional
        A query instead of files.
    sql_paths : tuple of str
        Folders that the query may read.
    """

    kind: str
    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    years: tuple[int, int] | None = None
    delimiter: str | None = None
    layer: str | None = None
    further: tuple[str, ...] = ()
    encoding: str | None = None
    quote: str | None = None
    missing: tuple[str, ...] | None = None
    null_island: str = "reject"
    max_rejects: float = 0.05
    data: Any = None
    sql: str | None = None
    sql_paths: tuple[str, ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether the source is read from files."""
        return self.data is None and self.sql is None
