"""Counts normalised by field and year (`[counting] normalise`)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import StudyError
from gclust.experiments.uncertainty.run import uncertainty
from gclust.kernels.resampling.poisson import draw_copies
from gclust.pipeline import prepare
from gclust.ranking.intervals import intervals
from gclust.results.methods import methods
from gclust.units import UNIT

TOWNS = {"Wien": (48.21, 16.37), "Graz": (47.07, 15.44), "Salzburg": (47.80, 13.04)}
FIELDS = ("physics", "maths", "history")


def articles(n=600, seed=3):
    """Listings of articles: one to three authors, in up to two fields, some without a place."""
    rng = np.random.default_rng(seed)
    rows = []
    for record in range(n):
        year = int(rng.integers(2010, 2013))
        first = rng.choice(FIELDS, p=[0.7, 0.25, 0.05])
        citations = int(rng.poisson(20 if first == "physics" else 3))
        for author in range(int(rng.integers(1, 4))):
            town = rng.choice(
                list(TOWNS), p=[0.5, 0.3, 0.2] if first == "physics" else [0.2, 0.3, 0.5]
            )
            lat, lon = np.array(TOWNS[town]) + rng.normal(0.0, 0.02, 2).round(3)
            field = rng.choice(FIELDS) if author == 2 else first
            rows.append((record, lat, lon, field, year, citations))
    table = pd.DataFrame(rows, columns=["record", "lat", "lon", "field", "year", "citations"])
    table["field"] = table["field"].astype(object)
    table.loc[rng.choice(len(table), 40, replace=False), ["lat", "lon"]] = [10.0, -150.0]
    table.loc[rng.choice(len(table), 25, replace=False), "field"] = None
    return table


def study(table=None, sources=None, **sections):
    counting = {"normalise": "field-year", **sections.pop("counting", {})}
    sources = sources or [{"kind": "article", "data": articles() if table is None else table}]
    return gclust.Study(
        sources=sources,
        clusters={"eps_km": 5, "min_samples": 30},
        counting=counting,
        **sections,
    )


def twin(table, *, cited=False):
    """What each listing counts, by pandas."""
    value = 1.0 / table.groupby("record")["record"].transform("size")
    known = table["field"].notna() & table["year"].notna()
    if cited:
        known &= table["citations"].notna()
    weighed = (value * table["citations"] if cited else value).where(known, 0.0)
    cell = [table["field"], table["year"]]
    totals = weighed.groupby(cell).transform("sum")
    n = len(table.loc[known & (totals > 0), ["field", "year"]].drop_duplicates())
    mean = value[known & (totals > 0)].sum() / n
    return (weighed / totals * mean).fillna(0.0)


def counts_of(run, table, counted):
    """Sum what listings count by the cluster of their location."""
    places = run.locations.assign(
        lat=run.locations["lat"].round(5), lon=run.locations["lon"].round(5)
    )
    at = table.round({"lat": 5, "lon": 5}).assign(counted=counted)
    joined = at.merge(places[["lat", "lon", "cluster_id"]], on=["lat", "lon"])
    return joined[joined["cluster_id"] >= 0].groupby("cluster_id")["counted"].sum()


def by_cluster(run, column="article_count"):
    return run.ranking.set_index("cluster_id")[column].sort_index()


@pytest.mark.parametrize("cited", [False, True])
def test_counts_are_those_of_a_pandas_twin(cited):
    table = articles()
    table.loc[table["record"] % 40 == 7, "citations"] = np.nan
    counting = {"weight": "citations"} if cited else {}
    run = gclust.run(study(table, counting=counting, outputs={"fields": True, "panel": True}))
    counted = twin(table, cited=cited)
    expected = counts_of(run, table, counted)
    np.testing.assert_allclose(by_cluster(run), expected, rtol=1e-7)
    world = counted.sum()
    np.testing.assert_allclose(by_cluster(run, "article_share"), 100 * expected / world, rtol=1e-7)
    # Each field-year has the same total, so each field has as much as there are years.
    of_fields = run.fields().groupby("field")["world_count"].first()
    np.testing.assert_allclose(of_fields, world / 3, rtol=1e-6)
    of_years = run.panel().groupby("year")["world_count"].first()
    np.testing.assert_allclose(of_years, world / 3, rtol=1e-6)
    for table_of in (run.fields(), run.panel()):
        sums = table_of.groupby("cluster_id")["units"].sum() / UNIT
        np.testing.assert_allclose(sums, by_cluster(run), rtol=1e-12)
    rows = 25 if not cited else (table[["field", "citations"]].isna().any(axis=1)).sum()
    assert any(
        f"{rows} rows of kind 'article' have no field" in line for line in run.info["warnings"]
    )


SCORED = {
    "score": {"of": ["article_share", "articles"]},
    "indicators": [{"name": "count", "kind": "article", "column": "articles"}],
}


def test_the_ranking_without_stands_beside(tmp_path):
    table = articles()
    run = gclust.run(study(table, **SCORED), tmp_path / "run")
    plain = gclust.run(study(table, counting={"normalise": None}, **SCORED))
    both = run.normalised().set_index("cluster_id").sort_index()
    for name in ("rank", "score", "article_count", "article_share"):
        np.testing.assert_array_equal(both[name], by_cluster(run, name))
        np.testing.assert_allclose(both[f"{name}_without"], by_cluster(plain, name), rtol=1e-12)
    assert (both["rank"] != both["rank_without"]).any()
    assert run.locations["cluster_id"].equals(plain.locations["cluster_id"])
    back = gclust.read_run(tmp_path / "run").normalised()
    pd.testing.assert_frame_equal(back, run.normalised(), check_dtype=False)
    assert "Waltman" in methods(run).bibtex
    with pytest.raises(StudyError, match="set normalise in \\[counting\\]"):
        plain.normalised()


def test_counts_in_memory_and_in_the_engine_are_the_same(monkeypatch):
    options = {
        "outputs": {"fields": True, "panel": True, "memberships": True},
        "counting": {"unlocated": "keep"},
        "footprint": {"of": "cores"},
    }
    table = articles()
    table.loc[::50, "lat"] = np.nan
    table.loc[:46, "record"] = 0  # 47 listings, whose parts are no whole numbers of units
    found = []
    for fits in (prepare.fit_into_memory, lambda *_: False):
        monkeypatch.setattr(prepare, "fit_into_memory", fits)
        mixed = table.sample(frac=1, random_state=len(found)).reset_index(drop=True)
        found.append(gclust.run(study(mixed, **options)))
    one, other = found
    pd.testing.assert_frame_equal(one.ranking, other.ranking, check_exact=True)
    for name in ("fields", "panel", "normalised"):
        tables = (getattr(run, name)() for run in found)
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    parts = one.memberships()
    inside = parts[parts["cluster_id"] >= 0]
    np.testing.assert_allclose(
        inside.groupby("cluster_id")["fraction"].sum(), by_cluster(one), rtol=1e-12
    )
    assert parts["fraction"].sum() == pytest.approx(twin(table).sum(), rel=1e-7)


def test_kinds_that_are_not_named_count_as_ever():
    deals = articles(200, 8).drop(columns=["field", "year", "citations"])
    sources = [{"kind": "article", "data": articles()}, {"kind": "deal", "data": deals}]
    run = gclust.run(study(sources=sources, counting={"normalise": {"article": "field-year"}}))
    plain = gclust.run(study(sources=sources, counting={"normalise": None}))
    np.testing.assert_allclose(
        by_cluster(run, "deal_count"), by_cluster(plain, "deal_count"), rtol=1e-9
    )
    assert (by_cluster(run) != by_cluster(plain)).all()
    with pytest.raises(StudyError, match="needs the column 'field'.*columns = { field ="):
        gclust.run(study(sources=sources))


@pytest.mark.parametrize("clusters", ["fixed", "reclustered"])
def test_draws_have_normalised_counts(clusters):
    table = articles()
    wanted = {"draws": 400, "clusters": clusters}
    drawn = uncertainty(study(table, uncertainty=wanted, counting={"unlocated": "keep"}))
    run = gclust.run(study(table, counting={"unlocated": "keep"}))
    found = drawn.table.set_index("cluster_id").sort_index()
    share = by_cluster(run, "article_share")
    np.testing.assert_allclose(found["article_share"], share, rtol=1e-9)
    # Standard deviation of a ratio of sums over records that are drawn independently.
    counted = table.assign(counted=twin(table))
    at = run.locations[["lat", "lon", "cluster_id"]].round({"lat": 5, "lon": 5})
    counted = counted.round({"lat": 5, "lon": 5}).merge(at, on=["lat", "lon"], how="left")
    whole = counted.groupby("record")["counted"].sum()
    for cluster, mean in share.items():
        own = counted[counted["cluster_id"] == cluster].groupby("record")["counted"].sum()
        residual = own.reindex(whole.index, fill_value=0.0) - whole * mean / 100
        sigma = 100 * np.sqrt((residual**2).sum()) / whole.sum()
        width = found.loc[cluster, "article_share_high"] - found.loc[cluster, "article_share_low"]
        assert width == pytest.approx(2 * 1.645 * sigma, rel=0.2 if clusters == "fixed" else 0.5)


def test_draws_within_the_study_s_own_clusters_are_those_computed_by_hand():
    table = articles()
    wanted = {"draws": 40, "clusters": "reclustered", "seed": 5}
    drawn = uncertainty(study(table, uncertainty=wanted)).table.set_index("cluster_id")
    run = gclust.run(study(table))
    at = run.locations[["lat", "lon", "cluster_id"]].round({"lat": 5, "lon": 5})
    counted = table.assign(counted=twin(table)).round({"lat": 5, "lon": 5})
    counted = counted.merge(at, on=["lat", "lon"], how="left")
    whole = counted.groupby("record")["counted"].sum()  # records are numbered in this order
    copies = np.array([draw_copies(len(whole), 5, number, 1) for number in range(40)], dtype=float)
    for cluster in drawn.index:
        own = counted[counted["cluster_id"] == cluster].groupby("record")["counted"].sum()
        own = own.reindex(whole.index, fill_value=0.0)
        low, high = intervals((100 * (copies @ own) / (copies @ whole))[:, None], 0.9)
        assert drawn.loc[cluster, "article_share_in_own_low"] == pytest.approx(low[0], rel=1e-6)
        assert drawn.loc[cluster, "article_share_in_own_high"] == pytest.approx(high[0], rel=1e-6)


def test_draws_of_listings_without_a_record_are_refused():
    table = articles().drop(columns="record")
    source = {"kind": "article", "data": table, "measure": "records"}
    with pytest.raises(StudyError, match="have no record, and without"):
        uncertainty(study(sources=[source], uncertainty={"draws": 50}))
    assert gclust.run(study(sources=[source])).ranking["article_count"].gt(0).all()


def test_a_sweep_and_a_comparison_count_normalised_records():
    table = articles()
    own = study(table)
    swept = gclust.sweep(own, eps_km=[5, 8], min_samples=[30])
    assert len(swept.table) == 2
    compared = gclust.compare(study(table, counting={"normalise": None}), own)
    ranks = compared.table.set_index("name_b")
    run = gclust.run(own)
    np.testing.assert_allclose(
        ranks.loc[run.ranking["name"], "score_b"], run.ranking["score"], rtol=1e-12
    )
    settings = {each.setting for each in compared.differences}
    assert "[counting] normalise: article" in settings


@pytest.mark.parametrize(
    ("counting", "words"),
    [
        ({"method": "whole"}, "expected method = 'fractional'"),
        ({"normalise": "field"}, "expected 'field-year'; did you mean"),
        ({"normalise": {"patent": "field-year"}}, "'patent' is not known"),
        ({"totals": {"article": 1e6}}, "has a total in"),
        ({"normalise": None, "weight": "citations"}, "add normalise = 'field-year'"),
    ],
)
def test_what_cannot_be_normalised_is_refused(counting, words):
    with pytest.raises(StudyError, match=words):
        study(counting=counting)


def test_amounts_and_useless_columns_are_refused():
    money = {"kind": "money", "data": articles().drop(columns="record"), "measure": "amount"}
    with pytest.raises(StudyError, match="a kind of amounts, which are not normalised"):
        study(sources=[money])
    for column, value, words in (
        ("field", None, "no listing of kind 'article' has a field and a year"),
        ("citations", -1, "rows of kind 'article' have citations that cannot be used"),
        ("citations", 1e9, "add up to 6e"),
        ("citations", 0, "and citations above 0"),
    ):
        counting = {"weight": "citations"} if column == "citations" else {}
        table = articles().assign(**{column: value})
        if value is None:
            table[column] = pd.Series([None] * len(table), dtype=object)
        with pytest.raises(StudyError, match=words):
            gclust.run(study(table, counting=counting))


def test_small_field_years_and_those_without_citations_are_named():
    table = articles()
    table.loc[0, "field"] = "alchemy"
    table.loc[table["field"] == "history", "citations"] = 0
    run = gclust.run(study(table, counting={"weight": "citations"}))
    told = " ".join(run.info["warnings"])
    assert "3 field-years of kind 'article' have no citations" in told
    assert "1 of 7 field-years of kind 'article' has fewer than 10 records" in told
    assert "the smallest, alchemy in 20" in told


def test_frozen_boundaries_count_normalised_records():
    table = articles()
    own = study(table)
    options = {"eps_km": 5, "min_samples": 10, "formed_on": {"years": [2010, 2010]}}
    run = gclust.run(replace(own, clusters=options))
    expected = counts_of(run, table, twin(table))
    np.testing.assert_allclose(by_cluster(run), expected, rtol=1e-7)
