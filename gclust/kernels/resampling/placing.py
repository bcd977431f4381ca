"""Random placing of units by a baseline, and the largest standardised excess of each draw.

Locations of the baseline are drawn by Walker's alias method as Vose (1991, "A linear algorithm
for generating random numbers with a given distribution", IEEE Trans. Softw. Eng. 17) sets it up:
one uniform number chooses a location, a second one the location or its alias.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels.resampling.philox import uniform_pair
from gclust.parallel import parallel_for

PLACING = 20
"""Stream of random numbers; `gclust.kernels.resampling.poisson` has others."""


class PlacedUnits(NamedTuple):
    """``u`` units that are placed as a whole."""

    weight: NDArray[np.int64]  # (u,) fixed point
    stratum: NDArray[np.int32]  # (u,) the stratum of the baseline within which each is placed


class AliasTable(NamedTuple):
    """``b`` locations of a baseline by ``s`` strata, ready to be drawn from."""

    begin: NDArray[np.int64]  # (s + 1,) first location of each stratum
    accept: NDArray[np.float64]  # (b,) probability with which a chosen location is kept
    alias: NDArray[np.int64]  # (b,) otherwise this one is taken


class PlacesNear(NamedTuple):
    """The places within the radius of each of ``b`` locations."""

    start: NDArray[np.int64]  # (b + 1,) first entry of each location in ``place``
    place: NDArray[np.int32]  # (m,) numbers of places


class MeasuredPlaces(NamedTuple):
    """``j`` places at which excess is measured."""

    observed: NDArray[np.int64]  # (j,) weight within the radius
    expected: NDArray[np.float64]  # (j,) its expectation under the baseline
    scale: NDArray[np.float64]  # (j,) standard deviation by which excess is divided


@kernel
def fill_alias(weight, begin, accept, alias, work):
    """Fill the alias table of every stratum; ``weight`` (b,) float64 and its total are above 0.

    ``work`` (b,) int64 takes the locations that are not done yet: light ones from the left,
    heavy ones from the right.
    """
    for s in range(len(begin) - 1):
        first, last = begin[s], begin[s + 1]
        total = 0.0
        for k in range(first, last):
            total += weight[k]
        light, heavy = first, last
        for k in range(first, last):
            accept[k] = weight[k] * (last - first) / total
            alias[k] = k
            if accept[k] < 1.0:
                work[light] = k
                light += 1
            else:
                heavy -= 1
                work[heavy] = k
        while light > first and heavy < last:
            light -= 1
            small, large = work[light], work[heavy]
            alias[small] = large
            accept[large] -= 1.0 - accept[small]
            if accept[large] < 1.0:
                heavy += 1
                work[light] = large
                light += 1
        for k in range(first, light):  # rounding left them
            accept[work[k]] = 1.0


@kernel
def place_units(units, table, near, key, sums):
    """Place all units at random, and fill ``sums`` (j,) int64 with the weight near each place.

    ``key`` is the seed (uint64) and the number of the draw.
    """
    seed, draw = key
    sums[:] = 0
    for i in range(len(units.weight)):
        u, v = uniform_pair(seed, PLACING, draw, i, 0)
        first = table.begin[units.stratum[i]]
        length = table.begin[units.stratum[i] + 1] - first
        k = first + min(np.int64(u * length), length - 1)
        if v >= table.accept[k]:
            k = table.alias[k]
        for entry in range(near.start[k], near.start[k + 1]):
            sums[near.place[entry]] += units.weight[i]


@kernel
def largest_excess(tested, sums, exceeded):
    """Return the largest standardised excess of a draw.

    ``exceeded`` (j,) int64 is increased where the weight is at least that observed.
    """
    largest = -np.inf
    for j in range(len(sums)):
        if sums[j] >= tested.observed[j]:
            exceeded[j] += 1
        excess = (sums[j] - tested.expected[j]) / tested.scale[j]
        if excess > largest:
            largest = excess
    return largest


def alias_table(weight: NDArray[np.float64], begin: NDArray[np.int64]) -> AliasTable:
    """Return the alias table of a baseline, sorted by stratum; weights are above 0."""
    n = len(weight)
    accept, alias = np.empty(n), np.empty(n, dtype=np.int64)
    fill_alias(weight, begin, accept, alias, np.empty(n, dtype=np.int64))
    return AliasTable(begin, accept, alias)


def draw_largest(
    units: PlacedUnits,
    table: AliasTable,
    near: PlacesNear,
    tested: MeasuredPlaces,
    *,
    seed: int,
    draws: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the largest standardised excess of each draw, and how often places exceed theirs.

    The first has shape (draws,), the second (j,): the number of draws whose weight near the place
    is at least that observed. The same seed gives the same numbers on any number of threads.
    """
    n = len(tested.observed)
    largest = np.empty(len(draws))
    free: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def work(first: int, last: int) -> None:
        try:
            sums, exceeded = free.pop()
        except IndexError:
            sums, exceeded = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        for at in range(first, last):
            place_units(units, table, near, (np.uint64(seed), draws[at]), sums)
            largest[at] = largest_excess(tested, sums, exceeded)
        free.append((sums, exceeded))

    parallel_for(np.arange(len(draws) + 1), threads, work, report=report)
    return largest, np.sum([exceeded for _, exceeded in free], axis=0)
