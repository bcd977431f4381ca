"""Fractional and whole counts of records, computed as sums of fixed-point numbers.

One record counts as `gclust.units.UNIT` units. Sums of integers do not depend on the order of
rows, so counts are the same on every engine (DuckDB, pandas ...).
"""

from __future__ import annotations

from collections.abc import Callable

import narwhals as nw
import pandas as pd

from gclust.listings.sums import Frame, rows_by, sum_by
from gclust.units import UNIT


def record_totals(listings: Frame) -> Frame:
    """Return the total weight of each record's listings (``kind, record, record_units``).

    Listings of weight 0 are left out.
    """
    of_record = listings.filter(~nw.col("record").is_null() & (nw.col("units") > 0))
    return sum_by(of_record, "kind", "record", record_units="units")


def fractional_units(units: nw.Expr, total: nw.Expr) -> nw.Expr:
    """Return the fraction ``units / total`` of one record in fixed point, rounded half up.

    The quotient of two doubles is the same on every engine, and within 1e-7 of a
    unit of the true quotient, so that fractions of up to 22 listings are exact.
    """
    return (units / total * UNIT + 0.5).floor().cast(nw.Int64)


def record_counts(labelled: Frame, totals: Frame, method: str) -> Frame:
    """Return the count that each record adds to each label: ``kind, record, label, units``.

    ``labelled`` is from `gclust.listings.label.label_records` or ``relabel_records``, ``totals``
    has the denominators ``kind, record, record_units``. With the method ``fractional`` each record
    counts one, spread over its listings; with ``whole`` it counts one in each cluster where it has
    listings. Listings without a record count by weight; their record is null. With ``given``, the
    units of ``labelled`` are already counts (`gclust.listings.normalise.given_units`).
    """
    columns = ("kind", "record", "label", "units")
    if method == "given":
        return labelled.select(*columns)
    bare = labelled.filter(nw.col("record").is_null()).select(*columns)
    of_record = labelled.filter(~nw.col("record").is_null())
    if method == "whole":
        counted = of_record.with_columns(units=nw.lit(UNIT, dtype=nw.Int64))
    else:
        counted = of_record.join(totals, on=["kind", "record"]).with_columns(
            units=fractional_units(nw.col("units"), nw.col("record_units"))
        )
    return nw.concat([counted.select(*columns), bare])


def count_records(labelled: Frame, totals: Frame, method: str) -> Frame:
    """Count the records of each kind in each cluster (columns ``kind, label, units``)."""
    counted = record_counts(labelled, totals, method)
    return sum_by(counted, "kind", "label", units="units").sort("kind", "label")


def add_fractional_counts(listings: Frame, totals: Frame, method: str) -> Frame:
    """Add a column ``fractional_count``: how much of a record each listing adds to its cluster.

    Its sum (int64) over a cluster and kind equals `count_records`. The sum is exact if no record
    has more than 22 listings, and otherwise within half a fixed-point unit for each listing.

    ``listings`` has ``kind, record, cluster, units``, and any other columns; the cluster is -1 for
    noise, which counts as one cluster. With the method ``fractional`` one unit is spread over all
    listings of the record; with ``whole``, one unit for each cluster over the record's listings in
    it. Listings without a record count by weight. With ``given``, the counts are in the column
    ``counted``.
    """
    if method == "given":
        return listings.with_columns(fractional_count=nw.col("counted"))
    keys = ["kind", "record"]
    if method == "whole":
        keys = [*keys, "cluster"]
        of_record = listings.filter(~nw.col("record").is_null())
        totals = sum_by(of_record, *keys, record_units="units")
    joined = listings.join(totals.select(*keys, "record_units"), on=keys, how="left")
    # Rows without a record have no total, but eager engines compute their fraction anyway.
    fraction = fractional_units(nw.col("units"), nw.col("record_units").fill_null(1))
    count = nw.when(nw.col("record").is_null()).then(nw.col("units")).otherwise(fraction)
    return joined.with_columns(fractional_count=count.cast(nw.Int64)).drop("record_units")


def world_totals(listings: Frame, *, unlocated: str = "drop", totals: Frame | None = None) -> Frame:
    """Return the world total of each kind, noise included: ``kind, units``.

    The total is the number of records plus the weight of listings without a record. ``listings``
    are validated: ``kind, record, units, reason``. Records without any located listing are left out
    if ``unlocated`` is ``drop``, and count if it is ``keep``. ``totals`` are the totals of the
    records that count (`record_totals`), if they are known.
    """
    counted = _counted(listings, unlocated)
    records = rows_by(record_totals(counted) if totals is None else totals, "kind")
    whole = records.with_columns(units=nw.col("rows") * UNIT).select("kind", "units")
    bare = counted.filter(nw.col("record").is_null()).select("kind", "units")
    return sum_by(nw.concat([whole, bare]), "kind", units="units").sort("kind")


def world_components(
    listings: Frame, unlocated: str, collect: Callable[[Frame], pd.DataFrame]
) -> pd.DataFrame:
    """Return both parts of each world total: number of records, weight of listings without record.

    The bootstrap draws the two parts separately.

    They are ``records``, and ``unrecorded``: the weight of listings without a record; indexed by
    kind. ``collect`` computes a small frame as a pandas one.
    """
    counted = _counted(listings, unlocated)
    records = collect(rows_by(record_totals(counted), "kind")).set_index("kind")["rows"]
    bare = counted.filter(nw.col("record").is_null())
    weight = collect(sum_by(bare, "kind", units="units")).set_index("kind")["units"] / UNIT
    table = pd.DataFrame({"records": records, "unrecorded": weight}).fillna(0.0)
    return table.sort_index()


def _counted(listings: Frame, unlocated: str) -> Frame:
    return listings if unlocated == "keep" else listings.filter(nw.col("reason").is_null())
