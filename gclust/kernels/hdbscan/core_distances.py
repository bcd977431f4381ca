"""Core distances: the least radius around each point that holds enough weight.

The points of a leaf of a ball tree are handled together. Core distances of two points differ by
no more than their distance, so that each bounds the next one. Nodes certainly within the lower
bound are counted as a whole, and only leaves between the bounds are opened. Core distances are
those of R. Campello, D. Moulavi, J. Sander (PAKDD 2013), with weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.hdbscan.nearest_first import points_of_leaf
from gclust.kernels.hdbscan.weighted_select import select_evenly, select_weighted
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
"""Number of leaves in a chunk of work."""

DENSE = 2
"""Number of points between the bounds of a point, per open leaf, above which the balls of the
leaves narrow the bounds of the next points of its leaf, as for leaves far from a city."""

LONGEST = 2.01
"""Length greater than any chord, in mean radii of the Earth."""

FEW = 512
"""Largest number of leaves whose points are copied, for all points of a leaf together."""

SHORT = 1.4
"""Chord up to which reduced distances are squared chords, without a doubt by rounding."""


@helper
def weight_within(balls, x, y, z, around, radius, possible, stack):
    """Bound the weight within a radius of each point of a ball, counting leaves only as a whole.

    The ball has the centre ``x, y, z`` and the radius ``around``. With ``possible`` it is an
    upper bound: the weight of leaves that may be within the radius of a point of the ball;
    otherwise a lower bound: that of leaves within it for all points. ``stack`` (2 depth + 2,)
    int64.
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
def bisect_bounds(balls, x, y, z, around, lower, upper, need, stack):
    """Narrow the bounds of the core distances of all points of a ball; see `weight_within`."""
    low, high = lower, upper
    while high - low > max(around, 0.1 * high) + CHORD_SLACK:
        middle = 0.5 * (low + high)
        if weight_within(balls, x, y, z, around, middle, False, stack) >= need:
            high = middle
        else:
            low = middle
    upper = high
    low = lower
    while high - low > max(around, 0.1 * high) + CHORD_SLACK:
        middle = 0.5 * (low + high)
        if weight_within(balls, x, y, z, around, middle, True, stack) < need:
            low = middle
        else:
            high = middle
    return low, upper


@helper
def collect_leaves(balls, x, y, z, around, lower, upper, stack, near):
    """List the leaves that may have points at distances ``lower`` to ``upper`` from a ball.

    Returns the weight within ``lower``, and the number of leaves in ``near`` (leaves,) int64.
    """
    leaves = 1 << balls.depth
    within = np.int64(0)
    n_near = 0
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
                near[n_near] = node
                n_near += 1
    return within, n_near


@helper
def gather_between(balls, p, near, lower, upper, keys, weights):
    """Gather the points of the leaves ``near`` at distances ``lower`` to ``upper`` from ``p``.

    Fills ``keys`` float64 and ``weights`` int64. Returns the weight of nearer points, and the
    number of points gathered.
    """
    x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
    least, most = key_of_chord(balls.sphere, lower), key_of_chord(balls.sphere, upper)
    nearer = np.int64(0)
    m = 0
    for node in near:
        away, reach = away_from(balls, node, x, y, z), balls.ball[node, 3]
        if away + reach < lower - CHORD_SLACK:
            nearer += balls.inside[node]
        elif away - reach <= upper + CHORD_SLACK:
            begin, end = points_of_leaf(balls, node)
            for q in range(begin, end):
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
def bound_by_leaves(balls, x, y, z, around, near, need, keys, weights):
    """Bound the core distances of all points of a ball by the balls of the leaves ``near``."""
    n = len(near)
    for t in range(n):
        reach = balls.ball[near[t], 3] + around
        keys[t] = away_from(balls, near[t], x, y, z) - reach - CHORD_SLACK
        weights[t] = balls.inside[near[t]]
    nearest = select_weighted(keys, weights, n, need)
    for t in range(n):
        reach = balls.ball[near[t], 3] + around
        keys[t] = away_from(balls, near[t], x, y, z) + reach + CHORD_SLACK
        weights[t] = balls.inside[near[t]]
    return nearest, select_weighted(keys, weights, n, need)


@helper
def keep_leaves(balls, x, y, z, around, lower, upper, near, n_near):
    """Keep the leaves of ``near`` that `collect_leaves` would list for narrower bounds.

    Returns the weight of those within ``lower``, and the number of leaves kept.
    """
    within = np.int64(0)
    kept = 0
    for t in range(n_near):
        node = near[t]
        away = away_from(balls, node, x, y, z)
        reach = balls.ball[node, 3] + around
        if away + reach < lower:
            within += balls.inside[node]
        elif away - reach <= upper:
            near[kept] = node
            kept += 1
    return within, kept


@helper
def copy_points(balls, near, at, units):
    """Copy vectors and weights of the points of leaves; return their number.

    ``at`` (3, m) float64 and ``units`` (m,) int64 are filled.
    """
    m = 0
    for node in near:
        begin, end = points_of_leaf(balls, node)
        for q in range(begin, end):
            at[0, m], at[1, m], at[2, m] = balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
            units[m] = balls.units[q]
            m += 1
    return m


@helper
def fill_squares(at, n, x, y, z, squares):
    """Fill the squared chords from a point to the first ``n`` points of ``at`` (3, m)."""
    for t in range(np.uint64(n)):
        dx, dy, dz = x - at[0, t], y - at[1, t], z - at[2, t]
        squares[t] = dx * dx + dy * dy + dz * dz


@helper
def take_between(squares, units, n, least, most, keys, weights):
    """Gather the keys from ``least`` to ``most``; see `gather_between` for what is returned."""
    nearer = np.int64(0)
    m = 0
    for t in range(n):
        key = squares[t]
        nearer += units[t] if key < least else np.int64(0)
        keys[m], weights[m] = key, units[t]
        m += (key >= least) & (key <= most)
    return nearer, m


@kernel
def fill_core_keys(balls, need, core, first, last):
    """Fill the core distances of the points in leaves ``first .. last``, as reduced distances.

    ``need`` is the least weight within a core distance; ``core`` (n,) float64 is the output.
    """
    leaves = 1 << balls.depth
    stack = np.empty(2 * balls.depth + 2, dtype=np.int64)
    near = np.empty(leaves, dtype=np.int64)
    keys = np.empty(FEW * LEAF + 1)
    weights = np.empty(len(keys), dtype=np.int64)
    at, squares = np.empty((3, FEW * LEAF)), np.empty(FEW * LEAF)
    units = np.empty(FEW * LEAF, dtype=np.int64)
    before = -1  # the previous point, its vector, and its core distance
    bx, by, bz, chord = 0.0, 0.0, 0.0, 0.0
    for node in range(leaves + first, leaves + last):
        around = balls.ball[node, 3] + CHORD_SLACK
        x, y, z = balls.ball[node, 0], balls.ball[node, 1], balls.ball[node, 2]
        lower, upper = 0.0, LONGEST
        within, n_near = np.int64(0), 0
        if before >= 0:
            apart = away_from(balls, node, bx, by, bz) + around
            lower, upper = max(chord - apart, 0.0), min(chord + apart, LONGEST)
            within, n_near = collect_leaves(balls, x, y, z, around, lower, upper, stack, near)
        if before < 0 or n_near > FEW:
            lower, upper = bisect_bounds(balls, x, y, z, around, lower, upper, need, stack)
            within, n_near = collect_leaves(balls, x, y, z, around, lower, upper, stack, near)
        if n_near * LEAF >= len(keys):
            keys = np.empty(n_near * LEAF + 1)
            weights = np.empty(len(keys), dtype=np.int64)
        few = n_near <= FEW and upper < SHORT
        n_points = 0
        if few:
            nearest, farthest = bound_by_leaves(
                balls, x, y, z, around, near[:n_near], need - within, keys, weights
            )
            lower, upper = max(lower, nearest), min(upper, max(farthest, lower))
            inner, n_near = keep_leaves(balls, x, y, z, around, lower, upper, near, n_near)
            within += inner
            n_points = copy_points(balls, near[:n_near], at, units)
        dense = False
        begin, end = points_of_leaf(balls, node)
        for p in range(begin, end):
            core[p] = 0.0
            x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
            if balls.units[p] < need:
                low, high = lower, upper
                if before >= 0:
                    apart = key_between(False, bx, by, bz, x, y, z)
                    apart = math.sqrt(apart) + CHORD_SLACK
                    low, high = max(low, chord - apart), min(high, chord + apart)
                if dense:
                    nearest, farthest = bound_by_leaves(
                        balls, x, y, z, 0.0, near[:n_near], need - within, keys, weights
                    )
                    low, high = max(low, nearest), min(high, max(farthest, low))
                least, most = key_of_chord(balls.sphere, low), key_of_chord(balls.sphere, high)
                if few:
                    fill_squares(at, n_points, x, y, z, squares)
                    nearer, m = take_between(squares, units, n_points, least, most, keys, weights)
                else:
                    nearer, m = gather_between(balls, p, near[:n_near], low, high, keys, weights)
                    dense |= m > DENSE * n_near
                core[p] = select_evenly(keys, weights, m, least, most, need - within - nearer)
            before, bx, by, bz = p, x, y, z
            chord = chord_of_key(balls.sphere, core[p])


def core_keys(
    balls: Balls,
    need: int,
    threads: int,
    report: Callable[[float], None],
    places: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return the core distances of all or some points, as reduced distances (keys).

    Parameters
    ----------
    balls : Balls
        The points.
    need : int
        Least fixed-point weight within a core distance, the point's own included; no more than
        that of all points.
    places : ndarray of int64, optional
        Points whose core distances are wanted. Points in other leaves get infinite ones.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 if the weight of the point itself is enough.

    Raises
    ------
    ValueError
        If the weight of all points together is less than ``need``.
    """
    if need > balls.inside[1]:
        raise ValueError(
            f"no radius holds the weight need = {need}: all points together weigh"
            f" {balls.inside[1]}; expected at most this weight"
        )
    n, leaves = len(balls.units), 1 << balls.depth
    core = np.full(n, math.inf)
    wanted = np.arange(leaves)
    if places is not None:
        begins = wanted * n >> balls.depth
        wanted = np.unique(np.searchsorted(begins, places, side="right") - 1)

    def fill(first: int, last: int) -> None:
        some = wanted[first:last]
        for run in np.split(some, np.flatnonzero(np.diff(some) > 1) + 1):
            fill_core_keys(balls, need, core, int(run[0]), int(run[-1]) + 1)

    parallel_for(even_chunks(len(wanted), LEAVES_CHUNK), threads, fill, report=report)
    return core
