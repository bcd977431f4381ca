"""Layout of a simulated world, which places the sites of its clusters.

A *site* is a city, or a waypoint between two, with listings about its centre. A *region* is a
cluster before merging: a chain of sites, each dense enough by itself or with its neighbours, at
most 15 km apart. A cluster has one region, or two that are merged because of their ties. Sparse
outposts between these two bring their borders near, while their core points stay apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from gclust.datasets.geometry import between, distances_km
from gclust.sphere import chord_of, unit_vectors

EPS_KM = 15.0
MIN_SAMPLES = 4500
"""The GII's parameters at scale 1; min_samples is proportional to the scale."""

# Near each other, but separate clusters. Wuxi is one-sided: its strongest ties are with
# Shanghai–Suzhou, whose own strongest ties are elsewhere.
APART = (("Heidelberg–Mannheim", "Frankfurt am Main"), ("Wuxi", "Shanghai–Suzhou"))
LEANING = ("Wuxi",)

_HOP_KM = 12.5  # between the centres of neighbouring sites of a chain
_ENOUGH = 1.6 * MIN_SAMPLES  # listings at scale 1 that make a site dense by itself
_PRINCIPAL_PARTS = {1: (1.0,), 2: (0.6, 0.4), 3: (0.45, 0.31, 0.24)}
# By number of principal cities in each region; the name's order follows.
_REGION_PARTS = {
    (1,): (1.0,),
    (2,): (1.0,),
    (3,): (1.0,),
    (1, 1): (0.62, 0.38),
    (2, 1): (0.76, 0.24),
}
_CLEAR_KM = EPS_KM + 1.0  # between any two locations of different regions
_BORDER_GAP_KM = 4.0  # between the outermost outposts of two near regions
_OUTPOST_KM = 14.4  # from an outpost to the waypoint whose density carries it
_WAYPOINT_KM = 12.4  # from an anchor's centre, at most
_ANCHOR_RADIUS_KM = 2.5
_SUBURBS = 8


@dataclass
class Layout:
    """Sites and regions of a simulated world.

    Attributes
    ----------
    sites : list of dict
        ``region, role, name, country, lat, lon, radius_km, part, fixed,
        population``: ``part`` of the region's listings, or ``fixed``
        publications' listings in units of min_samples.
    regions : list of dict
        ``cluster`` (its position in the targets), ``part`` of the cluster.
    joined, apart : list of (int, int)
        Pairs of regions with near borders that ties join, or do not.
    leaning : list of (int, int)
        Pairs of ``apart`` whose first region has its strongest ties with the second.
    """

    sites: list[dict] = field(default_factory=list)
    regions: list[dict] = field(default_factory=list)
    joined: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)
    leaning: list[tuple[int, int]] = field(default_factory=list)

    def of_region(self, region: int) -> list[dict]:
        """Return the sites of one region."""
        return [site for site in self.sites if site["region"] == region]


class Atlas:
    """Atlas of the gazetteer's cities, which finds them by name and by position."""

    def __init__(self, cities: pd.DataFrame) -> None:
        order = ["population", "geonameid"]
        whole = cities[~cities["section"]]
        self.cities = whole.sort_values(order, ascending=[False, True], ignore_index=True)
        columns = zip(self.cities["name"], self.cities["country"], strict=True)
        self._first: dict[tuple[str, str], int] = {}
        for row, key in enumerate(columns):
            self._first.setdefault(key, row)
        lat, lon = self.cities["lat"].to_numpy(), self.cities["lon"].to_numpy()
        self.tree = cKDTree(unit_vectors(lat, lon))

    def named(self, name_and_country: str) -> dict:
        """Return the largest city of a name and country, such as ``"Kyoto JP"``."""
        name, country = name_and_country.strip().rsplit(" ", 1)
        if (name, country) not in self._first:
            raise ValueError(f"the gazetteer has no city {name!r} in {country!r}")
        return self.city(self._first[name, country])

    def city(self, row: int) -> dict:
        """Return one city as a site without region."""
        city = self.cities.iloc[row]
        keys = ("name", "country", "lat", "lon", "population")
        return {key: city[key] for key in keys} | {"row": int(row)}

    def near(self, lat: float, lon: float, km: float) -> list[int]:
        """Return the rows of the cities within ``km``, largest first."""
        return sorted(self.tree.query_ball_point(unit_vectors(lat, lon), chord_of(km)))


def lay_out(targets: pd.DataFrame, listings: np.ndarray, cities: pd.DataFrame) -> Layout:
    """Place the clusters of a world on the gazetteer's cities.

    Parameters
    ----------
    targets : pandas.DataFrame
        The table that :func:`gclust.datasets.modelled.targets` returns.
    listings : ndarray
        Expected listings of each cluster at scale 1, all kinds.
    cities : pandas.DataFrame
        ``geonameid, name, country, lat, lon, population``.

    Raises
    ------
    ValueError
        If a city is not in the gazetteer, or two regions come too close.
    """
    atlas, layout = Atlas(cities), Layout()
    regions_of: dict[str, list[int]] = {}
    for position, row in enumerate(targets.itertuples()):
        groups = [group.split(";") for group in row.principal_cities.split("|")]
        parts = _REGION_PARTS[tuple(len(group) for group in groups)]
        regions_of[row.cluster] = []
        for part, group in zip(parts, groups, strict=True):
            region = len(layout.regions)
            layout.regions.append(
                {"cluster": position, "part": part, "listings": part * listings[position]}
            )
            further = (
                row.further_cities.split(";") if row.further_cities and part == parts[0] else []
            )
            _chain(layout, region, atlas, group, further)
            regions_of[row.cluster].append(region)
        if len(groups) == 2:
            layout.joined.append((regions_of[row.cluster][0], regions_of[row.cluster][1]))
    for small, large in APART:
        pairs = [(a, b) for a in regions_of[small] for b in regions_of[large]]
        layout.apart.append(min(pairs, key=lambda pair: _anchors(layout, *pair)[2]))
        if small in LEANING:
            layout.leaning.append(layout.apart[-1])
    for pair in layout.joined + layout.apart:
        _outposts(layout, *pair)
    _suburbs(layout, atlas)
    for region in range(len(layout.regions)):
        _share_out(layout, region)
    _check_apart(layout)
    return layout


def _chain(
    layout: Layout, region: int, atlas: Atlas, principal: list[str], further: list[str]
) -> None:
    """Add a region's principal and further cities, and waypoints between neighbouring cities."""
    cities = [atlas.named(name) for name in principal]
    roles = ["principal"] * len(cities) + ["corridor"] * len(further)
    cities += [atlas.named(name) for name in further]
    done: list[dict] = []
    for role, city in zip(roles, cities, strict=True):
        if done:
            near = min(done, key=lambda site: _apart_km(site, city))
            for waypoint in _waypoints(atlas, near, city):
                _add(layout, region, "corridor", waypoint, radius_km=3.0)
        done.append(_add(layout, region, role, city, radius_km=3.0))


def _waypoints(atlas: Atlas, start: dict, end: dict) -> Iterable[dict]:
    """Yield the waypoints of short hops between two cities: cities, else points without one."""
    km = _apart_km(start, end)
    if km <= _HOP_KM:
        return
    lat, lon = between(start["lat"], start["lon"], end["lat"], end["lon"], 0.5 * km)
    rows = [row for row in atlas.near(lat, lon, 0.5 * km) if row not in (start["row"], end["row"])]
    stops = [start, end, *(atlas.city(row) for row in rows[:80])]
    lats, lons = np.array([s["lat"] for s in stops]), np.array([s["lon"] for s in stops])
    hops = distances_km(lats, lons, lats, lons)
    # Squared costs favour even hops, the constant few of them.
    _, came_from = dijkstra((hops / _HOP_KM) ** 2 + 0.5, indices=0, return_predecessors=True)
    path = [1]
    while path[-1] != 0:
        path.append(int(came_from[path[-1]]))
    path.reverse()
    for a, b in pairwise(path):
        n_hops = int(np.ceil(hops[a, b] / _HOP_KM))
        for hop in range(1, n_hops):
            ends = (lats[a], lons[a], lats[b], lons[b])
            lat, lon = between(*ends, hops[a, b] * hop / n_hops)
            nearer = stops[a if hop <= n_hops // 2 else b]
            yield nearer | {"lat": lat, "lon": lon, "population": 0, "row": -1}
        if b != 1:
            yield stops[b]


def _add(layout: Layout, region: int, role: str, place: dict, *, radius_km: float) -> dict:
    site = place | {"region": region, "role": role, "radius_km": radius_km, "part": 0.0}
    site["fixed"] = 0.0
    layout.sites.append(site)
    return site


def _apart_km(a: dict, b: dict) -> float:
    lat, lon = np.array([a["lat"]]), np.array([a["lon"]])
    return float(distances_km(lat, lon, np.array([b["lat"]]), np.array([b["lon"]]))[0, 0])


def _anchors(layout: Layout, a: int, b: int) -> tuple[dict, dict, float]:
    """Return the nearest sites of two regions, one of each, and their distance."""
    sites = [(one, other) for one in layout.of_region(a) for other in layout.of_region(b)]
    one, other = min(sites, key=lambda pair: _apart_km(*pair))
    return one, other, _apart_km(one, other)


def _outposts(layout: Layout, a: int, b: int) -> None:
    """Add sparse outposts that bring the borders of two regions near enough to be merged."""
    one, other, km = _anchors(layout, a, b)
    reach = 0.5 * (km - _BORDER_GAP_KM)
    way = reach - _OUTPOST_KM
    if reach <= EPS_KM + _ANCHOR_RADIUS_KM or way > _WAYPOINT_KM:
        raise ValueError(f"{one['name']} and {other['name']} are {km:.1f} km apart, not 40 to 57")
    for start, end, region in ((one, other, a), (other, one, b)):
        start["radius_km"], start["anchor"] = _ANCHOR_RADIUS_KM, True
        line = (start["lat"], start["lon"], end["lat"], end["lon"])
        for role, along, fixed in (("waypoint", way, 0.06), ("outpost", reach, 0.03)):
            lat, lon = between(*line, along)
            place = start | {"lat": lat, "lon": lon, "population": 0, "row": -1}
            site = _add(layout, region, role, place, radius_km=0.0)
            site["fixed"] = fixed


def _suburbs(layout: Layout, atlas: Atlas) -> None:
    """Add cities one hop away to large regions, unless they come near another region."""
    for region, about in enumerate(layout.regions):
        wanted = min(_SUBURBS, int(0.3 * about["listings"] / _ENOUGH))
        if wanted < 4:  # fewer would each be heavy enough to be in the name
            continue
        centres = [s for s in layout.of_region(region) if s["role"] in ("principal", "corridor")]
        rows = {row for site in centres for row in atlas.near(site["lat"], site["lon"], _HOP_KM)}
        for row in sorted(rows):
            if wanted == 0:
                break
            city = atlas.city(row)
            if _fits(layout, region, city):
                _add(layout, region, "suburb", city, radius_km=2.5)
                wanted -= 1


def _fits(layout: Layout, region: int, city: dict) -> bool:
    """Return whether a suburb is far enough from its region's sites and from other regions."""
    lat = np.array([site["lat"] for site in layout.sites])
    lon = np.array([site["lon"] for site in layout.sites])
    km = distances_km(np.array([city["lat"]]), np.array([city["lon"]]), lat, lon)[0]
    own = np.array([site["region"] == region for site in layout.sites])
    outpost = np.array([site["role"] in ("outpost", "waypoint") for site in layout.sites])
    return bool(
        (km[own & ~outpost] > 5.0).all()
        and (km[own & outpost] > EPS_KM + 4.0).all()
        and (km[~own] > EPS_KM + 12.0).all()
    )


def _share_out(layout: Layout, region: int) -> None:
    """Set each site's part of the region's listings, and its radius by its listings."""
    sites, listings = layout.of_region(region), layout.regions[region]["listings"]
    corridor = [site for site in sites if site["role"] == "corridor"]
    suburbs = [site for site in sites if site["role"] == "suburb"]
    principal = [site for site in sites if site["role"] == "principal"]
    for site in corridor:
        site["part"] = float(np.clip(_ENOUGH / listings, 0.01, 0.04))
    for site in suburbs:
        site["part"] = float(np.clip(0.25 / len(suburbs), _ENOUGH / listings, 0.045))
    rest = 1.0 - sum(site["part"] for site in corridor + suburbs)
    for site, part in zip(principal, _PRINCIPAL_PARTS[len(principal)], strict=True):
        site["part"] = rest * part
    for site in sites:
        if site["radius_km"] > 0.0 and not site.get("anchor"):
            mass = np.log10(max(site["part"] * listings, 6000.0) / 6000.0)
            site["radius_km"] = float(2.5 + 2.0 * min(mass, 2.0))


def _check_apart(layout: Layout) -> None:
    """Raise ValueError if different regions of a layout could touch each other."""
    lat = np.array([site["lat"] for site in layout.sites])
    lon = np.array([site["lon"] for site in layout.sites])
    radius = np.array([site["radius_km"] for site in layout.sites])
    region = np.array([site["region"] for site in layout.sites])
    sparse = np.array([site["role"] == "outpost" for site in layout.sites])
    near = distances_km(lat, lon, lat, lon) - radius[:, None] - radius[None, :] < _CLEAR_KM
    near &= region[:, None] != region[None, :]
    near &= ~(sparse[:, None] & sparse[None, :])  # outposts may be near, but nothing else
    for a, b in np.argwhere(near):
        if a < b:
            one, other = layout.sites[a], layout.sites[b]
            raise ValueError(
                f"{one['name']} ({one['role']}) and {other['name']} ({other['role']}) are "
                f"{_apart_km(one, other):.1f} km apart and belong to different regions"
            )
