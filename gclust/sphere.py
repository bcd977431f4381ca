"""Geometry of a sphere with the Earth's mean radius: vectors, chords and arcs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG; Moritz 2000, Geodetic Reference System 1980)."""


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """Return the unit vectors of points in degrees, along a new last axis of length 3."""
    phi, lam = np.radians(np.asarray(lat, float)), np.radians(np.asarray(lon, float))
    across = np.cos(phi)
    return np.stack([across * np.cos(lam), across * np.sin(lam), np.sin(phi)], axis=-1)


def chord_of(km: ArrayLike) -> Any:
    """Convert great-circle distances (km, up to half a circle) to chords of the unit sphere."""
    return 2.0 * np.sin(0.5 * np.minimum(np.asarray(km, float) / EARTH_RADIUS_KM, np.pi))


def arc_km(chord: ArrayLike) -> Any:
    """Convert chords of the unit sphere to great-circle distances in km."""
    return 2.0 * EARTH_RADIUS_KM * np.arcsin(np.minimum(np.asarray(chord, float) / 2.0, 1.0))
