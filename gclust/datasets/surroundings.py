"""Towns around the centres of each cluster: dense ones first, then sparse ones at the border.

Listings thin out from a cluster's centres over its towns to its border. A dense town is a
core location of DBSCAN at 15 km and 4,500 listings, whatever the random positions of its
listings. A town at the border is no core location, but lies within 15 km of one. Towns are cities
of the gazetteer, or unnamed points where it has none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gclust.datasets.certainty import DENSE, EPS_KM, MIN_SAMPLES, SPARSE, Neighbours, kilometres
from gclust.datasets.geometry import offset
from gclust.datasets.positions import uniform
from gclust.sphere import chord_of, unit_vectors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Marks = NDArray[np.bool_]

PRINCIPAL, CORRIDOR, WAYPOINT, OUTPOST, SUBURB, BORDER = range(6)
"""Roles of a place in its region."""

LEAST = 0.045 * MIN_SAMPLES
"""Listings of a town at scale 1, at least: one at the least scale."""
TOWN_RADIUS_KM = 1.8

_PRINCIPAL_PARTS = {1: (1.0,), 2: (0.65, 0.35), 3: (0.45, 0.31, 0.24)}
_ENOUGH = 1.6 * MIN_SAMPLES  # listings that make a corridor's site dense by itself
_LARGEST_PART = 0.05  # of a region in one town
_NAMED_PART = 0.075  # in all that count for one city, so that it does not enter the name
_OWN_KM = 4.5  # between centres of places of one region
_CENTRES_KM = 24.0  # from a dense town to other regions' centres, which need room for theirs
_BORDERS_KM = 10.0  # between border towns of different regions, whose edges must not meet
_LOCAL_KM = 130.0
_SEED = 20_250_901


class Sites(NamedTuple):
    """Places with listings: one array per attribute, one entry per place.

    Attributes
    ----------
    region, role : ndarray of int
    city : ndarray of int
        Row of the gazetteer's city that a place is, or that it is named after.
    whole : ndarray of bool
        Whether it is that city.
    lat, lon, radius_km : ndarray of float
        Centre in degrees, and the radius about it in which the listings lie.
    listings : ndarray of float
        At scale 1.
    """

    region: Ints
    role: Ints
    city: Ints
    whole: Marks
    lat: Floats
    lon: Floats
    radius_km: Floats
    listings: Floats

    @property
    def points(self) -> Floats:
        """Centres as unit vectors."""
        return unit_vectors(self.lat, self.lon)

    @property
    def neighbours(self) -> Neighbours:
        """Pairs of places that may have listings within 15 km of each other."""
        return Neighbours(self.lat, self.lon, self.radius_km)

    def at(self, rows: Ints | Marks | slice) -> Sites:
        """Return the places in the given rows."""
        columns: Any = (column[rows] for column in self)
        return Sites(*columns)

    def plus(self, other: Sites) -> Sites:
        """Return one object with these places and those of ``other``."""
        columns: Any = (np.concatenate(pair) for pair in zip(self, other, strict=True))
        return Sites(*columns)


def surround(sites: Sites, listings: Floats, cities: pd.DataFrame) -> Sites:
    """Distribute the listings of each region over its centres and its towns.

    Parameters
    ----------
    sites : Sites
        Centres, corridors, waypoints and outposts, as `gclust.datasets.layout` lays them out.
    listings : ndarray
        Of each region at scale 1.
    cities : pandas.DataFrame
        Those of the gazetteer that may be towns.

    Returns
    -------
    Sites
        In the order of regions.
    """
    towns = _Towns(cities, sites.city[sites.whole])
    for region, many in enumerate(listings):
        sites = sites.plus(_dense_towns(region, many, sites, towns))
    for region, many in enumerate(listings):
        _share_out(sites, region, many, towns)
    for region, many in enumerate(listings):
        sites = sites.plus(_border_towns(region, many, sites, towns))
        _share_out(sites, region, many, towns)
    return sites.at(np.argsort(sites.region, kind="stable"))


class _Towns:
    """Cities of the gazetteer, each a town at most once, and bare points."""

    def __init__(self, cities: pd.DataFrame, taken: Ints) -> None:
        self.lat, self.lon = cities["lat"].to_numpy(), cities["lon"].to_numpy()
        self.population = cities["population"].to_numpy(dtype=np.float64)
        self.country = np.unique(cities["country"].to_numpy().astype(str), return_inverse=True)[1]
        self.tree = cKDTree(unit_vectors(self.lat, self.lon))
        self.free = np.ones(len(cities), dtype=bool)
        self.free[taken] = False

    def near(self, about: Sites, km: float, role: int) -> Sites:
        """Return the cities near given sites, in the same countries, that are not yet sites."""
        rows = self._about(about, km)
        rows = rows[self.free[rows] & np.isin(self.country[rows], self.country[about.city])]
        return _towns(about.region[0], role, rows, True, self.lat[rows], self.lon[rows])

    def bare(self, about: Sites, km: tuple[float, float], many: int, role: int) -> Sites:
        """Return unnamed points around sites: in all directions, or outwards for ``BORDER``."""
        site, number = np.divmod(np.arange(len(about.lat) * many), many)
        keys = _keys(about.lat, about.lon)[site] + number.astype(np.uint64)
        away, turn = (uniform(keys, _SEED + step) for step in range(2))
        bearing = 2.0 * np.pi * (number + turn) / many
        if role == BORDER:
            middle = np.median(about.lat), np.median(about.lon)
            north = about.lat - middle[0]
            east = (about.lon - middle[1]) * np.cos(np.radians(middle[0]))
            bearing = np.arctan2(east, north)[site] + 0.8 * (bearing - np.pi)
        away = km[0] + (km[1] - km[0]) * away
        lat, lon = offset(about.lat[site], about.lon[site], away, bearing)
        return _towns(about.region[0], role, about.city[site], False, lat, lon)

    def drawn_to(self, sites: Sites, centres: Sites) -> Ints:
        """Return the city that attracts each site most; -1 if this city is a cluster's centre.

        Attraction is the ratio of inhabitants to squared distance (Reilly 1931).
        """
        centres = centres.at(centres.role == PRINCIPAL)
        rows = np.union1d(self._about(centres, 60.0), centres.city)
        km = kilometres(sites.points, unit_vectors(self.lat[rows], self.lon[rows]))
        pull = (self.population[rows] + 1.0) / np.maximum(km, 0.1) ** 2
        found = rows[pull.argmax(axis=1)]
        return np.where(np.isin(found, centres.city[centres.whole]), -1, found)

    def _about(self, sites: Sites, km: float) -> Ints:
        found = self.tree.query_ball_point(sites.points, chord_of(km))
        return np.unique(np.concatenate([np.asarray(each, dtype=np.int64) for each in found]))

    def take(self, towns: Sites) -> Sites:
        """Mark the cities of given towns as used, and return the towns."""
        self.free[towns.city[towns.whole]] = False
        return towns


def _dense_towns(region: int, listings: float, sites: Sites, towns: _Towns) -> Sites:
    """Choose a region's dense towns, as far as each is certain to stay dense."""
    own, others = _local(region, sites)
    centres = own.at((own.role == PRINCIPAL) | (own.role == CORRIDOR))
    heavy = listings / MIN_SAMPLES
    fall_km = 4.5 + 1.5 * np.log10(heavy)
    radius = 9.0 + fall_km * max(np.log(heavy / 3.0), 0.0)
    wanted = int(np.clip(3.0 * heavy**0.5, 3, 80))
    found = towns.near(centres, radius, SUBURB)
    found = found.plus(towns.bare(centres, (6.5, max(0.8 * radius, 10.8)), 40, SUBURB))
    points = found.points
    to_others = EPS_KM + TOWN_RADIUS_KM + others.radius_km + 1.0
    to_others[(others.role == PRINCIPAL) | (others.role == CORRIDOR)] = _CENTRES_KM
    to_own = np.where(own.role == OUTPOST, EPS_KM + 4.0, _OWN_KM)
    clear: Marks = np.asarray((kilometres(points, others.points) > to_others).all(axis=1))
    clear &= (kilometres(points, own.points) > to_own).all(axis=1)
    # Cities before bare points, and large ones rather before small ones.
    keys = _keys(found.lat, found.lon)
    first = np.log10(towns.population[found.city] + 3e3) + 1.5 * uniform(keys, _SEED + 10)
    first -= np.where(found.whole, 0.0, 99.0)
    between = kilometres(points, points)
    chosen: list[int] = []
    for row in np.argsort(-first, kind="stable"):
        if len(chosen) < wanted and clear[row] and (between[row, chosen] > _OWN_KM).all():
            chosen.append(int(row))
    found, keys = found.at(np.array(chosen, dtype=np.int64)), keys[chosen]
    away = kilometres(found.points, centres.points).min(axis=1)
    people = np.where(found.whole, towns.population[found.city], 0.0)
    weight = (0.02 + people / 1e5) ** 0.3 * np.exp(-away / fall_km)
    weight *= np.exp(1.6 * (uniform(keys, _SEED + 11) - 0.5))
    whim = uniform(_keys(centres.lat, centres.lon), _SEED + 12)[0]
    part = 0.2 + 0.2 * min(np.log10(heavy) / 2.0, 1.0) + 0.1 * whim
    _share_out(own, region, listings, towns)
    taken = dict.fromkeys(towns.drawn_to(own, centres).tolist(), 0.0)
    for name, many in zip(towns.drawn_to(own, centres).tolist(), own.listings, strict=True):
        taken[name] += many / listings
    while len(weight):
        of_all = np.minimum(part * weight / weight.sum(), _LARGEST_PART)
        of_all *= _within(of_all, towns.drawn_to(found, centres), taken)
        found = found._replace(listings=np.maximum(of_all * listings, LEAST))
        both = own.plus(found)
        _share_out(both, region, listings, towns)
        certain = both.neighbours.least(both.listings) >= DENSE
        certain = _connected(both, certain & ~_sparse(both))[len(own.lat) :]
        if certain.all():
            break
        found, weight = found.at(certain), weight[certain]
    return towns.take(found)


def _border_towns(region: int, listings: float, sites: Sites, towns: _Towns) -> Sites:
    """Add towns that are sparse, but within reach of dense ones."""
    own, others = _local(region, sites)
    dense = own.at((own.role != OUTPOST) & (own.role != WAYPOINT))
    reach = EPS_KM - TOWN_RADIUS_KM - 0.1
    outer = dense.at(np.argsort(dense.neighbours.least(dense.listings), kind="stable")[:30])
    found = towns.near(dense, reach, BORDER).plus(towns.bare(outer, (8.5, reach), 20, BORDER))
    to_others = EPS_KM + TOWN_RADIUS_KM + others.radius_km + 0.3
    to_others[_sparse(others)] = _BORDERS_KM
    points = found.points
    clear: Marks = np.asarray((kilometres(points, others.points) > to_others).all(axis=1))
    clear &= (kilometres(points, own.points) > _OWN_KM).all(axis=1)
    found, points = found.at(clear), points[clear]
    taken = own.plus(others)
    near = kilometres(points, taken.points) - taken.radius_km - TOWN_RADIUS_KM <= EPS_KM
    between = kilometres(points, points)
    around = between - 2.0 * TOWN_RADIUS_KM <= EPS_KM
    # The most that may lie about each place, taken or not.
    there, most = taken.neighbours.most(taken.listings), (near * taken.listings).sum(axis=1)
    sparse_near = near & _sparse(taken)
    whim = uniform(_keys(own.lat, own.lon), _SEED + 21)[0]
    wanted = (0.06 + 0.26 * whim) * listings if listings > 1.6 * MIN_SAMPLES else 0.0
    keys = _keys(found.lat, found.lon)
    take = 0.3 + 0.7 * uniform(keys, _SEED + 22)
    first = uniform(keys, _SEED + 23) - 0.5 * found.whole
    size = np.zeros(len(keys))
    centres = own.at((own.role == PRINCIPAL) | (own.role == CORRIDOR))
    names = towns.drawn_to(found, centres)
    named = dict.fromkeys(names.tolist(), 0.0)
    for name, many in zip(towns.drawn_to(own, centres).tolist(), own.listings, strict=True):
        named[name] = named.get(name, 0.0) + many
    named[-1] = -np.inf
    for row in np.argsort(first, kind="stable"):
        chosen = size > 0.0
        if (between[row, chosen] < _OWN_KM).any():
            continue
        full = max(
            most[row],
            there[sparse_near[row]].max(initial=0.0),
            most[chosen & around[row]].max(initial=0.0),
        )
        many = min((SPARSE - full) * take[row], wanted, _LARGEST_PART * listings)
        many = min(many, _NAMED_PART * listings - named[int(names[row])])
        if many >= LEAST:
            named[int(names[row])] += many
            size[row], wanted = many, wanted - many
            most[around[row]] += many
            there[near[row]] += many
    found = found._replace(listings=size).at(size > 0.0)
    while len(found.lat):
        # What is at the border is missing in the middle, where all must stay dense.
        both = own.plus(found)
        _share_out(both, region, listings, towns)
        if (both.neighbours.least(both.listings)[~_sparse(both)] >= DENSE).all():
            break
        found = found.at(slice(len(found.lat) // 2))
    return towns.take(found)


def _within(part: Floats, names: Ints, taken: dict[int, float]) -> Floats:
    """Return by what to multiply parts so that no name has too many; -1 may have any."""
    every, which = np.unique(names, return_inverse=True)
    left = np.array([max(_NAMED_PART - taken.get(int(name), 0.0), 0.0) for name in every])
    factor = np.minimum(left / np.bincount(which, part), 1.0)
    return np.where(names < 0, 1.0, factor[which])


def _share_out(sites: Sites, region: int, listings: float, towns: _Towns) -> None:
    """Give a region's corridors and centres what its towns and outposts leave, in place.

    Each of several centres has its part together with the places that are drawn to it.
    """
    mine = sites.region == region
    least, most = 0.01 * listings, 0.04 * listings
    sites.listings[mine & (sites.role == CORRIDOR)] = np.clip(_ENOUGH, least, most)
    centres = np.flatnonzero(mine & (sites.role == PRINCIPAL))
    others = np.flatnonzero(mine & (sites.role != PRINCIPAL))
    points = sites.points
    km = np.maximum(kilometres(points[others], points[centres]), 0.1)
    nearest = (towns.population[sites.city[centres]] / km**2).argmax(axis=1)
    drawn = np.bincount(nearest, sites.listings[others], len(centres))
    parts = np.array(_PRINCIPAL_PARTS[len(centres)]) * listings
    wanted = np.maximum(parts - drawn, 0.2 * parts)
    rest = listings - sites.listings[others].sum()
    sites.listings[centres] = rest * wanted / wanted.sum()


def _local(region: int, sites: Sites) -> tuple[Sites, Sites]:
    """Return a region's places, and those of others within 130 km of one of them."""
    mine, points = sites.region == region, sites.points
    near = kilometres(points, points[mine]).min(axis=1) < _LOCAL_KM
    return sites.at(mine), sites.at(near & ~mine)


def _connected(sites: Sites, dense: Marks) -> Marks:
    """Mark the dense places that hops of 15 km between centres join to the first one."""
    points = sites.points
    near = (kilometres(points, points) <= EPS_KM) & dense[:, None] & dense[None, :]
    _, part = connected_components(csr_array(near), directed=False)
    return dense & (part == part[0])


def _sparse(sites: Sites) -> Marks:
    return (sites.role == OUTPOST) | (sites.role == BORDER)


def _towns(region: int, role: int, city: Ints, whole: bool, lat: Floats, lon: Floats) -> Sites:
    """Return towns without listings."""
    full = np.full
    many = len(lat)
    return Sites(
        full(many, region), full(many, role), city.astype(np.int64), full(many, whole),
        lat, lon, full(many, TOWN_RADIUS_KM), np.zeros(many),
    )  # fmt: skip


def _keys(lat: Floats, lon: Floats) -> NDArray[np.uint64]:
    """Return a counter for each place, with room for 64 draws."""
    rows, columns = (np.rint((axis + 180.0) * 1e4) for axis in (lat, lon))
    return (rows * 4_000_000 + columns).astype(np.uint64) * np.uint64(64)
