"""The cluster of every listing, and the part of its record that it adds to the cluster's count."""

from __future__ import annotations

from collections.abc import Iterator

import narwhals as nw
import pandas as pd
import pyarrow as pa

from gclust.listings.counting import fractional_units
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import Frame, rows_by, sum_by
from gclust.units import UNIT

TABLE, PLACES, LEFT = "memberships", "membership_places", "membership_remainders"
"""Names of the tables in the engine; they are dropped afterwards."""
KEYS = ["kind", "record"]
STAGE = "list memberships"


def membership_rows(
    engine: Engine,
    listings: Frame,
    clusters: pd.DataFrame,
    totals: Frame,
    method: str,
    *,
    unlocated: str,
) -> Iterator[pa.RecordBatch]:
    """Yield the listings with their clusters, by source and ``position``, batch by batch.

    Parameters
    ----------
    engine : Engine
    listings : LazyFrame
        Validated rows inside their years with their ``position``, null for rows without an order.
        Those of weight 0 are left out.
    clusters : DataFrame
        ``lat, lon, cluster, location`` of every location: its cluster, -1 for noise, and its
        number.
    totals : LazyFrame
        The denominators ``kind, record, record_units`` of the records that count.
    method : {"fractional", "whole", "given"}
        How records are counted; ``given``: by the column ``counted`` of the listings.
    unlocated : {"drop", "keep"}
        Whether listings without a place have a part in their records.

    Yields
    ------
    RecordBatch
        ``position, source, kind`` (codes), ``record, cluster, located``, ``part`` and ``units``
        (its own weight; both in fixed point) and ``location`` (null without a place). The parts
        of a cluster's listings of one kind add up to its count exactly: what rounding leaves of a
        record goes to the first of its listings in the cluster; rows without an order go without
        it.
    """
    places = engine.put(clusters, PLACES)
    rows = listings.filter(nw.col("units") > 0)
    counted = (
        _with_given_parts(rows, places)
        if method == "given"
        else _with_parts(rows, places, totals, method, unlocated)
    )
    stored = engine.store(counted, TABLE, STAGE)
    engine.drop(PLACES)
    result = stored.select(
        "position", "source", *KEYS, "cluster", "located", "part", "units", "location"
    )
    counts = stored if unlocated == "keep" else stored.filter(nw.col("located"))
    left = None if method == "given" else _remainders(engine, counts, method)
    if left is not None:
        joined = result.join(left, on="position", how="left")
        added = nw.col("part") + nw.col("left").fill_null(0)
        result = joined.with_columns(part=added).drop("left")
    order = [
        *("source", "position", "kind", "record", "cluster"),
        *("located", "part", "units", "location"),
    ]
    try:
        yield from engine.batches(result.sort(*order), STAGE)
    finally:
        for name in (TABLE, LEFT):
            engine.drop(name)


def _with_given_parts(rows: Frame, places: Frame) -> Frame:
    """Add ``cluster``, ``located`` and the listing's ``part``, which is what it counts."""
    joined = rows.with_columns(located=nw.col("reason").is_null(), part=nw.col("counted"))
    joined = joined.join(places, on=["lat", "lon"], how="left")
    joined = joined.with_columns(cluster=nw.col("cluster").fill_null(-1).cast(nw.Int64))
    return joined.select(
        "position", "source", *KEYS, "cluster", "located", "part", "units", "location"
    )


def _with_parts(rows: Frame, places: Frame, totals: Frame, method: str, unlocated: str) -> Frame:
    """Add ``cluster``, ``located``, the record's ``whole`` weight and the listing's ``part``."""
    rows = rows.with_columns(located=nw.col("reason").is_null())
    joined = rows.join(places, on=["lat", "lon"], how="left")
    joined = joined.with_columns(cluster=nw.col("cluster").fill_null(-1).cast(nw.Int64))
    counts = nw.col("located") if unlocated == "drop" else nw.lit(True)
    keys = [*KEYS, "cluster"] if method == "whole" else KEYS
    if method == "whole":
        of_record = joined.filter(~nw.col("record").is_null() & counts)
        totals = sum_by(of_record, *keys, record_units="units")
    whole = totals.select(*keys, nw.col("record_units").alias("whole"))
    joined = joined.join(whole, on=keys, how="left")
    # Records without a listing that counts, and rows without a record, have no total.
    fraction = fractional_units(nw.col("units"), nw.col("whole").fill_null(1))
    part = nw.when(nw.col("record").is_null()).then(nw.col("units")).otherwise(fraction)
    part = nw.when(counts).then(part).otherwise(nw.lit(0, dtype=nw.Int64))
    return joined.with_columns(part=part.cast(nw.Int64)).select(
        "position", "source", *KEYS, "cluster", "located", "part", "units", "whole", "location"
    )


def _remainders(engine: Engine, counts: Frame, method: str) -> Frame | None:
    """Return what rounding leaves of records' fractions: ``position, left``, None if nothing.

    ``counts`` are the listings that count. ``position`` is the first listing of the record in the
    cluster. Most records have fractions that are whole numbers of units; the others are found
    first.
    """
    whole = nw.col("whole")
    listings = whole.fill_null(UNIT) // UNIT
    divides = nw.col("units") % nw.when(listings > 0).then(listings).otherwise(1) == 0
    of_record = counts.filter(~nw.col("record").is_null())
    inexact = of_record.filter((whole % UNIT != 0) | ~divides)
    found = engine.store(rows_by(inexact, *KEYS).select(*KEYS), LEFT, STAGE)
    if engine.arrow(found.head(1)).num_rows == 0:
        return None
    of_inexact = of_record.join(found, on=KEYS, how="inner")
    sums = (nw.col(name).sum() for name in ("units", "part"))
    groups = of_inexact.group_by(*KEYS, "cluster").agg(
        *sums, nw.col("whole").max(), nw.col("position").min()
    )
    exact = (
        nw.lit(UNIT, dtype=nw.Int64)
        if method == "whole"
        else fractional_units(nw.col("units"), nw.col("whole"))
    )
    left = groups.with_columns(left=(exact - nw.col("part")).cast(nw.Int64))
    return sum_by(left.filter(nw.col("left") != 0), "position", left="left")
