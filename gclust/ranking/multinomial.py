"""Rank sets of shares of whole records, which hold in finite samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

Ints = NDArray[np.int64]


def multinomial_rank_sets(counts: ArrayLike, level: float = 0.9) -> tuple[Ints, Ints]:
    """Return rank sets that jointly contain all true ranks, for any number of records.

    The counts are those of a multinomial sample: ``n`` records, each independently in one cluster
    (or in none of those given). Of the records in two clusters, those in the first are then
    binomial, with a probability of at most one half if its true share is not above that of the
    other; this gives an exact test for each ordered pair. Holm's method controls the probability
    of any wrong order among all pairs. A cluster's rank set leaves out as many ranks at either
    end as there are clusters significantly above or below it.

    Parameters
    ----------
    counts : array_like of int, shape (p,)
        Records of each cluster.
    level : float
        Probability that all sets hold their ranks, above 0 and below 1.

    Returns
    -------
    low, high : ndarray of int64, shape (p,)
        First and last rank of each set, inclusive.

    Raises
    ------
    ValueError
        If counts are no whole numbers from 0, or the level is not between 0 and 1.

    References
    ----------
    .. [1] S. Bazylik, M. Mogstad, J. P. Romano, A. M. Shaikh, D. Wilhelm: Finite- and
       Large-Sample Inference for Ranks using Multinomial Data with an Application to Ranking
       Political Parties, 2024, arXiv:2402.00192.
    .. [2] S. Holm: A simple sequentially rejective multiple test procedure.
       Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> low, high = multinomial_rank_sets([120, 70, 64, 3])
    >>> list(zip(low.tolist(), high.tolist()))
    [(1, 1), (2, 3), (2, 3), (4, 4)]
    """
    given = np.asarray(counts, dtype=np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given == np.floor(given))).all():
        raise ValueError("counts must be whole numbers from 0, one for each cluster")
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level!r}")
    p = given.size
    both = given[:, None] + given
    # Probability of at least so many in the first of two clusters with equal shares.
    chance = binom.sf(given[:, None] - 1, both, 0.5)
    ordered = ~np.eye(p, dtype=bool)
    above = np.zeros((p, p), dtype=bool)
    above[ordered] = _holm(chance[ordered], 1 - level)
    return 1 + above.sum(axis=0), p - above.sum(axis=1)


def _holm(chance: NDArray[np.float64], error: float) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected, with at most ``error`` chance of any wrongly so."""
    order = np.argsort(chance, kind="stable")
    limit = error / np.arange(chance.size, 0, -1)
    kept = np.flatnonzero(chance[order] > limit)
    rejected = np.zeros(chance.size, dtype=bool)
    rejected[order[: kept[0] if kept.size else chance.size]] = True
    return rejected
