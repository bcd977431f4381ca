"""Settling in memory: to the bit what the stages of a run find, for all ways of counting."""

from __future__ import annotations

from unittest import mock

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import StudyError
from gclust.kernels import cooccurrence as kernels
from gclust.kernels.cooccurrence import RecordRows, ties_by_label
from gclust.listings.counting import record_totals
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.label import sum_ties
from gclust.listings.record_arrays import Records
from gclust.pipeline import prepare as preparing
from gclust.pipeline.count import count_in_engine
from gclust.pipeline.count_arrays import ArrayCounter, count_labels, merge_and_count, ties_of
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.units import UNIT
from tests.worlds import listings, study_folder


def teams() -> pd.DataFrame:
    """The towns, with rejects, a team of 31 and weights, whose shares are rounded."""
    table = listings()
    team = table[table["kind"] == "patent"].groupby("town").head(11)[:31].assign(record=9001)
    table = pd.concat([table, team], ignore_index=True)
    table["weight"] = np.where(table.index % 5, 1.0, 0.3)
    table["record"] = "r" + table["record"].astype(str)
    table.loc[::97, "record"] = None
    table.loc[5::101, "lat"] = np.nan  # some of a record are nowhere
    return table


WAYS = {
    "as it comes": "",
    "whole": '[counting]\nmethod = "whole"\nunlocated = "keep"\n',
    "all merge": (
        '[merge]\nmax_gap_km = 800\nrule = "one-sided"\nties = "pairs"\nnoise_partner = false\n'
    ),
    "some merge": '[merge]\nmax_gap_km = 90\n[counting]\nunlocated = "keep"\n',
    "none merge": '[merge]\nrule = "none"\n',
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("n_jobs", "in_memory"), [(1, False), (3, False), (1, True), (3, True)])
def test_any_labels_are_merged_and_counted_as_in_sql(tmp_path, way, n_jobs, in_memory, monkeypatch):
    monkeypatch.setattr(preparing, "fit_into_memory", lambda *_: in_memory)
    study = gclust.read_study(study_folder(tmp_path, teams(), WAYS[way]))
    run_log = RunLog(silent, False)
    with DuckDBEngine() as engine, mock.patch.object(kernels, "CHUNK", 50):
        prepared = prepare_listings(study, engine, run_log)
        assert (prepared.records is not None) == in_memory
        counter = ArrayCounter(study, engine, prepared, n_jobs=n_jobs)
        n, rng = len(prepared.locations), np.random.default_rng(4)
        lon = prepared.locations["lon"].to_numpy()
        for labels in (
            np.where(lon > 9, np.digitize(lon, [11.2, 13, 15.44]), -1),
            rng.integers(-1, 40, n),
            np.full(n, -1),
        ):
            expected = count_in_engine(study, engine, prepared, labels, run_log)
            for found in (
                counter.merge_and_count(labels),
                merge_and_count(study, engine, prepared, labels, run_log),
            ):
                assert found.cluster_ids.tolist() == expected.cluster_ids.tolist()
                for name in ("count", "share"):
                    pd.testing.assert_frame_equal(
                        getattr(found, name), getattr(expected, name), check_exact=True
                    )
                pd.testing.assert_frame_equal(
                    found.merging.log, expected.merging.log, check_exact=True
                )
            if in_memory and way == "none merge":
                counted = count_labels(study, prepared, labels, labels.max() + 1)
                assert counted.equals(expected.count)
            if way in ("all merge", "some merge") and labels[0] != -1:
                assert len(expected.merging.log) or labels.max() > 5


def random_rows(method):
    """Listings of records at locations of seven labels, and the ties that a run finds."""
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "kind": rng.integers(0, 2, 600),
            "record": rng.integers(0, 60, 600),
            "label": rng.integers(-1, 6, 600),
            "units": rng.choice([UNIT, UNIT // 3, 7], 600),
        }
    )
    rows["at"] = (rows["label"] + 1 + 7 * rng.integers(0, 10, 600)).to_numpy()
    frame = nw.from_native(rows)
    attributed = frame.group_by("kind", "record", "label").agg(nw.col("units").sum())
    table = sum_ties(attributed, record_totals(frame), method).to_native()
    expected = {(a, b): units / UNIT for a, b, units in table.itertuples(index=False)}
    folded = rows.groupby(["kind", "record", "at"], as_index=False)["units"].sum()
    number = folded.groupby(["kind", "record"]).ngroup().to_numpy()
    starts = np.append(np.flatnonzero(np.diff(number, prepend=-1)), len(number))
    units = folded["units"].to_numpy()
    total = np.add.reduceat(units, starts[:-1])
    nothing = np.zeros(0, dtype=np.int64)
    records = Records(
        fixed=np.zeros((2, 70), dtype=np.int64),
        rows=RecordRows(starts, folded["at"].to_numpy().astype(np.int32), units),
        located_units=total,
        record_units=total,
        kind=folded["kind"].to_numpy()[starts[:-1]].astype(np.int16),
        opened=nothing,
        open_rows=RecordRows(np.zeros(1, dtype=np.int64), nothing.astype(np.int32), nothing),
    )
    return records, expected


@pytest.mark.parametrize("method", ["fractional", "pairs"])
@pytest.mark.parametrize("slots", [2, 4096])
def test_ties_are_those_of_a_run(method, slots, monkeypatch):
    monkeypatch.setattr(kernels, "FIRST_SLOTS", slots)
    monkeypatch.setattr(kernels, "CHUNK", 100)
    records, expected = random_rows(method)
    labels = (np.arange(70) % 7 - 1).astype(np.int32)
    everywhere = np.array([False] + [True] * 6)
    for threads in (1, 3):
        assert ties_of(records, labels, everywhere, method, threads).by_pair() == expected
    near = np.array([False, False, True, False, False, True, False])
    some = {pair: tie for pair, tie in expected.items() if {1, 4} & set(pair)}
    assert list(ties_of(records, labels, near, method, 1).by_pair().items()) == list(some.items())
    assert ties_of(records, labels, near & False, method, 1).by_pair() == {}


@pytest.mark.parametrize(
    ("weights", "held"), [((60_000, 600_000), True), ((60_000, 700_000), False)]
)
def test_sums_that_do_not_fit_are_refused(weights, held):
    """Sums in units are below 2 ** 63, 3.96e10: in one record, over several, over threads."""
    n = len(weights)
    units = np.array(weights, dtype=np.int64) * UNIT
    near, labels = np.ones(3, dtype=bool), np.array([0, 1], dtype=np.int32)
    one = RecordRows(np.array([0, n]), np.array([0, 1], dtype=np.int32), units)
    assert (ties_by_label(one, labels, near, np.zeros(0), UNIT, 1) is not None) == held
    for pieces, threads in ((1 << 20, 1), (2, 1), (2, 2)):
        with mock.patch.object(kernels, "CHUNK", pieces):
            several = RecordRows(
                np.arange(0, 41, 2),
                np.tile(one.place, 20),
                np.tile(np.array([60_000, weights[1] // 20], dtype=np.int64) * UNIT, 20),
            )
            found = ties_by_label(several, labels, near, np.zeros(0), UNIT, threads)
            assert (found is not None) == held
    # As two threads may find them.
    half = np.array([(1 << 62) - (1 if held else 0)])
    table = kernels._HashTable(np.zeros(1, dtype=np.int64), half, np.ones(1, dtype=np.int64))
    assert (kernels._total([table, table], 2) is not None) == held
    records = Records(
        np.zeros((1, 2), dtype=np.int64), one, units, units, np.zeros(1, dtype=np.int16),
        np.zeros(0, dtype=np.int64), one,
    )  # fmt: skip
    if not held:
        with pytest.raises(StudyError, match="products of weights in one record are too large"):
            ties_of(records, labels, near, "pairs", 1)
