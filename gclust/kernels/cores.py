"""Which points are core: bounds decide most cells, distances the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, even_cuts, run_pieces, unreported
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.bounds import group_cells, has_enough, sum_inside, sum_outside
from gclust.kernels.circle import advance, locate
from gclust.kernels.sphere import Reach
from gclust.kernels.tree import weigh_by_tree
from gclust.kernels.weigh import weigh_points

PIECE = 100_000
"""Points of bands in a piece whose cells are decided by bounds."""

SURVEY_PIECE = 500
"""Undecided cells in a piece of their survey."""

MOST_UNSURE = 5_000
"""Points that bounds leave open around a cell, from which a tree is the faster way."""

BELOW, OPEN, CORE = 0, 1, 2
"""States of a cell: no point is core, some may be, all are."""


@kernel
def decide_cells(bands, prefix, inner2, outer2, least, state, first, last):
    """Decide the cells of the bands ``first .. last`` as far as bounds do.

    Runs of cells as wide as the radius come first: most of the thinly settled Earth
    is decided by their upper bounds.
    """
    for i in range(first, last):
        span = bands_within(bands, i, bands, outer2)
        begin = bands.band_cell[i]
        open_cells = np.ones(bands.band_cell[i + 1] - begin, dtype=np.bool_)
        width, _ = half_widths(bands, i, bands, i, inner2, outer2)
        for upper, widest in ((True, width), (False, -1.0), (True, -1.0)):
            west, east, run_of = group_cells(bands, i, open_cells, widest)
            enough = has_enough(
                bands, i, bands, span, prefix, inner2, outer2, least, upper, west, east
            )
            for k in range(len(run_of)):
                if run_of[k] >= 0:
                    open_cells[k] = enough[run_of[k]] == upper
                    if upper:
                        state[begin + k] = OPEN if open_cells[k] else BELOW
                    elif enough[run_of[k]]:
                        state[begin + k] = CORE


@kernel
def survey_cells(bands, cells, inner2, outer2, most, many, around, first, last):
    """Note which of the ``cells[first:last]`` leave open more than ``most`` points.

    Marks in ``around`` the points that may be within reach of those.
    """
    none = np.zeros(0, dtype=np.int64)
    for t in range(first, last):
        c = cells[t]
        i = bands.cell_band[c]
        west = bands.lon[bands.cell_start[c] : bands.cell_start[c] + 1]
        east = bands.lon[bands.cell_start[c + 1] - 1 : bands.cell_start[c + 1]]
        unsure = np.zeros(1, dtype=np.int64)
        sure = np.zeros(1, dtype=np.int64)
        one = np.zeros(1, dtype=np.int64)
        low, _, high = bands_within(bands, i, bands, outer2)
        for j in range(low, high):
            inner, outer = half_widths(bands, i, bands, j, inner2, outer2)
            sum_outside(bands, j, none, outer, one, west, east, 1, unsure)
            if inner > 0.0:
                sum_inside(bands, j, none, inner, one, west, east, 1, sure)
        many[t] = unsure[0] - sure[0] > most
        if many[t]:
            for j in range(low, high):
                _, outer = half_widths(bands, i, bands, j, inner2, outer2)
                mark_window(bands, j, west[0] - outer, east[0] + outer, around)


@part
def mark_window(bands, j, west, east, around):
    """Mark the points of band ``j`` with longitudes from ``west`` to ``east``."""
    start = bands.start[j]
    m = bands.start[j + 1] - start
    first = locate(bands.lon, start, m, west)
    last = min(advance(bands.lon, start, m, first, east) + 1, first + m)
    for k in range(first, last):
        around[start + k % m] = True


def find_core_points(
    bands: Bands,
    units: NDArray[np.int64],
    least: int,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> NDArray[np.bool_]:
    """Return which points have at least ``least`` units within reach, themselves included.

    Parameters
    ----------
    bands : Bands
        All points.
    units : ndarray of int64, shape (n,)
        Weight of each point, in the order of ``bands``.
    least : int
        Least sum of units.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    prefix = np.zeros(len(units) + 1, dtype=np.int64)
    np.cumsum(units, out=prefix[1:])
    state = np.empty(len(bands.cell_band), dtype=np.uint8)
    run_pieces(
        lambda first, last: decide_cells(
            bands, prefix, reach.inner2, reach.outer2, least, state, first, last
        ),
        cut_evenly(bands.start, PIECE),
        threads,
        lambda share: report(0.5 * share),
    )
    sizes = np.diff(bands.cell_start)
    core = np.repeat(state == CORE, sizes)
    cells = np.flatnonzero(state == OPEN)
    many = np.zeros(len(cells), dtype=np.bool_)
    around = np.zeros(len(core), dtype=np.bool_)
    run_pieces(
        lambda first, last: survey_cells(
            bands, cells, reach.inner2, reach.outer2, MOST_UNSURE, many, around, first, last
        ),
        even_cuts(len(cells), SURVEY_PIECE),
        threads,
        unreported,
    )
    weigh_points(
        bands,
        cells[~many],
        bands,
        prefix,
        reach,
        least,
        threads,
        lambda share: report(0.5 + 0.2 * share),
        core,
    )
    if many.any():
        asked = np.zeros(len(sizes), dtype=np.bool_)
        asked[cells[many]] = True
        weigh_by_tree(
            bands,
            np.flatnonzero(around),
            np.repeat(asked, sizes),
            units,
            reach,
            least,
            threads,
            lambda share: report(0.7 + 0.3 * share),
            core,
        )
    return core
