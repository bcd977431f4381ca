"""Sources of Parquet files: each is read with its own schema, none with another's."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gclust.errors import StudyError
from gclust.listings.columns import FURTHER
from gclust.listings.engine import Engine, first_line
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.files import escaped
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import Column, SourcePart
from gclust.listings.sources.values import expected_of, identifier, quoted

FOLDER_KEY = re.compile(r"([^/=]+)=([^/]*)")
FILE_COLUMN = "file of gclust's"
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class _File:
    """A Parquet file's own schema, rows, and what its folders' names say."""

    path: str
    schema: pa.Schema
    rows: int
    folders: tuple[tuple[str, str], ...]


def read_metadata(path: str) -> pq.FileMetaData:
    """Read a Parquet file's footer.

    Raises
    ------
    StudyError
        If it is no Parquet file, or is cut off.
    """
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise StudyError(
            f"{path}: cannot be read as Parquet, damaged or cut off perhaps:"
            f" {str(error).splitlines()[0]}"
        ) from error


def open_parquet(
    engine: Engine, source: SourceFiles, files: Sequence[str], columns_of: ColumnResolver
) -> list[SourcePart]:
    """Find the columns of the Parquet files of a source.

    Files of the same schema make one part; types are never made one over several. A column
    that the files do not have, but all their folders' names (``year=2015/``), is taken from
    these.

    Parameters
    ----------
    engine : Engine
    source : SourceFiles
    files : sequence of str
    columns_of : ColumnsOf

    Raises
    ------
    StudyError
        If a file cannot be read, a column is missing in one, or of a type that cannot serve.
    """
    found = []
    for path in files:
        metadata = read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        found.append(_File(path, schema, metadata.num_rows, _folder_keys(path, source)))
    for file in found:
        own = [name for name, _ in paths_of(file.schema)]
        folded = {name.casefold() for name in own}
        more = [key for key, _ in file.folders if key.casefold() not in folded]
        columns_of.resolve(file.path, [*own, *more])
    columns_of.check()
    groups: dict[Any, list[_File]] = {}
    for file in found:
        used = columns_of.used(file.path)
        alike = (tuple(file.schema.names), tuple(map(str, file.schema.types)), tuple(used.items()))
        groups.setdefault(alike, []).append(file)
    return [
        _part(engine, source, group, columns_of.used(group[0].path)) for group in groups.values()
    ]


def paths_of(schema: pa.Schema) -> list[tuple[str, tuple[int | str, ...]]]:
    """Columns of a schema, and the fields of structs by names with dots.

    Returns
    -------
    list of (str, tuple)
        Name, and the way to it: the column's position, then names of fields.
    """
    found: list[tuple[str, tuple[int | str, ...]]] = [
        (field.name, (at,)) for at, field in enumerate(schema)
    ]
    whole = {name for name, _ in found}
    for at, field in enumerate(schema):
        found += [
            (name, way) for name, way in _fields(field, field.name, (at,)) if name not in whole
        ]
    return found


def _fields(
    field: pa.Field, name: str, way: tuple[int | str, ...]
) -> list[tuple[str, tuple[int | str, ...]]]:
    if not pa.types.is_struct(field.type):
        return []
    inner = [field.type.field(at) for at in range(field.type.num_fields)]
    folded = [each.name.casefold() for each in inner]
    found = []
    for each in inner:
        if folded.count(each.name.casefold()) > 1:
            continue  # DuckDB does not tell them apart
        below = (f"{name}.{each.name}", (*way, each.name))
        found += [below, *_fields(each, *below)]
    return found


def _folder_keys(path: str, source: SourceFiles) -> tuple[tuple[str, str], ...]:
    """Keys and values in the names of a file's folders that may serve as columns."""
    wanted = {name.casefold() for name in (*source.columns.values(), *FURTHER)}
    parts = os.path.dirname(path).replace(os.sep, "/").split("/")
    matches = (FOLDER_KEY.fullmatch(part) for part in parts)
    found = {match.group(1): unquote(match.group(2)) for match in matches if match}
    return tuple((key, value) for key, value in found.items() if key.casefold() in wanted)


def _part(
    engine: Engine, source: SourceFiles, group: list[_File], used: dict[str, int]
) -> SourcePart:
    first = group[0]
    own = paths_of(first.schema)
    options = "hive_partitioning = false, union_by_name = false"
    if any(at >= len(own) for at in used.values()):
        options += f", filename = {quoted(FILE_COLUMN)}"

    def read(files: Sequence[str]) -> str:
        listed = ", ".join(quoted(escaped(file)) for file in files)
        return f"read_parquet([{listed}], {options})"

    try:
        described = engine.connection.sql(f"SELECT * FROM {read([first.path])} LIMIT 0")
    except duckdb.Error as error:
        raise StudyError(f"{first.path}: cannot be read: {first_line(error)}") from error
    columns = {}
    for name, at in used.items():
        if at < len(own):
            shown, way = own[at]
            steps = [described.columns[int(way[0])], *map(str, way[1:])]
            sql = ".".join(identifier(step) for step in steps)
            kind = str(described.types[int(way[0])])
            if len(way) > 1:
                inner = engine.connection.sql(f"SELECT {sql} FROM {read([first.path])} LIMIT 0")
                kind = str(inner.types[0])
        else:
            shown = [key for key, _ in first.folders if not _is_own(key, own)][at - len(own)]
            sql, kind = _of_folders(shown, group), "VARCHAR"
        _refuse_type(first.path, name, shown, kind)
        columns[name] = Column(shown, sql, kind)
    return SourcePart(
        files=tuple(file.path for file in group),
        rows=tuple(file.rows for file in group),
        table=read,
        columns=columns,
        missing=source.missing,
    )


def _is_own(key: str, own: list[tuple[str, tuple[int | str, ...]]]) -> bool:
    return key.casefold() in {name.casefold() for name, _ in own}


def _of_folders(key: str, group: list[_File]) -> str:
    """SQL for what the name of a row's folder says."""
    by_file = {file.path: dict(file.folders)[key] for file in group}
    by_value: dict[str, list[str]] = {}
    for path, value in by_file.items():
        by_value.setdefault(value, []).append(path)
    cases = " ".join(
        f"WHEN {identifier(FILE_COLUMN)} IN ({', '.join(quoted(path) for path in paths)}) THEN"
        f" {'NULL' if value == NO_VALUE else quoted(value)}"
        for value, paths in by_value.items()
    )
    return f"(CASE {cases} END)"


def _refuse_type(path: str, name: str, column: str, kind: str) -> None:
    if (expected := expected_of(name, kind)) is not None:
        raise StudyError(
            f"{path}: column {column!r} ({name}) is of type {kind}; expected {expected}"
        )
