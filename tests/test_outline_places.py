"""Locations left out of footprints: nothing changes, with random and degenerate clusters."""

import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from gclust.kernels import empty_discs
from gclust.kernels.empty_discs import thin
from gclust.places.footprints import alpha_shapes, discs, hulls, openings, overlaps
from gclust.places.footprints.hulls import ProjectedLocations
from gclust.places.footprints.outlines import FootprintOptions, footprints
from gclust.places.geodesic import area_km2
from gclust.threads import count_threads

CENTRES = [(0.0, 0.0), (47.0, 8.0), (60.0, 179.97), (-33.0, -180.0), (89.95, 10.0), (-90.0, 0.0)]
SHAPES = ["normal", "uniform", "lattice", "line", "crescent", "clumps"]


def cluster(seed, shape, n):
    """Distinct sorted places of a cluster about 40 km wide, and whether they are degenerate."""
    random = np.random.default_rng(seed)
    lat0, lon0 = CENTRES[seed % len(CENTRES)]
    if shape == "normal":
        east, north = random.normal(0.0, 12.0, (2, n))
    elif shape == "lattice":
        step = random.choice([0.5, 1.0, 2.5])
        east, north = random.integers(-20, 20, (2, n)) * step
    elif shape == "line":
        east, north = np.outer([1.0, 0.0], random.uniform(-40.0, 40.0, n))
    elif shape == "crescent":
        angle, far = random.uniform(0.5, 5.5, n), random.uniform(18.0, 30.0, n)
        east, north = far * np.cos(angle), far * np.sin(angle)
    elif shape == "clumps":
        east, north = random.uniform(-40.0, 40.0, (2, 12))[:, random.integers(0, 12, n)]
        east, north = np.array([east, north]) + random.normal(0.0, 2.0, (2, n))
    else:
        east, north = random.uniform(-25.0, 25.0, (2, n))
    lat = lat0 + north / 111.195
    lon = lon0 + np.where(lat > 90.0, 180.0, 0.0)
    lon += east / (111.195 * max(np.cos(np.radians(lat0)), 1e-3))
    lat = np.clip(np.where(lat > 90.0, 180.0 - lat, lat), -90.0, 90.0)
    if shape == "line":  # discs along a line are slow to unite
        lat, lon = lat[:300], lon[:300]
    places = np.column_stack([lat, (lon + 180.0) % 360.0 - 180.0])
    return np.unique(places.round(6), axis=0).T


@pytest.fixture
def everything_kept(monkeypatch):
    """Return a function that leaves nothing out until the test ends."""

    def keep(xy, radius):
        return empty_discs.Thinned(np.ones(len(xy), bool), np.zeros(len(xy), bool))

    def leave_nothing_out():
        for module in (discs, hulls, alpha_shapes):
            monkeypatch.setattr(module, "thin", keep)

    return leave_nothing_out


def is_pierced(at, xy, kept, radius):
    """Return whether each disc with point ``at`` in it or on its rim has a kept point inside."""
    turn = np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)
    u = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    away = radius * np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0])
    centres = xy[at] + (away[:, None, None] * u).reshape(-1, 2)
    return (cKDTree(xy[kept]).query(centres)[0] < radius).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_discs_that_hold_what_was_left_out_hold_something_kept(shape):
    for seed in range(4):
        random = np.random.default_rng(seed)
        here = ProjectedLocations.of(*cluster(seed, shape, 3000), "haversine")
        radius = random.choice([0.7, 2.0, 5.0, 9.0]) / 6371.0
        thinned = thin(here.xy, radius)
        assert (thinned.kept | thinned.enclosed).all()
        for at in random.permutation(np.flatnonzero(~thinned.kept))[:40]:
            assert is_pierced(at, here.xy, thinned.kept, radius)
        # Enclosed and kept ones: no disc has them on its rim and nothing inside.
        for at in random.permutation(np.flatnonzero(thinned.enclosed & thinned.kept))[:20]:
            others = np.ones(len(here.xy), bool)
            others[at] = False
            turn = np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)
            rim = here.xy[at] + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
            assert (cKDTree(here.xy[others]).query(rim)[0] < radius).all()


def test_most_of_a_dense_cluster_is_left_out_and_nothing_of_a_sparse_or_small_one():
    random = np.random.default_rng(1)
    xy = random.random((50_000, 2))
    thinned = thin(xy, 0.1)
    assert thinned.kept.sum() < 400
    inside = (np.abs(xy - 0.5) < 0.45).all(axis=1)
    assert thinned.enclosed[inside].all()
    assert thin(xy, 1e-4).kept.all()
    assert thin(xy, 1e-12).kept.all()
    assert thin(xy[: empty_discs.FEW], 0.1).kept.all()


def test_places_in_almost_the_same_place_do_not_leave_each_other_out():
    """Those of a pole at many longitudes differ by rounding alone."""
    random = np.random.default_rng(2)
    xy = np.append(random.normal(0.0, 1.0, (300, 2)), [[9.0, 0.0]], axis=0)
    xy = np.append(xy, xy[-1] + random.normal(0.0, 1e-15, (50, 2)), axis=0)
    assert thin(xy, 5.0).kept[300:].all()


def test_a_place_in_the_middle_of_a_ring_is_kept_though_its_rim_is_covered():
    """Without it a disc in the middle would hold nothing."""
    turn = np.linspace(0.0, 2.0 * np.pi, 300, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    kept = thin(np.append(ring, [[0.0, 0.0]], axis=0), 0.9).kept
    assert kept[-1]
    assert not thin(np.append(ring, [[0.0, 0.3]], axis=0), 1.4).kept[-1]


@pytest.mark.parametrize("method", ["convex", "concave", "concave by ratio", "alpha", "discs"])
@pytest.mark.parametrize("shape", SHAPES)
def test_footprints_are_those_of_all_locations(shape, method, everything_kept):
    cases = []
    for seed in range(3):
        lat, lon = cluster(seed + SHAPES.index(shape), shape, 700)
        metric = ["haversine", "wgs84"][seed % 2]
        radius_km = [5.0, 1.5, 8.0][seed % 3]
        lengths = {"edge_km": [15.0, 4.0, 30.0][seed % 3], "alpha_km": [7.5, 3.0, 15.0][seed % 3]}
        if method == "concave by ratio":
            lengths["ratio"] = 0.2
        options = FootprintOptions(
            method=method.split()[0], metric=metric, radius_km=radius_km, **lengths
        )
        cases.append((lat, lon, options))

    def draw():
        return [
            footprints(lat, lon, lat > -91.0, np.zeros(len(lat), int), options, n_clusters=1)[0]
            for lat, lon, options in cases
        ]

    thinned = draw()
    everything_kept()
    for few, whole in zip(thinned, draw(), strict=True):
        km2 = area_km2([whole, few, whole.symmetric_difference(few)])
        assert km2[1] == pytest.approx(km2[0], rel=1e-6)
        assert km2[2] < 1e-6 * km2[0]


HOLED = shapely.box(0, 0, 10, 10).difference(
    shapely.union_all([shapely.box(1, 1, 3, 3), shapely.box(5, 5, 9, 9)])
)
TOUCHING = [shapely.box(-1, -1, 0, 0), shapely.box(10, 10, 11, 11)]


@pytest.mark.parametrize(
    "united",
    [
        shapely.box(0, 0, 1, 1),
        HOLED,
        shapely.union_all([HOLED, shapely.box(6, 6, 7, 7)]),
        shapely.union_all([HOLED, shapely.box(20, 0, 22, 2)]),
        shapely.union_all([HOLED, *TOUCHING]),
        shapely.union_all([shapely.box(170, 0, 180, 10), shapely.box(-180, 0, -170, 10)]),
        shapely.transform(HOLED, lambda xy: xy - [180.0, 0.0]),
        shapely.transform(HOLED, lambda xy: xy + np.array([0.0, 80.0])),
        shapely.union_all(
            [shapely.box(x, y, x + 1, y + 1) for x, y in ((0, 1), (1, 0), (1, 2), (2, 1))]
        ),
    ],
)
@pytest.mark.parametrize("covered", ["all", "none", "first"])
def test_openings_are_filled_as_by_a_union(united, covered):
    """Whether they are holes or lie between parts, at the seam or a pole."""
    west, south, east, north = united.bounds

    def is_covered(lat, lon):
        inside = (lon > west) & (lon < east) & (lat > south) & (lat < north)
        return inside & {"all": True, "none": False, "first": lon < 0.5 * (west + east)}[covered]

    gaps = openings.polygons_of(openings._WORLD.difference(united))
    points = shapely.get_coordinates([gap.point_on_surface() for gap in gaps])
    filled = is_covered(points[:, 1], points[:, 0])
    expected = shapely.union_all([united, *np.array(gaps)[filled]])
    actual = openings.fill_openings(united, is_covered)
    assert actual.is_valid
    assert actual.symmetric_difference(expected).area == 0.0


@pytest.mark.parametrize("method", ["discs", "concave", "alpha", "cells"])
def test_any_number_of_threads_draws_the_same_bytes(method, monkeypatch):
    random = np.random.default_rng(3)
    labels = np.repeat(np.arange(6), 2500)
    lat = (
        random.normal(0.0, 0.15, len(labels))
        + np.array([50.0, 50.4, 10.0, 0.0, -17.0, 70.0])[labels]
    )
    lon = (
        random.normal(0.0, 0.15, len(labels)) + np.array([8.0, 8.4, 0.0, 90.0, 179.9, 20.0])[labels]
    )
    lon = (lon + 180.0) % 360.0 - 180.0
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "8")
        assert count_threads() <= int(threads)
        shapes = footprints(
            lat, lon, lat > -91, labels, FootprintOptions(method=method), n_clusters=6
        )
        found.append(shapes.to_wkb().tolist())
    assert found[0] == found[1] == found[2]


def test_the_first_cluster_that_fails_is_named():
    """Whichever is drawn first: larger ones are, on any thread."""
    random = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2], [5000, 6000, 7000])
    lat = random.uniform(-1.0, 1.0, len(labels))
    lon = random.uniform(-179.0, 179.0, len(labels)) / np.where(labels == 0, 200.0, 1.0)
    with pytest.raises(Exception, match="^Basel: a cluster extends"):
        footprints(
            lat,
            lon,
            lat > -91,
            labels,
            FootprintOptions(method="convex"),
            n_clusters=3,
            names=["Bern", "Basel", "Genf"],
        )


@pytest.mark.parametrize("centre", [(48.0, 8.0), (0.0, 180.0), (-70.0, 10.0)])
def test_shared_ground_is_divided_as_by_all_locations(centre, monkeypatch):
    """Where many locations are near, most are nearest to no point of it."""
    random = np.random.default_rng(5)
    labels = np.repeat([0, 1], 3000)
    north, east = random.uniform(-0.3, 0.3, (2, 6000))
    lat = centre[0] + north
    lon = centre[1] + (east + 0.65 * labels) / np.cos(np.radians(centre[0]))
    lon = (lon + 180.0) % 360.0 - 180.0
    found, near = [], []
    whole = overlaps._near

    def counted(ground, a, b, metric):
        few = whole(ground, a, b, metric)
        near.append((len(few[0]) + len(few[1])) / (len(a) + len(b)))
        return few

    monkeypatch.setattr(overlaps, "_near", counted)
    for many in (0, 1 << 60):
        monkeypatch.setattr(overlaps, "MANY", many)
        found.append(footprints(lat, lon, lat > -91.0, labels, n_clusters=2))
    assert 0.0 < np.mean(near) < 0.5
    for few, whole_shape in zip(*found, strict=True):
        changed = few.symmetric_difference(whole_shape)
        assert area_km2([changed])[0] < 1e-6 * area_km2([few])[0]
