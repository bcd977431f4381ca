"""Division of ground that footprints share: it goes to the cluster of the nearest location.

The ground that two footprints share consists of polygons. One part of such a polygon is
nearer to locations of the first cluster, the other part to locations of the second one. The
boundary between them follows sides of Voronoi cells, which cut the polygon into regions; each
region belongs wholly to one cluster. With more than two clusters, pairs of clusters can be treated
in any order: the cluster of the nearest location loses nothing to any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from gclust.parallel import parallel_for
from gclust.places.antimeridian import polygons_of
from gclust.places.geodesic import Stereographic, conformal_sphere, latitude_of_conformal
from gclust.sphere import unit_vectors
from gclust.threads import count_threads

Floats = NDArray[np.float64]

FEW = 10_000
"""Number of locations up to which one thread divides the ground."""

LONGEST_STEP = 3e-4
"""Longest straight step (radians, 2 km) of a boundary between clusters, in longitude and
latitude."""

POLAR_STEP = 0.02
"""Longest step near a pole, as a share of the distance from it."""

MOST_STEPS = 2000
"""Steps of a line that passes a pole."""

MANY = 5_000
"""Number of locations from which on those are left out that cannot be the nearest."""

SAMPLES = 50
"""Number of sample points along the longer side of shared ground."""

RING = 16
"""Points round all locations, which close the Voronoi cells of the outermost ones."""

WIDEST = 2.5
"""Largest angle (radians) between the middle of shared ground and those points."""


def divide_overlaps(
    shapes: NDArray[Any], locations: Sequence[tuple[Floats, Floats]], metric: str
) -> NDArray[Any]:
    """Give ground that several polygons share to the polygon of the nearest location.

    Parameters
    ----------
    shapes : ndarray of shapely geometry, shape (n_clusters,)
        Valid polygons in degrees, within [-180, 180].
    locations : sequence of (lat, lon)
        The locations that each polygon is drawn round, degrees.
    metric : {"haversine", "wgs84"}
        Metric of distances. That of the ellipsoid is taken on its conformal sphere, where of two
        locations within 100 km the nearer one is the same unless they differ by less than 0.1 %.

    Returns
    -------
    ndarray of shapely geometry, shape (n_clusters,)
        Polygons that share no ground and together cover what `shapes` cover.
    """
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    shared, pair = shapely.get_parts(shapely.intersection(shapes[a], shapes[b]), return_index=True)
    has_area = (shapely.get_type_id(shared) == shapely.GeometryType.POLYGON) & (
        shapely.area(shared) > 0.0
    )
    grounds, pair = shared[has_area], pair[has_area]
    pairs = np.column_stack([a[pair], b[pair]])
    involved = np.unique(pairs)
    sites: dict[int, Floats] = {}
    regions = np.empty(len(grounds), dtype=object)

    def find_sites(first: int, _last: int) -> None:
        lat, lon = locations[cluster := int(involved[first])]
        sites[cluster] = unit_vectors(conformal_sphere(lat, metric)[0], lon)

    def divide(first: int, _last: int) -> None:
        one, other = pairs[first].tolist()
        regions[first] = _divided(grounds[first], sites[one], sites[other], metric)

    threads = count_threads() if sum(len(locations[at][0]) for at in involved) > FEW else 1
    parallel_for(np.arange(len(involved) + 1), threads, find_sites)
    parallel_for(np.arange(len(grounds) + 1), threads, divide)
    lost: dict[int, list[Any]] = {}
    for (first, second), (parts, is_first) in zip(pairs.tolist(), regions, strict=True):
        lost.setdefault(first, []).extend(parts[~is_first])
        lost.setdefault(second, []).extend(parts[is_first])
    divided = shapes.copy()
    for cluster, losses in lost.items():
        if losses:
            left = shapely.difference(shapes[cluster], shapely.union_all(losses))
            divided[cluster] = shapely.union_all(polygons_of(left))
    return divided


def _divided(
    ground: Any, first: Floats, second: Floats, metric: str
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Cut shared ground into regions; return whether the first cluster's locations are nearest.

    ``first`` and ``second`` are unit vectors of the clusters' locations.
    """
    middle, reach = _circle_round(ground, metric)
    # No place of the ground is farther from its nearest location than the middle is, plus reach.
    away = [_chords(sites, middle) for sites in (first, second)]
    within = min(float(each.min()) for each in away) + 2.0 * reach
    a, b = (sites[each <= within] for sites, each in zip((first, second), away, strict=True))
    if len(a) == 0 or len(b) == 0:
        return np.array([ground], object), np.array([len(b) == 0])
    if len(a) + len(b) > MANY:
        a, b = _near(ground, a, b, metric)
    arcs = _boundary(a, b, middle, within)
    halves = np.linalg.norm(arcs[:, 1] - arcs[:, 0], axis=1) / 2.0
    is_near = np.linalg.norm(arcs.mean(axis=1) - middle, axis=1) <= reach + halves
    lines = _in_degrees(arcs[is_near & (halves > 0.0)], _middle_longitude(ground), metric)
    crossing = lines[shapely.intersects(lines, ground)]
    if len(crossing) == 0:
        regions = np.array([ground], object)
    else:
        noded = shapely.union_all([ground.boundary, *crossing])
        regions = shapely.get_parts(shapely.polygonize([noded]))
        at = shapely.point_on_surface(regions)
        regions = regions[shapely.contains_xy(ground, shapely.get_x(at), shapely.get_y(at))]
    at = shapely.point_on_surface(regions)
    vectors = unit_vectors(conformal_sphere(shapely.get_y(at), metric)[0], shapely.get_x(at))
    return regions, cKDTree(a).query(vectors)[0] <= cKDTree(b).query(vectors)[0]


def _chords(vectors: Floats, middle: Floats) -> Floats:
    """Return the chords from a unit vector to each of many."""
    x, y, z = (vectors[:, axis] - middle[axis] for axis in range(3))
    return np.sqrt(x * x + y * y + z * z)


def _near(ground: Any, a: Floats, b: Floats, metric: str) -> tuple[Floats, Floats]:
    """Leave out locations that are nearest to no point of a polygon.

    Sample points lie so densely that every point of the polygon is within ``cover`` of one. So
    none is farther from its nearest location than the farthest sample is, plus ``cover``.
    """
    west, south, east, north = ground.bounds
    side = max(east - west, north - south) / SAMPLES
    x, y = np.meshgrid(np.arange(west, east + side, side), np.arange(south, north + side, side))
    inside = shapely.contains_xy(ground, x, y)
    # A point in a square of samples without one inside is as near to the outline as to them.
    outline = shapely.get_coordinates(shapely.segmentize(ground, side))
    lon, lat = np.concatenate([np.column_stack([x[inside], y[inside]]), outline]).T
    samples = unit_vectors(conformal_sphere(lat, metric)[0], lon)
    # Conformal latitudes differ by up to 1.007 times as much.
    cover = 1.01 * np.radians((np.sqrt(2.0) + 0.5) * side)
    nearest = cKDTree(np.concatenate([a, b])).query(samples)[0]
    reach = float(nearest.max()) + 2.0 * cover
    tree = cKDTree(samples)
    near_a, near_b = (
        sites[tree.query(sites, distance_upper_bound=reach)[0] <= reach] for sites in (a, b)
    )
    return near_a, near_b


def _circle_round(ground: Any, metric: str) -> tuple[Floats, float]:
    """Return a point in the middle of a polygon, and the longest chord from it to the outline."""
    corners = shapely.get_coordinates(shapely.segmentize(ground, 0.1))
    vectors = unit_vectors(conformal_sphere(corners[:, 1], metric)[0], corners[:, 0])
    mean = vectors.mean(axis=0)
    middle = mean / max(float(np.linalg.norm(mean)), 1e-9)
    # The outline strays by less than a millionth between corners 0.1 degrees apart.
    return middle, float(np.linalg.norm(vectors - middle, axis=1).max()) + 1e-6


def _boundary(a: Floats, b: Floats, middle: Floats, within: float) -> Floats:
    """Return the sides of Voronoi cells between two groups of sites, as arcs, shape (n, 2, 3)."""
    angle = min(2.0 * np.arcsin(min(within / 2.0, 1.0)) * 1.5 + 1e-6, WIDEST)
    plane = Stereographic.at_centre_of(middle[None, :])
    turn = np.linspace(0.0, 2.0 * np.pi, RING, endpoint=False)
    ring = 2.0 * np.tan(angle / 2.0) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    vectors = np.concatenate([a, b, plane.inverse(ring)])
    group = np.repeat([0, 1, 2], [len(a), len(b), RING])
    # Circles of the sphere are circles of the plane, so both have the same Delaunay triangles.
    triangles = Delaunay(plane.forward(vectors))
    groups = group[triangles.simplices]
    mixed = np.flatnonzero((groups == 0).any(axis=1) & (groups == 1).any(axis=1))
    corners = vectors[triangles.simplices[mixed]]
    centres = np.zeros((len(groups), 3))
    centres[mixed] = _centres(corners)
    arcs = []
    for side in range(3):
        p, q = (groups[mixed, (side + step) % 3] for step in (1, 2))
        other = triangles.neighbors[mixed, side]
        between = (p + q == 1) & (mixed < other)
        arcs.append(np.stack([centres[mixed[between]], centres[other[between]]], axis=1))
    return np.concatenate(arcs)


def _centres(corners: Floats) -> Floats:
    """Return the centres (m, 3) of the circles through the corners (m, 3, 3) of triangles."""
    centres = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(centres, axis=1)
    flat = length < 1e-300
    centres /= np.where(flat, 1.0, length)[:, None]
    centres *= np.where((centres * corners[:, 0]).sum(axis=1) < 0.0, -1.0, 1.0)[:, None]
    return centres


def _in_degrees(arcs: Floats, lon_0: float, metric: str) -> NDArray[Any]:
    """Convert arcs of the sphere to lines of short steps, within 180 degrees of a longitude."""
    start, end = arcs[:, 0], arcs[:, 1]
    length = np.linalg.norm(end - start, axis=1)
    # Near a pole a parallel turns within a short way.
    to_pole = np.minimum(np.hypot(start[:, 0], start[:, 1]), np.hypot(end[:, 0], end[:, 1]))
    to_pole = np.maximum(to_pole - length / 2.0, 0.0)
    step = np.minimum(LONGEST_STEP, np.maximum(POLAR_STEP * to_pole, length / MOST_STEPS))
    n_points = np.ceil(length / step).astype(np.int64) + 2
    line = np.repeat(np.arange(len(arcs)), n_points)
    last = np.cumsum(n_points) - 1
    way = (np.arange(len(line)) - (last - n_points + 1)[line]) * (1.0 / (n_points - 1))[line]
    points = start[line] + way[:, None] * (end - start)[line]
    points[last] = end  # to the bit, for the next line begins there
    points /= np.linalg.norm(points, axis=1)[:, None]
    lat = np.degrees(np.arcsin(np.clip(points[:, 2], -1.0, 1.0)))
    lon = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    lon = (lon - lon_0 + 180.0) % 360.0 - 180.0
    lat = latitude_of_conformal(lat, metric)
    jumps = (np.abs(np.diff(lon)) > 180.0) & (np.diff(line) == 0)
    if not jumps.any():
        return shapely.linestrings(np.column_stack([lon + lon_0, lat]), indices=line)
    ways = zip(np.split(lon, last[:-1] + 1), np.split(lat, last[:-1] + 1), strict=True)
    return np.array([part for way in ways for part in _without_jumps(*way, lon_0)], object)


def _without_jumps(lon: Floats, lat: Floats, lon_0: float) -> list[Any]:
    """Return the lines of a way, interrupted where its longitude jumps between -180 and 180."""
    jumps = np.flatnonzero(np.abs(np.diff(lon)) > 180.0) + 1
    ways = [list(part) for part in np.split(np.column_stack([lon, lat]), jumps)]
    for before, after in pairwise(ways):
        (x, y), (u, v) = before[-1], after[0]
        edge = np.copysign(180.0, x)
        crossing = y + (v - y) * (edge - x) / (u + 2.0 * edge - x)
        before.append(np.array([edge, crossing]))
        after.insert(0, np.array([-edge, crossing]))
    return [shapely.LineString(np.add(way, (lon_0, 0.0))) for way in ways]


def _middle_longitude(ground: Any) -> float:
    west, _, east, _ = ground.bounds
    return 0.5 * (west + east)
