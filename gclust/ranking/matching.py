"""Matching of the clusters of two clusterings by the listings that they have in common."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.kernels.cooccurrence import shared_weights
from gclust.threads import count_threads

LEAST_SHARE = 0.5
"""Least share of the lighter cluster's weight that two matched clusters have in common."""


def overlap(
    labels_a: NDArray[np.integer], labels_b: NDArray[np.integer], weight: NDArray[np.integer]
) -> pd.DataFrame:
    """Sum the weight that each cluster of one clustering shares with each cluster of another.

    Parameters
    ----------
    labels_a, labels_b : ndarray of int, shape (n,)
        Clusters of the same locations, -1 for noise.
    weight : ndarray of int64, shape (n,)
        Weights of the locations; weight k is the same as k copies.

    Returns
    -------
    DataFrame
        ``a, b, weight`` (int64, exact), noise included, without rows of weight 0; sorted by
        ``a``, then ``b``.

    Raises
    ------
    ValueError
        If the arrays differ in length, a label is below -1, a weight is negative, or their sum is
        2 ** 63 or more.

    Examples
    --------
    >>> import numpy as np
    >>> overlap(np.array([0, 0, 1]), np.array([0, -1, -1]), np.array([5, 1, 2]))
       a  b  weight
    0  0 -1       1
    1  0  0       5
    2  1 -1       2
    """
    a, b = np.asarray(labels_a, dtype=np.int32), np.asarray(labels_b, dtype=np.int32)
    w = np.asarray(weight)
    if not a.shape == b.shape == w.shape or a.ndim != 1:
        raise ValueError(
            f"labels and weights must be of one length, not {a.shape}, {b.shape} and {w.shape}"
        )
    if w.dtype.kind not in "iu":
        raise ValueError(f"weights must be whole numbers, not {w.dtype}")
    for name, values, least in (("label", a, -1), ("label", b, -1), ("weight", w, 0)):
        if values.size and values.min() < least:
            raise ValueError(f"{name} {values.min()} is below {least}, the lowest that is allowed")
    found = shared_weights(a, b, w.astype(np.int64, copy=False), count_threads())
    if found is None:
        raise ValueError("the sum of the weights is 2 ** 63 or more")
    table = pd.DataFrame(dict(zip(("a", "b", "weight"), found, strict=True)))
    return table[table["weight"] > 0].reset_index(drop=True)


def weights_of(shared: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two weights for each row of ``shared``: of run a's and of run b's listings.

    ``shared`` has ``weight_of_a`` and ``weight_of_b`` where the two runs have other listings, else
    ``weight``, which is both.
    """
    names = ("weight_of_a", "weight_of_b") if "weight_of_a" in shared else ("weight", "weight")
    one, two = (shared[name].to_numpy(np.int64) for name in names)
    return one, two


def match(shared: pd.DataFrame, *, least_share: float = LEAST_SHARE) -> pd.DataFrame:
    """Match clusters of two clusterings that have most weight in common with each other.

    Two clusters match if each shares more weight with the other than with any third cluster,
    and they share at least ``least_share`` of the weight of the lighter one. So of several
    clusters that have merged, the heaviest matches the merged one; of a cluster that has
    split, the heaviest fragment does. An assignment of largest total weight would match more
    clusters, but wrongly: the small rest of a cluster that lost most of its weight to a
    neighbour would count as the whole cluster. Noise is not matched, so that the core of a
    cluster that is left at a higher threshold is still that cluster.

    ``shared`` is from `overlap`; or it has ``a, b, weight_of_a, weight_of_b``, if the labellings
    are of different listings: the weight of a's listings in the cluster a that lie in b, and of
    b's in the cluster b that lie in a. Both must be above 0 then. Returns ``a, b, weight`` (shared;
    of a's listings), ``share_of_a``, ``share_of_b`` (of the weight of either cluster), sorted by
    ``a``. Of equally heavy ones the smaller ``a``, then the smaller ``b`` is matched first.
    """
    a, b = (shared[name].to_numpy(np.int64) for name in ("a", "b"))
    weights = weights_of(shared)
    shares = []
    best = (a >= 0) & (b >= 0) & (weights[0] > 0) & (weights[1] > 0)
    inside = (a >= 0) & (b >= 0)
    for cluster, weight in zip((a, b), weights, strict=True):
        total = np.zeros(int(cluster.max(initial=-1)) + 2, dtype=np.int64)
        np.add.at(total, cluster + 1, weight)
        with np.errstate(invalid="ignore"):
            shares.append(weight / total[cluster + 1])
        most = np.zeros_like(total)
        np.maximum.at(most, cluster[inside] + 1, weight[inside])
        best &= weight == most[cluster + 1]
    best &= np.maximum(*shares) >= least_share
    chosen, taken_a, taken_b = [], set(), set()
    for row in np.flatnonzero(best)[np.lexsort((b[best], a[best]))].tolist():
        if a[row] not in taken_a and b[row] not in taken_b:
            chosen.append(row)
            taken_a.add(a[row])
            taken_b.add(b[row])
    return pd.DataFrame(
        {
            "a": a[chosen],
            "b": b[chosen],
            "weight": weights[0][chosen],
            "share_of_a": shares[0][chosen],
            "share_of_b": shares[1][chosen],
        }
    )
