"""Folding rows with the same coordinates onto one location, and carrying results back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels._pieces import run_pieces, unreported
from gclust.kernels.grid import sort_into_bands

NEW = 1 << 62
"""Added to a row that is the first of its location."""


class Folded(NamedTuple):
    """Distinct locations, by band, then longitude, then latitude."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    units: NDArray[np.int64]
    """Sum of the rows' units at each location."""
    first: NDArray[np.int64]
    """Lowest row at each location."""
    rows: NDArray[np.int64]
    """Rows by location, the first of each marked by ``NEW``."""
    bounds: NDArray[np.int64]
    """Where the buckets of rows begin; no location is in two."""
    offsets: NDArray[np.int64]
    """Location at which each bucket begins."""


@kernel
def gather_locations(rows, lat, lon, units, out_lat, out_lon, out_units, out_first, first, last):
    """Write the locations of the rows ``first .. last`` from ``first`` on; return how many.

    An empty ``units`` stands for ones.
    """
    count = 0
    at_lat, at_lon = np.nan, np.nan
    for i in range(first, last):
        row = rows[i]
        if lat[row] != at_lat or lon[row] != at_lon:
            at_lat, at_lon = lat[row], lon[row]
            k = first + count
            out_lat[k], out_lon[k], out_first[k], out_units[k] = at_lat, at_lon, row, 0
            rows[i] = row | NEW
            count += 1
        out_units[first + count - 1] += units[row] if len(units) else 1
    return count


@kernel
def spread_back(rows, labels, core, offset, out_labels, out_core, first, last):
    """Give the rows ``first .. last`` what their locations, from ``offset`` on, have."""
    at = offset - 1
    for i in range(first, last):
        row = rows[i]
        if row & NEW:
            at += 1
        row &= NEW - 1
        out_labels[row] = labels[at]
        out_core[row] = core[at]


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
    n = len(lat)
    rows, bounds = sort_into_bands(lat, lon, height, threads, lambda share: report(0.7 * share))
    loose = (np.empty(n), np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64))
    counts = np.zeros(len(bounds), dtype=np.int64)
    number = {int(start): k for k, start in enumerate(bounds)}

    def work(first: int, last: int) -> None:
        counts[number[first] + 1] = gather_locations(rows, lat, lon, units, *loose, first, last)

    run_pieces(work, bounds, threads, lambda share: report(0.7 + 0.2 * share))
    offsets = np.cumsum(counts)
    tight = tuple(np.empty(offsets[-1], dtype=values.dtype) for values in loose)

    def pack(first: int, last: int) -> None:  # noqa: ARG001
        k = number[first]
        for source, target in zip(loose, tight, strict=True):
            target[offsets[k] : offsets[k + 1]] = source[first : first + counts[k + 1]]

    run_pieces(pack, bounds, threads, lambda share: report(0.9 + 0.1 * share))
    return Folded(*tight, rows=rows, bounds=bounds, offsets=offsets)


def unfold(
    folded: Folded, labels: NDArray[np.int64], core: NDArray[np.bool_], threads: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the label and the core flag of every row, given those of the locations."""
    out_labels = np.empty(len(folded.rows), dtype=np.int64)
    out_core = np.empty(len(folded.rows), dtype=np.bool_)
    offset = dict(zip(folded.bounds.tolist(), folded.offsets.tolist(), strict=True))
    run_pieces(
        lambda first, last: spread_back(
            folded.rows, labels, core, offset[first], out_labels, out_core, first, last
        ),
        folded.bounds,
        threads,
        unreported,
    )
    return out_labels, out_core
