"""Which points are core: bounds decide most cells, distances the rest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, run_pieces
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.bounds import add_bounds, neighbourhood_bounds
from gclust.kernels.circle import locate, sum_before
from gclust.kernels.sphere import Reach, separation

PIECE = 500
"""Points of undecided cells in a piece; one may need a look at all other points."""


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
        starts = np.empty(size + 1, dtype=np.int64)
        lower = np.empty(size, dtype=np.int64)
        upper = np.empty(size, dtype=np.int64)
        for k in range(size):
            starts[k] = begin + k
            lower[k] = 0
            upper[k] = 0
        starts[size] = begin + size
        i = bands.cell_band[c]
        none = np.int64(0)
        low, high = bands_within(bands, i, bands, reach.outer2)
        for j in range(low, high):
            inner, outer = half_widths(bands, i, bands, j, reach.inner2, reach.outer2)
            add_bounds(bands.lon, starts, none, size, bands, j, prefix, inner, outer, lower, upper)
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
        Weight of each point, in the caller's order.
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
        In the order of ``bands``.
    """
    prefix = np.zeros(len(units) + 1, dtype=np.int64)
    np.cumsum(units[bands.order], out=prefix[1:])
    lower, upper = neighbourhood_bounds(
        bands, bands, prefix, reach, threads, lambda share: report(0.5 * share)
    )
    sizes = np.diff(bands.cell_start)
    core = np.repeat(lower >= least, sizes)
    cells = np.flatnonzero((lower < least) & (upper >= least))
    run_pieces(
        lambda first, last: weigh_cells(bands, cells, prefix, reach, least, core, first, last),
        cut_evenly(np.concatenate([[0], np.cumsum(sizes[cells])]), PIECE),
        threads,
        lambda share: report(0.5 + 0.5 * share),
    )
    return core
