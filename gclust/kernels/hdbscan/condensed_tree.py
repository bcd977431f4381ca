"""The condensed tree of a weighted spanning tree: the clusters that exist at each radius.

Edges of equal length are contracted together, so that a node of the hierarchy may have several
children. A cluster continues in its only child with enough weight, and ends if there are
several such children (R. Campello, D. Moulavi, J. Sander: Density-based clustering based on
hierarchical density estimates. PAKDD 2013, section 4; runt pruning after W. Stuetzle, Journal of
Classification 20, 2003).
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
"""Number of nodes in a chunk of work."""


class Condensed(NamedTuple):
    """The condensed tree: clusters, parents first, and the radii at which ``n`` points leave."""

    cluster: NDArray[np.int64]  # (n,) smallest cluster that each point is ever in
    leaves: NDArray[np.float64]  # (n,) radius at and below which the point is in no cluster
    parent: NDArray[np.int64]  # (clusters,) -1 for the first one, the root, which holds all points
    birth: NDArray[np.float64]  # (clusters,) radius below which it exists; the root's is infinite
    weight: NDArray[np.int64]  # (clusters,) weight of all its points at its birth


class Dendrogram(NamedTuple):
    """The single-linkage tree: nodes of ``n`` points, followed by nodes of ``n - 1`` merges."""

    parent: NDArray[np.int32]  # (2 n - 1,)
    height: NDArray[np.float64]  # (2 n - 1,) core distance of a point, edge length of a merge
    weight: NDArray[np.int64]  # (2 n - 1,)


class Contraction(NamedTuple):
    """The result of contracting nodes of a dendrogram into ancestors of equal height."""

    into: NDArray[np.int32]  # (2 n - 1,) node into which each is contracted, or the node itself
    heavy: NDArray[np.int32]  # (2 n - 1,) number of children that weigh enough for a cluster


class Leaving(NamedTuple):
    """The cluster of each node of a dendrogram, and the radius at which the node leaves it."""

    cluster: NDArray[np.int32]  # (2 n - 1,)
    radius: NDArray[np.float64]  # (2 n - 1,) 0 if the node has not left the cluster


class Clusters(NamedTuple):
    """The clusters, in the order in which they are found."""

    parent: NDArray[np.int64]  # (clusters,)
    birth: NDArray[np.float64]  # (clusters,)
    node: NDArray[np.int64]  # (clusters,) node of the dendrogram


@kernel
def merge_edges(ends, order, tree, root, top, first, last):
    """Fill the nodes of a `Dendrogram` for the merges at the edges ``order[first:last]``.

    ``ends`` (2, n - 1) int32; ``order`` (n - 1,) int64 sorts edges by length; ``root`` (n,) int32
    is a union-find over the points; ``top`` (n,) int32 is the highest node of each root.
    """
    n = len(root)
    for i in range(first, last):
        a, b = find_root(root, ends[0, order[i]]), find_root(root, ends[1, order[i]])
        tree.parent[top[a]], tree.parent[top[b]] = n + i, n + i
        tree.weight[n + i] = tree.weight[top[a]] + tree.weight[top[b]]
        root[b] = a
        top[a] = n + i


@kernel
def contract_nodes(tree, min_units, contraction, first, last):
    """Contract nodes of a `Dendrogram` into ancestors of equal height, from the root down.

    Points are not contracted: at and below its core distance a point is no group of copies.
    """
    parent, height, weight = tree
    into, heavy = contraction
    n = (len(parent) + 1) >> 1
    for i in range(first, last):
        node = len(parent) - 1 - i
        into[node] = node
        if i == 0:
            continue
        above = into[parent[node]]
        if height[node] < height[above]:
            heavy[above] += weight[node] >= min_units
        elif node >= n:
            into[node] = above


@kernel
def follow_clusters(tree, contraction, min_units, leaving, clusters, at, first, last):
    """Find each node's cluster and the radius at which the node leaves it, from the root down.

    Numbers new clusters from ``at`` on, and returns the next free number.
    """
    parent, height, weight = tree
    into, heavy = contraction
    cluster, radius = leaving
    n = (len(parent) + 1) >> 1
    for i in range(first, last):
        node = len(parent) - 1 - i
        if into[node] != node:
            continue
        if i == 0:
            clusters.parent[0], clusters.birth[0], clusters.node[0] = -1, math.inf, node
            cluster[node], radius[node] = 0, 0.0
            at = 1
        else:
            above = into[parent[node]]
            cluster[node], radius[node] = cluster[above], radius[above]
            if radius[above] > 0.0:
                continue
            if weight[node] < min_units or height[node] == height[above]:
                radius[node] = height[above]
                continue
            if heavy[above] > 1:
                clusters.parent[at] = cluster[above]
                clusters.birth[at] = height[above]
                clusters.node[at] = node
                cluster[node] = at
                at += 1
        if node < n:
            radius[node] = height[node]
    return at


def condense(
    ends: NDArray[np.int32],
    edges: NDArray[np.float64],
    cores: NDArray[np.float64],
    units: NDArray[np.int64],
    min_units: int,
    report: Callable[[float], None],
) -> Condensed:
    """Return the condensed tree of points from their minimum spanning tree.

    Parameters
    ----------
    ends : ndarray of int32, shape (2, n - 1)
        Edges of a minimum spanning tree of mutual reachability.
    edges : ndarray of float64, shape (n - 1,)
        Their lengths, which are positive.
    cores : ndarray of float64, shape (n,)
        Core distances of the points, positive; copies of a point separate at this radius.
    units : ndarray of int64, shape (n,)
        Fixed-point weights.
    min_units : int
        Least weight of a cluster, at least that of two copies.

    Notes
    -----
    Clusters are numbered by descending birth, those of equal birth by their first point: the
    numbers do not depend on which of several minimum spanning trees is given.
    """
    n = len(units)
    chunks = even_chunks(2 * n - 1, CHUNK)
    tree = _merge(ends, edges, cores, units, lambda share: report(0.4 * share))
    contraction = Contraction(
        np.empty(2 * n - 1, dtype=np.int32), np.zeros(2 * n - 1, dtype=np.int32)
    )
    args = (tree, min_units, contraction)
    parallel_for(chunks, 1, contract_nodes, *args, report=lambda share: report(0.4 + 0.2 * share))
    most = 1 + int(contraction.heavy[contraction.heavy > 1].sum())
    leaving = Leaving(np.empty(2 * n - 1, dtype=np.int32), np.empty(2 * n - 1))
    clusters = Clusters(
        np.empty(most, dtype=np.int64), np.empty(most), np.empty(most, dtype=np.int64)
    )
    at = [0]

    def follow(first: int, last: int) -> None:
        at[0] = follow_clusters(tree, contraction, min_units, leaving, clusters, at[0], first, last)

    parallel_for(chunks, 1, follow, report=lambda share: report(0.6 + 0.3 * share))
    cluster, leaves = leaving.cluster[:n].astype(np.int64), leaving.radius[:n].copy()
    weight = tree.weight[clusters.node]
    return _number(Condensed(cluster, leaves, clusters.parent, clusters.birth, weight))


def _merge(
    ends: NDArray[np.int32],
    edges: NDArray[np.float64],
    cores: NDArray[np.float64],
    units: NDArray[np.int64],
    report: Callable[[float], None],
) -> Dendrogram:
    """Return the dendrogram of a spanning tree."""
    n = len(units)
    order = np.argsort(edges, kind="stable")
    tree = Dendrogram(
        parent=np.full(2 * n - 1, -1, dtype=np.int32),
        height=np.concatenate([cores, edges[order]]),
        weight=np.concatenate([units, np.zeros(n - 1, dtype=np.int64)]),
    )
    root, top = np.arange(n, dtype=np.int32), np.arange(n, dtype=np.int32)
    chunks = even_chunks(n - 1, CHUNK)
    parallel_for(chunks, 1, merge_edges, ends, order, tree, root, top, report=report)
    return tree


def _number(tree: Condensed) -> Condensed:
    """Number clusters by descending birth, those of equal birth by first point."""
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
