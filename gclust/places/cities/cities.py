"""The cities of a cluster and their weights, by Reilly's law of retail gravitation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.places.cities.gazetteer import gazetteer
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

NEAR_KM = 15.0
"""Largest distance from a city's point to a location of a cluster that contains the city."""

# A city's radius is that of a circle in which its inhabitants live this densely. A place
# within the radius of a larger city of its economy is a part of that city when it has less
# than this share of its inhabitants. Kawasaki (0.158) is a part of Tokyo so, Cambridge in
# Massachusetts (0.169) not one of Boston; Newark, Jersey City and Shinjuku are parts,
# Oakland, Yokohama and Hong Kong are cities.
INHABITANTS_PER_KM2 = 2500.0
PART_SHARE = 1 / 6

_CHUNK_RATIOS = 2_000_000
"""Number of ratios that are computed at a time (16 MB)."""

_COLUMNS = ("name", "country", "lat", "lon", "population")


@dataclass(frozen=True)
class Cities:
    """A gazetteer, sorted by population (largest first), then ``geonameid``, to break ties.

    Attributes
    ----------
    name, country, admin1 : ndarray of str
    population : ndarray of float64
        At least 1.
    vectors : ndarray, shape (n, 3)
    tree : scipy.spatial.cKDTree
        Of all vectors.
    eligible : ndarray of int
        Rows that are neither sections nor parts of a larger city.
    eligible_tree : scipy.spatial.cKDTree
        Of their vectors.
    """

    name: NDArray[np.object_]
    country: NDArray[np.object_]
    admin1: NDArray[np.object_]
    population: Floats
    vectors: Floats
    tree: cKDTree
    eligible: Rows
    eligible_tree: cKDTree

    @classmethod
    def of(cls, table: pd.DataFrame) -> Cities:
        """Sort and index a gazetteer; see :func:`gclust.places.cities.names.name_clusters`."""
        missing = [column for column in _COLUMNS if column not in table.columns]
        if missing:
            raise ValueError(
                f"a gazetteer needs the columns {', '.join(_COLUMNS)}; "
                f"this one lacks {', '.join(missing)}"
            )
        if table.empty:
            raise ValueError("a gazetteer needs at least one city; this one has no rows")
        identifier = "geonameid" if "geonameid" in table.columns else "name"
        table = table.sort_values(
            ["population", identifier, "lat", "lon"], ascending=[False, True, True, True]
        ).reset_index(drop=True)
        none = pd.Series("", index=table.index)
        section = table.get("section", pd.Series(False, index=table.index)).to_numpy(dtype=bool)
        vectors = unit_vectors(table["lat"], table["lon"])
        country = table["country"].to_numpy(dtype=object)
        population = np.maximum(table["population"].to_numpy(dtype=float), 1.0)
        eligible = _without_parts(vectors, population, country, np.flatnonzero(~section))
        return cls(
            name=table["name"].to_numpy(dtype=object),
            country=country,
            admin1=table.get("admin1", none).fillna("").to_numpy(dtype=object),
            population=population,
            vectors=vectors,
            tree=_tree(vectors),
            eligible=eligible,
            eligible_tree=_tree(vectors[eligible]),
        )

    def nearest(self, vectors: Floats) -> Rows:
        """Return the row of the city nearest to each unit vector."""
        return self.tree.query(vectors)[1]


@lru_cache(maxsize=1)
def shipped_cities() -> Cities:
    """Return the indexed gazetteer of the package; it is indexed only once."""
    return Cities.of(gazetteer())


def _without_parts(
    vectors: Floats, population: Floats, country: NDArray[np.object_], rows: Rows
) -> Rows:
    """Return the rows of cities that are no parts of larger cities; rows are sorted by size."""
    tree = _tree(vectors[rows])
    radius_km = np.sqrt(population[rows] / INHABITANTS_PER_KM2 / np.pi)
    chords = 2.0 * np.sin(radius_km / EARTH_RADIUS_KM / 2.0)
    part = np.zeros(len(rows), bool)
    # Four of five cities have no other within their radius.
    within = tree.query_ball_point(vectors[rows], chords, return_length=True)
    for city in np.flatnonzero(within > 1).tolist():
        if part[city] or population[rows[city]] < 1.0 / PART_SHARE:
            continue
        near = np.array(tree.query_ball_point(vectors[rows[city]], chords[city]), dtype=np.intp)
        small = population[rows[near]] < PART_SHARE * population[rows[city]]
        part[near[small & (country[rows[near]] == country[rows[city]])]] = True
    return rows[~part]


def _tree(vectors: Floats) -> cKDTree:
    from scipy.spatial import cKDTree  # it takes 0.4 s, which may be while listings are read

    return cKDTree(vectors)


def weigh(
    vectors: Floats, weight: NDArray[np.generic], cities: Cities, among: Rows | None = None
) -> tuple[Rows, NDArray[np.generic]]:
    """Compute the weight of each city of one cluster by Reilly's law.

    Parameters
    ----------
    vectors : ndarray, shape (n, 3)
        The cluster's locations.
    weight : ndarray, shape (n,)
        Their weights; whole units are summed exactly.
    cities : Cities
    among : ndarray of int, optional
        Rows of the cities to weigh, ascending; by default those in the cluster.

    Returns
    -------
    rows : ndarray of int
        Cities in the cluster, heaviest first; ties go to the larger city. In a cluster far
        from any city, the one city that is nearest to most of its weight.
    weights : ndarray
        Of these cities.
    """
    rows = _cities_near(vectors, cities) if among is None else among
    if rows.size:
        choice = strongest(vectors, cities, rows)
        heaviest_first = slice(None)
    else:
        rows = cities.eligible
        choice = _tree(cities.vectors[rows]).query(vectors)[1]
        heaviest_first = slice(1)
    weights = np.zeros(len(rows), dtype=weight.dtype)
    np.add.at(weights, choice, weight)
    order = np.lexsort((rows, -weights))[heaviest_first]
    return rows[order], weights[order]


def _cities_near(vectors: Floats, cities: Cities) -> Rows:
    """Return the rows of the eligible cities near a location, ascending."""
    centre = vectors.mean(axis=0)
    centre /= max(float(np.linalg.norm(centre)), 1e-12)
    reach = np.linalg.norm(vectors - centre, axis=1).max() + NEAR_KM / EARTH_RADIUS_KM
    found = cities.eligible_tree.query_ball_point(centre, reach)
    rows = cities.eligible[np.sort(np.array(found, dtype=np.intp))]
    chord = 2.0 * np.sin(NEAR_KM / EARTH_RADIUS_KM / 2.0)
    distance, _ = _tree(vectors).query(cities.vectors[rows], distance_upper_bound=chord)
    return rows[np.isfinite(distance)]


def strongest(vectors: Floats, cities: Cities, rows: Rows) -> Rows:
    """Return for each location which of the given cities attracts it most.

    Parameters
    ----------
    vectors : ndarray, shape (n, 3)
    cities : Cities
    rows : ndarray of int
        Of at least one city.

    Returns
    -------
    ndarray of int, shape (n,)
        Positions in ``rows`` of the largest population over squared distance (Reilly's law);
        the first of equal ones.
    """
    places, population = cities.vectors[rows], cities.population[rows]
    out = np.empty(len(vectors), dtype=np.intp)
    step = max(1, _CHUNK_RATIOS // len(rows))
    for start in range(0, len(vectors), step):
        some = slice(start, start + step)
        # einsum sums in one order; a BLAS product may choose by the number of threads.
        squared = 2.0 - 2.0 * np.einsum("ik,jk->ij", vectors[some], places)
        out[some] = (population / np.maximum(squared, 1e-16)).argmax(axis=1)
    return out
