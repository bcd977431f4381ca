"""Folding rows with the same coordinates onto one location, and carrying results back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.spatial.bucket_sort import fill_buckets
from gclust.kernels.spatial.row_order import order_bucket
from gclust.parallel import parallel_for, unreported


class Folded(NamedTuple):
    """Distinct locations, by band, then longitude, then latitude."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    prefix: NDArray[np.int64]
    """Cumulative units of the locations, from 0: one more than there are."""
    first: NDArray[np.uint32]
    """Lowest row at each location that weighs anything, the lowest where none does."""
    rows: NDArray[np.uint32]
    """Rows in the order of their buckets."""
    place: NDArray[np.uint32]
    """The location of each of them, counted from its bucket's first one."""
    bounds: NDArray[np.int64]
    """Where the buckets of rows begin; no location is in two."""
    offsets: NDArray[np.int64]
    """Location at which each bucket begins, and their number."""


@kernel
def gather_locations(lat, lon, rows, place, units, out_lat, out_lon, out_units, out_first):
    """Write the locations of a bucket. An empty ``units`` stands for ones.

    The first row of a location is one that weighs anything, if any does.
    """
    for i in range(len(rows) - 1, -1, -1):  # so that the lowest row of each comes last
        k = place[i]
        weight = units[rows[i]] if len(units) else 1
        out_lat[k] = lat[i]
        out_lon[k] = lon[i]
        if weight > 0 or out_units[k] == 0:
            out_first[k] = rows[i]
        out_units[k] += weight


@kernel
def spread_back(rows, place, labels, core, out_labels, out_core):
    """Give the rows of a bucket what their locations have."""
    for i in range(len(rows)):
        out_labels[rows[i]] = labels[place[i]]
        out_core[rows[i]] = core[place[i]]


def fold(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    height: float,
    threads: int,
    report: Callable[[float], None],
) -> Folded:
    """Fold rows onto distinct locations.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees, normalised: equal places have equal numbers.
    units : ndarray of int64, shape (n,) or (0,)
        What is summed by location; an empty one stands for ones.
    height : float
        Of the bands, in degrees.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    buckets = fill_buckets(lat, lon, height, threads, lambda share: report(0.5 * share))
    bounds = buckets.start
    number = {int(start): k for k, start in enumerate(bounds)}
    place = np.empty(len(lat), dtype=np.uint32)
    found = np.zeros(len(bounds), dtype=np.int64)

    def order(first: int, last: int) -> None:
        found[number[first] + 1] = order_bucket(
            buckets.lat[first:last], buckets.lon[first:last], buckets.grid, place[first:last]
        )

    parallel_for(bounds, threads, order, report=lambda share: report(0.5 + 0.4 * share))
    offsets = np.cumsum(found)
    m = int(offsets[-1])
    folded = Folded(
        lat=np.empty(m),
        lon=np.empty(m),
        prefix=np.zeros(m + 1, dtype=np.int64),
        first=np.empty(m, dtype=np.uint32),
        rows=buckets.rows,
        place=place,
        bounds=bounds,
        offsets=offsets,
    )

    sums = folded.prefix[1:]

    def gather(first: int, last: int) -> None:
        rows, here = slice(first, last), _locations(folded, number[first])
        gather_locations(
            buckets.lat[rows],
            buckets.lon[rows],
            buckets.rows[rows],
            place[rows],
            units,
            folded.lat[here],
            folded.lon[here],
            sums[here],
            folded.first[here],
        )

    parallel_for(bounds, threads, gather, report=lambda share: report(0.9 + 0.1 * share))
    np.cumsum(sums, out=sums)
    return folded


def _locations(folded: Folded, bucket: int) -> slice:
    return slice(int(folded.offsets[bucket]), int(folded.offsets[bucket + 1]))


def unfold(
    folded: Folded,
    labels: NDArray[np.int64],
    core: NDArray[np.bool_],
    threads: int,
    report: Callable[[float], None] = unreported,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the label and the core flag of every row, given those of the locations."""
    out_labels = np.empty(len(folded.rows), dtype=np.int64)
    out_core = np.empty(len(folded.rows), dtype=np.bool_)
    number = {int(start): k for k, start in enumerate(folded.bounds)}

    def spread(first: int, last: int) -> None:
        rows, here = slice(first, last), _locations(folded, number[first])
        spread_back(
            folded.rows[rows], folded.place[rows], labels[here], core[here], out_labels, out_core
        )

    parallel_for(folded.bounds, threads, spread, report=report)
    return out_labels, out_core


def locations_of(
    folded: Folded, threads: int, report: Callable[[float], None] = unreported
) -> NDArray[np.int32]:
    """Return the location of every row."""
    row_of = np.empty(len(folded.rows), dtype=np.int32)
    offset = dict(zip(folded.bounds.tolist(), folded.offsets.tolist(), strict=True))

    def spread(first: int, last: int) -> None:
        row_of[folded.rows[first:last]] = folded.place[first:last] + offset[first]

    parallel_for(folded.bounds, threads, spread, report=report)
    return row_of
