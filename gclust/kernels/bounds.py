"""Lower and upper bounds on the weight around cells, from sums along bands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, run_pieces
from gclust.kernels.bands import Bands, bands_within, half_widths
from gclust.kernels.circle import advance, locate, sum_before
from gclust.kernels.sphere import Reach

PIECE = 30_000


@part
def add_bounds(lon, starts, first, last, b, j, prefix, inner, outer, lower, upper):
    """Add what band ``j`` of ``b`` holds within reach of the cells ``first .. last``.

    Cell ``c`` is the run of points ``starts[c] .. starts[c + 1]`` of one band, whose
    half-widths to band ``j`` are ``inner`` and ``outer``; its sums are those of
    ``lower[c]`` and ``upper[c]``.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    total = prefix[start + m] - prefix[start]
    west = lon[starts[first]]
    east = lon[starts[first + 1] - 1]
    inner_west = locate(b.lon, start, m, east - inner)
    inner_east = inner_west
    outer_west = locate(b.lon, start, m, west - outer)
    outer_east = outer_west
    for c in range(first, last):
        west = lon[starts[c]]
        east = lon[starts[c + 1] - 1]
        if inner >= 180.0:
            lower[c] += total
        elif east - inner < west + inner:
            inner_west = advance(b.lon, start, m, inner_west, east - inner)
            inner_east = advance(b.lon, start, m, max(inner_west, inner_east), west + inner)
            lower[c] += sum_before(prefix, start, m, inner_east)
            lower[c] -= sum_before(prefix, start, m, inner_west)
        if 2.0 * outer + (east - west) >= 360.0:
            upper[c] += total
        else:
            outer_west = advance(b.lon, start, m, outer_west, west - outer)
            outer_east = advance(b.lon, start, m, max(outer_west, outer_east), east + outer)
            upper[c] += sum_before(prefix, start, m, outer_east)
            upper[c] -= sum_before(prefix, start, m, outer_west)


@kernel
def bound_cells(a, b, prefix, inner2, outer2, lower, upper, first, last):
    """Bound the sums around the cells ``first .. last`` of ``a`` over the points of ``b``."""
    c = first
    while c < last:
        i = a.cell_band[c]
        stop = min(last, a.band_cell[i + 1])
        low, high = bands_within(a, i, b, outer2)
        for j in range(low, high):
            inner, outer = half_widths(a, i, b, j, inner2, outer2)
            add_bounds(a.lon, a.cell_start, c, stop, b, j, prefix, inner, outer, lower, upper)
        c = stop


def neighbourhood_bounds(
    a: Bands,
    b: Bands,
    prefix: NDArray[np.int64],
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bound, for each cell of ``a``, the sum over points of ``b`` around any of its points.

    Parameters
    ----------
    a, b : Bands
        May be the same.
    prefix : ndarray of int64, shape (points of b + 1,)
        Cumulative sums of what is added up, from 0, in the order of ``b``.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    lower, upper : ndarray of int64, shape (cells of a,)
        No point of the cell has less than ``lower`` or more than ``upper`` within the radius.
    """
    n_cells = len(a.cell_band)
    lower = np.zeros(n_cells, dtype=np.int64)
    upper = np.zeros(n_cells, dtype=np.int64)
    run_pieces(
        lambda first, last: bound_cells(
            a, b, prefix, reach.inner2, reach.outer2, lower, upper, first, last
        ),
        cut_evenly(a.cell_start, PIECE),
        threads,
        report,
    )
    return lower, upper
