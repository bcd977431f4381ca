"""The base map of the package's maps: outlines of countries and lakes."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas
    import pandas as pd


def countries() -> geopandas.GeoDataFrame:
    """Return the outlines of the world's countries, for maps at a scale of 1:50 million.

    Returns
    -------
    geopandas.GeoDataFrame
        A copy, sorted by name, in EPSG:4326 and split at 180 degrees, with the columns
        ``name``, ``economy`` (ISO 3166-1 alpha-2; None where there is no code) and
        ``geometry``. Every geometry is a valid polygon or multipolygon.

    Notes
    -----
    From Natural Earth (https://www.naturalearthdata.com), public domain.

    Examples
    --------
    >>> world = countries()
    >>> world.loc[world["economy"] == "CH", "name"].tolist()
    ['Switzerland']
    """
    return _load().copy()


def lakes() -> geopandas.GeoSeries:
    """Return the outlines of the world's lakes of 400 km² and more, at a scale of 1:50 million.

    Returns
    -------
    geopandas.GeoSeries
        Valid polygons in EPSG:4326, from the north to the south.

    Notes
    -----
    From Natural Earth (https://www.naturalearthdata.com), public domain.

    Examples
    --------
    >>> import shapely
    >>> int(lakes().contains(shapely.Point(-87.0, 44.0)).sum())
    1
    """
    return _load_lakes().copy()


@lru_cache(maxsize=1)
def _load_lakes() -> geopandas.GeoSeries:
    import geopandas

    return geopandas.GeoSeries.from_wkb(_read("lakes")["geometry"], crs="EPSG:4326")


@lru_cache(maxsize=1)
def _load() -> geopandas.GeoDataFrame:
    import geopandas

    frame = _read("countries")
    shapes = geopandas.GeoSeries.from_wkb(frame.pop("geometry"), crs="EPSG:4326")
    return geopandas.GeoDataFrame(frame, geometry=shapes)


def _read(name: str) -> pd.DataFrame:
    """Read a data file of the package."""
    import pyarrow.parquet as pq

    source = resources.files("gclust.places.data") / f"{name}.parquet"
    with source.open("rb") as file:
        return pq.read_table(file).to_pandas()
