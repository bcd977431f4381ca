"""Union-find: disjoint sets stored as trees of parents (Tarjan 1975).

``parent`` is an array of integers, shape (n,): ``parent[i]`` is ``i`` at the root of a set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper


@helper
def find_root(parent, i):
    """Return the root of ``i``, halving the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@helper
def join_sets(parent, i, j):
    """Join the sets of ``i`` and ``j``; the lower of their roots becomes the root."""
    i, j = find_root(parent, i), find_root(parent, j)
    parent[max(i, j)] = min(i, j)


def all_roots(parent: NDArray[Any]) -> NDArray[Any]:
    """Return the root of every element, as an array with the dtype of ``parent``."""
    while True:  # a few steps: each halves the depth
        above = parent[parent]
        if np.array_equal(above, parent):
            return parent
        parent = above
