"""The gazetteer of the package: the cities of the world."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gclust.sphere import arc_km, unit_vectors

if TYPE_CHECKING:
    import pandas as pd
    from scipy.spatial import cKDTree


def gazetteer() -> pd.DataFrame:
    """Return the world's cities with 15,000 or more inhabitants, and all capitals.

    Returns
    -------
    pandas.DataFrame
        A copy, sorted by ``geonameid``, with the columns ``geonameid, name, country``
        (ISO 3166-1 alpha-2), ``admin1`` (GeoNames' code of the first-order division),
        ``lat, lon`` (degrees, WGS 84), ``population`` and ``section``: True for a part of
        another city that GeoNames lists on its own, such as Brooklyn.

    Notes
    -----
    From GeoNames (https://www.geonames.org), CC BY 4.0.

    Examples
    --------
    >>> cities = gazetteer()
    >>> cities.loc[cities["name"] == "Tokyo", "country"].tolist()
    ['JP']
    """
    return _load().copy()


@lru_cache(maxsize=1)
def _load() -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = resources.files("gclust.places.data") / "gazetteer.parquet"
    with source.open("rb") as file:
        table = pq.read_table(file)
    frame = table.drop(["lat", "lon"]).to_pandas()
    for place, axis in ((4, "lat"), (5, "lon")):
        # Arrow's cast of a decimal does not give the nearest float.
        degrees = np.round(table[axis].cast(pa.float64()).to_numpy(), 5)
        frame.insert(place, axis, degrees)
    return frame


def distance_to_city_km(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """Return the distance from each place to the nearest city of the gazetteer.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Degrees.

    Returns
    -------
    ndarray of float64, shape (n,)
        Kilometres on the sphere.
    """
    chord, _ = _tree().query(unit_vectors(lat, lon))
    return arc_km(chord)


@lru_cache(maxsize=1)
def _tree() -> cKDTree:
    from scipy.spatial import cKDTree  # it takes 0.4 s

    cities = _load()
    return cKDTree(unit_vectors(cities["lat"], cities["lon"]))
