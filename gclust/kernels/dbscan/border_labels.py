"""Finding for points the core point, or the label, that they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.binary_search import lower_bound
from gclust.kernels.dbscan.point_counts import weigh_points
from gclust.kernels.spatial.bands import (
    NORTH,
    NORTH_RHO,
    SOUTH,
    SOUTH_RHO,
    Bands,
    bands_within,
    half_width,
    half_widths,
    north_chord2,
    south_chord2,
)
from gclust.kernels.spatial.cell_bounds import all_half_widths, cells_of, group_cells, sum_around
from gclust.kernels.spatial.longitudes import advance, locate, longitude_at
from gclust.kernels.spatial.nearby_cells import reached_cells
from gclust.kernels.sphere import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    Reach,
    outer_chord2,
    separation,
    vector_at,
    widened,
)
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

CELLS_CHUNK = 50_000
"""Points of bands in a chunk whose cells are decided by bounds."""

POINTS_CHUNK = 2_000

NONE, SEARCH = -1, -2
"""Claims on a cell: no core point is within reach; each point must search for itself."""

COUNT = np.zeros(0, dtype=np.int64)
"""Has core points counted, each as one."""


@helper
def common_label(b, j, labels, changes, low, high):
    """Return the label that the core points of the cells ``low .. high`` share, or ``SEARCH``.

    ``changes[p]`` counts how often the label changes along the band up to point ``p``.
    """
    start = b.band_cell[j]
    m = b.band_cell[j + 1] - start
    if low < 0 or high > m:
        low, high = np.int64(0), m
    first, last = b.cell_start[start + low], b.cell_start[start + high] - 1
    return labels[first] if changes[first] == changes[last] else SEARCH


@helper
def claim_runs(b, cells, j, labels, changes, outer, runs, west, east, n, claims):
    """Update the claims on runs by what band ``j`` has within their outer half-width."""
    start = cells.start[j]
    m = cells.start[j + 1] - start
    position = locate(cells.east, start, m, west[runs[0]] - outer)
    for t in range(n):
        r = runs[t]
        if 2.0 * outer + (east[r] - west[r]) >= 360.0:
            low, high = np.int64(0), m
        else:
            low = position = advance(cells.east, start, m, position, west[r] - outer)
            high = advance(cells.west, start, m, low, east[r] + outer)
        if low < high:
            label = common_label(b, j, labels, changes, low, high)
            claims[r] = label if claims[r] == NONE or claims[r] == label else SEARCH


@allocating_helper
def find_claims(b, cells, span, outer, labels, changes, west, east):
    """Return the claims on runs of a band whose half-widths to those of ``span`` are ``outer``.

    The label that all core points of ``b`` which may reach the run share, ``NONE`` if
    there are none, or ``SEARCH``.
    """
    low, _, high = span
    n = len(west)
    claims = np.full(n, NONE)
    runs = np.arange(n).astype(np.uint64)
    for j in range(low, high):
        if n == 0:
            break
        claim_runs(b, cells, j, labels, changes, outer[j - low], runs, west, east, n, claims)
        kept = 0
        for t in range(n):
            if claims[runs[t]] != SEARCH:
                runs[kept] = runs[t]
                kept += 1
        n = kept
    return claims


@kernel
def claim_cells(
    a, cells, wanted, b, of_b, labels, changes, inner2, outer2, claims, sure, first, last
):
    """Find who claims the wanted cells of the bands ``first .. last`` of ``a``.

    ``cells`` and ``of_b`` are the cells of ``a`` and ``b``. Runs of cells as wide as the
    radius come first: most have one cluster around them. ``sure`` gets whether some core
    point is within reach of all points of a cell that has one claim.
    """
    one, upper = np.int64(1), np.bool_(False)
    for i in range(first, last):
        begin, end = cells.start[i], cells.start[i + 1]
        open_cells = wanted[begin:end].copy()
        claims[begin:end] = NONE
        sure[begin:end] = False
        if not open_cells.any():
            continue
        span = bands_within(a, i, b, outer2)
        inner, outer = all_half_widths(a, i, b, span[0], span[2], inner2, outer2)
        width, _ = half_widths(a, i, a, i, inner2, outer2)
        for widest in (width, -1.0):
            west, east, run_of = group_cells(cells, i, open_cells, widest)
            found = find_claims(b, of_b, span, outer, labels, changes, west, east)
            for k in range(len(run_of)):
                if run_of[k] >= 0:
                    claims[begin + k] = found[run_of[k]]
                    open_cells[k] = found[run_of[k]] == SEARCH
        for k in range(len(open_cells)):
            open_cells[k] = claims[begin + k] >= 0
        west, east, run_of = group_cells(cells, i, open_cells, -1.0)
        near = sum_around(of_b, span, inner, outer, b.cell_start, one, upper, west, east)
        for k in range(len(run_of)):
            if run_of[k] >= 0:
                sure[begin + k] = near[run_of[k]] > 0


@kernel
def label_cells(points, wanted, claims, reached, out, first, last):
    """Write the claims on the cells ``first .. last`` for their wanted points that are reached."""
    for c in range(first, last):
        for p in range(points.cell_start[c], points.cell_start[c + 1]):
            if wanted[p]:
                out[p] = claims[c] if reached[p] else NONE


@helper
def is_better(core, labels, nearest, p, q):
    """Return whether core point ``p`` goes before ``q`` among those that tie."""
    if not nearest:
        return labels[p] < labels[q]
    if core.lat[p] != core.lat[q]:
        return core.lat[p] < core.lat[q]
    return core.lon[p] < core.lon[q]


@helper
def search_band(core, j, labels, nearest, lat, lon, x, y, z, limit, shrink, found):
    """Search band ``j`` for a better core point than ``found`` (-1: none yet).

    With ``shrink`` the nearest one is better, else the first by ``is_better`` among those
    whose key is at most ``limit``. Returns the limit, shrunk
    to the key of the nearest, and the best point.
    """
    rho = math.sqrt(x * x + y * y)
    near2 = 0.0
    if lat < core.edges[j, SOUTH]:
        near2 = south_chord2(rho, z, core, j)
    elif lat > core.edges[j, NORTH]:
        near2 = north_chord2(rho, z, core, j)
    product = 4.0 * rho * min(core.edges[j, SOUTH_RHO], core.edges[j, NORTH_RHO])
    width = half_width(outer_chord2(limit) - near2, product)
    at = core.vectors
    start = core.start[j]
    m = core.start[j + 1] - start
    middle = locate(core.lon, start, m, lon)
    for step in (1, -1):
        here = middle if step == 1 else middle - 1
        while -m <= here < 2 * m and abs(longitude_at(core.lon, start, m, here) - lon) <= width:
            p = start + here % m
            if shrink or found < 0 or is_better(core, labels, nearest, p, found):
                key = separation(x, y, z, at[p, 0], at[p, 1], at[p, 2])
                if key <= limit and (not shrink or key < limit or found < 0):
                    found = p
                    if shrink:
                        limit = key
                        width = half_width(outer_chord2(limit) - near2, product)
            here += step
    return limit, found


@helper
def search(core, labels, nearest, lat, lon, x, y, z, limit, shrink):
    """Return the key of the best core point (see ``search_band``) and the point, or -1.

    Bands are taken from the point's own outwards, so that the limit shrinks early.
    """
    n_bands = len(core.edges)
    rho = math.sqrt(x * x + y * y)
    low = lower_bound(core.edges[:, NORTH], 0, n_bands, lat)
    found = np.int64(-1)
    for step in (1, -1):
        j = low if step == 1 else low - 1
        while 0 <= j < n_bands:
            edge2 = south_chord2(rho, z, core, j) if step == 1 else north_chord2(rho, z, core, j)
            away = step == -1 or core.edges[j, SOUTH] > lat  # not the point's own band
            if away and edge2 > outer_chord2(limit):
                break
            limit, found = search_band(
                core, j, labels, nearest, lat, lon, x, y, z, limit, shrink, found
            )
            j += step
    return limit, found


@kernel
def search_points(points, places, core, labels, limit, nearest, tolerance, out, first, last):
    """Write the labels of the ``places[first:last]`` of ``points``, -1 without core point.

    ``nearest``: that of the nearest core point, or of those no more than ``tolerance``
    (radians) farther the first by place. Otherwise the least label within ``limit``.
    """
    for t in range(first, last):
        p = places[t]
        lat, lon = points.lat[p], points.lon[p]
        x, y, z = vector_at(lat, lon, points.axis, points.e2)
        within = limit
        found = np.int64(-1)
        for rounds in range(2 if nearest else 1, 0, -1):
            shrink = rounds == 2
            key, found = search(core, labels, nearest, lat, lon, x, y, z, within, shrink)
            if found < 0:
                break
            if shrink:
                within = min(limit, max(key, widened(key, tolerance)))
        out[p] = labels[found] if found >= 0 else -1


def assign_labels(
    points: Bands,
    wanted: NDArray[np.bool_],
    core: Bands,
    labels: NDArray[np.int64],
    nearest: bool,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
    out: NDArray[np.int64],
) -> None:
    """Write the label of the core point that each point belongs to.

    Parameters
    ----------
    points : Bands
        Points to find a label for.
    wanted : ndarray of bool, shape (n,)
        Which of ``points``.
    core : Bands
        The core points.
    labels : ndarray of int64, shape (core points,)
        Their labels, none negative.
    nearest : bool
        True: the label of the nearest core point, ties (a micrometre) to the least
        latitude, then longitude. False: the least label within reach.
    reach : Reach
        The radius.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    out : ndarray of int64, shape (n,)
        Gets the labels of the wanted points, -1 out of reach of all core points.
    """
    cells, of_core = cells_of(points), cells_of(core)
    some = reached_cells(core, points, cells, reach, threads, lambda share: report(0.1 * share))
    some &= np.logical_or.reduceat(wanted, points.cell_start[:-1])
    claims = np.empty(len(some), dtype=np.int64)
    sure = np.empty(len(some), dtype=np.bool_)
    changes = np.zeros(len(labels), dtype=np.int64)
    np.cumsum(labels[1:] != labels[:-1], out=changes[1:])
    parallel_for(
        balanced_chunks(points.start, CELLS_CHUNK),
        threads,
        claim_cells,
        points,
        cells,
        some,
        core,
        of_core,
        labels,
        changes,
        reach.inner2,
        reach.outer2,
        claims,
        sure,
        report=lambda share: report(0.1 + 0.3 * share),
    )
    reached = np.ones(len(wanted), dtype=np.bool_)
    weigh_points(
        points,
        np.flatnonzero((claims >= 0) & ~sure),
        core,
        COUNT,
        reach,
        1,
        threads,
        lambda share: report(0.4 + 0.3 * share),
        reached,
    )
    parallel_for(
        balanced_chunks(points.cell_start, CELLS_CHUNK),
        threads,
        label_cells,
        points,
        wanted,
        claims,
        reached,
        out,
    )
    places = np.flatnonzero(out == SEARCH)
    tolerance = TOLERANCE_KM / EARTH_RADIUS_KM
    parallel_for(
        even_chunks(len(places), POINTS_CHUNK),
        threads,
        search_points,
        points,
        places,
        core,
        labels,
        reach.limit,
        nearest,
        tolerance,
        out,
        report=lambda share: report(0.7 + 0.3 * share),
    )
