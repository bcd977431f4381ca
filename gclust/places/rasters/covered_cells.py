"""The raster cells that polygons cover, with their covered shares and areas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate

from gclust.places.antimeridian import polygons_of
from gclust.places.geodesic import band_km2, square_degree_km2

if TYPE_CHECKING:
    from gclust.places.rasters.file import Block
    from gclust.places.rasters.tiles import Tiles

Floats = NDArray[np.float64]

BLOCK_CELLS = 2_000_000
"""Largest number of cells of a polygon that are read at a time (100 MB)."""


LONGEST_SIDE = 0.25
"""Longest side of a polygon, in cells, that is straight after heights are measured by area."""

_SIDE, _NONE, _ALL = np.linspace(0.0, 1.0, 9), np.zeros(9), np.ones(9)
EDGE = np.r_[_SIDE, _SIDE, _NONE, _ALL], np.r_[_NONE, _ALL, _SIDE, _SIDE]
"""Points on the edge of a rectangle, as shares of its width and of its height."""


@dataclass(frozen=True)
class Cells:
    """The cells that a polygon covers, as arrays of equal length.

    Attributes
    ----------
    values : ndarray of float64
        0 where there are no data.
    has_data : ndarray of bool
        False outside of the raster and for its value of "no data".
    coverage : ndarray of float64
        Share of the cell's area within the polygon, above 0 and at most 1.
    km2 : ndarray of float64
        Area of the cell.
    column, row : ndarray of int64
    narrower, suspect : ndarray of bool
        See `gclust.places.rasters.file.Block`.
    """

    values: Floats
    has_data: NDArray[np.bool_]
    coverage: Floats
    km2: Floats
    column: NDArray[np.int64]
    row: NDArray[np.int64]
    narrower: NDArray[np.bool_]
    suspect: NDArray[np.bool_]


class _Placed(NamedTuple):
    """A polygon in columns and negative rows, and the block of cells in which it lies."""

    polygon: Any
    column: int
    row: int
    width: int
    height: int


class _Shares(NamedTuple):
    """Column and row of cells, and the share of each that a polygon covers."""

    column: NDArray[np.int64]
    row: NDArray[np.int64]
    share: Floats


@dataclass(frozen=True)
class CellPlane:
    """An open raster as an infinite plane of cells, some with data.

    Parameters
    ----------
    source : Tiles
        Of `gclust.places.rasters.tiles.opened`.

    Notes
    -----
    Shapes are converted to the raster's columns and rows, so that it may be rotated or have the
    south on top. The covered share of a cell is the same there if in rasters of degrees heights
    within a cell are measured by area: the half of a cell that is nearer to a pole has less.
    """

    source: Tiles

    def cells(self, shapes: Sequence[Any], *, true_areas: bool) -> Iterator[Iterator[Cells]]:
        """Yield for each shape the cells that it covers, one rectangle of the raster after another.

        What is computed for all shapes together takes memory for all of them: give some at a time.

        Parameters
        ----------
        shapes : sequence of shapely.Polygon or shapely.MultiPolygon
            In the raster's CRS. One that the CRS cannot represent has no cells.
        true_areas : bool
            In a projected CRS, take the cells' areas on the ellipsoid, not in the plane.
        """
        placed = self._placed(shapes)
        shares = _shares([each for own in placed for each in own])
        for own in placed:
            # zip() takes nothing of the second when the first has ended.
            found = (self._read(*each, true_areas) for each in zip(own, shares, strict=False))
            yield (cells for cells in found if cells is not None)

    def _placed(self, shapes: Sequence[Any]) -> list[list[_Placed]]:
        """Return the polygons of each shape in blocks of the plane of cells."""
        parts = [
            (number, part)
            for number, shape in enumerate(shapes)
            if np.isfinite(shapely.get_coordinates(shape)).all()
            for part in self._at_raster_longitudes(
                shape if shape.is_valid else shapely.make_valid(shape)
            )
        ]
        flat = self._in_cells(np.array([part for _, part in parts], dtype=object))
        placed: list[list[_Placed]] = [[] for _ in shapes]
        for (number, _), part in zip(parts, flat, strict=True):
            for block in () if part.is_empty else _blocks(part.bounds):
                column, row, width, height = block
                box = shapely.box(column, -(row + height), column + width, -row)
                inside = part if box.contains(part) else part.intersection(box)
                placed[number] += [_Placed(polygon, *block) for polygon in polygons_of(inside)]
        return placed

    def _in_cells(self, parts: NDArray[np.object_]) -> NDArray[np.object_]:
        """Convert polygons from the raster's CRS to columns and negative rows."""
        to_cells = ~self.source.transform

        def converted(places: Floats) -> Floats:
            x, y = places.T
            column = to_cells.a * x + to_cells.b * y + to_cells.c
            return np.stack([column, -to_cells.d * x + -to_cells.e * y + -to_cells.f]).T

        flat = np.asarray(shapely.transform(parts, converted))
        # Of cells that lie askew on the parallels, shares in the plane are near enough.
        is_square = not (to_cells.b or to_cells.d) or not (to_cells.a or to_cells.e)
        if not (self.source.crs.is_geographic and is_square):
            return flat
        return np.asarray(shapely.transform(shapely.segmentize(flat, LONGEST_SIDE), self._by_area))

    def _by_area(self, cells: Floats) -> Floats:
        """Replace latitudes within cells by the share of the cell's area on one side of them."""
        affine = self.source.transform
        along, sign, step = (0, 1.0, affine.d) if affine.d else (1, -1.0, affine.e)
        at = sign * cells[:, along]
        cell = np.floor(at)
        start, here, end = (
            band_km2(np.clip(affine.f + step * each, -90.0, 90.0)) for each in (cell, at, cell + 1)
        )
        area = end - start
        share = np.where(area == 0.0, at - cell, (here - start) / np.where(area == 0.0, 1.0, area))
        moved = cells.copy()
        moved[:, along] = sign * (cell + share)
        return moved

    @cached_property
    def _to_degrees(self) -> Any:
        """Transformer from the raster's CRS to longitude and latitude."""
        from pyproj import Transformer

        return Transformer.from_crs(self.source.crs.to_wkt(), "EPSG:4326", always_xy=True)

    def bounds_in_degrees(
        self, column: NDArray[np.int64], row: NDArray[np.int64]
    ) -> tuple[float, float, float, float]:
        """Return the west, south, east and north limits (degrees) of all given cells together.

        The middle of west and east lies within 180 degrees.
        """
        across, down = EDGE
        columns = column.min() + across * (np.ptp(column) + 1)
        rows = row.min() + down * (np.ptp(row) + 1)
        lon, lat = self.source.transform @ (columns, rows)
        if not self.source.crs.is_geographic:
            lon, lat = self._to_degrees.transform(lon, lat)
            is_on_earth = np.isfinite(lon) & np.isfinite(lat)
            lon, lat = lon[is_on_earth], lat[is_on_earth]
            if not lon.size:
                return 0.0, 0.0, 0.0, 0.0
        west, east = float(lon.min()), float(lon.max())
        turn = 360.0 * np.floor(((west + east) / 2.0 + 180.0) / 360.0)
        return west - turn, float(lat.min()), east - turn, float(lat.max())

    def cell_at(self, lon: Floats, lat: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the column and row of the cell of each point; -1 for points outside the CRS."""
        x, y = lon, lat
        if self.source.crs.is_geographic:
            affine, width, height = self.source.transform, self.source.width, self.source.height
            left = affine.c + min(0.0, affine.a * width) + min(0.0, affine.b * height)
            x = left + (lon - left) % 360.0
        else:
            x, y = self._to_degrees.transform(lon, lat, direction="INVERSE")
        column, row = ~self.source.transform @ (x, y)
        is_off = ~(np.isfinite(column) & np.isfinite(row))
        column, row = (np.floor(np.where(is_off, -1.0, each)) for each in (column, row))
        return column.astype(np.int64), row.astype(np.int64)

    def seam(self) -> float | None:
        """Return the meridian (degrees) along which the raster's projection cuts the Earth.

        It is opposite to the central meridian; None if it is that of 180 degrees.
        """
        from pyproj import CRS

        operation = CRS(self.source.crs.to_wkt()).coordinate_operation
        if self.source.crs.is_geographic or operation is None:
            return None
        middles = [
            entry.value * np.degrees(entry.unit_conversion_factor)
            for entry in operation.params
            if entry.name.startswith("Longitude of ")
        ]
        if not middles:
            return None
        meridian = float((middles[0] + 360.0) % 360.0 - 180.0)
        return None if abs(meridian) == 180.0 else meridian

    def _at_raster_longitudes(self, shape: Any) -> list[Any]:
        """Shift longitudes by multiples of 360 to the raster's range, such as 0 to 360 degrees."""
        if not self.source.crs.is_geographic:
            return polygons_of(shape)
        affine, width, height = self.source.transform, self.source.width, self.source.height
        left = affine.c + min(0.0, affine.a * width) + min(0.0, affine.b * height)
        out: list[Any] = []
        for part in polygons_of(shape):
            west, south, east, north = part.bounds
            for turn in range(
                int(np.floor((west - left) / 360.0)), int(np.ceil((east - left) / 360.0))
            ):
                start = left + 360.0 * turn
                whole = start <= west and east <= start + 360.0
                inside = part
                if not whole:
                    inside = part.intersection(shapely.box(start, south, start + 360.0, north))
                out.extend(polygons_of(translate(inside, xoff=-360.0 * turn) if turn else inside))
        return out

    def _read(self, placed: _Placed, shares: _Shares, true_areas: bool) -> Cells | None:
        """Return the cells of a block that a polygon covers, None if it is a sliver without area.

        Rounding makes slivers where a polygon is cut or its heights are measured by area.
        """
        if not shares.share.size:
            return None
        read = self.source.block(placed.column, placed.row, placed.width, placed.height)
        cell = (shares.row - placed.row) * placed.width + shares.column - placed.column
        return self._cells(read, cell, shares.share, (placed.column, placed.row), true_areas)

    def all_cells(self) -> Iterator[Cells]:
        """Yield all cells with data, by rectangles; areas in a projected CRS are plane areas."""
        bounds = (0.0, -float(self.source.height), float(self.source.width), 0.0)
        for column, row, width, height in _blocks(bounds):
            read = self.source.block(column, row, width, height)
            cell = np.flatnonzero(read.has_data)
            if cell.size:
                yield self._cells(read, cell, np.ones(cell.size), (column, row), False)

    def _cells(
        self,
        read: Block,
        cell: NDArray[np.int64],
        coverage: Floats,
        origin: tuple[int, int],
        true_areas: bool,
    ) -> Cells:
        """Return cells of a block by their numbers in it; the block starts at a column and row."""
        width = read.values.shape[1]
        column, row = origin[0] + cell % width, origin[1] + cell // width
        return Cells(
            values=read.values.ravel()[cell],
            has_data=read.has_data.ravel()[cell],
            coverage=coverage,
            km2=self._km2(column, row, true_areas),
            column=column,
            row=row,
            narrower=read.narrower.ravel()[cell],
            suspect=read.suspect.ravel()[cell],
        )

    def _km2(self, column: NDArray[np.int64], row: NDArray[np.int64], true_areas: bool) -> Floats:
        affine = self.source.transform
        if self.source.crs.is_geographic:
            if affine.b or affine.d:
                return self._true_km2(column + 0.5, row + 0.5)
            rows = np.arange(row.min(), row.max() + 2)
            bands = np.abs(np.diff(band_km2(affine.f + rows * affine.e)) * affine.a)
            return bands[row - row.min()]
        _, metres = self.source.crs.linear_units_factor
        plane = np.full(len(row), abs(affine.determinant) * metres**2 / 1e6)
        if not true_areas:
            return plane
        true = self._true_km2(column + 0.5, row + 0.5)
        # The middle of a side may lie off the map of the Earth.
        return np.where(np.isfinite(true), true, plane)

    def true_km2(self, column: NDArray[np.int64], row: NDArray[np.int64]) -> Floats:
        """Return the areas of cells on the ellipsoid, km2."""
        return self._km2(column, row, True)

    def _true_km2(self, column: Any, row: Any) -> Floats:
        """Return the areas of cells on the ellipsoid from the middles of their sides.

        PROJ's own factors take the ellipsoid for a sphere in projections that exist for the
        sphere alone, such as Mollweide's, and so miss up to 0.7 %.
        """
        affine = self.source.transform

        def at(columns: float, rows: float) -> tuple[Any, Any]:
            x, y = column + columns, row + rows
            return self._to_degrees.transform(
                affine.c + affine.a * x + affine.b * y, affine.f + affine.d * x + affine.e * y
            )

        with np.errstate(invalid="ignore"):  # off the map
            left, south_of_left = at(-0.5, 0.0)
            right, south_of_right = at(0.5, 0.0)
            lon_down, down = at(0.0, 0.5)
            lon_up, up = at(0.0, -0.5)
            across = (right - left + 180.0) % 360.0 - 180.0
            aside = (lon_up - lon_down + 180.0) % 360.0 - 180.0
            square_degrees = across * (up - down) - aside * (south_of_right - south_of_left)
            return np.abs(square_degrees) * square_degree_km2((up + down) / 2.0)


def _shares(placed: list[_Placed]) -> Iterator[_Shares]:
    """Yield the shares of cells that each polygon covers, computed for many at a time."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    from gclust.places.rasters.wkb_source import WkbSource

    for some in _batches(placed):
        column, row = min(each.column for each in some), min(each.row for each in some)
        width = max(each.column + each.width for each in some) - column
        height = max(each.row + each.height for each in some) - row
        # exactextract leaves out cells without data, so it gets a raster of zeros: one for all.
        zeros = np.broadcast_to(np.zeros((), np.int8), (height, width))
        plane = NumPyRasterSource(zeros, column, -(row + height), column + width, -row)
        source = WkbSource([each.polygon for each in some])
        for found in exact_extract(plane, source, ["cell_id", "coverage"]):
            cell = np.asarray(found["properties"]["cell_id"], dtype=np.int64)
            share = np.asarray(found["properties"]["coverage"], dtype=float)
            yield _Shares(column + cell % width, row + cell // width, share)


def _batches(placed: list[_Placed]) -> Iterator[list[_Placed]]:
    """Divide polygons into lists whose blocks have `BLOCK_CELLS` cells together, or one polygon."""
    batch: list[_Placed] = []
    cells = 0
    for each in placed:
        cells += each.width * each.height
        if batch and cells > BLOCK_CELLS:
            yield batch
            batch, cells = [], each.width * each.height
        batch.append(each)
    if batch:
        yield batch


def _blocks(bounds: tuple[float, ...]) -> Iterator[tuple[int, int, int, int]]:
    """Split the cells within bounds into blocks; yield first column, first row, width, height."""
    west, south, east, north = bounds
    first, end = int(np.floor(west)), int(np.ceil(east))
    top, bottom = int(np.floor(-north)), int(np.ceil(-south))
    width = min(max(end - first, 1), BLOCK_CELLS)
    height = max(BLOCK_CELLS // width, 1)
    for row in range(top, max(bottom, top + 1), height):
        for column in range(first, max(end, first + 1), width):
            yield column, row, width, min(height, max(bottom, top + 1) - row)
