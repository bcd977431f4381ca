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

ENTER, LEAVE = range(2)
"""Columns of `CoreIndex.interval`."""


class CoreIndex(NamedTuple):
    """Density levels and tree nodes of ``n`` points in tree order, with a summary per ball."""

    level: NDArray[np.uint8]  # (n,) level of each point, 0 if it is no core point at any threshold
    node: NDArray[np.int32]  # (n,) component tree node of each core point
    interval: NDArray[np.int32]  # (tree nodes, 2) of each node; see ``fill_intervals``
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
    ball: NDArray[np.float64]  # (leaves, 4) their balls
    level: NDArray[np.int64]  # (leaves,) levels of their highest core points
    start: NDArray[np.int64]  # (MOST_LEVELS + 2,) first of these of each level


@inlined_helper
def is_descendant(index, p, q):
    """Return whether the tree node of core point ``p`` is that of ``q`` or a descendant."""
    own, other = index.node[p], index.node[q]
    return index.interval[other, ENTER] <= index.interval[own, ENTER] < index.interval[other, LEAVE]


@inlined_helper
def higher_core(index, p, q):
    """Return the one of two core points with the higher density level; either may be missing."""
    return q if p < 0 or (q >= 0 and index.level[q] > index.level[p]) else p


@inlined_helper
def conflict_level(index, p, q):
    """Return the highest level at which core points p and q belong to different components.

    0 if the tree node of one is an ancestor of the other's, or if one is missing.
    """
    if p < 0 or q < 0 or is_descendant(index, p, q) or is_descendant(index, q, p):
        return np.int64(0)
    return np.int64(min(index.level[p], index.level[q]))


@kernel
def fill_leaves(depth, order, level, node, index, first, last):
    """Fill the `CoreIndex` of the points of the leaves ``first .. last``, and of their balls.

    ``order`` (n,) int32, ``level`` (n,) uint8, ``node`` (n,) int32; the intervals are there.
    """
    n = len(order)
    for leaf in range(first, last):
        highest = np.int64(NONE)
        conflict = np.int64(0)
        for p in range((leaf * n) >> depth, ((leaf + 1) * n) >> depth):
            place = order[p]
            index.level[p] = level[place]
            index.node[p] = node[place]
            if level[place] > 0:
                conflict = max(conflict, conflict_level(index, highest, p))
                highest = higher_core(index, highest, p)
        index.highest[(1 << depth) + leaf] = highest
        index.conflict[(1 << depth) + leaf] = conflict


@kernel
def fill_nodes(depth, index):
    """Fill the `CoreIndex` of the ball tree's nodes above the leaves."""
    for k in range((1 << depth) - 1, 0, -1):
        one, two = np.int64(index.highest[2 * k]), np.int64(index.highest[2 * k + 1])
        conflict = max(np.int64(index.conflict[2 * k]), np.int64(index.conflict[2 * k + 1]))
        index.conflict[k] = max(conflict, conflict_level(index, one, two))
        index.highest[k] = higher_core(index, one, two)


@allocating_helper
def make_workspace(balls):
    """Return the arrays that a traversal of the ball tree ``balls`` fills."""
    leaves = 1 << balls.depth
    return Workspace(
        np.empty(balls.depth + 2, np.int64),
        np.empty(balls.depth + 2),
        np.empty(leaves, np.int64),
        np.empty(leaves, np.int64),
        np.empty((leaves, 4)),
        np.empty(leaves, np.int64),
        np.empty(MOST_LEVELS + 2, np.int64),
    )


@inlined_helper
def agrees(index, node, deepest):
    """Return whether a ball's core points are all ancestors or descendants of ``deepest``."""
    return (
        index.conflict[node] == 0
        and conflict_level(index, deepest, np.int64(index.highest[node])) == 0
    )


@inlined_helper
def traverse(balls, index, leaf, radius, floor, ceiling, work):
    """Find core points that may be within reach of a leaf's points of levels ``floor .. ceiling``.

    Returns a highest core point that all certainly reach; the highest one of the skipped
    balls, to which all others of these are ancestor-related; a level below which points
    certainly reach two unrelated core points; a level from which on all core points that may be
    within reach are ancestor-related; and the number of leaves left open, which are listed.
    """
    x, y, z = balls.ball[leaf, 0], balls.ball[leaf, 1], balls.ball[leaf, 2]
    around = balls.ball[leaf, 3]
    best = deepest = certain_core = top = np.int64(NONE)
    apart = conflict = np.int64(0)
    n_open = 0
    work.stack[0], work.away[0] = 1, away_from(balls, 1, x, y, z)
    n = 1
    while n > 0:
        n -= 1
        node, away = work.stack[n], work.away[n]
        reach = balls.ball[node, 3] + around
        highest = np.int64(index.highest[node])
        if highest < 0 or index.level[highest] <= floor or away - reach > radius.outer:
            continue
        certain = away + reach < radius.inner
        if certain:
            apart = max(
                apart, np.int64(index.conflict[node]), conflict_level(index, certain_core, highest)
            )
            certain_core = higher_core(index, certain_core, highest)
            best = higher_core(index, best, highest)
        # Nothing in it is higher than what all certainly reach, or unrelated to it.
        no_higher = certain or (best >= 0 and index.level[best] >= index.level[highest])
        skipped = no_higher and (apart >= ceiling or agrees(index, node, deepest))
        if not skipped and node < 1 << balls.depth:
            one, two = 2 * node, 2 * node + 1
            away, other = away_from(balls, one, x, y, z), away_from(balls, two, x, y, z)
            if away < other:  # the nearer one comes first
                one, two, away, other = two, one, other, away
            work.stack[n], work.away[n] = one, away
            work.stack[n + 1], work.away[n + 1] = two, other
            n += 2
            continue
        conflict = max(
            conflict, np.int64(index.conflict[node]), conflict_level(index, top, highest)
        )
        top = higher_core(index, top, highest)
        if not skipped:
            work.found[n_open] = node
            n_open += 1
        elif conflict_level(index, deepest, highest) == 0:
            deepest = higher_core(index, deepest, highest)
    return best, deepest, apart, max(conflict, apart), n_open


@inlined_helper
def sort_by_level(balls, index, n_open, work):
    """Sort the leaves still to search by the level of their highest core points, descending."""
    start = work.start
    highest = np.int64(0)
    for t in range(n_open):
        highest = max(highest, np.int64(index.level[index.highest[work.found[t]]]))
    start[: highest + 2] = 0
    for t in range(n_open):
        start[highest - index.level[index.highest[work.found[t]]] + 1] += 1
    for k in range(highest + 1):
        start[k + 1] += start[k]
    for t in range(n_open):
        level = np.int64(index.level[index.highest[work.found[t]]])
        to = start[highest - level]
        start[highest - level] += 1
        work.near[to], work.level[to] = work.found[t], level
        for k in range(4):
            work.ball[to, k] = balls.ball[work.found[t], k]


@inlined_helper
def search_highest(balls, index, p, n_open, radius, best, hint, work):
    """Return a highest core point within reach of ``p``, if one is higher than ``p``.

    Else ``best``, which is ``NONE`` or certainly within reach. ``hint`` may be within reach, or is
    ``NONE``. Only the leaves left open are searched.
    """
    xyz, n = balls.xyz, len(balls.xyz)
    x, y, z = xyz[p, 0], xyz[p, 1], xyz[p, 2]
    top = np.int64(index.level[p])
    if best >= 0:
        top = max(top, np.int64(index.level[best]))
    if (
        hint >= 0
        and index.level[hint] > top
        and (separation(x, y, z, xyz[hint, 0], xyz[hint, 1], xyz[hint, 2]) <= radius.limit)
    ):
        best, top = hint, np.int64(index.level[hint])
    for t in range(n_open):
        if work.level[t] <= top:
            break
        dx, dy, dz = work.ball[t, 0] - x, work.ball[t, 1] - y, work.ball[t, 2] - z
        away = math.sqrt(dx * dx + dy * dy + dz * dz)
        if away - work.ball[t, 3] > radius.outer:
            continue
        if away + work.ball[t, 3] < radius.inner:
            return np.int64(index.highest[work.near[t]])
        k = work.near[t] - (1 << balls.depth)
        for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
            if index.level[q] > top and (
                separation(x, y, z, xyz[q, 0], xyz[q, 1], xyz[q, 2]) <= radius.limit
            ):
                best, top = np.int64(q), np.int64(index.level[q])
    return best


@inlined_helper
def reaches_unrelated(balls, index, p, n_open, radius, best, work):
    """Return whether ``p`` reaches a core point higher than itself that is unrelated to ``best``.

    Only the leaves left open are searched.
    """
    xyz, n = balls.xyz, len(balls.xyz)
    x, y, z = xyz[p, 0], xyz[p, 1], xyz[p, 2]
    level = np.int64(index.level[p])
    for t in range(n_open):
        if work.level[t] <= level:
            break
        leaf = work.near[t]
        apart = conflict_level(index, best, np.int64(index.highest[leaf]))
        if max(apart, np.int64(index.conflict[leaf])) <= level:
            continue
        dx, dy, dz = work.ball[t, 0] - x, work.ball[t, 1] - y, work.ball[t, 2] - z
        if math.sqrt(dx * dx + dy * dy + dz * dz) - work.ball[t, 3] > radius.outer:
            continue
        k = leaf - (1 << balls.depth)
        for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
            if (
                index.level[q] > level
                and conflict_level(index, best, q) > 0
                and separation(x, y, z, xyz[q, 0], xyz[q, 1], xyz[q, 2]) <= radius.limit
            ):
                return True
    return False


@kernel
def find_highest(balls, index, radius, highest, ambiguous, first, last):
    """Find the highest core neighbours of the points of the leaves ``first .. last``.

    ``highest`` (n,) int32 takes them, ``NONE`` where none is higher than the point itself;
    ``ambiguous`` (n,) bool whether unrelated core points may be within reach.
    """
    n = len(balls.xyz)
    work = make_workspace(balls)
    for leaf in range(first, last):
        begin, end = (leaf * n) >> balls.depth, ((leaf + 1) * n) >> balls.depth
        floor = ceiling = np.int64(index.level[begin])
        for p in range(begin + 1, end):
            floor = min(floor, np.int64(index.level[p]))
            ceiling = max(ceiling, np.int64(index.level[p]))
        node = (1 << balls.depth) + leaf
        best, deepest, apart, conflict, n_open = traverse(
            balls, index, node, radius, floor, ceiling + 1, work
        )
        sort_by_level(balls, index, n_open, work)
        hint = np.int64(NONE)
        for p in range(begin, end):
            hint = search_highest(balls, index, p, n_open, radius, best, hint, work)
            level = np.int64(index.level[p])
            is_border = hint >= 0 and index.level[hint] > level
            highest[p] = hint if is_border else np.int64(NONE)
            ambiguous[p] = (
                is_border
                and conflict > level
                and (
                    apart > level
                    or conflict_level(index, deepest, hint) > level
                    or reaches_unrelated(balls, index, p, n_open, radius, hint, work)
                )
            )


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
    interval = np.empty((len(tree.parent), 2), dtype=np.int32)
    fill_intervals(tree.parent, interval)
    n, depth = len(order), balls.depth
    index = CoreIndex(
        np.empty(n, dtype=np.uint8),
        np.empty(n, dtype=np.int32),
        interval,
        np.empty(2 << depth, dtype=np.int32),
        np.empty(2 << depth, dtype=np.uint8),
    )
    chunks = even_chunks(1 << depth, LEAVES_CHUNK)
    args = (depth, order, level, node, index)
    parallel_for(chunks, threads, fill_leaves, *args, report=lambda share: report(0.1 * share))
    fill_nodes(depth, index)
    radius = Radius(math.sqrt(reach.inner2), math.sqrt(reach.outer2), reach.limit)
    highest, ambiguous = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.bool_)
    parallel_for(
        *(chunks, threads, find_highest, balls, index, radius, highest, ambiguous),
        report=lambda share: report(0.1 + 0.9 * share),
    )
    return Borders(highest, np.flatnonzero(ambiguous))
