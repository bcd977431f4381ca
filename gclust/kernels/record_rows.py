"""Grouping of listings by record: each record's weight at each of its locations, and its shares.

Listings are put into buckets by a hash of their record, so that a bucket fits into the cache, and
sorted there. Nothing depends on the order of listings: records are numbered in the order of their
hashes, and all sums are sums of integers.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.kernels.record_folding import is_exact, share_of
from gclust.parallel import even_chunks, meanwhile, parallel_for

BUCKET = 1 << 12
"""Target number of listings in a bucket."""

MOST_BITS = 16
"""Largest number of bits of the hash that number a bucket."""

CHUNK = 1 << 20
"""Number of listings in a chunk of work."""

PART = 1 << 21
"""Number of listings whose rows are in memory at once."""

FEW = 24
"""Largest length of a range that is sorted by insertion."""

ROW, FIRST, SEVERAL, OPEN = 1, 2, 4, 8
"""Flags of a row: it is one, the first of its record; its record has several rows; is open."""


class RecordKeys(NamedTuple):
    """The records of ``n`` listings."""

    key: NDArray[np.int64]  # (n,) number of the record, among those of its kind
    kind: NDArray[np.int8]  # (n,) code, from 0


class PlacedUnits(NamedTuple):
    """Locations and weights of ``n`` listings."""

    place: NDArray[np.int32]  # (n,) location, -1 for none
    units: NDArray[np.int64]  # (n,) fixed point


class Grouped(NamedTuple):
    """Rows of records and locations, at most ``n``, with gaps: rows without flags and share."""

    flags: NDArray[np.uint8]  # (n,) see `ROW`
    place: NDArray[np.int32]  # (n,) location
    units: NDArray[np.int64]  # (n,) weight of the record's listings there
    share: NDArray[np.int64]  # (n,) what they add to the count there; 0 of open records
    total: NDArray[np.int64]  # (n,) in first rows alone: weight of all listings of the record
    kind: NDArray[np.int8]  # (n,)

    def between(self, first: int, last: int) -> Grouped:
        """Return the rows ``first .. last`` (excluded)."""
        rows: Any = (each[first:last] for each in self)
        return Grouped(*rows)


@helper
def mixed(key, kind):
    """Return a hash of 64 bits; no two keys of one kind have the same.

    The finalizer of SplitMix64 (Steele, Lea and Flood 2014, Fast splittable pseudorandom number
    generators, OOPSLA).
    """
    z = np.uint64(key) + np.uint64(kind) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def count_hashes(keys, shift, counts, first, last):
    """Add the numbers of the listings ``first .. last`` in each bucket to ``counts``, int64."""
    for i in range(first, last):
        counts[mixed(keys.key[i], keys.kind[i]) >> shift] += 1


@kernel
def scatter_hashes(keys, shift, cursor, rows, first, last):
    """Write the listings ``first .. last`` into their buckets of ``rows``, (n,) uint32.

    ``cursor`` (buckets,) int64 is where the next one of a bucket goes; changed in place.
    """
    for i in range(first, last):
        bucket = mixed(keys.key[i], keys.kind[i]) >> shift
        rows[cursor[bucket]] = i
        cursor[bucket] += 1


@helper
def precedes(a, b, keys, placed, hashes):
    """Return whether listing ``a`` of a bucket comes before ``b``: by record, then by location."""
    one, other = hashes[a], hashes[b]
    if one != other:
        return one < other
    if keys.kind[a] != keys.kind[b]:  # within a kind, no two records have the same hash
        return keys.kind[a] < keys.kind[b]
    return placed.place[a] < placed.place[b]


@helper
def sift(order, low, top, end, keys, placed, hashes):
    """Move the entry ``top`` of ``order[low:end]``, counted from ``low``, below larger ones.

    The entries are a binary tree, in which none is larger than the one above it.
    """
    moved = order[low + top]
    while 2 * top + 1 < end - low:
        child = 2 * top + 1
        if child + 1 < end - low and precedes(
            order[low + child], order[low + child + 1], keys, placed, hashes
        ):
            child += 1
        if not precedes(moved, order[low + child], keys, placed, hashes):
            break
        order[low + top] = order[low + child]
        top = child
    order[low + top] = moved


@helper
def sort_range(order, low, end, keys, placed, hashes):
    """Sort ``order[low:end]``: by insertion if short, else by heapsort."""
    if end - low <= FEW:
        for i in range(low + 1, end):
            moved = order[i]
            j = i
            while j > low and precedes(moved, order[j - 1], keys, placed, hashes):
                order[j] = order[j - 1]
                j -= 1
            order[j] = moved
        return
    for top in range((end - low) // 2 - 1, -1, -1):
        sift(order, low, top, end, keys, placed, hashes)
    for last in range(end - 1, low, -1):
        order[low], order[last] = order[last], order[low]
        sift(order, low, np.int64(0), last, keys, placed, hashes)


@allocating_helper
def gathered(keys, placed, rows):
    """Return the keys and places of some listings; ``rows`` (r,) uint32."""
    mine = RecordKeys(np.empty(len(rows), np.int64), np.empty(len(rows), np.int8))
    at = PlacedUnits(np.empty(len(rows), np.int32), np.empty(len(rows), np.int64))
    for i in range(len(rows)):
        mine.key[i] = keys.key[rows[i]]
        mine.kind[i] = keys.kind[rows[i]]
        at.place[i] = placed.place[rows[i]]
        at.units[i] = placed.units[rows[i]]
    return mine, at


@allocating_helper
def sort_bucket(keys, placed, shift, bits):
    """Return the order of a bucket's listings, uint32, by record, then by location.

    ``shift`` and ``bits`` say which part of the hash numbers the ranges that are sorted.
    """
    n = len(keys.key)
    hashes = np.empty(n, dtype=np.uint64)
    part = np.uint64((1 << bits) - 1)
    start = np.zeros((1 << bits) + 1, dtype=np.int64)
    for i in range(n):
        hashes[i] = mixed(keys.key[i], keys.kind[i])
        start[((hashes[i] >> shift) & part) + np.uint64(1)] += 1
    for k in range(1 << bits):
        start[k + 1] += start[k]
    order = np.empty(n, dtype=np.uint32)
    cursor = start[:-1].copy()
    for i in range(n):
        k = (hashes[i] >> shift) & part
        order[cursor[k]] = i
        cursor[k] += 1
    for k in range(1 << bits):
        sort_range(order, start[k], start[k + 1], keys, placed, hashes)
    return order


@helper
def finish_record(out, start, end, total, unit, whole):
    """Fill what is known of a record once its rows ``start .. end`` are: flags, shares, total."""
    several = end - start > 1
    rough = False
    for i in range(start, end):
        rough |= not is_exact(out.units[i], total, unit)
    is_open = several and (whole or rough)
    for i in range(start, end):
        out.flags[i] = ROW | (SEVERAL if several else 0) | (OPEN if is_open else 0)
        out.share[i] = 0
        if not is_open:
            out.share[i] = share_of(out.units[i], total, unit, whole)
    out.flags[start] |= FIRST
    out.total[start] = total


@kernel
def group_bucket(all_keys, all_placed, rows, shift, bits, unit, whole, out, records):
    """Group the listings of a bucket, ``rows`` (r,) uint32, by record and location.

    Fills ``out``, whose arrays are as long as the bucket, from the first on, and adds the number of
    records of each kind to ``records`` (kinds,) int64.
    """
    keys, placed = gathered(all_keys, all_placed, rows)
    order = sort_bucket(keys, placed, shift, bits)
    end = i = np.int64(0)
    while i < len(order):
        head = order[i]
        start, total = end, np.int64(0)
        last = np.int32(-1)
        while i < len(order):
            row = order[i]
            if keys.key[row] != keys.key[head] or keys.kind[row] != keys.kind[head]:
                break
            total += placed.units[row]
            if placed.place[row] >= 0:
                if placed.place[row] == last:
                    out.units[end - 1] += placed.units[row]
                else:
                    last = placed.place[row]
                    out.place[end] = last
                    out.units[end] = placed.units[row]
                    out.kind[end] = keys.kind[row]
                    end += 1
            i += 1
        records[keys.kind[head]] += 1
        if end > start:
            finish_record(out, start, end, total, unit, whole)


class Several(NamedTuple):
    """The ``r`` records that have several rows, and these rows, ``m``."""

    starts: NDArray[np.int64]  # (r + 1,) first row of each record, and m
    place: NDArray[np.int32]  # (m,) location
    units: NDArray[np.int64]  # (m,) weight of the record's listings there
    located: NDArray[np.int64]  # (r,) sum of these weights
    total: NDArray[np.int64]  # (r,) weight of all listings of the record
    kind: NDArray[np.int8]  # (r,)
    is_open: NDArray[np.bool_]  # (r,)


@kernel
def count_several(flags):
    """Return the number of records that have several rows, and of their rows."""
    n_records = n_rows = 0
    for flag in flags:
        if flag & SEVERAL:
            n_rows += 1
            if flag & FIRST:
                n_records += 1
    return n_records, n_rows


@kernel
def gather_several(grouped, out):
    """Fill ``out``; ``located`` is 0 before."""
    record, row = -1, 0
    for i in range(len(grouped.flags)):
        flag = grouped.flags[i]
        if not flag & SEVERAL:
            continue
        if flag & FIRST:
            record += 1
            out.starts[record] = row
            out.total[record] = grouped.total[i]
            out.kind[record] = grouped.kind[i]
            out.is_open[record] = (flag & OPEN) > 0
        out.place[row] = grouped.place[i]
        out.units[row] = grouped.units[i]
        out.located[record] += grouped.units[i]
        row += 1
    out.starts[record + 1] = row


def several_of(grouped: Grouped) -> Several:
    """Return the records of grouped listings that have several rows, in their order."""
    several = _empty_several(*count_several(grouped.flags))
    gather_several(grouped, several)
    return several


def _empty_several(n_records: int, n_rows: int) -> Several:
    return Several(
        starts=np.zeros(n_records + 1, dtype=np.int64),
        place=np.empty(n_rows, dtype=np.int32),
        units=np.empty(n_rows, dtype=np.int64),
        located=np.zeros(n_records, dtype=np.int64),
        total=np.empty(n_records, dtype=np.int64),
        kind=np.empty(n_records, dtype=np.int8),
        is_open=np.empty(n_records, dtype=np.bool_),
    )


def join_several(parts: list[Several]) -> Several:
    """Return the records of all parts, one after the other; ``parts`` is empty afterwards."""
    parts.append(_empty_several(0, 0))
    rows = np.cumsum([0, *(len(part.place) for part in parts[:-1])])
    starts = [part.starts[:-1] + row for part, row in zip(parts, rows, strict=True)]
    columns = [[*starts, rows[-1:]], *map(list, list(zip(*parts, strict=True))[1:])]
    parts.clear()
    joined: list[NDArray[Any]] = []
    for column in columns:  # there is never a second copy of all
        joined.append(np.concatenate(column))
        column.clear()
    return Several(*joined)


@kernel
def add_at(kind, place, units, out, first, last):
    """Add the units of the rows ``first .. last`` to ``out[kind, place]``, int64."""
    for i in range(first, last):
        out[kind[i], place[i]] += units[i]


@kernel
def find_differing(place, code, found, differing):
    """Find the code at each location, and the locations whose listings have several codes.

    ``place`` (n,) int32 is the location of each listing, ``code`` (n,) int its code, from 0.
    ``found`` (m,), -1 before, takes that of one of the listings there; ``differing`` (m,) bool is
    set to true where others differ.
    """
    for i in range(len(place)):
        at = np.uint32(place[i])
        if found[at] < 0:
            found[at] = code[i]
        elif found[at] != code[i]:
            differing[at] = True


def add_units(
    kind: NDArray[np.int8],
    place: NDArray[np.int32],
    units: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Add units of rows to sums by kind and location, ``out`` of shape (kinds, locations)."""
    # On one thread, because all chunks add to the same numbers.
    parallel_for(even_chunks(len(kind), CHUNK), 1, add_at, kind, place, units, out)


class Buckets(NamedTuple):
    """Listings by the hash of their record."""

    rows: NDArray[np.uint32]  # (n,) the listings, bucket by bucket
    bounds: NDArray[np.int64]  # first listing of each bucket, and n
    shift: np.uint64
    """Where the bits of the hash begin that number the ranges of a bucket (`sort_bucket`)."""
    bits: int
    """0 if the listings of each record follow each other."""


def divide(keys: RecordKeys, threads: int) -> Buckets:
    """Put listings into buckets, so that those of a record are in one, in their order there."""
    n = len(keys.key)
    bits = min(max(n // BUCKET, 1).bit_length(), MOST_BITS)
    shift = np.uint64(64 - bits)
    chunks = even_chunks(n, CHUNK)
    counts = np.zeros((max(len(chunks) - 1, 1), 1 << bits), dtype=np.int64)

    def count(first: int, last: int) -> None:
        count_hashes(keys, shift, counts[first // CHUNK], first, last)

    parallel_for(chunks, threads, count)
    sizes = counts.sum(axis=0)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    # Where the listings of each chunk go in each bucket: after those of the chunks before.
    begin = bounds[:-1] + np.cumsum(counts, axis=0) - counts
    rows = np.empty(n, dtype=np.uint32)

    def scatter(first: int, last: int) -> None:
        scatter_hashes(keys, shift, begin[first // CHUNK], rows, first, last)

    parallel_for(chunks, threads, scatter)
    inner = max(int(sizes.max()) // 4, 1).bit_length()
    inner = min(inner, 64 - bits, MOST_BITS)
    return Buckets(rows, np.unique(bounds), np.uint64(64 - bits - inner), inner)


def divide_runs(keys: RecordKeys, n_records: int) -> Buckets | None:
    """Do as `divide` where the listings of each of ``n_records`` records follow each other."""
    begins = np.ones(len(keys.key), dtype=bool)
    np.not_equal(keys.key[1:], keys.key[:-1], out=begins[1:])
    begins[1:] |= keys.kind[1:] != keys.kind[:-1]
    if np.count_nonzero(begins) != n_records:
        return None
    starts = np.append(np.flatnonzero(begins), len(begins))
    bounds = starts[np.searchsorted(starts, even_chunks(len(begins), BUCKET))]
    rows = np.arange(len(begins), dtype=np.uint32)
    return Buckets(rows, np.unique(bounds), np.uint64(0), 0)


def group_listings(
    keys: RecordKeys,
    placed: PlacedUnits,
    n_kinds: int,
    unit: int,
    whole: bool,
    threads: int,
    receive: Callable[[Grouped], None],
) -> NDArray[np.int64]:
    """Sum the weights of listings by record and location, and compute the shares of records.

    Parameters
    ----------
    keys : RecordKeys
    placed : PlacedUnits
        Weights are above 0. Listings without a location count in their record's total alone.
    n_kinds : int
    unit : int
        Fixed-point weight of one.
    whole : bool
        Whether a record counts one in each cluster, not in fractions.
    threads : int
    receive : callable
        Called with the rows of about `PART` listings after the other, while the next ones are
        grouped. Their arrays are used again afterwards. Rows of a record lie together, and are
        sorted by location. A record is *open* if its count in a cluster is not the sum of its
        counts at the locations there.

    Returns
    -------
    records : ndarray of int64, shape (kinds,)
        Number of records of each kind.
    """
    buckets = divide(keys, threads)
    found = [np.zeros(n_kinds, dtype=np.int64)]

    def group(out: Grouped, begin: int, first: int, last: int) -> None:
        part = out.between(first - begin, last - begin)
        part.flags[:] = 0
        part.share[:] = 0
        records = np.zeros(n_kinds, dtype=np.int64)
        rows = buckets.rows[first:last]
        group_bucket(keys, placed, rows, buckets.shift, buckets.bits, unit, whole, part, records)
        found.append(records)

    parts = _parts(buckets.bounds)
    longest = max((int(each[-1] - each[0]) for each in parts), default=0)
    # One is filled while the other one is received.
    arrays = [_empty_rows(longest) for _ in parts[:2]]
    grouped: Grouped | None = None
    for number, bounds in enumerate(parts):
        out, begin = arrays[number % 2], int(bounds[0])
        with meanwhile(partial(receive, grouped)) if grouped is not None else nullcontext():
            parallel_for(bounds, threads, group, out, begin)
        grouped = out.between(0, int(bounds[-1]) - begin)
    if grouped is not None:
        receive(grouped)
    return np.sum(found, axis=0)


def _parts(bounds: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Divide buckets into parts of `PART` listings or less, but of one bucket at least."""
    parts, first = [], 0
    while first < len(bounds) - 1:
        last = int(np.searchsorted(bounds, bounds[first] + PART, side="right")) - 1
        last = max(last, first + 1)
        parts.append(bounds[first : last + 1])
        first = last
    return parts


def _empty_rows(n: int) -> Grouped:
    return Grouped(
        flags=np.empty(n, dtype=np.uint8),
        place=np.zeros(n, dtype=np.int32),
        units=np.empty(n, dtype=np.int64),
        share=np.empty(n, dtype=np.int64),
        total=np.empty(n, dtype=np.int64),
        kind=np.zeros(n, dtype=np.int8),
    )
