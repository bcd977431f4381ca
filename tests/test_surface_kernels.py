"""The kernels of parameter surfaces one by one, against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from gclust.kernels.dbscan import core_levels as levels
from gclust.kernels.dbscan import levels_by_radius as radii
from gclust.kernels.spatial import bands
from gclust.kernels.sphere import reach_of
from gclust.kernels.surface import border_search, component_tree, node_sums
from gclust.parallel import unreported
from gclust.testing import TOLERANCE_KM, great_circle_km
from tests.test_kernels import banded, scattered

EPS_KM = 40.0
THRESHOLDS = np.array([2, 5, 5, 11, 30, 80])


def within(lat, lon, eps_km):
    return great_circle_km(lat[:, None], lon[:, None], lat, lon) <= eps_km + TOLERANCE_KM


def grown(seed):
    """Points, their levels, the core points among them, and the component tree of these."""
    points, prefix, reach = banded(*scattered(seed, 300), EPS_KM)
    level = levels.density_levels(points, prefix, THRESHOLDS, reach, 1, unreported)
    at = np.flatnonzero(level)
    cores = bands.select_points(points, at, reach, 1)
    rank = np.random.default_rng(seed).permutation(len(at)).astype(np.uint32)
    tree, node = component_tree.build_component_tree(cores, level[at], rank, reach, unreported)
    return points, level, at, cores, rank, tree, node, reach


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([5.0, 40.0, 900.0, 9000.0, 19000.0]))
def test_levels_count_the_thresholds_that_are_reached(seed, eps_km):
    lat, lon = scattered(seed, 250)
    units = np.random.default_rng(seed).integers(0, 4, 250)
    points, prefix, reach = banded(lat, lon, eps_km, units)
    around = within(points.lat, points.lon, eps_km) @ np.diff(prefix)
    expected = np.searchsorted(THRESHOLDS, around, side="right")
    found = levels.density_levels(points, prefix, THRESHOLDS, reach, 1, unreported)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("most_candidates", [2500, 100])
def test_levels_in_a_dense_city(monkeypatch, most_candidates):
    """More points at about the radius than are gathered, and than are looked at at all."""
    rng = np.random.default_rng(2)
    lat, lon = 48 + 0.2 * rng.normal(size=(2, 4000))
    points, prefix, reach = banded(lat, lon, 20.0)
    thresholds = np.linspace(200, 2000, 13).astype(np.int64)
    monkeypatch.setattr(levels, "MOST_CANDIDATES", most_candidates)
    around = within(points.lat, points.lon, 20.0).sum(axis=1)
    found = levels.density_levels(points, prefix, thresholds, reach, 2, unreported)
    assert found.tolist() == np.searchsorted(thresholds, around, side="right").tolist()


@pytest.mark.parametrize("seed", range(5))
def test_the_tree_has_the_components_of_every_threshold(seed):
    _, level, at, cores, rank, tree, node, _ = grown(seed)
    near = within(cores.lat, cores.lon, EPS_KM)
    root = np.empty(len(tree.birth), dtype=np.int64)
    known = set()
    for threshold in range(len(THRESHOLDS)):
        component_tree.find_roots(tree, threshold, root)
        core = np.flatnonzero(level[at] > threshold)
        _, component = connected_components(near[np.ix_(core, core)])
        pairs = set(zip(component.tolist(), root[node[core]].tolist(), strict=True))
        assert len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})
        assert (root[node[level[at] <= threshold]] == component_tree.NONE).all()
        for number, k in pairs:
            assert tree.rank[k] == rank[core[component == number]].min()
        known |= {two for _, two in pairs}
    assert known == set(range(len(tree.birth)))  # no node without a component
    assert (tree.birth[node] == level[at] - 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_descendants(seed):
    *_, tree, _, _ = grown(seed)
    n = len(tree.parent)
    interval = np.empty((n, 2), dtype=np.int32)
    component_tree.fill_intervals(tree.parent, interval)
    assert sorted(interval[:, 0].tolist()) == list(range(n))
    for k in range(n):
        above = {k}
        while tree.parent[max(above)] >= 0:
            above.add(int(tree.parent[max(above)]))
        inside = (interval[:, 0] <= interval[k, 0]) & (interval[k, 0] < interval[:, 1])
        assert set(np.flatnonzero(inside).tolist()) == above


@pytest.mark.parametrize("seed", range(6))
def test_highest_core_neighbours_are_within_reach(seed):
    points, level, at, _, _, tree, node, reach = grown(seed)
    balls, order = radii.grow_tree(
        points.lat, points.lon, np.ones(len(level), np.int64), (1.0, 0.0), 1, unreported
    )
    nodes = np.full(len(level), component_tree.NONE, dtype=np.int32)
    nodes[at] = node
    neighbour, ambiguous = border_search.find_borders(
        balls, order, level, nodes, tree, reach, 2, unreported
    )
    lat, lon, level, nodes = (each[order] for each in (points.lat, points.lon, level, nodes))
    near = within(lat, lon, EPS_KM)
    highest = np.where(near, level, 0).max(axis=1, initial=0)
    joins = highest > level
    assert (neighbour[~joins] == component_tree.NONE).all()
    assert near[np.flatnonzero(joins), neighbour[joins]].all()
    assert (level[neighbour[joins]] == highest[joins]).all()
    root = np.empty(len(tree.birth), dtype=np.int64)
    for threshold in range(len(THRESHOLDS)):
        component_tree.find_roots(tree, threshold, root)
        for p in np.flatnonzero((level <= threshold) & (highest > threshold)):
            mine = root[nodes[near[p] & (level > threshold)]]
            assert p in ambiguous or (mine == root[nodes[neighbour[p]]]).all()


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([5.0, 40.0, 900.0, 9000.0]),
)
def test_levels_of_all_radii_are_those_of_each(seed, eps_km):
    lat, lon = scattered(seed, 250)
    units = np.random.default_rng(seed).integers(0, 4, 250)
    eps = eps_km * np.array([0.5, 0.7, 0.9, 1.0, 2.1])
    reaches = [reach_of(each) for each in eps]
    balls, order = radii.grow_tree(lat, lon, units, (1.0, 0.0), 1, unreported)
    found = radii.levels_by_radius(balls, order, reaches, THRESHOLDS, 2, unreported)
    for each, of_each in zip(eps, found, strict=True):
        around = within(lat, lon, each) @ units
        assert of_each.tolist() == np.searchsorted(THRESHOLDS, around, side="right").tolist()


def test_sums_by_node_are_exact():
    units = np.array([5, 2**53, 1, 1])
    level, node = np.array([0, 2, 2, 1]), np.array([-1, 1, 1, 0])
    of_level, own, rows, weighing = np.zeros((4, 3), dtype=np.int64)
    there, weigh = np.array([4, 2, 1, 3]), np.array([4, 1, 1, 3])
    node_sums.sum_by_node(level, node, units, there, weigh, of_level, own, rows)
    assert of_level.tolist() == [4, 3, 2]
    assert own.tolist() == [1, 2**53 + 1, 0]
    assert rows.tolist() == [3, 3, 0]
    given = np.array([2, 0, 3], dtype=np.uint32), np.array([1, 9, 0, 1])
    node_sums.count_rows(np.array([0, 1, 1], dtype=np.uint32), 1, *given, rows, weighing)
    assert rows.tolist() == [3, 4, 2]
    assert weighing.tolist() == [0, 0, 2]
