"""The member of a cluster that a point which forms none goes with: the nearest that may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.spatial.ball_tree import Balls, key_between, least_key
from gclust.kernels.sphere import EARTH_RADIUS_KM, TOLERANCE_KM, key_of_angle, widened
from gclust.parallel import even_chunks, parallel_for

POINTS_CHUNK = 2048


class Members(NamedTuple):
    """Which points of a tree others may go with; ``n`` points."""

    below: NDArray[np.float64]
    """(n,) key that the distance to each must be below, and the other's core distance; 0 for
    points of no cluster."""
    rank: NDArray[np.int64]
    """(n,) place of each by latitude, then longitude."""
    node_below: NDArray[np.float64]
    """Greatest of the keys in each node."""


@helper
def look_for_member(balls, members, p, core, most, by_rank, stack, keys):
    """Return the least key to a member that point ``p`` may go with, and the member, or -1.

    With ``by_rank`` the first by rank of those whose key is at most ``most``.
    """
    x, y, z = balls.xyz[p, 0], balls.xyz[p, 1], balls.xyz[p, 2]
    n, leaves = len(balls.units), 1 << balls.depth
    best, found = most, np.int64(-1)
    stack[0], keys[0] = 1, 0.0
    top = 1
    while top > 0:
        top -= 1
        node, below = stack[top], members.node_below[stack[top]]
        if keys[top] > best or keys[top] >= below or core >= below:
            continue
        if node < leaves:
            left, right = 2 * node, 2 * node + 1
            to_left = least_key(balls, left, x, y, z)
            to_right = least_key(balls, right, x, y, z)
            if to_left < to_right:  # the nearer one is looked at first
                left, right, to_left, to_right = right, left, to_right, to_left
            stack[top], keys[top] = left, to_left
            stack[top + 1], keys[top + 1] = right, to_right
            top += 2
            continue
        k = node - leaves
        for q in range((k * n) >> balls.depth, ((k + 1) * n) >> balls.depth):
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
    """Find the members of the points ``places[first:last]``, -1 where there is none.

    The nearest, or of those no more than ``tolerance`` (radians) farther the first by rank.
    """
    stack = np.empty(balls.depth + 2, dtype=np.int64)
    keys = np.empty(balls.depth + 2)
    for t in range(first, last):
        p = places[t]
        nearest, found = look_for_member(balls, members, p, core[p], math.inf, False, stack, keys)
        key[t] = nearest
        if found >= 0:
            if balls.sphere:
                most = max(nearest, widened(nearest, tolerance))
            else:
                most = (math.sqrt(nearest) + tolerance) ** 2
            _, found = look_for_member(balls, members, p, core[p], most, True, stack, keys)
        to[t] = found


def key_of_km(sphere: bool, km: float) -> float:
    """Return the key of a distance in kilometres, infinite from half the circumference on."""
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
    """Find which member of a cluster each of some points goes with.

    Parameters
    ----------
    balls : Balls
        Members, those points and others.
    core : ndarray of float64, shape (n,)
        Keys of the core distances of those points; the others' are not looked at.
    below : ndarray of float64, shape (n,)
        What the key of the distance to each member must be below, and that of the point's
        core distance; 0 for those that are no members.
    rank : ndarray of int64, shape (n,)
        Which of two members that are as near to a micrometre comes first.
    places : ndarray of int64, shape (m,)
        The points.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    to : ndarray of int64, shape (m,)
        Place of the member in the tree, -1 for none.
    key : ndarray of float64, shape (m,)
        Key of the distance to the nearest one.
    """
    n, depth = len(core), balls.depth
    node_below = np.zeros(2 << depth)
    node_below[1 << depth :] = np.maximum.reduceat(below, np.arange(1 << depth) * n >> depth)
    for level in range(depth - 1, -1, -1):
        under = node_below[2 << level : 4 << level]
        node_below[1 << level : 2 << level] = np.maximum(under[::2], under[1::2])
    members = Members(below, rank, node_below)
    to, key = np.empty(len(places), dtype=np.int64), np.empty(len(places))
    tolerance = TOLERANCE_KM / EARTH_RADIUS_KM
    parallel_for(
        even_chunks(len(places), POINTS_CHUNK),
        threads,
        find_members,
        balls,
        members,
        core,
        places,
        tolerance,
        to,
        key,
        report=report,
    )
    return to, key
