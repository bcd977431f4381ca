"""Minimum spanning tree of mutual reachability distances (Boruvka's algorithm, ball tree).

In each round every component adds its lightest edge to another component. The weight of an edge
is the largest of its length and the core distances of its ends, as reduced distances (L. McInnes,
J. Healy: Accelerated hierarchical density based clustering, ICDM Workshops 2017; W. March, P. Ram,
A. Gray: Fast Euclidean minimum spanning tree, KDD 2010). Points keep
their results between rounds: an edge to a point that is still in another component is still the
lightest, and a search without a result gives a lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.hdbscan.nearest_first import points_of_leaf, push_children, reduce_by_node
from gclust.kernels.spatial.ball_tree import Balls, key_between
from gclust.kernels.union_find import all_roots, find_root, join_sets
from gclust.parallel import even_chunks, parallel_for

POINTS_CHUNK = 2048
"""Number of points in a chunk of searches."""

COUNT_CHUNK = 1 << 20
"""Number of points in a chunk of a simple pass."""


class Candidates(NamedTuple):
    """The lightest edge found for each of ``n`` points, and values for the ball tree's nodes."""

    core: NDArray[np.float64]  # (n,) key of the core distance
    component: NDArray[np.int32]  # (n,)
    key: NDArray[np.float64]  # (n,) weight of the edge found, or a lower bound for all edges
    to: NDArray[np.int32]  # (n,) the edge's other end, or -1
    node_core: NDArray[np.float64]  # (nodes,) least core distance in each node
    node_component: NDArray[np.int32]  # (nodes,) common component of all points, or -1


@kernel
def fill_components(depth, component, node_component, first, last):
    """Fill in the component that all points of a leaf share, -1 if they differ, of some leaves.

    The leaves are ``first .. last``.

    Arrays as in `Candidates`.
    """
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
def bound_components(candidates, bound, first, last):
    """Bound the weight of each component's lightest edge by the known edges of its points.

    Fills ``bound`` (components,) float64. Removes edges now within a component.
    """
    for p in range(first, last):
        mine = candidates.component[p]
        if candidates.to[p] >= 0:
            if candidates.component[candidates.to[p]] == mine:
                candidates.to[p] = -1
            else:
                bound[mine] = min(bound[mine], candidates.key[p])


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


@kernel
def search_points(balls, candidates, bound, first, last):
    """Find the lightest edge from each point ``first .. last`` to another component.

    Points that cannot have the lightest edge of their component are skipped. Threads share
    ``bound`` (components,) float64 without locks: any value in it is the weight of an edge stored
    by a point of the component, so that the lightest weight is always found.
    """
    stack = np.empty(balls.depth + 2, dtype=np.int64)
    keys = np.empty(balls.depth + 2)
    for p in range(first, last):
        mine = candidates.component[p]
        if candidates.to[p] >= 0 or candidates.key[p] >= bound[mine]:
            continue
        best, foreign = nearest_foreign(balls, candidates, p, bound[mine], stack, keys)
        candidates.key[p], candidates.to[p] = best, foreign
        if foreign >= 0 and best < bound[mine]:
            bound[mine] = best


@kernel
def choose_edges(candidates, chosen, first, last):
    """Choose, for each component, the first point whose edge is the component's lightest.

    Fills ``chosen`` (components,) int32, -1 if there is none yet.
    """
    for p in range(first, last):
        mine = candidates.component[p]
        if candidates.to[p] >= 0 and (
            chosen[mine] < 0 or candidates.key[p] < candidates.key[chosen[mine]]
        ):
            chosen[mine] = p


@kernel
def join_components(candidates, chosen, parent, ends, at):
    """Join components along their edges, lightest first; return the number of edges so far.

    ``chosen`` (m,) int32 are points, ``parent`` (components,) int32 is a union-find, ``ends``
    (2, n - 1) int32 is filled with edges from number ``at`` on. Among edges of equal weight,
    one that closes a cycle is left out.
    """
    for t in range(len(chosen)):
        p = chosen[t]
        a = find_root(parent, candidates.component[p])
        b = find_root(parent, candidates.component[candidates.to[p]])
        if a != b:
            join_sets(parent, a, b)
            ends[0, at], ends[1, at] = p, candidates.to[p]
            at += 1
    return at


@kernel
def rename_components(component, name, first, last):
    """Renumber the components c of the points ``first .. last``: each becomes ``name[c]``.

    ``component`` (n,) int32, ``name`` (m,) int32.
    """
    for p in range(first, last):
        component[p] = name[component[p]]


def _single_points(balls: Balls, core: NDArray[np.float64]) -> Candidates:
    """Return the `Candidates` of the first round, in which each point is a component."""
    n, depth = len(core), balls.depth
    return Candidates(
        core=core,
        component=np.arange(n, dtype=np.int32),
        key=core.copy(),
        to=np.full(n, -1, dtype=np.int32),
        node_core=reduce_by_node(core, depth, np.minimum),
        node_component=np.full(2 << depth, -1, dtype=np.int32),
    )


def _rename(candidates: Candidates, parent: NDArray[np.int32], depth: int, threads: int) -> int:
    """Number the joined components from 0 on; return how many there are."""
    parent = all_roots(parent)
    is_root = parent == np.arange(len(parent), dtype=np.int32)
    name = (np.cumsum(is_root, dtype=np.int32) - np.int32(1))[parent]
    component, node_component = candidates.component, candidates.node_component
    parallel_for(
        even_chunks(len(component), COUNT_CHUNK), threads, rename_components, component, name
    )
    chunks = even_chunks(1 << depth, COUNT_CHUNK >> 4)
    parallel_for(chunks, threads, fill_components, depth, component, node_component)
    for level in range(depth - 1, -1, -1):
        below = node_component[2 << level : 4 << level]
        node_component[1 << level : 2 << level] = np.where(
            below[::2] == below[1::2], below[::2], -1
        )
    return int(is_root.sum())


def spanning_tree(
    balls: Balls, core: NDArray[np.float64], threads: int, report: Callable[[float], None]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return ends and weights of the edges of a minimum spanning tree of mutual reachability.

    Ends are points, (2, n - 1); weights are keys, (n - 1,), as are the core distances ``core``
    (n,). There are fewer than 2 ** 31 points. Calls may return different trees of equal weight. The
    weights of the edges, and the components connected by the edges up to any weight, are the same.
    """
    n = len(core)
    candidates = _single_points(balls, core)
    ends = np.empty((2, n - 1), dtype=np.int32)
    keys = np.empty(n - 1)
    passes, searches = even_chunks(n, COUNT_CHUNK), even_chunks(n, POINTS_CHUNK)
    at, n_components = 0, n
    while n_components > 1:
        bound = np.full(n_components, math.inf)
        chosen = np.full(n_components, -1, dtype=np.int32)
        # On one thread, because a chunk may write to any component.
        parallel_for(passes, 1, bound_components, candidates, bound)
        done = 1 - math.log(n_components) / math.log(n)
        parallel_for(
            searches,
            threads,
            search_points,
            *(balls, candidates, bound),
            report=lambda share, done=done: report(done + 0.2 * share * (1 - done)),  # type: ignore[misc]
        )
        parallel_for(passes, 1, choose_edges, candidates, chosen)
        chosen = chosen[np.argsort(candidates.key[chosen], kind="stable")]
        parent = np.arange(n_components, dtype=np.int32)
        joined = join_components(candidates, chosen, parent, ends, at)
        keys[at:joined] = candidates.key[ends[0, at:joined]]
        at = joined
        n_components = _rename(candidates, parent, balls.depth, threads)
    report(1.0)
    return ends, keys
