"""Ranks of unrounded values: the largest has rank 1, equal values have the same rank."""

from __future__ import annotations

import pandas as pd


def rank(values: pd.Series) -> pd.Series:
    """Rank values: rank 1 for the largest; equal values all get the smaller rank.

    Parameters
    ----------
    values : Series of float
        Missing values get no rank.

    Returns
    -------
    Series of Int64
    """
    return values.rank(method="min", ascending=False).astype("Int64")
