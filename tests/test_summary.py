"""What is printed below a table: what the score is, which clusters have none, and how many."""

from __future__ import annotations

import pandas as pd
import pytest

import gclust
from gclust.experiments.compare.summary import difference_lines
from gclust.experiments.uncertainty.summary import summary_lines as uncertainty_lines
from gclust.ranking.columns import ScoreOptions
from gclust.ranking.score_in_words import score_in_words
from gclust.ranking.unscored import unscored_in_words
from gclust.results.summary import summary_lines
from tests.worlds import listings, study_folder

SHARES = "the sum of patent_share and publication_share"
GROWTH = """[score]
of = ["patent_share", "patent_growth"]
[[indicators]]
name = "growth"
kind = "patent"
[uncertainty]
draws = 20
"""


def without_early_patents(town):
    table = listings()
    return table[(table["town"] != town) | (table["kind"] != "patent") | (table["year"] > 2018)]


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A run of which one cluster has no score, for its growth is from nothing."""
    table = without_early_patents("Graz")
    return gclust.run(study_folder(tmp_path_factory.mktemp("grown"), table, GROWTH))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return gclust.run(study_folder(tmp_path_factory.mktemp("plain")))


@pytest.mark.parametrize("top", [0, 2, 20])
def test_a_run_says_by_which_column_it_ranks_and_what_that_is(plain, grown, top):
    assert f"Ranked by total: {SHARES}." in summary_lines(plain, width=100, top=top)
    lines = summary_lines(grown, width=100, top=top)
    assert "Ranked by score: the sum of patent_share and patent_growth." in lines


def test_experiments_on_runs_say_what_the_score_is(plain, grown):
    same = gclust.compare(plain, plain)
    assert f"Score: {SHARES}" in difference_lines(same, 100)
    other = " ".join(difference_lines(gclust.compare(plain, grown, decompose=False), 1000))
    assert f"Score of a: {SHARES}. Score of b: the sum of patent_share and patent_g" in other
    drawn = gclust.uncertainty(grown.study)
    lines = uncertainty_lines(drawn, width=100, top=3)
    assert "Score: the sum of patent_share and patent_growth." in lines


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ScoreOptions(of=["a"]), "a"),
        (ScoreOptions(of=["a"], weights={"a": 2.0}), "the sum of a, with weights a 2"),
        (ScoreOptions(of=["a"], combine="zscore"), "the mean of the z-scores of a"),
        (
            ScoreOptions(of=["a", "b", "c"], lower_is_better=["b"]),
            "the sum of a, b and c; less is better of b",
        ),
    ],
)
def test_a_score_in_words(options, words):
    assert score_in_words(options.of, options) == words


def test_clusters_without_a_score_are_named_with_what_they_lack(plain, grown):
    said = "1 cluster has no score and no rank, for want of patent_growth: Graz"
    assert f"{said}." in summary_lines(grown, width=100, top=2)
    assert grown.info["warnings"] == [said]
    assert not any("no score" in line for line in summary_lines(plain, width=100, top=2))
    assert unscored_in_words(plain.ranking, plain.study.score) == ""


def test_only_some_are_named_and_the_others_counted(plain):
    many = pd.concat([plain.ranking] * 3, ignore_index=True).assign(score=float("nan"))
    many[["patent_share", "publication_share"]] = float("nan")
    options = ScoreOptions(weights={"publication": 0.0})
    first = ", ".join(many["name"].head(5))
    expected = f"9 clusters have no score and no rank, for want of patent_share: {first} and 4 more"
    assert unscored_in_words(many, options) == expected


def test_one_is_singular(plain):
    lines = summary_lines(plain, width=100, top=2)
    assert "3 clusters (after 0 merges)" in lines


def test_the_map_of_a_run_names_no_weight_below_that_of_a_listing(plain):
    """All weights are whole, and at 100 listings a cluster all noise is drawn."""
    assert (plain.locations["weight"] % 1 == 0).all()
    assert plain.map_options().noise_weight == 0.0
