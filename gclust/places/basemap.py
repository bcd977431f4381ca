"""The base map of the package's maps: outlines of countries."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas


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


@lru_cache(maxsize=1)
def _load() -> geopandas.GeoDataFrame:
    import geopandas
    import pyarrow.parquet as pq

    source = resources.files("gclust.places.data") / "countries.parquet"
    with source.open("rb") as file:
        frame = pq.read_table(file).to_pandas()
    shapes = geopandas.GeoSeries.from_wkb(frame.pop("geometry"), crs="EPSG:4326")
    return geopandas.GeoDataFrame(frame, geometry=shapes)
