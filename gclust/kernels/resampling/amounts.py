"""Random multipliers of amounts: gamma numbers of mean one, or counts of a Poisson bootstrap.

The random numbers are those of `gclust.kernels.resampling.philox`, so replicates are the same for
any number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper, kernel
from gclust.kernels.resampling.philox import poisson, uniform_pair
from gclust.parallel import even_chunks, parallel_for

GAMMA, COPIES = 5, 6
"""Streams of random numbers for gamma numbers and for copies of organisations;
`gclust.kernels.resampling.poisson` and ``random_points`` have the others."""

CHUNK = 1 << 14
"""Number of multipliers in a chunk."""


@helper
def gamma(shape, seed, stream, draw, item):
    """Return a gamma random number of a shape of at least one, and of scale one.

    Marsaglia and Tsang (2000), "A simple method for generating gamma variables", ACM
    Transactions on Mathematical Software 26: the cube of a normal number near one, and
    few are rejected. Normal numbers are those of Box and Muller (1958).
    """
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    attempt = 0
    while True:
        u, v = uniform_pair(seed, stream, draw, item, 2 * attempt)
        w, _ = uniform_pair(seed, stream, draw, item, 2 * attempt + 1)
        x = math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(2.0 * math.pi * v)
        t = c * x
        if t > -1.0:
            # d (1 - v + log v) of v = (1 + t) ** 3, in terms that do not cancel for small t.
            bound = 0.5 * x * x + d * (3.0 * (math.log1p(t) - t) - t * t * (3.0 + t))
            if math.log(1.0 - w) < bound:
                return d * (1.0 + t) ** 3
        attempt += 1


@kernel
def fill_multipliers(cv, seed, draw, out, first, last):
    """Fill ``out[first:last]``, float64, with the multipliers of amounts in a replicate.

    ``cv`` (n,) float64 is the coefficient of variation of each gamma number, 0 where a Poisson
    number of mean one is drawn instead.
    """
    for item in range(first, last):
        if cv[item] > 0.0:
            shape = 1.0 / (cv[item] * cv[item])
            out[item] = gamma(shape, seed, GAMMA, draw, item) / shape
        else:
            out[item] = poisson(1.0, seed, COPIES, draw, item)


def draw_multipliers(
    cv: NDArray[np.float64], seed: int, draw: int, threads: int
) -> NDArray[np.float64]:
    """Return the multipliers of amounts in a replicate, (n,); see `fill_multipliers`."""
    out = np.empty(len(cv))
    chunks = even_chunks(len(cv), CHUNK)
    parallel_for(chunks, threads, fill_multipliers, cv, np.uint64(seed), draw, out)
    return out
