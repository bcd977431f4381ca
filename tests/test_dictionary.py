"""Files that other programs read: short names, dictionary, GeoPackage, Stata, Excel."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from dataclasses import replace
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

import gclust
from gclust.places.centres import weighted_centres
from gclust.results import geopackage
from gclust.results.columns.run import TABLES
from gclust.results.columns.table import TYPES
from gclust.results.datapackage import data_package
from gclust.results.short_names import short_names
from gclust.sphere import unit_vectors
from tests.digests import everything, full_listings
from tests.fuzz_studies import undrawn
from tests.worlds import study_folder

OUTPUTS = """
[outputs]
memberships = true
panel = true
fields = true
organisations = true
ties = true
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A run with every section, indicator and output, and with given areas."""
    folder = tmp_path_factory.mktemp("full")
    path = everything(folder / "study")
    box = gpd.GeoDataFrame(
        {"name": ["Bavaria", "Styria"], "id": ["DE2", "AT22"]},
        geometry=[shapely.box(10, 47.5, 12, 49), shapely.box(15, 46.5, 16, 47.5)],
        crs=4326,
    )
    box.to_file(folder / "study" / "areas.gpkg")
    text = path.read_text(encoding="utf-8")
    path.write_text(f'{text}{OUTPUTS}[places]\ngiven = "areas.gpkg"\ncode = "id"\n', "utf-8")
    return gclust.run(path, folder / "run")


def columns_of(path, layer=None):
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))
    if path.suffix == ".parquet":
        return pq.read_schema(path).names
    return pyogrio.read_info(path, layer=layer)["fields"].tolist()


def test_every_column_of_every_file_is_described(full):
    package = json.loads((full.path / "datapackage.json").read_text(encoding="utf-8"))
    found = {}
    for resource in package["resources"]:
        assert re.fullmatch(r"[a-z0-9._-]+", resource["name"])
        assert resource["description"], resource["path"]
        found.setdefault(resource["path"], []).append(resource)
    names = [each["name"] for each in package["resources"]]
    assert len(set(names)) == len(names)
    there = {p.relative_to(full.path).as_posix() for p in full.path.rglob("*") if p.is_file()}
    assert found.keys() == there
    described = 0
    for name in there:
        path = full.path / name
        layers = [None]
        if path.suffix == ".gpkg":
            layers = [layer for layer, _ in pyogrio.list_layers(path) if layer != "layer_styles"]
            assert [each["layer"] for each in found[name]] == layers
        elif path.suffix not in (".csv", ".parquet"):
            assert "schema" not in found[name][0]
            continue
        for layer, resource in zip(layers, found[name], strict=True):
            fields = resource["schema"]["fields"]
            assert [field["name"] for field in fields] == columns_of(path, layer)
            for field in fields:
                assert field["description"].strip(), (name, layer, field["name"])
                assert field["type"] in TYPES
                described += 1
            assert set(resource["schema"].get("primaryKey", ())) <= {f["name"] for f in fields}
    assert described > 300


def test_every_number_of_records_or_ground_has_a_unit(full):
    package = json.loads((full.path / "datapackage.json").read_text(encoding="utf-8"))
    endings = ("_count", "_share", "_km2", "_km", "_per_million", "_degrees", "units", "expected")
    indicators = {entry.heading for entry in full.study.indicators}
    for resource in package["resources"]:
        for field in resource.get("schema", {}).get("fields", ()):
            if (
                field["name"].endswith(endings)
                and field.get("title", field["name"]) not in indicators
            ):
                assert field.get("unit"), (resource["path"], field)


def test_the_dictionary_names_columns_once_and_keys_that_are_unique(full):
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names), table.name
        assert set(table.key) <= set(names)
        for column in table.columns:
            assert column.description == column.description.strip(" .")
    tables = {"ranking": full.ranking, "ties": full.ties(), "locations": full.locations}
    for name, table in tables.items():
        assert not table.duplicated(list(TABLES[name].key)).any()


def test_amounts_and_whole_counts_are_described_as_such(tmp_path):
    (tmp_path / "ranking.csv").write_text("cluster_id,patent_count,money_count,money_per_million\n")
    (tmp_path / "memberships.csv").write_text("fraction\n")
    sources = [
        {"kind": "patent", "path": "a.csv"},
        {"kind": "money", "path": "b.csv", "measure": "amount"},
    ]
    found = {}
    for method in ("fractional", "whole"):
        study = gclust.Study(sources=sources, counting={"method": method})
        for resource in data_package(tmp_path, "run", study, rankings={})["resources"]:
            for field in resource.get("schema", {}).get("fields", ()):
                found[method, field["name"]] = field
    assert found["whole", "patent_count"]["unit"] == "records"
    assert "kind patent" in found["whole", "patent_count"]["description"]
    assert found["whole", "money_count"]["unit"] == "units of the source's weight"
    assert found["whole", "money_per_million"]["unit"].endswith("weight per million persons")
    for name in ("patent_count", "fraction"):
        whole, fractional = (found[m, name]["formula"] for m in ("whole", "fractional"))
        assert whole != fractional


def test_types_are_those_of_the_columns(full):
    package = json.loads((full.path / "datapackage.json").read_text(encoding="utf-8"))
    checked = 0
    for resource in package["resources"]:
        if not resource["path"].endswith(".parquet"):
            continue
        table = pd.read_parquet(full.path / resource["path"])
        for field in resource["schema"]["fields"]:
            values = table[field["name"]]
            if field["type"] == "integer":
                assert pd.api.types.is_integer_dtype(values) or values.isna().all(), field
            elif field["type"] == "number":
                assert pd.api.types.is_numeric_dtype(values), field
            elif field["type"] == "boolean":
                assert pd.api.types.is_bool_dtype(values), field
            checked += 1
    assert checked > 50


def test_names_are_short_and_the_same_study_gives_the_same():
    long = "research of universities and of their spin-offs"
    of_kind = [f"{long}_{what}" for what in ("count", "share", "rank")]
    others = ["R&D_share", "r.d_share", "2015 patents_count", "Größe", "---"]
    names = short_names(["rank", *of_kind, f"{long} abroad_count", *others])
    assert names["rank"] == "rank"
    assert names["R&D_share"] == "r_d_share"
    assert names["r.d_share"] == "r_d_2_share"
    assert names["2015 patents_count"] == "n2015_patents_count"
    assert names["Größe"] == "grösse"
    assert names[f"{long}_count"].startswith("research_of_universities")
    assert len(set(names.values())) == len(names)
    for name in names.values():
        assert len(name) <= 32
        assert re.fullmatch(r"[^\W\d_]\w*", name)
    for what in ("count", "share", "rank"):
        assert names[f"{long}_{what}"].endswith(f"_{what}")


def test_headers_of_the_ranking_are_short_in_csv_and_as_they_are_in_python(tmp_path):
    table = full_listings()
    kind = {"patent": "R&D of large companies", "publication": "Article"}
    sources = [
        {"kind": kind[name], "data": rows.drop(columns=["kind", "town"])}
        for name, rows in table.groupby("kind")
    ]
    study = gclust.Study(sources=sources, clusters={"eps_km": 10, "min_samples": 100})
    with undrawn():
        run = gclust.run(study, tmp_path / "run")
    header = columns_of(tmp_path / "run" / "ranking.csv")
    assert "r_d_of_large_companies_share" in header
    assert "R&D of large companies_share" in run.ranking
    assert max(map(len, header)) <= 32
    assert columns_of(tmp_path / "run" / "clusters.gpkg", "clusters") == header
    package = json.loads((tmp_path / "run" / "datapackage.json").read_text(encoding="utf-8"))
    fields = next(r for r in package["resources"] if r["path"] == "ranking.csv")["schema"]["fields"]
    titles = {field["name"]: field.get("title") for field in fields}
    assert titles["r_d_of_large_companies_share"] == "R&D of large companies_share"
    assert titles["rank"] is None
    back = gclust.read_run(tmp_path / "run")
    assert back.ranking.columns.tolist() == run.ranking.columns.tolist()


def test_numbers_of_the_ranking_have_one_precision(full):
    table = pd.read_csv(full.path / "ranking.csv", dtype=str, keep_default_na=False)
    longest = 0
    for name, column in table.items():
        if name not in ("name", "economies"):
            for text in column:
                digits = re.sub(r"e[+-]?\d+$", "", text)
                if re.fullmatch(r"-?\d*\.?\d+", digits):
                    longest = max(longest, len(digits.replace(".", "").lstrip("-0")))
    assert longest == 12


def test_stata_reads_the_ranking(full, tmp_path):
    full.to_stata(tmp_path / "ranking.dta")
    back = pd.read_stata(tmp_path / "ranking.dta")
    assert back.columns.tolist() == list(short_names(full.ranking).values())
    assert back["name"].tolist() == full.ranking["name"].tolist()
    np.testing.assert_array_equal(back["total"], full.ranking["total"])
    np.testing.assert_array_equal(back["lat"], full.ranking["lat"])
    with pd.io.stata.StataReader(tmp_path / "ranking.dta") as reader:
        labels = reader.variable_labels()
    assert labels["patent_count"] == "patent_count"
    renamed = replace(full, ranking=full.ranking.rename(columns={"total": "Sum of all the shares"}))
    renamed.to_stata(tmp_path / "second.dta")
    assert "sum_of_all_the_shares" in pd.read_stata(tmp_path / "second.dta")
    full.to_stata(tmp_path / "again.dta")
    assert (tmp_path / "again.dta").read_bytes() == (tmp_path / "ranking.dta").read_bytes()


def test_excel_reads_the_encoding(tmp_path):
    study = study_folder(tmp_path, extra='[outputs]\ncsv_encoding = "utf-8-sig"\n')
    with undrawn():
        run = gclust.run(study, tmp_path / "run")
    for path in run.path.glob("*.csv"):
        assert path.read_bytes().startswith(b"\xef\xbb\xbf"), path.name
    back = gclust.read_run(run.path)
    pd.testing.assert_frame_equal(back.contributions, run.contributions, check_dtype=False)
    pd.testing.assert_frame_equal(back.merges, run.merges, check_dtype=False)
    package = json.loads((run.path / "datapackage.json").read_text(encoding="utf-8"))
    ranking = next(r for r in package["resources"] if r["path"] == "ranking.csv")
    assert ranking["encoding"] == "utf-8-sig"
    assert ranking["schema"]["fields"][0]["name"] == "rank"


def test_centres_are_on_the_sphere():
    lat = np.array([48.0, 50.0, 10.0, 10.0, 89.0, 89.0, 0.0, 0.0, 5.0])
    lon = np.array([8.0, 8.0, 179.0, -177.0, 0.0, 180.0 - 1e-9, 0.0, -180.0, 5.0])
    weight = np.array([3, 1, 1, 1, 1, 1, 1, 1, 0])
    label = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4])
    middle_lat, middle_lon = weighted_centres(lat, lon, weight, label, 6)
    # With three quarters of the weight it is nearer to the first.
    np.testing.assert_allclose([middle_lat[0], middle_lon[0]], [48.5, 8.0], atol=1e-3)
    assert middle_lon[1] == pytest.approx(-179.0)
    assert middle_lat[1] > 10  # on the great circle
    assert middle_lat[2] == pytest.approx(90.0)
    assert np.isnan(middle_lat[3:]).all()
    assert np.isnan(middle_lon[3:]).all()


def test_the_centre_of_a_cluster_is_that_of_its_locations(full):
    for _, row in full.ranking.iterrows():
        own = full.locations[full.locations["cluster_id"] == row["cluster_id"]]
        mean = np.average(unit_vectors(own["lat"], own["lon"]), axis=0, weights=own["density"])
        mean /= np.linalg.norm(mean)
        np.testing.assert_allclose(unit_vectors(row["lat"], row["lon"]), mean, atol=1e-12)


def test_layers_of_the_geopackage(full):
    path = full.path / "clusters.gpkg"
    kinds = dict(pyogrio.list_layers(path))
    assert kinds == {
        "clusters": "MultiPolygon",
        "locations": "Point",
        "noise": "Point",
        "merges": "MultiLineString",
        "given_areas": "MultiPolygon",
        "layer_styles": None,
    }
    inside = full.locations["cluster_id"] >= 0
    locations, noise = (gpd.read_file(path, layer=name) for name in ("locations", "noise"))
    assert len(locations) == inside.sum()
    assert len(noise) == (~inside).sum()
    np.testing.assert_array_equal(locations.geometry.x, full.locations.loc[inside, "lon"])
    assert gpd.read_file(path, layer="clusters")["name"].tolist() == full.ranking["name"].tolist()
    areas = gpd.read_file(path, layer="given_areas")
    assert sorted(areas["area_code"]) == ["AT22", "DE2"]


def test_every_layer_has_a_style_that_qgis_finds(full):
    with sqlite3.connect(full.path / "clusters.gpkg") as database:
        rows = database.execute(
            "SELECT f_table_name, styleQML, useAsDefault FROM layer_styles WHERE"
            " f_table_schema = '' AND f_table_catalog = '' AND f_geometry_column = 'geom'"
        ).fetchall()
        columns = database.execute(
            "SELECT table_name, column_name, geometry_type_name FROM gpkg_geometry_columns"
        ).fetchall()
    assert {row[0] for row in rows} == {column[0] for column in columns}
    assert {column[1] for column in columns} == {"geom"}
    symbols = {"MULTIPOLYGON": "fill", "POINT": "marker", "MULTILINESTRING": "line"}
    kinds = {name: symbols[kind] for name, _, kind in columns}
    for name, style, default in rows:
        root = ElementTree.fromstring(style)
        assert root.tag == "qgis"
        assert default == 1
        assert root.find("renderer-v2/symbols/symbol").get("type") == kinds[name]
        label = root.find("labeling/settings/text-style")
        if label is not None:
            layer = columns_of(full.path / "clusters.gpkg", name)
            assert label.get("fieldName") in layer


def test_merges_are_lines_also_across_the_180th_meridian(tmp_path):
    merges = pd.DataFrame(
        {
            "round": [1, 1, 2],
            "name_a": ["a", "b", "c"],
            "lat_a": [1.0, 0.0, np.nan],
            "lon_a": [10.0, 179.0, 5.0],
            "lat_b": [2.0, 4.0, 5.0],
            "lon_b": [11.0, -178.0, 5.0],
        }
    )
    clusters = gpd.GeoDataFrame({"name": ["x"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    locations = pd.DataFrame(
        {"lat": [0.5], "lon": [0.5], "weight": [1.0], "cluster_id": [0], "core": [True]}
    )
    geopackage.write_geopackage(clusters, locations, merges, tmp_path / "a.gpkg")
    lines = gpd.read_file(tmp_path / "a.gpkg", layer="merges").geometry
    assert lines[0].length == pytest.approx(np.sqrt(2))
    west, east = lines[1].geoms
    assert list(west.coords) == [(179.0, 0.0), (180.0, pytest.approx(4 / 3))]
    assert list(east.coords) == [(-180.0, pytest.approx(4 / 3)), (-178.0, 4.0)]
    assert lines[2] is None
    assert len(gpd.read_file(tmp_path / "a.gpkg", layer="noise")) == 0


def test_a_layer_holds_the_heaviest_locations(tmp_path, monkeypatch):
    monkeypatch.setattr(geopackage, "MOST_POINTS", 10)
    weight = np.random.default_rng(1).permutation(30).astype(float)
    locations = pd.DataFrame({"lat": np.arange(30.0), "lon": 0.0, "weight": weight})
    points = geopackage._points(locations)
    assert sorted(points["weight"]) == list(range(20, 30))
    assert points["lat"].is_monotonic_increasing
