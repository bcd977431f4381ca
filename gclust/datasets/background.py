"""Noise of a simulated world: listings in many small places outside all clusters.

Each place is below the density of a cluster, and far enough from other places and from clusters
that no neighbourhood of 15 km contains two.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from gclust.datasets.layout import EPS_KM, MIN_SAMPLES, Layout
from gclust.datasets.positions import uniform
from gclust.sphere import chord_of, unit_vectors

RADIUS_KM = 2.0
_CLEAR_KM = EPS_KM + 1.0
_LARGEST = 0.75 * MIN_SAMPLES  # listings of a place at scale 1, at most


def background(layout: Layout, cities: pd.DataFrame, listings: float, seed: int) -> pd.DataFrame:
    """Choose the places of the noise and the share of its listings in each.

    Parameters
    ----------
    layout : Layout
        Sites of the clusters, from which the noise stays away.
    cities : pandas.DataFrame
        The gazetteer.
    listings : float
        Listings of the noise at scale 1.
    seed : int
        Decides which of the places are large.

    Returns
    -------
    pandas.DataFrame
        ``name, country, lat, lon, population, radius_km, part``.

    Raises
    ------
    ValueError
        If the gazetteer has too few cities for so many listings.
    """
    order = ["population", "geonameid"]
    cities = cities[~cities["section"]].sort_values(order, ascending=[False, True])
    points = unit_vectors(cities["lat"].to_numpy(), cities["lon"].to_numpy())
    free = _clear_of_clusters(layout, points)
    cities, points = cities[free], points[free]
    cities = cities[_far_from_each_other(points)].reset_index(drop=True)
    out = cities[["name", "country", "lat", "lon", "population"]].assign(radius_km=RADIUS_KM)
    # Sizes have a heavy tail, cut where a place would become a cluster.
    draw = uniform(np.arange(len(out), dtype=np.uint64), seed)
    relative = (1.0 + out["population"].to_numpy() / 2e4) ** 0.3 * (0.05 + draw**3)
    wanted = listings / _LARGEST
    if wanted > 0.9 * len(out):
        raise ValueError(f"{len(out)} places are too few for {listings:.0f} listings of noise")
    low, high = 0.0, 1e6
    for _ in range(80):
        factor = 0.5 * (low + high)
        enough = np.minimum(factor * relative, 1.0).sum() > wanted
        low, high = (low, factor) if enough else (factor, high)
    sizes = np.minimum(0.5 * (low + high) * relative, 1.0)
    return out.assign(part=sizes / sizes.sum())


def _clear_of_clusters(layout: Layout, points: np.ndarray) -> np.ndarray:
    """Return which points have no listing of a cluster within 15 km."""
    lat = np.array([site["lat"] for site in layout.sites])
    lon = np.array([site["lon"] for site in layout.sites])
    radius = np.array([site["radius_km"] for site in layout.sites])
    near = cKDTree(points).query_ball_point(
        unit_vectors(lat, lon), chord_of(_CLEAR_KM + RADIUS_KM + radius)
    )
    free = np.ones(len(points), dtype=bool)
    free[[row for rows in near for row in rows]] = False
    return free


def _far_from_each_other(points: np.ndarray) -> np.ndarray:
    """Choose points in order, without those too near to a point already chosen."""
    tree = cKDTree(points)
    pairs = tree.query_ball_point(points, chord_of(_CLEAR_KM + 2.0 * RADIUS_KM))
    keep = np.ones(len(points), dtype=bool)
    for row, near in enumerate(pairs):
        if keep[row]:
            later = [other for other in near if other > row]
            keep[later] = False
    return keep
