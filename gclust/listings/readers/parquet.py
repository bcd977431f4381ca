"""Reader of a source's Parquet files; each file is read with its own schema."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gclust.errors import StudyError, first_line
from gclust.listings.columns import FURTHER
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.readers.geoparquet import points_of_parquet
from gclust.listings.readers.points import read_points
from gclust.listings.sources.column_names import AXES, count_axes
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.dialects import identifier, quoted
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import Column, SourcePart
from gclust.listings.sources.struct_fields import FieldPath, field_paths

FOLDER_KEY = re.compile(r"([^/=]+)=([^/]*)")
FILE_COLUMN = "file of gclust's"
OWN_NUMBERS = {"file_index", "file_row_number"}
"""DuckDB's own columns of Parquet files; a file may have columns of these names."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class _File:
    """Parquet file: its schema, paths to fields, rows, and keys in its folders' names."""

    path: str
    schema: pa.Schema
    fields: list[FieldPath]
    rows: int
    folders: dict[str, str]

    @property
    def names(self) -> list[str]:
        return [*(field.name for field in self.fields), *self.folders]


def open_parquet(
    engine: FileDatabase,
    source: SourceFiles,
    files: Sequence[str],
    inputs: Inputs,
    resolver: ColumnResolver,
) -> tuple[list[SourcePart], list[str]]:
    """Find gclust's columns, or the geometry column, in a source's Parquet files.

    Files of the same schema make one part; types of different schemas are never unified. A
    column that the files do not have is read from their folders' names (``year=2015/``) if all
    of them have it. For parameters and returns see `gclust.listings.readers.csv.read.open_csv`.
    """
    inputs.hash_in_background(files)
    footers = {path: _read_footer(path) for path in files}
    if not set(AXES) <= set(source.columns):
        points = {}
        for path, footer in footers.items():
            names = footer.schema.to_arrow_schema().names
            has_axes = count_axes(names, source.columns) == 2
            points[path] = points_of_parquet(path, footer, has_axes=has_axes)
        if any(points.values()):
            return read_points(engine, source, points, resolver)
    found = [_described(path, footer, source) for path, footer in footers.items()]
    for file in found:
        resolver.resolve(file.path, file.names)
    resolver.check()
    groups: dict[Any, list[_File]] = {}
    for file in found:
        used = resolver.files[file.path].used
        alike = (tuple(file.schema.names), tuple(map(str, file.schema.types)), tuple(used.items()))
        groups.setdefault(alike, []).append(file)
    parts = [
        _part(engine, source, group, resolver.files[group[0].path].used)
        for group in groups.values()
    ]
    return parts, []


def _read_footer(path: str) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise StudyError(
            f"{path}: cannot be read as Parquet (it may be damaged): {first_line(error)}"
        ) from error


def _described(path: str, footer: pq.FileMetaData, source: SourceFiles) -> _File:
    schema = footer.schema.to_arrow_schema()
    fields = field_paths(schema)
    own = {field.name.casefold() for field in fields}
    folders = _folder_keys(path, source)
    folders = {key: value for key, value in folders.items() if key.casefold() not in own}
    return _File(path, schema, fields, footer.num_rows, folders)


def _folder_keys(path: str, source: SourceFiles) -> dict[str, str]:
    """Return the keys and values in a file's folder names that may be used as columns."""
    wanted = {name.casefold() for name in (*source.columns.values(), *FURTHER)}
    parts = os.path.dirname(path).replace(os.sep, "/").split("/")
    matches = (FOLDER_KEY.fullmatch(part) for part in parts)
    found = {match.group(1): unquote(match.group(2)) for match in matches if match}
    return {key: value for key, value in found.items() if key.casefold() in wanted}


def _part(
    engine: FileDatabase, source: SourceFiles, group: list[_File], used: dict[str, int]
) -> SourcePart:
    first = group[0]
    options = "hive_partitioning = false, union_by_name = false"
    if any(at >= len(first.fields) for at in used.values()):
        options += f", filename = {quoted(FILE_COLUMN)}"

    def read(files: Sequence[str]) -> str:
        listed = ", ".join(quoted(glob.escape(file)) for file in files)
        return f"read_parquet([{listed}], {options})"

    rows = read([first.path])
    try:
        described = engine.connection.sql(f"SELECT * FROM {rows} LIMIT 0")
    except duckdb.Error as error:
        raise StudyError(f"{first.path}: cannot be read: {first_line(error)}") from error
    columns, folders, is_plain = {}, {}, True
    for name, at in used.items():
        user_name, path = first.names[at], ()
        if at < len(first.fields):
            _, position, steps = first.fields[at]
            path = (first.schema.names[position], *steps)
            is_plain &= not _is_half(first.schema.field(position).type, steps)
            sql = ".".join(map(identifier, (described.columns[position], *steps)))
            sql_type = str(described.types[position])
            if steps:
                inner = engine.connection.sql(f"SELECT {sql} FROM {rows} LIMIT 0")
                sql_type = str(inner.types[0])
        else:
            sql, sql_type = _sql_of_folders(user_name, group), "VARCHAR"
            folders[name] = {file.path: _value_of_folder(user_name, file) for file in group}
        columns[name] = Column(user_name, sql, sql_type, path)
        columns[name].check_type(first.path, name)
    part = SourcePart(
        files=tuple(file.path for file in group),
        rows=tuple(file.rows for file in group),
        table=read,
        columns=columns,
        source=source,
        is_parquet=is_plain,
        folder_values=folders,
    )
    taken = {field.name.casefold() for file in group for field in file.fields if not field.steps}
    return part if taken & OWN_NUMBERS else replace(part, row_number=_row_number(part))


def _row_number(part: SourcePart) -> str:
    """Return SQL for the number of a row among those of all files, which threads can read at once.

    DuckDB knows the numbers of a file among the files, and of a row in its file.
    """
    first = list(accumulate(part.rows, initial=0))[:-1]
    start = f"{first}[CAST(file_index AS BIGINT) + 1] + " if len(first) > 1 else ""
    return f"{start}file_row_number"


def _is_half(kind: pa.DataType, steps: Sequence[str]) -> bool:
    """Return whether a column, or a field in it, holds floats of 16 bits."""
    for step in steps:
        kind = kind.field(step).type
    return pa.types.is_float16(kind)


def _value_of_folder(key: str, file: _File) -> str | None:
    """Return the value of a key in the names of a file's folders, None if it means no value."""
    value = file.folders[key]
    return None if value == NO_VALUE else value


def _sql_of_folders(key: str, group: list[_File]) -> str:
    """Return SQL for the value of a key in the folder name of a row's file."""
    by_value: dict[str | None, list[str]] = {}
    for file in group:
        by_value.setdefault(_value_of_folder(key, file), []).append(file.path)
    cases = " ".join(
        f"WHEN {identifier(FILE_COLUMN)} IN ({', '.join(map(quoted, paths))}) THEN"
        f" {'NULL' if value is None else quoted(value)}"
        for value, paths in by_value.items()
    )
    return f"(CASE {cases} END)"
