"""Slow, simple reference implementations and assertions for tests of gclust and other code.

Every function here takes time and memory of the order of n squared.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gclust.units import UNIT

EARTH_RADIUS_KM = 6371.0088
TOLERANCE_KM = 1e-9
"""Two distances that differ by no more than a micrometre count as equal."""


def great_circle_km(
    lat_1: ArrayLike, lon_1: ArrayLike, lat_2: ArrayLike, lon_2: ArrayLike
) -> NDArray[np.float64]:
    """Return great-circle distances in km on a sphere of radius 6371.0088 km.

    The arctangent form keeps its precision at all distances, antipodal ones included
    (T. Vincenty, Survey Review 23 (176), 1975, with flattening 0).

    Parameters
    ----------
    lat_1, lon_1, lat_2, lon_2 : array-like of float
        Degrees; broadcast against each other.

    Examples
    --------
    >>> float(great_circle_km(0, 179.5, 0, -179.5).round(6))
    111.19508
    """
    phi_1, phi_2 = np.radians(lat_1), np.radians(lat_2)
    lam = np.radians(np.asarray(lon_2, dtype=float) - np.asarray(lon_1, dtype=float))
    along = np.cos(phi_2) * np.sin(lam)
    across = np.cos(phi_1) * np.sin(phi_2) - np.sin(phi_1) * np.cos(phi_2) * np.cos(lam)
    cosine = np.sin(phi_1) * np.sin(phi_2) + np.cos(phi_1) * np.cos(phi_2) * np.cos(lam)
    return EARTH_RADIUS_KM * np.arctan2(np.hypot(along, across), cosine)


def geodesic_km(
    lat_1: ArrayLike, lon_1: ArrayLike, lat_2: ArrayLike, lon_2: ArrayLike
) -> NDArray[np.float64]:
    """Return geodesic distances in km on the WGS84 ellipsoid, from ``pyproj.Geod``.

    Parameters
    ----------
    lat_1, lon_1, lat_2, lon_2 : array-like of float
        Degrees; broadcast against each other.

    Examples
    --------
    >>> from gclust.testing import geodesic_km
    >>> float(geodesic_km(0, 0, 0, 1).round(3))
    111.319
    """
    from pyproj import Geod

    lon_1, lat_1, lon_2, lat_2 = (
        np.array(a, dtype=float) for a in np.broadcast_arrays(lon_1, lat_1, lon_2, lat_2)
    )
    return np.asarray(Geod(ellps="WGS84").inv(lon_1, lat_1, lon_2, lat_2)[2]) / 1000


def distances_km(lat: ArrayLike, lon: ArrayLike, metric: str = "haversine") -> NDArray[np.float64]:
    """Return the distances in km between all pairs of points.

    Parameters
    ----------
    lat, lon : array-like of float, shape (n,)
        Degrees.
    metric : {"haversine", "wgs84"}
        Great circles or geodesics.

    Returns
    -------
    ndarray of float64, shape (n, n)

    Examples
    --------
    >>> from gclust.testing import distances_km
    >>> distances_km([0, 0], [0, 1]).round(3)
    array([[  0.   , 111.195],
           [111.195,   0.   ]])
    """
    way = {"haversine": great_circle_km, "wgs84": geodesic_km}[metric]
    lat, lon = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    return way(lat[:, None], lon[:, None], lat[None, :], lon[None, :])


def dbscan_oracle(
    lat: ArrayLike,
    lon: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    eps_km: float,
    min_samples: float,
    border: str = "nearest",
    metric: str = "haversine",
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return DBSCAN labels and core flags, computed by definition from all distances.

    Parameters
    ----------
    lat, lon : array-like of float, shape (n,)
        Degrees.
    weight : array-like of float, shape (n,), optional
        1 by default. Points of weight 0 are never core; they take a label as border points do.
    eps_km, min_samples, border, metric
        As in :class:`gclust.DBSCAN`.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise, numbered by first core point.
    core : ndarray of bool, shape (n,)

    Examples
    --------
    >>> from gclust.testing import dbscan_oracle
    >>> labels, core = dbscan_oracle([0, 0, 0], [0, 0.01, 5], eps_km=2, min_samples=2)
    >>> labels
    array([ 0,  0, -1])
    >>> core
    array([ True,  True, False])
    """
    lat, lon = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    n = len(lat)
    weights = np.ones(n) if weight is None else np.asarray(weight, dtype=float)
    units = np.array([round(Fraction(w) * UNIT) for w in weights.tolist()], dtype=object)
    distance = distances_km(lat, lon, metric)
    within = distance <= eps_km + TOLERANCE_KM
    least = round(Fraction(min_samples) * UNIT)
    core = np.array([units[row].sum() >= least for row in within], dtype=bool)
    core &= units > 0  # weight 0 is no copy

    labels = np.full(n, -1, dtype=np.int64)
    n_clusters = 0
    for seed in np.flatnonzero(core):
        if labels[seed] != -1:
            continue
        labels[seed] = n_clusters
        todo = [seed]
        while todo:
            new = np.flatnonzero(within[todo.pop()] & core & (labels == -1))
            labels[new] = n_clusters
            todo.extend(new)
        n_clusters += 1

    east = wrapped(lat, lon)
    place = np.lexsort((east, lat)).argsort()
    for point in np.flatnonzero(~core & (within & core).any(axis=1)):
        cores = np.flatnonzero(within[point] & core)
        if border == "first":
            labels[point] = labels[cores].min()
        elif border == "nearest":
            near = cores[distance[point, cores] <= distance[point, cores].min() + TOLERANCE_KM]
            labels[point] = labels[near[place[near].argmin()]]
        elif units[point] == 0:  # only of a core point at the very place
            there = cores[(lat[cores] == lat[point]) & (east[cores] == east[point])]
            labels[point] = labels[there[0]] if len(there) else -1
    return labels, core


def wrapped(lat: ArrayLike, lon: ArrayLike) -> NDArray[np.float64]:
    """Return longitudes shifted into [-180, 180) degrees, and 0 at the poles.

    Examples
    --------
    >>> from gclust.testing import wrapped
    >>> wrapped([0.0, 90.0], [190.0, 50.0])
    array([-170.,    0.])
    """
    lat, lon = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
    return np.where(np.abs(lat) == 90, 0.0, np.where(lon >= 180, lon - 360, lon)) + 0.0


def assert_same_partition(labels: Any, expected: Any) -> None:
    """Assert that two labellings are the same up to the numbering of clusters.

    Noise is -1 in both.

    Parameters
    ----------
    labels, expected : array-like of int, shape (n,)

    Raises
    ------
    AssertionError
        Naming the first row at which they differ.

    Examples
    --------
    >>> assert_same_partition([2, 2, -1], [0, 0, -1])
    """
    labels, expected = np.asarray(labels), np.asarray(expected)
    if labels.shape != expected.shape:
        raise AssertionError(f"labels have the shape {labels.shape}, expected {expected.shape}")
    there: dict[int, int] = {-1: -1}
    back: dict[int, int] = {-1: -1}
    for row, (a, b) in enumerate(zip(labels.tolist(), expected.tolist(), strict=True)):
        if there.setdefault(a, b) != b or back.setdefault(b, a) != a:
            raise AssertionError(
                f"row {row}: label {a} corresponds to the expected label {there.get(a)}, but"
                f" label {b} is expected here, which corresponds to label {back.get(b)}"
            )
