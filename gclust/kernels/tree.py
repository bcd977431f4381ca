"""Weighing points with very many others at about the radius, by a tree of balls.

Where a city is dense, the points between a point's half-widths grow with their number,
and so does the time to look at each of them for each point. In a tree whose nodes are
balls, the nodes that the edge of a disc cuts grow only with its root. Groups of
neighbouring points go down level by level until their bounds decide, and each point by
itself only where they never do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import even_cuts, run_pieces, unreported
from gclust.kernels.bands import Bands
from gclust.kernels.sphere import Reach, separation

LEAF = 16
"""Points in a leaf, and in a group that goes down the tree together."""

CHILDREN = 4

NODES_PIECE = 10_000

GROUPS_PIECE = 50

SLACK = 1e-15
"""What the radius of a ball grows by for rounding."""


class Tree(NamedTuple):
    """Points along a space-filling curve, and balls round runs of them."""

    x: NDArray[np.float64]  # (n,) vectors
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    prefix: NDArray[np.int64]  # (n + 1,) cumulative units, from 0
    ball_x: NDArray[np.float64]  # (nodes,) centres, level by level, leaves first
    ball_y: NDArray[np.float64]
    ball_z: NDArray[np.float64]
    radius: NDArray[np.float64]
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
    for k in range(first, last):
        begin = k * LEAF
        end = min(begin + LEAF, len(tree.x))
        x = tree.x[begin:end].mean()
        y = tree.y[begin:end].mean()
        z = tree.z[begin:end].mean()
        most = 0.0
        for p in range(begin, end):
            dx, dy, dz = tree.x[p] - x, tree.y[p] - y, tree.z[p] - z
            most = max(most, dx * dx + dy * dy + dz * dz)
        tree.ball_x[k], tree.ball_y[k], tree.ball_z[k] = x, y, z
        tree.radius[k] = math.sqrt(most) + SLACK


@kernel
def fill_parents(tree, level, first, last):
    """Fill the balls ``first .. last`` of a level from those of the level below."""
    below = tree.level[level - 1]
    here = tree.level[level]
    for k in range(first, last):
        begin = below + k * CHILDREN
        end = min(begin + CHILDREN, here)
        x = tree.ball_x[begin:end].mean()
        y = tree.ball_y[begin:end].mean()
        z = tree.ball_z[begin:end].mean()
        most = 0.0
        for c in range(begin, end):
            dx, dy, dz = tree.ball_x[c] - x, tree.ball_y[c] - y, tree.ball_z[c] - z
            most = max(most, math.sqrt(dx * dx + dy * dy + dz * dz) + tree.radius[c])
        node = here + k
        tree.ball_x[node], tree.ball_y[node], tree.ball_z[node] = x, y, z
        tree.radius[node] = most + SLACK


@part
def units_of(tree, level, k):
    """Return the units in node ``k`` of a level."""
    size = LEAF * CHILDREN**level
    n = len(tree.x)
    return tree.prefix[min((k + 1) * size, n)] - tree.prefix[k * size]


@part
def descend(tree, x, y, z, radius, inner, outer, least, cut, following):
    """Bound the units within reach of all points of a ball, level by level.

    Returns the lower and the upper bound, and how many leaves in ``cut`` are between
    them; ends early where the bounds decide.
    """
    level = len(tree.level) - 2
    n = 1
    cut[0] = 0
    lower = np.int64(0)
    upper = tree.prefix[len(tree.x)]
    while True:
        kept = 0
        upper = lower
        for t in range(n):
            k = cut[t]
            node = tree.level[level] + k
            dx, dy, dz = tree.ball_x[node] - x, tree.ball_y[node] - y, tree.ball_z[node] - z
            away = math.sqrt(dx * dx + dy * dy + dz * dz)
            around = radius + tree.radius[node]
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
    x, y, z = tree.x[p], tree.y[p], tree.z[p]
    upper = lower
    kept = 0
    for t in range(n):
        k = cut[t]
        dx, dy, dz = tree.ball_x[k] - x, tree.ball_y[k] - y, tree.ball_z[k] - z
        away = math.sqrt(dx * dx + dy * dy + dz * dz)
        if away + tree.radius[k] < inner:
            units = units_of(tree, 0, k)
            lower += units
            upper += units
        elif away - tree.radius[k] <= outer:
            upper += units_of(tree, 0, k)
            straddling[kept] = k
            kept += 1
    for t in range(kept):
        if lower >= least or upper < least:
            break
        k = straddling[t]
        upper -= units_of(tree, 0, k)
        for q in range(k * LEAF, min((k + 1) * LEAF, len(tree.x))):
            if separation(x, y, z, tree.x[q], tree.y[q], tree.z[q]) <= limit:
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
        lower, upper, n = descend(
            tree,
            tree.ball_x[k],
            tree.ball_y[k],
            tree.ball_z[k],
            tree.radius[k],
            inner,
            outer,
            least,
            cut,
            following,
        )
        for p in range(k * LEAF, min((k + 1) * LEAF, len(tree.x))):
            if not asked[p]:
                continue
            if lower >= least or upper < least:
                enough[p] = lower >= least
            else:
                enough[p] = weigh_one(
                    tree, p, lower, cut, n, following, inner, outer, reach.limit, least
                )


def grow_tree(
    bands: Bands, places: NDArray[np.int64], units: NDArray[np.int64], threads: int
) -> tuple[Tree, NDArray[np.int64]]:
    """Grow a tree over some points.

    Parameters
    ----------
    bands : Bands
        All points.
    places : ndarray of int64, shape (n,), n >= 1
        The points' numbers.
    units : ndarray of int64, shape (all points,)
        Weights.
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
    prefix = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(units[order], out=prefix[1:])
    nodes = int(level[-1])
    tree = Tree(
        x=bands.x[order],
        y=bands.y[order],
        z=bands.z[order],
        prefix=prefix,
        ball_x=np.empty(nodes),
        ball_y=np.empty(nodes),
        ball_z=np.empty(nodes),
        radius=np.empty(nodes),
        level=level,
    )
    cuts = even_cuts(sizes[0], NODES_PIECE)
    run_pieces(lambda first, last: fill_leaves(tree, first, last), cuts, threads, unreported)
    for height in range(1, len(sizes)):
        fill_parents(tree, height, 0, sizes[height])
    return tree, order


def weigh_by_tree(
    bands: Bands,
    around: NDArray[np.int64],
    asked: NDArray[np.bool_],
    units: NDArray[np.int64],
    reach: Reach,
    least: int,
    threads: int,
    report: Callable[[float], None],
    enough: NDArray[np.bool_],
) -> None:
    """Find which of the ``asked`` points have enough around them.

    Parameters
    ----------
    bands : Bands
        All points.
    around : ndarray of int64
        Numbers of the asked points and of all that may be within reach of them.
    asked : ndarray of bool, shape (n,)
        Which points.
    units : ndarray of int64, shape (n,)
        Weights.
    reach : Reach
        The radius.
    least : int
        Least sum of units.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    enough : ndarray of bool, shape (n,)
        Gets the answers for the asked points.
    """
    tree, order = grow_tree(bands, around, units, threads)
    wanted = asked[order]
    answers = np.zeros(len(order), dtype=np.bool_)
    groups = np.flatnonzero(np.logical_or.reduceat(wanted, np.arange(0, len(order), LEAF)))
    run_pieces(
        lambda first, last: weigh_groups(tree, groups, wanted, reach, least, answers, first, last),
        even_cuts(len(groups), GROUPS_PIECE),
        threads,
        report,
    )
    enough[order[wanted]] = answers[wanted]
