"""Validation of rows: reasons to reject rows, and normalised coordinates and weights.

The code uses narwhals, and every engine gives the same result to the bit.
"""

from __future__ import annotations

import math

import narwhals as nw

from gclust.listings.sums import Frame, sum_by
from gclust.sphere import EARTH_RADIUS_KM
from gclust.units import LARGEST_TOTAL, UNIT

REASONS = (
    "latitude is missing or not a number",
    "longitude is missing or not a number",
    "latitude is not finite",
    "longitude is not finite",
    "latitude is outside [-90, 90]",
    "longitude is outside [-180, 360)",
    "year is missing or not a number",
    "within 1 km of latitude 0, longitude 0",
)
"""Why rows are rejected. A row has only its first reason; the code of the first one is 1."""

NULL_ISLAND = len(REASONS)
"""Code of the last reason."""

OUTSIDE = NULL_ISLAND + 1
"""Code of rows outside the years, which are neither used nor rejected."""

MOST_EXACT = 12
"""Most decimals of degrees that stay as they are when they are rounded a second time."""

ISLAND_DEGREES = math.degrees(1.0 / EARTH_RADIUS_KM)
"""One kilometre in degrees at (0, 0), where the plane of degrees is as exact as the sphere."""


def validate(rows: Frame) -> Frame:
    """Add the column ``reason``: the code of why a row is not used, null if it is used.

    The rows have ``lat, lon`` (degrees, null if unreadable), ``inside`` (whether the year is in the
    source's window, null if there is no year) and ``island`` (whether rows near latitude 0,
    longitude 0 are rejected).
    """
    lat, lon = nw.col("lat"), nw.col("lon")
    east = nw.when(lon >= 180).then(lon - 360).otherwise(lon)
    faults = (
        lat.is_null(),
        lon.is_null(),
        ~lat.is_finite(),
        ~lon.is_finite(),
        (lat < -90) | (lat > 90),
        (lon < -180) | (lon >= 360),
        nw.col("inside").is_null(),
        nw.col("island") & (lat * lat + east * east <= ISLAND_DEGREES**2),
    )
    # A byte for each row: texts would take a fifth of the time in which rows are stored.
    reason = nw.lit(0, dtype=nw.Int8)
    for code, fault in reversed(list(enumerate(faults, start=1))):
        reason = nw.when(fault).then(nw.lit(code, dtype=nw.Int8)).otherwise(reason)
    outside = ~nw.col("inside").fill_null(True)
    reason = nw.when(outside).then(nw.lit(OUTSIDE, dtype=nw.Int8)).otherwise(reason)
    # Most rows are plainly good, and one look is enough. A comparison with NaN or null is no yes.
    good = (lat >= -90) & (lat <= 90) & (lon >= -180) & (lon < 360) & nw.col("inside")
    good &= ~nw.col("island") | (lat.abs() > ISLAND_DEGREES)
    none = nw.lit(None, dtype=nw.Int8)
    return rows.with_columns(
        reason=nw.when(good).then(none).otherwise(nw.when(reason > 0).then(reason))
    )


def round_coordinates(lat: nw.Expr, lon: nw.Expr, decimals: int | None) -> tuple[nw.Expr, nw.Expr]:
    """Wrap longitudes into [-180, 180), and round coordinates (degrees); see `normalise`."""
    return _wrapped(_rounded(lat, decimals), _rounded(lon, decimals), decimals)


def _rounded(degrees: nw.Expr, decimals: int | None) -> nw.Expr:
    if decimals is None:
        return degrees
    scale = 10.0**decimals
    return (degrees * scale + 0.5).floor() / scale


def _wrapped(lat: nw.Expr, lon: nw.Expr, decimals: int | None) -> tuple[nw.Expr, nw.Expr]:
    """Wrap the longitudes of rounded coordinates into [-180, 180), and give poles longitude 0."""
    # lon - 360 is not the double nearest to its decimals, so it is rounded again. All others are
    # too with so many decimals that rounding twice changes some.
    west = _rounded(nw.when(lon >= 180).then(lon - 360).otherwise(lon), decimals)
    west = nw.when((lat == 90) | (lat == -90)).then(nw.lit(0.0)).otherwise(west)
    if decimals is None or decimals <= MOST_EXACT:
        west = nw.when((lon < 180) & (lat.abs() < 90)).then(lon).otherwise(west)
    return lat + 0.0, west + 0.0


def normalise(rows: Frame, decimals: int | None) -> Frame:
    """Wrap and round the coordinates of validated rows, and turn weights into fixed point.

    Longitudes are wrapped into [-180, 180), poles get longitude 0, and no zero
    is negative. Rounding is half up, ``floor(x * 10**decimals + 0.5)``, which
    gives the same bits on every engine; ``round`` does not. It is left out if ``decimals`` is None.

    ``lat, lon`` become null where a row is rejected, and ``units`` (multiples of 1 /
    `gclust.units.UNIT`) where the weight is bad (`bad_weight`).
    """
    usable = nw.when(nw.col("reason").is_null())
    # A step of its own: an engine would round for each of several uses in one expression.
    rounded = rows.with_columns(
        lat=usable.then(_rounded(nw.col("lat"), decimals)),
        lon=usable.then(_rounded(nw.col("lon"), decimals)),
    )
    lat, lon = _wrapped(nw.col("lat"), nw.col("lon"), decimals)
    bad = bad_weight()
    weight = nw.when(bad).then(nw.lit(0.0)).otherwise(nw.col("weight"))
    # Whole part and fraction are separate: UNIT * weight has more digits than a double.
    part = ((weight - weight.floor()) * UNIT + 0.5).floor().cast(nw.Int64)
    return rounded.with_columns(
        lat=lat,
        lon=lon,
        units=nw.when(~bad).then(weight.floor().cast(nw.Int64) * UNIT + part),
    )


def count_by_reason(validated: Frame) -> Frame:
    """Count rows and sum their weights by source and reason for rejection (null: usable).

    ``weight`` is a sum of floats: exact enough for a share, but not for a count.
    """
    weight = nw.col("units").cast(nw.Float64) / UNIT
    grouped = validated.with_columns(weight=weight).group_by("source", "reason")
    counted = grouped.agg(nw.len().alias("rows"), nw.col("weight").sum())
    return counted.with_columns(nw.col("rows").cast(nw.Int64))


def bad_weight() -> nw.Expr:
    """Return whether a row's weight is missing, negative, not finite or above the largest total."""
    weight = nw.col("weight")
    return weight.is_null() | ~weight.is_finite() | (weight < 0) | (weight > LARGEST_TOTAL)


def suspicious(rows: Frame) -> Frame:
    """Count, for each source, usable rows at (0, 0) and usable rows that may be in radians.

    Returns ``source, rows`` (usable ones), ``zeros`` (at 0, 0, where these are kept) and
    ``within_radians`` (|lat| <= pi/2 and |lon| <= pi, so that they may be radians).
    """
    lat, lon = nw.col("lat"), nw.col("lon")
    zero = (lat == 0) & (lon == 0)
    small = (lat.abs() <= 1.5708) & (lon.abs() <= 3.1416)
    usable = rows.filter(nw.col("reason").is_null())
    marked = usable.with_columns(
        row=nw.lit(1, dtype=nw.Int64), zero=zero.cast(nw.Int64), small=small.cast(nw.Int64)
    )
    return sum_by(marked, "source", rows="row", zeros="zero", within_radians="small")
