"""Arrays of each record's listings, to count records under many clusterings (sweep, bootstrap).

`gclust.listings.label` defines counts and ties on any engine; `gclust.kernels.cooccurrence`
computes the same from these arrays in memory, which is faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.kernels.cooccurrence import RecordRows
from gclust.kernels.record_folding import RowsOfRecords, fold_several
from gclust.listings.engines.protocol import Engine
from gclust.listings.label import label_records
from gclust.listings.sums import Frame, sum_by
from gclust.units import UNIT

Units = NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Counts of records by location, and the r records that have listings at several locations."""

    fixed: Units  # (kinds, n): units that a location adds to the count of its cluster
    rows: RecordRows  # of the r records: one row per record and location, sorted by record
    located_units: Units  # (r,): of the located listings
    record_units: Units  # (r,): denominator
    kind: NDArray[np.int16]  # (r,): code
    opened: NDArray[np.int64]
    """Which of the r records are left out of ``fixed``: their count in a cluster is not the sum of
    their counts at its locations."""
    open_rows: RecordRows  # of the records in ``opened``

    def reordered(self, order: NDArray[np.integer]) -> Records:
        """Return the records with the locations in another order, (n,)."""
        number = numbers_in(order)
        rows, open_rows = (
            each._replace(place=number[each.place]) for each in (self.rows, self.open_rows)
        )
        return replace(self, fixed=self.fixed[:, order], rows=rows, open_rows=open_rows)

    @cached_property
    def doubled_pairs(self) -> NDArray[np.float64]:
        """Twice the number of pairs of listings that each record has.

        Shape (r,). With fractional ties, each record spreads one unit of ties evenly over its
        pairs of listings; see `gclust.listings.label.sum_ties`.
        """
        n = self.located_units / UNIT
        # A weight below two has no full pair; it is spread as if n - 1 were 1.
        return n * np.where(n < 2, 1.0, n - 1)


def counts_by_location(
    engine: Engine, located: Frame, locations: pd.DataFrame, n_kinds: int
) -> Units:
    """Sum what the listings of each kind count (``counted``) at each location, (kinds, n)."""
    at = locations[["lat", "lon"]].assign(label=np.arange(len(locations)))
    joined = located.join(engine.put(at, "places"), on=["lat", "lon"], how="inner")
    sums = engine.arrow(sum_by(joined, "kind", "label", units="counted"), "fold counts")
    engine.drop("places")
    fixed = np.zeros((n_kinds, len(locations)), dtype=np.int64)
    kind, label, units = (sums[name].to_numpy() for name in ("kind", "label", "units"))
    fixed[kind, label] = units
    return fixed


def with_fixed_counts(records: Records, fixed: Units) -> Records:
    """Return records whose counts are all sums of those of the locations: none is open."""
    rows = records.open_rows
    none = RecordRows(np.zeros(1, dtype=rows.starts.dtype), rows.place[:0], rows.units[:0])
    return replace(records, fixed=fixed, opened=records.opened[:0], open_rows=none)


def gather_records(
    engine: Engine,
    located: Frame,
    totals: Frame,
    locations: pd.DataFrame,
    *,
    n_kinds: int,
    method: str,
) -> Records:
    """Sum each record's listings by location; count the records whose fractions are exact.

    A record's fraction in a cluster is rounded once, after its listings there are summed. If the
    fractions at its locations are whole units (as with up to 22 listings of equal weight), their
    sum is the same, so they are added to the locations. Otherwise the record stays open: it is
    counted later, for each labelling.

    ``located`` are usable listings: ``kind, record, lat, lon, units``; ``totals`` the denominators
    ``kind, record, record_units``. The arrays number the locations in the order of ``locations``
    (``lat, lon``). The method is that of `gclust.listings.counting.count_records`.
    """
    rows = _rows_of_records(engine, located, totals, locations)
    return fold_records(rows, len(locations), n_kinds=n_kinds, method=method)


def fold_records(rows: Sequence[NDArray[Any]], n: int, *, n_kinds: int, method: str) -> Records:
    """Make `Records` from five arrays with one row per record and location.

    The arrays are the number of the record (-1 for none), kind, location, units there and
    ``record_units``, sorted by record, then by location; ``n`` is the number of locations.
    """
    record, kind, at, units, _ = rows
    fixed = np.zeros((n_kinds, n), dtype=np.int64)
    bare = int(np.searchsorted(record, 0))  # rows without a record come first
    np.add.at(fixed, (kind[:bare], at[:bare]), units[:bare])
    of_records = RowsOfRecords(*(each[bare:] for each in rows))
    several = fold_several(of_records, fixed, method == "whole", UNIT)
    return Records(fixed, *several)


def fractional_units_of_arrays(units: Units, total: Units) -> Units:
    """Return the fractions ``units / total`` of records in fixed point, rounded half up.

    The results equal those of `gclust.listings.counting.fractional_units`.
    """
    return np.floor(units / total * UNIT + 0.5).astype(np.int64)


def numbers_in(order: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return the number that each location has in another order of all, shape (n,)."""
    number = np.empty(len(order), dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return number


def sort_by_place(records: Records) -> Records:
    """Sort the records by their first location, so that near ones use the same part of arrays."""
    starts = records.rows.starts[:-1]
    order = np.argsort(records.rows.place[starts], kind="stable")
    is_open = np.zeros(len(order), dtype=bool)
    is_open[records.opened] = True
    opened = is_open[order]
    number = np.cumsum(is_open) - 1  # of each among the open ones
    return Records(
        fixed=records.fixed,
        rows=rows_in_order(records.rows, order),
        located_units=records.located_units[order],
        record_units=records.record_units[order],
        kind=records.kind[order],
        opened=np.flatnonzero(opened),
        open_rows=rows_in_order(records.open_rows, number[order[opened]]),
    )


def rows_in_order(rows: RecordRows, order: NDArray[np.int64]) -> RecordRows:
    """Return the rows of the records in a given order of these."""
    length = np.diff(rows.starts)[order]
    starts = np.concatenate(([0], np.cumsum(length)))
    dtype = np.int32 if starts[-1] < 2**31 else np.int64
    shift = (rows.starts[:-1][order] - starts[:-1]).astype(dtype)
    at = np.arange(starts[-1], dtype=dtype)
    at += np.repeat(shift, length)
    return RecordRows(starts, rows.place[at], rows.units[at])


def number_records(rows: Frame, totals: Frame, *columns: str) -> Frame:
    """Replace each row's record id (text or long number) by a consecutive number from 0.

    Returns ``number`` (int64, -1 without a record), ``kind`` (int64), ``columns`` and
    ``record_units`` (1 without a record).
    """
    numbered = totals.with_row_index("number", order_by=["kind", "record"])
    return rows.join(numbered, on=["kind", "record"], how="left").select(
        nw.col("number").cast(nw.Int64).fill_null(-1),
        nw.col("kind").cast(nw.Int64),
        *columns,
        nw.col("record_units").fill_null(1),
    )


def _rows_of_records(
    engine: Engine, located: Frame, totals: Frame, locations: pd.DataFrame
) -> tuple[NDArray[Any], ...]:
    """Sum the weights of each record's listings by location: the five arrays of `fold_records`."""
    at = locations[["lat", "lon"]].assign(label=np.arange(len(locations)))
    labelled = label_records(located, engine.put(at, "places"))
    rows = engine.store(labelled, "at_places", "fold records")
    numbered = number_records(rows, totals, "label", "units").with_columns(
        nw.col("number", "label").cast(nw.Int32), nw.col("kind").cast(nw.Int16)
    )
    table = engine.arrow(numbered.sort("number", "label"), "sort records")
    for name in ("places", "at_places"):
        engine.drop(name)
    columns = []
    for name in table.column_names:  # there is never a second copy of all
        columns.append(table[name].to_numpy())
        table = table.drop_columns([name])
    return tuple(columns)
