"""The GeoPackage of a run: layers of clusters, locations, noise and merges, styled for QGIS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from gclust.results.qgis_styles import STYLE_TABLE, STYLES, style_table
from gclust.results.short_names import short_names

if TYPE_CHECKING:
    import geopandas as gpd

FIXED_DATE = "2000-01-01T00:00:00.000Z"
MOST_POINTS = 50_000
"""Largest number of points in a layer; the heaviest ones are in it. All are in a Parquet file."""
GEOMETRY_TYPES = {
    "clusters": "MultiPolygon",
    "given_areas": "MultiPolygon",
    "merges": "MultiLineString",
}


def write_geopackage(
    clusters: gpd.GeoDataFrame,
    locations: pd.DataFrame,
    merges: pd.DataFrame,
    path: Path,
    areas: gpd.GeoDataFrame | None = None,
) -> None:
    """Write the layers of a run, with a fixed date inside and styles that QGIS applies itself.

    Parameters
    ----------
    clusters : GeoDataFrame
        The ranking with footprints; its columns get short names.
    locations : DataFrame
        ``lat, lon, weight, cluster_id`` and others. Those of clusters and of noise are a layer
        each, of at most `MOST_POINTS`.
    merges : DataFrame
        The log of merges with ``lat_a, lon_a, lat_b, lon_b``, drawn as lines; others have none.
    path : Path
    areas : GeoDataFrame, optional
        The ranking of given areas, which are a layer too.
    """
    inside = locations["cluster_id"] >= 0
    layers = {
        "clusters": _short(clusters),
        "locations": _points(locations[inside]),
        "noise": _points(locations[~inside].drop(columns=["cluster_id", "core"])),
        "merges": _lines(merges),
    }
    if areas is not None:
        layers["given_areas"] = _short(areas)
    with _fixed_date():
        for name, layer in layers.items():
            layer.to_file(
                path,
                driver="GPKG",
                layer=name,
                engine="pyogrio",
                promote_to_multi=name in GEOMETRY_TYPES,
                geometry_type=GEOMETRY_TYPES.get(name, "Point"),
                append=path.exists(),
            )
        _write_styles(style_table({name: STYLES[name] for name in layers}), path)


def _short(ranking: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a ranking with short names of its columns."""
    return ranking.rename(columns=short_names(ranking.columns.drop("geometry")))


def _write_styles(table: pd.DataFrame, path: Path) -> None:
    import pyogrio

    pyogrio.write_dataframe(table, path, driver="GPKG", layer=STYLE_TABLE, append=True, FID="id")


@contextmanager
def _fixed_date() -> Iterator[None]:
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _points(locations: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the heaviest locations as points, in the order of the table."""
    from geopandas import GeoDataFrame

    if len(locations) > MOST_POINTS:
        lightest_last = np.argsort(-locations["weight"].to_numpy(), kind="stable")
        locations = locations.iloc[np.sort(lightest_last[:MOST_POINTS])]
    points = shapely.points(locations["lon"].to_numpy(), locations["lat"].to_numpy())
    return GeoDataFrame(locations.reset_index(drop=True), geometry=points, crs=4326)


def _lines(merges: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the merges as lines between the centres of both clusters."""
    from geopandas import GeoDataFrame

    ends = merges[["lon_a", "lat_a", "lon_b", "lat_b"]].to_numpy(dtype=np.float64)
    lines = np.array([_line(*each) for each in ends], dtype=object)
    table = merges.copy()
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    table[texts] = table[texts].astype("string")
    return GeoDataFrame(table, geometry=lines, crs=4326)


def _line(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> Any:
    """Return the line between two points, cut at the 180th meridian if it crosses that."""
    if np.isnan([lon_a, lat_a, lon_b, lat_b]).any():
        return None
    if abs(lon_b - lon_a) <= 180.0:
        return shapely.LineString([(lon_a, lat_a), (lon_b, lat_b)])
    turn = 360.0 if lon_b < lon_a else -360.0
    edge = turn / 2
    lat_edge = lat_a + (lat_b - lat_a) * (edge - lon_a) / (lon_b + turn - lon_a)
    return shapely.MultiLineString(
        [[(lon_a, lat_a), (edge, lat_edge)], [(-edge, lat_edge), (lon_b, lat_b)]]
    )
