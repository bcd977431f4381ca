"""Which points are core: bounds decide most cells, distances the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, run_pieces
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.bounds import group_cells, has_enough, sum_inside, sum_outside
from gclust.kernels.circle import locate, sum_before
from gclust.kernels.sphere import Reach, separation

CELLS_PIECE = 100_000
"""Points of bands in a piece whose cells are decided by bounds."""

POINTS_PIECE = 500
"""Points of undecided cells in a piece; one may need a look at all other points."""

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


@part
def weigh_within(bands, p, start, m, first, last, prefix, limit):
    """Return the units within reach of point ``p`` at the positions ``first .. last``."""
    x, y, z = bands.x[p], bands.y[p], bands.z[p]
    units = 0
    while first < last:
        if first < 0:
            shift, stop = start + m, min(last, 0)
        elif first < m:
            shift, stop = start, min(last, m)
        else:
            shift, stop = start - m, last
        for q in range(first + shift, stop + shift):
            if separation(x, y, z, bands.x[q], bands.y[q], bands.z[q]) <= limit:
                units += prefix[q + 1] - prefix[q]
        first = stop
    return units


@part
def rings(bands, p, i, j, inner2, outer2):
    """Return four positions in band ``j``, seen from point ``p`` of band ``i``.

    What lies between the first and the second or between the third and the fourth may
    be within reach, what lies between the second and the third is, and nothing else.
    """
    inner, outer = half_widths(bands, i, bands, j, inner2, outer2)
    start = bands.start[j]
    m = bands.start[j + 1] - start
    lon = bands.lon[p]
    west = locate(bands.lon, start, m, lon - outer)
    east = west + m if outer >= 180.0 else locate(bands.lon, start, m, lon + outer)
    if inner >= 180.0:
        return west, west, east, east
    if inner <= 0.0:
        return west, east, east, east
    sure_west = locate(bands.lon, start, m, lon - inner)
    sure_east = locate(bands.lon, start, m, lon + inner)
    return west, sure_west, sure_east, east


@part
def weigh_point(bands, p, i, low, high, prefix, reach, least, lower, upper):
    """Return whether point ``p`` of band ``i`` has ``least`` units within reach.

    ``lower`` and ``upper`` bound them; the unsure points of the bands ``low .. high``
    are looked at until the bounds decide.
    """
    for j in range(low, high):
        start = bands.start[j]
        m = bands.start[j + 1] - start
        west, sure_west, sure_east, east = rings(bands, p, i, j, reach.inner2, reach.outer2)
        for first, last in ((west, sure_west), (sure_east, east)):
            if lower >= least or upper < least:
                return lower >= least
            if first >= last:
                continue
            units = weigh_within(bands, p, start, m, first, last, prefix, reach.limit)
            lower += units
            upper += units + sum_before(prefix, start, m, first)
            upper -= sum_before(prefix, start, m, last)
    return lower >= least


@kernel
def weigh_cells(bands, cells, prefix, reach, least, core, first, last):
    """Decide every point of the undecided ``cells[first:last]``."""
    for t in range(first, last):
        c = cells[t]
        begin = bands.cell_start[c]
        size = bands.cell_start[c + 1] - begin
        i = bands.cell_band[c]
        low, _, high = bands_within(bands, i, bands, reach.outer2)
        lon = bands.lon[begin : begin + size]
        points = np.arange(size)
        lower = np.zeros(size, dtype=np.int64)
        upper = np.zeros(size, dtype=np.int64)
        for j in range(low, high):
            inner, outer = half_widths(bands, i, bands, j, reach.inner2, reach.outer2)
            if inner > 0.0:
                sum_inside(bands, j, prefix, inner, points, lon, lon, size, lower)
            sum_outside(bands, j, prefix, outer, points, lon, lon, size, upper)
        for k in range(size):
            core[begin + k] = weigh_point(
                bands, begin + k, i, low, high, prefix, reach, least, lower[k], upper[k]
            )


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
        cut_evenly(bands.start, CELLS_PIECE),
        threads,
        lambda share: report(0.5 * share),
    )
    sizes = np.diff(bands.cell_start)
    core = np.repeat(state == CORE, sizes)
    cells = np.flatnonzero(state == OPEN)
    run_pieces(
        lambda first, last: weigh_cells(bands, cells, prefix, reach, least, core, first, last),
        cut_evenly(np.concatenate([[0], np.cumsum(sizes[cells])]), POINTS_PIECE),
        threads,
        lambda share: report(0.5 + 0.5 * share),
    )
    return core
