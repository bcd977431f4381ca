"""Validation and storage of the rows of all sources, and the list of rejected rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engines.protocol import Engine, EngineError, FileDatabase
from gclust.listings.open_sources import Scan, part_reads, read_rows
from gclust.listings.rejects import list_rejects, rejects_summary, shown_path
from gclust.listings.sources.inputs import Inputs
from gclust.listings.sources.values import FLOATS
from gclust.listings.sums import Frame, rows_by, sum_by
from gclust.listings.validate import (
    NULL_ISLAND,
    OUTSIDE,
    bad_weight,
    count_by_reason,
    normalise,
    suspicious,
    validate,
)
from gclust.plurals import counted, either
from gclust.units import LARGEST_TOTAL, UNIT

CHECK = "check listings"
"""Name of the stage that counts the rows that were read."""

MOST_NAMED = 10
"""Largest number of sources that a message names."""

WHOLE_UP_TO = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""DuckDB's float type -> the number up to which it holds all whole numbers exactly."""


@dataclass(frozen=True)
class Staged:
    """Listings that are read, checked and stored in the engine, with sources and rejected rows.

    Attributes
    ----------
    listings : LazyFrame
        Validated rows inside their windows of years: ``source, kind, record, lat, lon,
        units`` (weight, in fixed point), ``reason`` (code; null: usable), the sources'
        ``further`` columns and, if rows are numbered, ``position`` (see `file_rows`).
    sources : DataFrame
        Per source: ``path, kind, rows, outside_years, rejected, null_island, used,
        without_record`` (of those used) and ``columns`` (gclust's with the user's).
    weights : DataFrame
        Per source: ``used`` and ``rejected`` weight, without rows at the null island.
    """

    listings: Frame
    kinds: tuple[str, ...]  # in the order of their codes
    kind_units: dict[int, int]  # code of a kind -> total units of its usable rows
    rejects: pd.DataFrame  # one row per rejected row that is listed, see `list_rejects`
    sources: pd.DataFrame
    weights: pd.DataFrame
    oddities: pd.DataFrame  # per source: ``rows, zeros, within_radians``, see `suspicious`
    inputs: Inputs  # the files that were read
    own_sha256: dict[str, str]  # of tables in memory and of queries, by the names of their sources
    files: pd.DataFrame | None = None  # if rows are numbered, see `file_rows`
    messages: list[list[str]] = field(default_factory=list)  # for the user, for each source

    @property
    def sha256(self) -> dict[str, str]:
        """The sha256 of every input: files by path, tables and queries by their source's name."""
        return {**self.inputs.sha256(), **self.own_sha256}


def stage_listings(
    engine: Engine,
    scans: Sequence[Scan],
    *,
    decimals: int | None,
    root: Path,
    inputs: Inputs | None = None,
) -> Staged:
    """Read, validate and store the rows of all sources.

    All sources must have the same optional columns (``further``). Coordinates are rounded to
    ``decimals``; paths are shown relative to ``root``. Raises StudyError if a weight is negative or
    no number, if weights overflow, if a kind has no usable rows, or if a file yields other rows
    than were counted in it.
    """
    inputs = Inputs() if inputs is None else inputs
    _refuse_rounded_ids(engine.reader, scans)
    engine.expect(sum(scan.rows for scan in scans))
    listings = _store(engine, scans, decimals, inputs)
    counts = engine.pandas(count_by_reason(listings), CHECK)
    within = inside_years(listings, [scan.source.years for scan in scans])
    _refuse_bad_weights(engine, within, scans)
    sources = _count_sources(engine, scans, counts, within, root)
    _refuse_lost_rows(scans, sources, inputs)
    faulty = sources.index[sources["rejected"] > 0]
    rejects = list_rejects(engine.reader, [scans[at] for at in faulty], root)
    kinds = tuple(dict.fromkeys(scan.source.kind for scan in scans))
    return Staged(
        listings=within,
        kinds=kinds,
        kind_units=_kind_units(engine, within, kinds, sources, rejects),
        rejects=rejects,
        sources=sources,
        weights=_weights(counts, len(scans)),
        oddities=engine.pandas(suspicious(within), CHECK).sort_values("source", ignore_index=True),
        inputs=inputs,
        own_sha256={name: sha for scan in scans for name, sha in scan.sha256.items()},
        files=file_rows(scans, root) if scans[0].source.numbered else None,
    )


def file_rows(scans: Sequence[Scan], root: Path) -> pd.DataFrame:
    """Return the files of all sources in the order in which their rows are numbered.

    Columns: ``source`` (position), ``file`` (path relative to ``root``), ``first`` (number of its
    first row among the rows of all sources), ``rows`` and ``has_order`` (whether its rows have
    numbers in it).
    """
    rows = [
        (read.source, shown_path(file, root), first, rows, read.part.has_order)
        for read in part_reads(scans)
        for (file, first), rows in zip(read.first_of_file.items(), read.part.rows, strict=True)
    ]
    return pd.DataFrame(rows, columns=["source", "file", "first", "rows", "has_order"])


def inside_years(listings: Frame, years: Sequence[tuple[int, int] | None]) -> Frame:
    """Return the stored rows within the years of their sources (``years``)."""
    if all(window is None for window in years):
        return listings
    return listings.filter((nw.col("reason") != OUTSIDE).fill_null(True))


def _store(engine: Engine, scans: Sequence[Scan], decimals: int | None, inputs: Inputs) -> Frame:
    """Read, validate and store all rows; outside the years without what differs between them."""
    further = scans[0].source.further
    own = ("position",) if scans[0].source.numbered else ()
    names = ["source", "kind", "record", "lat", "lon", "units", "reason", *further, *own]
    constants = _constants(scans)
    columns: list[Any] = list(names)
    if any(scan.source.years is not None for scan in scans):
        inside = (nw.col("reason") != OUTSIDE).fill_null(True)
        # Coordinates are null there anyway.
        kept = ("source", "kind", "lat", "lon", "reason", *constants)
        columns = [
            name if name in kept else nw.when(inside).then(nw.col(name)).alias(name)
            for name in names
        ]
    try:
        for found in read_rows(engine, scans):
            rows = normalise(validate(found), decimals).select(*columns)
            engine.append(rows, "listings", "read listings", constants)
        return engine.frame("listings")
    except EngineError as error:
        inputs.check()
        paths = ", ".join(scan.source.path for scan in scans[:MOST_NAMED])
        more = f" and {len(scans) - MOST_NAMED} more" if len(scans) > MOST_NAMED else ""
        raise StudyError(f"{paths}{more}: cannot be read: {error}") from error


def _constants(scans: Sequence[Scan]) -> dict[str, int | None]:
    """Return the columns of listings that have one value in all rows, and this value.

    They take a third of the time in which ten million rows of one source are stored.
    """
    given = {name for scan in scans for part in scan.parts for name in part.columns}
    found: dict[str, int | None] = {
        name: None for name in ("record", *scans[0].source.further) if name not in given
    }
    if "weight" not in given:
        found["units"] = UNIT
    if len({scan.source.kind for scan in scans}) == 1:
        found["kind"] = 0
    if len(scans) == 1:
        found["source"] = 0
    return found


def _refuse_rounded_ids(engine: FileDatabase, scans: Sequence[Scan]) -> None:
    """Raise StudyError if record ids are floats too large to be exact whole numbers."""
    for scan in scans:
        for part in scan.parts:
            record = part.columns.get("record")
            if record is None or record.sql_type not in FLOATS:
                continue
            query = f"SELECT max(abs({record.sql})) FROM {part.table(part.files)}"
            query += f" WHERE isfinite({record.sql})"
            largest = engine.connection.execute(query).fetchall()[0][0]
            most = WHOLE_UP_TO[record.sql_type]
            if largest is not None and largest > most:
                raise StudyError(
                    f"{part.files[0]}: column {record.name!r} (record) holds ids as floats, such as"
                    f" {largest:.0f}; floats are exact up to {most:.0f} only, so different records"
                    " may now have the same id: write ids as whole numbers or texts"
                )


def usable(listings: Frame) -> Frame:
    """Return the rows that were not rejected and have a weight above 0."""
    return listings.filter(nw.col("reason").is_null() & (nw.col("units") > 0))


def without_place(listings: Frame) -> Frame:
    """Return the rejected rows within their source's years, with coordinates set to null."""
    nowhere = nw.lit(None, dtype=nw.Float64)
    rejected = listings.filter(~nw.col("reason").is_null() & (nw.col("units") > 0))
    return rejected.with_columns(lat=nowhere, lon=nowhere)


def _refuse_bad_weights(engine: Engine, listings: Frame, scans: Sequence[Scan]) -> None:
    bad = engine.pandas(rows_by(listings.filter(nw.col("units").is_null()), "source"), CHECK)
    if bad.empty:
        return
    first = bad.sort_values("source").iloc[0]
    scan = scans[int(first["source"])]
    raise StudyError(
        f"{scan.source.path}: {counted(first['rows'], 'row has', 'rows have')} a weight that cannot"
        " be used, such as"
        f" {_bad_weight(engine.reader, scan)}; expected numbers from 0 to {LARGEST_TOTAL:g}"
    )


def _bad_weight(engine: FileDatabase, scan: Scan) -> str:
    """Return a source's smallest bad weight, as it was given."""
    query = " UNION ALL ".join(
        f"SELECT {part.given('weight')} AS given, CAST({part.value('weight')} AS DOUBLE) AS weight"
        f" FROM {part.table(part.files)} WHERE coalesce({part.inside}, true)"
        for part in scan.parts
    )
    rows = nw.from_native(engine.connection.sql(query)).filter(bad_weight())
    given = engine.pandas(rows.sort("weight", "given").head(1))["given"].iloc[0]
    return "a missing one" if pd.isna(given) or not given.strip() else repr(given)


def _kind_units(
    engine: Engine,
    listings: Frame,
    kinds: Sequence[str],
    sources: pd.DataFrame,
    rejects: pd.DataFrame,
) -> dict[int, int]:
    """Return total units by kind; raise StudyError if a kind has no rows or sums overflow."""
    weights = usable(listings).with_columns(weight=nw.col("units").cast(nw.Float64) / UNIT)
    summed = engine.pandas(weights.group_by("kind").agg(total=nw.col("weight").sum()), CHECK)
    total = float(summed["total"].sum())
    if total > LARGEST_TOTAL:
        raise StudyError(
            f"the weights add up to {total:g}; expected at most {LARGEST_TOTAL:g} in all: divide"
            " the weights, and thresholds such as min_samples, by a common factor"
        )
    table = engine.pandas(sum_by(usable(listings), "kind", units="units"), CHECK)
    found = {int(k): int(u) for k, u in zip(table["kind"], table["units"], strict=True)}
    for code, kind in enumerate(kinds):
        if not found.get(code):
            rows = sources.loc[sources["kind"] == kind]
            read, outside, rejected, light = (
                int(rows[column].sum()) for column in ("rows", "outside_years", "rejected", "used")
            )
            raise StudyError(
                f"kind {kind!r} has no usable rows: of {counted(read, 'row')} read, {outside:,}"
                f" {either(outside, 'lies', 'lie')} outside the years, {rejected:,}"
                f" {either(rejected, 'was', 'were')} rejected and {light:,}"
                f" {either(light, 'weighs', 'weigh')} 0"
                + rejects_summary(rejects[rejects["kind"] == kind], rejected)
            )
    return found


def _count_sources(
    engine: Engine, scans: Sequence[Scan], counts: pd.DataFrame, listings: Frame, root: Path
) -> pd.DataFrame:
    bare = listings.filter(nw.col("reason").is_null() & nw.col("record").is_null())
    without = engine.pandas(rows_by(bare, "source"), CHECK).set_index("source")["rows"]
    table = []
    for position, scan in enumerate(scans):
        of_source = counts.loc[counts["source"] == position]
        by_reason = of_source.set_index(of_source["reason"].fillna(0))["rows"]
        used, outside = int(by_reason.get(0, 0)), int(by_reason.get(OUTSIDE, 0))
        rejected = int(by_reason.sum()) - used - outside + scan.bad_rows
        table.append(
            {
                "path": shown_path(scan.source.path, root),
                "kind": scan.source.kind,
                "rows": used + rejected + outside,
                "outside_years": outside,
                "rejected": rejected,
                "null_island": int(by_reason.get(NULL_ISLAND, 0)),
                "used": used,
                "without_record": int(without.get(position, 0)),
                "columns": scan.columns_summary,
            }
        )
    return pd.DataFrame(table)


def _refuse_lost_rows(scans: Sequence[Scan], sources: pd.DataFrame, inputs: Inputs) -> None:
    """Raise StudyError if a row of a file was read twice or not at all."""
    for scan, rows in zip(scans, sources["rows"], strict=True):
        if scan.rows + scan.bad_rows != rows:
            inputs.check()
            raise StudyError(
                f"{scan.source.path}: {counted(rows, 'row was', 'rows were')} read, but the files"
                " hold"
                f" {scan.rows + scan.bad_rows}; this is an error in gclust: please report it with"
                " the first lines of the file"
            )


def _weights(counts: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return the weight of used and rejected rows by source, without rows at the null island."""
    validated = counts.loc[~counts["reason"].isin([OUTSIDE, NULL_ISLAND])]
    used = validated["reason"].isna()
    by_source = {
        name: validated.loc[rows].groupby("source")["weight"].sum()
        for name, rows in (("used", used), ("rejected", ~used))
    }
    return pd.DataFrame(by_source, index=pd.RangeIndex(n)).fillna(0.0)
