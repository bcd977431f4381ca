from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gclust.cluster.fixed_point import UNIT, threshold_units, to_units


def test_fractions_of_up_to_22_parts_are_exact():
    for parts in range(1, 23):
        shares = to_units([1 / parts] * parts)
        assert shares.sum() == UNIT
        assert set(shares.tolist()) == {UNIT // parts}


def test_large_whole_weights_are_exact():
    weights = [2**53 / 2**20 + 1, 39_000_001, 10**10 + 1]
    assert to_units(weights).tolist() == [int(w) * UNIT for w in weights]


@given(st.floats(0, 1e9))
def test_weights_round_to_the_nearest_unit(weight):
    assert abs(Fraction(int(to_units([weight])[0]), UNIT) - Fraction(weight)) <= Fraction(
        1, 2 * UNIT
    ) * (1 + Fraction(1, 10**6))


def test_the_largest_total_fits_and_a_larger_one_is_refused():
    assert to_units([3.9e10]).tolist() == [39_000_000_000 * UNIT]
    with pytest.raises(ValueError, match=r"add up to 3\.90004e\+10"):
        to_units([3.9e10, 4e5])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -0.5], r"weight -0\.5 of row 1 is negative"),
        ([np.nan], "weight nan of row 0 is not finite"),
        ([1, 2, np.inf], "weight inf of row 2 is not finite"),
        ([[1, 2]], r"shape \(1, 2\)"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        to_units(weights)


def test_thresholds():
    assert threshold_units(1) == UNIT
    assert threshold_units(np.float32(2.5)) == 5 * UNIT // 2
    assert threshold_units(4500) == 4500 * UNIT
    assert threshold_units(39_000_000_000) == 39_000_000_000 * UNIT


@pytest.mark.parametrize("wrong", [0, 0.999, -3, np.nan, np.inf, 4e10, "5", None, True])
def test_bad_thresholds_are_named(wrong):
    with pytest.raises(
        ValueError, match=r"min_samples must be a number from 1 .*not " + repr(wrong)
    ):
        threshold_units(wrong)
