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

from gclust.kernels._jit import kernel, part
from gclust.kernels._pieces import cut_evenly, even_cuts, run_pieces, unreported
from gclust.kernels.grid import band_of
from gclust.kernels.sphere import EARTH_RADIUS_KM, TOLERANCE_KM, Reach, fill_vectors, meridian

BANDS_PER_RADIUS = 4
"""Bands of eps/4: for finding core points, eps/3, eps/5 and eps/6 took 1.2, 1.4 and 1.5
times the processor time at 1 million reference listings, and about the same (0.96 to 1.06)
at 10 million."""

NEARLY_HALF_TURN = 179.9999999
"""Half-widths between this and 180 degrees are taken for this (inner) or for 180
(outer), so that rounding cannot count a point on both sides of the circle."""

PIECE = 100_000


class Bands(NamedTuple):
    """Points in bands; ``n`` points, ``m`` bands, ``k`` cells."""

    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]
    x: NDArray[np.float64]  # (n,) vectors, in mean radii of the Earth
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    start: NDArray[np.int64]  # (m + 1,) first point of each band
    south: NDArray[np.float64]  # (m,) edges, degrees of latitude
    north: NDArray[np.float64]
    south_rho: NDArray[np.float64]  # (m,) the edges' distance from the axis,
    north_rho: NDArray[np.float64]
    south_height: NDArray[np.float64]  # and height above the equator
    north_height: NDArray[np.float64]
    cell_start: NDArray[np.int64]  # (k + 1,) first point of each cell
    cell_band: NDArray[np.int64]  # (k,)
    band_cell: NDArray[np.int64]  # (m + 1,) first cell of each band


EDGES = ("south", "north", "south_rho", "north_rho", "south_height", "north_height")


@part
def chord2(rho_a, height_a, rho_b, height_b):
    """Return the squared chord of two points on one meridian."""
    across = rho_a - rho_b
    along = height_a - height_b
    return across * across + along * along


@part
def half_width(across2, product):
    """Return the longitude difference at which a chord square is ``across2``.

    ``product`` is 4 rho_1 rho_2. Degrees; 180 if the whole circle is nearer, -1 if
    nothing is.
    """
    if across2 < 0.0:
        return -1.0
    if across2 >= product:
        return 180.0
    return math.degrees(2.0 * math.asin(math.sqrt(across2 / product)))


@part
def facing_chord2(a, i, b, j):
    """Return the least squared chord of band ``i`` of ``a`` and band ``j`` of ``b``."""
    if b.south[j] > a.north[i]:
        return chord2(a.north_rho[i], a.north_height[i], b.south_rho[j], b.south_height[j])
    if b.north[j] < a.south[i]:
        return chord2(a.south_rho[i], a.south_height[i], b.north_rho[j], b.north_height[j])
    return 0.0


@part
def half_widths(a, i, b, j, inner2, outer2):
    """Return inner and outer half-width of a pair of bands, in degrees."""
    far2 = max(
        chord2(a.south_rho[i], a.south_height[i], b.north_rho[j], b.north_height[j]),
        chord2(a.north_rho[i], a.north_height[i], b.south_rho[j], b.south_height[j]),
    )
    wide = max(a.south_rho[i], a.north_rho[i]) * max(b.south_rho[j], b.north_rho[j])
    thin = min(a.south_rho[i], a.north_rho[i]) * min(b.south_rho[j], b.north_rho[j])
    inner = half_width(inner2 - far2, 4.0 * wide)
    outer = half_width(outer2 - facing_chord2(a, i, b, j), 4.0 * thin)
    if inner < 180.0:
        inner = min(inner, NEARLY_HALF_TURN)
    if outer > NEARLY_HALF_TURN:
        outer = 180.0
    return inner, outer


@part
def bands_within(a, i, b, outer2):
    """Return which bands of ``b`` band ``i`` of ``a`` may reach.

    The first one, one next to band ``i``, and the last + 1.
    """
    low = 0
    high = len(b.south)
    while low < high:
        middle = (low + high) // 2
        if b.south[middle] < a.south[i]:
            low = middle + 1
        else:
            high = middle
    near = low
    high = low
    while low > 0 and facing_chord2(a, i, b, low - 1) <= outer2:
        low -= 1
    while high < len(b.south) and facing_chord2(a, i, b, high) <= outer2:
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
def find_edges(lat, start, south, north, first, last):
    """Find the least and greatest latitude of the bands ``first .. last``."""
    for i in range(first, last):
        low = high = lat[start[i]]
        for p in range(start[i] + 1, start[i + 1]):
            low = min(low, lat[p])
            high = max(high, lat[p])
        south[i] = low
        north[i] = high


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
    """
    n = len(lat)
    cuts = even_cuts(n, PIECE)
    marks = np.empty(n, dtype=np.bool_)
    height = band_height(eps_km)
    run_pieces(
        lambda first, last: mark_bands(lat, height, marks, first, last), cuts, threads, unreported
    )
    start = np.append(np.flatnonzero(marks), n)
    south, north = np.empty(len(start) - 1), np.empty(len(start) - 1)
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    axis, e2 = surface
    run_pieces(
        lambda first, last: fill_vectors(lat, lon, axis, e2, x, y, z, first, last),
        cuts,
        threads,
        report,
    )
    run_pieces(
        lambda first, last: find_edges(lat, start, south, north, first, last),
        cut_evenly(start, PIECE),
        threads,
        unreported,
    )
    south_rho, south_height = meridian(south, axis, e2)
    north_rho, north_height = meridian(north, axis, e2)
    none = np.zeros(0, dtype=np.int64)
    bands = Bands(
        lat=lat,
        lon=lon,
        x=x,
        y=y,
        z=z,
        start=start,
        south=south,
        north=north,
        south_rho=south_rho,
        north_rho=north_rho,
        south_height=south_height,
        north_height=north_height,
        cell_start=none,
        cell_band=none,
        band_cell=none,
    )
    return _cut_cells(bands, reach, threads)


def select_points(bands: Bands, places: NDArray[np.int64], reach: Reach, threads: int) -> Bands:
    """Return the bands of some points alone, their cells cut anew.

    ``places`` are the points' numbers, ascending.
    """
    start = np.searchsorted(places, bands.start)
    kept = np.flatnonzero(start[1:] > start[:-1])
    cut = bands._replace(
        **{name: getattr(bands, name)[places] for name in ("lat", "lon", "x", "y", "z")},
        **{name: getattr(bands, name)[kept] for name in EDGES},
        start=np.append(start[kept], len(places)),
    )
    return _cut_cells(cut, reach, threads)


def _cut_cells(bands: Bands, reach: Reach, threads: int) -> Bands:
    n_points, start = len(bands.lon), bands.start
    marks = np.empty(n_points, dtype=np.bool_)
    run_pieces(
        lambda first, last: mark_cells(
            bands, reach.inner2, reach.outer2, BANDS_PER_RADIUS, marks, first, last
        ),
        cut_evenly(start, PIECE),
        threads,
        unreported,
    )
    cell_start = np.append(np.flatnonzero(marks), n_points)
    band_cell = np.searchsorted(cell_start, start)
    cell_band = np.repeat(np.arange(len(start) - 1), np.diff(band_cell))
    return bands._replace(cell_start=cell_start, cell_band=cell_band, band_cell=band_cell)
