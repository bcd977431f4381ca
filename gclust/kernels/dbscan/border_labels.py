"""Labels of border points: the nearest core point's label, or the lowest within the radius.

Cells are handled first: if all core points that may be within the radius of a cell have the
same label, it is the *candidate label* of the cell's points, and it remains to decide whether
a core point is within the radius. Points of ambiguous cells search the core points around them.
See "Border labels" in docs/algorithm.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.binary_search import lower_bound
from gclust.kernels.dbscan.point_counts import points_reaching
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
    query_point,
    south_chord2,
)
from gclust.kernels.spatial.cell_bounds import (
    Cells,
    all_half_widths,
    bound_weight,
    cells_of,
    group_cells,
)
from gclust.kernels.spatial.longitudes import advance, locate, longitude_at
from gclust.kernels.spatial.nearby_cells import nearby_cells
from gclust.kernels.sphere import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    Reach,
    outer_chord2,
    separation,
    widened,
)
from gclust.parallel import balanced_chunks, even_chunks, parallel_for, unreported

CELLS_CHUNK = 50_000
"""Number of points in a chunk of bands, when cells get candidate labels."""

POINTS_CHUNK = 2_000
"""Number of points in a chunk, when each point searches for its label."""

NONE = -1
"""Label of points or cells without a core point within the radius."""

AMBIGUOUS = -2
"""Candidate label of cells whose points may have different labels."""

COUNT = np.zeros(0, dtype=np.int64)
"""Empty array of cumulative weights: each core point counts as one."""

ALL = np.zeros(0, dtype=np.bool_)
"""Empty array in the place of marks: all points are wanted."""


class LabelledCores(NamedTuple):
    """``m`` core points and the labels of their clusters."""

    points: Bands
    labels: NDArray[np.int64]  # (m,) none negative


class Candidates(NamedTuple):
    """The candidate labels of ``k`` cells."""

    label: NDArray[np.int64]  # (k,) or ``NONE`` or ``AMBIGUOUS``
    certain: NDArray[np.bool_]  # (k,) whether a core point is within reach of all its points


class Rule(NamedTuple):
    """The rule that decides which core point within the radius gives a point its label."""

    nearest: bool  # whether it is the nearest one, else the lowest label
    limit: float  # key of the radius
    tolerance: float  # radians by which a tied core point may be farther


@helper
def common_label(cores, changes, j, low, high):
    """Return the label that all core points of the cells ``low .. high`` share, if there is one.

    The cells are positions in band ``j``. ``changes[p]`` counts how often the label changes up
    to core point ``p``.
    """
    b = cores.points
    start = b.band_cell[j]
    m = b.band_cell[j + 1] - start
    if low < 0 or high > m:
        low, high = np.int64(0), m
    first, last = b.cell_start[start + low], b.cell_start[start + high] - 1
    return cores.labels[first] if changes[first] == changes[last] else AMBIGUOUS


@helper
def add_band(cores, cells, changes, j, outer, runs, open_runs, n, found):
    """Update the candidate labels of runs of cells, from the core points of band ``j``.

    Only the runs ``open_runs[:n]`` are updated; ``outer`` is the half-width of their band and
    band ``j``.
    """
    start = cells.start[j]
    m = cells.start[j + 1] - start
    position = locate(cells.east, start, m, runs.west[open_runs[0]] - outer)
    for t in range(n):
        r = open_runs[t]
        if 2.0 * outer + (runs.east[r] - runs.west[r]) >= 360.0:
            low, high = np.int64(0), m
        else:
            low = position = advance(cells.east, start, m, position, runs.west[r] - outer)
            high = advance(cells.west, start, m, low, runs.east[r] + outer)
        if low < high:
            label = common_label(cores, changes, j, low, high)
            found[r] = label if found[r] == NONE or found[r] == label else AMBIGUOUS


@allocating_helper
def labels_of_runs(cores, cells, changes, nearby, outer, runs):
    """Return the candidate labels of the runs of cells of a band: int64, shape (r,).

    ``nearby`` are the bands of core points around it, with the half-widths ``outer``.
    """
    n = len(runs.west)
    found = np.empty(n, dtype=np.int64)
    open_runs = np.empty(n, dtype=np.uint64)
    for t in range(n):
        found[t] = NONE
        open_runs[t] = t
    for j in range(nearby.low, nearby.high):
        if n == 0:
            break
        add_band(cores, cells, changes, j, outer[j - nearby.low], runs, open_runs, n, found)
        kept = 0
        for t in range(n):
            if found[open_runs[t]] != AMBIGUOUS:
                open_runs[kept] = open_runs[t]
                kept += 1
        n = kept
    return found


@kernel
def label_cells(points, cells, cores, core_cells, changes, reach, candidates, first, last):
    """Find the candidate labels of the cells of the bands ``first .. last``.

    ``cells`` are those of ``points``, ``core_cells`` those of the ``m`` ``cores``, and ``changes``
    (m,) int64 counts how often the label changes up to each core point. Only cells labelled
    ``AMBIGUOUS`` in ``candidates`` are decided; they stay so if undecided, and are ``NONE`` without
    core points. Runs of cells as wide as the radius come first: most have one cluster around them.
    """
    label, b = candidates.label, cores.points
    one, upper = np.int64(1), np.bool_(False)
    for i in range(first, last):
        begin, end = cells.start[i], cells.start[i + 1]
        is_open = np.empty(end - begin, dtype=np.bool_)
        n_open = 0
        for k in range(len(is_open)):
            is_open[k] = label[begin + k] == AMBIGUOUS
            n_open += is_open[k]
            label[begin + k] = NONE
            candidates.certain[begin + k] = False
        if n_open == 0:
            continue
        nearby = bands_within(points, i, b, reach)
        inner, outer = all_half_widths(points, i, b, nearby, reach)
        radius, _ = half_widths(points, i, points, i, reach)
        for width in (radius, -1.0):
            runs, run_of = group_cells(cells, i, is_open, width)
            found = labels_of_runs(cores, core_cells, changes, nearby, outer, runs)
            for k in range(len(run_of)):
                if run_of[k] >= 0:
                    label[begin + k] = found[run_of[k]]
                    is_open[k] = found[run_of[k]] == AMBIGUOUS
        for k in range(len(is_open)):
            is_open[k] = label[begin + k] >= 0
        runs, run_of = group_cells(cells, i, is_open, -1.0)
        near = bound_weight(core_cells, nearby, inner, b.cell_start, one, upper, runs)
        for k in range(len(run_of)):
            if run_of[k] >= 0:
                candidates.certain[begin + k] = near[run_of[k]] > 0


@kernel
def label_points(cell_start, wanted, label, reached, out, first, last):
    """Copy the candidate label of each cell ``first .. last`` to its points marked in ``wanted``.

    ``cell_start`` (cells + 1,) int64 as in `Bands`, which take longer to compile.
    ``out`` (n,) int64 is filled where ``wanted`` (n,) bool: with the candidate label of the cell,
    ``label`` (cells,) int64, or ``NONE`` unless ``reached`` (n,) bool: a core point is within
    reach. All points are, if ``wanted`` is empty.
    """
    for c in range(first, last):
        for p in range(cell_start[c], cell_start[c + 1]):
            if len(wanted) == 0 or wanted[p]:
                out[p] = label[c] if reached[p] else NONE


@helper
def is_before(cores, nearest, p, q):
    """Return whether core point ``p`` is chosen rather than ``q`` where both are possible.

    The order is by latitude, then longitude for the nearest ones, otherwise by label.
    """
    if not nearest:
        return cores.labels[p] < cores.labels[q]
    if cores.points.lat[p] != cores.points.lat[q]:
        return cores.points.lat[p] < cores.points.lat[q]
    return cores.points.lon[p] < cores.points.lon[q]


@helper
def search_band(cores, j, nearest, point, limit, shrink, found):
    """Search band ``j`` for a better core point than ``found`` (-1: none yet).

    With ``shrink`` the nearest core point is the best, otherwise the first by ``is_before`` of
    those with a key of at most ``limit``. Returns the limit, reduced to the key of the nearest
    core point, and the best core point.
    """
    b = cores.points
    near2 = 0.0
    if point.lat < b.edges[j, SOUTH]:
        near2 = south_chord2(point.rho, point.z, b, j)
    elif point.lat > b.edges[j, NORTH]:
        near2 = north_chord2(point.rho, point.z, b, j)
    product = 4.0 * point.rho * min(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    width = half_width(outer_chord2(limit) - near2, product)
    at, lon = b.vectors, b.lon
    start = b.start[j]
    m = b.start[j + 1] - start
    middle = locate(lon, start, m, point.lon)
    for step in (1, -1):
        here = middle if step == 1 else middle - 1
        while -m <= here < 2 * m and abs(longitude_at(lon, start, m, here) - point.lon) <= width:
            p = start + here % m
            if shrink or found < 0 or is_before(cores, nearest, p, found):
                key = separation(point.x, point.y, point.z, at[p, 0], at[p, 1], at[p, 2])
                if key <= limit and (not shrink or key < limit or found < 0):
                    found = p
                    if shrink:
                        limit = key
                        width = half_width(outer_chord2(limit) - near2, product)
            here += step
    return limit, found


@helper
def search(cores, nearest, point, limit, shrink):
    """Return the reduced distance (key) and number of the best core point, number -1 if none.

    For the best core point see ``search_band``.
    Bands are searched from the point's band outwards, so that the limit shrinks early.
    """
    b = cores.points
    n_bands = len(b.edges)
    own = lower_bound(b.edges[:, NORTH], 0, n_bands, point.lat)
    found = np.int64(-1)
    for step in (1, -1):
        j = own if step == 1 else own - 1
        while 0 <= j < n_bands:
            if step == 1:
                edge2 = south_chord2(point.rho, point.z, b, j)
            else:
                edge2 = north_chord2(point.rho, point.z, b, j)
            away = step == -1 or b.edges[j, SOUTH] > point.lat  # not the point's own band
            if away and edge2 > outer_chord2(limit):
                break
            limit, found = search_band(cores, j, nearest, point, limit, shrink, found)
            j += step
    return limit, found


@kernel
def search_points(points, chosen, cores, rule, out, first, last):
    """Find the labels of the points ``chosen[first:last]`` by a separate search for each.

    ``chosen`` (c,) int64 are numbers of points; ``cores`` have vectors. If the rule is ``nearest``,
    it is the label of the nearest core point; among core points farther by at most the tolerance,
    of the first by latitude, then longitude. Otherwise it is the lowest label. ``out`` (c,) int64
    takes it, ``NONE`` if no core point is within the radius.
    """
    for t in range(first, last):
        point = query_point(points, chosen[t])
        within = rule.limit
        found = np.int64(-1)
        for rounds in range(2 if rule.nearest else 1, 0, -1):
            shrink = rounds == 2
            key, found = search(cores, rule.nearest, point, within, shrink)
            if found < 0:
                break
            if shrink:
                within = min(rule.limit, max(key, widened(key, rule.tolerance)))
        out[t] = cores.labels[found] if found >= 0 else NONE


def search_labels(
    points: Bands,
    chosen: NDArray[np.int64],
    cores: LabelledCores,
    nearest: bool,
    reach: Reach,
    threads: int,
    report: Callable[[float], None] = unreported,
) -> NDArray[np.int64]:
    """Return the labels, shape (c,), of the points ``chosen``, found by one search for each point.

    The label is -1 if no core point is within the radius. ``cores`` have vectors; their cells are
    not used. Other arguments as in `assign_labels`.
    """
    out = np.empty(len(chosen), dtype=np.int64)
    rule = Rule(nearest, reach.limit, TOLERANCE_KM / EARTH_RADIUS_KM)
    chunks = even_chunks(len(chosen), POINTS_CHUNK)
    parallel_for(chunks, threads, search_points, points, chosen, cores, rule, out, report=report)
    return out


def assign_labels(
    points: Bands,
    wanted: NDArray[np.bool_] | None,
    cores: LabelledCores,
    nearest: bool,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
    out: NDArray[np.int64],
) -> None:
    """Find the labels of points from the core points within the radius.

    Parameters
    ----------
    points : Bands
        ``n`` points.
    wanted : ndarray of bool, shape (n,), or None
        Which points need a label; None: all of them.
    cores : LabelledCores
        With vectors.
    nearest : bool
        True: the label of the nearest core point; ties (within a micrometre) are broken by
        least latitude, then longitude. False: the lowest label within the radius.
    out : ndarray of int64, shape (n,)
        Output, for the wanted points: -1 if no core point is within the radius.
    """
    cells = cells_of(points)
    candidates = _candidates(points, cells, wanted, cores, reach, threads, report)
    unclear = np.flatnonzero((candidates.label >= 0) & ~candidates.certain)
    reached = points_reaching(
        *(points, unclear, cores.points, COUNT, reach, 1, threads),
        report=lambda share: report(0.4 + 0.3 * share),
    )
    chunks = balanced_chunks(points.cell_start, CELLS_CHUNK)
    marks = ALL if wanted is None else wanted
    args = (points.cell_start, marks, candidates.label, reached, out)
    parallel_for(chunks, threads, label_points, *args)
    chosen = np.flatnonzero(out == AMBIGUOUS)
    out[chosen] = search_labels(
        *(points, chosen, cores, nearest, reach, threads),
        report=lambda share: report(0.7 + 0.3 * share),
    )


def _candidates(
    points: Bands,
    cells: Cells,
    wanted: NDArray[np.bool_] | None,
    cores: LabelledCores,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> Candidates:
    """Return the candidate labels of the cells with wanted points near core points."""
    is_open = nearby_cells(
        *(cores.points, points, cells, reach, threads), report=lambda share: report(0.1 * share)
    )
    if wanted is not None:
        is_open &= np.logical_or.reduceat(wanted, points.cell_start[:-1])
    label = np.where(is_open, np.int64(AMBIGUOUS), np.int64(NONE))
    candidates = Candidates(label, np.empty(len(is_open), dtype=np.bool_))
    changes = np.zeros(len(cores.labels), dtype=np.int64)
    np.cumsum(cores.labels[1:] != cores.labels[:-1], out=changes[1:])
    args = (points, cells, cores, cells_of(cores.points), changes, reach, candidates)
    chunks = balanced_chunks(points.start, CELLS_CHUNK)
    parallel_for(
        chunks, threads, label_cells, *args, report=lambda share: report(0.1 + 0.3 * share)
    )
    return candidates
