"""Warnings about valid but suspicious coordinates: near (0, 0), swapped, or in radians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.listings.engines.protocol import Engine
from gclust.listings.open_sources import Scan
from gclust.listings.stage import Staged
from gclust.listings.sums import distinct
from gclust.places.cities.gazetteer import distance_to_city_km
from gclust.plurals import counted, either

LOOKED_AT = 50_000
LEAST_LOOKED_AT, MOST_PLACES = 2_000, 400_000
"""Numbers of places that are read for the check, of one source and of all sources."""

FAR_KM = 50.0
NEAR_KM = 20.0
LEAST_SHARE = 0.02


def check_records(row: Mapping[str, Any], scan: Scan) -> list[str]:
    """Return messages about rows without a record id, and about columns that may hold it.

    Parameters
    ----------
    row : mapping
        Its row of `Staged.sources`.
    scan : Scan
    """
    path, used, without = row["path"], row["used"], row["without_record"]
    hints = f" ({'; '.join(scan.hints)})" if scan.hints else ""
    if without == used:
        return [
            f"{path}: {row['kind']} has no record, so that each of its"
            f" {counted(used, 'row')} counts by its weight{hints}"
        ]
    if without:
        return [
            f"{path}: {without:,} of {counted(used, 'row')} {either(without, 'has', 'have')} no"
            " record"
            f" and {either(without, 'counts', 'count')} by weight{hints}"
        ]
    return [f"{path}: {'; '.join(scan.hints)}"] if scan.hints else []


def check_null_island(staged: Staged) -> list[str]:
    """Return warnings about rows rejected because they lie near latitude 0, longitude 0."""
    messages = []
    for row in staged.sources.to_dict("records"):
        path = row["path"]
        if row["null_island"]:
            messages.append(
                f"{path}: {counted(row['null_island'], 'row lies', 'rows lie')} within 1 km of"
                " latitude 0, longitude 0, where a failed geocode is often put, and"
                f' {either(row["null_island"], "is", "are")} rejected; null_island = "keep" keeps'
                f" {either(row['null_island'], 'it', 'them')}"
            )
    return messages


def check_zeros_and_radians(staged: Staged) -> list[str]:
    """Return warnings about usable rows at (0, 0), and about sources that seem to be in radians."""
    messages = []
    for row in staged.oddities.itertuples():
        path = staged.sources["path"].iloc[row.source]
        if row.zeros:
            messages.append(
                f"{path}: {counted(row.zeros, 'row lies', 'rows lie')} at latitude 0, longitude 0,"
                " where no city is;"
                " a failed geocode is often written so"
            )
        if row.within_radians == row.rows and row.rows > row.zeros:
            messages.append(
                f"{path}: all {counted(row.rows, 'row')} have |latitude| <= pi/2 and |longitude| <="
                " pi;"
                " they look like radians, degrees are expected"
            )
    return messages


def check_swapped_rejects(rejects: pd.DataFrame) -> list[str]:
    """Return a warning about rejected rows that are valid with latitude and longitude swapped."""
    outside = rejects.loc[rejects["reason"] == "latitude is outside [-90, 90]"]
    lat = pd.to_numeric(outside["lat"], errors="coerce")
    lon = pd.to_numeric(outside["lon"], errors="coerce")
    swapped = outside.loc[(lat.abs() <= 180) & (lon.abs() <= 90)]
    if swapped.empty:
        return []
    first = swapped.iloc[0]
    return [
        f"{counted(len(swapped), 'rejected row looks', 'rejected rows look')} as if latitude and"
        " longitude were swapped,"
        f" such as latitude {first['lat']}, longitude {first['lon']} ({first['source']})"
    ]


def check_swapped_sources(staged: Staged, engine: Engine) -> list[str]:
    """Return warnings about sources whose latitude and longitude seem to be swapped."""
    most = max(LEAST_LOOKED_AT, MOST_PLACES // len(staged.sources))
    step = nw.lit(1.0)
    for position, used in enumerate(staged.sources["used"]):
        if used > 2 * most:
            step = nw.when(nw.col("source") == position).then(float(used // most)).otherwise(step)
    # Some of the places of large sources, the same ones on every engine and in any order.
    number = ((nw.col("lat") + nw.col("lon")) * 1e5).floor()
    looked_at = number - (number / step).floor() * step == 0
    rows = staged.listings.filter(nw.col("reason").is_null() & looked_at)
    places = engine.pandas(distinct(rows, "source", "lat", "lon"), "check listings")
    places = places.sort_values(["source", "lat", "lon"])
    messages = []
    for position, mine in places.groupby("source"):
        path = staged.sources["path"].iloc[position]
        found = swapped(mine["lat"].to_numpy(), mine["lon"].to_numpy())
        messages += [f"{path}: {line}" for line in found]
    return messages


def swapped(lat: np.ndarray, lon: np.ndarray) -> list[str]:
    """Return a warning if at least 2 % of locations are near a city only with swapped coordinates.

    At most 50,000 locations are checked, evenly spaced in their order.
    """
    step = max(1, -(-lat.size // LOOKED_AT))
    lat, lon = lat[::step], lon[::step]
    fits = np.abs(lon) <= 90
    away = np.flatnonzero(fits & (distance_to_city_km(lat, lon) > FAR_KM))
    if away.size == 0:
        return []
    at = away[distance_to_city_km(lon[away], lat[away]) < NEAR_KM]
    if at.size == 0 or at.size < LEAST_SHARE * lat.size:
        return []
    first = at[0]
    return [
        f"{at.size:,} of {counted(lat.size, 'location')} looked at"
        f" {either(at.size, 'seems', 'seem')} to have latitude and longitude swapped:"
        f" latitude {lat[first]:g}, longitude {lon[first]:g} lies more than {FAR_KM:g} km from any"
        f" city, swapped it lies within {NEAR_KM:g} km of one"
    ]
