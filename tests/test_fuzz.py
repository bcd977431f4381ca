"""A short run of the fuzzer, and that it finds what is wrong."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from gclust import DBSCAN
from tests import fuzz
from tests.fuzz_cases import KINDS, WEIGHTS, make_case, mirrored, wrapped


def test_a_short_run_passes(capsys):
    assert fuzz.main(["--seed", "20261", "--cases", "150"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"150 cases passed in [\d.]+ s, [\d.]+ a second\n$", output)


class Shortsighted(DBSCAN):
    """Does not see whoever lies between 90 % of eps and eps."""

    def fit(self, X, y=None, sample_weight=None):
        near = DBSCAN(0.9 * self.eps_km, self.min_samples, border=self.border, metric=self.metric)
        self.__dict__.update({**vars(near.fit(X, y, sample_weight)), "eps_km": self.eps_km})
        return self


def test_a_failure_is_named_by_a_seed_that_repeats_it_alone(monkeypatch, capsys):
    monkeypatch.setattr(fuzz, "DBSCAN", Shortsighted)
    assert fuzz.main(["--seed", "5", "--cases", "400"]) == 1
    output = capsys.readouterr().out
    alone = re.search(r"alone: python -m tests.fuzz (--seed \d+ --cases 1)\n", output)
    assert int(re.search(r"\n(\d+) of its rows: AssertionError", output)[1]) <= 8
    assert fuzz.main(alone[1].split()) == 1
    assert output.split("\n", 2)[2] == capsys.readouterr().out.split("\n", 2)[2]
    monkeypatch.undo()
    assert fuzz.main(alone[1].split()) == 0


def test_minutes_end_a_run(capsys):
    assert fuzz.main(["--minutes", "0.01"]) == 0
    assert re.search(r"^seeds from \d+ on\n\d+ cases passed", capsys.readouterr().out)


@pytest.fixture(scope="module")
def cases():
    return [make_case(seed) for seed in range(600)]


def test_cases_are_of_all_kinds_and_sizes(cases):
    kinds = Counter(case.kind.split(", ")[0] for case in cases)
    weights = Counter(case.kind.split(", ")[1] for case in cases)
    assert set(kinds) == {kind.__name__ for kind in (*KINDS, mirrored)}
    assert set(weights) == {weigh.__name__ for weigh in WEIGHTS}
    assert {case.metric for case in cases} == {"haversine", "wgs84"}
    sizes = np.array([len(case.X) for case in cases])
    assert sizes.min() == 1
    assert sizes.max() > 350
    radii = np.array([case.eps_km for case in cases])
    assert radii.min() < 0.01
    assert radii.max() > 20_016
    outcomes = [
        DBSCAN(case.eps_km, case.min_samples, metric=case.metric)
        .fit(case.X, sample_weight=case.weight)
        .labels_
        for case in cases[::3]
    ]
    assert np.mean([len(set(labels.tolist())) > 2 for labels in outcomes]) > 0.3


def test_a_seed_is_one_case(cases):
    for seed, case in enumerate(cases[:20]):
        again = make_case(seed)
        assert again.X.tobytes() == case.X.tobytes()
        assert again[3:] == case[3:]


def test_pieces_are_small_only_for_a_while():
    usual = fuzz.chunk_sizes()
    assert len(usual) >= 4
    with fuzz.small_chunks(7):
        assert {size for _, _, size in fuzz.chunk_sizes()} == {7}
    assert fuzz.chunk_sizes() == usual


def test_ties_of_mirrored_cases_are_decided_by_place(monkeypatch):
    """A twin that decides them otherwise is found out, by latitude as by longitude."""
    usual = fuzz.dbscan_oracle

    def turned(north, east):
        def oracle(lat, lon, *rest, **options):
            return usual(north * lat, east * np.asarray(wrapped(lon)), *rest, **options)

        return oracle

    seeds = [seed for seed in range(400) if make_case(seed).kind.startswith("mirrored")]
    assert len(seeds) > 20
    for north, east in ((-1, 1), (1, -1)):
        monkeypatch.setattr(fuzz, "dbscan_oracle", turned(north, east))
        found = (fuzz.failure(make_case(seed)) for seed in seeds)
        assert any(wrong and "labels, border='nearest'" in wrong for wrong in found)
