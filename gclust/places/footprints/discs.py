"""The union of discs of equal radius around many locations (*places* here).

A cluster may have half a million places, and the union of so many discs takes too long. Nearly
all of them lie deep within the others, and two tests find those that cannot touch the outline:

1.  Most lie on the rim of no disc, of nearly the same radius or a larger one, that holds no other
    place, as a grid of cells shows (:mod:`gclust.kernels.empty_discs`). Of these one for each
    cell is kept for the next test.
2.  Of the others, one whose Voronoi cell lies within its disc cannot touch the
    outline, because every point of its rim is nearer to another place. The corners of the
    cell are the centres of the circles round the Delaunay triangles, so it is enough that
    all of these circles are smaller than the disc (the alpha shape of Edelsbrunner,
    Kirkpatrick and Seidel 1983, On the shape of a set of points in the plane). The circles
    that are not smaller are the same without the places that the first test leaves out.

The union of the remaining discs thus has the right outline, but may have openings that the other
discs would cover (:mod:`gclust.places.footprints.openings`).

Discs that keep clear of the poles and the 180th meridian need no second test and no union by GEOS:
the places that the first test keeps show where they are open, and the outline is put together from
arcs of their rims (:mod:`gclust.places.footprints.disc_rims`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from gclust.kernels.empty_discs import Thinned, thin
from gclust.places.antimeridian import into_rectangle, unwrapped
from gclust.places.footprints.disc_rims import Rims
from gclust.places.footprints.openings import Covered, fill_openings
from gclust.places.geodesic import (
    Stereographic,
    conformal_sphere,
    direct,
)
from gclust.sphere import EARTH_RADIUS_KM, unit_vectors

Floats = NDArray[np.float64]

VERTICES = 96
"""Corners of a disc, which lie on its circle; sides lie up to 0.054 % of the radius inside."""

# Within this many radii of a pole the sides of a disc, straight in degrees, would leave
# the circle by more than 0.01 % of the radius; such discs get more corners.
POLAR_RADII = 8.0

LARGEST_RADIUS = 0.05
"""Radius (radians, 318 km) up to which discs of the ellipsoid are taken for circles of its
conformal sphere: to a tenth of what lies between a circle and its sides."""

# Corners of polar discs lie inside the circle by this share of the radius, so that sides
# that bulge outwards stay inside too; the middles may stray by the second number.
POLAR_INSET = 4e-4
POLAR_TOLERANCE = 3e-4

# Circles round triangles this much smaller than the disc leave room for rounding.
CIRCUMRADIUS_MARGIN = 1e-3

# Wider than this the stereographic plane stretches towards its point at infinity.
WIDEST_RADIANS = 1.7


def union_of_discs(lat: Floats, lon: Floats, radius_km: float, metric: str) -> Any:
    """Return the union of discs of equal radius around places.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        Degrees; distinct, in an order that depends on their values alone.
    radius_km : float
        Radius of every disc, in the metric.
    metric : {"haversine", "wgs84"}

    Returns
    -------
    shapely.Polygon or shapely.MultiPolygon
        In degrees, within [-180, 180]. Its outline lies within 0.1 % of the radius of the
        true one and never outside.
    """
    on_sphere, km_per_radian = conformal_sphere(lat, metric)
    vectors = unit_vectors(on_sphere, lon)
    radius = radius_km / km_per_radian
    if not _keep_clear(on_sphere, lon, float(radius.max())):
        outline, kept = outline_places(vectors, radius)
        united = shapely.union_all(discs(lat[outline], lon[outline], radius_km, metric))
        return fill_openings(united, Covered(vectors[kept], radius_km, metric))
    thinned = _thinned(vectors, radius)
    rows = np.flatnonzero(thinned.kept)
    places = np.column_stack([on_sphere, lon])[rows]
    rims = Rims.of(vectors[rows], places, radius[rows], ~thinned.enclosed[rows])

    def corners(numbers: NDArray[np.int64], azimuth: Floats) -> tuple[Floats, Floats]:
        return direct(lat[rows][numbers], lon[rows][numbers], azimuth, radius_km, metric)

    parts = rims.polygons(corners)
    if parts is None:
        few = rows[rims.order[rims.free.any(axis=1)]]
        united = shapely.union_all(discs(lat[few], lon[few], radius_km, metric))
    else:
        united = parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
        if not shapely.get_num_interior_rings(parts).any():
            return united
    return fill_openings(united, Covered(vectors[rows], radius_km, metric))


def _keep_clear(lat: Floats, lon: Floats, radius: float) -> bool:
    """Return whether discs keep clear of the 180th meridian and of the poles.

    ``lat`` and ``lon`` are those of the conformal sphere.
    """
    if not _clear_of_poles(lat, radius):
        return False
    farthest = np.radians(max(float(lat.max()), -float(lat.min())))
    width = np.degrees(radius / np.cos(farthest + radius))
    return float(lon.min()) - width > -180.0 and float(lon.max()) + width < 180.0


def _clear_of_poles(lat: Floats, radius: float) -> bool:
    """Return whether discs are not `polar_disc`s, and small enough for :class:`Rims`."""
    farthest = np.radians(max(float(lat.max()), -float(lat.min())))
    return radius <= LARGEST_RADIUS and farthest + (POLAR_RADII + 1.0) * radius < np.pi / 2.0


def at_rim(vectors: Floats, radius: Floats, may_be: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the discs that are not seen to lie within the others.

    Parameters
    ----------
    vectors : ndarray, shape (n, 3)
        Distinct unit vectors.
    radius : ndarray, shape (n,)
        Radians; varies slowly with the place.
    may_be : ndarray of bool, shape (n,)
        Discs to look at.
    """
    lat = np.degrees(np.arcsin(np.clip(vectors[:, 2], -1.0, 1.0)))
    if not _clear_of_poles(lat, float(radius.max())):
        return outline_places(vectors, radius).outline & may_be
    x, y, _ = vectors.T
    u, v = x.mean(), y.mean()
    # Seen from the middle, longitudes do not jump.
    lon = np.degrees(np.arctan2(u * y - v * x, u * x + v * y))
    rims = Rims.of(vectors, np.column_stack([lat, lon]), radius, may_be)
    found = np.zeros(len(vectors), bool)
    found[rims.order[rims.free.any(axis=1)]] = True
    return found


class Selected(NamedTuple):
    """Places that are enough for a union of discs.

    Attributes
    ----------
    outline : ndarray of bool, shape (n,)
        Discs that may touch the outline of the union.
    kept : ndarray of bool, shape (n,)
        Places that are enough to tell whether the union covers a point.
    """

    outline: NDArray[np.bool_]
    kept: NDArray[np.bool_]


def outline_places(vectors: Floats, radius: Floats) -> Selected:
    """Find the discs that may touch the outline of the union.

    Parameters
    ----------
    vectors : ndarray, shape (n, 3)
        Distinct unit vectors.
    radius : ndarray, shape (n,)
        Of the discs, radians; varies slowly with the place.
    """
    everything = np.ones(len(vectors), bool)
    plane = Stereographic.at_centre_of(vectors)
    if len(vectors) < 5 or (vectors @ plane.up).min() < np.cos(WIDEST_RADIANS):
        return Selected(everything, everything)
    xy = plane.forward(vectors)
    thinned = thinned_in_plane(xy, radius)
    candidates = np.flatnonzero(thinned.kept)
    try:
        triangles = Delaunay(xy[candidates])
    except QhullError:  # all in one line: every disc touches the outline twice
        return Selected(everything, everything)
    at_outline = np.ones(len(candidates), bool)
    corners = triangles.simplices
    at_outline[corners] = False
    at_outline[triangles.convex_hull] = True
    corners = corners[~thinned.enclosed[candidates[corners]].all(axis=1)]
    own_radius = radius[candidates][corners].min(axis=1)
    wide = circumradius(vectors[candidates][corners]) > (1.0 - CIRCUMRADIUS_MARGIN) * own_radius
    at_outline[corners[wide]] = True
    outline = np.zeros(len(vectors), bool)
    outline[candidates[at_outline]] = True
    return Selected(outline & ~thinned.enclosed, thinned.kept)


def _thinned(vectors: Floats, radius: Floats) -> Thinned:
    """Find places that are enough to tell whether the union covers a point."""
    plane = Stereographic.at_centre_of(vectors)
    if (vectors @ plane.up).min() < np.cos(WIDEST_RADIANS):
        return Thinned(np.ones(len(vectors), bool), np.zeros(len(vectors), bool))
    return thinned_in_plane(plane.forward(vectors), radius)


def thinned_in_plane(xy: Floats, radius: Floats) -> Thinned:
    """Find places of a stereographic plane that tell whether discs cover a point."""
    # The plane stretches by 1 (at its centre) and more, so that circles are never too small.
    return thin(xy, (1.0 - 2.0 * CIRCUMRADIUS_MARGIN) * float(radius.min()))


def circumradius(corners: Floats) -> Floats:
    """Return the radii (radians) of the circles through the corners of n triangles.

    ``corners`` are unit vectors, shape (n, 3, 3).
    """
    x, y, z = (corners[:, :, axis] for axis in range(3))
    ab, ac, bc = (
        (x[:, i] - x[:, j], y[:, i] - y[:, j], z[:, i] - z[:, j])
        for i, j in ((1, 0), (2, 0), (2, 1))
    )
    normal = (
        ab[1] * ac[2] - ab[2] * ac[1],
        ab[2] * ac[0] - ab[0] * ac[2],
        ab[0] * ac[1] - ab[1] * ac[0],
    )
    twice_area, *sides = (
        np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2) for vector in (normal, ab, ac, bc)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        chord = sides[0] * sides[1] * sides[2] / (2.0 * twice_area)
    return np.arcsin(np.where(chord < 1.0, chord, 1.0))


def discs(lat: Floats, lon: Floats, radius_km: float, metric: str) -> list[Any]:
    """Return the polygons of discs, cut at the 180th meridian; one or more for each disc."""
    polar = np.radians(90.0 - np.abs(lat)) * EARTH_RADIUS_KM < POLAR_RADII * radius_km
    azimuth = np.arange(VERTICES) * (360.0 / VERTICES)
    lat2, lon2 = direct(lat[~polar, None], lon[~polar, None], azimuth, radius_km, metric)
    plain = np.asarray(shapely.polygons(np.stack([lon2, lat2], axis=-1)))
    across = (lon2 < -180.0).any(axis=1) | (lon2 > 180.0).any(axis=1)
    out = list(plain[~across])
    for disc in plain[across]:
        out.extend(into_rectangle(disc))
    for place in np.flatnonzero(polar):
        out.extend(into_rectangle(polar_disc(lat[place], lon[place], radius_km, metric)))
    return out


def polar_disc(lat: float, lon: float, radius_km: float, metric: str) -> Any:
    """Return the polygon of a disc near a pole, with enough vertices to follow the circle."""
    drawn_km = (1.0 - POLAR_INSET) * radius_km
    # Half a step aside no corner is due north or south, where the circle may meet the pole.
    azimuth = (np.arange(VERTICES) + 0.5) * (360.0 / VERTICES)
    for _ in range(40):
        lat2, lon2 = direct(lat, lon, azimuth, drawn_km, metric)
        turn = np.diff(lon2, append=lon2[0])
        turn -= 360.0 * np.round(turn / 360.0)
        middle_lat = (lat2 + np.roll(lat2, -1)) / 2.0
        middle_km = distance_km(lat, lon, middle_lat, lon2 + turn / 2.0, metric)
        # Where the circle passes over the pole itself, a side too short to stray is left.
        side_km = distance_km(lat2, lon2, np.roll(lat2, -1), np.roll(lon2, -1), metric)
        stray = np.abs(middle_km - drawn_km) > POLAR_TOLERANCE * radius_km
        stray &= side_km > POLAR_TOLERANCE * radius_km
        if not stray.any():
            break
        step = np.diff(azimuth, append=azimuth[0] + 360.0)
        azimuth = np.sort(np.concatenate([azimuth, azimuth[stray] + step[stray] / 2.0]))
    return shapely.make_valid(unwrapped(lon2, lat2))


def distance_km(lat: Any, lon: Any, lat2: Floats, lon2: Floats, metric: str) -> Floats:
    """Return the distance (km) between near places, measured on the conformal sphere."""
    chi, km_per_radian = conformal_sphere(lat, metric)
    chi2, km_per_radian2 = conformal_sphere(lat2, metric)
    chord = np.linalg.norm(unit_vectors(chi2, lon2) - unit_vectors(chi, lon), axis=-1)
    return np.arcsin(np.minimum(chord / 2.0, 1.0)) * (km_per_radian + km_per_radian2)
