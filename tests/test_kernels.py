"""Kernels one by one; what they do together is tested with ``DBSCAN``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from gclust.cluster.parameters import SURFACES
from gclust.kernels import sphere
from gclust.kernels.dbscan import border_labels as assign
from gclust.kernels.dbscan import core_components as link
from gclust.kernels.dbscan import core_levels as levels
from gclust.kernels.dbscan import levels_by_radius as radii
from gclust.kernels.dbscan import point_counts as counts
from gclust.kernels.dbscan.density_level import Counting
from gclust.kernels.dbscan.warmup import run_dbscan_kernels, run_tree_kernels
from gclust.kernels.spatial import ball_tree as balls
from gclust.kernels.spatial import bands
from gclust.kernels.spatial import bucket_sort as grid
from gclust.kernels.spatial import cell_bounds as bounds
from gclust.kernels.spatial import fold as folding
from gclust.kernels.spatial.fold import fold_rows, unfold
from gclust.parallel import balanced_chunks, parallel_for, unreported
from gclust.testing import geodesic_km, great_circle_km

JIT = not os.environ.get("NUMBA_DISABLE_JIT", "0").strip("0")


def scattered(seed, n=400):
    """Points in clumps of all sizes, at poles and across the 180th meridian too."""
    rng = np.random.default_rng(seed)
    centre_lat = rng.choice([-90.0, -60, 0, 10, 48, 89.9, 90], n)
    centre_lon = rng.choice([0.0, 2, 179.9, -179.9], n)
    spread = 10 ** rng.uniform(-4, 0.5, n)
    lat = np.clip(centre_lat + spread * rng.normal(size=n), -90, 90)
    lon = (centre_lon + spread * rng.normal(size=n) * 3 + 180) % 360 - 180
    return lat, lon


NONE = np.zeros(0, dtype=np.int64)


def banded(lat, lon, eps_km, units=NONE, metric="haversine"):
    """Locations in bands, their cumulative units, and the reach."""
    reach = sphere.reach_of(eps_km)
    folded = fold_rows(lat, lon, units, bands.band_height(eps_km), 1, unreported)
    surface = SURFACES[metric]
    points = bands.build_bands(folded.lat, folded.lon, surface, eps_km, reach, 1, unreported)
    return points, folded.prefix, reach


def vectors(lat, lon, metric="haversine"):
    at = np.empty((len(lat), 3))
    axis, e2 = SURFACES[metric]
    sphere.fill_vectors(lat, lon, axis, e2, at, 0, len(lat))
    return at.T


@njit(error_model="numpy")
def separation(ax, ay, az, bx, by, bz):
    """Compiled as in kernels: a division by zero is infinite."""
    return sphere.separation(ax, ay, az, bx, by, bz)


def keys(lat, lon, metric="haversine"):
    x, y, z = vectors(lat, lon, metric)
    return np.array(
        [
            [separation(x[p], y[p], z[p], x[q], y[q], z[q]) for q in range(len(lat))]
            for p in range(len(lat))
        ]
    )


@pytest.mark.parametrize("eps_km", [1e-3, 15, 500, 5000, 10007.6, 15000, 20000, 20015.08])
def test_keys_agree_with_distances_to_a_micrometre(eps_km):
    rng = np.random.default_rng(5)
    lat, bearing = rng.uniform(-89, 89, 60), rng.uniform(0, 2 * np.pi, 60)
    reach = sphere.reach_of(eps_km)
    for offset_km, within in ((0.0, True), (3e-9, False)):
        angle = (eps_km + offset_km) / sphere.EARTH_RADIUS_KM
        if angle > np.pi:
            continue
        phi = np.radians(lat)
        sine = np.sin(phi) * np.cos(angle) + np.cos(phi) * np.sin(angle) * np.cos(bearing)
        to_lat = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
        turn = np.arctan2(
            np.sin(bearing) * np.sin(angle) * np.cos(phi), np.cos(angle) - np.sin(phi) * sine
        )
        distance = great_circle_km(lat, 0.0, to_lat, np.degrees(turn))
        exact = np.abs(distance - (eps_km + offset_km)) < 5e-10
        assert exact.mean() > 0.5
        for i in np.flatnonzero(exact):
            x, y, z = vectors(np.array([lat[i], to_lat[i]]), np.array([0, np.degrees(turn[i])]))
            key = separation(x[0], y[0], z[0], x[1], y[1], z[1])
            assert (key <= reach.limit) == within


@given(st.floats(0, np.pi), st.floats(0, np.pi))
def test_keys_grow_with_the_angle(a, b):
    if a <= b:
        assert sphere.key_of_angle(a) <= sphere.key_of_angle(b)
        longer = sphere.widened(sphere.key_of_angle(a), b - a)
        assert longer == pytest.approx(sphere.key_of_angle(b), rel=1e-6, abs=1e-12) or b > 3.14159


def test_keys_are_precise_at_both_ends():
    near = separation(1.0, 0.0, 0.0, np.cos(1e-9), np.sin(1e-9), 0.0)
    assert near == pytest.approx(1e-18, rel=1e-6)
    far = separation(1.0, 0.0, 0.0, -np.cos(1e-9), -np.sin(1e-9), 0.0)
    assert far == pytest.approx(1e18, rel=1e-6)
    assert separation(1.0, 0.0, 0.0, -1.0, 0.0, 0.0) == np.inf


@pytest.mark.parametrize(("longest_km", "error_km"), [(60.0, 5e-6), (1000.0, 0.026)])
def test_wgs84_agrees_with_geodesics(longest_km, error_km):
    rng = np.random.default_rng(11)
    n = 20_000
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    lat[:200] = np.linspace(-90, 90, 200)
    angle, bearing = rng.uniform(0, longest_km / 6400, n), rng.uniform(0, 2 * np.pi, n)
    to_lat = np.clip(lat + np.degrees(angle * np.cos(bearing)), -90, 90)
    across = np.maximum(np.cos(np.radians(lat)), 1e-3)
    lon = (np.degrees(angle * np.sin(bearing)) / across + 180) % 360 - 180
    here, there = vectors(lat, np.zeros(n), "wgs84"), vectors(to_lat, lon, "wgs84")
    chord = np.sqrt(sum((a - b) ** 2 for a, b in zip(here, there, strict=True)))
    ours = 2 * sphere.EARTH_RADIUS_KM * np.arcsin(chord / 2)
    exact = geodesic_km(lat, 0.0, to_lat, lon)
    near = exact <= longest_km
    assert near.sum() > 10_000
    assert np.abs(ours - exact)[near].max() < error_km


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from([1e-6, 0.3, 15.0, 300.0, 4000.0, 11000.0, 19000.0, 20015.2]),
    st.sampled_from(["haversine", "wgs84"]),
)
def test_bounds_hold_for_every_point_and_cells_are_small(seed, eps_km, metric):
    if metric == "wgs84" and eps_km > 1000:
        return
    lat, lon = scattered(seed, 150)
    units = np.random.default_rng(seed).integers(0, 9, len(lat))
    points, prefix, reach = banded(lat, lon, eps_km, units, metric)
    units = np.diff(prefix)
    within = keys(points.lat, points.lon, metric) <= reach.limit
    exact = (within * units).sum(axis=1)
    sizes = np.diff(points.cell_start)
    cell = np.repeat(np.arange(len(sizes)), sizes)
    assert within[cell[:, None] == cell].all()
    everything = np.arange(len(sizes))
    for least in {30, *exact[::10].tolist(), *(exact[5::10] + 1).tolist()}:
        thresholds = np.array([least, least + 10])
        counting = Counting(prefix, thresholds, reach, levels.MOST_CANDIDATES)
        lowest, highest = levels.cell_levels(points, counting, 1, unreported)
        expected = (exact[:, None] >= thresholds).sum(axis=1)
        assert (np.repeat(lowest, sizes) <= expected).all()
        assert (np.repeat(highest, sizes) >= expected).all()
        reached = counts.points_reaching(
            points, everything, points, prefix, reach, least, 1, unreported
        )
        assert (reached == (exact >= least)).all()
        for most in (levels.MOST_CANDIDATES, 20, -1):  # -1: the tree has all undecided cells
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(levels, "MOST_CANDIDATES", most)
                found = levels.density_levels(points, prefix, thresholds, reach, 1, unreported)
            assert (found == expected).all()


@pytest.mark.parametrize("centre", [(48.2, 7.8), (10.0, 180.0), (90.0, 0.0)])
def test_a_tree_counts_a_dense_city_exactly(centre):
    rng = np.random.default_rng(6)
    lat, lon = (at + 0.1 * rng.normal(size=3000) for at in centre)
    lat, lon = np.minimum(lat, 180 - lat), (lon + 180) % 360 - 180
    points, prefix, reach = banded(lat, lon, 9.0, rng.integers(0, 5, 3000))
    units = np.diff(prefix)
    vectors_ = points.vectors.T
    chord2 = ((vectors_[:, :, None] - vectors_[:, None, :]) ** 2).sum(axis=0)
    exact = ((chord2 <= reach.limit) * units).sum(axis=1)
    sizes = np.diff(points.cell_start)
    some = rng.random(len(sizes)) < 0.5
    cells, wanted = np.flatnonzero(some), np.repeat(some, sizes)
    for least in (1, int(np.median(exact)), int(exact.max()), int(exact.max()) + 1):
        level = np.zeros(len(units), dtype=np.uint8)
        counting = Counting(prefix, np.array([least]), reach, 0)
        levels.count_by_tree(points, cells, counting, level, 2, unreported)
        assert (level == (wanted & (exact >= least))).all()


def test_bands_hold_every_point_in_order():
    lat, lon = scattered(3)
    points, prefix, reach = banded(lat, lon, 15.0)
    assert sorted(zip(points.lat, points.lon, strict=True)) == sorted(
        set(zip(lat, lon, strict=True))
    )
    assert prefix[-1] == len(lat)
    for i, (first, last) in enumerate(zip(points.start[:-1], points.start[1:], strict=True)):
        at = points.lat[first:last]
        assert (np.diff(points.lon[first:last]) >= 0).all()
        assert (at.min(), at.max()) == (points.edges[i, bands.SOUTH], points.edges[i, bands.NORTH])
        assert len(set(np.floor(at / bands.band_height(15.0)))) == 1
    half = np.arange(0, len(points.lat), 2)
    chosen = bands.select_points(points, half, reach, 1)
    assert (chosen.lon == points.lon[half]).all()
    assert (chosen.lat == points.lat[half]).all()
    assert chosen.start[-1] == chosen.cell_start[-1] == len(half)


def as_sorted(lat, lon, height):
    """Locations in their order, and the number of each row's."""
    rows = np.lexsort((lat, lon, np.floor(lat / height)))
    moves = (np.diff(lat[rows]) != 0) | (np.diff(lon[rows]) != 0)
    number = np.concatenate([[0], np.cumsum(moves)])
    first = rows[np.concatenate([[True], moves])]
    return np.stack([lat[first], lon[first]]), number[np.argsort(rows)]


def as_folded(lat, lon, height, threads=1):
    folded = fold_rows(lat, lon, np.zeros(0, dtype=np.int64), height, threads, unreported)
    number = np.empty(len(lat), dtype=np.int64)
    bucket = np.repeat(np.arange(len(folded.bounds) - 1), np.diff(folded.bounds))
    number[folded.rows] = folded.offsets[bucket] + folded.place
    return np.stack([folded.lat, folded.lon]), number


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3000),
    st.sampled_from([1e-13, 1e-9, 1e-3, 0.02, 5.0, 200.0]),
    st.sampled_from([1.0, 1e-3, 1e-7, 0.0]),
    st.sampled_from([1, 3]),
)
def test_locations_are_sorted_by_band_longitude_and_latitude(seed, n, height, spread, threads):
    rng = np.random.default_rng(seed)
    lat, lon = (rng.choice(np.round(spread * rng.uniform(-90, 90, n), 6), n) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "BUCKET", 100)
        patch.setattr(grid, "CHUNK", 250)
        places, number = as_folded(lat, lon, height, threads)
    expected_places, expected_number = as_sorted(lat, lon, height)
    assert places.tolist() == expected_places.tolist()
    assert number.tolist() == expected_number.tolist()


@pytest.mark.parametrize("n", [10, 5000])
def test_many_places_alike_are_sorted_too(n):
    """A meridian in one band: longitudes alone decide nothing, and places are all alike."""
    rng = np.random.default_rng(n)
    lat = rng.permutation(np.concatenate([np.linspace(1, 2, n), np.linspace(1, 1.5, n)]))
    lon = np.where(np.arange(2 * n) == 0, -170.0, 7.5)
    expected, got = as_sorted(lat, lon, 100.0), as_folded(lat, lon, 100.0)
    assert got[0].tolist() == expected[0].tolist()
    assert got[1].tolist() == expected[1].tolist()


def test_more_rows_than_their_numbers_can_count_are_refused():
    many = np.broadcast_to(np.float64(0), (grid.MOST_ROWS + 1,))
    with pytest.raises(ValueError, match="4294967297 rows; at most 4294967296"):
        grid.fill_buckets(many, many, 1.0, 1, unreported)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=200))
def test_folding_is_that_of_a_dictionary(rows):
    lat, lon = np.array(rows, dtype=float).T.copy()
    first: dict[tuple[int, int], int] = {}
    for row, place in enumerate(rows):
        first.setdefault(place, row)
    places = sorted(first, key=lambda place: (place[0] // 2, place[1], place[0]))
    for units in (NONE, np.arange(len(rows)) + 1):
        folded = fold_rows(lat, lon, units, 2.0, 2, unreported)
        assert list(zip(folded.lat.tolist(), folded.lon.tolist(), strict=True)) == places
        assert folded.first.tolist() == [first[place] for place in places]
        sums = dict.fromkeys(places, 0)
        for row, place in enumerate(rows):
            sums[place] += int(units[row]) if len(units) else 1
        assert np.diff(folded.prefix).tolist() == list(sums.values())
        alone = fold_rows(lat, lon, units, 2.0, 2, unreported, places_alone=True)
        assert (len(alone.prefix), len(alone.first)) == (1, 0)
        for kept in ("lat", "lon", "rows", "place", "bounds", "offsets"):
            assert (getattr(alone, kept) == getattr(folded, kept)).all()
        numbers = np.arange(len(places))
        labels, odd = unfold(folded, numbers, numbers % 2 == 1, 2)
        assert labels.tolist() == [places.index(place) for place in rows]
        assert (odd == (labels % 2 == 1)).all()
        again, nothing = unfold(alone, numbers, np.zeros(0, dtype=np.bool_), 2)
        assert (again == labels).all()
        assert len(nothing) == 0


def test_linking_tests_points_where_bounds_leave_it_open():
    """Two rows of cells whose nearest points are just within, or just beyond, eps."""
    step = np.degrees(1.0 / sphere.EARTH_RADIUS_KM)
    for gap, components in ((0.999999, 1), (1.000001, 2)):
        lon = np.concatenate([np.linspace(0, 30, 300), np.linspace(0.05, 30.05, 300)]) * step
        lat = np.repeat([0.0, np.sqrt(gap**2 - 0.05**2) * step], 300)
        lat[lat > 0] += np.linspace(1e-3, 0, 300) * step
        points, _, reach = banded(lat, lon, 1.0)
        start, root = link.link_points(points, reach, 1, unreported)
        assert start[-1] == 600
        assert len(set(root.tolist())) == components


def test_chunks_cover_everything_once():
    ends = np.array([0, 3, 3, 10, 11, 50])
    for size in (1, 4, 100):
        cuts = balanced_chunks(ends, size)
        assert cuts[0] == 0
        assert cuts[-1] == 5
        assert (np.diff(cuts) > 0).all()
    assert balanced_chunks(np.array([0]), 5).tolist() == [0]
    for threads in (1, 3):
        done, shares = np.zeros(100), []

        def work(first, last, done=done):
            done[first:last] += 1

        parallel_for(np.arange(0, 101, 10), threads, work, report=shares.append)
        assert (done == 1).all()
        assert shares[-1] == 1.0
        assert shares == sorted(shares)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_exception_in_a_chunk_ends_the_work(threads):
    started = []

    def work(first, last):
        started.append(first)
        if first == 2:
            raise KeyboardInterrupt
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        parallel_for(np.arange(1001), threads, work)
    assert len(started) < 1000
    assert threading.active_count() < 50


@pytest.mark.skipif(not JIT, reason="nothing is compiled")
def test_every_kernel_is_compiled_once_and_for_all_uses():
    from gclust import DBSCAN

    run_dbscan_kernels(unreported)
    run_tree_kernels(unreported)
    kernels = [
        value
        for module in (
            assign,
            bands,
            bounds,
            folding,
            grid,
            levels,
            link,
            sphere,
            radii,
            balls,
            counts,
        )
        for value in vars(module).values()
        if hasattr(value, "signatures") and value.targetoptions.get("nogil")
    ]
    before = [len(value.signatures) for value in kernels]
    X = np.stack(scattered(1), axis=1)
    for border in ("nearest", "first"):
        for metric in ("haversine", "wgs84"):
            for jobs in (1, 2):
                model = DBSCAN(np.float32(30), 5, border=border, metric=metric, n_jobs=jobs)
                model.fit(X, sample_weight=np.arange(len(X))).predict(X[:50])
    assert [len(value.signatures) for value in kernels] == before


def test_the_same_without_compilation():
    """A run with the JIT off, in a process of its own, gives the same labels."""
    code = (
        "import numpy as np; from gclust import DBSCAN; rng = np.random.default_rng(0);"
        "X = np.c_[rng.normal(60, .2, 60), rng.normal(179.9, .4, 60) % 360];"
        "print(DBSCAN(9, 4).fit_predict(X).tolist())"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_DISABLE_JIT": off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for off in ("1", "0")
    ]
    assert outputs[0] == outputs[1]
    assert "1" in outputs[0]
