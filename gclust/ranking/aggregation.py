"""Rank aggregation: scores from the ranks in several columns, not from their values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EVEN = 1e-12
"""Relative difference below which weights for and against are equal: 0.1 + 0.2 equals 0.3."""

AT_A_TIME = 1 << 20
"""Pairs compared at a time: some 20 MB."""


def borda_points(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Borda points: in each column, the number of clusters below each cluster.

    A tie counts a half, so that the points of a column have the same sum with and without ties, and
    each cluster has the points of its mid-rank [2]_. No value of ``x`` (clusters, columns) is
    missing.

    Notes
    -----
    The points of a cluster depend on the others: adding a third cluster may reverse the order
    of two, which it cannot with sums of amounts. Borda's count violates independence of
    irrelevant alternatives; [1]_ characterises it by the axioms that it satisfies.

    References
    ----------
    .. [1] H. P. Young: An axiomatization of Borda's rule. Journal of Economic Theory 9, 1974.
    .. [2] M. G. Kendall: The treatment of ties in ranking problems. Biometrika 33, 1945.

    Examples
    --------
    >>> borda_points(np.array([[5.0], [2.0], [2.0], [1.0]])).tolist()
    [[3.0], [1.5], [1.5], [0.0]]
    """
    from scipy.stats import rankdata

    if x.size == 0:
        return np.zeros(x.shape)
    return rankdata(x, method="average", axis=0) - 1.0


def copeland(x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the number of clusters that each cluster beats; a tie counts a half.

    A cluster beats another if the columns in which it is above weigh more than the columns in
    which it is below. Columns in which both are equal do not count. No value of ``x`` (clusters,
    columns) is missing; the weights ``w`` (columns,) are above 0.

    Notes
    -----
    The score is wins plus half the ties. It has the same order as Copeland's wins less losses,
    which are 2 * score - (clusters - 1) [1]_.

    References
    ----------
    .. [1] D. G. Saari, V. R. Merlin: The Copeland method I. Economic Theory 8, 1996.

    Examples
    --------
    >>> copeland(np.array([[3.0, 1.0], [2.0, 3.0], [1.0, 2.0]]), np.array([2.0, 1.0])).tolist()
    [2.0, 1.0, 0.0]
    """
    n = len(x)
    points = np.empty(n)
    step = max(1, AT_A_TIME // max(n, 1))
    for first in range(0, n, step):
        some = x[first : first + step]
        margin = np.zeros((len(some), n))
        for k, weight in enumerate(w):
            margin += weight * np.sign(some[:, k, None] - x[None, :, k])
        even = np.abs(margin) <= EVEN * w.sum()
        won = (margin > 0) & ~even
        # A cluster ties with itself, which does not count.
        points[first : first + step] = won.sum(axis=1) + 0.5 * (even.sum(axis=1) - 1)
    return points
