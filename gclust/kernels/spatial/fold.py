"""Grouping of rows with equal coordinates as one location, and copying of results to rows."""

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
    """The ``m`` distinct locations of ``n`` rows, sorted by band, longitude and latitude."""

    lat: NDArray[np.float64]  # (m,) degrees
    lon: NDArray[np.float64]  # (m,) degrees
    prefix: NDArray[np.int64]  # (m + 1,) cumulative weight of the locations, from 0
    first: NDArray[np.uint32]  # (m,) lowest row with weight at each, else the lowest row
    rows: NDArray[np.uint32]  # (n,) rows in the order of their buckets
    place: NDArray[np.uint32]  # (n,) location of each, counted from its bucket's first
    bounds: NDArray[np.int64]  # (b + 1,) first row of each bucket; no location is in two
    offsets: NDArray[np.int64]  # (b + 1,) first location of each bucket


class Locations(NamedTuple):
    """The ``k`` locations of a bucket; see `Folded`."""

    lat: NDArray[np.float64]  # (k,)
    lon: NDArray[np.float64]  # (k,)
    units: NDArray[np.int64]  # (k,) weight
    first: NDArray[np.uint32]  # (k,)


@kernel
def gather_locations(lat, lon, rows, place, units, out):
    """Fill the `Locations` of a bucket of rows; the weights in ``out`` must be 0 before.

    ``rows`` (r,) uint32 are the numbers of its rows, ``lat`` and ``lon`` (r,) float64 their
    degrees, ``place`` (r,) uint32 their locations. ``units`` (n,) int64 are the weights of all
    rows; if empty, each is one. Only coordinates are filled if ``out.units`` is empty.
    """
    if len(out.units) == 0:
        for i in range(len(rows)):
            out.lat[place[i]] = lat[i]
            out.lon[place[i]] = lon[i]
        return
    for i in range(len(rows) - 1, -1, -1):  # so that the lowest row of each is written last
        k = place[i]
        weight = units[rows[i]] if len(units) else 1
        out.lat[k] = lat[i]
        out.lon[k] = lon[i]
        if weight > 0 or out.units[k] == 0:
            out.first[k] = rows[i]
        out.units[k] += weight


@kernel
def spread_back(rows, place, labels, core, out_labels, out_core):
    """Copy the labels and core flags of a bucket's locations to their rows.

    ``place`` (r,) uint32 is the location of each of the bucket's ``rows`` (r,) uint32; ``labels``
    int64 and ``core`` bool are by location, ``out_labels`` and ``out_core`` (n,) by row. Flags are
    left out if ``core`` is empty.
    """
    for i in range(len(rows)):
        out_labels[rows[i]] = labels[place[i]]
        if len(core):
            out_core[rows[i]] = core[place[i]]


def fold_rows(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    height: float,
    threads: int,
    report: Callable[[float], None],
    places_alone: bool = False,
) -> Folded:
    """Group rows by distinct location, and sum their weights.

    ``lat`` and ``lon`` (n,), n >= 1, are degrees, normalised: equal points have equal numbers. The
    weights ``units`` (n,) are summed by location; if empty, each is one. ``height`` of the bands is
    in degrees. With ``places_alone``, ``prefix`` and ``first`` are left out: they are empty.
    """
    buckets = fill_buckets(lat, lon, height, threads, lambda share: report(0.5 * share))
    del lat, lon  # whose memory may be needed for what follows
    bounds = buckets.start
    number = {int(start): k for k, start in enumerate(bounds)}
    place = np.empty(len(buckets.rows), dtype=np.uint32)
    found = np.zeros(len(bounds), dtype=np.int64)

    def order(first: int, last: int) -> None:
        found[number[first] + 1] = order_bucket(
            buckets.lat[first:last], buckets.lon[first:last], buckets.layout, place[first:last]
        )

    parallel_for(bounds, threads, order, report=lambda share: report(0.5 + 0.4 * share))
    offsets = np.cumsum(found)
    m = int(offsets[-1])
    weighed = 0 if places_alone else m
    folded = Folded(
        lat=np.empty(m),
        lon=np.empty(m),
        prefix=np.zeros(weighed + 1, dtype=np.int64),
        first=np.empty(weighed, dtype=np.uint32),
        rows=buckets.rows,
        place=place,
        bounds=bounds,
        offsets=offsets,
    )
    sums = folded.prefix[1:]

    def gather(first: int, last: int) -> None:
        rows, here = slice(first, last), _locations_in(folded, number[first])
        bucket = buckets.lat[rows], buckets.lon[rows], buckets.rows[rows], place[rows]
        out = Locations(folded.lat[here], folded.lon[here], sums[here], folded.first[here])
        gather_locations(*bucket, units, out)

    parallel_for(bounds, threads, gather, report=lambda share: report(0.9 + 0.1 * share))
    np.cumsum(sums, out=sums)
    return folded


def _locations_in(folded: Folded, bucket: int) -> slice:
    return slice(int(folded.offsets[bucket]), int(folded.offsets[bucket + 1]))


def unfold(
    folded: Folded,
    labels: NDArray[np.int64],
    core: NDArray[np.bool_],
    threads: int,
    report: Callable[[float], None] = unreported,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return label and core flag of every row, (n,), from those of the ``m`` locations.

    There are no flags if ``core`` is empty.
    """
    out_labels = np.empty(len(folded.rows), dtype=np.int64)
    out_core = np.empty(len(folded.rows) if len(core) else 0, dtype=np.bool_)
    number = {int(start): k for k, start in enumerate(folded.bounds)}

    def spread(first: int, last: int) -> None:
        rows, here = slice(first, last), _locations_in(folded, number[first])
        spread_back(
            folded.rows[rows], folded.place[rows], labels[here], core[here], out_labels, out_core
        )

    parallel_for(folded.bounds, threads, spread, report=report)
    return out_labels, out_core


def locations_of(
    folded: Folded, threads: int, report: Callable[[float], None] = unreported
) -> NDArray[np.int32]:
    """Return the location of every row, shape (n,)."""
    row_of = np.empty(len(folded.rows), dtype=np.int32)
    offset = dict(zip(folded.bounds.tolist(), folded.offsets.tolist(), strict=True))

    def spread(first: int, last: int) -> None:
        row_of[folded.rows[first:last]] = folded.place[first:last] + offset[first]

    parallel_for(folded.bounds, threads, spread, report=report)
    return row_of
