"""The arithmetic of GII 2023: from its counts come all 102 printed figures and the order."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

import gclust
from gclust.indicators.counts import shares
from gclust.ranking.rank import rank
from gclust.ranking.score import score

# Implied by the table itself: the only world totals for which nothing mismatches lie
# between 1,255,350 and 1,255,775 applications, 7,453,000 and 7,465,500 articles.
WORLD = {"patent": 1_255_500, "publication": 7_457_500}


@pytest.fixture(scope="module")
def printed():
    figures = gclust.datasets.gii(2023)
    table = figures.pivot(index="cluster", columns="figure", values="value")
    table = table[table["rank"].notna()].sort_values("rank")
    return table[table["total"].notna()]


@pytest.fixture(scope="module")
def computed(printed):
    count = pd.DataFrame(
        {kind: printed[f"{kind}_count"].astype(float) for kind in ("patent", "publication")}
    )
    return shares(count, WORLD)


def mismatches(computed, printed):
    total = score(computed, weights={})
    return sum(
        int((values.round(1) - printed[figure]).abs().gt(1e-9).sum())
        for figure, values in (
            ("patent_share", computed["patent"]),
            ("publication_share", computed["publication"]),
            ("total", total),
        )
    )


def test_all_102_printed_figures(computed, printed):
    assert len(printed) == 34
    assert mismatches(computed, printed) == 0


def test_the_order_of_34_rows(computed, printed):
    order = rank(score(computed, weights={}))
    assert order.tolist() == list(range(1, 35))
    assert order.tolist() == printed["rank"].astype(int).tolist()


def test_other_worlds_do_not_fit(printed):
    count = pd.DataFrame(
        {kind: printed[f"{kind}_count"].astype(float) for kind in ("patent", "publication")}
    )
    for wrong in ({"patent": 1_250_000}, {"publication": 7_300_000}):
        assert mismatches(shares(count, {**WORLD, **wrong}), printed) > 0


def test_one_application_is_worth_about_six_articles():
    assert WORLD["publication"] / WORLD["patent"] == pytest.approx(5.94, abs=0.005)


def test_the_order_of_kinds_breaks_no_tie():
    rows = pd.DataFrame(list(itertools.permutations([10 / 3, 100 / 7, 700 / 127])))
    assert len(set(score(rows, weights={}))) == 1
    assert rank(score(rows, weights={})).tolist() == [1] * 6


def test_scores_by_hand():
    table = pd.DataFrame({"a": [4.0, 1.0, 0.0], "b": [1.0, 4.0, 9.0]})
    assert score(table, weights={}).tolist() == [5.0, 5.0, 9.0]
    assert score(table, weights={"b": 2.0}).tolist() == [6.0, 9.0, 18.0]
    assert score(table, combine="mean", weights={"b": 3.0}).tolist() == [1.75, 3.25, 6.75]
    assert score(table, combine="geometric", weights={}).tolist() == pytest.approx([2.0, 2.0, 0.0])
    assert score(table, combine="geometric", weights={"a": 0.0}).tolist() == pytest.approx(
        [1.0, 4.0, 9.0]
    )
    assert rank(pd.Series([5.0, 5.0, 9.0, float("nan")])).tolist() == [2, 2, 1, pd.NA]
