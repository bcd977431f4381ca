"""Folding points with the same coordinates onto one location."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.segments import sort_segments


class Folded(NamedTuple):
    """Distinct locations, sorted by latitude, then longitude."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    first: NDArray[np.int64]
    """Lowest row at each location."""
    location: NDArray[np.int64]
    """Location of each row."""


def fold(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    threads: int,
    report: Callable[[float], None],
) -> Folded:
    """Fold rows onto distinct locations.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees, normalised: equal places have equal numbers.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    order = np.argsort(lat)
    by_lat = lat[order]
    starts = _starts(by_lat[1:] != by_lat[:-1])
    by_lon = lon[order]
    within = sort_segments(by_lon, starts, threads, report)
    by_lon = by_lon[within]
    order = order[within]
    new = by_lat[1:] != by_lat[:-1]
    new |= by_lon[1:] != by_lon[:-1]
    starts = _starts(new)
    location = np.empty(len(lat), dtype=np.int64)
    location[order] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    begin = starts[:-1]
    return Folded(by_lat[begin], by_lon[begin], np.minimum.reduceat(order, begin), location)


def sum_by_location(
    values: NDArray[np.int64], location: NDArray[np.int64], n_locations: int
) -> NDArray[np.int64]:
    """Return the sums of integers by location; exact, so their order does not matter."""
    sums = np.zeros(n_locations, dtype=np.int64)
    np.add.at(sums, location, values)
    return sums


def _starts(changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    inner = np.flatnonzero(changes) + 1
    return np.concatenate([[0], inner, [len(changes) + 1]]).astype(np.int64)
