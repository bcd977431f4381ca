"""Joining core points within reach of each other, cell by cell.

The core points of a cell are all within reach of each other, so that components are
made of cells. Two cells of which two points face each other within the inner
half-width join without a distance; only pairs that are still in different components
after that, and that may reach, are looked at point by point.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, run_pieces, unreported
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.sphere import Reach, separation

PIECE = 100_000


@part
def root_of(parent, c):
    """Return the root of ``c``, halving the way to it."""
    while parent[c] != c:
        parent[c] = parent[parent[c]]
        c = parent[c]
    return c


@part
def join(parent, c, d):
    """Join two components under the lower of their roots."""
    c = root_of(parent, c)
    d = root_of(parent, d)
    if c < d:
        parent[d] = c
    else:
        parent[c] = d


@kernel
def join_runs(bands, inner2, outer2, parent, run_stop, first, last):
    """Join neighbours along the bands ``first .. last`` whose gap is surely within reach.

    ``run_stop`` gets the end of the run of joined cells in which each cell lies.
    """
    for i in range(first, last):
        inner, _ = half_widths(bands, i, bands, i, inner2, outer2)
        begin = bands.band_cell[i]
        stop = bands.band_cell[i + 1]
        for c in range(begin, stop):
            p = bands.cell_start[c]
            joined = c > begin and bands.lon[p] - bands.lon[p - 1] < inner
            parent[c] = parent[c - 1] if joined else c
        for c in range(stop - 1, begin - 1, -1):
            same = c + 1 < stop and parent[c + 1] == parent[c]
            run_stop[c] = run_stop[c + 1] if same else c + 1


@part
def any_within(bands, c, d, limit):
    """Return whether any points of two cells are within reach."""
    for p in range(bands.cell_start[c], bands.cell_start[c + 1]):
        x, y, z = bands.x[p], bands.y[p], bands.z[p]
        for q in range(bands.cell_start[d], bands.cell_start[d + 1]):
            if separation(x, y, z, bands.x[q], bands.y[q], bands.z[q]) <= limit:
                return True
    return False


@part
def turn(j, k):
    """Return the cell at position ``j`` of ``k`` cells in a circle, and its longitude shift."""
    if j < 0:
        return j + k, -360.0
    if j >= k:
        return j - k, 360.0
    return j, 0.0


@part
def join_cell(bands, c, j, position, inner, outer, limit, test, parent, run_stop):
    """Join cell ``c`` with the cells of band ``j`` within reach.

    ``test`` looks at the points of pairs that the half-widths leave open.
    ``position`` is where the cells of the band begin that the outer half-width of the
    cell before reached; returns it for this cell.
    """
    begin = bands.band_cell[j]
    k = bands.band_cell[j + 1] - begin
    west = bands.lon[bands.cell_start[c]]
    east = bands.lon[bands.cell_start[c + 1] - 1]
    stop = 2 * k
    if 2.0 * outer + (east - west) >= 360.0:
        here, stop, outer = 0, k, 720.0
    else:
        while position < stop:
            d, shift = turn(position, k)
            if bands.lon[bands.cell_start[begin + d + 1] - 1] + shift >= west - outer:
                break
            position += 1
        here = position
    while here < stop:
        d, shift = turn(here, k)
        d += begin
        d_west = bands.lon[bands.cell_start[d]] + shift
        d_east = bands.lon[bands.cell_start[d + 1] - 1] + shift
        if d_west > east + outer:
            break
        if root_of(parent, c) != root_of(parent, d):
            gap = min(abs(d_west - east), abs(west - d_east))
            sure = inner >= 180.0 or gap < inner
            if not (sure or (test and any_within(bands, c, d, limit))):
                here += 1
                continue
            join(parent, c, d)
        here += run_stop[d] - d  # the rest of the run is in the same component
    return position


@kernel
def join_cells(bands, inner2, outer2, limit, test, parent, run_stop, first, last):
    """Join the cells ``first .. last`` with those of their own and more northern bands."""
    c = first
    while c < last:
        i = bands.cell_band[c]
        stop = min(last, bands.band_cell[i + 1])
        _, high = bands_within(bands, i, bands, outer2)
        for j in range(i, high):
            inner, outer = half_widths(bands, i, bands, j, inner2, outer2)
            position = bands.band_cell[j] - bands.band_cell[j + 1]
            for d in range(c, stop):
                position = join_cell(
                    bands, d, j, position, inner, outer, limit, test, parent, run_stop
                )
        c = stop


def link_cells(bands: Bands, reach: Reach, report: Callable[[float], None]) -> NDArray[np.int64]:
    """Return, for each cell of core points, the first cell of its component.

    Parameters
    ----------
    bands : Bands
        Core points only.
    reach : Reach
        The radius.
    report : callable
        Called with the share done.
    """
    n_cells = len(bands.cell_band)
    parent = np.empty(n_cells, dtype=np.int64)
    run_stop = np.empty(n_cells, dtype=np.int64)
    inner2, outer2 = reach.inner2, reach.outer2
    run_pieces(
        lambda first, last: join_runs(bands, inner2, outer2, parent, run_stop, first, last),
        cut_evenly(bands.band_cell, PIECE),
        1,
        unreported,
    )
    cuts = cut_evenly(bands.cell_start, PIECE)
    for test in (False, True):
        run_pieces(
            partial(_join, bands, reach, test, parent, run_stop),
            cuts,
            1,
            partial(_report_half, report, test),
        )
    while True:
        grand = parent[parent]
        if np.array_equal(grand, parent):
            return parent
        parent = grand


def _join(
    bands: Bands,
    reach: Reach,
    test: bool,
    parent: NDArray[np.int64],
    run_stop: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    join_cells(bands, reach.inner2, reach.outer2, reach.limit, test, parent, run_stop, first, last)


def _report_half(report: Callable[[float], None], second: bool, share: float) -> None:
    report(0.5 * (share + second))
