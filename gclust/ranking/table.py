"""The ranking: one row per cluster, the largest score first."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from gclust.indicators.counts import per_million
from gclust.ranking.rank import rank
from gclust.ranking.score import score


def ranking(
    clusters: pd.DataFrame,
    count: pd.DataFrame,
    share: pd.DataFrame,
    *,
    top: int = 100,
    combine: str = "sum",
    weights: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Score and rank clusters.

    Parameters
    ----------
    clusters : DataFrame
        ``cluster_id, name, economies, population, area_km2``, one row per
        cluster, in the order of the rows of ``count`` and ``share``.
    count, share : DataFrame, shape (clusters, kinds)
        Records, and per cent of the world's total.
    top : int
        The first so many are ranked by intensity too.
    combine, weights
        See `gclust.ranking.score.score`.

    Returns
    -------
    DataFrame
        Columns ``rank, cluster_id, name, economies``, for each kind
        ``<kind>_count, <kind>_share`` (per cent), ``<kind>_rank,
        <kind>_per_million``, then ``total, score, population, intensity``
        (score per million inhabitants), ``intensity_rank, area_km2`` and, where
        the clusters have it, ``uncovered_share``; sorted by rank, clusters of one
        rank by id.
    """
    equal = dict.fromkeys(share.columns, 1.0)
    table = clusters[["cluster_id", "name", "economies"]].copy()
    population = clusters["population"]
    for kind in count.columns:
        table[f"{kind}_count"] = count[kind]
        table[f"{kind}_share"] = share[kind]
        table[f"{kind}_rank"] = rank(share[kind])
        table[f"{kind}_per_million"] = per_million(count[kind], population)
    table["total"] = score(share, combine="sum", weights=equal)
    table["score"] = score(share, combine=combine, weights=weights or {})
    table.insert(0, "rank", rank(table["score"]))
    table["population"] = population
    table["intensity"] = per_million(table["score"], population)
    first = table["rank"] <= top
    table["intensity_rank"] = rank(table["intensity"].where(first))
    table["area_km2"] = clusters["area_km2"]
    if "uncovered_share" in clusters:
        table["uncovered_share"] = clusters["uncovered_share"]
    return table.sort_values(["rank", "cluster_id"], ignore_index=True)
