"""Distances and points on the sphere, used to lay out simulated worlds."""

from __future__ import annotations

import numpy as np

from gclust.sphere import EARTH_RADIUS_KM, arc_km, unit_vectors

KM_PER_DEGREE = EARTH_RADIUS_KM * np.pi / 180.0


def distances_km(
    lat: np.ndarray, lon: np.ndarray, to_lat: np.ndarray, to_lon: np.ndarray
) -> np.ndarray:
    """Return great-circle distances in km from n points to m points, shape (n, m)."""
    a, b = unit_vectors(lat, lon), unit_vectors(to_lat, to_lon)
    chord = np.sqrt(np.maximum(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2), 0.0))
    return arc_km(chord)


def between(lat: float, lon: float, to_lat: float, to_lon: float, km: float) -> tuple[float, float]:
    """Return the point ``km`` away from the first point, on the great circle to the second."""
    a, b = unit_vectors(np.array([lat, to_lat]), np.array([lon, to_lon]))
    across = b - a * (a @ b)
    angle = km / EARTH_RADIUS_KM
    point = a * np.cos(angle) + across / np.linalg.norm(across) * np.sin(angle)
    return (
        float(np.degrees(np.arcsin(point[2]))),
        float(np.degrees(np.arctan2(point[1], point[0]))),
    )


def offset(
    lat: np.ndarray, lon: np.ndarray, km: np.ndarray, bearing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the points at given bearings and short distances (a few km) from given points."""
    new_lat = lat + km * np.cos(bearing) / KM_PER_DEGREE
    new_lon = lon + km * np.sin(bearing) / (KM_PER_DEGREE * np.cos(np.radians(lat)))
    return new_lat, (new_lon + 180.0) % 360.0 - 180.0
