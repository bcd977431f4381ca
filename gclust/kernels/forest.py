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
from gclust.kernels.bands import PIECE, Bands
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
def gather_linked(bands, places, out, first, last):
    """Copy what linking needs of the points ``places[first:last]``."""
    for t in range(first, last):
        p = places[t]
        out.lon[t] = bands.lon[p]
        for k in range(3):
            out.vectors[t, k] = bands.vectors[p, k]


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
    growth = _Growth(cores, level, rank)
    highest = int(level.max())
    for birth in range(highest - 1, -1, -1):
        growth.add(birth, reach, threads)
        report((highest - birth) / highest)
    return growth.forest, growth.node


class _Growth:
    """The forest down to a threshold."""

    def __init__(self, cores: Bands, level: NDArray[np.uint8], rank: NDArray[np.uint32]) -> None:
        self.cores, self.level, self.rank = cores, level, rank
        self.node = np.full(len(level), NONE)
        none = np.zeros(0, dtype=np.int64)
        self.forest = Forest(none, none, none)
        # Of the components that there are: their nodes, and one point of each.
        self.top = self.point = none

    def add(self, birth: int, reach: Reach, threads: int) -> None:
        """Add the points that are core points from this threshold down."""
        places = np.flatnonzero(self.level > birth)
        start, root = link_points(self._select(places, threads), reach, threads, unreported)
        is_root = root == np.arange(len(root))
        n = int(is_root.sum())
        component = np.repeat((np.cumsum(is_root) - 1)[root], np.diff(start))
        fresh = self.level[places] == birth + 1
        new, of_new = places[fresh], component[fresh]
        of_top = component[np.searchsorted(places, self.point)]
        least = np.full(n, np.iinfo(np.int64).max)
        np.minimum.at(least, of_top, self.forest.first[self.top])
        np.minimum.at(least, of_new, self.rank[new])
        changed = np.bincount(of_top, minlength=n) != 1
        changed[of_new] = True
        before = len(self.forest.birth)
        top = np.empty(n, dtype=np.int64)
        top[of_top] = self.top
        top[changed] = before + np.arange(changed.sum())
        self.node[new] = top[of_new]
        born = np.full(int(changed.sum()), birth)
        self.forest = Forest(
            np.concatenate([self.forest.birth, born]),
            np.concatenate([self.forest.parent, np.full_like(born, NONE)]),
            np.concatenate([self.forest.first, least[changed]]),
        )
        joined = changed[of_top]
        self.forest.parent[self.top[joined]] = top[of_top[joined]]
        point = np.empty(n, dtype=np.int64)
        point[of_top] = self.point
        point[of_new] = new
        self.top, self.point = top, point

    def _select(self, places: NDArray[np.int64], threads: int) -> Bands:
        """Return what linking needs of the bands of some core points alone."""
        cores, n = self.cores, len(places)
        if n == len(cores.lon):
            return cores
        start = np.searchsorted(places, cores.start)
        kept = np.flatnonzero(start[1:] > start[:-1])
        chosen = cores._replace(
            lon=np.empty(n),
            vectors=np.empty((n, 3)),
            edges=cores.edges[kept],
            start=np.append(start[kept], n),
        )
        run_pieces(
            lambda first, last: gather_linked(cores, places, chosen, first, last),
            even_cuts(n, PIECE),
            threads,
            unreported,
        )
        return chosen
