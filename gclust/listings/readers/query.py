"""Reader of SQL queries, run in a database that can read only files below given folders."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import chdir
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gclust.errors import StudyError, first_line
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.readers.stored_table import ROW, stored_part
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.dialects import identifier
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import SourcePart
from gclust.listings.sources.struct_fields import field_paths

_FOLDER = threading.Lock()
"""Lock that is held while a query has changed the process's working folder."""


def open_query(
    engine: FileDatabase, source: SourceFiles, resolver: ColumnResolver
) -> tuple[SourcePart, str]:
    """Run a source's query and store the result; return its `SourcePart` and the query's sha256.

    Raises StudyError if the query is not a single ``SELECT``, reads files that are not below
    `SourceFiles.sql_paths`, or fails.
    """
    assert source.sql is not None
    where = source.path
    with duckdb.connect(":memory:") as own:
        own.execute("SET temp_directory = ?", [str(engine.copies / "of a query")])
        for setting in ("memory_limit", "threads"):
            query = f"SELECT current_setting('{setting}')"
            own.execute(f"SET {setting} = ?", list(engine.connection.execute(query).fetchall()[0]))
        _confine(own, source.sql_paths, where)
        statement = _only_select(own, source.sql, where)
        try:
            # DuckDB resolves relative paths against the process's working folder only.
            with _FOLDER, chdir(source.sql_paths[0]):
                reader = own.sql(statement.query).to_arrow_reader()
                part = _part_of_reader(engine, source, reader, resolver)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            reason = first_line(error)
            allowed = ""
            if "Permission Error" in reason or isinstance(error, duckdb.PermissionException):
                allowed = f"; it may read files below {', '.join(source.sql_paths)} (sql_paths)"
            raise StudyError(f"{where}: the query failed: {reason}{allowed}") from error
    return part, hashlib.sha256(source.sql.encode()).hexdigest()


def _part_of_reader(
    engine: FileDatabase,
    source: SourceFiles,
    reader: pa.RecordBatchReader,
    resolver: ColumnResolver,
) -> SourcePart:
    """Store the result of a query batch by batch; return it as a part of its source."""
    fields = field_paths(reader.schema)
    resolver.resolve(source.path, [field.name for field in fields])
    resolver.check()
    rows = 0
    # The columns are numbered, because a result may have two columns of the same name.
    names = [f"c{at}" for at in range(len(reader.schema))]
    renamed = zip(reader.schema, names, strict=True)
    schema = pa.schema([field.with_name(name) for field, name in renamed])
    schema = schema.append(pa.field(ROW, pa.int64()))

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in reader:
            numbers = pa.array(np.arange(rows, rows + batch.num_rows))
            rows += batch.num_rows
            yield pa.RecordBatch.from_arrays([*batch.columns, numbers], schema=schema)

    selected = []
    for name, at in resolver.files[source.path].used.items():
        steps = (names[fields[at].position], *fields[at].steps)
        selected.append(f"{'.'.join(map(identifier, steps))} AS {identifier(name)}")
    selected.append(identifier(ROW))
    stored = f"source_{engine.next_number()}"
    stream = pa.RecordBatchReader.from_batches(schema, batches())
    engine.put(stream, stored, ", ".join(selected))
    user_columns = resolver.files[source.path].user_columns
    return stored_part(engine, source, source.path, stored, rows, user_columns)


def _confine(own: Any, folders: Sequence[str], where: str) -> None:
    """Restrict a database to reading files below given folders."""
    for folder in folders:
        if not os.path.isdir(folder):
            raise StudyError(f"{where}: sql_paths: {folder} is not a folder; give folders only")
    own.execute("SET TimeZone = 'UTC'")
    own.execute("SET allowed_directories = ?", [[os.path.join(f, "") for f in folders]])
    own.execute("SET autoinstall_known_extensions = false")
    own.execute("SET autoload_known_extensions = false")
    own.execute("SET python_enable_replacements = false")
    own.execute("SET enable_external_access = false")
    own.execute("SET lock_configuration = true")


def _only_select(own: Any, sql: str, where: str) -> Any:
    try:
        statements = own.extract_statements(sql)
    except duckdb.Error as error:
        raise StudyError(f"{where}: sql is not valid SQL: {first_line(error)}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(each.type.name for each in statements) or "nothing"
        raise StudyError(f"{where}: sql consists of {kinds}; expected one SELECT")
    return statements[0]
