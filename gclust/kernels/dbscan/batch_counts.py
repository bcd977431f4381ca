"""Weighing neighbouring points together: what may be near all of them is gathered once.

A *crowd* is a few points that follow each other in a cell. Half-widths from its own box,
smaller than its band, leave few points open; these are copied side by side, and each point
of the crowd is compared with all of them in one plain loop, which processors do four at a
time. It takes a third of the time of finding each point's own half-widths, as long as
there are not too many.
"""

from __future__ import annotations

import math

import numpy as np

from gclust.kernels._jit import helper
from gclust.kernels.spatial.bands import (
    NORTH,
    NORTH_RHO,
    SOUTH,
    SOUTH_RHO,
    clipped,
    half_width,
    north_chord2,
    south_chord2,
)
from gclust.kernels.spatial.longitudes import locate, seek, sum_before

CROWD = 32
"""Most points of a crowd."""

MOST_GATHERED = 2048
"""Most points to compare with: with more, each point's own half-widths are the faster way."""

LARGEST_LIMIT = 1.9
"""Keys up to this are squared chords; see ``sphere.separation``."""

STRETCH = 128
"""Points compared with between looks at whether the level is known."""


@helper
def box_of(lat, begin, end):
    """Return the southernmost and the northernmost of the points ``begin .. end``."""
    south = north = begin
    for p in range(begin + 1, end):
        if lat[p] < lat[south]:
            south = p
        if lat[p] > lat[north]:
            north = p
    return south, north


@helper
def box_widths(at, south, north, lat, b, j, inner2, outer2):
    """Return inner and outer half-width of a box and band ``j``, in degrees.

    ``south`` and ``north`` are the numbers of its southernmost and northernmost point.
    """
    south_rho = math.sqrt(at[south, 0] * at[south, 0] + at[south, 1] * at[south, 1])
    north_rho = math.sqrt(at[north, 0] * at[north, 0] + at[north, 1] * at[north, 1])
    far2 = max(
        north_chord2(south_rho, at[south, 2], b, j), south_chord2(north_rho, at[north, 2], b, j)
    )
    facing2 = 0.0
    if b.edges[j, SOUTH] > lat[north]:
        facing2 = south_chord2(north_rho, at[north, 2], b, j)
    elif b.edges[j, NORTH] < lat[south]:
        facing2 = north_chord2(south_rho, at[south, 2], b, j)
    wide = max(south_rho, north_rho) * max(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    thin = min(south_rho, north_rho) * min(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    return clipped(half_width(inner2 - far2, 4.0 * wide), half_width(outer2 - facing2, 4.0 * thin))


@helper
def move_ring(b, j, west, east, inner, outer, rings, k):
    """Move ``rings[k : k + 4]``, positions in band ``j``, to where they lie seen from a box.

    What they are see ``weigh.find_ring``. They are looked for from where they were.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    first = rings[k]
    sure_first = sure_last = last = first
    if outer >= 0.0:
        first = sure_first = sure_last = seek(b.lon, start, m, first, west - outer)
        if east - inner < west + inner:
            sure_first = seek(b.lon, start, m, max(first, rings[k + 1]), east - inner)
            sure_last = seek(b.lon, start, m, max(sure_first, rings[k + 2]), west + inner)
        last = seek(b.lon, start, m, max(sure_last, rings[k + 3]), east + outer)
    rings[k], rings[k + 1], rings[k + 2], rings[k + 3] = first, sure_first, sure_last, last


@helper
def place_rings(b, span, lon, rings):
    """Set all positions of ``rings`` to those of a longitude."""
    low, _, high = span
    for j in range(low, high):
        at = locate(b.lon, b.start[j], b.start[j + 1] - b.start[j], lon)
        for k in range(4 * (j - low), 4 * (j - low) + 4):
            rings[k] = at


@helper
def rings_of_crowd(b, span, prefix, reach, begin, end, rings):
    """Move ``rings`` to the points ``begin .. end`` of ``b``; see ``weigh.find_rings``.

    Returns the lower and the upper bound of what is within reach of each, and how many
    points are between them, -1 where a half-width may reach round the Earth.
    """
    low, _, high = span
    south, north = box_of(b.lat, begin, end)
    west, east = b.lon[begin], b.lon[end - 1]
    lower = upper = unsure = 0
    for j in range(low, high):
        inner, outer = box_widths(
            b.vectors, south, north, b.lat, b, np.uint64(j), reach.inner2, reach.outer2
        )
        if 2.0 * outer + (east - west) >= 360.0:
            return lower, upper, -1
        k = 4 * (j - low)
        move_ring(b, j, west, east, inner, outer, rings, k)
        first, sure_first, sure_last, last = rings[k], rings[k + 1], rings[k + 2], rings[k + 3]
        start = b.start[j]
        m = b.start[j + 1] - start
        lower += sum_before(prefix, start, m, sure_last) - sum_before(prefix, start, m, sure_first)
        upper += sum_before(prefix, start, m, last) - sum_before(prefix, start, m, first)
        unsure += last - first - (sure_last - sure_first)
    return lower, upper, unsure


@helper
def gather_rings(b, span, rings, prefix, x, y, z, units):
    """Copy the points of the rings side by side; return how many they are."""
    low, _, high = span
    n = 0
    for k in range(0, 4 * (high - low), 2):
        start = b.start[low + k // 4]
        m = b.start[low + k // 4 + 1] - start
        first, last = rings[k], rings[k + 1]
        while first < last:
            if first < 0:
                shift, stop = start + m, min(last, 0)
            elif first < m:
                shift, stop = start, min(last, m)
            else:
                shift, stop = start - m, last
            before = prefix[first + shift]
            for q in range(np.uint64(first + shift), np.uint64(stop + shift)):
                x[n], y[n], z[n] = b.vectors[q, 0], b.vectors[q, 1], b.vectors[q, 2]
                upto = prefix[q + np.uint64(1)]
                units[n] = upto - before
                before = upto
                n += 1
            first = stop
    return n


@helper
def level_of(thresholds, units):
    """Return how many of the rising thresholds are at most ``units``."""
    level = 0
    while level < len(thresholds) and thresholds[level] <= units:
        level += 1
    return level


@helper
def narrow(thresholds, lower, upper, lowest, highest):
    """Return the bounds of a level, narrowed by those of the units."""
    while lowest < highest and lower >= thresholds[lowest]:
        lowest += 1
    while lowest < highest and upper < thresholds[highest - 1]:
        highest -= 1
    return lowest, highest


@helper
def level_in_crowd(at, p, x, y, z, units, n, limit, lower, upper, thresholds, lowest, highest):
    """Return the level of point ``p``, compared with ``n`` points until it is known.

    ``lower`` and ``upper`` bound what is within reach of it without and with all of these.
    """
    px, py, pz = at[p, 0], at[p, 1], at[p, 2]
    for first in range(0, n, STRETCH):
        hit = seen = 0
        for q in range(np.uint64(first), np.uint64(min(first + STRETCH, n))):
            dx = px - x[q]
            dy = py - y[q]
            dz = pz - z[q]
            seen += units[q]
            hit += units[q] if dx * dx + dy * dy + dz * dz <= limit else 0
        lower += hit
        upper += hit - seen
        lowest, highest = narrow(thresholds, lower, upper, lowest, highest)
        if lowest == highest:
            break
    return lowest
