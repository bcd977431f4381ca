"""Clusters of two runs matched by place: other addresses at the same places, by every method."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import StudyError
from gclust.experiments.compare.places import ClustersAtPlaces
from gclust.experiments.compare.summary import summary_lines
from gclust.pipeline.form import partition_locations
from gclust.progress import silent
from gclust.report.comparison_table import changes_table
from gclust.study.clustering_methods import Clusters, ContourClusters, HierarchyClusters
from gclust.study.schema import Study
from gclust.study.sections import Merge
from gclust.units import UNIT

CENTRES = {
    "Munich": (48.137, 11.575),
    "Vienna": (48.208, 16.372),
    "Zürich": (47.377, 8.541),
    "Prague": (50.088, 14.421),
    "Milan": (45.464, 9.190),
}
METHODS = {
    "nearest": Clusters(eps_km=4, min_samples=40),
    "first": Clusters(eps_km=4, min_samples=40, border="first"),
    "noise": Clusters(eps_km=4, min_samples=40, border="noise"),
    "ellipsoid": Clusters(eps_km=4, min_samples=40, metric="wgs84"),
    "hdbscan": HierarchyClusters(min_cluster_size=60, min_samples=20),
    "leaf": HierarchyClusters(min_cluster_size=60, min_samples=20, selection="leaf"),
    "merged at 3 km": HierarchyClusters(min_cluster_size=40, min_samples=10, selection_eps_km=3),
    "contour": ContourClusters(bandwidth_km=3, threshold=60),
}


def year(seed, centres=CENTRES, each=150, km=2.0):
    """Addresses round the centres, none of which another year has, and some in the country."""
    rng = np.random.default_rng(seed)
    rows = [
        (lat + rng.normal(0, km / 111), lon + rng.normal(0, km / 75))
        for lat, lon in (CENTRES[name] if isinstance(name, str) else name for name in centres)
        for _ in range(each)
    ]
    rows += [(rng.uniform(45, 51), rng.uniform(8, 17)) for _ in range(60)]
    table = pd.DataFrame(rows, columns=["lat", "lon"])
    return table.assign(record=np.arange(len(table)) // 2)


def study_of(table, clusters=METHODS["nearest"], **sections):
    return Study(
        sources=({"kind": "patent", "data": table},),
        clusters=clusters,
        merge=sections.pop("merge", Merge(rule="none")),
        **sections,
    )


@pytest.mark.parametrize("method", METHODS)
def test_two_years_of_addresses_round_the_same_centres_are_kept(method):
    one, two = (gclust.run(study_of(year(seed), METHODS[method])) for seed in (1, 2))
    found = gclust.compare(one, two, decompose=False)
    table = found.table
    assert table["event"].tolist() == ["kept"] * 5
    assert (table["name_a"] == table["name_b"]).all()
    assert table[["share_of_a", "share_of_b"]].to_numpy().min() > 0.8
    assert found.common == (0.0, 0.0)
    assert (table[["common_of_a", "common_of_b"]] == 0).all(axis=None)
    assert set(table["note"]) == {"less than half of the listings are the same"}


@pytest.mark.parametrize("method", METHODS)
def test_a_run_and_itself_have_everything_in_common(method):
    run = gclust.run(study_of(year(1), METHODS[method]))
    found = gclust.compare(run, run)
    shares = ["share_of_a", "share_of_b", "common_of_a", "common_of_b"]
    assert (found.table["event"] == "kept").all()
    assert (found.table[shares] == 1).all(axis=None)
    assert set(found.table["note"]) == {""}
    assert found.lineage["weight_of_a"].tolist() == found.lineage["weight_of_b"].tolist()
    located = run.locations.groupby("cluster_id")["density"].sum()
    assert found.lineage["weight_of_a"].tolist() == located[located.index >= 0].tolist()


ESTIMATORS = {
    "nearest": gclust.DBSCAN(4, 40),
    "first": gclust.DBSCAN(4, 40, border="first"),
    "ellipsoid": gclust.DBSCAN(4, 40, metric="wgs84"),
    "hdbscan": gclust.HDBSCAN(60, 20),
    "leaf": gclust.HDBSCAN(60, 20, cluster_selection_method="leaf"),
    "merged at 3 km": gclust.HDBSCAN(40, 10, cluster_selection_epsilon_km=3),
    "contour": gclust.DensityContour(3, 60),
}


def places_of(options, table):
    """Clusters at places, before any are merged."""
    rounded = table.round(5).groupby(["lat", "lon"]).size().rename("n").reset_index()
    locations = rounded[["lat", "lon"]].assign(density=rounded["n"] * UNIT)
    done = partition_locations(options, locations, n_jobs=1, report=silent)
    return ClustersAtPlaces(options, locations.assign(core=done.core), done.labels, 1), rounded


@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_place_has_the_cluster_that_predict_gives(method):
    near = {**CENTRES, "Munich East": (48.137, 11.70)}
    known, rounded = places_of(METHODS[method], year(3, near.values(), km=3.0))
    new = year(4, near.values(), km=4.0)[["lat", "lon"]]
    new = pd.concat([new, rounded[["lat", "lon"]].head(50)]).sample(frac=1, random_state=1)
    model = ESTIMATORS[method].fit(rounded[["lat", "lon"]], sample_weight=rounded["n"])
    expected = model.predict(new)
    assert known.at(new).tolist() == expected.tolist()
    assert {-1, 0, 1} <= set(expected.tolist())


def test_merged_clusters_are_those_of_their_places():
    """Border places between three clusters, two of which are one: by the first of the three."""
    options = Clusters(eps_km=4, min_samples=3, border="first")
    rows = [(0.0, 0.00)] * 3 + [(0.0, 0.06)] * 3 + [(0.05, 0.03)] * 3
    known, _ = places_of(options, pd.DataFrame(rows, columns=["lat", "lon"]))
    assert known.clusters.tolist() == [0, 1, 2]
    merged = replace(known, clusters=np.array([0, 1, 0]), _known={})
    between = pd.DataFrame({"lat": [0.03, 0.06], "lon": [0.045, 0.03]})
    assert known.at(between).tolist() == [1, 2]
    # Label 2 is nearer to the first place, but label 1 comes before it, merged or not.
    assert merged.at(between).tolist() == [1, 0]


def test_places_near_core_locations_are_in_a_cluster_of_core_locations_alone():
    known, rounded = places_of(METHODS["noise"], year(3))
    new = year(4)[["lat", "lon"]]
    nearest, _ = places_of(METHODS["nearest"], year(3))
    assert known.at(new).tolist() == nearest.at(new).tolist()
    own = known.at(rounded[["lat", "lon"]].copy())
    assert own.tolist() == known.clusters.tolist()
    assert (own < 0).sum() > (nearest.clusters < 0).sum()


def test_a_run_that_the_method_does_not_give_any_more_is_refused():
    known, _ = places_of(METHODS["hdbscan"], year(3))
    other = replace(known, clusters=np.roll(known.clusters, 100), _known={})
    with pytest.raises(StudyError, match="'hdbscan' gives other clusters now than in the run"):
        other.at(year(4)[["lat", "lon"]])


PAIR = ((48.137, 11.50), (48.137, 11.66))
"""Two centres 12 km apart."""


def test_a_split_and_a_merger():
    near, wide = Clusters(eps_km=2.5, min_samples=30), Clusters(eps_km=9, min_samples=30)
    apart, joined = (
        gclust.run(study_of(year(seed, PAIR, km=1.2), options))
        for seed, options in ((1, near), (2, wide))
    )
    merger = gclust.compare(apart, joined, decompose=False).lineage
    assert merger["event"].tolist() == ["merged", "merged"]
    assert merger["continues"].tolist().count(True) == 1
    assert (merger["share_of_a"] > 0.9).all()
    assert (merger["share_of_b"] < 0.6).all()
    split = gclust.compare(joined, apart, decompose=False).lineage
    assert split["event"].tolist() == ["split", "split"]
    assert split["continues"].tolist().count(True) == 1


def test_a_cluster_that_is_gone_and_one_that_is_born():
    one = gclust.run(study_of(year(1, ["Munich", "Vienna", "Milan"])))
    two = gclust.run(study_of(year(2, ["Munich", "Milan", "Prague"])))
    table = gclust.compare(one, two, decompose=False).table
    events = table.assign(name=table["name_b"].fillna(table["name_a"])).set_index("name")["event"]
    assert events.to_dict() == {
        "Munich": "kept", "Milan": "kept", "Prague": "born", "Vienna": "gone"
    }  # fmt: skip
    alone = table["event"].isin(["born", "gone"])
    assert table.loc[alone, ["share_of_a", "common_of_b"]].isna().all(axis=None)
    assert set(table.loc[alone, "note"]) == {""}


def test_less_than_half_in_common_is_said(tmp_path):
    """The second year has a larger town, with most of its listings outside the first one's."""
    rng = np.random.default_rng(5)
    small = year(1, ["Munich"], km=0.7)
    lat, lon = CENTRES["Munich"]
    angle, km = rng.uniform(0, 2 * np.pi, 800), np.sqrt(rng.uniform(9, 81, 800))
    ring = pd.DataFrame(
        {"lat": lat + km * np.sin(angle) / 111, "lon": lon + km * np.cos(angle) / 74}
    )
    large = pd.concat([year(2, ["Munich"], km=0.7), ring], ignore_index=True)
    large["record"] = np.arange(len(large)) // 2
    clusters = Clusters(eps_km=3, min_samples=25)
    one, two = gclust.run(study_of(small, clusters)), gclust.run(study_of(large, clusters))
    found = gclust.compare(one, two)
    row = found.table.iloc[0]
    assert (row["event"], len(found.table)) == ("kept", 1)
    assert row["share_of_a"] > 0.9
    assert row["share_of_b"] < 0.5
    assert row["note"].startswith("less than half of b's weight lies in a's cluster; less than")
    said = " ".join(" ".join(summary_lines(found, 80)).split())
    assert "Note on 1 of 1 matched cluster: less than half of b's weight lies in a's" in said
    assert "% in" in changes_table(found.table, (), width=100)
    written = found.write(tmp_path / "out")
    assert gclust.read_comparison(written.path).table["note"].tolist() == [row["note"]]


def test_changes_between_years_are_decomposed():
    """All clusters are found in all coalitions, although none has an address of the other year."""
    one = study_of(year(1, each=150))
    two = study_of(
        year(2, ["Vienna", "Munich", "Milan", "Zürich", "Prague"], each=140),
        Clusters(eps_km=5, min_samples=40),
    )
    found = gclust.compare(one, two)
    assert found.factors == ("data", "formation")
    assert (found.table["missing_in"] == "").all()
    assert len(found.coalitions) == 4 * 5
    for row in found.table.to_dict("records"):
        for order in itertools.permutations(found.factors):
            assert sum(row[f"score_{factor}"] for factor in order) == row["score_change"]
