"""Degrees as the peers take them: vectors of length 1, and eps as a chord."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_KM = 6371.0088
TOLERANCE_KM = 1e-9
"""Added to eps by gclust, and so by the peers too: a micrometre."""


def unit_vectors(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return degrees, latitude then longitude, as vectors of shape (n, 3)."""
    vectors = np.empty((len(points), 3))
    lat, lon = np.radians(points[:, 0]), np.radians(points[:, 1])
    np.sin(lat, out=vectors[:, 2])
    np.cos(lat, out=lat)
    np.multiply(lat, np.cos(lon), out=vectors[:, 0])
    np.multiply(lat, np.sin(lon), out=vectors[:, 1])
    return vectors


def angle(eps_km: float) -> float:
    """Return eps and a micrometre more as an angle in radians."""
    return (eps_km + TOLERANCE_KM) / EARTH_RADIUS_KM


def chord(eps_km: float) -> float:
    """Return eps and a micrometre more as a chord of the unit sphere."""
    return 2.0 * math.sin(0.5 * angle(eps_km))
