"""Checks that the files of a raster are complete, before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from gclust.errors import StudyError
from gclust.places.rasters.file import Tile, open_file, read
from gclust.places.rasters.files import RasterFiles
from gclust.places.rasters.tiles import Tiles, opened
from gclust.places.rasters.truncation import check_whole

SAMPLED_CELLS = 65_536
"""Number of cells compared in each of the top, middle and bottom of two tiles' overlap."""

SAMPLED_SIDE = 256
"""Number of columns and rows that are read at the end of a block."""


@dataclass(frozen=True)
class RasterSummary:
    """The bands and files of a raster.

    Attributes
    ----------
    band : int
        The band that is used.
    bands : tuple of str
        Number and description of each band of the first file.
    n_files : int
    """

    band: int
    bands: tuple[str, ...]
    n_files: int


def check_raster(files: RasterFiles, band: int | None = None) -> RasterSummary:
    """Raise StudyError for a raster that cannot be used, without reading all of it.

    Parameters
    ----------
    files : RasterFiles
    band : int, optional
        The first by default.

    Raises
    ------
    StudyError
        Naming the file that is no raster, has no position, is truncated or has no such band, the
        missing part of a VRT, or two tiles that do not fit.

    Warns
    -----
    GclustWarning
        If there are several bands and none was chosen.

    Notes
    -----
    For GeoTIFFs the offset of each block is compared with the size of the file, so that every
    truncation is found; of every file the first, a middle and the last block are read. Damage
    elsewhere is found, and refused, when a footprint covers it.
    """
    with opened(files, band) as tiles:
        for tile in tiles.tiles:
            _check_file(tile.path, (tiles.band,), ())
        for one, other in tiles.overlaps():
            _compare(tiles, one, other)
        return RasterSummary(tiles.band, tiles.tiles[0].names, len(tiles.tiles))


def _check_file(path: str, bands: tuple[int, ...], within: tuple[str, ...]) -> None:
    """Check one file, and the parts of a VRT."""
    with open_file(path) as source:
        if source.driver == "VRT":
            for part in _parts(path):
                _check_part(part, path, (*within, path))
        elif os.path.isfile(path):
            check_whole(source, path, bands)
        for band in bands:
            for window in _some_blocks(source, band):
                read(source, path, band, window)


def _parts(path: str) -> Iterator[str]:
    """List the source files of a VRT, as its XML names them."""
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):  # a place that only GDAL can read
        return
    seen = set()
    for tag in ("SourceFilename", "SourceDataset"):
        for element in tree.iter(tag):
            name = (element.text or "").strip()
            if element.get("relativeToVRT", "0") == "1":
                name = os.path.join(os.path.dirname(path), name)
            if name and name not in seen:
                seen.add(name)
                yield name


def _check_part(part: str, path: str, within: tuple[str, ...]) -> None:
    """Check a source file of a VRT; a VRT within itself would never end."""
    if part in within:
        raise StudyError(
            f"{path}: has the source {part}, which in turn contains this file; expected a VRT that"
            " does not contain itself"
        )
    try:
        with open_file(part) as source:
            bands = tuple(source.indexes)
        _check_file(part, bands, within)
    except StudyError as error:
        raise StudyError(f"{path}: one of its sources cannot be used: {error}") from error


def _some_blocks(source: Any, band: int) -> list[Any]:
    """Return windows at the end of the first, a middle and the last block."""
    from rasterio.windows import Window

    height, width = source.block_shapes[band - 1]
    rows, columns = -(-source.height // height), -(-source.width // width)
    windows = []
    for row, column in sorted({(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)}):
        right, bottom = (column + 1) * width, (row + 1) * height
        right, bottom = min(right, source.width), min(bottom, source.height)
        across, down = (
            min(SAMPLED_SIDE, right - column * width),
            min(SAMPLED_SIDE, bottom - row * height),
        )
        windows.append(Window(right - across, bottom - down, across, down))
    return windows


def _compare(tiles: Tiles, one: Tile, other: Tile) -> None:
    """Read samples of the overlap of two tiles, so that `Tiles.block` refuses differences."""
    left, top = max(one.column, other.column), max(one.row, other.row)
    right = min(one.column + one.width, other.column + other.width)
    bottom = min(one.row + one.height, other.row + other.height)
    width = min(right - left, SAMPLED_CELLS)
    height = min(max(SAMPLED_CELLS // width, 1), bottom - top)
    for row in sorted({top, (top + bottom - height) // 2, bottom - height}):
        tiles.block(left, row, width, height)
