"""Ranks of unrounded values: the largest is 1, ties share a rank."""

from __future__ import annotations

import pandas as pd


def rank(values: pd.Series) -> pd.Series:
    """Rank values, the largest 1; equal values share the smaller rank.

    Parameters
    ----------
    values : Series of float
        Missing values get no rank.

    Returns
    -------
    Series of Int64
    """
    return values.rank(method="min", ascending=False).astype("Int64")
