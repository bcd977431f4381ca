"""Conversion of HDBSCAN distances to kilometres, rounded so that equal ones compare equal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.spatial.ball_tree import fill_km
from gclust.parallel import even_chunks, parallel_for

DECIMALS = 9
"""Lengths are rounded to micrometres."""

SHORTEST_KM = 1e-3
"""Least length, so that lambda = 1 / km is finite: one metre, about the accuracy of a
geocode. Shorter lengths count as this."""

_CHUNK = 1 << 18


def lengths_km(sphere: bool, keys: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
    """Convert reduced distances (keys) to kilometres, rounded to 1 micrometre, at least 1 metre."""
    km = np.empty(len(keys))
    parallel_for(even_chunks(len(keys), _CHUNK), threads, fill_km, sphere, keys, km)
    return np.maximum(np.round(km, DECIMALS), SHORTEST_KM)
