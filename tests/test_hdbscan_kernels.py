"""The parts of HDBSCAN against their definitions, on data from which every branch follows."""

from __future__ import annotations

import numpy as np
import pytest

from gclust import DBSCAN
from gclust.cluster.hierarchy import HierarchyParameters, connect_locations, fold_locations
from gclust.cluster.parameters import SURFACES
from gclust.cluster.selection import Selection
from gclust.kernels.hdbscan import core_distances, spanning_tree
from gclust.kernels.hdbscan.condensed_tree import condense
from gclust.kernels.hdbscan.core_distances import FEW, core_keys
from gclust.kernels.hdbscan.weighted_select import SMALL, select_evenly
from gclust.kernels.spatial.ball_tree import LEAF, fill_km, grow_balls
from gclust.kernels.sphere import fill_vectors
from gclust.parallel import unreported
from gclust.progress import silent
from gclust.testing import distances_km
from tests.hdbscan_twin import merge_heights

MICROMETRE = 1e-9


def everywhere(rng, n):
    return np.degrees(np.arcsin(rng.uniform(-1, 1, n))), rng.uniform(-180, 180, n)


def lattice(rng, n):
    return np.round(rng.uniform(-4, 4, n)), np.round(rng.uniform(176, 184, n))


def antipodes(rng, n):
    north = rng.random(n) < 0.5
    lat, lon = rng.normal(30, 0.1, n), rng.normal(20, 0.1, n)
    return np.where(north, lat, -lat), np.where(north, lon, lon - 180)


def city_from_afar(rng, n):
    """Few points see the inside of a city only through its leaves' balls."""
    lat, lon = everywhere(rng, n)
    city = np.arange(n) >= 40
    return np.where(city, rng.normal(48, 0.01, n), lat), np.where(city, rng.normal(2, 0.01, n), lon)


def pole(rng, n):
    return rng.uniform(89, 90, n), rng.uniform(-180, 180, n)


WORLDS = [everywhere, lattice, antipodes, city_from_afar, pole]


def places(world, n, seed):
    rng = np.random.default_rng(seed)
    lat, lon = world(rng, n)
    units = rng.choice([0, 1, 1, 1, 2, 9], n)
    return fold_locations(lat, np.where(lon >= 180, lon - 360, lon), units, 2, unreported)


def grown(place, threads=2):
    xyz = np.empty((len(place.lat), 3))
    fill_vectors(place.lat, place.lon, 1.0, 0.0, xyz, 0, len(xyz))
    return grow_balls(xyz, place.units, True, LEAF, threads, unreported)


def in_km(keys):
    km = np.empty(len(keys))
    fill_km(True, keys, km, 0, len(km))
    return km


def defined_cores(place, need):
    """Core distances from all distances."""
    distance = distances_km(place.lat, place.lon)
    order = np.argsort(distance, axis=1)
    enough = np.cumsum(place.units[order], axis=1) >= need
    core = np.take_along_axis(distance, order, axis=1)[np.arange(len(order)), enough.argmax(axis=1)]
    return np.where(place.units >= need, 0.0, core)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(core_distances, "LEAVES_CHUNK", 7)
    monkeypatch.setattr(spanning_tree, "LEAVES_CHUNK", 5)
    monkeypatch.setattr(spanning_tree, "QUERY_LEVELS", 3)
    monkeypatch.setattr(spanning_tree, "COUNT_CHUNK", 64)


@pytest.mark.parametrize("n", [1, 2, LEAF, LEAF + 1, 700])
def test_balls_hold_their_points_and_weigh_them(n):
    place = places(everywhere, n, n)
    balls, order = grown(place)
    assert np.sort(order).tolist() == list(range(n))
    assert (balls.units == place.units[order]).all()
    for level in range(balls.depth + 1):
        for k in range(1 << level):
            begin, end = (k * n) >> level, ((k + 1) * n) >> level
            node = (1 << level) + k
            away = np.linalg.norm(balls.xyz[begin:end] - balls.ball[node, :3], axis=1)
            assert away.max() <= balls.ball[node, 3] + 1e-15
            assert balls.inside[node] == balls.units[begin:end].sum()
            assert level < balls.depth or 0 < end - begin <= LEAF


def test_nodes_are_halved_along_their_widest_axis():
    balls, _ = grown(places(everywhere, 1000, 0))
    north, south = balls.xyz[:500], balls.xyz[500:]
    assert any(north[:, axis].max() <= south[:, axis].min() for axis in range(3))


@pytest.mark.parametrize("need", [1, 4, 60, 1500])
@pytest.mark.parametrize("world", WORLDS)
def test_core_distances_are_those_of_the_definition(world, need):
    place = places(world, 900, need)
    balls, order = grown(place)
    need = min(need, place.units.sum())
    core = in_km(core_keys(balls, need, 2, unreported))
    assert np.abs(core - defined_cores(place, need)[order]).max() < MICROMETRE


@pytest.mark.parametrize("spread", ["even", "clumped", "tied"])
@pytest.mark.parametrize("n", [1, SMALL + 1, 400])
def test_weights_add_up_to_the_need_at_the_selected_key(spread, n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        keys = rng.uniform(2, 7, n)
        if spread == "clumped":
            keys = 2 + np.exp(rng.normal(0, 3, n))
        if spread == "tied":
            keys = np.round(keys)
        weights = rng.choice([1, 1, 5, 300], n)
        need = int(rng.integers(1, weights.sum(), endpoint=True))
        order = np.argsort(keys, kind="stable")
        expected = keys[order][np.searchsorted(np.cumsum(weights[order]), need)]
        bounds = (keys.min(), keys.max()) if rng.random() < 0.5 else (1.0, 9.0 + keys.max())
        room = np.empty(n + 1), np.empty(n + 1, dtype=np.int64)
        room[0][:n], room[1][:n] = keys, weights
        assert select_evenly(*room, n, *bounds, need) == expected


def test_core_distances_of_a_city_of_many_leaves_seen_from_afar():
    place = places(city_from_afar, 20_000, 1)
    balls, order = grown(place)
    assert 1 << balls.depth > FEW
    core = core_keys(balls, 5000, 2, unreported)
    for p in [*range(0, len(order), 500), *np.argsort(core)[-40:]]:
        away = np.sum((balls.xyz - balls.xyz[p]) ** 2, axis=1)
        nearest = np.argsort(away)
        expected = away[nearest][np.searchsorted(np.cumsum(balls.units[nearest]), 5000)]
        assert core[p] == pytest.approx(expected, rel=1e-9) or expected > 1.9


def test_more_than_there_is_has_no_core_distance():
    balls, _ = grown(places(everywhere, 50, 0))
    with pytest.raises(ValueError, match="no radius holds"):
        core_keys(balls, int(balls.units.sum()) + 1, 1, unreported)


@pytest.mark.parametrize("need", [1, 12])
@pytest.mark.parametrize("world", WORLDS)
def test_the_spanning_tree_has_the_least_weights(world, need):
    place = places(world, 600, 3)
    n = len(place.lat)
    parameters = HierarchyParameters(2, need, Selection("eom"), SURFACES["haversine"], 2)
    ends, edges, cores = connect_locations(place.lat, place.lon, place.units, parameters, silent)
    core = defined_cores(place, need)
    reach = np.maximum(distances_km(place.lat, place.lon), np.maximum(core[:, None], core[None]))
    shortest = 1e-3  # what shorter lengths count as
    expected = np.maximum(merge_heights(reach), shortest)
    assert np.abs(np.sort(edges) - expected).max() < 2 * MICROMETRE
    assert np.abs(cores - np.maximum(core, shortest)).max() < 2 * MICROMETRE
    assert np.abs(np.maximum(reach[ends[0], ends[1]], shortest) - edges).max() < 2 * MICROMETRE
    assert len(set(parts(ends, n))) == 1


def parts(ends, n):
    """Return the component of each point, connected one edge after the other."""
    name = list(range(n))
    for a, b in ends.T.tolist():
        if name[a] != name[b]:
            name = [name[a] if other == name[b] else other for other in name]
    return name


@pytest.mark.parametrize(("eps_km", "min_samples"), [(3.0, 5), (12.0, 30)])
def test_edges_up_to_a_radius_are_the_clusters_of_dbscan(eps_km, min_samples):
    rng = np.random.default_rng(5)
    towns = rng.uniform([40, 178], [42, 181], (30, 2))
    X = towns[rng.integers(0, 30, 2000)] + rng.normal(0, 0.05, (2000, 2))
    place = fold_locations(
        X[:, 0], (X[:, 1] + 180) % 360 - 180, np.zeros(0, dtype=np.int64), 2, unreported
    )
    parameters = HierarchyParameters(2, min_samples, Selection("eom"), SURFACES["haversine"], 2)
    ends, edges, cores = connect_locations(place.lat, place.lon, place.units, parameters, silent)
    name = np.array(parts(ends[:, edges <= eps_km], len(cores)))
    found = np.where(cores <= eps_km, name, -1)[place.row_of]
    expected = DBSCAN(eps_km, min_samples, border="noise").fit_predict(X)
    assert expected.max() > 3
    pairs = set(zip(found.tolist(), expected.tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_equal_edges_part_a_cluster_into_all_at_once():
    # Three pairs in a row, 1 within and 5 between, and a point that falls off at 5.
    ends = np.array([[0, 2, 4, 1, 3, 5], [1, 3, 5, 2, 4, 6]], dtype=np.int32)
    edges = np.array([1.0, 1, 1, 5, 5, 5])
    tree = condense(ends, edges, np.full(7, 0.5), np.ones(7, dtype=np.int64), 2, unreported)
    assert tree.parent.tolist() == [-1, 0, 0, 0]
    assert tree.birth.tolist() == [np.inf, 5, 5, 5]
    assert tree.weight.tolist() == [7, 2, 2, 2]
    assert tree.cluster.tolist() == [1, 1, 2, 2, 3, 3, 0]
    assert tree.leaves.tolist() == [1, 1, 1, 1, 1, 1, 5]


def test_a_heavy_point_is_a_cluster_down_to_its_core_distance():
    ends, edges = np.array([[0, 1], [1, 2]], dtype=np.int32), np.array([4.0, 9.0])
    units = np.array([3, 1, 3])
    tree = condense(ends, edges, np.array([2.0, 4.0, 9.0]), units, 3, unreported)
    assert tree.parent.tolist() == [-1]  # the last one is none any more where it would be split off
    assert tree.leaves.tolist() == [2, 4, 9]
    tree = condense(ends, edges, np.array([2.0, 4.0, 8.0]), units, 3, unreported)
    assert tree.parent.tolist() == [-1, 0, 0]
    assert tree.weight.tolist() == [7, 4, 3]
    assert tree.leaves.tolist() == [2, 4, 8]


def test_the_order_of_equal_edges_does_not_matter():
    rng = np.random.default_rng(2)
    n = 300
    ends = np.array([np.arange(1, n), [rng.integers(0, i) for i in range(1, n)]], dtype=np.int32)
    edges = rng.integers(1, 6, n - 1).astype(float)
    cores, units = np.full(n, 0.5), np.ones(n, dtype=np.int64)
    expected = condense(ends, edges, cores, units, 4, unreported)
    assert len(expected.parent) > 10
    for _ in range(5):
        order = rng.permutation(n - 1)
        found = condense(ends[::-1, order].copy(), edges[order], cores, units, 4, unreported)
        for one, other in zip(found, expected, strict=True):
            assert one.tolist() == other.tolist()
