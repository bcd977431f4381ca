"""Points of GeoParquet, GeoPackage and GeoJSON files as latitudes and longitudes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray

from gclust.errors import StudyError

WKB_NAMES = ("geometry", "geom", "wkb_geometry", "the_geom", "shape")
"""Columns of bytes that are geometries where a Parquet file does not say so."""

POINT, MULTIPOINT = 0, 4


@dataclass(frozen=True)
class PointFile:
    """A file of points, not yet read.

    Attributes
    ----------
    path : str
    names : tuple of str
        Its columns without geometries.
    geometry : str
        The column of the points.
    crs : object
        What pyproj understands, None if the file has none.
    layer : str or None
        Of a GeoPackage or GeoJSON file.
    messages : tuple of str
        What a reader should know.
    """

    path: str
    names: tuple[str, ...]
    geometry: str
    crs: Any
    layer: str | None = None
    messages: tuple[str, ...] = ()

    def read(self, columns: Sequence[str]) -> tuple[pa.Table, NDArray[Any], NDArray[Any]]:
        """Read some of the columns, and the points in degrees of WGS 84.

        Returns
        -------
        table : pyarrow.Table
        lat, lon : ndarray of float64
            NaN where there is no point.
        """
        if self.layer is None:
            table = pq.ParquetFile(self.path).read([*columns, self.geometry])
            bytes_of = table.column(self.geometry)
        else:
            meta, table = _read_layer(self.path, self.layer, columns)
            bytes_of = table.column(meta["geometry_name"] or "wkb_geometry")
        lat, lon = degrees(self.path, _points(self.path, bytes_of), self.crs)
        return table.select(list(columns)), lat, lon


def points_of_parquet(
    path: str, metadata: pq.FileMetaData, *, has_places: bool
) -> PointFile | None:
    """Find the geometry of a Parquet file, None if it has none.

    Parameters
    ----------
    path : str
    metadata : pyarrow.parquet.FileMetaData
    has_places : bool
        Whether it has columns of latitude and longitude, before which a column of bytes that
        is only called geometry does not count.

    Raises
    ------
    StudyError
        If what the file says of its geometry is not GeoParquet.
    """
    schema = metadata.schema.to_arrow_schema()
    own = _native_columns(metadata)
    bare = [field.name for field in schema if not _is_geometry(field) and field.name not in own]
    written = (schema.metadata or {}).get(b"geo")
    if written is not None:
        try:
            geo = json.loads(written)
            primary = geo["primary_column"]
            described = geo["columns"]
            about = described[primary]
        except (ValueError, KeyError, TypeError) as error:
            raise StudyError(f"{path}: its GeoParquet metadata cannot be read ({error})") from error
        encoding = about.get("encoding", "WKB")
        if primary not in schema.names or encoding not in ("WKB", "point"):
            raise StudyError(
                f"{path}: its geometry {primary!r} is written as {encoding}; expected WKB, or"
                " columns of latitude and longitude named in the source"
            )
        names = tuple(name for name in bare if name not in described)
        others = [name for name in described if name != primary]
        messages = (
            (
                f"{path}: of the geometries {', '.join(described)} {primary!r} is used, which the"
                " file names first",
            )
            if others
            else ()
        )
        return PointFile(path, names, primary, about.get("crs", "OGC:CRS84"), None, messages)
    if own:
        name, crs = next(iter(own.items()))
        return PointFile(path, tuple(bare), name, crs)
    native = [field for field in schema if _is_geometry(field)]
    if native:
        return PointFile(path, tuple(bare), native[0].name, _native_crs(native[0]))
    if has_places:
        return None
    for field in schema:
        name, kind = field.name, field.type
        is_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        if is_bytes and name.casefold() in WKB_NAMES:
            line = (
                f"{path}: {name!r} says no CRS; it is taken for degrees of longitude and latitude"
            )
            names = tuple(other for other in bare if other != name)
            return PointFile(path, names, name, "OGC:CRS84", None, (line,))
    return None


def _native_columns(metadata: pq.FileMetaData) -> dict[str, Any]:
    """Columns of Parquet's own geometry type, each with its CRS."""
    found = {}
    for at in range(metadata.num_columns):
        column = metadata.schema.column(at)
        about = json.loads(column.logical_type.to_json())
        if about.get("Type") in ("Geometry", "Geography"):
            crs = about.get("crs") or "OGC:CRS84"
            if crs.startswith("srid:"):
                crs = f"EPSG:{crs.removeprefix('srid:')}"
            elif crs.startswith("projjson:"):
                key = crs.removeprefix("projjson:").encode()
                crs = (metadata.metadata or {}).get(key, b"").decode() or None
            found[column.path] = crs
    return found


def _is_geometry(field: pa.Field) -> bool:
    """Whether a column is of Parquet's own geometry type, or one of GeoArrow's."""
    name = (
        getattr(field.type, "extension_name", "")
        or (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()
    )
    return name.startswith("geoarrow.")


def _native_crs(field: pa.Field) -> Any:
    """Return the CRS of a geometry column that says it itself; degrees if it does not."""
    kind = field.type
    written = b""
    if isinstance(kind, pa.BaseExtensionType):
        written = kind.__arrow_ext_serialize__()
    else:
        written = (field.metadata or {}).get(b"ARROW:extension:metadata", b"")
    try:
        crs = json.loads(written or b"{}").get("crs")
    except ValueError:
        crs = None
    return crs or "OGC:CRS84"


def points_of_layer(path: str, layer: str | None) -> PointFile | None:
    """Find the points of a GeoPackage or GeoJSON file, None if the layer has no geometry.

    Raises
    ------
    StudyError
        If it cannot be read, or has several layers of points and none is named.
    """
    try:
        layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    except pyogrio.errors.DataSourceError as error:
        raise StudyError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    names = [name for name, _ in layers]
    spatial = [name for name, kind in layers if kind is not None]
    messages: tuple[str, ...] = ()
    if layer is not None and layer not in names:
        raise StudyError(f"{path}: has no layer {layer!r}; it has {', '.join(names) or 'none'}")
    if layer is None:
        if not names:
            raise StudyError(f"{path}: has no layer; expected one with the listings")
        if len(names) > 1 and len(spatial) != 1:
            raise StudyError(
                f"{path}: has the layers {', '.join(names)}; name one in the source's"
                ' layer = "..."'
            )
        layer = spatial[0] if spatial else names[0]
        if len(names) > 1:
            messages = (
                f"{path}: of its layers {', '.join(names)} {layer!r} is read, which alone has"
                " a geometry",
            )
    info = pyogrio.read_info(path, layer=layer)
    fields = tuple(str(name) for name in info["fields"])
    if dict(layers)[layer] is None:
        return PointFile(path, fields, "", None, layer, messages)
    return PointFile(path, fields, "wkb_geometry", info["crs"], layer, messages)


def _read_layer(path: str, layer: str, columns: Sequence[str]) -> tuple[dict[str, Any], pa.Table]:
    """Read a layer as Arrow, in which whole numbers keep all digits."""
    try:
        meta, table = pyogrio.read_arrow(path, layer=layer, columns=list(columns))
    except (pyogrio.errors.DataSourceError, RuntimeError, pa.ArrowException) as error:
        raise StudyError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    return meta, table


def attributes_of_layer(file: PointFile, columns: Sequence[str]) -> pa.Table:
    """Read some of the columns of a layer without geometry."""
    assert file.layer is not None
    return _read_layer(file.path, file.layer, columns)[1].select(list(columns))


def _points(path: str, column: Any) -> NDArray[Any]:
    """Turn a column of WKB, or of GeoArrow points, into shapely's points.

    Raises
    ------
    StudyError
        If it holds anything but points.
    """
    kind = column.type
    storage = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if pa.types.is_struct(storage) or pa.types.is_fixed_size_list(storage):
        return _of_coordinates(column, storage)
    values = column.to_numpy(zero_copy_only=False)
    try:
        return shapely.from_wkb(values)
    except (shapely.errors.GEOSException, TypeError) as error:
        raise StudyError(f"{path}: its geometry cannot be read: {error}") from error


def _of_coordinates(column: Any, storage: pa.DataType) -> NDArray[Any]:
    """Turn GeoArrow's points, a struct of x and y or a list of both, into shapely's."""
    array = column.combine_chunks()
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    gone = array.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_struct(storage):
        xy = [array.field(axis).to_numpy(zero_copy_only=False) for axis in ("x", "y")]
    else:
        flat = array.values.to_numpy(zero_copy_only=False).reshape(-1, storage.list_size)
        xy = [flat[:, 0], flat[:, 1]]
    points = shapely.points(np.nan_to_num(xy[0]), np.nan_to_num(xy[1]))
    lost = gone | np.isnan(xy[0]) | np.isnan(xy[1])
    points = np.asarray(points, dtype=object)
    points[lost] = None
    return points


def degrees(path: str, points: NDArray[Any], crs: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return latitude and longitude of points in any CRS, NaN for empty ones.

    A multipoint of one point is that point.

    Raises
    ------
    StudyError
        If there is no CRS, or a geometry is no point.
    """
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    points = np.asarray(points, dtype=object)
    there = ~(shapely.is_missing(points) | shapely.is_empty(points))
    kinds = shapely.get_type_id(points)
    single = there & (kinds == MULTIPOINT) & (shapely.get_num_geometries(points) == 1)
    if single.any():
        points = points.copy()
        points[single] = shapely.get_geometry(points[single], 0)
        kinds = shapely.get_type_id(points)
    wrong = np.flatnonzero(there & (kinds != POINT))
    if wrong.size:
        first = points[wrong[0]]
        raise StudyError(
            f"{path}: expected points, found {wrong.size} other geometries, the first a"
            f" {first.geom_type} in row {wrong[0] + 1}"
        )
    if crs is None:
        raise StudyError(f"{path}: has no CRS; expected one, such as EPSG:4326")
    try:
        own = CRS.from_user_input(crs)
    except CRSError as error:
        raise StudyError(f"{path}: its CRS cannot be understood ({error})") from error
    lon, lat = np.full(len(points), np.nan), np.full(len(points), np.nan)
    lon[there], lat[there] = shapely.get_x(points[there]), shapely.get_y(points[there])
    if not _is_wgs84(own):
        transformer = Transformer.from_crs(own, "EPSG:4326", always_xy=True)
        lon[there], lat[there] = transformer.transform(lon[there], lat[there])
    return lat, lon


def _is_wgs84(crs: Any) -> bool:
    from pyproj import CRS

    if crs.to_epsg() == 4326:
        return True
    return bool(crs == CRS.from_user_input("OGC:CRS84"))
