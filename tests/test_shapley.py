"""Shapley values: their axioms, a slow twin, and rounded values that add up to the last bit."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import permutations

import pytest

from gclust.ranking.shapley import coalitions, exact_step, in_steps, shapley

FACTORS = ("data", "formation", "kinds", "weights")


def game(seed: int, factors=FACTORS) -> dict[frozenset[str], Fraction]:
    rng = random.Random(seed)
    return {each: Fraction(rng.uniform(-20, 20)) for each in coalitions(factors)}


def test_every_coalition_once():
    found = list(coalitions("abc"))
    assert found == list(map(frozenset, ["", "a", "b", "c", "ab", "ac", "bc", "abc"]))


def test_values_are_means_over_all_orders():
    value = game(1)
    expected = dict.fromkeys(FACTORS, Fraction(0))
    orders = list(permutations(FACTORS))
    for order in orders:
        for place, factor in enumerate(order):
            before = frozenset(order[:place])
            expected[factor] += (value[before | {factor}] - value[before]) / len(orders)
    assert shapley(value, FACTORS) == expected


@pytest.mark.parametrize("factors", [(), ("kinds",), ("data", "kinds"), FACTORS])
def test_efficiency(factors):
    value = game(2, factors)
    whole = value[frozenset(factors)] - value[frozenset()]
    assert sum(shapley(value, factors).values(), Fraction(0)) == whole


def test_symmetry():
    value = game(3)
    swap = {"data": "kinds", "kinds": "data"}
    for each in list(value):
        value[each] = value[min(each, frozenset(swap.get(p, p) for p in each), key=sorted)]
    values = shapley(value, FACTORS)
    assert values["data"] == values["kinds"] != values["weights"]


def test_a_factor_without_effect_has_the_value_zero():
    value = game(4)
    for each in coalitions(FACTORS):
        value[each] = value[each - {"weights"}]
    assert shapley(value, FACTORS)["weights"] == 0
    others = shapley(value, FACTORS[:3])
    assert {factor: shapley(value, FACTORS)[factor] for factor in FACTORS[:3]} == others


def test_additivity():
    one, two = game(5), game(6)
    both = shapley({each: one[each] + two[each] for each in one}, FACTORS)
    a, b = shapley(one, FACTORS), shapley(two, FACTORS)
    assert both == {factor: a[factor] + b[factor] for factor in FACTORS}


def test_rounded_values_add_up_to_the_last_bit_in_any_order():
    for seed in range(50):
        scale = 10.0 ** random.Random(seed).randint(-9, 9)
        value = {each: v * Fraction(scale) for each, v in game(seed).items()}
        step = exact_step(max(abs(float(v)) for v in value.values()))
        value = {each: round(v / step) * step for each, v in value.items()}
        values = shapley(value, FACTORS)
        rounded = in_steps(values, step)
        whole = float(value[frozenset(FACTORS)]) - float(value[frozenset()])
        for order in permutations(rounded.values()):
            total = 0.0
            for part in order:
                total += part
            assert total == whole
        assert all(abs(Fraction(rounded[p]) - values[p]) < step for p in FACTORS)


def test_remaining_steps_go_to_the_largest_remainders():
    thirds = {"a": Fraction(1, 3), "b": Fraction(1, 3), "c": Fraction(4, 3)}
    assert in_steps(thirds, Fraction(1)) == {"a": 1.0, "b": 0.0, "c": 1.0}
    assert in_steps({"a": Fraction(-1, 2), "b": Fraction(1, 2)}, Fraction(1)) == {"a": 0, "b": 0}
    with pytest.raises(ValueError, match="1/3 steps more"):
        in_steps({"a": Fraction(1, 3)}, Fraction(1))


def test_step_of_zero_and_of_powers_of_two():
    assert exact_step(1.0) == Fraction(1, 2**47)
    assert in_steps(dict.fromkeys("ab", Fraction(0)), exact_step(0.0)) == {"a": 0.0, "b": 0.0}
