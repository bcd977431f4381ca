"""The published figures, and what the simulation makes of those that were not."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from gclust.datasets.figures import EDITIONS, gii_world
from gclust.datasets.gii import gii
from gclust.datasets.inhabitants import populations
from gclust.datasets.modelled import log_linear, targets

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


@pytest.mark.parametrize("edition", [2025, 2023])
def test_modelled_figures_fill_what_was_not_published(edition, world_2025):
    published, rows = gii(edition), gii(edition, modelled=True)
    pd.testing.assert_frame_equal(rows[: len(published)], published)
    rest = rows[len(published) :]
    assert set(rest["mark"]) == {"modelled"}
    assert rest["source"].str.startswith("gclust: simulated").all()
    assert not rows.duplicated(["cluster", "economy", "figure"]).any()
    # Every cluster has each figure once.
    of_one = rows[rows["figure"] == "rank"]
    assert sorted(of_one["value"]) == list(range(1, 238))
    if edition == 2025:
        share = rest[rest["figure"] == "deal_share"].set_index("cluster")["value"]
        assert share.to_dict() == world_2025.loc[share.index, "deal_share"].to_dict()
    with pytest.raises(ValueError, match="2025 or 2023, not 2024"):
        gii(2024, modelled=True)


def test_what_is_remembered_or_uncertain_is_left_out():
    assert set(gii(2017)["figure"]) == {"rank"}
    assert not figure(2025, "rank").isin([18, 58, 84]).any()


def test_an_unknown_edition_is_refused():
    with pytest.raises(ValueError, match=r"2019.*2017, 2018, 2020, 2023, 2024, 2025"):
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
    assert len(rank) == 35


def test_2025_holds_every_published_share_and_rank(world_2025):
    for kind in KINDS:
        published = figure(2025, kind)
        np.testing.assert_allclose(world_2025[kind][published.index], published, atol=1e-9)
        rank = figure(2025, kind.replace("share", "rank"))
        order = world_2025[kind].rank(ascending=False)
        assert order[rank.index].tolist() == rank.tolist()
    rank = figure(2025, "rank")
    assert world_2025["rank"][rank.index].tolist() == rank.tolist()
    assert set(range(1, 16)) | {19, 21, 26, 27, 30} <= set(rank)
    inside = figure(2025, "in_first_100").index
    assert (world_2025["rank"][inside] <= 100).all()
    assert world_2025.loc["Hamburg", "rank"] > 87


def test_2025_of_two_kinds_has_the_ranks_of_2024(world_2025):
    rank = figure(2024, "rank")
    assert world_2025["two_kind_rank"][rank.index].tolist() == rank.tolist()
    assert len(rank) == 20


def test_2025_sums_of_the_first_ten_and_hundred(world_2025):
    ten, hundred = world_2025[:10][KINDS].sum(), world_2025[:100][KINDS].sum()
    assert ten.round().tolist() == [40, 16, 35]
    np.testing.assert_allclose(hundred, [70, 50, 70], atol=1e-6)
    assert 1.1 < world_2025.loc["Tokyo–Yokohama", "publication_share"] < 1.8
    assert len(world_2025) == 237


def test_tehran_has_its_published_rates(world_2025):
    row = world_2025.loc["Tehran"]
    rate = {"patent": 49 / 12_600, "publication": 8269 / 75_000, "deal": 12 / 2_400}
    millions = [row[f"{kind}_share"] / per_million for kind, per_million in rate.items()]
    np.testing.assert_allclose(millions, millions[0], rtol=1e-9)


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
