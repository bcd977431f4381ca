"""Every line of the kernels is reached, in a process without compilation."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.tree import PACKAGE, ROOT

KERNELS = PACKAGE / "kernels"
MOST_SEEDS = 480
SMALL = 60

WITH_COMPILATION = ("_cache.py", "_compiler.py", "first_compilation.py")
"""What does nothing here; see test_kernel_cache, test_kernel_compiler and test_imports."""

RARE_SEEDS = (718,)
"""Cases with what few have: a point that bounds leave open, out of reach of all cores."""


def test_every_line_of_the_kernels_is_reached():
    # From Python 3.12 on, a line costs nothing once it was reached: two thirds of the time.
    core = {"COVERAGE_CORE": "sysmon"} if sys.version_info >= (3, 12) else {}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.test_coverage_kernels"],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", **core},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes minutes")
def test_more_bands_than_keys_have_room_for():
    """70,000 rows and a micrometre: neighbouring places share a key, and are told apart."""
    from gclust import DBSCAN  # not above: in its process, coverage begins before

    rng = np.random.default_rng(6)
    places = np.stack([rng.uniform(-90, 90, 35_000), rng.uniform(-180, 180, 35_000)], axis=1)
    places[:2, 0] = -90, 90
    places[2:1000] = [10.0, 7.0]
    places[2:1000, 0] += np.arange(998) * 1e-10  # eleven micrometres apart
    X = places[rng.permutation(np.repeat(np.arange(35_000), 2))]
    model = DBSCAN(1e-9, 2).fit(X)
    _, first, place = np.unique(X, axis=0, return_index=True, return_inverse=True)
    assert model.labels_.tolist() == np.argsort(np.argsort(first))[place.ravel()].tolist()
    assert model.predict(X).tolist() == model.labels_.tolist()


def missing(measured) -> dict[str, list[int]]:
    """Return the lines of each kernel module that were not reached."""
    from coverage.exceptions import NoDataError

    lines = {}
    for path in sorted(KERNELS.rglob("*.py")):
        if path.name in WITH_COMPILATION:
            continue
        try:
            found = measured.analysis2(str(path))[3]
        except NoDataError:
            found = ["all"]
        lines[path.relative_to(KERNELS).as_posix()] = found
    return {name: numbers for name, numbers in lines.items() if numbers}


def reach_the_unusual():
    """Run what no case of clustering runs: faults of the machine, and an interruption."""
    from unittest import mock

    from gclust import DBSCAN, parallel
    from gclust.kernels import _jit, sphere
    from gclust.kernels._cache import NotCachedError
    from gclust.kernels.dbscan.warmup import run_dbscan_kernels
    from gclust.kernels.spatial import bucket_sort as grid
    from gclust.kernels.surface import node_sums as sums
    from gclust.kernels.warm_up import load, warm_up
    from gclust.progress import silent

    def is_missing(_):
        raise NotCachedError

    load(is_missing, mock.Mock())
    warm_up(silent, mock.Mock(side_effect=[NotCachedError, None]))  # missing, so compiled
    shares: list[float] = []
    for _ in range(2):
        warm_up(lambda share, _: shares.append(share), run_dbscan_kernels)
    assert shares.count(0.0) == 1  # the kernels run once

    with mock.patch.object(_jit.config, "DISABLE_JIT", 0):
        assert _jit.helper(lambda a: a + 1)(2) == 3
        assert _jit.kernel(sums.count_rows).stats.cache_path
    with pytest.raises(ValueError, match="latitude 91"):
        DBSCAN().fit([[91.0, 0.0]])
    many = np.broadcast_to(np.float64(0), (grid.MOST_ROWS + 1,))
    with pytest.raises(ValueError, match="4294967297 rows"):
        grid.fill_buckets(many, many, 1.0, 1, parallel.unreported)

    def fail(first, last):
        raise KeyboardInterrupt

    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            parallel.parallel_for(np.arange(5), threads, fail)

    here = threading.current_thread()

    def fail_elsewhere(first, last):
        time.sleep(0.02)
        if threading.current_thread() is not here:
            raise ValueError("elsewhere")

    def fail_here(first, last):
        if threading.current_thread() is here:
            raise ValueError("here")
        time.sleep(0.05)

    for work, told in ((fail_elsewhere, "elsewhere"), (fail_here, "here")):
        with pytest.raises(ValueError, match=told):
            parallel.parallel_for(np.arange(9), 2, work)

    for angle in (0.3, 2.5):
        wider = sphere.widened(sphere.key_of_angle(angle), 0.1)
        assert wider == pytest.approx(sphere.key_of_angle(angle + 0.1), rel=1e-12)


def unusual_cases():
    """Return cases that are rare among random ones."""
    from tests.fuzz_cases import Case

    rng = np.random.default_rng(8)
    for _ in range(3):
        # Just dense enough to hang together, so that components join in chains.
        X = rng.uniform(-1, 1, (200, 2))
        yield Case("chains", X, None, 111.2 * 2 * np.sqrt(1.44 / 200), 1, "haversine")
    # Many rows on one meridian within a band.
    X = np.stack([rng.uniform(0, 1e-3, 70), np.full(70, 7.0)], axis=1)
    yield Case("meridian", X, None, 1.0, 3, "haversine")


def many_bands():
    """Check a case whose keys have, as with millions of rows, no room for all its bands."""
    from unittest import mock

    from gclust.kernels.spatial import bucket_sort as grid
    from gclust.testing import TOLERANCE_KM
    from tests.fuzz import check
    from tests.fuzz_cases import Case

    lat = 10 + np.random.default_rng(9).integers(0, 40, 72) * 2.3e-12
    lat[:2] = -90, 90
    X = np.stack([lat, np.full(72, 7.0)], axis=1)
    usual = grid._layout_of
    with mock.patch.object(
        grid, "_layout_of", lambda extent, height, n: usual(extent, height, n << 20)
    ):
        check(Case("many bands", X, None, TOLERANCE_KM, 3, "haversine"))


def count_a_city_by_tree():
    """Let the tree count a city in which whole groups are decided at once."""
    from gclust.kernels.dbscan import core_levels as levels
    from gclust.kernels.dbscan.density_level import Counting
    from gclust.parallel import unreported
    from tests.test_kernels import banded

    rng = np.random.default_rng(12)
    lat, lon = 48 + 0.05 * rng.normal(size=200), 8 + 0.05 * rng.normal(size=200)
    points, prefix, reach = banded(lat, lon, 6.0, rng.integers(1, 3, 200))
    cells = np.arange(len(points.cell_band))
    for least in (1, 100, 10_000):
        level = np.zeros(200, dtype=np.uint8)
        counting = Counting(prefix, np.array([least]), reach, 0)
        levels.count_by_tree(points, cells, counting, level, 1, unreported)
        assert level.all() == (least == 1)


def towns_at_the_date_line():
    """Return a case with towns of all densities on both sides of the 180th meridian."""
    from tests.fuzz_cases import Case, wrapped

    rng = np.random.default_rng(14)
    town = rng.integers(0, 6, 130)
    spread = 10 ** rng.uniform(-2, -0.5, 6)[town]
    X = rng.uniform([10, 179.7], [10.6, 180.3], (6, 2))[town]
    X += spread[:, None] * rng.normal(size=(130, 2))
    X[:, 1] = wrapped(X[:, 1])
    return Case("date line", X, None, 18.0, 6, "haversine")


def towns_of_several_sizes():
    """Yield towns whose levels some of several near radii decide."""
    from tests.fuzz_cases import Case

    rng = np.random.default_rng(1)
    middle = [rng.normal(0, sd, (250, 2)) for sd in (0.004, 0.06)]
    yield Case("dense in the middle", np.concatenate(middle), None, 4.0, 60, "haversine")
    yield Case("town", rng.normal(0, 0.03, (400, 2)), None, 6.0, 30, "haversine")
    wide = np.random.default_rng(1).normal(0, 0.05, (300, 2))
    yield Case("wide town", wide, None, 8.0, 4, "haversine")
    two = [rng.normal(0, 0.012, (150, 2)) + at for at in (0.0, 0.5)]
    yield Case("two towns", np.concatenate(two), None, 8.0, 60, "haversine")


def check_surface(case):
    """Check the parameter surface of a case."""
    from tests.test_surface import expect_like_dbscan

    least = sorted({1.0, 2.0, case.min_samples, 1.5 * case.min_samples, 3 * case.min_samples})
    for border, shares in (("nearest", (0.4, 0.6, 0.8, 1.0)), ("first", (1.0,))):
        eps = [share * case.eps_km for share in shares]
        expect_like_dbscan(case.X, eps, least, case.weight, border=border, metric=case.metric)


def check_with(case, module, **changed):
    """Check a case with other constants of a module of ``kernels.dbscan``."""
    from unittest import mock

    from tests.fuzz import check

    with mock.patch.multiple(f"gclust.kernels.dbscan.{module}", **changed):
        check(case)


def reach_hierarchies():
    """Cluster small worlds by HDBSCAN; one has a city that few points see from afar."""
    from unittest import mock

    from gclust import HDBSCAN
    from gclust.kernels.hdbscan import core_distances
    from gclust.kernels.spatial.ball_tree import key_of_chord
    from tests.test_hdbscan_kernels import (
        WORLDS,
        city_from_afar,
        everywhere,
        grown,
        places,
        test_balls_hold_their_points_and_weigh_them,
        test_core_distances_are_those_of_the_definition,
        test_more_than_there_is_has_no_core_distance,
        test_weights_add_up_to_the_need_at_the_selected_key,
    )

    for world in WORLDS:
        for size, samples, metric in ((2, 1, "haversine"), (5, 60, "haversine"), (4, 9, "wgs84")):
            place = places(world, 150, size)
            X = np.stack([place.lat, place.lon], axis=1)
            model = HDBSCAN(size, samples, metric=metric).fit(X, sample_weight=place.units)
            model.predict(np.clip(X + 0.01, -89, 89))
    # Towns far from each other have nodes without a foreign point near; one is many leaves wide.
    rng = np.random.default_rng(5)
    for towns, each, samples in ((4, 128, 5), (1, 800, 400)):
        centre = np.repeat(rng.uniform(-60, 60, (towns, 2)), each, axis=0)
        HDBSCAN(5, samples).fit(centre + rng.uniform(-0.1, 0.1, centre.shape))
    test_weights_add_up_to_the_need_at_the_selected_key("clumped", 400)
    for world, need in ((everywhere, 1500), (city_from_afar, 60)):
        test_core_distances_are_those_of_the_definition(world, need)
    with mock.patch.object(core_distances, "FEW", 3):
        test_core_distances_are_those_of_the_definition(city_from_afar, 60)
    # A radius over half the globe cuts many leaves.
    balls, _ = grown(places(everywhere, 20_000, 1))
    core_distances.fill_core_keys(balls, int(balls.units.sum()) // 2, np.empty(20_000), 0, 1)
    assert key_of_chord(True, -1e-9) == -1.0
    test_balls_hold_their_points_and_weigh_them(1)
    test_more_than_there_is_has_no_core_distance()


def reach_ties():
    """Sum ties in a table that grows, and where they are too large; count records."""
    from unittest import mock

    from gclust.kernels import cooccurrence as ties
    from gclust.units import UNIT
    from tests.test_count_arrays import random_rows, test_sums_that_do_not_fit_are_refused

    records, expected = random_rows("fractional")
    rows, labels = records.rows, (np.arange(70) % 7 - 1).astype(np.int32)
    near = np.array([False] * 6 + [True])
    with mock.patch.multiple(ties, FIRST_SLOTS=2, CHUNK=100):
        ties.ties_by_label(rows, labels, np.ones(7, dtype=bool), np.zeros(0), UNIT, 1)
        a, b, found = ties.ties_by_label(rows, labels, near, records.doubled_pairs, UNIT, 1)
    assert dict(zip(zip(a, b, strict=True), found / UNIT, strict=True)) == {
        pair: units for pair, units in expected.items() if 5 in pair
    }
    assert len(ties.ties_by_label(rows, labels, near & False, np.zeros(0), UNIT, 1)[0]) == 0
    never = np.zeros(len(rows.starts) - 1, dtype=np.int64)
    assert len(ties.ties_by_label(rows, labels, near, np.zeros(0), UNIT, 1, copies=never)[0]) == 0
    heavy = rows._replace(units=rows.units + (1 << 60))
    assert ties.ties_by_label(heavy, labels, near, np.zeros(0), UNIT, 1) is None
    test_sums_that_do_not_fit_are_refused((60_000, 700_000), False)
    with mock.patch.multiple(ties, FIRST_SLOTS=2, CHUNK=100):
        shared = ties.shared_weights(labels, labels[::-1].copy(), np.ones(70, dtype=np.int64), 1)
    assert int(shared[2].sum()) == 70
    assert ties.shared_weights(labels, labels, np.full(70, 1 << 62), 1) is None
    for whole in (False, True):
        units = ties.WHOLE if whole else records.record_units
        ties.count_by_cluster(rows, labels, records.kind, units, UNIT, (2, 6))
    assert ties.sum_values(labels, np.ones((1, 70), dtype=np.int64), 6).tolist() == [[10] * 6]


def fold_records():
    """Fold records to their locations, and sort numbers."""
    from gclust.kernels.record_rows import add_units, find_differing
    from gclust.listings import record_arrays as arrays
    from tests.test_radix_order import test_a_digit_that_all_share_is_passed_over
    from tests.test_record_folding import random_records
    from tests.test_records_in_memory import check_grouping, random_listings

    for method in ("fractional", "whole"):
        found = arrays.fold_records(random_records(1), 50, n_kinds=2, method=method)
        assert len(found.opened)
        check_grouping(random_listings(300, 2), method == "whole", 1)
    add_units(*(np.zeros(1, dtype) for dtype in (np.int8, np.int32, np.int64)), np.zeros((1, 1)))
    found, differing = np.full(2, -1), np.zeros(2, dtype=bool)
    find_differing(np.array([0, 1, 0, 1]), np.array([3, 4, 5, 4]), found, differing)
    assert (found.tolist(), differing.tolist()) == ([3, 4], [True, False])
    test_a_digit_that_all_share_is_passed_over()


def draw_volumes_and_sums():
    """Draw volumes, copies at their rate, and sums of groups that vary in each way."""
    from gclust.kernels.resampling import volumes

    cv = np.repeat([0.0, 0.3, 1.7], 2_000)
    found = volumes.draw_volumes(cv, 1, volumes.CELL, 0, 1)
    assert found.reshape(3, -1).mean(axis=1) == pytest.approx(1.0, rel=0.15)
    assert volumes.draw_copies_of_means(np.full(2_000, 3.0), 1, 0, 1).mean() == pytest.approx(
        3.0, rel=0.1
    )
    n, five = np.arange(5), np.full(5, 4.0)
    way = np.array([volumes.WHOLE, 2, 2, 0, 0], dtype=np.int8)
    item, part = np.array([0, 1, -1, -1, -1]), np.array([0.0, 0, 0, 1, 0])
    groups = volumes.VariedGroups(
        five, np.arange(6), n, np.ones(5, dtype=np.int64), np.full(5, 4), part, way, item
    )
    sums = np.zeros((300, 5), dtype=np.int64)
    law = volumes.Law(2, 0.3, np.full(5, 0.2))
    volumes.draw_varied_sums(groups, law, 1, np.arange(300), sums, 0, 300)
    assert sums.mean(axis=0) == pytest.approx(4.0, rel=0.25)


def draw_numbers():
    """Draw Poisson numbers of small and of large means, sums of them, and gamma numbers."""
    from gclust.kernels.resampling import philox
    from gclust.kernels.resampling import poisson as redraw
    from gclust.kernels.resampling.amounts import draw_multipliers

    for mean in (0.5, 30.0):
        out = np.zeros(2_000, dtype=np.int64)
        philox.fill_poisson(mean, 1, philox.RECORDS, 0, out, 0, len(out))
        assert out.mean() == pytest.approx(mean, rel=0.1)
    multipliers = draw_multipliers(np.repeat([0.0, 0.1, 1.0], 2_000), 1, 0, 1)
    assert multipliers.reshape(3, -1).mean(axis=1) == pytest.approx(1.0, rel=0.1)
    blocks = np.zeros((1, 4), dtype=np.uint64)
    philox.fill_words(np.zeros((1, 4), np.uint64), np.zeros((1, 2), np.uint64), blocks)
    one, start = np.ones(1, dtype=np.int64), np.array([0, 1])
    sums = np.zeros((3, 1), dtype=np.int64)
    nothing, draws = np.zeros(1, dtype=np.int64), np.arange(3)
    philox.draw_sums(np.ones(1), start, nothing, one, 1, draws, sums, 0, 3)
    assert sums.max() > 0

    draw_volumes_and_sums()
    times = redraw.draw_copies(50, 1, 0, 2)
    assert redraw.draw_poisson(np.full(3, 20.0), 1, redraw.WEIGHT, 0).min() > 0
    record, one = np.arange(50, dtype=np.int32), np.ones(1, dtype=np.int64)
    starts, code, kind = np.array([0, 20, 45, 50]), record % 2, np.arange(2)
    listed = redraw.LocationRows(starts, record, code, np.repeat(one, 2), kind, kind + 2)
    here = [times[:20].sum(), times[20:45].sum(), times[45:].sum()]
    turned = redraw.copies_of_rows(listed._replace(record=record[::-1].copy()), times, 2)
    assert turned.tolist() == times[::-1].tolist()
    density, there = redraw.sum_density(listed, times, 1)
    assert density.tolist() == here
    assert there.tolist() == [bool(number) for number in here]
    labels = np.array([1, -1, 0])
    of_kinds = [[each[of::2].sum() for each in (times[:20], times[45:])] for of in (0, 1)]
    counted = redraw.count_replicate(listed, times, labels, (2, 2), 1)
    # Row 45 is of kind 1.
    assert counted.tolist() == [
        [2 * of_kinds[1][1], 2 * of_kinds[0][0]],
        [3 * of_kinds[0][1], 3 * of_kinds[1][0]],
    ]
    shared = redraw.cross_tabulate(labels, labels, np.array([5, 6, 7]), 1)
    assert shared.tolist() == [[6, 0, 0], [0, 7, 0], [0, 0, 5]]


def find_mixed_cells():
    """Mark cubes about which there are several clusters, and those of one or of none."""
    from gclust.kernels.spatial.cluster_cells import mixed_cells

    ends, label = np.array([0, 2, 3, 5]), np.array([0, -1, 1, 2, 2], dtype=np.int32)
    beside = np.array([[0, 1, 9], [1, 0, 9], [2, 9, 9]])
    assert mixed_cells(ends[:3], np.diff(ends), beside, label, 1).tolist() == [True, True, False]
    alone = np.full(5, -1, dtype=np.int32)
    assert not mixed_cells(ends[:3], np.diff(ends), beside, alone, 1).any()


def move_points():
    """Put points into discs, beyond the 180th meridian on both sides too."""
    from gclust.kernels.resampling.random_points import jitter_points

    lat, lon = np.zeros(100), np.tile([-180.0, 179.999], 50)
    assert np.ptp(jitter_points(lat, lon, np.full(100, 5.0), 1, 0, 1)[1]) > 359


def sum_surroundings():
    """Sum what is around places in the middle and at a pole."""
    from gclust.kernels.spatial.radius_sums import units_around

    lat, lon = np.array([47.0, 47.01, 48.0, 89.99]), np.array([7.0, 7.0, 7.0, 0.0])
    units, every = np.arange(1, 5), np.arange(4)
    assert units_around(lat, lon, units, every, 5.0, 1).tolist() == [2, 1, 0, 0]


def read_texts():
    """Read texts with all that may be odd in them."""
    from tests.test_csv_rows import scan

    for text in (
        '1,2\r\n"a""b", "c\n,d" \r"x" y,3\n\n  \n4\n5,"6',
        '1,"a\\"b\\n\\,\n"\n"\t",2\n',
        '1,2\n3,"x\n4,5\n6,y"\n"7",8\n',
        "1\n" * 12,
        "\\a,b\n",
    ):
        for copying in (False, True):
            for escape in ('"', "\\"):
                scan(text, 2, escape=escape, copying=copying, room=3)
    scan('a"b,c\n', 2, quote="", escape="")


def look_for_empty_discs():
    """Leave out points of a dense town, of too few points, and of what no grid can hold."""
    from gclust.kernels import empty_discs

    town = np.random.default_rng(16).normal(size=(500, 2))
    found = empty_discs.thin(town, 1.5)
    assert found.enclosed.any()
    assert not found.enclosed.all()
    far = np.concatenate([town, [[1e9, 0.0]]])
    empty_discs.thin(town, 0.05)  # cells so small that some share a slot of the table
    for points, radius in ((town[:9], 1.5), (town, 1e-12), (far, 1e-3)):
        assert empty_discs.thin(points, radius).kept.all()


def unite_discs():
    """Unite discs whose rims meet in all ways, also where rounding hides the outline."""
    from tests import test_united_discs as united

    seeds = [(shape, seed) for shape in united.SHAPES for seed in range(3)]
    rare = [("scattered", 249), ("scattered", 262), ("hexagons", 107), ("nearly the same", 13)]
    rare += [("nearly the same", seed) for seed in (45, 93, 99, 123, 154, 194, 206)]
    for shape, seed in seeds + rare:
        lat, lon, radius_km = united.cluster(seed, shape, 30 if (shape, seed) in seeds else 60)
        united.union_of_discs(lat, lon, radius_km, "haversine")
    united.test_what_rounding_hides_is_given_up()
    united.test_arcs_that_are_no_rings_are_given_up()


def part_records():
    """Divide records among their listings, in order of records and in any order."""
    from gclust.kernels.record_parts import parts_of_listings
    from gclust.kernels.record_rows import PlacedUnits, RecordKeys

    rng = np.random.default_rng(1)
    key = np.sort(rng.integers(0, 60, 200))
    for order in (np.arange(200), rng.permutation(200)):
        keys = RecordKeys(key[order], np.zeros(200, dtype=np.int8))
        clusters = rng.integers(-1, 3, 200).astype(np.int32)
        clustered = PlacedUnits(clusters, rng.integers(1, 9, 200))
        parts = parts_of_listings(
            keys, clustered, len(np.unique(key)), unit=720, whole=False, threads=1
        )
        assert abs(parts.sum() - 720 * len(np.unique(key))) <= 200


def expect_information():
    """The expected mutual information of two pairs and two pairs, by hand."""
    from gclust.ranking.agreement import expected_mutual_information

    pairs = np.array([[2], [2]])
    # The partition is the same in one of three ways; else each cell has one of four.
    expected = np.log(2) / 3
    assert abs(expected_mutual_information(pairs, pairs) - expected) < 1e-12
    sixes = np.array([[6], [2]])
    assert 0 < expected_mutual_information(sixes, sixes) < np.log(2)


def follow_the_reference():
    """Label two groups and a point between them by the steps in plain Python."""
    from gclust.kernels.dbscan.reference import reference_dbscan

    places = [(0.0, 0.1 * each) for each in range(5)]
    for border, between in (("nearest", 0), ("first", 0), ("noise", -1)):
        labels, core = reference_dbscan(places, [20, 5, 1, 5, 20], 12.0, 15, border)
        assert labels == [0, 0, between, 1, 1]
        assert core == [True, True, False, True, True]


def place_at_random():
    """Find cells of grids near points, and place units by a baseline."""
    from tests import test_null_model as null

    null.test_cells_near_are_those_of_all_pairs(9000.0)
    null.test_largest_excess_of_draws_is_that_of_their_sums()
    null.test_draws_follow_the_baseline_and_do_not_depend_on_threads()


def count_distances():
    """Count pairs of points by distance, and choose points at random."""
    import gclust
    from tests import test_localisation as local

    for width_km in (0.05, 700.0):
        local.test_pairs_are_counted_in_the_bins_of_their_distances(width_km)
    gclust.k_density(local.some_sites(30, 15), draws=19, n_jobs=1)


def cover() -> dict[str, list[int]]:
    """Check small cases until every line is reached; return those that were not."""
    import coverage

    include = [str(KERNELS / "*.py"), str(KERNELS / "**" / "*.py")]
    measured = coverage.Coverage(include=include, data_file=None, config_file=False)
    measured.start()
    from tests.fuzz import check
    from tests.fuzz_cases import make_case
    from tests.test_density_kernels import reach_every_line as reach_contours

    reach_the_unusual()
    many_bands()
    for case in unusual_cases():
        check(case)
    check_with(case, "core_levels", MOST_CANDIDATES=0)
    check_with(case, "batch_counts", MOST_GATHERED=0)
    check_surface(case)
    check_surface(towns_at_the_date_line())
    for case in towns_of_several_sizes():
        check_surface(case)
    count_a_city_by_tree()
    reach_contours()
    reach_hierarchies()
    reach_ties()
    fold_records()
    draw_numbers()
    find_mixed_cells()
    move_points()
    sum_surroundings()
    read_texts()
    look_for_empty_discs()
    unite_discs()
    part_records()
    expect_information()
    follow_the_reference()
    place_at_random()
    count_distances()
    for seed in RARE_SEEDS:
        check(make_case(seed))
    seed = 0
    while missing(measured) and seed < MOST_SEEDS:
        for case in map(make_case, range(seed, seed + 40)):
            if len(case.X) <= SMALL or seed >= 160:
                check(case)
                check_surface(case)
        seed += 40
    measured.stop()
    return missing(measured)


if __name__ == "__main__":
    not_reached = cover()
    for name, numbers in not_reached.items():
        print(f"gclust/kernels/{name}: not reached: {', '.join(map(str, numbers))}")
    sys.exit(bool(not_reached))
