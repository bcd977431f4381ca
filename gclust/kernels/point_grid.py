"""A grid of square cells over points of a plane; only cells that have points are stored."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel

SPREAD = 2654435761
"""Multiplier of columns in the hash table (Knuth: 2**32 divided by the golden ratio)."""


class Grid(NamedTuple):
    """The cells of a plane that have points, in a hash table."""

    west: float
    south: float
    side: float
    slots: NDArray[np.int32]  # (power of 2,) cell number, -1 where none
    column: NDArray[np.int32]  # (cells,) as ``row``
    row: NDArray[np.int32]
    first: NDArray[np.int32]  # (cells,) first point of each cell
    cell: NDArray[np.int32]  # (n,) cell of each point


@helper
def slot_of(column, row, slots, columns, rows):
    """Return the hash table's slot of a cell, or the free one in which it belongs."""
    mask = len(slots) - 1
    slot = (column * SPREAD + row) & mask
    while slots[slot] >= 0:
        cell = slots[slot]
        if columns[cell] == column and rows[cell] == row:
            break
        slot = (slot + 1) & mask
    return slot


@kernel
def number_cells(xy, grid):
    """Number the cells that have points, in the order of their first points; return how many.

    ``xy`` (n, 2) float64. All arrays of ``grid`` are filled; ``slots`` are -1 before.
    """
    n_cells = 0
    for i in range(len(xy)):
        column = np.int64(math.floor((xy[i, 0] - grid.west) / grid.side))
        row = np.int64(math.floor((xy[i, 1] - grid.south) / grid.side))
        slot = slot_of(column, row, grid.slots, grid.column, grid.row)
        cell = grid.slots[slot]
        if cell < 0:
            cell = n_cells
            grid.slots[slot] = cell
            grid.column[cell] = column
            grid.row[cell] = row
            grid.first[cell] = i
            n_cells += 1
        grid.cell[i] = cell
    return n_cells
