"""The region that a map shows, and its equal-area projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gclust.report.map_inputs import WEIGHT_STEPS, degree_cells
from gclust.sphere import unit_vectors

WORLD_LON_0 = 11.0
"""Central meridian of the world map, which is cut at 169 degrees west, in the Bering Strait."""

WORLD_LAT = (-56.5, 83.5)
"""Latitudes between which the world is shown: all land except the Antarctic."""

WORLD_SCALE_LAT = 40.0
"""Parallel along which the scale bar of the world map is exact."""

REGION_RADIUS_DEG = 50.0
"""Data within this angle of their middle are shown as a region, others on a world map."""

LINK_DEG = 5.0
LEAST_SHARE = 0.005
ASPECT = (0.8, 2.0)
LAND_MARGIN_DEG = 2.0

Region = tuple[float, float, float, float] | str
"""West, south, east and north in degrees, or a name in `REGIONS`."""

REGIONS = {
    "europe": (-11.0, 34.5, 33.0, 66.0),
    "north america": (-127.0, 24.0, -65.0, 51.0),
    "east asia": (97.0, 18.0, 146.0, 46.0),
}

Floats = NDArray[np.float64]
NOTHING = shapely.GeometryCollection()


@dataclass(frozen=True)
class Frame:
    """A map projection and the region of its plane that is drawn."""

    proj: str  # PROJ string, in metres
    lon_0: float  # centre of the projection in degrees
    lat_0: float
    outline: shapely.Polygon  # the region, in metres of the plane
    is_world: bool

    @cached_property
    def _to_plane(self) -> pyproj.Transformer:
        return pyproj.Transformer.from_crs("EPSG:4326", self.proj, always_xy=True)

    @property
    def name(self) -> str:
        """Name of the projection for the legend."""
        if self.is_world:
            return "Equal Earth projection"
        lat = f"{abs(self.lat_0):g}°" + (" S" if self.lat_0 < 0 else " N" if self.lat_0 else "")
        meridian = self.lon_0 % 180.0 == 0.0
        lon = f"{abs(self.lon_0):g}°" + ("" if meridian else " W" if self.lon_0 < 0 else " E")
        return f"Lambert azimuthal equal-area projection about {lat}, {lon}"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Smallest x and y, largest x and y in metres."""
        return self.outline.bounds

    def project(self, lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
        """Project degrees to metres on the map's plane, NaN for points that have no projection."""
        x, y = self._to_plane.transform(self.centred(np.asarray(lon)), np.asarray(lat))
        good = np.isfinite(x) & np.isfinite(y)
        return np.where(good, x, np.nan), np.where(good, y, np.nan)

    def degrees_of(self, plane: Floats) -> tuple[Floats, Floats]:
        """Return longitudes and latitudes of points (n, 2) of the plane."""
        lon, lat = self._to_plane.transform(plane[:, 0], plane[:, 1], direction="INVERSE")
        return np.asarray(lon), np.asarray(lat)

    def centred(self, lon: Floats) -> Floats:
        """Shift longitudes by multiples of 360 degrees to within 180 degrees of the centre."""
        return (lon - self.lon_0 + 180.0) % 360.0 - 180.0 + self.lon_0

    @cached_property
    def degrees(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the region in degrees; longitudes may pass 180 degrees."""
        if self.is_world:
            return (self.lon_0 - 180.0, WORLD_LAT[0], self.lon_0 + 180.0, WORLD_LAT[1])
        x_min, y_min, x_max, y_max = self.bounds
        x, y = np.meshgrid(np.linspace(x_min, x_max, 101), np.linspace(y_min, y_max, 101))
        lon, lat = self._to_plane.transform(x, y, direction="INVERSE")
        lon, lat = lon[np.isfinite(lon)], lat[np.isfinite(lat)]
        lon = self.centred(lon)
        west, east = float(lon.min()), float(lon.max())
        south, north = float(lat.min()), float(lat.max())
        # A pole in the frame has every longitude, but is no point of the grid.
        for pole, side in ((90.0, "north"), (-90.0, "south")):
            px, py = self.project(np.array([pole]), np.array([self.lon_0]))
            if x_min <= px[0] <= x_max and y_min <= py[0] <= y_max:
                west, east = self.lon_0 - 180.0, self.lon_0 + 180.0
                north, south = (90.0, south) if side == "north" else (north, -90.0)
        return (west, south, east, north)

    def shapes(self, geometries: NDArray[np.object_]) -> NDArray[np.object_]:
        """Project polygons in degrees and cut them to the frame.

        They are cut where the map is cut, not at 180 degrees, so that a country or footprint
        stored in two halves becomes one again.
        """
        west, south, east, north = self.degrees
        margin = 0.0 if self.is_world else LAND_MARGIN_DEG
        # PROJ puts a point at exactly 180 degrees from the centre on either side.
        west = max(west - margin, self.lon_0 - 180.0 + 1e-6)
        east = min(east + margin, self.lon_0 + 180.0 - 1e-6)
        window = (west, max(south - margin, -90.0), east, min(north + margin, 90.0))
        whole = _cut_to(window, geometries)
        # Long straight edges, such as a border along a parallel, are curves on the map.
        plane = _valid(shapely.transform(shapely.segmentize(whole, 0.5), self._forward))
        shapely.prepare(self.outline)
        cut = ~shapely.covers(self.outline, plane)
        plane[cut] = shapely.intersection(plane[cut], self.outline)
        return np.asarray(plane)

    def _forward(self, lon_lat: Floats) -> Floats:
        return np.column_stack(self._to_plane.transform(lon_lat[:, 0], lon_lat[:, 1]))

    def bar_metres(self, km: float) -> float:
        """Return the length on the map's plane, in metres, of a scale bar of `km` kilometres.

        It is exact along the parallel of `WORLD_SCALE_LAT` on a world map, where equal steps
        of longitude are equal on the map, and at the centre of a region.
        """
        geod = pyproj.Geod(ellps="WGS84")
        if self.is_world:
            equator = geod.a * np.cos(np.radians(WORLD_SCALE_LAT))
            radius = equator / np.sqrt(1.0 - geod.es * np.sin(np.radians(WORLD_SCALE_LAT)) ** 2)
            half = float(np.degrees(500.0 * km / radius))
            lat, lon = np.full(2, WORLD_SCALE_LAT), self.lon_0 + np.array([-half, half])
        else:
            ends = geod.fwd([self.lon_0] * 2, [self.lat_0] * 2, [270.0, 90.0], [500.0 * km] * 2)
            lon, lat = np.asarray(ends[0]), np.asarray(ends[1])
        x, y = self.project(lat, lon)
        return float(np.hypot(x[1] - x[0], y[1] - y[0]))


def _cut_to(
    window: tuple[float, float, float, float], geometries: NDArray[np.object_]
) -> NDArray[np.object_]:
    """Return the part of each polygon, shifted by whole turns, that is in the window."""
    west, south, east, north = window
    left, bottom, right, top = shapely.bounds(geometries).T
    turns = np.array([-360.0, 0.0, 360.0])[:, None]
    near = ((left + turns <= east) & (right + turns >= west)).any(axis=0)
    near &= (bottom <= north) & (top >= south)
    geometries = geometries.copy()
    geometries[near] = _valid(geometries[near])
    cuts: list[list[shapely.Geometry]] = [[] for _ in geometries]
    for shift in (-360.0, 0.0, 360.0):
        meets = (left + shift <= east) & (right + shift >= west)
        rows = np.flatnonzero(meets & (bottom <= north) & (top >= south))
        inside = (left + shift >= west) & (right + shift <= east) & (bottom >= south)
        moved = geometries[rows]
        crossing = ~(inside & (top <= north))[rows]
        box = shapely.box(west - shift, south, east - shift, north)
        moved[crossing] = shapely.intersection(moved[crossing], box)
        if shift:
            moved = shapely.transform(moved, _plus(shift))
        for row, cut in zip(rows, moved, strict=True):
            cuts[row].append(cut)
    return np.array(
        [
            parts[0] if len(parts) == 1 else shapely.union_all(parts) if parts else NOTHING
            for parts in cuts
        ],
        dtype=object,
    )


def _valid(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the geometries in a new array, with those made valid that are not."""
    found = np.array(geometries, dtype=object)
    broken = ~shapely.is_valid(found)
    found[broken] = shapely.make_valid(found[broken])
    return found


def _plus(shift: float) -> Callable[[Floats], Floats]:
    """Return a function that adds a number of degrees to longitudes."""
    return lambda lon_lat: lon_lat + np.array([shift, 0.0])


def region_degrees(region: Region) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a region; the east is not less than the west.

    Raises ValueError if it is neither a known name nor four numbers.
    """
    if isinstance(region, str):
        if region not in REGIONS:
            known = ", ".join(("world", *REGIONS))
            raise ValueError(
                f"there is no region {region!r}; give one of {known}, or (west, south, east, north)"
            )
        return REGIONS[region]
    try:
        west, south, east, north = (float(value) for value in region)
    except (TypeError, ValueError):
        raise ValueError(
            f"region must be (west, south, east, north) in degrees or a name, not {region!r}"
        ) from None
    if not (-90.0 <= south < north <= 90.0) or not all(np.isfinite((west, east))):
        raise ValueError(f"region must have -90 <= south < north <= 90, not {region!r}")
    return west, south, east + (360.0 if east < west else 0.0), north


def region_frame(region: Region) -> Frame:
    """Return the frame of a region, or of the world."""
    if region == "world":
        return world_frame()
    west, south, east, north = region_degrees(region)
    lon, lat = np.meshgrid(np.linspace(west, east, 41), np.linspace(south, north, 41))
    return frame_of_points(lat.ravel(), lon.ravel())


def world_frame() -> Frame:
    """Return the world frame in Equal Earth projection (Savric, Patterson and Jenny 2019)."""
    proj = f"+proj=eqearth +lon_0={WORLD_LON_0:g} +datum=WGS84 +units=m"
    south, north = WORLD_LAT
    lats = np.linspace(south, north, 141)
    west, east = WORLD_LON_0 - 180.0 + 1e-6, WORLD_LON_0 + 180.0 - 1e-6
    bare = Frame(proj, WORLD_LON_0, 0.0, shapely.Polygon(), True)
    x, y = bare.project(
        np.concatenate([lats, lats[::-1]]), np.concatenate([np.full(141, west), np.full(141, east)])
    )
    return Frame(proj, WORLD_LON_0, 0.0, shapely.Polygon(np.column_stack([x, y])), True)


def choose_frame(lat: Floats, lon: Floats, weight: Floats, must: tuple[Floats, Floats]) -> Frame:
    """Return the map frame that shows most locations and all clusters (coordinates in `must`).

    A separate group of locations (no other within `LINK_DEG`) without a cluster and with less
    than `LEAST_SHARE` of the weight does not widen the map, such as Hawaii and Alaska in a
    study of the United States.
    """
    cell_lat, cell_lon, cells = degree_cells(lat, lon, weight)
    all_lat = np.concatenate([cell_lat, must[0]])
    all_lon = np.concatenate([cell_lon, must[1]])
    if all_lat.size == 0:
        return world_frame()
    group = _linked_groups(all_lat, all_lon)
    share = np.bincount(group[: cells.size], cells, minlength=group.max() + 1)
    kept = share >= LEAST_SHARE * max(cells.sum(), 1.0 / WEIGHT_STEPS)
    kept[group[cells.size :]] = True
    shown = kept[group]
    return frame_of_points(all_lat[shown], all_lon[shown])


def _linked_groups(lat: Floats, lon: Floats) -> NDArray[np.int64]:
    """Return the group of each point; steps of at most `LINK_DEG` link points into groups."""
    tree = cKDTree(unit_vectors(lat, lon))
    pairs = tree.query_pairs(2.0 * np.sin(np.radians(LINK_DEG / 2.0)), output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(lat.size, lat.size))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def frame_of_points(lat: Floats, lon: Floats) -> Frame:
    """Return an equal-area frame of the points' region, or of the world if they are far apart."""
    lon_0, lat_0 = _middle(lat, lon)
    centre = unit_vectors(np.array([lat_0]), np.array([lon_0]))
    angle = np.degrees(np.arccos(np.clip(unit_vectors(lat, lon) @ centre[0], -1.0, 1.0)))
    if angle.max() > REGION_RADIUS_DEG:
        return world_frame()
    proj = f"+proj=laea +lat_0={lat_0:g} +lon_0={lon_0:g} +datum=WGS84 +units=m"
    bare = Frame(proj, lon_0, lat_0, shapely.Polygon(), False)
    x, y = bare.project(lat, lon)
    bounds = _padded(float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    return Frame(proj, lon_0, lat_0, shapely.box(*bounds), False)


def _middle(lat: Floats, lon: Floats) -> tuple[float, float]:
    """Return the middle of the latitudes and of the shortest arc of longitudes, in degrees."""
    wrapped = np.unique(lon % 360.0)
    gaps = np.diff(wrapped, append=wrapped[0] + 360.0)
    widest = int(np.argmax(gaps))
    west = wrapped[(widest + 1) % wrapped.size]
    arc = 360.0 - gaps[widest]
    lon_0 = (round(west + arc / 2.0) + 180) % 360 - 180
    return float(lon_0), float(round((lat.min() + lat.max()) / 2.0))


def _padded(
    x_min: float, y_min: float, x_max: float, y_max: float
) -> tuple[float, float, float, float]:
    """Return bounds with a margin, at least 200 km wide, neither too flat nor too tall."""
    # Cells of a degree stand for locations up to 60 km from their middle.
    margin = max(0.04 * max(x_max - x_min, y_max - y_min), 60e3)
    width = max(x_max - x_min + 2 * margin, 200e3)
    height = max(y_max - y_min + 2 * margin, width / ASPECT[1])
    width = max(width, height * ASPECT[0])
    x, y = (x_min + x_max) / 2, (y_min + y_max) / 2
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
