"""Listings in memory: to the bit what the engine finds, for any records, places and weights."""

from __future__ import annotations

from itertools import pairwise

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.kernels import record_rows
from gclust.kernels.record_folding import is_exact
from gclust.kernels.record_rows import (
    FIRST,
    OPEN,
    SEVERAL,
    Grouped,
    PlacedUnits,
    RecordKeys,
    Several,
    group_listings,
    join_several,
    several_of,
)
from gclust.listings import listing_arrays
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.fold import unite_countries
from gclust.listings.listing_arrays import place_listings
from gclust.pipeline import prepare as preparing
from gclust.pipeline.count_arrays import merge_and_count
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.units import UNIT

WAYS = {
    "as it comes": "",
    "unlocated count": '[counting]\nunlocated = "keep"\n',
    "whole": '[counting]\nmethod = "whole"\nunlocated = "keep"\n',
    "records weigh one": '[density]\nweight = "fractional"\n',
    "kinds weigh alike": '[density]\nweight = "equal"\ndecimals = 1\n',
    "one kind forms": '[density]\nkinds = ["b"]\n',
    "not rounded": '[density]\ndecimals = "none"\n',
}


def nasty_listings(seed: int, records: str) -> pd.DataFrame:
    """Listings with few records and places, so that all happens: teams, ties, odd weights."""
    rng = np.random.default_rng(seed)
    n = 900
    table = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b", "c"], n, p=[0.5, 0.4, 0.1]),
            "record": rng.integers(0, 150, n) * 3_000_000_007,
            "lat": 45 + rng.integers(0, 40, n) * 0.013,
            "lon": rng.choice([-180.0, 179.99999, 180.0, 7.1, 7.100004, 7.2], n),
            "weight": rng.choice([1.0, 1.0, 1.0, 0.3, 2.0, 1e3, 0.0], n),
            "country": rng.choice(np.array(["CH", "fr ", None, "Nowhere"], dtype=object), n),
        }
    )
    team = rng.random(n) < 0.1
    table.loc[team, "record"] = 7
    table.loc[rng.random(n) < 0.05, "lat"] = np.nan
    if records == "texts":
        table["record"] = "r" + table["record"].astype(str)
        table.loc[rng.random(n) < 0.1, "record"] = None
    elif records == "none":
        table = table.drop(columns="record")
    else:
        table["record"] = table["record"].astype("Int64")
        table.loc[rng.random(n) < 0.1, "record"] = pd.NA
    return table


def nasty_study(folder, seed, records, way):
    folder.mkdir(parents=True, exist_ok=True)
    text = '[study]\nname = "nasty"\nmax_rejects = 0.5\n'
    for kind, rows in nasty_listings(seed, records).groupby("kind"):
        rows.drop(columns="kind").to_parquet(folder / f"{kind}.parquet", index=False)
        text += f'[[sources]]\nkind = "{kind}"\npath = "{kind}.parquet"\n'
    text += "[clusters]\neps_km = 3\nmin_samples = 10\n" + WAYS[way]
    (folder / "study.toml").write_text(text)
    return gclust.read_study(folder / "study.toml")


def prepared_both(study, monkeypatch):
    """Yield what is prepared in the engine, then in memory, and a count of labels of each."""
    run_log = RunLog(silent, False)
    for in_memory in (False, True):
        monkeypatch.setattr(preparing, "fit_into_memory", lambda *_, found=in_memory: found)
        with DuckDBEngine() as engine:
            prepared = prepare_listings(study, engine, run_log)
            assert (prepared.records is not None) == in_memory
            labels = np.arange(len(prepared.locations)) % 4 - 1
            yield prepared, merge_and_count(study, engine, prepared, labels, run_log)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("records", ["texts", "numbers", "none"])
def test_listings_in_memory_give_what_the_engine_gives(tmp_path, monkeypatch, way, records):
    monkeypatch.setattr(record_rows, "BUCKET", 16)
    study = nasty_study(tmp_path, 5, records, way)
    (engine, counted), (memory, in_memory) = prepared_both(study, monkeypatch)
    pd.testing.assert_frame_equal(memory.locations, engine.locations, check_exact=True)
    assert memory.world_totals == engine.world_totals
    assert memory.has_records == engine.has_records == (records != "none")
    assert in_memory.count.equals(counted.count)
    assert in_memory.merging.log.equals(counted.merging.log)
    assert {"CH", "FR"} <= set(engine.locations["country"])


def test_a_whole_run_has_the_same_bytes_either_way(tmp_path, monkeypatch):
    study = gclust.read_study(gclust.datasets.example_study())
    for in_memory in (False, True):
        monkeypatch.setattr(preparing, "fit_into_memory", lambda *_, found=in_memory: found)
        gclust.run(study, tmp_path / str(in_memory))
    names = {file.name for file in (tmp_path / "True").iterdir() if file.is_file()}
    for name in names - {"run.json", "ro-crate-metadata.json"}:
        one, other = ((tmp_path / str(way) / name).read_bytes() for way in (False, True))
        assert one == other, name
    assert "ranking.csv" in names


@pytest.mark.parametrize("records", ["texts", "numbers"])
def test_records_of_the_same_number_are_told_apart_by_the_engine(tmp_path, monkeypatch, records):
    study = nasty_study(tmp_path, 6, records, "unlocated count")
    keyed = DuckDBEngine.keyed

    def colliding(engine, listings):
        frame, exact = keyed(engine, listings)
        return frame.with_columns(key=nw.col("key") % 100), exact and records == "numbers"

    monkeypatch.setattr(DuckDBEngine, "keyed", colliding)
    with DuckDBEngine() as engine:
        prepared = prepare_listings(study, engine, RunLog(silent, False))
        # Numbers are their own keys, so nothing is compared, and this test's fault goes through.
        assert (prepared.records is None) == (records == "texts")


def test_memory_that_is_too_small_leaves_listings_in_the_engine(tmp_path):
    study = nasty_study(tmp_path, 7, "numbers", "as it comes")
    staged = type("Staged", (), {"sources": pd.DataFrame({"rows": [10**8]}), "kinds": ("a",)})
    for memory, fits in (("20GB", True), ("5GB", False)):
        engine = gclust.study.sections.EngineOptions(memory=memory)
        asked = preparing.replace(study, engine=engine)
        assert preparing.fit_into_memory(asked, staged) == fits
    staged.kinds = tuple(map(str, range(128)))
    asked = preparing.replace(study, engine=gclust.study.sections.EngineOptions(memory="20GB"))
    assert not preparing.fit_into_memory(asked, staged)


SAME_HASH = np.array([0x9E3779B97F4A7C15, 0], dtype=np.uint64).view(np.int64)
"""Keys of kinds 0 and 1 that have the same hash."""


def random_listings(n: int, seed: int) -> pd.DataFrame:
    """Listings of records with few and with many locations, two of the same hash."""
    rng = np.random.default_rng(seed)
    keys = rng.integers(-(2**62), 2**62, n // 8)
    table = pd.DataFrame(
        {
            "key": np.where(rng.random(n) < 0.3, 5, keys[rng.integers(0, n // 8, n)]),
            "kind": rng.integers(0, 3, n),
            "place": rng.integers(-1, 40, n),
            "units": rng.choice([UNIT, UNIT // 7, 1, 10**15], n),
        }
    )
    alike = rng.integers(0, 2, n // 10)
    table.loc[: n // 10 - 1, "kind"], table.loc[: n // 10 - 1, "key"] = alike, SAME_HASH[alike]
    return table.sample(frac=1, random_state=seed, ignore_index=True)


def check_grouping(table: pd.DataFrame, whole: bool, threads: int) -> None:
    """Compare the rows of grouped listings with those of a group by."""
    keys = RecordKeys(table["key"].to_numpy(), table["kind"].to_numpy(np.int8))
    placed = PlacedUnits(table["place"].to_numpy(np.int32), table["units"].to_numpy())
    parts: list[Grouped] = []
    joined: list[Several] = []

    def receive(part: Grouped) -> None:
        parts.append(Grouped(*(each.copy() for each in part)))
        joined.append(several_of(part))

    records = group_listings(keys, placed, 3, UNIT, whole, threads, receive)
    found = Grouped(*map(np.concatenate, zip(*parts, strict=True)))
    rows = found.flags > 0
    assert not found.share[~rows].any()
    by_record = ["kind", "key"]
    sums = table[table["place"] >= 0].groupby([*by_record, "place"])["units"].sum()
    total = table.groupby(by_record)["units"].sum()
    number = table[by_record].drop_duplicates()["kind"].value_counts().sort_index()
    assert records.tolist() == number.tolist()
    flags, place, units = (each[rows] for each in (found.flags, found.place, found.units))
    first = np.flatnonzero(flags & FIRST)
    spans = [slice(a, b) for a, b in pairwise([*first, rows.sum()])]
    # Each record's rows lie together, by place; which record it is shows by its rows.
    ours = [(place[span].tolist(), units[span].tolist()) for span in spans]
    theirs = [
        (group.index.get_level_values("place").tolist(), group.tolist())
        for _, group in sums.groupby(by_record)
    ]
    assert sorted(ours) == sorted(theirs)
    located = sums.reset_index().groupby(by_record).first().index
    assert sorted(found.total[rows][first]) == sorted(total.loc[located])
    for span in spans:
        of_record, all_units = units[span].tolist(), int(found.total[rows][span.start])
        several = len(of_record) > 1
        is_open = several and (whole or any(UNIT * each % all_units for each in of_record))
        assert ((flags[span] & SEVERAL) > 0).all() == several
        assert ((flags[span] & OPEN) > 0).all() == is_open
        if not is_open:
            exact = [UNIT if whole else int(u / all_units * UNIT + 0.5) for u in of_record]
            assert found.share[rows][span].tolist() == exact
    check_several(join_several(joined), found)


def check_several(found: Several, grouped: Grouped) -> None:
    """Compare the rows of records that have several with a choice by flags."""
    kept = np.flatnonzero(grouped.flags & SEVERAL)
    first = np.flatnonzero(grouped.flags[kept] & FIRST)
    assert found.starts.tolist() == [*first, len(kept)]
    assert (found.place == grouped.place[kept]).all()
    assert (found.units == grouped.units[kept]).all()
    assert (found.located == np.add.reduceat(grouped.units[kept], first)).all()
    assert (found.total == grouped.total[kept[first]]).all()
    assert (found.kind == grouped.kind[kept[first]]).all()
    assert (found.is_open == ((grouped.flags[kept[first]] & OPEN) > 0)).all()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("bucket", "part"), [(4, 1), (4, 700), (1 << 12, 1 << 21)])
def test_rows_are_those_of_a_group_by(monkeypatch, whole, bucket, part):
    monkeypatch.setattr(record_rows, "BUCKET", bucket)
    monkeypatch.setattr(record_rows, "PART", part)
    monkeypatch.setattr(record_rows, "CHUNK", 100)
    for threads in (1, 3):
        check_grouping(random_listings(3_000, bucket), whole, threads)


def test_fractions_of_any_size_are_known_to_be_exact():
    rng = np.random.default_rng(1)
    for units in [1, UNIT, 2**62, *rng.integers(1, 2**62, 300).tolist()]:
        for total in (units, 7, 23, units + 1, 23 * (units // 23 + 1)):
            expected = UNIT * units % total == 0
            assert is_exact(units, total, UNIT) == expected


def test_places_of_a_fine_grid_are_in_order_of_latitude():
    rng = np.random.default_rng(2)
    scale = 10.0**7
    for decimals in (7, None):
        lat = np.floor(rng.uniform(45, 45.00001, 4_000) * scale + 0.5) / scale
        lon = np.floor(rng.uniform(-0.00001, 0, 4_000) * scale + 0.5) / scale + 0.0
        if decimals is None:
            lat = lat + rng.choice([0.0, 1e-11], 4_000)
        units = rng.integers(1, 9, 4_000)
        listings = {"lat": lat, "lon": lon, "units": units}
        found = place_listings(dict(listings), decimals, 2)
        twin = pd.DataFrame(listings).groupby(["lat", "lon"], as_index=False)["units"].sum()
        for name in ("lat", "lon", "units"):
            assert found.locations[name].tolist() == twin[name].tolist()
        assert found.locations["lat"][found.place].tolist() == lat.tolist()
        assert found.locations["lon"][found.place].tolist() == lon.tolist()


def test_the_country_of_a_place_is_that_of_most_of_its_listings():
    rng = np.random.default_rng(5)
    for several in (0.0, 0.3, 1.0):  # part of the places with listings of several countries
        place = np.append(np.arange(40), rng.integers(0, 40, 400)).astype(np.int32)
        of_place = rng.integers(0, 5, 40)
        mixed = rng.random(40) < several
        code = np.where(mixed[place], rng.integers(0, 5, len(place)), of_place[place])
        units = rng.integers(1, 4, len(place))
        key, at = np.unique(place * 5 + code, return_inverse=True)
        weight = np.bincount(at, units).astype(np.int64)
        sums = {"lat": key // 5, "lon": np.zeros(len(key)), "code": key % 5}
        united = unite_countries(sums | {"density": weight, "units": weight})
        assert united["lat"].tolist() == list(range(40))
        found = listing_arrays._countries(place, code.astype(np.int16), units, 40)
        assert found.tolist() == united["code"].tolist()
