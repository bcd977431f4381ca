"""Reader of tables in memory from any dataframe library."""

from __future__ import annotations

import hashlib
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa

from gclust.errors import StudyError, first_line
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.readers.points import degrees
from gclust.listings.readers.stored_table import store_table
from gclust.listings.sources.column_names import AXES
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import SourcePart
from gclust.listings.sources.struct_fields import field_paths


def open_table(
    engine: FileDatabase, source: SourceFiles, resolver: ColumnResolver
) -> tuple[SourcePart, str]:
    """Store an in-memory table in DuckDB; return its `SourcePart` and its sha256 (`digest`).

    The digest covers the columns that are used. Raises StudyError if it is no table, or if its
    columns cannot be found or read.
    """
    path = source.path
    table, points = as_arrow(source.data, path, set(AXES) <= set(source.columns))
    fields = field_paths(table.schema)
    resolver.resolve(path, [field.name for field in fields], by_geometry=points is not None)
    resolver.check()
    user_columns = resolver.files[path].user_columns
    arrays = {}
    for name, at in resolver.files[path].used.items():
        arrays[name] = table.column(fields[at].position)
        for step in fields[at].steps:
            arrays[name] = pa.compute.struct_field(arrays[name], step)
    if points is not None:
        arrays |= dict(zip(AXES, map(pa.array, points), strict=True))
        user_columns |= dict.fromkeys(AXES, "the geometry")
    kept = pa.table(arrays)
    return store_table(engine, source, path, kept, user_columns), digest(kept)


def as_arrow(data: Any, where: str, has_axes: bool) -> tuple[pa.Table, Any]:
    """Convert a table of any library to Arrow; also return the points of a GeoDataFrame.

    The table is of pandas, Polars, PyArrow, GeoPandas or DuckDB, or another that narwhals knows;
    ``where`` names it in messages. The points are (latitudes, longitudes), None if there is no
    geometry, or if the source names ``lat`` and ``lon`` (``has_axes``).
    """
    points = None
    if hasattr(data, "geometry") and hasattr(data, "to_crs"):
        if not has_axes:
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
            f"{where}: cannot be read as a table: {first_line(error)}; expected one type"
            " in each column, and a different name for each"
        ) from error


def digest(table: pa.Table) -> str:
    """Return the sha256 of a table's schema and rows, however the table is split into chunks.

    Texts and bytes are hashed as large types, dictionaries as their values, so that the same
    table gives the same digest with every library.
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
    """Writable file object that hashes the bytes written to it."""

    closed = False

    def __init__(self, hashed: Any) -> None:
        self._hashed = hashed

    def write(self, data: Any) -> int:
        self._hashed.update(data)
        return len(memoryview(data))

    def flush(self) -> None:
        """Do nothing, because no bytes are kept."""

    def close(self) -> None:
        """Do nothing, because no file is open."""
