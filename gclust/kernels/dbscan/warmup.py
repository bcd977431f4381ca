"""A run of every kernel of DBSCAN, which compiles them; see ``gclust.kernels.warm_up``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gclust.kernels.dbscan.border_labels import assign_labels
from gclust.kernels.dbscan.core_components import link_points
from gclust.kernels.dbscan.core_levels import find_levels, level_by_tree
from gclust.kernels.spatial.bands import band_height, build_bands, select_points
from gclust.kernels.spatial.bucket_sort import normalise
from gclust.kernels.spatial.fold import fold, unfold
from gclust.kernels.sphere import reach_of
from gclust.parallel import unreported

SIDE = 24
"""A lattice of 24 by 24 points, eps/16 apart, has three rows in a band, so that bounds
leave cells undecided."""


def run_dbscan_kernels(report: Callable[[float], None]) -> None:
    """Run every kernel once on a small lattice.

    Parameters
    ----------
    report : callable
        Called with the share done.
    """
    surface, eps_km = (1.0, 0.0), 1.0
    reach = reach_of(eps_km)
    step = np.degrees(eps_km / 6371.0) / 16
    side = step * np.arange(SIDE)
    lat, lon = np.repeat(side, SIDE), np.tile(side, SIDE)
    none = np.zeros(0, dtype=np.int64)
    normalise(lat, lon, 0, len(lat))
    folded = fold(lat, lon, none, band_height(eps_km), 1, unreported)
    points = build_bands(folded.lat, folded.lon, surface, eps_km, reach, 1, unreported)
    report(0.3)
    thresholds = np.array([400], dtype=np.int64)
    level = find_levels(points, folded.prefix, thresholds, reach, 1, unreported)
    every = np.arange(len(level))
    wanted = np.ones(len(level), dtype=np.bool_)
    level_by_tree(points, every, wanted, folded.prefix, thresholds, reach, 1, unreported, level)
    core = level.view(np.bool_)
    report(0.6)
    cores = select_points(points, np.flatnonzero(core), reach, 1)
    link_points(cores, reach, 1, unreported)
    report(0.8)
    labels = np.arange(len(cores.lon))
    out = np.empty(len(points.lon), dtype=np.int64)
    assign_labels(points, ~core, cores, labels, True, reach, 1, unreported, out)
    unfold(folded, out, core, 1)
