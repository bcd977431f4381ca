"""Compiling, or loading from the cache, all kernels of clustering before their first use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gclust.kernels._pieces import unreported
from gclust.kernels.assign import find_core_of
from gclust.kernels.bands import build_bands, select_points
from gclust.kernels.cores import find_core_points
from gclust.kernels.link import link_cells
from gclust.kernels.sphere import reach_of

SIDE = 24
"""A lattice of 24 by 24 points, eps/16 apart, has three rows in a band, so that bounds
leave cells undecided."""

_ready = False


def prepare(report: Callable[[float], None]) -> None:
    """Run every kernel once on a small lattice.

    Parameters
    ----------
    report : callable
        Called with the share done.
    """
    global _ready
    surface, eps_km = (1.0, 0.0), 1.0
    reach = reach_of(eps_km)
    step = np.degrees(eps_km / 6371.0) / 16
    side = step * np.arange(SIDE)
    lat, lon = np.repeat(side, SIDE), np.tile(side, SIDE)
    points = build_bands(lat, lon, surface, eps_km, reach, 1, unreported)
    report(0.2)
    core = find_core_points(points, np.ones(len(lat), np.int64), 400, reach, 1, unreported)
    report(0.6)
    cores = select_points(points, core, reach, 1)
    link_cells(cores, reach, unreported)
    report(0.8)
    find_core_of(points, lat, ~core, cores, cores.order, True, reach, 1, unreported)
    _ready = True


def is_ready() -> bool:
    """Return whether the kernels have been prepared in this process."""
    return _ready
