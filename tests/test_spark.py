"""Spark as an engine, on a standalone cluster of one master and two workers on this machine."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gclust
from gclust.errors import StudyError
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.engines.protocol import EngineError, QueryOverflowError
from gclust.listings.engines.spark import SparkEngine
from gclust.listings.engines.spark_session import open_session
from gclust.listings.label import sum_ties
from gclust.listings.open_sources import open_sources, read_rows
from gclust.listings.sources import values
from gclust.listings.sources.dialects import DUCKDB, SPARK
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.pipeline.open_engine import engine_name, open_engine
from gclust.study.sections import EngineOptions, Source
from tests.digests import SECTIONS, everything, full_listings
from tests.spark_cluster import SETTINGS
from tests.test_uncertainty_amounts import study_of
from tests.test_values import texts
from tests.worlds import listings, study_folder

VARIES = ("execution", "inputs")


def assert_same_files(one: Path, two: Path, *, inputs: bool = True) -> None:
    """Compare two folders of results byte by byte, but for what run.json says of time."""
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    for name in names:
        found = [(folder / name).read_bytes() for folder in (one, two)]
        if name.name == "ro-crate-metadata.json":
            continue  # it repeats what run.json holds, and times
        if name.suffix == ".json":
            found = [json.loads(each) for each in found]
            for each in found:
                for key in VARIES if not inputs else VARIES[:1]:
                    each.pop(key, None)
        assert found[0] == found[1], name


@pytest.fixture
def engine(spark, tmp_path) -> Iterator[SparkEngine]:
    with SparkEngine(open_session(None, {}, spark), tmp_path) as engine:
        yield engine


def spark_options(folder: Path) -> EngineOptions:
    return EngineOptions(name="spark", temp_dir=str(folder))


def test_a_study_has_the_same_files_with_a_session_of_its_own(spark_cluster, tmp_path):
    """Every section and indicator, from CSV files, with the command line in a new process."""
    study = everything(tmp_path / "study")
    gclust.run(study, tmp_path / "duckdb")
    options = {"spark.app.name": "a test", **SETTINGS}
    text = study.read_text(encoding="utf-8") + "\n[engine]\nname = 'spark'\ntemp_dir = '.'\n"
    text += f"master = '{spark_cluster.master}'\n[engine.options]\n"
    text += "".join(f"'{key}' = {json.dumps(value)}\n" for key, value in options.items())
    study.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "gclust", "run", str(study), "-o", str(tmp_path / "spark")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_files(tmp_path / "duckdb", tmp_path / "spark")
    run = json.loads((tmp_path / "spark" / "run.json").read_text(encoding="utf-8"))
    assert run["execution"]["engine"] == "spark"
    assert not list((tmp_path / "study").glob("gclust-*"))


EXTRA = """
[counting]
unlocated = "keep"
[score]
of = ["patent_share", "patent_hhi"]
[[indicators]]
name = "hhi"
kind = "patent"
[uncertainty]
draws = 2
level = 0.5
sources = ["records", "addresses", "parameters", "weights"]
clusters = "reclustered"
spread_km = { city = 9 }
eps_km = [10]
min_samples = [90, 110]
"""


def test_random_draws_and_sweeps_have_the_same_files(spark, tmp_path):
    plain = SECTIONS.replace('[population]\nraster = "people.tif"\nunit = "count"\n', "")
    plain = plain.replace("[intensity]\nusual = true\n", "")
    study = gclust.read_study(study_folder(tmp_path / "study", full_listings(), plain + EXTRA))
    for name, options in (("duckdb", {}), ("spark", spark_options(tmp_path))):
        own = replace(study, engine=options)
        gclust.uncertainty(own, tmp_path / f"draws-{name}")
        gclust.sweep(own, eps_km=[8, 10], min_samples=[100], out=tmp_path / f"sweep-{name}")
    assert_same_files(tmp_path / "draws-duckdb", tmp_path / "draws-spark")
    assert_same_files(tmp_path / "sweep-duckdb", tmp_path / "sweep-spark")


def test_amounts_and_comparisons_have_the_same_files(spark, tmp_path):
    """Amounts that vary by organisation, and two studies that differ in their years."""
    extra = "[uncertainty]\ndraws = 2\nlevel = 0.5\ncv = { rd = 0.3 }\n"
    earlier = gclust.read_study(study_of(tmp_path / "study", extra))
    years = tuple(replace(each, years=(2016, 2019)) for each in earlier.sources)
    later = replace(earlier, sources=years)
    for name, options in (("duckdb", {}), ("spark", spark_options(tmp_path))):
        one, two = (replace(each, engine=options) for each in (earlier, later))
        drawn = gclust.uncertainty(one, tmp_path / f"draws-{name}")
        assert (drawn.table["rd_share_low"] < drawn.table["rd_share_high"]).any()
        gclust.compare(one, two, tmp_path / f"compare-{name}")
    assert_same_files(tmp_path / "draws-duckdb", tmp_path / "draws-spark")
    assert_same_files(tmp_path / "compare-duckdb", tmp_path / "compare-spark")


def parquet_study(folder: Path) -> gclust.Study:
    """Write listings as Parquet files in folders of years, some of names that Spark cannot take."""
    table = full_listings()
    table.loc[::50, "lat"] = np.nan
    table.loc[::61, ["lat", "lon"]] = 0.0
    for (kind, year), rows in table.groupby(["kind", "year"]):
        place = folder / kind / f"year={year}"
        place.mkdir(parents=True)
        half = len(rows) // 2
        for name, part in (("a [1],é.parquet", rows[:half]), ("b.parquet", rows[half:])):
            part.drop(columns=["kind", "year", "town"]).to_parquet(place / name, index=False)
    sources = [
        Source(kind=kind, path=kind, years=(2015, 2018)) for kind in ("patent", "publication")
    ]
    return gclust.Study(
        sources=sources,
        clusters={"eps_km": 10, "min_samples": 100},
        counting={"unlocated": "keep"},
        study={"max_rejects": 0.2},
        folder=folder,
    )


def test_a_worker_that_is_killed_changes_nothing(spark, spark_cluster, tmp_path):
    study = parquet_study(tmp_path / "listings")
    gclust.run(study, tmp_path / "duckdb")
    killed = []

    def report(fraction: float, stage: str) -> None:
        if stage == "label listings" and fraction < 1 and not killed:  # its query runs
            killed.append(stage)
            spark_cluster.kill_worker()

    gclust.run(replace(study, engine=spark_options(tmp_path)), tmp_path / "spark", progress=report)
    spark_cluster.add_worker()
    assert killed
    assert_same_files(tmp_path / "duckdb", tmp_path / "spark")


def compared(spark, tmp_path, cases):
    """Yield each value with what DuckDB's and Spark's SQL makes of it, by the name of the case."""
    for number, (write, found, kind) in enumerate(cases):
        path = tmp_path / f"values-{number}.parquet"
        table = pa.table({"i": range(len(found)), "x": pa.array(found, kind)})
        pq.write_table(table, path)
        with duckdb.connect() as own:
            rows = own.execute(f"SELECT {write(DUCKDB)} FROM read_parquet('{path}') ORDER BY i")
            ours = [row[0] for row in rows.fetchall()]
        frame = spark.read.parquet(f"file://{path}").selectExpr("i", f"{write(SPARK)} AS x")
        theirs = frame.sort("i").toArrow()["x"].to_pylist()
        yield from zip(itertools.repeat(write(DUCKDB)), found, ours, theirs, strict=False)


def test_values_mean_the_same_in_both_dialects(engine, tmp_path):
    spark, rng = engine.session, random.Random(9)
    odd = "\v\f\r\n\x00\x1c\x1f\x85\xa0\u2028\u3000dDfFxlL\uff11"
    numbers = [*texts(1), *(repr(rng.uniform(-1e3, 1e3)) for _ in range(2_000))]
    numbers += ["".join(rng.choices("05+-.e " + odd, k=rng.randint(1, 6))) for _ in range(9_000)]
    numbers += [f"{rng.uniform(-200, 200):.25e}" for _ in range(2_000)]
    years = [
        "".join(rng.choices("0129-T:. \v\n\u2028", k=rng.randint(1, 12))) for _ in range(9_000)
    ]
    years += ["2015", "2015.00", "0", "10000", "2015-3-1", "2015-03-01T\u2028", "2015-03-01 9\n"]
    parts = [
        "",
        " ",
        "\t",
        "a b",
        "7",
        "7.0",
        "-12.00",
        "1.5",
        ".0",
        "\u00a0",
        "\n",
        "\\",
        "'",
        "$1",
    ]
    parts += [*values.MISSING, "${x}"]
    ids = ["".join(rng.choices(parts, k=rng.randint(0, 3))) for _ in range(8_000)]
    floats = [0.0, -0.0, 1.0, 7.0, -3.0, 2.0**53, 2.0**62, float("nan"), float("inf"), None]
    amounts = [*floats, 2015.0, 2015.5, 1e300, -1e300, 9999.0, 10000.0, 0.5, 0.1, 1e-300]
    digits = [Decimal(rng.randint(-(10**17), 10**17)).scaleb(-8) for _ in range(2_000)]
    digits += [*map(Decimal, ("0", "1", "-1.50", "0.00000001", "7", "2015")), None]
    text, double, single, fixed = pa.string(), pa.float64(), pa.float32(), pa.decimal128(18, 8)
    gone, of_fixed = ("7", "x", "\\N'", "7.00000000"), "DECIMAL(18,8)"
    cases = [
        (lambda sql: values.number("x", "VARCHAR", sql), numbers, text),
        (lambda sql: values.year("x", "VARCHAR", None, sql), years, text),
        (lambda sql: values.year("x", "VARCHAR", ("2015", "0"), sql), years, text),
        (lambda sql: values.year("x", "DOUBLE", None, sql), amounts, double),
        (lambda sql: values.number("x", "FLOAT", sql), amounts, single),
        (lambda sql: values.number("x", of_fixed, sql), digits, fixed),
    ]
    for name, missing in itertools.product(("record", "country"), (None, gone)):
        for kind, found, arrow in (
            ("VARCHAR", ids, text),
            ("DOUBLE", floats, double),
            ("FLOAT", floats, single),
            (of_fixed, digits, fixed),
        ):
            cases.append(
                (
                    lambda sql, kind=kind, name=name, missing=missing: values.text(
                        "x", kind, name, missing, sql
                    ),
                    found,
                    arrow,
                )
            )
    wrong = [each for each in compared(spark, tmp_path, cases) if repr(each[2]) != repr(each[3])]
    assert not wrong, wrong[:5]


def rows_of(engine, source, scans=None):
    """Read a source with an engine; return its rows, sorted."""
    scans = open_sources(engine.reader, [source], Inputs())
    (rows,) = read_rows(engine, scans)
    table = engine.pandas(rows)
    return table.sort_values(list(table.columns), ignore_index=True)


def odd_tables() -> Iterator[tuple[str, bool, pa.Table]]:
    """Yield tables that Parquet files may hold, and whether Spark reads them itself."""
    lat, lon = [48.1, None, -0.0], [11.5, 12.0, 13.0]
    plain = {"lat": lat, "lon": lon}
    yield "whole", True, pa.table({**plain, "record": [1, None, 2**62], "year": [2015, None, 0]})
    small = {
        "record": pa.array([1, None, 255], pa.uint8()),
        "weight": pa.array([1, 0, 3], pa.int8()),
    }
    yield "small", True, pa.table({**plain, **small})
    large = pa.array([2**63 + 5, None, 1], pa.uint64())
    yield "large", True, pa.table({**plain, "record": large})
    floats = pa.array([1.0, None, 2.0**40], pa.float64())
    yield "floats", True, pa.table({**plain, "record": floats})
    yield "fractions", False, pa.table({**plain, "record": [1.5, None, 1e-5]})
    exact = pa.array([Decimal("1.50"), None, Decimal("-7.00")], pa.decimal128(9, 2))
    yield "decimals", True, pa.table({**plain, "record": exact, "weight": exact})
    days = pa.array([1, None, 20_000], pa.date32())
    yield "days", True, pa.table({**plain, "year": days})
    moments = pa.array([1, None, 10**18], pa.timestamp("ns"))
    yield "moments", False, pa.table({**plain, "year": moments})
    yield "half", False, pa.table({**plain, "weight": pa.array(np.ones(3, np.float16))})
    yield "nothing", False, pa.table({**plain, "record": pa.nulls(3)})
    names = pa.array([" a ", "NA", "a"]).dictionary_encode()
    yield "dictionary", True, pa.table({**plain, "organisation": names})
    inner = pa.array([{"Lat": 1.0, "lon`x": 2.0}, None, {"Lat": 3.0, "lon`x": 4.0}])
    yield "struct", True, pa.table({"in.side": inner, "record": ["1.0", " 01", ""]})
    yield "case", True, pa.table({**plain, "Lat": lon, "LAT": lat})
    yield "flags", False, pa.table({**plain, "record": [True, None, False]})
    yield "empty", True, pa.table({**plain, "record": ["a", "b", "c"]}).slice(0, 0)
    yield "texts", True, pa.table({"lat": ["1,5", " 2e1 ", "x"], "lon": ["1_0", "1d", "0x1"]})


def test_parquet_files_of_every_type_are_read_as_with_duckdb(engine, tmp_path, monkeypatch):
    itself = []
    read = engine.parquet.read
    monkeypatch.setattr(
        engine.parquet, "read", lambda part: itself.append(read(part)) or itself[-1]
    )
    with DuckDBEngine(tmp_path) as duck:
        for name, by_spark, table in odd_tables():
            path = tmp_path / f"{name}{{1}}.parquet"
            pq.write_table(table, path)
            named = {"lat": "in.side.Lat", "lon": "in.side.lon`x"} if name == "struct" else {}
            named = {"lat": "Lat", "lon": "lon"} if name == "case" else named
            source = SourceFiles("a", str(path), named, further=("year", "organisation"))
            pd.testing.assert_frame_equal(rows_of(engine, source), rows_of(duck, source))
            assert (itself[-1] is not None) == by_spark, name


def test_texts_that_are_not_utf8_are_refused_as_by_duckdb(engine, tmp_path):
    raw = pa.array([b"a", b"\xff\xfe"], pa.binary())
    table = pa.table({"lat": [1.0, 2.0], "lon": [1.0, 2.0], "record": raw.view(pa.string())})
    pq.write_table(table, tmp_path / "a.parquet")
    source = SourceFiles("a", str(tmp_path / "a.parquet"))
    with DuckDBEngine(tmp_path) as duck, pytest.raises(EngineError):
        rows_of(duck, source)
    with pytest.raises(EngineError, match="UTF8"):
        rows_of(engine, source)


def frame_of(spark, table):
    """Return a pandas frame as a Spark DataFrame; NaN is null."""
    return spark.createDataFrame(pa.Table.from_pandas(table, preserve_index=False))


def test_a_dataframe_is_read_in_the_session_that_it_has(spark, tmp_path):
    table = listings().drop(columns="town")
    table = table[table["kind"] == "patent"].drop(columns="kind")
    table["lat"] = table["lat"].where(table.index % 97 != 0)
    study = gclust.Study(
        sources=[Source(kind="patent", years=(2015, 2018), data=table)],
        clusters={"eps_km": 10, "min_samples": 100},
        folder=tmp_path,
    )
    gclust.run(study, tmp_path / "pandas")
    identities = []
    for name, frame in (
        ("spark", frame_of(spark, table)),
        ("shuffled", frame_of(spark, table.sample(frac=1, random_state=1)).repartition(3)),
    ):
        own = replace(study, sources=[replace(study.sources[0], data=frame)])
        own = replace(own, engine=EngineOptions(temp_dir=str(tmp_path)))
        assert engine_name(own) == "spark"
        run = gclust.run(own, tmp_path / name)
        pd.testing.assert_frame_equal(run.ranking, gclust.read_run(tmp_path / "pandas").ranking)
        (found,) = json.loads((tmp_path / name / "run.json").read_text())["inputs"]
        identities.append(found["row_hashes"])
    assert identities[0] == identities[1]
    assert identities[0].startswith(f"{len(table)} rows, sum of xxhash64 ")
    assert_same_files(tmp_path / "spark", tmp_path / "shuffled")
    rejects = pd.read_parquet(tmp_path / "spark" / "rejects.parquet")
    expected = pd.read_parquet(tmp_path / "pandas" / "rejects.parquet")
    assert rejects["line"].isna().all()
    pd.testing.assert_frame_equal(rejects.drop(columns="line"), expected.drop(columns="line"))
    assert spark.range(3).count() == 3, "the user's session was stopped"
    duck = replace(own, engine=EngineOptions(name="duckdb", temp_dir=str(tmp_path)))
    gclust.run(duck, tmp_path / "duckdb")
    assert_same_files(tmp_path / "shuffled", tmp_path / "duckdb")


def test_a_dataframe_that_cannot_be_read_is_refused_by_name(spark, tmp_path):
    frame = spark.range(5).selectExpr("id AS lat", "if(id > 3, raise_error('no'), id) AS lon")
    source = Source(kind="patent", data=frame)
    study = gclust.Study(sources=[source], folder=tmp_path, engine={"temp_dir": str(tmp_path)})
    with pytest.raises(
        StudyError, match="the table of patent: cannot be read: .*USER_RAISED_EXCEPTION"
    ):
        gclust.run(study)
    other = replace(source, data=frame.selectExpr("lat AS breite", "lat AS lon"))
    with pytest.raises(StudyError, match="'lat' .* is missing; did you mean 'breite'"):
        gclust.run(replace(study, sources=[other]))


def test_numbers_that_do_not_fit_raise_an_error_of_their_own(engine):
    frame = engine.put(pd.DataFrame({"a": [2**62, 2**62, 2**62]}), "large")
    with pytest.raises(QueryOverflowError):
        engine.pandas(frame.select(nw.col("a").sum()))
    table = {"kind": [0, 0], "record": ["a", "a"], "label": [0, 1], "units": [2**60, 2**60]}
    ties = engine.put(pd.DataFrame(table), "ties")
    with pytest.raises(QueryOverflowError):
        engine.pandas(sum_ties(ties, ties, "pairs"))


def test_whole_numbers_and_missing_ones_come_back_exactly(engine):
    table = pa.table({"n": pa.array([2**62 + 1, None, -5], pa.int64()), "t": ["a", None, "b"]})
    frame = engine.put(table, "exact")
    found = engine.arrow(engine.store(frame, "again").sort("n", nulls_last=True))
    assert found["n"].to_pylist() == [-5, 2**62 + 1, None]
    engine.append(frame, "again")
    assert len(engine.arrow(engine.frame("again"))) == 6
    one = engine.fingerprint("again", ["n", "t"])
    engine.drop("again")
    engine.append(frame.sort("t"), "again")
    engine.append(frame, "again")
    assert engine.fingerprint("again", ["n", "t"]) == one != engine.fingerprint("exact", ["n"])


def test_rows_that_do_not_arrive_are_missed(engine, monkeypatch):
    """A worker of another machine would write into a folder of its own."""
    frame = engine.put(pd.DataFrame({"a": [1, 2]}), "small")
    monkeypatch.setattr("gclust.listings.engines.spark_jobs.rows_in", lambda folder: 0)
    with pytest.raises(StudyError, match="0 of 2 rows that Spark wrote there arrived"):
        engine.store(frame, "lost")


def test_ctrl_c_cancels_the_jobs(engine, spark):
    def interrupt(fraction: float, stage: str) -> None:
        raise KeyboardInterrupt

    slow = spark.range(10**12).selectExpr("sum(sin(id)) AS a")
    engine.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        engine.arrow(nw.from_native(slow), "a slow query")
    assert spark.sparkContext.statusTracker().getActiveJobsIds() == []


def test_what_cannot_be_opened_is_refused_with_what_to_do(spark, monkeypatch, tmp_path):
    study = gclust.Study(sources=[Source(kind="a", path="a.csv")], folder=tmp_path)

    def opened(**options):
        open_engine(replace(study, engine=EngineOptions(name="spark", **options)))

    with pytest.raises(StudyError, match="temp_dir is missing; expected a folder that all workers"):
        opened()
    with pytest.raises(StudyError, match="characters that Spark cannot take in a path: \\["):
        opened(temp_dir="a[b")
    with pytest.raises(StudyError, match="'local', but Spark runs already with the master"):
        opened(master="local")
    with pytest.raises(StudyError, match="spark.executor.memory = '9g' cannot be set"):
        opened(options={"spark.executor.memory": "9g"})
    with pytest.raises(StudyError, match="ansi.enabled is set by gclust"):
        opened(options={"spark.sql.ansi.enabled": False})
    with pytest.raises(StudyError, match="master belongs to name = 'spark'"):
        EngineOptions(name="duckdb", master="local")
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(StudyError, match='pip install "pyspark>=4"'):
        opened()


def test_without_java_it_says_what_to_install(tmp_path):
    pytest.importorskip("pyspark")
    study = study_folder(tmp_path)
    study.write_text(study.read_text() + "[engine]\nname = 'spark'\n")
    place = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": place, "JAVA_HOME": ""}
    command = [sys.executable, "-m", "gclust", "run", str(study), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Spark needs Java 17 or later" in done.stderr
