"""Flat clusters out of a condensed tree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.condense import Condensed

METHODS = ("eom", "leaf")


def stabilities(tree: Condensed, units: NDArray[np.int64], unit: int) -> NDArray[np.float64]:
    """Return the excess of mass of each cluster.

    The sum, over the points of a cluster, of weight times what lambda = 1 / km grows by
    from the birth of the cluster until the point leaves it or the cluster is split
    (R. Campello, D. Moulavi, A. Zimek, J. Sander: Hierarchical density estimates for data
    clustering, visualization, and outlier detection. ACM TKDD 10 (1), 2015, section 5).

    Parameters
    ----------
    tree : Condensed
        Radii in kilometres.
    units : ndarray of int64, shape (n,)
        Weight of each point.
    unit : int
        Weight that counts as 1.

    Returns
    -------
    ndarray of float64, shape (clusters,)
    """
    born = 1.0 / tree.birth
    mass = 1.0 / tree.leaves
    mass -= born[tree.cluster]
    mass *= units / unit
    total = np.zeros(len(born))
    np.add.at(total, tree.cluster, mass)
    above = tree.parent[1:]
    mass = (born[1:] - born[above]) * (tree.weight[1:] / unit)
    np.add.at(total, above, mass)
    return total


def select(
    tree: Condensed, stability: NDArray[np.float64], method: str, epsilon_km: float
) -> NDArray[np.int64]:
    """Return the selected clusters, none of which holds another.

    Parameters
    ----------
    tree : Condensed
        Radii in kilometres.
    stability : ndarray of float64, shape (clusters,)
        Of each cluster.
    method : {"eom", "leaf"}
        The clusters of greatest total stability, ties going to the larger cluster; or
        those that are not split any more.
    epsilon_km : float
        A cluster born below it gives way to the first one above that is not, or to the
        last one below the root (C. Malzer, M. Baum: A hybrid approach to hierarchical
        density-based cluster selection. MFI 2020).

    Returns
    -------
    ndarray of int64
        Increasing numbers of clusters; never 0, the root, which holds everything.
    """
    many = len(tree.parent)
    chosen = np.ones(many, dtype=np.bool_)
    if method == "leaf":
        chosen[tree.parent[1:]] = False
    else:
        below = np.zeros(many)  # the greatest total of what each cluster is split into
        for k in range(many - 1, 0, -1):
            chosen[k] = below[k] <= stability[k]
            below[tree.parent[k]] += max(below[k], stability[k])
        covered = np.zeros(many, dtype=np.bool_)
        for k in range(1, many):
            above = tree.parent[k]
            covered[k] = covered[above] or (above > 0 and chosen[above])
        chosen &= ~covered
    chosen[0] = False
    found = np.flatnonzero(chosen)
    while True:
        above = tree.parent[found]
        rises = (tree.birth[found] < epsilon_km) & (above > 0)
        if not rises.any():
            return np.unique(found)
        found = np.where(rises, above, found)


def memberships(
    tree: Condensed, chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the selected cluster of each point, and how strongly it belongs to it.

    Parameters
    ----------
    tree : Condensed
        Radii in kilometres.
    chosen : ndarray of int64
        Selected clusters.

    Returns
    -------
    number : ndarray of int64, shape (n,)
        Place in ``chosen``, or -1.
    probability : ndarray of float64, shape (n,)
        Lambda at which the point leaves the cluster over the greatest one at which
        any does before it is split, at most 1; 0 in no cluster.
    """
    of = np.full(len(tree.parent), -1)
    of[chosen] = np.arange(len(chosen))
    for k in range(1, len(of)):  # parents come first
        if of[k] < 0:
            of[k] = of[tree.parent[k]]
    death = np.full(len(of), np.inf)
    np.minimum.at(death, tree.cluster, tree.leaves)
    np.minimum.at(death, tree.parent[1:], tree.birth[1:])
    number = of[tree.cluster]
    probability = np.zeros(len(number))
    inside = np.flatnonzero(number >= 0)
    last = death[chosen[number[inside]]]
    probability[inside] = np.minimum(last / tree.leaves[inside], 1.0)
    return number, probability
