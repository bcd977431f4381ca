"""Convex and concave hulls on the Earth, widened by a radius."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.places.antimeridian import from_rings
from gclust.places.discs import VERTICES
from gclust.places.geodesic import (
    Stereographic,
    conformal_sphere,
    latitude_of_conformal,
)
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors

Floats = NDArray[np.float64]

# Great circles and straight lines of the plane or of degrees part by less than
# 20 m over this length up to 80 degrees of latitude; nearer the poles sides are cut finer.
LONGEST_SIDE_KM = 10.0
POLAR_TURN_DEGREES = 0.5

# The plane is one of a hemisphere.
WIDEST_DEGREES = 80.0


def widened_hull(
    lat: Floats, lon: Floats, radius_km: float, ratio: float | None, metric: str
) -> Any:
    """Draw a hull round places and widen it by a radius.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        Degrees.
    radius_km : float
        Everything within this distance of the hull belongs to the result: the hull of one
        place is a disc, that of two or of places in one line a strip with round ends.
    ratio : float or None
        Of :func:`shapely.concave_hull`, from 0 (the most indented) to 1 (convex);
        None for the convex hull.
    metric : {"haversine", "wgs84"}

    Returns
    -------
    shapely.Polygon or shapely.MultiPolygon
        In degrees, within [-180, 180].

    Raises
    ------
    StudyError
        If the places spread over more than a hemisphere, on which no hull is defined.
    """
    on_sphere, km_per_radian = conformal_sphere(lat, metric)
    vectors = unit_vectors(on_sphere, lon)
    plane = Stereographic.at_centre_of(vectors)
    if (vectors @ plane.up).min() < np.cos(np.radians(WIDEST_DEGREES)):
        raise StudyError(
            f"a cluster spreads over more than {WIDEST_DEGREES:.0f} degrees from its centre, "
            "where hulls have no meaning; use the footprint method 'discs'"
        )
    xy = plane.forward(vectors)
    points = shapely.multipoints(xy)
    hull: Any = shapely.convex_hull(points)
    if ratio is not None:
        hull = shapely.concave_hull(points, ratio=ratio)
    # The stretch of the plane and the metric's scale, both where the cluster lies on average.
    stretch = (1.0 + (xy**2).sum(axis=1) / 4.0).mean()
    wide = hull.buffer(stretch * radius_km / km_per_radian.mean(), quad_segs=VERTICES // 4)
    rings = [wide.exterior, *wide.interiors]
    return from_rings([_to_degrees(ring, plane, metric) for ring in rings])


def _to_degrees(ring: Any, plane: Stereographic, metric: str) -> tuple[Floats, Floats]:
    """Turn a ring of the plane into longitudes and latitudes, with vertices enough."""
    ring = shapely.segmentize(ring, LONGEST_SIDE_KM / EARTH_RADIUS_KM)
    xy = shapely.get_coordinates(ring)[:-1]
    for _ in range(40):
        x, y, z = plane.inverse(xy).T
        lon, chi = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
        after = np.roll(xy, -1, axis=0)
        turn = np.diff(lon, append=lon[0])
        turn -= 360.0 * np.round(turn / 360.0)
        long = np.hypot(*(after - xy).T) > 1e-9  # millimetres, where a side meets the pole
        coarse = long & (np.abs(turn) > POLAR_TURN_DEGREES)
        if not coarse.any():
            break
        at = np.flatnonzero(coarse)
        xy = np.insert(xy, at + 1, (xy[at] + after[at]) / 2.0, axis=0)
    return lon, latitude_of_conformal(chi, metric)
