"""Three studies of others whose rasters were counted wrongly, or refused in vain."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import GclustWarning, StudyError
from tests.rasters import mend


@pytest.fixture
def case(shared_data, tmp_path):
    """Copy a case to where it may be changed."""

    def copied(name):
        folder = tmp_path / name
        folder.mkdir()
        for path in (shared_data.parent / "cases" / "listings" / name).iterdir():
            shutil.copyfile(path, folder / path.name)
        return folder

    return copied


def add(study, line):
    """Add a key to the study's last section, that of the population."""
    study.write_text(study.read_text().rstrip() + f"\n{line}\n")


def ran(folder, out=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = gclust.run(folder / "study.toml", out)
    return run, [str(each.message) for each in caught if each.category is GclustWarning]


def test_tiny_negative_cells_count_as_nobody(case):
    folder = case("e14_tiny_negative_cells")
    run, told = ran(folder)
    assert told == []
    with rasterio.open(folder / "pop.tif", "r+") as file:
        values = file.read(1)
        assert values.min() < 0.0
        file.write(np.maximum(values, 0.0), 1)
    expected, _ = ran(folder)
    assert run.ranking["population"].tolist() == expected.ranking["population"].tolist()
    assert (run.ranking["population"] > 0.0).all()
    assert (run.ranking["uncovered_share"] == 0.0).all()


def test_an_undeclared_65535_is_refused_and_mended(case):
    folder = case("s21_raster_65535_undeclared")
    with pytest.raises(StudyError) as caught:
        ran(folder)
    message = str(caught.value)
    assert f"{folder / 'pop.tif'}: the footprint " in message
    assert "covers a cell of 65535 at longitude 11.5" in message
    assert "the largest number of its type (uint16)" in message
    assert message.endswith(f"rio edit-info --nodata 65535 {folder / 'pop.tif'}")
    mend(message)
    run, told = ran(folder)
    assert any("pop.tif has no data for more than 1 %" in line for line in told)
    with rasterio.open(folder / "pop.tif") as file:
        largest = file.read(1, masked=True).max()
    cells = run.ranking["area_km2"] / 0.5  # smaller than any of them
    assert (run.ranking["population"] <= largest * cells).all()
    assert (run.ranking["uncovered_share"] > 0.01).any()


def test_the_band_is_told_and_may_be_chosen(case, tmp_path):
    folder = case("s23_raster_two_bands_first_used")
    first, told = ran(folder)
    (line,) = told
    assert line == (
        "[population] raster: pop.tif has 2 bands (1, 2), and band 1 is used, for the key band is"
        " not given; say which with band = 1 or another number"
    )
    assert first.info["warnings"] == [line]
    add(folder / "study.toml", "band = 1")
    again, told = ran(folder)
    assert told == []
    assert again.ranking["population"].tolist() == first.ranking["population"].tolist()
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace("band = 1", "band = 2"))
    with rasterio.open(folder / "pop.tif", "r+") as file:
        file.descriptions = ("share of the young", "inhabitants")
    done = CliRunner().invoke(main, ["run", str(folder / "study.toml"), "-o", str(tmp_path / "r")])
    assert done.exit_code == 0, done.output
    assert "pop.tif: band 2 of 2 (inhabitants)\n" in done.output
    second = gclust.read_run(tmp_path / "r")
    ratio = second.ranking["population"] / first.ranking["population"]
    assert ratio.to_numpy() == pytest.approx(1000.0)
    told = json.loads((tmp_path / "r" / "run.json").read_text())["rasters"]
    assert told == [
        {
            "key": "[population] raster",
            "raster": "pop.tif",
            "band": 2,
            "bands": ["1: share of the young", "2: inhabitants"],
            "files": 1,
        }
    ]


@pytest.mark.parametrize("band", ["0", "3", "-1", '"2"', "1.5"])
def test_a_band_that_is_not_there_is_refused_before_the_listings_are_read(case, band):
    folder = case("s23_raster_two_bands_first_used")
    add(folder / "study.toml", f"band = {band}")
    match = {
        "3": r"\[population\] raster: .*pop\.tif: band = 3; the raster has 2 bands, expected a",
        "0": r"\[population\] band = 0; expected 1 or more",
        "-1": r"\[population\] band = -1; expected 1 or more",
    }.get(band, r"\[population\] band = .*; expected a whole number")
    stages = []
    with pytest.raises(StudyError, match=match):
        gclust.run(folder / "study.toml", progress=lambda _, stage: stages.append(stage))
    assert stages == []


def test_a_strict_study_does_not_guess_the_band(case):
    folder = case("s23_raster_two_bands_first_used")
    study = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(study.replace("[study]\n", "[study]\nstrict = true\n"))
    with pytest.raises(StudyError, match=r"strict = true refuses: .*pop\.tif has 2 bands"):
        ran(folder)
