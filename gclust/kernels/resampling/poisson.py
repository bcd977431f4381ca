"""Records drawn anew: how often each, what locations then weigh, and what clusters count."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.resampling.philox import poisson, scramble
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

SINGLE, WEIGHT, REST = 1, 2, 3
"""Purposes: records one by one, weight without records at a place, and the world's rest."""

CHUNK = 1 << 18
"""Rows, locations, or groups of four records in a chunk."""

STEPS = np.cumsum([2.0**32 / math.e / math.factorial(k) for k in range(12)]).astype(np.uint64)
"""How many of the 2 ** 32 words give at most 0, 1, 2, ... of a Poisson number of mean one."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_PURPOSE = np.uint64(SINGLE << 24)


class Listed(NamedTuple):
    """What records add at locations, location by location, and record by kind."""

    starts: NDArray[np.int64]
    """(n + 1,) first row of each location, and their number."""
    record: NDArray[np.int32]
    """(m,)"""
    code: NDArray[np.int32]
    """(m,) which of the following a row adds, each time that its record is drawn."""
    density: NDArray[np.int64]
    """(c,) to the density."""
    kind: NDArray[np.int64]
    """(c,) the kind of the record."""
    credit: NDArray[np.int64]
    """(c,) to the count of the kind."""


@helper
def times_of(word, steps):
    """Return the Poisson number of mean one that a word of 32 bits stands for."""
    times = 0
    while times < len(steps) and word >= steps[times]:
        times += 1
    return times


@kernel
def fill_singles(seed, draw, steps, out, first, last):
    """Draw how often the records of the groups of four ``first .. last`` are there."""
    low, high = np.uint64(seed) & _LOW, np.uint64(seed) >> _HALF
    n = len(out)
    for group in range(first, last):
        at = np.uint64(group)
        words = scramble(np.uint64(draw) & _LOW, _PURPOSE, at & _LOW, at >> _HALF, low, high)
        begin = 4 * group
        for word in words:
            if begin < n:
                out[begin] = times_of(word, steps)
            begin += 1


@kernel
def fill_numbers(mean, seed, purpose, draw, out):
    """Draw Poisson numbers of several means."""
    for item in range(len(mean)):
        out[item] = poisson(mean[item], seed, purpose, draw, item)


@kernel
def weigh_locations(listed, times, out, there, first, last):
    """Sum what the rows of the locations ``first .. last`` add to the density.

    ``there`` tells where any row is at all, of whatever density.
    """
    for at in range(first, last):
        weight, any_time = 0, 0
        for i in range(listed.starts[at], listed.starts[at + 1]):
            number = np.int64(times[listed.record[i]])
            any_time |= number
            weight += number * listed.density[listed.code[i]]
        out[at], there[at] = weight, any_time > 0


@kernel
def count_credits(listed, times, clusters, out, first, last):
    """Add what the rows of the locations ``first .. last`` count to ``out[kind, cluster]``.

    Sums of rows of one kind stay in a register: additions to one place in memory would wait
    for each other.
    """
    for at in range(first, last):
        cluster = clusters[at]
        if cluster < 0:
            continue
        kind, total = 0, 0
        for i in range(listed.starts[at], listed.starts[at + 1]):
            code = listed.code[i]
            if listed.kind[code] != kind:
                out[kind, cluster] += total
                kind, total = listed.kind[code], 0
            total += np.int64(times[listed.record[i]]) * listed.credit[code]
        out[kind, cluster] += total


@kernel
def add_pairs(a, b, weight, out, first, last):
    """Add the weight of the locations ``first .. last`` to ``out[a + 1, b + 1]``."""
    for i in range(first, last):
        out[a[i] + 1, b[i] + 1] += weight[i]


def draw_singles(n: int, seed: int, draw: int, threads: int) -> NDArray[np.uint8]:
    """Return how often each of ``n`` records is drawn: Poisson numbers of mean one.

    Each follows from a word of 32 bits, so that probabilities are within 2 ** -32 of those of
    Poisson. They are the same for any number of threads.
    """
    out = np.empty(n, dtype=np.uint8)
    parallel_for(
        even_chunks(-(-n // 4), CHUNK), threads, fill_singles, np.uint64(seed), draw, STEPS, out
    )
    return out


def draw_numbers(
    mean: NDArray[np.float64], seed: int, purpose: int, draw: int
) -> NDArray[np.int64]:
    """Return Poisson numbers of several means."""
    out = np.empty(len(mean), dtype=np.int64)
    fill_numbers(mean, np.uint64(seed), purpose, draw, out)
    return out


def weigh(
    listed: Listed, times: NDArray[np.uint8], threads: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Weigh locations by the records that were drawn, and tell which have any; shape (n,)."""
    n = len(listed.starts) - 1
    out, there = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.bool_)
    parallel_for(
        balanced_chunks(listed.starts, CHUNK), threads, weigh_locations, listed, times, out, there
    )
    return out, there


def credit(
    listed: Listed,
    times: NDArray[np.uint8],
    clusters: NDArray[np.int64],
    shape: tuple[int, int],
    threads: int,
) -> NDArray[np.int64]:
    """Count the records that were drawn, by kind and cluster; int64, of ``shape``."""

    def work(first: int, last: int, out: NDArray[np.int64]) -> None:
        count_credits(listed, times, clusters, out, first, last)

    return _summed(work, balanced_chunks(listed.starts, CHUNK), shape, threads)


def share_weight(
    a: NDArray[np.int64], b: NDArray[np.int64], weight: NDArray[np.int64], threads: int
) -> NDArray[np.int64]:
    """Sum the weight that labels share; ``[a + 1, b + 1]``, noise being label -1."""
    shape = int(a.max(initial=-1)) + 2, int(b.max(initial=-1)) + 2

    def work(first: int, last: int, out: NDArray[np.int64]) -> None:
        add_pairs(a, b, weight, out, first, last)

    return _summed(work, even_chunks(len(a), CHUNK), shape, threads)


def _summed(
    work: Callable[[int, int, NDArray[np.int64]], None],
    cuts: NDArray[np.int64],
    shape: tuple[int, int],
    threads: int,
) -> NDArray[np.int64]:
    """Let each thread add to a table of its own; whole numbers add up the same in any order."""
    free: list[NDArray[np.int64]] = []

    def chunk(first: int, last: int) -> None:
        try:
            out = free.pop()
        except IndexError:
            out = np.zeros(shape, dtype=np.int64)
        work(first, last, out)
        free.append(out)

    parallel_for(cuts, threads, chunk)
    return np.sum(free, axis=0) if free else np.zeros(shape, dtype=np.int64)
