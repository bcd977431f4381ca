"""Poisson bootstrap of records: copies per record, weights of locations, cluster counts.

Each record is drawn a Poisson number of times with mean one. The random numbers are those of
`gclust.kernels.resampling.philox`, so replicates are the same for any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.resampling.philox import poisson, scramble
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

SINGLE, WEIGHT, REST, AWAY = 1, 2, 3, 12
"""Streams of random numbers for single records, for weight without records at a location, for
the rest of the world's totals, and for weight of organisations that has no location."""

CHUNK = 1 << 18
"""Number of rows, locations or groups of four records in a chunk."""

STEPS = np.cumsum([2.0**32 / math.e / math.factorial(k) for k in range(12)]).astype(np.uint64)
"""Numbers of the 2 ** 32 words for which the Poisson number of mean one is at most 0, 1, 2, ..."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_STREAM = np.uint64(SINGLE << 24)


class LocationRows(NamedTuple):
    """Table of rows, one per location and record with listings there, sorted by location.

    There are ``n`` locations and ``m`` rows. The values that a row adds are given by one of
    ``c`` codes, which are few because most listings are alike.
    """

    starts: NDArray[np.int64]  # (n + 1,) first row of each location, and ``m``
    record: NDArray[np.int32]  # (m,)
    code: NDArray[np.int32]  # (m,) index into the arrays below: what each copy of a record adds
    density: NDArray[np.int64]  # (c,) fixed-point weight, added to the density of the location
    kind: NDArray[np.int64]  # (c,) kind of the record
    fraction: NDArray[np.int64]  # (c,) fixed-point fraction, added to the count of the kind


@helper
def copies_of(word, steps):
    """Convert a word of 32 random bits to a Poisson random number of mean one; see `STEPS`."""
    copies = 0
    while copies < len(steps) and word >= steps[copies]:
        copies += 1
    return copies


@kernel
def fill_copies(seed, draw, steps, out, first, last):
    """Fill in each record's number of copies for the groups ``first .. last`` of four records.

    ``out`` (r,) uint8 takes the numbers. The records of a group use the words of one counter;
    ``steps`` (12,) uint64.
    """
    low, high = np.uint64(seed) & _LOW, np.uint64(seed) >> _HALF
    n = len(out)
    for group in range(first, last):
        at = np.uint64(group)
        words = scramble(np.uint64(draw) & _LOW, _STREAM, at & _LOW, at >> _HALF, low, high)
        begin = 4 * group
        for word in words:
            if begin < n:
                out[begin] = copies_of(word, steps)
            begin += 1


@kernel
def fill_numbers(mean, seed, stream, draw, out):
    """Fill ``out`` (n,) int64 with Poisson random numbers of the means ``mean`` (n,) float64."""
    for item in range(len(mean)):
        out[item] = poisson(mean[item], seed, stream, draw, item)


@kernel
def fill_row_copies(record, copies, out, first, last):
    """Fill ``out`` (m,) uint8: the number of copies of the records of the rows ``first .. last``.

    ``record`` (m,) int32 is the record of each row, ``copies`` (r,) uint8 is by record. A loop of
    its own, because processors then wait for several of the scattered ``copies`` at once.
    """
    for i in range(first, last):
        out[i] = copies[np.uint32(record[i])]


@kernel
def fill_density(rows, copies, density, there, first, last):
    """Fill ``density`` (n,) int64: the weight of the locations ``first .. last`` in a replicate.

    ``copies`` (m,) uint8 is the number of copies of each row; ``there`` (n,) bool is set to
    whether a location has any listing, with or without weight.
    """
    for at in range(first, last):
        weight, any_copy = 0, 0
        for i in range(rows.starts[at], rows.starts[at + 1]):
            number = np.int64(copies[i])
            any_copy |= number
            weight += number * rows.density[rows.code[i]]
        density[at], there[at] = weight, any_copy > 0


@kernel
def add_fractions(rows, copies, clusters, out, first, last):
    """Add the fractional counts at locations ``first .. last`` to ``out[kind, cluster]``.

    ``copies`` (m,) uint8, ``clusters`` (n,) int64, ``out`` int64. Sums of rows of one kind
    stay in a register, because additions to the same memory address wait for each other.
    """
    for at in range(first, last):
        cluster = clusters[at]
        if cluster < 0:
            continue
        kind, total = 0, 0
        for i in range(rows.starts[at], rows.starts[at + 1]):
            code = rows.code[i]
            if rows.kind[code] != kind:
                out[kind, cluster] += total
                kind, total = rows.kind[code], 0
            total += np.int64(copies[i]) * rows.fraction[code]
        out[kind, cluster] += total


@kernel
def add_pairs(a, b, weight, out, first, last):
    """Add the weights of the locations ``first .. last`` to a table by their labels a and b.

    The ``weight`` (n,) int64 is added at ``out[a + 1, b + 1]``.
    """
    for i in range(first, last):
        out[a[i] + 1, b[i] + 1] += weight[i]


def draw_copies(n: int, seed: int, draw: int, threads: int) -> NDArray[np.uint8]:
    """Return the number of copies of ``n`` records in a replicate: Poisson of mean one, (n,).

    Each is computed from a word of 32 bits, so that probabilities are within 2 ** -32 of
    Poisson probabilities.
    """
    out = np.empty(n, dtype=np.uint8)
    chunks = even_chunks(-(-n // 4), CHUNK)
    parallel_for(chunks, threads, fill_copies, np.uint64(seed), draw, STEPS, out)
    return out


def draw_poisson(mean: NDArray[np.float64], seed: int, stream: int, draw: int) -> NDArray[np.int64]:
    """Return Poisson random numbers of the given means from a numbered random stream.

    Shape (n,); ``stream`` is a constant of this module such as `WEIGHT`.
    """
    out = np.empty(len(mean), dtype=np.int64)
    fill_numbers(mean, np.uint64(seed), stream, draw, out)
    return out


def copies_of_rows(
    rows: LocationRows, copies: NDArray[np.uint8], threads: int
) -> NDArray[np.uint8]:
    """Return the number of copies of each row, (m,), from that of each record, (r,)."""
    out = np.empty(len(rows.record), dtype=np.uint8)
    chunks = even_chunks(len(out), CHUNK)
    parallel_for(chunks, threads, fill_row_copies, rows.record, copies, out)
    return out


def sum_density(
    rows: LocationRows, copies: NDArray[np.uint8], threads: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return each location's weight in a replicate, and whether it has listings, both (n,).

    ``copies`` (m,) are those of the rows; see `copies_of_rows`.
    """
    n = len(rows.starts) - 1
    density, there = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
    chunks = balanced_chunks(rows.starts, CHUNK)
    parallel_for(chunks, threads, fill_density, rows, copies, density, there)
    return density, there


def count_replicate(
    rows: LocationRows,
    copies: NDArray[np.uint8],
    clusters: NDArray[np.int64],
    shape: tuple[int, int],
    threads: int,
) -> NDArray[np.int64]:
    """Return the fractional counts of a replicate's records by kind and cluster.

    The result has the given ``shape``. ``clusters`` (n,) are those of the locations, -1 for noise;
    ``copies`` (m,) those of the rows.
    """
    work = partial(add_fractions, rows, copies, clusters)
    return _summed(work, balanced_chunks(rows.starts, CHUNK), shape, threads)


def cross_tabulate(
    a: NDArray[np.int64], b: NDArray[np.int64], weight: NDArray[np.int64], threads: int
) -> NDArray[np.int64]:
    """Return a table: the weight of the locations with each pair of labels in two clusterings.

    The weight of labels a and b is at ``[a + 1, b + 1]``; label -1 is noise.
    """
    shape = int(a.max(initial=-1)) + 2, int(b.max(initial=-1)) + 2
    return _summed(partial(add_pairs, a, b, weight), even_chunks(len(a), CHUNK), shape, threads)


def _summed(
    work: Callable[..., None], chunks: NDArray[np.int64], shape: tuple[int, int], threads: int
) -> NDArray[np.int64]:
    """Return the sum of tables, one per thread; integer sums do not depend on the order."""
    free: list[NDArray[np.int64]] = []

    def add_chunk(first: int, last: int) -> None:
        try:
            out = free.pop()
        except IndexError:
            out = np.zeros(shape, dtype=np.int64)
        work(out, first, last)
        free.append(out)

    parallel_for(chunks, threads, add_chunk)
    return np.sum(free, axis=0) if free else np.zeros(shape, dtype=np.int64)
