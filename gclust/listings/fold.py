"""Grouping of listings by location: one row per pair of coordinates, with its total weight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

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


def fold_locations(listings: Frame, *by: str) -> Frame:
    """Group listings (a table from `density_units`) by location, and sum their weights.

    Returns ``lat, lon`` (degrees), the columns ``by``, which divide the sums of a location,
    ``density`` (0 if all kinds there form no clusters) and ``units`` (weight of all kinds).
    """
    return sum_by(listings, "lat", "lon", *by, density="density", units="units")


def unite_countries(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Sum the weights of each location over countries; keep the country of the largest weight.

    Parameters
    ----------
    columns : dict
        ``lat, lon, code`` (number of the country, 0 if unknown), ``density, units``, sorted by
        ``lat, lon, code``.

    Returns
    -------
    dict
        The same columns, one row per location. ``code`` is that of the largest units; of equal
        ones the lowest; 0 only if no country is known.
    """
    lat, lon = columns["lat"], columns["lon"]
    is_first = np.ones(len(lat), dtype=bool)
    is_first[1:] = (lat[1:] != lat[:-1]) | (lon[1:] != lon[:-1])
    if is_first.all():
        return columns
    first = np.flatnonzero(is_first)
    united = {name: columns[name][first] for name in ("lat", "lon")}
    for name in ("density", "units"):
        united[name] = np.add.reduceat(columns[name], first)
    # Of unknown countries the weight counts less than any other.
    rows = np.flatnonzero(~is_first | ~np.append(is_first[1:], True))
    location = np.cumsum(is_first)[rows] - 1
    code = columns["code"][rows]
    weight = np.where(code == 0, -1, columns["units"][rows])
    heaviest = np.lexsort((code, -weight, location))
    chosen = heaviest[np.flatnonzero(np.diff(location[heaviest], prepend=-1))]
    united["code"] = columns["code"][first]
    united["code"][location[chosen]] = code[chosen]
    return united
