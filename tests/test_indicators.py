"""Indicators: the listings they see, what they return, and the study that asks for them."""

from __future__ import annotations

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyogrio
import pytest

import gclust
from gclust import Counting, Source, Study
from gclust.errors import StudyError
from gclust.indicators import registry as module
from gclust.indicators.counts import counts
from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.registry import registered
from gclust.listings.counting import count_records, record_totals
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.label import label_records
from gclust.pipeline.indicators import compute_indicator
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.report.catalogue import indicator_text
from gclust.study.clustering_methods import Clusters
from gclust.study.indicators import IndicatorEntry, ResolvedIndicator
from gclust.study.sections import General
from gclust.units import UNIT
from tests import worlds
from tests.test_counting import ENGINES, labels_of, lazy, some_listings


def labelled(engine: str, method: str) -> tuple[LabelledListings, pd.DataFrame]:
    """Random listings of two kinds, and their counts as a run makes them."""
    table = some_listings(7)
    labels = labels_of(table)
    listings = lazy(table, engine)
    units = count_records(
        label_records(listings, lazy(labels, engine)), record_totals(listings), method
    ).collect()
    table["kind"] = table["kind"].map({0: "patent", 1: "deal"})
    table = table.merge(labels, on=["lat", "lon"]).rename(columns={"label": "cluster"})
    seen = LabelledListings.from_native(
        ENGINES[engine](table), kinds=("patent", "deal"), method=method
    )
    return seen, counts(units.to_pandas(), seen.kinds, 3)


@pytest.mark.parametrize("method", ["fractional", "whole"])
@pytest.mark.parametrize("engine", ENGINES)
def test_credits_add_up_to_the_counts(engine, method):
    listings, expected = labelled(engine, method)
    found = pd.DataFrame(index=range(3))
    for kind in listings.kinds:
        summed = listings.of(kind).group_by("cluster").agg(nw.col("fractional_count").sum())
        table = listings.collect(summed)
        assert table["cluster"].tolist() == [-1, 0, 1, 2]
        counted = table.set_index("cluster")["fractional_count"].astype(np.int64)
        found[kind] = counted.reindex(found.index).to_numpy() / UNIT
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_totals_of_a_table_are_its_records_and_weights():
    table = pd.DataFrame(
        {"kind": ["b", "b", "a", "a"], "record": [1, 1, 2, None], "cluster": [0, -1, -1, 0]}
    )
    listings = LabelledListings.from_native(table)
    assert listings.kinds == ("a", "b")
    assert listings.totals == {"a": 2.0, "b": 1.0}


def test_listings_of_an_unknown_kind_or_without_a_column():
    table = pd.DataFrame({"kind": ["a"], "record": [1], "cluster": [0]})
    with pytest.raises(ValueError, match="no kind 'b'; kinds are a"):
        LabelledListings.from_native(table).of("b")
    with pytest.raises(ValueError, match="no column 'cluster'"):
        LabelledListings.from_native(table.drop(columns="cluster"))


def test_listings_are_read_only_when_an_indicator_needs_them():
    calls = []

    def make():
        calls.append(1)
        return nw.from_native(pd.DataFrame({"kind": ["a"]})).lazy()

    listings = LabelledListings(make, ("a",), {"a": 1.0})
    assert calls == []
    assert listings.frame is listings.frame
    assert calls == [1]


SECTIONS = """
[[indicators]]
name = "hhi"
kind = "patent"
by = "field"
[[indicators]]
name = "credit_of"
kind = "patent"
column = "=patents"
[[indicators]]
name = "top_organisation"
"""


@indicator(needs=("country",))
def credit_of(clusters, listings, *, kind: str, country: str | None = None):
    """The count, from the listings."""
    frame = listings.of(kind)
    if country is not None:
        frame = frame.filter(nw.col("country") == country)
    table = listings.collect(frame.group_by("cluster").agg(nw.col("fractional_count").sum()))
    counted = table.set_index("cluster")["fractional_count"].astype("int64") / UNIT
    return counted.reindex(clusters.index)[::-1]  # aligned by its index, not its order


@pytest.fixture
def with_credit_of(monkeypatch):
    """The registry with one indicator more."""
    known = {**module.registry(), "credit_of": registered(credit_of, "tests 0.1")}
    monkeypatch.setattr("gclust.study.indicators.registry", lambda: known)


def some_world() -> pd.DataFrame:
    table = worlds.listings()
    table["organisation"] = "House " + (table["record"] % 3).astype(str)
    table["field"] = ("Field " + (table["record"] % 4).astype(str)).where(table["record"] % 5 > 0)
    table["land"] = "DE"
    return table


def study_of(folder, text: str, table: pd.DataFrame | None = None):
    path = worlds.study_folder(folder, some_world() if table is None else table, text)
    read = path.read_text(encoding="utf-8")
    mapped = 'years = [2015, 2019]\ncolumns = { country = "land" }'
    path.write_text(read.replace("years = [2015, 2019]", mapped), encoding="utf-8")
    return path


def test_a_study_with_indicators(tmp_path, with_credit_of):
    text = SECTIONS.replace("=patents", "patents") + '[score]\nof = ["patent_share", "patents"]\n'
    path = study_of(tmp_path / "data", text)
    run = gclust.run(path, tmp_path / "run")
    assert run.ranking.columns[-4:].tolist() == [
        "foreign_share", "patent_hhi", "patents", "top_organisation"
    ]  # fmt: skip
    expected = run.ranking["patent_count"].rename("patents")
    pd.testing.assert_series_equal(run.ranking["patents"], expected, check_exact=True)
    hhi = run.ranking["patent_hhi"]
    assert hhi.between(0.25, 0.4).all()
    assert set(run.ranking["top_organisation"]) <= {"House 0", "House 1", "House 2"}
    sums = run.ranking["patent_share"] + run.ranking["patents"]
    np.testing.assert_allclose(run.ranking["score"], sums, rtol=1e-12)
    assert run.info["indicators"]["patents"] == {"name": "credit_of", "origin": "tests 0.1"}
    csv = pd.read_csv(tmp_path / "run" / "ranking.csv")
    assert csv.columns.tolist() == run.ranking.columns.tolist()
    layer = pyogrio.read_dataframe(tmp_path / "run" / "clusters.gpkg", layer="clusters")
    assert layer["top_organisation"].tolist() == run.ranking["top_organisation"].tolist()
    back = gclust.read_run(tmp_path / "run")
    pd.testing.assert_frame_equal(back.ranking, run.ranking)
    assert back.study.indicators == run.study.indicators
    assert back.study.indicators[0] == IndicatorEntry(
        name="hhi",
        kind="patent",
        column="patent_hhi",
        options={"by": "field", "normalised": False},
    )
    again = gclust.run(tmp_path / "run" / "study.toml", tmp_path / "again", n_jobs=1)
    for name in ("ranking.csv", "clusters.parquet", "clusters.gpkg"):
        ours, theirs = (tmp_path / each / name for each in ("run", "again"))
        assert ours.read_bytes() == theirs.read_bytes(), name
    pd.testing.assert_frame_equal(again.ranking, run.ranking)


def test_whole_counts_of_listings_are_the_counts(tmp_path, with_credit_of):
    text = '[[indicators]]\nname = "credit_of"\nkind = "publication"\n'
    path = study_of(tmp_path, text + '[counting]\nmethod = "whole"\n')
    ranking = gclust.run(path).ranking
    expected = ranking["publication_count"].rename("publication_credit_of")
    pd.testing.assert_series_equal(ranking["publication_credit_of"], expected, check_exact=True)


def test_one_cluster_which_has_no_record_of_a_kind(tmp_path):
    table = some_world()
    table = table[(table["kind"] == "patent") | (table["town"] != "Munich")]
    text = "".join(
        f'[[indicators]]\nname = "{name}"\nkind = "publication"\n'
        for name in ("hhi", "top_field", "collaboration", "kind_share", "growth")
    )
    text += "[clusters]\neps_km = 10\nmin_samples = 700\n[density]\nkinds = ['patent']\n"
    (row,) = gclust.run(study_of(tmp_path, text, table)).ranking.to_dict(orient="records")
    assert (row["name"], row["publication_count"], row["publication_kind_share"]) == (
        "Munich",
        0,
        0,
    )
    for name in ("hhi", "top_field", "collaboration", "growth"):
        assert pd.isna(row[f"publication_{name}"]), name


def test_columns_are_read_for_those_who_need_them_only(tmp_path, with_credit_of):
    columns = []
    for text in ("", SECTIONS.replace("=patents", "patents")):
        study = gclust.read_study(study_of(tmp_path, text))
        with DuckDBEngine() as engine:
            located = prepare_listings(study, engine, RunLog(silent, strict=False)).located
            columns.append(located.collect_schema().names())
            first = located.head(1).collect().to_pandas() if text else None
    plain = ["kind", "record", "lat", "lon", "units"]
    assert columns == [plain, [*plain, "organisation", "field", "country"]]
    assert first["country"].tolist() == ["DE"]


def test_the_text_of_an_indicator_names_its_column():
    table = gclust.list_indicators()
    for name, column in (
        ("growth", "<kind>_growth (without a kind growth)"),
        ("kind_share", "<kind>_kind_share"),
        ("balance", "balance"),
    ):
        text = " ".join(indicator_text(table.loc[name], width=80).split())
        assert f"Its column in ranking.csv is {column}; column = " in text
        assert ("for a kind that is called patent" in text) == column.startswith("<kind>_")


def test_a_function_is_no_entry_of_a_study():
    def newness(clusters, listings): ...

    with pytest.raises(StudyError, match="found the function newness; a study names indicators"):
        gclust.Study(sources=[{"kind": "patent", "path": "a.csv"}], indicators=[newness])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            '[[indicators]]\nname = "top_organisation"\nkind = "patent"\n',
            "indicator 'top_organisation' needs the column 'organisation', which patent.csv does"
            " not have; did you mean 'organizations'? Name it in the source's columns",
        ),
        ('[[indicators]]\nname = "hhj"\n', "number 1: name = 'hhj' is not a known indicator"),
        ('[[indicators]]\nkind = "patent"\n', "number 1: 'name' is missing"),
        ('[indicators]\nname = "hhi"\n', "[indicators] must be written [[indicators]]"),
        ('[[indicators]]\nname = "hhi"\nkind = "patents"\n', "kind: 'patents' is not known; did"),
        (
            '[[indicators]]\nname = "share"\nkind = "patent"\n',
            "number 1: there is a column 'patent_share' already; give this one another name",
        ),
        (
            '[[indicators]]\nname = "balance"\n[[indicators]]\nname = "hhi"\ncolumn = "Balance"',
            "number 2: there is a column 'Balance' already",
        ),
        (SECTIONS, "column = '=patents' cannot name a column"),
    ],
)
def test_studies_that_are_refused(tmp_path, text, reason):
    table = some_world().rename(columns={"organisation": "organizations"})
    with pytest.raises(StudyError) as raised:
        gclust.run(study_of(tmp_path / "data", text, table), tmp_path / "run")
    assert reason in str(raised.value)
    assert not (tmp_path / "run").exists()


CLUSTERS = pd.DataFrame({"name": ["a", "b"]}, index=pd.Index([0, 1], name="cluster_id"))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, 2.0], "returned a list; expected a pandas Series of one value for each cluster"),
        (pd.Series([1.0]), "returned 1 value for 2 clusters"),
        (
            pd.Series([1.0, 2.0], index=["a", "b"]),
            "the index ['a', 'b'] where clusters have [0, 1]",
        ),
        (pd.Series([1.0, 2.0], index=[0, 0]), "the index [0, 0] where clusters have [0, 1]"),
        (pd.Series([True, False]), "returned values of type bool; expected numbers or texts"),
        (pd.Series([1.0, np.inf]), "returned inf for cluster_id 1; expected finite numbers"),
        (pd.Series(["a", 3], dtype=object), "returned 3 for cluster_id 1; expected numbers or"),
    ],
)
def test_what_an_indicator_may_not_return(values, reason):
    resolved = ResolvedIndicator(
        IndicatorEntry(name="f"), registered(lambda a, b: values, "p 1.0", "f"), {}
    )
    with pytest.raises(StudyError) as raised:
        compute_indicator(resolved, CLUSTERS, None)
    assert str(raised.value).startswith("indicator 'f' of p 1.0 returned ")
    assert reason in str(raised.value)


def test_an_indicator_that_fails_is_named():
    def f(clusters, listings):
        clusters["name"] = "spoilt"
        return clusters["of"]

    clusters = CLUSTERS.copy()
    resolved = ResolvedIndicator(IndicatorEntry(name="f"), registered(f, "p 1.0"), {})
    with pytest.raises(StudyError, match="indicator 'f' of p 1.0 failed: KeyError: 'of'"):
        compute_indicator(resolved, clusters, None)
    pd.testing.assert_frame_equal(clusters, CLUSTERS)


def test_texts_and_missing_values_are_kept():
    def f(clusters, listings):
        return pd.Series(["x", None], index=clusters.index)

    resolved = ResolvedIndicator(IndicatorEntry(name="f"), registered(f, "p 1.0"), {})
    expected = pd.Series(["x", None], index=CLUSTERS.index, dtype="string")
    pd.testing.assert_series_equal(compute_indicator(resolved, CLUSTERS, None), expected)


@pytest.mark.parametrize(("unlocated", "expected"), [("keep", (25, 25, 25)), ("drop", (0, 0, 0))])
def test_partners_without_a_place_are_those_that_count(unlocated, expected, tmp_path):
    """Every fourth record has a second listing in France that has no coordinates."""
    rows = [(number, 48.0 + number * 1e-4, 8.0, "DE") for number in range(80)]
    rows += [(number, None, None, "FR") for number in range(0, 80, 4)]
    table = pd.DataFrame(rows, columns=["record", "lat", "lon", "country"])
    names = ("collaboration", "international_collaboration")
    study = Study(
        study=General(max_rejects=0.5),
        sources=(Source(kind="patent", data=table),),
        clusters=Clusters(eps_km=5, min_samples=20),
        counting=Counting(unlocated=unlocated),
        indicators=(
            *(IndicatorEntry(name=name) for name in names),
            IndicatorEntry(name="collaboration", column="with_noise", options={"partner": "noise"}),
        ),
    )
    (row,) = gclust.run(study).ranking.to_dict(orient="records")
    assert tuple(row[name] for name in (*names, "with_noise")) == expected


def test_sums_of_an_engine_are_plain_numbers():
    """DuckDB sums whole numbers to 128 bits, which come as decimals."""
    query = """SELECT 'p' AS kind, i AS record, i % 3 AS cluster, i AS size,
        (i / 4)::DECIMAL(9, 2) AS part, CASE WHEN i < 2 THEN i::DECIMAL(9, 0) END AS rare
        FROM range(9) AS t(i)"""
    listings = LabelledListings.from_native(duckdb.sql(query))
    frame = listings.frame.group_by("cluster").agg(
        nw.col("size").sum(), nw.col("part").sum(), nw.col("rare").max()
    )
    found = listings.collect(frame)
    assert found["size"].tolist() == [9, 12, 15]
    assert found["size"].dtype == np.int64
    assert (found["part"] / 2.0).tolist() == [1.125, 1.5, 1.875]
    assert found["rare"].dtype == np.float64
    assert found["rare"].isna().tolist() == [False, False, True]
