"""What runs of points have around them at least and at most, from sums along bands.

For a band and a run of points of another, the points between the inner half-widths
are within the radius of every point of the run, and those beyond the outer ones of
none. Whole cells are summed: those that lie between the inner half-widths bound the
weight around each point of the run from below, those that reach between the outer
ones from above.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper
from gclust.kernels.spatial.bands import Bands, half_widths
from gclust.kernels.spatial.longitudes import advance, locate, sum_before


class Cells(NamedTuple):
    """The cells of bands, ``k`` cells in ``m`` bands: fewer to step over than points."""

    west: NDArray[np.float64]  # (k,) longitude of the first point of each
    east: NDArray[np.float64]  # (k,) and of the last one
    start: NDArray[np.int64]  # (m + 1,) first cell of each band


def cells_of(bands: Bands) -> Cells:
    """Return the cells of bands."""
    starts = bands.cell_start
    return Cells(bands.lon[starts[:-1]], bands.lon[starts[1:] - 1], bands.band_cell)


@helper
def sum_inside(b, j, prefix, inner, runs, west, east, n, total):
    """Add to ``total`` the cells of band ``j`` within the inner half-width of each run."""
    start = b.start[j]
    m = b.start[j + 1] - start
    if inner >= 180.0:
        for t in range(n):
            total[runs[t]] += sum_before(prefix, start, m, m) - sum_before(prefix, start, m, 0)
        return
    low = locate(b.west, start, m, east[runs[0]] - inner)
    high = low
    for t in range(n):
        r = runs[t]
        if east[r] - inner < west[r] + inner:
            low = advance(b.west, start, m, low, east[r] - inner)
            high = advance(b.east, start, m, max(low, high), west[r] + inner)
            total[r] += sum_before(prefix, start, m, high) - sum_before(prefix, start, m, low)


@helper
def sum_outside(b, j, prefix, outer, runs, west, east, n, total):
    """Add to ``total`` the cells of band ``j`` that are not beyond the outer half-width."""
    start = b.start[j]
    m = b.start[j + 1] - start
    low = locate(b.east, start, m, west[runs[0]] - outer)
    high = low
    for t in range(n):
        r = runs[t]
        if 2.0 * outer + (east[r] - west[r]) >= 360.0:
            total[r] += sum_before(prefix, start, m, m) - sum_before(prefix, start, m, 0)
            continue
        low = advance(b.east, start, m, low, west[r] - outer)
        high = advance(b.west, start, m, max(low, high), east[r] + outer)
        total[r] += sum_before(prefix, start, m, high) - sum_before(prefix, start, m, low)


@allocating_helper
def all_half_widths(a, i, b, low, high, inner2, outer2):
    """Return the half-widths of band ``i`` of ``a`` and the bands ``low .. high`` of ``b``."""
    inner = np.empty(high - low)
    outer = np.empty(high - low)
    for j in range(low, high):
        inner[j - low], outer[j - low] = half_widths(
            a, np.uint64(i), b, np.uint64(j), inner2, outer2
        )
    return inner, outer


@allocating_helper
def sum_around(b, span, inner, outer, prefix, least, upper, west, east):
    """Return a bound of what runs of a band have around them in ``b``: the upper or the lower one.

    ``b`` and ``prefix`` are the cells and their cumulative units, ``west`` and ``east`` the runs'
    first and last longitudes, ``span`` is that of ``bands_within``, and the half-widths are
    those of its bands. These are taken from the nearest outwards, and a run is left alone once
    it has ``least``.
    """
    low, near, high = span
    n = len(west)
    total = np.zeros(n, dtype=np.int64)
    runs = np.arange(n).astype(np.uint64)
    for d in range(max(near - low, high - near)):
        for j in (near + d, near - 1 - d):
            if n == 0 or not low <= j < high:
                continue
            if upper:
                sum_outside(b, j, prefix, outer[j - low], runs, west, east, n, total)
            elif inner[j - low] > 0.0:
                sum_inside(b, j, prefix, inner[j - low], runs, west, east, n, total)
            kept = 0
            for t in range(n):
                if total[runs[t]] < least:
                    runs[kept] = runs[t]
                    kept += 1
            n = kept
    return total


@allocating_helper
def group_cells(cells, i, wanted, width):
    """Group the ``wanted`` among the cells of band ``i`` into runs no wider than ``width`` degrees.

    Returns the runs' first and last longitudes and, for each cell, its run or -1.
    """
    begin = cells.start[i]
    k = cells.start[i + 1] - begin
    west = np.empty(k)
    east = np.empty(k)
    run_of = np.full(k, -1)
    n = 0
    for c in range(begin, begin + k):
        if wanted[c - begin]:
            if n == 0 or cells.east[c] - west[n - 1] > width:
                west[n] = cells.west[c]
                n += 1
            east[n - 1] = cells.east[c]
            run_of[c - begin] = n - 1
    return west[:n], east[:n], run_of
