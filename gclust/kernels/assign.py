"""Finding for points the core point, or the label, that they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, even_cuts, run_pieces
from gclust.kernels.bands import Bands, bands_within, chord2, half_width, half_widths
from gclust.kernels.bounds import group_cells, has_enough
from gclust.kernels.circle import advance, locate, longitude_at
from gclust.kernels.sphere import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    Reach,
    outer_chord2,
    separation,
    widened,
)

CELLS_PIECE = 100_000
"""Points of bands in a piece whose cells are decided by bounds."""

POINTS_PIECE = 2_000

NONE, SEARCH = -1, -2
"""Claims on a cell: no core point is within reach; each point must search for itself."""


@part
def common_label(b, j, labels, changes, low, high):
    """Return the label that all core points at the positions ``low .. high`` share, or ``SEARCH``.

    ``changes[p]`` counts how often the label changes along the band up to point ``p``.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    if low >= 0 and high <= m:
        alike = changes[start + low] == changes[start + high - 1]
        return labels[start + low] if alike else SEARCH
    alike = changes[start] == changes[start + m - 1]
    return labels[start] if alike else SEARCH


@part
def claim_cell(b, j, labels, changes, west, east, inner, outer, position, claim, sure):
    """Update what is known of a cell's claim by what band ``j`` has around it.

    ``claim`` is a label that all core points so far share, ``NONE`` or ``SEARCH``;
    ``sure`` is whether one of them is within reach of every point of the cell.
    """
    start = b.start[j]
    m = b.start[j + 1] - start
    if 2.0 * outer + (east - west) >= 360.0:
        low, high = 0, m
    else:
        low = position = advance(b.lon, start, m, position, west - outer)
        high = advance(b.lon, start, m, low, east + outer)
    if low < high:
        label = common_label(b, j, labels, changes, low, high)
        claim = label if claim in (NONE, label) else SEARCH
        if inner >= 180.0:
            sure = True
        elif not sure and east - inner < west + inner:
            inside = advance(b.lon, start, m, low, east - inner)
            sure = inside < high and longitude_at(b.lon, start, m, inside) < west + inner
    return position, claim, sure


@kernel
def claim_cells(a, wanted, b, labels, changes, inner2, outer2, claims, first, last):
    """Find who claims the wanted cells of the bands ``first .. last`` of ``a``.

    A label if all core points in ``b`` that may reach the cell share it and one surely
    does, ``NONE`` if none may, else ``SEARCH``. Runs of cells as wide as the radius come
    first: most have no core point around them.
    """
    count = np.zeros(0, dtype=np.int64)
    for i in range(first, last):
        low, near, high = bands_within(a, i, b, outer2)
        begin = a.band_cell[i]
        some = wanted[begin : a.band_cell[i + 1]]
        width, _ = half_widths(a, i, a, i, inner2, outer2)
        west, east, run_of = group_cells(a, i, some, width)
        any_near = has_enough(
            a, i, b, (low, near, high), count, inner2, outer2, 1, True, west, east
        )
        sure = np.zeros(len(some), dtype=np.bool_)
        hopeful = np.empty(len(some), dtype=np.int64)
        n = 0
        for k in range(len(some)):
            claims[begin + k] = NONE
            if run_of[k] >= 0 and any_near[run_of[k]]:
                hopeful[n] = begin + k
                n += 1
        for j in range(low, high):
            inner, outer = half_widths(a, i, b, j, inner2, outer2)
            m = b.start[j + 1] - b.start[j]
            position = -m
            if n > 0:
                position = locate(b.lon, b.start[j], m, a.lon[a.cell_start[hopeful[0]]] - outer)
            for t in range(n):
                c = hopeful[t]
                if claims[c] != SEARCH:
                    position, claims[c], sure[c - begin] = claim_cell(
                        b,
                        j,
                        labels,
                        changes,
                        a.lon[a.cell_start[c]],
                        a.lon[a.cell_start[c + 1] - 1],
                        inner,
                        outer,
                        position,
                        claims[c],
                        sure[c - begin],
                    )
        for t in range(n):
            c = hopeful[t]
            if claims[c] >= 0 and not sure[c - begin]:
                claims[c] = SEARCH


@part
def is_better(core, labels, nearest, p, q):
    """Return whether core point ``p`` goes before ``q`` among those that tie."""
    if not nearest:
        return labels[p] < labels[q]
    if core.lat[p] != core.lat[q]:
        return core.lat[p] < core.lat[q]
    return core.lon[p] < core.lon[q]


@part
def search_band(core, j, labels, nearest, lat, lon, x, y, z, limit, shrink, found):
    """Search band ``j`` for a better core point than ``found`` (-1: none yet).

    With ``shrink`` the nearest one is better, else the first by ``is_better`` among those
    whose key is at most ``limit``. Returns the limit, shrunk
    to the key of the nearest, and the best point.
    """
    rho = math.sqrt(x * x + y * y)
    near2 = 0.0
    if lat < core.south[j]:
        near2 = chord2(rho, z, core.south_rho[j], core.south_height[j])
    elif lat > core.north[j]:
        near2 = chord2(rho, z, core.north_rho[j], core.north_height[j])
    product = 4.0 * rho * min(core.south_rho[j], core.north_rho[j])
    width = half_width(outer_chord2(limit) - near2, product)
    start = core.start[j]
    m = core.start[j + 1] - start
    middle = locate(core.lon, start, m, lon)
    for step in (1, -1):
        here = middle if step == 1 else middle - 1
        while -m <= here < 2 * m and abs(longitude_at(core.lon, start, m, here) - lon) <= width:
            p = start + here % m
            if shrink or found < 0 or is_better(core, labels, nearest, p, found):
                key = separation(x, y, z, core.x[p], core.y[p], core.z[p])
                if key <= limit and (not shrink or key < limit or found < 0):
                    found = p
                    if shrink:
                        limit = key
                        width = half_width(outer_chord2(limit) - near2, product)
            here += step
    return limit, found


@part
def search(core, labels, nearest, lat, lon, x, y, z, limit, shrink):
    """Return the key of the best core point (see ``search_band``) and the point, or -1.

    Bands are taken from the point's own outwards, so that the limit shrinks early.
    """
    n_bands = len(core.south)
    rho = math.sqrt(x * x + y * y)
    low = 0
    high = n_bands
    while low < high:
        middle = (low + high) // 2
        if core.north[middle] < lat:
            low = middle + 1
        else:
            high = middle
    found = np.int64(-1)
    for step in (1, -1):
        j = low if step == 1 else low - 1
        while 0 <= j < n_bands:
            if step == 1:
                edge2 = chord2(rho, z, core.south_rho[j], core.south_height[j])
            else:
                edge2 = chord2(rho, z, core.north_rho[j], core.north_height[j])
            away = step == -1 or core.south[j] > lat  # not the point's own band
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
        x, y, z = points.x[p], points.y[p], points.z[p]
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
    sizes = np.diff(points.cell_start)
    some = np.logical_or.reduceat(wanted, points.cell_start[:-1])
    claims = np.empty(len(sizes), dtype=np.int64)
    changes = np.zeros(len(labels), dtype=np.int64)
    np.cumsum(labels[1:] != labels[:-1], out=changes[1:])
    run_pieces(
        lambda first, last: claim_cells(
            points, some, core, labels, changes, reach.inner2, reach.outer2, claims, first, last
        ),
        cut_evenly(points.start, CELLS_PIECE),
        threads,
        lambda share: report(0.5 * share),
    )
    by_cell = np.repeat(claims, sizes)
    np.copyto(out, by_cell, where=wanted)
    places = np.flatnonzero(wanted & (by_cell == SEARCH))
    tolerance = TOLERANCE_KM / EARTH_RADIUS_KM
    run_pieces(
        lambda first, last: search_points(
            points, places, core, labels, reach.limit, nearest, tolerance, out, first, last
        ),
        even_cuts(len(places), POINTS_PIECE),
        threads,
        lambda share: report(0.5 + 0.5 * share),
    )
