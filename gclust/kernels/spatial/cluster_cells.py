"""Cubes about which there are several clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

CHUNK = 1 << 18
"""Locations, or neighbours of cubes, in a chunk."""


@kernel
def find_extremes(starts, length, label, least, most, first, last):
    """Find the least and the largest cluster in the cubes ``first .. last``."""
    for cube in range(first, last):
        low, high = np.int32(2**31 - 1), np.int32(-1)
        for i in range(starts[cube], starts[cube] + length[cube]):
            if label[i] >= 0:
                low = min(low, label[i])
                high = max(high, label[i])
        least[cube], most[cube] = low, high


@kernel
def mark_mixed(neighbours, least, most, mixed, first, last):
    """Mark which of the cubes ``first .. last`` have clusters, and another in or beside them.

    A neighbour that is not there has a number beyond the last.
    """
    n = len(least)
    for cube in range(first, last):
        mixed[cube] = False
        if most[cube] < 0:
            continue
        low, high = least[cube], most[cube]
        for k in range(neighbours.shape[1]):
            other = neighbours[cube, k]
            if other < n and most[other] >= 0:
                low, high = min(low, least[other]), max(high, most[other])
        mixed[cube] = high > low


def mixed_cubes(
    starts: NDArray[np.int64],
    length: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    label: NDArray[np.int32],
    threads: int,
) -> NDArray[np.bool_]:
    """Return which cubes hold clusters, and have another cluster in them or beside them.

    Parameters
    ----------
    starts, length : ndarray of int64, shape (c,)
        First location of each cube, and how many it has.
    neighbours : ndarray of int64, shape (c, k)
        Of each cube, itself included; c where there is none.
    label : ndarray of int32, shape (n,)
        Clusters of the locations, cube by cube; -1 for noise.
    threads : int
        Number of threads.
    """
    least, most = np.empty(len(starts), dtype=np.int32), np.empty(len(starts), dtype=np.int32)
    mixed = np.empty(len(starts), dtype=np.bool_)
    if len(starts):
        ends = np.append(starts, starts[-1] + length[-1])
        parallel_for(
            balanced_chunks(ends, CHUNK), threads, find_extremes, starts, length, label, least, most
        )
        parallel_for(
            even_chunks(len(starts), CHUNK // neighbours.shape[1]),
            threads,
            mark_mixed,
            neighbours,
            least,
            most,
            mixed,
        )
    return mixed
