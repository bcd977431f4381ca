"""The published figures, and the invented ones of the simulation that agree with them."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from gclust.datasets.figures import EDITIONS, gii_world
from gclust.datasets.gii import gii
from gclust.datasets.inhabitants import populations
from gclust.datasets.marks import compare_with_published, published_marks
from gclust.datasets.modelled import WORLD_TOTALS, log_linear, targets

LEADERS = {
    "patent": ["Ningde", "San Jose–San Francisco, CA", "Eindhoven"],
    "publication": ["Cambridge", "Oxford", "Ann Arbor, MI"],
    "deal": ["San Jose–San Francisco, CA", "Cambridge", "Austin, TX"],
}
"""The first three of each kind per head, as the press reported them."""
KINDS = ["patent_share", "publication_share", "deal_share"]


@pytest.fixture(scope="module")
def world_2025():
    return targets(2025).set_index("cluster")


def figure(edition, name):
    rows = gii(edition)
    rows = rows[rows["figure"] == name]
    return rows.set_index("cluster")["value"]


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_figure_has_a_source_and_a_mark(edition):
    rows = gii(edition)
    assert len(rows) > 0
    assert rows["source"].str.match(r"(WIPO|press): \S").all()
    assert set(rows["mark"]) == {"published"}
    assert set(rows["by"]) <= {"printed", "reported"}
    assert (rows["by"] == "printed").equals(rows["source"].str.startswith("WIPO"))
    assert not rows.duplicated(["cluster", "economy", "figure"]).any()
    assert not rows["source"].str.contains("memory|translation|uncertain").any()
    assert (rows["unit"] > 0).all()
    # No value has a digit below its unit.
    steps = rows["value"] / rows["unit"]
    assert np.abs(steps - steps.round()).max() < 1e-6


@pytest.mark.parametrize("edition", [2025, 2023])
def test_invented_figures_fill_what_was_not_published(edition, world_2025):
    published, rows = gii(edition), gii(edition, invented=True)
    pd.testing.assert_frame_equal(rows[: len(published)], published)
    rest = rows[len(published) :]
    assert set(rest["mark"]) == {"invented"}
    assert rest["source"].str.startswith("gclust: simulated").all()
    assert not rows.duplicated(["cluster", "economy", "figure"]).any()
    # Every cluster has each figure once.
    of_one = rows[rows["figure"] == "rank"]
    assert sorted(of_one["value"]) == list(range(1, 238))
    if edition == 2025:
        share = rest[rest["figure"] == "deal_share"].set_index("cluster")["value"]
        assert share.to_dict() == world_2025.loc[share.index, "deal_share"].to_dict()
    with pytest.raises(ValueError, match="2025 or 2023, not 2024"):
        gii(2024, invented=True)


def test_what_is_remembered_or_uncertain_is_left_out():
    # Counts of 2017 but for two that a Spanish office printed; ranks of 2025 from a translation.
    assert sorted(figure(2017, "patent_count").index) == ["Barcelona", "Madrid"]
    assert not figure(2025, "rank").isin([18, 19, 58, 63, 83, 84]).any()
    assert "Tehran" not in set(gii(2025)["cluster"])


def test_an_unknown_edition_is_refused():
    with pytest.raises(ValueError, match=r"2019.*2017, 2018, 2020, 2022, 2023, 2024, 2025"):
        gii(2019)
    with pytest.raises(ValueError, match="2025 or 2023, not 2024"):
        targets(2024)


def test_the_table_of_2023_is_the_official_one(shared_data):
    with (shared_data / "gii" / "gii_2023_top35.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {
        "rank": "rank",
        "patent_count": "pct_applications",
        "publication_count": "scientific_publications",
        "patent_share": "share_pct_filings_pct",
        "publication_share": "share_publications_pct",
        "total": "total_pct",
        "previous_rank": "previous_rank_recalculated",
    }
    for name, column in columns.items():
        expected = {row["cluster"]: float(row[column]) for row in rows if row[column]}
        assert {c: v for c, v in figure(2023, name).items() if c in expected} == expected


def test_2023_holds_the_printed_counts():
    table = targets(2023).set_index("cluster")
    for kind, world in (("patent", 1_255_500), ("publication", 7_457_500)):
        count = figure(2023, f"{kind}_count")
        shares = table[f"{kind}_share"][count.index]
        np.testing.assert_allclose(shares * world / 100, count, rtol=1e-12)
    rank = figure(2023, "rank")
    assert table["rank"][rank.index].tolist() == rank.tolist()
    assert len(rank) == 40


def test_2025_holds_every_published_share_and_rank(world_2025):
    for kind in KINDS:
        published = figure(2025, kind)
        assert np.abs(world_2025[kind][published.index] - published).max() <= 0.05
        count = figure(2025, kind.replace("share", "count"))
        total = WORLD_TOTALS[2025][kind.removesuffix("_share")]
        np.testing.assert_allclose(world_2025[kind][count.index] * total / 100, count, rtol=1e-12)
        rank = figure(2025, kind.replace("share", "rank"))
        order = world_2025[kind].rank(ascending=False)
        assert order[rank.index].tolist() == rank.tolist()
    rank = figure(2025, "rank")
    assert world_2025["rank"][rank.index].tolist() == rank.tolist()
    assert set(range(1, 16)) | {21, 22, 26, 27, 28, 30} <= set(rank)
    inside = figure(2025, "in_first_100").index
    assert (world_2025["rank"][inside] <= 100).all()
    clusters = ["Amsterdam–Rotterdam", "Delhi", "Nagoya", "Taipei–Hsinchu", "Barcelona", "Madrid",
                "São Paulo", "Mexico City", "Hamburg"]  # fmt: skip
    assert world_2025["rank"][clusters].tolist() == [22, 26, 28, 41, 45, 48, 49, 79, 91]
    assert world_2025.loc["Seoul", "deal_share"] == pytest.approx(3.1, abs=0.05)


def test_2025_of_two_kinds_has_the_ranks_of_2024(world_2025):
    rank = figure(2024, "rank")
    assert world_2025["two_kind_rank"][rank.index].tolist() == rank.tolist()
    assert len(rank) == 26


def test_2025_sums_of_the_first_ten_and_hundred(world_2025):
    ten, hundred = world_2025[:10][KINDS].sum(), world_2025[:100][KINDS].sum()
    assert ten.round().tolist() == [40, 16, 35]
    np.testing.assert_allclose(hundred, [70, 50, 70], atol=1e-6)
    assert 1.1 < world_2025.loc["Tokyo–Yokohama", "publication_share"] < 1.8
    assert len(world_2025) == 237


@pytest.mark.parametrize("cluster", ["Barcelona", "Madrid", "Mexico City"])
def test_published_rates_give_one_number_of_inhabitants(world_2025, cluster):
    rates = {kind: figure(2025, f"{kind}_per_million")[cluster] for kind in WORLD_TOTALS[2025]}
    millions = [
        world_2025.loc[cluster, f"{kind}_share"] * WORLD_TOTALS[2025][kind] / 100 / rate
        for kind, rate in rates.items()
    ]
    np.testing.assert_allclose(millions, millions[0], rtol=1e-9)


def test_the_totals_of_2025_follow_from_counts_and_shares():
    """Each total lies within the bounds of every cluster with a count and a share of a kind."""
    figures = gii(2025).pivot(index="cluster", columns="figure", values="value")
    bounds = {}
    for kind, total in WORLD_TOTALS[2025].items():
        both = figures[[f"{kind}_count", f"{kind}_share"]].dropna()
        count, share = both.to_numpy().T
        low, high = (100 * count / (share + 0.05)).max(), (100 * count / (share - 0.05)).min()
        assert low < total < high
        bounds[kind] = len(both), round(low), round(high)
    assert bounds == {
        "patent": (2, 1_305_594, 1_313_318),
        "publication": (1, 7_903_469, 8_239_787),
        "deal": (3, 234_475, 237_898),
    }


def test_the_leaders_per_head_of_2025_are_the_printed_ones():
    table = targets(2025)
    people = populations(table, np.full(len(table), 1e6), 2025)
    for kind, expected in LEADERS.items():
        rate = pd.Series((table[f"{kind}_share"] / people).to_numpy(), table["cluster"])[:100]
        assert rate.nlargest(3).index.tolist() == expected


def ranking_2025():
    """The printed ranking, as far as it is printed, and its counts in a world of scale 1."""
    rows = gii(2025)
    table = rows.pivot(index="cluster", columns="figure", values="value").reset_index()
    table = table.drop(columns=["in_first_100", "rank_2024"])
    table = table.drop(columns=[name for name in table if name.endswith("per_million_rank")])
    table["population"] = 5e6
    table["rank"] = table["rank"].fillna(100)
    return table.assign(name=table["cluster"].str.replace(", [A-Z]{2}$", "", regex=True))


def test_figures_agree_to_half_a_unit_of_their_last_digit():
    table = ranking_2025()
    compared = compare_with_published(table, 2025)
    printed = ~compared["figure"].isin(["in_first_100", "rank"])
    per_head = compared["figure"].str.endswith("per_million_rank")
    assert compared["agrees"][printed & ~per_head].all()
    for figure, off, within in (
        ("patent_share", 0.049, True), ("patent_share", 0.051, False),
        ("patent_count", 0.49, True), ("patent_count", 0.51, False),
        ("publication_per_million", 0.49, True), ("publication_per_million", 0.51, False),
        ("intensity_rank", 0.01, False),
    ):  # fmt: skip
        moved = compare_with_published(table.assign(**{figure: table[figure] + off}), 2025)
        rows = moved[(moved["figure"] == figure) & (moved["cluster"] != "Ningde")]
        assert len(rows) > 2
        assert (rows["agrees"] == within).all(), figure
    # One figure is printed in thousands.
    moved = compare_with_published(table.assign(patent_per_million=13_499.0), 2025)
    assert moved[moved["figure"] == "patent_per_million"].set_index("cluster")["agrees"]["Ningde"]


def test_counts_of_a_small_world_agree_to_half_a_record():
    table = ranking_2025()
    sized = [name for name in table if name.endswith(("_count", "_per_million"))]
    for off, within in ((0.49, True), (0.51, False)):
        small = table.assign(**{name: table[name] * 0.05 for name in sized})
        small["deal_count"] += off
        small["deal_per_million"] += off / 5
        compared = compare_with_published(small, 2025, scale=0.05)
        rows = compared[compared["figure"].isin(["deal_count", "deal_per_million"])]
        assert len(rows) == 7
        assert (rows["agrees"] == within).all()
    # A count of a small world is not the printed figure, and gets no mark.
    marks = published_marks(
        table.assign(**{name: table[name] * 0.05 for name in sized}), 2025, scale=0.05
    )
    assert not marks[sized].any(axis=None)
    assert published_marks(table, 2025)[sized].any().all()
    assert marks["patent_share"].sum() == 4


def test_totals_fall_and_shares_are_positive():
    for edition in (2023, 2025):
        table = targets(edition)
        assert (np.diff(table["total"]) < 0).all()
        assert (table.filter(like="_share") > 0).all(axis=None)
        assert table["cluster"].is_unique


def test_a_curve_goes_through_its_anchors():
    np.testing.assert_allclose(log_linear({1: 8.0, 3: 2.0}, np.array([1, 2, 3])), [8.0, 4.0, 2.0])


@pytest.mark.parametrize("edition", [2025, 2023])
def test_intensity_has_its_published_ranks(edition):
    table = targets(edition)
    people = populations(table, np.full(len(table), 1e6), edition)
    order = pd.Series(table["total"] / people, index=table.index)[:100].rank(ascending=False)
    order.index = table["cluster"][:100]
    rank = figure(edition, "intensity_rank")
    assert order[rank.index].tolist() == rank.tolist()


def test_the_number_of_clusters_is_published():
    facts = gii_world(2025).set_index("figure")["value"]
    assert facts["clusters"] == len(targets(2025))
