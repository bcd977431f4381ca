"""The level of each point: how many of several thresholds the units around it reach.

All thresholds share one pass. Bounds decide a cell where no threshold lies between them,
and each point by itself is weighed only until none does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, even_cuts, run_pieces, unreported
from gclust.kernels.bands import Bands, bands_within
from gclust.kernels.bounds import all_half_widths, group_cells, sum_around
from gclust.kernels.circle import sum_before
from gclust.kernels.cores import CELLS_PIECE, MOST_UNSURE, mark_around
from gclust.kernels.cores import PIECE as BANDS_PIECE
from gclust.kernels.crowds import (
    CROWD,
    LARGEST_LIMIT,
    MOST_GATHERED,
    gather_rings,
    level_in_crowd,
    narrow,
    rings_of_crowd,
)
from gclust.kernels.sphere import Reach, vector_at
from gclust.kernels.tree import GROUPS_PIECE, LEAF, grow_tree, weigh_groups
from gclust.kernels.weigh import PIECE as POINTS_PIECE
from gclust.kernels.weigh import find_rings, move_base, weigh_within

MOST_LEVELS = 255
"""Levels are held in 8 bits."""


@part
def level_of(thresholds, units):
    """Return how many of the rising thresholds are at most ``units``."""
    level = 0
    while level < len(thresholds) and thresholds[level] <= units:
        level += 1
    return level


@kernel
def bound_cells(bands, prefix, inner2, outer2, thresholds, lowest, highest, first, last):
    """Bound the levels of the cells of the bands ``first .. last``.

    Runs of cells as wide as the radius come first, as in ``cores.decide_cells``.
    """
    for i in range(first, last):
        span = bands_within(bands, i, bands, outer2)
        inner, outer = all_half_widths(bands, i, bands, span[0], span[2], inner2, outer2)
        begin = bands.band_cell[i]
        open_cells = np.ones(bands.band_cell[i + 1] - begin, dtype=np.bool_)
        lowest[begin : bands.band_cell[i + 1]] = 0
        highest[begin : bands.band_cell[i + 1]] = 0
        few, many = thresholds[0], thresholds[-1]
        width = inner[i - span[0]]
        for upper, least, widest in ((True, few, width), (False, many, -1.0), (True, many, -1.0)):
            west, east, run_of = group_cells(bands, i, open_cells, widest)
            around = sum_around(bands, span, inner, outer, prefix, least, upper, west, east)
            for k in range(len(run_of)):
                if run_of[k] < 0:
                    continue
                level = level_of(thresholds, around[run_of[k]])
                if not upper:
                    lowest[begin + k] = level
                if widest < 0.0:
                    highest[begin + k] = level
                open_cells[k] = level < len(thresholds) if not upper else level > 0


@part
def weigh_level(a, p, b, span, base, rings, prefix, reach, thresholds, lowest, highest, most):
    """Return the level of point ``p`` of ``a``, which is in ``lowest .. highest``.

    For ``base``, ``rings`` and ``most`` see ``weigh.weigh_point``.
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


@part
def level_crowd(
    a,
    begin,
    end,
    span,
    base,
    rings,
    prefix,
    reach,
    thresholds,
    lowest,
    highest,
    most,
    x,
    y,
    z,
    units,
    level,
):
    """Find the levels of the points ``begin .. end`` of ``a``, which are in ``lowest .. highest``.

    ``x``, ``y``, ``z`` and ``units`` are room for those that each is compared with. Returns
    False where more than ``most`` points would have to be looked at for one.
    """
    lowest, highest = np.int64(lowest), np.int64(highest)
    lower, upper, unsure = rings_of_crowd(a, span, base, prefix, reach, begin, end, rings)
    together = 0 <= unsure <= min(most, MOST_GATHERED) and reach.limit <= LARGEST_LIMIT
    if unsure >= 0:
        lowest, highest = narrow(thresholds, lower, upper, lowest, highest)
    if lowest < highest and together:
        gather_rings(a, span, rings, prefix, x, y, z, units)
    for p in range(begin, end):
        found = lowest
        if lowest < highest and together:
            found = level_in_crowd(
                a.vectors,
                p,
                x,
                y,
                z,
                units,
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
                a, p, a, span, base, rings, prefix, reach, thresholds, lowest, highest, most
            )
        if found < 0:
            return False
        level[p] = found
    return True


@kernel
def level_cells(
    a, cells, prefix, reach, thresholds, lowest, highest, most, level, left, first, last
):
    """Find the levels of the points of the ``cells[first:last]``, but for what is ``left``."""
    band = np.int64(-1)
    span = (np.int64(0), np.int64(0), np.int64(0))
    outer = np.empty(0)
    inner = np.empty(0)
    base = np.empty((0, 2), dtype=np.int64)
    rings = np.empty(0, dtype=np.int64)
    x, y, z = np.empty(MOST_GATHERED), np.empty(MOST_GATHERED), np.empty(MOST_GATHERED)
    units = np.empty(MOST_GATHERED, dtype=np.int64)
    for t in range(first, last):
        c = cells[t]
        fresh = a.cell_band[c] != band
        if fresh:
            band = a.cell_band[c]
            span = bands_within(a, band, a, reach.outer2)
            low, _, high = span
            inner, outer = all_half_widths(a, band, a, low, high, reach.inner2, reach.outer2)
            base = np.empty((high - low, 2), dtype=np.int64)
            rings = np.empty(4 * (high - low), dtype=np.int64)
        move_base(a, span, inner, outer, a.lon[a.cell_start[c]], fresh, base)
        left[t] = False
        begin, end = a.cell_start[c], a.cell_start[c + 1]
        while begin < end and not left[t]:
            stop = min(begin + CROWD, end)
            left[t] = not level_crowd(
                a,
                begin,
                stop,
                span,
                base,
                rings,
                prefix,
                reach,
                thresholds,
                lowest[c],
                highest[c],
                most,
                x,
                y,
                z,
                units,
                level,
            )
            begin = stop


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
    lowest = np.empty(len(bands.cell_band), dtype=np.uint8)
    highest = np.empty(len(bands.cell_band), dtype=np.uint8)
    inner2, outer2 = reach.inner2, reach.outer2
    run_pieces(
        lambda first, last: bound_cells(
            bands, prefix, inner2, outer2, thresholds, lowest, highest, first, last
        ),
        cut_evenly(bands.start, BANDS_PIECE),
        threads,
        lambda share: report(0.5 * share),
    )
    sizes = np.diff(bands.cell_start)
    level = np.repeat(lowest, sizes)
    cells = np.flatnonzero(lowest < highest)
    left = np.empty(len(cells), dtype=np.bool_)
    run_pieces(
        lambda first, last: level_cells(
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
            first,
            last,
        ),
        cut_evenly(np.concatenate([[0], np.cumsum(sizes[cells])]), POINTS_PIECE),
        threads,
        lambda share: report(0.5 + 0.2 * share),
    )
    cells = cells[left]
    if len(cells):
        asked = np.zeros(len(sizes), dtype=np.bool_)
        asked[cells] = True
        bounds = [np.repeat(np.where(asked, bound, 0), sizes) for bound in (lowest, highest)]
        around = np.zeros(len(level), dtype=np.bool_)
        run_pieces(
            lambda first, last: mark_around(bands, cells, inner2, outer2, around, first, last),
            even_cuts(len(cells), CELLS_PIECE),
            threads,
            unreported,
        )
        _level_by_tree(
            bands,
            np.flatnonzero(around),
            prefix,
            thresholds,
            bounds,
            reach,
            threads,
            lambda share: report(0.7 + 0.3 * share),
            level,
        )
    return level


def _level_by_tree(
    bands: Bands,
    around: NDArray[np.int64],
    prefix: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    bounds: list[NDArray[np.uint8]],
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
    level: NDArray[np.uint8],
) -> None:
    """Find the levels of the points whose bounds differ; ``around`` has all they may reach.

    From the lowest threshold up; a point is asked about the next one while it has enough.
    """
    tree, order = grow_tree(bands, around, prefix, threads)
    here, highest = (bound[order] for bound in bounds)
    wanted = here < highest
    enough = np.zeros(len(order), dtype=np.bool_)
    for k in range(len(thresholds)):
        asked = wanted & (here == k) & (highest > k)
        groups = np.flatnonzero(np.logical_or.reduceat(asked, np.arange(0, len(order), LEAF)))
        least = int(thresholds[k])
        run_pieces(
            partial(weigh_groups, tree, groups, asked, reach, least, enough),
            even_cuts(len(groups), GROUPS_PIECE),
            threads,
            unreported,
        )
        here[asked & enough] += 1
        report((k + 1) / len(thresholds))
    level[order[wanted]] = here[wanted]
