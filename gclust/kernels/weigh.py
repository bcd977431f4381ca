"""Whether single points have enough around them: tighter bounds, then distances.

A point's own latitude, in the place of its band's edges, halves what the half-widths
leave open. Only the points between the inner and the outer ones are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, run_pieces
from gclust.kernels.bands import (
    NEARLY_HALF_TURN,
    Bands,
    bands_within,
    chord2,
    half_width,
    half_widths,
)
from gclust.kernels.circle import advance, locate, sum_before
from gclust.kernels.sphere import Reach, separation

PIECE = 500
"""Points in a piece; one may need a look at all other points."""


@part
def point_widths(rho, height, lat, b, j, inner2, outer2):
    """Return inner and outer half-width of a point and band ``j``, in degrees."""
    south2 = chord2(rho, height, b.south_rho[j], b.south_height[j])
    north2 = chord2(rho, height, b.north_rho[j], b.north_height[j])
    near2 = 0.0 if b.south[j] <= lat <= b.north[j] else min(south2, north2)
    wide = 4.0 * rho * max(b.south_rho[j], b.north_rho[j])
    thin = 4.0 * rho * min(b.south_rho[j], b.north_rho[j])
    inner = half_width(inner2 - max(south2, north2), wide)
    outer = half_width(outer2 - near2, thin)
    if inner < 180.0:
        inner = min(inner, NEARLY_HALF_TURN)
    if outer > NEARLY_HALF_TURN:
        outer = 180.0
    return inner, outer


@part
def find_ring(b, j, base, lon, inner, outer):
    """Return four positions in band ``j``, seen from a point, searched from ``base`` on.

    What lies between the first and the second or between the third and the fourth may
    be within reach, what lies between the second and the third is, and nothing else.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    west = advance(b.lon, start, m, base, lon - outer)
    if inner >= 180.0:
        return west, west, west + m, west + m
    sure_west = sure_east = west
    if inner > 0.0:
        sure_west = advance(b.lon, start, m, west, lon - inner)
        sure_east = advance(b.lon, start, m, sure_west, lon + inner)
    if outer >= 180.0:
        return west, sure_west, sure_east, west + m
    return west, sure_west, sure_east, advance(b.lon, start, m, sure_east, lon + outer)


@part
def weigh_within(b, j, x, y, z, first, last, prefix, limit):
    """Return the units of band ``j`` within reach of a point at the positions ``first .. last``."""
    start = b.start[j]
    m = b.start[j + 1] - start
    units = 0
    while first < last:
        if first < 0:
            shift, stop = start + m, min(last, 0)
        elif first < m:
            shift, stop = start, min(last, m)
        else:
            shift, stop = start - m, last
        for q in range(first + shift, stop + shift):
            if separation(x, y, z, b.x[q], b.y[q], b.z[q]) <= limit:
                units += prefix[q + 1] - prefix[q] if len(prefix) else 1
        first = stop
    return units


@part
def weigh_point(a, p, b, low, high, base, rings, prefix, reach, least):
    """Return whether point ``p`` of ``a`` has ``least`` units within reach.

    ``base`` has positions in the bands ``low .. high`` before which none is; ``rings``
    is room for four positions in each.
    """
    x, y, z, lat, lon = a.x[p], a.y[p], a.z[p], a.lat[p], a.lon[p]
    rho = math.sqrt(x * x + y * y)
    lower = upper = 0
    for j in range(low, high):
        start = b.start[j]
        m = b.start[j + 1] - start
        k = 4 * (j - low)
        inner, outer = point_widths(rho, z, lat, b, j, reach.inner2, reach.outer2)
        west = sure_west = sure_east = east = 0
        if outer >= 0.0:
            west, sure_west, sure_east, east = find_ring(b, j, base[j - low], lon, inner, outer)
        rings[k], rings[k + 1], rings[k + 2], rings[k + 3] = west, sure_west, sure_east, east
        if west < east:
            upper += sum_before(prefix, start, m, east) - sum_before(prefix, start, m, west)
        if sure_west < sure_east:
            lower += sum_before(prefix, start, m, sure_east)
            lower -= sum_before(prefix, start, m, sure_west)
    for k in range(0, 4 * (high - low), 2):
        if lower >= least or upper < least:
            break
        first, last = rings[k], rings[k + 1]
        if first < last:
            j = low + k // 4
            start = b.start[j]
            m = b.start[j + 1] - start
            units = weigh_within(b, j, x, y, z, first, last, prefix, reach.limit)
            lower += units
            upper += units + sum_before(prefix, start, m, first)
            upper -= sum_before(prefix, start, m, last)
    return lower >= least


@kernel
def weigh_cells(a, cells, b, prefix, reach, least, enough, first, last):
    """Decide every point of the ``cells[first:last]`` of ``a``."""
    for t in range(first, last):
        c = cells[t]
        i = a.cell_band[c]
        low, _, high = bands_within(a, i, b, reach.outer2)
        base = np.empty(high - low, dtype=np.int64)
        rings = np.empty(4 * (high - low), dtype=np.int64)
        for j in range(low, high):
            _, outer = half_widths(a, i, b, j, reach.inner2, reach.outer2)
            west = a.lon[a.cell_start[c]] - outer
            base[j - low] = locate(b.lon, b.start[j], b.start[j + 1] - b.start[j], west)
        for p in range(a.cell_start[c], a.cell_start[c + 1]):
            enough[p] = weigh_point(a, p, b, low, high, base, rings, prefix, reach, least)


def weigh_points(
    a: Bands,
    cells: NDArray[np.int64],
    b: Bands,
    prefix: NDArray[np.int64],
    reach: Reach,
    least: int,
    threads: int,
    report: Callable[[float], None],
    enough: NDArray[np.bool_],
) -> None:
    """Find which points of some cells have enough around them.

    Parameters
    ----------
    a, b : Bands
        The points that are asked about, and those around them; may be the same.
    cells : ndarray of int64
        Cells of ``a``.
    prefix : ndarray of int64, shape (points of b + 1,) or (0,)
        Cumulative units of ``b``, from 0; an empty one stands for a count of points.
    reach : Reach
        The radius.
    least : int
        Least sum of units.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    enough : ndarray of bool, shape (points of a,)
        Gets the answers for the points of ``cells``.
    """
    sizes = a.cell_start[cells + 1] - a.cell_start[cells]
    run_pieces(
        lambda first, last: weigh_cells(a, cells, b, prefix, reach, least, enough, first, last),
        cut_evenly(np.concatenate([[0], np.cumsum(sizes)]), PIECE),
        threads,
        report,
    )
