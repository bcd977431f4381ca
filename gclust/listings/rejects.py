"""Table of rejected rows: their original values, their lines, and the reasons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engines.protocol import FileDatabase
from gclust.listings.open_sources import Scan
from gclust.listings.sources.column_names import HINTS, OTHER_NAMES
from gclust.listings.sources.source_part import BadRows, SourcePart
from gclust.listings.validate import OUTSIDE, REASONS, validate
from gclust.plurals import counted, either

REJECT_COLUMNS = (
    "source", "line", "kind", "record", "lat", "lon", "year", "weight", "reason", "value", "text",
)  # fmt: skip
MOST_LISTED = 1_000_000
"""Largest number of rejected rows that are listed; all are counted. They take about 1 GB."""

GIVEN = ("record", "lat", "lon", "year", "weight")
COLUMN_OF_REASON = {"latitude": "lat", "longitude": "lon", "year": "year"}
"""First word of a reason -> the column that it is about."""


def list_rejects(engine: FileDatabase, scans: Sequence[Scan], root: Path) -> pd.DataFrame:
    """Return the rejected rows of sources with their original values, lines and reasons.

    The sources are read again, and rows of CSV files are numbered one by one, so pass only
    sources with rejects. Each of n sources has its first `MOST_LISTED` / n rejects listed, in the
    order of its files. Paths are shown relative to ``root``. Raises StudyError if a rejected row
    is a second header with the columns in another order.

    The columns are `REJECT_COLUMNS`: ``value`` is the column and value that the reason is about,
    ``text`` that of rows with a wrong number of fields.
    """
    tables = []
    engine.connection.execute("SET preserve_insertion_order = true")
    try:
        for scan in scans:
            tables += _of_scan(engine, scan, root, max(1, MOST_LISTED // len(scans)))
    finally:
        engine.connection.execute("SET preserve_insertion_order = false")
    if not tables:
        empty = {name: pd.Series(dtype="string") for name in REJECT_COLUMNS}
        return pd.DataFrame(empty).astype({"line": "int64"})
    table = pd.concat(tables, ignore_index=True).reindex(columns=list(REJECT_COLUMNS))
    whole = "Int64" if table["line"].hasnans else "int64"  # rows without an order have no lines
    types = {name: whole if name == "line" else "string" for name in REJECT_COLUMNS}
    order = ["source", "kind", "record", "lat", "lon", "year", "reason", "text", "line"]
    return table.astype(types).sort_values(order, ignore_index=True, na_position="first")


def _of_scan(engine: FileDatabase, scan: Scan, root: Path, most: int) -> list[pd.DataFrame]:
    """Read the first ``most`` rejected rows of one source, file by file."""
    tables: list[pd.DataFrame] = []
    for part in scan.parts:
        for file in part.files:
            if most <= 0:
                return tables
            found = [_of_file(engine, part, file, most)]
            most -= len(found[0])
            if (bad := part.bad.get(file)) is not None:
                found.append(_of_bad_rows(bad).head(most))
                most -= len(found[1])
            origin = {"source": shown_path(file, root), "kind": part.source.kind}
            tables += [table.assign(**origin) for table in found]
    return tables


def _of_file(engine: FileDatabase, part: SourcePart, file: str, most: int) -> pd.DataFrame:
    """Read the first ``most`` rejected rows of one file."""
    given = ", ".join(f"{part.given(name)} AS {name}_given" for name in GIVEN)
    query = (
        f"SELECT {part.row_number} AS line, {given}, {', '.join(part.validated)}"
        f" FROM {part.table([file])}"
    )
    rows = validate(nw.from_native(engine.connection.sql(query)))
    rows = rows.filter(~nw.col("reason").is_null() & (nw.col("reason") != OUTSIDE))
    table = engine.pandas(rows.sort("line").head(most), "list rejects")
    table = table.drop(columns=["lat", "lon", "inside", "island"])
    table = table.rename(columns=lambda name: name.removesuffix("_given"))
    row = table["line"].to_numpy(dtype=np.int64)
    lines = part.lines.get(file)
    table["line"] = row + 1 if lines is None else lines(row)
    if not part.has_order:
        table["line"] = pd.Series(pd.NA, index=table.index, dtype="Int64")
    table["reason"] = np.array(["", *REASONS], dtype=object)[table["reason"].to_numpy(dtype=int)]
    table["value"] = _values(table)
    if part.is_text:
        _refuse_second_header(part, file, table)
    return table


def _of_bad_rows(bad: BadRows) -> pd.DataFrame:
    reasons = [
        f"{counted(found, 'field')} where {bad.expected}"
        f" {either(bad.expected, 'was', 'were')} expected"
        for found in bad.found
    ]
    return pd.DataFrame({"line": bad.line, "reason": reasons, "text": list(bad.text)})


def _values(table: pd.DataFrame) -> pd.Series:
    """Return the column and value that each reason is about, None if it is about no column."""
    word = table["reason"].str.split(n=1).str[0]
    about = pd.Series(None, index=table.index, dtype=object)
    for first, name in COLUMN_OF_REASON.items():
        given = table.loc[word == first, name]
        about[given.index] = [
            f"{name} missing" if pd.isna(value) else f"{name} {value!r}" for value in given
        ]
    return about


def _refuse_second_header(part: SourcePart, file: str, table: pd.DataFrame) -> None:
    """Raise StudyError if a second header in a file puts the columns in another order."""
    own = {name: column.name for name, column in part.columns.items()}
    known = {each.casefold() for each in own.values()}
    for axis in ("lat", "lon"):
        known |= {axis, *OTHER_NAMES[axis], *HINTS[axis]}
    named = np.ones(len(table), dtype=bool)
    for axis in ("lat", "lon"):
        named &= np.array([_is_in(text, known) for text in table[axis]], dtype=bool)
    for row in table[named].to_dict("records"):
        used = [name for name in GIVEN if name in own]
        changed = [name for name in used if str(row[name]).strip() != own[name].strip()]
        if changed:
            raise StudyError(
                f"{file}: line {row['line']} is a second header with other columns"
                f" ({own[changed[0]]!r} is {row[changed[0]]!r} there); expected one header: if"
                " files with different columns were joined, give them as separate files"
            )


def _is_in(text: Any, known: set[str]) -> bool:
    return not pd.isna(text) and str(text).strip().casefold() in known


def rejects_summary(rejects: pd.DataFrame, total: int) -> str:
    """Describe the most frequent reason for rejection with an example; "" if no row is rejected.

    ``total`` is the number of rejected rows; ``rejects`` lists the first of these.
    """
    if rejects.empty:
        return ""
    reasons = rejects["reason"].value_counts()
    reason = min(reasons.index[reasons == reasons.max()])
    first = rejects[rejects["reason"] == reason].iloc[0]
    often = "Most often" if total <= len(rejects) else f"Most often in the first {len(rejects):,}"
    line = "" if pd.isna(first["line"]) else f" line {first['line']}"
    where = (
        f". {often}: {reason} ({counted(reasons.max(), 'row')}), such as {first['source']}{line}"
    )
    if not pd.isna(first["text"]):
        return f"{where}: {first['text']!r}"
    lat, lon = ("empty" if pd.isna(first[axis]) else repr(first[axis]) for axis in ("lat", "lon"))
    comma = any("," in text for text in (lat, lon))
    year = f", year {first['year']!r}" if str(reason).startswith("year") else ""
    return f"{where}, lat {lat}, lon {lon}{year}" + (
        "; write decimals with a point, not a comma" if comma else ""
    )


def shown_path(path: str, root: Path) -> str:
    """Return a file's path relative to the study's folder; outside it, only the file's name."""
    absolute = Path(os.path.abspath(path))
    if absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return absolute.name
