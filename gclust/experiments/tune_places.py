"""Locations gathered on grids once, so that labels are named, outlined and set apart quickly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gclust.cluster.merging import gaps_km
from gclust.places.gathered import CELLS_PER_DEGREE
from gclust.sphere import chord_of, unit_vectors

KM_PER_DEGREE = 111.2
ABOVE_ALL = np.uint32(2**32 - 1)
Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Patches:
    """Locations that lie in one cell and have one label, put together.

    Attributes
    ----------
    lat, lon : ndarray of float64
        Degrees; the first of them.
    weight : ndarray of int64
        Units with which they form clusters.
    label : ndarray of int32
        None is noise.
    """

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    weight: NDArray[np.int64]
    label: NDArray[np.int32]


class Places:
    """The locations of a study, cell by cell.

    Cells are those in which names are found (`gclust.places.names`), within the larger squares
    that clusters are outlined by.

    Parameters
    ----------
    locations : DataFrame
        ``lat, lon, density``.
    eps_km : float
        Squares measure about a quarter of it from south to north.
    most_gap_km : float
        The largest gap that will be asked for.
    """

    def __init__(self, locations: pd.DataFrame, eps_km: float, most_gap_km: float) -> None:
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        wanted = max(1, round(eps_km / 4 / KM_PER_DEGREE * CELLS_PER_DEGREE))
        # Squares must fit between 0 and 180 degrees.
        self.step = next(n for n in range(wanted, 0, -1) if 180 * CELLS_PER_DEGREE % n == 0)
        north = np.rint(lat * CELLS_PER_DEGREE).astype(np.int64) + 90 * CELLS_PER_DEGREE
        east = np.rint(lon * CELLS_PER_DEGREE).astype(np.int64) % (360 * CELLS_PER_DEGREE)
        square = (north // self.step) * (360 * CELLS_PER_DEGREE) + east // self.step
        within = (north % self.step) * self.step + east % self.step
        cell = square * self.step**2 + within
        self._cubes = _Cubes(lat, lon, most_gap_km)
        self.order = np.lexsort((cell, self._cubes.number))
        """The prepared locations, cube by cube and in these cell by cell: what is to be put
        together lies together, and is summed without jumps through memory."""
        self.number = np.empty(len(lat), dtype=np.int64)
        self.number[self.order] = np.arange(len(lat))
        """The number of each prepared location in that order."""
        self.lat, self.lon = lat[self.order], lon[self.order]
        self.density = locations["density"].to_numpy()[self.order]
        self.forming = self.density > 0
        self._cell = cell[self.order]
        self._square = square[self.order]
        self._most_gap_km = most_gap_km

    @property
    def square_km(self) -> float:
        """Side of the squares from south to north."""
        return self.step / CELLS_PER_DEGREE * KM_PER_DEGREE

    def patches(self, labels: NDArray[np.int32]) -> Patches:
        """Put the locations of each label together, cell by cell."""
        starts = runs(self._cell, labels)
        weight = np.add.reduceat(self.density, starts)
        inside = labels[starts] >= 0
        first = starts[inside]
        return Patches(self.lat[first], self.lon[first], weight[inside], labels[first])

    def outlines(
        self, labels: NDArray[np.int32], core: NDArray[np.bool_], n_labels: int
    ) -> NDArray[np.object_]:
        """Unite the squares that hold core locations of each label, in degrees."""
        rows = np.flatnonzero(core)
        first = rows[runs(self._square[rows], labels[rows])]
        squares_in_all = (180 * CELLS_PER_DEGREE + 1) * 360 * CELLS_PER_DEGREE  # with the pole
        pairs = np.unique(labels[first].astype(np.int64) * squares_in_all + self._square[first])
        label, square = np.divmod(pairs, squares_in_all)
        north, east = np.divmod(square, 360 * CELLS_PER_DEGREE)
        # Neighbours must have the very same corners, so these are whole numbers until the end.
        south, west = north * self.step, east * self.step
        west = west - np.where(west >= 180 * CELLS_PER_DEGREE, 360 * CELLS_PER_DEGREE, 0)
        corners = np.stack([west, south, west + self.step, south + self.step]) - 0.5
        w, s, e, n = corners / CELLS_PER_DEGREE
        squares = shapely.box(w, s - 90, e, n - 90)
        ends = np.searchsorted(label, np.arange(n_labels + 1))
        out = np.empty(n_labels, dtype=object)
        for number, (start, end) in enumerate(pairwise(ends)):
            out[number] = shapely.coverage_union_all(squares[start:end])
        return out

    def gaps_km(self, labels: NDArray[np.int32]) -> dict[tuple[int, int], float]:
        """Least distances between labels, where at most the largest that may be asked for."""
        near = self._cubes.near_another(labels)
        return gaps_km(
            self.lat[near], self.lon[near], labels[near].astype(np.int64), self._most_gap_km
        )


class _Cubes:
    """Cubes as wide as the largest gap: who lies within it lies in a cube or a neighbouring one."""

    def __init__(self, lat: NDArray[np.float64], lon: NDArray[np.float64], reach_km: float) -> None:
        side = max(float(chord_of(reach_km)) * (1 + 1e-6), 1e-5)
        cubes = np.floor(unit_vectors(lat, lon) / side).astype(np.int64)
        cubes -= cubes.min(axis=0) - 1
        extent = cubes.max(axis=0) + 2
        key = (cubes[:, 0] * extent[1] + cubes[:, 1]) * extent[2] + cubes[:, 2]
        held, self.number, length = np.unique(key, return_inverse=True, return_counts=True)
        """The cube of each location."""
        self.starts, self.length = np.cumsum(length) - length, length
        beside = np.arange(-1, 2)
        offsets = (beside[:, None] * extent[1] + beside)[..., None] * extent[2] + beside
        near = held[:, None] + offsets.ravel()
        at = np.minimum(np.searchsorted(held, near), len(held) - 1)
        self.neighbours = np.where(held[at] == near, at, len(held))
        """Of each cube; where there is none, one more than the last."""

    def near_another(self, label: NDArray[np.int32]) -> Rows:
        """Locations of clusters about which there is another cluster, of those cube by cube."""
        most = np.append(np.maximum.reduceat(label, self.starts), np.int32(-1))
        # As a number without sign, noise is larger than any label.
        least = np.append(np.minimum.reduceat(label.view(np.uint32), self.starts), ABOVE_ALL)
        high = most[self.neighbours].max(axis=1)
        mixed = high.astype(np.int64) > least[self.neighbours].min(axis=1)
        return np.flatnonzero(np.repeat(mixed, self.length) & (label >= 0))


def runs(*keys: Rows) -> Rows:
    """First row of each run of equal keys."""
    if not len(keys[0]):
        return np.zeros(0, dtype=np.int64)
    changed = np.zeros(len(keys[0]), dtype=bool)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)
