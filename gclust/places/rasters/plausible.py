"""A check for raster cells that cannot be inhabitants, such as an undeclared "no data"."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.places.rasters.covered_cells import CellPlane, Cells
from gclust.places.rasters.file import NARROWER
from gclust.places.rasters.tiles import StoredNumber

Floats = NDArray[np.float64]

MOST_PER_KM2 = 1e6
"""Largest plausible density: higher than anywhere today on a hectare or more."""

LEAST_KM2 = 0.01
"""A hectare: smaller cells may be one tower, so their density is computed for this area."""

RIPPLE = 1e-6
"""Negative values smaller than this part of the largest cell are resampling artefacts."""


@dataclass
class Plausibility:
    """Check of one raster's cells for values that cannot be inhabitants.

    Parameters
    ----------
    grid : Grid
    unit : {"count", "per_km2"}
        What a cell holds.

    Notes
    -----
    A negative cell counts as 0 if its size is less than a millionth of the largest cell of the
    whole raster, and no whole number: interpolation with negative weights (cubic, Lanczos)
    leaves such ripples. The whole raster is read only as far as needed, and only if the cells
    read so far are not large enough: the result does not depend on the order of footprints.

    32767 and 65535 are refused in wider types too, if they are the largest cell of the whole
    raster and occur more than once.
    """

    grid: CellPlane
    unit: str
    _largest: float = 0.0
    _is_known: bool = False
    _fill: float | None = None

    def checked_values(self, cells: Cells, name: str) -> Floats:
        """Return the values of cells, with negligible negative values replaced by 0.

        Parameters
        ----------
        cells : Cells
        name : str
            Name of the footprint that covers the cells, for errors.

        Raises
        ------
        StudyError
            If a value cannot be inhabitants; the message names it, its position and a remedy.
        """
        bad = cells.suspect | self._is_too_dense(cells)
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

    def _is_too_dense(self, cells: Cells) -> NDArray[np.bool_]:
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
        """Return the largest plausible cell of the raster, or the first one above ``enough``."""
        largest = self._largest
        for cells in self.grid.all_cells():
            kept = ~(cells.suspect | self._is_too_dense(cells))
            largest = max(largest, float(cells.values[kept].max(initial=0.0)))
            if largest > enough:
                break
        return largest

    def _narrower_fill(self) -> float:
        """Return the largest value if it is repeated and the maximum of a narrower type, or NaN."""
        if self._fill is None:
            largest, times = 0.0, 0
            for cells in self.grid.all_cells():
                kept = ~(cells.suspect | self._is_too_dense(cells))
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
            f"{stored.path}: the footprint {name} covers a cell of {number}{scaled} at longitude"
            f" {lon:.6g}, latitude {lat:.6g}, {self._why(cells, at, stored.number)}; if it means"
            f" no data, {self._remedy(stored, number)}"
        )

    def _remedy(self, stored: StoredNumber, number: str) -> str:
        """Return advice on how to declare a stored number as no data."""
        path = shlex.quote(stored.path)
        each = ", of each tile" if len(self.grid.source.tiles) > 1 else ""
        # NaN means no data whether it is declared or not.
        if stored.nodata is None or np.isnan(stored.nodata):
            if _is_beyond_floats(stored.number):
                return f"declare it{each}: gdal_edit.py -a_nodata {number} {path}"
            return f"declare it{each}: rio edit-info --nodata {number} {path}"
        declared = f"{stored.nodata:.17g}"
        advice = f"replace it by {declared}, which the file declares as no data{each}"
        if stored.is_scaled or _is_beyond_floats(stored.number):  # rio calc would lose either
            return advice
        where = f"(where (== (read 1) {number}) {declared} (read 1))"
        return f"{advice}: rio calc '{where}' {path} MENDED.tif"

    def _why(self, cells: Cells, at: int, number: Any) -> str:
        if cells.values[at] < 0.0:
            return "and no place has fewer than 0 inhabitants"
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
    """Return whether a whole number is too large for rio, which reads numbers as floats."""
    return number.dtype.kind in "iu" and abs(int(number)) > 2**53


def _spelled(number: Any) -> str:
    """Write a stored number so that it is read back unchanged."""
    return str(int(number)) if number.dtype.kind in "iu" else f"{float(number):.17g}"
