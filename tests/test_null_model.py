"""The null model: exact moments, same bytes, family-wise values, units, baselines, refusals."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rasterio import Affine

import gclust
from benchmarks import null_worlds
from gclust.cli import main
from gclust.errors import StudyError
from gclust.experiments.null_model import excess
from gclust.experiments.null_model.baseline import Baseline
from gclust.experiments.null_model.units import Units
from gclust.kernels.resampling.placing import (
    MeasuredPlaces,
    PlacedUnits,
    alias_table,
    draw_largest,
    place_units,
)
from gclust.kernels.spatial.grid_cells_near import cells_near
from gclust.parallel import unreported
from gclust.places.numbered_cells import NumberedCells
from gclust.places.rasters.files import RasterFiles
from gclust.places.rasters.people import people_points
from gclust.results.columns.null_model import TABLES
from gclust.sphere import arc_km, unit_vectors
from gclust.units import UNIT
from tests.rasters import write_raster

HALF_DEGREES = Affine(0.5, 0.0, 5.0, 0.0, -0.5, 46.0)
PEOPLE = {"lat": [45.0, 45.05, 45.6, 46.2], "lon": [5.0, 5.02, 5.5, 6.4]}


def distances(lat, lon, other_lat, other_lon):
    a, b = unit_vectors(lat, lon), unit_vectors(other_lat, other_lon)
    return arc_km(np.linalg.norm(a[:, None] - b[None], axis=2))


@pytest.mark.parametrize("radius_km", [40.0, 700.0, 9000.0])
def test_cells_near_are_those_of_all_pairs(radius_km):
    rng = np.random.default_rng(3)
    lat = np.concatenate([rng.uniform(-90, 90, 30), [90.0, -90.0, 89.9, 0.0, 0.0]])
    lon = np.concatenate([rng.uniform(-180, 180, 30), [0.0, -180.0, 10.0, -180.0, 179.999]])
    grid = NumberedCells.of(max(radius_km, 300.0))
    near = cells_near(lat, lon, grid.centres, radius_km, 1)
    every = np.arange(grid.begin[-1])
    apart = distances(lat, lon, *grid.centre(every))
    for i in range(len(lat)):
        found = near.cell[near.start[i] : near.start[i + 1]]
        assert sorted(found.tolist()) == np.flatnonzero(apart[i] <= radius_km).tolist()
    many = cells_near(lat, lon, grid.centres, radius_km, 3)
    np.testing.assert_array_equal(near.cell, many.cell)


def test_numbers_of_cells_and_those_that_touch():
    grid = NumberedCells.of(1500.0)
    every = np.arange(grid.begin[-1])
    lat, lon = grid.centre(every)
    np.testing.assert_array_equal(grid.number(lat, lon), every)
    at, other = grid.touching(every)
    joined = {frozenset(pair) for pair in zip(at.tolist(), other.tolist(), strict=True)}
    limits, columns, begin = grid.grid.limits, grid.grid.columns, grid.begin

    def edges(cell):
        band = np.searchsorted(begin, cell, side="right") - 1
        width = 360.0 / columns[band]
        west = (cell - begin[band]) * width
        return band, limits[band], limits[band + 1], west, west + width

    for a in every.tolist():
        for b in range(a + 1, len(every)):
            one, two = edges(a), edges(b)
            near = two[0] - one[0] <= 1 and any(
                one[3] <= two[4] + turn + 1e-6 and two[3] + turn <= one[4] + 1e-6
                for turn in (-360.0, 0.0, 360.0)
            )
            assert (frozenset((a, b)) in joined) == near, (a, b)


def small_null(weights=(5, 3, 1, 1), strata=(0, 0, 0, 1)):
    """Four units in two strata, and a baseline of four locations."""
    weight = np.array(weights, dtype=np.int64) * UNIT
    parts = pd.DataFrame({"unit": range(4), "location": range(4), "weight": weight})
    table = pd.DataFrame({**PEOPLE, "weight": [1.0, 2.0, 3.0, 4.0], "stratum": [0, 0, 0, 1]})
    baseline = Baseline(table, ("A", "B"), np.array(strata))
    places = pd.DataFrame({**PEOPLE, "weight": weight})
    return places, baseline, Units("organisations", parts, ())


def test_expectation_and_standard_deviation_are_those_of_draws():
    locations, baseline, units = small_null()
    places = excess.measure(locations, baseline, units, 20.0, 1)
    table = alias_table(baseline.table["weight"].to_numpy(), baseline.begin)
    placed = PlacedUnits(units.weights(), baseline.stratum.astype(np.int32))
    sums = np.empty((20_000, len(places.cell)), dtype=np.int64)
    for draw in range(len(sums)):
        place_units(placed, table, places.near, (np.uint64(9), draw), sums[draw])
    tested, drawn = places.tested, sums / UNIT
    error = drawn.std(axis=0) / np.sqrt(len(sums))
    assert np.all(np.abs(drawn.mean(axis=0) - tested.expected / UNIT) < 5 * error + 1e-9)
    least = (25 + 9 + 1 + 1) / 10
    wanted = np.maximum(drawn.std(axis=0), least)
    np.testing.assert_allclose(tested.scale / UNIT, wanted, rtol=0.05)
    # By hand: within 20 km of a place near the first two are half of A's people.
    heavy = np.argmax(tested.observed)
    assert tested.observed[heavy] == 8 * UNIT
    assert tested.expected[heavy] / UNIT == pytest.approx(9 * 3 / 6)
    apart = distances(PEOPLE["lat"], PEOPLE["lon"], *places.grid.centre(places.cell))
    weight = np.array([5, 3, 1, 1])
    np.testing.assert_array_equal(tested.observed / UNIT, weight @ (apart <= 20.0))
    share = np.array([1 / 6, 2 / 6, 3 / 6, 1.0]) * [9, 9, 9, 1]
    np.testing.assert_allclose(tested.expected / UNIT, share @ (apart <= 20.0))


def test_draws_follow_the_baseline_and_do_not_depend_on_threads():
    locations, baseline, units = small_null()
    places = excess.measure(locations, baseline, units, 20.0, 1)
    how = {"draws": 300, "seed": 4, "report": lambda *_: None}
    one, three = (
        excess.draw_by_chance(places, baseline, units, threads=threads, **how) for threads in (1, 3)
    )
    np.testing.assert_array_equal(one.largest, three.largest)
    np.testing.assert_array_equal(one.exceeded, three.exceeded)
    other = excess.draw_by_chance(places, baseline, units, threads=1, **{**how, "seed": 5})
    assert not np.array_equal(one.largest, other.largest)
    weight = np.array([0.5, 3.0, 1e-9, 7.0, 2.0])
    table = alias_table(weight, np.array([0, 5]))
    kept = np.zeros(5)
    np.add.at(kept, np.arange(5), table.accept / 5)
    np.add.at(kept, table.alias, (1 - table.accept) / 5)
    np.testing.assert_allclose(kept, weight / weight.sum(), atol=1e-15)


def test_p_values_are_shares_of_the_draws_with_the_map_itself():
    by_chance = excess.ByChance(np.arange(19.0), np.array([0, 18]))
    found = by_chance.family_p(np.array([18.5, 18.0, 17.5, -1.0]))
    np.testing.assert_allclose(found, [1 / 20, 2 / 20, 2 / 20, 1.0])
    np.testing.assert_allclose(by_chance.pointwise_p, [1 / 20, 19 / 20])
    assert by_chance.critical(0.05) == 18.0  # more than that is significant
    assert by_chance.critical(0.1) == 17.0
    assert by_chance.critical(0.01) == np.inf


def test_a_place_belongs_to_the_cluster_with_most_weight_in_its_cell():
    locations, baseline, units = small_null()
    places = excess.measure(locations, baseline, units, 20.0, 1)
    peak, of_place = excess.peaks(places, locations, np.array([0, 1, 2, -1]), 4)
    number = places.numbers(
        places.grid.number(locations["lat"].to_numpy(), locations["lon"].to_numpy())
    )
    own = {cluster: number[cluster] for cluster in range(3)}
    assert of_place[own[2]] == 2
    assert peak[3] == -1
    if own[0] == own[1]:  # the second has no cell of its own, and keeps the one that it lies in
        assert of_place[own[0]] == 0
    assert [peak[c] for c in range(3)] == [own[c] for c in range(3)]


def world_study(seed=0, planted=0, **null):
    world = null_worlds.make_world(seed, planted)
    study = null_worlds.study_of(world, "organisations", 99)
    return replace(study, null=replace(study.null, **null))


@pytest.fixture(scope="module")
def planted():
    return gclust.null_model(world_study(planted=60), n_jobs=2)


def test_planted_organisations_are_found_and_others_not(planted):
    found = planted.table[planted.table["significant"]]
    assert len(found) == 1
    assert planted.p_value == found["family_p"].iloc[0] == 0.01
    assert found["excess"].iloc[0] > planted.critical
    assert (planted.table["excess"].iloc[1:] <= planted.critical).all()
    assert planted.n_units == null_worlds.ORGANISATIONS
    assert set(planted.table["peak_pointwise_note"]) == {"descriptive: the peak was chosen"}
    plain = gclust.null_model(world_study(), n_jobs=1)
    assert plain.p_value > 0.05
    assert not plain.table["significant"].any()
    # Pointwise, the strongest of the same clusters would be "found".
    assert plain.table["peak_pointwise_p"].iloc[0] <= 0.05


def test_listings_as_units_find_clusters_where_there_are_none():
    found = gclust.null_model(world_study(units="listings"), n_jobs=1)
    assert found.table["significant"].any()
    assert any("as if they were independent" in message for message in found.warnings)
    table = null_worlds.make_world(0).patents
    assert found.n_units == len(table)
    by_location = gclust.null_model(world_study(units="locations"), n_jobs=1)
    assert by_location.n_units == len(table.drop_duplicates(["lat", "lon"]))


def test_rows_in_any_order_and_any_threads_give_the_same(planted):
    study = world_study(planted=60)
    mixed = [
        replace(each, data=each.data.sample(frac=1, random_state=at).reset_index(drop=True))
        for at, each in enumerate(study.sources)
    ]
    again = gclust.null_model(replace(study, sources=tuple(mixed)), n_jobs=1)
    pd.testing.assert_frame_equal(again.table, planted.table)
    pd.testing.assert_frame_equal(again.places, planted.places)
    np.testing.assert_array_equal(again.largest, planted.largest)


def test_observed_weight_is_that_within_the_radius(planted):
    patents = null_worlds.make_world(0, 60).patents
    places = planted.places[::20]
    apart = distances(places["lat"], places["lon"], patents["lat"], patents["lon"])
    np.testing.assert_allclose(places["observed"], (apart <= 10.0).sum(axis=1))


def listings_of(rows):
    return pd.DataFrame(rows, columns=["lat", "lon", "organisation", "record"])


def rows_study(rows, **null):
    base = pd.DataFrame({"lat": [45.0, 46.0, 47.0], "lon": [5.0, 5.0, 5.0]})
    return gclust.Study(
        sources=[{"kind": "patent", "data": listings_of(rows)}, {"kind": "base", "data": base}],
        density={"kinds": ["patent"]},
        clusters={"eps_km": 10, "min_samples": 3},
        null={"baseline": "listings", "draws": 19, **null},
    )


def test_units_are_organisations_records_without_one_and_locations_of_the_rest():
    rows = [
        (45.0, 5.0, "a", 1), (45.0, 5.0, "a", 2), (46.0, 5.0, "a", 3),
        (45.0, 5.0, None, 4), (46.0, 5.0, None, 4), (45.0, 5.0, None, 5),
        (45.0, 5.0, None, None), (45.0, 5.0, None, None), (46.0, 5.0, None, None),
    ]  # fmt: skip
    found = gclust.null_model(rows_study(rows))
    assert (found.units, found.n_units) == ("organisations", 1 + 2 + 2)
    assert any("66.7 % of the weight has no organisation" in each for each in found.warnings)
    assert any("22 % of the weight lies more than 20 km" in each for each in found.warnings)
    sites = gclust.null_model(rows_study(rows, units="sites"))
    assert sites.n_units == 2 + 3 + 2
    nameless = [(*row[:2], None, row[3]) for row in rows]
    locations = gclust.null_model(rows_study(nameless))
    assert (locations.units, locations.n_units) == ("locations", 2)
    with pytest.raises(StudyError, match="no listing has an organisation"):
        gclust.null_model(rows_study(nameless, units="organisations"))


def test_a_unit_stays_in_its_economy_and_one_without_baseline_is_left_out():
    rows = [(45.0, 5.0, f"f{n}", n) for n in range(6)] + [(-33.9, 151.2, "au", 9)]
    found = gclust.null_model(rows_study(rows))
    assert found.n_units == 6
    assert any("economies without baseline" in each for each in found.warnings)
    anywhere = gclust.null_model(rows_study(rows, within="all"))
    assert anywhere.n_units == 7
    assert any("is not tested" in each for each in anywhere.warnings)
    assert any(
        "one of the organisations has" in each
        for each in gclust.null_model(
            rows_study([(45.0, 5.0, "a", n) for n in range(9)] + rows[:2])
        ).warnings
    )


def test_refusals():
    study = world_study()
    with pytest.raises(StudyError, match=r"needs the raster of \[population\]"):
        gclust.null_model(replace(study, null=replace(study.null, baseline="population")))
    everything = replace(study, density=replace(study.density, kinds=None))
    with pytest.raises(StudyError, match="all do"):
        gclust.null_model(everything)
    with pytest.raises(StudyError, match="expected 99 or more at level = 0.01"):
        gclust.null_model(replace(study, null=replace(study.null, level=0.01, draws=98)))
    with pytest.raises(StudyError, match="is not known; did you mean 'units'"):
        gclust.Study(sources=study.sources, null={"unit": "sites"})


def test_people_of_a_raster_are_spread_over_its_cells(tmp_path):
    values = np.array([[8.0, 0.0], [2.0, np.nan]])
    path = write_raster(tmp_path / "people.tif", values, transform=HALF_DEGREES)
    files = RasterFiles.of(str(path))
    points = people_points(files, unit="count", band=None, spacing_km=5.0)
    assert points["people"].sum() == pytest.approx(10.0)
    north = points["lat"] > 45.5
    assert points.loc[north, "people"].sum() == pytest.approx(8.0, rel=0.1)
    assert len(points) > 100
    assert points["lon"].between(4.95, 5.55).all()
    whole = people_points(files, unit="count", band=None, spacing_km=100.0)
    assert len(whole) <= 4
    dense = people_points(files, unit="per_km2", band=None, spacing_km=5.0)
    assert dense["people"].sum() == pytest.approx(8 * 2160 + 2 * 2180, rel=0.02)


def test_the_folder_is_read_back_and_described(planted, tmp_path):
    study = world_study(planted=60, draws=19)
    done = gclust.null_model(study, tmp_path / "null")
    back = gclust.read_null_model(tmp_path / "null")
    pd.testing.assert_frame_equal(back.table, done.table)
    pd.testing.assert_frame_equal(back.places, done.places)
    assert repr(back) == repr(done)
    assert "19 draws of 400 organisations, placed by listings of other kinds" in repr(done)
    assert (back.critical, back.p_value, back.warnings) == (
        done.critical, done.p_value, done.warnings,
    )  # fmt: skip
    for name in ("null_model", "null_places"):
        described = [column.name for column in TABLES[name].columns]
        header = (tmp_path / "null" / f"{name}.csv").read_text("utf-8").split("\n")[0]
        assert header.split(",") == described
    with pytest.raises(FileExistsError):
        gclust.null_model(study, tmp_path / "null")
    with pytest.raises(StudyError, match="gclust null"):
        gclust.read_null_model(tmp_path)


def test_the_command(tmp_path):
    study = gclust.datasets.example_study(tmp_path / "study")
    text = study.read_text(encoding="utf-8")
    study.write_text(f"{text}\n[null]\ndraws = 39\nradius_km = 8\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = CliRunner().invoke(main, ["null", str(study), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    for words in ("39 draws of 24 organisations", "placed by inhabitants", "Grenoble", "8 km"):
        assert words in done.output
    assert "descriptive" in done.output
    assert (tmp_path / "out" / "null_model.json").is_file()


def test_largest_excess_of_draws_is_that_of_their_sums():
    locations, baseline, units = small_null()
    places = excess.measure(locations, baseline, units, 20.0, 1)
    table = alias_table(baseline.table["weight"].to_numpy(), baseline.begin)
    placed = PlacedUnits(units.weights(), baseline.stratum.astype(np.int32))
    tested = MeasuredPlaces(*places.tested)
    largest, exceeded = draw_largest(
        placed, table, places.near, tested,
        seed=2, draws=np.arange(5, 45), threads=2, report=unreported,
    )  # fmt: skip
    count = np.zeros(len(places.cell), dtype=np.int64)
    for at, draw in enumerate(range(5, 45)):
        sums = np.empty(len(places.cell), dtype=np.int64)
        place_units(placed, table, places.near, (np.uint64(2), draw), sums)
        assert sums.sum() >= 0
        assert largest[at] == ((sums - tested.expected) / tested.scale).max()
        count += sums >= tested.observed
    np.testing.assert_array_equal(exceeded, count)


@pytest.mark.parametrize("units", ["organisations", "sites", "locations"])
def test_units_of_one_listing_each_are_noted(units):
    """With a name for each listing the test is one of listings, whatever its units are called."""
    rows = [(45.0 + n / 1000, 5.0, f"firm {n}", n) for n in range(8)]
    found = gclust.null_model(rows_study(rows, units=units))
    said = f"each of the {units} has one listing, so that listings are placed one by one"
    assert any(each.startswith(said) for each in found.warnings)
    two = gclust.null_model(rows_study([*rows, rows[-1]], units=units))
    assert two.n_units == 8
    assert not any("has one listing" in each for each in two.warnings)
