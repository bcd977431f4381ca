"""Carry the labels of locations back to records, and count.

A listing counts by the label of its location, never by where a footprint lies.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from gclust.listings.fold import record_totals, spread
from gclust.units import UNIT

TIES = ("fractional", "pairs")
COUNTING = ("fractional", "whole")


def attribute(listings: nw.LazyFrame[Any], labels: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
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
    return (
        listings.join(labels, on=["lat", "lon"], how="inner")
        .group_by("kind", "record", "label")
        .agg(units=nw.col("units").sum().cast(nw.Int64))
    )


def relabel(attributed: nw.LazyFrame[Any], clusters: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Replace labels by the clusters they were merged into (``label, cluster``)."""
    return (
        attributed.join(clusters, on="label", how="inner")
        .group_by("kind", "record", "cluster")
        .agg(units=nw.col("units").sum().cast(nw.Int64))
        .select("kind", "record", nw.col("cluster").alias("label"), "units")
    )


def ties(
    attributed: nw.LazyFrame[Any], totals: nw.LazyFrame[Any], method: str
) -> nw.LazyFrame[Any]:
    """Ties between labels: over all records, the pairs of listings that join them.

    Parameters
    ----------
    attributed : LazyFrame
        From `attribute`.
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
    labels = of_record.group_by("kind", "record").agg(labels=nw.len())
    shared = of_record.join(labels.filter(nw.col("labels") > 1), on=["kind", "record"])
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
    return (
        pairs.with_columns(ties=(strength * UNIT + 0.5).floor().cast(nw.Int64))
        .group_by("a", "b")
        .agg(ties=nw.col("ties").sum().cast(nw.Int64))
        .sort("a", "b")
    )


def count(
    attributed: nw.LazyFrame[Any], totals: nw.LazyFrame[Any], method: str
) -> nw.LazyFrame[Any]:
    """Count the records of each kind in each cluster.

    Parameters
    ----------
    attributed : LazyFrame
        From `attribute` or `relabel`.
    totals : LazyFrame
        ``kind, record, record_units``: the denominators.
    method : {"fractional", "whole"}
        Each record counts one, spread over its listings; or one for each
        cluster that it touches. Listings without a record count by weight.

    Returns
    -------
    LazyFrame
        ``kind, label, units``.
    """
    bare = attributed.filter(nw.col("record").is_null()).select("kind", "label", "units")
    of_record = attributed.filter(~nw.col("record").is_null())
    if method == "whole":
        counted = of_record.with_columns(units=nw.lit(UNIT, dtype=nw.Int64))
    else:
        counted = of_record.join(totals, on=["kind", "record"]).with_columns(
            units=spread(nw.col("units"), nw.col("record_units"))
        )
    return (
        nw.concat([counted.select("kind", "label", "units"), bare])
        .group_by("kind", "label")
        .agg(units=nw.col("units").sum().cast(nw.Int64))
        .sort("kind", "label")
    )


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
    records = record_totals(counted).group_by("kind").agg(records=nw.len().cast(nw.Int64))
    bare = (
        counted.filter(nw.col("record").is_null())
        .group_by("kind")
        .agg(units=nw.col("units").sum().cast(nw.Int64))
    )
    whole = records.with_columns(units=nw.col("records") * UNIT).select("kind", "units")
    return (
        nw.concat([whole, bare])
        .group_by("kind")
        .agg(units=nw.col("units").sum().cast(nw.Int64))
        .sort("kind")
    )
