"""Assignment to HDBSCAN clusters of locations of weight 0, which join but do not form them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.hierarchy import HierarchyParameters, vectors_of
from gclust.cluster.lengths import lengths_km
from gclust.cluster.parameters import SURFACES
from gclust.kernels.hdbscan.core_distances import core_keys
from gclust.kernels.hdbscan.nearest_member import attach_points, key_of_km
from gclust.kernels.spatial.ball_tree import LEAF, grow_balls
from gclust.progress import Report, stage


class Attached(NamedTuple):
    """Clusters that ``m`` locations of weight 0 join, and the radii at which they do."""

    labels: NDArray[np.int64]  # (m,) -1 if the location is in no cluster
    reach_km: NDArray[np.float64]  # (m,) least radius that connects it to the member of its label


def attach_weightless(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    labels: NDArray[np.int64],
    until_km: NDArray[np.float64],
    parameters: HierarchyParameters,
    show: Report,
) -> Attached:
    """Return the cluster that each location of weight 0 joins.

    Such a location takes the cluster of the nearest member to which it would be connected at
    some radius at which the cluster exists: the member is within that radius, and so is
    ``min_samples`` of weight. It then belongs to the cluster as a member does, which is a core
    point at such a radius and within that radius of another member. It connects nothing itself:
    points that are near to no other point of the cluster stay outside.

    ``lat``, ``lon`` and ``units`` (n,) are distinct locations in degrees, normalised, with their
    fixed-point weights. ``labels`` (n,) are the clusters of those with weight, -1 for noise and for
    the others; ``until_km`` (n_clusters,) is from `gclust.cluster.selection.cluster_radii`.
    """
    threads = parameters.threads
    others = np.flatnonzero(units == 0)
    if others.size == 0 or not (labels >= 0).any():
        return Attached(np.full(len(others), -1), np.full(len(others), np.inf))
    sphere = parameters.surface == SURFACES["haversine"]
    with stage(show, "measuring core distances") as report:
        xyz = vectors_of(lat, lon, parameters.surface, threads)
        balls, order = grow_balls(xyz, units, sphere, LEAF, threads, lambda _: None)
        at = np.empty(len(order), dtype=np.int64)
        at[order] = np.arange(len(order))
        core = core_keys(balls, parameters.min_units, threads, report, at[others])
    with stage(show, "finding nearest members") as report:
        below = np.append([key_of_km(sphere, km) for km in until_km], 0.0)  # -1 is no cluster
        rank = np.lexsort((lon, lat)).argsort()
        to, key = attach_points(
            balls, core, below[labels[order]], rank[order], at[others], threads, report
        )
    found = np.where(to >= 0, labels[order[to]], -1)
    reach_km = np.maximum(*(lengths_km(sphere, each, threads) for each in (key, core[at[others]])))
    return Attached(found, np.where(to >= 0, reach_km, np.inf))
