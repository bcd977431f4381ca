"""Functions that compile the kernels of DBSCAN by calling them (``gclust.kernels.warm_up``)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.dbscan.border_labels import LabelledCores, assign_labels
from gclust.kernels.dbscan.core_components import link_points
from gclust.kernels.dbscan.core_levels import MOST_CANDIDATES, count_by_tree, density_levels
from gclust.kernels.dbscan.density_level import Counting
from gclust.kernels.spatial.bands import Bands, band_height, build_bands, select_points
from gclust.kernels.spatial.bucket_sort import normalise
from gclust.kernels.spatial.fold import Folded, fold_rows, unfold
from gclust.kernels.sphere import EARTH_RADIUS_KM, Reach, reach_of
from gclust.parallel import unreported

EPS_KM = 1.0
THRESHOLDS = np.array([400], dtype=np.int64)

SIDE = 24
"""Side of the lattice: 24 by 24 points, eps/16 apart, have three rows in a band, so that
some cells are not decided by bounds."""


def run_dbscan_kernels(report: Callable[[float], None]) -> None:
    """Call every kernel of DBSCAN once on a small lattice, except those of its ball tree."""
    lat, lon = _lattice()
    normalise(lat, lon, 0, len(lat))
    folded, points, reach = _in_bands(lat, lon)
    report(0.4)
    level = density_levels(points, folded.prefix, THRESHOLDS, reach, 1, unreported)
    core = level.view(np.bool_)
    report(0.7)
    cores = select_points(points, np.flatnonzero(core), reach, 1)
    link_points(cores, reach, 1, unreported)
    report(0.85)
    labels = np.empty(len(points.lon), dtype=np.int64)
    labelled = LabelledCores(cores, np.arange(len(cores.lon)))
    assign_labels(points, ~core, labelled, True, reach, 1, unreported, labels)
    unfold(folded, labels, core, 1)


def run_tree_kernels(report: Callable[[float], None]) -> None:
    """Call the kernels of DBSCAN's ball tree once, which only dense listings need."""
    folded, points, reach = _in_bands(*_lattice())
    report(0.1)
    level = np.zeros(len(points.lon), dtype=np.uint8)
    cells = np.arange(len(points.cell_band))
    counting = Counting(folded.prefix, THRESHOLDS, reach, MOST_CANDIDATES)
    count_by_tree(points, cells, counting, level, 1, unreported)


def _lattice() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return latitudes and longitudes of the lattice in degrees."""
    side = np.degrees(EPS_KM / EARTH_RADIUS_KM) / 16 * np.arange(SIDE)
    return np.repeat(side, SIDE), np.tile(side, SIDE)


def _in_bands(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> tuple[Folded, Bands, Reach]:
    none, reach = np.zeros(0, dtype=np.int64), reach_of(EPS_KM)
    folded = fold_rows(lat, lon, none, band_height(EPS_KM), 1, unreported)
    surface = (1.0, 0.0)
    points = build_bands(folded.lat, folded.lon, surface, EPS_KM, reach, 1, unreported)
    return folded, points, reach
