"""Files of rasters that are cut short, missing in part or no rasters: refused ahead, by name."""

from __future__ import annotations

import os

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.places.rasters.check import check_raster
from gclust.places.rasters.files import RasterFiles
from gclust.places.rasters.population import population
from tests.rasters import box, write_raster
from tests.worlds import study_folder

NOISE = np.random.default_rng(1).random((64, 80)).astype("float32")

LAYOUTS = {
    "strips": {},
    "thin strips": {"blockysize": 1, "compress": "deflate"},
    "deflated tiles": {"tiled": True, "blockxsize": 16, "blockysize": 32, "compress": "deflate"},
    "plain tiles": {"tiled": True, "blockxsize": 32, "blockysize": 16},
    "LZW, predicted": {"compress": "lzw", "predictor": 3},
    "one band after the other": {"interleave": "band", "compress": "deflate", "bands": 2},
    "cloud": {"driver": "COG", "blocksize": 128},
    "raw": {"driver": "ENVI"},
    "flat": {"driver": "EHdr"},
    "text": {"driver": "AAIGrid"},
}

VRT = """<VRTDataset rasterXSize="160" rasterYSize="64"><SRS>EPSG:4326</SRS>
<GeoTransform>8, 0.01, 0, 50, 0, -0.01</GeoTransform>
<VRTRasterBand dataType="Float32" band="1">{}</VRTRasterBand></VRTDataset>"""

SOURCE = """<SimpleSource><SourceFilename relativeToVRT="{relative}">{name}</SourceFilename>
<SourceBand>1</SourceBand><SourceProperties RasterXSize="80" RasterYSize="64" DataType="Float32"
BlockXSize="80" BlockYSize="25"/><SrcRect xOff="0" yOff="0" xSize="80" ySize="64"/>
<DstRect xOff="{column}" yOff="0" xSize="80" ySize="64"/></SimpleSource>"""


def write(folder, layout, name="a"):
    options = dict(LAYOUTS[layout])
    values = np.stack([NOISE + number for number in range(options.pop("bands", 1))])
    ending = {"EHdr": "bil", "AAIGrid": "asc", "ENVI": "img"}.get(options.get("driver"), "tif")
    return write_raster(folder / f"{name}.{ending}", values, **options)


def check(path, band=1):
    return check_raster(RasterFiles.of(path), band)


def vrt(path, *names):
    parts = [
        SOURCE.format(name=name, column=80 * at, relative=int(not os.path.isabs(name)))
        for at, name in enumerate(names)
    ]
    path.write_text(VRT.format("".join(parts)))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts")
    found = {}
    for at, layout in enumerate(LAYOUTS):
        (folder / str(at)).mkdir()
        found[layout] = write(folder / str(at), layout)
    return found


def is_whole(path, band):
    """Whether a check finds nothing; what it refuses, it names."""
    try:
        check(path, band)
    except StudyError as error:
        return not str(error).startswith(str(path))
    return True


@settings(max_examples=150)
@given(layout=st.sampled_from(sorted(LAYOUTS)), data=st.data())
def test_a_file_cut_anywhere_is_refused_ahead(files, layout, data):
    """Or has lost nothing of the band: a COG ends in what is no cell."""
    path = files[layout]
    whole = path.read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    try:
        for band in (1, 2) if layout == "one band after the other" else (1,):
            assert is_whole(path, band)
            path.write_bytes(whole[:length])
            if is_whole(path, band):
                with rasterio.open(path) as source:
                    lost = source.read(band) != NOISE + (band - 1)
                # Of the last number of a text some digits.
                assert lost.sum() == (layout == "text" and lost[-1, -1])
            path.write_bytes(whole)
    finally:
        path.write_bytes(whole)


def test_a_block_that_lies_last_in_the_file_alone_is_missed(tmp_path):
    """Whichever it is: blocks need not lie in the order of their rows."""
    path = tmp_path / "a.tif"
    values = NOISE.copy()
    values[10] = 0.0
    write_raster(path, values, blockysize=1, compress="deflate", sparse_ok=True)
    with rasterio.open(path, "r+") as file:
        file.write(NOISE[10:11], 1, window=Window(0, 10, 80, 1))
    assert is_whole(path, 1)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StudyError, match=r"a\.tif: is cut short: rows 10 to 10 end at byte"):
        check(path)


def test_a_mask_that_is_cut_short_is_refused(tmp_path):
    path = write(tmp_path, "strips")
    mask = np.random.default_rng(2).integers(0, 2, NOISE.shape).astype("uint8") * 255
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    whole = path.read_bytes()
    assert is_whole(path, 1)
    for length in range(len(whole) - 1, NOISE.nbytes, -37):
        path.write_bytes(whole[:length])
        if is_whole(path, 1):
            with rasterio.open(path) as source:
                assert np.array_equal(source.read_masks(1), mask), length


@settings(max_examples=30)
@given(row=st.integers(0, 63), data=st.data())
def test_damage_in_the_middle_is_an_error_that_names_the_file(files, row, data):
    """Never a silent zero; where no footprint meets it, it does no harm."""
    path = files["thin strips"]
    whole = path.read_bytes()
    with rasterio.open(path) as source:
        start, length = (
            int(source.get_tag_item(f"BLOCK_{what}_0_{row}", "TIFF", bidx=1))
            for what in ("OFFSET", "SIZE")
        )
    # The head of what is deflated; a sum at its end finds other damage.
    at = data.draw(st.sampled_from([0, length - 1, length // 2]))
    broken = bytearray(whole)
    broken[start + at] ^= 0xFF
    try:
        path.write_bytes(broken)
        with pytest.raises(StudyError, match=r"a\.tif: cannot be read at row .* fetch or write"):
            population(box(0, 0, 80, 64), path)
        away = row + 1 if row < 32 else row - 1
        found = population(box(0, away, 80, away + 1), path)["population"][0]
        assert found == pytest.approx(NOISE[away].sum(), rel=1e-5)
    finally:
        path.write_bytes(whole)


def test_the_part_of_a_vrt_that_is_missing_is_named(tmp_path):
    write(tmp_path, "strips")
    path = vrt(tmp_path / "both.vrt", "a.tif", "gone.tif")
    match = r"both\.vrt: one of its sources cannot be used: .*gone\.tif: no raster that can be read"
    with pytest.raises(StudyError, match=match):
        check(path)
    # And where nothing was checked ahead.
    with pytest.raises(StudyError, match=r"both\.vrt: cannot be read .*gone\.tif"):
        population(box(90, 10, 100, 20), path)
    os.replace(write(tmp_path, "deflated tiles", "b"), tmp_path / "gone.tif")
    assert check(path).n_files == 1
    found = population(box(0, 0, 160, 64), path)["population"][0]
    assert found == pytest.approx(2.0 * NOISE.sum(), rel=1e-5)


def test_parts_of_a_vrt_are_looked_into(tmp_path):
    write(tmp_path, "strips")
    broken = write(tmp_path, "strips", "broken")
    broken.write_bytes(broken.read_bytes()[:-100])
    inner = vrt(tmp_path / "inner.vrt", "broken.tif", "a.tif")
    outer = vrt(tmp_path / "outer.vrt", str(tmp_path / "a.tif"), "inner.vrt")
    with pytest.raises(StudyError, match=r"outer\.vrt: .*inner\.vrt: .*broken\.tif: is cut short"):
        check(outer)
    vrt(inner, "a.tif", "a.tif")
    check(outer)
    vrt(inner, "a.tif", str(outer))
    with pytest.raises(StudyError, match=r"(inner|outer)\.vrt"):
        check(outer)
    outer.write_text(outer.read_text()[:-40])
    with pytest.raises(StudyError, match=r"outer\.vrt: no raster that can be read"):
        check(outer)


def no_raster(folder, kind):
    path = folder / "people.tif"
    if kind == "folder":
        path.mkdir()
    elif kind == "folder of other things":
        path.mkdir()
        (path / "notes.txt").write_text("none")
    elif kind != "nothing":
        path.write_bytes({"empty": b"", "text": b"no raster", "zip": b"PK\3\4" + b"x" * 99}[kind])
    return path


@pytest.mark.parametrize(
    "kind", ["folder", "folder of other things", "nothing", "empty", "text", "zip"]
)
@pytest.mark.parametrize("section", ["population", "intensity"])
def test_what_is_no_raster_is_refused_before_the_listings_are_read(tmp_path, kind, section):
    no_raster(tmp_path, kind)
    named = 'raster = "people.tif"\n'
    extra = f"[population]\n{named}" if section == "population" else ""
    extra += f"[intensity]\nrasters = [{{ {named.strip()} }}]\n" if not extra else ""
    stages = []
    where = {"population": r"\[population\] raster: ", "intensity": r".*rasters number 1: "}
    with pytest.raises(StudyError, match=where[section] + r".*people\.tif"):
        gclust.run(
            study_folder(tmp_path, extra=extra), progress=lambda _, stage: stages.append(stage)
        )
    assert stages == []


@pytest.mark.parametrize("band", [1, 2])
def test_a_raster_cut_short_is_refused_before_the_listings_are_read(tmp_path, band):
    path = write(tmp_path, "one band after the other")
    path.write_bytes(path.read_bytes()[:-1000])
    extra = f'[population]\nraster = "a.tif"\nband = {band}\n'
    study = study_folder(tmp_path, extra=extra)
    stages = []
    if band == 1:  # what is missing is the other's
        with pytest.warns(GclustWarning, match="has no data"):
            assert gclust.run(study).info["rasters"][0]["band"] == 1
    else:
        with pytest.raises(StudyError, match=r"\[population\] raster: .*a\.tif: is cut short"):
            gclust.run(study, progress=lambda _, stage: stages.append(stage))
        assert stages == []
