"""What draws say about the ranks of a study, and how it is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.grid import Pair
from gclust.experiments.uncertainty.draws import Outcomes
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.ranking.intervals import chance_of_first, intervals, rank_intervals
from gclust.ranking.rank import rank
from gclust.ranking.rank_sets import RankSets, rank_sets
from gclust.study.schema import Study

SUPERPOPULATION = (
    "The records are taken for a sample: each stands for the records that the same places"
    " could have brought forth in its stead, independently of the others, a Poisson number of"
    " them in each draw. The number of records is drawn with them, and so are the world's"
    " totals, noise included; a listing without a record stands for as many records as it"
    " weighs, and a total given in [counting] beyond the sources for as many records outside"
    " all clusters."
)
LEFT_OUT = "rrors of addresses, and records that are missing for a reason, are no part of it."
ADDRESSES = (
    " Each listing whose address is known to its city only, or as [uncertainty] spread_km names"
    " it, lies anywhere in a disc round the place that it was given, by itself and all places of"
    " the disc as likely: a spread over what is not known, not a sample, so that sets and"
    " intervals say what that leaves open. The study's own clusters"
    " have such listings at one place, so that what it found may lie outside the draws."
)
HELD = " Clusters are held as the study forms them: that they could be others is left out."
ANEW = (
    " Each draw forms its own clusters, which are matched with the study's by the weight of"
    " listings that they share; shares, scores and ranks are of the draws in which a cluster is"
    " found."
)
NOT_SMOOTH = (
    " Sets rest on a bootstrap of what is no smooth function of the records, so that"
    " their probability is approximate."
)
COLUMNS = (
    " Columns of the score that are neither shares nor counts are computed anew in each draw, from"
    " its counts and, if they look at any, its listings, of which those without a record at one"
    " place are drawn together. What is no smooth function of many records may lie higher or lower"
    " in all draws than in the study: a concentration on organisations is larger by about 1 / n in"
    " draws of n records, so that intervals may leave out the study's own value."
)
HELD_AREAS = " Areas and inhabitants are those of the clusters that are held."
PARAMETERS = (
    " Parameters are drawn from a plateau or from those given, all pairs being as likely: a"
    " spread over choices, not a sample."
)
WEIGHTS = (
    " Weights of the score are drawn from a Dirichlet distribution round the study's: a spread"
    " over choices, not a sample, so that sets and intervals say what choices leave open."
)


@dataclass(frozen=True)
class Uncertainty:
    """How firm the ranks of a study are.

    Attributes
    ----------
    study : Study
    table : DataFrame
        One row per cluster, best first: ``rank, cluster_id, name, economies``, for each kind
        ``<kind>_share, <kind>_share_low, <kind>_share_high`` (per cent), then ``score,
        score_low, score_high``; ``rank_low, rank_high`` (percentiles of the drawn ranks: how
        they scatter); ``rank_set_low, rank_set_high`` (sets that jointly hold all true ranks
        with the probability ``level``); ``first_10, first_100`` (share of the draws in which
        the cluster is among them), and ``found`` (share of the draws that have the cluster).
    pairs : DataFrame
        Pairs of clusters that cannot be told apart: ``rank_a, cluster_a, name_a, rank_b,
        cluster_b, name_b, difference`` (of the scores), ``low, high`` (simultaneous over all
        pairs), ``a_above_b`` (share of the draws with both in which a is above).
    scores : ndarray of float64, shape (draws, clusters)
        Of the clusters in the order of ``table``.
    critical : float
        See `gclust.ranking.rank_sets.RankSets`.
    superpopulation : str
        What the draws are draws of.
    parameters : tuple of (eps_km, min_samples)
        From which they were drawn; empty if they were not.
    moved : DataFrame, optional
        Which addresses are elsewhere in each draw: ``kind, precision, listings, weight,
        radius_km_least, radius_km_median, radius_km_most``.
    warnings : tuple of str
        What looked wrong in the data.
    path : Path, optional
        The folder, if it was written.
    """

    study: Study
    table: pd.DataFrame
    pairs: pd.DataFrame
    scores: NDArray[np.float64]
    critical: float
    superpopulation: str
    parameters: tuple[Pair, ...] = ()
    moved: pd.DataFrame | None = None
    warnings: tuple[str, ...] = ()
    path: Path | None = None


def rank_uncertainty(
    study: Study,
    named: pd.DataFrame,
    share: pd.DataFrame,
    score: pd.Series,
    found: Outcomes,
    drawn_pairs: list[Pair],
) -> Uncertainty:
    """Make intervals, rank sets and pairs of draws.

    Parameters
    ----------
    study : Study
    named : DataFrame
        ``name, economies`` of the clusters, by id.
    share : DataFrame, shape (clusters, kinds)
    score : Series
        The study's own.
    found : Outcomes
    drawn_pairs : list of (eps_km, min_samples)
        From which parameters were drawn; empty if they were not.
    """
    level = study.uncertainty.level
    order = pd.DataFrame({"rank": rank(score)}).rename_axis("cluster_id").reset_index()
    order = order.sort_values(["rank", "cluster_id"], ignore_index=True)
    ids = order["cluster_id"].to_numpy()
    table = order[["rank", "cluster_id"]].assign(
        name=named["name"].to_numpy()[ids], economies=named["economies"].to_numpy()[ids]
    )
    shares, scores, ranks = found.shares[:, ids], found.scores[:, ids], found.ranks[:, ids]
    for code, kind in enumerate(share.columns):
        table[f"{kind}_share"] = share[kind].to_numpy()[ids]
        low, high = intervals(shares[:, :, code], level)
        table[f"{kind}_share_low"], table[f"{kind}_share_high"] = low, high
    table["score"] = score.to_numpy()[ids]
    table["score_low"], table["score_high"] = intervals(scores, level)
    for name, ends in zip(("rank_low", "rank_high"), rank_intervals(ranks, level), strict=True):
        table[name] = pd.array(ends, dtype="Int64")
    n = int(table["score"].notna().sum())  # those without score come last, and have no ranks
    sets = rank_sets(table["score"][:n], scores[:, :n], level)
    for name, known_ends in (("rank_set_low", sets.low), ("rank_set_high", sets.high)):
        known = pd.Series(known_ends).reindex(table.index)
        table[name] = known.astype("int64" if n == len(table) else "Int64")
    for first in (10, 100):
        table[f"first_{first}"] = chance_of_first(ranks, first)
    table["found"] = (~np.isnan(scores)).mean(axis=0)
    return Uncertainty(
        study=study,
        table=table,
        pairs=_pairs(table, sets, scores[:, :n]),
        scores=scores,
        critical=sets.critical,
        parameters=tuple(drawn_pairs),
        moved=found.moved,
        superpopulation=_superpopulation(study),
    )


def _superpopulation(study: Study) -> str:
    """What the draws are draws of."""
    wanted, told = study.uncertainty, "The records are held."
    if "records" in wanted.sources:
        told = SUPERPOPULATION + (" Other e" if wanted.moves else " E") + LEFT_OUT
    told += ADDRESSES if wanted.moves else ""
    told += ANEW if wanted.reclusters else HELD
    told += NOT_SMOOTH if wanted.reclusters and "records" in wanted.sources else ""
    columns = ScoreColumns(study)
    told += COLUMNS if columns.further else ""
    told += HELD_AREAS if columns.looks_at & OUTLINED and not wanted.reclusters else ""
    told += PARAMETERS if "parameters" in wanted.sources else ""
    return told + (WEIGHTS if "weights" in wanted.sources else "")


def _pairs(table: pd.DataFrame, sets: RankSets, scores: NDArray[np.float64]) -> pd.DataFrame:
    """The pairs of which neither is told to be above the other, the better one first."""
    a, b = np.nonzero(np.triu(~(sets.above | sets.above.T), 1))
    listed = pd.DataFrame()
    for side, at in (("a", a), ("b", b)):
        listed[f"rank_{side}"] = table["rank"].to_numpy()[at]
        listed[f"cluster_{side}"] = table["cluster_id"].to_numpy()[at]
        listed[f"name_{side}"] = table["name"].to_numpy()[at]
    value = table["score"].to_numpy()
    listed["difference"] = value[a] - value[b]
    reach = sets.critical * sets.error[a, b]
    listed["low"], listed["high"] = listed["difference"] - reach, listed["difference"] + reach
    above, both = np.zeros((2, scores.shape[1], scores.shape[1]))
    for draw in scores:
        above += draw[:, None] > draw
        there = ~np.isnan(draw)
        both += there[:, None] & there
    with np.errstate(invalid="ignore"):
        listed["a_above_b"] = (above / both)[a, b]
    return listed
