"""The statistics of clusters that sweeps and the tuner show, against their definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from gclust.experiments.cluster_statistics import agreement, cluster_statistics, whole_listings
from gclust.units import UNIT


def test_shares_are_of_all_weight():
    rng = np.random.default_rng(6)
    clusters, weight = rng.integers(-1, 5, 200), rng.integers(0, 9, 200) * UNIT
    core_weight = int(weight[:50].sum())
    found, share = cluster_statistics(
        clusters, weight, core_weight=core_weight, n_clusters=6, clusters_before_merging=8
    )
    expected = pd.Series(weight).groupby(clusters).sum() / weight.sum()
    assert share.tolist() == [*expected.drop(-1), 0.0]  # the last one has no location
    assert found == {
        "clusters_before_merging": 8,
        "n_clusters": 6,
        "clustered_share": weight[clusters >= 0].sum() / weight.sum(),
        "largest_share": expected.drop(-1).max(),
        "core_share": core_weight / weight.sum(),
    }


def test_without_clusters_all_is_noise():
    found, share = cluster_statistics(
        np.full(3, -1), np.ones(3, int), core_weight=0, n_clusters=0, clusters_before_merging=0
    )
    assert (found["clustered_share"], found["largest_share"], share.size) == (0.0, 0.0, 0)


def test_half_a_listing_counts_as_one():
    weight = np.array([0, UNIT // 2 - 1, UNIT // 2, UNIT, UNIT + UNIT // 2 - 1, 3 * UNIT // 2])
    shared = pd.DataFrame({"a": range(6), "b": range(6), "weight": weight})
    found = whole_listings(shared)
    assert found["a"].tolist() == [2, 3, 4, 5]
    assert found["weight"].tolist() == [1, 1, 1, 2]


def test_agreement_is_of_listings_rounded_half_up():
    # Cells of 3.5, 1.5, 2.0 and 0.4 listings: 4, 2, 2 and none.
    clusters, others = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    weight = (np.array([3.5, 1.5, 2.0, 0.4]) * UNIT).astype(np.int64)
    each = np.repeat([0, 1, 2], [4, 2, 2])
    expected = adjusted_rand_score(clusters[each], others[each])
    assert agreement(clusters, others, weight) == pytest.approx(expected, rel=1e-12)
    floored = np.repeat([0, 1, 2], [3, 1, 2])
    assert expected != adjusted_rand_score(clusters[floored], others[floored])
