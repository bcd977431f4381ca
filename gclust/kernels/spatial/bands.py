"""Points in bands of latitude, sorted by longitude and cut into cells.

For a pair of bands two half-widths of longitude follow from their edges alone: a
pair of points nearer than the inner one is within the radius, and one farther than
the outer one is not. With rho the distance from the axis and m the chord of two
points turned onto one meridian, their chord is
``m**2 + 4 rho_1 rho_2 sin(dlon / 2)**2``, which holds on every surface of revolution.
A cell is a run of points of one band; all its points are within the radius of each
other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.binary_search import lower_bound
from gclust.kernels.spatial.bucket_sort import band_of
from gclust.kernels.sphere import (
    EARTH_RADIUS_KM,
    TOLERANCE_KM,
    Reach,
    fill_vectors,
    meridian_point,
)
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

BANDS_PER_RADIUS = 4
"""Bands of eps/4: for finding core points, eps/3, eps/5 and eps/6 took 1.2, 1.4 and 1.5
times the processor time at 1 million reference listings, and about the same (0.96 to 1.06)
at 10 million."""

NEARLY_HALF_TURN = 179.9999999
"""Half-widths between this and 180 degrees are taken for this (inner) or for 180
(outer), so that rounding cannot count a point on both sides of the circle."""

SMALL_SQUARE = 1e-4
"""Squared sines up to which four terms of the series of the arc sine do."""

DEGREE = 180.0 / math.pi

CHUNK = 50_000


SOUTH, NORTH, SOUTH_RHO, NORTH_RHO, SOUTH_HEIGHT, NORTH_HEIGHT = range(6)
"""Columns of a band's edges: their latitudes in degrees, the distances of both from the
axis, and their heights above the equator."""


class Bands(NamedTuple):
    """Points in bands; ``n`` points, ``m`` bands, ``k`` cells.

    Few arrays: each costs time to compile in each kernel that gets them.
    """

    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]
    vectors: NDArray[np.float64]  # (n, 3) in mean radii of the Earth; (0, 3) if unwanted
    start: NDArray[np.int64]  # (m + 1,) first point of each band
    edges: NDArray[np.float64]  # (m, 6) see SOUTH and following
    cell_start: NDArray[np.int64]  # (k + 1,) first point of each cell
    cell_band: NDArray[np.int64]  # (k,)
    band_cell: NDArray[np.int64]  # (m + 1,) first cell of each band
    axis: float  # of the surface, see ``sphere``
    e2: float


@helper
def chord2(rho_a, height_a, rho_b, height_b):
    """Return the squared chord of two points on one meridian."""
    across = rho_a - rho_b
    along = height_a - height_b
    return across * across + along * along


@helper
def south_chord2(rho, height, b, j):
    """Return the squared chord of a point and the southern edge of band ``j``."""
    return chord2(rho, height, b.edges[j, SOUTH_RHO], b.edges[j, SOUTH_HEIGHT])


@helper
def north_chord2(rho, height, b, j):
    """Return the squared chord of a point and the northern edge of band ``j``."""
    return chord2(rho, height, b.edges[j, NORTH_RHO], b.edges[j, NORTH_HEIGHT])


@helper
def half_width(across2, product):
    """Return the longitude difference at which a chord square is ``across2``.

    ``product`` is 4 rho_1 rho_2. Degrees; 180 if the whole circle is nearer, -1 if
    nothing is.
    """
    if across2 < 0.0:
        return -1.0
    if across2 >= product:
        return 180.0
    square = across2 / product
    if square < SMALL_SQUARE:  # the series of the arc sine, exact to 1e-16
        return math.sqrt(square) * (
            2.0 * DEGREE * (1.0 + square * (1.0 / 6.0 + square * (0.075 + square * 15.0 / 336.0)))
        )
    return math.degrees(2.0 * math.asin(math.sqrt(square)))


@helper
def facing_chord2(a, i, b, j):
    """Return the least squared chord of band ``i`` of ``a`` and band ``j`` of ``b``."""
    if b.edges[j, SOUTH] > a.edges[i, NORTH]:
        return south_chord2(a.edges[i, NORTH_RHO], a.edges[i, NORTH_HEIGHT], b, j)
    if b.edges[j, NORTH] < a.edges[i, SOUTH]:
        return north_chord2(a.edges[i, SOUTH_RHO], a.edges[i, SOUTH_HEIGHT], b, j)
    return 0.0


@helper
def clipped(inner, outer):
    """Return half-widths that are either 180 degrees or surely less."""
    if inner < 180.0:
        inner = min(inner, NEARLY_HALF_TURN)
    if outer > NEARLY_HALF_TURN:
        outer = 180.0
    return inner, outer


@helper
def half_widths(a, i, b, j, inner2, outer2):
    """Return inner and outer half-width of a pair of bands, in degrees."""
    south, north = a.edges[i, SOUTH_RHO], a.edges[i, NORTH_RHO]
    far2 = max(
        north_chord2(south, a.edges[i, SOUTH_HEIGHT], b, j),
        south_chord2(north, a.edges[i, NORTH_HEIGHT], b, j),
    )
    wide = max(south, north) * max(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    thin = min(south, north) * min(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    return clipped(
        half_width(inner2 - far2, 4.0 * wide),
        half_width(outer2 - facing_chord2(a, i, b, j), 4.0 * thin),
    )


@helper
def bands_within(a, i, b, outer2):
    """Return which bands of ``b`` band ``i`` of ``a`` may reach.

    The first one, one next to band ``i``, and the last + 1.
    """
    near = lower_bound(b.edges[:, SOUTH], 0, len(b.edges), a.edges[i, SOUTH])
    low = near
    high = near
    while low > 0 and facing_chord2(a, i, b, low - 1) <= outer2:
        low -= 1
    while high < len(b.edges) and facing_chord2(a, i, b, high) <= outer2:
        high += 1
    return low, near, high


@kernel
def mark_bands(lat, height, marks, first, last):
    """Mark the first point of each band among the points ``first .. last``."""
    before = band_of(lat[first - 1], height) if first > 0 else np.int64(0)
    for p in range(first, last):
        band = band_of(lat[p], height)
        marks[p] = p == 0 or band != before
        before = band


@kernel
def find_edges(lat, start, axis, e2, edges, first, last):
    """Find the edges of the bands ``first .. last``."""
    for i in range(first, last):
        south = north = lat[start[i]]
        for p in range(start[i] + 1, start[i + 1]):
            south = min(south, lat[p])
            north = max(north, lat[p])
        edges[i, SOUTH], edges[i, NORTH] = south, north
        edges[i, SOUTH_RHO], edges[i, SOUTH_HEIGHT] = meridian_point(south, axis, e2)
        edges[i, NORTH_RHO], edges[i, NORTH_HEIGHT] = meridian_point(north, axis, e2)


@kernel
def mark_cells(bands, inner2, outer2, parts, marks, first, last):
    """Mark the first point of each cell of the bands ``first .. last``."""
    for i in range(first, last):
        inner, _ = half_widths(bands, i, bands, i, inner2, outer2)
        width = max(inner, 0.0) / parts
        west = -math.inf
        for p in range(bands.start[i], bands.start[i + 1]):
            marks[p] = bands.lon[p] - west > width
            if marks[p]:
                west = bands.lon[p]


@kernel
def gather_points(bands, places, out, first, last):
    """Copy the points ``places[first:last]`` of ``bands``."""
    for t in range(first, last):
        p = places[t]
        out.lat[t] = bands.lat[p]
        out.lon[t] = bands.lon[p]
        for k in range(3):
            out.vectors[t, k] = bands.vectors[p, k]


def band_height(eps_km: float) -> float:
    """Return the height of the bands for a radius, in degrees."""
    return math.degrees((eps_km + TOLERANCE_KM) / EARTH_RADIUS_KM) / BANDS_PER_RADIUS


def build_bands(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    surface: tuple[float, float],
    eps_km: float,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
    vectors: bool = True,
) -> Bands:
    """Find the bands of sorted points.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees; by band of :func:`band_height`, then longitude, as ``grid`` sorts them.
    surface : tuple of float
        Semi-major axis and squared eccentricity, see ``sphere``.
    eps_km : float
        The radius; its reach is ``reach``.
    reach : Reach
        What cells are cut by.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    vectors : bool, default True
        Whether the points' vectors are wanted: points that others look for need them.
    """
    n = len(lat)
    cuts = even_chunks(n, CHUNK)
    marks = np.empty(n, dtype=np.bool_)
    height = band_height(eps_km)
    axis, e2 = surface
    at = np.empty((n if vectors else 0, 3))

    def mark(first: int, last: int) -> None:
        mark_bands(lat, height, marks, first, last)
        if vectors:
            fill_vectors(lat, lon, axis, e2, at, first, last)

    parallel_for(cuts, threads, mark, report=report)
    start = np.append(np.flatnonzero(marks), n)
    edges = np.empty((len(start) - 1, 6))
    none = np.zeros(0, dtype=np.int64)
    bands = Bands(lat, lon, at, start, edges, none, none, none, float(axis), float(e2))

    def cut(first: int, last: int) -> None:
        find_edges(lat, start, axis, e2, edges, first, last)
        mark_cells(bands, reach.inner2, reach.outer2, BANDS_PER_RADIUS, marks, first, last)

    parallel_for(balanced_chunks(start, CHUNK), threads, cut)
    return _with_cells(bands, marks)


def select_points(bands: Bands, places: NDArray[np.int64], reach: Reach, threads: int) -> Bands:
    """Return the bands of some points alone, their cells cut anew.

    ``places`` are the points' numbers, ascending.
    """
    n = len(places)
    if n == len(bands.lon):
        return bands
    start = np.searchsorted(places, bands.start)
    kept = np.flatnonzero(start[1:] > start[:-1])
    chosen = bands._replace(
        lat=np.empty(n),
        lon=np.empty(n),
        vectors=np.empty((n, 3)),
        edges=bands.edges[kept],
        start=np.append(start[kept], n),
    )
    marks = np.empty(n, dtype=np.bool_)

    def cut(first: int, last: int) -> None:
        gather_points(bands, places, chosen, chosen.start[first], chosen.start[last])
        mark_cells(chosen, reach.inner2, reach.outer2, BANDS_PER_RADIUS, marks, first, last)

    parallel_for(balanced_chunks(chosen.start, CHUNK), threads, cut)
    return _with_cells(chosen, marks)


def _with_cells(bands: Bands, marks: NDArray[np.bool_]) -> Bands:
    """Return the bands with cells that begin at the marked points."""
    cell_start = np.append(np.flatnonzero(marks), len(marks))
    band_cell = np.searchsorted(cell_start, bands.start)
    cell_band = np.repeat(np.arange(len(bands.edges)), np.diff(band_cell))
    return bands._replace(cell_start=cell_start, cell_band=cell_band, band_cell=band_cell)
