"""What lies about chosen points: marks on all that may be within reach of one of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.binary_search import lower_bound_near
from gclust.kernels.spatial.bands import CHUNK, Bands, bands_within, half_widths
from gclust.kernels.spatial.cell_bounds import Cells
from gclust.kernels.spatial.longitudes import advance, locate
from gclust.kernels.sphere import Reach
from gclust.parallel import balanced_chunks, parallel_for

CELLS_CHUNK = 500


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


@helper
def mark_window(bands, j, west, east, around):
    """Mark the points of band ``j`` with longitudes from ``west`` to ``east``."""
    start = bands.start[j]
    m = bands.start[j + 1] - start
    first = locate(bands.lon, start, m, west)
    last = min(advance(bands.lon, start, m, first, east) + 1, first + m)
    for k in range(first, last):
        around[start + k % m] = True


@allocating_helper
def group_points(bands, i, width):
    """Group the points of band ``i`` into runs no wider than ``width`` degrees.

    Returns the runs' first and last longitudes.
    """
    lon = bands.lon[bands.start[i] : bands.start[i + 1]]
    west = np.empty(len(lon))
    east = np.empty(len(lon))
    n = 0
    for value in lon:
        if n == 0 or value - west[n - 1] > width:
            west[n] = value
            n += 1
        east[n - 1] = value
    return west[:n], east[:n]


@kernel
def mark_reached(b, a, cells, inner2, outer2, reached, first, last):
    """Mark the ``cells`` of ``a`` that may be within reach of the bands ``first .. last``.

    Runs of points as wide as the radius mark together.
    """
    for j in range(first, last):
        width, _ = half_widths(b, j, b, j, inner2, outer2)
        west, east = group_points(b, j, width)
        low, _, high = bands_within(b, j, a, outer2)
        for i in range(low, high):
            _, outer = half_widths(b, j, a, i, inner2, outer2)
            for shift in (0.0, 360.0, -360.0):
                mark_facing(cells, i, west, east, outer, shift, reached)


@helper
def mark_facing(cells, i, west, east, outer, shift, reached):
    """Mark the cells of band ``i`` within ``outer`` degrees of runs that are ``shift`` away."""
    begin, end = cells.start[i], cells.start[i + 1]
    n = len(west)
    if cells.west[begin] > east[n - 1] + shift + outer:
        return
    if cells.east[end - 1] < west[0] + shift - outer:
        return
    c = begin
    for r in range(n):
        c = lower_bound_near(cells.east, c, end, west[r] + shift - outer)
        edge = east[r] + shift + outer
        while c < end and cells.west[c] <= edge:
            reached[c] = True
            c += 1


def reached_cells(
    b: Bands,
    a: Bands,
    cells: Cells,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> NDArray[np.bool_]:
    """Return which cells of ``a`` may have points within reach of points of ``b``.

    Parameters
    ----------
    b, a : Bands
        Asked from ``b``, whose points are few or crowded together; its cells are not used.
    cells : Cells
        Those of ``a``.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    reached = np.zeros(len(cells.west), dtype=np.bool_)
    parallel_for(
        balanced_chunks(b.start, CHUNK),
        threads,
        mark_reached,
        b,
        a,
        cells,
        reach.inner2,
        reach.outer2,
        reached,
        report=report,
    )
    return reached
