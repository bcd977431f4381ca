"""Whether the cells of a raster can be inhabitants, or are a "no data" that none declared."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.places.rasters.covered_cells import Cells, CellPlane
from gclust.places.rasters.file import NARROWER
from gclust.places.rasters.tiles import StoredNumber

Floats = NDArray[np.float64]

MOST_PER_KM2 = 1e6
"""More than live anywhere today, on a hectare or more."""

LEAST_KM2 = 0.01
"""A smaller cell may be a tower: it is judged as if its inhabitants had a hectare."""

RIPPLE = 1e-6
"""What is below 0 by less than this part of the largest cell is a ripple of resampling."""


@dataclass
class Plausibility:
    """What the cells of one raster are held against.

    Parameters
    ----------
    grid : Grid
    unit : {"count", "per_km2"}
        What a cell holds.

    Notes
    -----
    A cell below 0 counts as 0 if it is smaller in size than a millionth of the largest cell of
    the whole raster, and no whole number: interpolation with negative weights (cubic, Lanczos)
    leaves such. Of the whole raster no more is read than it takes to say so, and that only where
    the cells met so far are not large enough: the answer does not depend on what was met.

    32767 and 65535 are refused in wider types too, where they are the largest cell of the whole
    raster and there more than once.
    """

    grid: CellPlane
    unit: str
    _largest: float = 0.0
    _is_known: bool = False
    _fill: float | None = None

    def counted(self, cells: Cells, name: str) -> Floats:
        """Return the values of cells, ripples as 0.

        Parameters
        ----------
        cells : Cells
        name : str
            What errors call the footprint that meets them.

        Raises
        ------
        StudyError
            If a value cannot be inhabitants; naming it, where it lies and what to do.
        """
        bad = cells.suspect | self._is_crowded(cells)
        if cells.narrower.any():
            bad |= cells.narrower & (cells.values == self._narrower_fill())
        if bad.any():
            raise self._refusal(cells, int(np.flatnonzero(bad)[0]), name)
        self._largest = max(self._largest, float(cells.values.max(initial=0.0)))
        least = float(cells.values.min(initial=0.0))
        if least < 0.0:
            if not self._is_ripple(-least):
                raise self._refusal(cells, int(cells.values.argmin()), name)
            return np.maximum(cells.values, 0.0)
        return cells.values

    def _is_crowded(self, cells: Cells) -> NDArray[np.bool_]:
        """Mark cells with more inhabitants than can live there."""
        many = self._per_km2(cells.values, cells.km2) > MOST_PER_KM2 / 1000.0
        if many.any():
            some = np.flatnonzero(many)
            # Mercator's cells are larger in the plane than on the Earth.
            km2 = self.grid.true_km2(cells.column[some], cells.row[some])
            many[some] = self._per_km2(cells.values[some], km2) > MOST_PER_KM2
        return many

    def _per_km2(self, values: Floats, km2: Floats) -> Floats:
        people = values * km2 if self.unit == "per_km2" else values
        return people / np.maximum(km2, LEAST_KM2)

    def _is_ripple(self, size: float) -> bool:
        if size >= RIPPLE * self._largest and not self._is_known:
            self._largest = self._find_largest(size / RIPPLE)
            self._is_known = self._largest * RIPPLE <= size
        return size < RIPPLE * self._largest

    def _find_largest(self, enough: float) -> float:
        """Largest cell of the raster that can be inhabitants; the first beyond ``enough``."""
        largest = self._largest
        for cells in self.grid.all_cells():
            kept = ~(cells.suspect | self._is_crowded(cells))
            largest = max(largest, float(cells.values[kept].max(initial=0.0)))
            if largest > enough:
                break
        return largest

    def _narrower_fill(self) -> float:
        """Largest value of the raster if it is there twice, stored as a narrower type's; or NaN."""
        if self._fill is None:
            largest, times = 0.0, 0
            for cells in self.grid.all_cells():
                kept = ~(cells.suspect | self._is_crowded(cells))
                top = float(cells.values[kept].max(initial=0.0))
                if top > largest:
                    largest, times = top, 0
                times += int((kept & cells.narrower & (cells.values == largest)).sum())
            self._fill = largest if times > 1 else np.nan
        return self._fill

    def _refusal(self, cells: Cells, at: int, name: str) -> StudyError:
        column, row = int(cells.column[at]), int(cells.row[at])
        stored = self.grid.source.stored(column, row)
        lon, lat = self.grid.source.place(column, row)
        number = _spelled(stored.number)
        scaled = f" (that is {cells.values[at]:g})" if cells.values[at] != stored.number else ""
        return StudyError(
            f"{stored.path}: the footprint {name} meets a cell of {number}{scaled} at longitude"
            f" {lon:.6g}, latitude {lat:.6g}, {self._why(cells, at, stored.number)}; if it means"
            f" no data, {self._mend(stored, number)}"
        )

    def _mend(self, stored: StoredNumber, number: str) -> str:
        """What makes a stored number no data."""
        path = shlex.quote(stored.path)
        each = ", of each tile" if len(self.grid.source.tiles) > 1 else ""
        # NaN means no data whether it is declared or not.
        if stored.nodata is None or np.isnan(stored.nodata):
            if _is_beyond_floats(stored.number):
                return f"declare it{each}: gdal_edit.py -a_nodata {number} {path}"
            return f"declare it{each}: rio edit-info --nodata {number} {path}"
        declared = f"{stored.nodata:.17g}"
        told = f"write {declared}, which the file declares so, in its place{each}"
        if stored.is_scaled or _is_beyond_floats(stored.number):  # rio calc would lose either
            return told
        where = f"(where (== (read 1) {number}) {declared} (read 1))"
        return f"{told}: rio calc '{where}' {path} MENDED.tif"

    def _why(self, cells: Cells, at: int, number: Any) -> str:
        if cells.values[at] < 0.0:
            return "and nowhere do fewer than 0 live"
        if number.dtype.kind in "iu" and number == np.iinfo(number.dtype).max:
            return f"the largest number of its type ({number.dtype})"
        if number in NARROWER:
            return "the largest number of 16 bits and of this raster, which has it several times"
        km2 = self.grid.true_km2(cells.column[[at]], cells.row[[at]])
        per_km2 = self._per_km2(cells.values[[at]], km2)[0]
        other = "count" if self.unit == "per_km2" else "per_km2"
        return (
            f"{per_km2:.3g} inhabitants per km2 with unit = {self.unit!r}, while nowhere do more"
            f" than {MOST_PER_KM2:,.0f} live; if the unit is wrong, say unit = {other!r}"
        )


def _is_beyond_floats(number: Any) -> bool:
    """Whether rio, which takes numbers for floating ones, would change a whole one."""
    return number.dtype.kind in "iu" and abs(int(number)) > 2**53


def _spelled(number: Any) -> str:
    """A stored number as it must be written to be the same again."""
    return str(int(number)) if number.dtype.kind in "iu" else f"{float(number):.17g}"
