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

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import even_cuts, run_pieces, unreported
from gclust.kernels.bands import Bands
from gclust.kernels.sphere import separation

LEAF = 16
"""Points in a leaf, and in a group that goes down the tree together."""

CHILDREN = 4

NODES_PIECE = 10_000

GROUPS_PIECE = 50

SLACK = 1e-15
"""What the radius of a ball grows by for rounding."""


class Tree(NamedTuple):
    """Points along a space-filling curve, and balls round runs of them."""

    vectors: NDArray[np.float64]  # (n, 3)
    prefix: NDArray[np.int64]  # (n + 1,) cumulative units, from 0
    balls: NDArray[np.float64]  # (nodes, 4) centre and radius, level by level, leaves first
    level: NDArray[np.int64]  # (levels + 1,) first node of each level


@part
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
        end = min(begin + LEAF, len(at))
        x = y = z = 0.0
        for p in range(begin, end):
            x += at[p, 0]
            y += at[p, 1]
            z += at[p, 2]
        ball = tree.balls[k]
        ball[0], ball[1], ball[2] = x / (end - begin), y / (end - begin), z / (end - begin)
        ball[3] = 0.0
        for p in range(begin, end):
            ball[3] = max(ball[3], distance(ball, at[p]) + SLACK)


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


@part
def distance(a, b):
    """Return the distance of two points in space."""
    dx, dy, dz = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return math.sqrt(dx * dx + dy * dy + dz * dz)


@part
def units_of(tree, level, k):
    """Return the units in node ``k`` of a level."""
    size = LEAF * CHILDREN**level
    n = len(tree.vectors)
    return tree.prefix[min((k + 1) * size, n)] - tree.prefix[k * size]


@part
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
            away = distance(node, ball)
            around = ball[3] + node[3]
            if away + around < inner:
                units = units_of(tree, level, k)
                lower += units
                upper += units
            elif away - around <= outer:
                upper += units_of(tree, level, k)
                following[kept] = k
                kept += 1
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


@part
def weigh_one(tree, p, lower, cut, n, straddling, inner, outer, limit, least):
    """Return whether point ``p`` has ``least`` units within reach.

    ``lower`` are surely there, and all others that may be are in the ``cut`` leaves.
    """
    at = tree.vectors
    leaves = np.int64(0)
    upper = lower
    kept = 0
    for t in range(n):
        k = cut[t]
        node = tree.balls[k]
        away = distance(node, at[p])
        if away + node[3] < inner:
            units = units_of(tree, leaves, k)
            lower += units
            upper += units
        elif away - node[3] <= outer:
            upper += units_of(tree, leaves, k)
            straddling[kept] = k
            kept += 1
    x, y, z = at[p, 0], at[p, 1], at[p, 2]
    for t in range(kept):
        if lower >= least or upper < least:
            break
        k = straddling[t]
        upper -= units_of(tree, leaves, k)
        for q in range(k * LEAF, min((k + 1) * LEAF, len(at))):
            if separation(x, y, z, at[q, 0], at[q, 1], at[q, 2]) <= limit:
                units = tree.prefix[q + 1] - tree.prefix[q]
                lower += units
                upper += units
    return lower >= least


@kernel
def weigh_groups(tree, groups, asked, reach, least, enough, first, last):
    """Decide the asked points of the leaves ``groups[first:last]``."""
    inner, outer = math.sqrt(reach.inner2), math.sqrt(reach.outer2)
    room = tree.level[1] + CHILDREN
    cut = np.empty(room, dtype=np.int64)
    following = np.empty(room, dtype=np.int64)
    for t in range(first, last):
        k = groups[t]
        lower, upper, n = descend(tree, tree.balls[k], inner, outer, least, cut, following)
        for p in range(k * LEAF, min((k + 1) * LEAF, len(tree.vectors))):
            if not asked[p]:
                continue
            if lower >= least or upper < least:
                enough[p] = lower >= least
            else:
                enough[p] = weigh_one(
                    tree, p, lower, cut, n, following, inner, outer, reach.limit, least
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
    run_pieces(
        lambda first, last: fill_codes(
            bands.lat, bands.lon, places, corner, scale, top, index_bits, codes, first, last
        ),
        even_cuts(n, LEAF * NODES_PIECE),
        threads,
        unreported,
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
    tree = Tree(bands.vectors[order], sums, np.empty((int(level[-1]), 4)), level)
    cuts = even_cuts(sizes[0], NODES_PIECE)
    run_pieces(lambda first, last: fill_leaves(tree, first, last), cuts, threads, unreported)
    for height in range(1, len(sizes)):
        fill_parents(tree, height, 0, sizes[height])
    return tree, order
