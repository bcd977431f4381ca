"""Read sources of listings into one relation: CSV, Parquet, GeoParquet, GeoPackage.

Columns of the user's are mapped onto gclust's; nothing is judged here but types
that cannot be read as numbers, which become null for `gclust.listings.validate`.
"""

from __future__ import annotations

import difflib
import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from gclust.errors import StudyError
from gclust.listings.columns import COLUMNS
from gclust.listings.engine import Engine
from gclust.listings.geometry import is_geoparquet, read_points

CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_ENDINGS = (".parquet", ".geoparquet", ".pq")
GEOPACKAGE_ENDINGS = (".gpkg",)
NUMBERS = ("lat", "lon", "weight")
NUMERIC = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR",
)  # fmt: skip
"""DuckDB's types that can be read as numbers; texts are tried row by row."""


@dataclass(frozen=True)
class SourceFiles:
    """One source: files of one format with the same columns.

    Attributes
    ----------
    kind : str
        What the records are.
    path : str
        A file, a folder of Parquet files, or a pattern.
    columns : mapping
        gclust's name of a column -> the user's.
    years : (int, int), optional
        First and last year of the window, both included.
    delimiter : str, optional
        Of CSV files; found by looking at the file if not given.
    layer : str, optional
        Of a GeoPackage; its only layer if not given.
    further : tuple of str
        Which of `gclust.listings.columns.FURTHER` are read.
    """

    kind: str
    path: str
    columns: Mapping[str, str] = field(default_factory=dict)
    years: tuple[int, int] | None = None
    delimiter: str | None = None
    layer: str | None = None
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scan:
    """How DuckDB reads one source.

    Attributes
    ----------
    source : SourceFiles
    files : tuple of str
        The files, sorted.
    table : str
        SQL that yields the source's rows, with one ``{}`` for a list of files
        (or none, for a table in memory).
    types : dict
        Column -> DuckDB type.
    mapped : dict
        gclust's column -> the user's, for the columns that exist.
    """

    source: SourceFiles
    files: tuple[str, ...]
    table: str
    types: dict[str, str]
    mapped: dict[str, str]

    def rows(self, files: Sequence[str] | None = None) -> str:
        """Return SQL that yields the rows of some (or all) of the files."""
        listed = ", ".join(quoted(name) for name in (self.files if files is None else files))
        return self.table.replace("{}", f"[{listed}]")

    def expression(self, name: str) -> str:
        """Return SQL for one of gclust's columns, null where it cannot be read."""
        if name not in self.mapped:
            return "NULL"
        column = identifier(self.mapped[name])
        kind = self.types[self.mapped[name]]
        if name in NUMBERS:
            return f"TRY_CAST({column} AS DOUBLE)"
        if name == "year":
            if kind.startswith(("DATE", "TIMESTAMP")):
                return f"CAST(year({column}) AS INTEGER)"
            number = f"TRY_CAST({column} AS DOUBLE)"
            whole = f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({number} AS INTEGER) END"
            if kind == "VARCHAR":
                return f"coalesce({whole}, CAST(year(TRY_CAST({column} AS DATE)) AS INTEGER))"
            return whole
        if kind == "VARCHAR":
            return f"nullif({column}, '')"
        if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
            # pandas makes whole numbers floats once one is missing: 1.0 is record 1,
            # and NaN is none.
            number = f"CAST({column} AS DOUBLE)"
            whole = f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({column} AS HUGEINT) END"
            text = f"coalesce(CAST({whole} AS VARCHAR), CAST({column} AS VARCHAR))"
            return f"nullif({text}, 'nan')"
        return column

    def given(self, name: str) -> str:
        """Return SQL for one of gclust's columns as text, as the user gave it."""
        if name not in self.mapped:
            return "CAST(NULL AS VARCHAR)"
        return f"CAST({identifier(self.mapped[name])} AS VARCHAR)"

    @property
    def is_by_file(self) -> bool:
        """Whether the files can be read one at a time."""
        return "{}" in self.table

    @property
    def record_is_integer(self) -> bool:
        """Whether the source has records and they are whole numbers."""
        kind = self.types.get(self.mapped.get("record", ""), "")
        return kind in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "USMALLINT", "UINTEGER"}


def quoted(text: str) -> str:
    """Return text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def open_source(engine: Engine, source: SourceFiles) -> Scan:
    """Find a source's files and columns.

    Raises
    ------
    StudyError
        If no file matches, the format is not known, a file cannot be read, or
        a column is missing; the message names it and the nearest name.
    """
    files = matching_files(source)
    ending = files[0].lower()
    _refuse_idle_options(source, ending)
    if ending.endswith(CSV_ENDINGS):
        options = "all_varchar = true, header = true"
        if source.delimiter is not None:
            options += f", delim = {quoted(source.delimiter)}"
        table = f"read_csv({{}}, {options})"
    elif ending.endswith(PARQUET_ENDINGS):
        if is_geoparquet(files[0]) and not {"lat", "lon"} <= set(source.columns):
            return _scan_points(engine, source, files)
        table = "read_parquet({})"
    else:
        return _scan_points(engine, source, files)
    probe = Scan(source, files, table, {}, {})
    try:
        described = engine.connection.sql(f"SELECT * FROM {probe.rows()} LIMIT 0")
    except duckdb.Error as error:
        raise StudyError(f"{source.path}: cannot be read: {first_line(error)}") from error
    types = dict(zip(described.columns, map(str, described.types), strict=True))
    return Scan(source, files, table, types, _map_columns(source, types))


def matching_files(source: SourceFiles) -> tuple[str, ...]:
    """Return the files that a source's path names, sorted.

    Raises
    ------
    StudyError
        If there is none, or their format is not known.
    """
    path = Path(source.path)
    if path.is_dir():
        found = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in PARQUET_ENDINGS)
        expected = "a folder of Parquet files"
    else:
        found = [str(path)] if path.is_file() else sorted(glob.glob(source.path, recursive=True))
        expected = "a file, a folder of Parquet files or a pattern such as patents/*.parquet"
    if not found:
        raise StudyError(
            f"{source.path}: nothing found for kind {source.kind!r}; expected {expected}"
        )
    known = CSV_ENDINGS + PARQUET_ENDINGS + GEOPACKAGE_ENDINGS
    for name in found:
        if not name.lower().endswith(known):
            raise StudyError(
                f"{name}: unknown format; expected a name that ends in {', '.join(known)}"
            )
    return tuple(found)


def _scan_points(engine: Engine, source: SourceFiles, files: tuple[str, ...]) -> Scan:
    """Read files with a geometry column; lat and lon come from its points."""
    name = f"points_{len(engine.connection.execute('SHOW TABLES').fetchall())}"
    there: list[str] = []
    for position, file in enumerate(files):
        points = read_points(file, source.layer)
        if position == 0:
            engine.put(points, name)
            there = sorted(points.columns)
        elif sorted(points.columns) != there:
            raise StudyError(
                f"{file}: has the columns {', '.join(sorted(points.columns))}, but {files[0]} has"
                f" {', '.join(there)}; files of one source must have the same"
            )
        else:
            engine.connection.register("incoming", points)
            engine.connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            engine.connection.unregister("incoming")
    described = engine.connection.table(name)
    types = dict(zip(described.columns, map(str, described.types), strict=True))
    columns = {**source.columns, "lat": "lat", "lon": "lon"}
    mapped = _map_columns(replace(source, columns=columns), types)
    return Scan(source, files, name, types, mapped)


def _map_columns(source: SourceFiles, types: Mapping[str, str]) -> dict[str, str]:
    mapped = {}
    for name in dict.fromkeys((*COLUMNS, *source.columns, *source.further)):
        column = source.columns.get(name, name)
        if column in types:
            mapped[name] = column
            continue
        required = name in source.columns or name in ("lat", "lon")
        if required or (name == "year" and source.years is not None):
            raise StudyError(_missing_column(source, name, column, list(types)))
    for name, column in mapped.items():
        expected = "a number" if name in NUMBERS else "a year or a date" if name == "year" else None
        readable = NUMERIC if name in NUMBERS else (*NUMERIC, "DATE", "TIMESTAMP")
        wrong = expected is not None and not types[column].startswith(readable)
        if wrong or types[column].endswith("]"):
            raise StudyError(
                f"{source.path}: column {column!r} ({name}) is of type {types[column]};"
                f" expected {expected or 'a number or a text'}"
            )
    return mapped


def _missing_column(source: SourceFiles, name: str, column: str, there: list[str]) -> str:
    near = difflib.get_close_matches(column, there, n=1, cutoff=0.6)
    wanted = {"lat": ["latitude"], "lon": ["longitude", "lng"]}.get(name, [])
    near = near or [c for c in there if c.lower() in wanted]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if len(there) == 1 and source.delimiter is None:
        hint = "; if the file has several columns, name their delimiter in the source"
    known = ", ".join(repr(c) for c in there[:20])
    return (
        f"{source.path}: column {column!r} ({name}) is missing{hint or '.'} The file has {known}."
        f' Name it in the source\'s columns = {{ {name} = "..." }}'
    )


def _refuse_idle_options(source: SourceFiles, ending: str) -> None:
    """Refuse options that the source's format does not know."""
    if source.delimiter is not None:
        if not ending.endswith(CSV_ENDINGS):
            raise StudyError(f"{source.path}: delimiter belongs to CSV files, which this is not")
        if len(source.delimiter) != 1 or source.delimiter in '\r\n"':
            raise StudyError(
                f"{source.path}: delimiter = {source.delimiter!r}; expected one character"
            )
    if source.layer is not None and not ending.endswith(GEOPACKAGE_ENDINGS):
        raise StudyError(f"{source.path}: layer belongs to GeoPackages, which this is not")


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).strip().splitlines()[0]


def union(scans: Sequence[Scan]) -> str:
    """Return SQL that yields the rows of all sources with gclust's columns.

    Columns: ``source`` (position), ``kind`` (position of the source's kind
    among the kinds in the order of their first source), ``record``, ``lat``, ``lon``, ``weight``,
    ``inside`` (whether the year is in the source's window, null where the year
    is), and those that the sources are asked for beyond these, null where a
    source has none: ``year`` (integer), the others as text.
    """
    integers = all(scan.record_is_integer for scan in scans if "record" in scan.mapped)
    record_type = "BIGINT" if integers else "VARCHAR"
    kinds = list(dict.fromkeys(scan.source.kind for scan in scans))
    parts = []
    for position, scan in enumerate(scans):
        weight = scan.expression("weight") if "weight" in scan.mapped else "1.0::DOUBLE"
        parts.append(
            f"SELECT {position}::INTEGER AS source,"
            f" {kinds.index(scan.source.kind)}::INTEGER AS kind,"
            f" CAST({scan.expression('record')} AS {record_type}) AS record,"
            f" {scan.expression('lat')} AS lat, {scan.expression('lon')} AS lon,"
            f" {weight} AS weight, {window(scan)} AS inside"
            + "".join(
                f", CAST({scan.expression(name)} AS {'INTEGER' if name == 'year' else 'VARCHAR'})"
                f" AS {name}"
                for name in scan.source.further
            )
            + f" FROM {scan.rows()}"
        )
    return " UNION ALL ".join(parts)


def window(scan: Scan) -> str:
    """Return SQL that is true inside the source's years, null where the year is unknown."""
    if scan.source.years is None:
        return "true"
    first, last = scan.source.years
    return f"({scan.expression('year')} BETWEEN {first} AND {last})"


def relation(engine: Engine, scans: Sequence[Scan]) -> Any:
    """Return the rows of all sources as a DuckDB relation (nothing is read yet)."""
    return engine.connection.sql(union(scans))
