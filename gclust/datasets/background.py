"""Noise of a simulated world: listings in many towns outside all clusters, none of them dense.

Few of these towns are large, and many are small (a heavy tail). The largest concentrations have
up to 0.88 of the density that a cluster needs; some lie less than 16 km from the next one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gclust.datasets.certainty import EPS_KM, MIN_SAMPLES, SPARSE, Neighbours
from gclust.datasets.layout import Layout
from gclust.datasets.positions import uniform
from gclust.datasets.surroundings import TOWN_RADIUS_KM, Sites
from gclust.sphere import chord_of, unit_vectors

Floats = NDArray[np.float64]

_CLUSTERS = 237
_TAIL = 1.1  # places with x times the threshold in 15 km are about 237 * x ** -1.1
_CONCENTRATED = 0.25 * MIN_SAMPLES  # from here on a town is drawn from that tail
_STEPS = 30


def background(layout: Layout, cities: pd.DataFrame, listings: float, seed: int) -> pd.DataFrame:
    """Choose towns outside all clusters, and the number of noise listings in each.

    Parameters
    ----------
    layout : Layout
        The clusters.
    cities : pandas.DataFrame
        Cities of the gazetteer.
    listings : float
        Listings outside clusters at scale 1.
    seed : int
        Decides which towns are large.

    Returns
    -------
    pandas.DataFrame
        ``name, country, lat, lon, population, radius_km, listings``.

    Raises
    ------
    ValueError
        If there are too few towns for so many listings.
    """
    sites, dense = layout.sites, layout.dense
    free = ~np.isin(np.arange(len(cities)), sites.city[sites.whole])
    points = unit_vectors(cities["lat"].to_numpy(), cities["lon"].to_numpy())
    reach = chord_of(EPS_KM + 0.2 + TOWN_RADIUS_KM + sites.radius_km[dense])
    found = cKDTree(points).query_ball_point(sites.points[dense], reach)
    free[[row for rows in found for row in rows]] = False
    # Nor may a town lie where the border towns of several clusters fill a neighbourhood.
    at_border = sites.at(~dense)
    reach = chord_of(EPS_KM + TOWN_RADIUS_KM + at_border.radius_km)
    full = np.zeros(len(cities))
    for rows, many in zip(
        cKDTree(points).query_ball_point(at_border.points, reach), at_border.listings, strict=True
    ):
        full[rows] += many
    free &= full < 0.9 * SPARSE
    towns = cities[free][["name", "country", "lat", "lon", "population"]]
    weight = (towns["population"].to_numpy() + 5e3) ** 0.5 * _activity(sites, cities)[free]
    weight *= np.exp(2.0 * (uniform(np.flatnonzero(free).astype(np.uint64), seed) - 0.5))
    # Border towns of clusters are among those that must stay sparse.
    neighbours = Neighbours(
        np.concatenate([towns["lat"].to_numpy(), at_border.lat]),
        np.concatenate([towns["lon"].to_numpy(), at_border.lon]),
        np.concatenate([np.full(len(towns), TOWN_RADIUS_KM), at_border.radius_km]),
    )
    mass = np.concatenate([np.zeros(len(towns)), at_border.listings])
    base = np.concatenate([np.zeros(len(towns)), _from_dense(sites, dense)])
    _concentrate(mass, base, weight, neighbours, seed)
    _fill(mass, base, weight, neighbours, listings)
    towns = towns.assign(radius_km=TOWN_RADIUS_KM, listings=mass[: len(towns)])
    return towns[towns["listings"] > 0.0].reset_index(drop=True)


def _activity(sites: Sites, cities: pd.DataFrame) -> Floats:
    """Return the listings per head of each city: more where its economy's clusters have more."""
    names, economy = np.unique(cities["country"].to_numpy().astype(str), return_inverse=True)
    people = np.bincount(economy, cities["population"]) + 1e6
    many = np.bincount(economy[sites.city], sites.listings, len(names)) + 20.0 * MIN_SAMPLES
    return ((many / people) ** 0.6)[economy]


def _from_dense(sites: Sites, dense: NDArray[np.bool_]) -> Floats:
    """Return the listings of dense places within 15 km of each border town."""
    mass = np.where(dense, sites.listings, 0.0)
    return sites.neighbours.most(mass)[~dense]


def _concentrate(
    mass: Floats, base: Floats, weight: Floats, neighbours: Neighbours, seed: int
) -> None:
    """Make some towns large, unless a neighbourhood would become dense."""
    smallest, largest = _CONCENTRATED / MIN_SAMPLES, SPARSE / MIN_SAMPLES
    wanted = int(_CLUSTERS * (smallest**-_TAIL - largest**-_TAIL))
    order = np.argsort(neighbours.one, kind="stable")
    starts = np.searchsorted(neighbours.one[order], np.arange(neighbours.size + 1))
    around = [
        np.append(each[neighbours.may[part]], row)
        for row, (part, each) in enumerate(
            zip(
                np.split(order, starts[1:-1]),
                np.split(neighbours.other[order], starts[1:-1]),
                strict=True,
            )
        )
    ]
    most = base + neighbours.most(mass)
    towns = np.arange(len(weight), dtype=np.uint64)
    # The largest of weight / exponential are a draw by weight without replacement.
    race = weight / -np.log1p(-uniform(towns, seed + 1))
    size = uniform(np.arange(wanted, dtype=np.uint64), seed + 2)
    size = (largest**-_TAIL + size * (smallest**-_TAIL - largest**-_TAIL)) ** (-1.0 / _TAIL)
    done = 0
    for row in np.argsort(-race, kind="stable"):
        if done == wanted:
            break
        many = size[done] * MIN_SAMPLES
        if most[around[row]].max() + many <= SPARSE:
            mass[row] += many
            most[around[row]] += many
            done += 1


def _fill(
    mass: Floats, base: Floats, weight: Floats, neighbours: Neighbours, listings: float
) -> None:
    """Distribute the remaining listings over all other towns by weight, up to their limits."""
    large = mass[: len(weight)] > 0.0
    there = base + neighbours.most(mass)
    limit = np.minimum(np.maximum(0.9 * _CONCENTRATED, 1.15 * there), SPARSE)
    towns = np.append(np.where(large, 0.0, weight), np.zeros(len(mass) - len(weight)))
    wanted = listings - mass[: len(weight)].sum()
    one, other = (side[neighbours.may] for side in (neighbours.one, neighbours.other))
    part, factor = np.ones(len(mass)), wanted / towns.sum()
    for _ in range(_STEPS):
        small = factor * towns * part
        full = there + small + np.bincount(one, small[other], minlength=len(mass))
        over = np.minimum((limit - there + 1e-9) / np.maximum(full - there, 1e-9), 1.0)
        least = over.copy()
        np.minimum.at(least, one, over[other])
        part *= least
        factor *= (wanted / max((factor * towns * part).sum(), 1e-9)) ** 0.7
    small = factor * towns * part
    full = there + small + np.bincount(one, small[other], minlength=len(mass))
    if (full > 1.001 * SPARSE).any():
        raise ValueError(
            f"{len(weight)} towns are too few for {listings:.0f} listings outside all clusters;"
            " expected more towns in the gazetteer"
        )
    mass += small * (wanted / small.sum())
