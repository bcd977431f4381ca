"""One radius of a parameter surface: the clusters of locations at every threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan import SURFACES
from gclust.kernels.dbscan.border_labels import POINTS_CHUNK, search_points
from gclust.kernels.spatial.ball_tree import Balls
from gclust.kernels.spatial.bands import Bands, band_height, build_bands, select_points
from gclust.kernels.spatial.fold import fold
from gclust.kernels.spatial.nearby_cells import CELLS_CHUNK, mark_around
from gclust.kernels.sphere import EARTH_RADIUS_KM, TOLERANCE_KM, Reach, reach_of
from gclust.kernels.surface.border_search import find_borders
from gclust.kernels.surface.component_tree import (
    NONE,
    Forest,
    add_to_parents,
    choose_points,
    find_roots,
    grow_forest,
)
from gclust.kernels.surface.node_sums import tally
from gclust.parallel import even_chunks, parallel_for, unreported

NO_UNITS = np.zeros(0, dtype=np.int64)

EMPTY = Forest(NO_UNITS, NO_UNITS, NO_UNITS)


class Places(NamedTuple):
    """Distinct locations, in any order; ``n`` of them."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    units: NDArray[np.int64]
    rank: NDArray[np.uint32]
    """What clusters are numbered by: the lowest of their core locations' rows that weigh."""
    rows: NDArray[np.int64]
    """How many rows there are at each."""
    weighing: NDArray[np.int64]
    """How many of them weigh anything: those that are core points where the place is one."""


class Exceptions(NamedTuple):
    """Border locations of one threshold that are not with what their node is part of."""

    place: NDArray[np.uint32]
    node: NDArray[np.int32]


class Figures(NamedTuple):
    """What one pair of parameters gives."""

    n_clusters: int
    n_core: int
    n_noise: int
    clustered_units: int
    largest_units: int


class Slice(NamedTuple):
    """The clusters of ``n`` locations at ``k`` rising thresholds, by one radius."""

    level: NDArray[np.uint8]
    """(n,) how many thresholds each location reaches."""
    node: NDArray[np.int32]
    """(n,) component that it is with at the highest threshold at which it is with any."""
    forest: Forest
    exceptions: list[Exceptions]
    """(k,)"""
    figures: list[Figures]
    """(k,)"""

    def labels(self, threshold: int) -> NDArray[np.int64]:
        """Return the clusters of the locations, -1 for noise, numbered by lowest rank."""
        number, _ = number_nodes(self.forest, threshold)
        labels = number[self.node]  # the last one is that of no node
        labels[self.exceptions[threshold].place] = number[self.exceptions[threshold].node]
        return labels

    def core(self, threshold: int) -> NDArray[np.bool_]:
        """Return which locations are core."""
        return self.level > threshold


def number_nodes(forest: Forest, threshold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the label of each node's cluster, -1 before its birth and at the end; and roots.

    The roots are the nodes of the clusters in the order of their labels.
    """
    root = np.empty(len(forest.birth), dtype=np.int64)
    find_roots(forest.birth, forest.parent, threshold, root)
    roots = np.flatnonzero(root == np.arange(len(root)))
    roots = roots[np.argsort(forest.first[roots])]
    number = np.full(len(root) + 1, NONE)
    number[roots] = np.arange(len(roots))
    number[:-1] = number[root]
    return number, roots


def no_slice(n_thresholds: int) -> Slice:
    """Return the clusters of no locations."""
    none = Exceptions(np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int32))
    figures = [Figures(0, 0, 0, 0, 0) for _ in range(n_thresholds)]
    return Slice(
        np.zeros(0, np.uint8), none.node, EMPTY, [none for _ in range(n_thresholds)], figures
    )


def make_slice(
    places: Places,
    tree: tuple[Balls, NDArray[np.int32]],
    level: NDArray[np.uint8],
    eps_km: float,
    n_thresholds: int,
    border: str,
    metric: str,
    threads: int,
    report: Callable[[float], None],
) -> Slice:
    """Find the clusters of locations at every threshold.

    Parameters
    ----------
    places : Places
        The locations, at least one.
    tree : tuple
        That of ``kernels.radii.grow_tree`` over them.
    level : ndarray of uint8, shape (n,)
        How many thresholds each location reaches, see ``kernels.radii``; kept.
    eps_km : float
        The radius.
    n_thresholds : int
        Number of thresholds.
    border, metric : str
        As in `gclust.DBSCAN`.
    threads : int
        Number of threads.
    report : callable
        Called with the share done.
    """
    none = Exceptions(np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int32))
    exceptions = [none for _ in range(n_thresholds)]
    reach = reach_of(eps_km)
    folded = fold(places.lat, places.lon, NO_UNITS, band_height(eps_km), threads, unreported)
    order, lat, lon = folded.first, folded.lat, folded.lon
    del folded
    report(0.1)
    points = build_bands(lat, lon, SURFACES[metric], eps_km, reach, threads, unreported)
    report(0.2)
    node = np.full(len(order), NONE, dtype=np.int32)
    forest = EMPTY
    at = np.flatnonzero(level[order])
    if len(at):
        where = order[at]
        cores, core_level = select_points(points, at, reach, threads), level[where]
        forest, core_node = grow_forest(
            cores, core_level, places.rank[where], reach, lambda share: report(0.2 + 0.3 * share)
        )
        node[where] = core_node
        if border != "noise":
            borders = find_borders(
                *tree, level, node, forest, reach, threads, lambda share: report(0.5 + 0.4 * share)
            )
            lifted = np.flatnonzero(borders.summit >= 0)
            place = tree[1]
            node[place[lifted]] = node[place[borders.summit[lifted]]]
            if len(borders.split):
                shared = Shared(place[borders.split], level[place[borders.summit[borders.split]]])
                exceptions = _find_exceptions(
                    (points, order, level),
                    shared,
                    (cores, core_level, core_node, at),
                    node,
                    forest,
                    n_thresholds,
                    border == "nearest",
                    reach,
                    threads,
                )
    report(0.95)
    figures = _figures(places, level, node, forest, exceptions)
    report(1.0)
    return Slice(level, node, forest, exceptions, figures)


class Shared(NamedTuple):
    """Border locations that components may share."""

    place: NDArray[np.int32]
    highest: NDArray[np.uint8]
    """Level of the highest core location within reach of each."""


def _find_exceptions(
    of_points: tuple[Bands, NDArray[np.uint32], NDArray[np.uint8]],
    shared: Shared,
    of_cores: tuple[Bands, NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    node: NDArray[np.int32],
    forest: Forest,
    n_thresholds: int,
    nearest: bool,
    reach: Reach,
    threads: int,
) -> list[Exceptions]:
    """Search the border points that components may share, threshold by threshold.

    ``of_points`` has the order of the points, and the levels of the places; ``of_cores``
    which points the core points are. Only those about border points that may be shared are
    searched.
    """
    points, order, level = of_points
    cores, core_level, core_node, at = of_cores
    number_of = np.empty(len(order), dtype=np.int64)
    number_of[order] = np.arange(len(order))
    split = number_of[shared.place]
    sort = np.argsort(split)
    split, highest = split[sort], shared.highest[sort]
    own = level[order[split]]
    cells = np.unique(np.searchsorted(points.cell_start, split, side="right") - 1)
    around = np.zeros(len(order), dtype=np.bool_)
    parallel_for(
        even_chunks(len(cells), CELLS_CHUNK),
        threads,
        mark_around,
        points,
        cells,
        reach.inner2,
        reach.outer2,
        around,
    )
    near = np.flatnonzero(around[at])
    core_level, core_node = core_level[near], core_node[near]
    cores = choose_points(cores, near, threads)
    out = np.full(len(node), NONE, dtype=np.int64)
    exceptions = []
    for threshold in range(n_thresholds):
        number, roots = number_nodes(forest, threshold)
        asked = split[(own <= threshold) & (highest > threshold)]
        if len(asked):
            chosen = np.flatnonzero(core_level > threshold)
            some = choose_points(cores, chosen, threads)
            labels = number[core_node[chosen]]
            _search(points, asked, some, labels, nearest, reach, threads, out)
        found = out[asked]
        place = order[asked]
        wrong = found != number[node[place]]
        other = roots[found[wrong]]
        exceptions.append(Exceptions(place[wrong], other.astype(np.int32)))
    return exceptions


def _search(
    points: Bands,
    places: NDArray[np.int64],
    cores: Bands,
    labels: NDArray[np.int64],
    nearest: bool,
    reach: Reach,
    threads: int,
    out: NDArray[np.int64],
) -> None:
    tolerance = TOLERANCE_KM / EARTH_RADIUS_KM
    parallel_for(
        even_chunks(len(places), POINTS_CHUNK),
        threads,
        search_points,
        points,
        places,
        cores,
        labels,
        reach.limit,
        nearest,
        tolerance,
        out,
    )


def _figures(
    places: Places,
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    forest: Forest,
    exceptions: list[Exceptions],
) -> list[Figures]:
    """Return what each threshold gives."""
    of_level = np.zeros(len(exceptions) + 1, dtype=np.int64)
    own, own_rows = np.zeros((2, len(forest.birth)), dtype=np.int64)
    tally(level, node, places.units, places.rows, places.weighing, of_level, own, own_rows)
    n_rows = int(places.rows.sum())
    total = own.copy()
    add_to_parents(forest.parent, total)
    figures = []
    for threshold, (place, other) in enumerate(exceptions):
        number, roots = number_nodes(forest, threshold)
        weight = total[roots]
        moved = places.units[place]
        np.subtract.at(weight, number[node[place]], moved)
        np.add.at(weight, number[other], moved)
        there = forest.birth >= threshold
        figures.append(
            Figures(
                n_clusters=len(roots),
                n_core=int(of_level[threshold + 1 :].sum()),
                n_noise=n_rows - int(own_rows[there].sum()),
                clustered_units=int(own[there].sum()),
                largest_units=int(weight.max(initial=0)),
            )
        )
    return figures
