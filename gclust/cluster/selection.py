"""Selection of flat clusters from an HDBSCAN condensed tree, and memberships of points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.lengths import DECIMALS
from gclust.kernels.hdbscan.condensed_tree import Condensed

METHODS = ("eom", "leaf")


class Selection(NamedTuple):
    """Options of HDBSCAN for selecting flat clusters from its hierarchy."""

    method: str
    """``eom``: those of greatest total excess of mass, ties going to the parent; ``leaf``: the
    leaves of the condensed tree"""
    epsilon_km: float = 0.0
    """A cluster born below it is replaced by its nearest ancestor that is not, or by the last
    one below the root (C. Malzer, M. Baum: A hybrid approach to hierarchical density-based
    cluster selection. MFI 2020); by the root itself with ``single``"""
    single: bool = False
    """Whether the root may be selected"""
    most: int | None = None
    """Greatest weight of a cluster that ``eom`` selects, in the unit of the weights"""


def excess_of_mass(tree: Condensed, units: NDArray[np.int64], unit: int) -> NDArray[np.float64]:
    """Return each cluster's excess of mass, a measure of its weight and persistence.

    It is the sum, over the points of a cluster, of weight times the growth of lambda = 1 / km
    from the birth of the cluster until the point leaves it or the cluster splits (R. Campello,
    D. Moulavi, A. Zimek, J. Sander: Hierarchical density estimates for data clustering,
    visualization, and outlier detection. ACM TKDD 10 (1), 2015, section 5). A weight of ``unit``
    counts as 1.
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


def select(tree: Condensed, excess: NDArray[np.float64], selection: Selection) -> NDArray[np.int64]:
    """Return the numbers of the selected clusters, in increasing order; none contains another.

    ``excess`` (clusters,) is the excess of mass of each. 0 is the root, which holds everything; it
    is returned only with ``single``, and then alone.
    """
    many = len(tree.parent)
    chosen = np.ones(many, dtype=np.bool_)
    if selection.method == "leaf":
        chosen[tree.parent[1:]] = False
        chosen[0] &= selection.single
    else:
        chosen = _of_greatest_mass(tree, excess, selection)
    found = np.flatnonzero(chosen)
    while True:
        above = tree.parent[found]
        rises = (tree.birth[found] < selection.epsilon_km) & (above >= (not selection.single))
        if not rises.any():
            return np.unique(found)
        found = np.where(rises, above, found)


def _of_greatest_mass(
    tree: Condensed, excess: NDArray[np.float64], selection: Selection
) -> NDArray[np.bool_]:
    """Mark the clusters of greatest total excess of mass, so that none contains another."""
    many = len(tree.parent)
    chosen, covered = np.zeros((2, many), dtype=np.bool_)
    below = np.zeros(many)  # the greatest total of the children of each cluster
    for k in range(many - 1, -1, -1):  # children come after parents
        small = selection.most is None or tree.weight[k] <= selection.most
        chosen[k] = below[k] <= excess[k] and small and (k > 0 or selection.single)
        if k > 0:
            below[tree.parent[k]] += excess[k] if chosen[k] else below[k]
    for k in range(1, many):
        above = tree.parent[k]
        covered[k] = covered[above] or chosen[above]
    return chosen & ~covered


def cluster_radii(
    tree: Condensed, chosen: NDArray[np.int64], epsilon_km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest and the least radius at which each selected cluster exists unsplit.

    Returns
    -------
    until_km : ndarray of float64, shape (chosen,)
        Radius below which a point that is connected to a member is a member: half a
        micrometre below the birth of the cluster, as lengths are rounded to micrometres. The
        root is never born; its members are the points in it when it splits or ends, or at
        ``epsilon_km`` if that is given.
    last_km : ndarray of float64, shape (chosen,)
        Radius at which the cluster splits, or its last points leave it.
    """
    death = np.full(len(tree.parent), np.inf)
    np.minimum.at(death, tree.cluster, tree.leaves)
    np.minimum.at(death, tree.parent[1:], tree.birth[1:])
    half = 0.5 * 10.0**-DECIMALS
    until_km, last_km = tree.birth[chosen] - half, death[chosen]
    root = chosen == 0
    until_km[root] = (epsilon_km or last_km[root]) + half
    return until_km, last_km


def memberships(
    tree: Condensed,
    chosen: NDArray[np.int64],
    until_km: NDArray[np.float64],
    last_km: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the selected cluster of each point, and the strength of its membership, both (n,).

    The cluster is an index in ``chosen``, or -1; ``until_km`` and ``last_km`` are from
    `cluster_radii`. The strength is the lambda at which the point leaves the cluster, divided by
    the greatest lambda at which any point does before the split, at most 1; 0 for points in no
    cluster.
    """
    of = np.full(len(tree.parent), -1)
    of[chosen] = np.arange(len(chosen))
    for k in range(1, len(of)):  # parents come first
        if of[k] < 0:
            of[k] = of[tree.parent[k]]
    number = of[tree.cluster]
    inside = np.flatnonzero(number >= 0)
    inside = inside[tree.leaves[inside] < until_km[number[inside]]]
    outside = np.ones(len(number), dtype=np.bool_)
    outside[inside] = False
    number[outside] = -1
    probability = np.zeros(len(number))
    probability[inside] = strength(last_km[number[inside]], tree.leaves[inside])
    return number, probability


def strength(last_km: NDArray[np.float64], leaves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how strongly points belong to a cluster, from the radii at which they leave it."""
    return np.minimum(last_km / leaves, 1.0)
