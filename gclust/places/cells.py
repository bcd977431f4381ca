"""The cells of a raster that polygons cover, with shares and areas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform, translate

from gclust.errors import StudyError
from gclust.places.antimeridian import polygons_of
from gclust.places.geodesic import band_km2, square_degree_km2

if TYPE_CHECKING:
    import rasterio

Floats = NDArray[np.float64]

# A polygon is read in blocks of at most this many cells: 100 MB.
BLOCK_CELLS = 2_000_000


@dataclass(frozen=True)
class Cells:
    """Cells that a polygon covers, arrays of one length.

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
    """

    values: Floats
    has_data: NDArray[np.bool_]
    coverage: Floats
    km2: Floats


@dataclass(frozen=True)
class Grid:
    """An open raster as a plane of cells without end, of which it has data for some.

    Shapes are taken into the raster's own columns and rows, so that it may be turned or
    have its south above; a share of a cell is the same there.
    """

    source: rasterio.DatasetReader
    path: str

    @classmethod
    def of(cls, source: rasterio.DatasetReader, path: str) -> Grid:
        """Take a raster.

        Raises
        ------
        StudyError
            If it has no CRS, or no place on the Earth.
        """
        if source.crs is None:
            raise StudyError(
                f"{path}: the raster has no CRS, so it is unknown where its cells lie; "
                "set it, for example with gdal_edit.py -a_srs EPSG:4326"
            )
        if source.transform.is_degenerate or source.transform.is_identity:
            raise StudyError(
                f"{path}: the raster does not say where its cells lie; set it, for example with"
                " gdal_edit.py -a_ullr"
            )
        return cls(source, path)

    def cells(self, shape: Any, *, true_areas: bool) -> Iterator[Cells]:
        """List the cells that a shape covers, in blocks.

        Parameters
        ----------
        shape : shapely.Polygon or shapely.MultiPolygon
            In the raster's CRS. One that the CRS cannot represent has no cells.
        true_areas : bool
            In a projected CRS, take the cells' areas on the ellipsoid, not in the plane.
        """
        if not np.isfinite(shapely.get_coordinates(shape)).all():
            return
        for part in self._on_this_turn(shape if shape.is_valid else shapely.make_valid(shape)):
            flat = self._in_cells(part)
            for column, row, width, height in _blocks(flat.bounds):
                box = shapely.box(column, -(row + height), column + width, -row)
                inside = flat if box.contains(flat) else flat.intersection(box)
                for piece in polygons_of(inside):
                    yield self._covered(piece, column, row, width, height, true_areas)

    def _in_cells(self, part: Any) -> Any:
        """Take a shape from the raster's CRS to columns and, downwards from 0, rows."""
        to_cells = ~self.source.transform
        matrix = (to_cells.a, to_cells.b, -to_cells.d, -to_cells.e, to_cells.c, -to_cells.f)
        return affine_transform(part, matrix)

    def seam(self) -> float | None:
        """Meridian at which the raster's plane is torn, degrees; None for that of 180.

        That opposite to the one that a projection has in its middle.
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

    def _on_this_turn(self, shape: Any) -> list[Any]:
        """Shift longitudes by whole turns to the raster's, which may run from 0 to 360."""
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
                piece = part
                if not whole:
                    piece = part.intersection(shapely.box(start, south, start + 360.0, north))
                out.extend(polygons_of(translate(piece, xoff=-360.0 * turn)))
        return out

    def _covered(
        self, piece: Any, column: int, row: int, width: int, height: int, true_areas: bool
    ) -> Cells:
        from exactextract import exact_extract
        from exactextract.feature import JSONFeatureSource
        from exactextract.raster import NumPyRasterSource

        values, has_data = self._read(column, row, width, height)
        box = (column, -(row + height), column + width, -row)
        # exactextract leaves out cells without data; given the numbers of cells it tells all.
        block = NumPyRasterSource(np.zeros(values.shape, np.int8), *box)
        feature = JSONFeatureSource(
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(piece)}
        )
        (found,) = exact_extract(block, feature, ["cell_id", "coverage"])
        cell = np.asarray(found["properties"]["cell_id"], dtype=np.int64)
        coverage = np.asarray(found["properties"]["coverage"], dtype=float)
        return Cells(
            values=values.ravel()[cell],
            has_data=has_data.ravel()[cell],
            coverage=coverage,
            km2=self._km2(column + cell % width, row + cell // width, true_areas),
        )

    def _read(
        self, column: int, row: int, width: int, height: int
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Read a block that may lie partly or wholly outside of the raster."""
        from rasterio.windows import Window

        values, has_data = np.zeros((height, width)), np.zeros((height, width), bool)
        left, right = max(column, 0), min(column + width, self.source.width)
        top, bottom = max(row, 0), min(row + height, self.source.height)
        if left < right and top < bottom:
            window = Window(left, top, right - left, bottom - top)
            band = self.source.read(1, window=window, masked=True).astype(float)
            valid = ~np.ma.getmaskarray(band) & np.isfinite(band.data)
            inner = slice(top - row, bottom - row), slice(left - column, right - column)
            # What is stored may be a number to multiply and shift.
            scaled = band.data * self.source.scales[0] + self.source.offsets[0]
            values[inner], has_data[inner] = np.where(valid, scaled, 0.0), valid
        return values, has_data

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

    def _true_km2(self, column: Any, row: Any) -> Floats:
        """Area on the ellipsoid of cells, from the middles of their sides.

        PROJ's own factors take the ellipsoid for a sphere in projections that exist for the
        sphere alone, such as Mollweide's, and so miss up to 0.7 %.
        """
        from pyproj import Transformer

        to_degrees = Transformer.from_crs(self.source.crs.to_wkt(), "EPSG:4326", always_xy=True)

        affine = self.source.transform

        def at(columns: float, rows: float) -> tuple[Any, Any]:
            x, y = column + columns, row + rows
            return to_degrees.transform(
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
    """Split the cells within bounds: first column, first row, width, height of blocks."""
    west, south, east, north = bounds
    first, end = int(np.floor(west)), int(np.ceil(east))
    top, bottom = int(np.floor(-north)), int(np.ceil(-south))
    width = min(max(end - first, 1), BLOCK_CELLS)
    height = max(BLOCK_CELLS // width, 1)
    for row in range(top, max(bottom, top + 1), height):
        for column in range(first, max(end, first + 1), width):
            yield column, row, width, min(height, max(bottom, top + 1) - row)
