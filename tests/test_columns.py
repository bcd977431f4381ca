"""Scores made of indicators where a study is run many times: each time as in a run of its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio import Affine

import gclust
from gclust.errors import GclustWarning
from gclust.experiments.compare.hybrid_studies import HybridStudies
from gclust.experiments.input_digests import raster_digest
from gclust.experiments.tune import session as tune_session
from gclust.experiments.tune.session import Session
from gclust.experiments.uncertainty.bootstrap import Bootstrap
from gclust.experiments.uncertainty.listings import ReplicateListings
from gclust.indicators.builtin import BUILT_IN
from gclust.indicators.protocol import ATTRIBUTE, indicator
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.study.schema import Study
from gclust.study.sections import Draws
from gclust.units import UNIT
from tests.worlds import listings, study_folder

OF = ["patent_share", "patent_hhi", "publication_per_million", "publication_per_km2", "balance"]
ASKED = """
[clusters]
eps_km = 3
min_samples = 100
[population]
raster = "people.tif"
[[indicators]]
name = "hhi"
kind = "patent"
[[indicators]]
name = "per_km2"
kind = "publication"
[[indicators]]
name = "balance"
[[indicators]]
name = "top_organisation"
[sweep]
eps_km = [2.5, 3]
min_samples = [60, 100]
[score]
combine = "zscore"
weights = { patent_hhi = 0.5 }
lower_is_better = ["patent_hhi"]
"""


def of_organisations() -> pd.DataFrame:
    """Listings round three towns, with organisations."""
    table, rng = listings(), np.random.default_rng(3)
    return table.assign(organisation=table["town"] + rng.integers(0, 4, len(table)).astype(str))


def world(
    folder: Path,
    table: pd.DataFrame | None = None,
    *,
    people: float = 1.0,
    width: int = 300,
) -> Path:
    """Three towns, their organisations, and a raster of their inhabitants."""
    table = of_organisations() if table is None else table
    rng = np.random.default_rng(4)
    path = study_folder(folder, table, f"{ASKED}of = {OF}\n")
    heads = people * rng.integers(100, 900, (100, 300))[:, :width].astype("float32")
    with rasterio.open(
        folder / "people.tif",
        "w",
        driver="GTiff",
        width=width,
        height=100,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=Affine(0.1, 0, 0, 0, -0.1, 52),
    ) as file:
        file.write(heads, 1)
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    return world(tmp_path_factory.mktemp("towns"))


@pytest.fixture(scope="module")
def runs(study) -> dict[float, gclust.Run]:
    """The study with its own eps_km and with another."""
    read = gclust.read_study(study)
    other = replace(read, clusters=replace(read.clusters, eps_km=2.5))
    return {3.0: gclust.run(read), 2.5: gclust.run(other)}


def test_indicators_say_what_they_look_at():
    looks_at = {
        getattr(each, ATTRIBUTE).name: getattr(each, ATTRIBUTE).looks_at for each in BUILT_IN
    }
    assert {name: looks for name, looks in looks_at.items() if looks} == {
        "per_million": ("population",),
        "per_km2": ("area_km2",),
        "top_partner": ("name",),
        "top_partner_share": ("name",),
    }
    with pytest.raises(ValueError, match="looks_at has the unknown column 'area'"):
        indicator(looks_at="area")


# -- sweeps ----------------------------------------------------------------------------------


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_each_pair_of_a_sweep_scores_as_a_run_and_one_that_stopped_goes_on(
    study, runs, tmp_path, monkeypatch
):
    for name in ("draw_surfaces", "draw_k_distance"):
        monkeypatch.setattr(f"gclust.experiments.sweep.folder.{name}", lambda *a, **k: [])
    stages = []
    done = gclust.sweep(study, out=tmp_path / "done", progress=lambda f, s: stages.append(s))
    for eps_km, run in runs.items():
        mine = done.ranks[(done.ranks["eps_km"] == eps_km) & (done.ranks["min_samples"] == 100)]
        mine = mine.sort_values(["rank", "cluster_id"])
        assert mine["cluster_id"].tolist() == run.ranking["cluster_id"].tolist()
        assert mine["score"].tolist() == run.ranking["score"].tolist()
        assert mine["rank"].tolist() == run.ranking["rank"].tolist()
    further = "publication_per_million, patent_hhi, publication_per_km2, balance"
    assert f"try pairs ({further} in each)" in stages

    tried = []
    real = ArrayCounter.merge_and_count

    def stop(*arguments):
        tried.append(1)
        if len(tried) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(ArrayCounter, "merge_and_count", stop)
    with pytest.raises(KeyboardInterrupt):
        gclust.sweep(study, out=tmp_path / "again")
    gclust.sweep(study, out=tmp_path / "again")
    assert len(tried) < 4 + 4
    assert digests(tmp_path / "again") == digests(tmp_path / "done")


def test_another_raster_is_another_sweep(study, tmp_path):
    read = gclust.read_study(study)
    other = gclust.read_study(world(tmp_path, people=2.0))
    assert raster_digest(read) != raster_digest(other)
    plain = replace(
        read, score=replace(read.score, of=("patent_share",), weights={}, lower_is_better=())
    )
    assert raster_digest(plain) == ""


def test_a_cluster_without_score_has_no_rank_in_a_sweep(tmp_path):
    # The raster ends west of Graz.
    path = world(tmp_path, width=140)
    found = gclust.sweep(path, eps_km=[3], min_samples=[90, 100])
    assert found.clusters["rank"].tolist() == [1, 2, pd.NA]
    assert found.clusters["name"].tolist()[2] == "Graz"
    assert found.table["jaccard"].tolist() == [1.0, 1.0]
    with pytest.warns(GclustWarning, match="no data"):
        run = gclust.run(path)
    assert found.clusters["score"].tolist()[:2] == run.ranking["score"].tolist()[:2]


# -- comparisons -----------------------------------------------------------------------------


def exact_parts(found: gclust.Comparison) -> None:
    table = found.table[found.table["missing_in"] == ""]
    assert len(table)
    for what, change in (("rank", "rank_change"), ("score", "score_change")):
        parts = [table[f"{what}_{factor}"] for factor in found.factors]
        assert sum(parts).tolist() == table[change].tolist()


def test_coalitions_of_a_comparison_compute_their_own_columns(study):
    one = gclust.read_study(study)
    by_field, per_km2, balance, _ = one.indicators
    kinds = tuple(source.kind for source in one.sources)
    assert kinds == ("patent", "publication")
    two = replace(
        one,
        clusters=replace(one.clusters, eps_km=2.5),
        score=replace(one.score, lower_is_better=(), weights={"balance": 2.0}),
        indicators=(replace(by_field, options={"normalised": True}), per_km2, balance),
        footprint=replace(one.footprint, method="convex"),
    )
    found = gclust.compare(one, two)
    assert found.factors == ("formation", "weights")
    settings = {each.setting: (each.a, each.b) for each in found.differences}
    assert settings["[footprint] method"] == ("discs", "convex")
    assert settings["[score] lower_is_better: patent_hhi"] == (True, None)
    assert "normalised = True" in settings["[[indicators]] patent_hhi"][1]
    exact_parts(found)
    # Formation of the one with the score of the other, by hand.
    mixed = gclust.run(replace(two, clusters=one.clusters, footprint=one.footprint))
    mine = found.coalitions[
        found.coalitions["formation"].eq("a") & found.coalitions["weights"].eq("b")
    ]
    expected = mixed.ranking.set_index("name")["score"]
    np.testing.assert_allclose(mine["score"], expected[mine["name"]], rtol=0, atol=1e-12)
    assert len(mine) == 3


def test_a_column_of_a_kind_comes_and_goes_with_it(study):
    both = gclust.read_study(study)
    two = replace(both, score=replace(both.score, of=tuple(OF[:4])))
    one = replace(
        two,
        sources=two.sources[:1],
        indicators=two.indicators[:1],
        score=replace(two.score, of=tuple(OF[:2])),
    )
    found = gclust.compare(one, two)
    assert found.factors == ("kinds",)
    exact_parts(found)


def test_a_coalition_without_a_kind_that_a_column_is_made_of_is_none(study):
    two = gclust.read_study(study)
    balance = replace(two.indicators[2], options={"kinds": ["patent", "publication"]})
    two = replace(two, indicators=(*two.indicators[:2], balance))
    one = replace(
        two,
        sources=two.sources[:1],
        indicators=two.indicators[:1],
        score=replace(two.score, of=("patent_share", "patent_hhi")),
    )
    between = HybridStudies(one, two)
    assert between.study(frozenset({"weights"})) is None
    assert between.study(frozenset({"kinds"})).score.of == (
        "patent_share", "patent_hhi", "publication_per_million", "publication_per_km2",
    )  # fmt: skip


# -- the tuner -------------------------------------------------------------------------------


def test_the_tuner_scores_parameters_as_a_run_and_drafts_slow_scores(study, runs, monkeypatch):
    session = Session(gclust.read_study(study), n_jobs=None, report=silent)
    try:
        parameters = session.own.at((2.5, 100.0))
        monkeypatch.setattr(tune_session, "AT_ONCE_SECONDS", 1e6)
        assert not session.is_pending(parameters)  # a fast score is waited for
        monkeypatch.setattr(tune_session, "AT_ONCE_SECONDS", 0.0)
        assert session.is_pending(parameters)
        draft = session.draft(parameters)
        assert draft.pending == session.columns.further
        assert draft.table["rank"].isna().all()
        assert draft.table["score"].isna().all()
        assert draft.table["total"].is_monotonic_decreasing
        assert draft.table["rank_then"].notna().all()

        def preempt(fraction, stage):
            if stage == "count listings":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            session.outcome(parameters, preempt)
        for eps_km, run in runs.items():
            table = session.outcome(session.own.at((eps_km, 100.0))).table.drop(columns="rank_then")
            assert {"patent_hhi", "publication_per_million"} <= set(table.columns)
            expected = run.ranking[table.columns]
            pd.testing.assert_frame_equal(table, expected, check_exact=True, check_dtype=False)
        assert not session.is_pending(parameters)
    finally:
        session.close()


# -- draws -----------------------------------------------------------------------------------

DRAWS = Draws(draws=9, seed=4)


def drawn_study(study: Path, **options) -> Study:
    read = gclust.read_study(study)
    return replace(read, uncertainty=replace(DRAWS, **options))


@pytest.mark.parametrize(("method", "unlocated"), [("fractional", "keep"), ("whole", "drop")])
@pytest.mark.parametrize("sources", [("records",), ("records", "addresses")], ids="+".join)
def test_listings_of_a_draw_are_those_of_its_records(method, unlocated, sources, tmp_path):
    table = listings().assign(organisation=lambda t: t["town"] + (t.index % 3).astype(str))
    table["precision"] = np.where(table.index % 7 == 0, "city", "street")
    table.loc[::41, "record"] = np.nan
    table.loc[::43, "lat"] = np.nan
    text = f'{ASKED}of = {OF}\n[counting]\nmethod = "{method}"\nunlocated = "{unlocated}"\n'
    path = study_folder(tmp_path, table, text)
    read = drawn_study(path, sources=sources, spread_km={"city": 5.0})
    with DuckDBEngine() as engine:
        prepared = prepare_listings(read, engine, RunLog(silent, strict=False))
        n = len(prepared.locations)
        order = np.arange(n)[::-1].copy()
        bootstrap = Bootstrap(read, engine, prepared, order)
        # Jittered listings keep the cluster of their place, so that they are known by it.
        clusters = bootstrap.location % 4 - 1
        replicate = bootstrap.draw(3)
        places = prepared.locations[["lat", "lon"]].iloc[bootstrap.location].reset_index(drop=True)
        jittered = np.arange(len(places)) >= n
        places.loc[jittered, "lat"] += 0.5
        made = ReplicateListings(read, engine, prepared, bootstrap).listings(
            replicate, places.assign(cluster=clusters)
        )
        found = engine.pandas(made.frame)
        of_location = np.arange(n) % 4 - 1
        own = engine.pandas(labelled_listings(read, engine, prepared, of_location).frame)
        numbered = engine.pandas(prepared.totals.select("kind", "record"))
    if "addresses" in sources:
        assert jittered.sum() > 100
        own.loc[own["precision"] == "city", "lat"] += 0.5
    assert made.totals == replicate.world
    own = own.drop(columns="precision", errors="ignore")  # which no indicator reads
    assert set(found.columns) == set(own.columns)
    # Each record as often as it was drawn, with all its listings.
    records = numbered.sort_values(["kind", "record"], ignore_index=True)
    records["kind"] = np.array(read.kinds)[records["kind"]]
    often = records.assign(times=replicate.copies.astype(int)).set_index(["kind", "record"])[
        "times"
    ]
    of_record = own.dropna(subset="record")
    keys = pd.MultiIndex.from_frame(of_record[["kind", "record"]])
    expected = of_record.loc[of_record.index.repeat(often[keys])]
    assert own["lat"].isna().any() == (unlocated == "keep")
    found, expected = found.fillna({"lat": 99, "lon": 99}), expected.fillna({"lat": 99, "lon": 99})
    by = ["kind", "cluster", "organisation", "lat", "lon", "units", "fractional_count"]
    there = found.dropna(subset="record")
    assert (
        there.value_counts(by).sort_index().to_dict()
        == expected.value_counts(by).sort_index().to_dict()
    )
    assert there["record"].nunique() == replicate.copies.sum()
    # Fractional counts and weights add up to what the arrays count.
    counted = bootstrap.merge_and_count(clusters, {}, replicate).count
    sums = (
        found[found["cluster"] >= 0].groupby(["cluster", "kind"])["fractional_count"].sum() / UNIT
    )
    np.testing.assert_allclose(
        sums.unstack()[list(read.kinds)], counted[list(read.kinds)], rtol=1e-12
    )


def test_draws_with_fixed_clusters_of_a_score_of_listings_and_areas(study, runs, tmp_path):
    stages = []
    found = gclust.uncertainty(
        drawn_study(study), tmp_path / "out", progress=lambda f, s: stages.append(s)
    )
    own = runs[3.0].ranking
    assert found.table["score"].tolist() == own["score"].tolist()
    assert any(s.startswith("draw listings (publication_per_million, patent_hhi") for s in stages)
    assert "recomputed in each draw" in found.superpopulation
    assert "Areas and inhabitants are those of the fixed clusters" in found.superpopulation
    assert np.isfinite(found.scores).all()
    assert (found.scores.std(axis=0) > 0).all()
    again = gclust.uncertainty(drawn_study(study), n_jobs=1)
    assert (again.scores == found.scores).all()


def test_columns_that_follow_from_counts_read_no_listings(study):
    read = drawn_study(study)
    plain = replace(
        read,
        score=replace(read.score, of=("patent_share", *OF[2:]), lower_is_better=(), weights={}),
    )
    stages = []
    gclust.uncertainty(plain, progress=lambda f, s: stages.append(s))
    assert "draw records" in stages
    assert not any("draw listings" in stage for stage in stages)
    # Inhabitants are fixed: only the count varies.
    heads = replace(
        plain, score=replace(plain.score, combine="sum", of=("publication_per_million",))
    )
    count = replace(plain, score=replace(plain.score, combine="sum", of=("publication_count",)))
    per_head, counts = gclust.uncertainty(heads), gclust.uncertainty(count)
    ids = per_head.table["cluster_id"]
    ratio = (
        per_head.scores / counts.scores[:, pd.Index(counts.table["cluster_id"]).get_indexer(ids)]
    )
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=1e-12)


def test_a_reclustered_draw_is_a_run_of_the_records_drawn(study, tmp_path):
    read = drawn_study(study, clusters="reclustered")
    found = gclust.uncertainty(read)
    with DuckDBEngine() as engine:
        prepared = prepare_listings(read, engine, RunLog(silent, strict=False))
        bootstrap = Bootstrap(read, engine, prepared, np.arange(len(prepared.locations)))
        times = bootstrap.draw(7).copies.astype(int)
        records = engine.pandas(prepared.totals.select("kind", "record"))
    records = records.sort_values(["kind", "record"], ignore_index=True)
    kinds = np.array(read.kinds)[records["kind"]]
    keys = zip(kinds, records["record"].astype(str), strict=True)
    often = dict(zip(keys, times.tolist(), strict=True))
    table = of_organisations()
    rows = [
        row.assign(record=100 * record + copy)
        for (kind, record), row in table.groupby(["kind", "record"])
        for copy in range(often[kind, str(record)])
    ]
    run = gclust.run(world(tmp_path, pd.concat(rows, ignore_index=True)))
    scores = run.ranking.set_index("name")["score"]
    assert set(scores.index) == set(found.table["name"])
    np.testing.assert_allclose(found.scores[7], scores[found.table["name"]], rtol=1e-9)


def test_draws_of_weights_and_parameters_alone_keep_the_listings(study, runs):
    one = gclust.uncertainty(drawn_study(study, sources=("weights",), clusters="reclustered"))
    assert one.table["score"].tolist() == runs[3.0].ranking["score"].tolist()
    options = {"sources": ("parameters",), "eps_km": (2.5, 3.0), "min_samples": (100.0,)}
    varied = gclust.uncertainty(drawn_study(study, **options))
    assert len({tuple(row) for row in varied.scores.round(9).tolist()}) == 2


def test_clusters_without_score_have_no_rank_sets(tmp_path):
    path = world(tmp_path, width=140)
    found = gclust.uncertainty(drawn_study(path), tmp_path / "out")
    assert found.table["rank_set_high"].tolist()[2] is pd.NA
    assert found.table["rank_set_low"].isna().tolist() == [False, False, True]
    assert (tmp_path / "out" / "figures" / "rank_sets.png").is_file()
