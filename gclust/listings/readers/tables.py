"""Sources that are no plain files: points, tables in memory, queries."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import chdir
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa

from gclust.errors import StudyError
from gclust.listings.engine import Engine
from gclust.listings.readers.parquet import paths_of
from gclust.listings.readers.points import PointFile, attributes_of_layer, degrees
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import Column, SourcePart
from gclust.listings.sources.values import expected_of, identifier

_FOLDER = threading.Lock()
"""Held while the process's folder is that of a query."""


def part_of_points(
    engine: Engine, source: SourceFiles, file: PointFile, columns_of: ColumnResolver
) -> SourcePart:
    """Read a file of points, or a layer without geometry, into the engine."""
    used = columns_of.used(file.path)
    names = {name: file.names[at] for name, at in used.items()}
    columns = list(dict.fromkeys(names.values()))
    if file.geometry:
        table, lat, lon = file.read(columns)
        arrays = {name: table.column(column) for name, column in names.items()}
        arrays["lat"], arrays["lon"] = pa.array(lat), pa.array(lon)
        names |= {"lat": file.geometry, "lon": file.geometry}
    else:
        table = attributes_of_layer(file, columns)
        arrays = {name: table.column(column) for name, column in names.items()}
    return _stored(engine, source, file.path, pa.table(arrays), names)


def _stored(
    engine: Engine, source: SourceFiles, path: str, table: pa.Table, names: dict[str, str]
) -> SourcePart:
    """Store a table whose columns have gclust's names."""
    stored = f"source_{engine.next_number()}"
    try:
        engine.put(_plain(table), stored)
    except (duckdb.Error, pa.ArrowException) as error:
        raise StudyError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    return _described(engine, source, path, stored, table.num_rows, names)


def _described(
    engine: Engine,
    source: SourceFiles,
    path: str,
    stored: str,
    rows: int,
    names: dict[str, str],
) -> SourcePart:
    """Return a stored table as a part of its source."""
    described = engine.connection.table(stored)
    kinds = dict(zip(described.columns, map(str, described.types), strict=True))
    for name, column in names.items():
        if (expected := expected_of(name, kinds[name])) is not None:
            raise StudyError(
                f"{path}: column {column!r} ({name}) is of type {kinds[name]}; expected {expected}"
            )
    return SourcePart(
        files=(path,),
        rows=(rows,),
        table=lambda _: identifier(stored),
        columns={name: Column(names[name], identifier(name), kinds[name]) for name in names},
        missing=source.missing,
    )


def _plain(table: pa.Table) -> pa.Table:
    """Make types that DuckDB does not know such that it does."""
    for at, field in enumerate(table.schema):
        kind = (
            field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
        )
        if pa.types.is_float16(kind):
            kind = pa.float32()
        if kind != field.type:
            table = table.set_column(at, field.name, table.column(at).cast(kind))
    return table


def part_of_table(
    engine: Engine, source: SourceFiles, columns_of: ColumnResolver
) -> tuple[SourcePart, str]:
    """Store a table in memory.

    Returns
    -------
    Part
    sha256 : str
        Of the table's rows as Arrow has them; see `digest`.

    Raises
    ------
    StudyError
        If it is no table, or its columns cannot be found or read.
    """
    table, points = as_arrow(source.data, source.path, dict(source.columns))
    return _part_of_arrow(engine, source, table, points, columns_of)


def _part_of_arrow(
    engine: Engine, source: SourceFiles, table: pa.Table, points: Any, columns_of: ColumnResolver
) -> tuple[SourcePart, str]:
    ways = paths_of(table.schema)
    columns_of.resolve(source.path, [name for name, _ in ways], by_geometry=points is not None)
    columns_of.check()
    arrays, names = {}, {}
    for name, at in columns_of.used(source.path).items():
        names[name], way = ways[at]
        column = table.column(int(way[0]))
        for step in way[1:]:
            column = pa.compute.struct_field(column, str(step))
        arrays[name] = column
    if points is not None:
        arrays["lat"], arrays["lon"] = (pa.array(axis) for axis in points)
        names |= {"lat": "the geometry", "lon": "the geometry"}
    kept = pa.table(arrays)
    return _stored(engine, source, source.path, kept, names), digest(kept)


def as_arrow(data: Any, where: str, columns: dict[str, str]) -> tuple[pa.Table, Any]:
    """Turn a table of any library into Arrow's.

    Parameters
    ----------
    data : table
        pandas, Polars, PyArrow, GeoDataFrame, a relation of DuckDB, or what narwhals knows.
    where : str
        For messages.
    columns : dict
        As the source gives them: a GeoDataFrame's geometry is used unless they name ``lat``
        and ``lon``.

    Returns
    -------
    table : pyarrow.Table
    points : (ndarray, ndarray) or None
        Latitude and longitude of a GeoDataFrame's points.

    Raises
    ------
    StudyError
    """
    points = None
    if hasattr(data, "geometry") and hasattr(data, "to_crs"):
        if not {"lat", "lon"} <= set(columns):
            points = degrees(where, np.asarray(data.geometry.array), data.crs)
        dropped = [name for name in data.columns if str(data[name].dtype) == "geometry"]
        data = type(data)(data).drop(columns=dropped)
        import pandas as pd

        data = pd.DataFrame(data)
    try:
        if isinstance(data, duckdb.DuckDBPyRelation):
            return data.to_arrow_table(), points
        if isinstance(data, pa.RecordBatchReader):
            return data.read_all(), points
        if isinstance(data, pa.Table):
            return data, points
        if type(data).__module__.split(".")[0] == "pandas":
            return pa.Table.from_pandas(data, preserve_index=False), points
        frame = nw.from_native(data)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect(backend="pyarrow")
        return frame.to_arrow(), points
    except TypeError as error:
        raise StudyError(
            f"{where}: a {type(data).__name__} is no table; expected one of pandas, Polars,"
            " PyArrow, GeoPandas or DuckDB"
        ) from error
    except (pa.ArrowException, ValueError) as error:
        raise StudyError(
            f"{where}: cannot be read as a table: {str(error).splitlines()[0]}; expected columns"
            " of one type each, and each column's name once"
        ) from error


def digest(table: pa.Table) -> str:
    """Return the sha256 of a table: of its schema and rows, however they are chunked.

    Texts and bytes are written as large ones, dictionaries as their values, so that the same
    table gives the same digest whichever library held it.
    """
    fields = [pa.field(field.name, _canonical(field.type)) for field in table.schema]
    plain = table.cast(pa.schema(fields)).combine_chunks()
    hashed = hashlib.sha256()
    with pa.ipc.new_stream(_Sink(hashed), plain.schema) as writer:
        for batch in plain.to_batches(max_chunksize=65_536):
            writer.write_batch(batch)
    return hashed.hexdigest()


def _canonical(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _canonical(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        return pa.large_binary()
    return kind


class _Sink:
    """Takes bytes as a file does, and hashes them."""

    closed = False

    def __init__(self, hashed: Any) -> None:
        self._hashed = hashed

    def write(self, data: Any) -> int:
        self._hashed.update(data)
        return len(memoryview(data))

    def flush(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


def part_of_query(
    engine: Engine, source: SourceFiles, columns_of: ColumnResolver
) -> tuple[SourcePart, str]:
    """Run a source's query in a database of its own, and store what it yields.

    The query is one ``SELECT``; it reads files below `SourceFiles.sql_paths` and nothing else,
    and cannot change that.

    Raises
    ------
    StudyError
        If it is no single ``SELECT``, reads elsewhere, or fails.
    """
    assert source.sql is not None
    where = source.path
    with duckdb.connect(":memory:") as own:
        own.execute("SET temp_directory = ?", [str(engine.copies / "of a query")])
        _confine(own, source.sql_paths, where)
        statement = _only_select(own, source.sql, where)
        try:
            # DuckDB resolves relative paths against the process's folder, whatever it is told.
            with _FOLDER, chdir(source.sql_paths[0]):
                reader = own.sql(statement.query).to_arrow_reader()
                part = _part_of_reader(engine, source, reader, columns_of)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            allowed = ""
            if "Permission Error" in reason or isinstance(error, duckdb.PermissionException):
                allowed = f"; a query reads files below {', '.join(source.sql_paths)} (sql_paths)"
            raise StudyError(f"{where}: the query fails: {reason}{allowed}") from error
    return part, hashlib.sha256(source.sql.encode()).hexdigest()


def _part_of_reader(
    engine: Engine, source: SourceFiles, reader: pa.RecordBatchReader, columns_of: ColumnResolver
) -> SourcePart:
    """Store what a query yields, batch after batch."""
    ways = paths_of(reader.schema)
    columns_of.resolve(source.path, [name for name, _ in ways])
    columns_of.check()
    counted = [0]

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            counted[0] += batch.num_rows
            yield batch

    positions = [f"c{at}" for at in range(len(reader.schema))]
    renamed = pa.schema(
        [field.with_name(name) for field, name in zip(reader.schema, positions, strict=True)]
    )
    plain = (pa.RecordBatch.from_arrays(batch.columns, schema=renamed) for batch in batches())
    stream = pa.RecordBatchReader.from_batches(renamed, plain)
    names, listed = {}, []
    for name, at in columns_of.used(source.path).items():
        names[name], way = ways[at]
        steps = [positions[int(way[0])], *map(str, way[1:])]
        listed.append(f"{'.'.join(map(identifier, steps))} AS {identifier(name)}")
    stored = f"source_{engine.next_number()}"
    engine.put(stream, stored, ", ".join(listed))
    return _described(engine, source, source.path, stored, counted[0], names)


def _confine(own: Any, folders: Sequence[str], where: str) -> None:
    """Let a database read below some folders, and nothing else."""
    for folder in folders:
        if not os.path.isdir(folder):
            raise StudyError(f"{where}: sql_paths: {folder} is no folder")
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
        raise StudyError(f"{where}: is no SQL: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(each.type.name for each in statements) or "nothing"
        raise StudyError(f"{where}: holds {kinds}; expected one SELECT")
    return statements[0]
