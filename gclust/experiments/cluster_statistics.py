"""Statistics of the clusters at one pair of eps_km and min_samples, for sweeps and the tuner."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.kernels.cooccurrence import sum_values
from gclust.ranking.agreement import adjusted_rand_index
from gclust.ranking.matching import overlap
from gclust.units import UNIT

Labels = NDArray[np.integer]


def cluster_statistics(
    clusters: Labels,
    weight: NDArray[np.int64],
    *,
    core_weight: int,
    n_clusters: int,
    clusters_before_merging: int,
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Compute the number of clusters and their shares of the weight.

    Parameters
    ----------
    clusters : ndarray of int, shape (n,)
        Cluster of each location after merging, -1 for noise.
    weight : ndarray of int64, shape (n,)
        Weights with which the locations form clusters, noise included.
    core_weight : int
        Weight at core locations.
    n_clusters, clusters_before_merging : int

    Returns
    -------
    statistics : dict
        ``clusters_before_merging, n_clusters, clustered_share, largest_share, core_share``;
        shares are of all weight, from 0 to 1.
    share : ndarray of float64, shape (n_clusters,)
        Share of all weight in each cluster.

    Examples
    --------
    >>> statistics, share = cluster_statistics(
    ...     np.array([0, 0, 1, -1]),
    ...     np.array([3, 1, 2, 2]),
    ...     core_weight=5,
    ...     n_clusters=2,
    ...     clusters_before_merging=3,
    ... )
    >>> statistics["clustered_share"], statistics["largest_share"], share.tolist()
    (0.75, 0.5, [0.5, 0.25])
    """
    (of_clusters,) = sum_values(clusters.astype(np.int32, copy=False), weight[None], n_clusters)
    total, share = weight.sum(), of_clusters / weight.sum()
    statistics = {
        "clusters_before_merging": clusters_before_merging,
        "n_clusters": n_clusters,
        "clustered_share": float(of_clusters.sum() / total),
        "largest_share": float(share.max(initial=0.0)),
        "core_share": float(core_weight / total),
    }
    return statistics, share


def agreement(
    clusters: Labels, others: Labels, weight: NDArray[np.int64], *, noise: str = "singletons"
) -> float:
    """Return the adjusted Rand index of two labellings of the locations, weighted by listings.

    ``noise`` is as in `gclust.ranking.agreement.adjusted_rand_index`.
    """
    return adjusted_rand_index(whole_listings(overlap(clusters, others, weight)), noise=noise)


def whole_listings(shared: pd.DataFrame) -> pd.DataFrame:
    """Round the weights that clusters share to whole listings, for agreement indices.

    Parameters
    ----------
    shared : DataFrame
        From `gclust.ranking.matching.overlap`, ``weight`` in fixed point (see `gclust.units`).

    Returns
    -------
    DataFrame
        The same with ``weight`` in listings, half a listing rounded up; rows of 0 left out.
    """
    listings = shared.assign(weight=(shared["weight"] + UNIT // 2) // UNIT)
    return listings[listings["weight"] > 0]
