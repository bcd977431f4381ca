"""Sums of draws in which organisations, or the records of clusters, vary together.

A volume is a gamma number of mean one, by which the expected number of records of an organisation
or a cluster is multiplied. The random numbers are those of `gclust.kernels.resampling.philox`, so
replicates are the same for any number of threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.resampling.amounts import COPIES, gamma
from gclust.kernels.resampling.philox import RECORDS, poisson, uniform_pair
from gclust.parallel import even_chunks, parallel_for

ORGANISATION, ALONE, CELL, VARIED, POWER = 7, 8, 9, 10, 11
"""Streams of random numbers: volumes of organisations, of records without one and of clusters;
copies of records in these; and the power of small gamma numbers.
`gclust.kernels.resampling.amounts`, ``poisson`` and ``random_points`` have the others."""

PLAIN, WHOLE, MULTIPLIED = 0, 1, 2
"""Ways in which a group of records is drawn: one by one, with its organisation, or one by one at
the rate of its organisation's volume."""

CHUNK = 1 << 14
"""Number of volumes or records in a chunk."""


class VariedGroups(NamedTuple):
    """Groups of records that are alike; there are ``g`` groups and ``e`` entries."""

    records: NDArray[np.float64]  # (g,) number of records
    start: NDArray[np.int64]  # (g + 1,) first entry of each group, and ``e``
    cell: NDArray[np.int64]  # (e,) column of the sums
    units: NDArray[np.int64]  # (e,) fixed-point count that one record adds there
    whole: NDArray[np.int64]  # (e,) fixed-point count that all records of the group add there
    part: NDArray[np.float64]  # (e,) part of a record that varies with the volume of the column
    way: NDArray[np.int8]  # (g,) `PLAIN`, `WHOLE` or `MULTIPLIED`
    item: NDArray[np.int64]  # (g,) organisation, -1 for none


class Law(NamedTuple):
    """How organisations and clusters vary."""

    n_items: int  # number of organisations
    cv: float  # coefficient of variation of the volumes of organisations
    cell_cv: NDArray[np.float64]  # (c,) the same of the first columns: cluster by kind


@helper
def volume(cv, seed, stream, draw, item):
    """Return a gamma random number of mean one and coefficient of variation ``cv``; one for 0.

    A shape below one is that above it by one, times a power of a uniform number (Marsaglia and
    Tsang 2000, section 6).
    """
    if cv <= 0.0:
        return 1.0
    shape = 1.0 / (cv * cv)
    if shape >= 1.0:
        return gamma(shape, seed, stream, draw, item) / shape
    u, _ = uniform_pair(seed, POWER, draw, item, stream)
    return gamma(shape + 1.0, seed, stream, draw, item) * (1.0 - u) ** (1.0 / shape) / shape


@kernel
def fill_volumes(cv, seed, stream, draw, out, first, last):
    """Fill ``out[first:last]``, float64, with volumes of the variations ``cv`` (n,) float64."""
    for item in range(first, last):
        out[item] = volume(cv[item], seed, stream, draw, item)


@kernel
def fill_copies_of_means(mean, seed, draw, out, first, last):
    """Fill ``out[first:last]``, uint8, with the copies of records of expected numbers ``mean``."""
    for item in range(first, last):
        out[item] = min(poisson(mean[item], seed, VARIED, draw, item), 255)


@helper
def mean_of(groups, group, times, cells):
    """Return the expected number of records of a group, whose own volume is ``times``."""
    rate = 1.0
    for k in range(groups.start[group], groups.start[group + 1]):
        if groups.part[k] > 0.0:
            rate += groups.part[k] * (cells[groups.cell[k]] - 1.0)
    return groups.records[group] * times * rate


@kernel
def draw_varied_sums(groups, law, seed, draws, sums, first, last):
    """Add what groups of records contribute to the sums of the draws ``draws[first:last]``.

    ``groups`` is a `VariedGroups`, ``law`` a `Law`; ``sums`` (draws, columns) int64. All records
    of an organisation that is drawn as a whole occur as often as it does.
    """
    copies, volumes = np.ones(law.n_items), np.ones(law.n_items)
    cells = np.ones(len(law.cell_cv))
    for at in range(first, last):
        draw = draws[at]
        for item in range(law.n_items):
            copies[item] = poisson(1.0, seed, COPIES, draw, item)
            volumes[item] = volume(law.cv, seed, ORGANISATION, draw, item)
        for cell in range(len(cells)):
            cells[cell] = volume(law.cell_cv[cell], seed, CELL, draw, cell)
        for group in range(len(groups.records)):
            item, way = groups.item[group], groups.way[group]
            if way == WHOLE and item >= 0:
                number = np.int64(copies[item])
                for k in range(groups.start[group], groups.start[group + 1]):
                    sums[at, groups.cell[k]] += number * groups.whole[k]
                continue
            times = 1.0
            if way == MULTIPLIED and item >= 0:
                times = volumes[item]
            elif way == MULTIPLIED:
                cv = law.cv / math.sqrt(max(groups.records[group], 1.0))
                times = volume(cv, seed, ALONE, draw, group)
            mean = mean_of(groups, group, times, cells)
            number = poisson(mean, seed, RECORDS, draw, group)
            if number > 0:
                for k in range(groups.start[group], groups.start[group + 1]):
                    sums[at, groups.cell[k]] += number * groups.units[k]


def draw_volumes(
    cv: NDArray[np.float64], seed: int, stream: int, draw: int, threads: int
) -> NDArray[np.float64]:
    """Return volumes of given coefficients of variation, (n,), from a numbered random stream.

    ``stream`` is a constant of this module such as `ORGANISATION`.
    """
    out = np.empty(len(cv))
    chunks = even_chunks(len(cv), CHUNK)
    parallel_for(chunks, threads, fill_volumes, cv, np.uint64(seed), stream, draw, out)
    return out


def draw_copies_of_means(
    mean: NDArray[np.float64], seed: int, draw: int, threads: int
) -> NDArray[np.uint8]:
    """Return the number of copies of records of given expected numbers, (n,)."""
    out = np.empty(len(mean), dtype=np.uint8)
    chunks = even_chunks(len(mean), CHUNK)
    parallel_for(chunks, threads, fill_copies_of_means, mean, np.uint64(seed), draw, out)
    return out
