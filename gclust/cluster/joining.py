"""Which clusters of HDBSCAN take in locations that do not form them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gclust.cluster.dbscan import SURFACES, check_metric
from gclust.cluster.hdbscan import lengths_km
from gclust.cluster.units import threshold_units
from gclust.kernels._pieces import even_cuts, run_pieces, unreported
from gclust.kernels.balls import LEAF, grow_balls
from gclust.kernels.nearness import core_keys
from gclust.kernels.sphere import fill_vectors
from gclust.progress import Report, silent, stage
from gclust.threads import count_threads

_PIECE = 1 << 18


def join_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    labels: NDArray[np.int64],
    birth_km: NDArray[np.float64],
    *,
    min_samples: float,
    metric: str = "haversine",
    n_jobs: int | None = None,
    progress: Report = silent,
) -> NDArray[np.int64]:
    """Return labels for locations without weight, which neither form nor connect clusters.

    Such a location takes the cluster of the nearest member if, at some radius at which
    there is that cluster, the member is within the radius and so is ``min_samples`` of
    weight: then it is as much a point of the cluster as a member, which is a core point at
    such a radius and within it of another member. It does not lead any further: what is
    near to it alone stays outside.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, sorted by latitude, then longitude, normalised as
        by :func:`gclust.cluster.coordinates.degrees`.
    units : ndarray of int64, shape (n,)
        Weight of each, in units of 1/232792560; 0 for those to be labelled.
    labels : ndarray of int64, shape (n,)
        Of those with weight; the others are not looked at.
    birth_km : ndarray of float64, shape (n_clusters,)
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
    threads = count_threads(n_jobs)
    others = np.flatnonzero(units == 0)
    members = np.flatnonzero((labels >= 0) & (units > 0))
    found = np.where(units > 0, labels, -1)
    if others.size == 0 or members.size == 0:
        return found
    sphere = metric == "haversine"
    xyz = np.empty((len(lat), 3))
    run_pieces(
        lambda first, last: fill_vectors(lat, lon, *SURFACES[metric], xyz, first, last),
        even_cuts(len(lat), _PIECE),
        threads,
        unreported,
    )
    chord, nearest = np.empty(len(others)), np.empty(len(others), dtype=np.int64)
    with stage(progress, "finding nearest members") as report:
        tree = cKDTree(xyz[members], balanced_tree=False)
        for first in range(0, len(others), _PIECE):
            piece = slice(first, first + _PIECE)
            chord[piece], nearest[piece] = tree.query(xyz[others[piece]], workers=threads)
            report(min(first + _PIECE, len(others)) / len(others))
    # Squared chords are the keys of an ellipsoid at any distance, of a sphere only up to a
    # quarter of its circumference.
    distance_km = lengths_km(False, chord**2, threads)
    with stage(progress, "measuring core distances") as report:
        balls, order = grow_balls(xyz, units, sphere, LEAF, threads, report)
        core_km = np.empty(len(lat))
        need = threshold_units(min_samples)
        core_km[order] = lengths_km(sphere, core_keys(balls, need, threads, report), threads)
    label = labels[members[nearest]]
    inside = np.maximum(distance_km, core_km[others]) < birth_km[label]
    found[others[inside]] = label[inside]
    return found
