"""Core distances: the least radius round each point that holds enough weight.

The points of a leaf are measured together. As core distances of two points differ by no
more than the points are apart, each one is bounded by the one before; nodes that are
within the bounds for sure are weighed whole, and only leaves between the bounds are
looked into.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.spatial.ball_tree import (
    LEAF,
    Balls,
    away_from,
    chord_of_key,
    key_between,
    key_of_chord,
)
from gclust.kernels.sphere import CHORD_SLACK
from gclust.parallel import even_chunks, parallel_for

LEAVES_CHUNK = 64

CROWD = 2
"""Points between a point's bounds, for each leaf looked into, from which on the leaves'
balls narrow the bounds of the leaf's other points: they see a city from afar."""

LONGEST = 2.01
"""Longer than any chord, in mean radii of the Earth."""


@helper
def weigh_within(balls, x, y, z, around, radius, possible, stack):
    """Weigh what is within a radius of a ball, in whole leaves.

    ``possible`` counts the leaves that may be within the radius of some point of the
    ball, otherwise those that are within it of every point.
    """
    leaves = 1 << balls.depth
    total = np.int64(0)
    stack[0] = 1
    n = 1
    while n > 0:
        n -= 1
        node = stack[n]
        away = away_from(balls, node, x, y, z)
        reach = balls.ball[node, 3] + around
        if away + reach <= radius:
            total += balls.inside[node]
        elif away - reach <= radius:
            if node < leaves:
                stack[n], stack[n + 1] = 2 * node, 2 * node + 1
                n += 2
            elif possible:
                total += balls.inside[node]
    return total


@helper
def narrow(balls, x, y, z, around, lower, upper, need, stack):
    """Narrow the bounds of the core distances of all points of a ball by bisection."""
    low, high = lower, upper
    while high - low > max(around, 0.1 * high) + CHORD_SLACK:
        middle = 0.5 * (low + high)
        if weigh_within(balls, x, y, z, around, middle, False, stack) >= need:
            high = middle
        else:
            low = middle
    upper = high
    low = lower
    while high - low > max(around, 0.1 * high) + CHORD_SLACK:
        middle = 0.5 * (low + high)
        if weigh_within(balls, x, y, z, around, middle, True, stack) < need:
            low = middle
        else:
            high = middle
    return low, upper


@helper
def collect_between(balls, x, y, z, around, lower, upper, stack, near):
    """List the leaves that are not within ``lower`` of all of a ball nor beyond ``upper``.

    Returns the weight of what is within, and the number of leaves.
    """
    leaves = 1 << balls.depth
    within = np.int64(0)
    many = 0
    stack[0] = 1
    n = 1
    while n > 0:
        n -= 1
        node = stack[n]
        away = away_from(balls, node, x, y, z)
        reach = balls.ball[node, 3] + around
        if away + reach < lower:
            within += balls.inside[node]
        elif away - reach <= upper:
            if node < leaves:
                stack[n], stack[n + 1] = 2 * node, 2 * node + 1
                n += 2
            else:
                near[many] = node
                many += 1
    return within, many


@helper
def gather_between(balls, p, near, many, lower, upper, keys, weights):
    """Gather the points about ``p`` from ``lower`` to ``upper`` among the leaves ``near``.

    Returns the weight of those that are nearer, and the number gathered.
    """
    x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
    least, most = key_of_chord(balls.sphere, lower), key_of_chord(balls.sphere, upper)
    n, leaves = len(balls.units), 1 << balls.depth
    nearer = np.int64(0)
    m = 0
    for t in range(many):
        node = near[t]
        away, reach = away_from(balls, node, x, y, z), balls.ball[node, 3]
        if away + reach < lower - CHORD_SLACK:
            nearer += balls.inside[node]
        elif away - reach <= upper + CHORD_SLACK:
            k = node - leaves
            for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
                key = key_between(
                    balls.sphere, x, y, z, balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
                )
                if key < least:
                    nearer += balls.units[q]
                elif key <= most:
                    keys[m], weights[m] = key, balls.units[q]
                    m += 1
    return nearer, m


@helper
def select_weighted(keys, weights, n, need):
    """Return the least key up to which the weights add up to ``need``; sorts on the way.

    Hoare's selection (Find, CACM 4, 1961) with weights, in three parts.
    """
    low, high = 0, n
    while True:
        a, b, c = keys[low], keys[(low + high) >> 1], keys[high - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        less, at, more = low, low, high
        below, equal = np.int64(0), np.int64(0)
        while at < more:
            key, weight = keys[at], weights[at]
            if key < pivot:
                keys[at], weights[at] = keys[less], weights[less]
                keys[less], weights[less] = key, weight
                below += weight
                less += 1
                at += 1
            elif key > pivot:
                more -= 1
                keys[at], weights[at] = keys[more], weights[more]
                keys[more], weights[more] = key, weight
            else:
                equal += weight
                at += 1
        if below >= need:
            high = less
        elif below + equal >= need:
            return pivot
        else:
            need -= below + equal
            low = more


@helper
def bound_by_leaves(balls, x, y, z, near, many, need, keys, weights):
    """Bound the core distance of a point by the balls of the leaves ``near`` alone."""
    for t in range(many):
        keys[t] = away_from(balls, near[t], x, y, z) - balls.ball[near[t], 3] - CHORD_SLACK
        weights[t] = balls.inside[near[t]]
    nearest = select_weighted(keys, weights, many, need)
    for t in range(many):
        keys[t] = away_from(balls, near[t], x, y, z) + balls.ball[near[t], 3] + CHORD_SLACK
        weights[t] = balls.inside[near[t]]
    return nearest, select_weighted(keys, weights, many, need)


@kernel
def measure_leaves(balls, need, core, first, last):
    """Fill the keys of the core distances of the points in the leaves ``first .. last``."""
    n, leaves = len(balls.units), 1 << balls.depth
    stack = np.empty(2 * balls.depth + 2, dtype=np.int64)
    near = np.empty(leaves, dtype=np.int64)
    keys = np.empty(64 * LEAF)
    weights = np.empty(len(keys), dtype=np.int64)
    before = -1  # the last point measured, where it is, and its core distance
    bx, by, bz, chord = 0.0, 0.0, 0.0, 0.0
    for k in range(first, last):
        node = leaves + k
        around = balls.ball[node, 3] + CHORD_SLACK
        x, y, z = balls.ball[node, 0], balls.ball[node, 1], balls.ball[node, 2]
        lower, upper = 0.0, LONGEST
        if before >= 0:
            apart = away_from(balls, node, bx, by, bz) + around
            lower, upper = max(chord - apart, 0.0), min(chord + apart, LONGEST)
        lower, upper = narrow(balls, x, y, z, around, lower, upper, need, stack)
        within, many = collect_between(balls, x, y, z, around, lower, upper, stack, near)
        if many * LEAF > len(keys):
            keys = np.empty(many * LEAF)
            weights = np.empty(len(keys), dtype=np.int64)
        crowded = False
        for p in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
            core[p] = 0.0
            x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
            if balls.units[p] < need:
                low, high = lower, upper
                if before >= 0:
                    apart = key_between(False, bx, by, bz, x, y, z)
                    apart = math.sqrt(apart) + CHORD_SLACK
                    low, high = max(low, chord - apart), min(high, chord + apart)
                if crowded:
                    nearest, farthest = bound_by_leaves(
                        balls, x, y, z, near, many, need - within, keys, weights
                    )
                    low, high = max(low, nearest), min(high, max(farthest, low))
                nearer, m = gather_between(balls, p, near, many, low, high, keys, weights)
                core[p] = select_weighted(keys, weights, m, need - within - nearer)
                crowded |= m > CROWD * many
            before, bx, by, bz = p, x, y, z
            chord = chord_of_key(balls.sphere, core[p])


def core_keys(
    balls: Balls,
    need: int,
    threads: int,
    report: Callable[[float], None],
    places: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return the keys of the core distances of all points, or of some.

    Parameters
    ----------
    balls : Balls
        The points.
    need : int
        Weight that a core distance holds, the point's own included; no more than all.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    places : ndarray of int64, optional
        Points whose core distances are wanted; those of points that share no leaf with one
        are infinite.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 where the point itself is enough.

    Raises
    ------
    ValueError
        If all points together weigh less.
    """
    if need > balls.inside[1]:
        raise ValueError(f"no radius holds {need}: all points weigh {balls.inside[1]}")
    n, leaves = len(balls.units), 1 << balls.depth
    core = np.full(n, math.inf)
    begins = np.arange(leaves) * n >> balls.depth
    wanted = np.arange(leaves)
    if places is not None:
        wanted = np.unique(np.searchsorted(begins, places, side="right") - 1)

    def measure(first: int, last: int) -> None:
        for run in np.split(
            wanted[first:last], np.flatnonzero(np.diff(wanted[first:last]) > 1) + 1
        ):
            measure_leaves(balls, need, core, int(run[0]), int(run[-1]) + 1)

    parallel_for(even_chunks(len(wanted), LEAVES_CHUNK), threads, measure, report=report)
    return core
