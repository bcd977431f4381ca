"""Merging: gaps against all pairs, rules on hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gclust.cluster.gaps import gaps_km
from gclust.cluster.merging import Ties, merge
from gclust.sphere import arc_km, unit_vectors


def brute_gaps(lat, lon, labels, max_gap_km):
    """Least distance of all pairs, by the haversine formula."""
    found = {}
    phi, lam = np.radians(lat), np.radians(lon)
    for i in range(len(lat)):
        for j in range(i + 1, len(lat)):
            if labels[i] < 0 or labels[j] < 0 or labels[i] == labels[j]:
                continue
            h = (
                np.sin((phi[i] - phi[j]) / 2) ** 2
                + np.cos(phi[i]) * np.cos(phi[j]) * np.sin((lam[i] - lam[j]) / 2) ** 2
            )
            km = 2 * 6371.0088 * np.arcsin(np.sqrt(h))
            pair = min(labels[i], labels[j]), max(labels[i], labels[j])
            if km <= max_gap_km:
                found[pair] = min(km, found.get(pair, np.inf))
    return found


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(0.0, 0.0), (48.0, 179.99), (89.9, 20.0), (-60.0, -180.0)]),
    st.sampled_from([0.5, 5.0, 40.0]),
)
def test_gaps_are_those_of_all_pairs(seed, centre, max_gap_km):
    rng = np.random.default_rng(seed)
    n = 60
    lat = np.clip(centre[0] + rng.uniform(-0.3, 0.3, n), -90, 90)
    lon = (centre[1] + rng.uniform(-0.5, 0.5, n) + 180) % 360 - 180
    labels = rng.integers(-1, 5, n)
    expected = brute_gaps(lat, lon, labels, max_gap_km)
    actual = gaps_km(lat, lon, labels, max_gap_km)
    assert actual.keys() == expected.keys()
    for pair, km in expected.items():
        assert actual[pair] == pytest.approx(km, abs=1e-7)


def twin_of_merge(n, gaps, ties, rule, noise_partner):
    """The rule by loops over pairs: merged clusters and rows of the log."""
    cluster, log = list(range(n)), []
    while True:
        partners = {}
        for (a, b), strength in ties.items():
            ends = [cluster[end] if end >= 0 else -1 for end in (a, b)]
            if ends[0] != ends[1] and (noise_partner or min(ends) >= 0):
                for here, there in (ends, ends[::-1]):
                    mine = partners.setdefault(here, {})
                    mine[there] = mine.get(there, 0) + strength

        def second(here, there, partners=partners):
            others = [(-s, name) for name, s in partners.get(here, {}).items() if name != there]
            return min(others, default=(0.0, -2))

        distance = {}
        for (a, b), gap in gaps.items():
            pair = tuple(sorted((cluster[a], cluster[b])))
            if pair[0] != pair[1] and gap <= 5:
                distance[pair] = min(gap, distance.get(pair, gap))
        chosen = []
        for a, b in sorted(distance):
            strength = partners.get(a, {}).get(b, 0)
            strongest = [strength > -second(*ends)[0] for ends in ((a, b), (b, a))]
            if strength > 0 and (all if rule == "mutual" else any)(strongest):
                chosen.append((a, b))
        if not chosen:
            return cluster, log
        number = 1 + (log[-1][0] if log else 0)
        for a, b in chosen:
            row = [number, a, b, distance[a, b], partners[a][b]]
            for strength, name in (second(a, b), second(b, a)):
                row += [{-1: "noise", -2: ""}.get(name, str(name)), -strength]
            log.append(tuple(row))
        for a, b in chosen:
            low, high = sorted((cluster[a], cluster[b]))
            cluster = [low if each == high else each for each in cluster]


@settings(max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.sampled_from(["mutual", "one-sided"]),
    st.booleans(),
)
def test_merging_is_that_of_a_slow_twin(seed, n, rule, noise_partner):
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(-1, n) for b in range(max(a + 1, 0), n)]
    with_ties = [pair for pair in pairs if rng.random() < 0.6]
    # A few strengths, so that many are equal, and one that no float holds exactly.
    ties = {pair: float(rng.choice([1.0, 2.0, 0.1, 3.3])) for pair in with_ties}
    gaps = {pair: float(rng.choice([1, 4, 5, 6])) for pair in pairs if pair[0] >= 0}
    found = merge(n, gaps, ties, rule=rule, noise_partner=noise_partner)
    cluster, log = twin_of_merge(n, gaps, ties, rule, noise_partner)
    assert found.cluster.tolist() == cluster
    assert list(found.log.itertuples(index=False, name=None)) == log
    assert Ties.of(ties).by_pair() == ties


def test_gap_of_one_degree_of_latitude():
    actual = gaps_km(np.array([0.0, 1.0]), np.array([0.0, 0.0]), np.array([0, 1]), 200.0)
    assert actual[0, 1] == pytest.approx(6371.0088 * np.pi / 180, abs=1e-9)
    assert arc_km(
        np.linalg.norm(np.diff(unit_vectors(np.array([90, -90]), np.zeros(2)), axis=0))
    ) == (pytest.approx(6371.0088 * np.pi))


def test_mutual_needs_both_sides():
    # 0's strongest partner is 1, but 1's is 2, which is too far to merge.
    gaps = {(0, 1): 3.0}
    ties = {(0, 1): 5.0, (1, 2): 9.0}
    assert merge(3, gaps, ties, rule="mutual").cluster.tolist() == [0, 1, 2]
    assert merge(3, gaps, ties, rule="one-sided").cluster.tolist() == [0, 0, 2]
    assert merge(3, gaps, ties, rule="none").cluster.tolist() == [0, 1, 2]


def test_gap_is_inclusive():
    ties = {(0, 1): 1.0}
    assert merge(2, {(0, 1): 5.0}, ties, max_gap_km=5.0).cluster.tolist() == [0, 0]
    assert merge(2, {(0, 1): 5.0001}, ties, max_gap_km=5.0).cluster.tolist() == [0, 1]


def test_noise_is_one_partner_unless_told_otherwise():
    gaps = {(0, 1): 1.0}
    ties = {(0, 1): 5.0, (-1, 0): 6.0}
    assert merge(2, gaps, ties).cluster.tolist() == [0, 1]
    assert merge(2, gaps, ties, noise_partner=False).cluster.tolist() == [0, 0]


def test_an_equal_runner_up_is_not_beaten():
    gaps = {(0, 1): 1.0}
    assert merge(3, gaps, {(0, 1): 5.0, (0, 2): 5.0}).cluster.tolist() == [0, 1, 2]


def test_no_ties_no_merging():
    assert merge(2, {(0, 1): 0.0}, {}).cluster.tolist() == [0, 1]


def test_rounds_go_on_with_the_joined_ties():
    # 2 ties with 0 and 1 alike (4 each); only once these are one (8) do they
    # beat its ties with 3 (6).
    gaps = {(0, 1): 1.0, (1, 2): 2.0, (0, 2): 4.0}
    ties = {(0, 1): 20.0, (0, 2): 4.0, (1, 2): 4.0, (2, 3): 6.0}
    merged = merge(4, gaps, ties)
    assert merged.cluster.tolist() == [0, 0, 0, 3]
    assert merged.log[["round", "cluster_a", "cluster_b"]].to_numpy().tolist() == [
        [1, 0, 1],
        [2, 0, 2],
    ]
    assert merged.log["gap_km"].tolist() == [1.0, 2.0]
    assert merged.log["ties"].tolist() == [20.0, 8.0]
    assert merged.log["runner_up_b"].tolist() == ["2", "3"]
    assert merged.log["runner_up_b_ties"].tolist() == [4.0, 6.0]


def test_a_round_joins_chains():
    # One-sided: 0 and 2 both want 1 most.
    gaps = {(0, 1): 1.0, (1, 2): 1.0}
    ties = {(0, 1): 3.0, (1, 2): 2.0}
    merged = merge(3, gaps, ties, rule="one-sided")
    assert merged.cluster.tolist() == [0, 0, 0]
    assert merged.log["round"].tolist() == [1, 1]
