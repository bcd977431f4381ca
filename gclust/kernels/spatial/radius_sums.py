"""Exact sums of the weights of all points within a radius of chosen points."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.sphere import reach_of, separation, vector_at
from gclust.parallel import even_chunks, parallel_for
from gclust.sphere import EARTH_RADIUS_KM

CHUNK = 256
"""Number of queries in a chunk; each one scans the points of a latitude band."""


class WeightedPoints(NamedTuple):
    """``n`` points with weights, sorted by latitude."""

    lat: NDArray[np.float64]  # (n,) degrees, ascending
    lon: NDArray[np.float64]  # (n,) degrees in [-180, 180)
    units: NDArray[np.int64]  # (n,) weight


class Queries(NamedTuple):
    """Arrays of ``m`` query points, each with the range of points near its latitude."""

    at: NDArray[np.int64]  # (m,) number of each query point
    begin: NDArray[np.int64]  # (m,) first point of its band of latitude
    end: NDArray[np.int64]  # (m,) last point of its band of latitude + 1


@kernel
def sum_around(points, queries, degrees, limit, around, first, last):
    """Sum the weight within the radius of query points ``first .. last``, without their own weight.

    ``degrees`` is half the height of a query's band of latitude, ``limit`` the key of the radius;
    ``around`` (m,) int64 is filled.
    """
    lat, lon = points.lat, points.lon
    for k in range(first, last):
        i = queries.at[k]
        x, y, z = vector_at(lat[i], lon[i], 1.0, 0.0)
        wide = 180.0
        farthest = abs(lat[i]) + degrees
        if farthest < 89.0:
            # A degree of longitude shrinks with the cosine; 0.1 % is added for curvature.
            wide = 1.001 * degrees / math.cos(math.radians(farthest))
        total = np.int64(0)
        for q in range(queries.begin[k], queries.end[k]):
            apart = abs(lon[q] - lon[i])
            if min(apart, 360.0 - apart) <= wide and q != i:
                ox, oy, oz = vector_at(lat[q], lon[q], 1.0, 0.0)
                if separation(x, y, z, ox, oy, oz) <= limit:
                    total += points.units[q]
        around[k] = total


def units_around(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    at: NDArray[np.int64],
    radius_km: float,
    threads: int,
) -> NDArray[np.int64]:
    """Return the weight within a radius of each chosen point, without the point's own weight.

    The radius is a great-circle distance, inclusive. ``lat``, ``lon`` and ``units`` (n,) are sorted
    by latitude, in degrees, longitudes in [-180, 180); ``at`` (m,) are the numbers
    of the chosen points. The result has shape (m,).
    """
    degrees = math.degrees((radius_km + 1e-6) / EARTH_RADIUS_KM)
    begin = np.searchsorted(lat, lat[at] - degrees)
    end = np.searchsorted(lat, lat[at] + degrees, side="right")
    limit = reach_of(radius_km).limit
    around = np.empty(len(at), dtype=np.int64)
    points, queries = WeightedPoints(lat, lon, units), Queries(at, begin, end)
    chunks = even_chunks(len(at), CHUNK)
    parallel_for(chunks, threads, sum_around, points, queries, degrees, limit, around)
    return around
