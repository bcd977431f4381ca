"""Counter-based random numbers, each a function of seed, stream, draw and item.

Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1,
2, 3", SC11) scrambles a counter of four words under a key of two. There is no state: on any
thread, the number of an item in a draw does not depend on the other numbers drawn.
"""

from __future__ import annotations

import math

import numpy as np

from gclust.kernels._jit import helper, kernel

RECORDS = 0
"""Stream of random numbers for groups of records; different streams are independent."""

INVERSION_BELOW = 10.0
"""Means below this use inversion, which takes about as many steps as the mean."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLY = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_FIRST, _SECOND = np.uint64(5), np.uint64(6)
_BITS = np.uint64(26)
_STREAM = np.uint64(24)


@helper
def scramble(c0, c1, c2, c3, k0, k1):
    """Return the Philox4x32-10 words of a counter and a key: four of 32 bits, each in a uint64."""
    for _ in range(10):
        p0 = _MULTIPLY[0] * c0
        p1 = _MULTIPLY[1] * c2
        c0, c1 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW
        c2, c3 = (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _WEYL[0]) & _LOW
        k1 = (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3


@helper
def uniform_pair(seed, stream, draw, item, attempt):
    """Return two uniform random numbers in [0, 1), with 53 bits each."""
    key, at = np.uint64(seed), np.uint64(item)
    second = (np.uint64(stream) << _STREAM) + np.uint64(attempt)
    a, b, c, d = scramble(
        np.uint64(draw) & _LOW, second, at & _LOW, at >> _HALF, key & _LOW, key >> _HALF
    )
    u = np.float64(((a >> _FIRST) << _BITS) | (b >> _SECOND)) * 2.0**-53
    v = np.float64(((c >> _FIRST) << _BITS) | (d >> _SECOND)) * 2.0**-53
    return u, v


@helper
def poisson(mean, seed, stream, draw, item):
    """Return a Poisson random number, by inversion or, for large means, transformed rejection.

    The latter is PTRS of Hörmann (1993), "The transformed rejection method for generating
    Poisson random variables", Insurance: Mathematics and Economics 12.
    """
    u, v = uniform_pair(seed, stream, draw, item, 0)
    if mean < INVERSION_BELOW:
        term = math.exp(-mean)
        below = term
        count = 0
        while u >= below and term > 0.0:
            count += 1
            term *= mean / count
            below += term
        return count
    root = math.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    accept = 0.9277 - 3.6224 / (b - 2.0)
    attempt = 0
    while True:
        edge = 0.5 - abs(u - 0.5)
        if edge > 0.0:
            wanted = math.floor((2.0 * a / edge + b) * (u - 0.5) + mean + 0.43)
            if edge >= 0.07 and v <= accept:
                return np.int64(wanted)
            if wanted >= 0.0 and (edge >= 0.013 or v <= edge):
                scale = (1.1239 + 1.1328 / (b - 3.4)) / (a / (edge * edge) + b)
                bound = wanted * math.log(mean) - mean - math.lgamma(wanted + 1.0)
                if v == 0.0 or math.log(v * scale) <= bound:
                    return np.int64(wanted)
        attempt += 1
        u, v = uniform_pair(seed, stream, draw, item, attempt)


@kernel
def fill_words(counters, keys, out):
    """Fill ``out`` (n, 4) with Philox words of ``counters`` (n, 4) and ``keys`` (n, 2), uint64.

    Used to test against the numbers published by the paper's authors.
    """
    for i in range(len(counters)):
        c, k = counters[i], keys[i]
        out[i] = scramble(c[0], c[1], c[2], c[3], k[0], k[1])


@kernel
def fill_poisson(mean, seed, stream, draw, out, first, last):
    """Fill ``out[first:last]``, int64, with Poisson random numbers of a given mean."""
    for item in range(first, last):
        out[item] = poisson(mean, seed, stream, draw, item)


@kernel
def draw_sums(times, start, cell, units, seed, draws, sums, first, last):
    """Add what groups of records contribute to the sums of the draws ``draws[first:last]``.

    The records of a group are exchangeable: the group adds to each of its cells the contribution
    of one record, times a Poisson random number with mean ``times`` (g,) float64, the number of
    its records. ``start`` (g + 1,) int64 is its first entry in ``cell`` and ``units`` (e,) int64:
    column of ``sums`` (draws, columns) int64, and fixed-point weight that a record adds there.
    """
    for draw in range(first, last):
        for group in range(len(times)):
            number = poisson(times[group], seed, RECORDS, draws[draw], group)
            if number > 0:
                for k in range(start[group], start[group + 1]):
                    sums[draw, cell[k]] += number * units[k]
