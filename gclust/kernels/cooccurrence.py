"""Ties (common records) of clusters, and counts of records, from records in CSR layout.

All sums are sums of integers, so they do not depend on the order or the number of threads.
The rules are those of `gclust.listings.label`, which gives the same results on any engine.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.parallel import balanced_chunks, even_chunks, parallel_for

CHUNK = 1 << 20
"""Number of rows or locations in a chunk of work."""

FIRST_SLOTS = 1 << 12
"""Number of slots of a new hash table of ties: a power of two, doubled once half are taken."""

MULTIPLIER = 40503
"""Multiplier of the multiplicative hash (Knuth 1998, The Art of Computer Programming 3, section
6.4: near the golden section of 2 ** 16). No key below 2 ** 47 overflows."""

TOO_LARGE = 2.0**63
"""The first sum that int64 cannot hold."""

ONCE = np.zeros(0, dtype=np.int64)
"""Empty array passed as ``copies`` if each record occurs once."""

WHOLE = np.zeros(0, dtype=np.int64)
"""Empty array passed as ``record_units`` if a record counts one in each of its clusters."""


class RecordRows(NamedTuple):
    """Table of ``m`` rows, one per record (of ``r``) and location where the record has listings."""

    starts: NDArray[np.int64]  # (r + 1,) first row of each record, and ``m``
    place: NDArray[np.int32]  # (m,) the location
    units: NDArray[np.int64]  # (m,) fixed-point weight of the record's listings there


class _HashTable(NamedTuple):
    """A hash table with ``s`` slots and open addressing that adds up values by key."""

    keys: NDArray[np.int64]  # (s,) -1 in a free slot
    sums: NDArray[np.int64]  # (s,)
    taken: NDArray[np.int64]  # (1,) number of keys


class _Marks(NamedTuple):
    """Labels whose ties are wanted."""

    of_labels: NDArray[np.bool_]  # (n_labels + 1,) of label k at k + 1
    of_locations: NDArray[np.bool_]  # (n,) whether the location's label is marked


@helper
def find_slot(keys, key):
    """Return the slot of a key in the hash table, or a free slot if the key is not in it.

    ``keys`` (s,) int64 is the key in each slot, negative if the slot is free.
    """
    slot = (key * MULTIPLIER + (key >> 16)) & (len(keys) - 1)
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@allocating_helper
def doubled(keys, sums):
    """Return the hash table of keys and sums, each (s,) int64, with twice as many slots."""
    new_keys = np.full(2 * len(keys), -1, dtype=np.int64)
    new_sums = np.zeros(2 * len(keys), dtype=np.int64)
    for i in range(len(keys)):
        if keys[i] >= 0:
            slot = find_slot(new_keys, keys[i])
            new_keys[slot] = keys[i]
            new_sums[slot] = sums[i]
    return new_keys, new_sums


@helper
def longest_record(starts, first, last):
    """Return the largest number of rows that one of the records ``first .. last`` has.

    ``starts`` (r + 1,) int64 as in `RecordRows`.
    """
    longest = 0
    for record in range(first, last):
        longest = max(longest, starts[record + 1] - starts[record])
    return longest


@helper
def sum_by_label(rows, labels, record, label, weight):
    """Sum the weight of a record's rows by cluster label; return the number of labels.

    ``labels`` (n,) int32 are those of the locations. Fills ``label``, ascending, and ``weight``,
    both int64 with room for each row. Sorts by insertion, as most records have few rows.
    """
    n = 0
    for i in range(rows.starts[record], rows.starts[record + 1]):
        here = labels[rows.place[i]]
        k = n
        while k > 0 and label[k - 1] > here:
            k -= 1
        if k > 0 and label[k - 1] == here:
            weight[k - 1] += rows.units[i]
            continue
        for j in range(n, k, -1):
            label[j] = label[j - 1]
            weight[j] = weight[j - 1]
        label[k] = here
        weight[k] = rows.units[i]
        n += 1
    return n


@helper
def next_marked(rows, marks, row, end):
    """Return the first one of the rows ``row .. end`` whose location is marked, ``end`` if none."""
    while row < end and not marks.of_locations[np.uint32(rows.place[row])]:
        row += 1
    return row


@helper
def record_of(starts, record, row):
    """Return the record of a row, which is ``record`` or one of the next ones."""
    while starts[record + 1] <= row:
        record += 1
    return record


@helper
def differ(rows, labels, record):
    """Return whether a record has listings with different labels."""
    begin = rows.starts[record]
    found = False
    for i in range(begin + 1, rows.starts[record + 1]):
        found |= labels[rows.place[i]] != labels[rows.place[begin]]
    return found


@kernel
def add_ties(rows, labels, marks, spread_over, copies, unit, table, first, last):
    """Add the ties that the records ``first .. last`` make between pairs of cluster labels.

    Only pairs with a label that is marked in ``marks`` are counted. The key of labels a < b is
    ``(a + 1) * (n_labels + 1) + b + 1``; noise has label -1. Returns the keys and sums of the
    table, which may have grown, and whether all sums fit into int64. For shapes and dtypes see
    `ties_by_label`.
    """
    keys, sums, taken = table
    near = marks.of_labels
    longest = longest_record(rows.starts, first, last)
    label = np.empty(longest, dtype=np.int64)
    weight = np.empty(longest, dtype=np.int64)
    record, row, end = first, rows.starts[first], rows.starts[last]
    # Most records have no marked location, and their rows are passed one after the other: a loop
    # for each record would take three times as long.
    while True:
        row = next_marked(rows, marks, row, end)
        if row == end:
            return keys, sums, True
        record = record_of(rows.starts, record, row)
        row = rows.starts[record + 1]
        alike = copies[record] if len(copies) else 1
        if alike == 0 or not differ(rows, labels, record):
            continue
        n = sum_by_label(rows, labels, record, label, weight)
        for i in range(n):
            for j in range(i + 1, n):
                if not (near[label[i] + 1] or near[label[j] + 1]):
                    continue
                strength = (weight[i] / unit) * (weight[j] / unit)
                if len(spread_over):
                    strength = strength * 2 / spread_over[record]
                rounded = np.floor(strength * unit + 0.5) * alike
                if 2 * taken[0] >= len(keys):
                    keys, sums = doubled(keys, sums)
                key = (label[i] + 1) * len(near) + label[j] + 1
                slot = find_slot(keys, key)
                if not rounded + sums[slot] < TOO_LARGE:
                    return keys, sums, False
                if keys[slot] < 0:
                    keys[slot] = key
                    taken[0] += 1
                sums[slot] += np.int64(rounded)


@kernel
def add_records(rows, clusters, kind, record_units, copies, unit, out, first, last):
    """Add the records ``first .. last`` to the counts ``out[kind, cluster]``; noise is -1.

    A record adds to each cluster the fraction of its weight there, rounded, or a whole unit,
    once for each of its copies. For shapes and dtypes see `count_by_cluster`.
    """
    longest = longest_record(rows.starts, first, last)
    label = np.empty(longest, dtype=np.int64)
    weight = np.empty(longest, dtype=np.int64)
    for record in range(first, last):
        n = sum_by_label(rows, clusters, record, label, weight)
        for i in range(n):
            if label[i] >= 0:
                share = unit
                if len(record_units):
                    share = np.int64(np.floor(weight[i] / record_units[record] * unit + 0.5))
                out[kind[record], label[i]] += share * (copies[record] if len(copies) else 1)


@kernel
def add_shared(a, b, weight, n_b, table, first, last):
    """Add the weights of the locations ``first .. last`` to the sums of their pairs of labels.

    ``a`` and ``b`` (n,) int32 are labels, at least -1, ``weight`` (n,) int64. The key of two labels
    is ``(a + 1) * n_b + b + 1``. Returns the keys and sums of the table, which may have grown, and
    whether all sums fit into int64.
    """
    keys, sums, taken = table
    known, slot = np.int64(-1), np.int64(0)
    for i in range(first, last):
        key = (np.int64(a[i]) + 1) * n_b + b[i] + 1
        if key != known:  # most neighbours have the same labels
            if 2 * taken[0] >= len(keys):
                keys, sums = doubled(keys, sums)
            slot, known = find_slot(keys, key), key
            if keys[slot] < 0:
                keys[slot] = key
                taken[0] += 1
        sums[slot] += weight[i]
        if sums[slot] < 0:
            return keys, sums, False
    return keys, sums, True


@kernel
def add_values(labels, values, out, first, last):
    """Add the values of the locations ``first .. last`` to the sums of their labels.

    ``values`` (n,) int64, ``labels`` (n,) int32, ``out`` (n_labels,) int64. Noise, with label
    -1, is left out.
    """
    for i in range(first, last):
        if labels[i] >= 0:
            out[labels[i]] += values[i]


def ties_by_label(
    rows: RecordRows,
    labels: NDArray[np.int32],
    near: NDArray[np.bool_],
    spread_over: NDArray[np.float64],
    unit: int,
    threads: int,
    copies: NDArray[np.int64] = ONCE,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the ties (records in common) between pairs of cluster labels.

    Parameters
    ----------
    labels : ndarray of int32, shape (n,)
        Of the locations; -1 for noise.
    near : ndarray of bool, shape (n_labels + 1,)
        Whether ties of a label are wanted; the first entry is for noise.
    spread_over : ndarray of float64, shape (r,) or (0,)
        Twice the number of pairs of listings over which each record spreads one unit; empty:
        each pair of listings counts one.
    unit : int
        Fixed-point weight of one.
    copies : ndarray of int64, shape (r,) or (0,)
        How often each record is there; empty: once.

    Returns
    -------
    a, b, ties : ndarray of int64, shape (p,)
        Labels a < b with at least one of them near, sorted by a, then b, and their ties in fixed
        point. None if a sum is 2 ** 63 or more.
    """
    free: list[_HashTable] = []
    overflows: list[None] = []
    marks = _Marks(near, near[labels + 1])

    def work(first: int, last: int) -> None:
        table = _free_table(free)
        keys, sums, fit = add_ties(
            rows, labels, marks, spread_over, copies, unit, table, first, last
        )
        free.append(_HashTable(keys, sums, table.taken))
        if not fit:
            overflows.append(None)

    parallel_for(balanced_chunks(rows.starts, CHUNK), threads, work)
    return None if overflows else _total(free, len(near))


def _free_table(free: list[_HashTable]) -> _HashTable:
    """Return a table that no thread uses: one of the list, else a new one."""
    try:
        return free.pop()
    except IndexError:
        return _HashTable(
            np.full(FIRST_SLOTS, -1, dtype=np.int64),
            np.zeros(FIRST_SLOTS, dtype=np.int64),
            np.zeros(1, dtype=np.int64),
        )


def shared_weights(
    a: NDArray[np.int32], b: NDArray[np.int32], weight: NDArray[np.int64], threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Sum the weight that labels of two labellings of ``n`` locations have in common.

    ``a`` and ``b`` (n,) are at least -1. Returns the pairs of labels that occur, sorted, and their
    weights: three arrays of int64, shape (p,); None if a sum is 2 ** 63 or more.
    """
    free: list[_HashTable] = []
    overflows: list[None] = []
    n_b = int(b.max(initial=-1)) + 2

    def work(first: int, last: int) -> None:
        table = _free_table(free)
        keys, sums, fit = add_shared(a, b, weight, n_b, table, first, last)
        free.append(_HashTable(keys, sums, table.taken))
        if not fit:
            overflows.append(None)

    parallel_for(even_chunks(len(a), CHUNK), threads, work)
    return None if overflows else _total(free, n_b)


def _total(
    tables: list[_HashTable], n_near: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the sum of the tables of all threads, or None if a sum is too large."""
    used = [table.keys >= 0 for table in tables]
    nothing = [np.zeros(0, dtype=np.int64)]
    keys = np.concatenate([t.keys[u] for t, u in zip(tables, used, strict=True)] + nothing)
    sums = np.concatenate([t.sums[u] for t, u in zip(tables, used, strict=True)] + nothing)
    if not len(keys):
        return keys, keys, sums
    order = np.argsort(keys)
    keys, sums = keys[order], sums[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    # Each is below 2 ** 63; the sums of their halves show whether their sum is, too.
    high = np.add.reduceat(sums >> 32, starts)
    high += np.add.reduceat(sums & (2**32 - 1), starts) >> 32
    if (high >= 2**31).any():
        return None
    a, b = np.divmod(keys[starts], n_near)
    return a - 1, b - 1, np.add.reduceat(sums, starts)


def count_by_cluster(
    rows: RecordRows,
    clusters: NDArray[np.int32],
    kind: NDArray[np.integer],
    record_units: NDArray[np.int64],
    unit: int,
    shape: tuple[int, int],
    copies: NDArray[np.int64] = ONCE,
) -> NDArray[np.int64]:
    """Return the number of records by kind and cluster.

    Parameters
    ----------
    clusters : ndarray of int32, shape (n,)
        Of the locations; -1 for noise.
    kind : ndarray of int, shape (r,)
    record_units : ndarray of int64, shape (r,) or (0,)
        Fixed-point weight over which each record is spread; empty (`WHOLE`): a record counts one
        in each cluster that it touches.
    unit : int
        Fixed-point weight of one.
    shape : (int, int)
        Numbers of kinds and of clusters.
    copies : ndarray of int64, shape (r,) or (0,)
        How often each record is there; empty: once.

    Returns
    -------
    ndarray of int64, shape ``shape``
        In fixed point.
    """
    out = np.zeros(shape, dtype=np.int64)
    work = partial(add_records, rows, clusters, kind, record_units, copies, unit, out)
    # On one thread, because all chunks add to the same numbers.
    parallel_for(balanced_chunks(rows.starts, CHUNK), 1, work)
    return out


def sum_values(
    labels: NDArray[np.int32], values: NDArray[np.int64], n_labels: int
) -> NDArray[np.int64]:
    """Sum the values of locations, (k, n), by cluster label; return the sums, (k, n_labels)."""
    out = np.zeros((len(values), n_labels), dtype=np.int64)
    for each, sums in zip(values, out, strict=True):
        chunks = even_chunks(len(labels), CHUNK)
        parallel_for(chunks, 1, add_values, labels, each, sums)
    return out
