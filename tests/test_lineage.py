"""What became of clusters, and which listings two runs share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gclust.ranking.common_listings import common_places
from gclust.ranking.lineage import carried_ids, lineage
from gclust.ranking.matching import overlap


def traced(rows, n_a, n_b):
    found = lineage(pd.DataFrame(rows, columns=["a", "b", "weight"]), n_a, n_b)
    return [
        (None if pd.isna(r.a) else r.a, None if pd.isna(r.b) else r.b, r.event, r.continues)
        for r in found.itertuples()
    ]


@pytest.mark.parametrize(
    ("rows", "n_a", "n_b", "expected"),
    [
        ([(0, 0, 9), (0, -1, 1)], 1, 1, [(0, 0, "kept", True)]),
        # The larger part continues.
        (
            [(0, 0, 4), (0, 1, 6)],
            1,
            2,
            [(0, 0, "split", False), (0, 1, "split", True)],
        ),
        ([(0, 0, 4), (1, 0, 6)], 2, 1, [(0, 0, "merged", False), (1, 0, "merged", True)]),
        (
            [(0, 0, 6), (0, 1, 5), (1, 1, 4)],
            2,
            2,
            [(0, 0, "split", True), (0, 1, "split and merged", False), (1, 1, "merged", False)],
        ),
        # Two fifths of each are too little for a relation.
        (
            [(0, 0, 6), (0, 1, 4), (1, 1, 6)],
            2,
            2,
            [(0, 0, "kept", True), (1, 1, "kept", True)],
        ),
        ([(0, -1, 5), (-1, 0, 5)], 1, 1, [(0, None, "gone", False), (None, 0, "born", False)]),
        # Nothing in common at all.
        ([], 2, 1, [(0, None, "gone", False), (1, None, "gone", False), (None, 0, "born", False)]),
        ([], 0, 0, []),
        # The main part of 0 fell to pieces: 1 is a part that split off it.
        (
            [(0, 1, 30), (0, 2, 35), (0, 3, 35), (-1, 1, 5), (-1, 2, 65), (-1, 3, 65)],
            1,
            4,
            [(0, 1, "split", False), *[(None, b, "born", False) for b in (0, 2, 3)]],
        ),
    ],
)  # fmt: skip
def test_events(rows, n_a, n_b, expected):
    assert traced(rows, n_a, n_b) == expected


def test_shares_are_of_the_shared_weight_noise_included():
    found = lineage(pd.DataFrame([(0, 0, 6), (0, -1, 2)], columns=["a", "b", "weight"]), 1, 1)
    columns = ["weight_of_a", "weight_of_b", "share_of_a", "share_of_b"]
    assert found.loc[0, columns].tolist() == [6, 6, 0.75, 1.0]


def test_relations_of_runs_with_other_listings():
    """Each share is of the weight of its own run; a match needs listings of both in the other."""
    columns = ["a", "b", "weight_of_a", "weight_of_b"]
    rows = [(0, 0, 8, 30), (0, -1, 2, 0), (-1, 0, 0, 90), (1, 1, 5, 0), (-1, 1, 0, 7)]
    found = lineage(pd.DataFrame(rows, columns=columns), 2, 2)
    assert found["event"].tolist() == ["kept", "merged"]
    assert found["continues"].tolist() == [True, False]
    assert found[["share_of_a", "share_of_b"]].to_numpy().tolist() == [[0.8, 0.25], [1.0, 0.0]]


def test_the_same_run_is_kept_throughout():
    labels = np.array([0, 1, 1, -1, 2])
    found = lineage(overlap(labels, labels, np.arange(1, 6)), 3, 3)
    assert (found["event"] == "kept").all()
    assert (found["a"] == found["b"]).all()


def test_ids_are_carried_on():
    rows = [(0, 1, 4), (0, 2, 6), (1, 0, 5)]
    found = lineage(pd.DataFrame(rows, columns=["a", "b", "weight"]), 2, 4)
    assert carried_ids(found, np.array([7, 3]), 4).tolist() == [3, 8, 7, 9]
    assert carried_ids(found, np.array([7, 3]), 4, first_free=20).tolist() == [3, 20, 7, 21]


def places(rows):
    table = pd.DataFrame(rows, columns=["lat", "lon", "units"])
    return table.astype({"units": "int64"})


def shared(a, b, decimals=None):
    found = common_places(places(a), places(b), decimals)
    return list(zip(*(each.tolist() for each in found), strict=True))


def test_as_many_as_both_have_at_a_place():
    a = [(1.0, 2.0, 5), (1.0, 3.0, 2), (4.0, 4.0, 1)]
    b = [(1.0, 2.0, 3), (1.0, 3.0, 9), (4.0, 5.0, 1)]
    assert shared(a, b) == [(0, 0, 3), (1, 1, 2)]
    assert shared(a, a) == [(0, 0, 5), (1, 1, 2), (2, 2, 1)]
    assert shared(a, b[::-1]) == [(0, 2, 3), (1, 1, 2)]
    assert shared(a, []) == []


def test_rounded_alike_before_places_are_compared():
    a = [(1.001, 179.9996, 6), (1.0012, 179.9999, 3), (50.0, 7.0, 1)]
    b = [(1.0, -180.0, 6)]
    # Two locations of a are one place of weight 9, of which b has 6: 2/3 and 1/3 of that.
    assert shared(a, b, decimals=2) == [(0, 0, 4), (1, 0, 2)]
    assert shared(a, b, decimals=4) == []
    # Half up and poles as `gclust.listings.validate.normalise` has them.
    assert shared([(-1.5, 0.5, 1), (89.9, 50.0, 1)], [(-1.0, 1.0, 1), (90.0, 0.0, 1)], 0) == [
        (0, 0, 1),
        (1, 1, 1),
    ]


def test_large_weights_are_not_rounded():
    large = (1 << 62) + 1
    assert shared([(0.0, 0.0, large)], [(0.0, 0.0, large), (1.0, 0.0, 1)]) == [(0, 0, large)]
