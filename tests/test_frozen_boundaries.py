"""Frozen boundaries: clusters are formed on some listings, and all or others counted in them."""

import hashlib
import json
import shutil
import tempfile
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.listings.engines.protocol import prefix_of_kind
from gclust.pipeline import checkpoint
from gclust.pipeline.checkpoint import Checkpoint
from gclust.pipeline.run_key import run_key
from gclust.results.methods import methods
from gclust.study.schema import read_study
from gclust.study.sections import Source
from tests.fuzz_studies import undrawn

METHODS = {
    "dbscan": {"eps_km": 5, "min_samples": 100},
    "first": {"eps_km": 5, "min_samples": 100, "border": "first"},
    "hdbscan": {"method": "hdbscan", "min_cluster_size": 100},
    "contour": {"method": "contour", "bandwidth_km": 3, "threshold": 100},
}
SEED = 7
MERGE = {"max_gap_km": 80, "noise_partner": False}
"""Joins Lyon and Grenoble, which have more records in common than with Geneva."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example's listings of all ten years."""
    place = tmp_path_factory.mktemp("frozen")
    gclust.datasets.example_study(place, years=(2015, 2024))
    return place


def study(folder, formed_on=None, method="dbscan", years=(2015, 2024), **more):
    clusters = dict(METHODS[method])
    if formed_on is not None:
        clusters["formed_on"] = formed_on
    sources = [
        Source(kind=kind, path=f"{kind}.csv", years=years) for kind in ("patent", "publication")
    ]
    options = {"merge": MERGE, "footprint": {"radius_km": 2}, **more}
    return gclust.Study(sources=sources, clusters=clusters, folder=folder, **options)


def computed(what, out=None):
    with undrawn(), warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        return gclust.run(what, out, n_jobs=1)


def assert_verified(run, **options):
    with undrawn():
        found = gclust.verify(run, **options).files
    assert found["same"].all(), found.loc[~found["same"], ["file", "differences"]].to_string()


def same_clusters(a, b):
    """Names, economies and footprints are equal, cluster by cluster."""
    one, two = (each.clusters.set_index("cluster_id").sort_index() for each in (a, b))
    columns = ["name", "economies", "lat", "lon", "area_km2"]
    pd.testing.assert_frame_equal(
        pd.DataFrame(one[columns]), pd.DataFrame(two[columns]), check_exact=True
    )
    assert one.geometry.geom_equals(two.geometry).all()


def same_counts(a, b):
    pd.testing.assert_frame_equal(a.ranking, b.ranking, check_exact=True)
    columns = ["lat", "lon", "weight", "density", "cluster_id"]
    pd.testing.assert_frame_equal(a.locations[columns], b.locations[columns], check_exact=True)


def counts_by_hand(run, table, kind):
    """Count records by cluster: each is spread evenly over its listings."""
    places = run.locations.set_index(["lat", "lon"])["cluster_id"]
    cluster = places.loc[pd.MultiIndex.from_frame(table[["lat", "lon"]].round(5))].to_numpy()
    part = 1 / table.groupby("record")["record"].transform("size")
    counted = part.groupby(cluster).sum()
    ranked = run.ranking.set_index("cluster_id")[f"{kind}_count"].sort_index()
    assert ranked.to_numpy() == pytest.approx(counted.reindex(ranked.index).fillna(0).to_numpy())


@pytest.fixture(scope="module")
def early(folder):
    """A run of the years 2015 to 2019, which forms the clusters."""
    return computed(study(folder, years=(2015, 2019)), folder / "early")


@pytest.fixture(scope="module")
def by_years(folder):
    outputs = {"panel": True, "memberships": True}
    what = study(folder, {"years": [2015, 2019]}, outputs=outputs)
    return computed(what, folder / "by-years")


def test_years_form_the_clusters_and_all_years_are_counted(folder, early, by_years):
    same_clusters(by_years, early)
    assert len(early.merges) == 1
    pd.testing.assert_frame_equal(by_years.merges, early.merges)
    then = early.locations.set_index(["lat", "lon"])
    now = by_years.locations.set_index(["lat", "lon"])
    assert len(now) > len(then)
    columns = ["density", "cluster_id", "core"]
    pd.testing.assert_frame_equal(now.loc[then.index, columns], then[columns])
    assert not now["density"].drop(then.index).any()
    inside = now["cluster_id"].drop(then.index) >= 0
    assert 0.5 < inside.mean() < 1
    everything = computed(study(folder))
    pd.testing.assert_series_equal(by_years.locations["weight"], everything.locations["weight"])
    assert by_years.info["world_totals"] == everything.info["world_totals"]
    for kind in ("patent", "publication"):
        table = pd.read_csv(folder / f"{kind}.csv")
        counts_by_hand(by_years, table, kind)
        early_rows = table[table["year"] <= 2019]
        found = by_years.info["formed_on"]["forming"][kind]
        assert found["listings"] == len(early_rows)
        assert found["records"] == early_rows["record"].nunique()


def test_panel_has_all_years_and_says_what_formed_the_boundaries(by_years, early):
    panel = by_years.panel()
    assert set(panel["boundary_years"]) == {"2015-2019"}
    assert set(panel["boundary_kinds"]) == {"patent, publication"}
    sums = panel.groupby(["cluster_id", "kind"])["units"].sum().unstack()
    ranked = by_years.ranking.set_index("cluster_id").sort_index()
    for kind in sums:
        assert (sums[kind] / 232792560).to_numpy() == pytest.approx(ranked[f"{kind}_count"])
    # In the years that formed the clusters, they count what the earlier run counted.
    first = panel[panel["year"] <= 2019].groupby(["cluster_id", "kind"])["count"].sum().unstack()
    then = early.ranking.set_index("cluster_id").sort_index()
    assert first["patent"].to_numpy() == pytest.approx(then["patent_count"].to_numpy())
    listed = by_years.memberships().groupby(["cluster_id", "kind"])["fraction"].sum().unstack()
    assert listed.loc[0, "patent"] == pytest.approx(ranked.loc[0, "patent_count"])


@pytest.mark.parametrize("method", METHODS)
def test_a_run_forms_the_clusters_as_its_years_do(folder, method):
    more = {"footprint": {"method": "contour"}} if method == "contour" else {}
    more |= {} if method in ("dbscan", "first") else {"merge": {"max_gap_km": 5}}
    name = f"early-{method}"
    early = computed(study(folder, method=method, years=(2015, 2019), **more), folder / name)
    by_years = computed(study(folder, {"years": [2015, 2019]}, method, **more))
    bare = study(folder, method=method, **more)
    bare = replace(bare, clusters={"formed_on": {"run": name}}, merge={})
    by_run = computed(bare)
    assert len(by_run.ranking) == len(early.ranking) > 1
    same_clusters(by_run, early)
    same_counts(by_run, by_years)
    assert by_run.merges.empty
    assert by_run.study.clusters == replace(by_years.study.clusters, formed_on={"run": name})
    assert by_run.info["clusters"] == by_years.info["clusters"]


def test_clusters_of_a_run_stay_without_any_listing(folder, early, by_years):
    lyon = pd.DataFrame({"record": ["a", "a", "b"], "lat": 45.76, "lon": 4.84, "year": 2030})
    lyon.loc[1, ["lat", "lon"]] = 0.5, 0.5
    what = gclust.Study(
        sources=[Source(kind="deal", data=lyon)],
        clusters={"formed_on": {"run": "early"}},
        footprint={"radius_km": 2},
        outputs={"panel": True},
        folder=folder,
    )
    run = computed(what)
    same_clusters(run, early)
    assert sorted(run.ranking["deal_count"]) == [0.0] * (len(early.ranking) - 1) + [1.5]
    assert set(run.panel()["boundary_years"]) == {"2015-2019"}
    assert set(run.panel()["boundary_kinds"]) == {"patent, publication"}
    # A run with frozen boundaries may form those of a third.
    again = replace(what, clusters={"formed_on": {"run": "by-years"}})
    pd.testing.assert_frame_equal(computed(again).ranking, run.ranking)
    text = methods(run).text
    assert (
        "those of an earlier run, formed from listings of patent, publication (2015-2019)" in text
    )
    assert "DBSCAN with a radius of 5 km and a least weight of 100" in text


def first_half(table, kind):
    """Whether each listing's record forms clusters, by the rule of the documentation."""
    texts = [f"{SEED} {kind} {record}" for record in table["record"]]
    digits = [hashlib.sha256(text.encode()).hexdigest()[0] for text in texts]
    return np.array([digit < "8" for digit in digits])


def test_half_forms_and_the_other_half_is_counted(folder, tmp_path):
    split = {"formed": tmp_path / "formed", "counted": tmp_path / "counted"}
    tables = {}
    for path in split.values():
        path.mkdir()
    for kind in ("patent", "publication"):
        table = pd.read_csv(folder / f"{kind}.csv")
        forms = first_half(table, kind)
        assert 0.45 < forms.mean() < 0.55
        table[forms].to_csv(split["formed"] / f"{kind}.csv", index=False)
        table[~forms].to_csv(split["counted"] / f"{kind}.csv", index=False)
        tables[kind] = table[~forms]
    outputs = {"panel": True, "memberships": True}
    merge = {**MERGE, "max_gap_km": 150, "rule": "one-sided"}
    formed = computed(study(split["formed"], merge=merge), tmp_path / "formed" / "run")
    by_hand = replace(
        study(split["counted"], merge=merge, outputs=outputs),
        clusters={"formed_on": {"run": "../formed/run"}},
    )
    expected = computed(by_hand)
    what = study(folder, {"half": SEED}, merge=merge, outputs=outputs, uncertainty={"draws": 40})
    half = computed(what, tmp_path / "half")
    same_clusters(half, formed)
    same_counts(half, expected)
    assert len(formed.merges)
    pd.testing.assert_frame_equal(half.merges, formed.merges)
    assert half.info["world_totals"] == expected.info["world_totals"]
    assert half.info["counts"]["records"] == expected.info["counts"]["records"]
    own = half.panel().drop(columns="boundary_years")
    pd.testing.assert_frame_equal(own, expected.panel().drop(columns="boundary_years"))
    assert set(half.panel()["boundary_years"]) == {"2015-2024 (half 7 of the records)"}
    for kind, table in tables.items():
        counts_by_hand(half, table, kind)
    assert len(half.memberships()) == sum(map(len, tables.values()))
    assert_verified(tmp_path / "half")
    assert "[@neufeld2024]" in methods(half).markdown
    drawn = gclust.uncertainty(what, n_jobs=1)
    ranked = half.ranking.set_index("name")
    for row in drawn.table.to_dict("records"):
        assert row["patent_share"] == pytest.approx(ranked["patent_share"][row["name"]])
        assert row["patent_share_low"] < row["patent_share"] < row["patent_share_high"]
    assert "formed on the other half" in drawn.superpopulation


def test_half_depends_on_seed_kind_and_id_alone(folder, tmp_path):
    half = computed(study(folder, {"half": SEED}))
    shuffled, more = tmp_path / "shuffled", tmp_path / "more"
    for place in (shuffled, more):
        place.mkdir()
    for kind in ("patent", "publication"):
        table = pd.read_csv(folder / f"{kind}.csv")
        table.sample(frac=1, random_state=1).to_csv(shuffled / f"{kind}.csv", index=False)
        added = table[table["record"] == table["record"].iloc[0]].assign(record="aaa")
        pd.concat([added, table]).to_csv(more / f"{kind}.csv", index=False)
    again = computed(study(shuffled, {"half": SEED}))
    same_counts(again, half)
    counts = [each.info["formed_on"] for each in (half, computed(study(more, {"half": SEED})))]
    for part in ("forming", "counted"):
        apart = counts[1][part]["patent"]["records"] - counts[0][part]["patent"]["records"]
        assert 0 <= apart <= 1
    other = computed(study(folder, {"half": SEED + 1}))
    assert other.info["formed_on"]["forming"] != half.info["formed_on"]["forming"]
    assert prefix_of_kind({1: "7 b ", 0: "7 a "}) == (
        "(CASE kind WHEN 0 THEN '7 a ' WHEN 1 THEN '7 b ' END)"
    )


def test_kinds_that_form_no_clusters_are_counted_whole(folder):
    run = computed(study(folder, {"half": SEED}, density={"kinds": ["patent"]}))
    whole = computed(study(folder))
    assert run.info["world_totals"]["publication"] == whole.info["world_totals"]["publication"]
    assert run.info["world_totals"]["patent"] < 0.6 * whole.info["world_totals"]["patent"]
    assert list(run.info["formed_on"]["forming"]) == ["patent"]


def test_runs_with_a_frozen_run_are_verified_wherever_it_is(folder, early, tmp_path):
    place = tmp_path / "study"
    place.mkdir()
    for kind in ("patent", "publication"):
        shutil.copy(folder / f"{kind}.csv", place)
    shutil.copytree(folder / "early", tmp_path / "early")
    computed(study(place, {"run": "../early"}), place / "run")
    assert_verified(place / "run")
    listed = json.loads((place / "run" / "run.json").read_text())["inputs"]
    assert "locations.parquet" in {each["path"].rsplit("/", 1)[-1] for each in listed}
    assert read_study(place / "run" / "study.toml").clusters.formed_on.run == "../../early"
    shutil.move(tmp_path / "early", place / "early")
    assert_verified(place / "run", inputs=place)


@pytest.mark.parametrize("formed_on", [{"years": [2016, 2018]}, {"half": SEED}, {"run": "early"}])
def test_a_stopped_run_goes_on(folder, early, tmp_path, formed_on, monkeypatch):
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(checkpoint, "AFTER_SECONDS", 0.0)
    what, step = study(folder, formed_on), Checkpoint.step

    def stopped(self, name, *more):
        result = step(self, name, *more)
        if name == "cluster locations":
            raise KeyboardInterrupt
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "step", stopped)
        with pytest.raises(KeyboardInterrupt):
            computed(what, tmp_path / "run")
    run = computed(what, tmp_path / "run")
    assert run.info["execution"]["resumed_after"] == "cluster locations"
    same_counts(run, computed(what))


def test_draws_and_keys_know_the_run(folder, early):
    place = shutil.copytree(folder / "early", folder / "copy")
    what = study(folder, {"run": "copy"}, years=(2020, 2024), uncertainty={"draws": 40})
    drawn = gclust.uncertainty(what, n_jobs=1).table
    then = early.ranking.set_index("cluster_id")["name"]
    assert drawn.set_index("cluster_id")["name"].to_dict() == then.to_dict()
    key = run_key(what)
    (place / "clusters.parquet").touch()
    assert run_key(what) != key
    shutil.rmtree(place)


def test_runs_with_frozen_boundaries_are_compared(folder, early):
    runs = [
        computed(study(folder, {"run": "early"}, years=years))
        for years in ((2015, 2019), (2020, 2024))
    ]
    found = gclust.compare(*runs, decompose=False)
    assert (found.table["name_a"] == found.table["name_b"]).all()
    assert len(found.table) == len(early.ranking)
    with pytest.raises(StudyError, match=r"set decompose=False"):
        gclust.compare(*runs)


@pytest.mark.parametrize(
    ("formed_on", "message"),
    [
        ({}, r"expected one of years = \[first, last\]"),
        ({"years": [2015, 2016], "half": 1}, "expected one of years"),
        ({"years": [2016, 2015]}, "run backwards"),
        ({"half": -1}, "expected 0 or more"),
        ({"quarter": 1}, "'quarter' is not known"),
        ({"years": 2015}, "expected a list of 2 whole numbers"),
    ],
)
def test_bad_options_are_refused(folder, formed_on, message):
    with pytest.raises(StudyError, match=message):
        study(folder, formed_on)


def test_what_cannot_be_formed_on_is_refused(folder, early, tmp_path):
    def refused(what, message, act=computed):
        with pytest.raises(StudyError, match=message):
            act(what)

    refused(study(folder, {"years": [1999, 2001]}), "no usable listings of kind 'patent' lie in")
    strict = study(folder, {"years": [2010, 2016]}, study={"strict": True})
    refused(strict, r"'patent' has no listings in 2010, 2011, 2012, 2013, 2014;")
    table = pd.read_csv(folder / "patent.csv")
    sources = {"kind": "patent", "data": table.drop(columns="year")}
    bare = gclust.Study(sources=[sources], clusters=study(folder, {"years": [2015, 2016]}).clusters)
    refused(bare, "needs the column 'year'")
    two = replace(bare, sources=[sources, {"kind": "patent", "data": table}])
    refused(two, "has no column 'year', and")
    half = study(folder, {"half": 1}).clusters
    anonymous = {"kind": "patent", "data": table.drop(columns="record")}
    refused(gclust.Study(sources=[anonymous], clusters=half), "rows have no record, and")
    one = {"kind": "patent", "data": table[table["record"] == table["record"].iloc[0]]}
    refused(gclust.Study(sources=[one], clusters=half), "has no listings of kind 'patent'")
    with pytest.raises(StudyError, match="remove it from totals"):
        study(folder, {"half": 1}, counting={"totals": {"patent": 1e6}})
    for act, message in (
        (gclust.sweep, "a sweep forms clusters with each pair"),
        (lambda what: gclust.uncertainty(reclustered(what)), "forms clusters in each draw; set"),
    ):
        refused(study(folder, {"half": 1}), message, act)


def reclustered(what):
    return replace(what, uncertainty={"draws": 40, "clusters": "reclustered"})


def test_runs_that_cannot_form_clusters_are_refused(folder, early, tmp_path):
    def refused(message, options, **more):
        what = replace(study(folder, **more), clusters=options)
        with pytest.raises(StudyError, match=message):
            computed(what)

    refused("nowhere: holds no run", {"formed_on": {"run": "nowhere"}})
    own = {"eps_km": 7, "formed_on": {"run": "early"}}
    refused(r"eps_km = 7.0, but clusters are formed by the run 'early', which has eps_km = 5", own)
    refused(
        r"\[merge\] rule = 'none', but", {"formed_on": {"run": "early"}}, merge={"rule": "none"}
    )
    broken = shutil.copytree(folder / "early", folder / "broken")
    locations = pd.read_parquet(broken / "locations.parquet")
    first = locations.index[(locations["cluster_id"] == 0) & (locations["density"] > 0)][0]
    locations.loc[first, "cluster_id"] = 1
    locations.to_parquet(broken / "locations.parquet")
    refused("form other clusters now", {"formed_on": {"run": "broken"}})
    (broken / "locations.parquet").unlink()
    refused("is missing", {"formed_on": {"run": "broken"}})


def test_spark_draws_the_same_half(folder, request, tmp_path):
    request.getfixturevalue("spark")
    half = study(folder, {"half": SEED})
    engine = {"name": "spark", "temp_dir": str(tmp_path)}
    same_counts(computed(replace(half, engine=engine)), computed(half))
