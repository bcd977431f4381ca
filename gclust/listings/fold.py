"""Grouping of listings by location: one row per pair of coordinates, with its total weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import narwhals as nw

from gclust.listings.counting import fractional_units
from gclust.listings.sums import Frame, sum_by


def density_units(
    listings: Frame, weight: str, kind_units: Mapping[int, int], totals: Frame | None = None
) -> Frame:
    """Add a column ``density``: the weight of each listing in the density that forms clusters.

    With the weight ``listings``, each usable listing has its own weight. With ``fractional``, each
    record has weight one, spread over its listings (a listing without a record has its own weight);
    this needs the totals of `gclust.listings.counting.record_totals`. With ``equal``, each kind has
    the same total weight. ``kind_units`` maps kinds that form clusters to their total units; the
    density of other kinds is 0.
    """
    units = nw.col("units")
    if weight == "fractional":
        if totals is None:
            raise TypeError("weight 'fractional' needs totals: pass totals=record_totals(...)")
        listings = listings.join(totals, on=["kind", "record"], how="left")
        # Rows without a record have no total, but eager engines compute their fraction anyway.
        fraction = fractional_units(units, nw.col("record_units").fill_null(1))
        units = nw.when(nw.col("record").is_null()).then(units).otherwise(fraction)
    if weight == "equal":
        return listings.with_columns(density=_equal_units(kind_units))
    forms = nw.col("kind").is_in(sorted(kind_units))
    return listings.with_columns(density=nw.when(forms).then(units).otherwise(0))


def _equal_units(kind_units: Mapping[int, int]) -> nw.Expr:
    """Return units scaled so that each kind has the same total, 0 for kinds not given."""
    scaled = nw.lit(0, dtype=nw.Int64)
    mean = sum(kind_units.values()) / len(kind_units)
    for kind, total in sorted(kind_units.items()):
        of_kind = (nw.col("units") * (mean / total) + 0.5).floor().cast(nw.Int64)
        scaled = nw.when(nw.col("kind") == kind).then(of_kind).otherwise(scaled)
    return scaled


def heaviest_countries(listings: Frame, store: Callable[[Frame], Frame]) -> Frame:
    """Return the country that most listings name at each location: ``lat, lon, code``.

    ``listings`` have the number of a country in ``code``; of countries of equal weight the lowest
    number counts. ``store`` stores a frame that is read twice.
    """
    sums = store(sum_by(listings, "lat", "lon", "code", units="units"))
    most = sums.group_by("lat", "lon").agg(nw.col("units").max())
    heaviest = sums.join(most, on=["lat", "lon", "units"], how="inner")
    return heaviest.group_by("lat", "lon").agg(nw.col("code").min())


def fold_locations(listings: Frame) -> Frame:
    """Group listings (a table from `density_units`) by location, and sum their weights.

    Returns ``lat, lon`` (degrees), ``density`` (0 if all kinds there form no clusters) and
    ``units`` (weight of all kinds).
    """
    return sum_by(listings, "lat", "lon", density="density", units="units")
