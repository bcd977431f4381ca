"""A function that compiles all kernels of DBSCAN by calling them (``gclust.kernels.warm_up``)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gclust.kernels.dbscan.border_labels import LabelledCores, assign_labels
from gclust.kernels.dbscan.core_components import link_points
from gclust.kernels.dbscan.core_levels import MOST_CANDIDATES, count_by_tree, density_levels
from gclust.kernels.dbscan.density_level import Counting
from gclust.kernels.spatial.bands import band_height, build_bands, select_points
from gclust.kernels.spatial.bucket_sort import normalise
from gclust.kernels.spatial.fold import fold_rows, unfold
from gclust.kernels.sphere import EARTH_RADIUS_KM, reach_of
from gclust.parallel import unreported

SIDE = 24
"""Side of the lattice: 24 by 24 points, eps/16 apart, have three rows in a band, so that
some cells are not decided by bounds."""


def run_dbscan_kernels(report: Callable[[float], None]) -> None:
    """Call every kernel of DBSCAN once on a small lattice."""
    surface, eps_km = (1.0, 0.0), 1.0
    reach = reach_of(eps_km)
    step = np.degrees(eps_km / EARTH_RADIUS_KM) / 16
    side = step * np.arange(SIDE)
    lat, lon = np.repeat(side, SIDE), np.tile(side, SIDE)
    none = np.zeros(0, dtype=np.int64)
    normalise(lat, lon, 0, len(lat))
    folded = fold_rows(lat, lon, none, band_height(eps_km), 1, unreported)
    points = build_bands(folded.lat, folded.lon, surface, eps_km, reach, 1, unreported)
    report(0.3)
    thresholds = np.array([400], dtype=np.int64)
    level = density_levels(points, folded.prefix, thresholds, reach, 1, unreported)
    counting = Counting(folded.prefix, thresholds, reach, MOST_CANDIDATES)
    cells = np.arange(len(points.cell_band))
    count_by_tree(points, cells, counting, level, 1, unreported)
    core = level.view(np.bool_)
    report(0.6)
    cores = select_points(points, np.flatnonzero(core), reach, 1)
    link_points(cores, reach, 1, unreported)
    report(0.8)
    labels = np.empty(len(points.lon), dtype=np.int64)
    labelled = LabelledCores(cores, np.arange(len(cores.lon)))
    assign_labels(points, ~core, labelled, True, reach, 1, unreported, labels)
    unfold(folded, labels, core, 1)
