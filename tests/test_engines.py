"""One study for every engine and every kind of table: all output files have the same bytes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import gclust
from gclust.results.crate import CRATE
from gclust.study.sections import EngineOptions, Source
from tests.fuzz_studies import undrawn

ROWS = 210_000
TOWNS = [(48.14, 11.58), (47.07, 15.44), (-18.14, 179.99), (0.3, 32.6), (59.33, 18.06)]
HURTFUL = ["007", "7", "7.0", " 7\t", "9007199254740993", "9007199254740992", "1e3", "", None, "NA"]
"""Ids that are alike for some reader: 7, 7.0 and 7 with blanks are one record, 007 is another."""


def table() -> pa.Table:
    """Listings with nulls, duplicates, a record of 5,000 listings, and values at every limit."""
    rng = np.random.default_rng(15)
    town = rng.integers(len(TOWNS), size=ROWS)
    lat, lon = np.array(TOWNS)[town].T + rng.normal(0, 0.05, (2, ROWS)).round(3)
    record = np.char.add("R", (np.arange(ROWS) // 3).astype(str)).astype(object)
    record[:5_000] = "one record"
    record[5_000:65_000] = np.array(HURTFUL, dtype=object)[rng.integers(len(HURTFUL), size=60_000)]
    at = iter(range(ROWS - 1, 0, -7))
    for values in (
        *[(-0.0, -0.0), (-0.0, 11.5), (90.0, 5.0), (90.0, 17.0), (-90.0, -180.0), (0.001, -0.001)],
        *[(48.0, 180.0), (48.0, -180.0), (48.0, 359.999996), (48.0, 179.999996), (91.0, 0.0)],
        *[(np.inf, 1.0), (-np.inf, 1.0), (1e300, 1.0), (12.0, 360.0), (12.0, -180.000001)],
    ):
        for _ in range(20):
            row = next(at)
            lat[row], lon[row] = values
    weight = rng.choice([1.0, 0.5, 1 / 3, 0.0, 1e-9, 2.0, 123_456.789], ROWS)
    year = rng.integers(2013, 2020, ROWS)
    arrays = {
        "record": pa.array(record.tolist(), pa.string()),
        "lat": pa.array(lat, mask=rng.random(ROWS) < 0.01),
        "lon": pa.array(lon, mask=rng.random(ROWS) < 0.01),
        "weight": pa.array(weight),
        "year": pa.array(year, pa.int64(), mask=rng.random(ROWS) < 0.02),
    }
    whole = pa.table(arrays)
    return pa.concat_tables([whole, whole.slice(70_000, 1_000)]).combine_chunks()


def study(data: object, folder: Path, engine: str) -> gclust.Study:
    return gclust.Study(
        sources=[Source(kind="patent", years=(2014, 2018), data=data)],
        clusters={"eps_km": 8, "min_samples": 20_000_000},
        counting={"unlocated": "keep"},
        study={"max_rejects": 0.5},
        engine=EngineOptions(name=engine, temp_dir=str(folder)),
        folder=folder,
    )


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return table()


@pytest.fixture(scope="module")
def expected(rows, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("expected")
    with undrawn():
        run = gclust.run(study(rows, folder, "duckdb"), folder / "run")
    assert len(run.ranking) > 2
    assert len(run.rejects) > 5_000
    return contents(folder / "run")


OF_INPUTS = ("execution", "inputs", "resolved_study", "outputs")
"""Parts of run.json that name inputs, or have digests of files that do."""


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of results without what says when, how, and from which library."""
    found = {}
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != CRATE)
    for path in sorted(files):
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        if name == "run.json":
            run = json.loads(content)
            content = json.dumps({key: run[key] for key in run if key not in OF_INPUTS})
        if name == "study.toml":
            lines = path.read_text(encoding="utf-8").splitlines()
            content = "\n".join(line for line in lines if not line.startswith("data = "))
        found[name] = content
    return found


def as_input(kind: str, rows: pa.Table, request: pytest.FixtureRequest) -> object:
    if kind == "pandas":
        return rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    if kind == "polars":
        return pl.from_arrow(rows)
    if kind == "duckdb":
        return duckdb.from_arrow(rows)
    if kind == "spark":
        return request.getfixturevalue("spark").createDataFrame(rows)
    return rows


# Tables in memory reach Spark as the same Parquet file, so that one kind of them is enough there.
PAIRS = [(kind, "duckdb") for kind in ("pandas", "polars", "pyarrow", "duckdb", "spark")]
PAIRS += [("polars", "spark"), ("spark", "spark")]


@pytest.mark.parametrize(("kind", "engine"), PAIRS)
def test_every_engine_gives_the_same_files(kind, engine, rows, expected, request, tmp_path):
    if engine == "spark":
        request.getfixturevalue("spark")
    given = as_input(kind, rows, request)
    with undrawn():
        gclust.run(study(given, tmp_path, engine), tmp_path / "run")
    found = contents(tmp_path / "run")
    assert found.keys() == expected.keys()
    if kind == "spark":  # its rows have no order, so rejected ones have no lines
        expected = dict(expected)
        ours, theirs = (
            pd.read_parquet(io.BytesIO(each.pop("rejects.parquet"))) for each in (found, expected)
        )
        assert ours["line"].isna().all()
        pd.testing.assert_frame_equal(ours.drop(columns="line"), theirs.drop(columns="line"))
    for name in expected:
        assert found[name] == expected[name], name
