"""Countries as coarse cells of a map: in which country a name or a symbol stands."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GeometryType

Floats = NDArray[np.float64]

CELL_PX = 4.0
"""Side of a cell in pixels at 300 dpi: a tenth of the height of a name."""
REACH = 6
"""Cells from a symbol on a coast within which its country is looked for."""
SAMPLES = (9, 3)
"""Columns and rows of points at which a name is looked up."""


class Territories:
    """Number of the country in each cell of a map, 0 for the sea.

    Parameters
    ----------
    plane : ndarray of geometries
        Countries in metres of the map's plane.
    bounds : (x_min, y_min, x_max, y_max)
        The map in metres of the plane.
    cell : float
        Side of a cell in metres.
    """

    def __init__(
        self, plane: NDArray[np.object_], bounds: tuple[float, float, float, float], cell: float
    ) -> None:
        from PIL import Image, ImageDraw

        x_min, y_min, x_max, y_max = bounds
        self.origin, self.cell = np.array([x_min, y_min]), cell
        size = (int((x_max - x_min) / cell) + 1, int((y_max - y_min) / cell) + 1)
        image = Image.new("I", size, 0)
        draw = ImageDraw.Draw(image)
        # The largest first, so that an enclave is drawn over the country around it.
        order = np.argsort(-shapely.area(plane), kind="stable")
        parts, place = shapely.get_parts(plane[order], return_index=True)
        drawn = (shapely.get_type_id(parts) == GeometryType.POLYGON) & ~shapely.is_empty(parts)
        numbers = order[place[drawn]] + 1
        outer = shapely.get_exterior_ring(parts[drawn])
        at, line = shapely.get_coordinates(outer, return_index=True)
        corners = np.split((at - self.origin) / cell, np.flatnonzero(np.diff(line)) + 1)
        for number, each in zip(numbers.tolist(), corners, strict=len(numbers) > 0):
            draw.polygon(each.ravel().tolist(), fill=number)
        self.country = np.asarray(image, dtype=np.int64)

    def at(self, points: Floats) -> NDArray[np.int64]:
        """Return the number of the country at points (n, 2) of the plane, 0 for the sea."""
        column, row = np.floor((points - self.origin) / self.cell).astype(np.int64).T
        rows, columns = self.country.shape
        return self.country[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)]

    def near(self, point: Floats) -> int:
        """Return the number of the country at a point or nearest to it, 0 if none is near."""
        steps = np.arange(-REACH, REACH + 1)
        dx, dy = (grid.ravel() for grid in np.meshgrid(steps, steps))
        order = np.argsort(dx**2 + dy**2, kind="stable")
        found = self.at(point + self.cell * np.column_stack([dx, dy])[order])
        return int(found[np.argmax(found > 0)])

    def foreign_share(self, boxes: Floats, own: int) -> Floats:
        """Return the share of each box (n, 4) that lies over countries other than its own."""
        across, up = ((np.arange(n) + 0.5) / n for n in SAMPLES)
        x = boxes[:, [0]] + (boxes[:, [2]] - boxes[:, [0]]) * across
        y = boxes[:, [1]] + (boxes[:, [3]] - boxes[:, [1]]) * up
        points = np.stack(np.broadcast_arrays(x[:, None, :], y[:, :, None]), axis=-1)
        country = self.at(points.reshape(-1, 2)).reshape(len(boxes), -1)
        return ((country > 0) & (country != own)).mean(axis=1)
