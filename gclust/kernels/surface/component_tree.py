"""The component tree: a merge tree of the components of core points at all thresholds.

As the threshold falls, core points are added and components merge. A node stands for a
component from the threshold of its *birth* down to that at which it becomes part of its
parent. The tree of one radius has at most two nodes for each core point, however many
thresholds there are.

All points of a cell are within reach of each other, so cells are linked instead of points. The
level of a link between two cells is the highest threshold at which both have core points within
reach of each other. Links come in any order into a timestamped union-find: each cell stores one
parent and the level of its link to it. A new link that would close a cycle replaces the link of
lowest level in that cycle. See "Component tree
over thresholds" in docs/algorithm.md; a merge tree over falling densities is that of Campello,
Moulavi and Sander (PAKDD 2013).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import inlined_helper, kernel
from gclust.kernels.dbscan.density_level import MOST_LEVELS
from gclust.kernels.spatial.bands import CHUNK, Bands, bands_within, half_widths
from gclust.kernels.spatial.cell_bounds import cells_of
from gclust.kernels.sphere import Reach, separation
from gclust.parallel import balanced_chunks, parallel_for

NONE = -1
"""Parent of a root, and node of a point that is in no component."""

NO_RANK = np.uint32(2**32 - 1)
"""Rank of a level that no core point of a cell has."""

UNLINKED = -1
"""Link level of a cell without parent, below all others."""


class ComponentTree(NamedTuple):
    """Tree of the components at all thresholds: ``n`` nodes, children before their parents."""

    birth: NDArray[np.int64]  # (n,) index of the highest threshold at which the component exists
    parent: NDArray[np.int64]  # (n,) node that it becomes part of, or ``NONE``
    rank: NDArray[np.int64]  # (n,) lowest rank of its core points


class CellLinks(NamedTuple):
    """Links between the ``k`` cells of ``n`` core points."""

    level: NDArray[np.uint8]  # (n,) how many thresholds each core point reaches
    highest: NDArray[np.uint8]  # (k,) highest level of the core points of each cell
    chained: NDArray[np.bool_]  # (k,) whether a cell certainly reaches the one before it
    parent: NDArray[np.int32]  # (k,) cell that each is linked to, a lower one, or the cell itself
    link_level: NDArray[np.int16]  # (k,) level from which down it is linked, or ``UNLINKED``


class BandPair(NamedTuple):
    """Two bands of latitude, the longitude shift of the second, and half-widths, in degrees."""

    i: int
    j: int
    shift: float
    inner: float
    outer: float


@inlined_helper
def find_at(links, c, level):
    """Return the root cell of the component that holds cell ``c`` at a density level.

    Halves the path where the upper link holds at least as high up as the lower one.
    """
    while links.link_level[c] >= level:
        b = links.parent[c]
        if links.link_level[b] >= links.link_level[c]:
            links.parent[c] = links.parent[b]
        c = b
    return c


@inlined_helper
def union_at(links, c, d, level):
    """Join the components of cells ``c`` and ``d`` at a level and at all lower ones.

    If the root of one has a parent at lower levels, that link is replaced, and the former
    parent is joined from the level of the replaced link down. Parents are lower cells.
    """
    while True:
        c, d = find_at(links, c, level), find_at(links, d, level)
        if c == d:
            return
        c, d = max(c, d), min(c, d)
        before, before_level = links.parent[c], links.link_level[c]
        links.parent[c], links.link_level[c] = d, level
        if before_level == UNLINKED:
            return
        c, d, level = d, before, before_level


@inlined_helper
def pair_level(cores, links, c, d, floor, enough, limit):
    """Return the highest level at which cells ``c`` and ``d`` have core points within reach.

    Stops at ``enough``; returns ``floor`` if the level is not above it.
    """
    at, level = cores.vectors, links.level
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
def link_pair(cores, links, c, d, limit):
    """Link two cells that may be within reach, unless other links already connect them."""
    enough = np.int64(min(links.highest[c], links.highest[d]))
    floor = enough
    while floor > 0 and find_at(links, c, floor) != find_at(links, d, floor):
        floor -= 1
    if floor < enough:
        found = pair_level(cores, links, c, d, floor, enough, limit)
        if found > floor:
            union_at(links, c, d, found)


@inlined_helper
def is_covered(links, d, begin, stop):
    """Return whether linking cell ``d`` is needless, because a neighbour in the list links it too.

    The list is ``begin .. stop``; the neighbour is chained to ``d`` and at least as high.
    """
    if d > begin and links.chained[d] and links.highest[d - 1] >= links.highest[d]:
        return True
    return d + 1 < stop and links.chained[d + 1] and links.highest[d + 1] > links.highest[d]


@inlined_helper
def link_certain_pairs(cells, links, pair):
    """Link the cells of two bands that are certainly within reach."""
    begin = end = cells.start[pair.j]
    stop = cells.start[pair.j + 1]
    whole = pair.inner >= 180.0
    for c in range(cells.start[pair.i], cells.start[pair.i + 1]):
        west, east = cells.west[c] - pair.shift, cells.east[c] - pair.shift
        while begin < stop and not whole and cells.west[begin] <= east - pair.inner:
            begin += 1
        end = max(end, begin)
        while end < stop and (whole or cells.east[end] < west + pair.inner):
            end += 1
        for d in range(begin, end):
            if (pair.i != pair.j or d > c) and not is_covered(links, d, begin, end):
                union_at(links, c, d, np.int64(min(links.highest[c], links.highest[d])))


@inlined_helper
def link_undecided_pairs(cores, cells, links, pair, limit):
    """Link the cells of two bands that only computed distances show to be within reach."""
    begin = cells.start[pair.j]
    stop = cells.start[pair.j + 1]
    for c in range(cells.start[pair.i], cells.start[pair.i + 1]):
        west, east = cells.west[c] - pair.shift, cells.east[c] - pair.shift
        while begin < stop and cells.east[begin] < west - pair.outer:
            begin += 1
        d = begin
        while d < stop and cells.west[d] <= east + pair.outer:
            certain = pair.inner >= 180.0 or (
                cells.west[d] > east - pair.inner and cells.east[d] < west + pair.inner
            )
            if not certain and (pair.i != pair.j or d > c):
                link_pair(cores, links, c, d, limit)
            d += 1


@kernel
def chain_cells(cores, cells, links, reach, first, last):
    """Link the neighbouring cells of the bands ``first .. last`` that certainly reach each other.

    ``cores`` are `Bands` of the core points, ``cells`` their `Cells`, ``links`` `CellLinks`.
    """
    for i in range(first, last):
        inner, _ = half_widths(cores, i, cores, i, reach)
        links.chained[cells.start[i]] = False
        for c in range(cells.start[i] + 1, cells.start[i + 1]):
            links.chained[c] = cells.east[c] - cells.west[c - 1] < inner
            if links.chained[c]:
                union_at(links, c - 1, c, np.int64(min(links.highest[c - 1], links.highest[c])))


@kernel
def link_cells(cores, cells, links, reach, certain, first, last):
    """Link the cells of the bands ``first .. last`` with cells of the same and northern bands.

    Either those that are ``certain`` to be within reach, without a distance, or the others.
    Arguments as in `chain_cells`.
    """
    for i in range(first, last):
        _, near, high = bands_within(cores, i, cores, reach)
        for j in range(near, high):
            inner, outer = half_widths(cores, i, cores, j, reach)
            if inner <= 0.0 and certain:
                continue
            for shift in (0.0, 360.0, -360.0):
                gap = max(
                    cores.lon[cores.start[i]] - cores.lon[cores.start[j + 1] - 1] - shift,
                    cores.lon[cores.start[j]] + shift - cores.lon[cores.start[i + 1] - 1],
                )
                if gap > outer:
                    continue
                pair = BandPair(i, j, shift, inner, outer)
                if certain:
                    link_certain_pairs(cells, links, pair)
                else:
                    link_undecided_pairs(cores, cells, links, pair, reach.limit)


class CellLevels(NamedTuple):
    """The ``e`` levels that the core points of each of ``k`` cells have, cell by cell."""

    start: NDArray[np.int64]  # (k + 1,) first entry of each cell
    level: NDArray[np.uint8]  # (e,) falling within a cell
    rank: NDArray[np.uint32]  # (e,) lowest rank of the cell's points of the level
    node: NDArray[np.int32]  # (e,) component tree node of these points


@inlined_helper
def collect_levels(cores, links, rank, c, lowest):
    """Fill in ``lowest`` the lowest rank of each level that the core points of a cell have.

    ``lowest`` (MOST_LEVELS + 1,) uint32 is ``NO_RANK`` for other levels up to the cell's highest.
    """
    lowest[: np.int64(links.highest[c]) + 1] = NO_RANK
    for p in range(cores.cell_start[c], cores.cell_start[c + 1]):
        lowest[links.level[p]] = min(lowest[links.level[p]], rank[p])


@kernel
def count_levels(cores, links, rank, start):
    """Fill ``start``, (k + 1,) int64, of `CellLevels`. For ``rank`` see `build_component_tree`."""
    lowest = np.empty(MOST_LEVELS + 1, dtype=np.uint32)
    start[0] = 0
    for c in range(len(start) - 1):
        collect_levels(cores, links, rank, c, lowest)
        start[c + 1] = start[c]
        for k in range(1, np.int64(links.highest[c]) + 1):
            start[c + 1] += lowest[k] != NO_RANK


@kernel
def fill_levels(cores, links, rank, entries):
    """Fill levels and ranks of the ``entries`` of all cells, a `CellLevels`."""
    lowest = np.empty(MOST_LEVELS + 1, dtype=np.uint32)
    for c in range(len(entries.start) - 1):
        collect_levels(cores, links, rank, c, lowest)
        e = entries.start[c]
        for k in range(np.int64(links.highest[c]), 0, -1):
            if lowest[k] != NO_RANK:
                entries.level[e], entries.rank[e] = k, lowest[k]
                e += 1


@kernel
def spread_nodes(cores, links, entries, node):
    """Copy the tree node of each cell's level to its points: ``node`` (n,) int32."""
    for c in range(len(entries.start) - 1):
        for p in range(cores.cell_start[c], cores.cell_start[c + 1]):
            e = entries.start[c]
            while entries.level[e] != links.level[p]:
                e += 1
            node[p] = entries.node[e]


@kernel
def build_merge_tree(links, cell, order, entries, tree):
    """Build the nodes of the component tree from the links of cells; return their number.

    ``cell`` (e,) int32 is the cell of each of the ``entries``, `CellLevels`, whose nodes are
    filled, ``order`` (e,) int64 the entries by falling level. ``tree`` has place for ``e`` nodes.

    Where components merge at a level, some core point is new at that level, as the lower of
    the two that link them is of this level: each level's components with new points get nodes.
    """
    birth, parent, first = tree.birth, tree.parent, tree.rank
    n_cells = len(links.parent)
    n = t = n_roots = 0
    roots = np.empty(n_cells, dtype=np.int64)  # root cells of the components so far
    node_of = np.full(n_cells, NONE)  # and their nodes
    new_roots = np.empty(n_cells, dtype=np.int64)  # of the components with points of this level
    new_node_of = np.full(n_cells, NONE)
    while t < len(order):
        level = np.int64(entries.level[order[t]])
        n_new = 0
        while t < len(order) and entries.level[order[t]] == level:
            e = order[t]
            c = find_at(links, np.int64(cell[e]), level)
            if new_node_of[c] == NONE:
                new_node_of[c] = n
                birth[n], parent[n], first[n] = level - 1, NONE, entries.rank[e]
                n += 1
                new_roots[n_new] = c
                n_new += 1
            k = new_node_of[c]
            entries.node[e] = k
            first[k] = min(first[k], np.int64(entries.rank[e]))
            t += 1
        kept = 0
        for r in range(n_roots):
            c = find_at(links, roots[r], level)
            k = node_of[roots[r]]
            if new_node_of[c] != NONE:
                parent[k] = new_node_of[c]
                first[new_node_of[c]] = min(first[new_node_of[c]], first[k])
            else:
                roots[kept] = c
                kept += 1
        n_roots = kept
        for r in range(n_new):
            node_of[new_roots[r]] = new_node_of[new_roots[r]]
            new_node_of[new_roots[r]] = NONE
            roots[n_roots] = new_roots[r]
            n_roots += 1
    return n


@kernel
def sum_subtrees(parent, total):
    """Add the total of each tree node to the totals of its ancestors.

    ``parent`` and ``total`` (n,) int64.
    """
    for k in range(len(parent)):
        if parent[k] >= 0:
            total[parent[k]] += total[k]


@kernel
def find_roots(tree, threshold, root):
    """Fill ``root`` (n,) int64: the root node of each tree node's component at a threshold.

    ``NONE`` for nodes that are born below the threshold.
    """
    birth, parent = tree.birth, tree.parent
    for k in range(len(birth) - 1, -1, -1):
        if birth[k] < threshold:
            root[k] = NONE
        elif parent[k] >= 0 and birth[parent[k]] >= threshold:
            root[k] = root[parent[k]]
        else:
            root[k] = k


@kernel
def fill_intervals(parent, interval):
    """Fill ``interval`` with the range of preorder numbers in the subtree of each node.

    ``interval`` (n, 2) int64: from the node's own number to before the first one after its
    descendants (the Euler tour of the tree): a node is a descendant of another if its number is in
    the other's interval.
    """
    free = np.ones(len(parent), dtype=np.int64)  # at first the sizes of the subtrees
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
        interval[k, 0] = begin
        interval[k, 1] = begin + size


def build_component_tree(
    cores: Bands,
    level: NDArray[np.uint8],
    rank: NDArray[np.uint32],
    reach: Reach,
    report: Callable[[float], None],
) -> tuple[ComponentTree, NDArray[np.int32]]:
    """Find the components of core points at every threshold.

    ``cores`` are the ``n`` core points of the lowest threshold, with their cells; ``level`` (n,) is
    how many thresholds each reaches, at least 1. Clusters are numbered by the lowest ``rank`` (n,)
    of their core points. Returns the tree, and the component of each point, (n,), at the highest
    threshold at which it is a core point.
    """
    cells = cells_of(cores)
    n, n_cells = len(level), len(cells.west)
    links = CellLinks(
        level=level,
        highest=np.maximum.reduceat(level, cores.cell_start[:-1]),
        chained=np.empty(n_cells, dtype=np.bool_),
        parent=np.arange(n_cells, dtype=np.int32),
        link_level=np.full(n_cells, UNLINKED, dtype=np.int16),
    )
    chunks = balanced_chunks(cores.start, CHUNK)
    parallel_for(chunks, 1, chain_cells, cores, cells, links, reach)
    for certain in (True, False):
        half = partial(_report_half, report, not certain)
        parallel_for(chunks, 1, link_cells, cores, cells, links, reach, certain, report=half)
    start = np.empty(n_cells + 1, dtype=np.int64)
    count_levels(cores, links, rank, start)
    e = int(start[-1])
    entries = CellLevels(
        start, np.empty(e, np.uint8), np.empty(e, np.uint32), np.empty(e, np.int32)
    )
    fill_levels(cores, links, rank, entries)
    order = np.argsort(~entries.level, kind="stable")
    cell = np.repeat(np.arange(n_cells, dtype=np.int32), np.diff(start))
    tree, node = ComponentTree(*np.empty((3, e), dtype=np.int64)), np.empty(n, dtype=np.int32)
    n_nodes = build_merge_tree(links, cell, order, entries, tree)
    spread_nodes(cores, links, entries, node)
    return ComponentTree(*(each[:n_nodes].copy() for each in tree)), node


def _report_half(report: Callable[[float], None], second: bool, share: float) -> None:
    report(0.5 * (share + second))
