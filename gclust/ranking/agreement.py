"""Agreement of two clusterings of the same listings, and of two rankings of clusters.

Noise is not a cluster, so by default each noise listing counts as a cluster of its own
(``noise="singletons"``). With ``noise="class"`` all noise listings count as one more cluster.
This raises the agreement of clusterings that have the same noise: if half of the weight is
noise in both, a quarter of all pairs of listings agree for that reason alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.kernels.expected_information import mean_shared_log
from gclust.parallel import even_chunks, parallel_for
from gclust.threads import count_threads

NOISE = ("singletons", "class")
NEGLIGIBLE = 1e-20
"""Terms below this share of the largest one are left out; they decrease geometrically."""
CHUNK = 1 << 17
"""Pairs of cluster sizes whose terms are added up at a time."""
BLOCK = 1 << 10
"""Pairs of cluster sizes in a chunk of work."""


@dataclass(frozen=True)
class _Contingency:
    """A contingency table in which equal rows, columns and cells are stored once, with a count.

    The rows of ``cells`` are shared weight, weight in a, weight in b, and number of cells;
    those of ``a`` and ``b`` the different sizes of clusters, and the number of clusters.
    """

    total: int
    cells: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]

    @property
    def identical(self) -> bool:
        """Whether the two labellings are the same partition."""
        return bool(
            (self.cells[0] == self.cells[1]).all() and (self.cells[0] == self.cells[2]).all()
        )


def adjusted_rand_index(shared: pd.DataFrame, *, noise: str = "singletons") -> float:
    """Return the adjusted Rand index of two clusterings (Hubert and Arabie 1985, equation 5).

    Computed in integers and divided once, so it is exact for any weight.

    Parameters
    ----------
    shared : DataFrame
        From `gclust.ranking.matching.overlap`, with weights in listings: weight k is
        k copies.
    noise : {"singletons", "class"}
        Each noise listing a cluster of its own, or all noise one cluster.

    Returns
    -------
    float
        1 for equal partitions, 0 on average for random ones with the same sizes; missing
        without listings.

    Examples
    --------
    >>> import numpy as np
    >>> from gclust.ranking.matching import overlap
    >>> shared = overlap(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]), np.ones(4, dtype=int))
    >>> round(adjusted_rand_index(shared), 4)
    0.5714
    """
    table = _contingency(shared, noise)
    if table.total == 0:
        return math.nan
    if table.identical:
        return 1.0
    together = _pairs(table.cells[0], table.cells[3])
    in_a, in_b = _pairs(*table.a), _pairs(*table.b)
    every = math.comb(table.total, 2)
    return 2 * (together * every - in_a * in_b) / ((in_a + in_b) * every - 2 * in_a * in_b)


def adjusted_mutual_information(shared: pd.DataFrame, *, noise: str = "singletons") -> float:
    """Return the adjusted mutual information of two clusterings (Vinh, Epps and Bailey 2010).

    The expected mutual information is the exact sum over hypergeometric distributions
    (their equation 24a), normalised by the arithmetic mean of the entropies; see
    `expected_mutual_information`. Arguments and the range of values as in `adjusted_rand_index`.
    """
    table = _contingency(shared, noise)
    if table.total == 0:
        return math.nan
    if table.identical:
        return 1.0
    n, of_a, of_b, times = table.cells.astype(np.float64)
    total = float(table.total)
    information = float(np.sum(times * n / total * np.log(total * n / (of_a * of_b))))
    expected = expected_mutual_information(table.a, table.b)
    mean = (_entropy(table.a, total) + _entropy(table.b, total)) / 2
    return (information - expected) / (mean - expected)


def expected_mutual_information(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the expected mutual information (nats) of random clusterings of given sizes.

    ``a`` and ``b`` (2, k) are the different sizes of clusters of a labelling, and the number of
    clusters of each. It is the sum of Vinh, Epps and Bailey (2010, equation 24a) over all clusters
    i, j and all weights n that they can have in common: n / N * log(N n / (a_i b_j)) times the
    hypergeometric probability of n. Equal sizes are summed once. The probabilities are computed
    from their ratios, outward from the most probable n, and divided by their sum: logarithms of
    factorials of 10 million would lose half of the digits. Terms below 1e-20 of the largest are
    left out: those more than about twenty standard deviations away.
    """
    total = int(np.dot(*a))
    size_a, size_b = np.repeat(a[0], b.shape[1]), np.tile(b[0], a.shape[1])
    times = np.outer(a[1], b[1]).ravel().astype(np.float64)
    sums = []
    for start in range(0, times.size, CHUNK):
        here = slice(start, start + CHUNK)
        mine = size_a[here].astype(np.float64), size_b[here].astype(np.float64)
        means = np.empty(len(mine[0]))
        # The largest pairs have most terms, and come last: small blocks keep all threads at work.
        blocks = even_chunks(len(means), BLOCK)
        args = (*mine, float(total), NEGLIGIBLE, means)
        parallel_for(blocks, count_threads(), mean_shared_log, *args)
        sums.append(float(np.dot(times[here], means)))
    return math.fsum(sums) / total


def jaccard_of_first(
    matched: pd.DataFrame, rank_a: pd.Series, rank_b: pd.Series, top: int = 100
) -> float:
    """Return the Jaccard index of the first ``top`` clusters of two rankings.

    It is the number of clusters among the first in both, divided by that of those among the first
    in either; missing if there are none. ``matched`` has the pairs ``a, b`` of
    `gclust.ranking.matching.match`, and the ranks are indexed by labels.
    """
    both = len(_first_in_both(matched, rank_a, rank_b, top))
    either = int((rank_a <= top).sum()) + int((rank_b <= top).sum()) - both
    return both / either if either else math.nan


def tau_b_of_first(
    matched: pd.DataFrame, rank_a: pd.Series, rank_b: pd.Series, top: int = 100
) -> float:
    """Return Kendall's tau-b (1945) of two rankings, for the clusters among the first in both.

    `jaccard_of_first`, which has the same arguments, measures how many stay; this measures whether
    those keep their order. Missing with fewer than two clusters, or if all share a rank.
    """
    from scipy.stats import kendalltau

    both = _first_in_both(matched, rank_a, rank_b, top)
    if len(both) < 2:
        return math.nan
    x, y = rank_a.loc[both["a"]].to_numpy(float), rank_b.loc[both["b"]].to_numpy(float)
    return float(kendalltau(x, y, variant="b").statistic)


def _first_in_both(
    matched: pd.DataFrame, rank_a: pd.Series, rank_b: pd.Series, top: int
) -> pd.DataFrame:
    # A cluster without rank is not among the first.
    first_a = (rank_a.loc[matched["a"]] <= top).fillna(False).to_numpy(bool)
    first_b = (rank_b.loc[matched["b"]] <= top).fillna(False).to_numpy(bool)
    return matched[first_a & first_b]


def _contingency(shared: pd.DataFrame, noise: str) -> _Contingency:
    if noise not in NOISE:
        raise ValueError(f"noise must be one of {', '.join(NOISE)}, not {noise!r}")
    a, b, n = (shared[name].to_numpy(np.int64) for name in ("a", "b", "weight"))
    alone_a, alone_b = (a < 0) & (noise == "singletons"), (b < 0) & (noise == "singletons")
    of_a = shared.groupby("a")["weight"].transform("sum").to_numpy(np.int64)
    of_b = shared.groupby("b")["weight"].transform("sum").to_numpy(np.int64)
    alone = alone_a | alone_b
    in_both, in_a = np.where(alone, 1, n), np.where(alone_a, 1, of_a)
    in_b, times = np.where(alone_b, 1, of_b), np.where(alone, n, 1)
    sizes_a, sizes_b = _sizes(shared, "a", noise), _sizes(shared, "b", noise)
    return _Contingency(int(n.sum()), np.vstack((in_both, in_a, in_b, times)), sizes_a, sizes_b)


def _sizes(shared: pd.DataFrame, side: str, noise: str) -> NDArray[np.int64]:
    weight = shared.groupby(side)["weight"].sum()
    sizes, times = weight.to_numpy(np.int64), np.ones(len(weight), dtype=np.int64)
    if noise == "singletons" and len(weight) and weight.index[0] == -1:
        sizes, times = np.concatenate(([1], sizes[1:])), np.concatenate(([sizes[0]], times[1:]))
    different, at = np.unique(sizes, return_inverse=True)
    n_clusters = np.zeros(different.size, dtype=np.int64)
    np.add.at(n_clusters, at, times)
    return np.vstack((different, n_clusters))


def _pairs(sizes: NDArray[np.int64], times: NDArray[np.int64]) -> int:
    """Return the number of pairs of listings in the same cluster, without overflow."""
    return sum(math.comb(n, 2) * k for n, k in zip(sizes.tolist(), times.tolist(), strict=True))


def _entropy(sizes: NDArray[np.int64], total: float) -> float:
    share = sizes[0] / total
    return -float(np.sum(sizes[1] * share * np.log(share)))
