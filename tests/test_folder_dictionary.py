"""The dictionary of columns is whole: of every table of every folder, and of nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

import gclust
from gclust.results.columns.folders import FOLDERS
from gclust.results.columns.table import TYPES

KINDS = ("patent", "publication", "money")
DRAWS = {"draws": 20, "clusters": "reclustered"}
EVERY_SOURCE = {
    **DRAWS,
    "sources": ("records", "addresses", "parameters", "weights"),
    "spread_km": {"city": 3.0},
    "eps_km": (4.0, 5.0),
}
OF_ORGANISATIONS = {"draws": 20, "resample": {"patent": "organisations"}}
OUTPUTS = {
    name: True for name in ("memberships", "panel", "fields", "organisations", "ties", "report")
}


def money(study):
    """The study with a kind whose amounts are the same in all draws."""
    rows = pd.read_csv(study.folder / "patent.csv").head(500).drop(columns="record")
    source = gclust.Source(kind="money", data=rows.assign(weight=2.5), measure="amount")
    return replace(study, sources=(*study.sources, source), density={"kinds": ("patent",)})


def areas(folder):
    """A file of two areas, in either of which there are listings."""
    boxes = {"North": shapely.box(4.1, 45.5, 6.9, 46.9), "South": shapely.box(4.1, 44.6, 6.9, 45.5)}
    table = {"name": list(boxes), "code": ["N", "S"]}
    path = folder / "areas.gpkg"
    gpd.GeoDataFrame(table, geometry=list(boxes.values()), crs=4326).to_file(path)
    return {"given": str(path), "code": "code"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of every kind, with every option that adds a column."""
    out = tmp_path_factory.mktemp("folders")
    study = gclust.read_study(gclust.datasets.example_study(out / "study"))
    earlier = gclust.read_study(gclust.datasets.example_study(years=(2015, 2019)))
    places = areas(out)
    grid = {"eps_km": [4, 5, 6], "min_samples": [80, 100]}
    by_kind = {"by": "kind", "units": "locations", "draws": 19}
    made = {what: [] for what in FOLDERS}

    def to(what):
        path = out / f"{what}-{len(made[what])}"
        made[what].append(path)
        return path

    sections = {
        "members": {"on": True},
        "centroid_geocodes": {"on": True, "least_weight": 20, "precision": "city"},
        "intensity": {"usual": True},
        "places": places,
        "outputs": OUTPUTS,
    }
    gclust.run(replace(study, **sections), to("run"))
    sections = {"counting": {"normalise": "field-year"}, "footprint": {"of": "cores"}}
    gclust.run(replace(study, **sections), to("run"))
    gclust.sweep(study, out=to("sweep"), **grid)
    gclust.sweep(study, out=to("sweep_part"), shard=(1, 2), **grid)
    wider = replace(earlier, clusters={"eps_km": 6, "min_samples": 100})
    gclust.compare(wider, study, to("comparison"))
    gclust.null_model(replace(study, null={"draws": 19}), to("null_model"))
    gclust.localisation(replace(study, places=places, localisation=by_kind), to("localisation"))
    for one, draws in ((study, EVERY_SOURCE), (money(study), OF_ORGANISATIONS)):
        drawn = replace(one, uncertainty=draws)
        gclust.uncertainty(drawn, to("uncertainty"))
        gclust.uncertainty(drawn, to("uncertainty_part"), shard=(1, 2))
    return made


def tables_of(folder):
    """The tables of a folder with their names; those of a GeoPackage are its layers."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".csv":
            yield path.stem, pd.read_csv(path)
        elif path.suffix == ".parquet":
            yield path.stem, pd.read_parquet(path)
        elif path.suffix == ".gpkg":
            for layer, _ in pyogrio.list_layers(path):
                if layer != "layer_styles":
                    yield layer, pyogrio.read_dataframe(path, layer=layer, read_geometry=False)


def row_of(column, table):
    """The row of the dictionary that is about a column: its own name, or a pattern's."""
    kinds = f"(?:{'|'.join(KINDS)})"
    for row in sorted(table.columns, key=lambda each: "<" in each.name):
        pattern = re.escape(row.name).replace("<kind>", kinds)
        if re.fullmatch(re.sub(r"<\w+>", ".+", pattern), column):
            return row
    return None


def has_type(values, kind):
    """Whether values have a type of the dictionary; missing ones have any."""
    known = values.dropna()
    if kind == "any" or known.empty:
        return True
    if kind == "boolean":
        return pd.api.types.is_bool_dtype(known.infer_objects())
    numeric = pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known)
    if kind == "integer":
        return numeric and bool((known == known.round()).all())
    return numeric if kind == "number" else not numeric and known.map(type).eq(str).all()


@pytest.mark.parametrize("what", FOLDERS)
def test_every_column_is_in_the_dictionary_and_every_row_of_it_in_a_folder(folders, what):
    tables, seen = FOLDERS[what].tables, set()
    for folder in folders[what]:
        for name, table in tables_of(folder):
            assert name in tables, f"{name}: no table of the dictionary"
            for column in table:
                row = row_of(column, tables[name])
                assert row is not None, f"{name}, {column}: no row of the dictionary"
                assert has_type(table[column], row.type), (name, column, row.type)
                seen.add((name, row.name))
    known = {(name, row.name) for name, table in tables.items() for row in table.columns}
    missing = sorted(known - seen)
    assert not missing, "rows of the dictionary that no folder has"


@pytest.mark.parametrize("what", FOLDERS)
def test_every_folder_describes_its_files_and_their_columns(folders, what):
    for folder in folders[what]:
        package = json.loads((folder / "datapackage.json").read_text("utf-8"))
        found = package["resources"]
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert {each["path"] for each in found} == there
        names = [each["name"] for each in found]
        assert len(set(names)) == len(names)
        for each in found:
            assert each["description"], each["path"]
            fields = each.get("schema", {}).get("fields", [])
            assert bool(fields) == each["path"].endswith((".csv", ".parquet", ".gpkg"))
            for field in fields:
                assert field["description"], (each["path"], field)
                assert "<" not in field["description"], (each["path"], field)
            listed = [field["name"] for field in fields]
            assert set(each.get("schema", {}).get("primaryKey", ())) <= set(listed), each["path"]
            if each["path"].endswith(".parquet"):
                assert listed == pd.read_parquet(folder / each["path"]).columns.tolist()


@pytest.mark.parametrize("what", FOLDERS)
def test_rows_of_the_dictionary_are_named_once_and_well_formed(what):
    for table in FOLDERS[what].tables.values():
        names = [row.name for row in table.columns]
        assert len(set(names)) == len(names), table.name
        assert set(table.key) <= set(names), table.name
        for row in table.columns:
            assert row.type in TYPES
            assert row.description == row.description.strip(" ."), row
            if row.name.endswith(("_share", "_km", "km2", "_count")) or "share_" in row.name:
                assert row.unit or row.type == "string", (table.name, row.name)


@pytest.mark.parametrize("what", FOLDERS)
def test_keys_find_one_row(folders, what):
    for folder in folders[what]:
        for name, table in tables_of(folder):
            key = [each.replace("<by>", "kind") for each in FOLDERS[what].tables[name].key]
            assert not key or not table.duplicated(key).any(), name
