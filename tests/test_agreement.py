"""Agreement of labellings and rankings: scikit-learn on copies is the oracle."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from gclust.ranking.agreement import (
    adjusted_mutual_information,
    adjusted_rand_index,
    expected_mutual_information,
    jaccard_of_first,
    tau_b_of_first,
)
from gclust.ranking.matching import overlap


def weighted(seed: int, n: int = 60, k: int = 5):
    """Two labellings that agree in part, with noise, and whole weights."""
    rng = np.random.default_rng(seed)
    a = rng.integers(-1, k, n)
    b = np.where(rng.random(n) < 0.6, a, rng.integers(-1, k + 2, n))
    return a, b, rng.integers(0, 9, n)


def copies(labels, weight, noise):
    """One label per listing; noise as one class, or each listing alone."""
    each = np.repeat(labels, weight)
    if noise == "singletons":
        alone = np.flatnonzero(each < 0)
        each[alone] = 1000 + alone
    return each


@pytest.mark.parametrize("noise", ["singletons", "class"])
@pytest.mark.parametrize("seed", range(6))
def test_weights_are_copies(seed, noise):
    a, b, weight = weighted(seed)
    shared = overlap(a, b, weight)
    each = copies(a, weight, noise), copies(b, weight, noise)
    assert adjusted_rand_index(shared, noise=noise) == pytest.approx(
        adjusted_rand_score(*each), rel=1e-12
    )
    assert adjusted_mutual_information(shared, noise=noise) == pytest.approx(
        adjusted_mutual_info_score(*each), rel=1e-10
    )


ALIKE = {
    "the same with other numbers": ([0, 0, 1, -1], [1, 1, 0, -1]),
    "one cluster": ([0, 0, 0, 0], [0, 0, 0, 0]),
    "all noise": ([-1, -1, -1, -1], [-1, -1, -1, -1]),
}


@pytest.mark.parametrize("name", ALIKE)
@pytest.mark.parametrize("measure", [adjusted_rand_index, adjusted_mutual_information])
def test_alike_is_one(name, measure):
    a, b = map(np.array, ALIKE[name])
    for noise in ("singletons", "class"):
        assert measure(overlap(a, b, np.array([2, 3, 1, 4])), noise=noise) == 1.0


@pytest.mark.parametrize("measure", [adjusted_rand_index, adjusted_mutual_information])
def test_uninformative_labels_agree_by_chance(measure):
    weight = np.array([2, 3, 1, 4])
    one, noise = np.zeros(4, dtype=int), np.full(4, -1)
    assert measure(overlap(one, noise, weight)) == pytest.approx(0, abs=1e-12)
    empty = np.zeros(0, dtype=np.int64)
    assert math.isnan(measure(overlap(empty, empty, empty)))
    with pytest.raises(ValueError, match="noise must be one of singletons, class, not 'drop'"):
        measure(overlap(one, one, weight), noise="drop")


def test_shared_noise_counts_only_as_a_class():
    """Half of the weight is noise in both; what is clustered disagrees entirely."""
    a, b = np.array([0, 0, 1, 1, -1]), np.array([0, 1, 0, 1, -1])
    shared = overlap(a, b, np.array([10, 10, 10, 10, 40]))
    assert adjusted_rand_index(shared, noise="class") > 0.5
    assert adjusted_rand_index(shared) < 0.5


def test_expected_information_is_the_sum_over_all_shared_weights():
    """In fractions, over the hypergeometric distribution from its first term to its last."""
    a, b = {3: 2, 14: 1, 20: 1}, {1: 9, 11: 1, 20: 1}
    total = sum(size * times for size, times in a.items())
    assert total == sum(size * times for size, times in b.items())
    expected = 0.0
    for x, often_x in a.items():
        for y, often_y in b.items():
            for n in range(max(1, x + y - total), min(x, y) + 1):
                ways = math.comb(x, n) * math.comb(total - x, y - n)
                chance = Fraction(ways, math.comb(total, y))
                term = Fraction(n, total) * chance * often_x * often_y
                expected += float(term) * math.log(total * n / (x * y))
    sizes = [np.array([list(side), list(side.values())]) for side in (a, b)]
    assert expected_mutual_information(*sizes) == pytest.approx(expected, rel=1e-13)


def test_expected_information_of_ten_million_listings():
    """Two sizes leave one distribution: the mean of n log n, here by its moments."""
    half = 5_000_000
    sizes = np.array([[half], [2]])
    # n = half/2 + d; log(n / (half/2)) = d/m - d^2/2m^2 + ..., with m = half/2: the mean of
    # n log(n/m) is V/2m + third and fourth moments, of which only the fourth matters here.
    m, N = half / 2, 2 * half
    variance = half * 0.25 * (N - half) / (N - 1)
    mean = variance / (2 * m) + 3 * variance**2 / (12 * m**3)
    assert expected_mutual_information(sizes, sizes) == pytest.approx(4 * mean / N, rel=1e-9)


def ranks(values: list[int]) -> pd.Series:
    return pd.Series(values, index=range(len(values)), dtype="Int64")


def test_the_first_clusters_and_their_order():
    # Clusters 0 to 4 of a are 4 to 0 of b; 5 of a has gone, 5 and 6 of b are new.
    matched = pd.DataFrame({"a": [0, 1, 2, 3, 4], "b": [4, 3, 2, 1, 0]})
    rank_a = ranks([1, 2, 3, 4, 6, 5])
    rank_b = ranks([6, 3, 3, 2, 1, 5, 7])
    # Among the first 4 in both: 0, 1, 2 and 3 of a, with the ranks 1, 2, 3, 3 of b.
    assert jaccard_of_first(matched, rank_a, rank_b, top=4) == 1.0
    expected = kendalltau([1, 2, 3, 4], [1, 2, 3, 3], variant="b").statistic
    assert tau_b_of_first(matched, rank_a, rank_b, top=4) == expected
    assert expected == pytest.approx(5 / math.sqrt(30))
    # Of six and seven clusters five are matched: 5 of a, 5 and 6 of b are in one alone.
    assert jaccard_of_first(matched, rank_a, rank_b, top=10) == 5 / 8
    assert jaccard_of_first(matched, rank_a, rank_b, top=2) == 2 / 2
    assert jaccard_of_first(matched, rank_a, rank_b, top=5) == 4 / 6


@pytest.mark.filterwarnings("error")
def test_order_of_fewer_than_two_is_missing():
    nobody = pd.DataFrame({"a": [], "b": []}, dtype="int64")
    assert math.isnan(tau_b_of_first(nobody, ranks([1]), ranks([1])))
    assert jaccard_of_first(nobody, ranks([1]), ranks([1])) == 0.0
    assert math.isnan(jaccard_of_first(nobody, ranks([]), ranks([])))
