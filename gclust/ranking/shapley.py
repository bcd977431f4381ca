"""Shapley values: what each of several changes has of the effect of all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

Coalition = frozenset[str]
SPARE_BITS = 48
"""Bits of the largest value that `exact_step` keeps: sums of 32 such numbers stay exact."""


def coalitions(factors: Sequence[str]) -> Iterator[Coalition]:
    """Yield all sets of factors, the smaller ones first, in the order of the factors."""
    for size in range(len(factors) + 1):
        yield from map(frozenset, combinations(factors, size))


def shapley(value: Mapping[Coalition, Fraction], factors: Sequence[str]) -> dict[str, Fraction]:
    """Shapley value of each factor (Shapley 1953, equation 12), in exact fractions.

    The part of a factor is what it adds to those before it, averaged over all orders in
    which the factors may come. These are the only parts that add up to the effect of all
    (efficiency), are equal for factors that do the same (symmetry), zero for one that
    changes nothing (dummy), and add up when two effects do (additivity).

    Parameters
    ----------
    value : mapping
        Set of factors -> value, for every set, the empty one included, which may have any
        value.
    factors : sequence of str

    Returns
    -------
    dict
        Player -> part; together ``value[all] - value[none]``.

    Examples
    --------
    >>> value = {frozenset(): 0, frozenset("a"): 2, frozenset("b"): 4, frozenset("ab"): 9}
    >>> {factor: str(part) for factor, part in shapley(value, "ab").items()}
    {'a': '7/2', 'b': '11/2'}
    """
    parts = dict.fromkeys(factors, Fraction(0))
    for before in coalitions(factors):
        for factor in factors:
            if factor not in before:
                step = Fraction(value[before | {factor}]) - Fraction(value[before])
                parts[factor] += step * _weight(len(before), len(factors))
    return parts


def _weight(before: int, factors: int) -> Fraction:
    """Share of all orders in which a factor comes just after a given set of others."""
    return Fraction(1, factors * math.comb(factors - 1, before))


def exact_step(largest: float) -> Fraction:
    """Step of numbers up to a largest one whose sums and differences are exact in float64.

    Parameters
    ----------
    largest : float
        The largest absolute value, finite.

    Returns
    -------
    Fraction
        A power of two, about 4e-15 of the largest.
    """
    exponent = math.frexp(largest)[1] - SPARE_BITS
    return Fraction(2) ** exponent


def in_steps(parts: Mapping[str, Fraction], step: Fraction) -> dict[str, float]:
    """Round parts to whole steps so that they still add up to their sum.

    All are rounded down; the steps that are left over go to those that lost most, of equal
    ones to the first.

    Parameters
    ----------
    parts : mapping
        Name -> part; together a whole number of steps.
    step : Fraction
        From `exact_step`, so that the floats add up exactly in any order.

    Returns
    -------
    dict of float

    Raises
    ------
    ValueError
        If the parts do not add up to whole steps.
    """
    scaled = {name: part / step for name, part in parts.items()}
    whole = {name: math.floor(part) for name, part in scaled.items()}
    left = sum(scaled.values(), Fraction(0)) - sum(whole.values())
    if left.denominator != 1:
        raise ValueError(f"the parts add up to {left} steps more than whole ones")
    # Stable: among equal remainders the order of the names decides.
    for name in sorted(scaled, key=lambda name: whole[name] - scaled[name])[: int(left)]:
        whole[name] += 1
    return {name: float(steps * step) for name, steps in whole.items()}
