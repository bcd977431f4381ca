"""The HDBSCAN hierarchy of weighted locations, and the flat clusters selected from it.

The steps are core distances, a minimum spanning tree of mutual reachability (R. Campello,
D. Moulavi, J. Sander, PAKDD 2013), its condensed tree, and `gclust.cluster.selection`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.lengths import lengths_km
from gclust.cluster.parameters import SURFACES
from gclust.cluster.selection import (
    METHODS,
    Selection,
    cluster_radii,
    excess_of_mass,
    memberships,
    select,
)
from gclust.kernels.hdbscan.condensed_tree import Condensed, condense
from gclust.kernels.hdbscan.core_distances import core_keys
from gclust.kernels.hdbscan.nearest_member import attach_points
from gclust.kernels.hdbscan.spanning_tree import spanning_tree
from gclust.kernels.spatial.ball_tree import LEAF, grow_balls
from gclust.kernels.spatial.fold import fold_rows, locations_of
from gclust.kernels.sphere import fill_vectors
from gclust.parallel import even_chunks, parallel_for, unreported
from gclust.progress import Report, silent, stage
from gclust.units import UNIT

_BAND = 1.0
"""Height of the bands that locations are sorted in, in degrees."""

_CHUNK = 1 << 18


class HierarchyParameters(NamedTuple):
    """Checked parameters of HDBSCAN."""

    min_cluster_units: int  # ``min_cluster_size`` as a fixed-point weight
    min_units: int  # ``min_samples`` as a fixed-point weight
    selection: Selection
    surface: tuple[float, float]  # semi-major axis and squared eccentricity
    threads: int

    def in_rows(self) -> HierarchyParameters:
        """Return the same parameters for weights in whole rows, instead of fixed-point units."""
        most = self.selection.most
        return self._replace(
            min_cluster_units=-(-self.min_cluster_units // UNIT),
            min_units=-(-self.min_units // UNIT),
            selection=self.selection._replace(most=None if most is None else most // UNIT),
        )


class WeightedLocations(NamedTuple):
    """Arrays of ``n`` distinct locations, sorted by latitude band, longitude and latitude."""

    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]  # (n,) degrees
    units: NDArray[np.int64]  # (n,) fixed-point weight
    first: NDArray[np.uint32]  # (n,) lowest row with weight at each, else the lowest row
    row_of: NDArray[np.int32]  # (n_rows,) location of each row


class FlatClusters(NamedTuple):
    """Clusters selected from the hierarchy of ``n`` locations, with memberships and radii."""

    labels: NDArray[np.int64]  # (n,) -1 for noise
    probability: NDArray[np.float64]  # (n,) 0 for noise
    chosen: NDArray[np.int64]  # (n_clusters,) number in the hierarchy of each cluster
    until_km: NDArray[np.float64]  # (n_clusters,) radius below which connected points are members
    last_km: NDArray[np.float64]  # (n_clusters,) least radius at which the cluster is whole


def fold_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> WeightedLocations:
    """Sum the weights of rows at each distinct location; the order of rows does not matter.

    If ``units`` is empty, every row weighs 1.
    """
    folded = fold_rows(lat, lon, units, _BAND, threads, lambda share: report(0.9 * share))
    row_of = locations_of(folded, threads, lambda share: report(0.9 + 0.1 * share))
    weight = np.diff(folded.prefix)
    return WeightedLocations(folded.lat, folded.lon, weight, folded.first, row_of)


def find_hierarchy(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    parameters: HierarchyParameters,
    show: Report,
) -> Condensed:
    """Return the condensed tree of the locations, with radii in kilometres.

    Locations without weight leave the root at an infinite radius: they are in no cluster.
    """
    n, total = len(lat), int(units.sum())
    if total < parameters.min_units:  # no radius holds enough
        nothing = np.zeros(n, dtype=np.int64)
        root = (np.array([-1]), np.array([np.inf]), np.array([total]))
        return Condensed(nothing, np.full(n, np.inf), *root)
    weighs = units > 0
    if weighs.all():
        ends, edges, cores = connect_locations(lat, lon, units, parameters, show)
        with stage(show, "condensing") as report:
            return condense(ends, edges, cores, units, parameters.min_cluster_units, report)
    tree = find_hierarchy(lat[weighs], lon[weighs], units[weighs], parameters, show)
    cluster, leaves = np.zeros(n, dtype=np.int64), np.full(n, np.inf)
    cluster[weighs], leaves[weighs] = tree.cluster, tree.leaves
    return tree._replace(cluster=cluster, leaves=leaves)


def connect_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    parameters: HierarchyParameters,
    show: Report,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Return a minimum spanning tree of mutual reachability distances, and core distances.

    The tree is given by the locations at the ends of its edges, (2, n - 1), and by their lengths,
    (n - 1,); these and the core distances of the locations, (n,), are in kilometres.
    """
    n, threads = len(lat), parameters.threads
    sphere = parameters.surface == SURFACES["haversine"]
    with stage(show, "growing a tree") as report:
        xyz = vectors_of(lat, lon, parameters.surface, threads)
        balls, order = grow_balls(xyz, units, sphere, LEAF, threads, report)
    with stage(show, "measuring core distances") as report:
        core = core_keys(balls, parameters.min_units, threads, report)
    with stage(show, "connecting") as report:
        ends, keys = spanning_tree(balls, core, threads, report)
    cores = np.empty(n)
    cores[order] = lengths_km(sphere, core, threads)
    return order[ends], lengths_km(sphere, keys, threads), cores


def vectors_of(
    lat: NDArray[np.float64], lon: NDArray[np.float64], surface: tuple[float, float], threads: int
) -> NDArray[np.float64]:
    """Return the locations as vectors (x, y, z) in mean Earth radii, shape (n, 3)."""
    xyz = np.empty((len(lat), 3))
    parallel_for(even_chunks(len(lat), _CHUNK), threads, fill_vectors, lat, lon, *surface, xyz)
    return xyz


def extract_clusters(
    tree: Condensed,
    units: NDArray[np.int64],
    first: NDArray[np.integer],
    unit: int,
    selection: Selection,
    show: Report,
) -> FlatClusters:
    """Select flat clusters from a condensed tree, and number them.

    ``first`` is the first data row of each location: clusters are numbered in the order of the
    least ``first`` of their members.
    """
    with stage(show, "selecting clusters"):
        chosen = select(tree, excess_of_mass(tree, units, unit), selection)
        until_km, last_km = cluster_radii(tree, chosen, selection.epsilon_km)
        number, probability = memberships(tree, chosen, until_km, last_km)
        lowest = np.full(len(chosen), np.iinfo(np.int64).max)
        members = np.flatnonzero(number >= 0)
        np.minimum.at(lowest, number[members], first[members])
        order = np.argsort(lowest)
        label = np.full(len(chosen) + 1, -1)  # the last one is that of noise
        label[order] = np.arange(len(chosen))
        return FlatClusters(
            label[number], probability, chosen[order], until_km[order], last_km[order]
        )


def run_hierarchy_kernels(report: Callable[[float], None]) -> None:
    """Run every kernel of HDBSCAN once, so that it is compiled."""
    lat, lon = np.divmod(np.arange(64.0), 8)
    known = fold_locations(lat, lon, np.zeros(0, dtype=np.int64), 1, report)
    parameters = HierarchyParameters(2, 4, Selection(METHODS[0]), SURFACES["haversine"], 1)
    find_hierarchy(known.lat, known.lon, known.units, parameters, silent)
    xyz = vectors_of(known.lat, known.lon, parameters.surface, 1)
    balls, order = grow_balls(xyz, known.units, True, LEAF, 1, unreported)
    attach_points(
        balls, np.zeros(64), np.ones(64), order.astype(np.int64), np.arange(64), 1, unreported
    )
