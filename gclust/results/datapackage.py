"""The data dictionary of a result folder: ``datapackage.json``, a Data Package of Frictionless.

It names every file of the folder, and every column of every table with its unit and formula.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from gclust.results.columns.folders import FOLDERS, Folder
from gclust.results.columns.table import (
    FIELD_YEAR,
    FRACTIONAL,
    OF_RECORD,
    OF_RECORD_HERE,
    RECORDS,
    WHOLE,
    Column,
)
from gclust.results.geopackage import MOST_POINTS
from gclust.results.short_names import short_names
from gclust.results.writer import ResultWriter
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
NAME = "datapackage"

MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "gpkg": "application/geopackage+sqlite3",
    "json": "application/json",
    "toml": "application/toml",
    "png": "image/png",
    "pdf": "application/pdf",
    "html": "text/html",
}
OF_POINTS = ("locations", "noise")
LAYERS_WITHOUT_ROWS = ("layer_styles",)
SHORT_NAMED = (".csv", ".gpkg")
"""Endings of files in which a ranking has short names; see `gclust.results.short_names`."""


def write_data_package(
    folder: ResultWriter,
    what: str,
    study: Study,
    *,
    rankings: Mapping[str, Iterable[str]] | None = None,
    title: str = "",
) -> None:
    """Write the description of a result folder, after the files that it describes.

    Parameters
    ----------
    folder : ResultWriter
    what : str
        What it holds, of `gclust.results.columns.folders.FOLDERS`.
    study : Study
    rankings : mapping, optional
        Columns in Python of those tables that are rankings.
    title : str
        Title of the study by default.
    """
    package = data_package(
        folder.folder, what, study, rankings=rankings or {}, encoding=folder.csv_encoding
    )
    folder.json(NAME, {**package, "title": title or package["title"]})


def data_package(
    folder: Path,
    what: str,
    study: Study,
    *,
    rankings: Mapping[str, Iterable[str]],
    encoding: str = "utf-8",
) -> dict[str, Any]:
    """Describe the files of a result folder, each column of each table.

    The columns are those that the files have; what they mean is said in
    `gclust.results.columns`, and by the study's indicators. ``rankings`` maps the names of rankings
    to their columns in Python.
    """
    about = FOLDERS[what]
    known = _Known(about, study, rankings)
    resources = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".gpkg":
            resources += [_of_layer(path, name, layer, known) for layer in _layers(path)]
        elif path.suffix in (".csv", ".parquet"):
            resources.append(_of_table(path, name, encoding, known))
        else:
            resources.append(_resource(name, about.files.get(name, "")))
    resources += [_resource(name, about.files[name]) for name in about.later]
    own = _identifier(study.study.name)
    return {
        "$schema": PROFILE,
        "name": (own if what == "run" else f"{own}-{what}") or "run",
        "title": study.study.title or study.study.name,
        "description": about.description,
        "resources": resources,
    }


class _Known:
    """What is known of columns: those of a folder's tables, and those of the study's indicators."""

    def __init__(self, about: Folder, study: Study, rankings: Mapping[str, Iterable[str]]) -> None:
        self.tables = about.tables
        self._kinds, self._amounts, self.rankings = study.kinds, study.amounts, rankings
        self._is_whole = study.counting.method == "whole"
        self._normalised = study.normalised_kinds
        self._indicators = {
            each.entry.heading: Column(
                each.entry.heading,
                "any",
                each.indicator.summary.rstrip(".")
                or f"Indicator {each.entry.name} of {each.indicator.origin}",
                formula=each.indicator.about.formula,
            )
            for each in (resolve_indicators(study.indicators) if rankings else ())
        }

    def columns(self, table: str) -> dict[str, Column]:
        """Return the columns that a table may have, by name, those of each kind by its own."""
        found: dict[str, Column] = {}
        for column in self.tables[table].columns:
            for kind in self._kinds if "<kind>" in column.name else ("",):
                own = self._of_kind(column, kind)
                found[own.name] = own
        return {**found, **self._indicators} if table in self.rankings else found

    def _of_kind(self, column: Column, kind: str) -> Column:
        """Return a column of a kind, with the formula of the study's way to count."""
        formula, unit = column.formula, column.unit
        if self._is_whole:
            formula = {FRACTIONAL: WHOLE, OF_RECORD: OF_RECORD_HERE}.get(formula, formula)
        if kind in self._normalised and not column.name.endswith("_without"):
            formula = FIELD_YEAR if formula == FRACTIONAL else formula
        if kind in self._amounts:
            unit = unit.replace(RECORDS, "units of the source's weight")
        return replace(
            column,
            name=column.name.replace("<kind>", kind),
            unit=unit,
            formula=formula.replace("<kind>", kind),
            description=column.description.replace("<kind>", kind),
        )

    def long_names(self, table: str, file: str) -> dict[str, str]:
        """Return the names in Python of columns that have short ones in a file."""
        if table not in self.rankings or not file.endswith(SHORT_NAMED):
            return {}
        return {short: name for name, short in short_names(self.rankings[table]).items()}


def _of_table(path: Path, name: str, encoding: str, known: _Known) -> dict[str, Any]:
    """Describe a CSV or Parquet file."""
    if path.suffix == ".csv":
        with path.open(encoding=encoding, newline="") as file:
            columns = next(csv.reader(file))
    else:
        columns = pq.read_schema(path).names
    about = {"encoding": encoding} if path.suffix == ".csv" else {}
    return {**_described(path.stem, name, columns, known), **about}


def _of_layer(path: Path, name: str, layer: str, known: _Known) -> dict[str, Any]:
    """Describe a layer of a GeoPackage."""
    import pyogrio

    columns = pyogrio.read_info(path, layer=layer)["fields"].tolist()
    found = _described(layer, name, columns, known)
    if layer in OF_POINTS:
        found["description"] += f"; at most {MOST_POINTS:,} of them, the heaviest"
    return {**found, "layer": layer, "name": f"{path.stem}-{layer}"}


def _layers(path: Path) -> Iterator[str]:
    import pyogrio

    for layer, _ in pyogrio.list_layers(path):
        if layer not in LAYERS_WITHOUT_ROWS:
            yield str(layer)


def _described(table: str, file: str, columns: Iterable[str], known: _Known) -> dict[str, Any]:
    """Describe a file of a table with its columns."""
    about = known.tables.get(table)
    if about is None:
        return _resource(file, "")
    may_be, long_names = known.columns(table), known.long_names(table, file)
    rows = {column: _row_of(long_names.get(column, column), may_be) for column in columns}
    fields = [_field(column, long_names.get(column, column), row) for column, row in rows.items()]
    schema: dict[str, Any] = {"fields": fields}
    if about.key:
        column_of = {row.name: column for column, row in rows.items()}
        schema["primaryKey"] = [column_of[name] for name in about.key]
    if file.endswith(".csv"):
        schema["missingValues"] = [""]
    return {**_resource(file, about.description), "schema": schema}


def _row_of(own: str, may_be: Mapping[str, Column]) -> Column:
    """Return what is known of a column by its name in Python."""
    return may_be.get(own) or _of_pattern(own, may_be)


def _field(column: str, own: str, found: Column) -> dict[str, Any]:
    """Describe a column by what is known of it; ``own`` is its name in Python."""
    field = {"name": column, "type": found.type, "description": found.description}
    if own != column:
        field["title"] = own
    if found.unit:
        field["unit"] = found.unit
    if found.formula:
        field["formula"] = found.formula
    return field


def _of_pattern(column: str, may_be: Mapping[str, Column]) -> Column:
    """Return what is known of a column whose name the study makes."""
    for pattern, known in may_be.items():
        before, mark, after = pattern.partition("<")
        variable, _, after = after.partition(">")
        if mark and column.startswith(before) and column.endswith(after):
            inner = column[len(before) : len(column) - len(after)]
            text = known.description.replace(f"the {variable}", f"the {variable} {inner}")
            return replace(known, description=text)
    return Column(column, "any", "")


def _resource(path: str, description: str) -> dict[str, Any]:
    ending = path.rpartition(".")[2]
    found = {"name": _identifier(path), "path": path, "format": ending}
    if ending in MEDIA:
        found["mediatype"] = MEDIA[ending]
    return {**found, "description": description}


def _identifier(text: str) -> str:
    """Return a name of lower-case letters, digits, ``.``, ``_`` and ``-`` alone."""
    return "".join(each if each.isalnum() and each.isascii() else "-" for each in text.lower())


def ranking_fields(study: Study, columns: Iterable[str]) -> list[dict[str, Any]]:
    """Describe columns of a ranking by their names in Python: type, meaning, unit, formula."""
    known = _Known(FOLDERS["run"], study, {"ranking": columns}).columns("ranking")
    return [_field(str(each), str(each), _row_of(str(each), known)) for each in columns]
