"""The benchmarks' inputs, their check of labels and their table."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
import sklearn.cluster

import gclust
from benchmarks import listings as world
from benchmarks import machine, out_of_core, worst_cases
from benchmarks.agreement import DisagreementError, Missed, check_equal, check_partition
from benchmarks.contenders import CONTENDERS, Answer, fold_rows, installed, keys_of
from benchmarks.draws import Clock
from benchmarks.geos import load_geos, plane_km, prepare_dbscan
from benchmarks.measure import Measured
from benchmarks.peers import ROWS
from benchmarks.run_stages import RunUse, StageUse, measure_run
from benchmarks.scaling import exponent
from benchmarks.table import (
    BEGIN,
    END,
    markers,
    middle,
    put_between_markers,
    render,
    significant,
)
from benchmarks.vectors import chord, unit_vectors
from gclust.places.cities.gazetteer import gazetteer
from gclust.testing import great_circle_km
from tests.worlds import study_folder

N = 200_000


@pytest.fixture(scope="module")
def points():
    return world.listings(N)


def places(points):
    return points[:, 0] + 1j * points[:, 1]


def test_listings_are_seeded_and_the_beginning_of_larger_worlds(points, tmp_path):
    assert points.shape == (N, 2)
    assert points.dtype == np.float64
    np.testing.assert_array_equal(world.listings(1000), points[:1000])
    assert (world.listings(1000, seed=2) != points[:1000]).any()
    world.write_listings(tmp_path / "points.npy", N)
    np.testing.assert_array_equal(np.load(tmp_path / "points.npy"), points)


def test_listings_come_in_parts_of_bounded_size():
    assert [len(part) for part in world.parts(world.PART + 5)] == [world.PART, 5]
    two = np.concatenate(list(world.parts(world.PART + 5)))
    assert len(np.unique(places(two[-5:]))) == 5  # the second part is not the first again
    assert (two[-5:] != two[:5]).any()


def test_a_quarter_at_centres_half_on_codes_the_rest_at_rooftops(points):
    cities = gazetteer()
    centres = np.isin(places(points), cities["lat"] + 1j * cities["lon"])
    codes = np.isin(places(points), world.cities().code_lat + 1j * world.cities().code_lon)
    assert centres.mean() == pytest.approx(0.25, abs=0.01)
    assert (codes & ~centres).mean() == pytest.approx(0.47, abs=0.01)
    rooftops = points[~centres & ~codes]
    assert len(np.unique(places(rooftops))) > 0.99 * len(rooftops)


def test_sizes_of_cities_are_heavy_tailed(points):
    cities = gazetteer()
    at_centre = points[np.isin(places(points), cities["lat"] + 1j * cities["lon"])]
    counts = np.sort(np.unique(places(at_centre), return_counts=True)[1])[::-1]
    hundredth = len(cities) // 100
    assert 0.3 < counts[:hundredth].sum() / counts.sum() < 0.8
    assert counts[0] < 0.05 * counts.sum()


def test_listings_are_on_the_earth_and_folded_to_five_decimals(points):
    assert np.all(np.abs(points[:, 0]) <= 90)
    assert np.all((points[:, 1] >= -180) & (points[:, 1] < 180))
    np.testing.assert_array_equal(points, np.round(points, 5))


@pytest.mark.parametrize("name", worst_cases.CASES)
def test_worst_cases_have_the_points_asked_for(name):
    case = worst_cases.CASES[name](500)
    assert case.points.shape == (500, 2)
    gclust.DBSCAN(case.eps_km, case.min_samples).fit(case.points)


def test_lattice_has_two_neighbours_at_exactly_eps():
    case = worst_cases.lattice(3000)
    km = great_circle_km(*case.points[1500], case.points[:, 0], case.points[:, 1])
    assert (np.abs(km - case.eps_km) <= 1e-9).sum() >= 2
    model = gclust.DBSCAN(case.eps_km, case.min_samples).fit(case.points)
    columns = math.isqrt(3 * 3000)
    inner = slice(columns, 3000 - columns - 3000 % columns)
    assert model.core_sample_mask_[inner].all()
    assert not model.core_sample_mask_[:columns].any()


def test_one_eps_holds_all_and_cities_are_decided_as_they_are_named():
    disc = worst_cases.within_one_eps(400)
    assert len(np.unique(places(disc.points))) == 400
    pairs = great_circle_km(*disc.points.T[:, :, None], *disc.points.T[:, None, :])
    assert pairs.max() <= disc.eps_km
    for name, share in (("one above the largest", 0.0), ("the median", 0.5)):
        case = worst_cases.CASES[f"city, min_samples {name} count"](2000)
        model = gclust.DBSCAN(case.eps_km, case.min_samples).fit(case.points)
        assert model.core_sample_mask_.mean() == pytest.approx(share, abs=0.05 * (share > 0))


def test_folding_keeps_the_rows_order_and_weights():
    points = np.array([[5.0, 1.0], [1.0, 1.0], [5.0, 1.0], [1.0, 2.0]])
    folded, place = fold_rows(points)
    assert folded.tolist() == [[5.0, 1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 2.0, 1.0]]
    assert place.tolist() == [0, 1, 0, 2]


def test_keys_sort_as_latitude_then_longitude():
    points = np.array([[10.0, -180.0], [-90.0, 179.99999], [10.0, -179.99999], [90.0, 0.0]])
    assert np.argsort(keys_of(points)).tolist() == [1, 0, 2, 3]


EPS_KM, LEAST = 15.0, 15


@pytest.fixture(scope="module")
def found(points):
    few = points[:20_000]
    model = gclust.DBSCAN(EPS_KM, LEAST).fit(few)
    return unit_vectors(few), Answer(model.labels_, model.core_sample_mask_)


def compare(answer, found, expected=None):
    vectors, ours = found
    return check_partition(answer, expected or ours, "peer", vectors, chord(EPS_KM), LEAST)


def relabelled(labels):
    shuffled = np.random.default_rng(0).permutation(labels.max() + 1) * 3
    return np.where(labels >= 0, shuffled[labels], -1)


def test_the_same_up_to_numbering_agrees(found):
    answer = Answer(relabelled(found[1].labels), found[1].core)
    assert compare(answer, found) == Missed(0, 0, 0)
    with pytest.raises(DisagreementError, match="label of row"):
        check_equal(answer, found[1], "peer")
    check_equal(found[1], found[1], "peer")


def altered(answer, rows, label=None, core=None):
    labels, cores = answer.labels.copy(), answer.core.copy()
    if label is not None:
        labels[rows] = label
    if core is not None:
        cores[rows] = core
    return Answer(labels, cores)


def test_wrong_labels_are_refused(found):
    _, ours = found
    noise = np.flatnonzero(ours.labels == -1)[:1]
    core = np.flatnonzero(ours.core)
    other = core[ours.labels[core] != ours.labels[core[0]]][:1]
    with pytest.raises(DisagreementError, match="is a core, for gclust it is not"):
        compare(altered(ours, noise, label=0, core=True), found)
    with pytest.raises(DisagreementError, match="is in a cluster, for gclust it is not"):
        compare(altered(ours, noise, label=0), found)
    with pytest.raises(DisagreementError, match="into one cluster, gclust into two"):
        compare(altered(ours, other, label=ours.labels[core[0]]), found)
    border = np.flatnonzero((ours.labels >= 0) & ~ours.core)[:1]
    with pytest.raises(DisagreementError, match="which has no core"):
        compare(altered(ours, border, label=10**6), found)
    with pytest.raises(DisagreementError, match="core flag of row"):
        check_equal(altered(ours, core[:1], core=False), ours, "peer")


def test_what_a_peer_misses_is_counted_where_gclust_is_right(found):
    _, ours = found
    core = np.flatnonzero(ours.core)
    border = np.flatnonzero((ours.labels >= 0) & ~ours.core)[:2]
    answer = altered(altered(ours, core[:1], core=False), border, label=-1)
    assert compare(answer, found) == Missed(1, 0, 2)
    # One cluster torn into two that reach each other: a missed link.
    label = np.bincount(ours.labels[core]).argmax()
    rows = core[ours.labels[core] == label][::2]
    assert compare(altered(ours, rows, label=10**6), found).links == 1


def test_what_gclust_has_too_much_is_refused(found):
    """The same differences, but gclust is the one that is wrong."""
    _, right = found
    noise = np.flatnonzero(right.labels == -1)
    invented = altered(right, noise[:1], label=right.labels.max() + 1, core=True)
    with pytest.raises(DisagreementError, match="too few neighbours"):
        compare(right, found, invented)
    with pytest.raises(DisagreementError, match="no core within eps"):
        compare(right, found, altered(right, noise[:1], label=0))
    joined = Answer(np.where(right.labels == 1, 0, right.labels), right.core)
    with pytest.raises(DisagreementError, match="falls into parts"):
        compare(right, found, joined)


def test_dbscan_and_scikit_learn_are_compared_and_hdbscan_is_not():
    kinds = {name: contender.agreement for name, contender in CONTENDERS.items()}
    assert kinds["dbscan"] == "partition"
    assert kinds["sklearn"] == "first"
    assert kinds["hdbscan"] is None
    assert "gclust-first" not in ROWS
    assert installed("gclust") == gclust.__version__
    assert installed("no-such-peer") is None


@pytest.mark.skipif(shapely.geos_version < (3, 14), reason="GEOS has DBSCAN from 3.14 on")
def test_dbscan_of_geos_is_that_of_the_plane():
    rng = np.random.default_rng(3)
    towns = rng.uniform(-60, 60, (20, 2))
    plane = plane_km(towns[rng.integers(0, 20, 1500)] + rng.normal(0, 0.08, (1500, 2)))
    labels = prepare_dbscan(plane, 9.0, 12)()
    model = sklearn.cluster.DBSCAN(eps=9.0, min_samples=12).fit(plane)
    core = model.core_sample_indices_
    assert len(core) > 100
    assert ((labels == -1) == (model.labels_ == -1)).all()
    pairs = set(zip(labels[core].tolist(), model.labels_[core].tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == model.labels_.max() + 1


def test_a_geos_without_dbscan_is_named(monkeypatch):
    monkeypatch.setattr(shapely, "geos_version", (3, 13, 1))
    with pytest.raises(RuntimeError, match=r"GEOS 3\.13\.1; expected 3\.14"):
        load_geos()


def test_table_has_times_ratios_memory_and_faults():
    results = {
        ("a", 1000): Measured(0.5, 80_000),
        ("b", 1000): Measured(2.0, None),
        ("a", 2000): Measured(1.0, 90_000),
        ("b", 2000): Measured(None, None, "out of memory"),
    }
    table = render({"a": "ours", "b": "theirs"}, [1000, 2000], results, "a")
    assert table.splitlines() == [
        "| listings | 1,000 | 2,000 |",
        "| --- | ---: | ---: |",
        "| ours | 0.5 s, 80 B | 1 s, 45 B |",
        "| theirs | 2 s (4×) | out of memory |",
    ]


def test_medians_and_digits():
    rounds = [Measured(3.0, 5), Measured(1.0, 9), Measured(2.0, 7)]
    assert middle(rounds) == Measured(2.0, 7)
    assert middle([*rounds, Measured(None, None, "over 9 s")]).fault == "over 9 s"
    assert [significant(x) for x in (0.0012345, 12.345, 1234.5, 0)] == [
        "0.00123",
        "12.3",
        "1230",
        "0",
    ]
    assert exponent([10, 100, 1000], [1.0, 10**1.5, 1000.0]) == pytest.approx(1.5)


def test_only_what_is_between_the_markers_is_replaced(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\\1\n{END}\nafter\n", encoding="utf-8")
    put_between_markers(readme, "new \\1\n")
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew \\1\n{END}\nafter\n"
    for text in ("no markers", f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"):
        readme.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="each once"):
            put_between_markers(readme, "new")
        assert readme.read_text(encoding="utf-8") == text


def test_the_machine_is_described_without_its_name():
    import platform

    described = machine.describe_machine()
    assert "cores of" in described
    assert "GiB" in described
    assert platform.node() not in described or not platform.node()


def test_the_clock_of_draws_knows_their_stages(tmp_path):
    for clusters in ("reclustered", "fixed"):
        extra = f'[uncertainty]\nclusters = "{clusters}"\ndraws = 9\n'
        clock = Clock()
        gclust.uncertainty(study_folder(tmp_path / clusters, extra=extra), progress=clock)
        assert clock.seconds()[0] > clock.gathering()[0]
        assert (clock.gathering()[0] > 0) == (clusters == "reclustered")


def test_a_run_is_measured_stage_by_stage(tmp_path):
    study = study_folder(tmp_path / "study")
    (tmp_path / "temporary").mkdir()
    used = measure_run(study, tmp_path / "run", tmp_path / "temporary", "2GB", threads=1)
    assert used.fault == ""
    assert used.locations > 1000
    assert used.seconds == pytest.approx(sum(stage.seconds for stage in used.stages))
    assert 50e6 < out_of_core.relational_peak(used) <= used.peak_bytes < 2e9
    assert used.disk_bytes > 0
    names = {stage.name for stage in used.stages}
    assert {"read listings", "check listings", "fold listings"} <= names
    table = out_of_core.render({1000: used, 2000: used}).splitlines()
    assert table[0] == "| stage | 1,000 listings | memory | 2,000 listings | memory |"
    assert table[-1].startswith("| all |")
    assert measure_run(tmp_path / "none.toml", tmp_path, tmp_path, "2GB").fault == "failed, exit 1"


def test_stages_of_a_name_are_one_row():
    stages = [StageUse("read", 2.0, 5, 9), StageUse("fold", 1.0, 4, 7), StageUse("read", 3.0, 6, 8)]
    found = out_of_core.stages_by_name(RunUse(stages, 1))
    assert found == {"read": StageUse("read", 5.0, 6, 9), "fold": StageUse("fold", 1.0, 4, 7)}


def test_each_table_has_markers_of_its_own(tmp_path):
    readme = tmp_path / "README.md"
    begin, end = markers("other")
    readme.write_text(f"a\n{BEGIN}\nfirst\n{END}\nb\n{begin}\n{end}\nc\n")
    put_between_markers(readme, "second", "other")
    assert readme.read_text() == f"a\n{BEGIN}\nfirst\n{END}\nb\n{begin}\nsecond\n{end}\nc\n"
    with pytest.raises(ValueError, match="third"):
        put_between_markers(readme, "text", "third")
