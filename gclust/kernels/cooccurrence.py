"""Ties between labels, and counts of records, from listings that lie record by record.

Sums are of whole numbers, so they are the same in any order and for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import allocating_helper, helper, kernel
from gclust.parallel import balanced_chunks, even_chunks, parallel_for, unreported

CHUNK = 1 << 20
"""Rows, or locations, in a chunk."""

FIRST_SLOTS = 1 << 12
"""Of a table of ties at first; a power of two, doubled whenever half of it is taken."""

SCATTER = 40503
"""Spreads the keys of a table over its slots (Knuth 1998, The Art of Computer Programming 3,
section 6.4: near the golden section of 2 ** 16), and overflows with no key below 2 ** 47."""

TOO_LARGE = 2.0**63

ONCE = np.zeros(0, dtype=np.int64)
"""Times of records that are not given: each record is there once."""


class Rows(NamedTuple):
    """Records, one row for each location at which a record has listings."""

    starts: NDArray[np.int64]
    """(r + 1,) first row of each record, and their number."""
    place: NDArray[np.int32]
    """(m,) the location."""
    units: NDArray[np.int64]
    """(m,) weight of the record's listings there."""


class _Table(NamedTuple):
    """Sums by key, in an open hash."""

    keys: NDArray[np.int64]
    """-1 where there is none."""
    sums: NDArray[np.int64]
    taken: NDArray[np.int64]
    """(1,) number of keys."""


@helper
def slot_of(keys, key):
    """Return where a key is, or where it would be put."""
    slot = (key * SCATTER + (key >> 16)) & (len(keys) - 1)
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@allocating_helper
def doubled(keys, sums):
    """Return a table of twice as many slots with the same sums."""
    new_keys = np.full(2 * len(keys), -1, dtype=np.int64)
    new_sums = np.zeros(2 * len(keys), dtype=np.int64)
    for i in range(len(keys)):
        if keys[i] >= 0:
            slot = slot_of(new_keys, keys[i])
            new_keys[slot] = keys[i]
            new_sums[slot] = sums[i]
    return new_keys, new_sums


@helper
def fold_labels(rows, labels, first, last, label, weight):
    """Sum the weight of the rows ``first .. last`` by label; return how many labels there are.

    They are put into ``label``, rising, and ``weight``.
    """
    several = 0
    for i in range(first, last):
        here = labels[rows.place[i]]
        k = several
        while k > 0 and label[k - 1] > here:
            k -= 1
        if k > 0 and label[k - 1] == here:
            weight[k - 1] += rows.units[i]
            continue
        for j in range(several, k, -1):
            label[j] = label[j - 1]
            weight[j] = weight[j - 1]
        label[k] = here
        weight[k] = rows.units[i]
        several += 1
    return several


@kernel
def add_ties(rows, labels, near, spread_over, times, unit, table, longest, first, last):
    """Add the ties that the records ``first .. last`` make of labels, one of them near.

    ``near[label + 1]`` tells whether ties of a label are wanted, noise being label -1. Where
    ``spread_over`` is given, ties are divided by half of it. The key of labels a < b is
    (a + 1) * len(near) + b + 1. Where ``times`` is given, a record stands for so many of its
    like. Returns the table, which may have grown, and whether all
    sums could be held.
    """
    keys, sums, taken = table
    label = np.empty(longest, dtype=np.int64)
    weight = np.empty(longest, dtype=np.int64)
    for record in range(first, last):
        begin, end = rows.starts[record], rows.starts[record + 1]
        alike = times[record] if len(times) else 1
        if alike == 0:
            continue
        wanted = False
        for i in range(begin, end):
            wanted |= near[labels[rows.place[i]] + 1]
        if not wanted:
            continue
        several = fold_labels(rows, labels, begin, end, label, weight)
        for i in range(several):
            for j in range(i + 1, several):
                if not (near[label[i] + 1] or near[label[j] + 1]):
                    continue
                strength = (weight[i] / unit) * (weight[j] / unit)
                if len(spread_over):
                    strength = strength * 2 / spread_over[record]
                rounded = np.floor(strength * unit + 0.5) * alike
                if 2 * taken[0] >= len(keys):
                    keys, sums = doubled(keys, sums)
                slot = slot_of(keys, (label[i] + 1) * len(near) + label[j] + 1)
                if not rounded + sums[slot] < TOO_LARGE:
                    return keys, sums, False
                if keys[slot] < 0:
                    keys[slot] = (label[i] + 1) * len(near) + label[j] + 1
                    taken[0] += 1
                sums[slot] += np.int64(rounded)
    return keys, sums, True


@kernel
def count_records(
    rows, clusters, kind, record_units, times, unit, whole, longest, out, first, last
):
    """Add the records ``first .. last`` to ``out[kind, cluster]``, noise being cluster -1.

    A record adds to each cluster the share of its weight there, rounded, or a whole unit, as
    many times as ``times`` says, if that is given.
    """
    label = np.empty(longest, dtype=np.int64)
    weight = np.empty(longest, dtype=np.int64)
    for record in range(first, last):
        several = fold_labels(
            rows, clusters, rows.starts[record], rows.starts[record + 1], label, weight
        )
        for i in range(several):
            if label[i] >= 0:
                share = unit
                if not whole:
                    share = np.int64(np.floor(weight[i] / record_units[record] * unit + 0.5))
                out[kind[record], label[i]] += share * (times[record] if len(times) else 1)


@kernel
def sum_by_label(labels, values, out, first, last):
    """Add the values of the locations ``first .. last`` to ``out``, that of noise nowhere."""
    for i in range(first, last):
        if labels[i] >= 0:
            out[labels[i]] += values[i]


def tie(
    rows: Rows,
    labels: NDArray[np.int32],
    near: NDArray[np.bool_],
    spread_over: NDArray[np.float64],
    unit: int,
    threads: int,
    report: Callable[[float], None] = unreported,
    times: NDArray[np.int64] = ONCE,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Sum the ties between labels.

    Parameters
    ----------
    rows : Rows
    labels : ndarray of int32, shape (n,)
        Of the locations; -1 for noise.
    near : ndarray of bool, shape (n_labels + 1,)
        Which labels are asked for, that of noise first.
    spread_over : ndarray of float64, shape (r,) or (0,)
        Twice the pairs of listings over which each record spreads one unit; none: each pair
        of listings counts.
    unit : int
        Units of a weight of one.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    times : ndarray of int64, shape (r,) or (0,)
        How many records each stands for; one where it is not given.

    Returns
    -------
    a, b, ties : ndarray of int64
        Labels a < b of which one at least is near, by a, then b, and their ties in units; None
        if a sum is 2 ** 63 or more.
    """
    free: list[_Table] = []
    failed: list[None] = []
    longest = int(np.diff(rows.starts).max(initial=0))

    def work(first: int, last: int) -> None:
        try:
            table = free.pop()
        except IndexError:
            table = _Table(
                np.full(FIRST_SLOTS, -1, dtype=np.int64),
                np.zeros(FIRST_SLOTS, dtype=np.int64),
                np.zeros(1, dtype=np.int64),
            )
        keys, sums, held = add_ties(
            rows, labels, near, spread_over, times, unit, table, longest, first, last
        )
        free.append(_Table(keys, sums, table.taken))
        if not held:
            failed.append(None)

    parallel_for(balanced_chunks(rows.starts, CHUNK), threads, work, report=report)
    if failed:
        return None
    return _gathered(free, len(near))


def _gathered(
    tables: list[_Table], n_near: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Add up the tables of all threads; None if a sum is too large."""
    used = [table.keys >= 0 for table in tables]
    nothing = [np.zeros(0, dtype=np.int64)]
    keys = np.concatenate([t.keys[u] for t, u in zip(tables, used, strict=True)] + nothing)
    sums = np.concatenate([t.sums[u] for t, u in zip(tables, used, strict=True)] + nothing)
    if not len(keys):
        return keys, keys, sums
    order = np.argsort(keys)
    keys, sums = keys[order], sums[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    # Each is below 2 ** 63; whether their sum is too is told by halves.
    high = np.add.reduceat(sums >> 32, starts)
    high += np.add.reduceat(sums & (2**32 - 1), starts) >> 32
    if (high >= 2**31).any():
        return None
    a, b = np.divmod(keys[starts], n_near)
    return a - 1, b - 1, np.add.reduceat(sums, starts)


def count(
    rows: Rows,
    clusters: NDArray[np.int32],
    kind: NDArray[np.integer],
    record_units: NDArray[np.int64],
    whole: bool,
    unit: int,
    shape: tuple[int, int],
    report: Callable[[float], None] = unreported,
    times: NDArray[np.int64] = ONCE,
) -> NDArray[np.int64]:
    """Count records by kind and cluster.

    Parameters
    ----------
    rows : Rows
    clusters : ndarray of int32, shape (n,)
        Of the locations; -1 for noise.
    kind : ndarray of int, shape (r,)
    record_units : ndarray of int64, shape (r,)
        The weight over which each record is spread.
    whole : bool
        Whether a record counts one for each cluster that it touches.
    unit : int
        Units of a weight of one.
    shape : (int, int)
        Kinds and clusters.
    report : callable
        Called with the share done.
    times : ndarray of int64, shape (r,) or (0,)
        How many records each stands for; one where it is not given.

    Returns
    -------
    ndarray of int64, shape ``shape``
        In units.
    """
    out = np.zeros(shape, dtype=np.int64)
    longest = int(np.diff(rows.starts).max(initial=0))
    parallel_for(
        balanced_chunks(rows.starts, CHUNK),
        1,
        count_records,
        rows,
        clusters,
        kind,
        record_units,
        times,
        unit,
        whole,
        longest,
        out,
        report=report,
    )
    return out


def sum_of_labels(
    labels: NDArray[np.int32],
    values: NDArray[np.int64],
    n_labels: int,
    report: Callable[[float], None] = unreported,
) -> NDArray[np.int64]:
    """Sum values of locations, shape (k, n), by label; shape (k, n_labels)."""
    out = np.zeros((len(values), n_labels), dtype=np.int64)
    for each, sums in zip(values, out, strict=True):
        parallel_for(
            even_chunks(len(labels), CHUNK), 1, sum_by_label, labels, each, sums, report=report
        )
    return out
