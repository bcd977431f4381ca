"""Locations in cubes as wide as a reach, made once, so that near clusters are found quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.merging import least_gaps
from gclust.kernels.spatial.cluster_cells import mixed_cubes
from gclust.sphere import chord_of, unit_vectors

Rows = NDArray[np.integer]


class Cubes:
    """Cubes as wide as the largest gap: who lies within it lies in a cube or a neighbouring one.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Degrees.
    reach_km : float
        The largest gap that will be asked for.
    """

    def __init__(self, lat: NDArray[np.float64], lon: NDArray[np.float64], reach_km: float) -> None:
        self._reach_km = reach_km
        side = max(float(chord_of(reach_km)) * (1 + 1e-6), 1e-5)
        cubes = np.floor(unit_vectors(lat, lon) / side).astype(np.int64)
        cubes -= cubes.min(axis=0, initial=0) - 1
        extent = cubes.max(axis=0, initial=0) + 2
        key = (cubes[:, 0] * extent[1] + cubes[:, 1]) * extent[2] + cubes[:, 2]
        held, self.number, length = np.unique(key, return_inverse=True, return_counts=True)
        """The cube of each location."""
        self.starts, self.length = np.cumsum(length) - length, length
        beside = np.arange(-1, 2)
        offsets = (beside[:, None] * extent[1] + beside)[..., None] * extent[2] + beside
        near = held[:, None] + offsets.ravel()
        at = np.minimum(np.searchsorted(held, near), len(held) - 1)
        self.neighbours = np.where(held[at] == near, at, len(held)) if len(held) else near
        """Of each cube; where there is none, one more than the last."""

    def near_another(self, label: NDArray[np.int32], threads: int = 1) -> Rows:
        """Locations of clusters about which there is another cluster, of those cube by cube.

        ``label`` holds the clusters of the locations in the order of the cubes, -1 for noise.
        """
        mixed = mixed_cubes(self.starts, self.length, self.neighbours, label, threads)
        return np.flatnonzero(np.repeat(mixed, self.length) & (label >= 0))

    def gaps_km(
        self,
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        label: NDArray[np.int32],
        threads: int = 1,
    ) -> dict[tuple[int, int], float]:
        """Least distances between clusters, where at most the reach.

        As `gclust.cluster.merging.gaps_km` finds them; all arrays are in the order of the
        cubes.
        """
        near = self.near_another(label, threads)
        return least_gaps(unit_vectors(lat[near], lon[near]), label[near], self._reach_km)
