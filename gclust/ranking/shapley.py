"""Shapley values: the contribution of each factor to the joint effect of all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

Coalition = frozenset[str]
SPARE_BITS = 48
"""Bits of the largest value that `exact_step` keeps, so that sums of 32 numbers are exact."""


def coalitions(factors: Sequence[str]) -> Iterator[Coalition]:
    """Yield all sets of factors, smaller sets first, in the order of the factors."""
    for size in range(len(factors) + 1):
        yield from map(frozenset, combinations(factors, size))


def shapley(value: Mapping[Coalition, Fraction], factors: Sequence[str]) -> dict[str, Fraction]:
    """Return the Shapley value of each factor (Shapley 1953, equation 12) as an exact fraction.

    It is the effect that the factor adds to those before it, averaged over all orders of the
    factors. Shapley values are the only ones that add up to the effect of all factors
    (efficiency), are equal for factors with the same effects (symmetry), zero for a factor
    without effect (dummy), and add up when two effects do (additivity).

    Parameters
    ----------
    value : mapping
        Set of factors -> value, for every set, the empty one included, which may have any
        value.

    Returns
    -------
    dict
        Factor -> Shapley value; their sum is ``value[all] - value[none]``.

    Examples
    --------
    >>> value = {frozenset(): 0, frozenset("a"): 2, frozenset("b"): 4, frozenset("ab"): 9}
    >>> {factor: str(each) for factor, each in shapley(value, "ab").items()}
    {'a': '7/2', 'b': '11/2'}
    """
    values = dict.fromkeys(factors, Fraction(0))
    for before in coalitions(factors):
        for factor in factors:
            if factor not in before:
                step = Fraction(value[before | {factor}]) - Fraction(value[before])
                values[factor] += step * _weight(len(before), len(factors))
    return values


def _weight(before: int, factors: int) -> Fraction:
    """Return the fraction of orders in which a factor comes right after a given set of others."""
    return Fraction(1, factors * math.comb(factors - 1, before))


def exact_step(largest: float) -> Fraction:
    """Return a step size whose multiples, up to ``largest``, add up exactly in float64.

    It is a power of two, about 4e-15 of the largest absolute value, which is finite.
    """
    exponent = math.frexp(largest)[1] - SPARE_BITS
    return Fraction(2) ** exponent


def in_steps(values: Mapping[str, Fraction], step: Fraction) -> dict[str, float]:
    """Round values to multiples of a step, without changing their sum.

    All are rounded down; the remaining steps go to the values with the largest remainders, of
    equal ones to the first. With a step from `exact_step` the floats add up exactly in any order.
    Raises ValueError if the sum is no whole number of steps.
    """
    scaled = {name: value / step for name, value in values.items()}
    whole = {name: math.floor(value) for name, value in scaled.items()}
    left = sum(scaled.values(), Fraction(0)) - sum(whole.values())
    if left.denominator != 1:
        raise ValueError(
            f"the values add up to {left} steps more than the values rounded down to multiples of"
            " step; expected a whole number of steps: values whose sum is a multiple of step"
        )
    # Stable: among equal remainders the order of the names decides.
    for name in sorted(scaled, key=lambda name: whole[name] - scaled[name])[: int(left)]:
        whole[name] += 1
    return {name: float(steps * step) for name, steps in whole.items()}
