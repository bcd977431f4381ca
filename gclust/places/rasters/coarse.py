"""Warnings about rasters: cells that are too large for footprints, or partly sea."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.errors import Warn
from gclust.places.basemap import countries
from gclust.places.rasters.covered_cells import CellPlane, Cells
from gclust.plurals import counted, either

LEAST_CELLS = 20
"""Number of cells that a footprint covers below which a raster is called coarse."""

MOST_COAST = 0.1
"""Largest share of a footprint in cells that are partly sea."""

STEPS_PER_CELL = 4
"""Points of the coast that are looked up, for each side of a cell."""

MOST_NAMED = 3

FINER = (
    "finer rasters exist: GHS-POP and WorldPop (100 m), and GPW version 4 in its own cells of 30"
    " arc-seconds (1 km)"
)


@dataclass
class Coarseness:
    """Number of cells in each footprint, and the share of its area in cells that are partly sea.

    Parameters
    ----------
    plane : CellPlane

    Attributes
    ----------
    cells : list of float
        Number of cells that each footprint covers, parts of cells as parts.
    coast : list of float
        Share of each footprint's area in cells that are partly sea.
    """

    plane: CellPlane
    cells: list[float] = field(default_factory=list)
    coast: list[float] = field(default_factory=list)
    _km2: float = 0.0
    _coast_km2: float = 0.0
    _coverage: float = 0.0

    def add(self, cells: Cells) -> None:
        """Add raster cells to the number and areas of the current footprint."""
        covered = cells.coverage * cells.km2
        self._coverage += float(cells.coverage.sum())
        self._km2 += float(covered.sum())
        if cells.column.size:
            self._coast_km2 += float(covered[self._is_coast(cells)].sum())

    def end(self) -> None:
        """Finish the current footprint; cells that are added next belong to another one."""
        self.cells.append(self._coverage)
        self.coast.append(self._coast_km2 / self._km2 if self._km2 else 0.0)
        self._km2 = self._coast_km2 = self._coverage = 0.0

    def _is_coast(self, cells: Cells) -> NDArray[np.bool_]:
        """Return which cells the coast passes."""
        west, south, east, north = self.plane.bounds_in_degrees(cells.column, cells.row)
        lines, tree = coast()
        near = lines[tree.query(shapely.box(west, south, east, north))]
        if not len(near):
            return np.zeros(cells.column.size, bool)
        n_cells = max(np.ptp(cells.column), np.ptp(cells.row)) + 1
        step = max(east - west, north - south) / n_cells / STEPS_PER_CELL
        points = shapely.get_coordinates(shapely.segmentize(near, step))
        column, row = self.plane.cell_at(points[:, 0], points[:, 1])
        first, width = cells.column.min(), np.ptp(cells.column) + 1
        column = column - first
        inside = (column >= 0) & (column < width)
        passed = np.unique(row[inside] * width + column[inside])
        return np.isin(cells.row * width + cells.column - first, passed)

    def warn(self, names: Sequence[str], raster: str, warn: Warn) -> None:
        """Warn about footprints with few cells, or with much area in cells that are partly sea."""
        few, coast = -np.array(self.cells), np.array(self.coast)
        faults = []
        if n_few := int((few > -LEAST_CELLS).sum()):
            named = _named(names, np.where(few > -LEAST_CELLS, few, -np.inf), "{:.1f} cells", -1)
            faults.append(
                f"{n_few:,} of {counted(len(few), 'footprint')} {either(n_few, 'covers', 'cover')}"
                f" fewer than {LEAST_CELLS} of its cells,"
                f" so that {either(n_few, 'its', 'their')} population may be far from the truth:"
                f" {named}"
            )
        if n_coast := int((coast > MOST_COAST).sum()):
            named = _named(names, np.where(coast > MOST_COAST, coast, -np.inf), "{:.0%}", 1)
            faults.append(
                f"{n_coast:,} of {counted(len(few), 'footprint')} {either(n_coast, 'lies', 'lie')}"
                " by"
                f" more than {100 * MOST_COAST:g} % in"
                " cells that are partly sea, whose inhabitants are spread over land and sea alike:"
                f" {named}"
            )
        if faults:
            warn(f"{raster}: {'; '.join(faults)}; {FINER}")


def _named(names: Sequence[str], order: NDArray[np.float64], form: str, sign: int) -> str:
    """Return the names of the footprints of largest order, with their values."""
    rows = [row for row in np.argsort(-order, kind="stable") if np.isfinite(order[row])]
    shown = ", ".join(
        f"{names[row]} ({form.format(sign * order[row])})" for row in rows[:MOST_NAMED]
    )
    return shown + (f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else "")


@lru_cache(maxsize=1)
def coast() -> tuple[NDArray[Any], shapely.STRtree]:
    """Return the coast of all countries at 1:50 million, as short lines with an index.

    The sides of the map at 180 degrees and at the south pole are no coast.
    """
    boundaries = shapely.get_rings(shapely.get_parts(countries().geometry.to_numpy()))
    ends, boundary = shapely.get_coordinates(boundaries, return_index=True)
    sides = np.concatenate([ends[:-1], ends[1:]], axis=1)[boundary[:-1] == boundary[1:]]
    # A border of two countries is a side of both, in opposite directions.
    turned = sides[:, [2, 3, 0, 1]]
    first = (sides[:, :2] < sides[:, 2:]).any(axis=1) & (sides[:, 0] <= sides[:, 2])
    _, at, times = np.unique(
        np.where(first[:, None], sides, turned), axis=0, return_index=True, return_counts=True
    )
    sides = sides[np.sort(at[times == 1])].reshape(-1, 2, 2)
    edge = (np.abs(sides[:, :, 0]) > 179.99).all(axis=1) | (sides[:, :, 1] < -89.99).all(axis=1)
    lines = shapely.linestrings(sides[~edge])
    return lines, shapely.STRtree(lines)
