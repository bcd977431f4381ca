"""Names of clusters and the economies that they lie in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gclust.places.cities.cities import Cities, shipped_cities, weigh
from gclust.places.cities.location_cells import gather
from gclust.sphere import unit_vectors

LEAST_ECONOMY_SHARE = 0.01

REPORTED = 64
"""Clusters that are named between two reports, in about a hundredth of a second."""


def name_clusters(
    lat: ArrayLike,
    lon: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    n_clusters: int,
    most: int = 3,
    least_share: float = 0.1,
    gazetteer: pd.DataFrame | None = None,
    country: ArrayLike | None = None,
    report: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Name each cluster after its cities, and list its economies.

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
    most : int
        At most so many cities are named.
    least_share : float
        A city is named from this share of the cluster's weight on.
    gazetteer : pandas.DataFrame, optional
        Cities with the columns ``name, country, lat, lon, population`` and, if wanted,
        ``admin1``, ``section`` and ``geonameid``; that of the package by default.
    country : array_like of str, shape (n,), optional
        ISO 3166-1 alpha-2 code of each location where it is known; the economies of the
        others are those of the nearest cities.
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
        For a gazetteer without cities or without one of the columns, a label beyond
        `n_clusters`, a cluster without a location, or arrays of different lengths.

    Notes
    -----
    *Candidates.* Sections of cities and places that are parts of a larger city (within its
    radius at 2,500 inhabitants per km2, in the same economy, with less than a sixth of its
    inhabitants) give no names. A city is in a cluster if a location of the cluster lies
    within 15 km of its point.

    *Weight.* Each location counts for the city in its cluster with the largest ratio of
    inhabitants to squared distance (Reilly 1931, The Law of Retail Gravitation; Converse
    1949, New Laws of Retail Gravitation). With plain distance the suburbs of a metropolis,
    each nearer to its own inhabitants, would divide it among themselves until no name was
    left.

    *Name.* The cities of at least `least_share`, weighed once more among themselves so that
    a city's suburbs count for it, in the order of that weight, up to `most`, joined by en
    dashes. If there is none, the heaviest; in a cluster far from any city, the city nearest
    to most of its weight. Equal weights go by inhabitants, then by ``geonameid``.

    *Economies.* Those of the nearest cities, by weight, from 1 % of the cluster's on,
    joined by slashes.

    *Same names.* Clusters of one name get their economies appended, ``Cambridge (GB)``; if
    that is not enough, the first city's first-order division where its code is of letters,
    ``Portland (OR, US)``; and then a number, ``Suzhou (CN) 2``, in the order of clusters.

    Examples
    --------
    >>> name_clusters([35.69, 35.43], [139.69, 139.64], [2, 1], [0, 0], n_clusters=1)
                 name economies
    0  Tokyo–Yokohama        JP
    """
    cities = shipped_cities() if gazetteer is None else Cities.of(gazetteer)
    cells = gather(lat, lon, weight, labels, n_clusters, country)
    vectors = unit_vectors(cells.lat, cells.lon)
    unknown = cells.country == ""
    cells.country[unknown] = cities.country[cities.nearest(vectors[unknown])]
    economies, names, divisions = [], [], []
    for number, (start, end) in enumerate(pairwise(cells.starts)):
        if report is not None and number % REPORTED == 0:
            report(number / n_clusters)
        named = _named(vectors[start:end], cells.weight[start:end], cities, most, least_share)
        names.append("–".join(dict.fromkeys(cities.name[named])))
        divisions.append(cities.admin1[named[0]])
        economies.append(_economies(cells.country[start:end], cells.weight[start:end]))
    return pd.DataFrame(
        {"name": distinct(names, economies, divisions), "economies": economies},
        index=pd.RangeIndex(n_clusters),
    )


def _named(
    vectors: NDArray[np.float64],
    weight: NDArray[np.generic],
    cities: Cities,
    most: int,
    least_share: float,
) -> NDArray[np.intp]:
    """Rows of the cities that name one cluster."""
    rows, weights = weigh(vectors, weight, cities)
    heavy = rows[weights >= least_share * weight.sum()]
    if heavy.size < 2:
        return heavy if heavy.size else rows[:1]
    return weigh(vectors, weight, cities, np.sort(heavy))[0][:most]


def _economies(country: NDArray[np.object_], weight: NDArray[np.generic]) -> str:
    """Codes of the economies of one cluster, heaviest first, joined by slashes."""
    if (country == country[0]).all():
        return str(country[0])
    codes, row_of = np.unique(country.astype(str), return_inverse=True)
    weights = np.zeros(len(codes), dtype=weight.dtype)
    np.add.at(weights, row_of, weight)
    order = np.lexsort((codes, -weights))
    counted = order[weights[order] >= LEAST_ECONOMY_SHARE * weights.sum()]
    return "/".join(codes[counted])


def distinct(names: Sequence[str], economies: Sequence[str], divisions: Sequence[str]) -> list[str]:
    """Append to equal names what tells them apart."""
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
