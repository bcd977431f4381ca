"""Convex hulls, concave hulls and alpha shapes on the Earth, widened by a radius.

A cluster may have half a million locations, most of them deep within the others. Those that
:mod:`gclust.kernels.empty_discs` finds for half of `edge_km` can be left out of a concave hull. Its
method removes only triangles that have a side as long as `edge_km`. The circle round such a
triangle has a radius of at least half of that, and no location inside. So all of its corners are
kept, and no other such triangle appears: the triangles that the method may remove are the same,
and with them the sides of the hull, which are sides of removed triangles or of the convex hull.
The corners of the convex hull are kept as well, for a half-plane is the limit of larger discs.
Whether the rest stays connected depends on the removed triangles alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.kernels.empty_discs import thin
from gclust.places.antimeridian import from_rings, polygons_of
from gclust.places.footprints.alpha_shapes import alpha_complex, at_outline
from gclust.places.footprints.discs import VERTICES, union_of_discs
from gclust.places.footprints.openings import Covered, fill_openings
from gclust.places.geodesic import (
    Stereographic,
    conformal_sphere,
    latitude_of_conformal,
)
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors

Floats = NDArray[np.float64]

# Great circles and straight lines of the plane or of degrees differ by less than
# 20 m over this length up to 80 degrees of latitude; nearer the poles sides are cut finer.
LONGEST_SIDE_KM = 10.0
POLAR_TURN_DEGREES = 0.5

# The plane can represent a hemisphere only.
WIDEST_DEGREES = 80.0

THINNING_KM = 10.0
"""Radius of the discs by which locations are found that are not corners of a convex hull."""

EDGE_MARGIN = 1e-3
"""Share of a side by which half of it is taken to be shorter, against rounding."""

SQUARE_RADII = 2.0
"""Side of the squares in which large alpha shapes are widened, in radii and alphas."""


@dataclass(frozen=True)
class ProjectedLocations:
    """The locations of one cluster, projected to a conformal plane at its centre.

    Attributes
    ----------
    lat, lon : ndarray, shape (n,)
        Degrees; distinct.
    metric : {"haversine", "wgs84"}
    vectors : ndarray, shape (n, 3)
        On the metric's conformal sphere.
    km_per_radian : ndarray, shape (n,)
        Of that sphere, at each place.
    plane : Stereographic
    xy : ndarray, shape (n, 2)
        In the plane.
    plane_per_km : float
        Units of the plane per kilometre, on average over the locations.
    """

    lat: Floats
    lon: Floats
    metric: str
    vectors: Floats
    km_per_radian: Floats
    plane: Stereographic
    xy: Floats
    plane_per_km: float

    @classmethod
    def of(cls, lat: Floats, lon: Floats, metric: str) -> ProjectedLocations:
        """Project locations to a plane at their centre.

        Raises
        ------
        StudyError
            If one is more than 80 degrees from the centre, where no hull is defined.
        """
        on_sphere, km_per_radian = conformal_sphere(lat, metric)
        vectors = unit_vectors(on_sphere, lon)
        plane = Stereographic.at_centre_of(vectors)
        if (vectors @ plane.up).min() < np.cos(np.radians(WIDEST_DEGREES)):
            raise StudyError(
                f"a cluster extends more than {WIDEST_DEGREES:.0f} degrees from its centre, where "
                "hulls are not defined; use the footprint method 'discs'"
            )
        xy = plane.forward(vectors)
        scale = float((1.0 + (xy[:, 0] ** 2 + xy[:, 1] ** 2) / 4.0).mean())
        per_km = scale / float(km_per_radian.mean())
        return cls(lat, lon, metric, vectors, km_per_radian, plane, xy, per_km)

    def widened(self, shapes: Iterable[Any], radius_km: float) -> Any:
        """Widen shapes in the plane, unite them, and convert them to degrees."""
        radius, corners = radius_km * self.plane_per_km, VERTICES // 4
        wide = shapely.union_all([shape.buffer(radius, quad_segs=corners) for shape in shapes])
        return shapely.union_all(
            [
                from_rings(
                    [
                        _to_degrees(ring, self.plane, self.metric)
                        for ring in (part.exterior, *part.interiors)
                    ]
                )
                for part in polygons_of(wide)
            ]
        )


def convex(locations: ProjectedLocations, radius_km: float) -> Any:
    """Return all points within a radius of the convex hull, as a polygon in degrees.

    That is a disc for one location, and a strip with round ends for two or for locations in
    one line.
    """
    kept = thin(locations.xy, THINNING_KM * locations.plane_per_km).kept
    hull = shapely.convex_hull(shapely.multipoints(locations.xy[kept]))
    return locations.widened([hull], radius_km)


def concave(locations: ProjectedLocations, radius_km: float, ratio: float) -> Any:
    """Return all points within a radius of :func:`shapely.concave_hull`, without holes."""
    hull = shapely.concave_hull(shapely.multipoints(locations.xy), ratio=ratio)
    return locations.widened([hull], radius_km)


def concave_by_edge(locations: ProjectedLocations, radius_km: float, edge_km: float) -> Any:
    """Return all points within a radius of the hull, indented at sides longer than `edge_km`.

    Outer triangles of the Delaunay triangulation are removed, the longest side first, as long
    as a side is longer than `edge_km` and the rest stays connected (the characteristic shape of
    Duckham, Kulik, Worboys and Galton 2008, Efficient generation of simple polygons for
    characterizing the shape of a set of points in the plane).
    """
    edge = edge_km * locations.plane_per_km
    xy = locations.xy[thin(locations.xy, (0.5 - EDGE_MARGIN) * edge).kept]
    points = shapely.multipoints(xy)
    hull = shapely.concave_hull(points, ratio=_ratio_of_edge(points, edge))
    return locations.widened([hull], radius_km)


def alpha(locations: ProjectedLocations, radius_km: float, alpha_km: float) -> Any:
    """Return all points within a radius of the alpha shape, which may have holes.

    See :func:`gclust.places.footprints.alpha_shapes.alpha_complex`.
    """
    reach = alpha_km / locations.km_per_radian
    rows, near, kept = at_outline(
        locations.xy, locations.vectors, reach, radius_km / locations.km_per_radian
    )
    found = alpha_complex(locations.xy[rows], locations.vectors[rows], reach[rows]).touching(near)
    side = SQUARE_RADII * (radius_km + alpha_km) * locations.plane_per_km
    parts = [locations.widened(found.shapes(locations.xy[rows], side), radius_km)]
    alone = rows[found.alone]
    if alone.size:
        lat, lon = locations.lat[alone], locations.lon[alone]
        parts.append(union_of_discs(lat, lon, radius_km, locations.metric))
    united = shapely.union_all(parts)
    if len(rows) == len(locations.lat) and near.all():
        return united
    # A point in no disc is covered only by a triangle or line that was drawn.
    return fill_openings(united, Covered(locations.vectors[kept], radius_km, locations.metric))


def _ratio_of_edge(points: Any, edge: float) -> float:
    """Return the ratio with which GEOS keeps sides up to a given length.

    GEOS takes the length itself in C++ only; in C, and so in Shapely, the ratio is that between
    the shortest (0) and the longest (1) side of the Delaunay triangles.
    """
    triangles = shapely.get_coordinates(shapely.delaunay_triangles(points))
    if len(triangles) == 0:  # up to two locations, or all in one line
        return 1.0
    sides = np.hypot(*np.diff(triangles.reshape(-1, 4, 2), axis=1).reshape(-1, 2).T)
    shortest, longest = float(sides.min()), float(sides.max())
    if edge >= longest or longest == shortest:
        return 1.0
    return max((edge - shortest) / (longest - shortest), 0.0)


def _to_degrees(ring: Any, plane: Stereographic, metric: str) -> tuple[Floats, Floats]:
    """Convert a ring of the plane to longitudes and latitudes, with enough vertices."""
    ring = shapely.segmentize(ring, LONGEST_SIDE_KM / EARTH_RADIUS_KM)
    xy = shapely.get_coordinates(ring)[:-1]
    for _ in range(40):
        x, y, z = plane.inverse(xy).T
        lon, chi = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
        after = np.roll(xy, -1, axis=0)
        turn = np.roll(lon, -1) - lon
        turn -= 360.0 * np.round(turn / 360.0)
        long = np.hypot(*(after - xy).T) > 1e-9  # millimetres, where a side meets the pole
        coarse = long & (np.abs(turn) > POLAR_TURN_DEGREES)
        if not coarse.any():
            break
        at = np.flatnonzero(coarse)
        xy = np.insert(xy, at + 1, (xy[at] + after[at]) / 2.0, axis=0)
    return lon, latitude_of_conformal(chi, metric)
