"""Neighbour weights of points, found in batches that share one list of candidate neighbours.

A *query batch* is a few consecutive points of a cell. Its bounding box is smaller than its
band, so that the half-widths of the box leave few candidates. These are copied to one array,
and each point of the batch is compared with all of them in one plain loop, which processors
run four at a time. Unless there are too many candidates, this takes a third of the time of finding
the half-widths of each point. See step 2 of "Which points are core points" in docs/algorithm.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.dbscan.density_level import LARGEST_LIMIT, Bounds, narrowed
from gclust.kernels.dbscan.point_counts import level_of_point
from gclust.kernels.spatial.bands import (
    NORTH,
    NORTH_RHO,
    SOUTH,
    SOUTH_RHO,
    BandRange,
    bands_within,
    clipped,
    half_width,
    north_chord2,
    query_point,
    south_chord2,
)
from gclust.kernels.spatial.longitudes import locate, seek, segment_at, sum_between

BATCH = 32
"""Largest number of points in a batch."""

MOST_CELLS = 8
"""Largest number of cells in a batch: fewer points get tighter bounds, more share their cost."""

MOST_GATHERED = 2048
"""Largest number of candidates of a batch; with more, half-widths of each point are faster."""

STAGE = 128
"""Number of candidates compared before the bounds of the level are narrowed again."""

BATCH_BOUNDS, BATCH_DISTANCES, POINT_BOUNDS, POINT_DISTANCES, BALL_TREE, CANDIDATES = range(6)
"""Columns of the work of a cell: number of points decided by each step, and number of
distances from its points to candidates."""


class Candidates(NamedTuple):
    """Candidate neighbours of a batch: points that may be within the radius of its points."""

    x: NDArray[np.float64]  # (MOST_GATHERED,) vectors
    y: NDArray[np.float64]  # (MOST_GATHERED,)
    z: NDArray[np.float64]  # (MOST_GATHERED,)
    units: NDArray[np.int64]  # (MOST_GATHERED,) weight


class Workspace(NamedTuple):
    """Arrays that the search for a batch's neighbours uses, with room for ``k`` bands."""

    ranges: NDArray[np.int64]  # (4 k,) four positions in each band, see ``annulus_range``
    own: NDArray[np.int64]  # (4 k,) four positions of a single point in each band
    hints: NDArray[np.int64]  # (k, 2) where single points begin to search
    candidates: Candidates


@allocating_helper
def make_workspace(bands):
    """Return a `Workspace` with room for a number of bands."""
    return Workspace(
        np.empty(4 * bands, dtype=np.int64),
        np.empty(4 * bands, dtype=np.int64),
        np.empty((bands, 2), dtype=np.int64),
        Candidates(
            np.empty(MOST_GATHERED),
            np.empty(MOST_GATHERED),
            np.empty(MOST_GATHERED),
            np.empty(MOST_GATHERED, dtype=np.int64),
        ),
    )


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
def box_widths(points, south, north, j, reach):
    """Return inner and outer half-width of longitude for a box and band ``j``, in degrees.

    ``south`` and ``north`` are the southernmost and the northernmost point of the box.
    """
    at, lat = points.vectors, points.lat
    south_rho = math.sqrt(at[south, 0] * at[south, 0] + at[south, 1] * at[south, 1])
    north_rho = math.sqrt(at[north, 0] * at[north, 0] + at[north, 1] * at[north, 1])
    far2 = max(
        north_chord2(south_rho, at[south, 2], points, j),
        south_chord2(north_rho, at[north, 2], points, j),
    )
    facing2 = 0.0
    if points.edges[j, SOUTH] > lat[north]:
        facing2 = south_chord2(north_rho, at[north, 2], points, j)
    elif points.edges[j, NORTH] < lat[south]:
        facing2 = north_chord2(south_rho, at[south, 2], points, j)
    south_edge, north_edge = points.edges[j, SOUTH_RHO], points.edges[j, NORTH_RHO]
    wide = max(south_rho, north_rho) * max(south_edge, north_edge)
    thin = min(south_rho, north_rho) * min(south_edge, north_edge)
    return clipped(
        half_width(reach.inner2 - far2, 4.0 * wide), half_width(reach.outer2 - facing2, 4.0 * thin)
    )


@helper
def move_range(points, j, west, east, inner, outer, ranges, k):
    """Update ``ranges[k : k + 4]``, the positions of a box's candidates in band ``j``.

    The box is from ``west`` to ``east``; see ``annulus_range``. The search starts from the
    previous positions.
    """
    start = points.start[j]
    m = points.start[j + 1] - start
    lon = points.lon
    first = ranges[k]
    certain_first = certain_last = last = first
    if outer >= 0.0:
        first = certain_first = certain_last = seek(lon, start, m, first, west - outer)
        if east - inner < west + inner:
            certain_first = seek(lon, start, m, max(first, ranges[k + 1]), east - inner)
            certain_last = seek(lon, start, m, max(certain_first, ranges[k + 2]), west + inner)
        last = seek(lon, start, m, max(certain_last, ranges[k + 3]), east + outer)
    ranges[k], ranges[k + 1] = first, certain_first
    ranges[k + 2], ranges[k + 3] = certain_last, last


@helper
def place_ranges(points, nearby, lon, ranges):
    """Set all four positions of each band in ``ranges`` to the position of a longitude."""
    for j in range(nearby.low, nearby.high):
        start = points.start[j]
        at = locate(points.lon, start, points.start[j + 1] - start, lon)
        for k in range(4 * (j - nearby.low), 4 * (j - nearby.low) + 4):
            ranges[k] = at


@helper
def batch_ranges(points, begin, end, nearby, counting, ranges):
    """Update ``ranges``: the positions of the candidate neighbours of points ``begin .. end``.

    See ``annulus_range``. Returns lower and upper bound of the neighbour weight of each point, and
    the number of candidates, or -1 if a half-width may reach round the Earth.
    """
    south, north = box_of(points.lat, begin, end)
    west, east = points.lon[begin], points.lon[end - 1]
    lower = upper = candidates = 0
    for j in range(nearby.low, nearby.high):
        inner, outer = box_widths(points, south, north, np.uint64(j), counting.reach)
        if 2.0 * outer + (east - west) >= 360.0:
            return lower, upper, -1
        k = 4 * (j - nearby.low)
        move_range(points, j, west, east, inner, outer, ranges, k)
        first, certain_first = ranges[k], ranges[k + 1]
        certain_last, last = ranges[k + 2], ranges[k + 3]
        start = points.start[j]
        m = points.start[j + 1] - start
        lower += sum_between(counting.prefix, start, m, certain_first, certain_last)
        upper += sum_between(counting.prefix, start, m, first, last)
        candidates += last - first - (certain_last - certain_first)
    return lower, upper, candidates


@helper
def gather_candidates(points, nearby, ranges, prefix, to):
    """Copy the candidates within ``ranges`` to the arrays of `Candidates`."""
    n = 0
    for k in range(0, 4 * (nearby.high - nearby.low), 2):
        j = nearby.low + k // 4
        start = points.start[j]
        m = points.start[j + 1] - start
        first, last = ranges[k], ranges[k + 1]
        while first < last:
            shift, stop = segment_at(start, m, first, last)
            before = prefix[first + shift]
            for q in range(np.uint64(first + shift), np.uint64(stop + shift)):
                to.x[n], to.y[n] = points.vectors[q, 0], points.vectors[q, 1]
                to.z[n] = points.vectors[q, 2]
                upto = prefix[q + np.uint64(1)]
                to.units[n] = upto - before
                before = upto
                n += 1
            first = stop


@helper
def fill_hints(points, nearby, ranges, is_set, hints):
    """Fill ``hints`` with positions at which searches for a batch begin; see ``annulus_range``."""
    for j in range(nearby.low, nearby.high):
        k = j - nearby.low
        hints[k, 0] = hints[k, 1] = points.start[j] - points.start[j + 1]
        if is_set:
            hints[k, 0], hints[k, 1] = ranges[4 * k], ranges[4 * k + 2]


@helper
def level_in_batch(vectors, p, candidates, n, limit, thresholds, bounds):
    """Return point ``p``'s density level: compare it with candidates until the level is known.

    ``bounds`` are the weight without any and with all of the candidates.
    """
    px, py, pz = vectors[p, 0], vectors[p, 1], vectors[p, 2]
    x, y, z, units = candidates
    for first in range(0, n, STAGE):
        hit = seen = 0
        for q in range(np.uint64(first), np.uint64(min(first + STAGE, n))):
            dx = px - x[q]
            dy = py - y[q]
            dz = pz - z[q]
            seen += units[q]
            hit += units[q] if dx * dx + dy * dy + dz * dz <= limit else 0
        bounds = narrowed(thresholds, bounds.lower + hit, bounds.upper + hit - seen, bounds)
        if bounds.lowest == bounds.highest:
            break
    return bounds.lowest


@helper
def count_batch(points, begin, end, nearby, workspace, counting, bounds, n_reached, work):
    """Find the density levels of the points ``begin .. end``; ``bounds`` limit the levels.

    The work done is added to ``work``, see ``CANDIDATES``. Returns False if a point has more
    than ``counting.most`` candidates.
    """
    ranges, limit = workspace.ranges, counting.reach.limit
    lower, upper, n = batch_ranges(points, begin, end, nearby, counting, ranges)
    together = 0 <= n <= min(counting.most, MOST_GATHERED) and limit <= LARGEST_LIMIT
    if n >= 0:
        bounds = narrowed(counting.thresholds, lower, upper, bounds)
    if bounds.lowest == bounds.highest:
        for p in range(begin, end):
            n_reached[p] = bounds.lowest
        work[BATCH_BOUNDS] += end - begin
        return True
    if together:
        gather_candidates(points, nearby, ranges, counting.prefix, workspace.candidates)
        for p in range(begin, end):
            n_reached[p] = level_in_batch(
                points.vectors, p, workspace.candidates, n, limit, counting.thresholds, bounds
            )
        work[BATCH_DISTANCES] += end - begin
        work[CANDIDATES] += (end - begin) * n
        return True
    fill_hints(points, nearby, ranges, n >= 0, workspace.hints)
    for p in range(begin, end):
        point, hints, own = query_point(points, p), workspace.hints, workspace.own
        level, scanned = level_of_point(
            point, points, nearby, hints, own, counting, bounds.lowest, bounds.highest
        )
        if level < 0:
            return False
        n_reached[p] = level
        work[POINT_DISTANCES if scanned else POINT_BOUNDS] += 1
        work[CANDIDATES] += scanned
    return True


@helper
def cells_of_batch(points, cells, t, last):
    """Return how many consecutive cells from the start of ``cells[t:last]`` form a batch."""
    stop = t + 1
    while (
        stop < min(last, t + MOST_CELLS)
        and cells[stop] == cells[stop - 1] + 1
        and points.cell_band[cells[stop]] == points.cell_band[cells[t]]
        and points.cell_start[cells[stop] + 1] - points.cell_start[cells[t]] <= BATCH
    ):
        stop += 1
    return stop - t


@kernel
def count_cells(points, cells, counting, lowest, highest, n_reached, work, first, last):
    """Find the density levels of the points in the cells ``cells[first:last]``.

    ``cells`` (c,) int64 are numbers of cells, ascending. ``lowest`` and ``highest`` uint8, one for
    each cell of ``points``, bound the level of its points; ``n_reached`` (n,) uint8 is filled with
    the levels of the points. ``work`` (c, 6) int64, zeros before, is filled by first cell of a
    batch (see ``CANDIDATES``). Cells with too many candidates are left to the ball tree: their
    ``BALL_TREE`` column has the number of their points.
    """
    band = np.int64(-1)
    nearby = BandRange(np.int64(0), np.int64(0), np.int64(0))
    workspace = make_workspace(np.int64(0))
    t = first
    while t < last:
        c = cells[t]
        begin = points.cell_start[c]
        if points.cell_band[c] != band:
            band = points.cell_band[c]
            nearby = bands_within(points, band, points, counting.reach)
            if 4 * (nearby.high - nearby.low) > len(workspace.ranges):
                workspace = make_workspace(nearby.high - nearby.low)
            place_ranges(points, nearby, points.lon[begin], workspace.ranges)
        together = cells_of_batch(points, cells, t, last)
        end = points.cell_start[c + together]
        below, above = np.int64(lowest[c]), np.int64(highest[c])
        for k in range(1, together):
            below = min(below, np.int64(lowest[c + k]))
            above = max(above, np.int64(highest[c + k]))
        bounds = Bounds(np.int64(0), np.int64(0), below, above)
        is_known = True
        while begin < end and is_known:
            stop = min(begin + BATCH, end)
            is_known = count_batch(
                points, begin, stop, nearby, workspace, counting, bounds, n_reached, work[t]
            )
            begin = stop
        if not is_known:
            for k in range(together):
                size = points.cell_start[c + k + 1] - points.cell_start[c + k]
                work[t + k] = 0
                work[t + k, BALL_TREE] = size
        t += together
