"""One file of a raster: its metadata and blocks of its cells."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.plurals import counted

if TYPE_CHECKING:
    import rasterio
    from affine import Affine
    from rasterio.crs import CRS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NARROWER = (32767, 65535)
"""Largest 16-bit numbers: "no data" values of rasters later stored in wider types."""

HUGE = 1e19
"""Larger than any count: 1e20, 9.97e36 and 3.4e38 are used for "no data"."""


@dataclass(frozen=True)
class Tile:
    """One file of a raster.

    Attributes
    ----------
    path : str
    crs, transform, width, height
        As stored in the file.
    names : tuple of str
        Its bands: number and description.
    column, row : int
        Its first cell in the plane of all tiles.
    """

    path: str
    crs: CRS
    transform: Affine
    width: int
    height: int
    names: tuple[str, ...]
    column: int = 0
    row: int = 0


@dataclass(frozen=True)
class Block:
    """The cells of a raster in a rectangle, as arrays of the rectangle's shape.

    Attributes
    ----------
    values : ndarray of float64
        Scaled; 0 where there are no data.
    has_data : ndarray of bool
    narrower : ndarray of bool
        The stored number is the largest of a narrower type than the file's.
    suspect : ndarray of bool
        The stored number cannot be inhabitants: the largest of its type, one larger than any
        count, or a negative whole number.
    """

    values: Floats
    has_data: Flags
    narrower: Flags
    suspect: Flags


def describe(path: str, band: int | None) -> Tile:
    """Read the metadata of a raster file.

    Raises
    ------
    StudyError
        If it is no raster, has no position on the Earth, no such band, or a band of complex
        numbers.
    """
    with open_file(path) as source:
        if source.crs is None:
            raise StudyError(
                f"{path}: the raster has no CRS, so it is unknown where its cells lie; "
                "set it, for example with rio edit-info --crs EPSG:4326"
            )
        if source.transform.is_degenerate or source.transform.is_identity:
            raise StudyError(
                f"{path}: the raster does not say where its cells lie; set it, for example with"
                " gdal_edit.py -a_ullr"
            )
        chosen = 1 if band is None else band
        if not 1 <= chosen <= source.count:
            raise StudyError(f"{path}: band = {chosen}; {_bands_expected(source)}")
        dtype = source.dtypes[chosen - 1]
        if dtype.startswith("complex"):
            raise StudyError(
                f"{path}: band {chosen} holds {dtype}; expected real numbers (inhabitants)"
            )
        names = zip(source.indexes, source.descriptions, strict=True)
        return Tile(
            path,
            source.crs,
            source.transform,
            source.width,
            source.height,
            tuple(f"{number}: {name}" if name else str(number) for number, name in names),
        )


def _bands_expected(source: Any) -> str:
    if source.count:
        several = f"a band from 1 to {source.count}" if source.count > 1 else "band = 1"
        return f"the raster has {counted(source.count, 'band')}, expected {several}"
    if source.subdatasets:
        return (
            f"the file has no band of its own but holds {', '.join(source.subdatasets)}; expected"
            " one of these in a file of its own, for example with rio convert"
        )
    return "the file has no band; expected a raster of inhabitants"


def as_block(stored: np.ma.MaskedArray[Any, Any], source: Any, band: int) -> Block:
    """Separate values from "no data", and mark values that may be undeclared "no data".

    Parameters
    ----------
    stored : masked array
        As read.
    source : rasterio.DatasetReader
    band : int
    """
    raw = stored.data
    has_data = ~np.ma.getmaskarray(stored) & np.isfinite(raw)
    nodata = source.nodatavals[band - 1]
    if nodata is not None and not np.isnan(nodata):
        # If the file has a mask, rasterio ignores the declared value.
        has_data &= raw != _as_stored(nodata, raw.dtype)
    # Stored numbers may have a scale and an offset.
    values = raw.astype(float) * source.scales[band - 1] + source.offsets[band - 1]
    if raw.dtype.kind in "iu":
        suspect = values < 0.0
        if raw.dtype.itemsize > 1:
            suspect |= raw == np.iinfo(raw.dtype).max
    else:
        suspect = (np.abs(raw) >= HUGE) | ((values < 0.0) & (raw == np.trunc(raw)))
    narrower = has_data & np.isin(raw, NARROWER) & (raw.dtype.itemsize > 2)
    return Block(np.where(has_data, values, 0.0), has_data, narrower, suspect & has_data)


def _as_stored(nodata: float, dtype: Any) -> Any:
    """Return a declared "no data" value in the band's type, NaN if it does not fit."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(nodata).astype(dtype)
    limits = np.iinfo(dtype)
    fits = float(nodata).is_integer() and limits.min <= nodata <= limits.max
    return dtype.type(int(nodata)) if fits else np.nan


def read(source: Any, path: str, band: int, window: Any) -> np.ma.MaskedArray[Any, Any]:
    """Read a window (a rectangle of cells) of a raster file.

    Raises
    ------
    StudyError
        If it cannot be read; the message names the file.
    """
    import rasterio

    try:
        stored: np.ma.MaskedArray[Any, Any] = source.read(band, window=window, masked=True)
    except rasterio.errors.RasterioError as error:
        raise StudyError(
            f"{path}: cannot be read at row {window.row_off}, column {window.col_off}"
            f" ({error.__cause__ or error}); it is damaged, cut short or a part of it is missing:"
            " expected a whole file, so fetch or write it again"
        ) from error
    return stored


def open_file(path: str) -> rasterio.DatasetReader:
    """Open a raster file; raise StudyError if it is not a raster."""
    import rasterio

    with warnings.catch_warnings():
        # A file without a position is refused by `describe`.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            return rasterio.open(path)
        except rasterio.errors.RasterioError as error:
            raise StudyError(
                f"{path}: no raster that can be read ({error}); expected a file that GDAL opens"
            ) from error
