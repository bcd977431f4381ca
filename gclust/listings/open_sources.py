"""The sources of a study opened: files found, columns resolved, SQL that reads them all.

Columns of the user's are mapped onto gclust's; nothing is judged here but types
that cannot be read as numbers, which become null for `gclust.listings.validate`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gclust.errors import StudyError
from gclust.listings.engine import Engine
from gclust.listings.readers.csv.dialect import refuse_marks
from gclust.listings.readers.csv.read import open_csv
from gclust.listings.readers.parquet import open_parquet, read_metadata
from gclust.listings.readers.points import PointFile, points_of_layer, points_of_parquet
from gclust.listings.readers.tables import part_of_points, part_of_query, part_of_table
from gclust.listings.sources.column_names import fits
from gclust.listings.sources.column_resolver import ColumnError, ColumnResolver
from gclust.listings.sources.files import Inputs, format_of, matching_files
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import SourcePart

__all__ = ["Scan", "SourceFiles", "open_source", "open_sources", "relations", "union", "window"]

MOST_PARTS = 8
"""Parts of sources that are read by one query."""


@dataclass(frozen=True)
class Scan:
    """How DuckDB reads one source.

    Attributes
    ----------
    source : SourceFiles
    parts : tuple of Part
    serving : dict
        gclust's column -> the user's, for the columns that serve.
    columns : tuple of str
        All of the user's columns.
    told_columns : str
        Which column serves as what, in one line.
    hints, messages : tuple of str
        What the user may want to name too, and what else should be known of the files.
    sha256 : dict
        ``{name: digest}`` of a table in memory or a query.
    """

    source: SourceFiles
    parts: tuple[SourcePart, ...]
    user_columns: dict[str, str]
    columns: tuple[str, ...]
    columns_summary: str
    hints: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The user's files, sorted."""
        return tuple(sorted(file for part in self.parts for file in part.files))

    @property
    def rows(self) -> int:
        """Rows that DuckDB must yield, counted apart from it."""
        return sum(sum(part.rows) for part in self.parts)

    @property
    def bad_rows(self) -> int:
        """Rows with a wrong number of fields, which DuckDB does not yield."""
        return sum(len(bad.line) for part in self.parts for bad in part.bad.values())

    @property
    def has_integer_records(self) -> bool:
        """Whether the source has records and they are whole numbers."""
        return all(part.record_is_integer for part in self.parts)


def open_sources(engine: Engine, sources: Sequence[SourceFiles], inputs: Inputs) -> list[Scan]:
    """Find the files and columns of all sources.

    Raises
    ------
    StudyError
        As `open_source` does; columns that are missing in several sources are named together.
    """
    scans, faults = [], []
    for source in sources:
        try:
            scans.append(open_source(engine, source, inputs))
        except ColumnError as error:
            faults += error.faults
    if faults:
        raise ColumnError(faults)
    return scans


def open_source(engine: Engine, source: SourceFiles, inputs: Inputs | None = None) -> Scan:
    """Find a source's files and columns.

    Raises
    ------
    StudyError
        If no file matches, the format is not known, a file cannot be read as it is written,
        or a column is missing; the message names the file and what helps.
    """
    inputs = Inputs() if inputs is None else inputs
    columns_of = ColumnResolver(source)
    _refuse_idle_options(source)
    messages: list[str] = []
    sha256: dict[str, str] = {}
    if source.data is not None or source.sql is not None:
        read = part_of_table if source.data is not None else part_of_query
        part, sha256[source.path] = read(engine, source, columns_of)
        parts = [part]
    else:
        files = matching_files(source.path, source.kind)
        for path in files:
            inputs.open(path)
        parts, messages = _open_files(engine, source, files, inputs, columns_of)
    return Scan(
        source=source,
        parts=tuple(parts),
        user_columns=columns_of.user_columns,
        columns=columns_of.columns,
        columns_summary=columns_of.summary,
        hints=columns_of.hints,
        messages=tuple(messages),
        sha256=sha256,
    )


def _open_files(
    engine: Engine,
    source: SourceFiles,
    files: Sequence[str],
    inputs: Inputs,
    columns_of: ColumnResolver,
) -> tuple[list[SourcePart], list[str]]:
    kind = format_of(files[0])
    if kind == "csv":
        return open_csv(engine, source, files, inputs, columns_of)
    inputs.hash_in_background(files)
    points = [_points(source, path, kind) for path in files]
    if not any(points):
        return open_parquet(engine, source, files, columns_of), []
    messages: list[str] = []
    for path, file in zip(files, points, strict=True):
        if file is None:
            raise StudyError(
                f"{path}: has no geometry, but other files of the source have; expected the same"
                " in all, or columns = { lat = ..., lon = ... } in the source"
            )
        columns_of.resolve(path, file.names, by_geometry=bool(file.geometry))
        messages += file.messages
    columns_of.check()
    return [part_of_points(engine, source, file, columns_of) for file in points if file], messages


def _points(source: SourceFiles, path: str, kind: str | None) -> PointFile | None:
    """The geometry of a file, if its places come from one."""
    named = {"lat", "lon"} <= set(source.columns)
    if kind != "parquet":
        file = points_of_layer(path, source.layer)
        if named and file is not None:
            return PointFile(path, file.names, "", None, file.layer, file.messages)
        return file
    if named:
        return None
    metadata = read_metadata(path)
    names = metadata.schema.to_arrow_schema().names
    return points_of_parquet(path, metadata, has_places=fits(names, source.columns) == 2)


def _refuse_idle_options(source: SourceFiles) -> None:
    """Refuse options that the source's format does not know."""
    refuse_marks(source.path, source.delimiter, source.quote)
    is_csv = source.is_file and _any_format(source.path, "csv")
    for key in ("delimiter", "quote", "encoding"):
        if getattr(source, key) is not None and not is_csv:
            raise StudyError(f"{source.path}: {key} belongs to CSV files, which this is not")
    if source.layer is not None and not (
        source.is_file and _any_format(source.path, "gpkg", "geojson")
    ):
        raise StudyError(f"{source.path}: layer belongs to GeoPackages, which this is not")


def _any_format(path: str, *formats: str) -> bool:
    """Whether a path's name is of one of some formats, or says none."""
    found = format_of(path)
    return found in formats or (found is None or os.path.isdir(path))


def union(scans: Sequence[Scan], some: Sequence[tuple[int, SourcePart]] | None = None) -> str:
    """Return SQL that yields the rows of all sources with gclust's columns.

    ``some`` are positions of sources and parts of them, in place of all.

    Columns: ``source`` (position), ``kind`` (position of the source's kind
    among the kinds in the order of their first source), ``record``, ``lat``, ``lon``, ``weight``,
    ``inside`` (whether the year is in the source's window, null where the year
    is), ``island`` (whether rows near latitude 0, longitude 0 are rejected), and those that the
    sources are asked for beyond these, null where a source has none: ``year`` (integer), the
    others as text.
    """
    with_records = [scan for scan in scans if "record" in scan.user_columns]
    record_type = "BIGINT" if all(s.has_integer_records for s in with_records) else "VARCHAR"
    kinds = list(dict.fromkeys(scan.source.kind for scan in scans))
    return " UNION ALL ".join(
        _select(part, scans[at], at, kinds.index(scans[at].source.kind), record_type)
        for at, part in (parts_of(scans) if some is None else some)
    )


def parts_of(scans: Sequence[Scan]) -> list[tuple[int, SourcePart]]:
    """Return all parts of all sources, each with its source's position."""
    return [(at, part) for at, scan in enumerate(scans) for part in scan.parts]


def _select(part: SourcePart, scan: Scan, position: int, kind: int, record_type: str) -> str:
    weight = part.value("weight") if "weight" in part.columns else "1.0::DOUBLE"
    further = "".join(
        f", CAST({part.value(name)} AS {'INTEGER' if name == 'year' else 'VARCHAR'}) AS {name}"
        for name in scan.source.further
    )
    return (
        f"SELECT {position}::INTEGER AS source, {kind}::INTEGER AS kind,"
        f" CAST({part.value('record')} AS {record_type}) AS record,"
        f" CAST({part.value('lat')} AS DOUBLE) AS lat,"
        f" CAST({part.value('lon')} AS DOUBLE) AS lon,"
        f" CAST({weight} AS DOUBLE) AS weight, {window(part, scan.source)} AS inside,"
        f" {str(scan.source.null_island == 'reject').lower()} AS island{further}"
        f" FROM {part.table(part.files)}"
    )


def window(part: SourcePart, source: SourceFiles) -> str:
    """Return SQL that is true inside the source's years, null where the year is unknown."""
    if source.years is None:
        return "true"
    first, last = source.years
    return f"({part.value('year')} BETWEEN {first} AND {last})"


def relations(engine: Engine, scans: Sequence[Scan]) -> Iterator[Any]:
    """Yield the rows of all sources as relations of DuckDB, each of some parts.

    The time to plan a query grows with the square of its parts.
    """
    parts = parts_of(scans)
    for at in range(0, len(parts), MOST_PARTS):
        yield engine.connection.sql(union(scans, parts[at : at + MOST_PARTS]))
