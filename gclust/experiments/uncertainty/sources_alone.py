"""Draws in which one source of uncertainty varies alone, to say which is largest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gclust.experiments.grid import Pair
from gclust.experiments.uncertainty.amounts import Amounts
from gclust.experiments.uncertainty.draws import (
    BootstrapInputs,
    Replicates,
    fixed_cluster_replicates,
    reclustered_replicates,
)
from gclust.experiments.uncertainty.draws_in_words import resampled_amounts
from gclust.experiments.uncertainty.parameters import DrawnPairs
from gclust.experiments.uncertainty.scores import Scorer
from gclust.experiments.uncertainty.variation import Variation
from gclust.experiments.uncertainty.variation_in_words import record_draws
from gclust.plurals import counted
from gclust.ranking.intervals import intervals, rank_intervals
from gclust.study.schema import Study

MOST_DRAWS = 200
"""Largest number of draws of each source alone: the first ones of all."""

OF_RECORDS = ("cv", "resample", "multiplier", "dispersion")
"""Options of ``[uncertainty]`` that apply to the source of records alone."""


def replicates(inputs: BootstrapInputs) -> Replicates:
    """Compute replicates, fixed or reclustered as the study says."""
    if inputs.study.uncertainty.reclusters:
        return reclustered_replicates(inputs)
    return fixed_cluster_replicates(inputs)


def sources_alone(inputs: BootstrapInputs) -> dict[str, Replicates]:
    """Compute the first replicates with each source alone; none if the study names one source."""
    sources = inputs.study.uncertainty.sources
    if len(set(sources)) < 2:
        return {}
    return {source: replicates(_alone(inputs, source)) for source in dict.fromkeys(sources)}


def _alone(inputs: BootstrapInputs, source: str) -> BootstrapInputs:
    """Return the inputs of draws in which one source varies; the others are the study's own."""
    of_records = source == "records"
    unset: dict[str, Any] = {} if of_records else dict.fromkeys(OF_RECORDS)
    options = replace(inputs.study.uncertainty, sources=(source,), **unset)
    study = replace(inputs.study, uncertainty=options)
    drawn = inputs.drawn
    if source != "parameters":
        drawn = DrawnPairs([], np.zeros_like(drawn.chosen))
    return replace(
        inputs,
        study=study,
        scorer=Scorer(study),
        drawn=drawn,
        numbers=inputs.numbers[inputs.numbers < MOST_DRAWS],
        amounts=inputs.amounts if of_records else Amounts(),
        variation=inputs.variation if of_records else Variation(),
    )


def source_table(
    study: Study,
    alone: Mapping[str, Replicates],
    ranked: pd.DataFrame,
    pairs: list[Pair],
    moved: pd.DataFrame | None,
) -> pd.DataFrame | None:
    """Return the intervals of each cluster by each source alone, and which source is largest.

    ``ranked`` has ``rank, cluster_id, name`` of the clusters, best first. The largest source has
    the widest interval of ranks; of equal ones that of the widest interval of scores. Where a
    cluster is not found, its rank is one below all of the study's clusters. None without sources.
    """
    if not alone:
        return None
    level, ids = study.uncertainty.level, ranked["cluster_id"].to_numpy()
    number = min(MOST_DRAWS, study.uncertainty.draws)
    tables = []
    for source, found in alone.items():
        ranks, scores = found.ranks[:number, ids], found.scores[:number, ids]
        table = ranked[["rank", "cluster_id", "name"]].copy()
        table["source"] = source
        table["range"] = source_range(study, source, pairs, moved)
        low, high = rank_intervals(np.where(np.isnan(ranks), len(ids) + 1, ranks), level)
        table["rank_low"], table["rank_high"] = low.astype("int64"), high.astype("int64")
        table["score_low"], table["score_high"] = intervals(scores, level)
        table["found"] = (~np.isnan(scores)).mean(axis=0)
        tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    widths = whole.assign(
        ranks=whole["rank_low"] - whole["rank_high"],
        scores=(whole["score_low"] - whole["score_high"]).fillna(0.0),
        place=np.arange(len(whole)) // len(ids),
    )
    order = widths.sort_values(["ranks", "scores", "place"], kind="stable")
    largest = order.drop_duplicates("cluster_id").index
    whole["largest"] = whole.index.isin(largest)
    position = np.tile(np.arange(len(ids)), len(alone))
    return whole.iloc[np.lexsort((np.arange(len(whole)), position))].reset_index(drop=True)


def source_range(study: Study, source: str, pairs: list[Pair], moved: pd.DataFrame | None) -> str:
    """Return the range over which the study draws a source, in words."""
    wanted = study.uncertainty
    if source == "records":
        amounts = "".join(f", {kind} {how}" for kind, how in resampled_amounts(study).items())
        return f"{record_draws(study)}{amounts}"
    if source == "weights":
        return f"weights of the score (Dirichlet, concentration {wanted.concentration:g})"
    if source == "addresses":
        if moved is None or moved.empty:
            return "addresses (none is moved)"
        least, most = moved["radius_km_least"].min(), moved["radius_km_most"].max()
        return f"addresses (discs of {_from_to(least, most)} km)"
    eps, least_samples = zip(*pairs, strict=True)
    return (
        f"parameters (eps_km {_from_to(min(eps), max(eps))}, min_samples"
        f" {_from_to(min(least_samples), max(least_samples))}, {counted(len(pairs), 'pair')})"
    )


def _from_to(least: float, most: float) -> str:
    one, other = f"{least:.4g}", f"{most:.4g}"
    return one if one == other else f"{one} to {other}"


def largest_in_words(sources: pd.DataFrame | None, level: float) -> list[str]:
    """Return lines that say which source is largest for how many clusters, with its range."""
    if sources is None:
        return []
    largest = sources[sources["largest"]]
    n = len(largest)
    lines = []
    for source, mine in sources.groupby("source", sort=False):
        won = largest[largest["source"] == source]
        named = ", ".join(won["name"].astype(str).head(3)) + (" ..." if len(won) > 3 else "")
        which = f": {named}" if len(won) else ""
        lines.append(f"- {mine['range'].iloc[0]}: largest for {len(won)} of {n}{which}.")
    first = (
        "Which source of uncertainty is the largest for how many clusters (widest"
        f" {100 * level:g} % of drawn ranks, or of scores where these are equal), each drawn"
        " alone within its range:"
    )
    return [first, *lines]
