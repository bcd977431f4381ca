"""Listings that two runs have in common, found by their coordinates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def common_places(
    a: pd.DataFrame, b: pd.DataFrame, decimals: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the places at which both runs have listings, and their common weight there.

    Two runs of the same data have the same listings at every place. Where the data differ,
    in their years for example, the common weight at a place is the smaller of the two weights.

    ``a`` and ``b`` have ``lat, lon`` (degrees) and ``units`` (int64, the weight), one row per
    distinct location. Coordinates are compared as they are, or rounded to ``decimals``: where
    several locations of a run become one place, the common weight is divided among them in
    proportion to their weights, rounded down. Returns the rows of ``a`` and of ``b``, pair by pair,
    sorted by both, and the common weight of each pair, above 0.
    """
    if decimals is None and all(np.array_equal(a[axis], b[axis]) for axis in ("lat", "lon")):
        at, units = np.arange(len(a)), np.minimum(a["units"].to_numpy(), b["units"].to_numpy())
        return at[units > 0], at[units > 0], units[units > 0]
    pairs = _keyed(a, decimals).merge(_keyed(b, decimals), on=["y", "x"], suffixes=("_a", "_b"))
    pairs = pairs.sort_values(["row_a", "row_b"])
    units_a, units_b, place_a, place_b = (
        pairs[name].to_numpy(np.int64) for name in ("units_a", "units_b", "place_a", "place_b")
    )
    units = np.minimum(place_a, place_b)
    several = (units_a != place_a) | (units_b != place_b)
    share = (units_a / place_a) * (units_b / place_b)
    units[several] = np.floor(units[several] * share[several]).astype(np.int64)
    at_a, at_b = pairs["row_a"].to_numpy(np.int64), pairs["row_b"].to_numpy(np.int64)
    return at_a[units > 0], at_b[units > 0], units[units > 0]


def _keyed(locations: pd.DataFrame, decimals: int | None) -> pd.DataFrame:
    """Return the rows, each with its place and the weight of all rows there."""
    lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
    if decimals is None:
        y, x = lat, lon
    else:
        # Rounded as listings are when they are read, but to integers: equal degrees may differ
        # in their last bit.
        scale = 10**decimals
        y, x = (np.floor(degrees * scale + 0.5).astype(np.int64) for degrees in (lat, lon))
        x[x == 180 * scale] = -180 * scale
        x[np.abs(y) == 90 * scale] = 0
    units = locations["units"].to_numpy(np.int64)
    table = pd.DataFrame({"y": y, "x": x, "row": np.arange(len(units)), "units": units})
    table = table[units > 0]
    if decimals is None:
        return table.assign(place=table["units"])
    return table.assign(place=table.groupby(["y", "x"])["units"].transform("sum"))
