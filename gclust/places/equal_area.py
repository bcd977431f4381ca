"""A grid of cells of equal area over the whole Earth.

Bands of latitude of about equal height are cut into whole numbers of columns, and their
limits are moved until every cell has the same area. This is the idea of Leopardi 2006 (A
partition of the unit sphere into regions of equal area and small diameter, Electron.
Trans. Numer. Anal. 25), on the ellipsoid and with sides along meridians and parallels.
The meridian of 180 degrees and the equator are limits of cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.places.geodesic import band_km2, square_degree_km2
from gclust.sphere import EARTH_RADIUS_KM

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

LONGEST_SIDE_DEGREES = 0.5
"""Largest length of a side: longer ones are cut, because a parallel is no geodesic."""


@dataclass(frozen=True)
class EqualAreaGrid:
    """A grid of cells of equal area on the Earth.

    Attributes
    ----------
    limits : ndarray, shape (bands + 1,)
        Latitudes between the bands from south to north, degrees.
    columns : ndarray of int64, shape (bands,)
        Cells of each band.
    km2 : float
        Area of every cell on the WGS 84 ellipsoid.
    """

    limits: Floats
    columns: Numbers
    km2: float

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, cell_km: float) -> EqualAreaGrid:
        """Make the grid whose cells are nearest to squares with sides of `cell_km`."""
        n_bands = max(round(np.pi / 2.0 * EARTH_RADIUS_KM / cell_km), 1)
        even = np.linspace(0.0, 90.0, n_bands + 1)
        wanted = 360.0 * np.diff(band_km2(even)) / cell_km**2
        columns = np.maximum(np.rint(wanted), 1.0).astype(np.int64)
        hemisphere = 360.0 * float(band_km2(90.0))
        below = np.cumsum(columns) / columns.sum()
        north = np.concatenate([[0.0], _latitude_of(below[:-1] * hemisphere, even[1:-1]), [90.0]])
        return cls(
            limits=np.concatenate([-north[:0:-1], north]),
            columns=np.concatenate([columns[::-1], columns]),
            km2=hemisphere / float(columns.sum()),
        )

    def cells(self, lat: Floats, lon: Floats) -> tuple[Numbers, Numbers]:
        """Return the latitude bands and columns of the distinct cells with places, sorted."""
        band = np.searchsorted(self.limits, lat, side="right") - 1
        band = np.clip(band, 0, len(self.columns) - 1)
        columns = self.columns[band]
        # A longitude a rounding error below 180 may reach the end of its band.
        column = np.floor((lon + 180.0) % 360.0 / 360.0 * columns).astype(np.int64) % columns
        widest = int(self.columns.max())
        found = np.unique(band * widest + column)
        return found // widest, found % widest

    def outlines(self, band: Numbers, column: Numbers) -> Any:
        """Return an array of polygons, in degrees, one for each row of adjacent cells.

        ``band`` and ``column`` of the cells are sorted. All corners of cells are vertices.
        """
        width = 360.0 / self.columns[band]
        west = -180.0 + column * width
        east = np.where(column + 1 == self.columns[band], 180.0, -180.0 + (column + 1) * width)
        begins = np.append(True, (np.diff(band) != 0) | (np.diff(column) != 1))
        row = np.cumsum(begins) - 1
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(band)) - 1
        # A ring runs east along the southern corners, and back along the northern ones.
        n_corners = 2 * (last - first + 2)
        start = np.cumsum(n_corners) - n_corners
        corners = np.empty((n_corners.sum(), 2))
        at = np.arange(len(band)) - first[row]
        south, north = self.limits[band], self.limits[band + 1]
        corners[start[row] + at] = np.column_stack([west, south])
        corners[start[row] + n_corners[row] - 1 - at] = np.column_stack([west, north])
        turn = start + n_corners // 2
        corners[turn - 1] = np.column_stack([east, south])[last]
        corners[turn] = np.column_stack([east, north])[last]
        borders = shapely.linearrings(corners, indices=np.repeat(np.arange(len(first)), n_corners))
        return shapely.segmentize(shapely.polygons(borders), LONGEST_SIDE_DEGREES)


def occupied_cells(lat: Floats, lon: Floats, cell_km: float) -> Any:
    """Find the cells of an equal-area grid that contain places, and return their union.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        Degrees.
    cell_km : float
        Side of a square of about the area of a cell.

    Returns
    -------
    shapely.Polygon or shapely.MultiPolygon
        In degrees, within [-180, 180].
    """
    grid = EqualAreaGrid.of(cell_km)
    return shapely.union_all(grid.outlines(*grid.cells(lat, lon)))


def _latitude_of(area_km2: Floats, near: Floats) -> Floats:
    """Return the latitudes that enclose given areas with the equator, by Newton's method.

    Parameters
    ----------
    area_km2 : ndarray
        Of the whole band round the Earth.
    near : ndarray
        Latitudes to start from, degrees; not the pole.
    """
    sine, e_degrees = np.sin(np.radians(near)), np.radians(1.0)
    for _ in range(6):
        lat = np.degrees(np.arcsin(sine))
        # By the sine the area grows evenly, without the cosine that vanishes at the pole.
        slope = 360.0 * square_degree_km2(lat) / (np.cos(np.radians(lat)) * e_degrees)
        sine = np.minimum(sine - (360.0 * band_km2(lat) - area_km2) / slope, 1.0)
    return np.degrees(np.arcsin(sine))
