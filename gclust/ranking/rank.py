"""Ranks of unrounded values: the largest has rank 1, equal values have the same rank."""

from __future__ import annotations

import pandas as pd


def rank(values: pd.Series) -> pd.Series:
    """Return the ranks (Int64) of values: rank 1 for the largest, the smaller rank for equal ones.

    Missing values get no rank.
    """
    return values.rank(method="min", ascending=False).astype("Int64")
