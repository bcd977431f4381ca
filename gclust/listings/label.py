"""Weights of records by cluster label, and ties of labels (pairs of listings of a record).

A listing has the label of its location, whether or not the location lies in a footprint.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw

from gclust.listings.sums import Frame, rounded, rows_by, sum_by
from gclust.units import UNIT


def label_records(listings: Frame, labels: Frame) -> Frame:
    """Sum the weights of each record's usable listings by label: ``kind, record, label, units``.

    ``labels`` has ``lat, lon, label`` of every location, -1 for noise. Listings without a record
    are summed under the record null.
    """
    joined = listings.join(labels, on=["lat", "lon"], how="inner")
    return sum_by(joined, "kind", "record", "label", units="units")


def relabel_records(labelled: Frame, clusters: Frame) -> Frame:
    """Replace each label by the cluster that it was merged into, as in the table ``clusters``."""
    joined = labelled.join(clusters, on="label", how="inner")
    summed = sum_by(joined, "kind", "record", "cluster", units="units")
    return summed.select("kind", "record", nw.col("cluster").alias("label"), "units")


def sum_ties(
    labelled: Frame, totals: Frame, method: str, near: Sequence[int] | None = None
) -> Frame:
    """Sum the ties between labels: pairs of listings of one record, one listing in each label.

    With the method ``pairs``, a record with n_a listings in A and n_b in B adds n_a * n_b; with
    ``fractional`` each record spreads one unit evenly over its n * (n - 1) / 2 pairs of listings.
    ``labelled`` is from `label_records`, ``totals`` from `gclust.listings.counting.record_totals`
    of located listings. Returns ``a, b, ties`` with a < b, ties in fixed point; noise is label -1.
    With ``near``, only of pairs with one of these labels.
    """
    of_record = labelled.filter(~nw.col("record").is_null())
    several = rows_by(of_record, "kind", "record").filter(nw.col("rows") > 1)
    shared = of_record.join(several, on=["kind", "record"])
    left = shared.select("kind", "record", nw.col("label").alias("a"), nw.col("units").alias("u"))
    right = shared.select("kind", "record", nw.col("label").alias("b"), nw.col("units").alias("v"))
    pairs = left.join(right, on=["kind", "record"]).filter(nw.col("a") < nw.col("b"))
    if near is not None:
        pairs = pairs.filter(nw.col("a").is_in(near) | nw.col("b").is_in(near))
    strength = (nw.col("u") / UNIT) * (nw.col("v") / UNIT)
    if method == "fractional":
        pairs = pairs.join(totals, on=["kind", "record"])
        n = nw.col("record_units") / UNIT
        # A weight below two has no full pair; it is spread as if n - 1 were 1.
        others = nw.when(n < 2).then(nw.lit(1.0)).otherwise(n - 1)
        strength = strength * 2 / (n * others)
    weighted = pairs.with_columns(ties=rounded(strength * UNIT))
    return sum_by(weighted, "a", "b", ties="ties").sort("a", "b")
