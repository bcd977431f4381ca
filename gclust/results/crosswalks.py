"""The reader of the tables that sections of a study add to a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from gclust.results.columns.run import TABLES
from gclust.results.reader import ResultReader

NAMES = ("panel", "fields", "organisations", "ties", "given_overlaps", "normalised")
AREAS = "given_areas"
WITH_MISSING = ("year", "rank", "rank_without")
"""Whole numbers that may be missing."""


def read_tables(folder: ResultReader) -> dict[str, pd.DataFrame]:
    """Read those of the tables that are in a run's folder."""
    found = {name: f"{name}.csv" for name in NAMES}
    tables: dict[str, pd.DataFrame] = {}
    if f"{AREAS}.parquet" in folder.files:
        from geopandas import read_parquet

        tables[AREAS] = folder.table(f"{AREAS}.parquet", ("area_id",), read_parquet)
    for name, file in found.items():
        if file in folder.files:
            tables[name] = folder.table(file, read=partial(_read, name=name))
    return tables


def _read(path: Path, name: str) -> pd.DataFrame:
    """Read a table with the types of its columns; a text is missing if it is empty."""
    types = {column.name: column.type for column in TABLES[name].columns}
    table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    for column in table.columns:
        kind = types.get(str(column), "number")
        if kind == "integer":
            whole = "Int64" if column in WITH_MISSING else "int64"
            table[column] = pd.to_numeric(table[column]).astype(whole)
        elif kind != "string":
            table[column] = pd.to_numeric(table[column])
    return table
