"""Weighted centres of clusters on the sphere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.sphere import unit_vectors

Floats = NDArray[np.float64]

LEAST_LENGTH = 1e-9
"""Length of a mean vector, as a part of the radius, below which it has no direction."""


def weighted_centres(
    lat: Floats, lon: Floats, weight: NDArray[np.int64], label: NDArray[np.int64], n_labels: int
) -> tuple[Floats, Floats]:
    """Return the weighted centre of the locations of each label.

    The centre is the direction of the weighted mean of the unit vectors, so that clusters on both
    sides of the 180th meridian or round a pole have theirs in the middle too.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        Degrees, in an order that does not depend on threads.
    weight : ndarray of int64, shape (n,)
    label : ndarray of int64, shape (n,)
        From 0; others are left out.
    n_labels : int

    Returns
    -------
    lat, lon : ndarray, shape (n_labels,)
        Degrees, longitudes in [-180, 180); missing for a label without weight, or whose weight is
        spread so evenly over the Earth that it has no centre.

    Examples
    --------
    >>> lat, lon = weighted_centres(
    ...     np.zeros(2), np.array([179.0, -179.0]), np.array([1, 1]), np.array([0, 0]), 1
    ... )
    >>> lat.tolist(), lon.tolist()
    ([0.0], [-180.0])
    """
    inside = (label >= 0) & (weight > 0)
    label, heavy = label[inside], weight[inside].astype(np.float64)
    vectors = unit_vectors(lat[inside], lon[inside])
    x, y, z = (np.bincount(label, heavy * axis, minlength=n_labels) for axis in vectors.T)
    across = np.hypot(x, y)
    length = np.hypot(across, z)
    known = length > LEAST_LENGTH * np.bincount(label, heavy, minlength=n_labels)
    middle_lat = np.degrees(np.arctan2(z, across)) + 0.0
    middle_lon = np.degrees(np.arctan2(y, x)) + 0.0
    # Round up to -180 what is 180 but for rounding.
    middle_lon = np.where(middle_lon >= 180.0 - 1e-12, -180.0, middle_lon)
    return np.where(known, middle_lat, np.nan), np.where(known, middle_lon, np.nan)
