"""Reader of a Parquet file's geometry: GeoParquet, Parquet's own type, GeoArrow or plain WKB."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gclust.errors import StudyError
from gclust.listings.readers.points import PointFile

WKB_NAMES = ("geometry", "geom", "wkb_geometry", "the_geom", "shape")
"""Names of byte columns that are read as WKB if a Parquet file has no geometry metadata."""

DEGREES = "OGC:CRS84"


def points_of_parquet(path: str, footer: pq.FileMetaData, *, has_axes: bool) -> PointFile | None:
    """Return a `PointFile` for a Parquet file, or None if it has no geometry column.

    If the file has columns of latitude and longitude (``has_axes``), a byte column that only
    has a name of `WKB_NAMES` is not used.
    """
    schema = footer.schema.to_arrow_schema()
    native = _native_columns(footer)
    bare = [field.name for field in schema if not _is_geoarrow(field) and field.name not in native]
    written = (schema.metadata or {}).get(b"geo")
    if written is not None:
        return _of_geoparquet(path, schema, bare, written)
    if native:
        name, crs = next(iter(native.items()))
        return _point_file(path, bare, name, crs)
    for field in filter(_is_geoarrow, schema):
        return _point_file(path, bare, field.name, _geoarrow_crs(field))
    for field in schema:
        name = field.name
        is_bytes = pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
        if is_bytes and name.casefold() in WKB_NAMES and not has_axes:
            taken = "it is taken for degrees of longitude and latitude"
            message = f"{path}: {name!r} says no CRS; {taken}"
            return _point_file(path, [n for n in bare if n != name], name, DEGREES, (message,))
    return None


def _point_file(
    path: str, names: Sequence[str], geometry: str, crs: Any, messages: tuple[str, ...] = ()
) -> PointFile:
    def load(columns: Sequence[str]) -> tuple[pa.Table, Any]:
        table = pq.ParquetFile(path).read([*columns, geometry])
        return table, table.column(geometry)

    return PointFile(path, tuple(names), geometry, crs, load, messages)


def _of_geoparquet(path: str, schema: pa.Schema, bare: list[str], written: bytes) -> PointFile:
    try:
        geo = json.loads(written)
        primary = geo["primary_column"]
        described = geo["columns"]
        about = described[primary]
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{path}: its GeoParquet metadata cannot be read ({error}); write the file again"
        ) from error
    encoding = about.get("encoding", "WKB")
    if primary not in schema.names or encoding not in ("WKB", "point"):
        raise StudyError(
            f"{path}: its geometry {primary!r} has the encoding {encoding}; expected WKB, or"
            " columns of latitude and longitude, named in the source's columns"
        )
    names = [name for name in bare if name not in described]
    messages: tuple[str, ...] = ()
    if len(described) > 1:
        messages = (
            f"{path}: its primary geometry {primary!r} is used; its geometries are"
            f" {', '.join(described)}",
        )
    return _point_file(path, names, primary, about.get("crs", DEGREES), messages)


def _native_columns(footer: pq.FileMetaData) -> dict[str, Any]:
    """Return the columns of Parquet's own geometry type, each with its CRS."""
    found = {}
    for at in range(footer.num_columns):
        column = footer.schema.column(at)
        about = json.loads(column.logical_type.to_json())
        if about.get("Type") in ("Geometry", "Geography"):
            crs = about.get("crs") or DEGREES
            if crs.startswith("srid:"):
                crs = f"EPSG:{crs.removeprefix('srid:')}"
            elif crs.startswith("projjson:"):
                key = crs.removeprefix("projjson:").encode()
                crs = (footer.metadata or {}).get(key, b"").decode() or None
            found[column.path] = crs
    return found


def _is_geoarrow(field: pa.Field) -> bool:
    name = (
        getattr(field.type, "extension_name", "")
        or (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()
    )
    return name.startswith("geoarrow.")


def _geoarrow_crs(field: pa.Field) -> Any:
    """Return the CRS in a GeoArrow column's metadata, or degrees (`DEGREES`) without one."""
    if isinstance(field.type, pa.BaseExtensionType):
        written = field.type.__arrow_ext_serialize__()
    else:
        written = (field.metadata or {}).get(b"ARROW:extension:metadata", b"")
    try:
        crs = json.loads(written or b"{}").get("crs")
    except ValueError:
        crs = None
    return crs or DEGREES
