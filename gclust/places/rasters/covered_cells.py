"""The raster cells that polygons cover, with their covered shares and areas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform, translate

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

    def cells(self, shape: Any, *, true_areas: bool) -> Iterator[Cells]:
        """Yield the cells that a shape covers, one rectangle of the raster after another.

        Parameters
        ----------
        shape : shapely.Polygon or shapely.MultiPolygon
            In the raster's CRS. One that the CRS cannot represent has no cells.
        true_areas : bool
            In a projected CRS, take the cells' areas on the ellipsoid, not in the plane.
        """
        if not np.isfinite(shapely.get_coordinates(shape)).all():
            return
        for part in self._at_raster_longitudes(
            shape if shape.is_valid else shapely.make_valid(shape)
        ):
            flat = self._in_cells(part)
            if flat.is_empty:
                continue
            for column, row, width, height in _blocks(flat.bounds):
                box = shapely.box(column, -(row + height), column + width, -row)
                inside = flat if box.contains(flat) else flat.intersection(box)
                for polygon in polygons_of(inside):
                    covered = self._covered(polygon, column, row, width, height, true_areas)
                    if covered is not None:
                        yield covered

    def _in_cells(self, part: Any) -> Any:
        """Convert a shape from the raster's CRS to columns and negative rows."""
        to_cells = ~self.source.transform
        matrix = (to_cells.a, to_cells.b, -to_cells.d, -to_cells.e, to_cells.c, -to_cells.f)
        flat = affine_transform(part, matrix)
        # Of cells that lie askew on the parallels, shares in the plane are near enough.
        is_square = not (to_cells.b or to_cells.d) or not (to_cells.a or to_cells.e)
        if not (self.source.crs.is_geographic and is_square):
            return flat
        return shapely.transform(shapely.segmentize(flat, LONGEST_SIDE), self._by_area)

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
        side = np.linspace(0.0, 1.0, 9)
        across = np.r_[side, side, np.zeros(9), np.ones(9)]
        down = np.r_[np.zeros(9), np.ones(9), side, side]
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
                out.extend(polygons_of(translate(inside, xoff=-360.0 * turn)))
        return out

    def _covered(
        self, polygon: Any, column: int, row: int, width: int, height: int, true_areas: bool
    ) -> Cells | None:
        """Return the cells of a block that a polygon covers, None if it is a sliver without area.

        Rounding makes slivers where a polygon is cut or its heights are measured by area.
        """
        from exactextract import exact_extract
        from exactextract.raster import NumPyRasterSource

        from gclust.places.rasters.wkb_source import WkbSource

        read = self.source.block(column, row, width, height)
        box = (column, -(row + height), column + width, -row)
        # exactextract leaves out cells without data, so it gets a raster of zeros.
        block = NumPyRasterSource(np.zeros(read.values.shape, np.int8), *box)
        (found,) = exact_extract(block, WkbSource(polygon), ["cell_id", "coverage"])
        cell = np.asarray(found["properties"]["cell_id"], dtype=np.int64)
        if not cell.size:
            return None
        coverage = np.asarray(found["properties"]["coverage"], dtype=float)
        return self._cells(read, cell, coverage, (column, row), true_areas)

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
