"""Points of a plane that no empty disc of a given radius touches, found by a grid of cells.

An *empty disc* has no point inside. Of the points that are *kept* one can tell where the empty
discs of the radius r or larger are: each other point lies, together with a kept point, inside
every disc of the radius r that it lies in or on the rim of. So a disc that is empty of kept
points is empty of all, and no point that was left out lies on its rim. (A larger disc contains
one of the radius r that has the same point inside or on the rim; a half-plane is the limit.)

Kept are the first point of each cell of a grid and all points that are not *enclosed*. Let a disc
have its centre at the distance d <= r from a point, in direction u, and let the first point of the
point's cell be at the distance f. The disc contains this first point if d < r - f. For
r - f <= d <= r it contains a first point of another cell, at the vector e from the point, if

(1) |e|^2 < 2 r (e . u) and
(2) |e|^2 <= r (2 r - f),

because the distance of e from the disc's centre is a convex function of d, which lies below r by
(1) at d = r and by (1) and (2) at d = r - f. A point is enclosed if such first points are found
for all u; then no disc that has the point on its rim is empty, whether the point is kept or not.

Directions are divided into 32 sectors. A vector that meets (1) for the directions at both ends of
a sector meets it for those between. Most of the points that this keeps are then left out by
:mod:`gclust.kernels.covered_discs`, which is exact, and slower for each point.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.covered_discs import leave_out_covered
from gclust.kernels.point_grid import Grid, number_cells, slot_of

FEW = 256
"""Number of points up to which all are kept: it takes longer to find those to leave out."""

CELLS_OF_RADIUS = 2
"""Number of cells on the length of the radius. With more, more first points are kept."""

SECTORS = 32
ALL_SECTORS = (1 << SECTORS) - 1

FARTHEST = math.sqrt(2.0 - math.sqrt(2.0) / CELLS_OF_RADIUS)
"""Largest length of a vector e in radii: condition (2) with f as long as a cell's diagonal."""

MARGIN = 1e-6
"""Share of the radius by which discs are taken to be smaller, against rounding."""

SMALLEST_RADIUS = 1e-9
"""Radius (in radians) from which on the margin is above the rounding of coordinates."""

MOST_COLUMNS = 1 << 30
"""Largest number of columns and of rows of a grid."""

_TURN = np.arange(SECTORS) * (2.0 * math.pi / SECTORS)
EAST, NORTH = np.cos(_TURN), np.sin(_TURN)


class Thinned(NamedTuple):
    """Which of the points determine where the empty discs are."""

    kept: NDArray[np.bool_]  # (n,)
    enclosed: NDArray[np.bool_]  # (n,) no empty disc has the point on its rim


class Surroundings(NamedTuple):
    """The cells around a cell, the nearest ones first, as offsets."""

    column: NDArray[np.int64]  # (m,) as ``row``
    row: NDArray[np.int64]


def thin(xy: NDArray[np.float64], radius: float) -> Thinned:
    """Find points that can be left out when looking for empty discs of a radius, or larger ones.

    ``xy`` (n, 2) are positions in a plane, not above 1e3; ``radius`` is in the same unit.
    """
    n = len(xy)
    kept, enclosed = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    if n <= FEW or radius < SMALLEST_RADIUS:
        return Thinned(kept, enclosed)
    # Each column by itself: both at once take ten times as long.
    west, south = (axis.min() for axis in xy.T)
    side = radius / CELLS_OF_RADIUS
    if max(xy[:, 0].max() - west, xy[:, 1].max() - south) >= MOST_COLUMNS * side:
        return Thinned(kept, enclosed)
    slots = np.full(1 << (2 * n - 1).bit_length(), -1, dtype=np.int32)
    column, row, first, cell = np.empty((4, n), dtype=np.int32)
    grid = Grid(float(west), float(south), side, slots, column, row, first, cell)
    n_cells = number_cells(xy, grid)
    find_enclosed(xy, (1.0 - MARGIN) * radius, grid, surroundings(), enclosed)
    np.logical_not(enclosed, out=kept)
    kept[first[:n_cells]] = True
    filled = grid._replace(column=column[:n_cells], row=row[:n_cells], first=first[:n_cells])
    left_out = leave_out_covered(xy, kept, (1.0 - MARGIN) * radius, filled)
    kept[left_out] = False
    enclosed[left_out] = True
    return Thinned(kept, enclosed)


@lru_cache(maxsize=1)
def surroundings() -> Surroundings:
    """Return the cells around a cell that may have a first point within `FARTHEST`."""
    reach = math.ceil(FARTHEST * CELLS_OF_RADIUS) + 1
    steps = np.arange(-reach, reach + 1)
    column, row = (axis.ravel() for axis in np.meshgrid(steps, steps))
    nearest = np.hypot(np.maximum(abs(column) - 1, 0), np.maximum(abs(row) - 1, 0))
    order = np.lexsort((row, column, column**2 + row**2))
    order = order[nearest[order] < FARTHEST * CELLS_OF_RADIUS]
    return Surroundings(column[order].astype(np.int64), row[order].astype(np.int64))


@helper
def sectors_between(ends):
    """Return the sectors that have a bit set at both of their ends; sector s begins at end s."""
    return ends & ((ends >> 1) | ((ends & 1) << (SECTORS - 1)))


@helper
def is_enclosed(xy, i, radius, grid, around):
    """Return whether first points of cells have one inside every disc with point ``i`` on its rim.

    The discs may also have the point inside, as the module describes.
    """
    covered = 0
    cell = grid.cell[i]
    for k in range(len(around.column)):
        column = grid.column[cell] + around.column[k]
        row = grid.row[cell] + around.row[k]
        other = grid.slots[slot_of(column, row, grid.slots, grid.column, grid.row)]
        if other < 0:
            continue
        x = xy[grid.first[other], 0] - xy[i, 0]
        y = xy[grid.first[other], 1] - xy[i, 1]
        squared = x * x + y * y
        if squared > (FARTHEST * radius) ** 2:
            continue
        least = squared / (2.0 * radius)
        ends = np.int64(0)
        for s in range(SECTORS):
            if x * EAST[s] + y * NORTH[s] > least:
                ends |= 1 << s
        covered |= sectors_between(ends)
        if covered == ALL_SECTORS:
            return True
    return False


@kernel
def find_enclosed(xy, radius, grid, around, enclosed):
    """Set ``enclosed`` (n,) bool for each point."""
    for i in range(len(xy)):
        enclosed[i] = is_enclosed(xy, i, radius, grid, around)
