"""Percentile intervals and probabilities from bootstrap draws of shares, scores and ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def intervals(draws: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return percentile intervals: the (1 - level) / 2 and (1 + level) / 2 quantiles of ``draws``.

    ``draws`` are (n_draws, ...) and both ends (...). Missing draws are left out; if all are
    missing, so is the interval.
    """
    return _quantiles(draws, level, "linear")


def rank_intervals(ranks: ArrayLike, level: float) -> tuple[Floats, Floats]:
    """Return percentile intervals of ranks; both ends are ranks that occur in the draws.

    They describe the spread of the draws and do not cover the true rank; for that see
    `gclust.ranking.rank_sets.rank_sets`. Parameters as in `intervals`.
    """
    return _quantiles(ranks, level, "inverted_cdf")


def _quantiles(draws: ArrayLike, level: float, method: str) -> tuple[Floats, Floats]:
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1, not {level!r}")
    values = np.asarray(draws, dtype=np.float64)
    ends = np.full((2, *values.shape[1:]), np.nan)
    flat, table = ends.reshape(2, -1), values.reshape(len(values), -1)
    for column in range(table.shape[1]):
        known = table[~np.isnan(table[:, column]), column]
        if known.size:
            tails = [(1 - level) / 2, (1 + level) / 2]
            flat[:, column] = np.quantile(known, tails, method=method)  # type: ignore[call-overload]
    return ends[0], ends[1]


def draw_ranks(scores: ArrayLike) -> Floats:
    """Rank the clusters in each draw: rank 1 for the largest score, the smaller rank for ties.

    Scores and ranks are (n_draws, clusters); missing scores get no rank.
    """
    values = np.asarray(scores, dtype=np.float64)
    ranks = np.full(values.shape, np.nan)
    for row, out in zip(values, ranks, strict=True):
        known = ~np.isnan(row)
        ordered = np.sort(row[known])
        out[known] = 1 + ordered.size - np.searchsorted(ordered, row[known], side="right")
    return ranks
