"""Parquet files that Spark reads itself, with the meaning that their values have in DuckDB.

A part of a source is left to DuckDB if Spark may read one of its types or values differently.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gclust.listings.engines.spark_jobs import SparkJobs
from gclust.listings.engines.spark_types import file_address, identifier
from gclust.listings.sources.dialects import SPARK
from gclust.listings.sources.part_query import part_columns
from gclust.listings.sources.source_part import PartRead, SourcePart
from gclust.listings.sources.values import FLOATS, NUMBERS

OF_DUCKDB: Mapping[str, str] = {
    "VARCHAR": "string", "TINYINT": "tinyint", "SMALLINT": "smallint", "INTEGER": "int",
    "BIGINT": "bigint", "UTINYINT": "smallint", "USMALLINT": "int", "UINTEGER": "bigint",
    "UBIGINT": "decimal(20,0)", "FLOAT": "float", "DOUBLE": "double", "DATE": "date",
}  # fmt: skip
"""DuckDB's type of a column in a Parquet file -> the type of Spark that has the same values."""

DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
PLAIN_PATH = re.compile(r"(/[A-Za-z0-9=+-][A-Za-z0-9._=+ -]*)+")
"""Paths in which Spark gives no character a meaning of its own."""


def reads_itself(part: SourcePart) -> bool:
    """Return whether Spark may read a part: Parquet files whose columns are of known types."""
    of_files = {name: column for name, column in part.columns.items() if column.path}
    known = all(_spark_type(name, column.sql_type) for name, column in of_files.items())
    names = {column.path[0] for column in of_files.values()}
    one_case = len({name.casefold() for name in names}) == len(names)
    return part.is_parquet and known and one_case and bool(names)


def _spark_type(name: str, sql_type: str) -> str | None:
    """Return the type of Spark for gclust's column ``name``, None if DuckDB reads it."""
    if (found := DECIMAL.fullmatch(sql_type)) and name != "year":
        return f"decimal({found[1]},{found[2]})"
    if sql_type == "DATE" and name != "year":
        return None
    return OF_DUCKDB.get(sql_type)


class ParquetReader:
    """Reader of Parquet files by Spark.

    ``links`` is a folder for links to files whose names Spark cannot take.
    """

    def __init__(self, session: Any, jobs: SparkJobs, links: Path) -> None:
        self._session, self._jobs, self._links = session, jobs, links
        self._names: dict[str, str] = {}

    def read(self, read: PartRead) -> Any | None:
        """Return a DataFrame with the rows of a part, None if DuckDB must read it."""
        part = read.part
        if not reads_itself(part):
            return None
        groups = list(_groups(part))
        frames = [self._files(part, files) for files, _ in groups]
        if not self._floats_are_ids(part, frames):
            return None
        number = self._row_number(read, frames) if part.source.numbered else ""
        return _union(
            frame.selectExpr(*part_columns(replace(read, part=_in_spark(part, folders, number))))
            for frame, (_, folders) in zip(frames, groups, strict=True)
        )

    def _row_number(self, read: PartRead, frames: Sequence[Any]) -> str:
        """Return SQL for the number of each row among the rows of a part."""
        if not read.part.has_order:
            return ""
        first = {self._named(each): at - read.first for each, at in read.first_of_file.items()}
        names = _union(
            frame.selectExpr("_metadata.file_path AS path").distinct() for frame in frames
        )
        found = self._jobs.run(names.toArrow, "look at files").column("path").to_pylist()
        cases = " ".join(
            f"WHEN {SPARK.quoted(name)} THEN {first[_path_of(name)]}L" for name in found
        )
        # Without rows there are no files.
        start = f"CASE _metadata.file_path {cases} END + " if cases else ""
        return f"{start}_metadata.row_index"

    def _files(self, part: SourcePart, files: Sequence[str]) -> Any:
        """Return the columns of files that are used, with an explicit schema."""
        schema = _schema(part)
        paths = [file_address(self._named(path)) for path in part.stored or files]
        return self._session.read.schema(schema).parquet(*paths)

    def _named(self, path: str) -> str:
        """Return the path of a file, or of a link to it if Spark cannot take the path."""
        absolute = os.path.abspath(path)
        if PLAIN_PATH.fullmatch(absolute):
            return absolute
        if absolute not in self._names:
            self._links.mkdir(exist_ok=True)
            link = self._links / f"link-{len(self._names)}.parquet"
            link.symlink_to(absolute)
            self._names[absolute] = str(link)
        return self._names[absolute]

    def _floats_are_ids(self, part: SourcePart, frames: Sequence[Any]) -> bool:
        """Return whether all floats in columns of text are whole numbers of 64 bits."""
        columns = _in_spark(part, {}).columns.items()
        floats = [
            column.sql
            for name, column in columns
            if column.path and column.sql_type in FLOATS and name not in (*NUMBERS, "year")
        ]
        if not floats:
            return True
        odd = " OR ".join(
            f"(abs({each}) < double('Infinity')"
            f" AND ({each} % 1 <> 0 OR abs({each}) >= {float(2**63)!r}D))"
            for each in floats
        )
        found = _union(frame.filter(odd).limit(1).selectExpr("1 AS odd") for frame in frames)
        return self._jobs.run(found.limit(1).toArrow, "look at ids").num_rows == 0


def _path_of(name: str) -> str:
    """Return the path of a file from its address in Spark's metadata."""
    return "/" + unquote(name.removeprefix("file:")).lstrip("/")


def _union(frames: Iterator[Any]) -> Any:
    return reduce(lambda a, b: a.union(b), frames)


def _groups(part: SourcePart) -> Iterator[tuple[list[str], dict[str, str | None]]]:
    """Yield the files of a part whose folders have the same values, with these values."""
    groups: dict[tuple[str | None, ...], list[str]] = {}
    for file in part.files:
        key = tuple(values[file] for values in part.folder_values.values())
        groups.setdefault(key, []).append(file)
    for key, files in groups.items():
        yield files, dict(zip(part.folder_values, key, strict=True))


def _in_spark(
    part: SourcePart, folders: Mapping[str, str | None], row_number: str = ""
) -> SourcePart:
    """Return a part with its columns in Spark's SQL; ``folders`` has values of folder names."""
    columns = {}
    for name, column in part.columns.items():
        if column.path:
            sql = identifier(*column.path)
            # DuckDB refuses a file with texts that are not UTF-8.
            sql = f"validate_utf8({sql})" if column.sql_type == "VARCHAR" else sql
        else:
            value = folders.get(name)
            sql = SPARK.cast("NULL" if value is None else SPARK.quoted(value), "text")
        columns[name] = replace(column, sql=sql)
    return replace(part, columns=columns, sql=SPARK, row_number=row_number)


def _schema(part: SourcePart) -> str:
    """Return Spark's schema, as text, of the columns that are used of a part's files."""
    fields: dict[str, Any] = {}
    for name, column in part.columns.items():
        if column.path:
            inner = fields
            for step in column.path[:-1]:
                inner = inner.setdefault(step, {})
            inner[column.path[-1]] = _spark_type(name, column.sql_type)
    return _fields(fields, " ")


def _fields(fields: Mapping[str, Any], between: str) -> str:
    """Return the columns of a schema, or the fields of a struct, as text."""
    return ", ".join(
        f"{identifier(name)}{between}"
        + (f"struct<{_fields(kind, ': ')}>" if isinstance(kind, Mapping) else kind)
        for name, kind in fields.items()
    )
