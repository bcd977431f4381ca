"""The cities of which a cluster consists, and to which each location belongs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gclust.places.cities.cities import Cities, Rows, shipped_cities, strongest, weigh
from gclust.places.cities.location_cells import gather
from gclust.places.cities.names import distinct
from gclust.sphere import unit_vectors


def member_cities(
    lat: ArrayLike,
    lon: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    n_clusters: int,
    least_share: float = 0.05,
    gazetteer: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Divide each cluster among its cities.

    The cities are weighed as for the cluster's name (`gclust.places.cities.names.name_clusters`):
    those of at least `least_share` are its members, and each location belongs to the
    member that draws it most, by Reilly's law, so that suburbs go to their city.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Locations, degrees.
    weight : array_like, shape (n,)
        Weight of each location, not negative; whole units or floats.
    labels : array_like of int, shape (n,)
        Cluster of each location, -1 for noise.
    n_clusters : int
        Clusters are numbered from 0 to ``n_clusters - 1``.
    least_share : float
        A city is a member from this share of the cluster's weight on. If there is none, the
        heaviest is the only one.
    gazetteer : pandas.DataFrame, optional
        As for `gclust.places.cities.names.name_clusters`.

    Returns
    -------
    members : DataFrame
        ``cluster_id, city, country``, by cluster and, in it, from the heaviest member down.
        In one cluster no two cities are called the same.
    member : ndarray of int64, shape (n,)
        Row of ``members`` to which each location belongs, -1 for noise.

    Raises
    ------
    ValueError
        As `gclust.places.cities.names.name_clusters`.

    References
    ----------
    W. J. Reilly (1931), The Law of Retail Gravitation.

    Examples
    --------
    >>> members, member = member_cities(
    ...     [35.69, 35.43], [139.69, 139.64], [2, 1], [0, 0], n_clusters=1
    ... )
    >>> members["city"].tolist(), member.tolist()
    (['Tokyo', 'Yokohama'], [0, 1])
    """
    cities = shipped_cities() if gazetteer is None else Cities.of(gazetteer)
    cells = gather(lat, lon, weight, labels, n_clusters)
    vectors = unit_vectors(cells.lat, cells.lon)
    of_cell = np.empty(len(vectors), dtype=np.int64)
    rows: list[Rows] = []
    found = 0
    for start, end in pairwise(cells.starts):
        own, at = _divide(vectors[start:end], cells.weight[start:end], cities, least_share)
        of_cell[start:end] = found + at
        rows.append(own)
        found += len(own)
    members = pd.DataFrame(
        {
            "cluster_id": np.repeat(np.arange(n_clusters), [len(own) for own in rows]),
            "city": [name for own in rows for name in _called(cities, own)],
            "country": [country for own in rows for country in cities.country[own]],
        }
    )
    return members, np.append(of_cell, -1)[cells.cell]


def _divide(
    vectors: NDArray[np.float64], weight: NDArray[np.generic], cities: Cities, least_share: float
) -> tuple[Rows, Rows]:
    """Rows of one cluster's members, heaviest first, and which of them each cell belongs to."""
    rows, weights = weigh(vectors, weight, cities)
    heavy = rows[weights >= least_share * weight.sum()]
    among = np.sort(heavy if heavy.size else rows[:1])
    order, _ = weigh(vectors, weight, cities, among)
    place = np.argsort(np.searchsorted(among, order))
    return order, place[strongest(vectors, cities, among)]


def _called(cities: Cities, rows: Rows) -> list[str]:
    """Names of one cluster's cities, told apart where they are the same."""
    columns = cities.name, cities.country, cities.admin1
    return distinct(*(column[rows].tolist() for column in columns))
