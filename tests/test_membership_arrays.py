"""Memberships from listings in memory: those of the engine, and of exact fractions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.kernels.record_parts import parts_of_listings
from gclust.kernels.record_rows import PlacedUnits, RecordKeys, divide_runs
from gclust.pipeline import memberships
from gclust.pipeline import prepare as preparing
from gclust.units import UNIT
from tests.fuzz_studies import undrawn
from tests.test_crosswalks import MODES, TABLES, awkward, many_files, run, write


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return listings whose records have names."""
    return table.assign(record="=r " + table["record"].astype("string"))


def one_of_many(n: int = 3000) -> pd.DataFrame:
    """Return a record of which single listings have less than half a unit, beside others."""
    table = awkward(3)
    few = pd.DataFrame(
        {"record": 10**9, "lat": 48.137, "lon": 11.575, "weight": [9e6] + [0.01] * n}
    )
    return pd.concat([table, few], ignore_index=True).astype({"record": "Int64"})


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(mode))
@pytest.mark.parametrize("which", ["numbers", "texts", "small parts"])
def test_they_are_those_of_the_engine(mode, which, monkeypatch):
    tables = TABLES
    if which == "texts":
        tables = {kind: as_text(table) for kind, table in TABLES.items()}
    if which == "small parts":
        tables = {"patent": one_of_many()}
    ways = []
    for way in ("_batches_of_arrays", "_batches_of_engine"):
        real = getattr(memberships, way)
        monkeypatch.setattr(memberships, way, lambda *a, r=real, w=way: ways.append(w) or r(*a))
    options = {"method": mode[0], "unlocated": mode[1], "outputs": {"memberships": True}}
    found = run(tables, **options).memberships()
    monkeypatch.setattr(preparing, "fit_into_memory", lambda *_: False)
    result = run(tables, **options)
    assert ways == ["_batches_of_arrays", "_batches_of_engine"]
    pd.testing.assert_frame_equal(found, result.memberships())
    units = found[found["cluster_id"] >= 0].groupby(["kind", "cluster_id"])["units"].sum()
    ranking = result.ranking.set_index("cluster_id").sort_index()
    for kind in tables:
        np.testing.assert_array_equal(units[kind] / UNIT, ranking[f"{kind}_count"])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_are_the_same_bytes(ending, tmp_path, monkeypatch):
    study = write(many_files(tmp_path / "made", 60_000), tmp_path, ending)
    seen = set()
    for name, fit in (("a", True), ("b", False)):
        monkeypatch.setattr(preparing, "fit_into_memory", lambda *_, fit=fit: fit)
        with undrawn():
            gclust.run(study, tmp_path / name)
        seen.add((tmp_path / name / "memberships.parquet").read_bytes())
    assert len(seen) == 1


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("runs", [False, True])
def test_parts_of_a_record_add_up_to_its_rounded_fraction(whole, threads, runs):
    rng, record = np.random.default_rng(7), ["key", "kind"]
    n = 40_000
    key, kind = rng.integers(0, 9000, n), rng.integers(0, 3, n).astype(np.int8)
    key[:5000] = 77  # one large record
    cluster = rng.integers(-1, 4, n).astype(np.int32)
    units = rng.integers(1, 3 * UNIT, n)
    units[5000:8000] = 1
    if runs:
        order = np.lexsort((rng.random(n), kind, key))
        key, kind, cluster, units = (each[order] for each in (key, kind, cluster, units))
    table = pd.DataFrame({"key": key, "kind": kind, "cluster": cluster, "units": units})
    part = parts_of_listings(
        RecordKeys(key, kind),
        PlacedUnits(cluster, units),
        len(table.drop_duplicates(["key", "kind"])),
        unit=UNIT,
        whole=whole,
        threads=threads,
    )
    assert (divide_runs(RecordKeys(key, kind), len(table.value_counts(record))) is None) != runs
    of_cluster = table.groupby([*record, "cluster"])["units"].transform("sum")
    total = of_cluster if whole else table.groupby(record)["units"].transform("sum")
    alone = np.floor(units / total * UNIT + 0.5).astype(np.int64)
    exact = np.floor(of_cluster / total * UNIT + 0.5).astype(np.int64)
    first = ~table.duplicated([*record, "cluster"])
    left = exact - alone.groupby([table[name] for name in (*record, "cluster")]).transform("sum")
    np.testing.assert_array_equal(part, alone + np.where(first, left, 0))
