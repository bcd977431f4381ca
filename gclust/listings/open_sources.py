"""Opening of a study's sources: finding files and columns, and building the SQL that reads them.

A new format needs a module in `gclust.listings.readers` and an entry in `READERS`. Only the types
of columns are validated here; values that cannot be read become null, and
`gclust.listings.validate` rejects their rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine, FileDatabase
from gclust.listings.readers.csv.dialect import refuse_marks
from gclust.listings.readers.csv.read import open_csv
from gclust.listings.readers.layers import open_layers
from gclust.listings.readers.parquet import open_parquet
from gclust.listings.readers.query import open_query
from gclust.listings.readers.spark_frame import is_spark_frame, open_spark_frame
from gclust.listings.readers.tables import open_table
from gclust.listings.sources.column_resolver import ColumnError, ColumnResolver
from gclust.listings.sources.files import format_of, matching_files
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import PartRead, SourcePart
from gclust.listings.sources.values import INTEGERS
from gclust.listings.sums import Frame

Reader = Callable[
    [FileDatabase, SourceFiles, Sequence[str], Inputs, ColumnResolver],
    tuple[list[SourcePart], list[str]],
]
"""Type of a function that opens a source's files and returns its parts and messages."""

READERS: dict[str, Reader] = {
    "csv": open_csv,
    "parquet": open_parquet,
    "gpkg": open_layers,
    "geojson": open_layers,
}
"""Readers by format, which `gclust.listings.sources.files.format_of` finds by a file's name."""

MOST_PARTS = 8
"""Largest number of parts of sources that one query reads."""


@dataclass(frozen=True)
class Scan:
    """An opened source: its parts (groups of files), its columns, and messages for the user."""

    source: SourceFiles
    parts: tuple[SourcePart, ...]
    user_columns: dict[str, str]  # gclust's column -> the user's
    columns: tuple[str, ...]  # all columns of the user's files
    columns_summary: str  # each of gclust's columns with the user's, in one line
    hints: tuple[str, ...] = ()  # columns that the user may want to name too
    messages: tuple[str, ...] = ()  # other messages for the user
    sha256: dict[str, str] = field(default_factory=dict)
    """Of a table in memory or a query; of a Spark DataFrame its rows and the sum of their hashes"""

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the user's files, sorted."""
        return tuple(sorted(file for part in self.parts for file in part.files))

    @property
    def rows(self) -> int:
        """Number of rows that DuckDB must yield, counted independently of DuckDB."""
        return sum(sum(part.rows) for part in self.parts)

    @property
    def has_text_records(self) -> bool:
        """Whether its record ids are no whole numbers of 64 bits."""
        records = [part.columns.get("record") for part in self.parts]
        return any(column is not None and column.sql_type not in INTEGERS for column in records)

    @property
    def bad_rows(self) -> int:
        """Number of rows with a wrong number of fields, which DuckDB does not yield."""
        return sum(len(bad.line) for part in self.parts for bad in part.bad.values())


def open_sources(
    engine: FileDatabase, sources: Sequence[SourceFiles], inputs: Inputs
) -> list[Scan]:
    """Open all sources; raise one error that names all missing columns of all sources."""
    scans, faults = [], []
    for source in sources:
        try:
            scans.append(open_source(engine, source, inputs))
        except ColumnError as error:
            faults += error.faults
    if faults:
        raise ColumnError(faults)
    return scans


def open_source(engine: FileDatabase, source: SourceFiles, inputs: Inputs | None = None) -> Scan:
    """Open a source: find its files and columns.

    Raises StudyError if no file matches, the format is not known, a file cannot be read as it is
    written, or a column is missing; the message names the file and how to correct it.
    """
    inputs = Inputs() if inputs is None else inputs
    resolver = ColumnResolver(source)
    _refuse_unused_options(source)
    messages: list[str] = []
    sha256: dict[str, str] = {}
    if source.is_file:
        files = matching_files(source.path, source.kind)
        for path in files:
            inputs.open(path)
        reader = READERS[str(format_of(files[0]))]
        parts, messages = reader(engine, source, files, inputs, resolver)
    else:
        read = open_query if source.data is None else open_table
        if is_spark_frame(source.data):
            read = open_spark_frame
        part, sha256[source.path] = read(engine, source, resolver)
        parts = [part]
    return Scan(
        source=source,
        parts=tuple(parts),
        user_columns=resolver.first.user_columns,
        columns=resolver.names,
        columns_summary=resolver.first.summary,
        hints=resolver.hints,
        messages=tuple(messages),
        sha256=sha256,
    )


def _refuse_unused_options(source: SourceFiles) -> None:
    """Raise StudyError for options that the source's format does not have."""
    refuse_marks(source.path, source.delimiter, source.quote)
    for key in ("delimiter", "quote", "encoding"):
        if getattr(source, key) is not None and not _may_be(source, "csv"):
            raise StudyError(
                f"{source.path}: {key} belongs to CSV files only; remove it from this source"
            )
    if source.layer is not None and not _may_be(source, "gpkg", "geojson"):
        raise StudyError(
            f"{source.path}: layer belongs to GeoPackages and GeoJSON files only; remove it from"
            " this source"
        )


def _may_be(source: SourceFiles, *formats: str) -> bool:
    """Return whether a source may have files of one of the given formats."""
    found = format_of(source.path)
    unknown = found is None or os.path.isdir(source.path)
    return source.is_file and (found in formats or unknown)


def part_reads(scans: Sequence[Scan]) -> list[PartRead]:
    """List the parts of all sources in the order in which they are read."""
    kinds = list(dict.fromkeys(scan.source.kind for scan in scans))
    with_records = [part for s in scans if "record" in s.user_columns for part in s.parts]
    whole = all(part.columns["record"].sql_type in INTEGERS for part in with_records)
    parts = [(at, scan, part) for at, scan in enumerate(scans) for part in scan.parts]
    first = accumulate((sum(part.rows) for _, _, part in parts), initial=0)
    return [
        PartRead(part, at, kinds.index(scan.source.kind), whole, number)
        for (at, scan, part), number in zip(parts, first, strict=False)
    ]


def read_rows(engine: Engine, scans: Sequence[Scan]) -> Iterator[Frame]:
    """Yield the rows of all sources as lazy frames, each of at most `MOST_PARTS` parts of sources.

    The time to plan a query grows with the square of their number. Columns: ``source`` (position),
    ``kind`` (position among the kinds in the order of their first source), ``record``, ``lat``,
    ``lon``, ``inside`` (whether the year is in the source's window, null where the year is null),
    ``island`` (whether rows near latitude 0, longitude 0 are rejected), ``weight``, and the
    ``further`` columns of the sources, null where a source has none: ``year`` (integer) and the
    others (text), and ``position`` if the sources are ``numbered``.
    """
    reads = part_reads(scans)
    for at in range(0, len(reads), MOST_PARTS):
        yield engine.rows(reads[at : at + MOST_PARTS])
