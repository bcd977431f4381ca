"""Whether runs of points have enough around them, from sums along bands.

For a band and a run of points of another, the points between the inner half-widths
are within the radius of every point of the run, and those beyond the outer ones of
none: their sums bound the weight around each point of the run from below and above.
"""

from __future__ import annotations

import numpy as np

from gclust.kernels._jit import making_part, part
from gclust.kernels.bands import half_widths
from gclust.kernels.circle import advance, locate, sum_before


@part
def sum_inside(b, j, prefix, inner, runs, west, east, n, total):
    """Add to ``total`` what band ``j`` has within the inner half-width of each run."""
    start = b.start[j]
    m = b.start[j + 1] - start
    if inner >= 180.0:
        for t in range(n):
            total[runs[t]] += sum_before(prefix, start, m, m) - sum_before(prefix, start, m, 0)
        return
    low = locate(b.lon, start, m, east[runs[0]] - inner)
    high = low
    for t in range(n):
        r = runs[t]
        if east[r] - inner < west[r] + inner:
            low = advance(b.lon, start, m, low, east[r] - inner)
            high = advance(b.lon, start, m, max(low, high), west[r] + inner)
            total[r] += sum_before(prefix, start, m, high) - sum_before(prefix, start, m, low)


@part
def sum_outside(b, j, prefix, outer, runs, west, east, n, total):
    """Add to ``total`` what band ``j`` has within the outer half-width of each run."""
    start = b.start[j]
    m = b.start[j + 1] - start
    low = locate(b.lon, start, m, west[runs[0]] - outer)
    high = low
    for t in range(n):
        r = runs[t]
        if 2.0 * outer + (east[r] - west[r]) >= 360.0:
            total[r] += sum_before(prefix, start, m, m) - sum_before(prefix, start, m, 0)
            continue
        low = advance(b.lon, start, m, low, west[r] - outer)
        high = advance(b.lon, start, m, max(low, high), east[r] + outer)
        total[r] += sum_before(prefix, start, m, high) - sum_before(prefix, start, m, low)


@making_part
def all_half_widths(a, i, b, low, high, inner2, outer2):
    """Return the half-widths of band ``i`` of ``a`` and the bands ``low .. high`` of ``b``."""
    inner = np.empty(high - low)
    outer = np.empty(high - low)
    for j in range(low, high):
        inner[j - low], outer[j - low] = half_widths(a, i, b, j, inner2, outer2)
    return inner, outer


@making_part
def sum_around(b, span, inner, outer, prefix, least, upper, west, east):
    """Return a bound of what runs of a band have around them in ``b``: the upper or the lower one.

    ``west`` and ``east`` are the runs' first and last longitudes, ``span`` is that of
    ``bands_within``, and the half-widths are those of its bands. These are taken from the
    nearest outwards, and a run is left alone once it has ``least``.
    """
    low, near, high = span
    n = len(west)
    total = np.zeros(n, dtype=np.int64)
    runs = np.arange(n)
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


@making_part
def has_enough(b, span, inner, outer, prefix, least, upper, west, east):
    """Return which runs of a band have ``least`` around them in ``b``, by ``sum_around``."""
    return sum_around(b, span, inner, outer, prefix, least, upper, west, east) >= least


@making_part
def group_cells(bands, i, wanted, width):
    """Group the ``wanted`` among the cells of band ``i`` into runs no wider than ``width`` degrees.

    Returns the runs' first and last longitudes and, for each cell, its run or -1.
    """
    begin = bands.band_cell[i]
    k = bands.band_cell[i + 1] - begin
    west = np.empty(k)
    east = np.empty(k)
    run_of = np.full(k, -1)
    n = 0
    for c in range(begin, begin + k):
        if wanted[c - begin]:
            lon = bands.lon[bands.cell_start[c]]
            last = bands.lon[bands.cell_start[c + 1] - 1]
            if n == 0 or last - west[n - 1] > width:
                west[n] = lon
                n += 1
            east[n - 1] = last
            run_of[c - begin] = n - 1
    return west[:n], east[:n], run_of
