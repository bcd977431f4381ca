"""Scores: how the shares of the kinds are combined into one number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

COMBINE = ("sum", "mean", "geometric")


def score(shares: pd.DataFrame, *, combine: str = "sum", weights: Mapping[str, float]) -> pd.Series:
    """Combine the shares of the kinds.

    Parameters
    ----------
    shares : DataFrame, shape (clusters, kinds)
        Per cent of the world's total.
    combine : {"sum", "mean", "geometric"}
        Weighted sum (the GII's, with equal weights; reproduces all totals of
        GII 2023 Appendix Table 3), weighted arithmetic mean, or weighted
        geometric mean (zero where any share with a weight is zero).
    weights : mapping
        Kind -> weight; 1 where a kind is not named.

    Returns
    -------
    Series of float
    """
    w = np.array([float(weights.get(str(kind), 1.0)) for kind in shares.columns])
    values = shares.to_numpy(dtype=np.float64)
    if combine == "geometric":
        used = w > 0
        with np.errstate(divide="ignore"):
            logs = np.log(values[:, used])
        result = np.exp(logs @ (w[used] / w.sum()))
    else:
        # fsum rounds once, so that clusters with the same shares in another order tie.
        result = np.array([math.fsum(row) for row in w * values])
        if combine == "mean":
            result = result / w.sum()
    return pd.Series(result, index=shares.index, name="score")
