"""Storage of in-memory tables in DuckDB, each as a `SourcePart` (a part of its source)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from gclust.errors import StudyError, first_line
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.sources.dialects import identifier
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import Column, SourcePart

ROW = "row of gclust's"
"""Column of a stored table with the numbers of its rows, from 0."""


def store_table(
    engine: FileDatabase,
    source: SourceFiles,
    path: str,
    table: pa.Table,
    user_columns: Mapping[str, str],
) -> SourcePart:
    """Store in DuckDB a table whose columns have gclust's names; return its `SourcePart`."""
    stored = f"source_{engine.next_number()}"
    table = table.append_column(ROW, pa.array(np.arange(table.num_rows)))
    try:
        engine.put(_with_plain_types(table), stored)
    except (duckdb.Error, pa.ArrowException) as error:
        raise StudyError(f"{path}: cannot be read: {first_line(error)}") from error
    return stored_part(engine, source, path, stored, table.num_rows, user_columns)


def stored_part(
    engine: FileDatabase,
    source: SourceFiles,
    path: str,
    stored: str,
    rows: int,
    user_columns: Mapping[str, str],
) -> SourcePart:
    """Return the `SourcePart` of a table in DuckDB whose columns have gclust's names.

    ``path`` is the source's name in messages, ``stored`` is the table's name in the engine,
    ``rows`` is the number of rows counted before it was stored, and ``user_columns`` maps
    gclust's names to the user's. The table has the numbers of its rows in `ROW`, because DuckDB
    stores them in any order.
    """
    table = engine.connection.table(stored)
    columns = {}
    for name, sql_type in zip(table.columns, map(str, table.types), strict=True):
        if name == ROW:
            continue
        columns[name] = Column(user_columns[name], identifier(name), sql_type)
        columns[name].check_type(path, name)
    part = SourcePart((path,), (rows,), lambda _: identifier(stored), columns, source)
    return replace(part, row_number=identifier(ROW))


def _with_plain_types(table: pa.Table) -> pa.Table:
    """Replace Arrow types that DuckDB does not know by types that it knows."""
    for at, field in enumerate(table.schema):
        plain = field.type
        if isinstance(plain, pa.BaseExtensionType):
            plain = plain.storage_type
        if pa.types.is_float16(plain):
            plain = pa.float32()
        if plain != field.type:
            table = table.set_column(at, field.name, table.column(at).cast(plain))
    return table
