"""What points are with beyond what they are themselves, at every threshold at once.

A border point of a threshold has a core point within reach. The highest such threshold is
that of its *summit*, a highest core point within reach of it, and where the nodes of all
higher core points about it are on one way, it is with its summit's component at every
threshold: one node says it all. Only the points about which two components of one threshold
may lie are searched threshold by threshold.

Nodes are on *one way* if they lie on the way from one of them to its root: the core points
are then in one component at every threshold at which two of them are core points. The
points of a leaf walk together through a tree of balls, past all balls that are no higher
than what they surely reach, and whose nodes are on one way with all others'.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, inlined_helper, kernel
from gclust.kernels.dbscan.core_levels import MOST_LEVELS
from gclust.kernels.spatial.ball_tree import Balls, away_from
from gclust.kernels.sphere import Reach, separation
from gclust.kernels.surface.component_tree import NONE, Forest, fill_spans
from gclust.parallel import even_chunks, parallel_for

LEAVES_CHUNK = 512

LEVEL, FIRST, LAST = range(3)
"""Columns of what is known of points: their levels, 0 if they are no core points; and the
span of their nodes, see ``forest.fill_spans``."""


class Heights(NamedTuple):
    """What the balls of a tree hold; ``n`` points."""

    ways: NDArray[np.int32]  # (n, 3) of the points in the order of the tree
    peak: NDArray[np.int32]  # (nodes,) a highest core point of each ball, or ``NONE``
    torn: NDArray[np.uint8]  # (nodes,) a level up to which two are not on one way; 0 if all are


class Seen(NamedTuple):
    """Room for what a leaf sees on its way."""

    stack: NDArray[np.int64]  # (room,) nodes to come
    away: NDArray[np.float64]  # (room,) distances of their centres
    found: NDArray[np.int64]  # (leaves,) leaves that are left open
    near: NDArray[np.int64]  # (leaves,) the same by falling height
    start: NDArray[np.int64]  # (MOST_LEVELS + 2,) where those of each height begin


@inlined_helper
def is_part(ways, p, q):
    """Return whether the node of core point ``p`` is that of ``q`` or part of it."""
    return ways[q, FIRST] <= ways[p, FIRST] < ways[q, LAST]


@inlined_helper
def higher(ways, p, q):
    """Return the higher one of two core points, either of which may be missing."""
    return q if p < 0 or (q >= 0 and ways[q, LEVEL] > ways[p, LEVEL]) else p


@inlined_helper
def tear(ways, p, q):
    """Return up to which level two core points are not on one way, 0 if they are."""
    if p < 0 or q < 0 or is_part(ways, p, q) or is_part(ways, q, p):
        return np.int64(0)
    return np.int64(min(ways[p, LEVEL], ways[q, LEVEL]))


@kernel
def fill_heights(depth, order, level, node, span, heights, first, last):
    """Fill what is known of the points of the leaves ``first .. last``, and their balls."""
    ways, n = heights.ways, len(order)
    for leaf in range(first, last):
        peak = np.int64(NONE)
        torn = np.int64(0)
        for p in range((leaf * n) >> depth, ((leaf + 1) * n) >> depth):
            place = order[p]
            ways[p, LEVEL] = level[place]
            if level[place] > 0:
                ways[p, FIRST], ways[p, LAST] = span[node[place], 0], span[node[place], 1]
                torn = max(torn, tear(ways, peak, p))
                peak = higher(ways, peak, p)
        heights.peak[(1 << depth) + leaf] = peak
        heights.torn[(1 << depth) + leaf] = torn


@kernel
def raise_heights(depth, heights):
    """Fill the balls above the leaves."""
    for k in range((1 << depth) - 1, 0, -1):
        one, two = np.int64(heights.peak[2 * k]), np.int64(heights.peak[2 * k + 1])
        torn = max(np.int64(heights.torn[2 * k]), np.int64(heights.torn[2 * k + 1]))
        heights.torn[k] = max(torn, tear(heights.ways, one, two))
        heights.peak[k] = higher(heights.ways, one, two)


@allocating_helper
def make_seen(balls):
    """Return room for what a leaf sees."""
    leaves = 1 << balls.depth
    return Seen(
        np.empty(balls.depth + 2, np.int64),
        np.empty(balls.depth + 2),
        np.empty(leaves, np.int64),
        np.empty(leaves, np.int64),
        np.empty(MOST_LEVELS + 2, np.int64),
    )


@inlined_helper
def passes(heights, peak, torn, sure, best, deepest, apart, ceiling):
    """Return whether a ball can be passed by, as nothing in it is news to any point.

    ``torn`` and ``peak`` are the ball's, ``sure`` whether all points surely reach it. For
    ``best``, ``deepest`` and ``apart`` see ``look_round``.
    """
    ways = heights.ways
    if not sure and (best < 0 or ways[best, LEVEL] < ways[peak, LEVEL]):
        return False
    return apart >= ceiling or (torn == 0 and tear(ways, deepest, peak) == 0)


@inlined_helper
def look_round(balls, heights, leaf, inner, outer, floor, ceiling, seen):
    """Look at what the points of a leaf, of levels ``floor .. ceiling``, may reach.

    Returns a highest core point that all surely reach; the highest one of the balls passed
    by, which are on one way with each other; and a level below which points surely reach
    two core points that are not. Leaves that are left open are listed.
    """
    ways = heights.ways
    x, y, z = balls.ball[leaf, 0], balls.ball[leaf, 1], balls.ball[leaf, 2]
    around = balls.ball[leaf, 3]
    best = deepest = certain = np.int64(NONE)
    apart = np.int64(0)
    many = 0
    seen.stack[0], seen.away[0] = 1, away_from(balls, 1, x, y, z)
    n = 1
    while n > 0:
        n -= 1
        node, away = seen.stack[n], seen.away[n]
        reach = balls.ball[node, 3] + around
        peak = np.int64(heights.peak[node])
        if peak < 0 or ways[peak, LEVEL] <= floor or away - reach > outer:
            continue
        sure = away + reach < inner
        if sure:
            apart = max(apart, np.int64(heights.torn[node]), tear(ways, certain, peak))
            certain = higher(ways, certain, peak)
            best = higher(ways, best, peak)
        if passes(heights, peak, heights.torn[node], sure, best, deepest, apart, ceiling):
            if tear(ways, deepest, peak) == 0:
                deepest = higher(ways, deepest, peak)
        elif node < 1 << balls.depth:
            one, two = 2 * node, 2 * node + 1
            away, other = away_from(balls, one, x, y, z), away_from(balls, two, x, y, z)
            if away < other:  # the nearer one comes first
                one, two, away, other = two, one, other, away
            seen.stack[n], seen.away[n] = one, away
            seen.stack[n + 1], seen.away[n + 1] = two, other
            n += 2
        else:
            seen.found[many] = node
            many += 1
    return best, deepest, apart, many


@inlined_helper
def sort_near(heights, many, seen):
    """Sort the leaves that are left open by falling height."""
    ways, start = heights.ways, seen.start
    highest = np.int64(0)
    for t in range(many):
        highest = max(highest, np.int64(ways[heights.peak[seen.found[t]], LEVEL]))
    start[: highest + 2] = 0
    for t in range(many):
        start[highest - ways[heights.peak[seen.found[t]], LEVEL] + 1] += 1
    for k in range(highest + 1):
        start[k + 1] += start[k]
    for t in range(many):
        k = highest - ways[heights.peak[seen.found[t]], LEVEL]
        seen.near[start[k]] = seen.found[t]
        start[k] += 1


@inlined_helper
def look_into(balls, heights, p, leaf, limit, level, best, deepest, split):
    """Look at the points of a leaf that may be news to point ``p``; return what it then has."""
    ways, at, n = heights.ways, balls.xyz, len(balls.units)
    k = leaf - (1 << balls.depth)
    for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
        if ways[q, LEVEL] <= level:
            continue
        is_higher = best < 0 or ways[q, LEVEL] > ways[best, LEVEL]
        known = split or (deepest >= 0 and is_part(ways, deepest, q))
        if (is_higher or not known) and (
            separation(at[p, 0], at[p, 1], at[p, 2], at[q, 0], at[q, 1], at[q, 2]) <= limit
        ):
            if is_higher:
                best = np.int64(q)
            if tear(ways, deepest, q) > 0:
                split = True
            elif not split:
                deepest = higher(ways, deepest, q)
    return best, deepest, split


@inlined_helper
def climb(balls, heights, p, many, inner, outer, limit, best, deepest, split, seen):
    """Return a summit of point ``p``, or ``NONE``, and whether what it reaches is not one way.

    ``best`` and ``deepest`` are those of ``look_round``, the higher leaves come first.
    """
    ways, xyz = heights.ways, balls.xyz
    level = np.int64(ways[p, LEVEL])
    for t in range(many):
        leaf = seen.near[t]
        peak = np.int64(heights.peak[leaf])
        if ways[peak, LEVEL] <= level:
            break
        is_higher = best < 0 or ways[peak, LEVEL] > ways[best, LEVEL]
        if not is_higher:
            if split:
                break
            if heights.torn[leaf] == 0 and tear(ways, deepest, peak) == 0:
                deepest = higher(ways, deepest, peak)
                continue
        away = away_from(balls, leaf, xyz[p, 0], xyz[p, 1], xyz[p, 2])
        if away - balls.ball[leaf, 3] > outer:
            continue
        sure = is_higher and away + balls.ball[leaf, 3] < inner
        if sure and heights.torn[leaf] == 0 and tear(ways, deepest, peak) == 0:
            best = peak
            deepest = higher(ways, deepest, peak)
        else:
            best, deepest, split = look_into(
                balls, heights, p, leaf, limit, level, best, deepest, split
            )
    if best >= 0 and ways[best, LEVEL] > level:
        return best, split
    return np.int64(NONE), False


@kernel
def find_summits(balls, heights, inner, outer, limit, summit, split, first, last):
    """Find the summits of the points of the leaves ``first .. last``, ``NONE`` if no higher.

    ``split`` gets whether core points that are not on one way may be within reach.
    """
    ways, n = heights.ways, len(balls.units)
    seen = make_seen(balls)
    for leaf in range(first, last):
        begin, end = (leaf * n) >> balls.depth, ((leaf + 1) * n) >> balls.depth
        floor = ceiling = np.int64(ways[begin, LEVEL])
        for p in range(begin + 1, end):
            floor = min(floor, np.int64(ways[p, LEVEL]))
            ceiling = max(ceiling, np.int64(ways[p, LEVEL]))
        node = (1 << balls.depth) + leaf
        surely, closed, apart, many = look_round(
            balls, heights, node, inner, outer, floor, ceiling + 1, seen
        )
        sort_near(heights, many, seen)
        for p in range(begin, end):
            level = np.int64(ways[p, LEVEL])
            best, split[p] = climb(
                balls, heights, p, many, inner, outer, limit, surely, closed, level < apart, seen
            )
            summit[p] = best


class Borders(NamedTuple):
    """What points are with beyond what they are themselves; ``n`` points as in the tree."""

    summit: NDArray[np.int32]
    """(n,) a highest core point within reach of each that is higher than it, or ``NONE``."""
    split: NDArray[np.int64]
    """Points that may have core points of different components of a threshold within reach."""


def find_borders(
    balls: Balls,
    order: NDArray[np.int32],
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    forest: Forest,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> Borders:
    """Find what points are with at the thresholds at which they are not core points.

    Parameters
    ----------
    balls : Balls
        A tree over the points.
    order : ndarray of int32, shape (n,)
        Which point is at each place of the tree.
    level : ndarray of uint8, shape (n,)
        How many thresholds each point reaches.
    node : ndarray of int32, shape (n,)
        The node of each core point.
    forest : Forest
        The components.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    span = np.empty((len(forest.parent), 2), dtype=np.int64)
    fill_spans(forest.parent, span)
    n, depth = len(order), balls.depth
    heights = Heights(
        np.empty((n, 3), dtype=np.int32),
        np.empty(2 << depth, dtype=np.int32),
        np.empty(2 << depth, dtype=np.uint8),
    )
    cuts = even_chunks(1 << depth, LEAVES_CHUNK)
    parallel_for(
        cuts,
        threads,
        fill_heights,
        depth,
        order,
        level,
        node,
        span,
        heights,
        report=lambda share: report(0.1 * share),
    )
    raise_heights(depth, heights)
    inner, outer = math.sqrt(reach.inner2), math.sqrt(reach.outer2)
    summit = np.empty(n, dtype=np.int32)
    split = np.empty(n, dtype=np.bool_)
    parallel_for(
        cuts,
        threads,
        find_summits,
        balls,
        heights,
        inner,
        outer,
        reach.limit,
        summit,
        split,
        report=lambda share: report(0.1 + 0.9 * share),
    )
    return Borders(summit, np.flatnonzero(split))
