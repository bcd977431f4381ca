"""Positions on the closed circle of longitudes of one band.

The points ``start .. start + m`` of a band are sorted by longitude in [-180, 180).
Positions ``-m`` to ``2 m`` repeat them once on either side of the 180th meridian,
with longitudes less or greater by 360 degrees, so that a window across this meridian
is an ordinary range of positions.
"""

from __future__ import annotations

import numpy as np

from gclust.kernels._jit import helper


@helper
def longitude_at(lon, start, m, j):
    """Return the longitude at position ``j``, in degrees."""
    if j < 0:
        return lon[np.uint64(start + j + m)] - 360.0
    if j >= m:
        return lon[np.uint64(start + j - m)] + 360.0
    return lon[np.uint64(start + j)]


@helper
def sum_before(prefix, start, m, j):
    """Return the cumulative weight (``prefix``) before position ``j``, continued around the circle.

    If ``prefix`` is empty, each point counts as one.
    """
    if len(prefix) == 0:
        return j
    total = prefix[np.uint64(start + m)] - prefix[np.uint64(start)]
    if j < 0:
        return prefix[np.uint64(start + j + m)] - total
    if j >= m:
        return prefix[np.uint64(start + j - m)] + total
    return prefix[np.uint64(start + j)]


@helper
def sum_between(prefix, start, m, first, last):
    """Return the weight at the positions ``first .. last``."""
    return sum_before(prefix, start, m, last) - sum_before(prefix, start, m, first)


@helper
def segment_at(start, m, first, last):
    """Return the first segment of positions ``first .. last``: its shift to point numbers, its end.

    The segment goes from ``first`` to the end of a turn of the circle. Returns the shift
    from positions to point numbers, and the position at which the segment ends.
    """
    if first < 0:
        return start + m, min(last, 0)
    if first < m:
        return start, min(last, m)
    return start - m, last


@helper
def bisect(lon, start, m, low, high, value):
    """Return the first position of ``low .. high`` whose longitude is at least ``value``."""
    while low < high:
        middle = (low + high) >> 1
        if longitude_at(lon, start, m, middle) < value:
            low = middle + 1
        else:
            high = middle
    return low


@helper
def locate(lon, start, m, value):
    """Return the first position whose longitude is at least ``value``."""
    return bisect(lon, start, m, -m, 2 * m, value)


@helper
def advance(lon, start, m, j, value):
    """Return the first position from ``j`` on whose longitude is at least ``value``.

    Uses doubling steps, then bisection; one comparison is enough if it is the next position.
    """
    low = j
    high = j
    step = 1
    while high < 2 * m and longitude_at(lon, start, m, high) < value:
        low = high + 1
        high = low + step
        step *= 2
    return bisect(lon, start, m, low, min(high, 2 * m), value)


@helper
def seek(lon, start, m, j, value):
    """Return the same position as ``locate``, searched from position ``j`` to either side."""
    if j < 2 * m and longitude_at(lon, start, m, j) < value:
        return advance(lon, start, m, j, value)
    high = j
    low = j - 1
    step = 1
    while low >= -m and longitude_at(lon, start, m, low) >= value:
        high = low
        low -= step
        step *= 2
    return bisect(lon, start, m, max(low, -m - 1) + 1, high, value)
