"""Tiles of a raster as one: the same to the bit as the whole, whatever way it is cut."""

from __future__ import annotations

import os
import shutil
import warnings
from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.windows import Window

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.places.footprints.outlines import FootprintOptions, footprints
from gclust.places.rasters import covered_cells as cells
from gclust.places.rasters import tiles
from gclust.places.rasters.check import check_raster
from gclust.places.rasters.files import RasterFiles, rebased_path
from gclust.places.rasters.population import population
from tests.rasters import NORTH, SIDE, WEST, box, scale, write_raster
from tests.worlds import study_folder

PEOPLE = np.random.default_rng(1).gamma(0.5, 40.0, (60, 90)).astype("float32")

TRANSFORMS = {
    "north above": Affine(SIDE, 0.0, WEST, 0.0, -SIDE, NORTH),
    "south above": Affine(SIDE, 0.0, WEST, 0.0, SIDE, NORTH - 60 * SIDE),
    "odd": Affine(1 / 120, 0.0, 8.0041666666, 0.0, -1 / 120, 49.99583333),
    "turned": Affine.translation(8.0, 50.0) @ Affine.rotation(-20.0) @ Affine.scale(SIDE, -SIDE),
}

SHAPES = geopandas.GeoSeries(
    [
        shapely.Point(8.4, 49.7).buffer(0.25),
        shapely.box(8.1234, 49.456, 8.6789, 49.9876),
        shapely.MultiPoint([(8.2, 49.6), (8.5, 49.9)]).buffer(0.06),
        shapely.box(8.0, 49.0, 9.5, 50.5),
    ],
    crs="EPSG:4326",
)


def cut(folder, values, columns, rows, *, transform=TRANSFORMS["north above"], **options):
    """Write the tiles between cuts, in an order of names that is not that of their places."""
    folder.mkdir(parents=True, exist_ok=True)
    columns, rows = (
        sorted({0, end, *at}) for at, end in zip((columns, rows), (90, 60), strict=True)
    )
    number = 0
    for left, right in pairwise(columns):
        for top, bottom in pairwise(rows):
            write_raster(
                folder / f"t{(7 * number) % 101:03}.tif",
                values[top:bottom, left:right],
                column=left,
                row=top,
                transform=transform,
                **options,
            )
            number += 1
    return folder


def counted(raster, shapes=SHAPES, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        return population(shapes, raster, **options)


CUTS = st.lists(st.integers(1, 59), max_size=3)


@settings(max_examples=12)
@given(
    columns=CUTS,
    rows=CUTS,
    lies=st.sampled_from(sorted(TRANSFORMS)),
    unit=st.sampled_from(["count", "per_km2"]),
    block=st.sampled_from([999, cells.BLOCK_CELLS]),
    most_open=st.sampled_from([2, 32]),
    has_holes=st.booleans(),
)
def test_tiles_count_as_the_whole_to_the_bit(
    tmp_path_factory, columns, rows, lies, unit, block, most_open, has_holes
):
    folder = tmp_path_factory.mktemp("tiles")
    values = PEOPLE.copy()
    if has_holes:
        values[values < 2.0] = -9.0
    options = {"transform": TRANSFORMS[lies], "nodata": -9.0 if has_holes else None}
    whole = write_raster(folder / "whole.tif", values, **options)
    parts = cut(folder / "parts", values, columns, rows, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "BLOCK_CELLS", block)
        patch.setattr(tiles, "OPEN_TILES", most_open)
        expected = counted(whole, unit=unit)
        found = counted(parts, unit=unit)
    assert expected["population"].notna().all()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_folder_a_pattern_and_a_list_are_the_same(tmp_path, monkeypatch):
    whole = write_raster(tmp_path / "whole.tif", PEOPLE)
    folder = cut(tmp_path / "set [1] of *", PEOPLE, [30], [20, 40])
    (folder / "notes.txt").write_text("no tile")
    (folder / "t000.tif.aux.xml").write_text("<PAMDataset/>")
    (folder / "._t000.tif").write_text("of a Mac")
    files = sorted(folder.glob("t*.tif"))
    expected = counted(whole)
    monkeypatch.chdir(folder)
    deep = folder.parent / "years" / "2020"
    shutil.copytree(folder, deep)
    for raster in (folder, "*.tif", "t*.tif*", "./t???.tif", files, tuple(map(str, files)), deep):
        pd.testing.assert_frame_equal(counted(raster), expected, check_exact=True)
    monkeypatch.chdir(tmp_path)
    for raster in ("years/*/*.tif", "years/**/*.tif", [str(deep / "t0*.tif")]):
        pd.testing.assert_frame_equal(counted(raster), expected, check_exact=True)
    upper = [path.rename(path.with_suffix(".TIFF")) for path in sorted(deep.glob("t*.tif"))]
    assert RasterFiles.of(deep).files == tuple(map(str, upper))


def test_a_pattern_that_fits_nothing_and_an_empty_list_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"none/\*\.tif: no file fits the pattern"):
        counted(tmp_path / "none" / "*.tif")
    with pytest.raises(StudyError, match=r"raster = \[\]; expected a file of inhabitants"):
        counted([])
    with pytest.raises(StudyError, match=r"raster = ''; expected a file of inhabitants"):
        RasterFiles.of("", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match=r"empty: no raster that can be read"):
        counted(tmp_path / "empty")


def test_a_missing_tile_is_no_data(tmp_path):
    folder = cut(tmp_path / "tiles", PEOPLE, [30, 60], [30])
    gone = write_raster(tmp_path / "x.tif", PEOPLE[:30, 30:60], column=30)
    with rasterio.open(gone) as source:
        bounds = source.bounds
    for path in folder.iterdir():
        with rasterio.open(path) as source:
            is_it = source.bounds == bounds
        if is_it:
            path.unlink()
    with pytest.warns(GclustWarning, match=r"tiles has no data for more than 1 % of 1 of 1"):
        table = population(box(0, 0, 90, 60), folder)
    assert table["uncovered_share"][0] == pytest.approx(1 / 6, rel=1e-2)
    rest = PEOPLE.sum(dtype=float) - PEOPLE[:30, 30:60].sum(dtype=float)
    assert table["population"][0] == pytest.approx(rest, rel=1e-6)


def test_the_first_corner_may_be_missing(tmp_path):
    """Then no tile has both of the whole's first numbers."""
    folder = cut(tmp_path / "tiles", PEOPLE, [45], [30])
    (folder / "t000.tif").unlink()
    one, other = (geopandas.GeoSeries([s], crs=4326) for s in SHAPES[[0, 1]])
    for name, transform in TRANSFORMS.items():
        turned = cut(tmp_path / name, PEOPLE, [45], [30], transform=transform)
        (turned / "t000.tif").unlink()
        whole = PEOPLE.copy()
        whole[:30, :45] = -1
        path = write_raster(tmp_path / "whole.tif", whole, transform=transform, nodata=-1)
        for shapes in (one, other):
            pd.testing.assert_frame_equal(counted(turned, shapes), counted(path, shapes))


def test_tiles_of_several_types_scales_and_values_of_no_data(tmp_path):
    values = np.random.default_rng(3).integers(1, 100, (60, 90))
    values[5, 5] = values[5, 85] = 0
    whole = write_raster(tmp_path / "whole.tif", values.astype("int32"), nodata=0)
    folder = tmp_path / "tiles"
    folder.mkdir()
    west = np.where(values == 0, 255, values)[:, :30].astype("uint8")
    write_raster(folder / "a.tif", west, nodata=255)
    scale(
        write_raster(folder / "b.tif", (4 * values[:, 30:60]).astype("uint16"), column=30),
        0.25,
    )
    east = np.where(values == 0, np.nan, values)[:, 60:].astype("float64")
    write_raster(folder / "c.tif", east, column=60)
    pd.testing.assert_frame_equal(counted(folder), counted(whole), check_exact=True)


def test_overlaps_are_counted_once(tmp_path):
    """What one tile has no data for, another tells: countries in one grid of rectangles."""
    owner = np.random.default_rng(5).integers(0, 3, PEOPLE.shape)
    folder = tmp_path / "countries"
    folder.mkdir()
    for country, (left, right) in enumerate([(0, 80), (5, 90), (0, 90)]):
        part = np.where(owner == country, PEOPLE, -1.0).astype("float32")[:, left:right]
        write_raster(folder / f"{country}.tif", part, column=left, nodata=-1.0)
    inside = np.full(PEOPLE.shape, -1.0, dtype="float32")
    for country, (left, right) in enumerate([(0, 80), (5, 90), (0, 90)]):
        here = owner[:, left:right] == country
        inside[:, left:right][here] = PEOPLE[:, left:right][here]
    whole = write_raster(tmp_path / "whole.tif", inside, nodata=-1.0)
    pd.testing.assert_frame_equal(counted(folder), counted(whole), check_exact=True)
    shutil.copy(folder / "1.tif", folder / "1 (copy).tif")
    pd.testing.assert_frame_equal(counted(folder), counted(whole), check_exact=True)


@pytest.mark.parametrize("at", [(20, 40), (59, 50), (0, 32), (31, 49)])
def test_tiles_that_differ_where_they_overlap_are_refused(tmp_path, at):
    row, column = at
    write_raster(tmp_path / "a.tif", PEOPLE[:, :51])
    other = PEOPLE[:, 30:].copy()
    other[row, column - 30] += 1.0
    write_raster(tmp_path / "b.tif", other, column=30)
    match = r"a\.tif and .*b\.tif overlap and differ: at longitude 8\.\d+, latitude 49\.\d+ they"
    with pytest.raises(StudyError, match=match):
        check_raster(RasterFiles.of(tmp_path))
    with pytest.raises(StudyError, match=match):
        counted(tmp_path, box(column, row, column + 1, row + 1))
    assert counted(tmp_path, box(0, 0, 10, 10))["population"].notna().all()


def test_the_tile_with_an_undeclared_no_data_is_named(tmp_path):
    folder = cut(tmp_path / "tiles", PEOPLE, [30, 60], [])
    path = folder / "t007.tif"
    with rasterio.open(path, "r+") as file:
        values = file.read(1)
        values[10, 10] = -9999.0
        file.write(values, 1)
    match = r"t007\.tif: .*-9999 .*, of each tile: rio edit-info --nodata -9999 .*t007\.tif$"
    with pytest.raises(StudyError, match=match):
        counted(folder)
    # Another tile that has data there hides it no more.
    write_raster(folder / "a.tif", PEOPLE)
    with pytest.raises(StudyError, match=match):
        counted(folder)


APART = {
    "CRS": ({"crs": "EPSG:4258"}, r"differ in CRS \(EPSG:4326, EPSG:4258\)"),
    "resolution": (
        {"transform": Affine(0.0101, 0.0, WEST, 0.0, -0.0101, NORTH)},
        r"do not lie on one grid: their cells are 0\.01 by 0\.01 and 0\.0101 by 0\.0101",
    ),
    "alignment": (
        {"transform": Affine(SIDE, 0.0, WEST + 0.4 * SIDE, 0.0, -SIDE, NORTH)},
        r"do not lie on one grid: .*30\.4 columns and 0 rows apart",
    ),
    "south": (
        {"transform": Affine(SIDE, 0.0, WEST, 0.0, SIDE, NORTH)},
        r"do not lie on one grid",
    ),
}


@pytest.mark.parametrize("what", APART)
def test_tiles_of_other_grids_are_refused_by_name(tmp_path, what):
    options, match = APART[what]
    write_raster(tmp_path / "a.tif", PEOPLE[:, :30])
    write_raster(tmp_path / "b.tif", PEOPLE[:, 30:], **{"column": 30, **options})
    for look in (lambda: check_raster(RasterFiles.of(tmp_path)), lambda: counted(tmp_path)):
        with pytest.raises(StudyError, match=rf"a\.tif and .*b\.tif {match}"):
            look()


def test_tiles_on_two_turns_of_longitude_are_refused(tmp_path):
    """0 to 360 in some and -180 to 180 in others: the same cells would be there twice."""
    for west in (-180, 0, 90):
        at = Affine(1.0, 0.0, west, 0.0, -1.0, 30.0)
        write_raster(tmp_path / f"{west}.tif", PEOPLE, transform=at)
    here = geopandas.GeoSeries([shapely.box(-5, -5, 15, 15)], crs="EPSG:4326")
    assert counted(tmp_path, here)["uncovered_share"][0] == pytest.approx(0.25, abs=0.01)
    at = Affine(1.0, 0.0, 190.0, 0.0, -1.0, 30.0)
    write_raster(tmp_path / "190.tif", PEOPLE, transform=at)
    with pytest.raises(StudyError, match=r"-180\.tif to .*190\.tif extend over more than 360"):
        counted(tmp_path, here)


def test_a_grid_told_with_few_digits_is_one(tmp_path):
    """Corners of tiles that are published as text are true to a hundredth of a cell."""
    values = PEOPLE.astype("float64")
    side = 1 / 120
    whole = write_raster(
        tmp_path / "whole.tif", values, transform=Affine(side, 0.0, 8.0, 0.0, -side, 50.0)
    )
    (tmp_path / "tiles").mkdir()
    for left, right in ((0, 45), (45, 90)):
        about = Affine(0.00833333333, 0.0, round(8.0 + left * side, 6), 0.0, -0.00833333333, 50.0)
        name = tmp_path / "tiles" / f"{left}.tif"
        write_raster(name, values[:, left:right], transform=about)
    pd.testing.assert_frame_equal(counted(tmp_path / "tiles"), counted(whole), rtol=1e-4)


def test_cells_of_tiles_are_those_of_the_whole(tmp_path):
    whole = write_raster(tmp_path / "whole.tif", PEOPLE)
    folder = cut(tmp_path / "tiles", PEOPLE, [17, 55], [33])
    rng = np.random.default_rng(2)
    lat, lon = rng.uniform(49.45, 49.95, 200), rng.uniform(8.05, 8.85, 200)
    core, label = np.ones(200, bool), np.arange(200) % 4
    one, other = (
        footprints(
            lat, lon, core, label, FootprintOptions(method="raster", raster=raster), n_clusters=4
        )
        for raster in (whole, folder)
    )
    assert one.geom_equals(other).all()


STUDY = """
[population]
raster = {}
band = 2
[footprint]
method = "raster"
[intensity]
rasters = [{{ raster = {}, band = 1, name = "men" }}]
"""


def test_a_study_of_tiles_is_that_of_the_whole_and_runs_again_from_its_folder(tmp_path):
    """The folders have names that a pattern would take for its own."""
    home = tmp_path / "study [of] 2020"
    values = np.random.default_rng(8).gamma(0.5, 900.0, (2, 80, 180)).astype("float32")
    at = Affine(0.05, 0.0, 8.0, 0.0, -0.05, 50.0)
    (home / "tiles").mkdir(parents=True)
    write_raster(home / "tiles" / "a.tif", values[:, :, :70], transform=at)
    write_raster(home / "tiles" / "b.tif", values[:, :, 70:], column=70, transform=at)
    write_raster(home / "whole.tif", values, transform=at)
    whole = '"whole.tif"'
    plain = gclust.run(study_folder(home, extra=STUDY.format(whole, whole)))
    extra = STUDY.format('"tiles/*.tif"', '["tiles/b.tif", "tiles/a*"]')
    run = gclust.run(study_folder(home, extra=extra), tmp_path / "out" / "run")
    pd.testing.assert_frame_equal(run.ranking, plain.ranking)
    columns = ["combination", "raster"]
    found, expected = (each.intensity.detail for each in (run, plain))
    pd.testing.assert_frame_equal(found.drop(columns=columns), expected.drop(columns=columns))
    assert found["raster"].unique().tolist() == ["tiles", "men"]
    told = [(r["key"], r["raster"], r["band"], r["bands"], r["files"]) for r in run.info["rasters"]]
    assert told == [
        ("[population] raster", "tiles/*.tif", 2, ["1", "2"], 2),
        ("[intensity] rasters number 1", "tiles/b.tif and 1 more", 1, ["1", "2"], 2),
    ]
    again = gclust.run(run.path / "study.toml")
    pd.testing.assert_frame_equal(again.ranking, run.ranking)
    study = gclust.read_run(run.path).study
    assert (study.population.band, study.intensity.rasters[0].band) == (2, 1)


def test_what_a_list_of_files_and_a_folder_are_called(tmp_path):
    """By default, in comparisons of rasters."""
    cut(tmp_path / "ghs 2020", PEOPLE, [30], [])
    called = {"ghs 2020": "ghs 2020", "ghs 2020/*.tif": "ghs 2020", "ghs*/t000.tif": "t000"}
    for raster, name in called.items():
        assert RasterFiles.of(raster, tmp_path).stem == name
    listed = ["ghs 2020/t007.tif", "ghs 2020/t000.tif"]
    assert RasterFiles.of(listed, tmp_path).stem == "t007 and 1 more"


NAMES = st.text("ab[]*?! ", min_size=1, max_size=6).filter(lambda name: name.strip() == name)


@settings(max_examples=60)
@given(
    folder=NAMES, inner=NAMES, home=NAMES, pattern=st.sampled_from(["*.tif", "[ab].tif", "?.tif"])
)
def test_patterns_mean_the_same_from_another_folder(tmp_path_factory, folder, inner, home, pattern):
    top = tmp_path_factory.mktemp("seen")
    place = top / "x" / folder
    (place / inner).mkdir(parents=True)
    (top / "y" / home).mkdir(parents=True)
    for name in ("a.tif", "b.tif", "no.text"):
        (place / inner / name).touch()
    # A folder that exists is meant by its very name; else the pattern is in the last part.
    if any(character in inner for character in "*?["):
        inner = "."
        for name in ("a.tif", "b.tif"):
            (place / name).touch()
    said = f"{inner}/{pattern}"
    expected = [os.path.realpath(file) for file in RasterFiles.of(said, place).files]
    assert len(expected) == 2
    there = top / "y" / home
    for spelled in (rebased_path(said, place, there), rebased_path(said, place)):
        found = RasterFiles.of(spelled, there).files
        assert [os.path.realpath(file) for file in found] == expected


def test_a_real_raster_cut_into_tiles_has_the_same_totals(shared_data, tmp_path):
    """The world of 2020 and its tiles: to the bit, and the sum of what the file holds."""
    path = shared_data / "population" / "gpw_v4_population_count_2020_15_min_derived.tif"
    with rasterio.open(path) as source:
        for left, right in ((0, 333), (333, 901), (901, 1440)):
            for top, bottom in ((0, 100), (100, 477), (477, 720)):
                values = source.read(window=Window(left, top, right - left, bottom - top))
                write_raster(
                    tmp_path / f"{left}-{top}.tif", values, column=left, row=top,
                    transform=source.transform, crs=source.crs, nodata=source.nodata,
                )  # fmt: skip
        total = source.read(1, masked=True).sum(dtype=float)
    rng = np.random.default_rng(6)
    places = rng.uniform((-170, -50, 0.3), (170, 65, 9), (30, 3))
    discs = [shapely.Point(lon, lat).buffer(radius) for lon, lat, radius in places]
    shapes = geopandas.GeoSeries([shapely.box(-180, -90, 180, 90), *discs], crs="EPSG:4326")
    one, other = counted(path, shapes), counted(tmp_path, shapes)
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one["population"][0] == pytest.approx(total, rel=1e-12)
    assert check_raster(RasterFiles.of(Path(tmp_path))).n_files == 9
