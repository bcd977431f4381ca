"""Sets of ranks that hold jointly, against a slow twin and on cases with known answers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from gclust.ranking.intervals import chance_of_first, draw_ranks, intervals, rank_intervals
from gclust.ranking.rank_sets import least_draws, rank_sets


def twin(estimates, draws, level, stepdown):
    """Rank sets by loops over ordered pairs, as Romano and Wolf step down."""
    p, n = len(estimates), len(draws)
    pairs = list(itertools.permutations(range(p), 2))
    error = {(j, k): np.std(draws[:, j] - draws[:, k], ddof=1) for j, k in pairs}
    above, open_ = set(), set(pairs)
    while True:
        largest = []
        for draw in draws:
            t = [
                ((draw[j] - draw[k]) - (estimates[j] - estimates[k])) / error[j, k]
                for j, k in open_
            ]
            largest.append(max([0.0, *t]))
        critical = sorted(largest)[math.ceil((n + 1) * level) - 1]
        new = {(j, k) for j, k in open_ if estimates[j] - estimates[k] > critical * error[j, k]}
        above |= new
        open_ -= new
        if not new or not stepdown:
            break
    low = [1 + sum((k, j) in above for k in range(p)) for j in range(p)]
    high = [p - sum((j, k) in above for k in range(p)) for j in range(p)]
    return low, high


@pytest.mark.parametrize("stepdown", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_rank_sets_are_those_of_a_slow_twin(seed, stepdown):
    rng = np.random.default_rng(seed)
    estimates = np.sort(rng.normal(0, 2, 7))
    draws = estimates + rng.normal(0, 0.4, (60, 7)) @ np.diag(rng.uniform(0.5, 2, 7))
    found = rank_sets(estimates, draws, 0.9, stepdown=stepdown)
    assert (found.low.tolist(), found.high.tolist()) == twin(estimates, draws, 0.9, stepdown)


def test_stepping_down_separates_more_and_never_less():
    rng = np.random.default_rng(5)
    estimates = np.arange(12.0) * np.linspace(0.2, 1.0, 12)
    draws = estimates + rng.normal(0, 0.5, (199, 12))
    one, several = (rank_sets(estimates, draws, stepdown=step) for step in (False, True))
    assert (several.above | one.above == several.above).all()
    assert several.above.sum() > one.above.sum()
    assert several.critical == one.critical


def test_equal_clusters_share_all_their_ranks():
    draws = np.random.default_rng(1).normal([5, 5, 1], 0.1, (99, 3))
    draws[:, 1] = draws[:, 0]  # equal in every draw: no error, no difference
    found = rank_sets([5, 5, 1], draws)
    assert found.low.tolist() == [1, 1, 3]
    assert found.high.tolist() == [2, 2, 3]


def test_differences_that_no_draw_changes_are_certain():
    found = rank_sets([3, 2, 1], np.tile([3.0, 2, 1], (20, 1)))
    assert found.low.tolist() == found.high.tolist() == [1, 2, 3]
    assert found.critical == 0


def test_one_cluster_is_first():
    found = rank_sets([2.0], np.random.default_rng(1).normal(2, 1, (20, 1)))
    assert (found.low.tolist(), found.high.tolist()) == ([1], [1])


def test_a_cluster_that_no_draw_has_may_have_any_rank():
    draws = np.random.default_rng(1).normal([9, 5, 1], 0.1, (99, 3))
    draws[:, 1] = np.nan
    found = rank_sets([9, 5, 1], draws)
    assert found.low.tolist() == [1, 1, 2]
    assert found.high.tolist() == [2, 3, 3]


def test_draws_without_a_cluster_do_not_count_for_it():
    draws = np.random.default_rng(1).normal([9, 5, 1], 0.1, (99, 3))
    gone = draws.copy()
    gone[::3, 1] = np.nan
    assert rank_sets([9, 5, 1], gone).high.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("estimates", "draws", "level", "message"),
    [
        ([1, 2], np.zeros((99, 3)), 0.9, r"shape \(n_draws, 2\)"),
        ([1, np.nan], np.zeros((99, 2)), 0.9, "finite"),
        ([1, 2], np.zeros((99, 2)), 1.0, "above 0 and below 1"),
        ([1, 2], np.zeros((8, 2)), 0.9, "8 draws are too few for the level 0.9; expected 9"),
    ],
)
def test_invalid_input_is_refused(estimates, draws, level, message):
    with pytest.raises(ValueError, match=message):
        rank_sets(estimates, draws, level)


def test_least_draws():
    assert [least_draws(level) for level in (0.5, 0.9, 0.95, 0.99)] == [1, 9, 19, 99]


def test_ranks_intervals_and_chances_of_draws():
    scores = np.array([[3, 3, 1, np.nan], [1, 2, 3, 4], [5, 1, 1, 1]])
    ranks = draw_ranks(scores)
    np.testing.assert_array_equal(ranks, [[1, 1, 3, np.nan], [4, 3, 2, 1], [1, 2, 2, 2]])
    assert chance_of_first(ranks, 1).tolist() == [2 / 3, 1 / 3, 0, 1 / 3]
    low, high = rank_intervals(ranks, 0.5)
    assert (low.tolist(), high.tolist()) == ([1, 1, 2, 1], [4, 3, 3, 2])
    low, high = intervals([[0.0, np.nan], [1.0, np.nan], [2.0, np.nan]], 0.5)
    np.testing.assert_array_equal([low, high], [[0.5, np.nan], [1.5, np.nan]])
