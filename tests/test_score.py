"""Scores: hand-computed values, what must not change them, and their parts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gclust
from gclust.errors import StudyError
from gclust.ranking.aggregation import borda_points, copeland
from gclust.ranking.columns import ScoreOptions, column_weights
from gclust.ranking.contributions import contributions
from gclust.ranking.score import COMBINE, score
from gclust.ranking.table import contribution_table, ranking
from gclust.study.sections import Score
from tests.worlds import study_folder

SHARES = pd.DataFrame({"a": [4.0, 1.0, 1.0], "b": [2.0, 6.0, 4.0]}, index=["X", "Y", "Z"])


def values(seed: int, n: int = 12, columns: str = "abc") -> pd.DataFrame:
    """Values with many ties."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.integers(1, 6, (n, len(columns))) / 4, columns=list(columns))


# -- golden: by hand -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combine", "weights", "expected"),
    [
        ("sum", {"b": 0.5}, [5, 4, 3]),
        ("mean", {"a": 3.0}, [3.5, 2.25, 1.75]),
        ("geometric", {"a": 3.0}, [128**0.25, 6**0.25, 4**0.25]),
        # Mean 2 and squares 4 + 1 + 1 over 3 clusters: s = sqrt 2; b: mean 4, s = sqrt(8/3).
        ("zscore", {}, [
            (math.sqrt(2) - math.sqrt(1.5)) / 2,
            (-math.sqrt(0.5) + math.sqrt(1.5)) / 2,
            -math.sqrt(0.5) / 2,
        ]),
        ("borda", {"a": 2.0}, [2 * 2 + 0, 2 * 0.5 + 2, 2 * 0.5 + 1]),
        # X and Y win one column each; Y and Z are even in a, and Y is above in b.
        ("copeland", {}, [0.5 + 0.5, 0.5 + 1, 0.5 + 0]),
        ("copeland", {"a": 2.0}, [2, 1, 0]),
    ],
)  # fmt: skip
def test_scores_by_hand(combine, weights, expected):
    assert score(SHARES, combine=combine, weights=weights).tolist() == pytest.approx(expected)


def test_copeland_against_a_twin_and_weights_that_are_even():
    table = values(3).to_numpy()
    expected = []
    for one in table.tolist():
        points = -0.5  # what it gets against itself
        for other in table.tolist():
            # In tenths, of which 1 and 2 are as many as 3.
            margin = sum(
                t * ((x > y) - (x < y)) for t, x, y in zip([1, 2, 3], one, other, strict=True)
            )
            points += 0.5 + 0.5 * ((margin > 0) - (margin < 0))
        expected.append(points)
    assert copeland(table, np.array([0.1, 0.2, 0.3])).tolist() == expected
    assert len(set(expected)) > 3


def test_a_constant_column_contributes_nothing_to_z_scores():
    table = SHARES.assign(c=0.1)
    z = score(table, combine="zscore", weights={"c": 0.0})
    assert (3 * score(table, combine="zscore")).tolist() == pytest.approx((2 * z).tolist())
    assert contributions(table, combine="zscore")["c_part"].tolist() == [0, 0, 0]
    assert score(SHARES[:1], combine="zscore").tolist() == [0.0]
    # 0.1 + 0.2 is 0.3 but for rounding, which is no difference between clusters.
    rounded = SHARES.assign(c=[0.1 + 0.2, *[0.3] * (len(SHARES) - 1)])
    assert (3 * score(rounded, combine="zscore")).tolist() == pytest.approx((2 * z).tolist())
    tiny = SHARES.assign(c=1.0 + 1e-9 * np.arange(len(SHARES)))
    assert (score(tiny, combine="zscore") - 2 / 3 * z).abs().max() > 0.1


# -- what must not matter ------------------------------------------------------------------


@pytest.mark.parametrize("combine", COMBINE)
def test_order_of_rows_and_columns_changes_no_bit(combine):
    table = values(1)
    weights = {"a": 0.3, "b": 1.7}
    expected = score(table, combine=combine, weights=weights)
    mixed = table.sample(frac=1, random_state=2)[["c", "a", "b"]]
    pd.testing.assert_series_equal(
        score(mixed, combine=combine, weights=weights).sort_index(), expected, check_exact=True
    )


def order(scores: pd.Series) -> list[int]:
    # Products of the same numbers differ by the rounding of their logarithms.
    return scores.round(9).rank(method="min").astype(int).tolist()


@pytest.mark.parametrize("combine", ["geometric", "zscore", "borda", "copeland"])
def test_units_of_a_column_do_not_change_the_order(combine):
    table = values(4)
    other = table.assign(a=1024 * table["a"])
    assert order(score(other, combine=combine)) == order(score(table, combine=combine))
    assert order(score(other, combine="sum")) != order(score(table, combine="sum"))


@pytest.mark.parametrize("combine", COMBINE)
def test_more_is_never_worse(combine):
    table = values(5)
    before = score(table, combine=combine)
    for cluster in table.index:
        for column in table:
            more = table.copy()
            more.loc[cluster, column] += 0.5
            after = score(more, combine=combine)
            assert after[cluster] >= before[cluster] - 1e-12


def test_a_third_cluster_turns_bordas_order_of_two_but_no_sum():
    two = pd.DataFrame({"a": [3.0, 2.0], "b": [3.0, 2.0], "c": [1.0, 4.0]}, index=["X", "Y"])
    # It is between the two where Y leads, and last where X does.
    third = pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [3.0, 2.0]}, index=["P", "Q"])
    four = pd.concat([two, third])
    for combine, turned in (("sum", False), ("mean", False), ("geometric", False), ("borda", True)):
        before = score(two, combine=combine)
        after = score(four, combine=combine)
        assert bool((before["X"] > before["Y"]) != (after["X"] > after["Y"])) is turned, combine


def test_points_of_a_column_have_one_sum_with_ties_and_without():
    assert (borda_points(values(6).to_numpy()).sum(axis=0) == 12 * 11 / 2).all()
    assert borda_points(np.zeros((0, 2))).shape == (0, 2)


# -- parts ---------------------------------------------------------------------------------


def test_parts_add_up():
    table, weights = values(7), {"a": 2.0, "c": 0.0}
    whole = {name: score(table, combine=name, weights=weights) for name in COMBINE}
    parts = {name: contributions(table, combine=name, weights=weights) for name in COMBINE}
    sums = {name: part.sum(axis=1, skipna=False) for name, part in parts.items()}
    for name in ("sum", "mean"):
        np.testing.assert_allclose(sums[name], 1.0)
        np.testing.assert_allclose(
            parts[name]["a_part"], 2 * table["a"] / (2 * table["a"] + table["b"])
        )
    for name in ("zscore", "borda"):
        np.testing.assert_allclose(sums[name], whole[name], atol=1e-12)
    logs = np.log(whole["geometric"])
    np.testing.assert_allclose(sums["geometric"], logs - logs.mean(), atol=1e-12)
    assert parts["copeland"].isna().all(axis=None)
    assert (parts["sum"]["c_part"] == 0).all()


def test_parts_of_a_score_of_zero():
    table = pd.DataFrame({"a": [0.0, 2.0], "b": [0.0, 3.0]})
    assert contributions(table)["a_part"].tolist() == pytest.approx([np.nan, 0.4], nan_ok=True)
    part = contributions(table, combine="geometric")["a_part"]
    assert part.tolist() == [-np.inf, 0.0]


# -- where less is better ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        ("sum", [2, -5, -3]),
        ("mean", [1, -2.5, -1.5]),
        ("geometric", [2**0.5, (1 / 6) ** 0.5, 0.5]),
        ("zscore", [
            (math.sqrt(2) + math.sqrt(1.5)) / 2,
            (-math.sqrt(0.5) - math.sqrt(1.5)) / 2,
            -math.sqrt(0.5) / 2,
        ]),
        ("borda", [2 + 2, 0.5 + 0, 0.5 + 1]),
        ("copeland", [2, 0, 1]),
    ],
)  # fmt: skip
def test_less_of_a_column_is_better_by_hand(combine, expected):
    found = score(SHARES, combine=combine, lower_is_better=["b"])
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("combine", COMBINE)
def test_less_is_better_is_more_of_what_is_turned(combine):
    table, weights = values(6), {"a": 0.5, "b": 1.5}
    turned = table.assign(b=(1 / table["b"]) if combine == "geometric" else -table["b"])
    options = {"combine": combine, "weights": weights}
    found = score(table, lower_is_better=["b"], **options)
    np.testing.assert_allclose(found, score(turned, **options), rtol=1e-12)
    parts = contributions(table, lower_is_better=["b"], **options)
    np.testing.assert_allclose(parts, contributions(turned, **options), rtol=0, atol=1e-12)
    assert (found != score(table, **options)).any()


def test_a_negative_part_lowers_the_score():
    table = pd.DataFrame({"a": [4.0, 1.0], "b": [1.0, 3.0]})
    parts = contributions(table, lower_is_better=["b"])
    assert parts.to_numpy().tolist() == pytest.approx(np.array([[4 / 3, -1 / 3], [0.5, -1.5]]))
    nothing = score(pd.DataFrame({"a": [0.0]}), lower_is_better=["a"])
    assert str(nothing[0]) == "0.0"  # not -0.0, which files would show
    with pytest.raises(ValueError, match="no zeros where lower is better, but b of cluster 1"):
        score(table.assign(b=[1.0, 0.0]), combine="geometric", lower_is_better=["b"])


# -- what is missing or wrong --------------------------------------------------------------


@pytest.mark.parametrize("combine", COMBINE)
@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_cluster_that_lacks_a_value_has_no_score_and_is_none_of_the_others(combine, hole):
    table = values(8).astype("Float64")
    expected = score(table.drop(index=3), combine=combine)
    table.loc[3, "b"] = hole
    found = score(table, combine=combine)
    assert found.isna().tolist() == [i == 3 for i in range(12)]
    assert found.drop(3).tolist() == expected.tolist()
    parts = contributions(table, combine=combine)
    assert parts.loc[3].isna().all()
    # A column without weight is not looked at.
    assert score(table, combine=combine, weights={"b": 0.0}).notna().all()


def test_errors_name_cluster_and_column():
    bad = SHARES.assign(growth=[0.1, -0.2, 0.3])
    with pytest.raises(ValueError, match="growth of cluster Y is -0.2"):
        score(bad, combine="geometric")
    with pytest.raises(ValueError, match="'name' holds .*, not numbers"):
        score(SHARES.assign(name="x"))
    with pytest.raises(ValueError, match="weight of 'a' is -1"):
        score(SHARES, weights={"a": -1})
    with pytest.raises(ValueError, match="all weights are 0"):
        score(SHARES, weights={"a": 0, "b": 0})
    with pytest.raises(ValueError, match="'median'"):
        score(SHARES, combine="median")


def test_weights_by_kind_and_by_column():
    weights = {"patent": 2.0, "patent_share": 3.0, "x": 5.0}
    columns = ["patent_share", "patent_per_million", "patent_growth", "x", "deal_share"]
    assert list(column_weights(columns, weights, ["patent", "deal"]).values()) == [3, 2, 1, 5, 1]


# -- the ranking, and a study --------------------------------------------------------------


def ranked(top=100, **options) -> pd.DataFrame:
    clusters = pd.DataFrame({"cluster_id": [0, 1, 2], "name": ["X", "Y", "Z"], "economies": "AT"})
    clusters = clusters.assign(population=[1e6, 0.0, 2e6], area_km2=1.0)
    count = pd.DataFrame({"patent": [40.0, 10.0, 10.0], "deal": [2.0, 6.0, 4.0]})
    share = count.assign(patent=count["patent"] / 10)
    return ranking(clusters, count, share, ScoreOptions(**options), top=top)


def test_a_ranking_by_what_not_all_clusters_have():
    table = ranked(of=["patent_per_million", "deal_share"], weights={"deal": 10.0}, top=1)
    assert table["name"].tolist() == ["X", "Z", "Y"]
    assert table["score"].tolist() == pytest.approx([60.0, 45.0, np.nan], nan_ok=True)
    assert table["rank"].tolist() == [1, 2, pd.NA]
    # Such a score is no amount, and the total is divided by inhabitants.
    assert table["intensity"].tolist() == pytest.approx([6.0, 2.5, np.nan], nan_ok=True)
    assert table["intensity_rank"].tolist() == [1, pd.NA, pd.NA]
    parts = contribution_table(table, ScoreOptions(of=["patent_per_million", "deal_share"]))
    assert parts.columns.tolist() == [
        "rank", "cluster_id", "name", "score", "patent_per_million_part", "deal_share_part",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no column 'patents'"):
        ranked(of=["patents"])


def test_intensity_follows_the_score_where_it_is_an_amount():
    table = ranked(weights={"deal": 2.0})
    table = table.set_index("name")
    assert table.loc["X", "intensity"] == table.loc["X", "score"] == 8.0
    table = ranked(combine="borda").set_index("name")
    assert table.loc["X", "intensity"] == table.loc["X", "total"] == 6.0


def test_a_study_scored_by_borda_of_chosen_columns(tmp_path):
    extra = '[score]\ncombine = "borda"\nof = ["patent_count", "publication_share"]\n'
    path = study_folder(tmp_path, extra=extra + "weights = { publication = 3 }\n")
    done = gclust.run(path, tmp_path / "run")
    table = done.ranking.set_index("name")
    points = 3 - table[["patent_rank", "publication_rank"]].astype(int)
    assert (points @ [1, 3] == table["score"]).all()
    parts = pd.read_csv(tmp_path / "run" / "contributions.csv").set_index("name")
    assert parts["publication_share_part"].to_dict() == (3 * points["publication_rank"]).to_dict()
    again = gclust.run(tmp_path / "run" / "study.toml")
    pd.testing.assert_frame_equal(again.contributions, done.contributions)
    swept = gclust.sweep(path, eps_km=[8, 10], min_samples=[100])
    own = swept.ranks[swept.ranks["eps_km"] == 10].set_index("cluster_id")["score"]
    assert own.to_dict() == done.ranking.set_index("cluster_id")["score"].to_dict()


def test_a_study_scored_by_an_indicator(tmp_path):
    extra = (
        '[[indicators]]\nname = "balance"\n'
        '[score]\ncombine = "zscore"\nof = ["patent_share", "balance"]\n'
        'weights = { balance = 0.5 }\nlower_is_better = ["balance"]\n'
    )
    done = gclust.run(study_folder(tmp_path, extra=extra), tmp_path / "run")
    table = done.ranking.set_index("name")
    used = table[["patent_share", "balance"]]
    z = (used - used.mean()) / used.std(ddof=0)
    expected = (z["patent_share"] - 0.5 * z["balance"]) / 1.5
    np.testing.assert_allclose(table["score"], expected, rtol=1e-9)
    assert table["balance"].nunique() == 3
    parts = pd.read_csv(tmp_path / "run" / "contributions.csv").set_index("name")
    np.testing.assert_allclose(parts["balance_part"], -z["balance"] / 3, rtol=1e-9)
    assert (table["rank"] == table["score"].rank(ascending=False)).all()
    again = gclust.run(tmp_path / "run" / "study.toml")
    pd.testing.assert_frame_equal(again.ranking, done.ranking)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": ("patent_shares",)}, "'patent_shares' is not known; did you mean 'patent_share'"),
        ({"of": ("patent_share", "patent_share")}, "names a column twice"),
        ({"of": ()}, "at least one"),
        ({"of": ("patent_per_million",)}, "needs inhabitants"),
        ({"of": ("patent_share",), "weights": {"publication": 2.0}}, "'publication' is not known"),
        ({"of": ("patent_share",), "weights": {"patent": 0.0}}, "all 0"),
        ({"lower_is_better": ("patent_shares",)}, "lower_is_better: 'patent_shares' is not known"),
    ],
)
def test_what_a_score_cannot_be_made_of(tmp_path, options, message):
    study = gclust.read_study(study_folder(tmp_path))
    with pytest.raises(StudyError, match=message):
        replace(study, score=Score(**options))
