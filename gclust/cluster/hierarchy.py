"""The hierarchy of weighted locations, and the flat clusters that are selected from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan import SURFACES
from gclust.cluster.lengths import lengths_km
from gclust.cluster.selection import METHODS, Selection, memberships, radii, select, stabilities
from gclust.kernels.hdbscan.condensed_tree import Condensed, condense
from gclust.kernels.hdbscan.core_distances import core_keys
from gclust.kernels.hdbscan.nearest_member import attach_points
from gclust.kernels.hdbscan.spanning_tree import spanning_tree
from gclust.kernels.spatial.ball_tree import LEAF, grow_balls
from gclust.kernels.spatial.fold import fold, locations_of
from gclust.kernels.sphere import fill_vectors
from gclust.parallel import even_chunks, parallel_for, unreported
from gclust.progress import Report, silent, stage
from gclust.units import UNIT

_BAND = 1.0
"""Height of the bands that locations are sorted in, in degrees."""

_CHUNK = 1 << 18


class Ways(NamedTuple):
    """Checked parameters."""

    least: int
    """``min_cluster_size`` in the unit of the weights."""
    need: int
    """``min_samples`` in the unit of the weights."""
    selection: Selection
    surface: tuple[float, float]
    threads: int

    def of_rows(self) -> Ways:
        """Return them for weights that are numbers of rows."""
        most = self.selection.most
        return self._replace(
            least=-(-self.least // UNIT),
            need=-(-self.need // UNIT),
            selection=self.selection._replace(most=None if most is None else most // UNIT),
        )


class Places(NamedTuple):
    """Distinct locations, by band of latitude, longitude and latitude."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    units: NDArray[np.int64]
    first: NDArray[np.uint32]
    """Lowest row at each location that weighs anything."""
    row_of: NDArray[np.int32]
    """Location of each row."""


class Flat(NamedTuple):
    """The selected clusters of ``n`` locations."""

    labels: NDArray[np.int64]
    """(n,) -1 for noise."""
    probability: NDArray[np.float64]
    """(n,) 0 for noise."""
    chosen: NDArray[np.int64]
    """(n_clusters,) cluster of the hierarchy by label."""
    until_km: NDArray[np.float64]
    """(n_clusters,) radius below which a point that is connected to a member is one too."""
    last_km: NDArray[np.float64]
    """(n_clusters,) least radius at which there is the whole of each: that of probability 1."""


def fold_places(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> Places:
    """Fold rows onto distinct locations, in an order that is the same for any of rows.

    An empty ``units`` stands for ones.
    """
    folded = fold(lat, lon, units, _BAND, threads, lambda share: report(0.9 * share))
    row_of = locations_of(folded, threads, lambda share: report(0.9 + 0.1 * share))
    return Places(folded.lat, folded.lon, np.diff(folded.prefix), folded.first, row_of)


def find_hierarchy(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    ways: Ways,
    show: Report,
) -> Condensed:
    """Return the condensed tree of locations, its radii in kilometres.

    Those without weight are not in it: they never leave the root, nor are they ever in it.
    """
    n, total = len(lat), int(units.sum())
    if total < ways.need:  # no radius holds enough
        nothing = np.zeros(n, dtype=np.int64)
        root = (np.array([-1]), np.array([np.inf]), np.array([total]))
        return Condensed(nothing, np.full(n, np.inf), *root)
    there = units > 0
    if there.all():
        ends, edges, cores = connect(lat, lon, units, ways, show)
        with stage(show, "condensing") as report:
            return condense(ends, edges, cores, units, ways.least, report)
    tree = find_hierarchy(lat[there], lon[there], units[there], ways, show)
    cluster, leaves = np.zeros(n, dtype=np.int64), np.full(n, np.inf)
    cluster[there], leaves[there] = tree.cluster, tree.leaves
    return tree._replace(cluster=cluster, leaves=leaves)


def connect(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    ways: Ways,
    show: Report,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Return a minimum spanning tree of mutual reachability, and all core distances.

    The edges' ends and their lengths in kilometres, and the core distance of each location.
    """
    n, sphere = len(lat), ways.surface == SURFACES["haversine"]
    with stage(show, "growing a tree") as report:
        xyz = vectors_of(lat, lon, ways.surface, ways.threads)
        balls, order = grow_balls(xyz, units, sphere, LEAF, ways.threads, report)
    with stage(show, "measuring core distances") as report:
        core = core_keys(balls, ways.need, ways.threads, report)
    with stage(show, "connecting") as report:
        ends, keys = spanning_tree(balls, core, ways.threads, report)
    cores = np.empty(n)
    cores[order] = lengths_km(sphere, core, ways.threads)
    return order[ends], lengths_km(sphere, keys, ways.threads), cores


def vectors_of(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    surface: tuple[float, float],
    threads: int,
) -> NDArray[np.float64]:
    """Return the vectors of locations in mean radii of the Earth, shape (n, 3)."""
    xyz = np.empty((len(lat), 3))
    parallel_for(even_chunks(len(lat), _CHUNK), threads, fill_vectors, lat, lon, *surface, xyz)
    return xyz


def flatten(
    tree: Condensed,
    units: NDArray[np.int64],
    first: NDArray[np.integer],
    unit: int,
    selection: Selection,
    show: Report,
) -> Flat:
    """Select clusters, numbered by their first location in the order of ``first``."""
    with stage(show, "selecting clusters"):
        chosen = select(tree, stabilities(tree, units, unit), selection)
        until_km, last_km = radii(tree, chosen, selection.epsilon_km)
        number, probability = memberships(tree, chosen, until_km, last_km)
        lowest = np.full(len(chosen), np.iinfo(np.int64).max)
        members = np.flatnonzero(number >= 0)
        np.minimum.at(lowest, number[members], first[members])
        order = np.argsort(lowest)
        label = np.full(len(chosen) + 1, -1)  # the last one is that of noise
        label[order] = np.arange(len(chosen))
        return Flat(label[number], probability, chosen[order], until_km[order], last_km[order])


def run_hierarchy_kernels(report: Callable[[float], None]) -> None:
    """Run every kernel of HDBSCAN once."""
    lat, lon = np.divmod(np.arange(64.0), 8)
    places = fold_places(lat, lon, np.zeros(0, dtype=np.int64), 1, report)
    ways = Ways(2, 4, Selection(METHODS[0]), SURFACES["haversine"], 1)
    find_hierarchy(places.lat, places.lon, places.units, ways, silent)
    xyz = vectors_of(places.lat, places.lon, ways.surface, 1)
    balls, order = grow_balls(xyz, places.units, True, LEAF, 1, unreported)
    attach_points(
        balls, np.zeros(64), np.ones(64), order.astype(np.int64), np.arange(64), 1, unreported
    )
