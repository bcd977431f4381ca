"""Carry the labels of locations back to records, and count.

A listing counts by the label of its location, never by where a footprint lies.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from gclust.listings.fold import fractional_units, record_totals
from gclust.listings.sums import rows_by, sum_by
from gclust.units import UNIT

TIES = ("fractional", "pairs")
COUNTING = ("fractional", "whole")


def label_records(listings: nw.LazyFrame[Any], labels: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Sum each record's listings by label.

    Parameters
    ----------
    listings : LazyFrame
        Usable listings: ``kind, record, lat, lon, units``.
    labels : LazyFrame
        ``lat, lon, label`` of every location, -1 for noise.

    Returns
    -------
    LazyFrame
        ``kind, record, label, units``; listings without a record are summed
        under the record null.
    """
    joined = listings.join(labels, on=["lat", "lon"], how="inner")
    return sum_by(joined, "kind", "record", "label", units="units")


def relabel_records(
    attributed: nw.LazyFrame[Any], clusters: nw.LazyFrame[Any]
) -> nw.LazyFrame[Any]:
    """Replace labels by the clusters they were merged into (``label, cluster``)."""
    joined = attributed.join(clusters, on="label", how="inner")
    summed = sum_by(joined, "kind", "record", "cluster", units="units")
    return summed.select("kind", "record", nw.col("cluster").alias("label"), "units")


def sum_ties(
    attributed: nw.LazyFrame[Any], totals: nw.LazyFrame[Any], method: str
) -> nw.LazyFrame[Any]:
    """Ties between labels: over all records, the pairs of listings that join them.

    Parameters
    ----------
    attributed : LazyFrame
        From `label_records`.
    totals : LazyFrame
        From `record_totals`, of located listings.
    method : {"fractional", "pairs"}
        ``pairs``: a record with n_a listings in A and n_b in B adds n_a * n_b.
        ``fractional``: each record spreads one unit evenly over its n * (n - 1) / 2
        pairs of listings.

    Returns
    -------
    LazyFrame
        ``a, b, ties`` with a < b, in units; noise is label -1.
    """
    of_record = attributed.filter(~nw.col("record").is_null())
    several = rows_by(of_record, "kind", "record").filter(nw.col("rows") > 1)
    shared = of_record.join(several, on=["kind", "record"])
    left = shared.select("kind", "record", nw.col("label").alias("a"), nw.col("units").alias("u"))
    right = shared.select("kind", "record", nw.col("label").alias("b"), nw.col("units").alias("v"))
    pairs = left.join(right, on=["kind", "record"]).filter(nw.col("a") < nw.col("b"))
    strength = (nw.col("u") / UNIT) * (nw.col("v") / UNIT)
    if method == "fractional":
        pairs = pairs.join(totals, on=["kind", "record"])
        n = nw.col("record_units") / UNIT
        # A weight below two has no full pair: it is spread as if n - 1 were one.
        others = nw.when(n < 2).then(nw.lit(1.0)).otherwise(n - 1)
        strength = strength * 2 / (n * others)
    weighted = pairs.with_columns(ties=(strength * UNIT + 0.5).floor().cast(nw.Int64))
    return sum_by(weighted, "a", "b", ties="ties").sort("a", "b")


def count_records(
    attributed: nw.LazyFrame[Any], totals: nw.LazyFrame[Any], method: str
) -> nw.LazyFrame[Any]:
    """Count the records of each kind in each cluster.

    Parameters
    ----------
    attributed, totals, method
        As in `record_counts`.

    Returns
    -------
    LazyFrame
        ``kind, label, units``.
    """
    credited = record_counts(attributed, totals, method)
    return sum_by(credited, "kind", "label", units="units").sort("kind", "label")


def record_counts(
    attributed: nw.LazyFrame[Any], totals: nw.LazyFrame[Any], method: str
) -> nw.LazyFrame[Any]:
    """What each record adds to the count of each label that it touches.

    Parameters
    ----------
    attributed : LazyFrame
        From `label_records` or `relabel_records`.
    totals : LazyFrame
        ``kind, record, record_units``: the denominators.
    method : {"fractional", "whole"}
        Each record counts one, spread over its listings; or one for each
        cluster that it touches. Listings without a record count by weight.

    Returns
    -------
    LazyFrame
        ``kind, record, label, units``; the record is null for listings without one.
    """
    columns = ("kind", "record", "label", "units")
    bare = attributed.filter(nw.col("record").is_null()).select(*columns)
    of_record = attributed.filter(~nw.col("record").is_null())
    if method == "whole":
        counted = of_record.with_columns(units=nw.lit(UNIT, dtype=nw.Int64))
    else:
        counted = of_record.join(totals, on=["kind", "record"]).with_columns(
            units=fractional_units(nw.col("units"), nw.col("record_units"))
        )
    return nw.concat([counted.select(*columns), bare])


def world_totals(
    listings: nw.LazyFrame[Any],
    *,
    unlocated: str = "drop",
) -> nw.LazyFrame[Any]:
    """Total of each kind, noise included: records, and weight of listings without one.

    Parameters
    ----------
    listings : LazyFrame
        Judged listings: ``kind, record, units, reason``.
    unlocated : {"drop", "keep"}
        Whether records of which no listing could be located are left out, or
        count too.

    Returns
    -------
    LazyFrame
        ``kind, units``.
    """
    counted = listings if unlocated == "keep" else listings.filter(nw.col("reason").is_null())
    records = rows_by(record_totals(counted), "kind")
    whole = records.with_columns(units=nw.col("rows") * UNIT).select("kind", "units")
    bare = counted.filter(nw.col("record").is_null()).select("kind", "units")
    return sum_by(nw.concat([whole, bare]), "kind", units="units").sort("kind")
