"""Outcome of a parameter set: clusters, ranks, and a comparison with the study's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.cluster_statistics import agreement, cluster_statistics
from gclust.experiments.grid import Pair
from gclust.experiments.sweep.diagnostics import diagnose
from gclust.experiments.tune.partition import PairPartition
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import MergedLabels, merge_labels
from gclust.pipeline.rank_clusters import rank_clusters
from gclust.places.cities.location_cells import ClusterCells
from gclust.places.cities.names import name_clusters
from gclust.ranking.columns import scored
from gclust.ranking.matching import match, overlap
from gclust.ranking.table import ranking
from gclust.study.schema import Study


@dataclass(frozen=True)
class ParameterSet:
    """Parameters that the tuner's controls set."""

    eps_km: float
    min_samples: float
    max_gap_km: float
    rule: str
    ties: str

    @classmethod
    def of(cls, study: Study) -> ParameterSet:
        """Return the parameter set that a study has."""
        dbscan, merge = study.dbscan, study.merge
        return cls(dbscan.eps_km, dbscan.min_samples, merge.max_gap_km, merge.rule, merge.ties)

    @property
    def pair(self) -> Pair:
        """The parameter set's eps_km and min_samples."""
        return self.eps_km, self.min_samples

    def at(self, pair: Pair) -> ParameterSet:
        """Return a copy of the parameter set with another pair of eps_km and min_samples."""
        return replace(self, eps_km=pair[0], min_samples=pair[1])


@dataclass(frozen=True)
class MergedPartition:
    """The clusters of a parameter set after merging, before they are named.

    ``figures`` are ``n_clusters, clusters_before_merging, clustered_share, largest_share,
    core_share`` (of the weight that forms clusters), ``ari`` (adjusted Rand index with the study's
    clusters).
    """

    partition: PairPartition
    labels: MergedLabels
    figures: dict[str, float]
    diagnostics: str  # see `gclust.experiments.sweep.diagnostics`

    @property
    def cluster_ids(self) -> NDArray[np.int64]:
        """Number of the merged cluster to which each cluster before merging belongs."""
        return self.labels.cluster_ids

    @property
    def n_clusters(self) -> int:
        """Number of clusters after merging."""
        return int(self.cluster_ids.max(initial=-1)) + 1

    def clusters(self, labels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Convert labels of clusters before merging to merged clusters; noise stays -1."""
        return np.append(self.cluster_ids, -1)[labels]


@dataclass(frozen=True)
class Outcome:
    """Clusters and ranks that a parameter set gives.

    ``table`` is that of `gclust.ranking.table.ranking`, with ``rank_then``: the rank in the study,
    missing for clusters that it does not have. ``gone`` are the study's clusters that have no
    match: ``rank, name, into`` (the cluster that has most of it now, missing for none). As long as
    columns of the score are ``pending``, not computed yet, clusters have no score and no rank, and
    are in the order of the sum of their shares.
    """

    parameters: ParameterSet
    merged: MergedPartition
    table: pd.DataFrame
    gone: pd.DataFrame
    pending: tuple[str, ...] = ()


def merge_partition(
    study: Study, parameters: ParameterSet, partition: PairPartition, base: NDArray[np.int64] | None
) -> MergedPartition:
    """Merge the clusters of a parameter set's eps_km and min_samples, and compute statistics.

    ``base`` is the cluster of each of the study's own labels; None if the partition is the study's.
    """
    options = replace(study.merge, max_gap_km=parameters.max_gap_km, rule=parameters.rule)
    labels = merge_labels(partition.totals, options)
    ids = labels.cluster_ids
    now = np.append(ids, -1)[partition.label]
    then = np.append(ids if base is None else base, -1)[partition.base_label]
    shares, _ = cluster_statistics(
        now,
        partition.weight,
        core_weight=partition.core_weight,
        n_clusters=int(ids.max(initial=-1)) + 1,
        clusters_before_merging=partition.n_labels,
    )
    figures = {**shares, "ari": agreement(then, now, partition.weight)}
    return MergedPartition(partition, labels, figures, diagnose(figures))


def name_merged(
    study: Study, merged: MergedPartition, report: Callable[[float], None]
) -> pd.DataFrame:
    """Name clusters as in a run: return a table with the columns ``name, economies``.

    ``report`` is called with the fraction done; an exception that it raises ends the work.
    """
    n_clusters, partition = merged.n_clusters, merged.partition
    patches = partition.patches
    if not n_clusters:
        return pd.DataFrame({"name": [], "economies": []}, dtype="str")
    label = merged.clusters(patches.label)
    cells = ClusterCells.of(
        patches.lat, patches.lon, patches.weight, label, n_clusters, patches.country
    )
    names = study.names
    return name_clusters(cells, most=names.most, least_share=names.least_share, report=report)


def rank_merged(
    study: Study,
    named: pd.DataFrame,
    counted: MergedCounts,
    described: pd.DataFrame | None,
    indicators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score and rank clusters as in a run: return the table of `gclust.ranking.table.ranking`.

    Columns that depend on areas or inhabitants and are not in the score are left out. ``named`` has
    ``name, economies`` by cluster; ``described`` ``area_km2, population`` if the score needs them;
    ``indicators`` those in the score. As long as a column of the score is missing there is no
    score, and clusters are in the order of the sum of their shares.
    """
    areas = pd.DataFrame() if described is None else described
    of_areas = {name: areas.get(name, np.nan) for name in ("population", "area_km2")}
    clusters = named.assign(cluster_id=np.arange(len(counted.count)), **of_areas)
    if described is None:
        table = ranking(clusters, counted.count, counted.share)
        table = table.assign(rank=pd.array([pd.NA] * len(table), dtype="Int64"), score=np.nan)
        kept: Sequence[str] = ()
    else:
        table = rank_clusters(study, clusters, counted, indicators)
        kept = scored(study.kinds, study.score.of)
    per_head = [f"{kind}_per_million" for kind in study.kinds]
    unseen = [*per_head, "population", "intensity", "intensity_rank", "area_km2"]
    return table.drop(columns=[column for column in unseen if column not in kept])


def compare_with(
    base: MergedPartition,
    base_table: pd.DataFrame,
    parameters: ParameterSet,
    merged: MergedPartition,
    table: pd.DataFrame,
) -> Outcome:
    """Compare a parameter set's ranking with the study's.

    Clusters match by their common weight; see `gclust.ranking.matching.match`.
    """
    partition = merged.partition
    shared = overlap(
        base.clusters(partition.base_label), merged.clusters(partition.label), partition.weight
    )
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
    return Outcome(parameters, merged, table.assign(rank_then=rank_then), gone)
