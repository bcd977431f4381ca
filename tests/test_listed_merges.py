"""Merging by a list: the study names pairs of places, and their clusters merge."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.cluster.gaps import gaps_of_pairs_km
from gclust.cluster.merging import merge
from gclust.errors import StudyError
from gclust.experiments.tune.outcome import ParameterSet
from gclust.experiments.tune.session import Session
from gclust.experiments.tune.write_study import with_parameters
from gclust.pipeline import prepare as preparing
from gclust.pipeline.listed_merges import ListedMerges, ListedPlaces
from gclust.progress import silent
from gclust.results.methods import methods
from gclust.sphere import EARTH_RADIUS_KM
from gclust.study.schema import read_study
from gclust.study.sections import Merge

PAIRS = [["Lyon", "Grenoble"]]
LYON, GENEVA = (45.75, 4.85), (46.2, 6.15)


@pytest.fixture(scope="module")
def study():
    return read_study(gclust.datasets.example_study())


def listed(study, pairs=PAIRS, **options):
    return replace(study, merge={"rule": "list", "pairs": pairs}, **options)


def names(run):
    return run.ranking.sort_values("cluster_id")["name"].tolist()


def test_clusters_of_listed_places_merge_at_any_distance(study):
    plain = gclust.run(study)
    merged = gclust.run(listed(study))
    assert len(merged.ranking) == len(plain.ranking) - 1
    [row] = merged.merges.to_dict("records")
    assert {row["name_a"], row["name_b"]} == {"Lyon", "Grenoble"}
    assert row["round"] == 1
    assert 50 < row["gap_km"] < 100
    apart = plain.ranking.set_index("name")
    together = merged.ranking.set_index("cluster_id").loc[row["cluster_id"]]
    for column in (each for each in plain.ranking if each.endswith("_count")):
        assert together[column] == pytest.approx(apart[column]["Lyon"] + apart[column]["Grenoble"])
    text = methods(merged).text
    assert "merged by a list of places: Lyon with Grenoble." in text


def test_pairs_that_share_a_cluster_become_one(study):
    run = gclust.run(listed(study, [["Lyon", "Grenoble"], ["Grenoble", [46.2, 6.15]]]))
    assert len(run.ranking) == 1
    assert run.merges["round"].tolist() == [1, 1]


def test_engine_arrays_and_written_study_agree(study, tmp_path, monkeypatch):
    run = gclust.run(listed(study), tmp_path / "run")
    assert gclust.verify(tmp_path / "run").same
    monkeypatch.setattr(preparing, "fit_into_memory", lambda *_: False)
    other = gclust.run(read_study(tmp_path / "run" / "study.toml"))
    pd.testing.assert_frame_equal(run.ranking, other.ranking)
    pd.testing.assert_frame_equal(run.merges, other.merges)


def test_experiments_merge_by_the_list(study):
    own = study.dbscan
    run = gclust.run(listed(study))
    found = gclust.sweep(listed(study), eps_km=[own.eps_km], min_samples=[own.min_samples])
    assert found.table["n_clusters"].tolist() == [len(run.ranking)]
    for clusters in ("fixed", "reclustered"):
        drawn = gclust.uncertainty(
            listed(study, uncertainty={"draws": 30, "clusters": clusters}), n_jobs=1
        )
        assert sorted(drawn.table["name"]) == sorted(names(run))
        if clusters == "reclustered":
            assert drawn.table["found"].min() > 0.9


def test_tuner_merges_by_the_list(study):
    session = Session(listed(study), n_jobs=1, report=silent)
    try:
        own = session.outcome(session.own).table
        plain = session.outcome(replace(session.own, rule="none")).table
        assert (len(own), len(plain)) == (2, 3)
        # The same once more, from partitions that were kept.
        assert len(session.outcome(session.own).table) == 2
        by_ties = with_parameters(session.study, replace(session.own, rule="mutual"))
        assert by_ties.merge.pairs is None
        assert with_parameters(session.study, session.own).merge == session.study.merge
        assert isinstance(session.own, ParameterSet)
    finally:
        session.close()


def test_pairs_that_merge_nothing_are_warned_of(study):
    with pytest.warns(UserWarning, match="no cluster has a location within 15 km of Marseille"):
        run = gclust.run(listed(study, [["Lyon", "Marseille"]]))
    assert len(run.ranking) == 3
    with pytest.warns(UserWarning, match="lie in one cluster already"):
        gclust.run(listed(study, [["Lyon", LYON]]))
    strict = replace(listed(study, [["Lyon", "Marseille"]]), study={"strict": True})
    with pytest.raises(StudyError, match="name a place inside"):
        gclust.run(strict)


@pytest.mark.parametrize(
    ("merge_options", "message"),
    [
        ({"rule": "list"}, "there are none; expected pairs"),
        ({"pairs": PAIRS}, 'belongs to rule = "list"'),
        ({"rule": "list", "pairs": [["Lyon", [95.0, 3.0]]]}, "is no place; expected"),
        ({"rule": "list", "pairs": [["Lyon"]]}, "pairs = "),
    ],
)
def test_bad_lists_are_refused(study, merge_options, message):
    with pytest.raises(StudyError, match=message):
        replace(study, merge=merge_options)


def test_unknown_and_ambiguous_cities_are_refused():
    lat, lon = np.array([42.37, 52.2]), np.array([-71.1, 0.12])
    with pytest.raises(StudyError, match="no city of the gazetteer; did you mean"):
        ListedPlaces.of(Merge(rule="list", pairs=[["Camebridge", "Lyon"]]), lat, lon)
    both = Merge(rule="list", pairs=[["Cambridge", LYON]])
    with pytest.raises(StudyError, match=r"Cambridge \(MA, US\) at .*write the country too"):
        ListedPlaces.of(both, lat, lon)
    # Only one of them is near a location of the study, or the country says which.
    assert ListedPlaces.of(both, lat[1:], lon[1:]).points["Cambridge"][0] == pytest.approx(
        52.2, 1e-3
    )
    for name, expected in (("Cambridge (GB)", 52.2), ("Cambridge (MA, US)", 42.37)):
        places = ListedPlaces.of(Merge(rule="list", pairs=[[name, LYON]]), lat, lon)
        assert places.points[name][0] == pytest.approx(expected, 1e-3)


def test_nearest_clustered_location_decides_in_any_order():
    lat = np.array([45.75, 45.76, 45.80, 46.2])
    lon = np.array([4.85, 4.85, 4.85, 6.15])
    labels = np.array([-1, 1, 0, 2])
    pairs = Merge(rule="list", pairs=[[LYON, GENEVA]])
    for order in (np.arange(4), np.array([3, 1, 0, 2])):
        found = ListedMerges(pairs, lat[order], lon[order]).gaps_km(labels[order])
        assert list(found) == [(1, 2)]
        known = gaps_of_pairs_km(lat, lon, labels, [(1, 2)])
        assert found == known
    a, b = (np.radians([lat[at], lon[at]]) for at in (1, 3))
    inner = np.sin(a[0]) * np.sin(b[0]) + np.cos(a[0]) * np.cos(b[0]) * np.cos(a[1] - b[1])
    assert known[1, 2] == pytest.approx(EARTH_RADIUS_KM * np.arccos(inner))


def test_rule_joins_all_given_pairs_and_logs_their_ties():
    merged = merge(3, {(0, 2): 900.0}, {(0, 1): 5.0, (0, 2): 1.0}, rule="list", max_gap_km=5)
    assert merged.cluster.tolist() == [0, 1, 0]
    assert merged.log[["gap_km", "ties"]].to_numpy().tolist() == [[900.0, 1.0]]
    assert merged.log["runner_up_a"].tolist() == ["1"]


@pytest.mark.parametrize("in_memory", [True, False])
def test_listings_without_records_merge_too(in_memory, monkeypatch):
    monkeypatch.setattr(preparing, "fit_into_memory", lambda *_: in_memory)
    table = pd.DataFrame({"lat": [45.75, 46.2], "lon": [4.85, 6.15], "weight": [100.0, 100.0]})
    bare = gclust.Study(
        sources=[{"kind": "patent", "data": table}],
        clusters={"eps_km": 5, "min_samples": 50},
        merge={"rule": "list", "pairs": [[LYON, GENEVA]]},
    )
    run = gclust.run(bare)
    assert run.ranking["patent_count"].tolist() == [200.0]
    assert run.merges["ties"].tolist() == [0.0]
