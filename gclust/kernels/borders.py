"""Which component each point belongs to at every threshold at once, borders included.

A border point of a threshold has a core point within reach. The highest such threshold is
that of its highest core point within reach, and where the nodes of all core points about it
are on one way (see ``ways``), it is with that core point's component at every threshold: one
node says it all. Only the points about which two components of one threshold may lie are
searched threshold by threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, making_part, part
from gclust.kernels._pieces import cut_evenly, run_pieces, unreported
from gclust.kernels.around import reached_cells
from gclust.kernels.bands import PIECE, Bands, bands_within
from gclust.kernels.bounds import all_half_widths, cells_of, group_cells
from gclust.kernels.circle import advance, locate
from gclust.kernels.crowds import CROWD, box_of, box_widths, ring_of_box
from gclust.kernels.forest import NONE, Forest, fill_spans
from gclust.kernels.levels import MOST_LEVELS, crowd_from
from gclust.kernels.sphere import Reach, separation
from gclust.kernels.ways import HIGHER, LEVEL, follow_bands, half, highest_of, look_at
from gclust.kernels.weigh import PIECE as POINTS_PIECE
from gclust.kernels.weigh import find_ring, move_base, point_widths

SEARCH = -2
"""Claim on a cell whose points must each search for themselves."""


@part
def look_outside(b, j, ways, outer, west, east, best, one_way):
    """Look at what band ``j`` has within the outer half-width of each run."""
    start = b.start[j]
    m = b.start[j + 1] - start
    position = locate(b.lon, start, m, west[0] - outer)
    for r in range(len(west)):
        low, high = np.int64(0), m
        if 2.0 * outer + (east[r] - west[r]) < 360.0:
            low = position = advance(b.lon, start, m, position, west[r] - outer)
            high = advance(b.lon, start, m, low, east[r] + outer)
        if low < high:
            best[r], one_way[r] = look_at(ways, start, m, low, high, best[r], one_way[r])


@part
def look_inside(b, j, ways, inner, runs, west, east, n, sure):
    """Look at what band ``j`` surely has within reach of all of each run."""
    start = b.start[j]
    m = b.start[j + 1] - start
    low = high = np.int64(0)
    if inner < 180.0:
        low = high = locate(b.lon, start, m, east[runs[0]] - inner)
    for t in range(n):
        r = runs[t]
        first = last = np.int64(0)
        if inner >= 180.0:
            last = m
        elif east[r] - inner < west[r] + inner:
            first = low = advance(b.lon, start, m, low, east[r] - inner)
            last = high = advance(b.lon, start, m, max(low, high), west[r] + inner)
        if first < last:
            sure[r] = highest_of(ways, start, m, first, last, sure[r])


@making_part
def find_summits(b, span, inner, outer, ways, floor, west, east):
    """Return for runs of a band a highest core point that all of it surely reaches.

    ``NONE`` if no core point that may be within reach is higher than the run's ``floor``,
    ``SEARCH`` if its points may have different ones, or those of different ways.
    """
    low, near, high = span
    n = len(west)
    best = np.full(n, NONE)
    one_way = np.ones(n, dtype=np.bool_)
    if n > 0:
        for j in range(low, high):
            look_outside(b, j, ways, outer[j - low], west, east, best, one_way)
    sure = np.full(n, NONE)
    runs = np.arange(n)
    for d in range(max(near - low, high - near)):
        for j in (near + d, near - 1 - d):
            kept = 0
            for t in range(n):
                r = runs[t]
                wanted = best[r] >= 0 and one_way[r] and ways[best[r], LEVEL] > floor[r]
                if wanted and (sure[r] < 0 or ways[sure[r], LEVEL] < ways[best[r], LEVEL]):
                    runs[kept] = r
                    kept += 1
            n = kept
            if n > 0 and low <= j < high and inner[j - low] > 0.0:
                look_inside(b, j, ways, inner[j - low], runs, west, east, n, sure)
    for r in range(len(west)):
        if best[r] < 0 or ways[best[r], LEVEL] <= floor[r]:
            sure[r] = NONE
        elif not one_way[r] or sure[r] < 0 or ways[sure[r], LEVEL] < ways[best[r], LEVEL]:
            sure[r] = SEARCH
    return sure


@kernel
def claim_cells(a, cells, floor, wanted, b, ways, inner2, outer2, claims, first, last):
    """Find the claims on the wanted cells of the bands ``first .. last``; see ``find_summits``.

    ``cells`` are those of ``a``; ``floor`` is the lowest level in each.
    """
    for i in range(first, last):
        begin, end = cells.start[i], cells.start[i + 1]
        open_cells = wanted[begin:end]
        claims[begin:end] = NONE
        if not open_cells.any():
            continue
        span = bands_within(a, i, b, outer2)
        inner, outer = all_half_widths(a, i, b, span[0], span[2], inner2, outer2)
        west, east, run_of = group_cells(cells, i, open_cells, -1.0)
        floors = floor[begin:end][open_cells]
        found = find_summits(b, span, inner, outer, ways, floors, west, east)
        for k in range(len(run_of)):
            if run_of[k] >= 0:
                claims[begin + k] = found[run_of[k]]


@kernel
def settle_cells(a, claims, level, ways, summit, first, last):
    """Write the claims on the cells ``first .. last`` for their points that are lower."""
    for c in range(first, last):
        for p in range(a.cell_start[c], a.cell_start[c + 1]):
            higher = claims[c] >= 0 and ways[claims[c], LEVEL] > level[p]
            summit[p] = claims[c] if higher else NONE


@part
def look_round(b, span, base, ways, reach, lat, lon, rho, z, rings):
    """Fill ``rings`` with four positions in each band of ``span``; see ``weigh.find_ring``.

    Returns a highest core point among those that may be within reach of a point, whether
    these are on one way, and a highest one among those that surely are.
    """
    low, _, high = span
    best = sure = np.int64(NONE)
    one_way = True
    for j in range(low, high):
        start = b.start[j]
        m = b.start[j + 1] - start
        inner, outer = point_widths(rho, z, lat, b, j, reach.inner2, reach.outer2)
        west = sure_west = sure_east = east = 0
        if outer >= 0.0:
            west, sure_west, sure_east, east = find_ring(
                b, j, base[j - low, 0], base[j - low, 1], lon, inner, outer
            )
        k = 4 * (j - low)
        rings[k], rings[k + 1], rings[k + 2], rings[k + 3] = west, sure_west, sure_east, east
        if west < east:
            best, one_way = look_at(ways, start, m, west, east, best, one_way)
        if sure_west < sure_east:
            sure = highest_of(ways, start, m, sure_west, sure_east, sure)
    return best, one_way, sure


@part
def climb(b, ways, x, y, z, low, high, floor, limit, best):
    """Return a highest core point within reach among ``low .. high``, or ``best``.

    Only those above the level ``floor`` and above ``best`` are looked at.
    """
    at = b.vectors
    height = floor if best < 0 else max(floor, ways[best, LEVEL])
    p = low
    while p < high:
        if ways[p, LEVEL] <= height:
            p = ways[p, HIGHER]
        elif separation(x, y, z, at[p, 0], at[p, 1], at[p, 2]) <= limit:
            best = p
            height = ways[p, LEVEL]
        else:
            p += 1
    return best


@part
def climb_rings(b, span, ways, x, y, z, rings, floor, limit, top, best):
    """Return a highest core point within reach, ``best`` among those that surely are.

    None of those that may be is higher than ``top``.
    """
    low, _, high = span
    for k in range(0, 4 * (high - low), 2):
        if best >= 0 and ways[best, LEVEL] == ways[top, LEVEL]:
            break
        if rings[k] < rings[k + 1]:
            j = low + k // 4
            m = b.start[j + 1] - b.start[j]
            for second in range(2):
                first, last = half(b.start[j], m, rings[k], rings[k + 1], second)
                best = climb(b, ways, x, y, z, first, last, floor, limit, best)
    return best


@part
def look_round_crowd(a, begin, end, b, span, base, ways, reach, rings):
    """Return what ``look_round`` does, for all of the points ``begin .. end`` of ``a`` at once.

    The last one is ``SEARCH`` where a half-width may reach round the Earth.
    """
    low, _, high = span
    south, north = box_of(a.lat, begin, end)
    west, east = a.lon[begin], a.lon[end - 1]
    best = sure = np.int64(NONE)
    one_way = True
    for j in range(low, high):
        start = b.start[j]
        m = b.start[j + 1] - start
        inner, outer = box_widths(a.vectors, south, north, a.lat, b, j, reach.inner2, reach.outer2)
        if 2.0 * outer + (east - west) >= 360.0:
            return best, one_way, np.int64(SEARCH)
        first = sure_first = sure_last = last = 0
        if outer >= 0.0:
            first, sure_first, sure_last, last = ring_of_box(
                b, j, base[j - low, 0], base[j - low, 1], west, east, inner, outer
            )
        k = 4 * (j - low)
        rings[k], rings[k + 1], rings[k + 2], rings[k + 3] = first, sure_first, sure_last, last
        if first < last:
            best, one_way = look_at(ways, start, m, first, last, best, one_way)
        if sure_first < sure_last:
            sure = highest_of(ways, start, m, sure_first, sure_last, sure)
    return best, one_way, sure


@part
def search_point(a, p, b, span, base, ways, reach, floor, rings):
    """Return a highest core point within reach if any is above ``floor``.

    And whether those that may be within reach are on one way.
    """
    lat, lon = a.lat[p], a.lon[p]
    x, y, z = a.vectors[p, 0], a.vectors[p, 1], a.vectors[p, 2]
    rho = math.sqrt(x * x + y * y)
    top, one_way, best = look_round(b, span, base, ways, reach, lat, lon, rho, z, rings)
    if top >= 0 and ways[top, LEVEL] > floor:
        best = climb_rings(b, span, ways, x, y, z, rings, floor, reach.limit, top, best)
    return best, one_way


@part
def search_crowd(a, begin, end, level, b, span, base, ways, reach, rings, summit, split):
    """Find for the points ``begin .. end`` what ``search_cells`` does."""
    top, one_way, sure = look_round_crowd(a, begin, end, b, span, base, ways, reach, rings)
    ceiling = np.int64(MOST_LEVELS)
    if sure != SEARCH:
        ceiling = ways[top, LEVEL] if top >= 0 else np.int64(0)
    together = one_way and sure != SEARCH
    for p in range(begin, end):
        floor = np.int64(level[p])
        if floor < ceiling:
            on_one = True
            if together:
                x, y, z = a.vectors[p, 0], a.vectors[p, 1], a.vectors[p, 2]
                best = climb_rings(b, span, ways, x, y, z, rings, floor, reach.limit, top, sure)
            else:
                best, on_one = search_point(a, p, b, span, base, ways, reach, floor, rings)
            higher = best >= 0 and ways[best, LEVEL] > floor
            summit[p] = best if higher else np.int64(NONE)
            split[p] = higher and not on_one


@kernel
def search_cells(a, cells, level, b, ways, reach, summit, split, first, last):
    """Find for each point of the ``cells[first:last]`` a highest core point within reach.

    Only where it is higher than the point. ``split`` gets whether core points of different
    ways may be within reach.
    """
    band = np.int64(-1)
    span = (np.int64(0), np.int64(0), np.int64(0))
    outer = np.empty(0)
    inner = np.empty(0)
    base = np.empty((0, 2), dtype=np.int64)
    rings = np.empty(0, dtype=np.int64)
    t = first
    while t < last:
        c = cells[t]
        fresh = a.cell_band[c] != band
        if fresh:
            band = a.cell_band[c]
            span = bands_within(a, band, b, reach.outer2)
            low, _, high = span
            inner, outer = all_half_widths(a, band, b, low, high, reach.inner2, reach.outer2)
            base = np.empty((high - low, 2), dtype=np.int64)
            rings = np.empty(4 * (high - low), dtype=np.int64)
        move_base(b, span, inner, outer, a.lon[a.cell_start[c]], fresh, base)
        together = crowd_from(a, cells, t, last)
        begin, end = a.cell_start[c], a.cell_start[c + together]
        while begin < end:
            stop = min(begin + CROWD, end)
            search_crowd(a, begin, stop, level, b, span, base, ways, reach, rings, summit, split)
            begin = stop
        t += together


class Borders(NamedTuple):
    """What points are with beyond what they are themselves; ``n`` points."""

    summit: NDArray[np.int64]
    """(n,) a highest core point within reach of each that is higher than it, or ``NONE``."""
    split: NDArray[np.int64]
    """Points that may have core points of different components of a threshold within reach."""


def find_borders(
    points: Bands,
    level: NDArray[np.uint8],
    cores: Bands,
    core_level: NDArray[np.uint8],
    node: NDArray[np.int64],
    forest: Forest,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> Borders:
    """Find what points are with at the thresholds at which they are not core points.

    Parameters
    ----------
    points : Bands
        All points.
    level : ndarray of uint8, shape (points,)
        How many thresholds each reaches.
    cores : Bands
        Those that reach any.
    core_level, node : ndarray, shape (core points,)
        Their levels, and their nodes in the forest.
    forest : Forest
        The components.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    span = np.empty((len(forest.parent), 2), dtype=np.int64)
    fill_spans(forest.parent, span)
    ways = np.empty((len(node), 5), dtype=np.int32)
    run_pieces(
        lambda first, last: follow_bands(cores.start, core_level, node, span, ways, first, last),
        cut_evenly(cores.start, PIECE),
        threads,
        unreported,
    )
    floor = np.minimum.reduceat(level, points.cell_start[:-1])
    cells = cells_of(points)
    wanted = reached_cells(cores, points, cells, reach, threads, unreported)
    wanted &= floor < core_level.max()
    claims = np.empty(len(floor), dtype=np.int64)
    inner2, outer2 = reach.inner2, reach.outer2
    run_pieces(
        lambda first, last: claim_cells(
            points, cells, floor, wanted, cores, ways, inner2, outer2, claims, first, last
        ),
        cut_evenly(points.start, PIECE),
        threads,
        lambda share: report(0.5 * share),
    )
    summit = np.empty(len(level), dtype=np.int64)
    split = np.zeros(len(level), dtype=np.bool_)
    run_pieces(
        lambda first, last: settle_cells(points, claims, level, ways, summit, first, last),
        cut_evenly(points.cell_start, PIECE),
        threads,
        unreported,
    )
    left = np.flatnonzero(claims == SEARCH)
    sizes = points.cell_start[left + 1] - points.cell_start[left]
    run_pieces(
        lambda first, last: search_cells(
            points, left, level, cores, ways, reach, summit, split, first, last
        ),
        cut_evenly(np.concatenate([[0], np.cumsum(sizes)]), POINTS_PIECE),
        threads,
        lambda share: report(0.5 + 0.5 * share),
    )
    return Borders(summit, np.flatnonzero(split))
