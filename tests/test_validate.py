"""Checks and roundings of rows, against slow rules; columns that are not stored."""

from __future__ import annotations

import itertools
import math

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest

from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.validate import ISLAND_DEGREES, NULL_ISLAND, OUTSIDE, normalise, validate
from gclust.units import UNIT

NAN, INF = math.nan, math.inf
SMALL = (0.0, -0.0, 0.8 * ISLAND_DEGREES, -0.8 * ISLAND_DEGREES, 1.1 * ISLAND_DEGREES)
LATITUDES = (None, NAN, INF, -INF, -90.0, 90.0, -90.00001, 90.1, 1e308, 45.0, *SMALL)
LONGITUDES = (None, NAN, INF, -INF, -180.0, -180.00001, 179.9, 180.0, 359.995, 360.0, *SMALL)


def fault(lat, lon, inside, island):
    """The code of why a row is not used, None if it is: the first reason that holds."""
    if inside is False:
        return OUTSIDE
    if lat is None or lon is None:
        return 1 if lat is None else 2
    if not math.isfinite(lat) or not math.isfinite(lon):
        return 3 if not math.isfinite(lat) else 4
    if not -90 <= lat <= 90 or not -180 <= lon < 360:
        return 5 if not -90 <= lat <= 90 else 6
    if inside is None:
        return 7
    east = lon - 360 if lon >= 180 else lon
    near = island and lat * lat + east * east <= ISLAND_DEGREES**2
    return NULL_ISLAND if near else None


def test_a_row_has_the_first_reason_that_holds():
    rows = list(
        itertools.product(LATITUDES, LONGITUDES, (True, False, None), (True, False)),
    )
    names = ("lat", "lon", "inside", "island")
    types = (pa.float64(), pa.float64(), pa.bool_(), pa.bool_())
    table = pa.table(
        {
            name: pa.array(column, kind, from_pandas=False)
            for name, column, kind in zip(names, zip(*rows, strict=True), types, strict=True)
        }
    )
    frame = validate(nw.from_native(duckdb.connect().from_arrow(table))).to_native()
    found = frame.select("reason").fetchall()
    wrong = [(row, code) for row, (code,) in zip(rows, found, strict=True) if fault(*row) != code]
    assert wrong == []


def slowly_rounded(lat, lon, decimals):
    """Coordinates as they were rounded at first: each step written out for each row."""

    def rounded(degrees):
        if decimals is None:
            return degrees
        scale = 10.0**decimals
        return float(np.floor(degrees * scale + 0.5)) / scale

    lat, lon = rounded(lat), rounded(lon)
    lon = rounded(lon - 360 if lon >= 180 else lon)
    return lat + 0.0, (0.0 if abs(lat) == 90 else lon) + 0.0


@pytest.mark.parametrize("decimals", [None, 0, 1, 3, 5, 8, 12, 13, 14, 15])
def test_coordinates_are_rounded_half_up_and_wrapped(decimals):
    rng = np.random.default_rng(decimals)
    lat = np.concatenate([rng.uniform(-90, 90, 2000), [90.0, -90.0, 0.0, -0.0, -1e-9, 89.9999999]])
    lon = np.concatenate([rng.uniform(-180, 360, 2000), [7.0, 200.0, 180.0, -180.0, -0.0, 359.9]])
    half = np.arange(-40, 40) / 8
    lat, lon = np.append(lat, half), np.append(lon, half)
    n = len(lat)
    table = pa.table(
        {
            "row": np.arange(n),
            "lat": lat,
            "lon": lon,
            "weight": np.ones(n),
            "reason": pa.nulls(n, pa.int8()),
        }
    )
    frame = normalise(nw.from_native(duckdb.connect().from_arrow(table)), decimals)
    found = frame.to_native().select("row", "lat", "lon").order("row").fetchnumpy()
    slow = [
        slowly_rounded(*each, decimals) for each in zip(lat.tolist(), lon.tolist(), strict=True)
    ]
    for name, expected in zip(("lat", "lon"), zip(*slow, strict=True), strict=True):
        assert np.array(found[name]).tobytes() == np.array(expected).tobytes()


def test_columns_with_one_value_are_not_stored_and_are_there():
    values = {"record": [1, 2, None], "kind": [0, 0, 0], "country": [None] * 3}
    table = pa.table(values, pa.schema({"record": "int64", "kind": "int16", "country": "string"}))
    constants = {"kind": 0, "country": None, "units": UNIT}
    with DuckDBEngine() as engine:
        given = engine.put(table, "given").with_columns(units=nw.lit(UNIT, dtype=nw.Int64))
        for _ in range(2):
            engine.append(given, "listings", constants=constants)
        found = engine.frame("listings")
        assert found.collect_schema() == given.collect_schema()
        rows = engine.arrow(found).to_pylist()
        assert rows == 2 * engine.arrow(given).to_pylist()
        assert set(engine.tables()) == {"given", "stored_listings"}
        stored = engine.arrow(engine.frame("stored_listings"))
        assert stored.column_names == ["record"]
        every = tuple(given.collect_schema().names())
        plain = engine.store(nw.concat([given, given]), "plain")
        assert plain is not None
        assert engine.fingerprint("listings", every) == engine.fingerprint("plain", every)
        # A table is dropped where a run goes on from an earlier stage, and made again.
        engine.drop("stored_listings")
        engine.append(given, "listings", constants=constants)
        assert len(engine.arrow(engine.frame("listings"))) == 3
