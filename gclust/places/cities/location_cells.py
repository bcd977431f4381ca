"""The weight of each cluster in the cells of a fine grid, used to find its cities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

CELLS_PER_DEGREE = 100
"""Cells measure at most 1.1 km, which is fine enough for names: tens of millions of rooftops become
a few hundred thousand cells."""


@dataclass(frozen=True)
class ClusterCells:
    """The grid cells of each cluster and the weight of its locations in them, sorted by cluster.

    Attributes
    ----------
    lat, lon : ndarray
        Coordinates of the cells, degrees.
    weight : ndarray
    country : ndarray of str
        Empty where unknown.
    starts : ndarray of int, shape (n_clusters + 1,)
        Cells ``starts[i]:starts[i + 1]`` are those of cluster i.
    cell : ndarray of int, shape (n,)
        Cell of each location, -1 for noise.
    """

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    weight: NDArray[np.generic]
    country: NDArray[np.object_]
    starts: NDArray[np.intp]
    cell: NDArray[np.intp]

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return len(self.starts) - 1

    @classmethod
    def of(
        cls,
        lat: ArrayLike,
        lon: ArrayLike,
        weight: ArrayLike,
        labels: ArrayLike,
        n_clusters: int,
        country: ArrayLike | None = None,
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
        country : array_like of str, shape (n,), optional
            ISO 3166-1 alpha-2 code of each location where it is known.

        Raises
        ------
        ValueError
            For a label beyond `n_clusters`, a cluster without a location, or arrays of
            different lengths.
        """
        lat, lon = np.asarray(lat, float), np.asarray(lon, float)
        weight, labels = np.asarray(weight), np.asarray(labels)
        known = np.full(len(lat), "", object) if country is None else np.asarray(country, object)
        lengths = [len(values) for values in (lat, lon, weight, labels, known)]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"lat, lon, weight, labels and country must have the same length, not {lengths}"
            )
        if labels.size and labels.max() >= n_clusters:
            raise ValueError(
                f"label {labels.max()} found with n_clusters = {n_clusters}; expected labels"
                " below n_clusters"
            )
        inside = labels >= 0
        codes, values = pd.factorize(known[inside], sort=True)  # -1 where missing
        values = np.append(np.asarray(values, dtype=object), "")
        north = np.rint(lat[inside] * CELLS_PER_DEGREE).astype(np.int64) + 90 * CELLS_PER_DEGREE
        east = np.rint(lon[inside] * CELLS_PER_DEGREE).astype(np.int64) % (360 * CELLS_PER_DEGREE)
        shape = (n_clusters, 180 * CELLS_PER_DEGREE + 1, 360 * CELLS_PER_DEGREE, len(values))
        key = np.ravel_multi_index((labels[inside], north, east, codes % len(values)), shape)
        weight = weight[inside]
        # Sums of floats depend on their order, so equal cells are put in the order of weights.
        floats = np.issubdtype(weight.dtype, np.floating)
        order = np.lexsort((weight, key)) if floats else np.argsort(key, kind="stable")
        is_first = np.diff(key[order], prepend=-1) != 0
        first = np.flatnonzero(is_first)
        label, north, east, codes = np.unravel_index(key[order][first], shape)
        starts = np.searchsorted(label, np.arange(n_clusters + 1))
        empty = np.flatnonzero(np.diff(starts) == 0)
        if empty.size:
            raise ValueError(
                f"cluster {empty[0]} has no location; expected at least one, to name it"
            )
        cell = np.full(len(labels), -1, dtype=np.intp)
        cell[np.flatnonzero(inside)[order]] = np.cumsum(is_first) - 1
        return cls(
            lat=north / CELLS_PER_DEGREE - 90.0,
            lon=east / CELLS_PER_DEGREE,
            weight=np.add.reduceat(weight[order], first) if first.size else weight[:0],
            country=values[codes],
            starts=starts,
            cell=cell,
        )
