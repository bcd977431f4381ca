"""Whether the files of a raster are whole, before anything is made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from gclust.errors import StudyError
from gclust.places.rasters.truncation import check_whole
from gclust.places.rasters.file import Tile, open_file, read
from gclust.places.rasters.files import RasterFiles
from gclust.places.rasters.tiles import Tiles, opened

SAMPLED_CELLS = 65_536
"""Thrice so many cells of an overlap of two tiles are compared: its top, middle and bottom."""

LOOKED_AT = 256
"""Columns and rows of a block that are asked for, at its end."""


@dataclass(frozen=True)
class RasterSummary:
    """What a raster is made of.

    Attributes
    ----------
    band : int
        The one that is used.
    bands : tuple of str
        Number and description of each band of the first file.
    n_files : int
    """

    band: int
    bands: tuple[str, ...]
    n_files: int


def check_raster(files: RasterFiles, band: int | None = None) -> RasterSummary:
    """Refuse a raster that could not be counted in, without reading all of it.

    Parameters
    ----------
    files : RasterFiles
    band : int, optional
        The first by default.

    Raises
    ------
    StudyError
        Naming the file that is no raster, lies nowhere, is cut short or has no such band, the
        missing part of a VRT, or two tiles that do not go together.

    Warns
    -----
    GclustWarning
        If there are several bands and none was chosen.

    Notes
    -----
    Of GeoTIFFs the place of each block within the file is looked at, so that one that was cut
    short anywhere is found; of every file the first, a middle and the last block are read. Damage
    elsewhere is found, and refused, when a footprint meets it.
    """
    with opened(files, band) as tiles:
        for tile in tiles.tiles:
            _check_file(tile.path, (tiles.band,), ())
        for one, other in tiles.overlaps():
            _compare(tiles, one, other)
        return RasterSummary(tiles.band, tiles.tiles[0].names, len(tiles.tiles))


def _check_file(path: str, bands: tuple[int, ...], within: tuple[str, ...]) -> None:
    """Check one file, and what it is made of."""
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
    """List the files that a VRT is made of, as its XML names them."""
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):  # somewhere that GDAL alone can read
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
    """Check a part of a VRT; within itself it would have no end."""
    if part in within:
        raise StudyError(f"{path}: is made of {part}, which is made of it; expected other files")
    try:
        with open_file(part) as source:
            bands = tuple(source.indexes)
        _check_file(part, bands, within)
    except StudyError as error:
        raise StudyError(f"{path}: one of its parts is no good: {error}") from error


def _some_blocks(source: Any, band: int) -> list[Any]:
    """Windows of the ends of the first, a middle and the last block: blocks are read whole."""
    from rasterio.windows import Window

    height, width = source.block_shapes[band - 1]
    rows, columns = -(-source.height // height), -(-source.width // width)
    windows = []
    for row, column in sorted({(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)}):
        right, bottom = (column + 1) * width, (row + 1) * height
        right, bottom = min(right, source.width), min(bottom, source.height)
        across, down = min(LOOKED_AT, right - column * width), min(LOOKED_AT, bottom - row * height)
        windows.append(Window(right - across, bottom - down, across, down))
    return windows


def _compare(tiles: Tiles, one: Tile, other: Tile) -> None:
    """Read some of where two tiles overlap: `Tiles.block` refuses what differs."""
    left, top = max(one.column, other.column), max(one.row, other.row)
    right = min(one.column + one.width, other.column + other.width)
    bottom = min(one.row + one.height, other.row + other.height)
    width = min(right - left, SAMPLED_CELLS)
    height = min(max(SAMPLED_CELLS // width, 1), bottom - top)
    for row in sorted({top, (top + bottom - height) // 2, bottom - height}):
        tiles.block(left, row, width, height)
