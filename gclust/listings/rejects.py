"""The rows that cannot be used: as they were given, each with its line and its reason."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engine import Engine
from gclust.listings.open_sources import Scan, window
from gclust.listings.sources.column_names import HINTS, OTHER_NAMES
from gclust.listings.sources.source_part import BadRows, SourcePart
from gclust.listings.validate import OUTSIDE, validate

REJECT_COLUMNS = (
    "source", "line", "kind", "record", "lat", "lon", "year", "weight", "reason", "value", "text",
)  # fmt: skip
GIVEN = ("record", "lat", "lon", "year", "weight")
JUDGED = {"latitude": "lat", "longitude": "lon", "year": "year"}
"""What a reason begins with -> the column whose value it is of."""


def list_rejects(engine: Engine, scans: Sequence[tuple[int, Scan]], root: Path) -> pd.DataFrame:
    """Read the rejected rows of some sources once more, as they were given, with their lines.

    Numbering rows costs the parallel reading, so it is paid only where there
    are rejects.

    Parameters
    ----------
    engine : Engine
    scans : sequence of (int, Scan)
        Sources with rejects, and their positions.
    root : Path
        Folder to which paths are told relative.

    Returns
    -------
    DataFrame
        ``source, line, kind``, what was given as ``record, lat, lon, year, weight``,
        ``reason``, ``value`` (what was not understood) and ``text`` (of rows with a wrong
        number of fields).

    Raises
    ------
    StudyError
        If a rejected row is a second header with the columns in another order.
    """
    parts = []
    engine.connection.execute("SET preserve_insertion_order = true")
    try:
        for _, scan in scans:
            for part in scan.parts:
                for file in part.files:
                    found = [_of_file(engine, scan, part, file)]
                    if (bad := part.bad.get(file)) is not None:
                        found.append(_of_bad_rows(bad))
                    told = {"source": shown_path(file, root), "kind": scan.source.kind}
                    parts += [table.assign(**told) for table in found]
    finally:
        engine.connection.execute("SET preserve_insertion_order = false")
    if not parts:
        empty = {name: pd.Series(dtype="string") for name in REJECT_COLUMNS}
        return pd.DataFrame(empty).astype({"line": "int64"})
    table = pd.concat(parts, ignore_index=True).reindex(columns=list(REJECT_COLUMNS))
    table = table.astype({name: "string" for name in REJECT_COLUMNS if name != "line"})
    order = ["source", "kind", "record", "lat", "lon", "year", "reason", "text", "line"]
    return table.astype({"line": "int64"}).sort_values(
        order, ignore_index=True, na_position="first"
    )


def _of_file(engine: Engine, scan: Scan, part: SourcePart, file: str) -> pd.DataFrame:
    """Read the rejected rows of one file."""
    given = ", ".join(f"{part.given(name)} AS {name}_given" for name in GIVEN)
    query = (
        f"SELECT row_number() OVER () - 1 AS line, {given},"
        f" CAST({part.value('lat')} AS DOUBLE) AS lat, CAST({part.value('lon')} AS DOUBLE) AS lon,"
        f" {window(part, scan.source)} AS inside,"
        f" {str(scan.source.null_island == 'reject').lower()} AS island"
        f" FROM {part.table([file])}"
    )
    rows = validate(nw.from_native(engine.connection.sql(query)))
    rows = rows.filter(~nw.col("reason").is_null() & (nw.col("reason") != OUTSIDE))
    table = engine.pandas(rows, "list rejects").drop(columns=["lat", "lon", "inside", "island"])
    table = table.rename(columns=lambda name: name.removesuffix("_given"))
    row = table["line"].to_numpy(dtype=np.int64)
    lines = part.lines.get(file)
    table["line"] = row + 1 if lines is None else lines(row)
    table["value"] = [_value(row) for row in table.to_dict("records")]
    if part.is_text:
        _refuse_second_header(part, file, table)
    return table


def _of_bad_rows(bad: BadRows) -> pd.DataFrame:
    reasons = [f"{found} fields where {bad.expected} were expected" for found in bad.found]
    return pd.DataFrame({"line": bad.line, "reason": reasons, "text": list(bad.text)})


def _value(row: dict[str, Any]) -> str | None:
    """Say which value a reason is of."""
    name = JUDGED.get(str(row["reason"]).split()[0])
    if name is None:
        return None
    return f"{name} missing" if pd.isna(row[name]) else f"{name} {row[name]!r}"


def _refuse_second_header(part: SourcePart, file: str, table: pd.DataFrame) -> None:
    """Refuse a file in which a second header puts the columns in another order."""
    own = {name: column.name for name, column in part.columns.items()}
    known = {each.casefold() for each in own.values()}
    for axis in ("lat", "lon"):
        known |= {axis, *OTHER_NAMES[axis], *HINTS[axis]}
    for row in table.to_dict("records"):
        places = [row[axis] for axis in ("lat", "lon")]
        if any(pd.isna(each) or str(each).strip().casefold() not in known for each in places):
            continue
        changed = [
            name for name in GIVEN if name in own and str(row[name]).strip() != own[name].strip()
        ]
        if changed:
            raise StudyError(
                f"{file}: line {row['line']} is a second header with other columns"
                f" ({own[changed[0]]!r} is {row[changed[0]]!r} there); files that were joined"
                " must have the same columns in the same order: name them apart in the source"
            )


def rejects_summary(rejects: pd.DataFrame) -> str:
    """Say of rejects the most frequent reason and the first row, nothing of none."""
    if rejects.empty:
        return ""
    reasons = rejects["reason"].value_counts()
    reason = min(reasons.index[reasons == reasons.max()])
    first = rejects[rejects["reason"] == reason].iloc[0]
    where = (
        f". Most often: {reason} ({reasons.max()} rows), such as {first['source']} line"
        f" {first['line']}"
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
    """A path as it is told: relative to the study where it lies below it."""
    absolute = Path(os.path.abspath(path))
    if absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return absolute.name
