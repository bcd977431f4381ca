"""The ranking table: one row per cluster, the largest score first."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gclust.indicators.counts import per_million_inhabitants
from gclust.ranking.columns import OF_KINDS, ScoreOptions, column_weights, scored
from gclust.ranking.contributions import contributions
from gclust.ranking.rank import rank
from gclust.ranking.score import AMOUNTS, score

DEFAULT = ScoreOptions()
OPTIONAL = ("area_90", "uncovered_share", "outside_share", "foreign_share")


def ranking(
    clusters: pd.DataFrame,
    count: pd.DataFrame,
    share: pd.DataFrame,
    options: ScoreOptions = DEFAULT,
    *,
    top: int = 100,
    indicators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the ranking of clusters, with their scores.

    Parameters
    ----------
    clusters : DataFrame
        ``cluster_id, name, economies, population, area_km2``, one row per
        cluster, in the order of the rows of ``count`` and ``share``. Optional: ``lat, lon``
        (centre), ``area_90, uncovered_share, outside_share, foreign_share``, and for each kind
        ``<kind>_inside``, the records inside the footprint, which intensities then count.
    count, share : DataFrame, shape (clusters, kinds)
        Records, and per cent of the world total.
    options : ScoreOptions
        The columns of the score, and how they are combined; the sum of all shares by default.
    top : int
        The number of first clusters that are also ranked by intensity.
    indicators : DataFrame, optional
        Index ``cluster_id``; further columns, which the score may combine.

    Returns
    -------
    DataFrame
        Columns ``rank, cluster_id, name, economies``, the centre, for each kind
        ``<kind>_count, <kind>_share`` (per cent), ``<kind>_rank,
        <kind>_per_million``, then ``total`` (sum of the shares), ``score, population,
        intensity`` (see `intensity_amounts`; per million inhabitants), ``intensity_rank,
        area_km2``, then the optional columns of the clusters, and the indicators. Sorted by
        rank, clusters of one rank by id, those without score last.

    Raises
    ------
    ValueError
        If a column of the score is missing, or cannot be combined.
    """
    centre = [column for column in ("lat", "lon") if column in clusters]
    table = clusters[["cluster_id", "name", "economies", *centre]].copy()
    population = clusters["population"]
    for kind in count.columns:
        table[f"{kind}_count"] = count[kind]
        table[f"{kind}_share"] = share[kind]
        table[f"{kind}_rank"] = rank(share[kind])
        inside = clusters.get(f"{kind}_inside", count[kind])
        table[f"{kind}_per_million"] = per_million_inhabitants(inside, population)
    kinds = [str(kind) for kind in count.columns]
    table["total"] = score(share)
    table["score"] = float("nan")
    table["population"] = population
    table["intensity"] = table["intensity_rank"] = float("nan")
    table["area_km2"] = clusters["area_km2"]
    for column in (*OPTIONAL, *(f"{kind}_inside" for kind in kinds)):
        if column in clusters:
            table[column] = clusters[column]
    if indicators is not None:
        table = table.join(indicators, on="cluster_id")
    columns = scored(kinds, options.of)
    table["score"] = score(
        scored_values(table, columns),
        combine=options.combine,
        weights=column_weights(columns, options.weights, kinds),
        lower_is_better=options.lower_is_better,
    ).to_numpy()
    table.insert(0, "rank", rank(table["score"]))
    amounts = intensity_amounts(table, options, inside=f"{kinds[0]}_inside" in table)
    table["intensity"] = per_million_inhabitants(amounts, population)
    first = (table["rank"] <= top).fillna(False).astype(bool)
    table["intensity_rank"] = rank(table["intensity"].where(first))
    return table.sort_values(["rank", "cluster_id"], ignore_index=True)


def intensity_amounts(
    table: pd.DataFrame, options: ScoreOptions = DEFAULT, *, inside: bool
) -> pd.Series:
    """Return each cluster's amount, which is divided by its inhabitants for the intensity.

    Parameters
    ----------
    table : DataFrame
        A ranking.
    options : ScoreOptions
        As given to `ranking`.
    inside : bool
        Whether the amounts are of the records inside the footprint (``<kind>_inside``) alone.

    Returns
    -------
    Series
        The score; the total where the score is no amount, because it combines ranks, z-scores,
        columns other than shares and counts, or columns where less is better.
    """
    kinds = kinds_of(table)
    columns = scored(kinds, options.of)
    amounts = {f"{kind}_{what}" for kind in kinds for what in ("share", "count")}
    is_amount = amounts.issuperset(columns) and not options.lower_is_better
    is_amount = is_amount and options.combine in AMOUNTS
    if not inside:
        return table["score" if is_amount else "total"]
    values = pd.DataFrame(index=table.index)
    for kind in kinds:
        count = table[f"{kind}_count"]
        values[f"{kind}_count"] = table[f"{kind}_inside"]
        part = (table[f"{kind}_inside"] / count.where(count > 0)).fillna(0.0)
        values[f"{kind}_share"] = table[f"{kind}_share"] * part
    if not is_amount:
        return score(values[[f"{kind}_share" for kind in kinds]])
    weights = column_weights(columns, options.weights, kinds)
    return score(values[list(columns)], combine=options.combine, weights=weights)


def scored_values(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the columns of the score, indexed by the names of the clusters.

    Raises ValueError if a column is missing.
    """
    for column in columns:
        if column not in table:
            raise ValueError(
                f"there is no column {column!r} for the score; the ranking has"
                f" {', '.join(map(str, table.columns))}"
            )
    return table[list(columns)].set_axis(table["name"], axis=0)


def contribution_table(ranked: pd.DataFrame, options: ScoreOptions = DEFAULT) -> pd.DataFrame:
    """Decompose the scores of a ranking, made with the same options, into contributions.

    Returns ``rank, cluster_id, name, score`` and the ``<column>_part`` of each column, in the order
    of ``ranked``; see `gclust.ranking.contributions.contributions`.
    """
    kinds = kinds_of(ranked)
    columns = scored(kinds, options.of)
    parts = contributions(
        scored_values(ranked, columns),
        combine=options.combine,
        weights=column_weights(columns, options.weights, kinds),
        lower_is_better=options.lower_is_better,
    )
    table = ranked[["rank", "cluster_id", "name", "score"]]
    return pd.concat([table, parts.set_index(table.index)], axis=1)


def kinds_of(ranked: pd.DataFrame) -> list[str]:
    """Return a ranking's kinds of record, in its order, from columns such as ``patent_count``."""
    kinds = [str(column)[: -len("_share")] for column in ranked if str(column).endswith("_share")]
    return [kind for kind in kinds if all(f"{kind}_{what}" in ranked for what in OF_KINDS)]
