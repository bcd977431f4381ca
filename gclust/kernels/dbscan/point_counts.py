"""Whether single points have enough around them: tighter bounds, then distances.

A point's own latitude, in the place of its band's edges, halves what the half-widths
leave open. Only the points between the inner and the outer ones are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.spatial.bands import (
    NORTH,
    NORTH_RHO,
    SOUTH,
    SOUTH_RHO,
    Bands,
    bands_within,
    clipped,
    half_width,
    north_chord2,
    south_chord2,
)
from gclust.kernels.spatial.cell_bounds import all_half_widths
from gclust.kernels.spatial.longitudes import advance, locate, sum_before
from gclust.kernels.sphere import Reach, separation, vector_at
from gclust.parallel import balanced_chunks, parallel_for

CHUNK = 500
"""Points in a chunk; one may need a look at all other points."""


@helper
def point_widths(rho, height, lat, b, j, inner2, outer2):
    """Return inner and outer half-width of a point and band ``j``, in degrees."""
    south2 = south_chord2(rho, height, b, j)
    north2 = north_chord2(rho, height, b, j)
    facing2 = min(south2, north2)
    if b.edges[j, SOUTH] <= lat <= b.edges[j, NORTH]:
        facing2 = 0.0
    south, north = b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO]
    return clipped(
        half_width(inner2 - max(south2, north2), 4.0 * rho * max(south, north)),
        half_width(outer2 - facing2, 4.0 * rho * min(south, north)),
    )


@helper
def find_ring(b, j, base, sure_base, lon, inner, outer):
    """Return four positions in band ``j``, seen from a point.

    What lies between the first and the second or between the third and the fourth may
    be within reach, what lies between the second and the third is, and nothing else.
    The first is searched from ``base`` on, the third from ``sure_base`` on.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    west = advance(b.lon, start, m, base, lon - outer)
    if inner >= 180.0:
        return west, west, west + m, west + m
    sure_west = sure_east = west
    if inner > 0.0:
        sure_west = advance(b.lon, start, m, west, lon - inner)
        sure_east = advance(b.lon, start, m, max(sure_west, sure_base), lon + inner)
    if outer >= 180.0:
        return west, sure_west, sure_east, west + m
    return west, sure_west, sure_east, advance(b.lon, start, m, sure_east, lon + outer)


@helper
def weigh_within(b, j, x, y, z, first, last, prefix, limit):
    """Return the units of band ``j`` within reach of a point at the positions ``first .. last``."""
    at = b.vectors
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
            if separation(x, y, z, at[q, 0], at[q, 1], at[q, 2]) <= limit:
                units += prefix[q + 1] - prefix[q] if len(prefix) else 1
        first = stop
    return units


@helper
def find_rings(b, span, base, prefix, reach, lat, lon, rho, z, least, rings):
    """Fill ``rings`` with four positions in each band of ``span``; see ``find_ring``.

    Returns the lower and the upper bound of the units within reach of a point, and how
    many points are between them; ends early where the lower one is enough.
    """
    low, near, high = span
    lower = upper = unsure = 0
    for d in range(max(near - low, high - near)):
        for j in (near + d, near - 1 - d):
            if not low <= j < high:
                continue
            start = b.start[j]
            m = b.start[j + 1] - start
            inner, outer = point_widths(rho, z, lat, b, j, reach.inner2, reach.outer2)
            west = sure_west = sure_east = east = 0
            if outer >= 0.0:
                west, sure_west, sure_east, east = find_ring(
                    b, j, base[j - low, 0], base[j - low, 1], lon, inner, outer
                )
            k = 4 * (j - low)
            rings[k], rings[k + 1], rings[k + 2], rings[k + 3] = west, sure_west, sure_east, east
            unsure += east - west - (sure_east - sure_west)
            if west < east:
                upper += sum_before(prefix, start, m, east) - sum_before(prefix, start, m, west)
            if sure_west < sure_east:
                lower += sum_before(prefix, start, m, sure_east)
                lower -= sum_before(prefix, start, m, sure_west)
            if lower >= least:
                return lower, lower, 0
    return lower, upper, unsure


@helper
def weigh_point(a, p, b, span, base, rings, prefix, reach, least):
    """Return whether point ``p`` of ``a`` has ``least`` units within reach.

    ``base`` is that of ``move_base`` for the point's cell, ``rings`` is room for four
    positions in each band of ``span``.
    """
    lat, lon = a.lat[p], a.lon[p]
    x, y, z = vector_at(lat, lon, a.axis, a.e2)
    rho = math.sqrt(x * x + y * y)
    lower, upper, _ = find_rings(b, span, base, prefix, reach, lat, lon, rho, z, least, rings)
    low, _, high = span
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


@helper
def move_base(b, span, inner, outer, west, fresh, base):
    """Move ``base`` to where the points of a cell, from ``west`` on, can begin to search.

    In each band of ``span`` the first position that may be within reach, and the first
    that is beyond what surely is, of the cell's first point. ``fresh``: ``base`` does not
    hold those of a cell farther west.
    """
    low, _, high = span
    for j in range(low, high):
        start = b.start[j]
        m = b.start[j + 1] - start
        edge = west - outer[j - low]
        if fresh:
            base[j - low, 0] = base[j - low, 1] = locate(b.lon, start, m, edge)
        else:
            base[j - low, 0] = advance(b.lon, start, m, base[j - low, 0], edge)
        if 0.0 < inner[j - low] < 180.0:
            base[j - low, 1] = advance(b.lon, start, m, base[j - low, 1], west + inner[j - low])


@kernel
def weigh_cells(a, cells, b, prefix, reach, least, enough, first, last):
    """Decide the points of the ``cells[first:last]`` of ``a``."""
    band = np.int64(-1)
    span = (np.int64(0), np.int64(0), np.int64(0))
    outer = np.empty(0)
    inner = np.empty(0)
    base = np.empty((0, 2), dtype=np.int64)
    rings = np.empty(0, dtype=np.int64)
    for t in range(first, last):
        c = cells[t]
        fresh = a.cell_band[c] != band
        if fresh:
            band = a.cell_band[c]
            span = bands_within(a, band, b, reach.outer2)
            low, _, high = span
            inner, outer = all_half_widths(a, band, b, low, high, reach.inner2, reach.outer2)
            base = np.empty((high - low, 2), dtype=np.int64)
            rings = np.empty(4 * (high - low), dtype=np.int64)
        move_base(b, span, inner, outer, a.lon[a.cell_start[c]], fresh, base)
        for p in range(a.cell_start[c], a.cell_start[c + 1]):
            enough[p] = weigh_point(a, p, b, span, base, rings, prefix, reach, least)


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
        Cells of ``a``, ascending.
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
    parallel_for(
        balanced_chunks(np.concatenate([[0], np.cumsum(sizes)]), CHUNK),
        threads,
        weigh_cells,
        a,
        cells,
        b,
        prefix,
        reach,
        least,
        enough,
        report=report,
    )
