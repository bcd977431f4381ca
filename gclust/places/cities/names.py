"""Names of clusters, taken from their cities; and the economy in which each cluster lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.places.cities.cities import Cities, shipped_cities, weigh
from gclust.places.cities.location_cells import ClusterCells
from gclust.sphere import unit_vectors

LEAST_ECONOMY_SHARE = 0.01

REPORTED = 64
"""Number of clusters named between two progress reports (about 0.01 seconds)."""


def name_clusters(
    cells: ClusterCells,
    *,
    most: int = 3,
    least_share: float = 0.1,
    gazetteer: pd.DataFrame | None = None,
    report: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Name each cluster after its cities, and list its economies.

    Parameters
    ----------
    cells : ClusterCells
        The weights of the clusters' locations. Where the country of one is not known, its
        economy is that of the nearest city.
    most : int
        Largest number of cities in a name.
    least_share : float
        A city is named if it has at least this share of the cluster's weight.
    gazetteer : pandas.DataFrame, optional
        Cities with the columns ``name, country, lat, lon, population`` and, if wanted,
        ``admin1``, ``section`` and ``geonameid``; that of the package by default.
    report : callable, optional
        Called now and then with the share done; what it raises ends the work.

    Returns
    -------
    pandas.DataFrame
        Index ``0 .. n_clusters - 1``, columns ``name`` and ``economies``. No two names are
        the same. The result does not depend on the order of the rows.

    Raises
    ------
    ValueError
        For a gazetteer without cities or without one of the columns.

    Notes
    -----
    *Candidates.* Sections of cities and places that are parts of a larger city (within its
    radius at 2,500 inhabitants per km2, in the same economy, with less than a sixth of its
    inhabitants) give no names. A city is in a cluster if a location of the cluster lies
    within 15 km of its point.

    *Weight.* Each location counts for the city in its cluster with the largest ratio of
    inhabitants to squared distance (Reilly 1931, The Law of Retail Gravitation; Converse
    1949, New Laws of Retail Gravitation). By plain distance the suburbs of a metropolis
    would take so much of it that no city had the least share.

    *Name.* The cities of at least `least_share`, weighed once more among themselves so that
    a city's suburbs count for it, in the order of that weight, up to `most`, joined by en
    dashes. If there is none, the heaviest city; in a cluster far from any city, the city
    nearest to most of its weight. Ties are decided by inhabitants, then by ``geonameid``.

    *Economies.* Those that the listings name, by weight, from 1 % of the cluster's on, joined
    by slashes; where a location's country is not known, that of the nearest city.

    *Equal names.* Clusters of the same name get their economies appended, ``Cambridge (GB)``;
    if that is not enough, the first city's first-order division where its code consists of
    letters, ``Portland (OR, US)``; and then a number, ``Suzhou (CN) 2``, in the order of
    clusters.

    Examples
    --------
    >>> cells = ClusterCells.of([35.69, 35.43], [139.69, 139.64], [2, 1], [0, 0], n_clusters=1)
    >>> name_clusters(cells)
                 name economies
    0  Tokyo–Yokohama        JP
    """
    cities = shipped_cities() if gazetteer is None else Cities.of(gazetteer)
    vectors, country = unit_vectors(cells.lat, cells.lon), cells.country
    unknown = country == ""
    country[unknown] = cities.country[cities.nearest(vectors[unknown])]
    economies, names, divisions = [], [], []
    for number, (start, end) in enumerate(pairwise(cells.starts)):
        if report is not None and number % REPORTED == 0:
            report(number / cells.n_clusters)
        named = _named(vectors[start:end], cells.weight[start:end], cities, most, least_share)
        names.append("–".join(dict.fromkeys(cities.name[named])))
        divisions.append(cities.admin1[named[0]])
        economies.append(_economies(country[start:end], cells.weight[start:end]))
    return pd.DataFrame(
        {"name": distinct(names, economies, divisions), "economies": economies},
        index=pd.RangeIndex(cells.n_clusters),
    )


def _named(
    vectors: NDArray[np.float64],
    weight: NDArray[np.generic],
    cities: Cities,
    most: int,
    least_share: float,
) -> NDArray[np.intp]:
    """Return the rows of the cities that name one cluster."""
    rows, weights = weigh(vectors, weight, cities)
    heavy = rows[weights >= least_share * weight.sum()]
    if heavy.size < 2:
        return heavy if heavy.size else rows[:1]
    return weigh(vectors, weight, cities, np.sort(heavy))[0][:most]


def _economies(country: NDArray[np.object_], weight: NDArray[np.generic]) -> str:
    """Return the codes of one cluster's economies, heaviest first, joined by slashes."""
    if (country == country[0]).all():
        return str(country[0])
    codes, row_of = np.unique(country.astype(str), return_inverse=True)
    weights = np.zeros(len(codes), dtype=weight.dtype)
    np.add.at(weights, row_of, weight)
    order = np.lexsort((codes, -weights))
    counted = order[weights[order] >= LEAST_ECONOMY_SHARE * weights.sum()]
    return "/".join(codes[counted])


def distinct(names: Sequence[str], economies: Sequence[str], divisions: Sequence[str]) -> list[str]:
    """Make equal names distinct by adding economies, divisions or numbers."""
    out = list(names)
    for row in _repeated(out):
        out[row] = f"{names[row]} ({economies[row]})"
    for row in _repeated(out):
        if divisions[row].isalpha():
            out[row] = f"{names[row]} ({divisions[row]}, {economies[row]})"
    taken: Counter[str] = Counter()
    for row in _repeated(out):
        taken[out[row]] += 1
        if taken[out[row]] > 1:
            out[row] = f"{out[row]} {taken[out[row]]}"
    return out


def _repeated(names: Sequence[str]) -> list[int]:
    counts = Counter(names)
    return [row for row, name in enumerate(names) if counts[name] > 1]
