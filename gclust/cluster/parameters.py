"""Checks of parameters and locations that are common to the clustering methods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.numbers import is_real
from gclust.sphere import EARTH_RADIUS_KM
from gclust.threads import count_threads

_FLATTENING = 1 / 298.257223563
SURFACES = {
    "haversine": (1.0, 0.0),
    "wgs84": (6378.137 / EARTH_RADIUS_KM, _FLATTENING * (2 - _FLATTENING)),
}
"""Metric -> semi-major axis of the Earth in mean radii, and squared eccentricity."""

LARGEST_EPS_KM = {"haversine": math.inf, "wgs84": 1000.0}
"""Largest eps_km by metric: ``wgs84`` uses one curvature, off by 5 mm at 60 km, 25 m at 1000 km."""

BORDERS = ("nearest", "first", "noise")


def check_parameters(eps_km: Any, border: Any, metric: Any, n_jobs: Any) -> int:
    """Check the parameters of DBSCAN, and return the number of threads.

    Raises ValueError, which names the parameter, if one cannot be used.
    """
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, not {border!r}")
    check_metric(metric)
    if not is_real(eps_km) or not 0 < eps_km < math.inf:
        raise ValueError(f"eps_km must be a positive number of kilometres, not {eps_km!r}")
    if eps_km > LARGEST_EPS_KM[metric]:
        raise ValueError(
            f"eps_km is {eps_km!r}, but metric {metric!r} is accurate only up to "
            f"{LARGEST_EPS_KM[metric]:g} km; use metric 'haversine'"
        )
    return count_threads(n_jobs)


def check_metric(metric: Any) -> None:
    """Raise ValueError for an unknown metric."""
    if metric not in SURFACES:
        raise ValueError(f"metric must be one of {', '.join(SURFACES)}, not {metric!r}")


def check_locations(lat: Any, lon: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check that locations are sorted, distinct and normalised; return contiguous copies.

    Raises ValueError if they are not; the message names the first that is out of order.
    """
    lat, lon = np.array(lat, dtype=np.float64), np.array(lon, dtype=np.float64)
    if lat.ndim != 1 or lat.shape != lon.shape:
        raise ValueError(
            f"lat and lon must be arrays of one length, not of shape {lat.shape} and {lon.shape}"
        )
    if not (np.all(np.abs(lat) <= 90) and np.all(lon >= -180) and np.all(lon < 180)):
        raise ValueError("locations must have latitudes in [-90, 90] and longitudes in [-180, 180)")
    rises = lat[1:] > lat[:-1]
    rises |= (lat[1:] == lat[:-1]) & (lon[1:] > lon[:-1])
    if not rises.all():
        raise ValueError(
            "locations must be distinct and sorted by latitude, then longitude; "
            f"location {int(np.argmin(rises)) + 1} is not greater than the one before"
        )
    return lat, lon
