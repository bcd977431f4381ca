"""Reader of files of points (GeoParquet, GeoPackage, GeoJSON) as latitudes and longitudes.

`gclust.listings.readers.geoparquet` finds the points of GeoParquet files; those of GeoPackage and
GeoJSON files are found in `gclust.listings.readers.layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.readers.stored_table import store_table
from gclust.listings.sources.column_resolver import ColumnResolver
from gclust.listings.sources.source import SourceFiles
from gclust.listings.sources.source_part import SourcePart
from gclust.plurals import counted

POINT, MULTIPOINT = 0, 4

Load = Callable[[Sequence[str]], tuple[pa.Table, Any]]
"""Type of a function that reads given columns of a file, and its geometries or None."""


@dataclass(frozen=True)
class PointFile:
    """File of points that has not been read yet."""

    path: str
    names: tuple[str, ...]  # the file's columns without geometries
    geometry: str  # the column of the points, "" if latitude and longitude are columns
    crs: Any  # as pyproj takes it, None if the file has none
    load: Load
    messages: tuple[str, ...] = ()  # messages for the user


def read_points(
    engine: FileDatabase,
    source: SourceFiles,
    files: Mapping[str, PointFile | None],
    resolver: ColumnResolver,
) -> tuple[list[SourcePart], list[str]]:
    """Read files of points into DuckDB, and return a `SourcePart` for each file.

    ``files`` maps paths to files, or to None for a file without geometry. Other parameters and
    returns are those of `gclust.listings.readers.csv.read.open_csv`.
    """
    messages: list[str] = []
    for path, file in files.items():
        if file is None:
            raise StudyError(
                f"{path}: has no geometry, but other files of the source have one; expected one"
                " in all files, or columns = { lat = ..., lon = ... } in the source"
            )
        resolver.resolve(path, file.names, by_geometry=bool(file.geometry))
        messages += file.messages
    resolver.check()
    parts = [_part(engine, source, file, resolver) for file in files.values() if file is not None]
    return parts, messages


def _part(
    engine: FileDatabase, source: SourceFiles, file: PointFile, resolver: ColumnResolver
) -> SourcePart:
    user_columns = resolver.files[file.path].user_columns
    table, geometries = file.load(list(dict.fromkeys(user_columns.values())))
    arrays = {name: table.column(column) for name, column in user_columns.items()}
    if file.geometry:
        lat, lon = degrees(file.path, _decoded(file.path, geometries), file.crs)
        arrays |= {"lat": pa.array(lat), "lon": pa.array(lon)}
        user_columns |= {"lat": file.geometry, "lon": file.geometry}
    return store_table(engine, source, file.path, pa.table(arrays), user_columns)


def _decoded(path: str, column: Any) -> NDArray[Any]:
    """Return the geometries in a column of WKB or of GeoArrow points."""
    storage = column.type
    if isinstance(storage, pa.BaseExtensionType):
        storage = storage.storage_type
    if pa.types.is_struct(storage) or pa.types.is_fixed_size_list(storage):
        return _from_coordinates(column, storage)
    try:
        return shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    except (shapely.errors.GEOSException, TypeError) as error:
        raise StudyError(f"{path}: its geometry cannot be read: {error}") from error


def _from_coordinates(column: Any, storage: pa.DataType) -> NDArray[Any]:
    """Return the points in a GeoArrow column, stored as structs or as lists of x and y."""
    array = column.combine_chunks()
    array = array.storage if isinstance(array, pa.ExtensionArray) else array
    if pa.types.is_struct(storage):
        x, y = (array.field(axis).to_numpy(zero_copy_only=False) for axis in ("x", "y"))
    else:
        flat = array.values.to_numpy(zero_copy_only=False).reshape(-1, storage.list_size)
        x, y = flat[:, 0], flat[:, 1]
    points = np.asarray(shapely.points(np.nan_to_num(x), np.nan_to_num(y)), dtype=object)
    points[array.is_null().to_numpy(zero_copy_only=False) | np.isnan(x) | np.isnan(y)] = None
    return points


def degrees(path: str, points: NDArray[Any], crs: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the latitude and longitude of points in any CRS, NaN for empty points.

    A multipoint of one point is read as that point. Raises StudyError if there is no CRS, or if
    a geometry is not a point.
    """
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    points = np.array(points, dtype=object)
    filled = ~(shapely.is_missing(points) | shapely.is_empty(points))
    single = filled & (shapely.get_type_id(points) == MULTIPOINT)
    single &= shapely.get_num_geometries(points) == 1
    points[single] = shapely.get_geometry(points[single], 0)
    wrong = np.flatnonzero(filled & (shapely.get_type_id(points) != POINT))
    if wrong.size:
        first = points[wrong[0]]
        raise StudyError(
            f"{path}: expected points, found"
            f" {counted(wrong.size, 'other geometry', 'other geometries')}, the first a"
            f" {first.geom_type} in row {wrong[0] + 1}"
        )
    if crs is None:
        raise StudyError(f"{path}: has no CRS; set one, such as EPSG:4326")
    try:
        own = CRS.from_user_input(crs)
    except CRSError as error:
        raise StudyError(
            f"{path}: its CRS cannot be understood ({error}); set a known one, such as EPSG:4326"
        ) from error
    lon, lat = np.full(len(points), np.nan), np.full(len(points), np.nan)
    lon[filled], lat[filled] = shapely.get_x(points[filled]), shapely.get_y(points[filled])
    if own.to_epsg() != 4326 and own != CRS.from_user_input("OGC:CRS84"):
        transformer = Transformer.from_crs(own, "EPSG:4326", always_xy=True)
        lon[filled], lat[filled] = transformer.transform(lon[filled], lat[filled])
    return lat, lon
