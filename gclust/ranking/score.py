"""Scores: the indicators of a cluster, combined into one number."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.ranking.aggregation import borda_points, copeland

COMBINE = ("sum", "mean", "geometric", "zscore", "borda", "copeland")

CONSTANT = 1e-12
"""Largest range of a column that counts as constant, as a share of its largest value."""

AMOUNTS = ("sum", "mean", "geometric")
"""Ways to combine that give amounts, which can be divided by inhabitants."""


def score(
    values: pd.DataFrame,
    *,
    combine: str = "sum",
    weights: Mapping[str, float] | None = None,
    lower_is_better: Collection[str] = (),
) -> pd.Series:
    """Combine the indicators of each cluster into a score; a larger score is better.

    Parameters
    ----------
    values : DataFrame of numbers, shape (clusters, indicators)
        Shares of the kinds in per cent, or other indicators.
    combine : {"sum", "mean", "geometric", "zscore", "borda", "copeland"}
        See Notes.
    weights : mapping, optional
        Column -> weight, 0 or more; 1 by default. Columns of weight 0 are ignored.
    lower_is_better : collection of str
        Columns where less is better, a concentration for example; see Notes.

    Returns
    -------
    Series of float
        Missing for a cluster with a missing or infinite value in a column that has a
        weight, because a score of fewer indicators would not be comparable. Such a cluster
        does not enter the means, deviations and comparisons of the others either.

    Raises
    ------
    ValueError
        For an unknown ``combine``, a negative weight, only weights of 0, a column that is not
        numeric, or, with ``"geometric"``, a negative value, or 0 where less is better.

    Notes
    -----
    With values x of clusters i and columns k, weights w and W their sum:

    ``sum``
        Sum of w x. With the shares and equal weights it is the GII's; it reproduces all
        totals of GII 2023, Appendix Table 3.
    ``mean``
        The same, divided by W.
    ``geometric``
        Product of x to the power of w / W, zero if any value is zero. Its order does not
        depend on the units of a column [1]_.
    ``zscore``
        Mean, weighted by w, of z = (x - m) / s with the mean m of the column and its
        *population* standard deviation s (the sum of squares divided by the number n of
        clusters, because these are all clusters, not a sample). A constant column
        contributes 0, also one that varies only by rounding (by less than 1e-12 of its
        largest value).
    ``borda``
        Sum of w times the number of clusters that the cluster is above in the column,
        a tie counting a half [2]_; see `gclust.ranking.aggregation.borda_points`.
    ``copeland``
        Number of other clusters that the cluster beats, a tie counting a half: it beats
        another if the columns in which it is above weigh more than those in which it is
        below [3]_; see `gclust.ranking.aggregation.copeland`.

    In a column where less is better, -x replaces x in sums, means, z-scores and comparisons;
    in the geometric mean 1 / x does, which keeps its order independent of units. A sum of
    shares less a concentration depends on the units of both; z-scores, ranks and the
    geometric mean do not.

    References
    ----------
    .. [1] OECD, JRC: Handbook on Constructing Composite Indicators. 2008, sections 1.5
       (normalisation) and 1.6 (aggregation).
    .. [2] J.-C. de Borda: Mémoire sur les élections au scrutin. Histoire de l'Académie
       royale des sciences, 1781.
    .. [3] A. H. Copeland: A "reasonable" social welfare function. Seminar on applications
       of mathematics to social sciences, University of Michigan, 1951.

    Examples
    --------
    >>> shares = pd.DataFrame({"patent": [4.0, 1.0], "publication": [1.0, 3.0]})
    >>> score(shares, weights={"publication": 2.0}).tolist()
    [6.0, 7.0]
    >>> score(shares, combine="borda", lower_is_better=["publication"]).tolist()
    [2.0, 0.0]
    """
    if combine not in COMBINE:
        raise ValueError(f"combine must be one of {', '.join(COMBINE)}, not {combine!r}")
    x, w, complete = weighted(values, weights or {})
    sign = signs(values, lower_is_better)
    result = np.full(len(x), np.nan)
    if complete.any():
        result[complete] = _combined(x[complete], w, sign, combine, values.loc[complete])
    return pd.Series(result, index=values.index, name="score")


def weighted(
    values: pd.DataFrame, weights: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the score columns' values and weights, and which clusters have all values finite.

    Raises ValueError as `score` does.
    """
    for column in values.columns:
        if not pd.api.types.is_numeric_dtype(values[column]):
            raise ValueError(
                f"column {column!r} holds {values[column].dtype}, not numbers, and cannot be scored"
            )
    w = np.array([float(weights.get(str(column), 1.0)) for column in values.columns])
    for column, weight in zip(values.columns, w, strict=True):
        if not 0 <= weight < math.inf:
            raise ValueError(f"the weight of {column!r} is {weight:g}; expected 0 or more")
    if not w.any():
        raise ValueError("all weights are 0; expected at least one above 0")
    x = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return x, w, np.isfinite(x[:, w > 0]).all(axis=1)


def signs(values: pd.DataFrame, lower_is_better: Collection[str]) -> NDArray[np.float64]:
    """Return 1 for each column where more is better, -1 where less is."""
    return np.where(values.columns.isin(list(lower_is_better)), -1.0, 1.0)


def standardise(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the z-scores of the columns; 0 if a column is constant apart from rounding.

    Sums are rounded once, so that mean and population standard deviation do not depend on
    the order of the clusters.
    """
    z = np.zeros(x.shape)
    for k, column in enumerate(x.T):
        if column.max() - column.min() > CONSTANT * np.abs(column).max():
            apart = column - math.fsum(column) / len(column)
            z[:, k] = apart / math.sqrt(math.fsum(apart * apart) / len(column))
    return z


def _combined(
    x: NDArray[np.float64],
    w: NDArray[np.float64],
    sign: NDArray[np.float64],
    combine: str,
    values: pd.DataFrame,
) -> NDArray[np.float64]:
    """Return the score of complete clusters from the columns that have a weight."""
    used = w > 0
    x, w, sign = x[:, used], w[used], sign[used]
    if combine == "geometric":
        check_positive(x, sign, values.loc[:, used])
        with np.errstate(divide="ignore"):
            return np.exp(_sums(np.log(x) * (sign * w / w.sum())))
    x = sign * x + 0.0  # no -0
    if combine == "copeland":
        return copeland(x, w)
    if combine == "borda":
        x = borda_points(x)
    if combine == "zscore":
        x = standardise(x)
    result = _sums(w * x)
    return result / w.sum() if combine in ("mean", "zscore") else result


def check_positive(x: NDArray[np.float64], sign: NDArray[np.float64], values: pd.DataFrame) -> None:
    """Raise ValueError, with cluster and column, for a value not allowed in a geometric mean."""
    for cluster, k in np.argwhere((x < 0) | ((x == 0) & (sign < 0)))[:1]:
        what = "negative values" if x[cluster, k] < 0 else "zeros where lower is better"
        raise ValueError(
            f"a geometric mean allows no {what}, but {values.columns[k]} of cluster"
            f" {values.index[cluster]} is {x[cluster, k]:g}; take another way to combine,"
            " such as 'zscore', or other columns"
        )


def _sums(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of rows, rounded once, so that the order of terms does not matter."""
    return np.array([math.fsum(row) for row in terms])
