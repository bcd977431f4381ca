"""The levels of points at several radii at once, from one walk through a tree of balls.

The points of a leaf walk together. A node is weighed whole for the radii that surely hold
it, is dropped for those that surely do not, and is opened only for the ones between, of
which there are few: ten radii from 5 to 50 km take half the time of ten walks (1 million
reference listings). Where a radius holds what the highest threshold asks for, so do all
larger ones, and they are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, inlined_helper, kernel
from gclust.kernels.dbscan.batch_counts import LARGEST_LIMIT, level_of
from gclust.kernels.spatial.ball_tree import Balls, away_from, grow_balls
from gclust.kernels.spatial.bands import CHUNK
from gclust.kernels.sphere import Reach, fill_vectors, separation
from gclust.parallel import even_chunks, parallel_for

LEAF = 32
"""Most points in a leaf. Of 1 million reference listings leaves hold 19, and take two thirds
of the time that those of 10 take, and 0.8 of those of 39."""

LEAVES_CHUNK = 256

STRETCH = 1024
"""Points gathered at once: what is known of them fits a processor's first cache."""


class Radii(NamedTuple):
    """Several radii, rising; see ``sphere.Reach``."""

    inner: NDArray[np.float64]  # chords below which a pair is surely within the radius
    outer: NDArray[np.float64]  # and above which it surely is not
    limit: NDArray[np.float64]


class Walk(NamedTuple):
    """What a leaf finds on its way through the tree."""

    stack: NDArray[np.int64]  # (room, 3) nodes to open, each with the radii it is open for
    near: NDArray[np.int64]  # (leaves, 3) leaves that are open, likewise
    sorted: NDArray[np.int64]  # (leaves, 4) these by their first radius; and where points begin
    lower: NDArray[np.int64]  # (radii,) what surely is within reach of all of the leaf
    upper: NDArray[np.int64]  # and what may be within reach of some of it
    ranges: NDArray[np.int64]  # (radii, 2) points to compare with, in the order of ``sorted``
    hits: NDArray[np.int64]  # (radii, LEAF) what is within reach of each point


class Stretch(NamedTuple):
    """Points to compare with, side by side."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    units: NDArray[np.int64]
    key: NDArray[np.float64]  # of their distances from one point


@allocating_helper
def make_walk(balls, radii):
    """Return room for what a leaf finds."""
    return Walk(
        np.empty((balls.depth + 2, 3), dtype=np.int64),
        np.empty((1 << balls.depth, 3), dtype=np.int64),
        np.empty((1 << balls.depth, 4), dtype=np.int64),
        np.empty(radii, dtype=np.int64),
        np.empty(radii, dtype=np.int64),
        np.empty((radii, 2), dtype=np.int64),
        np.empty((radii, LEAF), dtype=np.int64),
    )


@allocating_helper
def make_stretch():
    """Return room for a stretch, and the leaf that fills it."""
    room = STRETCH + LEAF
    return Stretch(
        np.empty(room),
        np.empty(room),
        np.empty(room),
        np.empty(room, dtype=np.int64),
        np.empty(room),
    )


@inlined_helper
def meet(balls, node, away, around, radii, low, end, walk, n, many):
    """Weigh a node for the radii ``low .. end`` that surely hold it; list it if it is open.

    ``away`` is its centre's distance from that of a ball with the radius ``around``. Returns
    how many nodes are to be opened, and how many leaves are open.
    """
    reach = balls.ball[node, 3] + around
    while low < end and away - reach > radii.outer[low]:
        low += 1
    high = low
    while high < end and away + reach >= radii.inner[high]:
        high += 1
    for k in range(high, end):
        walk.lower[k] += balls.inside[node]
    if low < high and node < 1 << balls.depth:
        walk.stack[n, 0], walk.stack[n, 1], walk.stack[n, 2] = node, low, high
        n += 1
    elif low < high:
        walk.near[many, 0], walk.near[many, 1], walk.near[many, 2] = node, low, high
        many += 1
    return n, many


@inlined_helper
def walk_from(balls, leaf, radii, most, walk):
    """Bound what is within each radius of the points of a leaf.

    Returns how many radii have less than ``most`` for sure, and how many leaves are open.
    """
    x, y, z = balls.ball[leaf, 0], balls.ball[leaf, 1], balls.ball[leaf, 2]
    around = balls.ball[leaf, 3]
    wanted = np.int64(len(radii.limit))
    walk.lower[:] = 0
    away = away_from(balls, 1, x, y, z)
    n, many = meet(balls, 1, away, around, radii, 0, wanted, walk, 0, 0)
    while n > 0:
        while wanted > 0 and walk.lower[wanted - 1] >= most:
            wanted -= 1
        n -= 1
        child, low, end = 2 * walk.stack[n, 0], walk.stack[n, 1], min(walk.stack[n, 2], wanted)
        if low >= end:
            continue
        away = away_from(balls, child, x, y, z)
        other = away_from(balls, child + 1, x, y, z)
        if away < other:  # the nearer one is met last, and opened first
            n, many = meet(balls, child + 1, other, around, radii, low, end, walk, n, many)
            n, many = meet(balls, child, away, around, radii, low, end, walk, n, many)
        else:
            n, many = meet(balls, child, away, around, radii, low, end, walk, n, many)
            n, many = meet(balls, child + 1, other, around, radii, low, end, walk, n, many)
    while wanted > 0 and walk.lower[wanted - 1] >= most:
        wanted -= 1
    for k in range(wanted):
        walk.upper[k] = walk.lower[k]
    for t in range(many):
        for k in range(walk.near[t, 1], min(walk.near[t, 2], wanted)):
            walk.upper[k] += balls.inside[walk.near[t, 0]]
    return wanted, many


@inlined_helper
def sort_near(balls, walk, many, least, wanted):
    """Sort the open leaves by the first radius they are open for; find each radius' points.

    What lies between is weighed with them, and taken off where it was weighed before. Only
    radii whose ``upper`` is not ``lower`` are looked at. Returns the number of leaves.
    """
    n = 0
    points = 0
    size = len(balls.units)
    for low in range(least, wanted):
        for t in range(many):
            if max(walk.near[t, 1], least) == low and walk.near[t, 2] > least:
                node = walk.near[t, 0]
                leaf = node - (1 << balls.depth)
                walk.sorted[n, 0], walk.sorted[n, 2] = leaf, min(walk.near[t, 2], wanted)
                walk.sorted[n, 1], walk.sorted[n, 3] = low, points
                points += (((leaf + 1) * size) >> balls.depth) - ((leaf * size) >> balls.depth)
                n += 1
        walk.ranges[low, 1] = points
    for k in range(least, wanted):
        t = 0
        while t < n and walk.sorted[t, 2] <= k:
            t += 1
        walk.ranges[k, 0] = walk.sorted[t, 3] if t < n else points
        while t < n and walk.sorted[t, 1] <= k:
            if walk.sorted[t, 2] <= k:
                walk.lower[k] -= balls.inside[walk.sorted[t, 0] + (1 << balls.depth)]
            t += 1
    return n


@inlined_helper
def gather(balls, walk, t, many, room):
    """Copy open leaves side by side until a stretch is full; return the next one, and points."""
    n = 0
    size = len(balls.units)
    while t < many and n < STRETCH:
        leaf = walk.sorted[t, 0]
        begin = (leaf * size) >> balls.depth
        for q in range(begin, ((leaf + 1) * size) >> balls.depth):
            room.x[n], room.y[n], room.z[n] = balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
            room.units[n] = balls.units[q]
            n += 1
        t += 1
    return t, n


@inlined_helper
def fill_keys(x, y, z, room, n, far):
    """Fill the keys of the distances of ``n`` points from another, ``far`` ones or not."""
    if far:
        for q in range(n):
            room.key[q] = separation(x, y, z, room.x[q], room.y[q], room.z[q])
        return
    for q in range(n):
        dx = x - room.x[q]
        dy = y - room.y[q]
        dz = z - room.z[q]
        room.key[q] = dx * dx + dy * dy + dz * dz


@inlined_helper
def units_within(room, first, last, limit):
    """Return the units of the points ``first .. last`` with keys up to ``limit``.

    Numbers without a sign: of one that might be negative the element is found by a branch,
    and processors do not do several at a time.
    """
    hit = np.int64(0)
    for q in range(np.uint64(first), np.uint64(last)):
        hit += room.units[q] if room.key[q] <= limit else 0
    return hit


@inlined_helper
def weigh_leaf(balls, begin, end, walk, many, least, wanted, radii, room):
    """Find what is within radii ``least .. wanted`` of the points ``begin .. end`` of a leaf."""
    far = radii.limit[wanted - 1] > LARGEST_LIMIT
    for k in range(least, wanted):
        for p in range(end - begin):
            walk.hits[k, p] = walk.lower[k]
    t = before = 0
    while t < many:
        t, n = gather(balls, walk, t, many, room)
        for p in range(begin, end):
            fill_keys(balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2], room, n, far)
            for k in range(least, wanted):
                first = max(walk.ranges[k, 0] - before, 0)
                last = min(walk.ranges[k, 1] - before, n)
                if first < last:
                    walk.hits[k, p - begin] += units_within(room, first, last, radii.limit[k])
        before += n


@kernel
def level_leaves(balls, order, radii, thresholds, leaves, level, first, last):
    """Find the levels of the points of the ``leaves[first:last]`` at all radii."""
    size = len(order)
    walk = make_walk(balls, len(radii.limit))
    room = make_stretch()
    for t in range(first, last):
        leaf = leaves[t]
        begin = (leaf * size) >> balls.depth
        end = ((leaf + 1) * size) >> balls.depth
        node = (1 << balls.depth) + leaf
        most, many = walk_from(balls, node, radii, thresholds[-1], walk)
        wanted = most
        for k in range(most, len(radii.limit)):
            for p in range(begin, end):
                level[k, order[p]] = len(thresholds)
        least = np.int64(0)
        while least < wanted and is_known(walk, thresholds, least):
            least += 1
        while wanted > least and is_known(walk, thresholds, wanted - 1):
            wanted -= 1
        for k in range(most):
            for p in range(begin, end):
                level[k, order[p]] = level_of(thresholds, walk.lower[k])
        if least < wanted:
            many = sort_near(balls, walk, many, least, wanted)
            weigh_leaf(balls, begin, end, walk, many, least, wanted, radii, room)
        for k in range(least, wanted):
            for p in range(begin, end):
                level[k, order[p]] = level_of(thresholds, walk.hits[k, p - begin])


@inlined_helper
def is_known(walk, thresholds, k):
    """Return whether bounds tell the level at radius ``k``."""
    return level_of(thresholds, walk.lower[k]) == level_of(thresholds, walk.upper[k])


def grow_tree(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    surface: tuple[float, float],
    threads: int,
    report: Callable[[float], None],
) -> tuple[Balls, NDArray[np.int32]]:
    """Grow a tree of balls over points.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees.
    units : ndarray of int64, shape (n,)
        Weights.
    surface : tuple of float
        Semi-major axis and squared eccentricity, see ``sphere``.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    balls, order
        See ``balls.grow_balls``.
    """
    axis, e2 = surface
    vectors = np.empty((len(lat), 3))
    parallel_for(even_chunks(len(lat), CHUNK), threads, fill_vectors, lat, lon, axis, e2, vectors)
    return grow_balls(vectors, units, e2 == 0.0, LEAF, threads, report)


def find_all_levels(
    balls: Balls,
    order: NDArray[np.int32],
    reaches: list[Reach],
    thresholds: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
    leaves: NDArray[np.int64] | None = None,
) -> NDArray[np.uint8]:
    """Return how many thresholds the units within each radius of each point reach.

    Parameters
    ----------
    balls : Balls
        A tree over the points; see :func:`grow_tree`.
    order : ndarray of int32, shape (n,)
        Which point is at each place of the tree.
    reaches : list of Reach
        The radii, rising.
    thresholds : ndarray of int64, shape (k,), 1 <= k <= levels.MOST_LEVELS
        Rising; two may be equal.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    leaves : ndarray of int64, shape (m,), optional
        The leaves whose points are wanted; those of others are not filled.

    Returns
    -------
    ndarray of uint8, shape (radii, n)
        From 0 to k; a point is within reach of itself.
    """
    radii = Radii(
        np.array([math.sqrt(reach.inner2) for reach in reaches]),
        np.array([math.sqrt(reach.outer2) for reach in reaches]),
        np.array([reach.limit for reach in reaches]),
    )
    level = np.empty((len(reaches), len(order)), dtype=np.uint8)
    leaves = np.arange(1 << balls.depth) if leaves is None else leaves
    parallel_for(
        even_chunks(len(leaves), LEAVES_CHUNK),
        threads,
        level_leaves,
        balls,
        order,
        radii,
        thresholds,
        leaves,
        level,
        report=report,
    )
    return level
