"""Counts of records by location, and the records that have listings at several locations.

Rows are sorted by record. See `gclust.listings.record_arrays`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.cooccurrence import RecordRows
from gclust.parallel import parallel_for

CHUNK = 1 << 20
"""Number of rows in a chunk of work, which ends with a record."""

LARGEST = 2**63 - 1

RECORDS, ROWS, OPEN_RECORDS, OPEN_ROWS = range(4)
"""Columns of counts: records with several locations and their rows, and those that are open."""


class RowsOfRecords(NamedTuple):
    """Arrays of ``n`` rows, one per record and location, sorted by record, then by location."""

    record: NDArray[np.integer]  # (n,) number of the record
    kind: NDArray[np.integer]  # (n,) code
    place: NDArray[np.integer]  # (n,) location
    units: NDArray[np.int64]  # (n,) fixed-point weight of the record's listings there
    total: NDArray[np.int64]  # (n,) denominator of the record


class SeveralPlaces(NamedTuple):
    """The ``r`` records with several locations and their rows; ``o`` of the records are open."""

    rows: RecordRows  # of all
    located_units: NDArray[np.int64]  # (r,) of the located listings
    record_units: NDArray[np.int64]  # (r,) denominator
    kind: NDArray[np.int16]  # (r,) code
    opened: NDArray[np.int64]  # (o,) which of them are open
    open_rows: RecordRows  # of these


@helper
def is_exact(units, total, unit):
    """Return whether the fraction ``units / total`` is a whole number of fixed-point units."""
    if units <= LARGEST // unit:
        return units * unit % total == 0
    a, b = units, total
    while b:
        a, b = b, a % b
    return unit % (total // a) == 0


@helper
def share_of(units, total, unit, whole):
    """Return what weight ``units`` of a record of ``total`` counts, in fixed point."""
    if whole:
        return np.int64(unit)
    return np.int64(np.floor(units / total * unit + 0.5))


@helper
def end_of_record(rows, begin, last):
    """Return the row after the last one of the record whose first row is ``begin``."""
    end = begin + 1
    while end < last and rows.record[end] == rows.record[begin]:
        end += 1
    return end


@helper
def is_open(rows, begin, end, whole, unit):
    """Return whether the count of a record in a cluster is not the sum of those at its places."""
    if end - begin == 1:
        return False
    found = whole
    for i in range(begin, end):
        found = found or not is_exact(rows.units[i], rows.total[i], unit)
    return found


@kernel
def add_closed(rows, whole, unit, fixed, counts, first, last):
    """Add the records of the rows ``first .. last`` that are not open to ``fixed``, and count.

    ``rows`` are `RowsOfRecords`; ``fixed`` (kinds, locations) int64; ``counts`` (4,) int64 are the
    numbers of records and rows, see ``RECORDS`` and following. With ``whole`` a record counts one
    at each of its locations.
    """
    begin = first
    while begin < last:
        end = end_of_record(rows, begin, last)
        opened = is_open(rows, begin, end, whole, unit)
        if not opened:
            for i in range(begin, end):
                share = share_of(rows.units[i], rows.total[i], unit, whole)
                fixed[rows.kind[i], rows.place[i]] += share
        if end - begin > 1:
            counts[RECORDS] += 1
            counts[ROWS] += end - begin
            counts[OPEN_RECORDS] += opened
            counts[OPEN_ROWS] += (end - begin) * opened
        begin = end


@kernel
def fill_several(rows, whole, unit, out, counts, first, last):
    """Copy the records with several locations of the rows ``first .. last`` to `SeveralPlaces`.

    ``counts`` (4,) int64 are those of the records and rows that are already there.
    """
    begin = first
    while begin < last:
        end = end_of_record(rows, begin, last)
        if end - begin > 1:
            opened = is_open(rows, begin, end, whole, unit)
            record, to = counts[RECORDS], counts[ROWS]
            out.record_units[record], out.kind[record] = rows.total[begin], rows.kind[begin]
            out.located_units[record] = 0
            for i in range(begin, end):
                out.located_units[record] += rows.units[i]
                out.rows.place[to + i - begin] = rows.place[i]
                out.rows.units[to + i - begin] = rows.units[i]
            counts[RECORDS] += 1
            counts[ROWS] += end - begin
            out.rows.starts[record + 1] = counts[ROWS]
            if opened:
                number, to = counts[OPEN_RECORDS], counts[OPEN_ROWS]
                out.opened[number] = record
                for i in range(begin, end):
                    out.open_rows.place[to + i - begin] = rows.place[i]
                    out.open_rows.units[to + i - begin] = rows.units[i]
                counts[OPEN_RECORDS] += 1
                counts[OPEN_ROWS] += end - begin
                out.open_rows.starts[number + 1] = counts[OPEN_ROWS]
        begin = end


def chunks_of_records(record: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the bounds of chunks of about ``CHUNK`` rows that begin with a record's first row."""
    marks = record[::CHUNK]
    return np.unique(np.append(np.searchsorted(record, marks), len(record)))


def fold_several(
    rows: RowsOfRecords, fixed: NDArray[np.int64], whole: bool, unit: int
) -> SeveralPlaces:
    """Add closed records to ``fixed``, (kinds, locations); return those with several locations.

    A record is open if the fractions at its locations are not whole numbers of ``unit``, or, with
    ``whole``, if it has several locations.
    """
    chunks = chunks_of_records(rows.record)
    counts = np.zeros(4, dtype=np.int64)
    # On one thread, because chunks add to the same numbers.
    parallel_for(chunks, 1, add_closed, rows, whole, unit, fixed, counts)
    r, m, o, n = counts.tolist()
    out = SeveralPlaces(
        rows=_empty_rows(r, m),
        located_units=np.empty(r, dtype=np.int64),
        record_units=np.empty(r, dtype=np.int64),
        kind=np.empty(r, dtype=np.int16),
        opened=np.empty(o, dtype=np.int64),
        open_rows=_empty_rows(o, n),
    )
    counts[:] = 0
    parallel_for(chunks, 1, fill_several, rows, whole, unit, out, counts)
    return out


def _empty_rows(records: int, rows: int) -> RecordRows:
    starts = np.zeros(records + 1, dtype=np.int64)
    return RecordRows(starts, np.empty(rows, dtype=np.int32), np.empty(rows, dtype=np.int64))
