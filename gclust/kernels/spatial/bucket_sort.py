"""First pass of a sample sort: it puts rows into buckets by latitude band, then longitude.

A row's *key* is an integer that grows with its band and, within the band, with its
longitude. Rows are divided into buckets at sampled keys (Frazer and McKellar 1970), and
their coordinates are copied with them. Later steps work on one bucket at a time, which fits
into a processor's cache.
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
"""Target number of rows in a bucket: their coordinates fit into the second-level cache."""

SMALL_BUCKET, FEW_BUCKETS = 1 << 14, 128
"""Rows in a bucket while there are no more than so many: folding takes a sixth less of the time
at 1 million rows. With hundreds of small buckets, writing into them costs more."""

MOST_BUCKETS = 512
"""Largest number of buckets: with more, writing into buckets costs more than sorting saves."""

SAMPLES_PER_BUCKET = 64

TABLE_BITS = 14
"""Number of leading key bits by which a table finds a bucket, or one shortly before it."""

CHUNK = 1 << 18
"""Number of rows in a chunk of work."""

MOST_ROWS = 1 << 32
"""Largest number of rows: row numbers are stored in 32 bits."""


class KeyLayout(NamedTuple):
    """Parameters for computing sort keys from coordinates."""

    height: float  # of a band, degrees
    south: int  # number of the southernmost band
    drop: int  # bits that band numbers lose, where there are more bands than keys
    west: float  # westernmost longitude
    scale: float  # keys per degree of longitude
    top: int  # last key of a band
    lon_bits: int
    row_bits: int  # left below a key for the number of a row in its bucket


class Splitters(NamedTuple):
    """The keys that divide the rows into ``b`` buckets."""

    layout: KeyLayout
    keys: NDArray[np.int64]  # (b - 1,) ascending
    table: NDArray[np.int64]  # (2**TABLE_BITS,) keys at or below the least of 2**shift keys
    shift: int


class Buckets(NamedTuple):
    """``n`` rows sorted by bucket, and within a bucket in their original order."""

    layout: KeyLayout
    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]  # (n,) degrees
    rows: NDArray[np.uint32]  # (n,) number of each row
    start: NDArray[np.int64]  # first row of each bucket, and n; equal points are in one


@helper
def band_of(lat, height):
    """Return the number of the band that a latitude lies in; the equator is a band edge.

    So rho, the distance from the axis, is monotone in each band.
    """
    return np.int64(math.floor(lat / height))


@helper
def sort_key(lat, lon, layout):
    """Return the sort key of a point."""
    band = (band_of(lat, layout.height) - layout.south) >> layout.drop
    return (band << layout.lon_bits) | min(np.int64((lon - layout.west) * layout.scale), layout.top)


@kernel
def normalise(lat, lon, first, last):
    """Wrap longitudes into [-180, 180), give poles longitude 0, and drop negative zeros.

    ``lat`` and ``lon`` (n,) float64 in degrees are changed in place. Returns whether all of the
    rows ``first .. last`` were in [-90, 90] and [-180, 360).
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
def find_extent(lat, lon, extent, first, last):
    """Fill ``extent``: least and largest latitude, then longitude, of rows ``first .. last``."""
    south, north, west, east = math.inf, -math.inf, math.inf, -math.inf
    for i in range(first, last):
        south = min(south, lat[i])
        north = max(north, lat[i])
        west = min(west, lon[i])
        east = max(east, lon[i])
    extent[0], extent[1], extent[2], extent[3] = south, north, west, east


@kernel
def count_buckets(lat, lon, splitters, bucket, counts, first, last):
    """Find the bucket of the rows ``first .. last``: the number of splitters at or below the key.

    ``bucket`` (n,) uint16 takes it; their numbers are added to ``counts`` (buckets,) int64.
    """
    for i in range(first, last):
        key = sort_key(lat[i], lon[i], splitters.layout)
        b = splitters.table[key >> splitters.shift]
        while b < len(splitters.keys) and splitters.keys[b] <= key:
            b += 1
        bucket[i] = b
        counts[b] += 1


@kernel
def scatter_rows(lat, lon, bucket, cursor, out, first, last):
    """Write the rows ``first .. last`` of a chunk into their buckets; ``bucket`` (n,) uint16.

    ``cursor`` (buckets,) int64 is where the chunk writes next in each bucket; changed in place.
    """
    for i in range(first, last):
        k = cursor[bucket[i]]
        cursor[bucket[i]] = k + 1
        out.lat[k] = lat[i]
        out.lon[k] = lon[i]
        out.rows[k] = i


@kernel
def sample_keys(lat, lon, layout, step, keys):
    """Fill ``keys`` (s,) int64 with the sort keys of every ``step``-th row."""
    for k in range(len(keys)):
        keys[k] = sort_key(lat[k * step], lon[k * step], layout)


def fill_buckets(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    height: float,
    threads: int,
    report: Callable[[float], None],
) -> Buckets:
    """Return the rows divided into buckets by latitude band, then longitude.

    ``lat`` and ``lon`` (n,), n >= 1, in degrees, longitudes in [-180, 180); ``height`` of a band in
    degrees. Raises ValueError for more than 2**32 rows.
    """
    n = len(lat)
    if n > MOST_ROWS:
        raise ValueError(f"X has {n} rows; at most {MOST_ROWS} can be clustered")
    chunks = even_chunks(n, CHUNK)
    extent = np.empty((len(chunks) - 1, 4))
    bucket = np.empty(n, dtype=np.uint16)

    def measure(first: int, last: int) -> None:
        find_extent(lat, lon, extent[first // CHUNK], first, last)

    parallel_for(chunks, threads, measure)
    layout = _layout_of(extent, height, n)
    splitters = _choose_splitters(lat, lon, layout)
    counts = np.zeros((len(chunks) - 1, len(splitters.keys) + 1), dtype=np.int64)

    def count(first: int, last: int) -> None:
        count_buckets(lat, lon, splitters, bucket, counts[first // CHUNK], first, last)

    parallel_for(chunks, threads, count, report=lambda share: report(0.5 * share))
    bounds = np.concatenate([[0], np.cumsum(counts.sum(axis=0))])
    cursor = np.cumsum(counts, axis=0) - counts + bounds[:-1]
    filled = Buckets(
        layout, np.empty(n), np.empty(n), np.empty(n, dtype=np.uint32), np.unique(bounds)
    )

    def scatter(first: int, last: int) -> None:
        scatter_rows(lat, lon, bucket, cursor[first // CHUNK], filled, first, last)

    parallel_for(chunks, threads, scatter, report=lambda share: report(0.5 + 0.5 * share))
    return filled


def _layout_of(extent: NDArray[np.float64], height: float, n: int) -> KeyLayout:
    south = math.floor(extent[:, 0].min() / height)
    north = math.floor(extent[:, 1].max() / height)
    west, east = float(extent[:, 2].min()), float(extent[:, 3].max())
    row_bits = n.bit_length()
    key_bits = 63 - row_bits
    band_bits = (north - south).bit_length()
    drop = max(0, band_bits - key_bits)
    lon_bits = min(key_bits - (band_bits - drop), 40)
    width = max(east - west, 1e-9)
    scale, top = 2.0**lon_bits / width, 2**lon_bits - 1
    return KeyLayout(float(height), south, drop, west, scale, top, lon_bits, row_bits)


def _choose_splitters(
    lat: NDArray[np.float64], lon: NDArray[np.float64], layout: KeyLayout
) -> Splitters:
    """Return sampled keys that divide the rows evenly."""
    n = len(lat)
    n_buckets = min(max(n // BUCKET, min(n // SMALL_BUCKET, FEW_BUCKETS), 1), MOST_BUCKETS)
    step = max(n // (n_buckets * SAMPLES_PER_BUCKET), 1)
    sample = np.empty((n - 1) // step + 1, dtype=np.int64)
    sample_keys(lat, lon, layout, step, sample)
    sample.sort()
    keys = sample[np.arange(1, n_buckets) * len(sample) // n_buckets]
    shift = max(0, 63 - layout.row_bits - TABLE_BITS)
    heads = np.arange(1 << (63 - layout.row_bits - shift), dtype=np.int64) << shift
    return Splitters(layout, keys, np.searchsorted(keys, heads, side="right"), shift)
