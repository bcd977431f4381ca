"""What a choice of all parameters gives: clusters, ranks, and how they differ from the study's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.merging import merge
from gclust.experiments.grid import Pair
from gclust.experiments.sweep.diagnostics import diagnose
from gclust.experiments.sweep.grid_point import agreement
from gclust.experiments.tune.partition import PairPartition
from gclust.listings.record_arrays import Records
from gclust.pipeline.count_arrays import count_open
from gclust.places.cities.names import name_clusters
from gclust.ranking.columns import scored
from gclust.ranking.matching import match, overlap
from gclust.ranking.table import ranking
from gclust.study.schema import Study
from gclust.units import UNIT


@dataclass(frozen=True)
class ParameterSet:
    """What the controls say."""

    eps_km: float
    min_samples: float
    max_gap_km: float
    rule: str
    ties: str

    @classmethod
    def of(cls, study: Study) -> ParameterSet:
        """The choice of a study."""
        return cls(
            study.dbscan.eps_km,
            study.dbscan.min_samples,
            study.merge.max_gap_km,
            study.merge.rule,
            study.merge.ties,
        )

    @property
    def pair(self) -> Pair:
        """Its eps_km and min_samples."""
        return self.eps_km, self.min_samples

    def at(self, pair: Pair) -> ParameterSet:
        """The same with another pair."""
        return replace(self, eps_km=pair[0], min_samples=pair[1])


@dataclass(frozen=True)
class Merged:
    """The clusters of a choice, before they are named.

    Attributes
    ----------
    formed : Formed
    cluster_ids : ndarray of int64, shape (n_labels,)
        The cluster into which each label went.
    figures : dict
        ``n_clusters, clusters_before_merging, clustered_share, largest_share, core_share`` (of
        the weight that forms clusters), ``ari`` (adjusted Rand index with the study's clusters).
    diagnostics : str
        See `gclust.experiments.sweep.diagnostics`.
    """

    formed: PairPartition
    cluster_ids: NDArray[np.int64]
    figures: dict[str, float]
    diagnostics: str

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster_ids.max(initial=-1)) + 1

    def clusters(self, labels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the cluster of each label, -1 for noise."""
        return np.append(self.cluster_ids, -1)[labels]


@dataclass(frozen=True)
class Outcome:
    """What a choice gives.

    Attributes
    ----------
    choice : Choice
    merged : Merged
    table : DataFrame
        As `gclust.ranking.table.ranking` gives it, and ``rank_then``: the rank in the study,
        missing for clusters that it does not have.
    gone : DataFrame
        ``rank, name, into`` (the cluster that holds most of it now, missing for none) of the
        study's clusters that are no longer there.
    awaited : tuple of str
        Columns of the score that are still to be computed: until then no cluster has a score or
        a rank, and the order is that of the shares' sum.
    """

    choice: ParameterSet
    merged: Merged
    table: pd.DataFrame
    gone: pd.DataFrame
    awaited: tuple[str, ...] = ()


def merge_labels(
    study: Study, choice: ParameterSet, formed: PairPartition, base: NDArray[np.int64] | None
) -> Merged:
    """Merge labels by a choice, and measure the clusters.

    Parameters
    ----------
    study : Study
    choice : Choice
    formed : Formed
        Of the pair of the choice.
    base : ndarray of int64, optional
        The cluster of each of the study's own labels; those found, if this is the study.
    """
    merging = merge(
        formed.n_labels,
        formed.gaps,
        formed.ties,
        max_gap_km=choice.max_gap_km,
        rule=choice.rule,
        noise_partner=study.merge.noise_partner,
    )
    _, ids = np.unique(merging.cluster, return_inverse=True)
    ids = ids.astype(np.int64)
    now = np.append(ids, -1)[formed.label]
    then = np.append(ids if base is None else base, -1)[formed.base_label]
    weight = np.zeros(int(ids.max(initial=-1)) + 2, dtype=np.int64)
    np.add.at(weight, now, formed.weight)  # noise falls into the last place
    total = formed.weight.sum()
    shared = {
        "clustered_share": float(weight[:-1].sum() / total),
        "largest_share": float(weight[:-1].max(initial=0) / total),
        "core_share": float(formed.core_weight / total),
    }
    n_clusters = len(weight) - 1
    figures = {
        "n_clusters": n_clusters,
        "clusters_before_merging": formed.n_labels,
        **shared,
        "ari": agreement(then, now, formed.weight),
    }
    diagnostics = diagnose(
        n_clusters, shared["core_share"], shared["clustered_share"], shared["largest_share"]
    )
    return Merged(formed, ids, figures, diagnostics)


def count_clusters(
    study: Study, merged: Merged, records: Records, kinds: tuple[str, ...]
) -> pd.DataFrame:
    """Count the records of each kind in each cluster, as a run does."""
    n_clusters, formed = merged.n_clusters, merged.formed
    units = count_open(records, merged.clusters(formed.of_open), n_clusters, study.counting.method)
    for kind, of_labels in enumerate(formed.count):
        np.add.at(units[kind], merged.cluster_ids, of_labels)
    return pd.DataFrame(units.T / UNIT, columns=list(kinds))


def name_merged(study: Study, merged: Merged, report: Callable[[float], None]) -> pd.DataFrame:
    """Name the clusters as a run does: ``name, economies``.

    What ``report`` raises ends the work; it is called with the share done.
    """
    n_clusters, formed = merged.n_clusters, merged.formed
    patches = formed.patches
    if not n_clusters:
        return pd.DataFrame({"name": [], "economies": []}, dtype="str")
    return name_clusters(
        patches.lat,
        patches.lon,
        patches.weight,
        merged.clusters(patches.label),
        n_clusters=n_clusters,
        most=study.names.most,
        least_share=study.names.least_share,
        report=report,
    )


def rank_merged(
    study: Study,
    named: pd.DataFrame,
    count: pd.DataFrame,
    share: pd.DataFrame,
    described: pd.DataFrame | None,
    indicators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score and rank clusters, as a run does.

    Parameters
    ----------
    study : Study
    named : DataFrame
        ``name, economies``, by cluster.
    count, share : DataFrame, shape (clusters, kinds)
    described : DataFrame, optional
        ``area_km2, population`` if the score follows from them. Without it there is no score
        yet, and clusters are in the order of the sum of their shares.
    indicators : DataFrame, optional
        Those that the score is made of.

    Returns
    -------
    DataFrame
        As `gclust.ranking.table.ranking` gives it, but for what follows from areas and
        inhabitants and is no column of the score.
    """
    beside = {
        column: np.nan if described is None else described.get(column, np.nan)
        for column in ("population", "area_km2")
    }
    clusters = named.assign(cluster_id=np.arange(len(count)), **beside)
    options, of = study.score, scored(study.kinds, study.score.of)
    if described is None:
        table = ranking(clusters, count, share)
        table["rank"] = pd.array([pd.NA] * len(table), dtype="Int64")
        table["score"] = np.nan
    else:
        table = ranking(
            clusters,
            count,
            share,
            top=study.study.top,
            combine=options.combine,
            weights=options.weights,
            of=of,
            lower_is_better=options.lower_is_better,
            indicators=indicators,
        )
    per_head = [f"{kind}_per_million" for kind in study.kinds]
    unseen = [*per_head, "population", "intensity", "intensity_rank", "area_km2"]
    return table.drop(
        columns=[column for column in unseen if column not in of or described is None]
    )


def compare_with(
    base: Merged,
    base_table: pd.DataFrame,
    choice: ParameterSet,
    merged: Merged,
    table: pd.DataFrame,
) -> Outcome:
    """Set a ranking against the study's.

    Clusters are the same if they share most weight with each other; see
    `gclust.ranking.matching.match`.
    """
    formed = merged.formed
    shared = overlap(base.clusters(formed.base_label), merged.clusters(formed.label), formed.weight)
    same = match(shared)
    then = base_table.set_index("cluster_id")
    of_base = pd.Series(same["a"].to_numpy(), index=same["b"].to_numpy())
    rank_then = table["cluster_id"].map(of_base).map(then["rank"]).astype("Int64")
    gone = then.loc[~then.index.isin(same["a"]), ["rank", "name"]]
    inside = shared[(shared["a"] >= 0) & (shared["b"] >= 0)]
    heaviest = inside.sort_values(["a", "weight", "b"], ascending=[True, False, True])
    into = heaviest.drop_duplicates("a").set_index("a")["b"]
    names = table.set_index("cluster_id")["name"]
    gone = gone.assign(into=gone.index.map(into).map(names)).reset_index(drop=True)
    return Outcome(choice, merged, table.assign(rank_then=rank_then), gone)
