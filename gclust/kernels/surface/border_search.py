"""Search for the component that each border point joins, for all density thresholds at once.

A point that is not a core point at some threshold joins a component there if a core point of
that threshold is within reach. The *highest core neighbour* of a point is the core point within
reach with the highest density level, if that is above the level of the point. It is a core point
at every threshold at which any point within reach is one, so that it answers all thresholds at
once, unless core points within reach belong to unrelated components: only those ambiguous points
are searched threshold by threshold (`gclust.cluster.fixed_eps`).

Two core points are *ancestor-related* if the tree node of one is an ancestor of the other's: at
each threshold at which both are core points they are in one component. The points of a leaf of
a ball tree traverse the tree together, and skip each ball whose core points are no higher than
what all of them certainly reach, and are ancestor-related to those of all other skipped balls.
See "Component tree over thresholds" in docs/algorithm.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, inlined_helper, kernel
from gclust.kernels.dbscan.density_level import MOST_LEVELS
from gclust.kernels.spatial.ball_tree import Balls, away_from
from gclust.kernels.sphere import Reach, separation
from gclust.kernels.surface.component_tree import NONE, ComponentTree, fill_intervals
from gclust.parallel import even_chunks, parallel_for

LEAVES_CHUNK = 512
"""Number of leaves in a chunk of work."""

LEVEL, ENTER, LEAVE = range(3)
"""Columns of `CoreIndex.points`: the level of a point, 0 if it is no core point at any
threshold, and the tree interval of its node (see ``fill_intervals``)."""


class CoreIndex(NamedTuple):
    """Density levels and component tree intervals of ``n`` points, with a summary per ball."""

    points: NDArray[np.int32]  # (n, 3) in the order of the tree; see ``LEVEL`` and following
    highest: NDArray[np.int32]  # (nodes,) a highest core point of each ball, or ``NONE``
    conflict: NDArray[np.uint8]  # (nodes,) ``conflict_level`` of the core points of each ball


class Radius(NamedTuple):
    """The radius, as bounds on the chord and as a reduced distance (key)."""

    inner: float  # chord below which a pair is certainly within reach
    outer: float  # chord above which it certainly is not
    limit: float  # key up to which it is; see `gclust.kernels.sphere.separation`


class Workspace(NamedTuple):
    """Arrays that a traversal of the ball tree fills."""

    stack: NDArray[np.int64]  # (depth + 2,) nodes to visit
    away: NDArray[np.float64]  # (depth + 2,) distances of their centres
    found: NDArray[np.int64]  # (leaves,) leaves left open
    near: NDArray[np.int64]  # (leaves,) the same by falling level
    start: NDArray[np.int64]  # (MOST_LEVELS + 2,) first of these of each level


class Found(NamedTuple):
    """The results of a search so far; core points are given by their place in the ball tree."""

    best: int
    """a highest core point within reach, or ``NONE``"""
    deepest: int
    """a highest one of all core points looked at or skipped, to which all others are
    ancestor-related unless ``split``; or ``NONE``"""
    split: bool
    """whether two of them may be unrelated above the point's own level"""


@inlined_helper
def is_descendant(points, p, q):
    """Return whether the tree node of core point ``p`` is that of ``q`` or a descendant."""
    return points[q, ENTER] <= points[p, ENTER] < points[q, LEAVE]


@inlined_helper
def higher_core(points, p, q):
    """Return the one of two core points with the higher density level; either may be missing."""
    return q if p < 0 or (q >= 0 and points[q, LEVEL] > points[p, LEVEL]) else p


@inlined_helper
def conflict_level(points, p, q):
    """Return the highest level at which core points p and q belong to different components.

    0 if the tree node of one is an ancestor of the other's, or if one is missing.
    """
    if p < 0 or q < 0 or is_descendant(points, p, q) or is_descendant(points, q, p):
        return np.int64(0)
    return np.int64(min(points[p, LEVEL], points[q, LEVEL]))


@kernel
def fill_leaves(depth, order, level, node, interval, index, first, last):
    """Fill the `CoreIndex` of the points of the leaves ``first .. last``, and of their balls.

    ``order`` (n,) int32, ``level`` (n,) uint8, ``node`` (n,) int32, ``interval`` (nodes, 2) int64.
    """
    points, n = index.points, len(order)
    for leaf in range(first, last):
        highest = np.int64(NONE)
        conflict = np.int64(0)
        for p in range((leaf * n) >> depth, ((leaf + 1) * n) >> depth):
            place = order[p]
            points[p, LEVEL] = level[place]
            if level[place] > 0:
                points[p, ENTER] = interval[node[place], 0]
                points[p, LEAVE] = interval[node[place], 1]
                conflict = max(conflict, conflict_level(points, highest, p))
                highest = higher_core(points, highest, p)
        index.highest[(1 << depth) + leaf] = highest
        index.conflict[(1 << depth) + leaf] = conflict


@kernel
def fill_nodes(depth, index):
    """Fill the `CoreIndex` of the ball tree's nodes above the leaves."""
    for k in range((1 << depth) - 1, 0, -1):
        one, two = np.int64(index.highest[2 * k]), np.int64(index.highest[2 * k + 1])
        conflict = max(np.int64(index.conflict[2 * k]), np.int64(index.conflict[2 * k + 1]))
        index.conflict[k] = max(conflict, conflict_level(index.points, one, two))
        index.highest[k] = higher_core(index.points, one, two)


@allocating_helper
def make_workspace(balls):
    """Return the arrays that a traversal of the ball tree ``balls`` fills."""
    leaves = 1 << balls.depth
    return Workspace(
        np.empty(balls.depth + 2, np.int64),
        np.empty(balls.depth + 2),
        np.empty(leaves, np.int64),
        np.empty(leaves, np.int64),
        np.empty(MOST_LEVELS + 2, np.int64),
    )


@inlined_helper
def agrees(index, node, deepest):
    """Return whether a ball's core points are all ancestors or descendants of ``deepest``."""
    return (
        index.conflict[node] == 0
        and conflict_level(index.points, deepest, np.int64(index.highest[node])) == 0
    )


@inlined_helper
def traverse(balls, index, leaf, radius, floor, ceiling, work):
    """Find core points that may be within reach of a leaf's points of levels ``floor .. ceiling``.

    Returns a highest core point that all certainly reach; the highest one of the skipped
    balls, to which all others of these are ancestor-related; a level below which points
    certainly reach two unrelated core points; and the number of leaves left open, which are
    listed.
    """
    points = index.points
    x, y, z = balls.ball[leaf, 0], balls.ball[leaf, 1], balls.ball[leaf, 2]
    around = balls.ball[leaf, 3]
    best = deepest = certain_core = np.int64(NONE)
    apart = np.int64(0)
    n_open = 0
    work.stack[0], work.away[0] = 1, away_from(balls, 1, x, y, z)
    n = 1
    while n > 0:
        n -= 1
        node, away = work.stack[n], work.away[n]
        reach = balls.ball[node, 3] + around
        highest = np.int64(index.highest[node])
        if highest < 0 or points[highest, LEVEL] <= floor or away - reach > radius.outer:
            continue
        certain = away + reach < radius.inner
        if certain:
            apart = max(
                apart, np.int64(index.conflict[node]), conflict_level(points, certain_core, highest)
            )
            certain_core = higher_core(points, certain_core, highest)
            best = higher_core(points, best, highest)
        # Nothing in it is higher than what all certainly reach, or unrelated to it.
        no_higher = certain or (best >= 0 and points[best, LEVEL] >= points[highest, LEVEL])
        if no_higher and (apart >= ceiling or agrees(index, node, deepest)):
            if conflict_level(points, deepest, highest) == 0:
                deepest = higher_core(points, deepest, highest)
        elif node < 1 << balls.depth:
            one, two = 2 * node, 2 * node + 1
            away, other = away_from(balls, one, x, y, z), away_from(balls, two, x, y, z)
            if away < other:  # the nearer one comes first
                one, two, away, other = two, one, other, away
            work.stack[n], work.away[n] = one, away
            work.stack[n + 1], work.away[n + 1] = two, other
            n += 2
        else:
            work.found[n_open] = node
            n_open += 1
    return best, deepest, apart, n_open


@inlined_helper
def sort_by_level(index, n_open, work):
    """Sort the leaves still to search by the level of their highest core points, descending."""
    points, start = index.points, work.start
    highest = np.int64(0)
    for t in range(n_open):
        highest = max(highest, np.int64(points[index.highest[work.found[t]], LEVEL]))
    start[: highest + 2] = 0
    for t in range(n_open):
        start[highest - points[index.highest[work.found[t]], LEVEL] + 1] += 1
    for k in range(highest + 1):
        start[k + 1] += start[k]
    for t in range(n_open):
        k = highest - points[index.highest[work.found[t]], LEVEL]
        work.near[start[k]] = work.found[t]
        start[k] += 1


@inlined_helper
def scan_leaf(balls, index, p, leaf, limit, found):
    """Update the core points ``found`` for point ``p`` from the core points of one tree leaf."""
    points, at, n = index.points, balls.xyz, len(balls.units)
    level = points[p, LEVEL]
    best, deepest, split = found
    k = leaf - (1 << balls.depth)
    for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
        if points[q, LEVEL] <= level:
            continue
        is_higher = best < 0 or points[q, LEVEL] > points[best, LEVEL]
        known = split or (deepest >= 0 and is_descendant(points, deepest, q))
        if (is_higher or not known) and (
            separation(at[p, 0], at[p, 1], at[p, 2], at[q, 0], at[q, 1], at[q, 2]) <= limit
        ):
            if is_higher:
                best = np.int64(q)
            if conflict_level(points, deepest, q) > 0:
                split = True
            elif not split:
                deepest = higher_core(points, deepest, q)
    return Found(best, deepest, split)


@inlined_helper
def refine(balls, index, p, n_open, radius, found, work):
    """Search the remaining leaves for point ``p``, highest first, to improve result ``found``."""
    points, xyz = index.points, balls.xyz
    level = np.int64(points[p, LEVEL])
    for t in range(n_open):
        leaf = work.near[t]
        highest = np.int64(index.highest[leaf])
        if points[highest, LEVEL] <= level:
            break
        is_higher = found.best < 0 or points[highest, LEVEL] > points[found.best, LEVEL]
        if not is_higher:
            if found.split:
                break
            if agrees(index, leaf, found.deepest):
                deepest = higher_core(points, found.deepest, highest)
                found = Found(found.best, deepest, found.split)
                continue
        away = away_from(balls, leaf, xyz[p, 0], xyz[p, 1], xyz[p, 2])
        if away - balls.ball[leaf, 3] > radius.outer:
            continue
        certain = is_higher and away + balls.ball[leaf, 3] < radius.inner
        if certain and agrees(index, leaf, found.deepest):
            found = Found(highest, higher_core(points, found.deepest, highest), found.split)
        else:
            found = scan_leaf(balls, index, p, leaf, radius.limit, found)
    return found


@kernel
def find_highest(balls, index, radius, highest, ambiguous, first, last):
    """Find the highest core neighbours of the points of the leaves ``first .. last``.

    ``highest`` (n,) int32 takes them, ``NONE`` where none is higher than the point itself;
    ``ambiguous`` (n,) bool whether unrelated core points may be within reach.
    """
    points, n = index.points, len(balls.units)
    work = make_workspace(balls)
    for leaf in range(first, last):
        begin, end = (leaf * n) >> balls.depth, ((leaf + 1) * n) >> balls.depth
        floor = ceiling = np.int64(points[begin, LEVEL])
        for p in range(begin + 1, end):
            floor = min(floor, np.int64(points[p, LEVEL]))
            ceiling = max(ceiling, np.int64(points[p, LEVEL]))
        node = (1 << balls.depth) + leaf
        best, deepest, apart, n_open = traverse(
            balls, index, node, radius, floor, ceiling + 1, work
        )
        sort_by_level(index, n_open, work)
        for p in range(begin, end):
            level = np.int64(points[p, LEVEL])
            found = Found(best, deepest, level < apart)
            found = refine(balls, index, p, n_open, radius, found, work)
            is_border = found.best >= 0 and points[found.best, LEVEL] > level
            highest[p] = found.best if is_border else np.int64(NONE)
            ambiguous[p] = is_border and found.split


class Borders(NamedTuple):
    """The highest core neighbours of ``n`` points in tree order, and the ambiguous points."""

    highest: NDArray[np.int32]  # (n,) highest core neighbour, ``NONE`` if none is higher than it
    ambiguous: NDArray[np.int64]  # those that may have unrelated core points within reach


def find_borders(
    balls: Balls,
    order: NDArray[np.int32],
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    tree: ComponentTree,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> Borders:
    """Find the highest core neighbour of each point: the one with the highest density level.

    ``order`` (n,) is the point at each place of the ball tree, ``level`` (n,) how many thresholds
    each point reaches, ``node`` (n,) the node of each core point in the component tree.
    """
    interval = np.empty((len(tree.parent), 2), dtype=np.int64)
    fill_intervals(tree.parent, interval)
    n, depth = len(order), balls.depth
    index = CoreIndex(
        np.empty((n, 3), dtype=np.int32),
        np.empty(2 << depth, dtype=np.int32),
        np.empty(2 << depth, dtype=np.uint8),
    )
    chunks = even_chunks(1 << depth, LEAVES_CHUNK)
    args = (depth, order, level, node, interval, index)
    parallel_for(chunks, threads, fill_leaves, *args, report=lambda share: report(0.1 * share))
    fill_nodes(depth, index)
    radius = Radius(math.sqrt(reach.inner2), math.sqrt(reach.outer2), reach.limit)
    highest, ambiguous = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.bool_)
    parallel_for(
        *(chunks, threads, find_highest, balls, index, radius, highest, ambiguous),
        report=lambda share: report(0.1 + 0.9 * share),
    )
    return Borders(highest, np.flatnonzero(ambiguous))
