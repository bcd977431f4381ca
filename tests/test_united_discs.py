"""Unions of discs from arcs of their rims, against the union of all discs by GEOS."""

import numpy as np
import pytest
import shapely

from gclust.kernels import united_discs
from gclust.places.footprints import disc_rims
from gclust.places.footprints.disc_rims import Rims
from gclust.places.footprints.discs import discs, union_of_discs
from gclust.places.footprints.openings import Covered, fill_openings
from gclust.places.geodesic import conformal_sphere
from gclust.sphere import unit_vectors

SHAPES = {
    "scattered": lambda random, n: random.uniform(-6.0, 6.0, (2, n)),
    "clumps": lambda random, n: (
        random.uniform(-4.0, 4.0, (2, 12))[:, np.arange(n) % 12] + random.normal(0, 0.1, (2, n))
    ),
    "lattice": lambda random, n: (
        random.integers(-6, 6, (2, n)) * random.choice([0.2, 0.5, 1.0, 2**0.5, 2.0])
    ),
    "hexagons": lambda random, n: (
        np.array([[1.0, 0.5], [0.0, 0.75**0.5]])
        @ random.integers(-5, 5, (2, n))
        * random.choice([0.5, 1.0, 3**0.5, 1.99])
    ),
    "parallel": lambda random, n: np.outer([1.0, 0.0], random.uniform(-9.0, 9.0, n)),
    "along a side": lambda random, n: np.outer(
        [np.cos(np.pi / 96), np.sin(np.pi / 96)], random.uniform(-9.0, 9.0, n)
    ),
    "ring": lambda random, n: (
        np.array([np.cos(np.arange(n) * 2.0 * np.pi / n), np.sin(np.arange(n) * 2.0 * np.pi / n)])
        * (n * random.choice([0.5, 1.0, 1.9]) / (2.0 * np.pi))
    ),
    "touching": lambda random, n: (
        np.array([np.arange(n) % 9, np.arange(n) // 9])
        * (2.0 - random.choice([0.0, 1e-9, 1e-6, 1e-4, 5e-4, 1e-3, 2e-3]))
    ),
    "nearly the same": lambda random, n: (
        random.uniform(-3.0, 3.0, (2, 6))[:, np.arange(n) % 6]
        + random.normal(0.0, 1.0, (2, n)) * 10.0 ** random.uniform(-12.0, -2.0, n)
    ),
}
CENTRES = [(0.0, 0.0), (47.0, 8.0), (-52.0, -120.0), (70.0, 150.0), (62.0, 20.0)]


def cluster(seed, shape, most=200):
    """Distinct sorted places, and the radius in which the shape is drawn."""
    random = np.random.default_rng(seed)
    radius_km = random.choice([0.1, 5.0, 20.0, 100.0])
    east, north = SHAPES[shape](random, int(random.integers(2, most))) * radius_km
    lat0, lon0 = CENTRES[seed % len(CENTRES)]
    lat = lat0 + north / 111.195
    lon = lon0 + east / (111.195 * np.cos(np.radians(lat0)))
    places = np.column_stack([lat, lon])[np.abs(lat) < 75.0]
    if seed % 2 and shape != "nearly the same":
        places = places.round(5)
    return *np.unique(places, axis=0).T, float(radius_km)


def by_geos(lat, lon, radius_km, metric):
    """Return the union of all discs, without openings that lie within true circles."""
    centres = unit_vectors(conformal_sphere(lat, metric)[0], lon)
    united = shapely.union_all(discs(lat, lon, radius_km, metric))
    return fill_openings(united, Covered(centres, radius_km, metric))


@pytest.fixture
def given_up(monkeypatch):
    """Count unions that are left to GEOS, and all."""
    counts = [0, 0]
    found_by = disc_rims.outline_of_union

    def counted(*args):
        found = found_by(*args)
        counts[0] += found is None
        counts[1] += 1
        return found

    monkeypatch.setattr(disc_rims, "outline_of_union", counted)
    return counts


@pytest.mark.parametrize("shape", SHAPES)
def test_union_is_that_of_all_discs(shape, given_up):
    for seed in range(24):
        lat, lon, radius_km = cluster(seed, shape)
        metric = ["haversine", "wgs84"][seed // 5 % 2]
        expected = by_geos(lat, lon, radius_km, metric)
        actual = union_of_discs(lat, lon, radius_km, metric)
        assert actual.is_valid
        assert actual.symmetric_difference(expected).area < 1e-6 * expected.area
        assert shapely.get_num_geometries(actual) == shapely.get_num_geometries(expected)
    assert given_up[1] > 15
    assert given_up[0] < 0.2 * given_up[1]


@pytest.mark.parametrize("metric", ["haversine", "wgs84"])
def test_vertices_are_those_of_geos(metric, given_up):
    """To a tenth of a micrometre: rounding differs where several discs cut one side."""
    random = np.random.default_rng(1)
    lat, lon = np.unique(random.normal([50.0, 10.0], 0.2, (3000, 2)).round(5), axis=0).T
    expected = by_geos(lat, lon, 3.0, metric)
    actual = union_of_discs(lat, lon, 3.0, metric)
    assert given_up == [0, 1]
    assert shapely.get_num_geometries(expected) > 1
    assert shapely.get_num_interior_rings(shapely.get_parts(expected)).any()
    assert shapely.equals_exact(shapely.normalize(actual), shapely.normalize(expected), 1e-12)


def test_an_island_in_a_hole_and_a_hole_in_the_island_stay_apart(given_up):
    lat, lon = [], []
    for ring_km, n in ((60.0, 60), (30.0, 30)):
        angle = np.arange(n) * (2.0 * np.pi / n)
        lat.extend(40.0 + ring_km * np.sin(angle) / 111.195)
        lon.extend(9.0 + ring_km * np.cos(angle) / (111.195 * np.cos(np.radians(40.0))))
    lat, lon = np.unique(np.column_stack([lat, lon]), axis=0).T
    actual = union_of_discs(lat, lon, 5.0, "haversine")
    assert given_up == [0, 1]
    assert [len(part.interiors) for part in actual.geoms] == [1, 1]
    expected = shapely.union_all(discs(lat, lon, 5.0, "haversine"))
    assert actual.symmetric_difference(expected).area < 1e-9 * expected.area


@pytest.mark.parametrize("overlap", [2e-3, 2e-2])
def test_two_discs_that_hardly_overlap_are_one_part(overlap, given_up):
    """Their rims enter and leave each other on neighbouring sides, or on the same."""
    for turn in np.radians([0.0, 10.0, 45.0, 91.0, 200.0]):
        away = 5.0 * (2.0 - overlap) / 111.195
        lat, lon = np.array([[0.0, away * np.sin(turn)], [20.0, 20.0 + away * np.cos(turn)]])
        lat, lon = np.unique(np.column_stack([lat, lon]), axis=0).T
        actual = union_of_discs(lat, lon, 5.0, "haversine")
        expected = shapely.union_all(discs(lat, lon, 5.0, "haversine"))
        assert actual.geom_type == expected.geom_type == "Polygon"
        assert shapely.equals_exact(shapely.normalize(actual), shapely.normalize(expected), 1e-10)
    assert given_up == [0, 5]


def test_discs_in_the_same_place_are_drawn_once(given_up):
    lat, lon = np.array([[10.0, 10.0, 10.0 + 1e-12, 10.03], [5.0, 5.0 + 1e-12, 5.0, 5.0]])
    actual = union_of_discs(lat, lon, 5.0, "haversine")
    assert given_up == [0, 1]
    expected = shapely.union_all(discs(lat[[0, 3]], lon[[0, 3]], 5.0, "haversine"))
    assert shapely.equals_exact(shapely.normalize(actual), shapely.normalize(expected), 1e-10)


def three_rims_through_a_point(off):
    """Discs of a plane, as rims whose corners are at hand; the third is moved by ``off``."""
    radius, turn = 0.01, np.array([0.0, 120.0, 240.0])
    x, y = radius * np.sin(np.radians(turn)), radius * np.cos(np.radians(turn))
    x[0], y[0] = x[0] + off, y[0] + off
    vectors = np.column_stack(
        [
            np.cos(np.radians(y)) * np.cos(np.radians(x)),
            np.cos(np.radians(y)) * np.sin(np.radians(x)),
            np.sin(np.radians(y)),
        ]
    )
    rims = Rims.of(
        vectors, np.column_stack([y, x]), np.full(3, np.radians(radius)), np.ones(3, bool)
    )

    def corners(numbers, azimuth):
        at = np.radians(azimuth)
        return y[numbers] + radius * np.cos(at), x[numbers] + radius * np.sin(at)

    return rims.polygons(corners)


def test_what_rounding_hides_is_given_up():
    """Which of two crossings comes first, if they are as far apart as two numbers."""
    steps = [three_rims_through_a_point(step * 1e-18) for step in range(-6, 7)]
    assert any(found is None for found in steps)
    assert len(three_rims_through_a_point(1e-6)[0].interiors) == 1
    assert len(three_rims_through_a_point(-1e-6)[0].interiors) == 0


def test_arcs_that_are_no_rings_are_given_up():
    arcs = united_discs.Arcs(
        np.array([0, 1]),
        np.array([[1, 1], [0, 7]]),
        np.array([[0.0, 2.5], [0.0, 0.5]]),
        np.zeros((2, 2)),
    )
    corners = np.zeros((8, united_discs.SIDES), np.int64), np.zeros((1, 2))
    first = np.array([0, 1, 2, 2, 2, 2, 2, 2, 2])

    def link(arcs):
        return united_discs.link_rings(
            arcs, 2, first, corners, np.empty((9, 2)), np.empty(9, np.int64)
        )

    assert link(arcs) == -1
    assert link(arcs._replace(other=np.array([[1, 1], [0, 0]]))) == 4
    two_points = np.array([[0.0, 0.5], [0.0, 0.5]])
    assert link(arcs._replace(other=np.array([[1, 1], [0, 0]]), at=two_points)) == -1
