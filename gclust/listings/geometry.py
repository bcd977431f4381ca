"""Points of GeoParquet and GeoPackage files as columns ``lat`` and ``lon``."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio

from gclust.errors import StudyError


def is_geoparquet(path: str | Path) -> bool:
    """Whether a Parquet file carries GeoParquet metadata.

    Raises
    ------
    StudyError
        If it is not a Parquet file.
    """
    try:
        return b"geo" in (pq.read_schema(path).metadata or {})
    except pa.ArrowInvalid as error:
        raise StudyError(f"{path}: cannot be read as Parquet: {error}") from error


def read_points(path: str | Path, layer: str | None = None) -> pd.DataFrame:
    """Read a file of points, with ``lat`` and ``lon`` in degrees of WGS 84.

    Parameters
    ----------
    path : path-like
        GeoParquet (``.parquet``, ``.geoparquet``) or GeoPackage (``.gpkg``).
    layer : str, optional
        Layer of a GeoPackage with more than one.

    Raises
    ------
    StudyError
        If the file has no CRS, holds other geometries than points, or has
        several layers and none is named.
    """
    frame = _read(path, layer)
    if frame.crs is None:
        raise StudyError(f"{path}: has no CRS; expected one, such as EPSG:4326")
    geometry = frame.geometry.to_crs(4326)
    others = sorted(set(geometry.geom_type.dropna()) - {"Point"})
    if others:
        raise StudyError(f"{path}: expected points, found {', '.join(others)}")
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    # An empty point has no coordinates: x and y of it are NaN.
    there = ~(geometry.isna() | geometry.is_empty)
    table["lat"] = geometry.where(there).y
    table["lon"] = geometry.where(there).x
    return table


def _read(path: str | Path, layer: str | None) -> gpd.GeoDataFrame:
    if not str(path).lower().endswith(".gpkg"):
        return gpd.read_parquet(path)
    try:
        layers = list(gpd.list_layers(path)["name"])
    except pyogrio.errors.DataSourceError as error:
        raise StudyError(f"{path}: cannot be read as a GeoPackage: {error}") from error
    if layer is None and len(layers) > 1:
        raise StudyError(
            f'{path}: has the layers {", ".join(layers)}; name one in the source\'s layer = "..."'
        )
    if layer is not None and layer not in layers:
        raise StudyError(f"{path}: has no layer {layer!r}; it has {', '.join(layers)}")
    return gpd.read_file(path, layer=layer or layers[0])
