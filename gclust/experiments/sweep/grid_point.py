"""One pair of parameters: its clusters, their scores, and how far they agree with others."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.grid import Pair
from gclust.experiments.sweep.diagnostics import diagnose
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
from gclust.units import UNIT

Labels = NDArray[np.integer]


@dataclass(frozen=True)
class GridPoint:
    """What a pair of parameters makes of a study.

    Attributes
    ----------
    eps_km, min_samples : float
    figures : dict
        Column of the sweep's table -> value.
    cluster_of_label : list of int
        What merging made of the labels of the locations.
    share, score, rank : list
        Of each cluster: share of the weight that forms clusters, score, and rank by it (None for
        a cluster without score).
    baseline_id : list of int
        The baseline's cluster that is the same, -1 for none.
    """

    eps_km: float
    min_samples: float
    figures: dict[str, float]
    cluster_of_label: list[int]
    share: list[float]
    score: list[float]
    rank: list[int | None]
    baseline_id: list[int]

    def as_dict(self) -> dict[str, Any]:
        """All of it, in plain numbers."""
        return asdict(self)

    def clusters(self, labels: Labels) -> Labels:
        """Return the cluster of each label, in 4 bytes each; -1 for noise."""
        return np.array([*self.cluster_of_label, -1], dtype=np.int32)[labels]

    @property
    def ranks(self) -> pd.Series:
        """Rank by cluster."""
        return pd.Series(self.rank, dtype="Int64")


def measure(
    pair: Pair,
    prepared: Prepared,
    labels: NDArray[np.int64],
    core: NDArray[np.bool_],
    counted: MergedCounts,
    scores: pd.Series,
) -> GridPoint:
    """Measure the clusters of a pair by themselves.

    Shares are of the weight that forms clusters, noise included. What other kinds weigh,
    dollars say, may be of another order.
    """
    units = prepared.locations["density"].to_numpy()
    forming = units > 0
    clusters = counted.clusters(labels)
    n_clusters = len(counted.count)
    weight = np.zeros(n_clusters + 1, dtype=np.int64)
    np.add.at(weight, clusters, units)  # noise falls into the last place
    share = weight[:-1] / units.sum()
    figures: dict[str, float] = {
        "clusters_before_merging": len(counted.cluster_ids),
        "n_clusters": n_clusters,
        "n_core": int(core.sum()),
        "n_noise": int((labels[forming] < 0).sum()),
        "clustered_share": float(weight[:-1].sum() / units.sum()),
        "largest_share": float(share.max(initial=0.0)),
        "core_share": float(units[core].sum() / units.sum()),
    }
    return GridPoint(
        *pair,
        figures=figures,
        cluster_of_label=counted.cluster_ids.tolist(),
        share=share.tolist(),
        score=scores.tolist(),
        rank=[None if pd.isna(each) else int(each) for each in rank(scores)],
        baseline_id=[-1] * n_clusters,
    )


def compare(
    trial: GridPoint,
    clusters: Labels,
    base: GridPoint,
    of_base: Labels,
    units: NDArray[np.int64],
    top: int,
) -> GridPoint:
    """Add to a trial how far it agrees with the baseline, and which clusters are the same.

    Parameters
    ----------
    trial, base : Trial
    clusters, of_base : ndarray of int, shape (n,)
        Their clusters of the locations.
    units : ndarray of int64, shape (n,)
        Weights with which the locations form clusters.
    top : int
        How many clusters are the first.
    """
    shared = overlap(of_base, clusters, units)
    same = match(shared)
    listings = _in_listings(shared)
    figures = {
        **trial.figures,
        "ari": adjusted_rand_index(listings),
        "ami": adjusted_mutual_information(listings),
        "jaccard": jaccard_of_first(same, base.ranks, trial.ranks, top),
        "tau_b": tau_b_of_first(same, base.ranks, trial.ranks, top),
    }
    baseline_id = np.full(len(trial.score), -1, dtype=np.int64)
    baseline_id[same["b"]] = same["a"]
    return replace(trial, figures=figures, baseline_id=baseline_id.tolist())


def agreement(clusters: Labels, others: Labels, units: NDArray[np.int64]) -> float:
    """Adjusted Rand index of two labellings of the locations, weighted by listings."""
    return adjusted_rand_index(_in_listings(overlap(clusters, others, units)))


def diagnosed(figures: dict[str, float]) -> str:
    """Say what is suspicious about a pair; see `gclust.experiments.sweep.diagnostics`."""
    names = ("n_clusters", "core_share", "clustered_share", "largest_share")
    return diagnose(*(figures[name] for name in names))  # type: ignore[arg-type]


def _in_listings(shared: pd.DataFrame) -> pd.DataFrame:
    """Weights as whole listings, which pairs of listings are counted of.

    Fractions of a listing that are left in a cell are rounded, half up.
    """
    listings = shared.assign(weight=(shared["weight"] + UNIT // 2) // UNIT)
    return listings[listings["weight"] > 0]
