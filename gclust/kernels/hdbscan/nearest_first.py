"""Helpers for a depth-first search of a ball tree that visits the nearer child first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper
from gclust.kernels.spatial.ball_tree import least_key


@helper
def push_children(balls, node, at, stack, keys, top):
    """Push both children of a node, the nearer one on top; return the new size of the stack.

    ``at`` is a point (x, y, z); ``stack`` (depth + 2,) int64 holds nodes, ``keys`` (depth + 2,)
    float64 lower bounds of the keys of distances from the point to their points.
    """
    left, right = 2 * node, 2 * node + 1
    to_left = least_key(balls, left, at[0], at[1], at[2])
    to_right = least_key(balls, right, at[0], at[1], at[2])
    if to_left < to_right:
        left, right, to_left, to_right = right, left, to_right, to_left
    stack[top], keys[top] = left, to_left
    stack[top + 1], keys[top + 1] = right, to_right
    return top + 2


@helper
def points_of_leaf(balls, node):
    """Return the range of the points of a leaf: first and last + 1."""
    n, k = len(balls.units), node - (1 << balls.depth)
    return (k * n) >> balls.depth, ((k + 1) * n) >> balls.depth


def reduce_by_node(values: NDArray[Any], depth: int, reduce: np.ufunc) -> NDArray[Any]:
    """Return one value for each tree node, such as the minimum of its points' ``values``.

    The result has shape (2 << depth,).
    """
    nodes = np.zeros(2 << depth, dtype=values.dtype)
    nodes[1 << depth :] = reduce.reduceat(values, np.arange(1 << depth) * len(values) >> depth)
    for level in range(depth - 1, -1, -1):
        below = nodes[2 << level : 4 << level]
        nodes[1 << level : 2 << level] = reduce(below[::2], below[1::2])
    return nodes
