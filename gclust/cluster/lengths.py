"""Lengths of hierarchies in kilometres, rounded so that those that are equal are found to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.spatial.ball_tree import fill_km
from gclust.parallel import even_chunks, parallel_for

DECIMALS = 9
"""Lengths are rounded to micrometres."""

SHORTEST_KM = 1e-3
"""What shorter lengths count as, so that lambda = 1 / km is finite: one metre, about as
well as a geocode is known."""

_CHUNK = 1 << 18


def lengths_km(sphere: bool, keys: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
    """Return the kilometres of keys of distances, rounded and none too short."""
    km = np.empty(len(keys))
    parallel_for(even_chunks(len(keys), _CHUNK), threads, fill_km, sphere, keys, km)
    return np.maximum(np.round(km, DECIMALS), SHORTEST_KM)
