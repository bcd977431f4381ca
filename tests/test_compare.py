"""Two runs compared: coalitions against runs by hand, contributions that add up, lineage, files."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.compare.attribution import Attribution, shared_places
from gclust.experiments.compare.hybrid_studies import FACTORS, Difference, HybridStudies
from gclust.experiments.compare.places import ClustersAtPlaces
from gclust.experiments.compare.scenarios import ScenarioResult
from gclust.experiments.compare.summary import summary_lines
from gclust.ranking.lineage import lineage
from gclust.report.comparison_table import changes_table
from gclust.study.clustering_methods import Clusters
from gclust.study.schema import Study
from gclust.study.sections import Counting, Density, Merge, Population, Score, Source
from tests.same_results import assert_same_result
from tests.worlds import TOWNS, listings, study_folder

YEARS = {"a": (2015, 2018), "b": (2016, 2019)}
CLUSTERS = {
    "a": Clusters(eps_km=10.0, min_samples=60),
    "b": Clusters(eps_km=12.0, min_samples=30, border="first"),
}
DENSITY = {"a": Density(), "b": Density(weight="fractional", decimals=3)}
KINDS = {"a": ("patent",), "b": ("patent", "publication")}
WEIGHTS = {"a": Score(), "b": Score(combine="mean", weights={"patent": 3.0, "publication": 0.5})}


def towns(folder: Path, *, data="a", formation="a", kinds="a", weights="a") -> Study:
    """A study of the small world, each factor's choices one of two."""
    score = WEIGHTS[weights]
    # A kind that b alone has comes with b's weight.
    mine = {"patent": score.weights.get("patent", 1.0), "publication": 0.5}
    return Study(
        sources=tuple(
            Source(
                kind=kind,
                path=f"{kind}.csv",
                years=YEARS[data if kind == "patent" else "b"],
            )
            for kind in KINDS[kinds]
        ),
        clusters=CLUSTERS[formation],
        density=DENSITY[formation],
        merge=Merge(max_gap_km=5.0 if formation == "a" else 7.0),
        score=replace(score, weights={kind: mine[kind] for kind in KINDS[kinds]}),
        counting=Counting(
            method="fractional" if weights == "a" else "whole",
            unlocated="drop" if data == "a" else "keep",
            totals={} if data == "a" else {"patent": 5000.0},
        ),
        folder=folder,
    )


@pytest.fixture(autouse=True)
def no_maps(monkeypatch):
    """Runs without their maps, which take most of the time and are no comparison's concern."""
    monkeypatch.setattr("gclust.results.run._draw", lambda *_: None)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    table = listings()
    # Some listings of records that have others too cannot be located.
    table.loc[table.index % 37 == 5, ["lat", "lon"]] = np.nan
    return study_folder(tmp_path_factory.mktemp("towns"), table).parent


@pytest.fixture(scope="module")
def sparse(world):
    return gclust.run(replace(towns(world), clusters=Clusters(eps_km=10.0, min_samples=75)))


@pytest.fixture(scope="module")
def all_differ(world):
    one, two = towns(world), towns(world, **dict.fromkeys(FACTORS, "b"))
    return gclust.compare(one, two)


def test_all_four_differ(all_differ):
    assert all_differ.factors == FACTORS
    assert set(all_differ.table["event"]) == {"kept"}
    assert (all_differ.table["missing_in"] == "").all()
    assert all_differ.common[0] < 1
    assert len(all_differ.coalitions) == 16 * len(all_differ.table)


def test_each_coalition_is_a_run_of_its_study(all_differ, world):
    # Four of them will do, in which each two factors are both alike and apart.
    for choices in ("abab", "baba", "abba", "aabb"):
        mine = all_differ.coalitions
        for factor, choice in zip(FACTORS, choices, strict=True):
            mine = mine[mine[factor] == choice]
        run = gclust.run(towns(world, **dict(zip(FACTORS, choices, strict=True))))
        expected = run.ranking.set_index("name")[["rank", "score"]]
        found = mine.set_index("name")[["rank", "score"]]
        assert found["rank"].to_dict() == expected["rank"].to_dict()
        np.testing.assert_allclose(
            found["score"], expected["score"].loc[found.index], rtol=0, atol=3e-13
        )


@pytest.mark.parametrize(
    "choice",
    [
        {"density": Density(weight="fractional")},
        {"density": Density(decimals=1)},
        {"clusters": Clusters(eps_km=60.0, min_samples=60)},
        {"merge": Merge(max_gap_km=400.0, noise_partner=False, rule="one-sided")},
        {"counting": Counting(method="whole")},
        {"counting": Counting(unlocated="keep")},
    ],
    ids=str,
)
def test_one_choice_is_enough(choice, sparse):
    # Raises if a coalition is not what the run was.
    found = gclust.compare(sparse, replace(sparse.study, **choice))
    assert len(found.factors) == 1
    scores = found.table[["score_a", "score_b"]].fillna(0.0)
    assert (scores["score_a"] != scores["score_b"]).any()
    check_sums(found.table.dropna(subset="rank_change"), found.factors)


def test_kinds_that_a_coalition_lacks_leave_no_trace(tmp_path):
    rows = [("patent", i // 2, 40.0, 5.2 + 0.2 * (i % 2), 2016, "") for i in range(100)]
    rows += [("deal", i, 40.0, 5.27 + 0.06 * (i % 2), 2016, "") for i in range(9)]
    table = pd.DataFrame(rows, columns=["kind", "record", "lat", "lon", "year", "town"])
    extra = "[clusters]\neps_km = 10\nmin_samples = 9\n[merge]\nmax_gap_km = 7\n"
    two = one_town(tmp_path, table, extra + '[density]\nkinds = ["patent"]\n')
    one = replace(two, sources=two.sources[1:])
    assert one.kinds == ("patent",)
    found = gclust.compare(one, two)
    # Deals lie between the two, and bring them near enough to merge.
    assert found.lineage["event"].tolist() == ["merged", "merged"]
    assert found.factors == ("kinds",)


def scenario(study, places, clusters):
    """Clusters of places, all at latitude 0, of which longitudes and weights are given."""
    locations = pd.DataFrame(places, columns=["lon", "units"]).astype({"units": "int64"})
    n = max(clusters) + 1
    ranks = pd.DataFrame({"rank": pd.array(range(1, n + 1), dtype="Int64"), "score": 1.0})
    locations, labels = locations.assign(lat=0.0), np.array(clusters)
    formed = locations.assign(density=locations["units"], core=True)
    at = ClustersAtPlaces(study.clusters, formed, labels)
    return ScenarioResult(study, locations, labels, ranks, at)


def test_a_cluster_is_found_if_it_is_that_of_both_runs():
    study = towns(Path())
    places = [(1.0, 5), (2.0, 4), (3.0, 6)]
    # They share the first place: more than half of the lighter one.
    ends = scenario(study, places, [0, 0, -1]), scenario(study, places, [0, -1, 0])
    attribution = Attribution(("data", "kinds"), ends, lineage(shared_places(*ends), 1, 1))
    assert attribution.pairs.to_numpy().tolist() == [[0, 0]]
    # The first place goes with the second: still a's, but b's is rather the third.
    attribution.add(frozenset({"data"}), scenario(study, places, [0, 0, 1]))
    attribution.add(frozenset({"kinds"}), scenario(study, places, [0, 0, 0]))
    assert attribution.found[frozenset({"data"})]["cluster_id"].isna().all()
    assert attribution.found[frozenset({"kinds"})]["cluster_id"].tolist() == [0]


def test_contributions_are_means_over_all_orders(all_differ):
    found = all_differ.coalitions.set_index(["id", *FACTORS]).sort_index()
    for row in all_differ.table.itertuples():
        mean = dict.fromkeys(FACTORS, 0.0)
        for order in itertools.permutations(FACTORS):
            now = dict.fromkeys(FACTORS, "a")
            for factor in order:
                before = found["score"][(row.id, *now.values())]
                now[factor] = "b"
                mean[factor] += (found["score"][(row.id, *now.values())] - before) / 24
        for factor in FACTORS:
            assert getattr(row, f"score_{factor}") == pytest.approx(mean[factor], abs=1e-12)


def check_sums(table, factors):
    """Parts add up to the last bit, in any order."""
    assert len(table)
    for row in table.to_dict("records"):
        assert row["score_change"] == row["score_b"] - row["score_a"]
        assert row["rank_change"] == row["rank_a"] - row["rank_b"]
        for order in itertools.permutations(factors):
            for what in ("rank", "score"):
                assert sum(row[f"{what}_{factor}"] for factor in order) == row[f"{what}_change"]


def test_contributions_add_up_in_tables_and_in_files(all_differ, tmp_path):
    check_sums(all_differ.table, FACTORS)
    written = all_differ.write(tmp_path / "out")
    check_sums(pd.read_csv(written.path / "comparison.csv"), FACTORS)
    long = all_differ.decomposition
    assert (
        long.groupby("id")["rank"].sum().to_dict()
        == all_differ.table.set_index("id")["rank_change"].to_dict()
    )


def test_a_folder_is_read_back(all_differ, tmp_path):
    written = all_differ.write(tmp_path / "out")
    assert any(each.setting.endswith("years") for each in written.differences)
    assert_same_result(gclust.read_comparison(tmp_path / "out"), written)
    with pytest.raises(StudyError, match="holds no comparison"):
        gclust.read_comparison(tmp_path)
    (tmp_path / "out" / "parts.csv").touch()
    with pytest.raises(StudyError, match=r"parts\.csv: is called decomposition\.csv now; run"):
        gclust.read_comparison(tmp_path / "out")


def test_differences_with_paths_and_without_decomposition_are_read_back(world, tmp_path):
    one = towns(world)
    people = replace(one, population=Population(raster="people.tif"))
    other = replace(one, sources=(replace(one.sources[0], path="others.csv"),))
    of_density = replace(one.clusters, eps_km=11.0)
    found = gclust.compare(one, replace(one, clusters=of_density), decompose=False)
    paths = HybridStudies(people, other).differences
    paths = (*paths, Difference("data", "[population] raster: path", str(world / "a.tif"), None))
    assert sum(each.setting.endswith(": path") for each in paths) >= 2
    written = replace(found, differences=paths).write(tmp_path / "a" / "out")
    assert_same_result(gclust.read_comparison(written.path), written)
    shutil.move(written.path, tmp_path / "a" / "moved")
    assert gclust.read_comparison(tmp_path / "a" / "moved").differences == paths


def test_a_run_and_itself(world, tmp_path):
    run = gclust.run(towns(world), tmp_path / "run")
    same = gclust.compare(run, tmp_path / "run")
    assert same.factors == () == same.differences
    assert (same.table["rank_change"] == 0).all()
    assert (same.table["score_change"] == 0).all()
    assert (same.lineage["event"] == "kept").all()
    assert (same.table["cluster_id_a"] == same.table["cluster_id_b"]).all()
    assert same.common == (1.0, 1.0)
    assert same.decomposition.empty
    assert "run to itself" not in same.labels


def test_only_what_differs_is_a_factor(world):
    one = towns(world)
    for factor in FACTORS:
        assert HybridStudies(one, towns(world, **{factor: "b"})).factors == (factor,)
    # Neither names nor footprints nor how much is printed change a score.
    other = replace(one, study=replace(one.study, top=3), names=replace(one.names, most=1))
    assert HybridStudies(one, other).factors == ()
    # Paths are the same wherever a study lies.
    moved = replace(
        one,
        folder=world.parent,
        sources=tuple(replace(s, path=f"{world.name}/{s.path}") for s in one.sources),
    )
    assert HybridStudies(one, moved).factors == ()


def test_density_of_a_kind_that_one_alone_has_goes_with_the_kind(world):
    one, two = towns(world), towns(world, kinds="b")
    assert HybridStudies(one, replace(two, density=Density(kinds=("patent",)))).factors == (
        "kinds",
    )
    apart = replace(two, density=Density(kinds=("publication",)))
    between = HybridStudies(one, apart)
    assert between.factors == ("formation", "kinds")
    assert between.study(frozenset({"kinds"})).density_kinds == ("patent", "publication")
    # Patents alone, which b does not take to form clusters: no study.
    assert between.study(frozenset({"formation"})) is None
    lost = gclust.compare(one, apart)
    assert (lost.table["missing_in"] == "formation").all()
    assert lost.table[["rank_kinds", "score_formation"]].isna().all(axis=None)
    assert lost.decomposition.empty


def test_clusters_that_a_coalition_does_not_find(world):
    # So many samples are reached with publications only.
    one = replace(towns(world), clusters=Clusters(eps_km=10.0, min_samples=100))
    two = replace(towns(world, kinds="b"), clusters=Clusters(eps_km=10.0, min_samples=450))
    found = gclust.compare(one, two)
    table = found.table.set_index("name_b")
    assert table["missing_in"].to_dict() == {
        "Munich": "",
        "Graz": "formation",
        "Augsburg": "formation",
    }
    assert table["rank_kinds"].notna().to_dict() == {
        "Munich": True, "Graz": False, "Augsburg": False,
    }  # fmt: skip
    check_sums(found.table[found.table["missing_in"] == ""], found.factors)


def test_nothing_in_common(world, tmp_path):
    table = listings()
    away = study_folder(tmp_path / "away", table.assign(lat=-table["lat"]))
    found = gclust.compare(towns(world), away, tmp_path / "out")
    assert found.common == (0.0, 0.0)
    assert found.table["event"].tolist() == ["born"] * 3 + ["gone"] * 3
    # New ids, not those of clusters that are gone.
    assert sorted(found.table["id"]) == list(range(6))
    assert found.table["missing_in"].isna().all()
    assert (found.path / "figures" / "bump.png").is_file()


def one_town(folder: Path, table: pd.DataFrame, extra: str = "") -> Study:
    return gclust.read_study(study_folder(folder, table, extra))


def test_one_cluster_and_a_merger(tmp_path):
    table = listings()
    near = table[table["town"].isin(["Munich", "Augsburg"])]
    apart = one_town(tmp_path / "apart", near)
    joined = replace(apart, clusters=Clusters(eps_km=70.0, min_samples=100))
    found = gclust.compare(apart, joined)
    relations = found.lineage.set_index("name_a")[["event", "continues"]]
    assert relations.loc["Munich"].tolist() == ["merged", True]
    assert relations.loc["Augsburg"].tolist() == ["merged", False]
    assert found.table["name_a"].tolist() == ["Munich", "Augsburg"]
    assert found.table["rank_b"].isna().tolist() == [False, True]
    (into,) = found.table["name_b"].dropna()
    assert f"  merged: Munich (1), Augsburg (2) -> {into} (1)" in summary_lines(found, 80)
    back = gclust.compare(joined, apart)
    assert f"  split: {into} (1) -> Munich (1), Augsburg (2)" in summary_lines(back, 80)
    assert set(back.lineage["event"]) == {"split"}
    assert back.table["id"].tolist() == [0, 1]
    alone = gclust.compare(joined, replace(joined, score=Score(weights={"patent": 2.0})))
    assert alone.factors == ("weights",)
    assert alone.table[["rank_change", "rank_weights"]].to_numpy().tolist() == [[0, 0.0]]


def test_ids_are_carried_on_over_several_comparisons(tmp_path):
    table = listings()
    towns = dict.fromkeys(("Munich", "Augsburg", "Graz"))
    runs = [
        gclust.run(one_town(tmp_path / str(i), table[table["town"].isin(set(towns) - {out})]))
        for i, out in enumerate(("Graz", "Augsburg", "Graz", "Munich"))
    ]
    first = gclust.compare(runs[0], runs[1], tmp_path / "first", decompose=False)
    second = gclust.compare(runs[1], runs[2], tmp_path / "2nd", decompose=False, after=first)
    third = gclust.compare(runs[2], runs[3], after=tmp_path / "2nd")
    of = [each.table.dropna(subset="name_b").set_index("name_b")["id"] for each in
          (first, second, third)]  # fmt: skip
    assert of[0]["Munich"] == of[1]["Munich"]
    assert of[1]["Augsburg"] == of[2]["Augsburg"]
    # Graz and Augsburg come back as others: their ids are not given twice.
    assert first.next_id == 3
    assert of[0]["Graz"] == 2
    assert second.next_id == 4
    assert of[1]["Augsburg"] == 3
    assert third.next_id == 5
    assert of[2]["Graz"] == 4
    assert third.coalitions["id"].unique().tolist() == third.decomposition["id"].tolist() == [3]
    check_sums(third.table.dropna(subset="rank_change"), third.factors)
    # The id of Graz is not given again where nothing but Graz has gone.
    alone = gclust.run(one_town(tmp_path / "alone", table[table["town"].isin(["Munich"])]))
    fewer = gclust.compare(runs[1], alone, decompose=False, after=first)
    assert (fewer.table["event"].tolist(), fewer.next_id) == (["kept", "gone"], 3)
    with pytest.raises(StudyError, match="ends with a run of 2 clusters that is not the first"):
        gclust.compare(runs[0], runs[1], decompose=False, after=replace(first, table=third.table))
    with pytest.raises(StudyError, match="holds no comparison"):
        gclust.compare(runs[0], runs[1], after=tmp_path)


def test_ties_share_a_rank_in_every_coalition(tmp_path):
    rows = []
    for kind, times in (("patent", (6, 6, 3)), ("publication", (3, 6, 6))):
        for (town, (lat, lon)), many in zip(TOWNS.items(), times, strict=True):
            rows += [(kind, f"{kind}{town}{i}", lat, lon, 2016, town) for i in range(many)]
    table = pd.DataFrame(rows, columns=["kind", "record", "lat", "lon", "year", "town"])
    extra = "[clusters]\neps_km = 10\nmin_samples = 2\n"
    both = one_town(tmp_path / "both", table, extra)
    one = one_town(tmp_path / "one", table[table["kind"] == "patent"], extra)
    found = gclust.compare(one, both)
    assert found.factors == ("data", "kinds")  # other files of the same listings
    ranks = found.table.set_index("name_b")[["rank_a", "rank_b", "rank_data", "rank_kinds"]]
    assert ranks.loc["Augsburg"].tolist() == [1, 1, 0, 0]
    assert ranks.loc["Munich"].tolist() == [1, 2, 0, -1]
    assert ranks.loc["Graz"].tolist() == [3, 2, 0, 1]


def test_places_are_compared_as_coarsely_as_either_study_rounds(world):
    one = towns(world)
    coarse = replace(one, density=Density(decimals=2))
    found = gclust.compare(one, coarse)
    assert found.factors == ("formation",)
    assert (found.table["event"] == "kept").all()
    assert found.common[0] > 0.99


def test_listings_that_are_gone_or_have_changed(tmp_path):
    study = study_folder(tmp_path / "towns")
    gclust.run(study, tmp_path / "one")
    wide = study.with_name("wide.toml")
    wide.write_text(study.read_text("utf-8").replace("eps_km = 10", "eps_km = 20"), "utf-8")
    gclust.run(wide, tmp_path / "two")
    kept = (study.parent / "patent.csv").read_text("utf-8")
    (study.parent / "patent.csv").write_text("\n".join(kept.split("\n")[:-50]), "utf-8")
    with pytest.raises(StudyError, match=r"one: its study now gives .*changed since"):
        gclust.compare(tmp_path / "one", tmp_path / "two")
    (study.parent / "patent.csv").unlink()
    with pytest.raises(StudyError, match=r"nothing found .*decompose=False \(--no-decompose\)"):
        gclust.compare(tmp_path / "one", tmp_path / "two")
    alone = gclust.compare(tmp_path / "one", tmp_path / "two", tmp_path / "out", decompose=False)
    assert alone.table["rank_change"].notna().all()
    assert (alone.decomposed, alone.factors) == (False, ())
    assert [each.setting for each in alone.differences] == ["[clusters] eps_km"]
    assert not (alone.path / "decomposition.csv").exists()


def test_what_is_no_run(tmp_path):
    with pytest.raises(StudyError, match="there is no such run"):
        gclust.compare(tmp_path / "none", tmp_path)
    with pytest.raises(StudyError, match="holds no run"):
        gclust.compare(tmp_path, tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_bytes_and_the_command(world, tmp_path, monkeypatch):
    for name, choice in (("one", "a"), ("two", "b")):
        gclust.run(towns(world, **dict.fromkeys(FACTORS, choice)), tmp_path / name)
    out = tmp_path / "one-to-two"
    gclust.compare(tmp_path / "one", tmp_path / "two", out, n_jobs=1)
    before = contents(out)
    assert sorted(before) == [
        "coalitions.csv", "coalitions.parquet", "comparison.csv", "comparison.json",
        "comparison.parquet", "datapackage.json", "decomposition.csv", "decomposition.parquet",
        "figures/bump.pdf", "figures/bump.png", "lineage.csv", "lineage.parquet",
        "study-a.toml", "study-b.toml",
    ]  # fmt: skip
    # The studies that were compared can be run from there.
    again = gclust.read_study(out / "study-b.toml")
    assert HybridStudies(again, gclust.read_run(tmp_path / "two").study).differences == ()
    assert str(tmp_path) not in b"".join(before.values()).decode("latin-1")

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(main, ["compare", "one", "two"])
    assert refused.exit_code == 2
    assert "holds a comparison already" in refused.output
    done = CliRunner().invoke(main, ["compare", "one", "two", "--overwrite", "--threads", "2"])
    assert done.exit_code == 0, done.output
    assert contents(out) == before
    assert max(map(len, done.output.split("Bump chart")[0].splitlines())) <= 80
    for factor in FACTORS:
        assert re.search(rf"^{factor}: ", done.output, re.MULTILINE)
    assert "[clusters] eps_km: 10 -> 12" in " ".join(done.output.split())
    assert "Clusters: 3 kept" in done.output


def test_the_table_at_several_widths(all_differ):
    table = all_differ.table
    for width in (60, 80, 200):
        text = changes_table(table, FACTORS, width=width)
        assert max(map(len, text.splitlines())) <= width
        for word in ("Was", "Change", "Cluster", *FACTORS):
            assert word in text
        assert ("score by" in text) == (width == 200)
    text = changes_table(table.assign(event="born", rank_a=pd.NA), (), width=80, ascii=True)
    assert text.isascii()
    assert "born" in text
    assert "rank by" not in text
    assert changes_table(table.head(0), FACTORS, width=80).splitlines()[1].split()[0] == "Rank"
