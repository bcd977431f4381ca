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
from gclust.kernels._pieces import cut_evenly, run_pieces, unreported
from gclust.kernels.segments import sort_segments
from gclust.kernels.sphere import EARTH_RADIUS_KM, TOLERANCE_KM, Reach, fill_vectors, meridian

BANDS_PER_RADIUS = 8
"""Bands of eps/8: eps/4 and eps/16 made the core test 1.4 and 2 times as long
(10 million points, eps 15 km)."""

NEARLY_HALF_TURN = 179.9999999
"""Half-widths between this and 180 degrees are taken for this (inner) or for 180
(outer), so that rounding cannot count a point on both sides of the circle."""

PIECE = 100_000


class Bands(NamedTuple):
    """Points in bands; ``n`` points, ``m`` bands, ``k`` cells."""

    order: NDArray[np.int64]  # (n,) place of each point in the caller's arrays
    lon: NDArray[np.float64]  # (n,) degrees
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
    """Return first and last + 1 of the bands of ``b`` that band ``i`` of ``a`` may reach."""
    low = 0
    high = len(b.south)
    while low < high:
        middle = (low + high) // 2
        if b.south[middle] < a.south[i]:
            low = middle + 1
        else:
            high = middle
    high = low
    while low > 0 and facing_chord2(a, i, b, low - 1) <= outer2:
        low -= 1
    while high < len(b.south) and facing_chord2(a, i, b, high) <= outer2:
        high += 1
    return low, high


@kernel
def mark_cells(bands, inner2, outer2, parts, marks, first, last):
    """Mark the first point of each cell of the bands ``first .. last``."""
    for i in range(first, last):
        inner, _ = half_widths(bands, i, bands, i, inner2, outer2)
        width = max(inner, 0.0) / parts
        west = -math.inf
        for p in range(bands.start[i], bands.start[i + 1]):
            if bands.lon[p] - west > width:
                west = bands.lon[p]
                marks[p] = True


def build_bands(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    surface: tuple[float, float],
    eps_km: float,
    reach: Reach,
    threads: int,
    report: Callable[[float], None],
) -> Bands:
    """Sort points into bands.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees, latitudes ascending, longitudes in [-180, 180).
    surface : tuple of float
        Semi-major axis and squared eccentricity, see ``sphere``.
    eps_km : float
        The radius, which decides the height of the bands; its reach is ``reach``.
    reach : Reach
        What cells are cut by.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    height = math.degrees((eps_km + TOLERANCE_KM) / EARTH_RADIUS_KM) / BANDS_PER_RADIUS
    band = np.floor(lat / height)  # 0 is an edge: rho is monotone within every band
    start = np.concatenate([[0], np.flatnonzero(band[1:] != band[:-1]) + 1, [len(lat)]])
    del band
    order = sort_segments(lon, start, threads, lambda share: report(0.5 * share))
    sorted_lon, x, y, z = (np.empty(len(lat)) for _ in range(4))
    axis, e2 = surface
    run_pieces(
        lambda first, last: fill_vectors(
            lat, lon, order, axis, e2, sorted_lon, x, y, z, first, last
        ),
        np.unique(np.append(np.arange(0, len(lat), PIECE), len(lat))),
        threads,
        lambda share: report(0.5 + 0.5 * share),
    )
    south, north = lat[start[:-1]], lat[start[1:] - 1]
    south_rho, south_height = meridian(south, axis, e2)
    north_rho, north_height = meridian(north, axis, e2)
    none = np.zeros(0, dtype=np.int64)
    bands = Bands(
        order=order,
        lon=sorted_lon,
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


def select_points(bands: Bands, chosen: NDArray[np.bool_], reach: Reach, threads: int) -> Bands:
    """Return the bands of the chosen points alone, their cells cut anew."""
    before = np.concatenate([[0], np.cumsum(chosen)])
    start = before[bands.start]
    kept = np.flatnonzero(start[1:] > start[:-1])
    cut = bands._replace(
        **{name: getattr(bands, name)[chosen] for name in ("order", "lon", "x", "y", "z")},
        **{name: getattr(bands, name)[kept] for name in EDGES},
        start=np.append(start[kept], before[-1]),
    )
    return _cut_cells(cut, reach, threads)


def _cut_cells(bands: Bands, reach: Reach, threads: int) -> Bands:
    n_points, start = len(bands.lon), bands.start
    marks = np.zeros(n_points, dtype=np.bool_)
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
