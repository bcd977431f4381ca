"""Fold listings onto locations: one row per distinct coordinate, with its weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from gclust.listings.sums import sum_by
from gclust.units import UNIT

WEIGHTS = ("listings", "fractional", "equal")


def record_totals(listings: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Total weight of each record's listings: ``kind, record, record_units``, all above 0."""
    of_record = listings.filter(~nw.col("record").is_null() & (nw.col("units") > 0))
    return sum_by(of_record, "kind", "record", record_units="units")


def fractional_units(units: nw.Expr, total: nw.Expr) -> nw.Expr:
    """Units of a part's fraction of one record, rounded half up.

    The quotient of two doubles is the same on every engine, and within 1e-7 of
    a unit of the true one, so that fractions of up to 22 listings come out exact.
    """
    return (units / total * UNIT + 0.5).floor().cast(nw.Int64)


def density_units(
    listings: nw.LazyFrame[Any],
    weight: str,
    kind_units: Mapping[int, int],
    totals: nw.LazyFrame[Any] | None = None,
) -> nw.LazyFrame[Any]:
    """Add ``density``: the units with which a listing counts for the density.

    Parameters
    ----------
    listings : LazyFrame
        Usable listings: ``kind, record, units``.
    weight : {"listings", "fractional", "equal"}
        Each listing its own weight; each record one, spread over its listings
        (listings without a record: their weight); or each kind the same total.
    kind_units : mapping
        The kinds that form clusters -> their total units; listings of other
        kinds have density 0.
    totals : LazyFrame
        From `record_totals`, for ``fractional``.
    """
    units = nw.col("units")
    if weight == "fractional":
        if totals is None:
            raise TypeError("weight 'fractional' needs the totals of the records")
        listings = listings.join(totals, on=["kind", "record"], how="left")
        # Rows without a record have no total; eager engines compute their share all the same.
        share = fractional_units(units, nw.col("record_units").fill_null(1))
        units = nw.when(nw.col("record").is_null()).then(units).otherwise(share)
    if weight == "equal":
        return listings.with_columns(density=equal_units(kind_units))
    forms = nw.col("kind").is_in(sorted(kind_units))
    return listings.with_columns(density=nw.when(forms).then(units).otherwise(0))


def equal_units(kind_units: Mapping[int, int]) -> nw.Expr:
    """Units scaled so that each kind has the same total, 0 for kinds not given.

    Parameters
    ----------
    kind_units : mapping
        Kind -> its total units.
    """
    scaled = nw.lit(0, dtype=nw.Int64)
    mean = sum(kind_units.values()) / len(kind_units)
    for kind, total in sorted(kind_units.items()):
        mine = (nw.col("units") * (mean / total) + 0.5).floor().cast(nw.Int64)
        scaled = nw.when(nw.col("kind") == kind).then(mine).otherwise(scaled)
    return scaled


def fold(listings: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Fold listings onto their locations.

    Parameters
    ----------
    listings : LazyFrame
        From `density_units`: ``lat, lon, units, density``.

    Returns
    -------
    LazyFrame
        ``lat, lon`` (degrees), ``density`` (units that count for the density,
        0 where only other kinds lie), ``units`` (of all kinds), sorted by
        ``lat`` then ``lon``.
    """
    folded = sum_by(listings, "lat", "lon", density="density", units="units")
    return folded.sort("lat", "lon")
