"""Which points are core: bounds decide most cells, distances the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, making_part, part
from gclust.kernels._pieces import cut_evenly, even_cuts, run_pieces, unreported
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.bounds import all_half_widths, group_cells, has_enough
from gclust.kernels.circle import advance, locate
from gclust.kernels.sphere import Reach
from gclust.kernels.tree import weigh_by_tree
from gclust.kernels.weigh import weigh_points

PIECE = 50_000
"""Points of bands in a piece whose cells are decided by bounds."""

CELLS_PIECE = 500

SEVERAL = 8
"""Points from which a cell's own upper bound is worth its time; fewer are asked one by one."""

MOST_UNSURE = 2_500
"""Points that a point's bounds leave open, from which a tree is the faster way."""

BELOW, OPEN, CORE = 0, 1, 2
"""States of a cell: no point is core, some may be, all are."""


@making_part
def with_several(bands, begin, wanted):
    """Return which of the wanted cells, the first being ``begin``, have several points."""
    several = np.empty(len(wanted), dtype=np.bool_)
    for k in range(len(wanted)):
        n = bands.cell_start[begin + k + 1] - bands.cell_start[begin + k]
        several[k] = wanted[k] and n >= SEVERAL
    return several


@kernel
def decide_cells(bands, prefix, inner2, outer2, least, state, core, first, last):
    """Decide the cells of the bands ``first .. last``, and their points, as far as bounds do.

    Runs of cells as wide as the radius come first: most of the thinly settled Earth
    is decided by their upper bounds.
    """
    for i in range(first, last):
        span = bands_within(bands, i, bands, outer2)
        inner, outer = all_half_widths(bands, i, bands, span[0], span[2], inner2, outer2)
        begin = bands.band_cell[i]
        open_cells = np.ones(bands.band_cell[i + 1] - begin, dtype=np.bool_)
        state[begin : bands.band_cell[i + 1]] = BELOW
        width = inner[i - span[0]]
        asked = open_cells
        for upper, widest in ((True, width), (False, -1.0), (True, -1.0)):
            if upper and widest < 0.0:
                asked = with_several(bands, begin, open_cells)
            west, east, run_of = group_cells(bands, i, asked, widest)
            enough = has_enough(bands, span, inner, outer, prefix, least, upper, west, east)
            for k in range(len(run_of)):
                if run_of[k] >= 0:
                    open_cells[k] = enough[run_of[k]] == upper
                    if not upper and enough[run_of[k]]:
                        state[begin + k] = CORE
        for k in range(len(open_cells)):
            if open_cells[k]:
                state[begin + k] = OPEN
            for p in range(bands.cell_start[begin + k], bands.cell_start[begin + k + 1]):
                core[p] = state[begin + k] == CORE


@kernel
def mark_around(bands, cells, inner2, outer2, around, first, last):
    """Mark the points that may be within reach of those of the ``cells[first:last]``."""
    for t in range(first, last):
        c = cells[t]
        i = bands.cell_band[c]
        west = bands.lon[bands.cell_start[c]]
        east = bands.lon[bands.cell_start[c + 1] - 1]
        low, _, high = bands_within(bands, i, bands, outer2)
        for j in range(low, high):
            _, outer = half_widths(bands, i, bands, j, inner2, outer2)
            mark_window(bands, j, west - outer, east + outer, around)


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
    prefix: NDArray[np.int64],
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
    prefix : ndarray of int64, shape (n + 1,)
        Cumulative units of the points, in the order of ``bands``, from 0.
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
    state = np.empty(len(bands.cell_band), dtype=np.uint8)
    core = np.empty(len(bands.lon), dtype=np.bool_)
    inner2, outer2 = reach.inner2, reach.outer2
    run_pieces(
        lambda first, last: decide_cells(
            bands, prefix, inner2, outer2, least, state, core, first, last
        ),
        cut_evenly(bands.start, PIECE),
        threads,
        lambda share: report(0.5 * share),
    )
    left = weigh_points(
        bands,
        np.flatnonzero(state == OPEN),
        bands,
        prefix,
        reach,
        least,
        MOST_UNSURE,
        threads,
        lambda share: report(0.5 + 0.2 * share),
        core,
    )
    if len(left):
        around = np.zeros(len(core), dtype=np.bool_)
        run_pieces(
            lambda first, last: mark_around(bands, left, inner2, outer2, around, first, last),
            even_cuts(len(left), CELLS_PIECE),
            threads,
            unreported,
        )
        asked = np.zeros(len(state), dtype=np.bool_)
        asked[left] = True
        weigh_by_tree(
            bands,
            np.flatnonzero(around),
            np.repeat(asked, np.diff(bands.cell_start)),
            prefix,
            reach,
            least,
            threads,
            lambda share: report(0.7 + 0.3 * share),
            core,
        )
    return core
