"""The ranking: one row per cluster, the largest score first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from gclust.indicators.counts import per_million
from gclust.ranking.columns import OF_KINDS, column_weights, scored
from gclust.ranking.contributions import contributions
from gclust.ranking.rank import rank
from gclust.ranking.score import AMOUNTS, score


def ranking(
    clusters: pd.DataFrame,
    count: pd.DataFrame,
    share: pd.DataFrame,
    *,
    top: int = 100,
    combine: str = "sum",
    weights: Mapping[str, float] | None = None,
    of: Sequence[str] | None = None,
    lower_is_better: Collection[str] = (),
    indicators: pd.DataFrame | None = None,
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
    combine : str
        See `gclust.ranking.score.score`.
    weights : mapping, optional
        See `gclust.ranking.columns.column_weights`.
    of : sequence of str, optional
        The columns of the ranking that make the score; the shares of all kinds by
        default.
    lower_is_better : collection of str
        Those of them of which less is better; see `gclust.ranking.score.score`.
    indicators : DataFrame, optional
        Index ``cluster_id``; further columns, which the score may be made of.

    Returns
    -------
    DataFrame
        Columns ``rank, cluster_id, name, economies``, for each kind
        ``<kind>_count, <kind>_share`` (per cent), ``<kind>_rank,
        <kind>_per_million``, then ``total`` (sum of the shares), ``score, population,
        intensity`` (score per million inhabitants; total per million where the score
        is no amount that can be told per head, but combines ranks, z-scores, columns
        other than shares and counts, or such of which less is better), ``intensity_rank,
        area_km2`` and, where the clusters have it, ``uncovered_share``, at last the
        indicators; sorted by rank, clusters of one rank by id, those without score last.

    Raises
    ------
    ValueError
        If there is no such column, or it cannot be scored.
    """
    table = clusters[["cluster_id", "name", "economies"]].copy()
    population = clusters["population"]
    for kind in count.columns:
        table[f"{kind}_count"] = count[kind]
        table[f"{kind}_share"] = share[kind]
        table[f"{kind}_rank"] = rank(share[kind])
        table[f"{kind}_per_million"] = per_million(count[kind], population)
    kinds = [str(kind) for kind in count.columns]
    table["total"] = score(share)
    table["score"] = float("nan")
    table["population"] = population
    table["intensity"] = table["intensity_rank"] = float("nan")
    table["area_km2"] = clusters["area_km2"]
    if "uncovered_share" in clusters:
        table["uncovered_share"] = clusters["uncovered_share"]
    if indicators is not None:
        table = table.join(indicators, on="cluster_id")
    columns = scored(kinds, of)
    table["score"] = score(
        scored_values(table, columns),
        combine=combine,
        weights=column_weights(columns, weights or {}, kinds),
        lower_is_better=lower_is_better,
    ).to_numpy()
    table.insert(0, "rank", rank(table["score"]))
    amounts = {f"{kind}_{what}" for kind in kinds for what in ("share", "count")}
    is_amount = combine in AMOUNTS and amounts.issuperset(columns) and not lower_is_better
    table["intensity"] = per_million(table["score" if is_amount else "total"], population)
    first = (table["rank"] <= top).fillna(False).astype(bool)
    table["intensity_rank"] = rank(table["intensity"].where(first))
    return table.sort_values(["rank", "cluster_id"], ignore_index=True)


def scored_values(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the columns that make the score, with names of clusters for the index.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    for column in columns:
        if column not in table:
            raise ValueError(
                f"there is no column {column!r} to make a score of; the ranking has"
                f" {', '.join(map(str, table.columns))}"
            )
    return table[list(columns)].set_axis(table["name"], axis=0)


def contribution_table(
    ranked: pd.DataFrame,
    *,
    combine: str = "sum",
    weights: Mapping[str, float] | None = None,
    of: Sequence[str] | None = None,
    lower_is_better: Collection[str] = (),
) -> pd.DataFrame:
    """Divide the scores of a ranking among the columns that make them.

    Parameters
    ----------
    ranked : DataFrame
        From `ranking`.
    combine, weights, of, lower_is_better
        As given to `ranking`.

    Returns
    -------
    DataFrame
        ``rank, cluster_id, name, score`` and ``<column>_part``, in the order of
        ``ranked``; see `gclust.ranking.contributions.contributions`.
    """
    kinds = kinds_of(ranked)
    columns = scored(kinds, of)
    parts = contributions(
        scored_values(ranked, columns),
        combine=combine,
        weights=column_weights(columns, weights or {}, kinds),
        lower_is_better=lower_is_better,
    )
    table = ranked[["rank", "cluster_id", "name", "score"]]
    return pd.concat([table, parts.set_index(table.index)], axis=1)


def kinds_of(ranked: pd.DataFrame) -> list[str]:
    """Return the kinds of a ranking, in its order: what has all the columns of a kind."""
    kinds = [str(column)[: -len("_share")] for column in ranked if str(column).endswith("_share")]
    return [kind for kind in kinds if all(f"{kind}_{what}" in ranked for what in OF_KINDS)]
