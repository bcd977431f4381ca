"""Connected components of core points: runs of core points in bands, linked by union-find.

A run is a part of a band in which each core point is within the radius of the next, so that
components consist of runs. Two runs are linked without computing a distance if points at or
next to their ends are within the inner half-width of each other. Only pairs of runs that are
still in different components and may be within the radius are compared point by point.
See "Linking" in docs/algorithm.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.binary_search import lower_bound
from gclust.kernels.spatial.bands import Bands, bands_within, half_widths
from gclust.kernels.sphere import Reach, separation
from gclust.kernels.union_find import all_roots, find_root, join_sets
from gclust.parallel import balanced_chunks, parallel_for

CHUNK = 100_000
"""Number of points of the bands in a chunk of work."""


class Runs(NamedTuple):
    """``r`` runs of core points in ``m`` bands."""

    start: NDArray[np.int64]  # (r + 1,) first point of each run
    band: NDArray[np.int64]  # (m + 1,) first run of each band


class Window(NamedTuple):
    """Longitude shift and half-widths of a pair of bands, in degrees."""

    shift: float  # added to the longitudes of the second band: 0, 360 or -360
    inner: float  # half-widths
    outer: float


@kernel
def mark_runs(bands, reach, marks, first, last):
    """Mark in ``marks`` (n,) bool the first point of each run of the bands ``first .. last``."""
    for i in range(first, last):
        inner, _ = half_widths(bands, i, bands, i, reach)
        begin = bands.start[i]
        marks[begin] = True
        for p in range(begin + 1, bands.start[i + 1]):
            marks[p] = not bands.lon[p] - bands.lon[p - 1] < inner


@helper
def faces(lon, runs, r, value, inner):
    """Return whether run ``r`` has a point within ``inner`` degrees of a longitude."""
    first, last = runs.start[r], runs.start[r + 1]
    p = lower_bound(lon, first, last, value)
    return (p < last and lon[p] - value < inner) or (p > first and value - lon[p - 1] < inner)


@helper
def certainly_within(lon, runs, r, s, window):
    """Return whether an end of one run is certainly within the radius of the other run."""
    shift, inner, _ = window
    if inner >= 180.0:
        return True
    ends = (
        faces(lon, runs, r, lon[runs.start[s]] + shift, inner),
        faces(lon, runs, r, lon[runs.start[s + 1] - 1] + shift, inner),
        faces(lon, runs, s, lon[runs.start[r]] - shift, inner),
        faces(lon, runs, s, lon[runs.start[r + 1] - 1] - shift, inner),
    )
    return ends[0] or ends[1] or ends[2] or ends[3]


@helper
def any_within(bands, runs, r, s, window, limit):
    """Return whether any points of two runs are within the radius of each other."""
    lon, at = bands.lon, bands.vectors
    shift, inner, outer = window
    begin, end = runs.start[s], runs.start[s + 1]
    p = lower_bound(lon, runs.start[r], runs.start[r + 1], lon[begin] + shift - outer)
    while p < runs.start[r + 1] and lon[p] <= lon[end - 1] + shift + outer:
        begin = lower_bound(lon, begin, end, lon[p] - shift - outer)
        q = begin
        while q < end and lon[q] + shift <= lon[p] + outer:
            if abs(lon[q] + shift - lon[p]) < inner or (
                separation(at[p, 0], at[p, 1], at[p, 2], at[q, 0], at[q, 1], at[q, 2]) <= limit
            ):
                return True
            q += 1
        p += 1
    return False


@helper
def link_bands(bands, runs, i, j, window, limit, test, parent):
    """Link the runs of two bands that are within the radius of each other.

    If ``test``, pairs of runs not decided by their ends are compared point by point.
    """
    lon, shift = bands.lon, window.shift
    begin = runs.band[j]
    stop = runs.band[j + 1]
    for r in range(runs.band[i], runs.band[i + 1]):
        west = lon[runs.start[r]] - window.outer
        east = lon[runs.start[r + 1] - 1] + window.outer
        while begin < stop and lon[runs.start[begin + 1] - 1] + shift < west:
            begin += 1
        s = begin
        while s < stop and lon[runs.start[s]] + shift <= east:
            if find_root(parent, r) != find_root(parent, s) and (
                any_within(bands, runs, r, s, window, limit)
                if test
                else certainly_within(lon, runs, r, s, window)
            ):
                join_sets(parent, r, s)
            s += 1


@kernel
def link_runs(bands, runs, reach, test, parent, first, last):
    """Link the runs of the bands ``first .. last`` with runs of the same and more northern bands.

    ``parent`` (r,) int64 is a union-find over the runs, changed in place; a root is the lowest run
    of its set. For ``test`` see ``link_bands``.
    """
    for i in range(first, last):
        _, near, high = bands_within(bands, i, bands, reach)
        for j in range(near, high):
            inner, outer = half_widths(bands, i, bands, j, reach)
            if inner <= 0.0 and not test:
                continue
            for shift in (0.0, 360.0, -360.0):
                gap = max(
                    bands.lon[bands.start[i]] - bands.lon[bands.start[j + 1] - 1] - shift,
                    bands.lon[bands.start[j]] + shift - bands.lon[bands.start[i + 1] - 1],
                )
                if gap > outer:
                    continue
                window = Window(shift, inner, outer)
                link_bands(bands, runs, i, j, window, reach.limit, test, parent)


def link_points(
    bands: Bands, reach: Reach, threads: int, report: Callable[[float], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the connected components of core points.

    Returns the first point of each run and the number of points, (runs + 1,), and the first run of
    each run's component, (runs,).
    """
    n = len(bands.lon)
    marks = np.empty(n, dtype=np.bool_)
    chunks = balanced_chunks(bands.start, CHUNK)
    parallel_for(chunks, threads, mark_runs, bands, reach, marks)
    start = np.append(np.flatnonzero(marks), n)
    runs = Runs(start, np.searchsorted(start, bands.start))
    parent = np.arange(len(start) - 1)
    args = (bands, runs, reach)
    half = (lambda share: report(0.5 * share), lambda share: report(0.5 + 0.5 * share))
    # On one thread, because links depend on each other.
    parallel_for(chunks, 1, link_runs, *args, False, parent, report=half[0])
    parallel_for(chunks, 1, link_runs, *args, True, parent, report=half[1])
    return start, all_roots(parent)
