"""Histograms of the great-circle distances between all pairs of points, and draws of points.

Pairs are counted in bins by whole numbers, so that no sum depends on its order. A bin is found
from a table by the chord, and corrected by the reduced distances (keys) of its edges, which
decide.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.resampling.philox import uniform_pair
from gclust.kernels.sphere import fill_vectors, key_of_angle, separation
from gclust.parallel import even_chunks, parallel_for
from gclust.sphere import EARTH_RADIUS_KM

CHOOSING = 21
"""Stream of random numbers; `gclust.kernels.resampling.poisson` has others."""

GUESSES = 1 << 16
"""Number of entries of the table from chords to bins."""

ROWS = 64
"""Number of points in a chunk, each with all later points."""


class DistanceBins(NamedTuple):
    """``b`` bins of equal width in km from 0; the last one also has all longer distances."""

    edge: NDArray[np.float64]  # (b + 1,) key of the lower edge of each bin, and infinity
    guess: NDArray[np.int64]  # (g,) bin of the shortest chord of each entry
    scale: float  # entries of ``guess`` per chord
    width_km: float


@helper
def bin_at(key, bins):
    """Return the bin of a reduced distance."""
    entry = len(bins.guess) - 1
    if key < 2.0:
        entry = min(np.int64(math.sqrt(key) * bins.scale), entry)
    at = bins.guess[entry]
    while at < len(bins.edge) - 2 and bins.edge[at + 1] <= key:
        at += 1
    return at


@kernel
def count_pairs(vectors, chosen, weight, bins, counts, first, last):
    """Add the pairs of the points ``first .. last`` with all later ones to ``counts``.

    ``vectors`` (n, 3) float64; ``chosen`` (m,) int64 are the points that take part, and
    ``weight`` (m,) int64 their weights. ``counts`` (2, b) int64 takes the number of pairs in each
    bin, and the sum of the products of their weights.
    """
    for i in range(first, last):
        x, y, z = vectors[chosen[i], 0], vectors[chosen[i], 1], vectors[chosen[i], 2]
        for j in range(i + 1, len(chosen)):
            k = chosen[j]
            key = separation(x, y, z, vectors[k, 0], vectors[k, 1], vectors[k, 2])
            at = bin_at(key, bins)
            counts[0, at] += 1
            counts[1, at] += weight[i] * weight[j]


@kernel
def choose(key, chosen, order):
    """Fill ``chosen`` (m,) int64 with different numbers of n at random, in random order.

    ``key`` is the seed (uint64) and the number of the draw; ``order`` (n,)
    int64 is a workspace (Fisher and Yates).
    """
    seed, draw = key
    n = len(order)
    for i in range(n):
        order[i] = i
    for i in range(len(chosen)):
        u, _ = uniform_pair(seed, CHOOSING, draw, i, 0)
        j = i + min(np.int64(u * (n - i)), n - i - 1)
        order[i], order[j] = order[j], order[i]
        chosen[i] = order[i]


@kernel
def smooth(counts, middle, bandwidth, at, out):
    """Fill ``out`` (d,) with Gaussian kernel sums at the distances ``at``, reflected at zero.

    ``counts`` (b,) int64 are those of bins with the centres ``middle`` (b,), equally far apart.
    The result is per km and has the integral of the counts over all positive distances. Beyond
    six bandwidths the kernel is zero.
    """
    scale = 1.0 / (bandwidth * math.sqrt(2.0 * math.pi))
    reach, n = 6.0 * bandwidth, len(middle)
    for i in range(len(at)):
        total = 0.0
        first = max(np.int64((at[i] - reach) / (2.0 * middle[0])), 0)
        last = min(np.int64((at[i] + reach) / (2.0 * middle[0])) + 1, n)
        for b in range(first, last):
            if counts[b]:
                near = (at[i] - middle[b]) / bandwidth
                total += counts[b] * math.exp(-0.5 * near * near)
        last = min(max(np.int64((reach - at[i]) / (2.0 * middle[0])) + 1, 0), n)
        for b in range(last):
            if counts[b]:
                far = (at[i] + middle[b]) / bandwidth
                total += counts[b] * math.exp(-0.5 * far * far)
        out[i] = total * scale


def distance_bins(width_km: float, n_bins: int) -> DistanceBins:
    """Return bins of equal width."""
    edge = np.empty(n_bins + 1)
    for number in range(n_bins):
        edge[number] = key_of_angle(number * width_km / EARTH_RADIUS_KM)
    edge[n_bins] = np.inf
    longest = math.sqrt(min(edge[n_bins - 1] if n_bins > 1 else 2.0, 2.0))
    scale = GUESSES / max(longest, 1e-12)
    # A little shorter, so that no rounding makes a guess too high: bins are searched upwards.
    shortest = (np.arange(GUESSES) / scale) ** 2 * (1.0 - 1e-12)
    guess = np.searchsorted(edge, shortest, side="right") - 1
    return DistanceBins(edge, guess.astype(np.int64), scale, width_km)


def vectors_of(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vectors of points in degrees, shape (n, 3)."""
    vectors = np.empty((len(lat), 3))
    fill_vectors(lat, lon, 1.0, 0.0, vectors, 0, len(lat))
    return vectors


def pair_counts(
    vectors: NDArray[np.float64],
    chosen: NDArray[np.int64],
    weight: NDArray[np.int64],
    bins: DistanceBins,
    threads: int,
) -> NDArray[np.int64]:
    """Return the number of pairs and the sum of the products of weights by bin, shape (2, b)."""
    free: list[NDArray[np.int64]] = []

    def work(first: int, last: int) -> None:
        try:
            counts = free.pop()
        except IndexError:
            counts = np.zeros((2, len(bins.edge) - 1), dtype=np.int64)
        count_pairs(vectors, chosen, weight, bins, counts, first, last)
        free.append(counts)

    parallel_for(even_chunks(len(chosen), ROWS), threads, work)
    return np.sum(free, axis=0)


def chosen_points(n: int, m: int, seed: int, draw: int) -> NDArray[np.int64]:
    """Return ``m`` different numbers below ``n`` at random; the same for the same seed and draw."""
    chosen = np.empty(m, dtype=np.int64)
    choose((np.uint64(seed), draw), chosen, np.empty(n, dtype=np.int64))
    return chosen
