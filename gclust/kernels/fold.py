"""Folding rows with the same coordinates onto one location, and carrying results back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels._pieces import run_pieces, unreported
from gclust.kernels.grid import NEW, sort_into_bands


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
def gather_locations(rows, lat, lon, units, at, out, first, last):
    """Write the locations of the rows ``first .. last`` from ``at`` on.

    An empty ``units`` stands for ones.
    """
    k = at - 1
    for i in range(first, last):
        row = rows[i] & (NEW - 1)
        if rows[i] & NEW:
            k += 1
            out.lat[k], out.lon[k], out.first[k], out.units[k] = lat[row], lon[row], row, 0
        out.units[k] += units[row] if len(units) else 1


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
    rows, bounds, offsets = sort_into_bands(
        lat, lon, height, threads, lambda share: report(0.8 * share)
    )
    m = int(offsets[-1])
    folded = Folded(
        lat=np.empty(m),
        lon=np.empty(m),
        units=np.empty(m, dtype=np.int64),
        first=np.empty(m, dtype=np.int64),
        rows=rows,
        bounds=bounds,
        offsets=offsets,
    )
    offset = dict(zip(bounds.tolist(), offsets.tolist(), strict=True))
    run_pieces(
        lambda first, last: gather_locations(
            rows, lat, lon, units, offset[first], folded, first, last
        ),
        bounds,
        threads,
        lambda share: report(0.8 + 0.2 * share),
    )
    return folded


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
    offset = dict(zip(folded.bounds.tolist(), folded.offsets.tolist(), strict=True))
    run_pieces(
        lambda first, last: spread_back(
            folded.rows, labels, core, offset[first], out_labels, out_core, first, last
        ),
        folded.bounds,
        threads,
        report,
    )
    return out_labels, out_core
