"""Points of a plane that can be left out one after the other without a change of all empty discs.

This follows :mod:`gclust.kernels.empty_discs`, with exact directions in place of sectors and with
all points that are left in place of the first ones of cells. Let f be the distance of a point p
from another one that is left. Every disc of the radius r with p inside or on its rim, whose centre
lies in the direction u at the distance d <= r from p, contains that one if d < r - f. It contains
the point at the vector e from p for r - f <= d <= r if

(1) e . u > |e|^2 / (2 r), which is so at d = r, and
(2) e . u > (|e|^2 - f (2 r - f)) / (2 (r - f)), which is so at d = r - f,

because the distance of e from the disc's centre is a convex function of d. So each other point has
an arc of directions, shorter than half a turn. If the arcs of those that are left have no gap, p
is left out: each disc that has it inside or on its rim has another one inside, and still has one
when that is left out in turn.

The arcs are followed round the circle: from the end of one to the farthest end of those that
contain it, first of the points in the same cell, of the others where these leave a gap.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.point_grid import SPREAD, Grid, slot_of

LEAST_TURN = 1e-9
"""Angle (radians) up to which an arc that follows another is taken to leave a gap."""

NEAREST = 1e-7
"""Distance in radii up to which a point does not show that another can be left out, for rounding
would hide that one of the two is in a gap of the other's."""

ENOUGH = 0.0
"""Cosine of the turn from which on no arc that reaches farther is looked for."""

WINDOW = 4
"""Columns and rows between cells up to which their points may be two radii apart."""

ADJACENT = 1
"""Columns and rows up to which a cell's points are tried before those farther away."""


class Left(NamedTuple):
    """Points that are left, by cell: those of cell c are ``start[c] .. end[c]`` (excluded)."""

    start: NDArray[np.int64]  # (cells,)
    end: NDArray[np.int64]  # (cells,) changed in place
    xy: NDArray[np.float64]  # (k, 2) changed in place, as ``row``
    row: NDArray[np.int64]  # (k,) number of each point


@helper
def reach_within_cell(left, cell, p, radius):
    """Return the distance of a point from another one in its cell, or the radius if none is."""
    for q in range(left.start[cell], left.end[cell]):
        if q != p:
            return math.hypot(left.xy[q, 0] - left.xy[p, 0], left.xy[q, 1] - left.xy[p, 1])
    return radius


@helper
def farthest_turn(left, p, radius, f, first, last, direction):
    """Return how far the arcs of points ``first .. last`` that contain a direction reach beyond.

    ``direction`` is a unit vector. Returned are cosine and sine of the turn to the farthest end, or
    to the first one found that is far enough (2 and 0 if there is none).
    """
    x, y = left.xy[p, 0], left.xy[p, 1]
    u, v = direction
    inner, squared_inner = radius - f, f * (2.0 * radius - f)
    squared_most = radius * (2.0 * radius - f)
    least, sine = 2.0, 0.0
    for q in range(first, last):
        dx, dy = left.xy[q, 0] - x, left.xy[q, 1] - y
        squared = dx * dx + dy * dy
        c = squared / (2.0 * radius)
        if squared > squared_most:  # then (2) demands more than (1)
            if inner <= 0.0:
                continue
            c = (squared - squared_inner) / (2.0 * inner)
        along = dx * u + dy * v
        if along <= c or squared <= (NEAREST * radius) ** 2:
            continue
        aside = dy * u - dx * v
        half = math.sqrt(max(squared - c * c, 0.0))
        cosine = (c * along - half * aside) / squared
        if cosine < least:
            least, sine = cosine, (c * aside + half * along) / squared
            if least <= ENOUGH:
                break
    return least, sine


@helper
def farthest_of_cells(left, p, radius, f, cells, grid, direction):
    """Return the farthest turn among the points of the cells whose numbers are ``cells``."""
    u, v = direction
    x, y = left.xy[p, 0] + radius * u - grid.west, left.xy[p, 1] + radius * v - grid.south
    least, sine = 2.0, 0.0
    for cell in cells:
        west, south = grid.column[cell] * grid.side, grid.row[cell] * grid.side
        away = max(west - x, x - west - grid.side, 0.0)
        aside = max(south - y, y - south - grid.side, 0.0)
        if away * away + aside * aside > radius * radius:
            continue
        first, last = left.start[cell], left.end[cell]
        found = farthest_turn(left, p, radius, f, first, last, direction)
        if found[0] < least:
            least, sine = found
            if least <= ENOUGH:
                break
    return least, sine


@helper
def is_covered(left, p, radius, cells, n_adjacent, n_near, grid):
    """Return whether the arcs of other points have no gap."""
    f = reach_within_cell(left, cells[0], p, radius)
    u, v, turned = 1.0, 0.0, 0.0
    while turned < 2.0 * math.pi:
        first, turn = 0, 0.0
        for last in (1, n_adjacent, n_near):
            cosine, sine = farthest_of_cells(left, p, radius, f, cells[first:last], grid, (u, v))
            if cosine < 2.0:
                turn = math.atan2(sine, cosine)
                if turn > LEAST_TURN:
                    break
            first = last
        if turn <= LEAST_TURN:
            return False
        turned += turn
        u, v = cosine * u - sine * v, cosine * v + sine * u
    return True


@helper
def add_cells(grid, cell, beyond, window, cells, n):
    """Append the cells more than ``beyond`` and up to ``window`` columns or rows away to ``cells``.

    ``cells`` has ``n`` numbers of cells before; return how many it has.
    """
    for north in range(-window, window + 1):
        for east in range(-window, window + 1):
            if max(abs(north), abs(east)) <= beyond:
                continue
            column = np.int64(grid.column[cell]) + east
            row = np.int64(grid.row[cell]) + north
            other = grid.slots[slot_of(column, row, grid.slots, grid.column, grid.row)]
            if other >= 0:
                cells[n] = other
                n += 1
    return n


@kernel
def leave_out_one_by_one(left, radius, grid, cells):
    """Leave points out; those that are left are ``start .. end`` of each cell.

    ``cells`` has room for the numbers of `WINDOW` columns and rows in each direction.
    """
    # Not literals, for which Numba would compile once more.
    one, adjacent, window = np.int64(1), np.int64(ADJACENT), np.int64(WINDOW)
    for cell in range(len(left.start)):
        cells[0] = cell
        n_adjacent = add_cells(grid, cell, np.int64(0), adjacent, cells, one)
        n_near = add_cells(grid, cell, adjacent, window, cells, n_adjacent)
        for p in range(left.end[cell] - 1, left.start[cell] - 1, -1):
            if is_covered(left, p, radius, cells, n_adjacent, n_near, grid):
                last = left.end[cell] - 1
                out = left.row[p]
                left.xy[p, 0], left.xy[p, 1] = left.xy[last, 0], left.xy[last, 1]
                left.row[p] = left.row[last]
                left.row[last] = out
                left.end[cell] = last


def leave_out_covered(
    xy: NDArray[np.float64], kept: NDArray[np.bool_], radius: float, grid: Grid
) -> NDArray[np.int64]:
    """Return the rows of kept points that can be left out as well.

    Parameters
    ----------
    xy : ndarray, shape (n, 2)
    kept : ndarray of bool, shape (n,)
        A point of each cell at least.
    radius : float
        Of the discs, a little smaller than theirs, against rounding; two sides of cells at most.
    grid : Grid
        Of the points; each of its cells has some.
    """
    rows = np.flatnonzero(kept)
    # Few points of a cell show most if they are scattered over it.
    scattered = rows[np.argsort(np.arange(len(rows), dtype=np.uint32) * np.uint32(SPREAD))]
    rows = scattered[np.argsort(grid.cell[scattered], kind="stable")]
    bounds = np.searchsorted(grid.cell[rows], np.arange(len(grid.row) + 1))
    left = Left(bounds[:-1].copy(), bounds[1:].copy(), xy[rows], rows)
    leave_out_one_by_one(left, radius, grid, np.empty((2 * WINDOW + 1) ** 2, dtype=np.int64))
    return left.row[np.arange(len(rows)) >= np.repeat(left.end, np.diff(bounds))]
