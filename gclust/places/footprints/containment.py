"""The footprint in which each location lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

ROUNDING_DEGREES = 1e-7
"""Distance (a centimetre) within which a location belongs to its own cluster's footprint."""


def containing_footprint(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    own: NDArray[np.integer],
    shapes: Sequence[Any] | NDArray[Any],
) -> NDArray[np.int64]:
    """Find the footprint in which each location lies.

    Parameters
    ----------
    lat, lon : ndarray, shape (n,)
        Degrees.
    own : ndarray of int, shape (n,)
        Cluster of each location, -1 for noise. A location on the outline of its own cluster's
        footprint lies in it.
    shapes : sequence of shapely geometry
        Footprints by cluster, in degrees; they share no ground.

    Returns
    -------
    ndarray of int64, shape (n,)
        Position of the footprint, -1 outside all.
    """
    order = np.argsort(lat, kind="stable")
    sorted_lat = lat[order]
    found = np.full(len(lat), -1, dtype=np.int64)
    for cluster, shape in enumerate(shapes):
        shapely.prepare(shape)
        for part in shapely.get_parts(shape):
            shapely.prepare(part)
            west, south, east, north = part.bounds
            rows = order[slice(*np.searchsorted(sorted_lat, [south, np.nextafter(north, 91.0)]))]
            rows = rows[(lon[rows] >= west) & (lon[rows] <= east)]
            found[rows[shapely.intersects_xy(part, lon[rows], lat[rows])]] = cluster
    away = np.flatnonzero((own >= 0) & (found != own))
    for cluster in np.unique(own[away]):
        rows = away[own[away] == cluster]
        points = shapely.points(lon[rows], lat[rows])
        found[rows[shapely.dwithin(shapes[cluster], points, ROUNDING_DEGREES)]] = cluster
    return found
