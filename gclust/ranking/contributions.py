"""The contribution of each indicator to the score of a cluster."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from gclust.ranking.aggregation import borda_points
from gclust.ranking.score import COMBINE, check_positive, signs, standardise, weighted


def contributions(
    values: pd.DataFrame,
    *,
    combine: str = "sum",
    weights: Mapping[str, float] | None = None,
    lower_is_better: Collection[str] = (),
) -> pd.DataFrame:
    """Decompose the score of each cluster into contributions of its indicators.

    Parameters
    ----------
    values, combine, weights, lower_is_better
        As in `gclust.ranking.score.score`.

    Returns
    -------
    DataFrame, shape (clusters, indicators)
        Columns ``<column>_part``; missing where the score is, 0 for columns of weight 0.

        ``sum``, ``mean``
            The column's share of the score, w x / |sum of w x|, with -x for x where less is
            better. Shares add up to 1, or to -1 for a negative score, so that a negative share
            always lowers the score. Missing where the score is 0.
        ``geometric``
            Logarithms of the values would depend on their units; the column's effect on the
            logarithm of the score relative to its typical value does not: (w / W) ln(x / g)
            with the geometric mean g of the column over the clusters that are not 0; its
            negative where less is better. Contributions add up to the logarithm of the score
            relative to a cluster with all the g. Minus infinity where x is 0.
        ``zscore``, ``borda``
            The terms of the score, w z / W and w times the points, which add up to it.
            Where less is better, z and the points are those of -x.
        ``copeland``
            All missing, because a comparison is won by all columns together.

    Raises
    ------
    ValueError
        See `gclust.ranking.score.score`.

    Examples
    --------
    >>> shares = pd.DataFrame({"patent": [4.0, 1.0], "publication": [1.0, 3.0]})
    >>> contributions(shares)["patent_part"].tolist()
    [0.8, 0.25]
    """
    if combine not in COMBINE:
        raise ValueError(f"combine must be one of {', '.join(COMBINE)}, not {combine!r}")
    x, w, complete = weighted(values, weights or {})
    parts = np.full(x.shape, np.nan)
    if complete.any() and combine != "copeland":
        some = np.where(w > 0, x[complete], 0.0)
        sign = signs(values, lower_is_better)
        if combine == "geometric":
            check_positive(some[:, w > 0], sign[w > 0], values.loc[complete, w > 0])
        parts[complete] = _parts(some, w, sign, combine)
    names = [f"{column}_part" for column in values.columns]
    return pd.DataFrame(parts, index=values.index, columns=names)


def _parts(x: np.ndarray, w: np.ndarray, sign: np.ndarray, combine: str) -> np.ndarray:
    if combine == "geometric":
        parts = np.zeros(x.shape)
        for k in np.flatnonzero(w > 0):
            some = x[:, k] > 0
            parts[~some, k] = -np.inf
            logs = np.log(x[some, k])
            parts[some, k] = sign[k] * w[k] / w.sum() * (logs - math.fsum(logs) / max(len(logs), 1))
        return parts
    x = sign * x + 0.0  # no -0
    if combine == "borda":
        return w * borda_points(x)
    if combine == "zscore":
        return w * standardise(x) / w.sum()
    terms = w * x
    whole = np.abs(terms.sum(axis=1, keepdims=True))
    return np.divide(terms, whole, out=np.full(x.shape, np.nan), where=whole != 0)
