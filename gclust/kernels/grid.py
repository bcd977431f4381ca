"""Sorting rows into bands of latitude, and by longitude within each, by packed integers.

A row's *place* is an integer that grows with its band and, within the band, with its
longitude. Place and row number are packed into one int64 each; these are split into
buckets at sampled places and sorted bucket by bucket: NumPy sorts integers several
times as fast as it finds the order of floats. Rows whose places are equal are put
right by their exact coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel, making_part, part
from gclust.kernels._pieces import even_cuts, run_pieces, unreported

BUCKET = 1 << 16
"""Rows wanted in a bucket: their keys fit a processor's second cache."""

MOST_BUCKETS = 512
"""More are slower to scatter into than larger ones are to sort."""

SAMPLES_PER_BUCKET = 64

PIECE = 1 << 18

NEW = 1 << 62
"""Added to a row that is the first of its location."""

SHORT = 24
"""Ranges up to this length are sorted by insertion."""


class Grid(NamedTuple):
    """How places are made of coordinates."""

    height: float  # of a band, degrees
    south: int  # number of the southernmost band
    drop: int  # bits that band numbers lose, where there are more bands than places
    west: float  # westernmost longitude
    scale: float  # places per degree of longitude
    top: int  # last place of a band
    lon_bits: int
    row_bits: int


@part
def band_of(lat, height):
    """Return the number of the band; 0 is an edge, as rho must be monotone within each."""
    return np.int64(math.floor(lat / height))


@part
def place_of(lat, lon, grid):
    """Return the place of a point."""
    band = (band_of(lat, grid.height) - grid.south) >> grid.drop
    return (band << grid.lon_bits) | min(np.int64((lon - grid.west) * grid.scale), grid.top)


@kernel
def normalise(lat, lon, first, last):
    """Wrap longitudes into [-180, 180), give poles longitude 0, and drop negative zeros.

    Returns whether all of the rows ``first .. last`` were in [-90, 90] and [-180, 360).
    """
    for i in range(first, last):
        if not (-90.0 <= lat[i] <= 90.0 and -180.0 <= lon[i] < 360.0):
            return False
        if lon[i] >= 180.0:
            lon[i] -= 360.0
        if abs(lat[i]) == 90.0:
            lon[i] = 0.0
        lat[i] += 0.0
        lon[i] += 0.0
    return True


@kernel
def find_extent(lat, lon, extent, piece, first, last):
    """Write least and greatest latitude and longitude of a piece into its row."""
    south, north, west, east = math.inf, -math.inf, math.inf, -math.inf
    for i in range(first, last):
        south = min(south, lat[i])
        north = max(north, lat[i])
        west = min(west, lon[i])
        east = max(east, lon[i])
    extent[piece, 0] = south
    extent[piece, 1] = north
    extent[piece, 2] = west
    extent[piece, 3] = east


@kernel
def count_buckets(lat, lon, grid, splits, bucket, counts, first, last):
    """Find the bucket of each row: the number of ``splits`` at or below its place.

    The length of ``splits`` is a power of two less one.
    """
    for i in range(first, last):
        place = place_of(lat[i], lon[i], grid)
        low = 0
        step = (len(splits) + 1) >> 1
        while step > 0:
            low += -np.int64(splits[low + step - 1] <= place) & step  # without a branch
            step >>= 1
        bucket[i] = low
        counts[low] += 1


@kernel
def scatter_keys(lat, lon, grid, bucket, cursor, keys, first, last):
    """Write the keys of a piece into their buckets, which it fills from ``cursor`` on."""
    for i in range(first, last):
        b = bucket[i]
        keys[cursor[b]] = (place_of(lat[i], lon[i], grid) << grid.row_bits) | i
        cursor[b] += 1


@part
def precedes(lat, lon, height, a, b):
    """Return whether row ``a`` comes before row ``b``: by band, longitude, latitude, row."""
    band_a, band_b = band_of(lat[a], height), band_of(lat[b], height)
    if band_a != band_b:
        return band_a < band_b
    if lon[a] != lon[b]:
        return lon[a] < lon[b]
    if lat[a] != lat[b]:
        return lat[a] < lat[b]
    return a < b


@making_part
def sort_rows(rows, first, last, lat, lon, height):
    """Sort ``rows[first:last]``: quicksort, with insertion for short ranges."""
    stack = np.empty((64, 2), dtype=np.int64)
    stack[0, 0], stack[0, 1] = first, last
    depth = 1
    while depth > 0:
        depth -= 1
        low, high = stack[depth, 0], stack[depth, 1]
        while high - low > SHORT:
            pivot = rows[(low + high) >> 1]
            i, j = low, high - 1
            while i <= j:
                while precedes(lat, lon, height, rows[i], pivot):
                    i += 1
                while precedes(lat, lon, height, pivot, rows[j]):
                    j -= 1
                if i <= j:
                    rows[i], rows[j] = rows[j], rows[i]
                    i += 1
                    j -= 1
            if j + 1 - low < high - i:  # the longer range waits: the stack stays short
                stack[depth, 0], stack[depth, 1] = i, high
                high = j + 1
            else:
                stack[depth, 0], stack[depth, 1] = low, j + 1
                low = i
            depth += 1
        for i in range(low + 1, high):
            row = rows[i]
            j = i
            while j > low and precedes(lat, lon, height, row, rows[j - 1]):
                rows[j] = rows[j - 1]
                j -= 1
            rows[j] = row


@part
def mark_new(rows, first, last, lat, lon):
    """Mark the first of equal points among sorted rows; return how many there are."""
    count = 0
    at_lat, at_lon = np.nan, np.nan
    for i in range(first, last):
        row = rows[i]
        if lat[row] != at_lat or lon[row] != at_lon:
            at_lat, at_lon = lat[row], lon[row]
            rows[i] = row | NEW
            count += 1
    return count


@kernel
def settle_rows(keys, lat, lon, grid, first, last):
    """Turn sorted keys into rows, in the exact order where places are equal.

    Marks the first row at each location by ``NEW``, and returns how many there are.
    """
    mask = (1 << grid.row_bits) - 1
    count = 0
    i = first
    while i < last:
        place = keys[i] >> grid.row_bits
        keys[i] &= mask
        at_lat, at_lon = lat[keys[i]], lon[keys[i]]
        alike = True
        j = i + 1
        while j < last and keys[j] >> grid.row_bits == place:
            keys[j] &= mask
            alike = alike and lat[keys[j]] == at_lat and lon[keys[j]] == at_lon
            j += 1
        if alike:
            keys[i] |= NEW
            count += 1
        else:
            sort_rows(keys, i, j, lat, lon, grid.height)
            count += mark_new(keys, i, j, lat, lon)
        i = j
    return count


def sort_into_bands(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    height: float,
    threads: int,
    report: Callable[[float], None],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Sort rows by band of latitude, then longitude, then latitude.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Degrees; longitudes in [-180, 180).
    height : float
        Of a band, in degrees.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.

    Returns
    -------
    rows : ndarray of int64, shape (n,)
        In that order, equal points by row and the first of them marked by ``NEW``.
    bounds : ndarray of int64
        Where the buckets begin, and n; equal points are in one bucket.
    offsets : ndarray of int64
        How many locations are before each bucket, and how many there are.
    """
    n = len(lat)
    cuts = even_cuts(n, PIECE)
    pieces = {int(start): k for k, start in enumerate(cuts[:-1])}
    extent = np.empty((len(pieces), 4))
    run_pieces(
        lambda first, last: find_extent(lat, lon, extent, pieces[first], first, last),
        cuts,
        threads,
        unreported,
    )
    grid = _grid_over(extent, height, n)
    splits = _splits(lat, lon, grid)
    bucket = np.empty(n, dtype=np.uint16)
    counts = np.zeros((len(pieces), len(splits) + 1), dtype=np.int64)
    run_pieces(
        lambda first, last: count_buckets(
            lat, lon, grid, splits, bucket, counts[pieces[first]], first, last
        ),
        cuts,
        threads,
        lambda share: report(0.3 * share),
    )
    totals = counts.sum(axis=0)
    bounds = np.concatenate([[0], np.cumsum(totals)])
    cursor = np.cumsum(counts, axis=0) - counts + bounds[:-1]
    keys = np.empty(n, dtype=np.int64)
    run_pieces(
        lambda first, last: scatter_keys(
            lat, lon, grid, bucket, cursor[pieces[first]], keys, first, last
        ),
        cuts,
        threads,
        lambda share: report(0.3 + 0.3 * share),
    )
    bounds = np.unique(bounds)
    found = np.zeros(len(bounds), dtype=np.int64)
    number = {int(start): k for k, start in enumerate(bounds)}

    def work(first: int, last: int) -> None:
        keys[first:last].sort()
        found[number[first] + 1] = settle_rows(keys, lat, lon, grid, first, last)

    run_pieces(work, bounds, threads, lambda share: report(0.6 + 0.4 * share))
    return keys, bounds, np.cumsum(found)


def _grid_over(extent: NDArray[np.float64], height: float, n: int) -> Grid:
    south, north = (
        math.floor(extent[:, 0].min() / height),
        math.floor(extent[:, 1].max() / height),
    )
    west, east = float(extent[:, 2].min()), float(extent[:, 3].max())
    row_bits = n.bit_length()
    place_bits = 63 - row_bits
    band_bits = (north - south).bit_length()
    drop = max(0, band_bits - place_bits)
    lon_bits = min(place_bits - (band_bits - drop), 40)
    width = max(east - west, 1e-9)
    return Grid(
        height=float(height),
        south=south,
        drop=drop,
        west=west,
        scale=2.0**lon_bits / width,
        top=2**lon_bits - 1,
        lon_bits=lon_bits,
        row_bits=row_bits,
    )


@kernel
def place_sample(lat, lon, grid, step, places):
    """Fill ``places`` with those of every ``step``-th row."""
    for k in range(len(places)):
        places[k] = place_of(lat[k * step], lon[k * step], grid)


def _splits(lat: NDArray[np.float64], lon: NDArray[np.float64], grid: Grid) -> NDArray[np.int64]:
    """Return sampled places that split the rows evenly, a power of two less one."""
    n = len(lat)
    n_buckets = min(1 << (max(n // BUCKET, 1) - 1).bit_length(), MOST_BUCKETS)
    step = max(n // (n_buckets * SAMPLES_PER_BUCKET), 1)
    places = np.empty((n - 1) // step + 1, dtype=np.int64)
    place_sample(lat, lon, grid, step, places)
    places.sort()
    return places[np.arange(1, n_buckets) * len(places) // n_buckets]
