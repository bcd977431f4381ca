"""Member cities: the cities that make up a cluster, and the city of each location."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.places.cities.cities import Cities, Rows, shipped_cities, strongest, weigh
from gclust.places.cities.location_cells import ClusterCells
from gclust.places.cities.names import distinct
from gclust.sphere import unit_vectors


def member_cities(
    cells: ClusterCells,
    *,
    least_share: float = 0.05,
    gazetteer: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Divide the locations of each cluster among its cities.

    The cities are weighed as for the cluster's name (`gclust.places.cities.names.name_clusters`).
    Those of at least `least_share` are its members, and each location belongs to the member
    that attracts it most by Reilly's law, so that suburbs go to their city.

    Parameters
    ----------
    cells : ClusterCells
        The weights of the clusters' locations, with ``numbered=True``.
    least_share : float
        A city is a member if it has at least this share of the cluster's weight. If there is
        none, the heaviest city is the only member.
    gazetteer : pandas.DataFrame, optional
        As for `gclust.places.cities.names.name_clusters`.

    Returns
    -------
    members : DataFrame
        ``cluster_id, city, country``, by cluster and, in it, from the heaviest member down.
        The cities of a cluster have distinct names.
    member : ndarray of int64, shape (n,)
        Row of ``members`` to which each location of the cells belongs, -1 for noise.

    Raises
    ------
    ValueError
        As `gclust.places.cities.names.name_clusters`.

    References
    ----------
    W. J. Reilly (1931), The Law of Retail Gravitation.

    Examples
    --------
    >>> at = [35.69, 35.43], [139.69, 139.64], [2, 1], [0, 0]
    >>> cells = ClusterCells.of(*at, n_clusters=1, numbered=True)
    >>> members, member = member_cities(cells)
    >>> members["city"].tolist(), member.tolist()
    (['Tokyo', 'Yokohama'], [0, 1])
    """
    if cells.cell is None:
        raise ValueError("cells has no cell of each location; make it with numbered=True")
    cities = shipped_cities() if gazetteer is None else Cities.of(gazetteer)
    vectors, weight = unit_vectors(cells.lat, cells.lon), cells.weight
    of_cell = np.empty(len(vectors), dtype=np.int64)
    rows: list[Rows] = []
    found = 0
    for start, end in pairwise(cells.starts):
        own, at = _divide(vectors[start:end], weight[start:end], cities, least_share)
        of_cell[start:end] = found + at
        rows.append(own)
        found += len(own)
    members = pd.DataFrame(
        {
            "cluster_id": np.repeat(np.arange(cells.n_clusters), [len(own) for own in rows]),
            "city": [name for own in rows for name in _distinct_names(cities, own)],
            "country": [country for own in rows for country in cities.country[own]],
        }
    )
    return members, np.append(of_cell, -1)[cells.cell]


def _divide(
    vectors: NDArray[np.float64], weight: NDArray[np.generic], cities: Cities, least_share: float
) -> tuple[Rows, Rows]:
    """Return the rows of one cluster's members, heaviest first, and the member of each cell."""
    rows, weights = weigh(vectors, weight, cities)
    heavy = rows[weights >= least_share * weight.sum()]
    among = np.sort(heavy if heavy.size else rows[:1])
    order, _ = weigh(vectors, weight, cities, among)
    place = np.argsort(np.searchsorted(among, order))
    return order, place[strongest(vectors, cities, among)]


def _distinct_names(cities: Cities, rows: Rows) -> list[str]:
    """Return distinct names of one cluster's cities."""
    columns = cities.name, cities.country, cities.admin1
    return distinct(*(column[rows].tolist() for column in columns))
