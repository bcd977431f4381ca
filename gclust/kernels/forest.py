"""Components of core points at every threshold, as a forest over falling thresholds.

Where the threshold falls, points are added and components join. A node stands for a
component from the threshold at which it comes to be, its *birth*, down to that at which
it becomes part of its parent. All components of one radius take no more than two nodes
for each core point, however many thresholds there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels._pieces import even_cuts, run_pieces, unreported
from gclust.kernels.bands import PIECE, Bands, gather_points
from gclust.kernels.link import link_points
from gclust.kernels.sphere import Reach

NONE = -1
"""Of a node without parent, and of a point without node."""


class Forest(NamedTuple):
    """Components, each after those that it is made of."""

    birth: NDArray[np.int64]  # (n,) number of the threshold, of the rising ones
    parent: NDArray[np.int64]  # (n,)
    first: NDArray[np.int64]  # (n,) lowest rank of the core points


@kernel
def survey(
    level, birth, start, component, rank, top, first, node, parts, least, point, of_top, child
):
    """See what the components at threshold ``birth`` are made of.

    ``start`` bounds the runs of the points above it, ``component`` is that of each run, and
    ``top`` has the node of a component of the threshold before at one point of it. New
    points get their component as ``node``; ``parts`` gets the number of components joined,
    more where there are new points, ``least`` the lowest rank, and ``point`` a point of
    each. Returns how many components there were: ``child`` their points, ``of_top`` what
    they are part of.
    """
    n = t = run = 0
    for p in range(len(level)):
        if level[p] <= birth:
            continue
        if t == start[run + 1]:
            run += 1
        t += 1
        c = component[run]
        if parts[c] == 0:
            point[c] = p
        if level[p] == birth + 1:
            node[p] = c
            parts[c] += 2
            least[c] = min(least[c], rank[p])
        elif top[p] >= 0:
            parts[c] += 1
            least[c] = min(least[c], first[top[p]])
            child[n], of_top[n] = p, c
            n += 1
    return n


@kernel
def settle_new(level, birth, top, node):
    """Turn the components of new points into nodes."""
    for p in range(len(level)):
        if level[p] == birth + 1:
            node[p] = top[node[p]]


@kernel
def add_to_parents(parent, total):
    """Add to each node's total those of its parts."""
    for k in range(len(parent)):
        if parent[k] >= 0:
            total[parent[k]] += total[k]


@kernel
def find_roots(birth, parent, least, root):
    """Fill the component that each node is in at threshold ``least``, ``NONE`` before its birth."""
    for k in range(len(birth) - 1, -1, -1):
        if birth[k] < least:
            root[k] = NONE
        elif parent[k] >= 0 and birth[parent[k]] >= least:
            root[k] = root[parent[k]]
        else:
            root[k] = k


@kernel
def fill_spans(parent, span):
    """Number nodes in preorder: fill the number of each and the next after those of its parts."""
    free = np.ones(len(parent), dtype=np.int64)  # how many its parts are, itself included
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
        span[k, 0] = begin
        span[k, 1] = begin + size


def grow_forest(
    cores: Bands,
    level: NDArray[np.uint8],
    rank: NDArray[np.uint32],
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> tuple[Forest, NDArray[np.int64]]:
    """Find the components of core points at every threshold.

    Parameters
    ----------
    cores : Bands
        The core points of the lowest threshold.
    level : ndarray of uint8, shape (n,)
        How many thresholds each of them reaches, at least 1.
    rank : ndarray of uint32, shape (n,)
        What clusters are numbered by: the lowest of their core points.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    forest : Forest
    node : ndarray of int64, shape (n,)
        The node in which each point is when it comes to be a core point.
    """
    highest = int(level.max())
    linked = [(_NONE, _NONE)] * highest

    def link(first: int, last: int) -> None:
        for birth in range(first, last):
            chosen = choose_points(cores, np.flatnonzero(level > birth), 1)
            linked[birth] = link_points(chosen, reach, 1, unreported)

    run_pieces(link, np.arange(highest + 1), threads, report)
    growth = _Growth(level, rank)
    for birth in range(highest - 1, -1, -1):
        growth.add(birth, *linked[birth])
    return growth.forest, growth.node


_NONE = np.zeros(0, dtype=np.int64)


class _Growth:
    """The forest down to a threshold."""

    def __init__(self, level: NDArray[np.uint8], rank: NDArray[np.uint32]) -> None:
        self.level, self.rank = level, rank
        self.node = np.full(len(level), NONE)
        self.forest = Forest(_NONE, _NONE, _NONE)
        self.top = np.full(len(level), NONE)
        """Node of each component there is at one point of it, ``NONE`` at the others."""
        self.n = 0

    def add(self, birth: int, start: NDArray[np.int64], root: NDArray[np.int64]) -> None:
        """Add the points that are core points from this threshold down."""
        is_root = root == np.arange(len(root))
        component = (np.cumsum(is_root) - 1)[root]
        n = int(is_root.sum())
        parts, point = np.zeros((2, n), dtype=np.int64)
        least = np.full(n, np.iinfo(np.int64).max)
        child, of_top = np.empty((2, self.n), dtype=np.int64)
        survey(
            self.level,
            birth,
            start,
            component,
            self.rank,
            self.top,
            self.forest.first,
            self.node,
            parts,
            least,
            point,
            of_top,
            child,
        )
        changed = parts != 1
        born = np.full(int(changed.sum()), birth)
        top = np.empty(n, dtype=np.int64)
        before = self.top[child]
        top[of_top] = before
        top[changed] = len(self.forest.birth) + np.arange(len(born))
        settle_new(self.level, birth, top, self.node)
        self.forest = Forest(
            np.concatenate([self.forest.birth, born]),
            np.concatenate([self.forest.parent, np.full_like(born, NONE)]),
            np.concatenate([self.forest.first, least[changed]]),
        )
        joined = changed[of_top]
        self.forest.parent[before[joined]] = top[of_top[joined]]
        self.top[child] = NONE
        self.top[point] = top
        self.n = n


def choose_points(bands: Bands, places: NDArray[np.int64], threads: int) -> Bands:
    """Return the bands of some points alone, without cells.

    ``places`` are the points' numbers, ascending. See ``bands.select_points``.
    """
    n = len(places)
    if n == len(bands.lon):
        return bands
    start = np.searchsorted(places, bands.start)
    kept = np.flatnonzero(start[1:] > start[:-1])
    chosen = bands._replace(
        lat=np.empty(n),
        lon=np.empty(n),
        vectors=np.empty((n, 3)),
        edges=bands.edges[kept],
        start=np.append(start[kept], n),
        cell_start=_NONE,
        cell_band=_NONE,
        band_cell=_NONE,
    )
    run_pieces(
        lambda first, last: gather_points(bands, places, chosen, first, last),
        even_cuts(n, PIECE),
        threads,
        unreported,
    )
    return chosen
