"""Openings in a shape that was united from some of its parts: which of them the others fill.

Each opening lies wholly inside or wholly outside the true shape, so that a test of one of its
points decides whether it is filled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gclust.places.antimeridian import polygons_of
from gclust.places.geodesic import conformal_sphere
from gclust.sphere import unit_vectors

Floats = NDArray[np.float64]

_WORLD = shapely.box(-180.0, -90.0, 180.0, 90.0)


Test = Callable[[Floats, Floats], NDArray[np.bool_]]
"""Whether points, given by latitudes and longitudes, belong to a shape."""


@dataclass(frozen=True)
class Covered:
    """A test whether points lie within a radius of places.

    Attributes
    ----------
    vectors : ndarray, shape (n, 3)
        Unit vectors of the places on the conformal sphere of the metric.
    radius_km : float
    metric : {"haversine", "wgs84"}
    """

    vectors: Floats
    radius_km: float
    metric: str

    def __call__(self, lat: Floats, lon: Floats) -> NDArray[np.bool_]:
        """Return whether points, in degrees, are within the radius of a place."""
        on_sphere, km_per_radian = conformal_sphere(lat, self.metric)
        if len(lat) == 0:
            return np.zeros(0, np.bool_)
        chord, _ = cKDTree(self.vectors).query(unit_vectors(on_sphere, lon))
        km = 2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0)) * km_per_radian
        return np.asarray(km <= self.radius_km)


def fill_openings(united: Any, is_covered: Test) -> Any:
    """Fill the openings of a shape (in degrees) for which ``is_covered`` returns True.

    Parameters
    ----------
    united : shapely geometry
    is_covered : callable
        Whether points, given by latitudes and longitudes, belong to the shape; each opening
        belongs to it wholly or not at all.
    """
    parts = np.array(polygons_of(united))
    if len(parts) == 1 and _is_clear(united) and shapely.get_num_interior_rings(parts[0]) == 0:
        return parts[0]
    outer = shapely.polygons(shapely.get_exterior_ring(parts))
    if _has_one_outside(united, outer):
        return _without_holes(parts, outer, is_covered)
    openings = np.array(polygons_of(_WORLD.difference(united)))
    filled = _covered_inside(openings, is_covered)
    return shapely.union_all([united, *openings[filled]]) if filled.any() else united


def _covered_inside(openings: NDArray[Any], is_covered: Test) -> NDArray[np.bool_]:
    """Return whether a point within each opening belongs to the shape."""
    points = shapely.point_on_surface(openings)
    return is_covered(shapely.get_y(points), shapely.get_x(points))


def _has_one_outside(united: Any, outer: NDArray[Any]) -> bool:
    """Return whether all openings but one are holes of polygons, with nothing else within them.

    So it is where the shape keeps clear of the 180th meridian and the poles, and its polygons
    keep clear of each other. ``outer`` are the polygons without their holes.
    """
    if not _is_clear(united):
        return False
    return len(shapely.STRtree(outer).query(outer, predicate="intersects")[0]) == len(outer)


def _is_clear(united: Any) -> bool:
    """Return whether a shape keeps clear of the 180th meridian and the poles."""
    west, south, east, north = united.bounds
    return bool(west > -180.0 and south > -90.0 and east < 180.0 and north < 90.0)


def _without_holes(
    parts: NDArray[Any],
    outer: NDArray[Any],
    is_covered: Test,
) -> Any:
    """Return polygons without the holes that are covered."""
    borders, part_of_border = shapely.get_rings(parts, return_index=True)
    is_hole = np.diff(part_of_border, prepend=-1) == 0
    holes, part_of_hole = borders[is_hole], part_of_border[is_hole]
    if len(holes) == 0:
        return _as_one(parts)
    filled = _covered_inside(shapely.polygons(holes), is_covered)
    shapes = outer.copy()
    for part in np.unique(part_of_hole[~filled]):
        left = holes[~filled & (part_of_hole == part)]
        shapes[part] = shapely.polygons(shapely.get_exterior_ring(outer[part]), left)
    return _as_one(shapes)


def _as_one(parts: NDArray[Any]) -> Any:
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
