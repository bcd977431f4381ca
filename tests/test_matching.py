"""Clusters of two labellings: what they share, and which are the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gclust.kernels import cooccurrence
from gclust.ranking.matching import match, overlap


def table(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["a", "b", "weight"])


def matched(rows, **options):
    found = match(table(rows), **options)
    return list(zip(found["a"], found["b"], strict=True))


def test_overlap_is_that_of_a_dictionary_and_exact():
    rng = np.random.default_rng(3)
    a, b = rng.integers(-1, 6, 4000), rng.integers(-1, 9, 4000)
    # Above 2**53 a sum of floats would lose the last digits.
    weight = rng.integers(0, 1 << 50, 4000)
    expected: dict[tuple[int, int], int] = {}
    for i, j, w in zip(a.tolist(), b.tolist(), weight.tolist(), strict=True):
        expected[i, j] = expected.get((i, j), 0) + w
    shared = overlap(a, b, weight)
    assert list(shared.itertuples(index=False, name=None)) == [
        (i, j, w) for (i, j), w in sorted(expected.items())
    ]
    order = rng.permutation(4000)
    pd.testing.assert_frame_equal(overlap(a[order], b[order], weight[order]), shared)


def test_a_table_of_many_pairs_grows_and_is_added_up_over_threads(monkeypatch):
    monkeypatch.setattr(cooccurrence, "FIRST_SLOTS", 2)
    monkeypatch.setattr(cooccurrence, "CHUNK", 100)
    rng = np.random.default_rng(4)
    a, b = rng.integers(-1, 30, (2, 3000)).astype(np.int32)
    weight = rng.integers(0, 1 << 40, 3000)
    expected = pd.DataFrame({"a": a, "b": b, "weight": weight}).groupby(["a", "b"]).sum()
    for threads in (1, 3):
        *pairs, sums = cooccurrence.shared_weights(a, b, weight, threads)
        assert list(zip(*pairs, strict=True)) == expected.index.tolist()
        assert sums.tolist() == expected["weight"].tolist()


def test_a_sum_that_does_not_fit_is_refused():
    both = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="2 \\*\\* 63 or more"):
        overlap(both, both, np.full(2, 1 << 62))


def test_overlap_leaves_out_weight_zero():
    shared = overlap(np.array([0, 1]), np.array([0, 0]), np.array([0, 7]))
    assert shared.to_dict("records") == [{"a": 1, "b": 0, "weight": 7}]
    none = np.zeros(0, dtype=np.int64)
    assert len(match(overlap(none, none, none))) == 0


@pytest.mark.parametrize(
    ("a", "b", "w", "message"),
    [
        ([0, 1], [0], [1, 1], "of one length"),
        ([0, -2], [0, 0], [1, 1], "label -2 is below -1"),
        ([0, 0], [0, 0], [1, -3], "weight -3 is below 0"),
        ([0, 0], [0, 0], [1, 0.5], "whole numbers, not float64"),
    ],
)
def test_overlap_refuses(a, b, w, message):
    with pytest.raises(ValueError, match=message):
        overlap(np.array(a), np.array(b), np.array(w))


# Each is a list of (a, b, shared weight), and the pairs that are the same cluster.
CASES = {
    "merged: the heavier part keeps its name": ([(0, 0, 100), (1, 0, 90)], [(0, 0)]),
    "split: the heaviest part is the cluster": ([(0, 0, 40), (0, 1, 60)], [(0, 1)]),
    # An assignment of largest total weight would match 0-1 and 1-0 (40 + 50 > 60).
    "a part does not follow the sum": ([(0, 0, 60), (0, 1, 40), (1, 0, 50)], [(0, 0)]),
    # The bulk of 1 went into the cluster of 0; the remnant is nobody.
    "a remnant has no name": ([(0, 0, 100), (1, 0, 80), (1, 1, 5)], [(0, 0)]),
    "what a threshold leaves is the cluster": ([(0, -1, 900), (0, 0, 100)], [(0, 0)]),
    "a touch is not enough": ([(0, -1, 95), (0, 0, 5), (-1, 0, 45)], []),
    "equally heavy: the smaller first, and nobody twice": (
        [(0, 0, 10), (0, 1, 10), (1, 0, 10), (1, 1, 10)],
        [(0, 0), (1, 1)],
    ),
    "noise is not matched": ([(-1, -1, 1000)], []),
}


@pytest.mark.parametrize("name", CASES)
def test_which_clusters_are_the_same(name):
    rows, expected = CASES[name]
    assert matched(rows) == expected
    # The same from the other side.
    assert matched(sorted((b, a, w) for a, b, w in rows)) == sorted((b, a) for a, b in expected)


def test_shares_are_of_the_whole_clusters_noise_included():
    found = match(table([(0, -1, 30), (0, 0, 70), (-1, 0, 70)])).iloc[0]
    assert (found["weight"], found["share_of_a"], found["share_of_b"]) == (70, 0.7, 0.5)
    assert matched([(0, -1, 30), (0, 0, 70), (-1, 0, 70)], least_share=0.71) == []
