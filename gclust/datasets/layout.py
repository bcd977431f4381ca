"""Layout of a simulated world: positions of the sites around which its listings lie.

A *region* is a cluster before merging: a chain of cities, each dense enough by itself or with its
neighbours, at most 15 km apart, with towns around them (see `gclust.datasets.surroundings`). A
cluster has one region, or two that are merged because of their ties. Sparse outposts between
these two bring their borders near, while their core points stay apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from gclust.datasets.certainty import DENSE, EPS_KM, MIN_SAMPLES, SPARSE, kilometres
from gclust.datasets.geometry import between, distances_km
from gclust.datasets.surroundings import (
    BORDER,
    CORRIDOR,
    OUTPOST,
    PRINCIPAL,
    WAYPOINT,
    Sites,
    surround,
)
from gclust.plurals import counted
from gclust.sphere import chord_of, unit_vectors

# Near each other, but separate clusters. Wuxi is one-sided: its strongest ties are with
# Shanghai–Suzhou, whose own strongest ties are elsewhere.
APART = (("Heidelberg–Mannheim", "Frankfurt am Main"), ("Wuxi", "Shanghai–Suzhou"))
LEANING = ("Wuxi",)

_HOP_KM = 12.5  # between the centres of neighbouring sites of a chain
# By number of principal cities in each region; the name's order follows.
_REGION_PARTS = {
    (1,): (1.0,),
    (2,): (1.0,),
    (3,): (1.0,),
    (1, 1): (0.62, 0.38),
    (2, 1): (0.81, 0.19),
}
_BORDER_GAP_KM = 4.0  # between the outermost outposts of two near regions
_OUTPOST_KM = 14.4  # from an outpost to the waypoint whose density carries it
_WAYPOINT_KM = 12.4  # from an anchor's centre, at most
_ANCHOR_RADIUS_KM = 2.5
_ON_THE_WAY = {WAYPOINT: 0.06 * MIN_SAMPLES, OUTPOST: 0.05 * MIN_SAMPLES}


@dataclass
class Layout:
    """Sites and regions of a simulated world.

    Attributes
    ----------
    sites : Sites
        In the order of regions.
    regions : list of dict
        ``cluster`` (its position in the targets), ``part`` of the cluster, ``listings``.
    joined, apart : list of (int, int)
        Pairs of regions with near borders that ties join, or do not.
    leaning : list of (int, int)
        Pairs of ``apart`` whose first region has its strongest ties with the second.
    """

    sites: Sites
    regions: list[dict] = field(default_factory=list)
    joined: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)
    leaning: list[tuple[int, int]] = field(default_factory=list)

    @property
    def cluster(self) -> np.ndarray:
        """Cluster of each site, as its row number in the table of target shares."""
        return np.array([region["cluster"] for region in self.regions])[self.sites.region]

    @property
    def dense(self) -> np.ndarray:
        """Whether each site is a core location; all other sites lie at the border of a cluster."""
        return (self.sites.role != OUTPOST) & (self.sites.role != BORDER)


class Atlas:
    """Atlas of the gazetteer's cities, which finds them by name and by position.

    Attributes
    ----------
    cities : pandas.DataFrame
        Without sections of cities, largest first.
    """

    def __init__(self, cities: pd.DataFrame) -> None:
        order = ["population", "geonameid"]
        whole = cities[~cities["section"]]
        self.cities = whole.sort_values(order, ascending=[False, True], ignore_index=True)
        columns = zip(self.cities["name"], self.cities["country"], strict=True)
        self._first: dict[tuple[str, str], int] = {}
        for row, key in enumerate(columns):
            self._first.setdefault(key, row)
        self.lat, self.lon = (self.cities[axis].to_numpy() for axis in ("lat", "lon"))
        self.people = np.maximum(self.cities["population"].to_numpy(dtype=np.float64), 1.0)
        self._tree = cKDTree(unit_vectors(self.lat, self.lon))

    def named(self, name_and_country: str) -> dict:
        """Return the largest city with a given name and country, such as ``"Kyoto JP"``."""
        name, country = name_and_country.strip().rsplit(" ", 1)
        if (name, country) not in self._first:
            raise ValueError(f"the gazetteer has no city {name!r} in {country!r}")
        return self.city(self._first[name, country])

    def city(self, row: int) -> dict:
        """Return the city in one row of the gazetteer, as a site that has no region yet."""
        return {"lat": self.lat[row], "lon": self.lon[row], "city": row, "whole": True}

    def reign_km(self, place: dict) -> float:
        """Return the radius (km, at least 2) in which no other city attracts more (Reilly 1931)."""
        rows = np.array(self.near(place["lat"], place["lon"], 40.0))
        rows = rows[rows != place["city"]]
        points = unit_vectors(self.lat[rows], self.lon[rows])
        km = kilometres(points, unit_vectors([place["lat"]], [place["lon"]]))[:, 0]
        ratio = np.sqrt(self.people[rows] / self.people[place["city"]])
        return max(float((km / (1.0 + ratio)).min(initial=99.0)), 2.0)

    def near(self, lat: float, lon: float, km: float) -> list[int]:
        """Return the rows of the cities within ``km`` of a point, largest city first."""
        return sorted(self._tree.query_ball_point(unit_vectors(lat, lon), chord_of(km)))


def lay_out(targets: pd.DataFrame, listings: np.ndarray, atlas: Atlas) -> Layout:
    """Place the clusters of a simulated world at cities of the gazetteer.

    Parameters
    ----------
    targets : pandas.DataFrame
        The table that :func:`gclust.datasets.modelled.targets` returns.
    listings : ndarray
        Expected listings of each cluster at scale 1, all kinds.
    atlas : Atlas

    Raises
    ------
    ValueError
        If a city is not in the gazetteer, or a site could be neither dense nor sparse for
        some draw, or lies within reach of another region.
    """
    draft = _Draft(atlas)
    joined, regions_of = [], {}
    for position, row in enumerate(targets.itertuples()):
        groups = [group.split(";") for group in row.principal_cities.split("|")]
        parts = _REGION_PARTS[tuple(len(group) for group in groups)]
        members: list[int] = []
        for part, group in zip(parts, groups, strict=True):
            further = row.further_cities.split(";") if row.further_cities and not members else []
            members.append(len(draft.regions))
            draft.regions.append(
                {"cluster": position, "part": part, "listings": part * listings[position]}
            )
            draft.chain(group, further)
        regions_of[row.cluster] = members
        if len(members) == 2:
            joined.append((members[0], members[1]))
    apart, leaning = [], []
    for small, large in APART:
        pairs = [(a, b) for a in regions_of[small] for b in regions_of[large]]
        apart.append(min(pairs, key=lambda pair: draft.anchors(*pair)[2]))
        if small in LEANING:
            leaning.append(apart[-1])
    for pair in joined + apart:
        draft.outposts(*pair)
    of_region = np.array([region["listings"] for region in draft.regions])
    sites = surround(draft.finished(), of_region, atlas.cities)
    layout = Layout(sites, draft.regions, joined, apart, leaning)
    _check(layout, atlas)
    return layout


class _Draft:
    """Regions that are being laid out, with one dictionary for each site."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self.sites: list[dict] = []
        self.regions: list[dict] = []

    def chain(self, principal: list[str], further: list[str]) -> None:
        """Add principal and further cities to the last region, and waypoints between them."""
        region = len(self.regions) - 1
        cities = [self.atlas.named(name) for name in principal + further]
        done: list[dict] = []
        for number, city in enumerate(cities):
            role = PRINCIPAL if number < len(principal) else CORRIDOR
            if done:
                near = min(done, key=lambda site: _apart_km(site, city))
                for waypoint in self._between(near, city):
                    self._add(region, CORRIDOR, waypoint)
            done.append(self._add(region, role, city))

    def _between(self, start: dict, end: dict) -> Iterable[dict]:
        """Yield cities from one city to another in short hops, and bare points between them."""
        km = _apart_km(start, end)
        if km <= _HOP_KM:
            return
        lat, lon = between(start["lat"], start["lon"], end["lat"], end["lon"], 0.5 * km)
        rows = self.atlas.near(lat, lon, 0.5 * km)
        rows = [row for row in rows if row not in (start["city"], end["city"])]
        stops = [start, end, *(self.atlas.city(row) for row in rows[:80])]
        lats, lons = np.array([s["lat"] for s in stops]), np.array([s["lon"] for s in stops])
        hops = distances_km(lats, lons, lats, lons)
        # Square costs ask for even hops; the constant, for few of them.
        _, came_from = dijkstra((hops / _HOP_KM) ** 2 + 0.5, indices=0, return_predecessors=True)
        path = [1]
        while path[-1] != 0:
            path.append(int(came_from[path[-1]]))
        path.reverse()
        for a, b in pairwise(path):
            steps = int(np.ceil(hops[a, b] / _HOP_KM))
            for step in range(1, steps):
                ends = (lats[a], lons[a], lats[b], lons[b])
                lat, lon = between(*ends, hops[a, b] * step / steps)
                nearer = stops[a if step <= steps // 2 else b]
                yield {"lat": lat, "lon": lon, "city": nearer["city"], "whole": False}
            if b != 1:
                yield stops[b]

    def _add(self, region: int, role: int, place: dict) -> dict:
        """Add a site, whose radius grows with the listings that it may have."""
        part = 0.6 if role == PRINCIPAL else 0.03
        mass = np.log10(max(part * self.regions[region]["listings"], 6000.0) / 6000.0)
        site = place | {"region": region, "role": role, "listings": 0.0}
        site["radius_km"] = min(3.5 + 2.0 * min(float(mass), 1.5), 1.5 * self.atlas.reign_km(site))
        self.sites.append(site)
        return site

    def anchors(self, a: int, b: int) -> tuple[dict, dict, float]:
        """Return the closest two sites of two regions, one in each region, and their distance."""
        of_region = [[s for s in self.sites if s["region"] == region] for region in (a, b)]
        pairs = [(one, other) for one in of_region[0] for other in of_region[1]]
        one, other = min(pairs, key=lambda pair: _apart_km(*pair))
        return one, other, _apart_km(one, other)

    def outposts(self, a: int, b: int) -> None:
        """Add sparse outposts that bring the borders of two regions near enough to be merged."""
        one, other, km = self.anchors(a, b)
        reach = 0.5 * (km - _BORDER_GAP_KM)
        way = reach - _OUTPOST_KM
        if reach <= EPS_KM + _ANCHOR_RADIUS_KM or way > _WAYPOINT_KM:
            names = self.atlas.cities["name"].to_numpy()[[one["city"], other["city"]]]
            raise ValueError(
                f"{' and '.join(names)} are {km:.1f} km apart; expected 40 to 57 km, so that"
                " outposts between them bring the borders of their two regions near each other"
            )
        for start, end, region in ((one, other, a), (other, one, b)):
            start["radius_km"] = _ANCHOR_RADIUS_KM
            line = (start["lat"], start["lon"], end["lat"], end["lon"])
            for role, along in ((WAYPOINT, way), (OUTPOST, reach)):
                lat, lon = between(*line, along)
                at = {"lat": lat, "lon": lon, "whole": False, "region": region, "role": role}
                self.sites.append(
                    at | {"city": start["city"], "radius_km": 0.0, "listings": _ON_THE_WAY[role]}
                )

    def finished(self) -> Sites:
        """Return all sites as one object, with an array for each attribute."""
        table = pd.DataFrame(self.sites)
        return Sites(*(table[name].to_numpy() for name in Sites._fields))


def _apart_km(a: dict, b: dict) -> float:
    one, other = (unit_vectors([site["lat"]], [site["lon"]]) for site in (a, b))
    return float(kilometres(one, other)[0, 0])


def _check(layout: Layout, atlas: Atlas) -> None:
    """Raise ValueError if some draw of listings could lead to other clusters."""
    sites, dense, near = layout.sites, layout.dense, layout.sites.neighbours
    least, most = near.least(sites.listings), near.most(sites.listings)
    doubtful = np.where(dense, least < DENSE, most > SPARSE * (1.0 + 1e-9))
    # Sparse places lie wholly within reach of the centre of a dense one of their region.
    own = sites.region[near.one] == sites.region[near.other]
    carried = np.zeros(len(dense), dtype=bool)
    carried[near.one[own & near.centre & dense[near.other]]] = True
    doubtful |= ~dense & ~carried
    # No dense place may reach a place of another region.
    doubtful[near.one[~own & near.may & dense[near.other]]] = True
    if doubtful.any():
        rows = np.flatnonzero(doubtful)[:5]
        names = ", ".join(atlas.cities["name"].to_numpy()[sites.city[rows]])
        raise ValueError(
            f"at {counted(doubtful.sum(), 'place')} it is not certain whether a cluster forms, such"
            " as"
            f" {names}; expected places that are denser, sparser or farther apart"
        )
