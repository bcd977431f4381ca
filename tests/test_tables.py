"""Tables in memory and queries as sources."""

from __future__ import annotations

import os
import warnings

import duckdb
import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import gclust
from gclust.errors import GclustWarning, StudyError
from gclust.listings.readers.tables import digest
from tests.fuzz_studies import undrawn

CLUSTERS = {"eps_km": 10, "min_samples": 20}


def table(n=120, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "record": [f"R{i // 2}" for i in range(n)],
            "lat": 48.1 + rng.normal(0, 0.01, n).round(5),
            "lon": 11.5 + rng.normal(0, 0.01, n).round(5),
            "name": [f"Müller {i}" for i in range(n)],
        }
    )


def as_points(frame):
    points = gpd.points_from_xy(frame["lon"], frame["lat"])
    return gpd.GeoDataFrame(frame[["record"]], geometry=points, crs=4326)


LIBRARIES = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "polars lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "geopandas": as_points,
    "duckdb": lambda frame: duckdb.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)),
    "odd index": lambda frame: frame.set_index(pd.Index(range(len(frame)))[::-1]),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_table_of_any_library_gives_what_its_file_does(tmp_path, library):
    frame = table()
    frame.to_parquet(tmp_path / "a.parquet")
    study = gclust.Study(
        sources=[{"kind": "patent", "path": "a.parquet"}], clusters=CLUSTERS, folder=tmp_path
    )
    expected = gclust.run(study).ranking
    data = LIBRARIES[library](frame)
    run = gclust.run(
        gclust.Study(sources=[gclust.Source(kind="patent", data=data)], clusters=CLUSTERS)
    )
    pd.testing.assert_frame_equal(run.ranking, expected)
    assert run.info["inputs"][0]["path"] == "the table of patent"


def test_rejects_of_a_large_table_have_its_rows():
    """DuckDB stores tables of more than 122,880 rows in any order."""
    n = 600_000
    lat = 48 + np.arange(n) % 100 / 1000
    lat[::1000] = 90 + np.arange(0, n, 1000)
    table = pa.table({"record": np.arange(n), "lat": lat, "lon": np.full(n, 11.0)})
    study = gclust.Study(
        sources=[{"kind": "patent", "data": table}],
        clusters={"eps_km": 5, "min_samples": 1000},
    )
    with undrawn(), warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        rejects = gclust.run(study, n_jobs=2).rejects
    assert len(rejects) == n // 1000 - 1
    assert (rejects["line"] - 1).tolist() == rejects["record"].astype(int).tolist()


def test_listings_stand_for_the_sources_of_a_study(tmp_path):
    frame = table().rename(columns={"lat": "breite"})
    (tmp_path / "study.toml").write_text(
        '[[sources]]\nkind = "patent"\npath = "none.csv"\ncolumns = { lat = "breite" }\n'
        "[clusters]\nmin_samples = 20\n"
    )
    run = gclust.run(tmp_path / "study.toml", listings={"patent": frame, "deal": table(40)})
    assert run.info["world_totals"] == {"patent": 60.0, "deal": 20.0}
    gclust.run(tmp_path / "study.toml", tmp_path / "run", listings={"patent": frame})
    written = gclust.read_run(tmp_path / "run").study
    assert written.sources[0].data == "pandas.DataFrame of 120 rows and 4 columns"
    with pytest.raises(StudyError, match="were a table in memory.*give it again"):
        gclust.run(written)


def test_a_study_without_sources_takes_tables_alone(tmp_path):
    (tmp_path / "study.toml").write_text("[clusters]\nmin_samples = 20\n")
    with pytest.raises(StudyError, match=r"has no \[\[sources\]\]"):
        gclust.run(tmp_path / "study.toml")
    run = gclust.run(tmp_path / "study.toml", listings={"patent": table()})
    assert run.info["world_totals"] == {"patent": 60.0}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"lat": [1]}, "a dict is no table"),
        (
            pd.DataFrame({"lat": [1.0, "x", object()], "lon": [1, 2, 3]}),
            "cannot be read as a table",
        ),
        (pd.DataFrame({"breite": [1.0], "lon": [2.0]}), "column 'lat' .* did you mean 'breite'"),
        (as_points(table()).set_crs(None, allow_override=True), "has no CRS"),
    ],
)
def test_what_is_no_table_is_refused(data, message):
    with pytest.raises(StudyError, match=message):
        gclust.run(gclust.Study(sources=[{"kind": "patent", "data": data}], clusters=CLUSTERS))


def test_sections_are_checked_wherever_they_are_written():
    with pytest.raises(StudyError, match=r"Clusters: eps_km = -1.*more than 0"):
        gclust.Clusters(eps_km=-1)
    with pytest.raises(StudyError, match=r"\[clusters\] 'eps' is not known"):
        gclust.Study(sources=[{"kind": "a", "path": "b"}], clusters={"eps": 1})
    with pytest.raises(StudyError, match="expected path .* found path and data"):
        gclust.Study(sources=[{"kind": "a", "path": "b", "data": table()}])


def test_a_digest_is_of_the_rows_not_of_the_library():
    frame = table()
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    chunked = pa.concat_tables([arrow.slice(0, 7), arrow.slice(7)])
    assert digest(arrow) == digest(chunked) == digest(pl.from_pandas(frame).to_arrow())
    assert digest(arrow) != digest(arrow.slice(1))


SQL = """
SELECT r.id AS record, p.lat, p.lon
FROM 'records.parquet' r JOIN 'sub/places.csv' p ON r.place = p.place
"""


@pytest.fixture
def joined(tmp_path):
    folder = tmp_path / "with a space"
    (folder / "sub").mkdir(parents=True)
    frame = table()
    places = frame[["lat", "lon"]].assign(place=range(len(frame)))
    places.to_csv(folder / "sub" / "places.csv", index=False)
    records = pd.DataFrame({"id": frame["record"], "place": range(len(frame))})
    records.to_parquet(folder / "records.parquet")
    frame.to_parquet(folder / "whole.parquet")
    return folder


def of_query(folder, sql, **more):
    source = {"kind": "patent", "sql": sql, **more}
    return gclust.Study(sources=[source], clusters=CLUSTERS, folder=folder)


def test_a_query_gives_what_the_joined_file_does(joined):
    whole = gclust.Study(
        sources=[{"kind": "patent", "path": "whole.parquet"}], clusters=CLUSTERS, folder=joined
    )
    before = os.getcwd()
    run = gclust.run(of_query(joined, SQL), joined / "run")
    assert os.getcwd() == before
    pd.testing.assert_frame_equal(run.ranking, gclust.run(whole).ranking)
    again = gclust.run(gclust.read_run(joined / "run").study)
    pd.testing.assert_frame_equal(again.ranking, run.ranking)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS lat, 2 AS lon; SELECT 2 AS lat, 3 AS lon",
        "COPY (SELECT 1) TO 'new.parquet'",
        "SELECT 1 AS lat, 2 AS lon; COPY (SELECT 1) TO 'new.parquet'",
        "ATTACH 'new.db'",
        "INSTALL spatial",
        "SET enable_external_access = true",
        "SELECT * FROM '../outside.csv'",
        "SELECT * FROM '{outside}'",
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM glob('{outside}')",
        "SELECT * FROM 'link.csv'",
        "SELEKT",
        "",
        "SELECT 1 AS lat",
    ],
)
def test_a_query_reads_its_folder_and_does_nothing_else(joined, sql):
    outside = joined.parent / "outside.csv"
    table().to_csv(outside, index=False)
    (joined / "link.csv").symlink_to(outside)
    before = sorted(path.name for path in joined.rglob("*"))
    with pytest.raises(StudyError, match="the query of patent"):
        gclust.run(of_query(joined, sql.format(outside=outside)))
    assert sorted(path.name for path in joined.rglob("*")) == before


def test_a_query_may_read_where_it_is_told_to(joined):
    other = joined.parent / "other"
    other.mkdir()
    table().to_csv(other / "a.csv", index=False)
    sql = f"SELECT * FROM '{other / 'a.csv'}'"
    with pytest.raises(StudyError, match="sql_paths"):
        gclust.run(of_query(joined, sql))
    assert gclust.run(of_query(joined, sql, sql_paths=["../other"])).ranking.shape[0] == 1


def test_a_query_that_needs_room_takes_it_from_the_temporary_folder(joined):
    """Sorting more than the memory holds: nothing is left in the study's own folder."""
    sql = (
        "SELECT 'R' || (i % 1000)::VARCHAR AS record, 48.1 AS lat, 11.5 + (i % 7) / 1e3 AS lon,"
        " repeat('x', 200) || i::VARCHAR AS organisation FROM range(300000) t(i)"
        " ORDER BY organisation"
    )
    before = sorted(joined.iterdir())
    run = gclust.run(of_query(joined, sql))
    assert run.info["sources"][0]["rows"] == 300_000
    assert sorted(joined.iterdir()) == before
