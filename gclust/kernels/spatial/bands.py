"""Points in bands of latitude, sorted by longitude and divided into cells.

The edges of a pair of bands determine two half-widths of longitude: two points are within
the radius if their longitudes differ by less than the inner half-width, and are not if they
differ by more than the outer one. If rho is the distance from the axis and m the chord of two
points turned onto the same meridian, the square of their chord is
``m**2 + 4 rho_1 rho_2 sin(dlon / 2)**2``; this holds on every surface of revolution.
A cell is a run of points of one band; all its points are within the radius of each other
(Gunawan 2013; Gan and Tao 2015). See "Bands and cells" in docs/algorithm.md.
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
    vector_at,
)
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

BANDS_PER_RADIUS = 4
"""Number of bands in a radius: their height is eps/4. For finding core points, eps/3, eps/5 and
eps/6 took 1.2, 1.4 and 1.5 times the processor time at 1 million reference listings, and about
the same (0.96 to 1.06) at 10 million."""

NEARLY_HALF_TURN = 179.9999999
"""Half-widths between this and 180 degrees are replaced by this (inner) or by 180 (outer), so
that rounding cannot count a point on both sides of the circle."""

SMALL_SQUARE = 1e-4
"""Largest squared sine for which four terms of the arcsine series are exact."""

DEGREE = 180.0 / math.pi

CHUNK = 50_000
"""Number of points in a chunk of work."""

SOUTH, NORTH, SOUTH_RHO, NORTH_RHO, SOUTH_HEIGHT, NORTH_HEIGHT = range(6)
"""Columns of a band's southern and northern edges: latitudes in degrees, distances from the
axis, and heights above the equator."""


class Bands(NamedTuple):
    """Points in bands of latitude: ``n`` points in ``m`` bands and ``k`` cells.

    It has few arrays, as each one adds compile time to every kernel that takes it.
    """

    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]  # (n,) degrees in [-180, 180), ascending within a band
    vectors: NDArray[np.float64]  # (n, 3) in mean radii of the Earth; (0, 3) if not needed
    start: NDArray[np.int64]  # (m + 1,) first point of each band
    edges: NDArray[np.float64]  # (m, 6) see SOUTH and following
    cell_start: NDArray[np.int64]  # (k + 1,) first point of each cell
    cell_band: NDArray[np.int64]  # (k,) band of each cell
    band_cell: NDArray[np.int64]  # (m + 1,) first cell of each band
    axis: float  # semi-major axis of the surface, in mean radii of the Earth
    e2: float  # its squared eccentricity


class Located(NamedTuple):
    """``n`` points: those arrays of `Bands` that are about single points."""

    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]  # (n,) degrees
    vectors: NDArray[np.float64]  # (n, 3)


class BandRange(NamedTuple):
    """The range of bands that may have points within the radius of a band."""

    low: int  # the first band
    near: int  # the first that begins no farther south than this band
    high: int  # the last band + 1


class QueryPoint(NamedTuple):
    """A point whose neighbours are counted or searched."""

    lat: float  # degrees
    lon: float  # degrees
    x: float  # vector in mean radii of the Earth
    y: float
    z: float
    rho: float  # distance from the axis


@helper
def query_point(points, p):
    """Return point ``p`` as a `QueryPoint`; its vector is computed, as it may not be stored."""
    lat, lon = points.lat[p], points.lon[p]
    x, y, z = vector_at(lat, lon, points.axis, points.e2)
    return QueryPoint(lat, lon, x, y, z, math.sqrt(x * x + y * y))


@helper
def chord2(rho_a, height_a, rho_b, height_b):
    """Return the squared chord between two points on the same meridian."""
    across = rho_a - rho_b
    along = height_a - height_b
    return across * across + along * along


@helper
def south_chord2(rho, height, b, j):
    """Return the squared chord between a point and the southern edge of band ``j``."""
    return chord2(rho, height, b.edges[j, SOUTH_RHO], b.edges[j, SOUTH_HEIGHT])


@helper
def north_chord2(rho, height, b, j):
    """Return the squared chord between a point and the northern edge of band ``j``."""
    return chord2(rho, height, b.edges[j, NORTH_RHO], b.edges[j, NORTH_HEIGHT])


@helper
def half_width(across2, product):
    """Return the longitude difference, in degrees, at which two points have a given chord.

    ``across2`` is the squared chord minus the squared chord on one meridian, ``product`` is
    4 rho_1 rho_2. Returns 180 if the whole circle is nearer, -1 if no point of it is.
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
    """Return the least squared chord between band ``i`` of ``a`` and band ``j`` of ``b``."""
    if b.edges[j, SOUTH] > a.edges[i, NORTH]:
        return south_chord2(a.edges[i, NORTH_RHO], a.edges[i, NORTH_HEIGHT], b, j)
    if b.edges[j, NORTH] < a.edges[i, SOUTH]:
        return north_chord2(a.edges[i, SOUTH_RHO], a.edges[i, SOUTH_HEIGHT], b, j)
    return 0.0


@helper
def clipped(inner, outer):
    """Return the half-widths, adjusted so that each is either 180 degrees or clearly less."""
    if inner < 180.0:
        inner = min(inner, NEARLY_HALF_TURN)
    if outer > NEARLY_HALF_TURN:
        outer = 180.0
    return inner, outer


@helper
def half_widths(a, i, b, j, reach):
    """Return the longitude differences up to which points of two bands surely are, or may be, near.

    Both are degrees, for band ``i`` of ``a`` and band ``j`` of ``b``: all pairs up to the inner
    one are within the radius, and none beyond the outer one is.
    """
    south, north = a.edges[i, SOUTH_RHO], a.edges[i, NORTH_RHO]
    far2 = max(
        north_chord2(south, a.edges[i, SOUTH_HEIGHT], b, j),
        south_chord2(north, a.edges[i, NORTH_HEIGHT], b, j),
    )
    wide = max(south, north) * max(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    thin = min(south, north) * min(b.edges[j, SOUTH_RHO], b.edges[j, NORTH_RHO])
    return clipped(
        half_width(reach.inner2 - far2, 4.0 * wide),
        half_width(reach.outer2 - facing_chord2(a, i, b, j), 4.0 * thin),
    )


@helper
def bands_within(a, i, b, reach):
    """Return the range of bands of ``b`` that may be within the radius of band ``i`` of ``a``."""
    near = lower_bound(b.edges[:, SOUTH], 0, len(b.edges), a.edges[i, SOUTH])
    low = high = near
    while low > 0 and facing_chord2(a, i, b, low - 1) <= reach.outer2:
        low -= 1
    while high < len(b.edges) and facing_chord2(a, i, b, high) <= reach.outer2:
        high += 1
    return BandRange(low, near, high)


@kernel
def mark_bands(lat, height, marks, first, last):
    """Mark in ``marks`` (n,) bool the first point of each band among the points ``first .. last``.

    ``lat`` (n,) float64 in degrees, sorted by band; ``height`` of the bands in degrees.
    """
    before = band_of(lat[first - 1], height) if first > 0 else np.int64(0)
    for p in range(first, last):
        band = band_of(lat[p], height)
        marks[p] = p == 0 or band != before
        before = band


@kernel
def find_edges(lat, start, axis, e2, edges, first, last):
    """Find the edges of the bands ``first .. last``; arguments as in `Bands`."""
    for i in range(first, last):
        south = north = lat[start[i]]
        for p in range(start[i] + 1, start[i + 1]):
            south = min(south, lat[p])
            north = max(north, lat[p])
        edges[i, SOUTH], edges[i, NORTH] = south, north
        edges[i, SOUTH_RHO], edges[i, SOUTH_HEIGHT] = meridian_point(south, axis, e2)
        edges[i, NORTH_RHO], edges[i, NORTH_HEIGHT] = meridian_point(north, axis, e2)


@kernel
def mark_cells(bands, reach, marks, first, last):
    """Mark in ``marks`` (n,) bool the first point of each cell of the bands ``first .. last``."""
    for i in range(first, last):
        inner, _ = half_widths(bands, i, bands, i, reach)
        width = max(inner, 0.0) / BANDS_PER_RADIUS
        west = -math.inf
        for p in range(bands.start[i], bands.start[i + 1]):
            marks[p] = bands.lon[p] - west > width
            if marks[p]:
                west = bands.lon[p]


@kernel
def gather_points(points, chosen, out, first, last):
    """Copy the points ``chosen[first:last]``, int64, to positions ``first .. last`` of ``out``.

    ``points`` and ``out`` are `Located`: `Bands` with all of their arrays take longer to compile.
    """
    for t in range(first, last):
        p = chosen[t]
        out.lat[t] = points.lat[p]
        out.lon[t] = points.lon[p]
        for k in range(3):
            out.vectors[t, k] = points.vectors[p, k]


def band_height(eps_km: float) -> float:
    """Return the height in degrees of the latitude bands for a radius: a quarter of it."""
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
    """Return sorted points with their division into bands and cells.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees; sorted by band of :func:`band_height`, then longitude, as by ``fold``.
    surface : tuple of float
        Semi-major axis and squared eccentricity, see ``sphere``.
    eps_km : float
        The radius.
    reach : Reach
        The same radius in the form for kernels.
    vectors : bool, default True
        Whether to compute vectors; only points that are neighbours of others need them.
    """
    n = len(lat)
    marks = np.empty(n, dtype=np.bool_)
    height = band_height(eps_km)
    axis, e2 = surface
    at = np.empty((n if vectors else 0, 3))

    def mark(first: int, last: int) -> None:
        mark_bands(lat, height, marks, first, last)
        if vectors:
            fill_vectors(lat, lon, axis, e2, at, first, last)

    parallel_for(even_chunks(n, CHUNK), threads, mark, report=report)
    start = np.append(np.flatnonzero(marks), n)
    edges = np.empty((len(start) - 1, 6))
    none = np.zeros(0, dtype=np.int64)
    bands = Bands(lat, lon, at, start, edges, none, none, none, float(axis), float(e2))

    def mark_starts(first: int, last: int) -> None:
        find_edges(lat, start, axis, e2, edges, first, last)
        mark_cells(bands, reach, marks, first, last)

    parallel_for(balanced_chunks(start, CHUNK), threads, mark_starts)
    return _with_cells(bands, marks)


def select_points(
    bands: Bands,
    chosen: NDArray[np.int64],
    reach: Reach | None,
    threads: int,
    in_place: bool = False,
) -> Bands:
    """Return bands of only the ``chosen`` points, with new cells if a radius is given.

    ``bands`` have vectors; ``chosen`` (m,) are point numbers, ascending. With ``in_place`` their
    vectors are moved to the front of those of ``bands``, which takes less memory, but one thread.
    """
    n = len(chosen)
    if n == len(bands.lon):
        return bands
    start = np.searchsorted(chosen, bands.start)
    kept = np.flatnonzero(start[1:] > start[:-1])
    selected = bands._replace(
        lat=np.empty(n),
        lon=np.empty(n),
        vectors=bands.vectors[:n] if in_place else np.empty((n, 3)),
        edges=bands.edges[kept],
        start=np.append(start[kept], n),
    )
    given, to = (Located(each.lat, each.lon, each.vectors) for each in (bands, selected))
    if in_place:
        threads = 1  # in order, so that no vector is overwritten before it is moved
    if reach is None:
        parallel_for(even_chunks(n, CHUNK), threads, gather_points, given, chosen, to)
        none = np.zeros(0, dtype=np.int64)
        return selected._replace(cell_start=none, cell_band=none, band_cell=none)
    marks = np.empty(n, dtype=np.bool_)

    def fill(first: int, last: int) -> None:
        gather_points(given, chosen, to, selected.start[first], selected.start[last])
        mark_cells(selected, reach, marks, first, last)

    parallel_for(balanced_chunks(selected.start, CHUNK), threads, fill)
    return _with_cells(selected, marks)


def _with_cells(bands: Bands, marks: NDArray[np.bool_]) -> Bands:
    """Return the bands with cells that begin at the marked points."""
    cell_start = np.append(np.flatnonzero(marks), len(marks))
    band_cell = np.searchsorted(cell_start, bands.start)
    cell_band = np.repeat(np.arange(len(bands.edges)), np.diff(band_cell))
    return bands._replace(cell_start=cell_start, cell_band=cell_band, band_cell=band_cell)
