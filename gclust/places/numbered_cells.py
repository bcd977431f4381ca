"""Cells of an equal-area grid by one number each: their centres, and those that touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.spatial.grid_cells_near import GridCentres
from gclust.places.equal_area import EqualAreaGrid

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class NumberedCells:
    """The cells of a grid, numbered band by band from the south pole, from 180 degrees west.

    Attributes
    ----------
    grid : EqualAreaGrid
    begin : ndarray of int64, shape (bands + 1,)
        Number of the first cell of each band, and the number of all cells.
    """

    grid: EqualAreaGrid
    begin: Numbers

    @classmethod
    def of(cls, cell_km: float) -> NumberedCells:
        """Number the cells of the grid with sides of about ``cell_km``."""
        grid = EqualAreaGrid.of(cell_km)
        return cls(grid, np.concatenate([[0], np.cumsum(grid.columns)]))

    @property
    def centres(self) -> GridCentres:
        """Latitudes and numbers of the cells' centres, for kernels."""
        limits = self.grid.limits
        return GridCentres(0.5 * (limits[:-1] + limits[1:]), self.grid.columns, self.begin)

    def number(self, lat: Floats, lon: Floats) -> Numbers:
        """Return the number of the cell of each point (degrees)."""
        band = np.searchsorted(self.grid.limits, lat, side="right") - 1
        band = np.clip(band, 0, len(self.grid.columns) - 1)
        columns = self.grid.columns[band]
        # A longitude a rounding error below 180 may reach the end of its band.
        column = np.floor((lon + 180.0) % 360.0 / 360.0 * columns).astype(np.int64) % columns
        return self.begin[band] + column

    def centre(self, cell: Numbers) -> tuple[Floats, Floats]:
        """Return latitude and longitude (degrees) of the centres of cells."""
        band, column = self._band_and_column(cell)
        middle = 0.5 * (self.grid.limits[band] + self.grid.limits[band + 1])
        return middle, -180.0 + (column + 0.5) * 360.0 / self.grid.columns[band]

    def touching(self, cell: Numbers) -> tuple[Numbers, Numbers]:
        """Return the pairs of given cells with the cells that touch them in the east and north.

        Each pair of touching cells is found from one of its two cells: the positions in ``cell``,
        and the numbers of the others.
        """
        band, column = self._band_and_column(cell)
        at = np.arange(len(cell))
        east = self.begin[band] + (column + 1) % self.grid.columns[band]
        positions, others = [at], [east]
        below = np.flatnonzero(band + 1 < len(self.grid.columns))
        north = band[below] + 1
        ratio = self.grid.columns[north] / self.grid.columns[band[below]]
        # Those over the cell's own columns, and one on either side, which may touch its corners.
        first = np.floor(column[below] * ratio - 1e-9).astype(np.int64)
        last = np.floor((column[below] + 1) * ratio + 1e-9).astype(np.int64)
        for step in range(int((last - first).max(initial=-1)) + 1):
            some = first + step <= last
            number = (first[some] + step) % self.grid.columns[north[some]]
            positions.append(below[some])
            others.append(self.begin[north[some]] + number)
        return np.concatenate(positions), np.concatenate(others)

    def _band_and_column(self, cell: Numbers) -> tuple[Numbers, Numbers]:
        band = np.searchsorted(self.begin, cell, side="right") - 1
        return band, cell - self.begin[band]
