"""Components of core points at every threshold, as a forest over falling thresholds.

Where the threshold falls, points are added and components join. A node stands for a
component from the threshold at which it comes to be, its *birth*, down to that at which
it becomes part of its parent. All components of one radius take no more than two nodes
for each core point, however many thresholds there are.

The points of a cell are within reach of each other, so that cells are joined in place of
points: two cells at the level from which down points of both that are within reach are core
points. Joins come in any order: each cell knows the level at which it hangs on another, and
a new join takes the place of the lowest one of the circle that it would close.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import inlined_helper, kernel
from gclust.kernels.spatial.bands import CHUNK, Bands, bands_within, gather_points, half_widths
from gclust.kernels.spatial.cell_bounds import cells_of
from gclust.kernels.sphere import Reach, separation
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

NONE = -1
"""Of a node without parent, and of a point without node."""

NOWHERE = -1
"""Level at which a cell hangs on itself: below all others."""


class Forest(NamedTuple):
    """Components, each after those that it is made of."""

    birth: NDArray[np.int64]  # (n,) number of the threshold, of the rising ones
    parent: NDArray[np.int64]  # (n,)
    first: NDArray[np.int64]  # (n,) lowest rank of the core points


@inlined_helper
def top_of(above, held, c, level):
    """Return the cell that stands for the component of cell ``c`` at a level.

    ``above`` is what each cell hangs on, ``held`` at which level. On the way a cell comes to
    hang on the next one but one, where that holds as long.
    """
    while held[c] >= level:
        b = above[c]
        if held[b] >= held[c]:
            above[c] = above[b]
        c = b
    return c


@inlined_helper
def hang(above, held, c, d, level):
    """Join the components of two cells from a level down.

    What a cell hung on until now is joined to what it hangs on instead. A cell never hangs on
    a later one.
    """
    while True:
        c, d = top_of(above, held, c, level), top_of(above, held, d, level)
        if c == d:
            return
        c, d = max(c, d), min(c, d)
        before, since = above[c], held[c]
        above[c], held[c] = d, level
        if since == NOWHERE:
            return
        c, d, level = d, before, since


@inlined_helper
def highest_pair(cores, level, c, d, floor, enough, limit):
    """Return the level from which down two cells have core points within reach of each other.

    Ends at ``enough``; ``floor`` if there are none above it.
    """
    at = cores.vectors
    for p in range(cores.cell_start[c], cores.cell_start[c + 1]):
        if level[p] <= floor:
            continue
        for q in range(cores.cell_start[d], cores.cell_start[d + 1]):
            low = min(np.int64(level[p]), np.int64(level[q]))
            if low > floor and (
                separation(at[p, 0], at[p, 1], at[p, 2], at[q, 0], at[q, 1], at[q, 2]) <= limit
            ):
                floor = low
                if floor >= enough:
                    return floor
    return floor


@inlined_helper
def join_pair(cores, level, highest, c, d, limit, above, held):
    """Join two cells that may be within reach, at the highest level at which they are."""
    enough = np.int64(min(highest[c], highest[d]))
    floor = enough
    while floor > 0 and top_of(above, held, c, floor) != top_of(above, held, d, floor):
        floor -= 1
    if floor < enough:
        found = highest_pair(cores, level, c, d, floor, enough, limit)
        if found > floor:
            hang(above, held, c, d, found)


@inlined_helper
def is_lower(highest, linked, d, begin, stop):
    """Return whether a neighbour of cell ``d`` among ``begin .. stop`` stands for it.

    One that is as high, and that it is joined to already.
    """
    if d > begin and linked[d] and highest[d - 1] >= highest[d]:
        return True
    return d + 1 < stop and linked[d + 1] and highest[d + 1] > highest[d]


@inlined_helper
def join_bands(cores, cells, level, highest, linked, i, j, shift, widths, limit, test, above, held):
    """Join the cells of two bands, the second shifted, that are within reach.

    Those that surely are, or with ``test`` the others that may be.
    """
    inner, outer = widths
    begin = sure = end = cells.start[j]
    stop = cells.start[j + 1]
    for c in range(cells.start[i], cells.start[i + 1]):
        west, east = cells.west[c] - shift, cells.east[c] - shift
        while begin < stop and cells.east[begin] < west - outer:
            begin += 1
        if not test:
            while sure < stop and cells.west[sure] <= east - inner and inner < 180.0:
                sure += 1
            end = max(end, sure)
            while end < stop and (cells.east[end] < west + inner or inner >= 180.0):
                end += 1
            for d in range(sure, end):
                if (i != j or d > c) and not is_lower(highest, linked, d, sure, end):
                    hang(above, held, c, d, np.int64(min(highest[c], highest[d])))
            continue
        d = begin
        while d < stop and cells.west[d] <= east + outer:
            surely = inner >= 180.0 or (
                cells.west[d] > east - inner and cells.east[d] < west + inner
            )
            if not surely and (i != j or d > c):
                join_pair(cores, level, highest, c, d, limit, above, held)
            d += 1


@kernel
def join_neighbours(cores, cells, highest, reach, linked, above, held, first, last):
    """Join the cells of the bands ``first .. last`` with the next ones of their bands."""
    for i in range(first, last):
        inner, _ = half_widths(cores, i, cores, i, reach.inner2, reach.outer2)
        linked[cells.start[i]] = False
        for c in range(cells.start[i] + 1, cells.start[i + 1]):
            linked[c] = cells.east[c] - cells.west[c - 1] < inner
            if linked[c]:
                hang(above, held, c - 1, c, np.int64(min(highest[c - 1], highest[c])))


@kernel
def join_cells(cores, cells, level, highest, linked, reach, test, above, held, first, last):
    """Join the cells of the bands ``first .. last`` with their own and more northern ones."""
    for i in range(first, last):
        _, near, high = bands_within(cores, i, cores, reach.outer2)
        for j in range(near, high):
            widths = half_widths(cores, i, cores, j, reach.inner2, reach.outer2)
            if widths[0] <= 0.0 and not test:
                continue
            for shift in (0.0, 360.0, -360.0):
                gap = max(
                    cores.lon[cores.start[i]] - cores.lon[cores.start[j + 1] - 1] - shift,
                    cores.lon[cores.start[j]] + shift - cores.lon[cores.start[i + 1] - 1],
                )
                if gap <= widths[1]:
                    join_bands(
                        cores,
                        cells,
                        level,
                        highest,
                        linked,
                        i,
                        j,
                        shift,
                        widths,
                        reach.limit,
                        test,
                        above,
                        held,
                    )


@kernel
def plant(above, held, level, cell, order, rank, birth, parent, first, node):
    """Make nodes of the joined cells; return how many.

    ``order`` has the points by falling level, ``cell`` is the cell of each. Fills the nodes'
    ``birth``, ``parent`` and ``first``, and the ``node`` of each point. Components that join
    at a level hold new points, as the lower one of the two that join them is of this level.
    """
    n_cells = len(above)
    n = t = n_roots = 0
    roots = np.empty(n_cells, dtype=np.int64)  # cells that stand for components
    news = np.empty(n_cells, dtype=np.int64)
    of_root = np.full(n_cells, NONE)  # and their nodes
    fresh = np.full(n_cells, NONE)
    while t < len(order):
        height = np.int64(level[order[t]])
        n_news = 0
        end = t
        while end < len(order) and level[order[end]] == height:
            c = top_of(above, held, cell[order[end]], height)
            if fresh[c] == NONE:
                fresh[c] = n
                birth[n], parent[n], first[n] = height - 1, NONE, rank[order[end]]
                n += 1
                news[n_news] = c
                n_news += 1
            k = fresh[c]
            node[order[end]] = k
            first[k] = min(first[k], np.int64(rank[order[end]]))
            end += 1
        t = end
        kept = 0
        for r in range(n_roots):
            c = top_of(above, held, roots[r], height)
            k = of_root[roots[r]]
            if fresh[c] != NONE:
                parent[k] = fresh[c]
                first[fresh[c]] = min(first[fresh[c]], first[k])
            else:
                roots[kept] = c
                kept += 1
        n_roots = kept
        for r in range(n_news):
            of_root[news[r]] = fresh[news[r]]
            fresh[news[r]] = NONE
            roots[n_roots] = news[r]
            n_roots += 1
    return n


@kernel
def add_to_parents(parent, total):
    """Add to each node's total those of its parts."""
    for k in range(len(parent)):
        if parent[k] >= 0:
            total[parent[k]] += total[k]


@kernel
def find_roots(birth, parent, least, root):
    """Fill the component that each node is in at threshold ``least``, ``NONE`` before its birth."""
    for k in range(len(birth) - 1, -1, -1):
        if birth[k] < least:
            root[k] = NONE
        elif parent[k] >= 0 and birth[parent[k]] >= least:
            root[k] = root[parent[k]]
        else:
            root[k] = k


@kernel
def fill_spans(parent, span):
    """Number nodes in preorder: fill the number of each and the next after those of its parts."""
    free = np.ones(len(parent), dtype=np.int64)  # how many its parts are, itself included
    for k in range(len(parent)):
        if parent[k] >= 0:
            free[parent[k]] += free[k]
    after = 0
    for k in range(len(parent) - 1, -1, -1):
        size = free[k]
        begin = after
        if parent[k] >= 0:
            begin = free[parent[k]]
            free[parent[k]] += size
        else:
            after += size
        free[k] = begin + 1
        span[k, 0] = begin
        span[k, 1] = begin + size


def grow_forest(
    cores: Bands,
    level: NDArray[np.uint8],
    rank: NDArray[np.uint32],
    reach: Reach,
    report: Callable[[float], None],
) -> tuple[Forest, NDArray[np.int64]]:
    """Find the components of core points at every threshold.

    Parameters
    ----------
    cores : Bands
        The core points of the lowest threshold, with their cells.
    level : ndarray of uint8, shape (n,)
        How many thresholds each of them reaches, at least 1.
    rank : ndarray of uint32, shape (n,)
        What clusters are numbered by: the lowest of their core points.
    reach : Reach
        The radius.
    report : callable
        Called with the share done.

    Returns
    -------
    forest : Forest
    node : ndarray of int64, shape (n,)
        The node in which each point is when it comes to be a core point.
    """
    cells = cells_of(cores)
    n_cells = len(cells.west)
    highest = np.maximum.reduceat(level, cores.cell_start[:-1])
    above, held = np.arange(n_cells), np.full(n_cells, NOWHERE)
    linked = np.empty(n_cells, dtype=np.bool_)
    cuts = balanced_chunks(cores.start, CHUNK)
    parallel_for(
        cuts, 1, partial(join_neighbours, cores, cells, highest, reach, linked, above, held)
    )
    for test in (False, True):
        parallel_for(
            cuts,
            1,
            partial(join_cells, cores, cells, level, highest, linked, reach, test, above, held),
            report=partial(_report_half, report, test),
        )
    order = np.argsort(~level, kind="stable")
    cell = np.repeat(np.arange(n_cells), np.diff(cores.cell_start))
    birth, parent, first = np.empty((3, len(level)), dtype=np.int64)
    node = np.empty(len(level), dtype=np.int64)
    n = plant(above, held, level, cell, order, rank, birth, parent, first, node)
    return Forest(birth[:n].copy(), parent[:n].copy(), first[:n].copy()), node


def _report_half(report: Callable[[float], None], second: bool, share: float) -> None:
    report(0.5 * (share + second))


_NO_CELLS = np.zeros(0, dtype=np.int64)


def choose_points(bands: Bands, places: NDArray[np.int64], threads: int) -> Bands:
    """Return the bands of some points alone, without cells.

    ``places`` are the points' numbers, ascending. See ``bands.select_points``.
    """
    n = len(places)
    if n == len(bands.lon):
        return bands
    start = np.searchsorted(places, bands.start)
    kept = np.flatnonzero(start[1:] > start[:-1])
    chosen = bands._replace(
        lat=np.empty(n),
        lon=np.empty(n),
        vectors=np.empty((n, 3)),
        edges=bands.edges[kept],
        start=np.append(start[kept], n),
        cell_start=_NO_CELLS,
        cell_band=_NO_CELLS,
        band_cell=_NO_CELLS,
    )
    parallel_for(even_chunks(n, CHUNK), threads, gather_points, bands, places, chosen)
    return chosen
