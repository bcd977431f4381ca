"""The outline of a union of discs of equal radius, which are polygons of 96 corners.

A *side* of a disc goes from one corner to the next. Corners are numbered from the north by their
azimuths, clockwise; a *position* on a rim is the number of a corner plus the share of the side
from there on. The rim of disc i enters another disc j at one position, and leaves it at another
one. What lies in no other disc are the *arcs* of i. Where an arc of i ends, since it enters j, an
arc of j begins, since that leaves i: so arcs are linked to rings, the outer ones clockwise.

Discs of a sphere have these positions at the azimuths t - a and t + a, where t is that of j's
centre seen from i's and cos(a) = tan(d / 2) / tan(r) at the distance d for the radius r. As the
sides lie within the circle by up to 0.054 % of the radius, the positions may differ from these by
one side (`MARGIN`). So most sides can be seen to lie within another disc without knowing their
corners (`find_free_sides`). Only on the others and next to them are crossings computed, as those
of straight sides (`find_arcs`). Rings are given up where rounding hides in which order crossings
follow each other, or whether there is one: three rims through one point, or a touch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel

SIDES = 96
"""Sides of a disc."""

PER_RADIAN = SIDES / (2.0 * math.pi)

MARGIN = 1.25
"""Sides by which the rim of a disc may enter and leave another one off the circles' azimuths."""

STEEP = 0.15
"""Sine of the angle at which two circles cross from which on that is far less."""

STEEP_MARGIN = 0.02
"""Sides by which the rim may do so then, times the sine: the rims lie within rings between circles
that are 0.054 % of the radius wide; twice that, for the rest is not exact either."""

AROUND = 2
"""Sides on both sides of the one of the azimuth among which a crossing is looked for."""

SAME = 1e-7
"""Distance in radii up to which discs are taken for the same."""

FOUND, NONE, UNKNOWN = 1, 0, -1
"""Whether there is a crossing of sides; unknown where their corners are."""

NOBODY = -1
"""Other disc of an end of a covered part of a rim that is no crossing."""


class Discs(NamedTuple):
    """Discs in bands of latitude, in the order of their longitudes within each."""

    vectors: NDArray[np.float64]  # (n, 3) centres on the sphere
    lon: NDArray[np.float64]  # (n,) of the centres
    band: NDArray[np.int64]  # (n,) at least two radii high
    start: NDArray[np.int64]  # (bands + 1,) first disc of each band
    tangent: NDArray[np.float64]  # (n,) of the radius
    repeated: NDArray[np.bool_]  # (n,) the same as one before; set by `find_free_sides`
    width: float  # difference of longitudes beyond which no discs meet


class Near(NamedTuple):
    """Discs that may meet one disc."""

    disc: NDArray[np.int64]  # (most,)
    towards: NDArray[np.float64]  # (most,) azimuth of the centre, as a position
    half: NDArray[np.float64]  # (most,) half the length within the disc, in sides
    margin: NDArray[np.float64]  # (most,) by which its ends may be off, in sides


class Covered(NamedTuple):
    """Parts of a rim within other discs, from ``low`` to ``high``."""

    low: NDArray[np.float64]  # (most,) positions
    high: NDArray[np.float64]  # (most,)
    disc: NDArray[np.int64]  # (most, 2) other disc at each end, NOBODY if that is no crossing
    xy: NDArray[np.float64]  # (most, 2, 2) crossings at both ends


class Arcs(NamedTuple):
    """Parts of rims within no other disc."""

    disc: NDArray[np.int64]  # (arcs,)
    other: NDArray[np.int64]  # (arcs, 2) discs at which it begins and ends
    at: NDArray[np.float64]  # (arcs, 2) positions of both ends
    xy: NDArray[np.float64]  # (arcs, 2) first point


@helper
def first_from(lon, low, high, least):
    """Return the first of the discs ``low .. high`` (excluded) whose longitude is not below."""
    while low < high:
        middle = (low + high) // 2
        if lon[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@helper
def towards(vectors, i, j):
    """Return the azimuth of centre j seen from centre i as a position, and the squared chord."""
    x, y, z = vectors[i, 0], vectors[i, 1], vectors[i, 2]
    dx, dy, dz = vectors[j, 0] - x, vectors[j, 1] - y, vectors[j, 2] - z
    across = math.hypot(x, y)
    east = (x * dy - y * dx) / across
    north = across * dz - z * (x * dx + y * dy) / across
    return math.atan2(east, north) * PER_RADIAN, dx * dx + dy * dy + dz * dz


@helper
def discs_near(discs, i, near):
    """Write the discs that may meet disc ``i`` to ``near``; return how many.

    ``repeated`` is set if one before is the same.
    """
    n = 0
    most = discs.lon[i] + discs.width
    for band in range(max(discs.band[i] - 1, 0), min(discs.band[i] + 2, len(discs.start) - 1)):
        last = discs.start[band + 1]
        for j in range(
            first_from(discs.lon, discs.start[band], last, most - 2.0 * discs.width), last
        ):
            if discs.lon[j] > most:
                break
            if i == j or discs.repeated[j]:
                continue
            azimuth, squared = towards(discs.vectors, i, j)
            cosine = (
                2.0 * math.sqrt(squared / (4.0 - squared)) / (discs.tangent[i] + discs.tangent[j])
            )
            if 2.0 * cosine <= SAME:
                discs.repeated[i] |= j < i
            elif cosine < 1.0:
                near.disc[n] = j
                near.towards[n] = azimuth
                near.half[n] = math.acos(cosine) * PER_RADIAN
                sine = 2.0 * cosine * math.sqrt(1.0 - cosine * cosine)
                near.margin[n] = STEEP_MARGIN / sine if sine >= STEEP else MARGIN
                n += 1
    return n


@helper
def count_covers(near, n, count):
    """Count for each side of a rim, in ``count`` (SIDES + 1,), the discs it surely lies within."""
    count[:] = 0
    for at in range(n):
        half = near.half[at] - near.margin[at]
        first, last = math.ceil(near.towards[at] - half), math.floor(near.towards[at] + half)
        if last <= first:
            continue
        count[first % SIDES] += 1
        count[last % SIDES] -= 1
        if first % SIDES > last % SIDES:
            count[0] += 1
    for side in range(1, SIDES):
        count[side] += count[side - 1]


@kernel
def find_free_sides(discs, may_be_free, near, free):
    """Find the sides that may not lie within another disc wholly, ``free`` (n, SIDES) bool.

    Only those of discs that ``may_be_free`` (n,) are looked at. ``near`` has room for all discs.
    """
    count = np.empty(SIDES + 1, dtype=np.int64)
    for i in np.flatnonzero(may_be_free):
        n = discs_near(discs, i, near)
        if not discs.repeated[i]:
            count_covers(near, n, count)
            for side in range(SIDES):
                free[i, side] = count[side] == 0


@kernel
def number_corners(free, corner, around):
    """Number the corners of free sides and of ``around`` sides on both sides; return how many.

    ``corner`` (n, SIDES), -1 before, has the numbers.
    """
    n = 0
    for i in range(len(free)):
        for side in range(SIDES):
            if free[i, side]:
                for k in range(side - around, side + around + 2):
                    corner[i, k % SIDES] = 0
        for k in range(SIDES):
            if corner[i, k] == 0:
                corner[i, k] = n
                n += 1
    return n


@helper
def crossing(xy, p, q):
    """Return the shares of two sides at which p crosses q from its left to its right.

    ``p`` and ``q`` are the numbers of their corners. The shares lie between 0 and 1 (excluded) only
    if the sides cross in this way.
    """
    px, py = xy[p[1], 0] - xy[p[0], 0], xy[p[1], 1] - xy[p[0], 1]
    qx, qy = xy[q[1], 0] - xy[q[0], 0], xy[q[1], 1] - xy[q[0], 1]
    x, y = xy[q[0], 0] - xy[p[0], 0], xy[q[0], 1] - xy[p[0], 1]
    turn = px * qy - py * qx
    if turn <= 0.0:
        return -1.0, -1.0
    return (x * qy - y * qx) / turn, (x * py - y * px) / turn


@helper
def near_first(step):
    """Return the offsets 0, 1, -1, 2, -2 ... for the steps 0, 1, 2, 3, 4 ..."""
    return (step + 1) // 2 if step % 2 else -(step // 2)


@helper
def entry(corners, p, q, at_p, at_q):
    """Find where the rim of disc p enters disc q, about the position ``at_p`` on p and ``at_q``.

    Returned are FOUND, NONE or UNKNOWN, the positions on p and q, and the point.
    """
    corner, xy = corners
    found = NONE
    base_p, base_q = math.floor(at_p), math.floor(at_q)
    for step_p in range(2 * AROUND + 1):
        side_p = base_p + near_first(step_p)
        ends_p = corner[p, side_p % SIDES], corner[p, (side_p + 1) % SIDES]
        for step_q in range(2 * AROUND + 1):
            side_q = base_q + near_first(step_q)
            ends_q = corner[q, side_q % SIDES], corner[q, (side_q + 1) % SIDES]
            if min(ends_p[0], ends_p[1], ends_q[0], ends_q[1]) < 0:
                found = UNKNOWN
                continue
            on_p, on_q = crossing(xy, ends_p, ends_q)
            if 0.0 <= on_p < 1.0 and 0.0 <= on_q < 1.0:
                first, last = xy[ends_p[0]], xy[ends_p[1]]
                x, y = (
                    first[0] + on_p * (last[0] - first[0]),
                    first[1] + on_p * (last[1] - first[1]),
                )
                return FOUND, side_p + on_p, side_q + on_q, x, y
    return found, 0.0, 0.0, 0.0, 0.0


@helper
def is_near_free(free, i, position):
    """Return whether a side about a position is free."""
    side = math.floor(position)
    is_near = False
    for near in range(side - AROUND, side + AROUND + 1):
        is_near |= free[i, near % SIDES]
    return is_near


@helper
def add_part(covered, n, low, high, disc):
    """Append a part of a rim to ``covered`` as part ``n``; return how many there are."""
    turns = math.floor(low / SIDES) * SIDES
    covered.low[n], covered.high[n] = low - turns, high - turns
    covered.disc[n, 0], covered.disc[n, 1] = disc
    return n + 1


@helper
def add_crossed(covered, n, discs, corners, i, near, at):
    """Append the part of the rim of disc ``i`` within another one; return how many there are.

    The other disc is the one of ``near`` that is numbered ``at``. Returned is -1 if rounding hides
    whether there is such a part.
    """
    j, middle, half = near.disc[at], near.towards[at], near.half[at]
    back, _ = towards(discs.vectors, j, i)
    enters, low, _, x, y = entry(corners, i, j, middle - half, back + half)
    leaves, _, high, u, v = entry(corners, j, i, back - half, middle + half)
    if enters == NONE or leaves == NONE:
        return n if enters == leaves else -1
    if enters == UNKNOWN:
        low = middle - half + near.margin[at]
    if leaves == UNKNOWN:
        high = middle + half - near.margin[at]
    if low >= high:
        return n if enters == leaves == UNKNOWN else -1
    covered.xy[n, 0, 0], covered.xy[n, 0, 1] = x, y
    covered.xy[n, 1, 0], covered.xy[n, 1, 1] = u, v
    others = j if enters == FOUND else NOBODY, j if leaves == FOUND else NOBODY
    return add_part(covered, n, low, high, others)


@helper
def find_covered(covered, discs, free, corners, i, near):
    """Write the parts of the rim of disc ``i`` within others to ``covered``; return how many.

    Returned is -1 if rounding hides them.
    """
    n = side = 0
    while side < SIDES:
        last = side
        while last < SIDES and not free[i, last]:
            last += 1
        if last > side:
            n = add_part(covered, n, float(side), float(last), (NOBODY, NOBODY))
        side = last + 1
    for at in range(discs_near(discs, i, near)):
        low, high = near.towards[at] - near.half[at], near.towards[at] + near.half[at]
        if is_near_free(free, i, low) or is_near_free(free, i, high):
            n = add_crossed(covered, n, discs, corners, i, near, at)
            if n < 0:
                return n
    return n


@helper
def sort_by_low(covered, n, order):
    """Write the numbers of the parts to ``order`` by their lower ends."""
    for at in range(n):
        k = at
        while k > 0 and covered.low[order[k - 1]] > covered.low[at]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = at


@helper
def add_arcs(arcs, m, i, covered, n, order):
    """Append the arcs of disc ``i`` between covered parts; return how many there are.

    Returned is -1 if one ends at no crossing, or there is no room.
    """
    sort_by_low(covered, n, order)
    last = order[0]
    for at in order[1:n]:
        if covered.high[at] > covered.high[last]:
            last = at
    reached = covered.high[last] - SIDES
    for at in order[:n]:
        if covered.low[at] > reached:
            arcs.disc[m] = i
            arcs.other[m, 0], arcs.other[m, 1] = covered.disc[last, 1], covered.disc[at, 0]
            if min(arcs.other[m, 0], arcs.other[m, 1]) < 0 or m + 1 == len(arcs.disc):
                return -1
            arcs.at[m, 0], arcs.at[m, 1] = reached, covered.low[at]
            arcs.xy[m, 0], arcs.xy[m, 1] = covered.xy[last, 1, 0], covered.xy[last, 1, 1]
            m += 1
        if covered.high[at] > reached:
            last, reached = at, covered.high[at]
    return m


@kernel
def find_arcs(discs, free, corners, near, covered, arcs, first):
    """Find the arcs; those of disc i are ``first[i] .. first[i + 1]`` (excluded).

    ``corners`` are their numbers (n, SIDES) and places (m, 2). Returned is how many arcs there are,
    or -1 if rounding hides where one ends.
    """
    order = np.empty(len(covered.low), dtype=np.int64)
    corner, xy = corners
    m = 0
    for i in range(len(free)):
        first[i] = m
        if not free[i].any():
            continue
        n = find_covered(covered, discs, free, corners, i, near)
        if n == 0:  # the rim is a ring by itself
            arcs.disc[m] = i
            arcs.other[m, 0], arcs.other[m, 1] = i, i
            arcs.at[m, 0], arcs.at[m, 1] = 0.0, SIDES
            arcs.xy[m, 0], arcs.xy[m, 1] = xy[corner[i, 0], 0], xy[corner[i, 0], 1]
            m += 1
        elif n > 0:
            m = add_arcs(arcs, m, i, covered, n, order)
        if min(n, m) < 0:
            return -1
    first[len(free)] = m
    return m


@helper
def next_arc(arcs, first, at):
    """Return the arc that begins where another one ends, or -1."""
    i = arcs.other[at, 1]
    for after in range(first[i], first[i + 1]):
        if arcs.other[after, 0] == arcs.disc[at]:
            return after
    return -1


@helper
def add_points(points, n, arcs, at, corners):
    """Append the first point of an arc and its corners to ``points``; return how many there are."""
    corner, xy = corners
    points[n, 0], points[n, 1] = arcs.xy[at, 0], arcs.xy[at, 1]
    n += 1
    for k in range(math.floor(arcs.at[at, 0]) + 1, math.ceil(arcs.at[at, 1])):
        place = corner[arcs.disc[at], k % SIDES]
        points[n, 0], points[n, 1] = xy[place, 0], xy[place, 1]
        n += 1
    return n


@kernel
def link_rings(arcs, m, first, corners, points, ring):
    """Write the rings of ``m`` arcs to ``points``, and the number of its ring of each to ``ring``.

    Returned is how many points there are, or -1 if the arcs are no rings. Rings are not closed.
    """
    taken = np.zeros(m, dtype=np.bool_)
    n = n_rings = 0
    for start in range(m):
        if taken[start]:
            continue
        at, begin = start, n
        while True:
            taken[at] = True
            n = add_points(points, n, arcs, at, corners)
            at = next_arc(arcs, first, at)
            if at == start:
                break
            if at < 0 or taken[at]:
                return -1
        if n - begin < 3:
            return -1
        ring[begin:n] = n_rings
        n_rings += 1
    return n


def room_near(n: int) -> Near:
    """Return room for the discs that may meet one of ``n``."""
    towards_them, half, margin = np.empty((3, n))
    return Near(np.empty(n, np.int64), towards_them, half, margin)


def outline_of_union(
    discs: Discs, free: NDArray[np.bool_], corner: NDArray[np.int64], xy: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """Return the outline of the union as points of rings, and the number of each point's ring.

    Outer rings are clockwise if x is the longitude.

    Parameters
    ----------
    discs : Discs
    free : ndarray of bool, shape (n, SIDES)
        By `find_free_sides`.
    corner : ndarray of int, shape (n, SIDES)
        By `number_corners`.
    xy : ndarray, shape (m, 2)
        The corners that have numbers.

    Returns
    -------
    tuple or None
        None where rounding hides the outline.
    """
    n, most = len(free), 6 * int(free.any(axis=1).sum()) + 1
    most_parts = n + SIDES // 2
    low, high = np.empty((2, most_parts))
    covered = Covered(low, high, np.empty((most_parts, 2), np.int64), np.empty((most_parts, 2, 2)))
    numbers, others = np.empty(most, np.int64), np.empty((most, 2), np.int64)
    arcs = Arcs(numbers, others, np.empty((most, 2)), np.empty((most, 2)))
    first = np.empty(n + 1, np.int64)
    m = find_arcs(discs, free, (corner, xy), room_near(n), covered, arcs, first)
    if m < 0:
        return None
    points, ring = np.empty((len(xy) + m, 2)), np.empty(len(xy) + m, np.int64)
    n_points = link_rings(arcs, m, first, (corner, xy), points, ring)
    return None if n_points < 0 else (points[:n_points], ring[:n_points])
