"""Density levels of points at several radii, found in one traversal of a ball tree.

The points of a leaf traverse the tree together. A node is counted as a whole for the radii
that certainly contain it, is dropped for those that certainly do not, and is opened only for
the few radii in between: ten radii from 5 to 50 km take half the time of ten traversals
(1 million reference listings). If a radius reaches the highest threshold, so do all larger
ones, which are skipped. This is a dual-tree traversal: Gray and Moore, "N-body problems in
statistical learning" (NIPS 2000). See "Ball tree" in docs/algorithm.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, inlined_helper, kernel
from gclust.kernels.dbscan.density_level import LARGEST_LIMIT, level_of
from gclust.kernels.spatial.ball_tree import Balls, away_from, grow_balls
from gclust.kernels.spatial.bands import CHUNK
from gclust.kernels.sphere import Reach, fill_vectors, separation
from gclust.parallel import even_chunks, parallel_for

LEAF = 32
"""Largest number of points in a leaf. With 1 million reference listings leaves hold 19, which
takes two thirds of the time of leaves of 10, and 0.8 of the time of leaves of 39."""

LEAVES_CHUNK = 256
"""Number of leaves in a chunk of work."""

STAGE = 1024
"""Number of points gathered at once: they fit into a processor's first-level cache."""


class Radii(NamedTuple):
    """Arrays of ``r`` radii, ascending; see ``sphere.Reach``."""

    inner: NDArray[np.float64]  # (r,) chords below which a pair is certainly within
    outer: NDArray[np.float64]  # (r,) chords above which a pair is certainly not within
    limit: NDArray[np.float64]  # (r,) keys


class Traversal(NamedTuple):
    """The state of the traversal of the ball tree for one of its ``m`` leaves."""

    stack: NDArray[np.int64]  # (depth + 2, 3) nodes to open, each with its range of radii
    near: NDArray[np.int64]  # (m, 3) open leaves, likewise
    sorted: NDArray[np.int64]  # (m, 4) these by first radius, last radius + 1, first candidate
    lower: NDArray[np.int64]  # (r,) weight certainly within each radius of all its points
    upper: NDArray[np.int64]  # (r,) weight that may be within each radius of some of them
    ranges: NDArray[np.int64]  # (r, 2) candidates of each radius, in the order of ``sorted``
    hits: NDArray[np.int64]  # (r, LEAF) weight within each radius of each point


class Staging(NamedTuple):
    """Buffer of candidate neighbours, copied to contiguous arrays."""

    x: NDArray[np.float64]  # (STAGE + LEAF,) vectors
    y: NDArray[np.float64]  # (STAGE + LEAF,)
    z: NDArray[np.float64]  # (STAGE + LEAF,)
    units: NDArray[np.int64]  # (STAGE + LEAF,) weight
    key: NDArray[np.float64]  # (STAGE + LEAF,) of their distances from one point


@allocating_helper
def make_traversal(balls, radii):
    """Return the empty state of a traversal for a number of radii."""
    return Traversal(
        np.empty((balls.depth + 2, 3), dtype=np.int64),
        np.empty((1 << balls.depth, 3), dtype=np.int64),
        np.empty((1 << balls.depth, 4), dtype=np.int64),
        np.empty(radii, dtype=np.int64),
        np.empty(radii, dtype=np.int64),
        np.empty((radii, 2), dtype=np.int64),
        np.empty((radii, LEAF), dtype=np.int64),
    )


@allocating_helper
def make_staging():
    """Return an empty buffer for candidate neighbours."""
    size = STAGE + LEAF
    return Staging(
        np.empty(size),
        np.empty(size),
        np.empty(size),
        np.empty(size, dtype=np.int64),
        np.empty(size),
    )


@inlined_helper
def visit_node(balls, node, away, around, radii, low, end, found, counts):
    """Add a node's weight for radii that surely contain it; list it if other radii may reach it.

    The radii are ``low .. end``; ``away`` is the distance of the node's centre from the centre
    of a ball with radius ``around``. Takes and returns the number of nodes to open and the
    number of undecided leaves.
    """
    n, many = counts
    reach = balls.ball[node, 3] + around
    while low < end and away - reach > radii.outer[low]:
        low += 1
    high = low
    while high < end and away + reach >= radii.inner[high]:
        high += 1
    for k in range(high, end):
        found.lower[k] += balls.inside[node]
    if low < high and node < 1 << balls.depth:
        found.stack[n, 0], found.stack[n, 1], found.stack[n, 2] = node, low, high
        n += 1
    elif low < high:
        found.near[many, 0], found.near[many, 1], found.near[many, 2] = node, low, high
        many += 1
    return n, many


@inlined_helper
def traverse(balls, leaf, radii, most, found):
    """Bound, for each radius, the weight within it around the points of a leaf.

    Returns the number of radii not sure to contain ``most``, and that of undecided leaves.
    """
    x, y, z = balls.ball[leaf, 0], balls.ball[leaf, 1], balls.ball[leaf, 2]
    around = balls.ball[leaf, 3]
    wanted = np.int64(len(radii.limit))
    found.lower[:] = 0
    away = away_from(balls, 1, x, y, z)
    counts = (np.int64(0), np.int64(0))
    counts = visit_node(balls, 1, away, around, radii, 0, wanted, found, counts)
    while counts[0] > 0:
        while wanted > 0 and found.lower[wanted - 1] >= most:
            wanted -= 1
        n = counts[0] - 1
        counts = (n, counts[1])
        child, low, end = 2 * found.stack[n, 0], found.stack[n, 1], min(found.stack[n, 2], wanted)
        if low >= end:
            continue
        away = away_from(balls, child, x, y, z)
        other = away_from(balls, child + 1, x, y, z)
        near = child if away < other else child + 1
        far = 2 * child + 1 - near  # visited first, and opened last
        nearest, farthest = min(away, other), max(away, other)
        counts = visit_node(balls, far, farthest, around, radii, low, end, found, counts)
        counts = visit_node(balls, near, nearest, around, radii, low, end, found, counts)
    while wanted > 0 and found.lower[wanted - 1] >= most:
        wanted -= 1
    for k in range(wanted):
        found.upper[k] = found.lower[k]
    for t in range(counts[1]):
        for k in range(found.near[t, 1], min(found.near[t, 2], wanted)):
            found.upper[k] += balls.inside[found.near[t, 0]]
    return wanted, counts[1]


@inlined_helper
def sort_leaves(balls, found, many, least, wanted):
    """Sort undecided leaves by the least radius that leaves them undecided; return their number.

    Finds the candidates of each of the radii ``least .. wanted``, whose bounds differ. Leaves
    among them that a radius contains as a whole are compared with the others, and their weight
    is subtracted where it was counted before.
    """
    n = 0
    points = 0
    size = len(balls.units)
    for low in range(least, wanted):
        for t in range(many):
            if max(found.near[t, 1], least) == low and found.near[t, 2] > least:
                node = found.near[t, 0]
                leaf = node - (1 << balls.depth)
                found.sorted[n, 0], found.sorted[n, 2] = leaf, min(found.near[t, 2], wanted)
                found.sorted[n, 1], found.sorted[n, 3] = low, points
                points += (((leaf + 1) * size) >> balls.depth) - ((leaf * size) >> balls.depth)
                n += 1
        found.ranges[low, 1] = points
    for k in range(least, wanted):
        t = 0
        while t < n and found.sorted[t, 2] <= k:
            t += 1
        found.ranges[k, 0] = found.sorted[t, 3] if t < n else points
        while t < n and found.sorted[t, 1] <= k:
            if found.sorted[t, 2] <= k:
                found.lower[k] -= balls.inside[found.sorted[t, 0] + (1 << balls.depth)]
            t += 1
    return n


@inlined_helper
def stage_leaves(balls, found, t, many, staging):
    """Copy the points of leaves that the radius cuts to the buffer, until it is full.

    Starts at leaf number ``t``.

    Returns the number of the next leaf and the number of candidates.
    """
    n = 0
    size = len(balls.units)
    while t < many and n < STAGE:
        leaf = found.sorted[t, 0]
        begin = (leaf * size) >> balls.depth
        for q in range(begin, ((leaf + 1) * size) >> balls.depth):
            staging.x[n], staging.y[n] = balls.xyz[q, 0], balls.xyz[q, 1]
            staging.z[n] = balls.xyz[q, 2]
            staging.units[n] = balls.units[q]
            n += 1
        t += 1
    return t, n


@inlined_helper
def fill_keys(x, y, z, staging, n, far):
    """Fill ``staging.key``: the reduced distance from a point to each of ``n`` candidates.

    With ``far`` it is computed by `separation`, which is exact for long distances, too.
    """
    if far:
        for q in range(n):
            staging.key[q] = separation(x, y, z, staging.x[q], staging.y[q], staging.z[q])
        return
    for q in range(n):
        dx = x - staging.x[q]
        dy = y - staging.y[q]
        dz = z - staging.z[q]
        staging.key[q] = dx * dx + dy * dy + dz * dz


@inlined_helper
def weight_within(staging, first, last, limit):
    """Sum the weight of candidates ``first .. last`` with a reduced distance up to ``limit``."""
    hit = np.int64(0)
    for q in range(np.uint64(first), np.uint64(last)):
        hit += staging.units[q] if staging.key[q] <= limit else 0
    return hit


@inlined_helper
def count_leaf(balls, begin, end, found, many, least, wanted, radii, staging):
    """Find the weight around each point of a leaf, for each of the radii ``least .. wanted``.

    The leaf has the points ``begin .. end``.
    """
    far = radii.limit[wanted - 1] > LARGEST_LIMIT
    for k in range(least, wanted):
        for p in range(end - begin):
            found.hits[k, p] = found.lower[k]
    t = before = 0
    while t < many:
        t, n = stage_leaves(balls, found, t, many, staging)
        for p in range(begin, end):
            fill_keys(balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2], staging, n, far)
            for k in range(least, wanted):
                first = max(found.ranges[k, 0] - before, 0)
                last = min(found.ranges[k, 1] - before, n)
                if first < last:
                    found.hits[k, p - begin] += weight_within(staging, first, last, radii.limit[k])
        before += n


@inlined_helper
def is_decided(found, thresholds, k):
    """Return whether both bounds of a point's neighbour weight give the same density level."""
    return level_of(thresholds, found.lower[k]) == level_of(thresholds, found.upper[k])


@kernel
def count_leaves(balls, order, radii, thresholds, leaves, n_reached, first, last):
    """Find the density levels, at all ``r`` radii, of the points of ``leaves[first:last]``.

    ``leaves`` int64 are numbers of leaves, from 0.
    ``order`` (n,) int32 is the number of the point at each place of the tree; ``thresholds`` (t,)
    int64 ascend; ``n_reached`` (r, n) uint8 is filled for the points of the leaves.
    """
    size = len(order)
    found = make_traversal(balls, len(radii.limit))
    staging = make_staging()
    for leaf in leaves[first:last]:
        begin = (leaf * size) >> balls.depth
        end = ((leaf + 1) * size) >> balls.depth
        node = (1 << balls.depth) + leaf
        most, many = traverse(balls, node, radii, thresholds[-1], found)
        wanted = most
        for k in range(most, len(radii.limit)):
            for p in range(begin, end):
                n_reached[k, order[p]] = len(thresholds)
        least = np.int64(0)
        while least < wanted and is_decided(found, thresholds, least):
            least += 1
        while wanted > least and is_decided(found, thresholds, wanted - 1):
            wanted -= 1
        for k in range(most):
            for p in range(begin, end):
                n_reached[k, order[p]] = level_of(thresholds, found.lower[k])
        if least < wanted:
            many = sort_leaves(balls, found, many, least, wanted)
            count_leaf(balls, begin, end, found, many, least, wanted, radii, staging)
        for k in range(least, wanted):
            for p in range(begin, end):
                n_reached[k, order[p]] = level_of(thresholds, found.hits[k, p - begin])


def grow_tree(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    surface: tuple[float, float],
    threads: int,
    report: Callable[[float], None],
) -> tuple[Balls, NDArray[np.int32]]:
    """Build a ball tree over one or more points in degrees; return the same as `grow_balls`.

    ``surface`` is its semi-major axis and squared eccentricity, see `gclust.kernels.sphere`.
    """
    axis, e2 = surface
    vectors = np.empty((len(lat), 3))
    parallel_for(even_chunks(len(lat), CHUNK), threads, fill_vectors, lat, lon, axis, e2, vectors)
    return grow_balls(vectors, units, e2 == 0.0, LEAF, threads, report)


def levels_by_radius(
    balls: Balls,
    order: NDArray[np.int32],
    reaches: list[Reach],
    thresholds: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
    leaves: NDArray[np.int64] | None = None,
) -> NDArray[np.uint8]:
    """Return the number of thresholds reached by the neighbour weight of points at each radius.

    Parameters
    ----------
    balls : Balls
        A tree over the points; see :func:`grow_tree`.
    order : ndarray of int32, shape (n,)
        Number of the point at each place of the tree.
    reaches : list of Reach
        The ``r`` radii, ascending.
    thresholds : ndarray of int64, shape (k,), 1 <= k <= MOST_LEVELS
        Ascending; two may be equal.
    leaves : ndarray of int64, shape (m,), optional
        Leaves for whose points levels are computed, all by default; others are not filled.

    Returns
    -------
    ndarray of uint8, shape (r, n)
        From 0 to k; a point counts as its own neighbour.
    """
    radii = Radii(
        np.array([math.sqrt(reach.inner2) for reach in reaches]),
        np.array([math.sqrt(reach.outer2) for reach in reaches]),
        np.array([reach.limit for reach in reaches]),
    )
    n_reached = np.empty((len(reaches), len(order)), dtype=np.uint8)
    leaves = np.arange(1 << balls.depth) if leaves is None else leaves
    args = (balls, order, radii, thresholds, leaves, n_reached)
    parallel_for(
        even_chunks(len(leaves), LEAVES_CHUNK), threads, count_leaves, *args, report=report
    )
    return n_reached
