"""Search for the nearest cluster member that each location of weight 0 may join."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.hdbscan.nearest_first import points_of_leaf, push_children, reduce_by_node
from gclust.kernels.spatial.ball_tree import Balls, key_between
from gclust.kernels.sphere import EARTH_RADIUS_KM, TOLERANCE_KM, key_of_angle, widened
from gclust.parallel import even_chunks, parallel_for

POINTS_CHUNK = 2048
"""Number of points in a chunk of work."""


class Members(NamedTuple):
    """The ``n`` points of a ball tree, and conditions under which other points may join them."""

    below: NDArray[np.float64]
    """(n,) upper limit (exclusive) of the keys of the distance to each and of the core distance of
    a point that joins it; 0 for points of no cluster"""
    rank: NDArray[np.int64]
    """(n,) rank of each by latitude, then longitude"""
    node_below: NDArray[np.float64]
    """(nodes,) greatest ``below`` in each node"""


@helper
def search_member(balls, members, p, core, most, by_rank, stack, keys):
    """Return the reduced distance (key) and the number of the nearest member that ``p`` may join.

    The member is -1 if there is none. ``core`` is the key of the point's core distance. With
    ``by_rank`` the member is the first by rank of those with keys of at most ``most``.
    For ``stack`` and ``keys`` see ``push_children``.
    """
    x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
    best, found = most, np.int64(-1)
    stack[0], keys[0] = 1, 0.0
    top = 1
    while top > 0:
        top -= 1
        node, below = stack[top], members.node_below[stack[top]]
        if keys[top] > best or keys[top] >= below or core >= below:
            continue
        if node < 1 << balls.depth:
            top = push_children(balls, node, (x, y, z), stack, keys, top)
            continue
        begin, end = points_of_leaf(balls, node)
        for q in range(begin, end):
            if core >= members.below[q]:
                continue
            key = key_between(
                balls.sphere, x, y, z, balls.xyz[q, 0], balls.xyz[q, 1], balls.xyz[q, 2]
            )
            if key > best or key >= members.below[q]:
                continue
            if found < 0 or (members.rank[q] < members.rank[found] if by_rank else key < best):
                found = np.int64(q)
                if not by_rank:
                    best = key
    return best, found


@kernel
def find_members(balls, members, core, places, tolerance, to, key, first, last):
    """Find the cluster member that each of the points ``places[first:last]`` joins; -1 if none.

    It is the first by rank of the nearest member and those at most ``tolerance`` (radians)
    farther. ``core`` (n,) float64, ``places`` (m,) int64. Fills ``to`` (m,) int64 with members
    and ``key`` (m,) float64 with keys of the distances to the nearest ones.
    """
    stack = np.empty(balls.depth + 2, dtype=np.int64)
    keys = np.empty(balls.depth + 2)
    for t in range(first, last):
        p = places[t]
        nearest, found = search_member(balls, members, p, core[p], math.inf, False, stack, keys)
        key[t] = nearest
        if found >= 0:
            if balls.sphere:
                most = max(nearest, widened(nearest, tolerance))
            else:
                most = (math.sqrt(nearest) + tolerance) ** 2
            _, found = search_member(balls, members, p, core[p], most, True, stack, keys)
        to[t] = found


def key_of_km(sphere: bool, km: float) -> float:
    """Return the reduced distance (key) of a distance in kilometres.

    It is infinite from half the Earth's circumference on.
    """
    angle = km / EARTH_RADIUS_KM
    if sphere or angle >= math.pi:
        return float(key_of_angle(angle))
    return (2.0 * math.sin(0.5 * angle)) ** 2


def attach_points(
    balls: Balls,
    core: NDArray[np.float64],
    below: NDArray[np.float64],
    rank: NDArray[np.int64],
    places: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the cluster member that each of the given points joins.

    Parameters
    ----------
    balls : Balls
        A tree of the members, the given points and others.
    core : ndarray of float64, shape (n,)
        Keys of the core distances of the given points; other entries are not read.
    below : ndarray of float64, shape (n,)
        Upper limit (exclusive) of the keys of two distances for each member: the distance to it,
        and the core distance of a point that joins it; 0 for points that are no members.
    rank : ndarray of int64, shape (n,)
        Among equally near members (within a micrometre) the first by rank is chosen.
    places : ndarray of int64, shape (m,)
        The points, by their place in the tree.

    Returns
    -------
    to : ndarray of int64, shape (m,)
        Place of the member in the tree, -1 for none.
    key : ndarray of float64, shape (m,)
        Key of the distance to the nearest member.
    """
    members = Members(below, rank, reduce_by_node(below, balls.depth, np.maximum))
    to, key = np.empty(len(places), dtype=np.int64), np.empty(len(places))
    args = (balls, members, core, places, TOLERANCE_KM / EARTH_RADIUS_KM, to, key)
    chunks = even_chunks(len(places), POINTS_CHUNK)
    parallel_for(chunks, threads, find_members, *args, report=report)
    return to, key
