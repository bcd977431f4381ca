"""Cells of an equal-area grid whose centres lie within a radius of points.

The grid is that of `gclust.places.equal_area`: bands of latitude, each cut into columns of equal
width from 180 degrees west on. Cells are numbered band by band from the south pole.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.binary_search import lower_bound
from gclust.kernels.sphere import reach_of, separation, vector_at
from gclust.parallel import even_chunks, parallel_for
from gclust.sphere import EARTH_RADIUS_KM

CHUNK = 4096
"""Number of points in a chunk."""

SLACK_DEGREES = 1e-6
"""Margin of the range of columns that are looked at; their distances decide."""


class GridCentres(NamedTuple):
    """Centres of the cells of a grid with ``b`` bands."""

    middle: NDArray[np.float64]  # (b,) latitude of each band's centres, ascending
    columns: NDArray[np.int64]  # (b,) cells of each band
    begin: NDArray[np.int64]  # (b + 1,) number of each band's first cell, and of all cells


class CellsNear(NamedTuple):
    """The cells near each of ``n`` points, as rows of different lengths."""

    start: NDArray[np.int64]  # (n + 1,) first entry of each point in ``cell``
    cell: NDArray[np.int64]  # (m,) numbers of cells


@helper
def half_width(lat, middle, angle):
    """Return how far in longitude (degrees) points at two latitudes within an angle may be apart.

    ``lat`` and ``middle`` in degrees, ``angle`` in radians; 180 where a pole is in reach.
    """
    phi, theta = math.radians(lat), math.radians(middle)
    across = math.cos(phi) * math.cos(theta)
    if across <= 1e-12:
        return 180.0
    cosine = (math.cos(angle) - math.sin(phi) * math.sin(theta)) / across
    if cosine <= -1.0:
        return 180.0
    return math.degrees(math.acos(min(cosine, 1.0))) + SLACK_DEGREES


@kernel
def list_cells_near(points, grid, reach, start, cell, first, last):
    """Count or list the cells near the points ``first .. last``.

    ``points`` (2, n) float64 are latitudes and longitudes in degrees; ``reach`` the radius in
    degrees and its key. If ``cell`` (m,) int64 is empty, ``start[i + 1]`` takes the number of
    cells near point i; otherwise ``cell`` takes them from ``start[i]`` on.
    """
    degrees, limit = reach
    angle = math.radians(degrees)
    for i in range(first, last):
        lat, lon = points[0, i], points[1, i]
        x, y, z = vector_at(lat, lon, 1.0, 0.0)
        found = 0
        band = lower_bound(grid.middle, 0, len(grid.middle), lat - degrees)
        while band < len(grid.middle) and grid.middle[band] <= lat + degrees:
            middle, columns = grid.middle[band], grid.columns[band]
            half = half_width(lat, middle, angle)
            width = 360.0 / columns
            west = np.int64(math.floor((lon - half + 180.0) / width - 0.5))
            number = np.int64(math.ceil(2.0 * half / width)) + 2
            if number > columns:
                west, number = np.int64(0), columns
            for k in range(number):
                column = (west + k) % columns
                centre = -180.0 + (column + 0.5) * width
                ox, oy, oz = vector_at(middle, centre, 1.0, 0.0)
                if separation(x, y, z, ox, oy, oz) <= limit:
                    if len(cell):
                        cell[start[i] + found] = grid.begin[band] + column
                    found += 1
            band += 1
        if not len(cell):
            start[i + 1] = found


def cells_near(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    grid: GridCentres,
    radius_km: float,
    threads: int,
) -> CellsNear:
    """Return the cells whose centres lie within a radius of each point (great circle, inclusive).

    ``lat`` and ``lon`` (n,) are degrees, longitudes in [-180, 180).
    """
    points = np.ascontiguousarray(np.stack([lat, lon]))
    reach = math.degrees((radius_km + 1e-6) / EARTH_RADIUS_KM), reach_of(radius_km).limit
    start, cell = np.zeros(len(lat) + 1, dtype=np.int64), np.empty(0, dtype=np.int64)
    chunks = even_chunks(len(lat), CHUNK)
    parallel_for(chunks, threads, list_cells_near, points, grid, reach, start, cell)
    np.cumsum(start, out=start)
    cell = np.empty(start[-1], dtype=np.int64)
    if len(cell):
        parallel_for(chunks, threads, list_cells_near, points, grid, reach, start, cell)
    return CellsNear(start, cell)
