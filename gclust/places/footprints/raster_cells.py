"""Footprints made of the raster cells that contain locations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.places.antimeridian import from_rings, into_rectangle, polygons_of
from gclust.places.rasters.files import RasterFiles, RasterPath
from gclust.places.rasters.tiles import opened

if TYPE_CHECKING:
    from affine import Affine
    from pyproj import CRS

Floats = NDArray[np.float64]

LONGEST_SIDE_KM = 10.0
"""Largest distance (km) between vertices on sides of cells, straight in the raster's plane."""

LONGEST_SIDE_DEGREES = 0.5
"""The same for rasters in degrees, because a parallel is no geodesic."""


@dataclass(frozen=True)
class RasterCells:
    """The grid of a raster's cells, continued beyond the raster's edges.

    Attributes
    ----------
    path : str
    crs : pyproj.CRS
    transform : affine.Affine
        From columns and rows to the CRS.
    """

    path: str
    crs: CRS
    transform: Affine

    @classmethod
    def of(cls, raster: RasterPath | Sequence[RasterPath] | RasterFiles) -> RasterCells:
        """Read the position of the cells from a raster or its tiles.

        Raises
        ------
        gclust.errors.StudyError
            If it cannot be read, has no CRS or no place on the Earth, or its tiles do not lie on
            one grid.
        """
        from pyproj import CRS

        with opened(raster, band=1) as source:  # all bands have the same position
            return cls(source.path, CRS(source.crs.to_wkt()), source.transform)

    def occupied(self, lat: Floats, lon: Floats) -> Any:
        """Return the union of the cells that contain places.

        Parameters
        ----------
        lat, lon : ndarray, shape (n,)
            Degrees.

        Returns
        -------
        shapely.Polygon or shapely.MultiPolygon
            In degrees, within [-180, 180].

        Raises
        ------
        gclust.errors.StudyError
            If a place has no position in the raster's plane.
        """
        from pyproj import Transformer

        x, y = Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(lon, lat)
        if not (np.isfinite(x) & np.isfinite(y)).all():
            at = int(np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))[0])
            raise StudyError(
                f"{self.path}: the raster's projection is not defined at latitude {lat[at]:g},"
                f" longitude {lon[at]:g}; use a raster in degrees, or another footprint method"
            )
        if self.crs.is_geographic and not (self.transform.b or self.transform.d):
            left = self.transform.c
            x = left + (x - left) % 360.0
        column, row = (np.floor(axis) for axis in ~self.transform @ (x, y))
        cells = np.unique(np.column_stack([column, row]), axis=0)
        boxes = shapely.box(cells[:, 0], cells[:, 1], cells[:, 0] + 1.0, cells[:, 1] + 1.0)
        united = shapely.segmentize(shapely.union_all(boxes), self._longest_side())
        return shapely.union_all([self._on_the_earth(part) for part in polygons_of(united)])

    def _longest_side(self) -> float:
        """Return the largest distance between vertices, in cells."""
        affine = self.transform
        wide = max(float(np.hypot(affine.a, affine.d)), float(np.hypot(affine.b, affine.e)))
        if self.crs.is_geographic:
            return LONGEST_SIDE_DEGREES / wide
        return LONGEST_SIDE_KM * 1000.0 / (wide * self.crs.axis_info[0].unit_conversion_factor)

    def _on_the_earth(self, part: Any) -> Any:
        """Convert a polygon of columns and rows to degrees."""
        from pyproj import Transformer

        to_degrees = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)

        def ring(line: Any) -> tuple[Floats, Floats]:
            column, row = shapely.get_coordinates(line)[:-1].T
            return to_degrees.transform(*(self.transform @ (column, row)))

        boundaries = [ring(line) for line in (part.exterior, *part.interiors)]
        if not self.crs.is_geographic:
            return from_rings(boundaries)
        outer, *holes = [np.column_stack(each) for each in boundaries]
        return shapely.union_all(into_rectangle(shapely.Polygon(outer, holes)))
