"""Bounds of the neighbour weights of points, from prefix sums along bands of latitude.

A run is a row of consecutive points of one band. Points of another band within the inner
half-widths (see `gclust.kernels.spatial.bands`) are within the radius of every point of the
run, and points outside the outer half-widths are within the radius of none. Whole cells are
summed: cells within the inner half-widths give a lower bound of the weight within the radius
of each point of the run, and cells that overlap the range of the outer half-widths give an
upper bound. See "Cell bounds" in docs/algorithm.md.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper
from gclust.kernels.spatial.bands import Bands, half_widths
from gclust.kernels.spatial.longitudes import advance, locate, sum_between


class Cells(NamedTuple):
    """The ``k`` cells of ``m`` bands, in arrays shorter than those of their points."""

    west: NDArray[np.float64]  # (k,) longitude of the first point of each
    east: NDArray[np.float64]  # (k,) longitude of the last point of each
    start: NDArray[np.int64]  # (m + 1,) first cell of each band


class Runs(NamedTuple):
    """``r`` runs of consecutive cells; each run is in one band."""

    west: NDArray[np.float64]  # (r,) longitude of the first point of each
    east: NDArray[np.float64]  # (r,) longitude of the last point of each


def cells_of(bands: Bands) -> Cells:
    """Return the `Cells` of bands."""
    starts = bands.cell_start
    return Cells(bands.lon[starts[:-1]], bands.lon[starts[1:] - 1], bands.band_cell)


@helper
def sum_inside(cells, j, prefix, inner, runs, undecided, n, total):
    """Add to ``total`` the weight of band ``j``'s cells within each run's inner half-width.

    Only the runs ``undecided[:n]`` are updated.
    """
    start = cells.start[j]
    m = cells.start[j + 1] - start
    if inner >= 180.0:
        for t in range(n):
            total[undecided[t]] += sum_between(prefix, start, m, np.int64(0), m)
        return
    low = locate(cells.west, start, m, runs.east[undecided[0]] - inner)
    high = low
    for t in range(n):
        r = undecided[t]
        if runs.east[r] - inner < runs.west[r] + inner:
            low = advance(cells.west, start, m, low, runs.east[r] - inner)
            high = advance(cells.east, start, m, max(low, high), runs.west[r] + inner)
            total[r] += sum_between(prefix, start, m, low, high)


@helper
def sum_outside(cells, j, prefix, outer, runs, undecided, n, total):
    """Add to ``total`` the weight of band ``j``'s cells that overlap a run's outer half-width."""
    start = cells.start[j]
    m = cells.start[j + 1] - start
    low = locate(cells.east, start, m, runs.west[undecided[0]] - outer)
    high = low
    for t in range(n):
        r = undecided[t]
        if 2.0 * outer + (runs.east[r] - runs.west[r]) >= 360.0:
            total[r] += sum_between(prefix, start, m, np.int64(0), m)
            continue
        low = advance(cells.east, start, m, low, runs.west[r] - outer)
        high = advance(cells.west, start, m, max(low, high), runs.east[r] + outer)
        total[r] += sum_between(prefix, start, m, low, high)


@allocating_helper
def all_half_widths(a, i, b, nearby, reach):
    """Return the half-widths of band ``i`` of ``a`` and each of the bands ``nearby`` of ``b``."""
    inner = np.empty(nearby.high - nearby.low)
    outer = np.empty(nearby.high - nearby.low)
    for j in range(nearby.low, nearby.high):
        inner[j - nearby.low], outer[j - nearby.low] = half_widths(a, i, b, j, reach)
    return inner, outer


@allocating_helper
def bound_weight(cells, nearby, widths, prefix, threshold, upper, runs):
    """Return, for each run of cells, a bound of the weight within the radius of each of its points.

    The result is int64 of shape (r,): upper bounds if ``upper``, otherwise lower bounds.
    ``nearby`` is the range of bands and ``widths`` are their outer or inner half-widths;
    ``prefix`` has the cumulative weight of the cells. Bands are visited from the nearest
    outwards, and a run is skipped once it has reached ``threshold``.
    """
    low, near, high = nearby
    n = len(runs.west)
    total = np.zeros(n, dtype=np.int64)
    undecided = np.empty(n, dtype=np.uint64)
    for t in range(n):
        undecided[t] = t
    for d in range(max(near - low, high - near)):
        for j in (near + d, near - 1 - d):
            if n == 0 or not low <= j < high:
                continue
            width = widths[j - low]
            if upper:
                sum_outside(cells, j, prefix, width, runs, undecided, n, total)
            elif width > 0.0:
                sum_inside(cells, j, prefix, width, runs, undecided, n, total)
            kept = 0
            for t in range(n):
                if total[undecided[t]] < threshold:
                    undecided[kept] = undecided[t]
                    kept += 1
            n = kept
    return total


@allocating_helper
def group_cells(cells, i, wanted, width):
    """Group the ``wanted`` cells of band ``i`` into runs no wider than ``width`` degrees.

    Returns the runs and the run of each cell, or -1: int64, shape (cells of the band,).
    """
    begin = cells.start[i]
    k = cells.start[i + 1] - begin
    west = np.empty(k)
    east = np.empty(k)
    run_of = np.empty(k, dtype=np.int64)
    n = 0
    for c in range(begin, begin + k):
        run_of[c - begin] = -1
        if wanted[c - begin]:
            if n == 0 or cells.east[c] - west[n - 1] > width:
                west[n] = cells.west[c]
                n += 1
            east[n - 1] = cells.east[c]
            run_of[c - begin] = n - 1
    return Runs(west[:n], east[:n]), run_of
