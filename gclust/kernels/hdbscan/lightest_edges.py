"""Search for the lightest edge from each point to another component, for Boruvka's algorithm.

The weight of an edge is the largest of its length and the core distances of its ends. In the
first round nearly every point has an edge as light as its own core distance, to a denser point
nearby. In later ones most points are deep inside of their component: a node of the ball tree is
skipped as a whole if balls alone show that no lighter edge leads out of it. Points that have an
edge keep it between rounds: while its end is in another component, it is still the lightest. A
search without a result gives a lower bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.hdbscan.nearest_first import points_of_leaf, push_children, reduce_by_node
from gclust.kernels.spatial.ball_tree import (
    Balls,
    away_from,
    key_between,
    key_of_chord,
    leaf_starts,
)
from gclust.kernels.sphere import CHORD_SLACK
from gclust.parallel import parallel_for


class Candidates(NamedTuple):
    """The lightest edge found for each of ``n`` points, and values for the ball tree's nodes."""

    core: NDArray[np.float64]  # (n,) key of the core distance
    component: NDArray[np.int32]  # (n,)
    key: NDArray[np.float64]  # (n,) weight of the edge found, or a lower bound for all edges
    to: NDArray[np.int32]  # (n,) the edge's other end, or -1
    node_core: NDArray[np.float64]  # (nodes,) least core distance in each node
    node_component: NDArray[np.int32]  # (nodes,) common component of all points, or -1
    node_key: NDArray[np.float64]  # (nodes,) lower bound for the edges of points of one component


def single_points(balls: Balls, core: NDArray[np.float64]) -> Candidates:
    """Return the `Candidates` of the first round, in which each point is a component."""
    n, depth = len(core), balls.depth
    return Candidates(
        core=core,
        component=np.arange(n, dtype=np.int32),
        key=core.copy(),
        to=np.full(n, -1, dtype=np.int32),
        node_core=reduce_by_node(core, depth, np.minimum),
        node_component=np.full(2 << depth, -1, dtype=np.int32),
        node_key=np.zeros(2 << depth),
    )


@kernel
def find_denser(balls, candidates, densest, first, last):
    """Find an edge as light as its core distance for points of the leaves ``first .. last``.

    No edge of a point is lighter. Its other end is the point of greatest density in the leaf of
    the point or a node above it, ``densest`` (nodes,) int32, if that is near enough.
    """
    for leaf in range((1 << balls.depth) + first, (1 << balls.depth) + last):
        begin, end = points_of_leaf(balls, leaf)
        for p in range(begin, end):
            x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
            node = leaf
            while node > 0 and candidates.to[p] < 0:
                q = densest[node]
                if q != p:
                    key = key_between(
                        balls.sphere, x, y, z, balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
                    )
                    if key <= candidates.core[p]:
                        candidates.to[p] = q
                node >>= 1


def find_denser_neighbours(
    balls: Balls, candidates: Candidates, leaves: NDArray[np.int64], threads: int
) -> None:
    """Find edges as light as the core distances of their points, for as many points as is easy."""
    n, depth, core = len(candidates.core), balls.depth, candidates.core
    leaf_of = np.repeat(np.arange(1 << depth, 2 << depth), np.diff(leaf_starts(n, depth)))
    least = np.flatnonzero(core == candidates.node_core[leaf_of])
    densest = np.empty(2 << depth, dtype=np.int32)
    densest[leaf_of[least]] = least
    for level in range(depth - 1, -1, -1):
        below = densest[2 << level : 4 << level]
        left, right = below[::2], below[1::2]
        densest[1 << level : 2 << level] = np.where(core[left] <= core[right], left, right)
    parallel_for(leaves, threads, find_denser, balls, candidates, densest)


@helper
def nearest_foreign(balls, candidates, p, best, stack, keys):
    """Return weight and end of the lightest edge from point ``p`` to another component.

    Only edges lighter than ``best`` count. The end is -1 if there is none. Stops at an edge as
    light as the lower bound of the edges of ``p``. For ``stack`` and ``keys`` see
    ``push_children``.
    """
    x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
    mine, core, enough = candidates.component[p], candidates.core[p], candidates.key[p]
    foreign = -1
    stack[0], keys[0] = 1, 0.0
    top = 1
    while top > 0:
        top -= 1
        node = stack[top]
        if keys[top] >= best or candidates.node_core[node] >= best:
            continue
        if candidates.node_component[node] == mine:
            continue
        if node < 1 << balls.depth:
            top = push_children(balls, node, (x, y, z), stack, keys, top)
            continue
        begin, end = points_of_leaf(balls, node)
        for q in range(begin, end):
            if candidates.core[q] >= best or candidates.component[q] == mine:
                continue
            key = key_between(
                balls.sphere, x, y, z, balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
            )
            key = max(key, core, candidates.core[q])
            if key < best:
                best, foreign = key, q
                if best <= enough:
                    return best, foreign
    return best, foreign


@helper
def search_leaf(balls, candidates, bound, leaf, stack, keys):
    """Find the lightest edge from each point of a leaf to another component.

    Points that cannot have the lightest edge of their component are skipped. Threads share
    ``bound`` (components,) float64 without locks: any value in it is the weight of an edge stored
    by a point of the component, so that the lightest weight is always found.
    """
    begin, end = points_of_leaf(balls, leaf)
    for p in range(begin, end):
        mine = candidates.component[p]
        if candidates.to[p] >= 0 or candidates.key[p] >= bound[mine]:
            continue
        best, foreign = nearest_foreign(balls, candidates, p, bound[mine], stack, keys)
        candidates.key[p], candidates.to[p] = best, foreign
        if foreign >= 0 and best < bound[mine]:
            bound[mine] = best


@helper
def may_leave(balls, candidates, query, most, stack):
    """Return whether edges lighter than ``most`` may lead out of the component of a node.

    All points of the node ``query`` are in one component. Only balls are compared. ``stack``
    (depth + 2,) int64.
    """
    x, y, z = balls.ball[query, 0], balls.ball[query, 1], balls.ball[query, 2]
    around = balls.ball[query, 3] + CHORD_SLACK
    mine = candidates.node_component[query]
    stack[0] = 1
    top = 1
    while top > 0:
        top -= 1
        node = stack[top]
        if candidates.node_component[node] == mine or candidates.node_core[node] >= most:
            continue
        gap = away_from(balls, node, x, y, z) - balls.ball[node, 3] - around
        if key_of_chord(balls.sphere, gap - CHORD_SLACK) >= most:
            continue
        if node >= 1 << balls.depth:
            return True
        stack[top], stack[top + 1] = 2 * node, 2 * node + 1
        top += 2
    return False


@kernel
def search_nodes(balls, candidates, bound, depth, mixed, first, last):
    """Search the points in the nodes ``first .. last`` at a depth of the tree; see `search_leaf`.

    With ``mixed``, only leaves with points of several components are searched: their edges are
    mostly light, and bound those of other points. Otherwise only the other leaves are; nodes that
    have no foreign point within the bound of their component are skipped as a whole.
    """
    stack = np.empty(balls.depth + 2, dtype=np.int64)
    keys = np.empty(balls.depth + 2)
    queries = np.empty(balls.depth + 2, dtype=np.int64)
    for root in range((1 << depth) + first, (1 << depth) + last):
        queries[0] = root
        top = 1
        while top > 0:
            top -= 1
            node = queries[top]
            mine = candidates.node_component[node]
            if mine >= 0:
                most = bound[mine]
                known = max(candidates.node_core[node], candidates.node_key[node])
                if mixed or known >= most:
                    continue
                if not may_leave(balls, candidates, node, most, stack):
                    candidates.node_key[node] = most
                    continue
            if node < 1 << balls.depth:
                queries[top], queries[top + 1] = 2 * node, 2 * node + 1
                top += 2
            elif mixed == (mine < 0):
                search_leaf(balls, candidates, bound, node, stack, keys)
