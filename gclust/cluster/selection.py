"""Flat clusters out of a condensed tree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.lengths import DECIMALS
from gclust.kernels.hdbscan.condensed_tree import Condensed

METHODS = ("eom", "leaf")


class Selection(NamedTuple):
    """Which clusters of a hierarchy are selected."""

    method: str
    """``eom``: those of greatest total stability, ties going to the larger cluster;
    ``leaf``: those that are not split any more."""
    epsilon_km: float = 0.0
    """A cluster born below it gives way to the first one above that is not, or to the last one
    below the root (C. Malzer, M. Baum: A hybrid approach to hierarchical density-based cluster
    selection. MFI 2020); to the root itself with ``single``."""
    single: bool = False
    """Whether the root may be selected."""
    most: int | None = None
    """Greatest weight of a cluster that ``eom`` selects, in the unit of the weights."""


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
    tree: Condensed, stability: NDArray[np.float64], selection: Selection
) -> NDArray[np.int64]:
    """Return the selected clusters, none of which holds another.

    Parameters
    ----------
    tree : Condensed
        Radii in kilometres.
    stability : ndarray of float64, shape (clusters,)
        Of each cluster.
    selection : Selection

    Returns
    -------
    ndarray of int64
        Increasing numbers of clusters; 0, the root, which holds everything, only with
        ``single``, and then alone.
    """
    many = len(tree.parent)
    chosen = np.ones(many, dtype=np.bool_)
    if selection.method == "leaf":
        chosen[tree.parent[1:]] = False
        chosen[0] &= selection.single
    else:
        chosen = _of_greatest_mass(tree, stability, selection)
    found = np.flatnonzero(chosen)
    while True:
        above = tree.parent[found]
        rises = (tree.birth[found] < selection.epsilon_km) & (above >= (not selection.single))
        if not rises.any():
            return np.unique(found)
        found = np.where(rises, above, found)


def _of_greatest_mass(
    tree: Condensed, stability: NDArray[np.float64], selection: Selection
) -> NDArray[np.bool_]:
    """Return which clusters have the greatest total stability, none holding another."""
    many = len(tree.parent)
    chosen, covered = np.zeros((2, many), dtype=np.bool_)
    below = np.zeros(many)  # the greatest total of what each cluster is split into
    for k in range(many - 1, -1, -1):  # children come after parents
        small = selection.most is None or tree.weight[k] <= selection.most
        chosen[k] = below[k] <= stability[k] and small and (k > 0 or selection.single)
        if k > 0:
            below[tree.parent[k]] += stability[k] if chosen[k] else below[k]
    for k in range(1, many):
        above = tree.parent[k]
        covered[k] = covered[above] or chosen[above]
    return chosen & ~covered


def radii(
    tree: Condensed, chosen: NDArray[np.int64], epsilon_km: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return between which radii there is the whole of each selected cluster.

    Parameters
    ----------
    tree : Condensed
        Radii in kilometres.
    chosen : ndarray of int64
        Selected clusters.
    epsilon_km : float

    Returns
    -------
    until_km : ndarray of float64, shape (chosen,)
        Radius below which points that are connected to one of its points are in the
        cluster: half a micrometre below that of its birth, as lengths are rounded to
        micrometres. The root is never born; its points are those that are in it up to when
        it is split or ends, or to ``epsilon_km`` if that is given.
    last_km : ndarray of float64, shape (chosen,)
        Radius at which the cluster is split, or its last points leave it.
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
    """Return the selected cluster of each point, and how strongly it belongs to it.

    Parameters
    ----------
    tree : Condensed
        Radii in kilometres.
    chosen : ndarray of int64
        Selected clusters.
    until_km, last_km : ndarray of float64, shape (chosen,)
        Of `radii`.

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
    """Return how strongly points belong to clusters that they are in down to a radius."""
    return np.minimum(last_km / leaves, 1.0)
