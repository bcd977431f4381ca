"""Files as people have them: each is read right, or refused with what helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import gclust
from gclust.cli import main
from gclust.errors import StudyError


@pytest.fixture(scope="module")
def cases(shared_data):
    return shared_data.parent / "cases" / "listings"


def ran(cases, name, **changes):
    study = gclust.read_study(cases / name / "study.toml")
    if changes:
        sources = tuple(gclust.Source(**{**vars(source), **changes}) for source in study.sources)
        study = gclust.Study(**{**vars(study), "sources": sources})
    return gclust.run(study)


def counts(run, kind="patent"):
    table = run.ranking.set_index("name")[f"{kind}_count"]
    return table["Munich"], table["Stuttgart"], run.info["world_totals"][kind]


RIGHT = {
    "e07_two_geometry_columns": (30, 20, 55),
    "e08_gpkg_with_LAT_column": (30, 20, 55),
    "m01_struct_fields": (30, 20, 55),
    "s03_parquet_weight_int_then_double": (60, 16, 78),
    "s06_record_NA_is_one_record": (45, 30, 80),
    "s12_folder_name_overrides_column": (30, 20, 55),
    "s14_spark_temporary_read_too": (30, 20, 55),
    "s16_trailing_space_in_ids": (30, 20, 55),
    "s19_gpkg_int64_ids_lose_digits": (60, 40, 105),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_can_be_read_is_read_right(cases, name):
    assert counts(ran(cases, name)) == RIGHT[name]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("s01_tsv_quote_swallows_rows", 2000),
        ("e06_first_quoted_field_after_row_20480", 21000),
        ("s14_spark_temporary_read_too", 105),
        ("e07_two_geometry_columns", 105),
        ("e08_gpkg_with_LAT_column", 105),
    ],
)
def test_no_row_is_lost_or_read_twice(cases, name, rows):
    source = ran(cases, name).info["sources"][0]
    assert (source["rows"], source["used"], source["rejected"]) == (rows, rows, 0)


REFUSED = {
    "e01_latin1": r'a\.csv: line 2 is not UTF-8.* encoding = "cp1252"',
    "s02_concatenated_years_first_part_dropped": r"a\.csv: from line 1002 on .*5 fields.* has 6",
    "s05_first_part_lacks_record": r"0\.parquet: column 'record' \(record\) is missing, which",
    "s10_max_rejects_pooled": r"deals\.csv: 94 of 105 rows \(89\.5 %\) were rejected",
    "s17_duplicate_columns_after_join": r"'lat' \(lat\) occurs 2 times.*'lon' \(lon\) occurs 2",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_what_helps(cases, name):
    with pytest.raises(StudyError, match=REFUSED[name]):
        ran(cases, name)


def test_an_encoding_that_is_named_is_read(cases):
    assert ran(cases, "e01_latin1", encoding="latin-1").info["sources"][0]["rejected"] == 0


def test_unquoted_reading_is_noted(cases):
    warnings = ran(cases, "s01_tsv_quote_swallows_rows").info["warnings"]
    assert any("quotes are read as characters" in line for line in warnings)


def test_a_short_row_is_a_reject_with_its_line_and_text(cases, tmp_path):
    run = ran(cases, "e03_one_short_row")
    (row,) = run.rejects.to_dict("records")
    assert row["line"] == 52
    assert row["reason"] == "3 fields where 5 were expected"
    assert row["text"] == "P00050,48.1104,11.5972"
    shown = CliRunner().invoke(
        main, ["run", str(cases / "e03_one_short_row" / "study.toml"), "-o", str(tmp_path / "run")]
    )
    assert "1 patent row rejected. Most often: 3 fields where 5 were expected" in shown.output
    assert "a.csv line 52: 'P00050,48.1104,11.5972'" in shown.output


def test_lines_are_those_of_the_file_below_a_title(cases):
    assert ran(cases, "e16_title_lines_line_number").rejects["line"].tolist() == [104]


def test_rows_without_a_record_are_noted(cases):
    messages = ran(cases, "s06_record_NA_is_one_record").info["sources"][0]["messages"]
    assert messages == ["a.csv: 27 of 105 rows have no record and count by weight"]


def test_the_columns_that_serve_are_noted(cases):
    run = ran(cases, "s08_record_not_mapped_in_one_of_two_sources")
    assert counts(run, "publication") == (60, 40, 105)
    patents, articles = run.info["sources"]
    assert patents["columns"].startswith("record = record, lat = lat, lon = lon, weight: none")
    assert articles["columns"].startswith("record: none")
    assert "publication has no record" in articles["messages"][0]
    assert 'columns = { record = "doi" }' in articles["messages"][0]


def test_every_case_has_a_test(cases):
    here = Path(__file__)
    text = here.read_text(encoding="utf-8")
    rasters = here.with_name("test_raster_cases.py").read_text(encoding="utf-8")
    missing = [each.name for each in cases.iterdir() if each.name not in text + rasters]
    assert missing == []
