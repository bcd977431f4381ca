"""Minimum spanning tree of mutual reachability distances (Boruvka's algorithm, ball tree).

In each round every component adds its lightest edge to another component. The weight of an edge
is the largest of its length and the core distances of its ends, as reduced distances (L. McInnes,
J. Healy: Accelerated hierarchical density based clustering, ICDM Workshops 2017; W. March, P. Ram,
A. Gray: Fast Euclidean minimum spanning tree, KDD 2010). `lightest_edges` searches for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.hdbscan.lightest_edges import (
    Candidates,
    find_denser_neighbours,
    search_nodes,
    single_points,
)
from gclust.kernels.spatial.ball_tree import Balls
from gclust.kernels.union_find import all_roots, find_root, join_sets
from gclust.parallel import even_chunks, parallel_for

LEAVES_CHUNK = 1024
"""Number of leaves in a chunk of work."""

QUERY_LEVELS = 8
"""Number of levels of the ball tree in a chunk of searches for nodes."""

COUNT_CHUNK = 1 << 20
"""Number of points in a chunk of a simple pass."""


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
    n, depth = len(core), balls.depth
    candidates = single_points(balls, core)
    ends = np.empty((2, n - 1), dtype=np.int32)
    keys = np.empty(n - 1)
    passes = even_chunks(n, COUNT_CHUNK)
    find_denser_neighbours(balls, candidates, even_chunks(1 << depth, LEAVES_CHUNK), threads)
    at, n_components = 0, n
    while n_components > 1:
        bound = np.full(n_components, math.inf)
        chosen = np.full(n_components, -1, dtype=np.int32)
        # On one thread, because a chunk may write to any component.
        parallel_for(passes, 1, bound_components, candidates, bound)
        done = 1 - math.log(n_components) / math.log(n)
        _search(
            *(balls, candidates, bound, threads),
            lambda share, done=done: report(done + 0.2 * share * (1 - done)),  # type: ignore[misc]
        )
        parallel_for(passes, 1, choose_edges, candidates, chosen)
        chosen = chosen[np.argsort(candidates.key[chosen], kind="stable")]
        parent = np.arange(n_components, dtype=np.int32)
        joined = join_components(candidates, chosen, parent, ends, at)
        keys[at:joined] = candidates.key[ends[0, at:joined]]
        at = joined
        n_components = _rename(candidates, parent, depth, threads)
    report(1.0)
    return ends, keys


def _search(
    balls: Balls,
    candidates: Candidates,
    bound: NDArray[np.float64],
    threads: int,
    report: Callable[[float], None],
) -> None:
    """Find the lightest edge of every component, those of mixed leaves first."""
    depth = max(0, balls.depth - QUERY_LEVELS)
    nodes = even_chunks(1 << depth, 1)
    args = (balls, candidates, bound, depth)
    parallel_for(nodes, threads, search_nodes, *args, True)
    parallel_for(nodes, threads, search_nodes, *args, False, report=report)
