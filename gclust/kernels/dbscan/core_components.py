"""Joining core points within reach of each other, run by run.

A run is a stretch of a band in which each core point is within reach of the next, so
that components are made of runs. Two runs join without a distance where points at or
next to their ends face each other within the inner half-width; only pairs that are in
different components after that, and that may reach, are looked at point by point.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.binary_search import lower_bound
from gclust.kernels.spatial.bands import Bands, bands_within, half_widths
from gclust.kernels.sphere import Reach, separation
from gclust.kernels.union_find import find_root, join_sets
from gclust.parallel import balanced_chunks, parallel_for

CHUNK = 100_000


class Runs(NamedTuple):
    """Runs of core points; ``k`` runs in ``m`` bands."""

    start: NDArray[np.int64]  # (k + 1,) first point of each run
    band: NDArray[np.int64]  # (m + 1,) first run of each band


@kernel
def mark_runs(bands, inner2, outer2, marks, first, last):
    """Mark the first point of each run of the bands ``first .. last``."""
    for i in range(first, last):
        inner, _ = half_widths(bands, i, bands, i, inner2, outer2)
        begin = bands.start[i]
        marks[begin] = True
        for p in range(begin + 1, bands.start[i + 1]):
            marks[p] = not bands.lon[p] - bands.lon[p - 1] < inner


@helper
def faces(lon, runs, r, value, inner):
    """Return whether a point of run ``r`` is nearer than ``inner`` degrees to a longitude."""
    first, last = runs.start[r], runs.start[r + 1]
    p = lower_bound(lon, first, last, value)
    return (p < last and lon[p] - value < inner) or (p > first and value - lon[p - 1] < inner)


@helper
def surely_within(lon, runs, r, s, shift, inner):
    """Return whether an end of one run surely reaches the other; ``s`` is shifted."""
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
def any_within(bands, runs, r, s, shift, inner, outer, limit):
    """Return whether any points of two runs are within reach; ``s`` is shifted."""
    lon, at = bands.lon, bands.vectors
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
def join_bands(bands, runs, i, j, shift, inner, outer, limit, test, parent):
    """Join the runs of two bands, the second shifted, that are within reach.

    ``test`` looks at the points of pairs that the ends of the runs leave open.
    """
    lon = bands.lon
    begin = runs.band[j]
    stop = runs.band[j + 1]
    for r in range(runs.band[i], runs.band[i + 1]):
        west = lon[runs.start[r]] - outer
        east = lon[runs.start[r + 1] - 1] + outer
        while begin < stop and lon[runs.start[begin + 1] - 1] + shift < west:
            begin += 1
        s = begin
        while s < stop and lon[runs.start[s]] + shift <= east:
            if find_root(parent, r) != find_root(parent, s) and (
                any_within(bands, runs, r, s, shift, inner, outer, limit)
                if test
                else surely_within(lon, runs, r, s, shift, inner)
            ):
                join_sets(parent, r, s)
            s += 1


@kernel
def join_runs(bands, runs, inner2, outer2, limit, test, parent, first, last):
    """Join the runs of the bands ``first .. last`` with their own and more northern ones."""
    for i in range(first, last):
        _, near, high = bands_within(bands, i, bands, outer2)
        for j in range(near, high):
            inner, outer = half_widths(bands, i, bands, j, inner2, outer2)
            if inner <= 0.0 and not test:
                continue
            for shift in (0.0, 360.0, -360.0):
                gap = max(
                    bands.lon[bands.start[i]] - bands.lon[bands.start[j + 1] - 1] - shift,
                    bands.lon[bands.start[j]] + shift - bands.lon[bands.start[i + 1] - 1],
                )
                if gap > outer:
                    continue
                join_bands(bands, runs, i, j, shift, inner, outer, limit, test, parent)


def link_points(
    bands: Bands, reach: Reach, threads: int, report: Callable[[float], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the components of core points.

    Parameters
    ----------
    bands : Bands
        Core points only.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    start : ndarray of int64, shape (n_runs + 1,)
        First point of each run, and the number of points.
    root : ndarray of int64, shape (n_runs,)
        The first run of each run's component.
    """
    n = len(bands.lon)
    marks = np.empty(n, dtype=np.bool_)
    inner2, outer2 = reach.inner2, reach.outer2
    cuts = balanced_chunks(bands.start, CHUNK)
    parallel_for(cuts, threads, mark_runs, bands, inner2, outer2, marks)
    start = np.append(np.flatnonzero(marks), n)
    runs = Runs(start, np.searchsorted(start, bands.start))
    parent = np.arange(len(start) - 1)
    for test in (False, True):
        parallel_for(
            cuts,
            1,
            partial(_join, bands, runs, reach, test, parent),
            report=partial(_report_half, report, test),
        )
    while True:
        grand = parent[parent]
        if np.array_equal(grand, parent):
            return start, parent
        parent = grand


def _join(
    bands: Bands,
    runs: Runs,
    reach: Reach,
    test: bool,
    parent: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    join_runs(bands, runs, reach.inner2, reach.outer2, reach.limit, test, parent, first, last)


def _report_half(report: Callable[[float], None], second: bool, share: float) -> None:
    report(0.5 * (share + second))
