"""Numbers of rasters that cannot be inhabitants: refused with advice that mends them."""

from __future__ import annotations

import os
import warnings

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio import Affine

from gclust.errors import GclustWarning, StudyError
from gclust.places.geodesic import area_km2
from gclust.places.rasters import covered_cells as cells
from gclust.places.rasters.population import population
from tests.rasters import box, mend, scale, write_raster

# rio calc's own.
pytestmark = pytest.mark.filterwarnings("ignore:'parseString' deprecated")

SMALL_FLOAT, LARGE_FLOAT = (float(x) for x in (np.finfo("float32").min, np.finfo("float32").max))
ESRI = -3.4028230607370965e38
"""What GPW's rasters hold. GDAL takes the neighbouring SMALL_FLOAT for the same."""

FILLS = [
    ("int8", -128), ("int8", -1), ("int16", 32767), ("int16", -32768), ("int16", -9999),
    ("uint16", 65535), ("int32", 2147483647), ("int32", -2147483648), ("int32", -99999),
    ("int32", -1), ("uint32", 4294967295), ("int64", -9999), ("float32", -9999),
    ("float32", -99999), ("float32", -1), ("float32", -200), ("float32", ESRI),
    ("float32", SMALL_FLOAT), ("float32", LARGE_FLOAT), ("float32", 9.969209968386869e36),
    ("float32", 1e20), ("float32", -32768), ("float32", 4294967295), ("float32", 1e9),
    ("float64", 9.969209968386869e36), ("float64", 1e20), ("float64", -3.4e38),
    ("float64", -1.7976931348623157e308), ("float64", 1.7976931348623157e308),
    ("float64", -2147483648),
]  # fmt: skip


def people(dtype, fill=None, shape=(8, 9)):
    """From 10 to 81 per cell, and the fill in row 3, column 4."""
    values = (10 + np.arange(shape[0] * shape[1]).reshape(shape)).astype(dtype)
    if fill is not None:
        values[3, 4] = fill
    return values


def counted(path, *, at=(0, 0, 9, 8), **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = population(box(*at), path, names=["Here"], warn_of_coarse=False, **options)
    told = [str(w.message) for w in caught if issubclass(w.category, GclustWarning)]
    return table["population"][0], table["uncovered_share"][0], told


def check_refused_and_mended(path, expected, **options):
    """Refused with number and place; what the message advises makes the cell no data."""
    with pytest.raises(StudyError) as caught:
        counted(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "footprint Here" in message
    assert "longitude 8.045, latitude 49.965" in message
    mend(message)
    out = path.parent / "MENDED.tif"
    found, uncovered, told = counted(out if out.exists() else path, **options)
    assert found == pytest.approx(expected)
    assert uncovered == pytest.approx(1 / 72, rel=1e-3)
    assert "no data for more than 1 %" in " ".join(told)
    return message


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where rio calc writes


@pytest.mark.parametrize(("dtype", "fill"), FILLS)
@pytest.mark.parametrize(("scaled", "n_bands"), [((1.0, 0.0), 2), ((0.5, 0.0), 1), ((2.0, 1.0), 1)])
def test_an_undeclared_no_data_is_refused_and_the_advice_mends_it(
    tmp_path, dtype, fill, scaled, n_bands
):
    values = people(dtype, fill)
    bands = values if n_bands == 1 else np.stack([people(dtype), values])
    path = scale(write_raster(tmp_path / "it's people.tif", bands), *scaled)
    rest = people("float64") * scaled[0] + scaled[1]
    rest[3, 4] = 0.0
    if fill == -1 and scaled == (2.0, 1.0):
        scale(path, 2.0, 1.5)  # -2 + 1 is still below 0
        rest = np.where(rest, rest + 0.5, 0.0)
    message = check_refused_and_mended(path, rest.sum(), band=n_bands)
    stored = int(values[3, 4]) if np.dtype(dtype).kind in "iu" else float(values[3, 4])
    assert f" {stored:.17g}" in message or f" {stored}" in message


@pytest.mark.parametrize(("dtype", "fill"), FILLS)
def test_what_is_declared_is_never_counted(tmp_path, dtype, fill):
    """Not even where the file has a mask too, which GDAL asks instead."""
    values = people(dtype, fill)
    rest = people("float64").sum() - people("float64")[3, 4]
    path = write_raster(tmp_path / "declared.tif", values, nodata=float(values[3, 4]))
    found, uncovered, _ = counted(path)
    assert found == pytest.approx(rest)
    assert uncovered == pytest.approx(1 / 72, rel=1e-3)
    mask = np.full(values.shape, 255, "uint8")
    mask[0, 0] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    found, uncovered, _ = counted(path)
    assert found == pytest.approx(rest - 10)
    assert uncovered == pytest.approx(2 / 72, rel=1e-3)


@pytest.mark.parametrize(
    ("dtype", "fill", "declared"),
    [
        ("uint16", 65535, 0), ("int32", -9999, 2147483647), ("float32", -9999.0, SMALL_FLOAT),
        ("float64", 1e20, -9999), ("float32", -9999.0, np.nan),
    ],
)  # fmt: skip
def test_a_second_no_data_is_written_as_the_declared_one(tmp_path, dtype, fill, declared):
    """To declare it too would make numbers of the first."""
    values = people(dtype, fill)
    values[0, 0] = declared
    path = write_raster(tmp_path / "two.tif", values, nodata=declared)
    with pytest.raises(StudyError) as caught:
        counted(path)
    mend(str(caught.value))
    found, uncovered, _ = counted(path if np.isnan(declared) else tmp_path / "MENDED.tif")
    assert found == pytest.approx(people("float64").sum() - 10 - people("float64")[3, 4])
    assert uncovered == pytest.approx(2 / 72, rel=1e-3)


def test_a_scaled_raster_is_not_sent_to_what_would_lose_its_scale(tmp_path):
    path = scale(write_raster(tmp_path / "a.tif", people("int16", 32767), nodata=-1), 0.5)
    with pytest.raises(
        StudyError, match=r"32767 \(that is 16383.5\).*replace it by -1, .*no data$"
    ):
        counted(path)


@pytest.mark.parametrize("fill", [1e20, 9.969209968386869e36, -3.4e38])
def test_a_scale_hides_no_fill(tmp_path, fill):
    """What is stored counts, not what it would mean."""
    path = scale(write_raster(tmp_path / "a.tif", people("float64", fill)), 500.0 / abs(fill))
    with pytest.raises(StudyError, match=r"covers a cell of .*\(that is -?500\)"):
        counted(path)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_whole_numbers_beyond_floating_ones_are_spelled_in_full(tmp_path, dtype):
    top = np.iinfo(dtype).max
    path = write_raster(tmp_path / "a.tif", people(dtype, top))
    with pytest.raises(StudyError, match=f"gdal_edit.py -a_nodata {top} "):
        counted(path)


@pytest.mark.parametrize(
    ("dtype", "value"),
    [("uint8", 255), ("int8", 127), ("uint16", 65534), ("int32", 65535), ("uint32", 65535)],
)
def test_what_may_be_inhabitants_is_counted(tmp_path, dtype, value):
    path = write_raster(tmp_path / "a.tif", people(dtype, value))
    assert counted(path, at=(4, 3, 5, 4))[0] == pytest.approx(value)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "float32", "float64"])
@pytest.mark.parametrize("fill", [32767, 65535])
@pytest.mark.parametrize("scaled", [(1.0, 0.0), (0.5, 1.0)])
def test_a_no_data_of_16_bits_is_known_in_wider_types(tmp_path, dtype, fill, scaled):
    """Where it is the largest cell of the raster, twice; the footprint need meet one of them."""
    values = people(dtype, fill)
    for row, column, value, is_fill in (
        (7, 8, 3, False), (7, 8, fill, True), (0, 0, fill + 1, False), (7, 8, fill + 1, False),
    ):  # fmt: skip
        changed = values.copy()
        changed[row, column] = value
        path = scale(write_raster(tmp_path / "a.tif", changed), *scaled)
        for block in (5, cells.BLOCK_CELLS):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(cells, "BLOCK_CELLS", block)
                if is_fill:
                    with pytest.raises(StudyError, match=r"16 bits.* --nodata"):
                        counted(path, at=(4, 3, 5, 4))
                else:
                    found = counted(path, at=(4, 3, 5, 4))[0]
                    assert found == pytest.approx(fill * scaled[0] + scaled[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_data(tmp_path, value):
    path = write_raster(tmp_path / "a.tif", people("float32", value))
    found, uncovered, _ = counted(path)
    assert found == pytest.approx(people("float64").sum() - people("float64")[3, 4])
    assert uncovered == pytest.approx(1 / 72, rel=1e-3)


def test_a_fill_that_no_footprint_meets_does_no_harm(tmp_path):
    path = write_raster(tmp_path / "a.tif", people("uint16", 65535))
    assert counted(path, at=(0, 0, 4, 4))[0] == pytest.approx(people("float64")[:4, :4].sum())


def test_a_signed_type_that_is_shifted_holds_no_fill_below_0(tmp_path):
    """-32768 means 0 there, as netCDF's unsigned numbers do."""
    path = scale(write_raster(tmp_path / "a.tif", people("int16", -32768)), 1.0, 32768.0)
    rest = people("float64") + 32768.0
    rest[3, 4] = 0.0
    assert counted(path)[0] == pytest.approx(rest.sum())


@pytest.mark.parametrize("crs", ["EPSG:3857", "ESRI:54009", "EPSG:32632"])
@pytest.mark.parametrize("unit", ["count", "per_km2"])
def test_a_million_per_km2_is_where_nobody_lives(tmp_path, crs, unit):
    """Of the cell's area on the Earth: at 60 degrees Mercator's are four times too large."""
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(9.0, 60.0)
    transform = Affine(1000.0, 0.0, x, 0.0, -1000.0, y)
    shape = geopandas.GeoSeries([shapely.box(x, y - 1000, x + 1000, y)], crs=crs)
    km2 = area_km2(shape.segmentize(50.0).to_crs(4326))[0]
    for factor in (0.99, 1.01):
        value = 1e6 * factor * (km2 if unit == "count" else 1.0)
        path = write_raster(
            tmp_path / "a.tif", np.full((2, 2), value), crs=crs, transform=transform
        )
        if factor < 1:
            population(shape, path, unit=unit)
        else:
            other = "per_km2" if unit == "count" else "count"
            match = rf"1\.01e\+06 inhabitants per km2 with unit = '{unit}'.*say unit = '{other}'"
            with pytest.raises(StudyError, match=match):
                population(shape, path, unit=unit)


def test_a_tower_in_a_small_cell_is_counted(tmp_path):
    """400 people on 11 x 7 m would be 5 million per km2."""
    transform = Affine(1e-4, 0.0, 8.0, 0.0, -1e-4, 50.0)
    path = write_raster(tmp_path / "a.tif", np.full((100, 100), 400.0), transform=transform)
    assert counted(path, at=(0, 0, 1, 1))[0] == pytest.approx(4e6)


@settings(max_examples=40)
@given(
    largest=st.floats(100.0, 9e4),
    size=st.floats(1e-9, 0.09),
    near=st.booleans(),
    block=st.sampled_from([3, 10, cells.BLOCK_CELLS]),
)
def test_ripples_count_as_nobody_and_what_is_larger_is_refused(
    tmp_path_factory, largest, size, near, block
):
    """The largest cell is that of the raster, whether the footprint meets it or not."""
    values = np.full((8, 9), 5.0)
    values[3, 4], values[7, 8] = -size, largest
    path = write_raster(tmp_path_factory.mktemp("ripple") / "a.tif", values)
    at = (3, 2, 9, 8) if near else (3, 2, 6, 5)
    rest = 5.0 * 34 + largest if near else 5.0 * 8
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "BLOCK_CELLS", block)
        if size < 1e-6 * largest:
            found, uncovered, told = counted(path, at=at)
            assert found == pytest.approx(rest, rel=1e-9)
            assert uncovered == pytest.approx(0.0, abs=1e-9)
            assert not told
        else:
            with pytest.raises(StudyError, match="no place has fewer than 0 inhabitants"):
                counted(path, at=at)


def test_the_largest_cell_is_no_undeclared_fill(tmp_path):
    values = np.full((8, 9), 5.0)
    values[3, 4], values[7, 8] = -1e-3, 1e20
    path = write_raster(tmp_path / "a.tif", values)
    with pytest.raises(StudyError, match=r"covers a cell of -0\.001"):
        counted(path, at=(3, 2, 6, 5))


def test_a_whole_number_below_0_is_no_ripple(tmp_path):
    """A millionth of a cell of 15 minutes with 12 million inhabitants is more than 1."""
    values = np.full((8, 9), 12e6)
    values[3, 4] = -1.0
    transform = Affine(0.25, 0.0, 8.0, 0.0, -0.25, 50.0)
    path = write_raster(tmp_path / "a.tif", values, transform=transform)
    with pytest.raises(StudyError, match=r"edit-info --nodata -1 "):
        counted(path, at=(0, 0, 225, 200))


def test_of_several_bands_the_first_is_used_and_told(tmp_path):
    bands = np.stack([people("float32"), people("float32") * 2, people("float32") * 3])
    path = write_raster(tmp_path / "a.tif", bands)
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("all", None, "women")
    one, _, told = counted(path)
    assert one == pytest.approx(people("float64").sum())
    assert told == [
        f"{path} has 3 bands (1: all, 2, 3: women), and band 1 is used, for none is chosen; say"
        " which with band = 1 or another number"
    ]
    for band in (1, 2, 3):
        found, _, told = counted(path, band=band)
        assert (found, told) == (pytest.approx(band * one), [])
    for band in (0, 4, -1):
        with pytest.raises(StudyError, match=rf"band = {band}; the raster has 3 bands, expected"):
            counted(path, band=band)
    single = write_raster(tmp_path / "b.tif", people("float32"))
    with pytest.raises(StudyError, match=r"band = 2; the raster has 1 band, expected band = 1"):
        counted(single, band=2)
    assert os.listdir(tmp_path).count("a.tif.aux.xml") == 0


def test_complex_numbers_are_refused(tmp_path):
    path = write_raster(tmp_path / "a.tif", people("complex64"))
    with pytest.raises(StudyError, match=r"a\.tif: band 1 holds complex64; expected real"):
        counted(path)
