"""A balanced tree of balls round points in space, halved at medians.

Node 1 is the root and node ``i`` has the children ``2 i`` and ``2 i + 1``; all leaves are
on one level, of which leaf ``k`` holds the points from ``k n >> depth`` on. Distances are
compared by keys that grow with them: the squared chord, beyond a quarter of the sphere
what :func:`gclust.kernels.sphere.separation` gives.
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
"""Most points in a leaf of a tree for distances of points one by one."""

CHUNK = 1 << 17
"""Points in a chunk of work on one level."""

FARTHEST = 1e300
"""Key of antipodes: finite, so that infinity can stand for no pair at all."""


class Balls(NamedTuple):
    """Points in the order of the tree, and the balls of its nodes."""

    xyz: NDArray[np.float64]
    """Vectors of the points in mean radii of the Earth, shape (n, 3)."""
    units: NDArray[np.int64]
    """Weight of each point, shape (n,)."""
    ball: NDArray[np.float64]
    """Centre and radius of each node, shape (nodes, 4)."""
    inside: NDArray[np.int64]
    """Weight of the points of each node, shape (nodes,)."""
    depth: int
    """Level of the leaves; the root's is 0."""
    sphere: bool
    """Whether the points lie on the unit sphere."""


@helper
def key_between(sphere, ax, ay, az, bx, by, bz):
    """Return the key of the distance of two points.

    On an ellipsoid the sum of two vectors says nothing exact about their chord, and it
    stays the squared chord beyond a quarter of the circumference.
    """
    if sphere:
        return min(separation(ax, ay, az, bx, by, bz), FARTHEST)
    dx, dy, dz = ax - bx, ay - by, az - bz
    return dx * dx + dy * dy + dz * dz


@helper
def key_of_chord(sphere, chord):
    """Return the key of a chord, -1 for less than none and infinity for too long a one."""
    if chord < 0.0:
        return -1.0
    squared = chord * chord
    if squared <= 2.0 or not sphere:
        return squared
    return 1.5 + 1.0 / (4.0 - squared) if squared < 4.0 else math.inf


@helper
def chord_of_key(sphere, key):
    """Return the chord that has a key."""
    if key <= 2.0 or not sphere:
        return math.sqrt(key)
    return math.sqrt(4.0 - 1.0 / (key - 1.5))


@helper
def away_from(balls, node, x, y, z):
    """Return the chord from a point to the centre of a ball."""
    dx, dy, dz = balls.ball[node, 0] - x, balls.ball[node, 1] - y, balls.ball[node, 2] - z
    return math.sqrt(dx * dx + dy * dy + dz * dz)


@helper
def least_key(balls, node, x, y, z):
    """Return a key that no distance from a point into a ball is below.

    Chords to places about the antipode are all but equal; those to the antipode are not.
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
    """Fill the distances ``first .. last`` in kilometres from their keys."""
    for i in range(first, last):
        if key[i] <= 2.0 or not sphere:
            km[i] = 2.0 * EARTH_RADIUS_KM * math.asin(min(0.5 * math.sqrt(key[i]), 1.0))
        else:
            km[i] = 2.0 * EARTH_RADIUS_KM * math.acos(0.5 / math.sqrt(key[i] - 1.5))


@helper
def halve(xyz, order, axis, begin, end, middle):
    """Put the points that are lowest along an axis before ``middle``.

    Hoare's selection (Find, CACM 4, 1961), with the median of three as pivot.
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
def grow_nodes(xyz, order, ball, level, depth, first, last):
    """Fill the balls ``first .. last`` of a level, and halve them above the leaves."""
    n = len(order)
    for k in range(first, last):
        begin, end = (k * n) >> level, ((k + 1) * n) >> level
        node = (1 << level) + k
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
        if level < depth:
            middle = ((2 * k + 1) * n) >> (level + 1)
            halve(xyz, order, widest, begin, end, middle)


def grow_balls(
    xyz: NDArray[np.float64],
    units: NDArray[np.int64],
    sphere: bool,
    leaf: int,
    threads: int,
    report: Callable[[float], None],
) -> tuple[Balls, NDArray[np.int32]]:
    """Grow a tree over points.

    Parameters
    ----------
    xyz : ndarray of float64, shape (n, 3), 1 <= n < 2 ** 31
        Vectors in mean radii of the Earth; sorted in place.
    units : ndarray of int64, shape (n,)
        Weights.
    sphere : bool
        Whether the points lie on the unit sphere.
    leaf : int
        Most points in a leaf; there are at least half as many in each, rounded down.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    balls : Balls
    order : ndarray of int32, shape (n,)
        Which point is at each place of the tree.
    """
    n = len(units)
    depth = max(0, (-(-n // leaf) - 1).bit_length())
    order = np.arange(n, dtype=np.int32)
    ball = np.zeros((2 << depth, 4))
    for level in range(depth + 1):
        parallel_for(
            even_chunks(1 << level, max(1, (CHUNK << level) // n)),
            threads,
            grow_nodes,
            xyz,
            order,
            ball,
            level,
            depth,
            report=lambda share, level=level: report((level + share) / (depth + 1)),  # type: ignore[misc]
        )
    inside = np.zeros(2 << depth, dtype=np.int64)
    units = units[order]
    begin = np.arange(1 << depth) * n >> depth
    inside[1 << depth :] = np.add.reduceat(units, begin)
    for level in range(depth - 1, -1, -1):
        below = inside[2 << level : 4 << level]
        inside[1 << level : 2 << level] = below[::2] + below[1::2]
    return Balls(xyz, units, ball, inside, depth, sphere), order
