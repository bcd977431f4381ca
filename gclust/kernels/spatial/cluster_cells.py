"""Search for grid cells that have several clusters in them or in the cells next to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

CHUNK = 1 << 18
"""Number of locations or of neighbours of cells in a chunk."""


@kernel
def find_extremes(starts, length, label, least, most, first, last):
    """Find the least and the largest cluster number in each of the cells ``first .. last``.

    ``least`` and ``most`` (c,) int32 take them; ``most`` is -1 in cells without clusters. For the
    other arrays see `mixed_cells`.
    """
    for cell in range(first, last):
        low, high = np.int32(2**31 - 1), np.int32(-1)
        for i in range(starts[cell], starts[cell] + length[cell]):
            if label[i] >= 0:
                low = min(low, label[i])
                high = max(high, label[i])
        least[cell], most[cell] = low, high


@kernel
def mark_mixed(neighbours, least, most, mixed, first, last):
    """Mark cells ``first .. last`` that hold a cluster and have another cluster in or next to them.

    ``mixed`` (c,) bool takes the marks; ``least`` and ``most`` are from `find_extremes`.
    """
    n = len(least)
    for cell in range(first, last):
        mixed[cell] = False
        if most[cell] < 0:
            continue
        low, high = least[cell], most[cell]
        for k in range(neighbours.shape[1]):
            other = neighbours[cell, k]
            if other < n and most[other] >= 0:
                low, high = min(low, least[other]), max(high, most[other])
        mixed[cell] = high > low


def mixed_cells(
    starts: NDArray[np.int64],
    length: NDArray[np.int64],
    neighbours: NDArray[np.int32],
    label: NDArray[np.int32],
    threads: int,
) -> NDArray[np.bool_]:
    """Return which cells hold a cluster and have another cluster in or next to them.

    The result has shape (c,).
    ``starts`` and ``length`` (c,) are the first location and the number of locations of each cell,
    ``neighbours`` (c, k) the cells next to it and itself, c where there is none; ``label`` (n,) is
    the cluster of each location, cell by cell, -1 for noise.
    """
    least, most = np.empty(len(starts), dtype=np.int32), np.empty(len(starts), dtype=np.int32)
    mixed = np.empty(len(starts), dtype=np.bool_)
    if len(starts):
        chunks = balanced_chunks(np.append(starts, starts[-1] + length[-1]), CHUNK)
        parallel_for(chunks, threads, find_extremes, starts, length, label, least, most)
        chunks = even_chunks(len(starts), CHUNK // neighbours.shape[1])
        parallel_for(chunks, threads, mark_mixed, neighbours, least, most, mixed)
    return mixed
