"""Reading cases with gclust, and comparing the result with what is expected."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.open_sources import Scan, open_source
from gclust.listings.sources.source import SourceFiles
from gclust.listings.stage import stage_listings
from tests.fuzz_files_truth import Case, Expected, Row, expected_of, place

KNOWN = {each.name for each in fields(SourceFiles)}
COLUMNS = ("record", "lat", "lon", "units", "year", "organisation", "field", "country")


@dataclass
class Read:
    """What gclust made of one case."""

    rows: Counter[Row]
    rejects: pd.DataFrame
    counts: dict[str, int]
    rejected_rows: int  # those that listings have with a reason


@dataclass
class Outcome:
    """How a case ended: ``read``, ``refused`` or ``failed``, and its message."""

    case: Case
    end: str
    message: str = ""


def kind_of(case: Case) -> str:
    """Return a name of the case's records that no other case has."""
    return f"kind{case.number}"


def source_of(case: Case, folder: Path) -> SourceFiles:
    """Return a case's source, with those of its options that there are."""
    options = {name: value for name, value in case.options.items() if name in KNOWN}
    return SourceFiles(kind=kind_of(case), path=str(folder / case.path), **options)


def open_case(engine: DuckDBEngine, case: Case, folder: Path) -> Scan:
    """Find the files and columns of a case."""
    return open_source(engine, source_of(case, folder))


def read_opened(engine: DuckDBEngine, opened: list[tuple[Case, Scan]], root: Path) -> list[Read]:
    """Read cases as the sources of one study. With `open_case` all that here uses gclust."""
    staged = stage_listings(engine, [scan for _, scan in opened], decimals=None, root=root)
    table = engine.arrow(staged.listings).to_pydict()
    found = []
    for case, _ in opened:
        kind = kind_of(case)
        sources = staged.sources[staged.sources["kind"] == kind]
        rejects = staged.rejects[staged.rejects["kind"] == kind]
        found.append(Read(Counter(), rejects, dict(sources.iloc[0]), 0))
    columns = [table[name] for name in COLUMNS]
    for source, reason, *values in zip(table["source"], table["reason"], *columns, strict=True):
        if reason is None:
            found[source].rows[canonical(values, opened[source][0].is_loose)] += 1
        else:
            found[source].rejected_rows += 1
    return found


def read_case(engine: DuckDBEngine, case: Case, folder: Path) -> Read:
    """Read one case alone."""
    return read_opened(engine, [(case, open_case(engine, case, folder))], folder)[0]


def canonical(values: list[Any], loose: bool) -> Row:
    """Return a listing as `tests.fuzz_files_truth` gives it; blanks around texts do not count."""
    record, lat, lon, units, year, *texts = values
    return (
        None if record is None else str(record).strip(" \t"),
        *(place(lat, lon, True) if loose else (lat, lon)),
        units,
        year,
        *[None if text is None else str(text).strip(" \t") for text in texts],
    )


def check_read(case: Case, read: Read, root: Path, folder: Path) -> str | None:
    """Return what is wrong with what was read, if anything is."""
    wanted = expected_of(case)
    if case.verdict == "refused":
        return f"was read, but must be refused: {case.why}"
    wrong = [compare(case, read, each, folder.relative_to(root).as_posix()) for each in wanted]
    return None if None in wrong else wrong[0]


def compare(case: Case, read: Read, wanted: Expected, under: str) -> str | None:
    """Return the first difference from what must be read."""
    if read.rows != wanted.rows:
        return rows_differ(read.rows, wanted.rows)
    counts = {
        name: int(read.counts[name]) for name in ("rows", "outside_years", "rejected", "used")
    }
    rejected = sum(wanted.rejects.values())
    expected = {
        "rows": wanted.total, "outside_years": wanted.outside, "rejected": rejected,
        "used": wanted.total - wanted.outside - rejected,
    }  # fmt: skip
    if read.rejected_rows > rejected:
        return f"listings with a reason: {read.rejected_rows}, expected {rejected}"
    if counts != expected:
        return f"counts: {counts}, expected {expected}"
    return rejects_differ(read.rejects, wanted, under)


def rows_differ(found: Counter[Row], wanted: Counter[Row]) -> str:
    """Say how two multisets of rows differ, and name the first row that one lacks."""
    lost, more = wanted - found, found - wanted
    kind = "rows lost" if not more else "rows too many" if not lost else "rows differ"
    first_lost, first_more = (next(iter(each), None) for each in (lost, more))
    if first_lost and first_more:
        near = (
            min(more, key=lambda row: distance(row, first_lost)) if len(more) < 999 else first_more
        )
        pairs = zip(COLUMNS, first_lost, near, strict=True)
        kind += " in " + ", ".join(name for name, a, b in pairs if a != b)
        first_more = near
    return (
        f"{kind}: {sum(lost.values())} lost, {sum(more.values())} too many; expected"
        f" {shown(first_lost)}, found {shown(first_more)}"
    )


def distance(one: Row, other: Row) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def shown(row: Any) -> str:
    text = repr(row)
    return text if len(text) < 400 else text[:200] + " ... " + text[-150:]


def rejects_differ(rejects: pd.DataFrame, wanted: Expected, under: str) -> str | None:
    """Compare files, lines and reasons of rejects."""
    names = {file for file, _ in wanted.rejects}
    any_file = None in names
    prefix = "" if under == "." else under + "/"
    found: Counter[tuple[str | None, int]] = Counter()
    for message, line, reason, *text in rejects[
        ["source", "line", "reason", *(["text"] if "text" in rejects else [])]
    ].itertuples(index=False):
        key = (None if any_file else str(message).removeprefix(prefix), int(line))
        found[key] += 1
        causes = wanted.causes.get(key)
        if causes is None:
            return f"reject of {message} line {line} ({reason}); expected at {spots(wanted)}"
        if not any(cause in str(reason) for cause in causes) or pd.isna(reason):
            return f"reject of {message} line {line}: reason {reason!r}, expected one on {causes}"
        raw = wanted.texts.get(key)
        if raw and text and not same_start(raw, text[0]):
            return f"reject of {message} line {line}: text {text[0]!r}, expected {raw!r}"
    if any_file:  # members of an archive may have any name
        return None if sum(found.values()) == sum(wanted.rejects.values()) else "rejects: number"
    if found != wanted.rejects:
        return f"rejects at {spots_of(found)}; expected at {spots(wanted)}"
    return None


def same_start(raw: str, text: Any) -> bool:
    shorter = str(text).strip()[:40]
    return not pd.isna(text) and bool(shorter) and raw.strip().startswith(shorter)


def spots(wanted: Expected) -> str:
    return spots_of(wanted.rejects)


def spots_of(found: Counter[tuple[str | None, int]]) -> str:
    listed = sorted(found, key=str)
    return ", ".join(f"{file}:{line}" for file, line in listed[:5]) + (" ..." if listed[5:] else "")


def judge_refusal(case: Case, error: StudyError) -> Outcome:
    """Check a refusal: may the case be refused, and does the message name it and say why?"""
    expected_of(case)
    message = " ".join(str(error).split())
    if case.verdict == "read":
        return Outcome(case, "failed", f"refused, but must be read: {message}")
    names = {case.path, Path(case.path).name, *(p.file for p in case.parts if p.file)}
    names |= {Path(name).name for name in names}
    if "an empty file" in case.way:
        names.add("part-x.csv")
    is_named = any(name in message for name in names) or (
        "no usable rows" in message and repr(kind_of(case)) in message
    )
    if not is_named:
        return Outcome(case, "failed", f"refused without naming the file: {message}")
    if len(message.split()) < 4:
        return Outcome(case, "failed", f"refused without a reason: {message}")
    return Outcome(case, "refused", reason_of(message))


def reason_of(message: str) -> str:
    """Return a refusal without what belongs to one file, to count by."""
    message = re.sub(r"^.*?: |^\S*/\S* ", "", message, count=1)
    message = re.sub(r"'[^']*'|\"[^\"]*\"", "...", message)
    message = re.sub(r"/\S+", "...", message)
    return re.sub(r"\d+(\.\d+)?", "n", message)[:70]
