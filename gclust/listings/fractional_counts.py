"""What each listing adds to the count of its cluster."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from gclust.listings.fold import fractional_units
from gclust.listings.sums import sum_by


def add_fractional_counts(
    listings: nw.LazyFrame[Any], totals: nw.LazyFrame[Any], method: str
) -> nw.LazyFrame[Any]:
    """Add ``fractional_count``: the units of its record that a listing carries.

    Summed over the listings of a kind in a cluster, it is the count of that
    kind there, as `gclust.listings.label.count` gives it: exactly for
    records of up to 22 listings, and to within half a unit a listing beyond.

    Parameters
    ----------
    listings : LazyFrame
        ``kind, record, cluster, units``, and any other columns; ``cluster`` is
        -1 for noise, which counts as one cluster.
    totals : LazyFrame
        ``kind, record, record_units``: the denominators of the records.
    method : {"fractional", "whole"}
        The record's one unit is spread over all its listings; or, once for
        each cluster that it touches, over its listings there. Listings without
        a record carry their own weight.

    Returns
    -------
    LazyFrame
        The listings with ``fractional_count`` (int64).
    """
    keys = ["kind", "record"]
    if method == "whole":
        keys = [*keys, "cluster"]
        of_record = listings.filter(~nw.col("record").is_null())
        totals = sum_by(of_record, *keys, record_units="units")
    joined = listings.join(totals.select(*keys, "record_units"), on=keys, how="left")
    # Rows without a record have no total; eager engines compute their share all the same.
    share = fractional_units(nw.col("units"), nw.col("record_units").fill_null(1))
    bare = nw.col("record").is_null()
    return joined.with_columns(
        fractional_count=nw.when(bare).then(nw.col("units")).otherwise(share).cast(nw.Int64)
    ).drop("record_units")
