"""Files that change, shrink or vanish while a study runs, and their digests."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pandas as pd
import pytest
import rasterio

import gclust
from gclust.errors import StudyError
from gclust.listings.sources.inputs import Inputs
from gclust.pipeline import run as running


def write(folder, ending="csv"):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"record": range(200), "lat": 48.1, "lon": 11.5})
    table["lat"] += rng.normal(0, 0.01, 200)
    if ending == "csv":
        table.to_csv(folder / "a.csv", index=False)
    else:
        table.to_parquet(folder / "a.parquet")
    with rasterio.open(
        folder / "pop.tif", "w", driver="GTiff", width=60, height=60, count=1, dtype="float32",
        crs="EPSG:4326", transform=rasterio.transform.from_origin(9, 50, 0.1, 0.1),
    ) as raster:  # fmt: skip
        raster.write(np.full((1, 60, 60), 1000, np.float32))
    return gclust.Study(
        sources=[{"kind": "patent", "path": f"a.{ending}"}],
        clusters={"min_samples": 20},
        population={"raster": "pop.tif"},
        folder=folder,
    )


def grow(path):
    with path.open("ab") as file:
        file.write(b"\n")


def shrink(path):
    os.truncate(path, path.stat().st_size - 20)


def vanish(path):
    path.unlink()


def replace(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[:-1] + b" ")
    times = path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.replace(other, path)


@pytest.mark.parametrize("harm", [grow, shrink, vanish, replace])
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "pop.tif"])
def test_a_file_that_changes_is_an_error_that_names_it(tmp_path, monkeypatch, harm, name):
    study = write(tmp_path, "parquet" if name == "a.parquet" else "csv")
    complete = running.complete

    def meanwhile(*args, **more):
        harm(tmp_path / name)
        return complete(*args, **more)

    monkeypatch.setattr(running, "complete", meanwhile)
    with pytest.raises(StudyError, match=name):
        gclust.run(study, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_only_touched_is_no_error(tmp_path, monkeypatch):
    study = write(tmp_path)
    complete = running.complete

    def meanwhile(*args, **more):
        os.utime(tmp_path / "a.csv")
        return complete(*args, **more)

    monkeypatch.setattr(running, "complete", meanwhile)
    assert len(gclust.run(study).ranking) == 1


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_digests_are_those_of_the_files(tmp_path, ending):
    info = gclust.run(write(tmp_path, ending)).info
    digests = {each["path"]: each["sha256"] for each in info["inputs"]}
    assert sorted(digests) == [f"a.{ending}", "pop.tif"]
    for path, digest in digests.items():
        assert digest == hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()


def test_what_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(StudyError, match="gone: cannot be read: No such file"):
        Inputs().open(str(tmp_path / "gone"))
