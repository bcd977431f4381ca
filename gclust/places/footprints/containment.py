"""The footprint in which each location lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gclust.parallel import parallel_for
from gclust.threads import count_threads

FEW = 10_000
"""Number of locations up to which one thread looks."""

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
    shapes = np.asarray(shapes, dtype=object)
    inside: list[list[NDArray[np.int64]]] = [[] for _ in shapes]

    def look(first: int, _last: int) -> None:
        shapely.prepare(shapes[first])
        for part in shapely.get_parts(shapes[first]):
            shapely.prepare(part)
            west, south, east, north = part.bounds
            rows = order[slice(*np.searchsorted(sorted_lat, [south, np.nextafter(north, 91.0)]))]
            rows = rows[(lon[rows] >= west) & (lon[rows] <= east)]
            inside[first].append(rows[shapely.intersects_xy(part, lon[rows], lat[rows])])

    parallel_for(np.arange(len(shapes) + 1), count_threads() if len(lat) > FEW else 1, look)
    found = np.full(len(lat), -1, dtype=np.int64)
    for cluster, of_parts in enumerate(inside):  # in order, for places on the lines between two
        for rows in of_parts:
            found[rows] = cluster
    away = np.flatnonzero((own >= 0) & (found != own))
    for cluster in np.unique(own[away]):
        rows = away[own[away] == cluster]
        points = shapely.points(lon[rows], lat[rows])
        found[rows[shapely.dwithin(shapes[cluster], points, ROUNDING_DEGREES)]] = cluster
    return found
