"""Copy of the core locations of one radius, in the order of latitude bands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel


class CorePoints(NamedTuple):
    """Arrays of ``m`` core locations."""

    place: NDArray[np.uint32]  # (m,) location
    lat: NDArray[np.float64]  # (m,) degrees
    lon: NDArray[np.float64]  # (m,) degrees
    level: NDArray[np.uint8]  # (m,) how many thresholds each reaches


@kernel
def fill_cores(order, level, lat, lon, out):
    """Copy the locations with a level above 0 to ``out``, a `CorePoints`, in the given order.

    ``order`` (n,) uint32 are locations; ``level`` (n,) uint8, ``lat`` and ``lon`` (n,) float64.
    """
    m = 0
    for t in range(len(order)):
        p = order[t]
        if level[p] > 0:
            out.place[m] = p
            out.lat[m] = lat[p]
            out.lon[m] = lon[p]
            out.level[m] = level[p]
            m += 1


def gather_cores(
    order: NDArray[np.uint32],
    level: NDArray[np.uint8],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> CorePoints:
    """Return the core locations of a radius, in the given order of locations."""
    m = np.count_nonzero(level)
    out = CorePoints(
        np.empty(m, np.uint32),
        np.empty(m, np.float64),
        np.empty(m, np.float64),
        np.empty(m, np.uint8),
    )
    fill_cores(order, level, lat, lon, out)
    return out
