"""The expected result of reading a file of listings: the rules again, written slowly.

Nothing here calls gclust but for its unit of weights. A case knows which values it has put
where; `expect` says which listings, rejects and counts these are.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gclust.units import LARGEST_TOTAL, UNIT

ROLES = ("record", "lat", "lon", "weight", "year", "organisation", "field", "country")
TOKENS = ("NA", "N/A", "NULL", "\\N", "nan", "None", "-")
COUNTRY_TOKENS = ("NULL", "\\N", "nan", "None")  # NA is Namibia
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
DATE = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])([ T].*)?")
RADIUS_KM = 6371.0
BREAK = re.compile(r"\r\n|\n|\r")

Row = tuple[Any, ...]  # record, lat, lon, units, year, organisation, field, country


@dataclass
class Part:
    """What one file holds: values by role, the line of each row, and rows that are no rows.

    ``file`` is the path that rejects must name, relative to the case's folder; None where
    several names would do. ``broken`` are lines with too few or too many fields.
    """

    file: str | None
    rows: list[dict[str, Any]]
    lines: list[int]
    broken: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Case:
    """One source, written: how, and what must come of reading it.

    ``verdict`` is ``"read"`` (refusing it is a failure), ``"either"`` (read exactly, or
    refused), or ``"refused"`` (reading it is a failure).
    """

    seed: int
    number: int
    way: list[str]
    path: str
    options: dict[str, Any]
    parts: list[Part]
    verdict: str = "read"
    why: str = ""
    is_loose: bool = False  # coordinates were projected: six decimals count
    parts_too: list[Part] | None = None  # what may be read as well: values in folder names used

    def doubt(self, verdict: str, why: str) -> None:
        """Lower the verdict: from read to either, from these to refused."""
        order = ("read", "either", "refused")
        if order.index(verdict) > order.index(self.verdict):
            self.verdict, self.why = verdict, why


@dataclass
class Expected:
    """Listings as a multiset, rejects by file and line with their messages, and counts."""

    rows: Counter[Row]
    rejects: Counter[tuple[str | None, int]]
    causes: dict[tuple[str | None, int], set[str]]
    texts: dict[tuple[str | None, int], str]
    outside: int
    total: int
    usable: int = 0
    bad_weight: str | None = None  # "used", or "rejected" where only in rejected rows


def number_of(value: Any) -> float | None:
    """Return a value as a number, None where it is none."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip(" \t")
        return float(text) if NUMBER.fullmatch(text) else None
    return float(value) if isinstance(value, (int, float, Decimal)) else None


def record_of(value: Any, missing: tuple[str, ...] = TOKENS) -> str | None:
    """Return a record's name: of a whole number its digits, of a text what is between blanks."""
    text = text_of(value, missing)
    if text is not None and re.fullmatch(r"-?[0-9]+\.0", text):
        return text[:-2]
    return text


def text_of(value: Any, missing: tuple[str, ...] = TOKENS) -> str | None:
    """Return a value as a text between blanks, None where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (float, Decimal)) and value == int(value):
        return str(int(value))
    text = str(value).strip(" \t")
    return None if text == "" or text in missing else text


def year_of(value: Any) -> int | None:
    """Return the year of a number, a date or the text of one, None where it is none."""
    if isinstance(value, (dt.date, dt.datetime)):
        return value.year
    number = number_of(value)
    if number is not None:
        return int(number) if number == math.floor(number) and abs(number) < 2**31 else None
    dated = DATE.fullmatch(value.strip(" \t")) if isinstance(value, str) else None
    return int(dated[1]) if dated else None


def units_of(value: Any) -> int | None:
    """Return a weight in whole units, None where it cannot be used."""
    weight = number_of(value)
    if weight is None or not 0 <= weight <= LARGEST_TOTAL:
        return None
    whole = math.floor(weight)
    return whole * UNIT + math.floor((weight - whole) * UNIT + 0.5)


def place(lat: float, lon: float, loose: bool) -> tuple[float, float]:
    """Return coordinates as they are stored: wrapped, zero at the poles, no signed zero."""
    if lon >= 180:
        lon -= 360
    if abs(lat) == 90:
        lon = 0.0
    return (round(lat, 6) + 0.0, round(lon, 6) + 0.0) if loose else (lat + 0.0, lon + 0.0)


def is_null_island(lat: float, lon: float) -> bool:
    """Whether a point lies within 1 km of (0, 0)."""
    phi, turn = math.radians(lat), math.radians(lon)
    half = math.sin(phi / 2) ** 2 + math.cos(phi) * math.sin(turn / 2) ** 2
    return 2 * RADIUS_KM * math.asin(math.sqrt(half)) <= 1


def causes_of(row: dict[str, Any], options: dict[str, Any]) -> set[str]:
    """Return why a row must be rejected, in words, one of which must be in the message."""
    lat, lon = number_of(row.get("lat")), number_of(row.get("lon"))
    causes = set()
    if lat is None or not -90 <= lat <= 90:
        causes.add("latitude")
    if lon is None or not -180 <= lon < 360:
        causes.add("longitude")
    if options.get("years") and year_of(row.get("year")) is None:
        causes.add("year")
    if not causes and options.get("null_island") != "keep" and is_null_island(lat, lon):
        causes.add("")  # in any words
    return causes


def is_outside(row: dict[str, Any], options: dict[str, Any]) -> bool:
    """Whether a row's year is known and lies outside the window."""
    year, window = year_of(row.get("year")), options.get("years")
    return bool(window) and year is not None and not window[0] <= year <= window[1]


def listing(row: dict[str, Any], case: Case) -> Row:
    """Return a usable row as it must be read."""
    missing = case.options.get("missing", TOKENS)
    lat, lon = place(number_of(row["lat"]), number_of(row["lon"]), case.is_loose)
    return (
        record_of(row.get("record"), missing),
        lat,
        lon,
        units_of(row["weight"]) if "weight" in row else UNIT,
        year_of(row.get("year")),
        text_of(row.get("organisation"), missing),
        text_of(row.get("field"), missing),
        text_of(row.get("country"), case.options.get("missing", COUNTRY_TOKENS)),
    )


def expect(case: Case, parts: list[Part]) -> Expected:
    """Say what reading a case must give."""
    found = Expected(Counter(), Counter(), {}, {}, 0, 0)
    for part in parts:
        for row, line in zip(part.rows, part.lines, strict=True):
            found.total += 1
            bad = "weight" in row and units_of(row["weight"]) is None
            if is_outside(row, case.options):
                found.outside += 1
                continue
            causes = causes_of(row, case.options)
            if bad:
                found.bad_weight = "rejected" if causes and not found.bad_weight else "used"
            if causes:
                found.rejects[part.file, line] += 1
                found.causes[part.file, line] = causes
            elif not bad:
                read = listing(row, case)
                found.rows[read] += 1
                found.usable += read[3] > 0
        for line, text in part.broken:
            found.total += 1
            found.rejects[part.file, line] += 1
            found.causes[part.file, line] = {""}
            found.texts[part.file, line] = text
    return found


def expected_of(case: Case) -> list[Expected]:
    """Return what may be read, after lowering the verdict for what no reading can use."""
    found = [expect(case, parts) for parts in (case.parts, case.parts_too) if parts is not None]
    for each in found:
        if each.usable == 0:
            case.doubt("refused" if len(found) == 1 else "either", "no usable row")
        if each.bad_weight:
            used = each.bad_weight == "used" and len(found) == 1
            case.doubt("refused" if used else "either", f"bad weight, {each.bad_weight} row")
    return found
