"""Vectors of points on the Earth, and distances between points.

Lengths are in mean radii of the Earth (6371.0088 km). A surface of revolution is
given by ``axis`` and ``e2``, its semi-major axis and squared eccentricity: 1 and 0
for the sphere. Distances are compared by a *key* (reduced distance), a number that
grows with the distance and keeps its precision for near and for antipodal points. See
"Why it is exact" in docs/algorithm.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gclust.kernels._jit import helper, kernel
from gclust.sphere import EARTH_RADIUS_KM

TOLERANCE_KM = 1e-9
"""Two distances that differ by no more than this count as equal: one micrometre,
far above the rounding of the vectors (about 1e-12 km)."""

CHORD_SLACK = 2e-14
"""Margin added to bounds on a chord, so that rounding cannot make them wrong: twenty times
the rounding of a vector (1e-15), an eighth of the tolerance."""

RADIAN = math.pi / 180.0

SINES = np.sin(np.radians(np.arange(-180.0, 181.0)))
COSINES = np.cos(np.radians(np.arange(-180.0, 181.0)))


class Reach(NamedTuple):
    """A radius in two forms: as a reduced distance, and as bounds on the squared chord."""

    limit: float  # Key of the radius: a pair is within it if its key is at most this
    inner2: float  # Squared chord below which a pair is certainly within the radius
    outer2: float  # Squared chord above which a pair is certainly not within the radius


def reach_of(eps_km: float) -> Reach:
    """Return the `Reach` of a radius, given in kilometres and enlarged by the tolerance."""
    angle = min((eps_km + TOLERANCE_KM) / EARTH_RADIUS_KM, math.pi)
    chord = 2.0 * math.sin(0.5 * angle)
    inner = max(chord - CHORD_SLACK, 0.0)
    return Reach(float(key_of_angle(angle)), inner**2, (chord + CHORD_SLACK) ** 2)


@helper
def sine_cosine(degrees):
    """Return sine and cosine of an angle from -180 to 180 degrees.

    Computed from those of the nearest whole degree and a series for the remainder, with an
    error of 3e-16, in a fifth of the time of the library functions, which take any angle.
    """
    whole = np.int64(math.floor(degrees + 0.5))
    left = (degrees - whole) * RADIAN
    square = left * left
    sine = left * (1.0 - square * (1.0 / 6.0 - square * (1.0 / 120.0)))
    less = square * (0.5 - square * (1.0 / 24.0 - square * (1.0 / 720.0)))  # 1 - cosine
    near_sine, near_cosine = SINES[whole + 180], COSINES[whole + 180]
    return (
        near_sine + (near_cosine * sine - near_sine * less),
        near_cosine - (near_sine * sine + near_cosine * less),
    )


@helper
def meridian_point(lat, axis, e2):
    """Return distance from the axis and height above the equator of a point on the surface.

    The latitude is geodetic, in degrees.
    """
    sine, cosine = sine_cosine(lat)
    normal = axis / math.sqrt(1.0 - e2 * sine * sine)
    return normal * cosine, normal * (1.0 - e2) * sine


@helper
def vector_at(lat, lon, axis, e2):
    """Return the vector of a point from its latitude and longitude."""
    rho, height = meridian_point(lat, axis, e2)
    sine, cosine = sine_cosine(lon)
    return rho * cosine, rho * sine, height


@kernel
def fill_vectors(lat, lon, axis, e2, vectors, first, last):
    """Fill the vectors of the points ``first .. last``.

    ``lat`` and ``lon`` (n,) float64 in degrees; ``axis`` and ``e2`` of the surface; ``vectors``
    (n, 3) float64 is filled.
    """
    for i in range(first, last):
        vectors[i, 0], vectors[i, 1], vectors[i, 2] = vector_at(lat[i], lon[i], axis, e2)


@helper
def separation(ax, ay, az, bx, by, bz):
    """Return the reduced distance (key) between two points.

    It is the squared chord up to a quarter of the circumference. For longer distances chords
    lose precision, and the chord to the antipode is used.
    """
    dx = ax - bx
    dy = ay - by
    dz = az - bz
    squared = dx * dx + dy * dy + dz * dz
    if squared <= 2.0:
        return squared
    sx = ax + bx
    sy = ay + by
    sz = az + bz
    return 1.5 + 1.0 / (sx * sx + sy * sy + sz * sz)


@kernel
def key_of_angle(angle):
    """Return the reduced distance (key) of a central angle in radians; infinite from pi on."""
    if angle >= math.pi:
        return math.inf
    if angle <= 0.5 * math.pi:
        return (2.0 * math.sin(0.5 * angle)) ** 2
    return 1.5 + 1.0 / (2.0 * math.cos(0.5 * angle)) ** 2


@helper
def widened(key, angle):
    """Return the reduced distance (key) that is longer than ``key`` by an angle in radians."""
    if key <= 2.0:
        return key_of_angle(2.0 * math.asin(0.5 * math.sqrt(key)) + angle)
    return key_of_angle(2.0 * math.acos(0.5 / math.sqrt(key - 1.5)) + angle)


@helper
def outer_chord2(key):
    """Return a squared chord beyond which all reduced distances are above ``key``."""
    squared = key if key <= 2.0 else 4.0 - 1.0 / (key - 1.5)
    return (math.sqrt(squared) + CHORD_SLACK) ** 2
