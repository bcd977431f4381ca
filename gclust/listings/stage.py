"""Stage the rows of all sources: judged, normalised, stored, the rejects set apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engine import Engine
from gclust.listings.read import Scan, first_line, identifier, relation, union, window
from gclust.listings.sums import rows_by, sum_by
from gclust.listings.validate import bad_weight, judge, normalise, suspicious, tally
from gclust.units import LARGEST_TOTAL, UNIT

REJECT_COLUMNS = ("source", "line", "kind", "record", "lat", "lon", "year", "reason")


@dataclass(frozen=True)
class Staged:
    """Listings ready for folding.

    Attributes
    ----------
    listings : LazyFrame
        Judged rows inside their windows: ``source, kind, record, lat, lon,
        units, reason`` (null: usable), and the further columns that the
        sources are asked for.
    kinds : tuple of str
        Kind by code.
    kind_units : dict
        Kind's code -> total units of its usable rows.
    rejects : DataFrame
        One row per rejected row, as the user gave it, with source, line and reason.
    sources : DataFrame
        Per source: ``path, kind, rows, outside_years, rejected, used``.
    oddities : DataFrame
        Per source: ``rows, zeros, within_radians`` (see `suspicious`).
    """

    listings: nw.LazyFrame[Any]
    kinds: tuple[str, ...]
    kind_units: dict[int, int]
    rejects: pd.DataFrame
    sources: pd.DataFrame
    oddities: pd.DataFrame


def stage(engine: Engine, scans: Sequence[Scan], *, decimals: int | None, root: Path) -> Staged:
    """Read, judge and store the rows of all sources.

    Parameters
    ----------
    engine : Engine
    scans : sequence of Scan
        All asked for the same further columns.
    decimals : int or None
        To which coordinates are rounded.
    root : Path
        Folder to which the sources' paths are told relative.

    Raises
    ------
    StudyError
        If a weight is negative or no number, if weights overflow, or if a kind
        has no usable rows.
    """
    rows = judge(nw.from_native(relation(engine, scans)))
    outside = ~nw.col("inside")
    kept = normalise(rows.filter(~outside.fill_null(False)), decimals)
    further = scans[0].source.further
    columns = ("source", "kind", "record", "lat", "lon", "units", "reason", *further)
    try:
        listings = engine.store(kept.select(*columns), "listings", "read listings")
    except duckdb.Error as error:
        paths = ", ".join(scan.source.path for scan in scans)
        raise StudyError(f"{paths}: cannot be read: {first_line(error)}") from error
    counts = engine.pandas(tally(listings))
    _refuse_bad_weights(engine, listings, scans)
    sources = _count_sources(engine, scans, counts, root)
    rejects = _rejects(engine, scans, counts, root)
    kinds = tuple(dict.fromkeys(scan.source.kind for scan in scans))
    return Staged(
        listings=listings,
        kinds=kinds,
        kind_units=_kind_units(engine, listings, kinds, sources, rejects),
        rejects=rejects,
        sources=sources,
        oddities=engine.pandas(suspicious(listings)).sort_values("source", ignore_index=True),
    )


def usable(listings: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the rows that were not rejected and weigh something: weight 0 is no copy at all."""
    return listings.filter(nw.col("reason").is_null() & (nw.col("units") > 0))


def _refuse_bad_weights(engine: Engine, listings: nw.LazyFrame[Any], scans: Sequence[Scan]) -> None:
    bad = engine.pandas(rows_by(listings.filter(nw.col("units").is_null()), "source"))
    if bad.empty:
        return
    first = bad.sort_values("source").iloc[0]
    scan = scans[int(first["source"])]
    rows = nw.from_native(engine.connection.sql(union([scan]))).filter(bad_weight())
    value = engine.pandas(rows.select("weight").sort("weight").head(1))["weight"].iloc[0]
    shown = "missing or not a number" if pd.isna(value) else f"{value:g}"
    raise StudyError(
        f"{scan.source.path}: {int(first['rows'])} rows have a weight that cannot be used, such as"
        f" {shown}; expected numbers from 0 to {LARGEST_TOTAL:g}"
    )


def _kind_units(
    engine: Engine,
    listings: nw.LazyFrame[Any],
    kinds: Sequence[str],
    sources: pd.DataFrame,
    rejects: pd.DataFrame,
) -> dict[int, int]:
    """Total units per kind, refused where a kind has no rows or sums would overflow."""
    weights = usable(listings).with_columns(weight=nw.col("units").cast(nw.Float64) / UNIT)
    summed = engine.pandas(weights.group_by("kind").agg(total=nw.col("weight").sum()))
    total = float(summed["total"].sum())
    if total > LARGEST_TOTAL:
        raise StudyError(
            f"the weights add up to {total:g}; at most {LARGEST_TOTAL:g} can be counted"
        )
    table = engine.pandas(sum_by(usable(listings), "kind", units="units"))
    found = {int(k): int(u) for k, u in zip(table["kind"], table["units"], strict=True)}
    for code, kind in enumerate(kinds):
        if not found.get(code):
            rows = sources.loc[sources["kind"] == kind]
            read, outside, rejected, light = (
                int(rows[column].sum()) for column in ("rows", "outside_years", "rejected", "used")
            )
            raise StudyError(
                f"kind {kind!r} has no usable rows: of {read} rows read, {outside} lie outside"
                f" the years, {rejected} were rejected and {light} weigh 0"
                + told_rejects(rejects[rejects["kind"] == kind])
            )
    return found


def _count_sources(
    engine: Engine, scans: Sequence[Scan], counts: pd.DataFrame, root: Path
) -> pd.DataFrame:
    table = []
    for position, scan in enumerate(scans):
        mine = counts.loc[counts["source"] == position]
        used = int(mine.loc[mine["reason"].isna(), "rows"].sum())
        rejected = int(mine.loc[mine["reason"].notna(), "rows"].sum())
        outside = 0
        if scan.source.years is not None:
            query = f"SELECT count(*) FROM {scan.rows()} WHERE NOT {window(scan)}"
            outside = int(engine.connection.execute(query).fetchall()[0][0])
        table.append(
            {
                "path": _told(scan.source.path, root),
                "kind": scan.source.kind,
                "rows": used + rejected + outside,
                "outside_years": outside,
                "rejected": rejected,
                "used": used,
            }
        )
    return pd.DataFrame(table)


def _rejects(
    engine: Engine, scans: Sequence[Scan], counts: pd.DataFrame, root: Path
) -> pd.DataFrame:
    """Read the rejected rows once more, as they were given, with their lines.

    Numbering lines costs the parallel reading, so it is paid only where there
    are rejects.
    """
    faulty = sorted(counts.loc[counts["reason"].notna(), "source"].unique())
    parts = []
    engine.connection.execute("SET preserve_insertion_order = true")
    for position in faulty:
        scan = scans[int(position)]
        # Lines are counted from 1; the first line of a CSV file is its header.
        header = 2 if "read_csv" in scan.table else 1
        for file in scan.files:
            # A quoted field may go over several lines: those of the rows before count too.
            texts = [identifier(name) for name, kind in scan.types.items() if kind == "VARCHAR"]
            breaks = " + ".join(
                f"coalesce(length({text}) - length(replace({text}, chr(10), '')), 0)"
                for text in (texts if header == 2 else [])
            )
            numbered = (
                f"SELECT *, row_number() OVER () AS row_of_file, {breaks or 0} AS breaks_of_row"
                f" FROM {scan.rows([file])}"
            )
            query = (
                f"SELECT row_of_file + {header - 1} + coalesce(sum(breaks_of_row) OVER (ORDER BY"
                " row_of_file ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::BIGINT"
                " AS line,"
                f" {scan.given('record')} AS record_given, {scan.given('lat')} AS lat_given,"
                f" {scan.given('lon')} AS lon_given, {scan.given('year')} AS year_given,"
                f" {scan.expression('lat')} AS lat, {scan.expression('lon')} AS lon,"
                f" {window(scan)} AS inside FROM ({numbered})"
            )
            rows = judge(nw.from_native(engine.connection.sql(query)))
            rows = rows.filter(~nw.col("reason").is_null())
            rows = rows.filter(nw.col("inside").fill_null(True))
            part = engine.pandas(rows, "list rejects")
            part["source"] = _told(file, root)
            part["kind"] = scan.source.kind
            parts.append(part)
            if not scan.is_by_file:
                break
    engine.connection.execute("SET preserve_insertion_order = false")
    if not parts:
        empty = {name: pd.Series(dtype="string") for name in REJECT_COLUMNS}
        return pd.DataFrame(empty).astype({"line": "int64"})
    table = pd.concat(parts, ignore_index=True).drop(columns=["lat", "lon", "inside"])
    table = table.rename(columns=lambda name: name.removesuffix("_given"))
    table = table[list(REJECT_COLUMNS)].astype(
        {name: "string" for name in REJECT_COLUMNS if name != "line"}
    )
    order = ["source", "kind", "record", "lat", "lon", "year", "reason", "line"]
    return table.sort_values(order, ignore_index=True, na_position="first")


def told_rejects(rejects: pd.DataFrame) -> str:
    """Say of rejects the most frequent reason and the first row, nothing of none."""
    if rejects.empty:
        return ""
    reasons = rejects["reason"].value_counts()
    reason = min(reasons.index[reasons == reasons.max()])
    first = rejects[rejects["reason"] == reason].iloc[0]
    lat, lon = ("empty" if pd.isna(first[axis]) else repr(first[axis]) for axis in ("lat", "lon"))
    comma = any("," in text for text in (lat, lon))
    return (
        f". Most often: {reason} ({reasons.max()} rows), such as {first['source']} line"
        f" {first['line']}, lat {lat}, lon {lon}"
        + ("; write decimals with a point, not a comma" if comma else "")
    )


def _told(path: str, root: Path) -> str:
    """A path as it is told: relative to the study where it lies below it."""
    absolute = Path(os.path.abspath(path))
    if absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return absolute.name
