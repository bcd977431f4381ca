"""Result of rank uncertainty: intervals, rank sets, and indistinguishable pairs of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.grid import Pair
from gclust.experiments.score_columns import scored_columns
from gclust.experiments.uncertainty.draws import Replicates
from gclust.experiments.uncertainty.draws_in_words import NOT_RESAMPLED, describe_draws
from gclust.experiments.uncertainty.sources_alone import source_table
from gclust.experiments.uncertainty.variation_in_words import assumption, records_in_words
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.ranking.intervals import intervals, rank_intervals
from gclust.ranking.rank import rank
from gclust.ranking.rank_sets import RankSets, among_best, marginal_rank_sets, rank_sets
from gclust.report.notebook import uncertainty_html, uncertainty_text
from gclust.study.schema import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT_OUT = "rrors of addresses, and records that are missing for a reason, are not covered."
ADDRESSES = (
    " Each listing whose address is known to its city only, or as [uncertainty] spread_km names"
    " it, lies anywhere in a disc round its coordinates, independently and uniformly: this varies"
    " what is unknown and is no sample, so that sets and intervals show what the unknown positions"
    " leave open. The study's own clusters have such listings at one point, so that its own"
    " values may lie outside the draws."
)
FIXED = " Clusters are fixed: all draws have the study's own, whose uncertainty is left out."
FIXED_OF_PAIRS = (
    " Clusters vary with the parameters alone: all draws of a pair have those that all listings"
    " form with it. How clusters vary with the records is left out."
)
RECLUSTERED = (
    " Each draw finds its own clusters, which are matched with the study's by the weight of"
    " listings that they share; intervals of shares, scores and ranks are conditional: they are"
    " those of the draws in which a cluster is found (found), and too narrow for clusters near the"
    " threshold. The columns _share_in_own_low and _high are unconditional: they count the study's"
    " own cluster in all draws, found again or not. Neither is corrected for selection: the records"
    " that made a cluster large enough to be found are those that are counted, which in simulations"
    " gives counts near the threshold that are 3 per cent too high and covered by 86 per cent of"
    " intervals of 90 per cent. Frozen boundaries, formed on other records than those counted, need"
    " no such correction: [clusters] formed_on."
)
FORMED_ON_HALF = (
    " They were formed on the other half of the records, and the draws are of the half that is"
    " counted, so that nothing has to be corrected for the selection of clusters."
)
FORMED_ON_RUN = (
    " They are those of an earlier run; as far as its records are others than those counted,"
    " nothing has to be corrected for the selection of clusters."
)
FORMED_ON_YEARS = (
    " They were formed on the records of the years {} to {}, which are counted too: for these"
    " years, counts near the threshold are too high."
)
NOT_SMOOTH = (
    " Sets rest on a bootstrap of a function of the records that is not smooth, so that their"
    " probability is approximate."
)
COLUMNS = (
    " Columns of the score that are neither shares nor counts are recomputed in each draw, from"
    " its counts and, if they read any, its listings. Records that have no id are drawn"
    " independently by place and by what these columns read (year, field, organisation); amounts"
    " at one place have one factor. A column that is no smooth function of many records may lie"
    " higher or lower in all draws than in the study: a concentration on organisations is larger"
    " by about 1 / n in draws of n records, so that intervals may leave out the study's own value."
)
FIXED_AREAS = " Areas and inhabitants are those of the fixed clusters."
PARAMETERS = (
    " Parameters are drawn from a plateau or from those given, all pairs being equally likely:"
    " this varies a choice and is no sample."
)
FIXED_AMOUNTS = (
    " Amounts of {} are not resampled: they are a census in an arbitrary unit, and the same in all"
    " draws."
)
VARIED_AMOUNTS = (
    " Amounts of {kind} are multiplied by a gamma number of mean one and coefficient of variation"
    " {cv:g} for each organisation (each listing, where it is unknown): this varies what is unknown"
    " and is no sample."
)
RESAMPLED_AMOUNTS = (
    " Amounts of {} are those of organisations that are treated as a sample: each stands for"
    " others like it, a Poisson number of mean one in each draw, with all its amounts; a listing"
    " without an organisation is one."
)
FIXED_TOTALS = " What [counting] totals add to the amounts of the sources is the same in all draws."
SCORE_LEAVES_OUT = " Intervals of the score, drawn ranks and rank sets leave out what varies in {}."
WEIGHTS = (
    " Weights of the score are drawn from a Dirichlet distribution round the study's: this varies"
    " a choice and is no sample, so that sets and intervals show what the choice leaves open."
)


@dataclass(frozen=True, repr=False)
class Uncertainty:
    """Rank uncertainty of a study's clusters.

    The columns of a table are those of its file. What they mean, with unit and formula, is in
    ``datapackage.json`` of the folder, and in the reference.

    Attributes
    ----------
    study : Study
    table : DataFrame
        One row per cluster, best first: ``uncertainty.csv`` of ``gclust uncertainty``. The rank
        sets jointly hold the true ranks of these clusters with the probability ``level``; the
        intervals of drawn ranks show their spread alone. A kind that is the same in all draws has
        no interval, unless its share varies with the clusters.
    pairs : DataFrame
        Pairs of clusters that cannot be distinguished: ``pairs.csv`` of ``gclust uncertainty``.
    scores : ndarray of float64, shape (draws, clusters)
        Scores of the clusters in each draw, in the order of ``table``: ``scores.parquet`` of
        ``gclust uncertainty``.
    critical : float
        See `gclust.ranking.rank_sets.RankSets`.
    superpopulation : str
        The population that the draws represent, in sentences.
    parameters : tuple of (eps_km, min_samples)
        The pairs from which draws choose; empty if parameters are not drawn.
    moved : DataFrame, optional
        The jittered addresses: ``moved.csv`` of ``gclust uncertainty``.
    sources : DataFrame, optional
        If the study names several sources, each cluster's intervals in the first 200 draws with
        each source alone: ``sources.csv`` of ``gclust uncertainty``. A cluster that is not found
        has the rank below all of the study's.
    warnings : tuple of str
        Warnings about the data.
    path : Path, optional
        The result folder, if it was written.

    Examples
    --------
    >>> import gclust
    >>> from dataclasses import replace
    >>> study = gclust.read_study(gclust.datasets.example_study())
    >>> found = gclust.uncertainty(replace(study, uncertainty={"draws": 99}))
    >>> found.table[["name", "rank", "rank_set_low", "rank_set_high"]]
           name  rank  rank_set_low  rank_set_high
    0  Grenoble     1             1              2
    1      Lyon     2             1              2
    2    Geneva     3             3              3
    """

    study: Study
    table: pd.DataFrame
    pairs: pd.DataFrame
    scores: NDArray[np.float64]
    critical: float
    superpopulation: str
    parameters: tuple[Pair, ...] = ()
    moved: pd.DataFrame | None = None
    sources: pd.DataFrame | None = None
    warnings: tuple[str, ...] = ()
    path: Path | None = None

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the rank sets; options are those of `gclust.plot.rank_sets`."""
        from gclust import plot

        return plot.rank_sets(self, ax, **options)

    def __repr__(self) -> str:
        return uncertainty_text(self)

    def _repr_html_(self) -> str:
        return uncertainty_html(self)

    @property
    def not_resampled(self) -> tuple[str, ...]:
        """Kinds whose listings are the same in all draws."""
        return self.study.not_resampled

    @property
    def draws_in_words(self) -> str:
        """The number of draws, their sources, clusters and seed in one line."""
        return describe_draws(self.study, len(self.parameters))

    @property
    def assumption(self) -> str:
        """On what independence of records sets and intervals rest: "if ...", "" if on none."""
        return assumption(self.study)

    @property
    def note(self) -> str:
        """The draws in one line, and what sets and intervals rest on, for figures."""
        given = self.assumption
        return f"{self.draws_in_words}{f'; sets and intervals hold {given}' if given else ''}"

    @property
    def score_leaves_out(self) -> tuple[str, ...]:
        """Kinds that affect the score, but do not vary in score intervals and rank sets."""
        return left_out(self.study, self.not_resampled)


class OwnClusters(NamedTuple):
    """The study's own clusters, by id."""

    named: pd.DataFrame
    """Columns ``name`` and ``economies``."""
    share: pd.DataFrame
    """Share of each kind in per cent."""
    score: pd.Series
    largest: pd.DataFrame
    """The largest organisations, of kinds that vary by organisation; see
    `gclust.experiments.uncertainty.leading`."""

    def to_table(self) -> pd.DataFrame:
        """Return all columns as one table; shares by the number of their kind."""
        table = self.named[["name", "economies"]].reset_index(drop=True)
        table["score"] = self.score.to_numpy()
        for code, kind in enumerate(self.share.columns):
            table[f"share_{code}"] = self.share[kind].to_numpy()
        return table.join(self.largest)

    @classmethod
    def from_table(cls, table: pd.DataFrame, study: Study) -> OwnClusters:
        """Read what `to_table` returned."""
        codes = range(len(study.kinds))
        share = pd.DataFrame({study.kinds[code]: table[f"share_{code}"] for code in codes})
        known = {"name", "economies", "score", *(f"share_{code}" for code in codes)}
        largest = table[[column for column in table if column not in known]]
        return cls(table[["name", "economies"]], share, table["score"], largest)


def rank_uncertainty(
    study: Study, own: OwnClusters, found: Replicates, drawn_pairs: list[Pair]
) -> Uncertainty:
    """Compute intervals, rank sets and indistinguishable pairs of clusters from replicates."""
    named, share, score, largest = own
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
        fixed = kind in study.not_resampled
        if fixed and not study.uncertainty.varies_clusters:
            low, high = np.full((2, len(ids)), np.nan)
        table[f"{kind}_share_low"], table[f"{kind}_share_high"] = low, high
        if found.in_own is not None:
            own_ends = intervals(found.in_own[:, ids, code], level)
            for end, values in zip(("low", "high"), own_ends, strict=True):
                table[f"{kind}_share_in_own_{end}"] = np.nan if fixed else values
        if fixed:
            table[f"{kind}_share_interval"] = NOT_RESAMPLED
    table["score"] = score.to_numpy()[ids]
    table["score_low"], table["score_high"] = intervals(scores, level)
    if study.not_resampled:
        table["score_interval_leaves_out"] = ", ".join(left_out(study, study.not_resampled))
    for name, ends in zip(("rank_low", "rank_high"), rank_intervals(ranks, level), strict=True):
        table[name] = pd.array(ends, dtype="Int64")
    n = int(table["score"].notna().sum())  # clusters without a score come last, and have no ranks
    sets = rank_sets(table["score"][:n], scores[:, :n], level)
    alone = marginal_rank_sets(table["score"][:n], scores[:, :n], level)
    for name, both in (("rank_set", (sets.low, sets.high)), ("marginal_rank_set", alone)):
        for end, known_ends in zip(("low", "high"), both, strict=True):
            known = pd.Series(known_ends).reindex(table.index)
            table[f"{name}_{end}"] = known.astype("int64" if n == len(table) else "Int64")
    for first in (10, 100):
        among = pd.Series(among_best(sets.low, sets.high, first))
        table[f"among_{first}"] = among.reindex(table.index).fillna("")
    table["found"] = (~np.isnan(scores)).mean(axis=0)
    table = table.join(largest.iloc[ids].reset_index(drop=True))
    sources = source_table(study, found.alone, table, drawn_pairs, found.moved)
    if sources is not None:
        won = sources[sources["largest"]].set_index("cluster_id")["source"]
        table["largest_source"] = table["cluster_id"].map(won)
    return Uncertainty(
        study=study,
        table=table,
        pairs=_pairs(table, sets, scores[:, :n]),
        scores=scores,
        critical=sets.critical,
        parameters=tuple(drawn_pairs),
        moved=found.moved,
        sources=sources,
        superpopulation=_superpopulation(study),
    )


def left_out(study: Study, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return which of ``kinds`` affect the score; ``kinds`` are the same in all draws."""
    columns = [column for column in scored_columns(study) if column.weight > 0]
    if any(not column.kinds for column in columns):
        return tuple(kinds)
    used = {kind for column in columns for kind in column.kinds}
    return tuple(kind for kind in kinds if kind in used)


def _superpopulation(study: Study) -> str:
    wanted, columns = study.uncertainty, ScoreColumns(study)
    text = "The records are fixed."
    if "records" in wanted.sources:
        text = records_in_words(study) + _of_amounts(study)
        text += (" Other e" if wanted.moves else " E") + LEFT_OUT
    text += ADDRESSES if wanted.moves else ""
    text += RECLUSTERED if wanted.reclusters else _fixed(study)
    text += NOT_SMOOTH if wanted.reclusters and "records" in wanted.sources else ""
    text += COLUMNS if columns.further else ""
    text += FIXED_AREAS if columns.looks_at & OUTLINED and not wanted.reclusters else ""
    text += PARAMETERS if "parameters" in wanted.sources else ""
    text += WEIGHTS if "weights" in wanted.sources else ""
    return text.strip()


def _fixed(study: Study) -> str:
    """Describe the clusters of draws that form none by the records drawn."""
    if "parameters" in study.uncertainty.sources:
        return FIXED_OF_PAIRS
    return FIXED + _formed_on(study)


def _formed_on(study: Study) -> str:
    """Describe on what frozen boundaries were formed; "" if they were formed on all records."""
    options = study.clusters.formed_on
    if options is None:
        return ""
    if options.years is not None:
        return FORMED_ON_YEARS.format(*options.years)
    return FORMED_ON_HALF if options.half is not None else FORMED_ON_RUN


def _of_amounts(study: Study) -> str:
    """Describe how amounts vary between draws, and what is not resampled."""
    text = ""
    if study.not_resampled:
        text += FIXED_AMOUNTS.format(" and ".join(study.not_resampled))
        if missing := left_out(study, study.not_resampled):
            text += SCORE_LEAVES_OUT.format(" and ".join(missing))
    for kind, cv in study.drawn_amounts.items():
        text += VARIED_AMOUNTS.format(kind=kind, cv=cv) if cv else RESAMPLED_AMOUNTS.format(kind)
        text += FIXED_TOTALS if kind in study.counting.totals else ""
    return text


def _pairs(table: pd.DataFrame, sets: RankSets, scores: NDArray[np.float64]) -> pd.DataFrame:
    """Return the pairs of clusters that cannot be distinguished, the better cluster first."""
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
