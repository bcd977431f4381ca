"""Rank sets: the ranks that a cluster may have, with joint confidence for all clusters.

Percentile intervals of bootstrapped ranks can miss the true rank: every draw puts nearly equal
clusters into an order by chance, and a cluster of rank 1 can only lose ranks. Rank sets are
computed from the differences of the clusters' scores instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gclust.plurals import counted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankSets:
    """Rank sets of clusters, and the pairwise comparisons from which they are computed.

    Attributes
    ----------
    low, high : ndarray of int64, shape (p,)
        First and last rank of each set, inclusive.
    above : ndarray of bool, shape (p, p)
        Whether the row is significantly above the column.
    error : ndarray of float64, shape (p, p)
        Standard errors of the differences; missing with fewer than two draws of both.
    critical : float
        The critical value before stepping down, in standard errors: at the given level, all
        differences lie jointly within it.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    above: NDArray[np.bool_]
    error: Floats
    critical: float


def rank_sets(
    estimates: ArrayLike, draws: ArrayLike, level: float = 0.9, *, stepdown: bool = True
) -> RankSets:
    """Return rank sets that jointly contain all true ranks with probability ``level``.

    A cluster is significantly above another if their difference exceeds the critical value
    times its standard error. Its rank set leaves out as many ranks at either end as there are
    clusters significantly above or below it. The critical value is the quantile of the largest
    studentised deviation, over all ordered pairs, of the draws' differences from those of the
    estimates. Stepping down repeats this over the pairs that are not significant yet, which
    finds more of them at the same level.

    Parameters
    ----------
    estimates : array_like of float, shape (p,)
        The larger, the better.
    draws : array_like of float, shape (n_draws, p)
        Bootstrap draws of the estimates; missing if a draw has no such cluster. A pair is
        compared over the draws that have both.
    level : float
        Above 0 and below 1.
    stepdown : bool
        Whether to step down.

    Raises
    ------
    ValueError
        If shapes do not fit, estimates are missing, or there are too few draws for the level.

    References
    ----------
    .. [1] M. Mogstad, J. P. Romano, A. M. Shaikh, D. Wilhelm: Inference for Ranks with
       Applications to Mobility across Neighbourhoods and Academic Achievement across
       Countries. Review of Economic Studies 91, 2024, section 3.
    .. [2] J. P. Romano, M. Wolf: Exact and approximate stepdown methods for multiple
       hypothesis testing. Journal of the American Statistical Association 100, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> draws = np.random.default_rng(1).normal([9, 5.1, 5, 1], 0.3, size=(999, 4))
    >>> sets = rank_sets([9, 5.1, 5, 1], draws)
    >>> list(zip(sets.low.tolist(), sets.high.tolist()))
    [(1, 1), (2, 3), (2, 3), (4, 4)]
    """
    value = np.asarray(estimates, dtype=np.float64)
    drawn = np.asarray(draws, dtype=np.float64)
    _check(value, drawn, level)
    p = value.size
    error = np.full((p, p), np.nan)
    apart = value[:, None] - value
    for j in range(p):
        error[j] = _deviation(drawn[:, j, None] - drawn)
    above = np.zeros((p, p), dtype=np.bool_)
    first = math.nan
    while True:
        critical = _critical(value, drawn, error, ~above, level)
        first = critical if math.isnan(first) else first
        significant = (error > 0) & (apart > critical * error)
        significant |= (error == 0) & (apart > 0)
        new = significant & ~above
        above |= significant
        if not stepdown or not new.any():
            break
    low = 1 + above.sum(axis=0)
    high = p - above.sum(axis=1)
    return RankSets(low.astype(np.int64), high.astype(np.int64), above, error, first)


def marginal_rank_sets(
    estimates: ArrayLike, draws: ArrayLike, level: float = 0.9, *, stepdown: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rank sets that contain each its own true rank with probability ``level``.

    They are narrower than those of `rank_sets`, and answer a question about one cluster that was
    chosen before its rank was seen: the critical value of a cluster is that of its own
    differences from all others. Of many such sets, some miss.

    The parameters, errors and references are those of `rank_sets`.

    Returns
    -------
    low, high : ndarray of int64, shape (p,)
        First and last rank of each set, inclusive.

    Examples
    --------
    >>> import numpy as np
    >>> draws = np.random.default_rng(1).normal([9, 5.1, 5, 1], 0.3, size=(999, 4))
    >>> low, high = marginal_rank_sets([9, 5.1, 5, 1], draws)
    >>> list(zip(low.tolist(), high.tolist()))
    [(1, 1), (2, 3), (2, 3), (4, 4)]
    """
    value = np.asarray(estimates, dtype=np.float64)
    drawn = np.asarray(draws, dtype=np.float64)
    _check(value, drawn, level)
    p, place = value.size, _place(len(drawn), level)
    low, high = np.ones(p, dtype=np.int64), np.full(p, p, dtype=np.int64)
    for j in range(p):
        error = _deviation(drawn[:, j, None] - drawn)
        apart = value[j] - value
        with np.errstate(divide="ignore", invalid="ignore"):
            t = ((drawn[:, j, None] - drawn) - apart) / error
        usable = error > 0
        above, below = (error == 0) & (apart > 0), (error == 0) & (apart < 0)
        while True:
            largest = np.zeros(len(drawn))
            for sign, done in ((1, above), (-1, below)):
                columns = usable & ~done
                if columns.any():
                    largest = np.fmax(largest, np.fmax.reduce(sign * t[:, columns], axis=1))
            reach = np.sort(largest)[place] * error
            new = usable & ~above & (apart > reach), usable & ~below & (-apart > reach)
            above |= new[0]
            below |= new[1]
            if not stepdown or not (new[0].any() or new[1].any()):
                break
        low[j], high[j] = 1 + below.sum(), p - above.sum()
    return low, high


def among_best(low: ArrayLike, high: ArrayLike, first: int) -> NDArray[np.object_]:
    """Return whether each cluster is among the first ones: "yes", "possible" or "no".

    The clusters that are not "no" contain all the true first ones, and all that are "yes" are
    among these, with the probability of the joint rank sets whose ends are given (the tau-best
    sets of Mogstad, Romano, Shaikh and Wilhelm 2024, section 3.4).

    Examples
    --------
    >>> among_best([1, 2, 2, 4], [1, 3, 3, 4], 2).tolist()
    ['yes', 'possible', 'possible', 'no']
    """
    ends = np.asarray(low), np.asarray(high)
    return np.where(ends[1] <= first, "yes", np.where(ends[0] <= first, "possible", "no")).astype(
        object
    )


def least_draws(level: float) -> int:
    """Return the least number of bootstrap draws needed to compute the quantile ``level``."""
    return math.ceil(round(level / (1 - level), 9))


def _check(value: Floats, drawn: Floats, level: float) -> None:
    if value.ndim != 1 or drawn.ndim != 2 or drawn.shape[1] != value.size:
        raise ValueError(
            f"draws must have the shape (n_draws, {value.size}), not {drawn.shape}: one column"
            " for each estimate"
        )
    if not np.isfinite(value).all():
        raise ValueError("estimates must be finite numbers")
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level!r}")
    if len(drawn) < least_draws(level):
        raise ValueError(
            f"{counted(len(drawn), 'draw is', 'draws are')} too few for the level {level:g};"
            " expected"
            f" {least_draws(level)} or more"
        )


def _deviation(apart: Floats) -> Floats:
    """Return the standard deviation of each column; missing with fewer than two draws."""
    there = ~np.isnan(apart)
    number = there.sum(axis=0)
    filled = np.where(there, apart, 0.0)
    mean = filled.sum(axis=0) / np.maximum(number, 1)
    square = np.where(there, filled - mean, 0.0) ** 2
    spread = np.sqrt(square.sum(axis=0) / np.maximum(number - 1, 1))
    # The deviation of a constant difference may be a rounding error above 0.
    constant = np.where(there, apart, -np.inf).max(axis=0) == np.where(there, apart, np.inf).min(
        axis=0
    )
    return np.where(number > 1, np.where(constant, 0.0, spread), np.nan)


def _critical(
    value: Floats, drawn: Floats, error: Floats, open_: NDArray[np.bool_], level: float
) -> float:
    """Return the quantile of the largest studentised deviation over the pairs still compared."""
    largest = np.zeros(len(drawn))
    centred = drawn - value
    for j in range(value.size):
        pairs = np.flatnonzero(open_[j] & (error[j] > 0))
        if pairs.size:
            t = (centred[:, j, None] - centred[:, pairs]) / error[j, pairs]
            largest = np.fmax(largest, np.fmax.reduce(t, axis=1))
    return float(np.sort(largest)[_place(len(drawn), level)])


def _place(n_draws: int, level: float) -> int:
    """Return the place of the quantile among the sorted draws."""
    return math.ceil(round((n_draws + 1) * level, 9)) - 1
