"""The level of each point: how many of several thresholds the units around it reach.

All thresholds share one pass. Bounds decide a cell where no threshold lies between them,
and each point by itself is weighed only until none does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.dbscan.batch_counts import (
    CROWD,
    LARGEST_LIMIT,
    MOST_GATHERED,
    gather_rings,
    level_in_crowd,
    level_of,
    narrow,
    place_rings,
    rings_of_crowd,
)
from gclust.kernels.dbscan.levels_by_radius import LEAF, find_all_levels
from gclust.kernels.dbscan.point_counts import CHUNK as POINTS_CHUNK
from gclust.kernels.dbscan.point_counts import find_rings, weigh_within
from gclust.kernels.spatial.ball_tree import grow_balls
from gclust.kernels.spatial.bands import Bands, bands_within
from gclust.kernels.spatial.cell_bounds import all_half_widths, cells_of, group_cells, sum_around
from gclust.kernels.spatial.longitudes import sum_before
from gclust.kernels.spatial.nearby_cells import CELLS_CHUNK, mark_around
from gclust.kernels.sphere import Reach, vector_at
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

BANDS_CHUNK = 50_000
"""Points of bands in a chunk whose cells are decided by bounds."""

MOST_CELLS = 8
"""Most cells of a crowd: few points have tight bounds, many share the time these take."""

MOST_UNSURE = 2_500
"""Points that a point's bounds leave open, from which a tree is the faster way."""

MOST_LEVELS = 255
"""Levels are held in 8 bits."""


@kernel
def bound_cells(bands, cells, prefix, inner2, outer2, thresholds, lowest, highest, first, last):
    """Bound the levels of the cells of the bands ``first .. last``.

    ``prefix`` has the units before each cell. Runs of cells as wide as the radius come
    first: most of the thinly settled Earth is decided by their upper bounds.
    """
    for i in range(first, last):
        span = bands_within(bands, i, bands, outer2)
        inner, outer = all_half_widths(bands, i, bands, span[0], span[2], inner2, outer2)
        begin, end = cells.start[i], cells.start[i + 1]
        open_cells = np.ones(end - begin, dtype=np.bool_)
        lowest[begin:end] = 0
        many = thresholds[-1]
        width = inner[i - span[0]]
        for upper, least, widest in ((True, many, width), (False, many, -1.0)):
            west, east, run_of = group_cells(cells, i, open_cells, widest)
            around = sum_around(cells, span, inner, outer, prefix, least, upper, west, east)
            for k in range(len(run_of)):
                if run_of[k] < 0:
                    continue
                level = level_of(thresholds, around[run_of[k]])
                if upper:
                    highest[begin + k] = level
                    open_cells[k] = level > 0
                else:
                    lowest[begin + k] = level


@helper
def weigh_level(a, p, b, span, base, rings, prefix, reach, thresholds, lowest, highest, most):
    """Return the level of point ``p`` of ``a``, which is in ``lowest .. highest``.

    For ``base`` and ``rings`` see ``weigh.find_rings``. -1 where more than ``most`` points
    would have to be looked at.
    """
    lat, lon = a.lat[p], a.lon[p]
    x, y, z = vector_at(lat, lon, a.axis, a.e2)
    rho = math.sqrt(x * x + y * y)
    lower, upper, unsure = find_rings(
        b, span, base, prefix, reach, lat, lon, rho, z, thresholds[highest - 1], rings
    )
    low, _, high = span
    k = 0
    while True:
        lowest, highest = narrow(thresholds, lower, upper, lowest, highest)
        if lowest == highest or k == 4 * (high - low):
            return lowest
        if unsure > most:
            return -1
        first, last = rings[k], rings[k + 1]
        if first < last:
            j = low + k // 4
            start = b.start[j]
            m = b.start[j + 1] - start
            units = weigh_within(b, j, x, y, z, first, last, prefix, reach.limit)
            lower += units
            upper += units + sum_before(prefix, start, m, first)
            upper -= sum_before(prefix, start, m, last)
        k += 2


@helper
def level_crowd(a, begin, end, span, room, prefix, reach, thresholds, lowest, highest, most, level):
    """Find the levels of the points ``begin .. end`` of ``a``, which are in ``lowest .. highest``.

    ``room`` is where rings and the points to compare with are put, see ``Room``. Returns
    False where more than ``most`` points would have to be looked at for one.
    """
    rings = room.rings
    lower, upper, unsure = rings_of_crowd(a, span, prefix, reach, begin, end, rings)
    together = 0 <= unsure <= min(most, MOST_GATHERED) and reach.limit <= LARGEST_LIMIT
    if unsure >= 0:
        lowest, highest = narrow(thresholds, lower, upper, lowest, highest)
    if lowest < highest and together:
        gather_rings(a, span, rings, prefix, room.x, room.y, room.z, room.units)
    elif lowest < highest:
        fill_base(a, span, rings, unsure >= 0, room.base)
    for p in range(begin, end):
        found = lowest
        if lowest < highest and together:
            found = level_in_crowd(
                a.vectors,
                p,
                room.x,
                room.y,
                room.z,
                room.units,
                unsure,
                reach.limit,
                lower,
                upper,
                thresholds,
                lowest,
                highest,
            )
        elif lowest < highest:
            found = weigh_level(
                a,
                p,
                a,
                span,
                room.base,
                room.own,
                prefix,
                reach,
                thresholds,
                lowest,
                highest,
                most,
            )
        if found < 0:
            return False
        level[p] = found
    return True


@helper
def fill_base(b, span, rings, is_set, base):
    """Fill where the points of a crowd may begin to search; see ``weigh.find_ring``."""
    low, _, high = span
    for j in range(low, high):
        base[j - low, 0] = base[j - low, 1] = b.start[j] - b.start[j + 1]
        if is_set:
            base[j - low, 0], base[j - low, 1] = rings[4 * (j - low)], rings[4 * (j - low) + 2]


class Room(NamedTuple):
    """Where a crowd's neighbourhood is put together; for up to ``k`` bands."""

    rings: NDArray[np.int64]  # (4 k,) four positions in each band, see ``weigh.find_ring``
    own: NDArray[np.int64]  # (4 k,) those of a single point
    base: NDArray[np.int64]  # (k, 2)
    x: NDArray[np.float64]  # (MOST_GATHERED,) points to compare with
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    units: NDArray[np.int64]


@allocating_helper
def make_room(bands):
    """Return room for a number of bands."""
    return Room(
        np.empty(4 * bands, dtype=np.int64),
        np.empty(4 * bands, dtype=np.int64),
        np.empty((bands, 2), dtype=np.int64),
        np.empty(MOST_GATHERED),
        np.empty(MOST_GATHERED),
        np.empty(MOST_GATHERED),
        np.empty(MOST_GATHERED, dtype=np.int64),
    )


@helper
def crowd_from(a, cells, t, last):
    """Return how many of the ``cells[t:last]``, side by side, make a crowd with the first."""
    stop = t + 1
    while (
        stop < min(last, t + MOST_CELLS)
        and cells[stop] == cells[stop - 1] + 1
        and a.cell_band[cells[stop]] == a.cell_band[cells[t]]
        and a.cell_start[cells[stop] + 1] - a.cell_start[cells[t]] <= CROWD
    ):
        stop += 1
    return stop - t


@kernel
def level_cells(
    a, cells, prefix, reach, thresholds, lowest, highest, most, level, left, first, last
):
    """Find the levels of the points of the ``cells[first:last]``, but for what is ``left``."""
    band = np.int64(-1)
    span = (np.int64(0), np.int64(0), np.int64(0))
    room = make_room(np.int64(0))
    t = first
    while t < last:
        c = cells[t]
        begin = a.cell_start[c]
        if a.cell_band[c] != band:
            band = a.cell_band[c]
            span = bands_within(a, band, a, reach.outer2)
            if 4 * (span[2] - span[0]) > len(room.rings):
                room = make_room(span[2] - span[0])
            place_rings(a, span, a.lon[begin], room.rings)
        together = crowd_from(a, cells, t, last)
        end = a.cell_start[c + together]
        below, above = np.int64(lowest[c]), np.int64(highest[c])
        for k in range(1, together):
            below = min(below, np.int64(lowest[c + k]))
            above = max(above, np.int64(highest[c + k]))
        known = True
        while begin < end and known:
            stop = min(begin + CROWD, end)
            known = level_crowd(
                a, begin, stop, span, room, prefix, reach, thresholds, below, above, most, level
            )
            begin = stop
        for k in range(together):
            left[t + k] = not known
        t += together


def find_levels(
    bands: Bands,
    prefix: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> NDArray[np.uint8]:
    """Return how many thresholds the units within reach of each point, its own included, reach.

    Parameters
    ----------
    bands : Bands
        All points.
    prefix : ndarray of int64, shape (n + 1,)
        Cumulative units of the points, in the order of ``bands``, from 0.
    thresholds : ndarray of int64, shape (k,), 1 <= k <= MOST_LEVELS
        Rising; two may be equal.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    ndarray of uint8, shape (n,)
        From 0 to k.
    """
    inner2, outer2 = reach.inner2, reach.outer2
    all_cells = cells_of(bands)
    before = prefix[bands.cell_start]
    lowest = np.empty(len(before) - 1, dtype=np.uint8)
    highest = np.empty(len(before) - 1, dtype=np.uint8)
    parallel_for(
        balanced_chunks(bands.start, BANDS_CHUNK),
        threads,
        bound_cells,
        bands,
        all_cells,
        before,
        inner2,
        outer2,
        thresholds,
        lowest,
        highest,
        report=lambda share: report(0.5 * share),
    )
    sizes = np.diff(bands.cell_start)
    level = np.repeat(lowest, sizes)
    cells = np.flatnonzero(lowest < highest)
    left = np.empty(len(cells), dtype=np.bool_)
    parallel_for(
        balanced_chunks(np.concatenate([[0], np.cumsum(sizes[cells])]), POINTS_CHUNK),
        threads,
        level_cells,
        bands,
        cells,
        prefix,
        reach,
        thresholds,
        lowest,
        highest,
        MOST_UNSURE,
        level,
        left,
        report=lambda share: report(0.5 + 0.2 * share),
    )
    cells = cells[left]
    if len(cells):
        wanted = np.zeros(len(sizes), dtype=np.bool_)
        wanted[cells] = True
        around = np.zeros(len(level), dtype=np.bool_)
        parallel_for(
            even_chunks(len(cells), CELLS_CHUNK),
            threads,
            mark_around,
            bands,
            cells,
            inner2,
            outer2,
            around,
        )
        level_by_tree(
            bands,
            np.flatnonzero(around),
            np.repeat(wanted, sizes),
            prefix,
            thresholds,
            reach,
            threads,
            lambda share: report(0.7 + 0.3 * share),
            level,
        )
    return level


def level_by_tree(
    bands: Bands,
    around: NDArray[np.int64],
    wanted: NDArray[np.bool_],
    prefix: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
    level: NDArray[np.uint8],
) -> None:
    """Find the levels of the ``wanted`` points; ``around`` has all that they may reach."""
    units = prefix[around + 1] - prefix[around]
    balls, order = grow_balls(
        bands.vectors[around],
        units,
        bands.e2 == 0.0,
        LEAF,
        threads,
        lambda share: report(0.1 * share),
    )
    begin = np.arange(1 << balls.depth) * len(around) >> balls.depth
    leaves = np.flatnonzero(np.logical_or.reduceat(wanted[around[order]], begin))
    found = find_all_levels(
        balls, order, [reach], thresholds, threads, lambda share: report(0.1 + 0.9 * share), leaves
    )[0]
    some = wanted[around]
    level[around[some]] = found[some]
