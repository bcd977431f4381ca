"""Weighing points with very many others at about the radius, by a tree of balls.

Where a city is dense, the points between a point's half-widths grow with their number,
and so does the time to look at each of them for each point. In a tree whose nodes are
balls, the nodes that the edge of a disc cuts grow only with its root. Groups of
neighbouring points go down level by level until their bounds decide, and each point by
itself only where they never do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.dbscan.batch_counts import LARGEST_LIMIT
from gclust.kernels.spatial.bands import Bands
from gclust.kernels.sphere import separation
from gclust.parallel import even_chunks, parallel_for

LEAF = 16
"""Points in a leaf, and in a group that goes down the tree together."""

CHILDREN = 4

NODES_CHUNK = 10_000

GROUPS_CHUNK = 50

STRETCH = 128
"""Leaves looked at between looks at whether the bounds decide."""

SLACK = 1e-15
"""What the radius of a ball grows by for rounding."""


class Tree(NamedTuple):
    """Points along a space-filling curve, and balls round runs of them."""

    vectors: NDArray[np.float64]  # (3, n)
    prefix: NDArray[np.int64]  # (n + 1,) cumulative units, from 0
    balls: NDArray[np.float64]  # (nodes, 4) centre and radius, level by level, leaves first
    level: NDArray[np.int64]  # (levels + 1,) first node of each level


class Leaves(NamedTuple):
    """Leaves side by side."""

    x: NDArray[np.float64]  # (k,) centres of the balls
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    near2: NDArray[np.float64]  # from nearer than this, squared, all of a leaf is within reach
    far2: NDArray[np.float64]  # and from farther than this none
    units: NDArray[np.int64]


@helper
def spread_bits(value):
    """Return a number of 32 bits with a zero before each bit (Morton 1966)."""
    value = (value | (value << 16)) & 0x0000FFFF0000FFFF
    value = (value | (value << 8)) & 0x00FF00FF00FF00FF
    value = (value | (value << 4)) & 0x0F0F0F0F0F0F0F0F
    value = (value | (value << 2)) & 0x3333333333333333
    return (value | (value << 1)) & 0x5555555555555555


@kernel
def fill_codes(lat, lon, places, corner, scale, top, index_bits, codes, first, last):
    """Fill Morton codes with the points' numbers behind them."""
    for t in range(first, last):
        p = places[t]
        north = min(np.int64((lat[p] - corner[0]) * scale[0]), top)
        east = min(np.int64((lon[p] - corner[1]) * scale[1]), top)
        code = (spread_bits(north) << 1) | spread_bits(east)
        codes[t] = (code << index_bits) | t


@kernel
def fill_leaves(tree, first, last):
    """Fill the balls of the leaves ``first .. last``."""
    at = tree.vectors
    for k in range(first, last):
        begin = k * LEAF
        end = min(begin + LEAF, at.shape[1])
        x = y = z = 0.0
        for p in range(begin, end):
            x += at[0, p]
            y += at[1, p]
            z += at[2, p]
        ball = tree.balls[k]
        ball[0], ball[1], ball[2] = x / (end - begin), y / (end - begin), z / (end - begin)
        ball[3] = 0.0
        for p in range(begin, end):
            ball[3] = max(ball[3], distance(ball, at[:, p]) + SLACK)


@kernel
def fill_parents(tree, level, first, last):
    """Fill the balls ``first .. last`` of a level from those of the level below."""
    for k in range(first, last):
        begin = tree.level[level - 1] + k * CHILDREN
        end = min(begin + CHILDREN, tree.level[level])
        x = y = z = 0.0
        for c in range(begin, end):
            x += tree.balls[c, 0]
            y += tree.balls[c, 1]
            z += tree.balls[c, 2]
        ball = tree.balls[tree.level[level] + k]
        ball[0], ball[1], ball[2] = x / (end - begin), y / (end - begin), z / (end - begin)
        ball[3] = 0.0
        for c in range(begin, end):
            ball[3] = max(ball[3], distance(ball, tree.balls[c]) + tree.balls[c, 3] + SLACK)


@helper
def square_between(a, b):
    """Return the squared distance of two points in space."""
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return dx * dx + dy * dy + dz * dz


@helper
def distance(a, b):
    """Return the distance of two points in space."""
    return math.sqrt(square_between(a, b))


@helper
def units_of(tree, level, k):
    """Return the units in node ``k`` of a level."""
    size = LEAF * CHILDREN**level
    n = tree.vectors.shape[1]
    return tree.prefix[min((k + 1) * size, n)] - tree.prefix[k * size]


@helper
def descend(tree, ball, inner, outer, least, cut, following):
    """Bound the units within reach of all points of a ball, level by level.

    Returns the lower and the upper bound, and how many leaves in ``cut`` are between
    them; ends early where the bounds decide.
    """
    level = len(tree.level) - 2
    n = 1
    cut[0] = 0
    lower = np.int64(0)
    while True:
        kept = 0
        upper = lower
        for t in range(n):
            k = cut[t]
            node = tree.balls[tree.level[level] + k]
            squared = square_between(node, ball)
            around = ball[3] + node[3]
            near, far = max(inner - around, 0.0), outer + around
            units = units_of(tree, level, k)
            # Without branches: what comes next cannot be foreseen.
            sure = squared < near * near
            reached = squared <= far * far
            lower += units if sure else 0
            upper += units if reached else 0
            following[kept] = k
            kept += 1 if reached and not sure else 0
        if level == 0 or lower >= least or upper < least:
            for t in range(kept):
                cut[t] = following[t]
            return lower, upper, kept
        level -= 1
        size = tree.level[level + 1] - tree.level[level]
        n = 0
        for t in range(kept):
            first = following[t] * CHILDREN
            for k in range(first, min(first + CHILDREN, size)):
                cut[n] = k
                n += 1


@helper
def gather_leaves(tree, cut, n, inner, outer, leaves):
    """Put the balls and the units of the ``cut`` leaves side by side."""
    for t in range(n):
        k = cut[t]
        ball = tree.balls[k]
        near = max(inner - ball[3], 0.0)
        far = outer + ball[3]
        leaves.x[t], leaves.y[t], leaves.z[t] = ball[0], ball[1], ball[2]
        leaves.near2[t] = near * near
        leaves.far2[t] = far * far
        leaves.units[t] = units_of(tree, np.int64(0), k)


@helper
def bound_one(leaves, n, x, y, z, lower, upper, least):
    """Narrow the bounds of the units within reach of a point until they decide.

    ``upper`` counts all leaves. Whole leaves alone are counted, in one plain loop, which
    processors do four at a time.
    """
    for first in range(0, n, STRETCH):
        sure = beyond = 0
        for t in range(np.uint64(first), np.uint64(min(first + STRETCH, n))):
            dx = x - leaves.x[t]
            dy = y - leaves.y[t]
            dz = z - leaves.z[t]
            squared = dx * dx + dy * dy + dz * dz
            sure += leaves.units[t] if squared < leaves.near2[t] else 0
            beyond += leaves.units[t] if squared > leaves.far2[t] else 0
        lower += sure
        upper -= beyond
        if lower >= least or upper < least:
            break
    return lower, upper


@helper
def weigh_one(tree, p, lower, upper, cut, n, leaves, limit, least):
    """Return whether point ``p`` has ``least`` units within reach.

    ``lower`` are surely there, and all others that may be are in the ``cut`` leaves.
    """
    at = tree.vectors
    x, y, z = at[0, p], at[1, p], at[2, p]
    lower, upper = bound_one(leaves, n, x, y, z, lower, upper, least)
    for t in range(n):
        if lower >= least or upper < least:
            break
        dx = x - leaves.x[t]
        dy = y - leaves.y[t]
        dz = z - leaves.z[t]
        squared = dx * dx + dy * dy + dz * dz
        if squared < leaves.near2[t] or squared > leaves.far2[t]:
            continue
        upper -= leaves.units[t]
        units = units_within(tree, cut[t], x, y, z, limit)
        lower += units
        upper += units
    return lower >= least


@helper
def units_within(tree, k, x, y, z, limit):
    """Return the units of leaf ``k`` within a limit of a point."""
    at, prefix = tree.vectors, tree.prefix
    begin, end = k * LEAF, min((k + 1) * LEAF, at.shape[1])
    units = 0
    if limit <= LARGEST_LIMIT:
        for q in range(np.uint64(begin), np.uint64(end)):
            dx = x - at[0, q]
            dy = y - at[1, q]
            dz = z - at[2, q]
            units += prefix[q + 1] - prefix[q] if dx * dx + dy * dy + dz * dz <= limit else 0
        return units
    for q in range(begin, end):
        if separation(x, y, z, at[0, q], at[1, q], at[2, q]) <= limit:
            units += prefix[q + 1] - prefix[q]
    return units


@allocating_helper
def make_leaves(room):
    """Return room for a number of leaves."""
    return Leaves(
        np.empty(room),
        np.empty(room),
        np.empty(room),
        np.empty(room),
        np.empty(room),
        np.empty(room, dtype=np.int64),
    )


@kernel
def weigh_groups(tree, groups, asked, reach, least, enough, first, last):
    """Decide the asked points of the leaves ``groups[first:last]``."""
    inner, outer = math.sqrt(reach.inner2), math.sqrt(reach.outer2)
    room = tree.level[1] + CHILDREN
    cut = np.empty(room, dtype=np.int64)
    following = np.empty(room, dtype=np.int64)
    leaves = make_leaves(room)
    for t in range(first, last):
        k = groups[t]
        lower, upper, n = descend(tree, tree.balls[k], inner, outer, least, cut, following)
        known = lower >= least or upper < least
        if not known:
            gather_leaves(tree, cut, n, inner, outer, leaves)
        for p in range(k * LEAF, min((k + 1) * LEAF, tree.vectors.shape[1])):
            if asked[p]:
                enough[p] = (
                    lower >= least
                    if known
                    else weigh_one(tree, p, lower, upper, cut, n, leaves, reach.limit, least)
                )


def grow_tree(
    bands: Bands, places: NDArray[np.int64], prefix: NDArray[np.int64], threads: int
) -> tuple[Tree, NDArray[np.int64]]:
    """Grow a tree over some points.

    Parameters
    ----------
    bands : Bands
        All points.
    places : ndarray of int64, shape (n,), n >= 1
        The points' numbers.
    prefix : ndarray of int64, shape (all points + 1,)
        Cumulative units, from 0.
    threads : int
        Number of threads.

    Returns
    -------
    tree : Tree
    order : ndarray of int64, shape (n,)
        The point's number at each place of the tree.
    """
    n = len(places)
    corners = [(axis[places].min(), axis[places].max()) for axis in (bands.lat, bands.lon)]
    index_bits = n.bit_length()
    top = 2 ** min((63 - index_bits) // 2, 31) - 1
    codes = np.empty(n, dtype=np.int64)
    corner = (float(corners[0][0]), float(corners[1][0]))
    scale = tuple(float(top / max(high - low, 1e-9)) for low, high in corners)
    parallel_for(
        even_chunks(n, LEAF * NODES_CHUNK),
        threads,
        fill_codes,
        bands.lat,
        bands.lon,
        places,
        corner,
        scale,
        top,
        index_bits,
        codes,
    )
    codes.sort()
    codes &= 2**index_bits - 1
    order = places[codes]
    sizes = [-(-n // LEAF)]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // CHILDREN))
    level = np.concatenate([[0], np.cumsum(sizes)])
    sums = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(prefix[order + 1] - prefix[order], out=sums[1:])
    vectors = np.stack([bands.vectors[order, axis] for axis in range(3)])
    tree = Tree(vectors, sums, np.empty((int(level[-1]), 4)), level)
    cuts = even_chunks(sizes[0], NODES_CHUNK)
    parallel_for(cuts, threads, fill_leaves, tree)
    for height in range(1, len(sizes)):
        fill_parents(tree, height, 0, sizes[height])
    return tree, order
