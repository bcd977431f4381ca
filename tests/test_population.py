"""Population of footprints: a 3 x 3 raster worked by hand, projections, missing data."""

import subprocess
import sys
import warnings

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio import Affine
from rasterio.windows import Window

from gclust.errors import GclustWarning, StudyError
from gclust.places.footprints.outlines import FootprintOptions, footprints
from gclust.places.geodesic import area_km2, band_km2
from gclust.places.rasters import covered_cells as cells
from gclust.places.rasters.population import population

WGS84 = FootprintOptions(metric="wgs84")
WIDE = FootprintOptions(radius_km=60.0)
VALUES = np.array([[10.0, 20.0, 30.0], [40.0, 50.0, 60.0], [70.0, 80.0, 90.0]])


def from_origin(west, north, width, height):
    return Affine(width, 0.0, west, 0.0, -height, north)


def write(path, values, transform, crs="EPSG:4326", nodata=None):
    values = np.asarray(values, dtype="float64")
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype="float64",
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as file:
        file.write(values, 1)
    return path


@pytest.fixture
def raster(tmp_path):
    """3 x 3 cells of one degree between 0 and 3 E, 0 and 3 N."""
    return write(tmp_path / "three.tif", VALUES, from_origin(0.0, 3.0, 1.0, 1.0))


def series(*shapes, crs="EPSG:4326"):
    return geopandas.GeoSeries(list(shapes), crs=crs)


def test_cells_count_by_the_share_covered(raster):
    # Half of every cell on an edge, a quarter of every cell at a corner, all of the middle.
    square = shapely.box(0.5, 0.5, 2.5, 2.5)
    expected = (10 + 30 + 70 + 90) / 4 + (20 + 40 + 60 + 80) / 2 + 50
    table = population(series(square, shapely.box(1, 1, 2, 2)), raster)
    # Half the height of a cell is half of its area, but for a few millionths at the equator.
    assert table["population"].tolist() == pytest.approx([expected, 50.0], rel=1e-5)
    assert table["uncovered_share"].tolist() == [0.0, 0.0]
    assert table.columns.tolist() == ["population", "uncovered_share"]


@pytest.mark.parametrize("most", [cells.BLOCK_CELLS, 5])
def test_many_footprints_count_as_each_does_alone(tmp_path, monkeypatch, most):
    """Also beyond the raster, across its edge at 180 degrees, and on several blocks."""
    monkeypatch.setattr(cells, "BLOCK_CELLS", most)
    rng = np.random.default_rng(5)
    path = write(tmp_path / "r.tif", rng.random((8, 36)), from_origin(-180.0, 40.0, 10.0, 10.0))
    middles = np.column_stack([rng.uniform(-179, 179, 90), rng.uniform(-60, 60, 90)])
    discs = [
        shapely.Point(*at).buffer(size)
        for at, size in zip(middles, rng.uniform(0.01, 20.0, 90), strict=True)
    ]
    crossing = shapely.box(170.0, 5.0, 180.0, 9.0) | shapely.box(-180.0, 5.0, -165.0, 9.0)
    shapes = series(*discs, crossing, shapely.Polygon(), crossing | shapely.box(2, 2, 3, 3))
    together = population(shapes, path, warn=lambda _: None)
    alone = [population(shapes[[row]], path, warn=lambda _: None) for row in shapes.index]
    assert together.equals(pd.concat(alone))
    assert together["population"].notna().sum() > 50


def test_a_sliver_that_collapses_to_a_line_counts_nothing(tmp_path):
    """Its corners are different numbers in degrees, but not in columns of the raster."""
    path = write(
        tmp_path / "r.tif", np.full((2160, 4320), 7.0), from_origin(-180.0, 90.0, 1 / 12, 1 / 12)
    )
    west, south = 52.01534348727036, 55.810228939334095
    sliver = shapely.Polygon(
        [(west, south), (52.015343487270364, south), (52.01553644970356, 55.81023963142567)]
    )
    assert sliver.area > 0.0
    table = population(series(sliver, shapely.box(52, 55, 53, 56)), path, warn=lambda _: None)
    assert np.isnan(table["population"][0])
    assert table["population"][1] == pytest.approx(7.0 * 144)


def test_densities_are_multiplied_by_the_area_of_each_row(raster):
    square = shapely.box(0.5, 0.5, 2.5, 2.5)
    pieces = [
        (
            VALUES[row, column],
            square.intersection(shapely.box(column, 2 - row, column + 1, 3 - row)),
        )
        for row in range(3)
        for column in range(3)
    ]
    areas = (
        float(band_km2(piece.bounds[3]) - band_km2(piece.bounds[1]))
        * (piece.bounds[2] - piece.bounds[0])
        for _, piece in pieces
    )
    expected = sum(value * area for (value, _), area in zip(pieces, areas, strict=True))
    (actual,) = population(series(square), raster, unit="per_km2")["population"]
    assert actual == pytest.approx(expected, rel=1e-7)


def test_a_fine_raster_of_densities_agrees_with_geodesic_areas(tmp_path):
    path = write(tmp_path / "fine.tif", np.full((400, 400), 7.0), from_origin(20, 62, 0.01, 0.01))
    shape = footprints(
        [60.0, 60.05],
        [22.0, 22.2],
        [True, True],
        [0, 0],
        WGS84,
        n_clusters=1,
    )
    (actual,) = population(shape, path, unit="per_km2")["population"]
    assert actual == pytest.approx(7.0 * area_km2(shape)[0], rel=1e-5)


@pytest.mark.parametrize("south", [False, True])
def test_parts_of_cells_near_a_pole_are_measured_by_area(tmp_path, south):
    """Half the height of a cell at the pole holds a quarter of its area."""
    values = np.arange(1.0, 361.0) * np.array([[1.0], [3.0]])
    rows = values[::-1] if south else values
    path = write(tmp_path / "cap.tif", rows, from_origin(-180, -88 if south else 90, 1, 1))
    low, high = 88.5, 89.5
    wedge = shapely.box(10.25, low, 12.75, high)
    if south:
        wedge = shapely.transform(wedge, lambda xy: xy * [1, -1])
    expected = 0.0
    for column in (10, 11, 12):
        for row, lat in enumerate((89, 88)):
            cell = shapely.box(column, lat, column + 1, lat + 1)
            width = shapely.box(10.25, 0, 12.75, 90).intersection(cell).bounds
            share = width[2] - width[0]
            inside, whole = (
                float(band_km2(top) - band_km2(bottom))
                for top, bottom in ((min(lat + 1, high), max(lat, low)), (lat + 1, lat))
            )
            expected += values[row, column + 180] * share * inside / whole
    (actual,) = population(series(wedge), path)["population"]
    assert actual == pytest.approx(expected, rel=1e-6)


def test_missing_cells_are_uncovered_never_zero(tmp_path):
    values = VALUES.copy()
    values[1, 1], values[0, 0] = -99.0, np.nan
    path = write(tmp_path / "holes.tif", values, from_origin(0, 3, 1, 1), nodata=-99.0)
    shapes = series(
        shapely.box(1, 1, 2, 2), shapely.box(0, 2, 2, 3), shapely.box(0.5, 1.25, 1.5, 1.75)
    )
    with pytest.warns(GclustWarning) as caught:
        table = population(shapes, path, names=["A", "B", "C"], warn_of_coarse=False)
    assert np.isnan(table["population"][0])
    assert table["population"][1:].tolist() == pytest.approx([20.0, 40.0 * 0.25], rel=1e-5)
    assert table["uncovered_share"].tolist() == pytest.approx([1.0, 0.5, 0.5], rel=1e-3)
    (warning,) = caught
    assert warning.filename == __file__
    assert "3 of 3 footprints: A (100.0 %)" in str(warning.message)
    assert "holes.tif" in str(warning.message)


def test_what_lies_outside_of_the_raster_is_uncovered(raster):
    shapes = series(shapely.box(2, 1, 4, 2), shapely.box(10, 10, 11, 11), shapely.box(-1, -1, 4, 4))
    with pytest.warns(GclustWarning, match=r"1 \(100\.0 %\), 2 \(64\.\d %\), 0 \(50\.0 %\)"):
        table = population(shapes, raster)
    assert table["population"][[0, 2]].tolist() == pytest.approx([60.0, 450.0], rel=1e-6)
    assert np.isnan(table["population"][1])


def test_zero_inhabitants_are_not_missing_ones(tmp_path):
    path = write(tmp_path / "zero.tif", np.zeros((3, 3)), from_origin(0, 3, 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = population(series(shapely.box(1, 1, 2, 2)), path, warn_of_coarse=False)
    assert table.iloc[0].tolist() == [0.0, 0.0]


def test_the_index_of_the_footprints_is_kept(raster):
    shapes = series(shapely.box(1, 1, 2, 2))
    shapes.index = ["Basel"]
    assert population(shapes, raster).index.tolist() == ["Basel"]


@pytest.mark.parametrize("crs", ["EPSG:3857", "ESRI:54009", "EPSG:6933", "EPSG:32632"])
def test_rasters_in_any_crs_agree(tmp_path, crs):
    shape = footprints([47.5], [8.6], [True], [0], WGS84, n_clusters=1)
    west, south, east, north = shape.to_crs(crs).total_bounds
    side = (east - west) / 40.0
    width, height = 60, int(60 * (north - south) / (east - west)) + 10
    path = write(
        tmp_path / "plane.tif",
        np.full((height, width), 100.0),
        from_origin(west - 10 * side, north + 8 * side, side, side),
        crs=crs,
    )
    (people,) = population(shape, path, unit="per_km2")["population"]
    assert people == pytest.approx(100.0 * area_km2(shape)[0], rel=2e-4)
    (people,) = population(shape, path)["population"]
    plane = shape.to_crs(crs).area[0] / side**2
    assert people == pytest.approx(100.0 * plane, rel=1e-6)


@pytest.mark.parametrize("left", [-180.0, 0.0, -179.5])
def test_footprints_across_180_degrees_and_rasters_of_any_longitudes(tmp_path, left):
    path = write(tmp_path / "world.tif", np.ones((180, 360)), from_origin(left, 90.0, 1.0, 1.0))
    shapes = series(
        shapely.union_all([shapely.box(179, 0, 180, 2), shapely.box(-180, 0, -178, 2)]),
        shapely.box(-1, 0, 1, 1),
        shapely.box(-180, 89, 180, 90),
    )
    table = population(shapes, path)
    assert table["population"].tolist() == pytest.approx([6.0, 2.0, 360.0], rel=1e-6)
    assert table["uncovered_share"].tolist() == pytest.approx([0.0] * 3, abs=1e-9)


def test_blocks_do_not_change_the_sum(raster, monkeypatch):
    shapes = series(shapely.Point(1.4, 1.6).buffer(1.2), shapely.box(0.1, 0.2, 2.9, 2.3))
    expected = population(shapes, raster, unit="per_km2")
    for size in (1, 2, 4):
        monkeypatch.setattr(cells, "BLOCK_CELLS", size)
        actual = population(shapes, raster, unit="per_km2")
        assert actual["population"].tolist() == pytest.approx(
            expected["population"].tolist(), rel=1e-6
        )


def test_slivers_without_area_have_no_cells(tmp_path):
    # Corners nearer to each other than the rounding of columns and rows.
    fine = write(
        tmp_path / "fine.tif", np.ones((120, 120)), from_origin(44.0, 35.0, 1 / 12, 1 / 12)
    )
    rng = np.random.default_rng(3)
    square = shapely.box(45.0, 30.0, 45.5, 30.5)
    whole = population(series(square), fine)["population"].iloc[0]
    shapes = []
    for _ in range(200):
        corner = np.array([46.0, 31.0]) + rng.random(2)
        ends = corner + rng.normal(0.0, 1.0, (2, 2)) * 10.0 ** rng.uniform(-15.0, -11.0)
        shapes.append(shapely.MultiPolygon([square, shapely.Polygon([corner, *ends])]))
    people = population(series(*shapes), fine)["population"]
    assert people.tolist() == pytest.approx([whole] * len(shapes))


def test_a_raster_without_crs_is_refused(tmp_path):
    path = write(tmp_path / "nowhere.tif", VALUES, from_origin(0, 3, 1, 1), crs=None)
    with pytest.raises(StudyError, match=r"nowhere\.tif.*no CRS.*EPSG:4326"):
        population(series(shapely.box(1, 1, 2, 2)), path)


def test_negative_values_are_an_undeclared_nodata(tmp_path):
    values = VALUES.copy()
    values[1, 1] = -200.0
    path = write(tmp_path / "negative.tif", values, from_origin(0, 3, 1, 1))
    with pytest.raises(StudyError, match=r"footprint Here.*-200 at.*edit-info --nodata -200"):
        population(series(shapely.box(1, 1, 2, 2)), path, names=["Here"])


@pytest.mark.parametrize("unit", ["count", "per_km2"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32631"])
def test_south_above_or_mirrored_is_the_same(tmp_path, unit, crs):
    side, north, west = (1.0, 43.0, 10.0) if crs == "EPSG:4326" else (1e4, 5e6, 4e5)
    shape = shapely.transform(
        shapely.Point(1.4, 1.7).buffer(1.2), lambda xy: xy * side + [west, north - 3 * side]
    )
    expected = None
    for values, transform in (
        (VALUES, Affine(side, 0.0, west, 0.0, -side, north)),
        (VALUES[::-1], Affine(side, 0.0, west, 0.0, side, north - 3 * side)),
        (VALUES[:, ::-1], Affine(-side, 0.0, west + 3 * side, 0.0, -side, north)),
        (VALUES.T, Affine(0.0, side, west, -side, 0.0, north)),
    ):
        path = write(tmp_path / "turned.tif", values, transform, crs=crs)
        table = population(series(shape, crs=crs), path, unit=unit)
        if expected is None:
            expected = table
        # Cells of a degree that lie askew are measured by the middles of their sides.
        np.testing.assert_allclose(
            table, expected, rtol=1e-4 if unit == "per_km2" else 1e-6, atol=1e-9
        )
        assert table["uncovered_share"][0] == pytest.approx(0.0, abs=1e-9)


def test_a_raster_turned_by_thirty_degrees_counts_as_it_lies(tmp_path):
    turned = Affine.translation(4e5, 5e6) @ Affine.rotation(30.0) @ Affine.scale(500.0, -500.0)
    path = write(tmp_path / "turned.tif", np.full((60, 60), 20.0), turned, crs="EPSG:32631")
    middle = shapely.Point(turned @ (30.0, 30.0))
    cell = shapely.Polygon([turned @ corner for corner in ((4, 4), (5, 4), (5, 5), (4, 5))])
    shapes = series(middle.buffer(3000.0), cell, crs="EPSG:32631")
    expected = shapes.area / 500.0**2 * 20.0
    assert population(shapes, path)["population"].tolist() == pytest.approx(expected, rel=1e-6)
    people = population(shapes, path, unit="per_km2")["population"]
    assert people.tolist() == pytest.approx(20.0 * area_km2(shapes.to_crs(4326)), rel=1e-5)


def test_stored_numbers_are_scaled(tmp_path):
    path = write(tmp_path / "scaled.tif", VALUES, from_origin(0, 3, 1, 1))
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (2.0,)
    (people,) = population(series(shapely.box(0, 0, 3, 3)), path)["population"]
    assert people == pytest.approx(VALUES.sum() * 0.1 + 9 * 2.0)


def test_a_footprint_where_a_projection_tears_the_earth(tmp_path):
    crs = "+proj=moll +lon_0=150 +datum=WGS84 +units=m"
    side = 10_000.0
    path = write(
        tmp_path / "pacific.tif",
        np.full((1810, 3620), 10.0),
        from_origin(-1810 * side, 905 * side, side, side),
        crs=crs,
    )
    shapes = footprints(
        [30.0, 0.0, 64.0], [-30.0, 180.0, -29.98], [True] * 3, [0, 1, 2],
        FootprintOptions(radius_km=300.0), n_clusters=3,
    )  # fmt: skip
    table = population(shapes, path, unit="per_km2")
    assert table["population"].tolist() == pytest.approx(10.0 * area_km2(shapes), rel=3e-3)
    assert table["uncovered_share"].tolist() == pytest.approx([0.0] * 3, abs=1e-6)


def test_a_raster_without_a_place_is_refused(tmp_path):
    path = write(tmp_path / "placeless.tif", VALUES, Affine.identity())
    with pytest.raises(StudyError, match=r"placeless\.tif.*where its cells lie.*a_ullr"):
        population(series(shapely.box(1, 1, 2, 2)), path)


def test_a_file_that_is_no_raster_is_refused(tmp_path):
    path = tmp_path / "text.tif"
    path.write_text("no raster")
    with pytest.raises(StudyError, match=r"text\.tif"):
        population(series(shapely.box(1, 1, 2, 2)), path)
    with pytest.raises(StudyError, match=r"missing\.tif"):
        population(series(shapely.box(1, 1, 2, 2)), tmp_path / "missing.tif")


def test_bad_arguments_are_named(raster):
    with pytest.raises(ValueError, match="unit.*'persons'"):
        population(series(shapely.box(1, 1, 2, 2)), raster, unit="persons")
    with pytest.raises(ValueError, match="CRS"):
        population(series(shapely.box(1, 1, 2, 2), crs=None), raster)


def test_progress_is_reported(raster):
    told = []
    shapes = series(shapely.box(1, 1, 2, 2), shapely.box(0, 0, 1, 1))
    population(shapes, raster, progress=lambda *a: told.append(a))
    assert told == [(f, "population") for f in (0.0, 0.5, 1.0, 1.0)]


MEASURE = """
import re, sys
import geopandas
from gclust.places.rasters.population import population
def peak_mb():  # of this program alone, unlike ru_maxrss, which the one that started it raises
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
shapes = geopandas.read_parquet(sys.argv[1]).geometry
population(shapes.iloc[:1], sys.argv[2], unit="per_km2")  # what is loaded once, is loaded
before = peak_mb()
table = population(shapes, sys.argv[2], unit="per_km2")
assert (table["uncovered_share"] == 0.0).all()
print(peak_mb() - before, *table["population"])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads peak memory from /proc")
@pytest.mark.parametrize("layout", [{"tiled": True, "blockxsize": 512, "blockysize": 512}, {}])
@pytest.mark.parametrize(
    ("width", "n_clusters"),
    [(4_320, 30), pytest.param(43_200, 300, marks=pytest.mark.full_size)],
)
def test_a_raster_of_the_world_is_read_in_windows(tmp_path, layout, width, n_clusters):
    """At full size 30 seconds of arc: 933 million cells, 3.7 GB if it were read as a whole."""
    random = np.random.default_rng(1)
    side, height = 360.0 / width, width // 2
    lat, lon = random.uniform(-60, 70, n_clusters), random.uniform(-180, 180, n_clusters)
    of_cluster = np.repeat(np.arange(n_clusters), 40)
    place_lat = lat[of_cluster] + random.normal(0, 0.2, len(of_cluster))
    place_lon = lon[of_cluster] + random.normal(0, 0.2, len(of_cluster))
    place_lon = (place_lon + 180.0) % 360.0 - 180.0
    core = np.ones(len(of_cluster), bool)
    shapes = footprints(
        place_lat,
        place_lon,
        core,
        of_cluster,
        WGS84,
        n_clusters=n_clusters,
    )
    path = tmp_path / "world.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="float32",
        crs="EPSG:4326", transform=from_origin(-180.0, 90.0, side, side), compress="deflate",
        sparse_ok=True, nodata=-1.0, **layout,
    ) as file:  # fmt: skip
        for part in shapes.explode(index_parts=False):
            west, south, east, north = part.bounds
            left, top = int((west + 180.0) / side), int((90.0 - north) / side)
            right, bottom = int((east + 180.0) / side) + 1, int((90.0 - south) / side) + 1
            right = min(right, width)
            window = Window(left, top, right - left, bottom - top)
            file.write(np.full((window.height, window.width), 7.0, np.float32), 1, window=window)
    shapes.to_frame("geometry").to_parquet(tmp_path / "shapes.parquet")
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / "shapes.parquet", path],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    people = np.array(told[1:], dtype=float)
    np.testing.assert_allclose(people, 7.0 * area_km2(shapes), rtol=2e-4 if width > 9999 else 5e-3)
    assert float(told[0]) < 100.0


def test_real_rasters_of_counts_and_densities_agree(shared_data):
    """GPW's count is derived from its density, so inland both must tell the same."""
    shape = footprints(
        [39.74], [-104.99], [True], [0], FootprintOptions(radius_km=60.0), n_clusters=1
    )
    folder = shared_data / "population"
    (count,) = population(shape, folder / "gpw_v4_population_count_2020_15_min_derived.tif")[
        "population"
    ]
    density = shared_data / "us_innovation/gpw_v4_population_density_rev11_2020_15_min.tif"
    (people,) = population(shape, density, unit="per_km2")["population"]
    assert people == pytest.approx(count, rel=0.02)
    assert 2.5e6 < people < 4e6
