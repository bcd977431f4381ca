"""Search for all points or cells that may be within the radius of some given points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.binary_search import lower_bound_near
from gclust.kernels.spatial.bands import CHUNK, Bands, bands_within, half_widths
from gclust.kernels.spatial.cell_bounds import Cells, Runs
from gclust.kernels.spatial.longitudes import advance, locate
from gclust.kernels.sphere import Reach
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

CELLS_CHUNK = 500
"""Number of cells in a chunk of work."""


@kernel
def mark_nearby_points(bands, cells, reach, nearby, first, last):
    """Mark in ``nearby`` (n,) bool the points that may be within reach of ``cells[first:last]``."""
    for t in range(first, last):
        c = cells[t]
        i = bands.cell_band[c]
        west = bands.lon[bands.cell_start[c]]
        east = bands.lon[bands.cell_start[c + 1] - 1]
        low, _, high = bands_within(bands, i, bands, reach)
        for j in range(low, high):
            _, outer = half_widths(bands, i, bands, j, reach)
            mark_window(bands, j, west - outer, east + outer, nearby)


@helper
def mark_window(bands, j, west, east, nearby):
    """Mark the points of band ``j`` with longitudes from ``west`` to ``east``."""
    start = bands.start[j]
    m = bands.start[j + 1] - start
    first = locate(bands.lon, start, m, west)
    last = min(advance(bands.lon, start, m, first, east) + 1, first + m)
    for k in range(first, last):
        nearby[start + k % m] = True


def nearby_points(
    bands: Bands, cells: NDArray[np.int64], reach: Reach, threads: int
) -> NDArray[np.bool_]:
    """Return, for each point, whether it may be within the radius of a point of the given cells."""
    nearby = np.zeros(len(bands.lon), dtype=np.bool_)
    chunks = even_chunks(len(cells), CELLS_CHUNK)
    parallel_for(chunks, threads, mark_nearby_points, bands, cells, reach, nearby)
    return nearby


@allocating_helper
def group_points(bands, i, width):
    """Split the points of band ``i`` into runs, each at most ``width`` degrees wide."""
    lon = bands.lon[bands.start[i] : bands.start[i + 1]]
    west = np.empty(len(lon))
    east = np.empty(len(lon))
    n = 0
    for value in lon:
        if n == 0 or value - west[n - 1] > width:
            west[n] = value
            n += 1
        east[n - 1] = value
    return Runs(west[:n], east[:n])


@kernel
def mark_nearby_cells(b, a, cells, reach, nearby, first, last):
    """Mark the cells of ``a`` that may be within reach of the bands ``first .. last`` of ``b``.

    ``nearby`` (cells,) bool is only set to True. Points of ``b`` are handled together in runs as
    wide as the radius.
    """
    for j in range(first, last):
        width, _ = half_widths(b, j, b, j, reach)
        runs = group_points(b, j, width)
        low, _, high = bands_within(b, j, a, reach)
        for i in range(low, high):
            _, outer = half_widths(b, j, a, i, reach)
            for shift in (0.0, 360.0, -360.0):
                mark_facing(cells, i, runs, outer, shift, nearby)


@helper
def mark_facing(cells, i, runs, outer, shift, nearby):
    """Mark the cells of band ``i`` that are within ``outer`` degrees of the shifted ``runs``.

    The longitudes of the runs are shifted by ``shift`` degrees.
    """
    begin, end = cells.start[i], cells.start[i + 1]
    n = len(runs.west)
    if cells.west[begin] > runs.east[n - 1] + shift + outer:
        return
    if cells.east[end - 1] < runs.west[0] + shift - outer:
        return
    c = begin
    for r in range(n):
        c = lower_bound_near(cells.east, c, end, runs.west[r] + shift - outer)
        edge = runs.east[r] + shift + outer
        while c < end and cells.west[c] <= edge:
            nearby[c] = True
            c += 1


def nearby_cells(
    b: Bands, a: Bands, cells: Cells, reach: Reach, threads: int, report: Callable[[float], None]
) -> NDArray[np.bool_]:
    """Return which cells of ``a`` may have points within the radius of a point of ``b``.

    The search starts from ``b``, whose points are few or dense; its cells are not used.
    """
    nearby = np.zeros(len(cells.west), dtype=np.bool_)
    chunks = balanced_chunks(b.start, CHUNK)
    parallel_for(chunks, threads, mark_nearby_cells, b, a, cells, reach, nearby, report=report)
    return nearby
