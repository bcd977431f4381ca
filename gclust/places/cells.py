"""The cells of a raster that polygons cover, with shares and areas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate

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
    """An open raster as a plane of cells without end, of which it has data for some."""

    source: rasterio.DatasetReader
    path: str

    @classmethod
    def of(cls, source: rasterio.DatasetReader, path: str) -> Grid:
        """Take a raster.

        Raises
        ------
        StudyError
            If it has no CRS or its rows do not run along its axes from the north down.
        """
        if source.crs is None:
            raise StudyError(
                f"{path}: the raster has no CRS, so it is unknown where its cells lie; "
                "set it, for example with gdal_edit.py -a_srs EPSG:4326"
            )
        affine = source.transform
        if affine.b or affine.d or affine.a <= 0 or affine.e >= 0:
            raise StudyError(
                f"{path}: the raster is rotated or flipped; warp it to rows from north to "
                "south, for example with gdalwarp"
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
            for column, row, width, height in self._blocks(part.bounds):
                box = self._box(column, row, width, height)
                inside = part if box.contains(part) else part.intersection(box)
                for piece in polygons_of(inside):
                    yield self._covered(piece, column, row, width, height, true_areas)

    def _on_this_turn(self, shape: Any) -> list[Any]:
        """Shift longitudes by whole turns to the raster's, which may run from 0 to 360."""
        if not self.source.crs.is_geographic:
            return polygons_of(shape)
        left = self.source.bounds.left
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

    def _blocks(self, bounds: tuple[float, ...]) -> Iterator[tuple[int, int, int, int]]:
        """Split the cells within bounds: first column, first row, width, height of blocks."""
        affine = self.source.transform
        west, south, east, north = bounds
        first = int(np.floor((west - affine.c) / affine.a))
        end = int(np.ceil((east - affine.c) / affine.a))
        top = int(np.floor((north - affine.f) / affine.e))
        bottom = int(np.ceil((south - affine.f) / affine.e))
        width = min(max(end - first, 1), BLOCK_CELLS)
        height = max(BLOCK_CELLS // width, 1)
        for row in range(top, max(bottom, top + 1), height):
            for column in range(first, max(end, first + 1), width):
                yield column, row, width, min(height, max(bottom, top + 1) - row)

    def _box(self, column: int, row: int, width: int, height: int) -> Any:
        affine = self.source.transform
        west, north = affine.c + column * affine.a, affine.f + row * affine.e
        return shapely.box(west, north + height * affine.e, west + width * affine.a, north)

    def _covered(
        self, piece: Any, column: int, row: int, width: int, height: int, true_areas: bool
    ) -> Cells:
        from exactextract import exact_extract
        from exactextract.feature import JSONFeatureSource
        from exactextract.raster import NumPyRasterSource

        values, has_data = self._read(column, row, width, height)
        box = self._box(column, row, width, height)
        # exactextract leaves out cells without data; given the numbers of cells it tells all.
        block = NumPyRasterSource(np.zeros(values.shape, np.int8), *box.bounds)
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
            values[inner], has_data[inner] = np.where(valid, band.data, 0.0), valid
        return values, has_data

    def _km2(self, column: NDArray[np.int64], row: NDArray[np.int64], true_areas: bool) -> Floats:
        affine = self.source.transform
        if self.source.crs.is_geographic:
            rows = np.arange(row.min(), row.max() + 2)
            bands = -np.diff(band_km2(affine.f + rows * affine.e)) * affine.a
            return bands[row - row.min()]
        x = affine.c + (column + 0.5) * affine.a
        y = affine.f + (row + 0.5) * affine.e
        _, metres = self.source.crs.linear_units_factor
        plane = np.full(len(row), -affine.a * affine.e * metres**2 / 1e6)
        if not true_areas:
            return plane
        true = self._true_km2(x, y)
        # The middle of a side may lie off the map of the Earth.
        return np.where(np.isfinite(true), true, plane)

    def _true_km2(self, x: Floats, y: Floats) -> Floats:
        """Area on the ellipsoid of cells of a projected CRS, from the middles of their sides.

        PROJ's own factors take the ellipsoid for a sphere in projections that exist for the
        sphere alone, such as Mollweide's, and so miss up to 0.7 %.
        """
        from pyproj import Transformer

        to_degrees = Transformer.from_crs(self.source.crs.to_wkt(), "EPSG:4326", always_xy=True)
        half_x, half_y = self.source.transform.a / 2.0, -self.source.transform.e / 2.0
        west, south_of_west = to_degrees.transform(x - half_x, y)
        east, south_of_east = to_degrees.transform(x + half_x, y)
        lon_down, south = to_degrees.transform(x, y - half_y)
        lon_up, north = to_degrees.transform(x, y + half_y)
        across = (east - west + 180.0) % 360.0 - 180.0
        aside = (lon_up - lon_down + 180.0) % 360.0 - 180.0
        square_degrees = across * (north - south) - aside * (south_of_east - south_of_west)
        return np.abs(square_degrees) * square_degree_km2((north + south) / 2.0)
