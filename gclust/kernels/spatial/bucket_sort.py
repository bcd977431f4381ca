"""Rows in buckets: what comes before what by band of latitude, then longitude, roughly.

A row's *place* is an integer that grows with its band and, within the band, with its
longitude. Rows are split into buckets at sampled places, and their coordinates go with
them: what follows looks only at one bucket, which a processor's cache holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.parallel import even_chunks, parallel_for

BUCKET = 1 << 16
"""Rows wanted in a bucket: what is looked at of them fits a processor's second cache."""

MOST_BUCKETS = 512
"""More are slower to scatter into than larger ones are to sort."""

SAMPLES_PER_BUCKET = 64

TABLE_BITS = 14
"""Leading bits of a place that a table turns into a bucket, or one shortly before it."""

CHUNK = 1 << 18

MOST_ROWS = 1 << 32
"""Row numbers are held in 32 bits."""


class Grid(NamedTuple):
    """How places are made of coordinates."""

    height: float  # of a band, degrees
    south: int  # number of the southernmost band
    drop: int  # bits that band numbers lose, where there are more bands than places
    west: float  # westernmost longitude
    scale: float  # places per degree of longitude
    top: int  # last place of a band
    lon_bits: int
    row_bits: int  # left below a place for the number of a row in its bucket


class Buckets(NamedTuple):
    """Rows in the order of their buckets, and within each in their own."""

    grid: Grid
    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]
    rows: NDArray[np.uint32]  # (n,)
    start: NDArray[np.int64]  # where each bucket begins, and n; equal points are in one


@helper
def band_of(lat, height):
    """Return the number of the band; 0 is an edge, as rho must be monotone within each."""
    return np.int64(math.floor(lat / height))


@helper
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
def find_extent(lat, lon, extent, chunk, first, last):
    """Write least and greatest latitude and longitude of a chunk into its row."""
    south, north, west, east = math.inf, -math.inf, math.inf, -math.inf
    for i in range(first, last):
        south = min(south, lat[i])
        north = max(north, lat[i])
        west = min(west, lon[i])
        east = max(east, lon[i])
    extent[chunk, 0] = south
    extent[chunk, 1] = north
    extent[chunk, 2] = west
    extent[chunk, 3] = east


@kernel
def count_buckets(lat, lon, grid, splits, table, shift, bucket, counts, first, last):
    """Find the bucket of each row: the number of ``splits`` at or below its place.

    ``table`` has this number for the least place of each run of 2**shift places.
    """
    for i in range(first, last):
        place = place_of(lat[i], lon[i], grid)
        b = table[place >> shift]
        while b < len(splits) and splits[b] <= place:
            b += 1
        bucket[i] = b
        counts[b] += 1


@kernel
def scatter_rows(lat, lon, bucket, cursor, out_lat, out_lon, rows, first, last):
    """Write the rows of a chunk into their buckets, which it fills from ``cursor`` on."""
    for i in range(first, last):
        k = cursor[bucket[i]]
        cursor[bucket[i]] = k + 1
        out_lat[k] = lat[i]
        out_lon[k] = lon[i]
        rows[k] = i


def fill_buckets(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    height: float,
    threads: int,
    report: Callable[[float], None],
) -> Buckets:
    """Split rows into buckets by band of latitude, then longitude.

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

    Raises
    ------
    ValueError
        For more than 2**32 rows.
    """
    n = len(lat)
    if n > MOST_ROWS:
        raise ValueError(f"X has {n} rows; at most {MOST_ROWS} can be clustered")
    cuts = even_chunks(n, CHUNK)
    chunks = {int(start): k for k, start in enumerate(cuts[:-1])}
    extent = np.empty((len(chunks), 4))
    parallel_for(
        cuts, threads, lambda first, last: find_extent(lat, lon, extent, chunks[first], first, last)
    )
    grid = _grid_over(extent, height, n)
    splits = _splits(lat, lon, grid)
    shift = max(0, 63 - grid.row_bits - TABLE_BITS)
    heads = np.arange(1 << (63 - grid.row_bits - shift), dtype=np.int64) << shift
    table = np.searchsorted(splits, heads, side="right")
    bucket = np.empty(n, dtype=np.uint16)
    counts = np.zeros((len(chunks), len(splits) + 1), dtype=np.int64)
    parallel_for(
        cuts,
        threads,
        lambda first, last: count_buckets(
            lat, lon, grid, splits, table, shift, bucket, counts[chunks[first]], first, last
        ),
        report=lambda share: report(0.5 * share),
    )
    bounds = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    cursor = np.cumsum(counts, axis=0) - counts + bounds[:-1]
    filled = Buckets(
        grid, np.empty(n), np.empty(n), np.empty(n, dtype=np.uint32), np.unique(bounds)
    )
    parallel_for(
        cuts,
        threads,
        lambda first, last: scatter_rows(
            lat,
            lon,
            bucket,
            cursor[chunks[first]],
            filled.lat,
            filled.lon,
            filled.rows,
            first,
            last,
        ),
        report=lambda share: report(0.5 + 0.5 * share),
    )
    return filled


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
    """Return sampled places that split the rows evenly."""
    n = len(lat)
    n_buckets = min(max(n // BUCKET, 1), MOST_BUCKETS)
    step = max(n // (n_buckets * SAMPLES_PER_BUCKET), 1)
    places = np.empty((n - 1) // step + 1, dtype=np.int64)
    place_sample(lat, lon, grid, step, places)
    places.sort()
    return places[np.arange(1, n_buckets) * len(places) // n_buckets]
