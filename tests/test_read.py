"""Reading sources: formats, columns, windows, rejects, bad weights."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyproj import CRS

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.open_sources import open_source, open_sources
from gclust.listings.sources.dialects import quoted
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.source import SourceFiles
from gclust.listings.stage import stage_listings
from gclust.pipeline.prepare import prepare_listings, source_files
from gclust.pipeline.run_log import RunLog
from gclust.progress import silent
from gclust.units import UNIT

ROWS = pd.DataFrame(
    {
        "appln": [1, 1, 2, 3],
        "latitude": [48.1, 48.2, -33.9, 35.0],
        "longitude": [11.5, 11.6, 151.2, 179.999999],
        "filed": [2011, 2012, 2013, 2016],
    }
)
COLUMNS = {"record": "appln", "lat": "latitude", "lon": "longitude", "year": "filed"}


def staged(path, columns=COLUMNS, kind="patent", decimals=5, **options):
    with DuckDBEngine() as engine:
        source = SourceFiles(kind, str(path), columns, **options)
        result = stage_listings(
            engine, [open_source(engine, source)], decimals=decimals, root=path.parent
        )
        rows = engine.pandas(result.listings.sort("record", "lat"))
    return rows, result


def write_csv(path, table, delimiter=","):
    table.to_csv(path, sep=delimiter, index=False)
    return path


def write_points(path, table):
    frame = gpd.GeoDataFrame(
        table.drop(columns=["latitude", "longitude"]),
        geometry=gpd.points_from_xy(table["longitude"], table["latitude"]),
        crs=4326,
    ).to_crs(3857)
    if path.suffix == ".gpkg":
        frame.to_file(path, driver="GPKG")
    else:
        frame.to_parquet(path)
    return path


def make(folder, kind):
    if kind == "folder":
        (folder / "parts" / "deeper").mkdir(parents=True)
        ROWS[:2].to_parquet(folder / "parts" / "a.parquet")
        ROWS[2:].to_parquet(folder / "parts" / "deeper" / "b.parquet")
        return folder / "parts"
    if kind == "pattern":
        ROWS[:2].to_parquet(folder / "a1.parquet")
        ROWS[2:].to_parquet(folder / "a2.parquet")
        return folder / "a*.parquet"
    if kind == "csv.gz":
        path = folder / "rows.csv.gz"
        with gzip.open(path, "wt", encoding="utf-8") as file:
            ROWS.to_csv(file, index=False)
        return path
    if kind == "parquet":
        ROWS.to_parquet(folder / "rows.parquet")
        return folder / "rows.parquet"
    if kind in ("gpkg", "geoparquet"):
        return write_points(folder / f"rows.{kind}", ROWS)
    delimiter = {"csv": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}[kind]
    return write_csv(folder / "rows.csv", ROWS, delimiter)


@pytest.mark.parametrize(
    "kind",
    [
        "csv",
        "semicolon",
        "tab",
        "pipe",
        "csv.gz",
        "parquet",
        "folder",
        "pattern",
        "gpkg",
        "geoparquet",
    ],
)
def test_every_format_gives_the_same_listings(tmp_path, kind):
    folder = tmp_path / "with a space é"
    folder.mkdir()
    columns = dict(COLUMNS)
    if kind in ("gpkg", "geoparquet"):
        del columns["lat"], columns["lon"]
    rows, _ = staged(make(folder, kind), columns)
    assert [str(r) for r in rows["record"]] == ["1", "1", "2", "3"]
    np.testing.assert_allclose(rows["lat"], [48.1, 48.2, -33.9, 35.0], atol=1e-9)
    np.testing.assert_allclose(rows["lon"], [11.5, 11.6, 151.2, -180.0], atol=1e-9)
    assert rows["units"].tolist() == [UNIT] * 4


def test_delimiter_can_be_told(tmp_path):
    path = write_csv(tmp_path / "rows.txt", ROWS, "~")
    rows, _ = staged(path, delimiter="~")
    assert len(rows) == 4


def test_years_are_a_window_and_outside_is_no_reject(tmp_path):
    rows, result = staged(write_csv(tmp_path / "rows.csv", ROWS), years=(2011, 2012))
    assert len(rows) == 2
    only = result.sources.iloc[0]
    assert (only["rows"], only["outside_years"], only["rejected"], only["used"]) == (4, 2, 0, 2)


@pytest.mark.parametrize("filed", ["2012-03-01", "2012"])
def test_years_come_from_dates_too(tmp_path, filed):
    table = ROWS.assign(filed=[filed, "2010-01-01", "", "soon"])
    rows, result = staged(write_csv(tmp_path / "rows.csv", table), years=(2011, 2012))
    assert rows["reason"].isna().sum() == 1
    assert result.rejects["reason"].tolist() == ["year is missing or not a number"] * 2
    typed = ROWS.assign(filed=pd.to_datetime(["2012-03-01"] * 4))
    typed.to_parquet(tmp_path / "rows.parquet")
    rows, _ = staged(tmp_path / "rows.parquet", years=(2011, 2012))
    assert len(rows) == 4


BAD = [
    ("", "1", "latitude is missing or not a number"),
    ("1", "east", "longitude is missing or not a number"),
    ("nan", "1", "latitude is missing or not a number"),
    ("1", "inf", "longitude is missing or not a number"),
    ("90.1", "1", "latitude is outside [-90, 90]"),
    ("1", "360", "longitude is outside [-180, 360)"),
    ("1", "-180.5", "longitude is outside [-180, 360)"),
]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rejects_tell_reason_and_line(tmp_path, ending):
    good = [("1", "2"), ("90", "359.5"), ("-90", "-180")]
    table = pd.DataFrame([*good, *[row[:2] for row in BAD]], columns=["lat", "lon"])
    path = tmp_path / f"rows.{ending}"
    if ending == "csv":
        write_csv(path, table)
    else:
        table.to_parquet(path)
    rows, result = staged(path, {})
    usable = rows.loc[rows["reason"].isna()].sort_values(["lat"])
    assert usable[["lat", "lon"]].to_numpy().tolist() == [[-90.0, 0.0], [1.0, 2.0], [90.0, 0.0]]
    first = 5 if ending == "csv" else 4
    rejects = result.rejects.sort_values("line")
    assert rejects["line"].tolist() == list(range(first, first + len(BAD)))
    assert rejects["reason"].tolist() == [row[2] for row in BAD]
    assert rejects["source"].unique().tolist() == [path.name]
    given = [row[0] or None for row in BAD]
    assert rejects["lat"].fillna("").tolist() == [value or "" for value in given]


def test_numbers_that_are_not_finite_are_told_apart_from_texts(tmp_path):
    pd.DataFrame({"lat": [1.0, np.inf], "lon": [2.0, 3.0]}).to_parquet(tmp_path / "a.parquet")
    _, result = staged(tmp_path / "a.parquet", {})
    assert result.rejects["reason"].tolist() == ["latitude is not finite"]
    assert result.rejects["value"].tolist() == ["lat 'inf'"]


def test_longitudes_are_wrapped_and_zeros_have_no_sign(tmp_path):
    table = pd.DataFrame({"lat": [-0.000001, 10.0, 10.0], "lon": [-0.000001, 180.0, 190.123456]})
    rows, _ = staged(write_csv(tmp_path / "rows.csv", table), {}, null_island="keep")
    rows = rows.sort_values(["lat", "lon"])
    assert rows[["lat", "lon"]].to_numpy().tolist() == [
        [0.0, 0.0],
        [10.0, -180.0],
        [10.0, -169.87654],
    ]
    assert not np.signbit(rows["lat"].iloc[0])


def test_coordinates_stay_as_they_are_without_decimals(tmp_path):
    table = pd.DataFrame({"lat": [1.23456789], "lon": [2.3456789]})
    rows, _ = staged(write_csv(tmp_path / "rows.csv", table), {}, decimals=None)
    assert rows[["lat", "lon"]].to_numpy().tolist() == [[1.23456789, 2.3456789]]


def test_a_missing_column_is_named_with_the_nearest(tmp_path):
    path = write_csv(tmp_path / "rows.csv", ROWS)
    with pytest.raises(StudyError, match="column 'latitud' .* did you mean 'latitude'"):
        staged(path, {**COLUMNS, "lat": "latitud"})
    rows = ROWS.rename(columns={"latitude": "breite"})
    with pytest.raises(StudyError, match="column 'lat' .* did you mean 'breite'"):
        staged(write_csv(tmp_path / "german.csv", rows), {})
    with pytest.raises(StudyError, match=r"column 'year' \(year\) is missing"):
        staged(path, {"lat": "latitude", "lon": "longitude"}, years=(2011, 2012))


def test_a_wrong_type_is_named(tmp_path):
    ROWS.assign(latitude=pd.to_datetime("2020-01-01")).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(StudyError, match=r"column 'latitude' \(lat\) is of type TIMESTAMP"):
        staged(tmp_path / "rows.parquet")


@pytest.mark.parametrize("name", ["nothing.csv", "nothing/*.parquet"])
def test_no_file_is_named(tmp_path, name):
    with pytest.raises(StudyError, match="nothing found for kind 'patent'"):
        staged(tmp_path / name)


def test_an_unknown_format_is_named(tmp_path):
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    with pytest.raises(StudyError, match="unknown format"):
        staged(tmp_path / "rows.xlsx")


def test_a_broken_parquet_is_named(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"nonsense")
    with pytest.raises(StudyError, match=r"rows\.parquet: cannot be read"):
        staged(tmp_path / "rows.parquet")


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("-1", "'-1'"),
        ("nan", "'nan'"),
        ("", "a missing one"),
        ("inf", "'inf'"),
        ("5e10", "'5e10'"),
    ],
)
def test_a_bad_weight_is_named(tmp_path, weight, message):
    table = ROWS.assign(weight=["1", "2", weight, "3"])
    with pytest.raises(StudyError, match=f"weight that cannot be used, such as {message}"):
        staged(write_csv(tmp_path / "rows.csv", table))


def test_totals_that_overflow_are_named(tmp_path):
    table = ROWS.assign(weight=2e10)
    with pytest.raises(StudyError, match=r"weights add up to 8e\+10"):
        staged(write_csv(tmp_path / "rows.csv", table))


def test_a_kind_without_rows_is_named(tmp_path):
    with pytest.raises(StudyError, match="kind 'patent' has no usable rows: of 4 rows read, 4"):
        staged(write_csv(tmp_path / "rows.csv", ROWS), years=(1900, 1901))


def test_a_geopackage_with_several_layers_needs_one_named(tmp_path):
    path = write_points(tmp_path / "rows.gpkg", ROWS)
    gpd.read_file(path)[:1].to_file(path, driver="GPKG", layer="other")
    columns = {"record": "appln"}
    with pytest.raises(StudyError, match="has the layers rows, other"):
        staged(path, columns)
    assert len(staged(path, columns, layer="other")[0]) == 1
    with pytest.raises(StudyError, match="has no layer 'third'"):
        staged(path, columns, layer="third")


def test_points_without_crs_and_lines_are_refused(tmp_path):
    frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy([1.0], [2.0]))
    frame.to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(StudyError, match="has no CRS"):
        staged(tmp_path / "bare.parquet", {})
    lines = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 1 1)"], crs=4326)
    gpd.GeoDataFrame(geometry=lines).to_parquet(tmp_path / "lines.parquet")
    with pytest.raises(
        StudyError,
        match="expected points, found 1 other geometry, the first a LineString in row 1",
    ):
        staged(tmp_path / "lines.parquet", {})


def test_several_sources_of_unlike_records(tmp_path):
    first = write_csv(tmp_path / "a.csv", ROWS)
    ROWS.assign(appln=["x", "x", "y", "z"]).to_parquet(tmp_path / "b.parquet")
    with DuckDBEngine() as engine:
        scans = [
            open_source(engine, SourceFiles("patent", str(path), COLUMNS))
            for path in (first, tmp_path / "b.parquet")
        ]
        result = stage_listings(engine, scans, decimals=5, root=tmp_path)
        rows = engine.pandas(result.listings)
    assert sorted(set(rows["record"])) == ["1", "2", "3", "x", "y", "z"]
    assert result.sources["path"].tolist() == ["a.csv", "b.parquet"]


@pytest.mark.parametrize("other", ["float64", "Int64", "str", "decimal", "category"])
def test_records_of_unlike_types_are_the_same_records(tmp_path, other):
    number = pd.Series(np.arange(150))
    first = pd.DataFrame({"record": number, "lat": 1.0, "lon": 2.0})
    kinds = {
        "decimal": lambda: pa.array(number).cast(pa.decimal128(23, 2)),
        "category": lambda: number.astype(str).astype("category"),
    }
    cast = kinds.get(other, lambda: number.astype(other))
    first.to_parquet(tmp_path / "a.parquet")
    table = pa.table({"record": pa.array(cast()), "lat": [1.0] * 150, "lon": [2.0] * 150})
    pq.write_table(table, tmp_path / "b.parquet")
    with DuckDBEngine() as engine:
        scans = [
            open_source(engine, SourceFiles("patent", str(tmp_path / name)))
            for name in ("a.parquet", "b.parquet")
        ]
        result = stage_listings(engine, scans, decimals=5, root=tmp_path)
        rows = engine.pandas(result.listings)
    assert rows["record"].nunique() == 150


def test_nan_in_a_float_record_is_no_record(tmp_path):
    record = np.where(np.arange(30) < 10, np.arange(30.0), np.nan)
    table = pa.table({"record": pa.array(record), "lat": np.ones(30), "lon": np.ones(30)})
    pq.write_table(table, tmp_path / "rows.parquet")
    rows, _ = staged(tmp_path / "rows.parquet", {})
    assert rows["record"].isna().sum() == 20
    assert sorted(rows["record"].dropna()) == sorted(str(n) for n in range(10))


def test_lines_of_rejects_count_the_lines_of_quoted_fields(tmp_path):
    text = 'lat,lon,name\n1,2,"two\nlines"\n1,2,plain\nx,2,"again\ntwo"\n91,2,end\n'
    (tmp_path / "rows.csv").write_text(text)
    _, result = staged(tmp_path / "rows.csv", {})
    assert sorted(result.rejects["line"]) == [5, 7]


def test_years_do_not_depend_on_the_time_zone(tmp_path):
    when = pd.to_datetime(["2014-12-31 23:30Z", "2015-06-01 00:00Z"])
    pd.DataFrame({"lat": 1.0, "lon": 2.0, "year": when}).to_parquet(tmp_path / "rows.parquet")
    rows, result = staged(tmp_path / "rows.parquet", {}, years=(2015, 2015))
    assert len(rows) == 1
    assert result.sources["outside_years"].tolist() == [1]


def test_years_are_whole(tmp_path):
    table = ROWS.assign(filed=["2014.7", "2015", "2015.0", "2015-03-02"])
    rows, result = staged(write_csv(tmp_path / "rows.csv", table), years=(2015, 2015))
    assert rows["reason"].isna().sum() == 3
    assert result.rejects["year"].tolist() == ["2014.7"]


def test_a_part_without_a_named_column_is_told_with_its_path(tmp_path):
    ROWS.to_parquet(tmp_path / "a.parquet")
    ROWS.drop(columns="appln").to_parquet(tmp_path / "b.parquet")
    with pytest.raises(StudyError, match=r"b\.parquet: column 'appln' \(record\) is missing"):
        staged(tmp_path / "*.parquet")


def test_points_with_unlike_columns_are_told(tmp_path):
    write_points(tmp_path / "a.parquet", ROWS)
    write_points(tmp_path / "b.parquet", ROWS.drop(columns="filed"))
    assert len(staged(tmp_path / "*.parquet", {"record": "appln"})[0]) == 8
    write_points(tmp_path / "b.parquet", ROWS.drop(columns="appln"))
    with pytest.raises(StudyError, match=r"b\.parquet: column 'appln' \(record\) is missing"):
        staged(tmp_path / "*.parquet", {"record": "appln"})


def test_a_file_that_is_no_geopackage_is_told(tmp_path):
    (tmp_path / "rows.gpkg").write_bytes(b"no database")
    with pytest.raises(StudyError, match=r"rows\.gpkg: cannot be read: "):
        staged(tmp_path / "rows.gpkg")


def test_decimal_commas_are_explained(tmp_path):
    table = ROWS.assign(latitude="48,1", longitude="11,5")
    with pytest.raises(StudyError, match="no usable rows.*lat '48,1'.*not a comma"):
        staged(write_csv(tmp_path / "rows.csv", table, ";"))


def test_a_delimiter_that_is_not_found_is_asked_for(tmp_path):
    with pytest.raises(StudyError, match="name their delimiter"):
        staged(write_csv(tmp_path / "rows.csv", ROWS, "^"))
    assert len(staged(tmp_path / "rows.csv", delimiter="^")[0]) == 4


@pytest.mark.parametrize("delimiter", ["", "\n", ";;"])
def test_a_delimiter_is_one_character(tmp_path, delimiter):
    with pytest.raises(StudyError, match="expected one character"):
        staged(write_csv(tmp_path / "rows.csv", ROWS), delimiter=delimiter)


def test_options_of_other_formats_are_refused(tmp_path):
    ROWS.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(StudyError, match="delimiter belongs to CSV"):
        staged(tmp_path / "rows.parquet", delimiter=";")
    with pytest.raises(StudyError, match="layer belongs to GeoPackages"):
        staged(write_csv(tmp_path / "rows.csv", ROWS), layer="rows")


@pytest.mark.parametrize("column", ["latitude", "filed"])
def test_lists_are_no_numbers(tmp_path, column):
    ROWS.assign(**{column: [[1.0]] * 4}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(StudyError, match=f"column '{column}' .* is of type DOUBLE\\[\\]"):
        staged(tmp_path / "rows.parquet", years=(2011, 2012))


def test_ctrl_c_ends_a_query_and_leaves_nothing(tmp_path):
    """At a moment when a query runs: no abort, no folder left, quickly."""
    code = (
        "import signal, threading, sys, time\n"
        "from gclust.listings.engines.duckdb import DuckDBEngine\n"
        "import narwhals as nw\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under some shells\n"
        "threading.Timer(1.0, lambda: signal.raise_signal(signal.SIGINT)).start()\n"
        "with DuckDBEngine(sys.argv[1]) as engine:\n"
        "    query = 'SELECT a.i % 7 AS k, sum(b.i) AS s FROM range(300000) a(i),'\n"
        "    query += ' range(300000) b(i) GROUP BY k'\n"
        "    engine.store(nw.from_native(engine.connection.sql(query)), 'long', 'long')\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "KeyboardInterrupt" in done.stderr
    assert "terminate called" not in done.stderr
    assert done.returncode in (1, 130, -2)
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("crs", [None, "EPSG:3857", "EPSG:2056"])
@pytest.mark.parametrize("version", ["NONE", "V1"])
def test_geometries_that_the_file_s_own_types_tell(tmp_path, crs, version):
    """Parquet's own geometry type says its CRS, with GeoParquet's metadata or without."""
    import duckdb

    points = gpd.GeoSeries(gpd.points_from_xy([8.5, 8.6], [47.3, 47.4]), crs=4326)
    texts = points.to_crs(crs).to_wkt() if crs else points.to_wkt()
    table = pa.table({"record": [1, 2], "place": texts.tolist()})
    kind = f"GEOMETRY({quoted(CRS(crs).to_json())})" if crs else "GEOMETRY"
    with duckdb.connect() as own:
        own.register("t", table)
        own.execute(
            f"COPY (SELECT record, place::{kind} AS spot FROM t) TO '{tmp_path / 'a.parquet'}'"
            f" (FORMAT parquet, GEOPARQUET_VERSION '{version}')"
        )
    rows, _ = staged(tmp_path / "a.parquet", {})
    np.testing.assert_allclose(rows["lat"], [47.3, 47.4], atol=1e-5)
    np.testing.assert_allclose(rows["lon"], [8.5, 8.6], atol=1e-5)


def test_one_swapped_source_among_many_is_told(tmp_path):
    rng = np.random.default_rng(3)
    lat, lon = 48.1 + rng.normal(0, 0.01, 3000), 11.5 + rng.normal(0, 0.01, 3000)
    pd.DataFrame({"lat": lat, "lon": lon}).to_parquet(tmp_path / "many.parquet")
    few = pd.DataFrame({"lat": np.full(20, 11.5), "lon": 48.14 + np.arange(20) * 1e-4})
    few.to_parquet(tmp_path / "few.parquet")
    sources = [
        {"kind": "patent", "path": "many.parquet"},
        {"kind": "deal", "path": "few.parquet"},
    ]
    study = gclust.Study(sources=sources, clusters={"min_samples": 100}, folder=tmp_path)
    with pytest.warns(GclustWarning, match=r"few\.parquet: 20 of 20 locations .* swapped"):
        gclust.run(study)


@pytest.mark.parametrize(("kind", "most"), [("float64", 2**53), ("float32", 2**24)])
def test_ids_that_floats_have_rounded_are_refused(tmp_path, kind, most):
    rows = pd.DataFrame({"record": [1.0, most, np.nan], "lat": 48.1, "lon": 11.5})
    rows["record"] = rows["record"].astype(kind)
    rows.to_parquet(tmp_path / "a.parquet")
    read = staged(tmp_path / "a.parquet", {})[0]["record"].dropna().tolist()
    assert sorted(read) == ["1", str(most)]
    rows.loc[1, "record"] = rows.loc[1, "record"] * 2
    rows.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(StudyError, match=r"column 'record' \(record\) holds ids as floats"):
        staged(tmp_path / "a.parquet", {})


@pytest.mark.parametrize("kind", [str, int, float])
def test_what_stands_for_no_value_can_be_named(tmp_path, kind):
    rows = pd.DataFrame({"record": [0, 7, 7], "lat": 48.1, "lon": 11.5, "year": [2012, 9999, 2011]})
    rows = rows.astype({"record": kind, "year": kind})
    rows.to_parquet(tmp_path / "a.parquet")
    found, result = staged(tmp_path / "a.parquet", {}, years=(2010, 2015), missing=("0", "9999"))
    assert result.rejects["reason"].tolist() == ["year is missing or not a number"]
    usable = found[found["reason"].isna()]
    assert usable["record"].isna().tolist().count(True) == 1


def test_copies_of_packed_files_take_room_no_longer_than_they_are_read(tmp_path):
    source = gclust.Source(kind="patent", path=make(tmp_path, "csv.gz").name, columns=COLUMNS)
    study = gclust.Study(sources=[source], folder=tmp_path)
    with DuckDBEngine() as engine:
        open_sources(engine, [source_files(study, source)], Inputs())
        assert [each.name for each in engine.copies.iterdir()] == ["text-0.csv"]
        prepare_listings(study, engine, RunLog(silent, strict=False))
        assert list(engine.copies.iterdir()) == []


def test_a_pattern_finds_tables_that_are_folders(tmp_path):
    """Spark writes a table as a folder of the name of a file, with marks next to its parts."""
    for name, rows in (("a.parquet", ROWS[:2]), ("b.parquet", ROWS[2:])):
        (tmp_path / name / "_temporary").mkdir(parents=True)
        rows.to_parquet(tmp_path / name / "part-0.parquet")
        rows.to_parquet(tmp_path / name / "_temporary" / "part-0.parquet")
        (tmp_path / name / "_SUCCESS").touch()
    for pattern in ("*.parquet", "**/*.parquet", "**"):
        assert len(staged(tmp_path / pattern)[0]) == 4
