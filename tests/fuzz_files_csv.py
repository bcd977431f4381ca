"""Writing CSV files of listings, with all that CSV files have wrong with them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz_files_tables import Rows
from tests.fuzz_files_truth import BREAK, ROLES, Part

NAMES = {
    "own": {role: role for role in ROLES},
    "plain": {
        "record": "appln_id", "lat": "latitude", "lon": "longitude", "weight": "n", "year": "filed",
        "organisation": "applicant", "field": "ipc", "country": "ctry",
    },
    "spaced": {
        "record": "my id", "lat": "Latitude (deg)", "lon": "Longitude (deg)", "weight": "how many",
        "year": "Year of filing", "organisation": "org. name", "field": "IPC/field", "country": "c",
    },
    "odd": {
        "record": "geo.id", "lat": "geo.lat", "lon": "geo.lon", "weight": "größe", "year": "année",
        "organisation": "o'org", "field": "select", "country": "国",
    },
    "quoted": {
        "record": 'the "id"', "lat": "lat, in degrees", "lon": "lon, in degrees", "weight": "#",
        "year": "1", "organisation": "a\\b", "field": "%", "country": "[c]",
    },
    "cases": {
        "record": "ID", "lat": "LAT", "lon": "LON", "weight": "Weight", "year": "YEAR",
        "organisation": "Organisation", "field": "FIELD", "country": "Country",
    },
}  # fmt: skip
EXTRAS = ("title", "note", "x1", "Unnamed: 0", "lat_old", "when")


@dataclass
class Sheet:
    """One CSV file before it is bytes: rows of texts in order of columns, and its dialect."""

    header: list[str]
    roles: list[str | None]  # role of each column, None for columns that nothing asks for
    rows: list[list[str]]
    delimiter: str = ","
    quoting: str = "minimal"  # none, minimal, all, text
    escape: str = '""'  # or '\\"'
    ends: tuple[str, ...] = ("\n",)
    end_of_file: str = "\n"
    before: list[str] = field(default_factory=list)  # lines before the header
    blank_after: set[int] = field(default_factory=set)  # rows that a blank line follows
    more: dict[int, list[str]] = field(default_factory=dict)  # fields too many of a row
    fewer: dict[int, int] = field(default_factory=dict)  # fields too few of a row
    trailing: bool = False  # a delimiter ends each row
    header_at: int | None = None  # row before which the header stands again
    first: int = 0  # first row that may be disturbed: those before are there to be many

    @property
    def tail(self) -> list[list[str]]:
        """Rows that may be disturbed."""
        return self.rows[self.first :]

    def some(self, rng: random.Random, count: int) -> list[int]:
        """Return numbers of rows that may be disturbed."""
        numbers = range(self.first, len(self.rows))
        return rng.sample(numbers, min(count, len(numbers)))


def sheet_of(rng: random.Random, rows: Rows, names: dict[str, str], extras: int) -> Sheet:
    """Lay out texts by role as a sheet, with other columns in between."""
    roles: list[str | None] = list(dict.fromkeys(role for row in rows for role in row))
    for extra in rng.sample(EXTRAS, extras):
        roles.insert(rng.randrange(len(roles) + 1), extra)
    header = [names.get(role, role) for role in roles]
    present = [role if role in names else None for role in roles]
    filling = ("", "a", "b c", "7", "2012-01-01", "x, y", 'the "x"')
    table = [[row[r] if r in row else rng.choice(filling) for r in roles] for row in rows]
    return Sheet(header, present, table)


def one_field(sheet: Sheet, text: str) -> str:
    """Write one field."""
    special = sheet.delimiter in text or '"' in text or "\n" in text or "\r" in text
    is_number = re.fullmatch(r"[+-]?[0-9.]+", text) is not None
    wants = {"none": False, "minimal": special, "all": True, "text": special or not is_number}
    if not wants[sheet.quoting]:
        return text
    if sheet.escape == '""':
        return '"' + text.replace('"', '""') + '"'
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_line(sheet: Sheet, fields: list[str]) -> str:
    """Write one row without its end."""
    line = sheet.delimiter.join([one_field(sheet, text) for text in fields])
    return line + sheet.delimiter if sheet.trailing else line


def write(sheet: Sheet, file: str | None) -> tuple[str, Part]:
    """Return a sheet as text, and what the file holds, with the lines where it does."""
    out: list[str] = []
    part = Part(file, [], [])
    line = 1
    header = one_line(sheet, sheet.header)

    def put(text: str, more: bool = True) -> None:
        nonlocal line
        end = sheet.ends[len(out) % len(sheet.ends)] if more else sheet.end_of_file
        if text == "" and end == "\n" and out and out[-1].endswith("\r"):
            end = "\r"  # behind a carriage return it would be the other half of one end
        out.append(text + end)
        line += 1 + (len(BREAK.findall(text)) if "\n" in text or "\r" in text else 0)

    for text in sheet.before:
        put(text)
    put(header)
    last = len(sheet.rows) - 1
    for number, fields in enumerate(sheet.rows):
        if number == sheet.header_at:
            part.rows.append(by_role(sheet, sheet.header))
            part.lines.append(line)
            put(header)
        here = line
        if number in sheet.fewer or number in sheet.more:
            cut = fields[: len(fields) - sheet.fewer.get(number, 0)]
            text = one_line(sheet, cut + sheet.more.get(number, []))
            part.broken.append((here, text))
        else:
            text = one_line(sheet, fields)
            part.rows.append(by_role(sheet, fields))
            part.lines.append(here)
        put(text, number < last)
        if number in sheet.blank_after:
            put("")
    return "".join(out), part


def by_role(sheet: Sheet, fields: list[str]) -> dict[str, Any]:
    return {role: text for role, text in zip(sheet.roles, fields, strict=True) if role}


def change(sheet: Sheet, function: Callable[[str], str]) -> None:
    """Change every text of a sheet's rows."""
    sheet.rows = [[function(text) for text in row] for row in sheet.rows]


def quote_nothing(sheet: Sheet) -> None:
    """Write no quotes, and no values that need them."""
    pattern = re.compile(f'[\r\n"{re.escape(sheet.delimiter)}]')
    if any(pattern.search(name) for name in sheet.header):
        sheet.quoting = "minimal"  # names that the source gives stay as they are
        return
    change(sheet, lambda text: pattern.sub("_", text))
    sheet.quoting = "none"
