"""Excess variance of counts over that of records at random, from differences between periods.

The variance of the count n of a cluster is n (1 + k n): that of n records at random, and that of
a random volume by which they are multiplied, whose variance k is the same for small and for large
clusters. The volumes of the periods are independent gamma numbers, so that the counts of a
cluster's periods, given their sum N, follow a Dirichlet-multinomial law with the parts p of the
periods: a contrast of the counts n / p has the expected square of a multinomial law times
1 + rho (N - 1), and k = rho / ((1 - rho) w), where w is the part of the periods that the window
has (Mosimann 1962, "On the compound multinomial distribution", Biometrika 49).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST_RHO = 0.999
"""Largest part of the variance that is looked for."""
STEPS = 60
"""Number of halvings of the interval in which the root lies."""

FIRST_DIFFERENCE, SECOND_DIFFERENCE = (1.0, -1.0), (1.0, -2.0, 1.0)
"""Contrasts of neighbouring periods: the second one is blind to linear growth."""


class Excess(NamedTuple):
    """Excess variance of the counts of a kind."""

    k: float
    """Variance of the volume of a cluster in the window."""
    n_clusters: int
    """Number of clusters from whose counts it is estimated."""
    factor: float
    """Variance of the differences, divided by that of records at random, of all clusters."""


def excess_variance(
    counts: Floats, totals: Floats, contrast: tuple[float, ...], part: float = 1.0
) -> Excess | None:
    """Estimate the excess variance of clusters by a moment estimator, pooled over clusters.

    Parameters
    ----------
    counts : ndarray of float64, shape (clusters, periods)
        Records of each cluster in each period, in the order of time.
    totals : ndarray of float64, shape (periods,)
        Those of all listings, noise included, all above 0: the parts of the periods are theirs.
    contrast : tuple of float
        Weights of neighbouring periods, whose sum is 0.
    part : float
        Part of all periods that forms the window whose excess is wanted.

    Returns
    -------
    Excess or None
        None if there are fewer periods than weights, or no cluster has two records.

    Notes
    -----
    Clusters weigh by what they say of k: (N - 1) / (1 + rho (N - 1)), so that the many small ones
    do not drown the large ones, nor these the small ones. The parts of the periods are estimated
    from totals that have the cluster itself, so that its expected square is smaller by its part
    of all records, as in a table of two margins.
    """
    parts = totals / totals.sum()
    n = counts.sum(axis=1)
    left = 1 - n / totals.sum()
    used = (n > 1) & (left > 0)
    width = len(contrast)
    if len(totals) < width or not used.any():
        return None
    rates = counts[used] / parts
    firsts = range(len(totals) - width + 1)
    weights = np.array(contrast)
    squares = sum(((rates[:, at : at + width] * weights).sum(axis=1)) ** 2 for at in firsts)
    inverse = sum(float((weights**2 / parts[at : at + width]).sum()) for at in firsts)
    others = n[used] - 1
    found = squares / (n[used] * inverse * left[used])
    factor = float((found * n[used]).sum() / n[used].sum())
    rho = _root(found, others)
    return Excess(rho / ((1 - rho) * part), int(used.sum()), factor)


def _root(found: Floats, others: Floats) -> float:
    """Return the rho at which the squares are as large as expected, 0 if they are smaller."""

    def surplus(rho: float) -> float:
        scale = 1 + rho * others
        return float((others / scale * (found / scale - 1)).sum())

    low, high = 0.0, LARGEST_RHO
    if surplus(low) <= 0:
        return 0.0
    if surplus(high) > 0:
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if surplus(middle) > 0 else (low, middle)
    return low
