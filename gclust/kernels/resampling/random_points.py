"""Positional jitter: random displacement of points within discs around them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.resampling.philox import uniform_pair
from gclust.parallel import even_chunks, parallel_for
from gclust.sphere import chord_of

JITTER = 4
"""Stream of random numbers for jitter; `gclust.kernels.resampling.poisson` has the others."""

CHUNK = 1 << 16


@kernel
def fill_jittered(lat, lon, chord, seed, draw, out_lat, out_lon, first, last):
    """Move the points ``first .. last`` at random within discs around them.

    All arrays are (n,) float64: degrees, and in ``chord`` the chords of the discs' radii in mean
    radii of the Earth.

    A cap's area grows with the square of its chord (Archimedes), so that the root of a uniform
    number spreads points evenly for any size of the disc. In the frame of the centre's meridian
    (away from the axis, east, north) poles need no special case.
    """
    for i in range(first, last):
        u, v = uniform_pair(seed, JITTER, draw, i, 0)
        half = 0.5 * chord[i] * math.sqrt(u)
        along, away = 1.0 - 2.0 * half * half, 2.0 * half * math.sqrt(1.0 - half * half)
        angle = 2.0 * math.pi * v
        phi = math.radians(lat[i])
        north = away * math.cos(angle)
        x = along * math.cos(phi) - north * math.sin(phi)
        y = away * math.sin(angle)
        z = along * math.sin(phi) + north * math.cos(phi)
        out_lat[i] = math.degrees(math.atan2(z, math.hypot(x, y)))
        east = lon[i] + math.degrees(math.atan2(y, x))
        if east >= 180.0:
            east -= 360.0
        elif east < -180.0:
            east += 360.0
        out_lon[i] = east


def jitter_points(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    radius_km: NDArray[np.float64],
    seed: int,
    draw: int,
    threads: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each point moved at random within the disc around it, uniformly by area.

    All arrays are (n,): degrees, the returned longitudes in [-180, 180), and the radii of the discs
    on the sphere. The same ``seed`` and ``draw`` give the same points on any number of threads.
    """
    out = np.empty((2, len(lat)))
    args = (lat, lon, chord_of(radius_km), np.uint64(seed), draw, out[0], out[1])
    parallel_for(even_chunks(len(lat), CHUNK), threads, fill_jittered, *args)
    return out[0], out[1]
