"""Counts of records normalised by field and year, as fixed-point numbers.

A listing counts its fraction of the record, times the mean total of all field-years over the total
of its own, so that each field-year of a kind has the same total (Waltman and van Eck 2015,
Field-normalized citation impact indicators and the choice of an appropriate counting method,
Journal of Informetrics 9, 872-894: fractional counting alone makes such totals consistent).
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.listings.counting import fractional_units, record_totals
from gclust.listings.sums import Frame, rows_by, sum_by
from gclust.units import LARGEST_TOTAL, UNIT

CELL = ["kind", "field", "year"]
"""Columns that identify a field-year of a kind."""


def values_of_listings(
    listings: Frame, kinds: Sequence[int], *, unlocated: str, cited: bool
) -> Frame:
    """Add ``fraction`` and ``value`` of each listing, in fixed point, 0 where it does not count.

    Parameters
    ----------
    listings : LazyFrame
        Validated rows: ``kind, record, units, reason``, and ``field, year`` (``citations``).
    kinds : sequence of int
        Codes of the kinds that are normalised. Of other kinds the value is the fraction.
    unlocated : {"drop", "keep"}
        Whether rejected rows have a part in their record.
    cited : bool
        Whether the value of a listing is its fraction times the citations of its record.
    """
    counts = nw.col("units") > 0
    if unlocated == "drop":
        counts = counts & nw.col("reason").is_null()
    totals = record_totals(listings.filter(counts))
    joined = listings.join(totals, on=["kind", "record"], how="left")
    # Rows without a record have no total, but eager engines compute their fraction anyway.
    part = fractional_units(nw.col("units"), nw.col("record_units").fill_null(1))
    part = nw.when(nw.col("record").is_null()).then(nw.col("units")).otherwise(part)
    joined = joined.with_columns(
        fraction=nw.when(counts.fill_null(False)).then(part).otherwise(0).cast(nw.Int64)
    ).drop("record_units")
    normalised = nw.col("kind").is_in(list(kinds))
    known = ~(nw.col("field").is_null() | nw.col("year").is_null())
    value = nw.col("fraction")
    if cited:
        known = known & ~nw.col("citations").is_null()
        value = (value * nw.col("citations").fill_null(0.0) + 0.5).floor().cast(nw.Int64)
    value = nw.when(known).then(value).otherwise(0)
    value = nw.when(normalised).then(value).otherwise(nw.col("fraction"))
    return joined.with_columns(
        value=value.cast(nw.Int64), unknown=(normalised & ~known).cast(nw.Int64)
    )


def largest_sum(valued: Frame, kinds: Sequence[int]) -> Frame:
    """Return the sum of the values of each normalised kind as floats, which cannot overflow.

    ``valued`` has ``fraction`` and, where they are used, ``citations``.
    """
    own = valued.filter(nw.col("kind").is_in(list(kinds)))
    value = nw.col("fraction").cast(nw.Float64) * nw.col("citations").fill_null(0.0) / UNIT
    return own.with_columns(weight=value).group_by("kind").agg(total=nw.col("weight").sum())


def too_large(total: float) -> bool:
    """Return whether a total weight does not fit into the fixed-point numbers."""
    return not total <= LARGEST_TOTAL


def sums_of_cells(valued: Frame, kinds: Sequence[int]) -> Frame:
    """Sum ``fraction`` and ``value`` by field-year of the normalised kinds."""
    own = valued.filter(nw.col("kind").is_in(list(kinds)) & (nw.col("unknown") == 0))
    return sum_by(own, *CELL, fraction="fraction", value="value")


def rows_without_cell(valued: Frame) -> Frame:
    """Count the rows of normalised kinds that count but have no field-year: ``kind, rows``."""
    return rows_by(valued.filter((nw.col("unknown") == 1) & (nw.col("fraction") > 0)), "kind")


def factors_of_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the field-years with a value, with the ``factor`` of their listings.

    It is the mean total of the field-years of a kind over the total value of each: the factors keep
    the kind's number of records. ``cells`` is from `sums_of_cells`.
    """
    known = cells[cells["value"] > 0].sort_values(CELL, ignore_index=True)
    by_kind = known.groupby("kind")["fraction"]
    # Of whole numbers first, so that the mean is the same for any order.
    mean = by_kind.transform("sum").astype(np.float64) / by_kind.transform("size")
    return known[CELL].assign(factor=mean / known["value"].astype(np.float64))


def add_counts(valued: Frame, factors: Frame, kinds: Sequence[int]) -> Frame:
    """Add ``counted``: what each listing counts, in fixed point; 0 without a field-year.

    ``factors`` is from `factors_of_cells`; the columns of `values_of_listings` are dropped.
    """
    joined = valued.join(factors, on=CELL, how="left")
    scaled = (nw.col("value") * nw.col("factor").fill_null(0.0) + 0.5).floor().cast(nw.Int64)
    own = nw.col("kind").is_in(list(kinds))
    counted = nw.when(own).then(scaled).otherwise(nw.col("value"))
    return joined.with_columns(counted=counted.cast(nw.Int64)).drop(
        "fraction", "value", "unknown", "factor"
    )


def given_units(listings: Frame, method: str) -> Frame:
    """Return listings whose ``units`` are what they count, if the method is ``given``."""
    return listings.with_columns(units=nw.col("counted")) if method == "given" else listings


def given_totals(listings: Frame) -> Frame:
    """Sum what the listings of each kind count: ``kind, units``."""
    return sum_by(listings, "kind", units="counted")
