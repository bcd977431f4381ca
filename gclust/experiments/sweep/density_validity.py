"""Density-based cluster validity (DBCV) of a sample of locations."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from gclust.sphere import unit_vectors

SAMPLE = 1000
SEED = 18
EARTH_RADIUS_KM = 6371.0088


def sample_of(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of the locations of a seeded sample, ascending.

    Each location is drawn with a probability in proportion to its weight, without replacement;
    all are taken if there are at most ``SAMPLE``.
    """
    if units.size <= SAMPLE:
        return np.arange(units.size)
    # The largest of u ** (1 / weight), u uniform (Efraimidis and Spirakis 2006, Inf. Process.
    # Lett. 97:181): the share of the weight is that in any unit.
    share = units / units.sum()
    keys = np.log(np.random.default_rng(SEED).random(units.size)) / share
    return np.sort(np.argpartition(keys, -SAMPLE)[-SAMPLE:])


def density_validity(
    lat: NDArray[np.float64], lon: NDArray[np.float64], labels: NDArray[np.integer]
) -> float:
    """Return the DBCV index of some locations (Moulavi et al. 2014, SIAM SDM, pages 839-847).

    It is computed by `hdbscan.validity.validity_index` with chords in kilometres in place of
    distances, and two dimensions. Clusters with fewer than three of the locations count as noise.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Degrees.
    labels : ndarray of int, shape (n,)
        Cluster of each location, -1 for noise.

    Returns
    -------
    float
        From -1 to 1; missing with fewer than two clusters.
    """
    from hdbscan.validity import validity_index

    size = np.bincount(labels[labels >= 0], minlength=1)
    kept = np.flatnonzero(size >= 3)
    if kept.size < 2:
        return np.nan
    number = np.full(size.size, -1)
    number[kept] = np.arange(kept.size)
    renumbered = np.where(labels < 0, -1, number[labels]).astype(np.intp)
    with warnings.catch_warnings():  # of divisions by the distances of equal places
        warnings.simplefilter("ignore", RuntimeWarning)
        found = validity_index(EARTH_RADIUS_KM * unit_vectors(lat, lon), renumbered, d=2)
    return float(found) if np.isfinite(found) else np.nan
