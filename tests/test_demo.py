"""Both demos end to end, against the published figures.

The default scale runs always; the real size where `full_size` tests are asked
for (``pytest -m full_size``).
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.datasets.gii import gii
from gclust.datasets.marks import compare_with_published, place
from gclust.datasets.world import DEFAULT_SCALE
from gclust.results.summary import summary_lines

KINDS = ("patent", "publication", "deal")
FIRM = """
[[indicators]]
name = "top_organisation"
kind = "patent"
[[indicators]]
name = "top_organisation_share"
kind = "patent"
[[indicators]]
name = "rank_without_top"
kind = "patent"
"""


@pytest.fixture(scope="module")
def run_2025(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo-2025")
    study = gclust.datasets.simulate(folder, edition=2025).study
    study.write_text(study.read_text(encoding="utf-8") + FIRM, encoding="utf-8")
    return gclust.run(study)


@pytest.fixture(scope="module")
def run_2023(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo-2023")
    gclust.datasets.simulate(folder, edition=2023)
    return gclust.run(folder / "study.toml")


@pytest.fixture(scope="module")
def two_kinds(run_2025, tmp_path_factory):
    """The world of 2025 without its deals."""
    study = run_2025.study.folder / "two-kinds.toml"
    text = (run_2025.study.folder / "study.toml").read_text(encoding="utf-8")
    text = re.sub(r'\[\[sources\]\]\nkind = "deal"\n(.+\n)+', "", text)
    study.write_text(text.replace(', "deal"', ""), encoding="utf-8")
    return gclust.run(study)


def by_name(run):
    return run.ranking.set_index("name")


def check_figures(run, edition, scale, *, but=()):
    """Every published figure comes out at its printed precision, but for some by name."""
    compared = compare_with_published(run.ranking, edition, scale=scale)
    missed = compared[~compared["agrees"]]
    assert {f"{row.figure} of {row.cluster}" for row in missed.itertuples()} == set(but)
    shares = compared[compared["figure"].str.endswith(("_share", "total"))]
    assert (shares["tolerance"] == 0.05).all()
    return compared


def check_2023(run, least_gap):
    figures = gii(2023)
    table = figures.pivot(index="cluster", columns="figure", values="value")
    table = table[table["rank"].notna()].sort_values("rank")
    table.index = [place(name) for name in table.index]
    assert len(table) == 40
    table = table[table["rank"] <= 35]
    found = by_name(run)
    assert [name for name in table.index if name not in found.index] == []
    printed = table[table["total"].notna()]
    for kind in ("patent", "publication"):
        shares = found.loc[printed.index, f"{kind}_share"]
        assert (shares - printed[f"{kind}_share"]).abs().max() <= 0.05 + 1e-9
    # What the printed counts make of the implied world totals decides the order.
    total = (
        100 * table["patent_count"].astype(float) / 1_255_500
        + 100 * table["publication_count"].astype(float) / 7_457_500
    )
    scores = found.loc[table.index, "score"]
    for first in range(35):
        for second in range(first + 1, 35):
            if total.iloc[first] - total.iloc[second] > least_gap:
                assert scores.iloc[first] > scores.iloc[second], (
                    f"{table.index[first]} does not lead {table.index[second]}"
                )
    # No invented cluster pushes in between.
    worst = scores.min() if least_gap == 0 else scores.nsmallest(2).iloc[-1]
    assert (run.ranking["score"] > worst).sum() <= 34


def check_2025(run, scale):
    compared = check_figures(run, 2025, scale)
    assert len(compared) == 107
    assert compared["figure"].str.endswith("_share").sum() == 11
    assert compared["figure"].str.endswith("_count").sum() == 11
    assert compared["figure"].str.endswith("_per_million").sum() == 10
    found = by_name(run)
    first = found.loc["Shenzhen–Hong Kong–Guangzhou"]
    assert first["rank"] == 1
    assert [int(first[f"{kind}_rank"]) for kind in KINDS] == [2, 3, 6]
    assert 1.1 < found.loc["Tokyo–Yokohama", "publication_share"] < 1.8
    in_hundred = gii(2025).query("figure == 'in_first_100'")["cluster"].map(place)
    assert (found.loc[in_hundred, "rank"] <= 100).all()
    ten, hundred = run.ranking[run.ranking["rank"] <= 10], run.ranking[run.ranking["rank"] <= 100]
    assert ten["patent_share"].sum() == pytest.approx(40, abs=0.5)
    assert ten["deal_share"].sum() == pytest.approx(35, abs=0.5)
    assert ten["publication_share"].sum() > 15
    assert hundred["patent_share"].sum() == pytest.approx(70, abs=0.5)
    assert hundred["deal_share"].sum() == pytest.approx(70, abs=0.5)
    assert hundred["publication_share"].sum() == pytest.approx(50, abs=0.5)
    intense = run.ranking.sort_values("intensity_rank")["name"].head(5).tolist()
    assert intense == [
        "San Jose–San Francisco", "Cambridge", "Boston–Cambridge", "Ningde", "Oxford",
    ]  # fmt: skip
    assert first["intensity_rank"] == 45
    assert first["population"] == run.ranking["population"].max()
    assert run.info["clusters"] == 237
    assert 0 < len(run.merges) == run.info["clusters_before_merging"] - 237


def test_2023_at_the_default_scale(run_2023):
    check_2023(run_2023, least_gap=0.02)
    # Their printed counts differ by less than a record at this scale.
    check_figures(run_2023, 2023, DEFAULT_SCALE, but=("rank of Wuhan", "rank of Hangzhou"))


def test_2025_at_the_default_scale(run_2025):
    check_2025(run_2025, DEFAULT_SCALE)


def test_the_leaders_per_head_are_those_of_2025(run_2025):
    leaders = gclust.leaders(run_2025, first=3)
    assert leaders.groupby("kind", sort=False)["name"].agg(list).to_dict() == {
        "patent": ["Ningde", "San Jose–San Francisco", "Eindhoven"],
        "publication": ["Cambridge", "Oxford", "Ann Arbor"],
        "deal": ["San Jose–San Francisco", "Cambridge", "Austin"],
    }


def test_ningde_leads_by_one_company(run_2025):
    ningde = by_name(run_2025).loc["Ningde"]
    firm = {name: ningde[name] for name in run_2025.ranking if "top" in name}
    assert firm["patent_top_organisation"] == "CATL"
    assert 90 < firm["patent_top_organisation_share"] < 99
    # Without the company it is none of the first hundred, and no leader per head.
    assert ningde["rank"] == 99
    assert firm["patent_rank_without_top"] > 110
    without = ningde["patent_per_million"] * (1 - firm["patent_top_organisation_share"] / 100)
    first = run_2025.ranking["rank"] <= 100
    assert (run_2025.ranking.loc[first, "patent_per_million"] > without).sum() > 10


def test_the_demo_says_what_went_in(run_2025, tmp_path, monkeypatch):
    monkeypatch.setattr("gclust.demo.simulate", lambda *words, **options: None)
    monkeypatch.setattr("gclust.demo._run", lambda *words: run_2025)
    done = CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    first = done.output.splitlines()[0]
    assert "went in" in first
    assert "checks the arithmetic of the whole way, and validates nothing" in first
    assert "\nThe GII 2025 covers 237 clusters.\n" in done.output
    assert "Published figures: 107 of 107 that went in come out" in done.output
    published = pd.read_csv(tmp_path / "demo" / "published.csv")
    assert len(published) == 107
    # No other run has to do with the GII's number.
    lines = summary_lines(run_2025, width=100, top=5)
    assert "237 clusters (after 5 merges)" in lines
    assert "GII" not in "\n".join(lines)
    assert "calibration_clusters" not in run_2025.info


def test_the_border_has_some_of_each_cluster(run_2025):
    locations = run_2025.locations
    inside = locations[locations["cluster_id"] >= 0]
    border = inside["density"].where(~inside["core"].astype(bool), 0.0)
    assert 0.02 < border.sum() / inside["density"].sum() < 0.06
    by_cluster = border.groupby(inside["cluster_id"]).sum()
    by_cluster /= inside.groupby("cluster_id")["density"].sum()
    assert 0.05 < by_cluster.mean() < 0.12


def check_two_kinds(run):
    found = by_name(run)["rank"]
    assert run.ranking["name"].head(6).tolist() == [
        "Tokyo–Yokohama", "Shenzhen–Hong Kong–Guangzhou", "Beijing", "Seoul",
        "Shanghai–Suzhou", "San Jose–San Francisco",
    ]  # fmt: skip
    assert found["London"] == 21
    assert found["Bengaluru"] == 56


def test_two_kinds_give_the_ranks_of_2024(two_kinds, run_2025):
    check_two_kinds(two_kinds)
    three = by_name(run_2025)["rank"]
    moved = {
        name: (int(by_name(two_kinds)["rank"][name]), int(three[name]))
        for name in (
            "Shenzhen–Hong Kong–Guangzhou", "San Jose–San Francisco", "London", "Bengaluru",
        )
    }  # fmt: skip
    assert list(moved.values()) == [(2, 1), (6, 3), (21, 8), (56, 21)]


def check_parts(found):
    """Contributions add up to the last bit, for every cluster found in all coalitions."""
    for row in found.table.to_dict("records"):
        for what in ("rank", "score"):
            parts = [row[f"{what}_{factor}"] for factor in found.factors]
            assert row["missing_in"] == ""
            assert sum(parts) == row[f"{what}_change"]


def test_the_kinds_alone_explain_what_deals_changed(two_kinds, run_2025):
    found = gclust.compare(two_kinds, run_2025)
    assert found.factors == ("kinds",)
    assert set(found.table["event"]) == {"kept"}
    assert len(found.table) == 237
    check_parts(found)
    rows = found.table.set_index("name_b").loc[
        ["Shenzhen–Hong Kong–Guangzhou", "San Jose–San Francisco", "London", "Bengaluru"]
    ]
    columns = ["rank_a", "rank_b", "rank_kinds"]
    assert rows[columns].to_numpy().tolist() == [[2, 1, 1], [6, 3, 3], [21, 8, 13], [56, 21, 35]]
    # Nothing but the deals came in: each score rose by what the cluster has of them.
    deals = by_name(run_2025)["deal_share"].loc[found.table["name_b"]]
    assert np.abs(found.table["score_kinds"].to_numpy() - deals.to_numpy()).max() < 1e-9


def test_from_2023_to_2025_both_data_and_kinds_move(run_2023, run_2025):
    found = gclust.compare(run_2023, run_2025)
    assert found.factors == ("data", "kinds")
    # Other draws of listings, many of them at other addresses.
    assert 0.1 < found.common[0] < 0.4
    assert set(found.table["event"]) == {"kept"}
    assert (found.table["name_a"] == found.table["name_b"]).all()
    check_parts(found)
    rows = found.table.set_index("name_b")
    assert rows.loc["London", ["rank_a", "rank_b"]].tolist() == [20, 8]
    # The deals alone carried London up; without them it would have lost ground.
    assert rows.loc["London", "rank_kinds"] > 12 > 0 > rows.loc["London", "rank_data"]
    beijing = rows.loc["Beijing"]
    assert beijing["rank_change"] == 0 < beijing["rank_data"] == -beijing["rank_kinds"]
    assert (found.table["rank_data"] != 0).sum() > 50


def test_the_pipeline_is_not_told_the_clusters(run_2025):
    folder = run_2025.study.folder
    columns = set()
    for path in (folder / "listings").rglob("*.parquet"):
        columns |= set(pd.read_parquet(path).columns)
    assert columns <= {
        "record", "kind", "lat", "lon", "year", "organisation", "field", "country", "precision",
    }  # fmt: skip
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "narrow.toml").write_text(text.replace("eps_km = 15.0", "eps_km = 2.0"), "utf-8")
    narrow = gclust.run(folder / "narrow.toml")
    compared = compare_with_published(narrow.ranking, 2025, scale=DEFAULT_SCALE)
    assert compared["agrees"].mean() < 0.5
    assert narrow.info["clusters"] != 237
    first = narrow.ranking.set_index("name")["total"].get("Shenzhen–Hong Kong–Guangzhou", 0.0)
    assert first < 14.3 - 0.3


def test_merged_clusters_say_why(run_2025):
    merges = run_2025.merges
    assert (merges["gap_km"] <= 5).all()
    assert (merges["ties"] > merges["runner_up_a_ties"]).all()
    assert (merges["ties"] > merges["runner_up_b_ties"]).all()
    assert "Washington" in set(merges["name_a"]) | set(merges["name_b"])


@pytest.mark.full_size
@pytest.mark.parametrize("edition", [2023, 2025])
def test_the_real_size(tmp_path, edition):
    world = gclust.datasets.simulate(tmp_path, edition=edition, scale=1.0)
    assert 35e6 < sum(world.listings.values()) < 40e6
    assert world.most_locations <= 60e6
    run = gclust.run(world.study)
    if edition == 2023:
        check_2023(run, least_gap=0)
        check_figures(run, 2023, 1.0)
    else:
        check_2025(run, 1.0)


def test_default_scale_is_what_the_demo_says():
    assert 0 < DEFAULT_SCALE < 1
    with pytest.raises(ValueError, match="scale must be"):
        gclust.datasets.simulate("nowhere", scale=0.0)


def test_the_us_demo(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("GCLUST_MIRROR", str(shared_data / "us_innovation"))
    prepared = gclust.datasets.prepare_us(tmp_path / "data", cache=tmp_path / "cache")
    run = gclust.run(prepared.study, tmp_path / "run")
    names = run.ranking["name"].tolist()
    assert names[0] == "San Jose–San Francisco"
    first_eight = " ".join(names[:8])
    for city in ("New York", "Boston", "Los Angeles", "Seattle", "San Diego"):
        assert city in first_eight
    assert 30 <= len(names) <= 40
    assert run.ranking["population"].notna().all()
    for kind in ("patent", "research", "deal"):
        assert kind in prepared.describe()
