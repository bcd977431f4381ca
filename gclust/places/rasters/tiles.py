"""A raster of one or several tiles as one plane of cells, which is read in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gclust.errors import StudyError, warn_user
from gclust.places.rasters.file import Block, Tile, as_block, describe, open_file, read
from gclust.places.rasters.files import RasterFiles, RasterPath

if TYPE_CHECKING:
    import rasterio
    from affine import Affine
    from rasterio.crs import CRS

CACHE_BYTES = 64 * 1024**2
"""Size of GDAL's block cache; GDAL's default is a twentieth of the machine's memory."""

OPEN_TILES = 32
"""Largest number of tiles that are open at a time."""

MOST_TURNS = 1.01
"""Largest width of a raster in turns round the Earth; some are a cell or two too wide."""

APART = 0.01
"""Largest distance of a tile's corners from corners of the grid's cells, in cells."""


@dataclass(frozen=True)
class StoredNumber:
    """The number that a file stores for a cell, and its declared "no data"."""

    path: str
    number: Any
    nodata: float | None
    is_scaled: bool


@dataclass
class Tiles:
    """An open raster of one or several files.

    Attributes
    ----------
    files : RasterFiles
    band : int
    tiles : tuple of Tile
    crs, transform, width, height
        CRS, position and size of the plane of all tiles.
    """

    files: RasterFiles
    band: int
    tiles: tuple[Tile, ...]
    crs: CRS
    transform: Affine
    width: int
    height: int
    _open: dict[str, rasterio.DatasetReader] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Name of the raster, for errors."""
        return self.files.path

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        """Return the first and last column and row of each tile."""
        each = [(t.column, t.column + t.width, t.row, t.row + t.height) for t in self.tiles]
        return np.array(each, dtype=np.int64)

    def block(self, column: int, row: int, width: int, height: int) -> Block:
        """Read a rectangle of cells, which may lie partly or wholly outside all tiles.

        Raises
        ------
        StudyError
            If a tile cannot be read, or two have different values in one cell.
        """
        if len(self.tiles) == 1 and _holds(self.tiles[0], column, row, width, height):
            return self._read(self.tiles[0], column, row, width, height)
        shape = height, width
        out = Block(np.zeros(shape), *(np.zeros(shape, bool) for _ in range(3)))
        owner = np.full(shape, -1, np.int32) if len(self.tiles) > 1 else None
        left, right, top, bottom = self._bounds.T
        here = (left < column + width) & (column < right) & (top < row + height) & (row < bottom)
        for number in np.flatnonzero(here).tolist():
            start, end = max(column, int(left[number])), min(column + width, int(right[number]))
            first, last = max(row, int(top[number])), min(row + height, int(bottom[number]))
            inner = slice(first - row, last - row), slice(start - column, end - column)
            part = self._read(self.tiles[number], start, first, end - start, last - first)
            if owner is not None:
                self._agree(out, part, inner, owner, number, (start, first))
                owner[inner][part.has_data] = number
            # Tiles may overlap: one may have data where another has none.
            out.values[inner][part.has_data] = part.values[part.has_data]
            out.has_data[inner] |= part.has_data
            out.narrower[inner] |= part.narrower
            out.suspect[inner] |= part.suspect
        return out

    def overlaps(self) -> Iterator[tuple[Tile, Tile]]:
        """Yield each pair of tiles that have cells in common."""
        left, right, top, bottom = self._bounds.T
        for number, tile in enumerate(self.tiles):
            later = slice(number + 1, None)
            meets = (left[later] < right[number]) & (left[number] < right[later])
            meets &= (top[later] < bottom[number]) & (top[number] < bottom[later])
            for other in np.flatnonzero(meets):
                yield tile, self.tiles[number + 1 + other]

    def stored(self, column: int, row: int) -> StoredNumber:
        """Return a cell's stored number; where tiles overlap, one that is suspicious if any is."""
        found = []
        for tile in self.tiles:
            down, across = row - tile.row, column - tile.column
            if 0 <= down < tile.height and 0 <= across < tile.width:
                block = self._read(tile, column, row, 1, 1)
                if block.has_data[0, 0]:
                    source = self._source(tile)
                    window = ((down, down + 1), (across, across + 1))
                    number = source.read(self.band, window=window)[0, 0]
                    at = self.band - 1
                    is_scaled = (source.scales[at], source.offsets[at]) != (1.0, 0.0)
                    stored = StoredNumber(tile.path, number, source.nodatavals[at], is_scaled)
                    found.append((not block.suspect[0, 0], stored))
        return min(found, key=lambda each: each[0])[1]

    def _agree(
        self,
        out: Block,
        part: Block,
        inner: tuple[slice, slice],
        owner: NDArray[np.int32],
        number: int,
        origin: tuple[int, int],
    ) -> None:
        """Raise StudyError if tiles have different values in one cell."""
        both = out.has_data[inner] & part.has_data & ~(out.suspect[inner] | part.suspect)
        differ = both & (out.values[inner] != part.values)
        if not differ.any():
            return
        down, across = np.argwhere(differ)[0]
        other = self.tiles[owner[inner][down, across]]
        lon, lat = self.place(origin[0] + across, origin[1] + down)
        raise StudyError(
            f"{other.path} and {self.tiles[number].path} overlap and differ: at longitude"
            f" {lon:.6g}, latitude {lat:.6g} they hold {out.values[inner][down, across]:g} and"
            f" {part.values[down, across]:g}; expected tiles of one raster and one year"
        )

    def place(self, column: int, row: int) -> tuple[float, float]:
        """Return longitude and latitude of the centre of a cell."""
        from pyproj import Transformer

        to_degrees = Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform(*(self.transform @ (column + 0.5, row + 0.5)))
        return float(lon), float(lat)

    def _source(self, tile: Tile) -> rasterio.DatasetReader:
        source = self._open.pop(tile.path, None)
        if source is None:
            if len(self._open) >= OPEN_TILES:
                self._open.pop(next(iter(self._open))).close()
            source = open_file(tile.path)
        self._open[tile.path] = source  # the most recently used one is closed last
        return source

    def _read(self, tile: Tile, column: int, row: int, width: int, height: int) -> Block:
        from rasterio.windows import Window

        source = self._source(tile)
        window = Window(column - tile.column, row - tile.row, width, height)
        stored = read(source, tile.path, self.band, window)
        return as_block(stored, source, self.band)

    def close(self) -> None:
        """Close all open files of the raster."""
        while self._open:
            self._open.popitem()[1].close()


def _holds(tile: Tile, column: int, row: int, width: int, height: int) -> bool:
    """Return whether a rectangle of cells lies within a tile."""
    across, down = column - tile.column, row - tile.row
    return min(across, down) >= 0 and across + width <= tile.width and down + height <= tile.height


@contextmanager
def opened(
    raster: RasterPath | Sequence[RasterPath] | RasterFiles, band: int | None = None
) -> Iterator[Tiles]:
    """Open a raster, which may consist of several tiles.

    Parameters
    ----------
    raster : path, sequence of paths or RasterFiles
        See `RasterFiles.of`.
    band : int, optional
        From 1 on; the first by default.

    Raises
    ------
    StudyError
        If a file is no raster, has no position on the Earth, no such band, or a band of complex
        numbers; if tiles do not lie on one grid.

    Warns
    -----
    GclustWarning
        If a file has several bands and none was chosen.
    """
    import rasterio

    files = RasterFiles.of(raster)
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
        described = [describe(path, band) for path in files.files]
        tiles = assemble(files, tuple(described), 1 if band is None else band)
        many = next((tile for tile in tiles.tiles if len(tile.names) > 1), None)
        if band is None and many is not None:
            warn_user(
                f"{many.path} has {len(many.names)} bands ({', '.join(many.names)}), and band 1"
                " is used, for none is chosen; say which with band = 1 or another number"
            )
        try:
            yield tiles
        finally:
            tiles.close()


def assemble(files: RasterFiles, described: tuple[Tile, ...], band: int) -> Tiles:
    """Arrange tiles in one common grid of cells.

    Raises
    ------
    StudyError
        If two of them differ in CRS, or do not lie on one grid.
    """
    from affine import Affine

    base = described[0]
    tiles = [_placed(tile, base) for tile in described]
    column, row = min(tile.column for tile in tiles), min(tile.row for tile in tiles)
    transform = base.transform
    if len(tiles) > 1:
        # The same origin as that of the raster from which the tiles were cut, to the bit.
        west = next(tile.transform for tile in tiles if tile.column == column)
        north = next(tile.transform for tile in tiles if tile.row == row)
        moved = base.transform @ Affine.translation(column, row)
        straight = not (moved.b or moved.d)
        left, top = (west.c, north.f) if straight else (moved.c, moved.f)
        transform = Affine(moved.a, moved.b, left, moved.d, moved.e, top)
    placed = tuple(replace(t, column=t.column - column, row=t.row - row) for t in tiles)
    width = max(tile.column + tile.width for tile in placed)
    height = max(tile.row + tile.height for tile in placed)
    turns = np.hypot(transform.a, transform.d) * width / 360.0
    if len(placed) > 1 and base.crs.is_geographic and turns > MOST_TURNS:
        first, *_, last = sorted(placed, key=lambda tile: tile.column)
        raise StudyError(
            f"the tiles from {first.path} to {last.path} extend over more than 360 degrees;"
            " expected longitudes from -180 to 180 in all tiles, or from 0 to 360 in all"
        )
    return Tiles(files, band, placed, base.crs, transform, width, height)


def _placed(tile: Tile, base: Tile) -> Tile:
    """Return a tile with its column and row in the grid of the first tile."""
    if tile.crs != base.crs:
        raise StudyError(
            f"{base.path} and {tile.path} differ in CRS ({_named(base.crs)}, {_named(tile.crs)});"
            " expected tiles of one grid, for example with rio warp --like"
        )
    to_cells = ~base.transform
    start = to_cells @ (tile.transform.c, tile.transform.f)
    column, row = round(start[0]), round(start[1])
    for across, down in ((0, 0), (tile.width, 0), (0, tile.height), (tile.width, tile.height)):
        at = to_cells @ (tile.transform @ (across, down))
        if max(abs(at[0] - column - across), abs(at[1] - row - down)) > APART:
            raise StudyError(
                f"{base.path} and {tile.path} do not lie on one grid: their cells are"
                f" {_cell(base)} and {_cell(tile)}, and their first corners lie"
                f" {start[0]:.6g} columns and {start[1]:.6g} rows apart; expected tiles with cells"
                " of the same size on the same grid, for example with rio warp --like"
            )
    return replace(tile, column=column, row=row)


def _named(crs: CRS) -> str:
    return crs.to_string() if len(crs.to_string()) < 60 else crs.wkt.split('"')[1]


def _cell(tile: Tile) -> str:
    affine = tile.transform
    return f"{np.hypot(affine.a, affine.d):.9g} by {np.hypot(affine.b, affine.e):.9g}"
