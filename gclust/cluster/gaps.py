"""Gaps (least distances) between clusters, found in a grid of cells as wide as the largest gap.

Two locations no farther apart than the largest gap lie in the same cell or in two cells that
touch. Distances are computed only where a cell and the cells next to it hold several clusters:
most locations lie in dense cities of a single cluster, and are skipped.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.spatial.cluster_cells import mixed_cells
from gclust.kernels.spatial.radix_order import radix_order
from gclust.kernels.sphere import TOLERANCE_KM
from gclust.sphere import EARTH_RADIUS_KM, arc_km, chord_of, unit_vectors

LEAST_SIDE = 1e-5
"""Least side of a cell in Earth radii: 64 m. Smaller cells could not be numbered by 64 bits."""

HALF_CIRCLE_KM = np.pi * EARTH_RADIUS_KM
"""Largest distance of two places."""

BLOCK = 1 << 18
"""Number of locations whose vectors are in memory at a time."""

Gaps = dict[tuple[int, int], float]
"""(a, b) with a < b -> great-circle distance in km."""


def gaps_km(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    labels: NDArray[np.integer],
    max_gap_km: float,
) -> Gaps:
    """Return the gaps: for each pair of near clusters, the least distance between their locations.

    ``labels`` (n,) are -1 for noise, which has no gap. Pairs of clusters with a gap above
    ``max_gap_km`` are left out.

    Examples
    --------
    >>> gaps = gaps_km(np.array([0.0, 0.0]), np.array([0.0, 0.01]), np.array([0, 1]), 5.0)
    >>> round(gaps[0, 1], 6)
    1.111951
    """
    inside = np.flatnonzero(labels >= 0)
    if inside.size == 0 or max_gap_km < 0:
        return {}
    vectors, label = unit_vectors(lat[inside], lon[inside]), labels[inside]
    near = _near_another(vectors, label, max(_chord(max_gap_km), LEAST_SIDE))
    return _least_gaps(vectors[near], label[near], max_gap_km)


def gaps_of_pairs_km(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    labels: NDArray[np.integer],
    pairs: Collection[tuple[int, int]],
) -> Gaps:
    """Return the gaps between given pairs (a, b) of clusters, a < b, however far apart they are.

    Examples
    --------
    >>> lat, lon, labels = np.array([0.0, 0.0]), np.array([0.0, 9.0]), np.array([0, 1])
    >>> gaps = gaps_of_pairs_km(lat, lon, labels, {(0, 1)})
    >>> round(gaps[0, 1], 3)
    1000.756
    """
    found: Gaps = {}
    for a, b in sorted(pairs):
        here = np.flatnonzero((labels == a) | (labels == b))
        vectors = unit_vectors(lat[here], lon[here])
        found |= _least_gaps(vectors, labels[here], HALF_CIRCLE_KM)
    return found


class GridHash:
    """Grid of locations, built once to find distances between clusters of many clusterings.

    ``max_gap_km`` is the largest gap that is found. ``order`` (n,) int32 has the locations sorted
    by cell, and within a cell by the key ``within`` (n,), whole numbers from 0, if that is given;
    ``lat`` and ``lon`` (n,) are their degrees in this order.
    """

    def __init__(
        self,
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        max_gap_km: float,
        within: NDArray[np.int64] | None = None,
    ) -> None:
        self._max_gap_km = max_gap_km
        side = max(float(chord_of(max_gap_km)) * (1 + 1e-6), LEAST_SIDE)
        keys, offsets = _keys_of_all(lat, lon, side)
        if within is None:
            self.order = radix_order(keys)
        else:
            by_key = radix_order(within)
            self.order = by_key[radix_order(keys[by_key])]
        keys = keys[self.order]
        self.lat, self.lon = lat[self.order], lon[self.order]
        self._starts = np.flatnonzero(np.diff(keys, prepend=-1))
        self._length, cells = np.diff(self._starts, append=len(keys)), keys[self._starts]
        near = cells[:, None] + offsets
        at = np.minimum(np.searchsorted(cells, near), len(cells) - 1)
        found = np.where(cells[at] == near, at, len(cells)) if len(cells) else near
        self._neighbours = found.astype(np.int32)

    def _near_another(self, label: NDArray[np.int32], threads: int) -> NDArray[np.int64]:
        """Return the clustered locations that have another cluster in or next to their cell.

        ``label``, (n,), holds the clusters of the locations in `order`, -1 for noise; locations
        are numbered in that order too.
        """
        mixed = mixed_cells(self._starts, self._length, self._neighbours, label, threads)
        return np.flatnonzero(np.repeat(mixed, self._length) & (label >= 0))

    def gaps_km(self, label: NDArray[np.int32], threads: int = 1) -> Gaps:
        """Return the gaps between clusters, as the function `gaps_km` does.

        ``label`` holds the clusters of the locations, sorted as in `order`.
        """
        near = self._near_another(label, threads)
        vectors = unit_vectors(self.lat[near], self.lon[near])
        return _least_gaps(vectors, label[near], self._max_gap_km)


def _chord(max_gap_km: float) -> float:
    return float(chord_of(max_gap_km + TOLERANCE_KM))


def _keys_of_all(
    lat: NDArray[np.float64], lon: NDArray[np.float64], side: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what `_cell_keys` does, for the cells of the whole Earth; takes little memory."""
    low = int(np.floor(-1.0 / side)) - 2  # below the rounded vectors of all points, with margins
    extent = 2 * -low
    keys = np.empty(len(lat), dtype=np.int64)
    for start in range(0, len(lat), BLOCK):
        here = slice(start, start + BLOCK)
        x, y, z = (np.floor(unit_vectors(lat[here], lon[here]) / side).astype(np.int64) - low).T
        keys[here] = (x * extent + y) * extent + z
    step = np.arange(-1, 2)
    offsets = (step[:, None] * extent + step)[..., None] * extent + step
    return keys, offsets.ravel()


def _cell_keys(
    vectors: NDArray[np.float64], side: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the key of each vector's cell, and the offsets of a cell and its 26 neighbours."""
    cells = np.floor(vectors / side).astype(np.int64)
    cells -= cells.min(axis=0, initial=0) - 1
    extent = cells.max(axis=0, initial=0) + 2
    step = np.arange(-1, 2)
    offsets = (step[:, None] * extent[1] + step)[..., None] * extent[2] + step
    return (cells[:, 0] * extent[1] + cells[:, 1]) * extent[2] + cells[:, 2], offsets.ravel()


def _near_another(
    vectors: NDArray[np.float64], label: NDArray[np.integer], side: float
) -> NDArray[np.bool_]:
    """Return whether each vector has another label in its cell or a cell next to it."""
    key, offsets = _cell_keys(vectors, side)
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    cells = key[order][first]
    low = np.minimum.reduceat(label[order], first)
    high = np.maximum.reduceat(label[order], first)
    least, most = low.copy(), high.copy()
    for offset in offsets:
        at = np.minimum(np.searchsorted(cells, cells + offset), cells.size - 1)
        there = cells[at] == cells + offset
        least = np.where(there, np.minimum(least, low[at]), least)
        most = np.where(there, np.maximum(most, high[at]), most)
    near = np.empty(len(key), dtype=bool)
    near[order] = np.repeat(least != most, np.diff(first, append=len(key)))
    return near


def _least_gaps(
    vectors: NDArray[np.float64], label: NDArray[np.integer], max_gap_km: float
) -> Gaps:
    """Return the gaps between labels of unit vectors; vectors far from other labels cost time."""
    reach = _chord(max_gap_km)
    found: Gaps = {}
    if label.size == 0:
        return found
    order = np.argsort(label, kind="stable")
    vectors, label = vectors[order], label[order]
    names, starts = np.unique(label, return_index=True)
    groups = np.split(vectors, starts[1:])
    from scipy.spatial import cKDTree

    trees = [cKDTree(group) for group in groups]
    low = np.array([group.min(axis=0) for group in groups])
    high = np.array([group.max(axis=0) for group in groups])
    for i, a in enumerate(names):
        apart = np.maximum(low[i + 1 :] - high[i], low[i] - high[i + 1 :]).max(axis=1)
        for j in i + 1 + np.flatnonzero(apart <= reach):
            distances, _ = trees[j].query(groups[i], distance_upper_bound=reach * (1 + 1e-9))
            least = float(distances.min())
            if least <= reach:
                found[int(a), int(names[j])] = float(arc_km(least))
    return found
