"""Neighbour weights of single points: first bounded by longitudes, then found by distances.

The half-widths of longitude (see `gclust.kernels.spatial.bands`) leave an annulus of points
that may be within the radius, the candidates. It is half as wide if it is computed from the
latitude of the point, not from the edges of its band. Distances are computed only to the
candidates. See "Which points are core points" in docs/algorithm.md, step 3.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.dbscan.density_level import Bounds, Counting, narrowed
from gclust.kernels.spatial.bands import (
    NORTH,
    NORTH_RHO,
    SOUTH,
    SOUTH_RHO,
    BandRange,
    Bands,
    bands_within,
    clipped,
    half_width,
    north_chord2,
    query_point,
    south_chord2,
)
from gclust.kernels.spatial.cell_bounds import all_half_widths
from gclust.kernels.spatial.longitudes import advance, locate, segment_at, sum_before, sum_between
from gclust.kernels.sphere import Reach, separation
from gclust.parallel import balanced_chunks, parallel_for

CHUNK = 500
"""Number of points in a chunk; a point may have all other points as candidates."""

NO_LIMIT = 1 << 62
"""Limit on candidates per point that is never reached: no point is left to a tree."""


@helper
def point_widths(q, b, j, reach):
    """Return inner and outer half-width of longitude for a point and band ``j``, in degrees."""
    south2 = south_chord2(q.rho, q.z, b, j)
    north2 = north_chord2(q.rho, q.z, b, j)
    facing2 = min(south2, north2)
    if b.edges[j, SOUTH] <= q.lat <= b.edges[j, NORTH]:
        facing2 = 0.0
    south, north = b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO]
    return clipped(
        half_width(reach.inner2 - max(south2, north2), 4.0 * q.rho * max(south, north)),
        half_width(reach.outer2 - facing2, 4.0 * q.rho * min(south, north)),
    )


@helper
def annulus_range(b, j, hint, certain_hint, lon, inner, outer):
    """Return which points of latitude band ``j`` may lie within the radius of a point.

    Returns four positions in the band, whose points are sorted by longitude.

    The candidates lie between the first and the second position and between the third and the
    fourth. The points between the second and the third are certainly within the radius; all
    others are not. The searches for the first and the third start from ``hint`` and
    ``certain_hint``.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    west = advance(b.lon, start, m, hint, lon - outer)
    if inner >= 180.0:
        return west, west, west + m, west + m
    certain_west = certain_east = west
    if inner > 0.0:
        certain_west = advance(b.lon, start, m, west, lon - inner)
        certain_east = advance(b.lon, start, m, max(certain_west, certain_hint), lon + inner)
    if outer >= 180.0:
        return west, certain_west, certain_east, west + m
    return west, certain_west, certain_east, advance(b.lon, start, m, certain_east, lon + outer)


@helper
def annulus_ranges(q, b, nearby, hints, ranges, counting, threshold):
    """Fill ``ranges``: for each of the bands ``nearby``, four positions that bound the candidates.

    See ``annulus_range``. Returns lower and upper bound of the neighbour weight of a query
    point, and the number of candidates; ends early where the lower bound reaches the
    threshold.
    """
    low, near, high = nearby
    prefix = counting.prefix
    lower = upper = candidates = 0
    for d in range(max(near - low, high - near)):
        for j in (near + d, near - 1 - d):
            if not low <= j < high:
                continue
            start = b.start[j]
            m = b.start[j + 1] - start
            inner, outer = point_widths(q, b, j, counting.reach)
            west = certain_west = certain_east = east = 0
            if outer >= 0.0:
                west, certain_west, certain_east, east = annulus_range(
                    b, j, hints[j - low, 0], hints[j - low, 1], q.lon, inner, outer
                )
            k = 4 * (j - low)
            ranges[k], ranges[k + 1] = west, certain_west
            ranges[k + 2], ranges[k + 3] = certain_east, east
            candidates += east - west - (certain_east - certain_west)
            if west < east:
                upper += sum_between(prefix, start, m, west, east)
            if certain_west < certain_east:
                lower += sum_between(prefix, start, m, certain_west, certain_east)
            if lower >= threshold:
                return lower, lower, 0
    return lower, upper, candidates


@helper
def weight_within(q, b, j, first, last, prefix, limit):
    """Sum the weights of the points within the radius at positions ``first .. last`` of a band."""
    at = b.vectors
    start = b.start[j]
    m = b.start[j + 1] - start
    weight = 0
    while first < last:
        shift, stop = segment_at(start, m, first, last)
        for p in range(first + shift, stop + shift):
            if separation(q.x, q.y, q.z, at[p, 0], at[p, 1], at[p, 2]) <= limit:
                weight += prefix[p + 1] - prefix[p] if len(prefix) else 1
        first = stop
    return weight


@helper
def level_of_point(q, b, nearby, hints, ranges, counting, lowest, highest):
    """Return the density level of a query point, and how many distances were computed.

    The level is known to be in ``lowest .. highest``.

    ``hints`` are from ``move_hints``, ``ranges`` has room for four positions in each of
    the bands ``nearby``. The level is -1 if there are more than ``counting.most`` candidates.
    """
    thresholds, prefix = counting.thresholds, counting.prefix
    lower, upper, candidates = annulus_ranges(
        q, b, nearby, hints, ranges, counting, thresholds[highest - 1]
    )
    bounds = Bounds(lower, upper, lowest, highest)
    scanned = 0
    k = 0
    while True:
        bounds = narrowed(thresholds, lower, upper, bounds)
        if bounds.lowest == bounds.highest or k == 4 * (nearby.high - nearby.low):
            return bounds.lowest, scanned
        if candidates > counting.most:
            return -1, scanned
        first, last = ranges[k], ranges[k + 1]
        if first < last:
            j = nearby.low + k // 4
            start = b.start[j]
            m = b.start[j + 1] - start
            weight = weight_within(q, b, j, first, last, prefix, counting.reach.limit)
            lower += weight
            upper += weight + sum_before(prefix, start, m, first)
            upper -= sum_before(prefix, start, m, last)
            scanned += last - first
        k += 2


@helper
def move_hints(b, nearby, inner, outer, west, is_new, hints):
    """Update ``hints`` to the positions where the searches of the points of a cell can start.

    For each of the bands ``nearby`` and the first point of the cell, at longitude ``west``,
    these are the first position that may be within the radius, and the first position after
    those that certainly are. ``is_new``: ``hints`` has no values from a cell farther west.
    """
    low, _, high = nearby
    for j in range(low, high):
        start = b.start[j]
        m = b.start[j + 1] - start
        edge = west - outer[j - low]
        if is_new:
            hints[j - low, 0] = hints[j - low, 1] = locate(b.lon, start, m, edge)
        else:
            hints[j - low, 0] = advance(b.lon, start, m, hints[j - low, 0], edge)
        if 0.0 < inner[j - low] < 180.0:
            hints[j - low, 1] = advance(b.lon, start, m, hints[j - low, 1], west + inner[j - low])


@kernel
def check_cells(a, cells, b, counting, reached, first, last):
    """Decide whether the weight around each point of ``cells[first:last]`` reaches a threshold.

    ``cells`` (c,) int64 are cells of the ``n`` points ``a``; the weight of the points ``b`` is
    counted. ``reached`` (n,) bool is filled for the points of the cells.
    """
    band = np.int64(-1)
    zero, one = np.int64(0), np.int64(1)  # not literals, for which Numba would compile once more
    nearby = BandRange(zero, zero, zero)
    outer = np.empty(0)
    inner = np.empty(0)
    hints = np.empty((0, 2), dtype=np.int64)
    ranges = np.empty(0, dtype=np.int64)
    for t in range(first, last):
        c = cells[t]
        is_new = a.cell_band[c] != band
        if is_new:
            band = a.cell_band[c]
            nearby = bands_within(a, band, b, counting.reach)
            inner, outer = all_half_widths(a, band, b, nearby, counting.reach)
            hints = np.empty((nearby.high - nearby.low, 2), dtype=np.int64)
            ranges = np.empty(4 * (nearby.high - nearby.low), dtype=np.int64)
        move_hints(b, nearby, inner, outer, a.lon[a.cell_start[c]], is_new, hints)
        for p in range(a.cell_start[c], a.cell_start[c + 1]):
            point = query_point(a, p)
            level, _ = level_of_point(point, b, nearby, hints, ranges, counting, zero, one)
            reached[p] = level == one


def points_reaching(
    a: Bands,
    cells: NDArray[np.int64],
    b: Bands,
    prefix: NDArray[np.int64],
    reach: Reach,
    threshold: int,
    threads: int,
    report: Callable[[float], None],
) -> NDArray[np.bool_]:
    """Return which points have a weight of at least ``threshold`` within the radius.

    The result has shape (n,); only the points of the given cells are checked.
    ``a`` are the ``n`` points, ``cells`` (c,) some of their cells, ascending; points of other cells
    are True. ``b`` are the points around them, which may be the same, and ``prefix`` (points of b +
    1,) is their cumulative weight, from 0; an empty one counts points.
    """
    reached = np.ones(len(a.lon), dtype=np.bool_)
    sizes = a.cell_start[cells + 1] - a.cell_start[cells]
    chunks = balanced_chunks(np.concatenate([[0], np.cumsum(sizes)]), CHUNK)
    counting = Counting(prefix, np.array([threshold], dtype=np.int64), reach, NO_LIMIT)
    parallel_for(chunks, threads, check_cells, a, cells, b, counting, reached, report=report)
    return reached
