"""The inhabitants of a population raster as weighted points, summed on an equal-area grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.places.numbered_cells import NumberedCells
from gclust.places.rasters.covered_cells import CellPlane, Cells
from gclust.places.rasters.files import RasterFiles
from gclust.places.rasters.plausible import Plausibility
from gclust.places.rasters.tiles import opened

MOST_PARTS = 64
"""Largest number of parts into which a side of a raster's cell is divided."""

MOST_SUMS = 64
"""Number of lists of sums that are kept before they are added up."""

Sums = tuple[NDArray[np.int64], NDArray[np.float64]]


def people_points(
    raster: RasterFiles, *, unit: str, band: int | None, spacing_km: float
) -> pd.DataFrame:
    """Return the inhabitants of a raster at the centres of the cells of an equal-area grid.

    The inhabitants of each cell of the raster are spread evenly over it: cells longer than
    ``spacing_km`` are divided into equal parts, so that a coarse raster does not put all at the
    cells' centres.

    Parameters
    ----------
    raster : RasterFiles
    unit : {"count", "per_km2"}
    band : int, optional
    spacing_km : float
        Side of the cells of the grid.

    Returns
    -------
    DataFrame
        ``lat, lon`` (degrees) and ``people`` (above 0), by cell from the south pole on.

    Raises
    ------
    StudyError
        As `gclust.places.rasters.population.population`.
    """
    from pyproj import Transformer

    grid = NumberedCells.of(spacing_km)
    sums: list[Sums] = []
    with opened(raster, band) as source:
        plane = CellPlane(source)
        judge = Plausibility(plane, unit)
        to_degrees = Transformer.from_crs(source.crs.to_wkt(), "EPSG:4326", always_xy=True)
        for cells in plane.all_cells():
            people = judge.checked_values(cells, "of the baseline")
            km2 = plane.true_km2(cells.column, cells.row)
            people = people * km2 if unit == "per_km2" else people
            rows = np.flatnonzero((people > 0) & np.isfinite(people))
            if not rows.size:
                continue
            n = _parts(km2[rows], spacing_km)
            for part in range(n * n):
                within = ((part % n + 0.5) / n, (part // n + 0.5) / n)
                lat, lon = _points(plane, cells, rows, within, to_degrees)
                known = np.isfinite(lat) & np.isfinite(lon) & (np.abs(lat) <= 90.0)
                number = grid.number(lat[known], lon[known])
                sums.append(_summed([(number, people[rows[known]] / n**2)]))
                if len(sums) >= MOST_SUMS:
                    sums = [_summed(sums)]
    cell, total = _summed(sums) if sums else (np.empty(0, dtype=np.int64), np.empty(0))
    lat, lon = grid.centre(cell)
    return pd.DataFrame({"lat": lat, "lon": lon, "people": total})


def _parts(km2: NDArray[np.float64], spacing_km: float) -> int:
    """Return into how many parts the sides of cells are divided, so that these are short enough."""
    longest = math.sqrt(float(np.nanmax(km2)))
    return min(max(math.ceil(longest / spacing_km), 1), MOST_PARTS)


def _points(
    plane: CellPlane,
    cells: Cells,
    rows: NDArray[np.int64],
    within: tuple[float, float],
    to_degrees: Any,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the latitudes and longitudes of a point within each of some raster cells."""
    place: Any = (cells.column[rows] + within[0], cells.row[rows] + within[1])
    x, y = plane.source.transform @ place
    if not plane.source.crs.is_geographic:
        x, y = to_degrees.transform(x, y)
    return np.asarray(y, dtype=float), np.asarray(x, dtype=float)


def _summed(sums: list[Sums]) -> Sums:
    """Add up the sums of equal cells, in the order of the raster; return them by cell."""
    cell, at = np.unique(np.concatenate([each for each, _ in sums]), return_inverse=True)
    total = np.bincount(at, np.concatenate([each for _, each in sums]), len(cell))
    return cell, total.astype(np.float64)
