"""What a few places have around them: exact sums of weights within a radius."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.sphere import reach_of, separation, vector_at
from gclust.parallel import even_chunks, parallel_for
from gclust.sphere import EARTH_RADIUS_KM

CHUNK = 256
"""Places in a chunk; each looks at the points of a band of latitude."""


@kernel
def sum_around(lat, lon, units, at, begin, end, degrees, limit, around, first, last):
    """Fill the weight around the points ``at[first:last]``, without their own.

    ``begin`` and ``end`` bound the points in their bands of latitude, ``degrees`` is the
    half-width of the band, ``limit`` the key of the radius.
    """
    for k in range(first, last):
        i = at[k]
        x, y, z = vector_at(lat[i], lon[i], 1.0, 0.0)
        wide = 180.0
        farthest = abs(lat[i]) + degrees
        if farthest < 89.0:
            # A meridian's distance shrinks with the cosine; a part more for its curvature.
            wide = 1.001 * degrees / math.cos(math.radians(farthest))
        total = np.int64(0)
        for q in range(begin[k], end[k]):
            apart = abs(lon[q] - lon[i])
            if min(apart, 360.0 - apart) <= wide and q != i:
                ox, oy, oz = vector_at(lat[q], lon[q], 1.0, 0.0)
                if separation(x, y, z, ox, oy, oz) <= limit:
                    total += units[q]
        around[k] = total


def units_around(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    at: NDArray[np.int64],
    radius_km: float,
    threads: int,
) -> NDArray[np.int64]:
    """Return the weight within a radius of some of the points, without their own.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Degrees, sorted by latitude; longitudes in [-180, 180).
    units : ndarray of int64, shape (n,)
    at : ndarray of int64, shape (m,)
        Which of the points are asked about.
    radius_km : float
        Great-circle distance, inclusive.
    threads : int
    """
    degrees = math.degrees((radius_km + 1e-6) / EARTH_RADIUS_KM)
    begin = np.searchsorted(lat, lat[at] - degrees)
    end = np.searchsorted(lat, lat[at] + degrees, side="right")
    limit = reach_of(radius_km).limit
    around = np.empty(len(at), dtype=np.int64)
    parallel_for(
        even_chunks(len(at), CHUNK),
        threads,
        sum_around,
        lat,
        lon,
        units,
        at,
        begin,
        end,
        degrees,
        limit,
        around,
    )
    return around
