"""Finding for points the core point, or the label, that they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import run_pieces
from gclust.kernels.bands import Bands, chord2, half_width
from gclust.kernels.bounds import neighbourhood_bounds
from gclust.kernels.circle import locate, longitude_at
from gclust.kernels.sphere import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    Reach,
    outer_chord2,
    separation,
    widened,
)

PIECE = 2_000


@part
def search_band(core, j, values, lat, lon, x, y, z, limit, shrink, found):
    """Search band ``j`` for a better core point than ``found`` (-1: none yet).

    With ``shrink`` the nearest one is better, else the one with the least of
    ``values`` among those whose key is at most ``limit``. Returns the limit, shrunk
    to the key of the nearest, and the best point.
    """
    rho = math.sqrt(x * x + y * y)
    near2 = 0.0
    if lat < core.south[j]:
        near2 = chord2(rho, z, core.south_rho[j], core.south_height[j])
    elif lat > core.north[j]:
        near2 = chord2(rho, z, core.north_rho[j], core.north_height[j])
    product = 4.0 * rho * min(core.south_rho[j], core.north_rho[j])
    width = half_width(outer_chord2(limit) - near2, product)
    start = core.start[j]
    m = core.start[j + 1] - start
    middle = locate(core.lon, start, m, lon)
    for step in (1, -1):
        here = middle if step == 1 else middle - 1
        while -m <= here < 2 * m and abs(longitude_at(core.lon, start, m, here) - lon) <= width:
            p = start + here % m
            if shrink or found < 0 or values[p] < values[found]:
                key = separation(x, y, z, core.x[p], core.y[p], core.z[p])
                if key <= limit and (not shrink or key < limit or found < 0):
                    found = p
                    if shrink:
                        limit = key
                        width = half_width(outer_chord2(limit) - near2, product)
            here += step
    return limit, found


@part
def search(core, values, lat, lon, x, y, z, limit, shrink):
    """Return the key of the best core point (see ``search_band``) and the point, or -1.

    Bands are taken from the point's own outwards, so that the limit shrinks early.
    """
    n_bands = len(core.south)
    rho = math.sqrt(x * x + y * y)
    low = 0
    high = n_bands
    while low < high:
        middle = (low + high) // 2
        if core.north[middle] < lat:
            low = middle + 1
        else:
            high = middle
    found = np.int64(-1)
    for step in (1, -1):
        j = low if step == 1 else low - 1
        while 0 <= j < n_bands:
            if step == 1:
                edge2 = chord2(rho, z, core.south_rho[j], core.south_height[j])
            else:
                edge2 = chord2(rho, z, core.north_rho[j], core.north_height[j])
            away = step == -1 or core.south[j] > lat  # not the point's own band
            if away and edge2 > outer_chord2(limit):
                break
            limit, found = search_band(core, j, values, lat, lon, x, y, z, limit, shrink, found)
            j += step
    return limit, found


@kernel
def search_points(points, lat, places, core, values, limit, nearest, tolerance, found, first, last):
    """Search for the ``places[first:last]`` of ``points``.

    ``nearest``: the nearest core point; among those no more than ``tolerance`` (radians)
    farther, that with the least value. Otherwise the least value within ``limit``.
    """
    for t in range(first, last):
        p = places[t]
        at, lon = lat[points.order[p]], points.lon[p]
        x, y, z = points.x[p], points.y[p], points.z[p]
        within = limit
        best = np.int64(-1)
        for rounds in range(2 if nearest else 1, 0, -1):
            shrink = rounds == 2
            key, best = search(core, values, at, lon, x, y, z, within, shrink)
            if best < 0:
                break
            if shrink:
                within = min(limit, max(key, widened(key, tolerance)))
        found[t] = best


def find_core_of(
    points: Bands,
    lat: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    core: Bands,
    values: NDArray[np.int64],
    nearest: bool,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the core point that each point belongs to.

    Parameters
    ----------
    points : Bands
        Points to find a core point for.
    lat : ndarray of float64
        Their latitudes in the caller's order.
    wanted : ndarray of bool, shape (n,)
        Which of ``points``, in their order.
    core : Bands
        The core points.
    values : ndarray of int64, shape (core points,)
        In the order of ``core``.
    nearest : bool
        True: the nearest core point, ties (a micrometre) to the least value. False: the
        core point with the least value within reach.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    places, found : ndarray of int64
        Points within reach of a core point, and that core point.
    """
    counts = np.arange(len(core.lon) + 1, dtype=np.int64)
    _, upper = neighbourhood_bounds(
        points, core, counts, reach, threads, lambda share: report(0.5 * share)
    )
    hopeful = np.repeat(upper > 0, np.diff(points.cell_start))
    places = np.flatnonzero(hopeful & wanted)
    found = np.full(len(places), -1, dtype=np.int64)
    tolerance = TOLERANCE_KM / EARTH_RADIUS_KM
    run_pieces(
        lambda first, last: search_points(
            points, lat, places, core, values, reach.limit, nearest, tolerance, found, first, last
        ),
        np.unique(np.append(np.arange(0, len(places), PIECE), len(places))),
        threads,
        lambda share: report(0.5 + 0.5 * share),
    )
    hit = found >= 0
    return places[hit], found[hit]
