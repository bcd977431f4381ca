"""Grid point of a sweep: the clusters at a pair of parameters, with scores and agreement."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.cluster_statistics import Labels, cluster_statistics, whole_listings
from gclust.experiments.grid import Pair
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.prepare import Prepared
from gclust.ranking.agreement import (
    adjusted_mutual_information,
    adjusted_rand_index,
    jaccard_of_first,
    tau_b_of_first,
)
from gclust.ranking.matching import match, overlap
from gclust.ranking.rank import rank


@dataclass(frozen=True)
class GridPoint:
    """Results of a study at one pair of parameters, as plain numbers."""

    eps_km: float
    min_samples: float
    statistics: dict[str, float]  # values of the sweep's table by column
    cluster_of_label: list[int]  # cluster after merging of each label of the locations
    share: list[float]  # of the weight that forms clusters, by cluster
    score: list[float]
    rank: list[int | None]  # by score, None for a cluster without score
    baseline_id: list[int]  # cluster of the baseline that each cluster matches, -1 for none
    sample: list[int]  # cluster of each location of a sample, see `density_validity.sample_of`

    def clusters(self, labels: Labels) -> Labels:
        """Convert labels of clusters before merging to merged clusters; noise stays -1."""
        return np.array([*self.cluster_of_label, -1], dtype=np.int32)[labels]

    @property
    def ranks(self) -> pd.Series:
        """The rank of each cluster."""
        return pd.Series(self.rank, dtype="Int64")


def measure_point(
    pair: Pair,
    prepared: Prepared,
    labelled: tuple[Labels, Labels, NDArray[np.bool_]],
    counted: MergedCounts,
    scores: pd.Series,
    sample: NDArray[np.integer],
) -> GridPoint:
    """Compute the statistics, shares and ranks of the clusters at a pair of parameters.

    ``labelled`` has the label of each location before and after merging, -1 for noise, and whether
    it is a core location; ``counted`` the clusters that the labels were merged into; ``scores`` is
    indexed by cluster, and ``sample`` are the positions of sampled locations.
    Shares are of the weight that forms clusters, noise included. The weight of other kinds,
    such as dollars of deals, may be of another order of magnitude.
    """
    labels, clusters, core = labelled
    weight = prepared.locations["density"].to_numpy()
    n_clusters, n_labels = len(counted.count), len(counted.cluster_ids)
    shares, share = cluster_statistics(
        clusters,
        weight,
        core_weight=weight.sum(where=core),
        n_clusters=n_clusters,
        clusters_before_merging=n_labels,
    )
    statistics = {
        "clusters_before_merging": n_labels,
        "n_clusters": n_clusters,
        "n_core": int(core.sum()),
        "n_noise": int(np.count_nonzero((labels < 0) & (weight > 0))),
        **shares,
    }
    return GridPoint(
        *pair,
        statistics=statistics,
        cluster_of_label=counted.cluster_ids.tolist(),
        share=share.tolist(),
        score=scores.tolist(),
        rank=[None if pd.isna(each) else int(each) for each in rank(scores)],
        baseline_id=[-1] * n_clusters,
        sample=clusters[sample].tolist(),
    )


def compare_to_baseline(
    point: GridPoint,
    baseline: GridPoint,
    clusters: tuple[Labels, Labels],
    weight: NDArray[np.int64],
    top: int,
) -> GridPoint:
    """Compare a grid point with the baseline; return a copy that also holds the results.

    ``clusters`` has the cluster of each location at the point and at the baseline, -1 for noise;
    ``weight`` is the weight with which each forms clusters. Ranks are compared of the first
    ``top``.
    """
    shared = overlap(clusters[1], clusters[0], weight)
    matched, listings = match(shared), whole_listings(shared)
    statistics = {
        **point.statistics,
        "ari": adjusted_rand_index(listings),
        "ami": adjusted_mutual_information(listings),
        "jaccard": jaccard_of_first(matched, baseline.ranks, point.ranks, top),
        "tau_b": tau_b_of_first(matched, baseline.ranks, point.ranks, top),
    }
    baseline_id = np.full(len(point.score), -1, dtype=np.int64)
    baseline_id[matched["b"]] = matched["a"]
    return replace(point, statistics=statistics, baseline_id=baseline_id.tolist())
