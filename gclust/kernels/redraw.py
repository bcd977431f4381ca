"""Records drawn anew: how often each, and what locations then weigh."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import kernel
from gclust.kernels._pieces import cut_evenly, even_cuts, run_pieces, unreported
from gclust.kernels.philox import poisson

SINGLE, WEIGHT, REST = 1, 2, 3
"""Purposes: records one by one, weight without records at a place, and the world's rest."""

MOST = 255
"""Times that a record is drawn at most; a Poisson number of mean one is above 60 with a
probability below 1e-80."""

PIECE = 1 << 19
"""Records, or rows, in a piece."""


class Listed(NamedTuple):
    """What records add at locations, location by location."""

    starts: NDArray[np.int64]
    """(n + 1,) first row of each location, and their number."""
    record: NDArray[np.int32]
    """(m,)"""
    kind: NDArray[np.uint8]
    """(m,)"""
    density: NDArray[np.int64]
    """(m,) what a row adds to the density each time that its record is drawn."""
    credit: NDArray[np.int64]
    """(m,) what it adds to the count of its kind."""


@kernel
def fill_singles(seed, draw, out, first, last):
    """Draw for the records ``first .. last`` how often each is there."""
    for item in range(first, last):
        out[item] = min(poisson(1.0, seed, SINGLE, draw, item), MOST)


@kernel
def fill_numbers(mean, seed, purpose, draw, out):
    """Draw Poisson numbers of several means."""
    for item in range(len(mean)):
        out[item] = poisson(mean[item], seed, purpose, draw, item)


@kernel
def weigh_locations(listed, times, density, credits, first, last):
    """Sum what the rows of the locations ``first .. last`` add to density and counts."""
    for at in range(first, last):
        weight = 0
        for i in range(listed.starts[at], listed.starts[at + 1]):
            number = np.int64(times[listed.record[i]])
            if number > 0:
                weight += number * listed.density[i]
                credits[listed.kind[i], at] += number * listed.credit[i]
        density[at] = weight


def draw_singles(n: int, seed: int, draw: int, threads: int) -> NDArray[np.uint8]:
    """Return how often each of ``n`` records is drawn; the same for any number of threads."""
    out = np.empty(n, dtype=np.uint8)
    run_pieces(
        lambda first, last: fill_singles(np.uint64(seed), draw, out, first, last),
        even_cuts(n, PIECE),
        threads,
        unreported,
    )
    return out


def draw_numbers(
    mean: NDArray[np.float64], seed: int, purpose: int, draw: int
) -> NDArray[np.int64]:
    """Return Poisson numbers of several means."""
    out = np.empty(len(mean), dtype=np.int64)
    fill_numbers(mean, np.uint64(seed), purpose, draw, out)
    return out


def weigh(
    listed: Listed, times: NDArray[np.uint8], n_kinds: int, threads: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Weigh locations by the records that were drawn.

    Returns
    -------
    density : ndarray of int64, shape (n,)
    credits : ndarray of int64, shape (n_kinds, n)
    """
    n = len(listed.starts) - 1
    density = np.empty(n, dtype=np.int64)
    credits = np.zeros((n_kinds, n), dtype=np.int64)
    run_pieces(
        lambda first, last: weigh_locations(listed, times, density, credits, first, last),
        cut_evenly(listed.starts, PIECE),
        threads,
        unreported,
    )
    return density, credits
