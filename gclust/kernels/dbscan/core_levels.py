"""Density levels of points, found in steps: cell bounds, batches, single points, a ball tree.

The density level of a point is the number of thresholds that its neighbour weight reaches.
Each step handles the points that the step before could not decide. See "Which points are core
points" in docs/algorithm.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.dbscan.batch_counts import BALL_TREE, CANDIDATES, count_cells
from gclust.kernels.dbscan.density_level import Counting, level_of
from gclust.kernels.dbscan.levels_by_radius import LEAF, levels_by_radius
from gclust.kernels.dbscan.point_counts import CHUNK as POINTS_CHUNK
from gclust.kernels.spatial.ball_tree import grow_balls, leaf_starts
from gclust.kernels.spatial.bands import Bands, bands_within
from gclust.kernels.spatial.cell_bounds import all_half_widths, bound_weight, cells_of, group_cells
from gclust.kernels.spatial.nearby_cells import nearby_points
from gclust.kernels.sphere import Reach
from gclust.parallel import balanced_chunks, parallel_for, unreported

BANDS_CHUNK = 50_000
"""Number of points in a chunk of bands, when the levels of cells are bounded."""

MOST_CANDIDATES = 2_500
"""Number of candidates per point above which the ball tree is faster than a scan."""


def unprepared() -> None:
    """Do nothing: the kernels of the ball tree are compiled when they are called."""


class CellLevels(NamedTuple):
    """Lower and upper bounds of the density levels of the points in each of ``k`` cells."""

    lowest: NDArray[np.uint8]  # (k,)
    highest: NDArray[np.uint8]  # (k,)


@kernel
def bound_cells(bands, cells, prefix, thresholds, reach, levels, first, last):
    """Fill `CellLevels`: bounds of the density levels of the cells of bands ``first .. last``.

    ``prefix`` (k + 1,) int64 is the cumulative weight of the cells, from 0; ``thresholds`` (t,)
    int64 ascend. Upper bounds are found for runs of cells as wide as the radius, which decides most
    sparse regions; then lower bounds are found for each undecided cell.
    """
    for i in range(first, last):
        nearby = bands_within(bands, i, bands, reach)
        inner, outer = all_half_widths(bands, i, bands, nearby, reach)
        begin, end = cells.start[i], cells.start[i + 1]
        is_open = np.empty(end - begin, dtype=np.bool_)
        for k in range(len(is_open)):
            is_open[k] = True
            levels.lowest[begin + k] = 0
        most = thresholds[-1]
        radius = inner[i - nearby.low]
        for upper, width in ((True, radius), (False, -1.0)):
            runs, run_of = group_cells(cells, i, is_open, width)
            widths = outer if upper else inner
            around = bound_weight(cells, nearby, widths, prefix, most, upper, runs)
            for k in range(len(run_of)):
                if run_of[k] < 0:
                    continue
                level = level_of(thresholds, around[run_of[k]])
                if upper:
                    levels.highest[begin + k] = level
                    is_open[k] = level > 0
                else:
                    levels.lowest[begin + k] = level


def density_levels(
    bands: Bands,
    prefix: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
    before_tree: Callable[[], None] = unprepared,
) -> NDArray[np.uint8]:
    """Return how many thresholds the neighbour weight of each point reaches.

    Parameters
    ----------
    bands : Bands
        All points.
    prefix : ndarray of int64, shape (n + 1,)
        Cumulative weight of the points, in the order of ``bands``, from 0.
    thresholds : ndarray of int64, shape (k,), 1 <= k <= MOST_LEVELS
        Ascending; two may be equal.
    before_tree : callable, optional
        Called before the ball tree is first used, to compile its kernels.

    Returns
    -------
    ndarray of uint8, shape (n,)
        From 0 to k; a point counts as its own neighbour.
    """
    counting = Counting(prefix, thresholds, reach, MOST_CANDIDATES)
    levels = cell_levels(bands, counting, threads, lambda share: report(0.5 * share))
    n_reached = np.repeat(levels.lowest, np.diff(bands.cell_start))
    cells = np.flatnonzero(levels.lowest < levels.highest)
    work = count_undecided(
        bands, cells, counting, levels, n_reached, threads, lambda share: report(0.5 + 0.2 * share)
    )
    cells = cells[work[:, BALL_TREE] > 0]
    if len(cells):
        before_tree()
        count_by_tree(
            bands, cells, counting, n_reached, threads, lambda share: report(0.7 + 0.3 * share)
        )
    return n_reached


def cell_levels(
    bands: Bands, counting: Counting, threads: int, report: Callable[[float], None]
) -> CellLevels:
    """Bound the density levels of the points of every cell."""
    cells = cells_of(bands)
    prefix = counting.prefix[bands.cell_start]
    levels = CellLevels(*np.empty((2, len(cells.west)), dtype=np.uint8))
    chunks = balanced_chunks(bands.start, BANDS_CHUNK)
    args = (bands, cells, prefix, counting.thresholds, counting.reach, levels)
    parallel_for(chunks, threads, bound_cells, *args, report=report)
    return levels


def count_undecided(
    bands: Bands,
    cells: NDArray[np.int64],
    counting: Counting,
    levels: CellLevels,
    n_reached: NDArray[np.uint8],
    threads: int,
    report: Callable[[float], None],
) -> NDArray[np.int64]:
    """Find the density levels of points that the bounds of their cells leave undecided.

    Returns the work done; see ``count_cells``.
    """
    sizes = bands.cell_start[cells + 1] - bands.cell_start[cells]
    chunks = balanced_chunks(np.concatenate([[0], np.cumsum(sizes)]), POINTS_CHUNK)
    work = np.zeros((len(cells), CANDIDATES + 1), dtype=np.int64)
    args = (bands, cells, counting, levels.lowest, levels.highest, n_reached, work)
    parallel_for(chunks, threads, count_cells, *args, report=report)
    return work


def count_by_tree(
    bands: Bands,
    cells: NDArray[np.int64],
    counting: Counting,
    n_reached: NDArray[np.uint8],
    threads: int,
    report: Callable[[float], None],
) -> None:
    """Find the density levels of the points of some cells with a ball tree of nearby points."""
    sizes = np.diff(bands.cell_start)
    is_left = np.zeros(len(sizes), dtype=np.bool_)
    is_left[cells] = True
    around = np.flatnonzero(nearby_points(bands, cells, counting.reach, threads))
    wanted = np.repeat(is_left, sizes)[around]
    units = counting.prefix[around + 1] - counting.prefix[around]
    balls, order = grow_balls(
        bands.vectors[around], units, bands.e2 == 0.0, LEAF, threads, unreported
    )
    starts = leaf_starts(len(around), balls.depth)
    leaves = np.flatnonzero(np.logical_or.reduceat(wanted[order], starts[:-1]))
    found = levels_by_radius(
        balls, order, [counting.reach], counting.thresholds, threads, report, leaves
    )[0]
    n_reached[around[wanted]] = found[wanted]
