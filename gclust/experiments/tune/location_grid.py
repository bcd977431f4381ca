"""A study's locations sorted by grid cell, to name and outline clusters quickly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gclust.cluster.gaps import GridHash
from gclust.places.cities.location_cells import CELLS_PER_DEGREE
from gclust.threads import count_threads

KM_PER_DEGREE = 111.2
Rows = NDArray[np.integer]


@dataclass(frozen=True)
class Patches:
    """Weights of clustered locations, summed by grid cell and by cluster label.

    All arrays have the shape (p,).
    """

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    """Longitude of the first location, in degrees."""
    weight: NDArray[np.int64]
    """Sum of the locations' density."""
    label: NDArray[np.int32]
    country: NDArray[np.object_]
    """Code of the country that the listings name, empty where unknown."""


class LocationGrid:
    """Locations of a study, sorted by grid cell.

    Cells are those used to find cluster names (`gclust.places.cities.names`); clusters are
    outlined by larger squares, whose sides from south to north are about a quarter of ``eps_km``.
    ``most_gap_km`` is the largest gap between clusters that `gaps_km` can find.

    Rows are sorted by cube and within it by cell, so that rows that are summed together lie
    together in memory. ``order`` is the prepared location of each row; ``lat, lon`` are degrees;
    ``has_density`` is whether a row forms clusters, as rows of other kinds are only counted.
    """

    def __init__(self, locations: pd.DataFrame, eps_km: float, most_gap_km: float) -> None:
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        wanted = max(1, round(eps_km / 4 / KM_PER_DEGREE * CELLS_PER_DEGREE))
        # Squares must fit between 0 and 180 degrees.
        self.step = next(n for n in range(wanted, 0, -1) if 180 * CELLS_PER_DEGREE % n == 0)
        cell = self._cells(lat, lon)
        self._grid_hash = GridHash(lat, lon, most_gap_km, within=cell)
        self.order = self._grid_hash.order
        self.lat, self.lon = self._grid_hash.lat, self._grid_hash.lon
        self.density = locations["density"].to_numpy()[self.order]
        self.has_density = self.density > 0
        cell = cell[self.order]
        codes, names = pd.factorize(locations.get("country", pd.Series("", locations.index)))
        self._country = codes.astype(np.int16)[self.order]
        self._countries = np.asarray(names, dtype=object)
        self._new_cell = _changes(cell) | _changes(self._country)
        self._square = cell // self.step**2
        self._new_square = _changes(self._square)

    def _cells(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the cell of each location, by square, then within it."""
        north = np.rint(lat * CELLS_PER_DEGREE).astype(np.int64) + 90 * CELLS_PER_DEGREE
        east = np.rint(lon * CELLS_PER_DEGREE).astype(np.int64) % (360 * CELLS_PER_DEGREE)
        square = (north // self.step) * (360 * CELLS_PER_DEGREE) + east // self.step
        square *= self.step**2
        square += (north % self.step) * self.step
        square += east % self.step
        return square

    @property
    def square_km(self) -> float:
        """Side (south to north) of the squares that outline clusters, in km."""
        return self.step / CELLS_PER_DEGREE * KM_PER_DEGREE

    def patches(self, labels: NDArray[np.int32]) -> Patches:
        """Sum the weights of each label's locations by grid cell."""
        starts = np.flatnonzero(self._new_cell | _changes(labels))
        weight = np.add.reduceat(self.density, starts) if len(starts) else self.density
        inside = labels[starts] >= 0
        first = starts[inside]
        country = self._countries[self._country[first]]
        return Patches(self.lat[first], self.lon[first], weight[inside], labels[first], country)

    def outlines(
        self, labels: NDArray[np.int32], core: NDArray[np.bool_], n_labels: int
    ) -> NDArray[np.object_]:
        """Return each cluster's outline (degrees): the union of squares with its core locations."""
        starts = np.flatnonzero(self._new_square | _changes(labels) | _changes(core))
        first = starts[core[starts]]
        squares_in_all = (180 * CELLS_PER_DEGREE + 1) * 360 * CELLS_PER_DEGREE  # with the pole
        pairs = np.unique(labels[first].astype(np.int64) * squares_in_all + self._square[first])
        label, square = np.divmod(pairs, squares_in_all)
        north, east = np.divmod(square, 360 * CELLS_PER_DEGREE)
        # Neighbours must have exactly the same corners, so these are whole numbers until the end.
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
        """Return the least distance (km) of every two clusters at most ``most_gap_km`` apart."""
        return self._grid_hash.gaps_km(labels, count_threads())


def runs(*keys: Rows) -> Rows:
    """Return the start of each group of consecutive entries that are equal in all given arrays."""
    changed = _changes(keys[0])
    for key in keys[1:]:
        changed |= _changes(key)
    return np.flatnonzero(changed)


def _changes(key: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each entry differs from the one before; the first does."""
    changed = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=changed[1:])
    return changed
