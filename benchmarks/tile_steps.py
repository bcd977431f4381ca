"""DBSCAN tile by tile: labels equal to those of the whole fit, with a few tiles in memory.

Locations are divided into *tiles*: bands of latitude, and cells of longitude within each, with
about as many locations each. A tile *owns* its locations; its *halo* are the locations of other
tiles that may be within eps of one it owns. Four steps give the labels of `gclust.DBSCAN`:

1. *find*: each tile counts neighbours. All neighbours of a location that it owns are its own or in
   its halo, so that the core flags of the locations that it owns are exact; those of its halo are
   taken from the tiles that own them.
2. *link*: each tile links its core locations, its halo's included, into components. A link
   between core locations of two tiles is seen by both.
3. *join*: a core location in the halo of one tile and owned by another is in a component of each;
   the two are joined in a union-find over all components of all tiles. Clusters are numbered by
   their lowest core location, as the whole fit does.
4. *label*: each tile gives its border locations the label of a core location within eps, by the
   rule of `gclust.DBSCAN`. ``border="first"`` compares labels, hence the step after the join.

Cells that hold what is near, and union-find over core points that parts share, are published:
J. Gan, Y. Tao: DBSCAN revisited (SIGMOD 2015), for cells; A. Prokopenko, D. Lebrun-Grandié,
D. Arndt: Fast tree-based algorithms for DBSCAN on GPUs (arXiv:2103.05162, 2021), in ArborX, and
its use for halos of HACC, a simulation of the universe in domains that overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan import DBSCAN
from gclust.cluster.dbscan_steps import CoreLocations, fold_for
from gclust.cluster.fixed_point import UNIT, threshold_units
from gclust.cluster.locations import assign_locations, checked, cluster_locations
from gclust.cluster.parameters import SURFACES
from gclust.kernels.dbscan.core_levels import density_levels
from gclust.kernels.spatial.bands import build_bands
from gclust.kernels.sphere import reach_of
from gclust.kernels.union_find import all_roots, join_sets
from gclust.parallel import unreported
from gclust.progress import silent

MARGIN_DEGREES = 1e-9
"""Added to the sides of a halo: far above the rounding of degrees, a tenth of a millimetre."""


class Tile(NamedTuple):
    """The ``m`` locations that a tile owns or has in its halo."""

    ids: NDArray[np.int64]  # (m,) numbers of the locations, ascending
    owned: NDArray[np.bool_]  # (m,)


class LinkedTile(NamedTuple):
    """The ``c`` core locations of a tile and their components."""

    ids: NDArray[np.int64]  # (c,) numbers of the locations, ascending
    owned: NDArray[np.bool_]  # (c,)
    component: NDArray[np.int64]  # (c,) from 0, numbered by first core location


class Halo(NamedTuple):
    """The sides of a halo, in degrees."""

    lat: float  # added to the south and to the north
    lon: float  # added to the west and to the east; 180 is the whole circle


def cluster_in_tiles(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    model: DBSCAN,
    largest: int,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the clusters of distinct locations, one tile after another.

    Parameters
    ----------
    lat, lon, units, model
        As in `gclust.cluster.locations.cluster_locations`.
    largest : int
        Number of locations that a tile may own.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        Equal to those of ``cluster_locations``.
    core : ndarray of bool, shape (n,)
    """
    if len(lat) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
    tiles = list(divide(lat, lon, largest, model))
    core = np.zeros(len(lat), dtype=np.bool_)
    for ids, owned in tiles:
        found = find_cores(lat[ids], lon[ids], units[ids], model)
        core[ids[owned]] = found[owned]
    linked = [
        link_tile(tile, lat[tile.ids], lon[tile.ids], core[tile.ids], model) for tile in tiles
    ]
    numbers = join_components(linked.__getitem__, len(tiles))
    labels = np.full(len(lat), -1, dtype=np.int64)
    for tile, one, number in zip(tiles, linked, numbers, strict=True):
        cores = CoreLocations(lat[one.ids], lon[one.ids], number[one.component])
        labels[one.ids[one.owned]] = cores.label[one.owned]
        border = borders_of(tile, core[tile.ids])
        labels[border] = assign_locations(lat[border], lon[border], cores, model)
    return labels, core


def divide(
    lat: NDArray[np.float64], lon: NDArray[np.float64], largest: int, model: DBSCAN
) -> Iterator[Tile]:
    """Yield tiles that own at most ``largest`` of the locations, which ascend by latitude.

    There are about as many bands as cells in a band. Equal latitudes may be in two bands.
    """
    if largest < 1:
        raise ValueError(f"largest must be at least 1 location, not {largest}")
    n_bands = max(1, round(math.sqrt(len(lat) / largest)))
    bounds = np.linspace(0, len(lat), n_bands + 1).astype(np.int64)
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        from_west = first + np.argsort(lon[first:last], kind="stable")
        n_cells = math.ceil((last - first) / largest)
        for cell in np.array_split(from_west, n_cells):
            yield with_halo(np.sort(cell), lat, lon, model)


def with_halo(
    mine: NDArray[np.int64], lat: NDArray[np.float64], lon: NDArray[np.float64], model: DBSCAN
) -> Tile:
    """Return the tile that owns the locations ``mine``, ascending numbers."""
    south, north = lat[mine[0]], lat[mine[-1]]
    west, east = lon[mine].min(), lon[mine].max()
    halo = halo_of(south, north, model)
    first, last = np.searchsorted(lat, [south - halo.lat, north + halo.lat + MARGIN_DEGREES])
    from_middle = np.abs((lon[first:last] - 0.5 * (west + east) + 180.0) % 360.0 - 180.0)
    near = from_middle <= 0.5 * (east - west) + halo.lon
    near[mine - first] = True
    ids = first + np.flatnonzero(near)
    owned = np.zeros(len(ids), dtype=np.bool_)
    owned[np.searchsorted(ids, mine)] = True
    return Tile(ids, owned)


def halo_of(south: float, north: float, model: DBSCAN) -> Halo:
    """Return how far the neighbours of locations between two latitudes may lie outside them.

    With c the chord of eps and r the least radius of curvature of a meridian, a chord of c spans at
    most 2 asin(c / 2r) of latitude: the arc, seen along its middle tangent, is at least as long as
    one of radius r. The squared chord of two points at distances rho from the axis is at least
    4 rho_1 rho_2 sin(dlon / 2)**2, on any surface of revolution; both distances are least at the
    latitudes nearest to a pole.
    """
    axis, e2 = SURFACES[model.metric]
    chord = math.sqrt(reach_of(model.eps_km).outer2)
    share = chord / (2.0 * axis * (1.0 - e2))
    if share >= 1.0:
        return Halo(180.0, 180.0)
    tall = math.degrees(2.0 * math.asin(share)) + MARGIN_DEGREES
    pole = max(-south, north)
    from_axis = (
        axis * math.cos(phi) / math.sqrt(1.0 - e2 * math.sin(phi) ** 2)
        for phi in (math.radians(min(degrees, 90.0)) for degrees in (pole, pole + tall))
    )
    sine = chord / (2.0 * math.sqrt(math.prod(from_axis)))
    if sine >= 1.0:
        return Halo(tall, 180.0)
    return Halo(tall, math.degrees(2.0 * math.asin(sine)) + MARGIN_DEGREES)


def find_cores(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    model: DBSCAN,
) -> NDArray[np.bool_]:
    """Return which locations of a tile are core locations, for those that it owns."""
    parameters = checked(model)
    folded = fold_for(lat, lon, units, parameters, silent)
    reach, threads = reach_of(parameters.eps_km), parameters.threads
    surface = SURFACES[parameters.metric]
    points = build_bands(
        folded.lat, folded.lon, surface, parameters.eps_km, reach, threads, unreported
    )
    least = np.array([threshold_units(model.min_samples)], dtype=np.int64)
    levels = density_levels(points, folded.prefix, least, reach, threads, unreported)
    core = np.empty(len(lat), dtype=np.bool_)
    core[folded.first] = levels.view(np.bool_)
    return core & (units > 0)


def link_tile(
    tile: Tile,
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    core: NDArray[np.bool_],
    model: DBSCAN,
) -> LinkedTile:
    """Return the components of a tile's core locations; ``lat``, ``lon``, ``core`` are its own."""
    linking = DBSCAN(model.eps_km, 1, border="noise", metric=model.metric, n_jobs=model.n_jobs)
    alike = np.full(np.count_nonzero(core), UNIT, dtype=np.int64)
    component, _ = cluster_locations(lat[core], lon[core], alike, linking)
    return LinkedTile(tile.ids[core], tile.owned[core], component)


def join_components(load: Callable[[int], LinkedTile], n_tiles: int) -> list[NDArray[np.int64]]:
    """Return the label of each component of each tile.

    ``load`` returns a tile by its number; two passes call it once for each tile. One tile is
    held at a time, and the core locations of all halos.

    Raises
    ------
    RuntimeError
        If a core location of a halo is owned by no tile or by several.
    """
    offsets, lowest, seen, seen_in = [0], [], [], []
    for k in range(n_tiles):
        ids, owned, component = load(k)
        new = np.diff(np.maximum.accumulate(component), prepend=-1) > 0
        lowest.append(ids[new])  # components are numbered by these
        seen.append(ids[~owned])
        seen_in.append(component[~owned] + offsets[-1])
        offsets.append(offsets[-1] + len(lowest[-1]))
    shared, components = np.concatenate(seen), np.concatenate(seen_in)
    order = np.argsort(shared, kind="stable")
    shared, components = shared[order], components[order]
    parent = np.arange(offsets[-1])
    matched = 0
    for k in range(n_tiles):
        pairs, n_matched = _pairs_of(load(k), offsets[k], shared, components)
        matched += n_matched
        for one, other in pairs.tolist():
            join_sets(parent, one, other)
    if matched != len(shared):
        raise RuntimeError(
            f"{len(shared)} core locations are in halos, but {matched} of tiles that own them were"
            " found; each must be owned by one tile"
        )
    labels = _number(all_roots(parent), np.concatenate(lowest))
    return np.split(labels, offsets[1:-1])


def _pairs_of(
    tile: LinkedTile,
    offset: int,
    shared: NDArray[np.int64],
    components: NDArray[np.int64],
) -> tuple[NDArray[np.int64], int]:
    """Return the distinct pairs of components that share a core location that a tile owns.

    ``shared`` are the core locations of halos, ascending, ``components`` those of the tiles with
    the halos. Also returns how many of them the tile owns.
    """
    mine, component = tile.ids[tile.owned], tile.component[tile.owned] + offset
    if len(mine) == 0:
        return np.empty((0, 2), dtype=np.int64), 0
    near = slice(*np.searchsorted(shared, [mine[0], mine[-1] + 1]))
    at = np.searchsorted(mine, shared[near])
    same = mine[at] == shared[near]
    pairs = (components[near][same] << 32) + component[at[same]]  # two in one number
    pairs = np.unique(pairs)
    return np.column_stack([pairs >> 32, pairs & 0xFFFFFFFF]), int(np.count_nonzero(same))


def _number(root: NDArray[np.int64], lowest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the label of each component; sets are numbered by their lowest core location."""
    first = np.full(len(root), np.iinfo(np.int64).max)
    np.minimum.at(first, root, lowest)
    roots = np.flatnonzero(root == np.arange(len(root)))
    number = np.empty(len(root), dtype=np.int64)
    number[roots[np.argsort(first[roots])]] = np.arange(len(roots))
    return number[root]


def borders_of(tile: Tile, core: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the numbers of the locations that a tile owns and that are not ``core``.

    `gclust.cluster.locations.assign_locations` labels them, given the tile's core locations.
    """
    return tile.ids[tile.owned & ~core]
