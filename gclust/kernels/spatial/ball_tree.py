"""A balanced ball tree over points in space, split at medians (Omohundro 1989).

Node 1 is the root and node ``i`` has the children ``2 i`` and ``2 i + 1``. All leaves have
the same depth, and the first point of leaf ``k`` is ``k n >> depth``. Distances are compared
by keys (reduced distances) that grow with them: the squared chord up to a quarter of the
circumference, and the key of :func:`gclust.kernels.sphere.separation` for longer ones. See
"Ball tree" in docs/algorithm.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.sphere import CHORD_SLACK, separation
from gclust.parallel import even_chunks, parallel_for
from gclust.sphere import EARTH_RADIUS_KM

LEAF = 16
"""Largest number of points in a leaf of a tree for distances of single points."""

CHUNK = 1 << 17
"""Number of points in a chunk of work at one depth."""

FARTHEST = 1e300
"""Key of two antipodes: finite, so that infinity can mean that there is no pair."""


class Balls(NamedTuple):
    """A ball tree: ``n`` points in tree order, and the balls of its nodes, numbered from 1."""

    xyz: NDArray[np.float64]  # (n, 3) vectors of the points in mean radii of the Earth
    units: NDArray[np.int64]  # (n,) weight of each point
    ball: NDArray[np.float64]  # (nodes + 1, 4) centre and radius of each node
    inside: NDArray[np.int64]  # (nodes + 1,) weight of the points of each node
    depth: int  # of the leaves; the root's is 0
    sphere: bool  # whether the points lie on the unit sphere


@helper
def key_between(sphere, ax, ay, az, bx, by, bz):
    """Return the reduced distance (key) between two points.

    On an ellipsoid it is always the squared chord, because the sum of two vectors gives no exact
    chord there.
    """
    if sphere:
        return min(separation(ax, ay, az, bx, by, bz), FARTHEST)
    dx, dy, dz = ax - bx, ay - by, az - bz
    return dx * dx + dy * dy + dz * dz


@helper
def key_of_chord(sphere, chord):
    """Return a chord's reduced distance (key); -1 for a negative chord, infinity if too long."""
    if chord < 0.0:
        return -1.0
    squared = chord * chord
    if squared <= 2.0 or not sphere:
        return squared
    return 1.5 + 1.0 / (4.0 - squared) if squared < 4.0 else math.inf


@helper
def chord_of_key(sphere, key):
    """Return the chord of a reduced distance (key)."""
    if key <= 2.0 or not sphere:
        return math.sqrt(key)
    return math.sqrt(4.0 - 1.0 / (key - 1.5))


@helper
def away_from(balls, node, x, y, z):
    """Return the chord from a point to the centre of the ball of a node."""
    dx, dy, dz = balls.ball[node, 0] - x, balls.ball[node, 1] - y, balls.ball[node, 2] - z
    return math.sqrt(dx * dx + dy * dy + dz * dz)


@helper
def least_key(balls, node, x, y, z):
    """Return a lower bound of the reduced distances (keys) from a point to a node's points.

    Near the antipode of the point, where chords lose precision, it is computed from the chord
    to the antipode.
    """
    chord = away_from(balls, node, x, y, z) - balls.ball[node, 3] - CHORD_SLACK
    if chord <= 0.0:
        return 0.0
    if chord * chord <= 2.0 or not balls.sphere:
        return chord * chord
    opposite = away_from(balls, node, -x, -y, -z) + balls.ball[node, 3] + CHORD_SLACK
    return 1.5 + 1.0 / (opposite * opposite)


@kernel
def fill_km(sphere, key, km, first, last):
    """Convert the reduced distances (keys) ``first .. last`` to kilometres.

    ``key`` and ``km`` (n,) float64; the result is written to ``km``.
    """
    for i in range(first, last):
        if key[i] <= 2.0 or not sphere:
            km[i] = 2.0 * EARTH_RADIUS_KM * math.asin(min(0.5 * math.sqrt(key[i]), 1.0))
        else:
            km[i] = 2.0 * EARTH_RADIUS_KM * math.acos(0.5 / math.sqrt(key[i] - 1.5))


@helper
def halve(xyz, order, axis, begin, end, middle):
    """Partition the points ``begin .. end`` at ``middle`` by their coordinate along an axis.

    Uses quickselect (Hoare, Algorithm 65: Find, CACM 4, 1961) with the median of three as pivot.
    """
    low, high = begin, end - 1
    while low < high:
        a, b, c = xyz[low, axis], xyz[(low + high) >> 1, axis], xyz[high, axis]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while xyz[i, axis] < pivot:
                i += 1
            while xyz[j, axis] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                for each in range(3):
                    xyz[i, each], xyz[j, each] = xyz[j, each], xyz[i, each]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@kernel
def grow_nodes(xyz, order, ball, depth, leaf_depth, first, last):
    """Fill the balls ``first .. last`` at a depth; split them in halves unless they are leaves.

    Nodes are counted from the first one at the depth. ``xyz`` (n, 3) float64 are the vectors of the
    points and ``order`` (n,) int32 their numbers, sorted together; ``ball`` as in `Balls`.
    """
    n = len(order)
    for k in range(first, last):
        begin, end = (k * n) >> depth, ((k + 1) * n) >> depth
        node = (1 << depth) + k
        widest, width = 0, -1.0
        for axis in range(3):
            total, least, most = 0.0, math.inf, -math.inf
            for p in range(begin, end):
                total += xyz[p, axis]
                least = min(least, xyz[p, axis])
                most = max(most, xyz[p, axis])
            ball[node, axis] = total / (end - begin)
            if most - least > width:
                widest, width = axis, most - least
        farthest = 0.0
        for p in range(begin, end):
            dx, dy = xyz[p, 0] - ball[node, 0], xyz[p, 1] - ball[node, 1]
            dz = xyz[p, 2] - ball[node, 2]
            farthest = max(farthest, dx * dx + dy * dy + dz * dz)
        ball[node, 3] = math.sqrt(farthest)
        if depth < leaf_depth:
            middle = ((2 * k + 1) * n) >> (depth + 1)
            halve(xyz, order, widest, begin, end, middle)


def grow_balls(
    xyz: NDArray[np.float64],
    units: NDArray[np.int64],
    sphere: bool,
    leaf: int,
    threads: int,
    report: Callable[[float], None],
) -> tuple[Balls, NDArray[np.int32]]:
    """Build a ball tree over points; return the tree, and the point numbers in tree order.

    ``xyz`` (n, 3), 1 <= n < 2 ** 31, are vectors in mean radii of the Earth, sorted in place, and
    ``units`` (n,) weights; ``sphere`` is whether the points lie on the unit sphere. A leaf has at
    most ``leaf`` points, and at least half as many, rounded down.
    """
    n = len(units)
    leaf_depth = max(0, (-(-n // leaf) - 1).bit_length())
    order = np.arange(n, dtype=np.int32)
    ball = np.zeros((2 << leaf_depth, 4))
    for depth in range(leaf_depth + 1):
        chunks = even_chunks(1 << depth, max(1, (CHUNK << depth) // n))
        parallel_for(chunks, threads, grow_nodes, xyz, order, ball, depth, leaf_depth)
        report((depth + 1) / (leaf_depth + 1))
    inside = np.zeros(2 << leaf_depth, dtype=np.int64)
    units = units[order]
    inside[1 << leaf_depth :] = np.add.reduceat(units, leaf_starts(n, leaf_depth)[:-1])
    for depth in range(leaf_depth - 1, -1, -1):
        below = inside[2 << depth : 4 << depth]
        inside[1 << depth : 2 << depth] = below[::2] + below[1::2]
    return Balls(xyz, units, ball, inside, leaf_depth, sphere), order


def leaf_starts(n: int, depth: int) -> NDArray[np.int64]:
    """Return the number of the first point of each leaf of a ball tree, and at the end ``n``."""
    return np.arange((1 << depth) + 1) * n >> depth
