"""Counts of clusters by another column of the listings, and ties of clusters, as exact sums."""

from __future__ import annotations

import narwhals as nw

from gclust.listings.counting import add_fractional_counts, record_totals
from gclust.listings.sums import Frame, rounded, rows_by, sum_by
from gclust.units import UNIT

NOISE, UNLOCATED = -1, -2
"""Numbers of the partners that are no clusters: listings outside of all, and without a place."""


def label_listings(located: Frame, places: Frame, unlocated: Frame | None) -> Frame:
    """Add the ``cluster`` of each listing: `NOISE` outside of all, `UNLOCATED` without a place.

    ``places`` has ``lat, lon, cluster`` of every location.
    """
    joined = located.join(places, on=["lat", "lon"], how="inner")
    columns = [name for name in joined.collect_schema().names() if name not in ("lat", "lon")]
    joined = joined.with_columns(nw.col("cluster").cast(nw.Int64)).select(*columns)
    if unlocated is None:
        return joined
    nowhere = unlocated.with_columns(cluster=nw.lit(UNLOCATED, dtype=nw.Int64))
    return nw.concat([joined, nowhere.select(*columns)])


def units_by(listings: Frame, totals: Frame, method: str, *keys: str) -> Frame:
    """Count the records of each cluster and kind by further columns: ``kind, cluster, units``.

    ``listings`` are from `label_listings`, ``totals`` are the denominators of the records. A record
    is spread over its listings by weight; with the method ``whole`` it adds one to each cluster;
    with ``given`` each listing adds what it has in the column ``counted``.
    """
    if method == "given":
        return sum_by(listings, "kind", "cluster", *keys, units="counted")
    cells = sum_by(listings, "kind", "record", "cluster", *keys, units="units")
    counted = add_fractional_counts(cells, totals, method)
    return sum_by(counted, "kind", "cluster", *keys, units="fractional_count")


def world_units_by(listings: Frame, totals: Frame, method: str, *keys: str) -> Frame:
    """Count all records of each kind by further columns: ``kind``, the columns, ``units``."""
    if method == "given":
        return sum_by(listings, "kind", *keys, units="counted")
    cells = sum_by(listings, "kind", "record", *keys, units="units")
    counted = add_fractional_counts(
        cells.with_columns(cluster=nw.lit(NOISE, dtype=nw.Int64)), totals, "fractional"
    )
    return sum_by(counted, "kind", *keys, units="fractional_count")


def tie_sums(listings: Frame) -> Frame:
    """Sum the ties of clusters: ``a, b, records, fractional, pairs`` (fixed point), a <= b.

    A pair of listings of one record, one in each cluster, is a tie. ``pairs`` counts the pairs;
    ``fractional`` spreads one unit of each record evenly over its n (n - 1) / 2 pairs, those within
    a cluster included. ``records`` is the number of records with a tie. A listing of weight w is w
    listings at one place.
    """
    of_record = sum_by(
        listings.filter(~nw.col("record").is_null()), "kind", "record", "cluster", units="units"
    )
    totals = record_totals(listings)
    shared = of_record.join(totals, on=["kind", "record"])
    within = shared.filter(nw.col("units") > UNIT).select(
        a="cluster", b="cluster", u="units", total="record_units"
    )
    within = within.with_columns(v=nw.col("u") - UNIT, halves=nw.lit(1, dtype=nw.Int64))
    several = rows_by(shared, "kind", "record").filter(nw.col("rows") > 1)
    apart = shared.join(several, on=["kind", "record"])
    left = apart.select("kind", "record", "record_units", a="cluster", u="units")
    right = apart.select("kind", "record", b="cluster", v="units")
    across = left.join(right, on=["kind", "record"]).filter(nw.col("a") < nw.col("b"))
    across = across.select("a", "b", "u", "v", total="record_units")
    across = across.with_columns(halves=nw.lit(2, dtype=nw.Int64))
    pairs = nw.concat([within.select(*_COLUMNS), across.select(*_COLUMNS)])
    return _summed(pairs)


_COLUMNS = ("a", "b", "u", "v", "total", "halves")


def _summed(pairs: Frame) -> Frame:
    """Sum records' pairs of clusters; ``halves`` is 1 within a cluster, where pairs count twice."""
    product = (nw.col("u") / UNIT) * (nw.col("v") / UNIT) * nw.col("halves")
    n = nw.col("total") / UNIT
    # As in `gclust.listings.label.sum_ties`: a weight below two has no full pair.
    others = nw.when(n < 2).then(nw.lit(1.0)).otherwise(n - 1)
    weighted = pairs.with_columns(
        pairs=rounded(product / 2 * UNIT),
        fractional=rounded(product / (n * others) * UNIT),
        records=nw.lit(1, dtype=nw.Int64),
    )
    summed = sum_by(weighted, "a", "b", records="records", fractional="fractional", pairs="pairs")
    return summed.sort("a", "b")
