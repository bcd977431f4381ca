"""Which clusters of HDBSCAN take in locations that do not form them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan import SURFACES, check_metric
from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.hierarchy import vectors_of
from gclust.cluster.lengths import lengths_km
from gclust.kernels.hdbscan.core_distances import core_keys
from gclust.kernels.hdbscan.nearest_member import attach_points, key_of_km
from gclust.kernels.spatial.ball_tree import LEAF, grow_balls
from gclust.progress import Report, silent, stage
from gclust.threads import count_threads


class Joined(NamedTuple):
    """What ``m`` locations without weight go with."""

    labels: NDArray[np.int64]
    """(m,) cluster of each, -1 for none."""
    reach_km: NDArray[np.float64]
    """(m,) least radius at which each is connected to the nearest member that it may go with."""


def join_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    labels: NDArray[np.int64],
    until_km: NDArray[np.float64],
    *,
    min_samples: float,
    metric: str = "haversine",
    n_jobs: int | None = None,
    progress: Report = silent,
) -> NDArray[np.int64]:
    """Return labels for locations without weight, which neither form nor connect clusters.

    Such a location takes the cluster of the nearest member with which it would be connected
    at some radius at which there is that cluster: one at which the member is within the
    radius, and so is ``min_samples`` of weight. Then it is as much a point of the cluster as
    a member, which is a core point at such a radius and within it of another member. It does
    not lead any further: what is near to it alone stays outside.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, normalised as by
        :func:`gclust.cluster.coordinates.degrees`.
    units : ndarray of int64, shape (n,)
        Weight of each, in units of 1/232792560; 0 for those to be labelled.
    labels : ndarray of int64, shape (n,)
        Of those with weight; the others are not looked at.
    until_km : ndarray of float64, shape (n_clusters,)
        Radius below which there is each cluster, from
        :func:`gclust.cluster.hdbscan.hierarchical_labels`.
    min_samples, metric, n_jobs
        As in :class:`gclust.HDBSCAN`.
    progress : callable
        Called as ``progress(fraction, stage)``.

    Returns
    -------
    ndarray of int64, shape (n,)
        ``labels`` with those of the locations without weight filled in, -1 for none.
    """
    check_metric(metric)
    found = np.where(units > 0, labels, -1)
    ways = threshold_units(min_samples), SURFACES[metric], count_threads(n_jobs)
    found[units == 0] = join(lat, lon, units, found, until_km, ways, progress).labels
    return found


def join(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    labels: NDArray[np.int64],
    until_km: NDArray[np.float64],
    ways: tuple[int, tuple[float, float], int],
    progress: Report,
) -> Joined:
    """Return what the locations without weight go with; see `join_locations`.

    Parameters
    ----------
    lat, lon, units, labels, until_km
        As there; the labels of locations without weight are -1.
    ways : (int, (float, float), int)
        ``min_samples`` in the units of the weights, the surface, and the number of threads.
    progress : callable
        Called as ``progress(fraction, stage)``.
    """
    need, surface, threads = ways
    others = np.flatnonzero(units == 0)
    if others.size == 0 or not (labels >= 0).any():
        return Joined(np.full(len(others), -1), np.full(len(others), np.inf))
    sphere = surface == SURFACES["haversine"]
    with stage(progress, "measuring core distances") as report:
        xyz = vectors_of(lat, lon, surface, threads)
        balls, order = grow_balls(xyz, units, sphere, LEAF, threads, lambda _: None)
        at = np.empty(len(order), dtype=np.int64)
        at[order] = np.arange(len(order))
        core = core_keys(balls, need, threads, report, at[others])
    with stage(progress, "finding nearest members") as report:
        below = np.append([key_of_km(sphere, km) for km in until_km], 0.0)  # -1 is no cluster
        rank = np.lexsort((lon, lat)).argsort()
        to, key = attach_points(
            balls, core, below[labels[order]], rank[order], at[others], threads, report
        )
    found = np.where(to >= 0, labels[order[to]], -1)
    reach_km = np.maximum(*(lengths_km(sphere, each, threads) for each in (key, core[at[others]])))
    return Joined(found, np.where(to >= 0, reach_km, np.inf))
