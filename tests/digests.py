"""Digests of every output file, so that a change of structure shows that it changes no result.

``python -m tests.digests -o FOLDER`` makes the outputs of small studies and prints one digest a
file, ``--large`` those of the demos too. ``tests/digests.json`` holds those of the small studies:
``python -m tests.digests --write`` writes it anew after a change of results on purpose, and the
difference in git names the files that changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from click.testing import CliRunner
from rasterio.transform import from_origin

import gclust
from gclust.cli import main
from tests.worlds import TOWNS, listings, study_folder

FIXED = Path(__file__).with_suffix(".json")
DIGITS = 9
"""Significant digits of numbers in fixed digests: further ones may depend on the processor."""
VARIES = ("execution", "libraries", "versions", "gclust", "outputs")
"""Keys of JSON files that say when, where and with what a folder was made; digests of its files."""
CRATE = "ro-crate-metadata.json"
"""A file that repeats what ``run.json`` holds, with times and digests."""

SECTIONS = """
[clusters]
eps_km = 10
min_samples = 100
[population]
raster = "people.tif"
unit = "count"
[members]
on = true
[centroid_geocodes]
on = true
least_weight = 20
precision = "city"
[intensity]
usual = true
[sweep]
eps_km = [6, 10, 14]
min_samples = [60, 100, 160]
"""
"""A study's every section that adds files or columns."""

OPTIONS = {
    "count": "column = 'patents'",
    "share": "column = 'patents_share'",
    "per_million": "column = 'patents_per_head'",
    "per_km2": "column = 'patents_per_km2'",
    "growth": "first = [2015, 2016]\nlast = [2018, 2019]",
    "specialisation": "field = 'A61'",
}
"""What indicators need in a study beside a kind."""

DRAWN = {
    "records": 'sources = ["records"]\n',
    "reclustered": 'sources = ["records"]\nclusters = "reclustered"\n',
    "addresses": 'sources = ["addresses"]\nspread_km = { city = 9 }\n',
    "parameters": 'sources = ["parameters"]\neps_km = [8, 10]\nmin_samples = [90, 110]\n',
    "weights": 'sources = ["weights"]\n',
    "all": (
        'sources = ["records", "addresses", "parameters", "weights"]\n'
        "spread_km = { city = 9 }\neps_km = [8, 10]\nmin_samples = [90, 110]\n"
    ),
}


def full_listings() -> pd.DataFrame:
    """Listings of three towns with every column that gclust knows."""
    table = listings()
    rng = np.random.default_rng(20)
    at_city = (rng.random(len(table)) < 0.3) & (table["town"] != "country")
    table["precision"] = np.where(at_city, "city", "street")
    for town, (lat, lon) in TOWNS.items():
        table.loc[at_city & (table["town"] == town), ["lat", "lon"]] = lat, lon
    names = np.array(["Ada Works", "Blau AG", "Cern & Co", "Delta"])
    table["organisation"] = names[table["record"] % 4]
    table["field"] = np.array(["A61", "B60", "G06"])[table["record"] % 3]
    table["country"] = np.where(table["town"] == "Graz", "AT", "DE")
    return table


def everything(folder: Path) -> Path:
    """Write a study with every section and indicator; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    _people(folder / "people.tif")
    indicators = ""
    listed = gclust.list_indicators()
    for name, options in listed.loc[listed["origin"] == "gclust", "options"].items():
        kind = "kind = 'patent'\n" if any(each.startswith("kind (") for each in options) else ""
        indicators += f"[[indicators]]\nname = '{name}'\n{kind}{OPTIONS.get(name, '')}\n"
    return study_folder(folder, full_listings(), extra=SECTIONS + indicators)


def _people(path: Path) -> None:
    cells = np.random.default_rng(3).gamma(2.0, 400.0, size=(400, 800)).astype("float32")
    size = {"height": cells.shape[0], "width": cells.shape[1], "count": 1}
    where = {"crs": "EPSG:4326", "transform": from_origin(5.0, 52.0, 0.025, 0.025)}
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", **size, **where) as file:
        file.write(cells, 1)


def small(folder: Path) -> None:
    """Make the outputs of small studies: runs, a sweep, comparisons, every source of draws."""
    study = everything(folder / "full")
    gclust.run(study, folder / "run")
    gclust.sweep(study, out=folder / "sweep")
    other = study_folder(folder / "plain", listings(2))
    for name, rest in {
        "hdbscan": '[clusters]\nmethod = "hdbscan"\nmin_cluster_size = 150\n',
        "contour": '[clusters]\nmethod = "contour"\nbandwidth_km = 5\nthreshold = 150\n',
        "concave": '[clusters]\neps_km = 9\nmin_samples = 90\n[footprint]\nmethod = "concave"\n',
    }.items():
        gclust.run(study_folder(folder / f"{name}-study", listings(), extra=rest), folder / name)
    gclust.compare(study, other, folder / "comparison")
    for name, text in DRAWN.items():
        extra = f"{SECTIONS}[uncertainty]\ndraws = 40\n{text}"
        drawn = folder / f"{name}-study"
        drawn.mkdir()
        _people(drawn / "people.tif")
        path = study_folder(drawn, full_listings(), extra=extra)
        gclust.uncertainty(path, folder / f"uncertainty-{name}")


def large(folder: Path) -> None:
    """Make the outputs of the demos, and of experiments with the real data of the US demo."""
    mirror = Path(__file__).resolve().parents[2] / "shared" / "data" / "us_innovation"
    os.environ.setdefault("GCLUST_MIRROR", str(mirror))
    for name, words in {
        "demo-2025": ["demo"],
        "demo-2023": ["demo", "--edition", "2023"],
        "demo-us": ["demo", "us"],
    }.items():
        done = CliRunner().invoke(main, [*words, "-o", str(folder / name)])
        assert done.exit_code == 0, done.output
    us = folder / "demo-us" / "data" / "study.toml"
    for method in ("hdbscan", "contour"):
        text = us.read_text(encoding="utf-8")
        size = "min_cluster_size = 500" if method == "hdbscan" else "bandwidth_km = 20"
        start, rest = text.split("[clusters]\n")
        rest = rest[rest.index("[") :] if "[" in rest else ""
        path = us.with_name(f"study-{method}.toml")
        path.write_text(f'{start}[clusters]\nmethod = "{method}"\n{size}\n{rest}', encoding="utf-8")
        gclust.run(path, folder / f"us-{method}")
    gclust.sweep(us, out=folder / "us-sweep")
    gclust.compare(
        folder / "demo-2023" / "world" / "study.toml",
        folder / "demo-2025" / "world" / "study.toml",
        folder / "gii-comparison",
    )
    gclust.uncertainty(us, folder / "us-uncertainty")


def digests(folder: Path, digest: Callable[[Path], str]) -> dict[str, str]:
    """Return the digest of every file of outputs in a folder, by its relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def of_bytes(path: Path) -> str:
    """Digest a file as it is, but for what JSON says of time and machine."""
    if path.name == CRATE:
        return "there"
    return _sha256(_plain_json(path) if path.suffix == ".json" else path.read_bytes())


def of_values(path: Path) -> str:
    """Digest the values of a file, rounded; nothing of figures and GeoPackages."""
    if path.name == CRATE:
        return "there"
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        table = pq.read_table(path).to_pandas()
        for column in table.columns[table.dtypes == "object"]:
            table[column] = [v.hex() if isinstance(v, bytes) else v for v in table[column]]
        return _sha256(_table(table.drop(columns="geometry", errors="ignore")))
    if path.suffix == ".csv":
        return _sha256(_table(pd.read_csv(path, keep_default_na=False)))
    if path.suffix == ".json":
        return _sha256(_rounded(json.loads(_plain_json(path))))
    if path.suffix in (".png", ".pdf", ".gpkg", ".tif"):
        return "there"
    return _sha256(path.read_bytes())


def _table(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g").encode()


def _rounded(value: object) -> bytes:
    def plain(each: object) -> object:
        if isinstance(each, dict):
            return {key: plain(inside) for key, inside in each.items()}
        if isinstance(each, list):
            return [plain(inside) for inside in each]
        return float(f"{each:.{DIGITS}g}") if isinstance(each, float) else each

    return json.dumps(plain(value), sort_keys=True).encode()


def _plain_json(path: Path) -> bytes:
    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key not in VARIES}
        return [plain(each) for each in value] if isinstance(value, list) else value

    found = plain(json.loads(path.read_text(encoding="utf-8")))
    if isinstance(found, dict) and isinstance(found.get("files"), dict):
        found["files"] = sorted(found["files"])
    return json.dumps(found, sort_keys=True).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def run(words: list[str]) -> int:
    """Make outputs, and print or compare their digests."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.digests")
    parser.add_argument("-o", "--out", type=Path, help="keep the outputs here")
    parser.add_argument("--large", action="store_true", help="the demos too")
    parser.add_argument("--write", action="store_true", help=f"write {FIXED.name} anew")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as other:
        folder = (asked.out or Path(other)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        small(folder / "small")
        if asked.large:
            large(folder / "large")
        if asked.write:
            found = digests(folder / "small", of_values)
            FIXED.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")
        print(json.dumps(digests(folder, of_bytes), indent=0, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
