"""The condensed tree of a weighted spanning tree: which clusters there are at any radius.

Edges of equal length contract together: a node of the hierarchy has as many children as
its edges part. A cluster goes on in the only child that weighs enough, and ends where
there are several of these (R. Campello, D. Moulavi, J. Sander: Density-based clustering
based on hierarchical density estimates. PAKDD 2013, section 4; runt pruning after
W. Stuetzle, Journal of Classification 20, 2003).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.union_find import find_root
from gclust.parallel import even_chunks, parallel_for

CHUNK = 1 << 18


class Condensed(NamedTuple):
    """Clusters, parents before children, and where each of n points leaves them."""

    cluster: NDArray[np.int64]
    """Smallest cluster that each point is ever in, shape (n,)."""
    leaves: NDArray[np.float64]
    """Radius at and below which the point is in no cluster, shape (n,)."""
    parent: NDArray[np.int64]
    """Of each cluster; -1 for the first one, which holds all."""
    birth: NDArray[np.float64]
    """Radius below which there is the cluster; infinite for the first one."""
    weight: NDArray[np.int64]
    """Of all its points at its birth."""


@kernel
def merge_edges(ends, order, parent, weight, root, top, first, last):
    """Fill the nodes that the edges ``order[first:last]`` make, of two children each.

    ``root`` is a forest over the points, ``top`` the node that each of its roots is in.
    """
    n = len(root)
    for i in range(first, last):
        a, b = find_root(root, ends[0, order[i]]), find_root(root, ends[1, order[i]])
        parent[top[a]], parent[top[b]] = n + i, n + i
        weight[n + i] = weight[top[a]] + weight[top[b]]
        root[b] = a
        top[a] = n + i


@kernel
def contract_nodes(parent, height, weight, least, whole, heavy, first, last):
    """Contract nodes into the one above that has their height, from the root down.

    ``whole`` gets the node that each has become part of, ``heavy`` the number of children
    of at least ``least``. A point is no group of copies from its core distance on.
    """
    n = (len(parent) + 1) >> 1
    for i in range(first, last):
        node = len(parent) - 1 - i
        whole[node] = node
        if i == 0:
            continue
        above = whole[parent[node]]
        if height[node] < height[above]:
            heavy[above] += weight[node] >= least
        elif node >= n:
            whole[node] = above


@kernel
def follow_clusters(parent, height, weight, least, whole, heavy, state, grown, at, first, last):
    """Find the cluster of each node and where it leaves it, from the root down.

    ``state`` holds cluster and radius by node, the radius 0 as long as it has not left;
    ``grown`` parent, birth and node by cluster.
    """
    cluster, leaves = state
    n = (len(parent) + 1) >> 1
    for i in range(first, last):
        node = len(parent) - 1 - i
        if whole[node] != node:
            continue
        if i == 0:
            grown[0][0], grown[1][0], grown[2][0] = -1, math.inf, node
            cluster[node], leaves[node] = 0, 0.0
            at = 1
        else:
            above = whole[parent[node]]
            cluster[node], leaves[node] = cluster[above], leaves[above]
            if leaves[above] > 0.0:
                continue
            if weight[node] < least or height[node] == height[above]:
                leaves[node] = height[above]
                continue
            if heavy[above] > 1:
                grown[0][at], grown[1][at], grown[2][at] = cluster[above], height[above], node
                cluster[node] = at
                at += 1
        if node < n:
            leaves[node] = height[node]
    return at


def condense(
    ends: NDArray[np.int32],
    edges: NDArray[np.float64],
    cores: NDArray[np.float64],
    units: NDArray[np.int64],
    least: int,
    report: Callable[[float], None],
) -> Condensed:
    """Return the condensed tree of points.

    Parameters
    ----------
    ends : ndarray of int32, shape (2, n - 1)
        Edges of a minimum spanning tree of mutual reachability.
    edges : ndarray of float64, shape (n - 1,)
        Their lengths, which are positive.
    cores : ndarray of float64, shape (n,)
        Core distances of the points, positive; copies of a point part there.
    units : ndarray of int64, shape (n,)
        Weights.
    least : int
        Least weight of a cluster, two copies or more.
    report : callable
        Called with the share done.

    Notes
    -----
    Clusters are numbered from the greatest birth down, those of one birth by their first
    point: the same for all minimum spanning trees.
    """
    n = len(units)
    parent, height, weight = _merge(ends, edges, cores, units, lambda share: report(0.4 * share))
    whole, heavy = np.empty(2 * n - 1, dtype=np.int32), np.zeros(2 * n - 1, dtype=np.int32)
    parallel_for(
        even_chunks(2 * n - 1, CHUNK),
        1,
        contract_nodes,
        parent,
        height,
        weight,
        least,
        whole,
        heavy,
        report=lambda share: report(0.4 + 0.2 * share),
    )
    most = 1 + int(heavy[heavy > 1].sum())
    state = np.empty(2 * n - 1, dtype=np.int32), np.empty(2 * n - 1)
    grown = np.empty(most, dtype=np.int64), np.empty(most), np.empty(most, dtype=np.int64)
    at = [0]

    def follow(first: int, last: int) -> None:
        at[0] = follow_clusters(
            parent, height, weight, least, whole, heavy, state, grown, at[0], first, last
        )

    parallel_for(
        even_chunks(2 * n - 1, CHUNK), 1, follow, report=lambda share: report(0.6 + 0.3 * share)
    )
    above, birth, node = grown
    cluster = state[0][:n].astype(np.int64)
    return _number(Condensed(cluster, state[1][:n].copy(), above, birth, weight[node]))


def _merge(
    ends: NDArray[np.int32],
    edges: NDArray[np.float64],
    cores: NDArray[np.float64],
    units: NDArray[np.int64],
    report: Callable[[float], None],
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
    """Return parent, height and weight of points and, after them, of merges."""
    n = len(units)
    order = np.argsort(edges, kind="stable")
    height = np.concatenate([cores, edges[order]])
    weight = np.concatenate([units, np.zeros(n - 1, dtype=np.int64)])
    parent = np.full(2 * n - 1, -1, dtype=np.int32)
    root, top = np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32)
    parallel_for(
        even_chunks(n - 1, CHUNK),
        1,
        merge_edges,
        ends,
        order,
        parent,
        weight,
        root,
        top,
        report=report,
    )
    return parent, height, weight


def _number(tree: Condensed) -> Condensed:
    """Number clusters from the greatest birth down, those of one birth by first point."""
    many = len(tree.parent)
    first = np.full(many, len(tree.cluster))
    np.minimum.at(first, tree.cluster, np.arange(len(tree.cluster)))
    for k in range(many - 1, 0, -1):  # parents come before children
        first[tree.parent[k]] = min(first[tree.parent[k]], first[k])
    order = np.lexsort((first, -tree.birth))
    name = np.empty(many, dtype=np.int64)
    name[order] = np.arange(many)
    parent = tree.parent[order]
    parent[1:] = name[parent[1:]]
    return Condensed(name[tree.cluster], tree.leaves, parent, tree.birth[order], tree.weight[order])
