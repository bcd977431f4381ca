"""Polygons of the user's, such as metropolitan areas, read from a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gclust.errors import StudyError, first_line
from gclust.places.antimeridian import from_rings, into_rectangle, polygons_of
from gclust.places.geodesic import area_km2
from gclust.plurals import counted, either
from gclust.spelling import did_you_mean

if TYPE_CHECKING:
    import geopandas as gpd

PARQUET_ENDINGS = (".parquet", ".geoparquet", ".pq")
USUAL_NAMES = ("name", "name_en", "fuaname", "fuaname_en", "efuaname", "name_latn", "nuts_name")
"""Columns that are taken for the name, in any case; the first that the file has."""
LONGEST_EDGE = 180.0
LARGEST_OVERLAP = 1e-3
"""Part of the smaller of two areas that both may share: what simplified borders differ by."""


def read_areas(
    path: Path,
    *,
    name: str | None = None,
    code: str | None = None,
    layer: str | None = None,
    where: str | None = None,
) -> gpd.GeoDataFrame:
    """Read the areas of a file, sorted by name.

    Parameters
    ----------
    path : Path
        A file of polygons that GDAL reads, or GeoParquet, in any CRS.
    name, code : str, optional
        The columns of names and of the user's own codes; the name is found by `USUAL_NAMES`.
    layer : str, optional
        Of a file with several layers.
    where : str, optional
        Condition of SQL for the features that are read.

    Returns
    -------
    GeoDataFrame
        ``name``, ``area_code`` ("" without one) if ``code`` is given, and the valid polygon or
        multipolygon (EPSG:4326). The order does not depend on that of the file.

    Raises
    ------
    StudyError
        If the file cannot be read, has no CRS or other geometries than polygons, or if two areas
        overlap.
    """
    from geopandas import GeoDataFrame

    found = _read(path, layer, where)
    if found.empty:
        raise StudyError(f"{path}: has no feature; expected polygons")
    if found.crs is None:
        raise StudyError(f"{path}: has no CRS; set one, such as EPSG:4326")
    names = _names(found, _name_column(found, name, path), path)
    columns = {"name": names}
    if code is not None:
        codes = found[_known(code, found, path)]
        columns["area_code"] = codes.astype("string").str.strip().fillna("").astype(object)
    shapes = found.geometry.to_crs(4326).to_numpy()
    outlines = [_outline(shape, label, path) for shape, label in zip(shapes, names, strict=True)]
    areas = GeoDataFrame(columns, geometry=outlines, crs=4326)
    order = areas.assign(shape=shapely.to_wkb(areas.geometry.to_numpy()))
    areas = areas.loc[order.sort_values(["name", "shape"]).index].reset_index(drop=True)
    _refuse_overlaps(areas, path)
    return areas


def area_files(path: Path) -> list[str]:
    """List the files that are read with a file of areas: all parts of a shapefile."""
    if path.suffix.lower() != ".shp":
        return [str(path)]
    parts = sorted(path.parent.glob(f"{path.stem}.*"))
    return [str(part) for part in parts if part.suffix.lower() in (".shp", ".shx", ".dbf", ".prj")]


def _read(path: Path, layer: str | None, where: str | None) -> Any:
    if not os.path.exists(path):
        raise StudyError(f"[places] given: {path} does not exist; expected a file of polygons")
    try:
        if path.name.lower().endswith(PARQUET_ENDINGS):
            if layer is not None or where is not None:
                raise StudyError(
                    f"{path}: layer and where do not apply to GeoParquet; write the areas that"
                    " are wanted to a file of their own"
                )
            from geopandas import read_parquet

            return read_parquet(path)
        import pyogrio

        layers = [str(each) for each, kind in pyogrio.list_layers(path) if kind is not None]
        if layer is None and len(layers) != 1:
            listed = ", ".join(layers) or "none"
            raise StudyError(f'{path}: its layers are {listed}; name one: [places] layer = "..."')
        if layer is not None and layer not in layers:
            raise StudyError(
                f"{path}: has no layer {layer!r} of polygons{did_you_mean(layer, layers)}"
            )
        return pyogrio.read_dataframe(path, layer=layer or layers[0], where=where)
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(f"{path}: cannot be read as areas: {first_line(error)}") from error


def _name_column(table: pd.DataFrame, name: str | None, path: Path) -> str:
    """Return the column of names: the given one, or one with a usual name."""
    if name is not None:
        return _known(name, table, path)
    columns = {str(column).casefold(): str(column) for column in reversed(table.columns)}
    for usual in USUAL_NAMES:
        if usual in columns:
            return columns[usual]
    raise StudyError(
        f"{path}: which column has the names of the areas is not known; it has"
        f' {", ".join(_columns(table))}: say which with [places] name = "..."'
    )


def _known(column: str, table: pd.DataFrame, path: Path) -> str:
    columns = _columns(table)
    if column not in columns:
        hint = did_you_mean(column, columns, otherwise=".")
        raise StudyError(f"{path}: has no column {column!r}{hint} It has {', '.join(columns)}")
    return column


def _columns(table: pd.DataFrame) -> list[str]:
    return [str(column) for column in table.columns if str(table[column].dtype) != "geometry"]


def _names(table: pd.DataFrame, column: str, path: Path) -> NDArray[Any]:
    """Return the names in a column; refuse missing ones."""
    values = table[column]
    texts = values.astype(str).str.strip()
    empty = np.flatnonzero(values.isna() | (texts == ""))
    if empty.size:
        raise StudyError(
            f"{path}: {counted(empty.size, 'feature has', 'features have')} no {column!r}, the"
            " first is number"
            f" {empty[0] + 1}; expected one for each area"
        )
    return texts.to_numpy(dtype=object)


def _outline(shape: Any, name: str, path: Path) -> Any:
    """Return the valid polygon of an area, within [-180, 180]."""
    if shape is None or shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
        what = "no geometry" if shape is None or shape.is_empty else f"a {shape.geom_type}"
        raise StudyError(f"{path}: {name} has {what}; expected a polygon or multipolygon")
    if not np.isfinite(shape.bounds).all():
        raise StudyError(f"{path}: {name} lies outside of what its CRS can be used for")
    parts = [
        inside
        for polygon in shapely.get_parts(shapely.force_2d(shape))
        for part in polygons_of(shapely.make_valid(_unbroken(polygon)))
        for inside in into_rectangle(part)
    ]
    return shapely.orient_polygons(shapely.normalize(shapely.union_all(parts)))


def _unbroken(polygon: Any) -> Any:
    """Return a polygon whose edges are no longer than 180 degrees of longitude.

    Those that are longer cross the 180th meridian, in files that do not split polygons there.
    """
    boundaries = [np.array(boundary.coords) for boundary in (polygon.exterior, *polygon.interiors)]
    if all(np.abs(np.diff(boundary[:, 0])).max() <= LONGEST_EDGE for boundary in boundaries):
        return polygon
    return from_rings([(boundary[:-1, 0], boundary[:-1, 1]) for boundary in boundaries])


def _refuse_overlaps(areas: gpd.GeoDataFrame, path: Path) -> None:
    """Refuse areas that share ground, because a record there would belong to both."""
    shapes = areas.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    if not one.size:
        return
    shared = area_km2(_common_ground(shapes[one], shapes[other]))
    whole = area_km2(shapes)
    part = shared / np.maximum(np.minimum(whole[one], whole[other]), 1e-12)
    wrong = np.flatnonzero(part > LARGEST_OVERLAP)
    if wrong.size:
        first = wrong[np.argmax(part[wrong])]
        a, b = areas["name"].iloc[one[first]], areas["name"].iloc[other[first]]
        raise StudyError(
            f"{path}: {counted(wrong.size, 'pair')} of areas"
            f" {either(wrong.size, 'overlaps', 'overlap')}, such as {a} and {b} by"
            f" {shared[first]:,.0f} km2; expected areas that share no ground: choose one level"
            ' or period, for example [places] where = "LEVL_CODE = 3"'
        )


def _common_ground(
    one: Sequence[Any] | NDArray[Any], other: Sequence[Any] | NDArray[Any]
) -> list[Any]:
    """Return the polygons that two lists of shapes share, pair by pair."""
    found = shapely.intersection(np.asarray(one, dtype=object), np.asarray(other, dtype=object))
    return [shapely.MultiPolygon(polygons_of(each)) for each in found]


def overlaps_km2(
    shapes: NDArray[Any], areas: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs of a shape and an area that share ground, and how much in km2."""
    area, shape = np.array(shapely.STRtree(shapes).query(areas, predicate="intersects"))
    order = np.lexsort((area, shape))
    shape, area = shape[order].astype(np.int64), area[order].astype(np.int64)
    shared = area_km2(_common_ground(shapes[shape], areas[area]))
    return shape[shared > 0], area[shared > 0], shared[shared > 0]
