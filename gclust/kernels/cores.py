"""Which points are core: bounds decide most cells, distances the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels._pieces import cut_evenly, run_pieces
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.bounds import group_cells, has_enough
from gclust.kernels.sphere import Reach
from gclust.kernels.weigh import weigh_points

PIECE = 100_000
"""Points of bands in a piece whose cells are decided by bounds."""

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
    weigh_points(
        bands,
        np.flatnonzero(state == OPEN),
        bands,
        prefix,
        reach,
        least,
        threads,
        lambda share: report(0.5 + 0.5 * share),
        core,
    )
    return core
