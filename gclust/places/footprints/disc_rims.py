"""The union of discs that keep clear of the poles and the 180th meridian, from arcs of their rims.

Only corners of sides that may be part of the outline are computed, and GEOS has nothing to unite
(:mod:`gclust.kernels.united_discs`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.kernels.united_discs import (
    AROUND,
    SIDES,
    Discs,
    find_free_sides,
    number_corners,
    outline_of_union,
    room_near,
)

Floats = NDArray[np.float64]

Corners = Callable[[NDArray[np.int64], Floats], tuple[Floats, Floats]]
"""A function from numbers of discs, and an azimuth (degrees) for each, to latitudes and longitudes
of points of their rims."""


class Rims(NamedTuple):
    """Discs, and those of their sides that may be part of the outline.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        The place of each disc.
    discs : Discs
    free : ndarray of bool, shape (n, SIDES)
    """

    order: NDArray[np.int64]
    discs: Discs
    free: NDArray[np.bool_]

    @classmethod
    def of(
        cls, vectors: Floats, places: Floats, radius: Floats, may_be_free: NDArray[np.bool_]
    ) -> Rims:
        """Find the sides that may be part of the outline.

        Parameters
        ----------
        vectors : ndarray, shape (n, 3)
            Centres, as unit vectors on the conformal sphere.
        places : ndarray, shape (n, 2)
            The same as latitudes and longitudes of that sphere, degrees; longitudes do not jump.
        radius : ndarray, shape (n,)
            Radians.
        may_be_free : ndarray of bool, shape (n,)
            Discs that may be part of the outline.
        """
        lat, lon = places[:, 0], places[:, 1]
        # Two discs that meet are less than two of the largest radii apart.
        reach = np.degrees(2.0 * float(radius.max())) * (1.0 + 1e-9)
        band = ((lat - lat.min()) / reach).astype(np.int64)
        order = np.lexsort((lon, band))
        start = np.searchsorted(band[order], np.arange(int(band.max()) + 2))
        nearest = np.radians(max(abs(lat.min()), abs(lat.max())))
        width = float(reach / np.cos(nearest + np.radians(reach)))
        n = len(order)
        tangent = np.tan(radius[order])
        discs = Discs(
            vectors[order], lon[order], band[order], start, tangent, np.zeros(n, np.bool_), width
        )
        free = np.zeros((n, SIDES), np.bool_)
        find_free_sides(discs, may_be_free[order], room_near(n), free)
        return cls(order, discs, free)

    def polygons(self, corners: Corners) -> NDArray[Any] | None:
        """Return the polygons of the union, or None where rounding hides the outline."""
        corner = np.full(self.free.shape, -1, np.int64)
        number_corners(self.free, corner, AROUND)
        at, k = np.nonzero(corner >= 0)
        lat, lon = corners(self.order[at], np.asarray(k, float) * (360.0 / SIDES))
        found = outline_of_union(self.discs, self.free, corner, np.stack([lon, lat], axis=1))
        if found is None:
            return None
        borders = shapely.linearrings(found[0], indices=found[1])
        is_hole = shapely.is_ccw(borders)
        return _with_holes(borders[~is_hole], borders[is_hole])


def _with_holes(outer: NDArray[Any], holes: NDArray[Any]) -> NDArray[Any]:
    """Return polygons with the holes that lie in them, each in the smallest one round it."""
    if len(outer) == 1:
        return np.array([shapely.polygons(outer[0], holes)])
    shapes = np.asarray(shapely.polygons(outer))
    # A hole may have other parts inside, so a point of its ring tells where it lies.
    points = shapely.get_point(holes, 0)
    hole, part = shapely.STRtree(shapes).query(points, predicate="within")
    by_area = np.lexsort((shapely.area(shapes[part]), hole))
    hole, first = np.unique(hole[by_area], return_index=True)
    part = part[by_area][first]
    for one in np.unique(part):
        shapes[one] = shapely.polygons(outer[one], holes[hole[part == one]])
    return shapes
