"""Clusters found tile by tile are those of the whole fit, label by label."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import listings as world
from benchmarks import tiles, worst_cases
from benchmarks.tile_steps import LinkedTile, cluster_in_tiles, divide, halo_of, join_components
from gclust import DBSCAN
from gclust.cluster.coordinates import degrees
from gclust.cluster.fixed_point import UNIT
from gclust.cluster.locations import cluster_locations
from gclust.cluster.parameters import SURFACES
from gclust.kernels.dbscan.reference import distance_km
from gclust.kernels.sphere import reach_of, separation, vector_at
from gclust.testing import great_circle_km


def locations_of(points, weights=None):
    """Fold points in degrees onto locations; return latitudes, longitudes, fixed-point weights."""
    lat, lon = degrees(np.asarray(points, dtype=float))
    places, at = np.unique(np.column_stack([lat, lon]), axis=0, return_inverse=True)
    units = np.zeros(len(places), dtype=np.int64)
    given = np.full(len(lat), UNIT) if weights is None else weights
    np.add.at(units, at.ravel(), given)
    return places[:, 0].copy(), places[:, 1].copy(), units


def assert_the_same(points, model, sizes, weights=None):
    lat, lon, units = locations_of(points, weights)
    labels, core = cluster_locations(lat, lon, units, model)
    for largest in sizes:
        in_tiles = cluster_in_tiles(lat, lon, units, model, largest)
        np.testing.assert_array_equal(in_tiles[1], core, f"core flags, tiles of {largest}")
        np.testing.assert_array_equal(in_tiles[0], labels, f"labels, tiles of {largest}")
    return labels, core


def around(lat, lon, km, n, seed):
    """Return points within a distance of a place, evenly over the disc; poles and all."""
    rng = np.random.default_rng(seed)
    away = np.sqrt(rng.random(n)) * km / 6371.0088
    angle = rng.random(n) * 2 * np.pi
    phi = np.radians(lat)
    sine = np.sin(phi) * np.cos(away) + np.cos(phi) * np.sin(away) * np.cos(angle)
    east = np.arctan2(np.sin(angle) * np.sin(away) * np.cos(phi), np.cos(away) - np.sin(phi) * sine)
    return np.column_stack(
        [np.degrees(np.arcsin(sine)), (lon + np.degrees(east) + 540.0) % 360.0 - 180.0]
    )


def ring(lat, n):
    """Return points evenly along a parallel."""
    return np.column_stack([np.full(n, lat), -180.0 + np.arange(n) * (360.0 / n)])


WORLD = world.listings(20_000)
EVERYWHERE = np.column_stack(
    [
        np.degrees(np.arcsin(np.random.default_rng(1).uniform(-1, 1, 3000))),
        np.random.default_rng(2).uniform(-180, 180, 3000),
    ]
)
PLACES = {
    "world": (WORLD, 15.0, 6),
    "everywhere": (EVERYWHERE, 300.0, 8),
    "north pole": (around(90, 0, 400, 2000, 3), 12.0, 4),
    "south pole": (around(-90, 0, 400, 2000, 4), 12.0, 4),
    "rings round a pole": (np.concatenate([ring(89.9, 60), ring(89.5, 40)]), 40.0, 2),
    "date line": (around(-17, 180, 300, 2000, 5), 9.0, 4),
    "date line in the far north": (around(87, 180, 300, 2000, 6), 9.0, 4),
    "one city": (worst_cases.city(3000), 2.0, 12),
    "lattice of neighbours exactly eps apart": worst_cases.lattice(3000),
    "equator": worst_cases.parallel(2000)._replace(eps_km=20.1, min_samples=3),
    "meridian": worst_cases.meridian(2000)._replace(eps_km=20.1, min_samples=3),
    "duplicates": (np.repeat(around(46, 6, 60, 300, 7), 30, axis=0), 6.0, 120),
    "one place": (np.tile([46.2, 6.1], (50, 1)), 15.0, 20),
    "half the Earth": (EVERYWHERE[:400], 9000.0, 150),
    "all of the Earth": (EVERYWHERE[:400], 21000.0, 300),
}


@pytest.mark.parametrize("border", ["nearest", "first", "noise"])
@pytest.mark.parametrize("place", PLACES)
def test_labels_are_those_of_the_whole_fit(place, border):
    points, eps_km, least = PLACES[place]
    model = DBSCAN(eps_km, least, border=border, n_jobs=1)
    labels, core = assert_the_same(points, model, [700, 90])
    assert core.any()
    assert border == "noise" or (labels[core] >= 0).all()


@pytest.mark.parametrize("place", ["everywhere", "north pole", "date line in the far north"])
def test_labels_are_the_same_on_the_ellipsoid(place):
    points, eps_km, least = PLACES[place]
    assert_the_same(points, DBSCAN(eps_km, least, metric="wgs84", n_jobs=1), [400, 60])


@pytest.mark.parametrize("border", ["nearest", "first"])
def test_weights_are_summed_across_tiles(border):
    points = around(60, 180, 100, 1500, 8)
    rng = np.random.default_rng(9)
    weights = rng.integers(0, 4, len(points)) * (UNIT // 4)  # some weigh nothing
    model = DBSCAN(8.0, 5, border=border, n_jobs=1)
    _, core = assert_the_same(points, model, [200, 40, 7], weights)
    assert 0 < core.mean() < 1


def test_labels_are_those_of_the_estimator_on_sorted_rows():
    points = WORLD[:5000]
    points = points[np.lexsort(points.T[::-1])]
    lat, lon, units = locations_of(points)
    model = DBSCAN(15.0, 6, n_jobs=1)
    _, at = np.unique(points, axis=0, return_inverse=True)
    labels, core = cluster_in_tiles(lat, lon, units, model, 300)
    model.fit(points)
    np.testing.assert_array_equal(labels[at.ravel()], model.labels_)
    np.testing.assert_array_equal(core[at.ravel()], model.core_sample_mask_)


CENTRES = [(90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (85.0, -180.0), (46.0, 6.0)]


@st.composite
def groups(draw):
    """Draw points on a coarse grid about a hard place, so that many are exactly eps apart."""
    lat, lon = draw(st.sampled_from(CENTRES))
    step = draw(st.sampled_from([0.01, 0.1, 1.0]))
    spot = st.tuples(st.integers(-6, 6), st.integers(-6, 6))
    spots = np.array(draw(st.lists(spot, min_size=1, max_size=60)))
    wide = 1.0 / max(np.cos(np.radians(abs(lat))), 0.02)
    north = np.clip(lat + step * spots[:, 0], -90.0, 90.0)
    east = (lon + step * wide * spots[:, 1] + 540.0) % 360.0 - 180.0
    weight = draw(st.lists(st.integers(0, 3), min_size=len(spots), max_size=len(spots)))
    steps = draw(st.sampled_from([1.0, np.sqrt(2.0), 2.0, 3.5]))
    eps_km = steps * distance_km((0.0, 0.0), (step, 0.0))
    return np.column_stack([north, east]), np.array(weight) * UNIT, eps_km


@settings(max_examples=100)
@given(
    group=groups(),
    least=st.integers(1, 12),
    largest=st.integers(1, 25),
    border=st.sampled_from(["nearest", "first", "noise"]),
    metric=st.sampled_from(["haversine", "wgs84"]),
)
def test_tiles_of_any_size_give_the_same_labels(group, least, largest, border, metric):
    points, weights, eps_km = group
    model = DBSCAN(eps_km, least, border=border, metric=metric, n_jobs=1)
    assert_the_same(points, model, [largest], weights)


@pytest.mark.parametrize(
    "place", ["everywhere", "north pole", "rings round a pole", "date line in the far north"]
)
def test_every_location_is_owned_once_and_all_neighbours_are_in_the_tile(place):
    points, eps_km, least = PLACES[place]
    lat, lon, _ = locations_of(points[:600])
    model = DBSCAN(eps_km, least)
    tiles = list(divide(lat, lon, 50, model))
    owned = np.concatenate([tile.ids[tile.owned] for tile in tiles])
    np.testing.assert_array_equal(np.sort(owned), np.arange(len(lat)))
    assert max(tile.owned.sum() for tile in tiles) <= 50
    for tile in tiles:
        mine = tile.ids[tile.owned]
        km = great_circle_km(lat[mine, None], lon[mine, None], lat, lon)
        near = np.flatnonzero((km <= eps_km + 1e-9).any(axis=0))
        assert np.isin(near, tile.ids).all()


@pytest.mark.parametrize("metric", SURFACES)
@pytest.mark.parametrize("lat", [0.0, 45.0, -80.0, 88.5])
def test_the_sides_of_a_halo_are_a_little_more_than_the_radius_away(lat, metric):
    halo = halo_of(lat, lat, DBSCAN(80.0, 10, metric=metric))
    here = vector_at(lat, 0.0, *SURFACES[metric])
    limit = reach_of(80.0).limit

    def separations(sides):
        return [separation(*here, *vector_at(*side, *SURFACES[metric])) for side in sides]

    tall = separations([(lat - halo.lat, 0.0), (lat + halo.lat, 0.0)])
    wide = separations([(lat + y, halo.lon) for y in np.linspace(-halo.lat, halo.lat, 2001)])
    assert limit < min(tall) <= max(tall) < 1.05 * limit
    assert limit < min(wide)
    assert min(wide) < 1.2 * limit or lat == 88.5


def test_a_halo_is_hardly_wider_than_the_radius():
    """Neighbours of many others would do no harm to labels, but to memory."""
    halo = halo_of(40.0, 50.0, DBSCAN(15.0, 10))
    assert halo.lat == pytest.approx(15.0 / 111.195, rel=1e-4)
    assert halo.lon == pytest.approx(15.0 / (111.195 * np.cos(np.radians(50.07))), rel=1e-3)
    assert halo_of(89.9, 89.95, DBSCAN(15.0, 10)).lon == 180.0
    lat, lon, _ = locations_of(WORLD)
    tiles = list(divide(lat, lon, 2000, DBSCAN(15.0, 10)))
    assert sum(len(tile.ids) for tile in tiles) < 1.25 * len(lat)


def test_components_of_a_chain_of_tiles_are_joined_and_numbered_by_first_location():
    tiles = [
        LinkedTile(np.array([2, 5]), np.array([True, False]), np.array([0, 0])),
        LinkedTile(np.array([5, 9, 11]), np.array([True, True, False]), np.array([0, 1, 1])),
        LinkedTile(np.array([0, 9, 11]), np.array([True, False, True]), np.array([0, 1, 1])),
    ]
    labels = join_components(tiles.__getitem__, 3)
    assert [each.tolist() for each in labels] == [[1], [1, 2], [0, 2]]


def test_a_halo_location_that_no_tile_owns_is_an_error():
    lost = LinkedTile(np.array([2, 5]), np.array([True, False]), np.array([0, 0]))
    with pytest.raises(RuntimeError, match="1 core locations are in halos, but 0"):
        join_components([lost].__getitem__, 1)


def test_tiles_of_no_location_are_refused_and_no_locations_have_no_labels():
    none = np.zeros(0)
    labels, core = cluster_in_tiles(none, none, none.astype(np.int64), DBSCAN(), 10)
    assert len(labels) == len(core) == 0
    with pytest.raises(ValueError, match="at least 1 location, not 0"):
        list(divide(np.zeros(1), np.zeros(1), 0, DBSCAN()))


def test_the_command_measures_tiles_in_processes_and_compares_labels(tmp_path):
    if not tiles.PEAK.exists():
        pytest.skip("reads peak memory from /proc, which is there on Linux alone")
    command = [sys.executable, tiles.__file__, "--sizes", "4e3", "--tiles", "1,5", "--threads", "1"]
    command += ["--border", "first", "--scratch", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _, _, _, whole, one, five = done.stdout.splitlines()
    assert "| whole fit |" in whole
    locations = len(locations_of(WORLD[:4000])[0])
    assert all(f"| {locations:,} |" in line for line in (whole, one, five))
    assert "| 0.00 % |" in one
    assert one.endswith(" 0 |")
    assert not five.endswith(" 0 |")
    assert not list(tmp_path.iterdir())


def test_the_command_makes_the_locations_of_the_listings(tmp_path, monkeypatch):
    monkeypatch.setattr(tiles, "parts", lambda n, _seed: (WORLD[:2000], WORLD[1500:n]))
    lat, lon, units = locations_of(np.concatenate([WORLD[:2000], WORLD[1500:5000]]))
    assert tiles.make(tmp_path, 5000) == len(lat)
    for name, expected in (("lat", lat), ("lon", lon), ("units", units)):
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)


def test_a_label_that_is_not_the_whole_fits_ends_the_command(tmp_path):
    labels, core = np.array([0, 0, -1]), np.array([True, False, False])
    np.savez(tmp_path / "whole.npz", labels=labels, core=core)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "core.npy", core)
    tiles.check_labels(tmp_path)
    np.save(tmp_path / "labels.npy", np.array([0, 1, -1]))
    with pytest.raises(SystemExit, match="labels of 1 locations are not the whole fit's"):
        tiles.check_labels(tmp_path)
