"""DBSCAN for one radius and all thresholds: a component tree, corrected for border points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.latitude_orders import LatitudeOrder, order_locations
from gclust.cluster.parameters import SURFACES
from gclust.kernels.dbscan.border_labels import LabelledCores, search_labels
from gclust.kernels.spatial.ball_tree import Balls
from gclust.kernels.spatial.bands import Bands, build_bands, select_points
from gclust.kernels.spatial.cell_bounds import cells_of
from gclust.kernels.spatial.nearby_cells import nearby_cells
from gclust.kernels.sphere import Reach, reach_of
from gclust.kernels.surface.border_search import find_borders
from gclust.kernels.surface.component_tree import (
    NONE,
    ComponentTree,
    build_component_tree,
    find_roots,
    sum_subtrees,
)
from gclust.kernels.surface.core_points import gather_cores
from gclust.kernels.surface.node_sums import sum_by_node
from gclust.parallel import unreported

NO_UNITS = np.zeros(0, dtype=np.int64)

NO_NODES = ComponentTree(NO_UNITS, NO_UNITS, NO_UNITS)


class CountedLocations(NamedTuple):
    """Arrays of ``n`` distinct locations in any order, with the number of rows at each."""

    lat: NDArray[np.float64]  # (n,) degrees
    lon: NDArray[np.float64]  # (n,) degrees
    units: NDArray[np.int64]  # (n,) fixed-point weight
    rank: NDArray[np.uint32]  # (n,) lowest row with weight, by which clusters are numbered
    rows: NDArray[np.int64] | None  # (n,) number of rows; None if they need not be counted
    weighing: NDArray[np.int64] | None  # (n,) rows with weight: core points at a core location


class BorderOverrides(NamedTuple):
    """Border locations whose cluster at one threshold is not the cluster of their tree node."""

    place: NDArray[np.int32]  # (m,) location
    node: NDArray[np.int32]  # (m,) root node of its cluster


class PairSummary(NamedTuple):
    """Numbers and weights of clusters and noise for one pair of ``eps_km`` and ``min_samples``."""

    n_clusters: int
    n_core: int
    n_noise: int
    clustered_units: int
    largest_units: int


class FixedEpsHierarchy(NamedTuple):
    """Clusters of ``n`` locations for one radius and ``k`` thresholds in increasing order."""

    level: NDArray[np.uint8]  # (n,) number of thresholds that each location reaches
    node: NDArray[np.int32]  # (n,) component of each at the highest threshold that has one
    tree: ComponentTree
    overrides: list[BorderOverrides]  # (k,)
    summaries: list[PairSummary]  # (k,), or none if rows were not counted

    def labels(self, threshold: int, dtype: type[np.integer] = np.int64) -> NDArray[Any]:
        """Return the cluster of each location at a threshold, -1 for noise.

        Clusters are numbered by the lowest rank of their core locations.
        """
        number = number_nodes(self.tree, threshold)[0].astype(dtype)
        labels = number[self.node]  # the last one is that of no node
        labels[self.overrides[threshold].place] = number[self.overrides[threshold].node]
        return labels

    def core(self, threshold: int) -> NDArray[np.bool_]:
        """Return whether each location is a core location at a threshold."""
        return self.level > threshold


class FixedEpsOptions(NamedTuple):
    """Parameters that are the same for all thresholds of a hierarchy."""

    eps_km: float
    n_thresholds: int
    border: str
    metric: str


class Sorted(NamedTuple):
    """All locations for one or several radii: in a ball tree, and by latitude band."""

    balls: Balls
    order: NDArray[np.int32]  # (n,) location at each place of the tree
    by_latitude: LatitudeOrder


class _Cores(NamedTuple):
    """The ``m`` core locations of the lowest threshold, sorted in bands."""

    bands: Bands
    level: NDArray[np.uint8]  # (m,)
    node: NDArray[np.int32]  # (m,) node of each at its own level


class _Ambiguous(NamedTuple):
    """Border locations that have core locations of several components within reach."""

    place: NDArray[np.int32]
    highest: NDArray[np.uint8]  # level of the core neighbour of the highest level, for each


def number_nodes(
    tree: ComponentTree, threshold: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each tree node's cluster label at a threshold, and the root node of each cluster.

    The label is -1 for nodes that are born below the threshold. One more label at the end, -1,
    is that of "no node".
    """
    root = np.empty(len(tree.birth), dtype=np.int64)
    find_roots(tree, threshold, root)
    roots = np.flatnonzero(root == np.arange(len(root)))
    roots = roots[np.argsort(tree.rank[roots])]
    number = np.full(len(root) + 1, NONE)
    number[roots] = np.arange(len(roots))
    number[:-1] = number[root]
    return number, roots


def _no_overrides(n_thresholds: int) -> list[BorderOverrides]:
    none = BorderOverrides(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32))
    return [none for _ in range(n_thresholds)]


def hierarchy_of_nothing(n_thresholds: int) -> FixedEpsHierarchy:
    """Return the hierarchy of an empty set of locations."""
    overrides = _no_overrides(n_thresholds)
    summaries = [PairSummary(0, 0, 0, 0, 0) for _ in range(n_thresholds)]
    return FixedEpsHierarchy(
        np.zeros(0, np.uint8), overrides[0].node, NO_NODES, overrides, summaries
    )


def fixed_eps_hierarchy(
    locations: CountedLocations,
    places: Sorted,
    level: NDArray[np.uint8],
    options: FixedEpsOptions,
    threads: int,
    report: Callable[[float], None],
) -> FixedEpsHierarchy:
    """Find the clusters of locations, at least one, at every threshold, for one radius.

    ``places`` are the same locations, sorted for a radius about as long; ``level`` (n,) is the
    number of thresholds that each location reaches; the array is kept, not copied.
    """
    node = np.full(len(level), NONE, dtype=np.int32)
    tree, overrides = NO_NODES, _no_overrides(options.n_thresholds)
    if level.any():
        tree, cores = _link_cores(locations, places, level, node, (options, threads), report)
        if options.border != "noise":
            reach = reach_of(options.eps_km)
            ambiguous = _join_borders(places, level, node, tree, (reach, threads), report)
            if len(ambiguous.place):
                search = _Search(locations, places.by_latitude.eps_km, options, threads)
                overrides = _find_overrides(search, level, node, tree, cores, ambiguous)
    report(0.95)
    summaries = _summarise(locations, level, node, tree, overrides)
    report(1.0)
    return FixedEpsHierarchy(level, node, tree, overrides, summaries)


def _link_cores(
    locations: CountedLocations,
    places: Sorted,
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    ways: tuple[FixedEpsOptions, int],
    report: Callable[[float], None],
) -> tuple[ComponentTree, _Cores]:
    """Find the components of the core locations, and fill in ``node`` the node of each."""
    (options, threads), by_latitude = ways, places.by_latitude
    reach, surface = reach_of(options.eps_km), SURFACES[options.metric]
    core = gather_cores(by_latitude.order, level, locations.lat, locations.lon)
    bands = build_bands(
        *(core.lat, core.lon, surface, by_latitude.eps_km, reach, threads),
        lambda share: report(0.1 + 0.1 * share),
    )
    tree, core_node = build_component_tree(
        bands, core.level, locations.rank[core.place], reach, lambda s: report(0.2 + 0.3 * s)
    )
    node[core.place] = core_node
    return tree, _Cores(bands, core.level, core_node)


def _join_borders(
    places: Sorted,
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    tree: ComponentTree,
    ways: tuple[Reach, int],
    report: Callable[[float], None],
) -> _Ambiguous:
    """Give borders the node of a core neighbour of the highest level; return ambiguous ones."""
    (reach, threads), place = ways, places.order
    borders = find_borders(
        *(places.balls, place, level, node, tree, reach, threads),
        report=lambda share: report(0.5 + 0.4 * share),
    )
    joining = np.flatnonzero(borders.highest >= 0)
    node[place[joining]] = node[place[borders.highest[joining]]]
    highest = place[borders.highest[borders.ambiguous]]
    return _Ambiguous(place[borders.ambiguous], level[highest])


class _Search(NamedTuple):
    """What the search of ambiguous border locations needs for every threshold."""

    locations: CountedLocations
    band_eps_km: float  # the radius that determines the height of bands
    options: FixedEpsOptions
    threads: int


def _find_overrides(
    search: _Search,
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    tree: ComponentTree,
    cores: _Cores,
    ambiguous: _Ambiguous,
) -> list[BorderOverrides]:
    """Find the overrides of ambiguous border locations, threshold by threshold."""
    (lat, lon, *_), band_eps_km, options, threads = search
    reach, nearest = reach_of(options.eps_km), options.border == "nearest"
    lat, lon = lat[ambiguous.place], lon[ambiguous.place]
    sort = order_locations(lat, lon, band_eps_km, threads).order
    place, highest = ambiguous.place[sort], ambiguous.highest[sort]
    surface = SURFACES[options.metric]
    ways = (surface, band_eps_km, reach, threads, unreported)
    queries = build_bands(lat[sort], lon[sort], *ways, vectors=False)
    cells = nearby_cells(queries, cores.bands, cells_of(cores.bands), reach, threads, unreported)
    near = np.flatnonzero(np.repeat(cells, np.diff(cores.bands.cell_start)))
    near_level, near_node = cores.level[near], cores.node[near]
    near_bands = select_points(cores.bands, near, None, threads)
    overrides = []
    for threshold in range(options.n_thresholds):
        number, roots = number_nodes(tree, threshold)
        open_now = np.flatnonzero((level[place] <= threshold) & (highest > threshold))
        found = open_now
        if len(open_now):
            chosen = np.flatnonzero(near_level > threshold)
            some = select_points(near_bands, chosen, None, threads)
            labelled = LabelledCores(some, number[near_node[chosen]])
            found = search_labels(queries, open_now, labelled, nearest, reach, threads)
        differs = found != number[node[place[open_now]]]
        other = roots[found[differs]]
        overrides.append(BorderOverrides(place[open_now[differs]], other.astype(np.int32)))
    return overrides


def _summarise(
    locations: CountedLocations,
    level: NDArray[np.uint8],
    node: NDArray[np.int32],
    tree: ComponentTree,
    overrides: list[BorderOverrides],
) -> list[PairSummary]:
    """Return the counts and weights of the clusters at each threshold; none without rows."""
    if locations.rows is None:
        return []
    of_level = np.zeros(len(overrides) + 1, dtype=np.int64)
    own, own_rows = np.zeros((2, len(tree.birth)), dtype=np.int64)
    sum_by_node(
        *(level, node, locations.units, locations.rows, locations.weighing),
        *(of_level, own, own_rows),
    )
    n_rows = int(locations.rows.sum())
    total = own.copy()
    sum_subtrees(tree.parent, total)
    summaries = []
    for threshold, (place, other) in enumerate(overrides):
        number, roots = number_nodes(tree, threshold)
        weight = total[roots]
        moved = locations.units[place]
        np.subtract.at(weight, number[node[place]], moved)
        np.add.at(weight, number[other], moved)
        there = tree.birth >= threshold
        summaries.append(
            PairSummary(
                n_clusters=len(roots),
                n_core=int(of_level[threshold + 1 :].sum()),
                n_noise=n_rows - int(own_rows[there].sum()),
                clustered_units=int(own[there].sum()),
                largest_units=int(weight.max(initial=0)),
            )
        )
    return summaries
