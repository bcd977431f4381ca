"""The weight of each cluster in the cells of a fine grid, used to find its cities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

CELLS_PER_DEGREE = 100
"""Cells measure at most 1.1 km, which is fine enough for names: tens of millions of rooftops become
a few hundred thousand cells."""

NORTH_CELLS, EAST_CELLS = 180 * CELLS_PER_DEGREE + 1, 360 * CELLS_PER_DEGREE

CHUNK = 1 << 20
"""Locations that are summed at a time; memory is needed for one chunk and for all cells."""


@dataclass(frozen=True)
class ClusterCells:
    """The grid cells of each cluster and the weight of its locations in them, sorted by cluster.

    Attributes
    ----------
    key : ndarray of int64
        Number of cluster, cell and country, ascending.
    weight : ndarray
        Of each cell.
    countries : ndarray of str
        Countries of the locations; the last is empty, for unknown ones.
    n_clusters : int
    cell : ndarray of int64, shape (n,), optional
        Cell of each location, -1 for noise.
    """

    key: NDArray[np.int64]
    weight: NDArray[np.generic]
    countries: NDArray[np.object_]
    n_clusters: int
    cell: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        lat: ArrayLike,
        lon: ArrayLike,
        weight: ArrayLike,
        labels: ArrayLike,
        n_clusters: int,
        country: ArrayLike | None = None,
        *,
        numbered: bool = False,
    ) -> ClusterCells:
        """Sum the weights of each cluster's locations by cell.

        Parameters
        ----------
        lat, lon : array_like, shape (n,)
            Locations, degrees.
        weight : array_like, shape (n,)
            Weight of each location, not negative; integers are summed exactly.
        labels : array_like of int, shape (n,)
            Cluster of each location, -1 for noise.
        n_clusters : int
            Clusters are numbered from 0 to ``n_clusters - 1``.
        country : array_like of str or Categorical, shape (n,), optional
            ISO 3166-1 alpha-2 code of each location where it is known.
        numbered : bool
            Whether to keep the cell of each location.

        Raises
        ------
        ValueError
            For a label beyond `n_clusters`, a cluster without a location, or arrays of
            different lengths.
        """
        lat, lon = np.asarray(lat, float), np.asarray(lon, float)
        weight, labels = np.asarray(weight), np.asarray(labels)
        codes, countries = _coded(country, len(lat))
        lengths = [len(values) for values in (lat, lon, weight, labels, codes)]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"lat, lon, weight, labels and country must have the same length, not {lengths}"
            )
        if labels.size and labels.max() >= n_clusters:
            raise ValueError(
                f"label {labels.max()} found with n_clusters = {n_clusters}; expected labels"
                " below n_clusters"
            )
        # Sums of floats depend on their order, so equal cells are put in the order of weights,
        # all at once.
        floats = np.issubdtype(weight.dtype, np.floating)
        chunk = max(len(lat), 1) if floats else CHUNK
        keys, sums = [np.zeros(0, np.int64)], [weight[:0]]
        for rows, key in _keys(lat, lon, labels, codes, len(countries), chunk):
            found = _summed(key, weight[rows])
            keys.append(found[0])
            sums.append(found[1])
        summed = _summed(np.concatenate(keys), np.concatenate(sums))
        cells = cls(*summed, countries, n_clusters)
        empty = np.flatnonzero(np.diff(cells.starts) == 0)
        if empty.size:
            raise ValueError(
                f"cluster {empty[0]} has no location; expected at least one, to name it"
            )
        if not numbered:
            return cells
        cell = np.full(len(labels), -1, dtype=np.int64)
        for rows, key in _keys(lat, lon, labels, codes, len(countries), chunk):
            cell[rows] = np.searchsorted(cells.key, key)
        return replace(cells, cell=cell)

    def merged(self, cluster_ids: NDArray[np.int64], n_clusters: int) -> ClusterCells:
        """Return the cells after clusters are merged: ``cluster_ids`` has the new one of each."""
        if self.cell is not None:
            raise ValueError("cells of single locations cannot be merged; merge labels instead")
        inner = NORTH_CELLS * EAST_CELLS * len(self.countries)
        cluster, rest = np.divmod(self.key, inner)
        key, weight = _summed(cluster_ids[cluster] * inner + rest, self.weight)
        return replace(self, key=key, weight=weight, n_clusters=n_clusters)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Cells ``starts[i]:starts[i + 1]`` are those of cluster i; shape (n_clusters + 1,)."""
        inner = NORTH_CELLS * EAST_CELLS * len(self.countries)
        return np.searchsorted(self.key, np.arange(self.n_clusters + 1) * inner)

    @property
    def lat(self) -> NDArray[np.float64]:
        """Latitudes of the cells, degrees."""
        return self._coordinates[1] / CELLS_PER_DEGREE - 90.0

    @property
    def lon(self) -> NDArray[np.float64]:
        """Longitudes of the cells, degrees from 0 to 360."""
        return self._coordinates[2] / CELLS_PER_DEGREE

    @property
    def country(self) -> NDArray[np.object_]:
        """Country of each cell, empty where unknown."""
        return self.countries[self._coordinates[3]]

    @cached_property
    def _coordinates(self) -> tuple[NDArray[np.intp], ...]:
        shape = (self.n_clusters, NORTH_CELLS, EAST_CELLS, len(self.countries))
        return np.unravel_index(self.key, shape)


def _coded(country: ArrayLike | None, n: int) -> tuple[NDArray[np.int16], NDArray[np.object_]]:
    """Return the number of each location's country, and the countries; the last is unknown."""
    if country is None:
        return np.zeros(n, np.int16), np.array([""], object)
    values = country if isinstance(country, pd.Series | pd.Categorical) else pd.Series(country)
    codes, known = pd.factorize(pd.Series(values), sort=True)  # -1 where missing
    countries = np.append(np.asarray(known, dtype=object), "")
    return (codes % len(countries)).astype(np.int16), countries


def _keys(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    labels: NDArray[np.integer],
    codes: NDArray[np.int16],
    n_countries: int,
    chunk: int,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
    """Yield rows of locations of clusters and the keys of their cells, by chunks."""
    for start in range(0, len(lat), chunk):
        rows = start + np.flatnonzero(labels[start : start + chunk] >= 0)
        key = labels[rows].astype(np.int64)
        north = np.rint(lat[rows] * CELLS_PER_DEGREE).astype(np.int64) + 90 * CELLS_PER_DEGREE
        key *= NORTH_CELLS
        key += north
        key *= EAST_CELLS
        key += np.rint(lon[rows] * CELLS_PER_DEGREE).astype(np.int64) % EAST_CELLS
        key *= n_countries
        key += codes[rows]
        yield rows, key


def _summed(
    key: NDArray[np.int64], weight: NDArray[np.generic]
) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    """Return the distinct keys, ascending, and the sum of each."""
    floats = np.issubdtype(weight.dtype, np.floating)
    order = np.lexsort((weight, key)) if floats else np.argsort(key)
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return key[first], np.add.reduceat(weight[order], first) if first.size else weight[:0]
