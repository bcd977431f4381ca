"""Fractional counts, shares and ties against short twins in pandas, on every engine."""

from __future__ import annotations

import itertools
from fractions import Fraction

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclust.indicators.counts import counts, shares
from gclust.listings.counting import count_records, record_totals, world_totals
from gclust.listings.fold import density_units, fold_locations, unite_countries
from gclust.listings.label import label_records, relabel_records, sum_ties
from gclust.units import UNIT

DATABASE = duckdb.connect()
NUMBERS = itertools.count()


def in_duckdb(table: pd.DataFrame) -> duckdb.DuckDBPyRelation:
    name = f"stored_{next(NUMBERS)}"
    DATABASE.register("incoming", pa.Table.from_pandas(table, preserve_index=False))
    DATABASE.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    return DATABASE.table(name)


ENGINES = {
    "pandas": lambda table: table,
    "polars": pl.from_pandas,
    "pyarrow": lambda table: pa.Table.from_pandas(table, preserve_index=False),
    "duckdb": in_duckdb,
}


def lazy(table: pd.DataFrame, engine: str) -> nw.LazyFrame:
    return nw.from_native(ENGINES[engine](table)).lazy()


def fold_all(listings, *args):
    folded = fold_locations(density_units(listings, *args))
    return collect(folded.sort("lat", "lon"))


def collect(frame: nw.LazyFrame) -> pd.DataFrame:
    return frame.collect().to_pandas().reset_index(drop=True)


def some_listings(seed: int, n: int = 400, bare: float = 0.1) -> pd.DataFrame:
    """Listings of two kinds; some without a record, some weighing more than one."""
    rng = np.random.default_rng(seed)
    record = pd.array(rng.integers(0, n // 4, n), dtype="Int64")
    record[rng.random(n) < bare] = pd.NA
    return pd.DataFrame(
        {
            "kind": rng.integers(0, 2, n),
            "record": record,
            "lat": rng.integers(0, 5, n).astype(float),
            "lon": rng.integers(0, 3, n).astype(float),
            "units": rng.integers(1, 4, n) * UNIT,
            "reason": pd.Series([None] * n, dtype="string"),
        }
    )


def labels_of(listings: pd.DataFrame) -> pd.DataFrame:
    """One label per location: -1, 0, 1 or 2."""
    places = listings[["lat", "lon"]].drop_duplicates().sort_values(["lat", "lon"])
    return places.assign(label=(np.arange(len(places)) % 4) - 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_fractional_counts_are_those_of_a_short_twin(engine):
    listings = some_listings(3)
    labels = labels_of(listings)
    frame = lazy(listings, engine)
    labelled = label_records(frame, lazy(labels, engine))
    actual = collect(count_records(labelled, record_totals(frame), "fractional"))

    joined = listings.merge(labels).assign(w=lambda t: t["units"] // UNIT)
    whole = joined.groupby(["kind", "record"])["w"].transform("sum")
    joined["part"] = [
        Fraction(int(w)) if pd.isna(t) else Fraction(int(w), int(t))
        for w, t in zip(joined["w"], whole, strict=True)
    ]
    expected = joined.groupby(["kind", "label"])["part"].sum()
    assert len(actual) == len(expected)
    for row in actual.itertuples():
        # A record of more than 22 listings is exact to half a unit per part.
        assert abs(Fraction(row.units, UNIT) - expected[row.kind, row.label]) < Fraction(50, UNIT)


@pytest.mark.parametrize("method", ["fractional", "whole"])
def test_engines_agree_to_the_bit(method):
    listings = some_listings(5)
    labels = labels_of(listings)
    answers = []
    for engine in ENGINES:
        frame = lazy(listings, engine)
        totals = record_totals(frame)
        labelled = label_records(frame, lazy(labels, engine))
        answers.append(
            (
                collect(count_records(labelled, totals, method)).to_numpy().tolist(),
                collect(sum_ties(labelled, totals, "fractional")).to_numpy().tolist(),
                collect(world_totals(frame)).to_numpy().tolist(),
                fold_all(frame, "fractional", {0: 1, 1: 1}, totals).to_numpy().tolist(),
                fold_all(frame, "equal", {0: 3 * UNIT, 1: 7 * UNIT}).to_numpy().tolist(),
            )
        )
    assert all(answer == answers[0] for answer in answers[1:])


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_every_record_counts_one(seed):
    listings = some_listings(seed, bare=0)
    frame = lazy(listings, "pandas")
    labelled = label_records(frame, lazy(labels_of(listings), "pandas"))
    counted = collect(count_records(labelled, record_totals(frame), "fractional"))
    world = collect(world_totals(frame))
    assert world["units"].tolist() == (listings.groupby("kind")["record"].nunique() * UNIT).tolist()
    parts = counted.groupby("kind")["units"].sum().to_numpy()
    # Exact but for records beyond 22 listings, whose parts are rounded.
    assert np.abs(parts - world["units"]).max() <= 4 * len(listings)


def test_counts_by_hand():
    # One patent in clusters 0, 0, 1 and in noise; one in cluster 1 alone; a row of weight 2.5.
    listings = pd.DataFrame(
        {
            "kind": [0, 0, 0, 0, 0, 1],
            "record": pd.array([7, 7, 7, 7, 8, pd.NA], dtype="Int64"),
            "lat": [0.0, 0.0, 1.0, 2.0, 1.0, 0.0],
            "lon": 0.0,
            "units": [UNIT] * 5 + [UNIT * 5 // 2],
            "reason": pd.Series([None] * 6, dtype="string"),
        }
    )
    labels = pd.DataFrame({"lat": [0.0, 1.0, 2.0], "lon": 0.0, "label": [0, 1, -1]})
    frame = lazy(listings, "duckdb")
    labelled = label_records(frame, lazy(labels, "duckdb"))
    totals = record_totals(frame)
    table = collect(count_records(labelled, totals, "fractional"))
    expected = pd.DataFrame({"patent": [0.5, 1.25], "deal": [2.5, 0.0]})
    pd.testing.assert_frame_equal(counts(table, ["patent", "deal"], 2), expected)
    whole = collect(count_records(labelled, totals, "whole"))
    assert counts(whole, ["patent", "deal"], 2)["patent"].tolist() == [1.0, 2.0]
    # 4 listings have 6 pairs: 2 join 0 and 1, 2 join 0 and noise, 1 joins 1 and noise.
    tied = collect(sum_ties(labelled, totals, "fractional"))
    assert tied.to_numpy().tolist() == [
        [-1, 0, round(UNIT / 3)],
        [-1, 1, round(UNIT / 6)],
        [0, 1, round(UNIT / 3)],
    ]
    pairs = collect(sum_ties(labelled, totals, "pairs"))
    assert pairs["ties"].tolist() == [2 * UNIT, UNIT, 2 * UNIT]
    share = shares(expected, {"patent": 2.0, "deal": 0.0})
    assert share["patent"].tolist() == [25.0, 62.5]
    assert share["deal"].tolist() == [0.0, 0.0]


def test_whole_counting_after_merging_counts_a_record_once():
    listings = pd.DataFrame(
        {
            "kind": 0,
            "record": pd.array([1, 1], dtype="Int64"),
            "lat": [0.0, 1.0],
            "lon": 0.0,
            "units": UNIT,
            "reason": pd.Series([None] * 2, dtype="string"),
        }
    )
    labels = pd.DataFrame({"lat": [0.0, 1.0], "lon": 0.0, "label": [0, 1]})
    frame = lazy(listings, "pandas")
    labelled = label_records(frame, lazy(labels, "pandas"))
    mapping = pd.DataFrame({"label": [-1, 0, 1], "cluster": [-1, 0, 0]})
    merged = relabel_records(labelled, lazy(mapping, "pandas"))
    assert collect(count_records(merged, record_totals(frame), "whole"))["units"].tolist() == [UNIT]


def test_unlocated_listings_stay_in_the_denominator_when_kept():
    listings = pd.DataFrame(
        {
            "kind": 0,
            "record": pd.array([1, 1, 2], dtype="Int64"),
            "lat": [0.0, None, None],
            "lon": [0.0, None, None],
            "units": UNIT,
            "reason": pd.Series([None, "latitude", "x"], dtype="string"),
        }
    )
    frame = lazy(listings, "pandas")
    usable = frame.filter(nw.col("reason").is_null())
    labels = pd.DataFrame({"lat": [0.0], "lon": [0.0], "label": [0]})
    labelled = label_records(usable, lazy(labels, "pandas"))
    dropped = collect(count_records(labelled, record_totals(usable), "fractional"))
    kept = collect(count_records(labelled, record_totals(frame), "fractional"))
    assert dropped["units"].tolist() == [UNIT]
    assert kept["units"].tolist() == [UNIT // 2]
    assert collect(world_totals(frame))["units"].tolist() == [UNIT]
    assert collect(world_totals(frame, unlocated="keep"))["units"].tolist() == [2 * UNIT]


def test_records_of_weight_zero_are_no_records_of_the_world():
    listings = pd.DataFrame(
        {"kind": 0, "record": pd.array([1, 2, 2], dtype="Int64"), "units": [UNIT, 0, 0]}
    )
    listings["reason"] = pd.Series([None] * 3, dtype="string")
    frame = lazy(listings, "pandas")
    assert collect(world_totals(frame))["units"].tolist() == [UNIT]
    assert collect(record_totals(frame))["record"].tolist() == [1]


def test_fractional_density_is_exact_up_to_22_listings():
    for n in range(1, 23):
        listings = pd.DataFrame(
            {
                "kind": 0,
                "record": pd.array([1] * n, dtype="Int64"),
                "lat": 0.0,
                "lon": np.arange(n, dtype=float),
                "units": UNIT,
            }
        )
        frame = lazy(listings, "duckdb")
        folded = fold_all(frame, "fractional", {0: n * UNIT}, record_totals(frame))
        assert folded["density"].tolist() == [UNIT // n] * n


def test_equal_density_gives_each_kind_the_same_total():
    listings = pd.DataFrame(
        {"kind": [0, 0, 0, 1], "record": 0, "lat": [0.0, 0.0, 1.0, 2.0], "lon": 0.0, "units": UNIT}
    )
    frame = lazy(listings, "pandas")
    folded = fold_all(frame, "equal", {0: 3 * UNIT, 1: UNIT})
    assert folded["density"].tolist() == [
        2 * round(UNIT * 2 / 3),
        round(UNIT * 2 / 3),
        2 * UNIT,
    ]
    only = fold_all(frame, "listings", {1: UNIT})
    assert only["density"].tolist() == [0, 0, UNIT]
    assert only["units"].tolist() == [2 * UNIT, UNIT, UNIT]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_heaviest_country_of_each_location_and_the_first_of_equal_ones(engine):
    rng = np.random.default_rng(8)
    table = some_listings(8).assign(code=rng.integers(0, 4, 400))
    table["units"] = UNIT  # so that many are equal
    table["density"] = table["units"] * (table["kind"] == 1)
    keys = ["lat", "lon", "code"]
    sums = collect(fold_locations(lazy(table, engine), "code").sort(*keys))
    sums = sums[~((sums["lat"] == 2) & (sums["code"] > 0))]  # some have no country at all
    columns = {name: sums[name].to_numpy() for name in sums}
    found = pd.DataFrame(unite_countries(columns))
    known = sums.assign(weight=sums["units"].where(sums["code"] > 0, -1))
    ordered = known.sort_values(["weight", "code"], ascending=[False, True])
    twin = ordered.drop_duplicates(["lat", "lon"]).sort_values(["lat", "lon"])
    assert found[keys].to_numpy().tolist() == twin[keys].to_numpy().tolist()
    both = sums.groupby(["lat", "lon"])[["density", "units"]].sum()
    assert found[["density", "units"]].to_numpy().tolist() == both.to_numpy().tolist()
    assert (sums.groupby(["lat", "lon"])["units"].nunique() < 3).any()  # some are equal
    assert 0 in found["code"].tolist()
    single = {name: values[:0] for name, values in columns.items()}
    assert unite_countries(single) is single


@pytest.mark.parametrize("engine", ENGINES)
def test_world_totals_from_known_totals_of_records_are_the_same(engine):
    frame = lazy(some_listings(9), engine)
    for unlocated in ("drop", "keep"):
        totals = record_totals(frame)
        known = collect(world_totals(frame, unlocated=unlocated, totals=totals))
        assert known.equals(collect(world_totals(frame, unlocated=unlocated)))
