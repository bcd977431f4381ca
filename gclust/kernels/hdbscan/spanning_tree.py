"""The minimum spanning tree of mutual reachability, by Boruvka's rounds.

In a round each component looks for its lightest edge to another one; the weight of an
edge is the key of the largest of its length and its ends' core distances. Points keep
what they have found: an edge to a point that is still in another component is still
their lightest, and a search that found nothing has left a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.spatial.ball_tree import Balls, key_between, least_key
from gclust.kernels.union_find import find_root, join_sets
from gclust.parallel import even_chunks, parallel_for

POINTS_CHUNK = 2048

COUNT_CHUNK = 1 << 20
"""Points in a chunk of a simple pass."""


class Search(NamedTuple):
    """What the points and the nodes of a tree know of their lightest edges."""

    core: NDArray[np.float64]
    """Key of each point's core distance."""
    component: NDArray[np.int32]
    """Of each point."""
    key: NDArray[np.float64]
    """Lower bound of each point's edges, or the weight of the one that it has found."""
    to: NDArray[np.int32]
    """Its other end, or -1."""
    node_core: NDArray[np.float64]
    """Least core distance in each node."""
    node_component: NDArray[np.int32]
    """The one component of all points of a node, or -1."""


@kernel
def fill_components(depth, component, node_component, first, last):
    """Fill the component of the leaves ``first .. last``."""
    n = len(component)
    for k in range(first, last):
        begin = (k * n) >> depth
        one = component[begin]
        for p in range(begin + 1, ((k + 1) * n) >> depth):
            if component[p] != one:
                one = -1
                break
        node_component[(1 << depth) + k] = one


@kernel
def bound_components(search, bound, first, last):
    """Bound the components' lightest edges by those that points have still."""
    for p in range(first, last):
        mine = search.component[p]
        if search.to[p] >= 0:
            if search.component[search.to[p]] == mine:
                search.to[p] = -1
            else:
                bound[mine] = min(bound[mine], search.key[p])


@helper
def look_out(balls, search, p, best, stack, keys):
    """Return the weight and the end of the lightest edge from ``p`` that is below ``best``.

    Stops at an edge that no other one from ``p`` can be below.
    """
    x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
    n, leaves = len(balls.units), 1 << balls.depth
    mine, core, enough = search.component[p], search.core[p], search.key[p]
    end = -1
    stack[0], keys[0] = 1, 0.0
    top = 1
    while top > 0:
        top -= 1
        node = stack[top]
        if keys[top] >= best or search.node_core[node] >= best:
            continue
        if search.node_component[node] == mine:
            continue
        if node < leaves:
            left, right = 2 * node, 2 * node + 1
            to_left = least_key(balls, left, x, y, z)
            to_right = least_key(balls, right, x, y, z)
            if to_left < to_right:  # the nearer one is looked at first
                left, right, to_left, to_right = right, left, to_right, to_left
            stack[top], keys[top] = left, to_left
            stack[top + 1], keys[top + 1] = right, to_right
            top += 2
            continue
        k = node - leaves
        for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
            if search.core[q] >= best or search.component[q] == mine:
                continue
            key = key_between(
                balls.sphere, x, y, z, balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
            )
            key = max(key, core, search.core[q])
            if key < best:
                best, end = key, q
                if best <= enough:
                    return best, end
    return best, end


@kernel
def search_points(balls, search, bound, first, last):
    """Look for the lightest edges of the points ``first .. last``.

    Threads share ``bound`` without locks: whatever it holds is the weight of an edge that
    some point of the component keeps, so that the lightest weight is found in any case.
    """
    stack = np.empty(balls.depth + 2, dtype=np.int64)
    keys = np.empty(balls.depth + 2)
    for p in range(first, last):
        mine = search.component[p]
        if search.to[p] >= 0 or search.key[p] >= bound[mine]:
            continue
        best, end = look_out(balls, search, p, bound[mine], stack, keys)
        search.key[p], search.to[p] = best, end
        if end >= 0 and best < bound[mine]:
            bound[mine] = best


@kernel
def choose_edges(search, chosen, first, last):
    """Choose each component's lightest edge: that of its first point that has it."""
    for p in range(first, last):
        mine = search.component[p]
        if search.to[p] >= 0 and (chosen[mine] < 0 or search.key[p] < search.key[chosen[mine]]):
            chosen[mine] = p


@kernel
def join_components(search, chosen, parent, ends, at):
    """Join components along their edges, given lightest first; return the edges so far.

    Among edges of one weight, one that closes a circle is left out.
    """
    for t in range(len(chosen)):
        p = chosen[t]
        a, b = (
            find_root(parent, search.component[p]),
            find_root(parent, search.component[search.to[p]]),
        )
        if a != b:
            join_sets(parent, a, b)
            ends[0, at], ends[1, at] = p, search.to[p]
            at += 1
    return at


@kernel
def rename_components(component, name, first, last):
    """Give the points ``first .. last`` the new names of their components."""
    for p in range(first, last):
        component[p] = name[component[p]]


def _begin(balls: Balls, core: NDArray[np.float64]) -> Search:
    n, depth = len(core), balls.depth
    node_core = np.full(2 << depth, math.inf)
    node_core[1 << depth :] = np.minimum.reduceat(core, np.arange(1 << depth) * n >> depth)
    for level in range(depth - 1, -1, -1):
        below = node_core[2 << level : 4 << level]
        node_core[1 << level : 2 << level] = np.minimum(below[::2], below[1::2])
    return Search(
        core=core,
        component=np.arange(n, dtype=np.int32),
        key=core.copy(),
        to=np.full(n, -1, dtype=np.int32),
        node_core=node_core,
        node_component=np.full(2 << depth, -1, dtype=np.int32),
    )


def _rename(search: Search, parent: NDArray[np.int32], depth: int, threads: int) -> int:
    """Number the joined components from 0 on; return how many there are."""
    while True:  # parents have lower numbers: all point at their roots in a few steps
        above = parent[parent]
        if np.array_equal(above, parent):
            break
        parent = above
    is_root = parent == np.arange(len(parent), dtype=np.int32)
    name = (np.cumsum(is_root, dtype=np.int32) - np.int32(1))[parent]
    cuts = even_chunks(len(search.core), COUNT_CHUNK)
    parallel_for(cuts, threads, rename_components, search.component, name)
    node_component = search.node_component
    parallel_for(
        even_chunks(1 << depth, COUNT_CHUNK >> 4),
        threads,
        fill_components,
        depth,
        search.component,
        node_component,
    )
    for level in range(depth - 1, -1, -1):
        below = node_component[2 << level : 4 << level]
        node_component[1 << level : 2 << level] = np.where(
            below[::2] == below[1::2], below[::2], -1
        )
    return int(is_root.sum())


def spanning_tree(
    balls: Balls, core: NDArray[np.float64], threads: int, report: Callable[[float], None]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return a minimum spanning tree of mutual reachability.

    Which of the trees of equal weight it is may differ between calls; their weights and
    what they connect up to any weight do not.

    Parameters
    ----------
    balls : Balls
        The points, fewer than 2 ** 31.
    core : ndarray of float64, shape (n,)
        Keys of their core distances.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    ends : ndarray of int32, shape (2, n - 1)
        Points at the ends of the edges.
    keys : ndarray of float64, shape (n - 1,)
        Their weights.
    """
    n = len(core)
    search = _begin(balls, core)
    ends = np.empty((2, n - 1), dtype=np.int32)
    keys = np.empty(n - 1)
    at, many = 0, n
    while many > 1:
        bound = np.full(many, math.inf)
        chosen = np.full(many, -1, dtype=np.int32)
        # One after the other: a chunk may write to any component.
        parallel_for(even_chunks(n, COUNT_CHUNK), 1, bound_components, search, bound)
        done = 1 - math.log(many) / math.log(n)
        parallel_for(
            even_chunks(n, POINTS_CHUNK),
            threads,
            search_points,
            balls,
            search,
            bound,
            report=lambda share, done=done: report(done + 0.2 * share * (1 - done)),  # type: ignore[misc]
        )
        parallel_for(even_chunks(n, COUNT_CHUNK), 1, choose_edges, search, chosen)
        chosen = chosen[np.argsort(search.key[chosen], kind="stable")]
        parent = np.arange(many, dtype=np.int32)
        joined = join_components(search, chosen, parent, ends, at)
        keys[at:joined] = search.key[ends[0, at:joined]]
        at = joined
        many = _rename(search, parent, balls.depth, threads)
    report(1.0)
    return ends, keys
