"""Drawing tables of listings whose values are hard to read: ids, coordinates, years, tokens."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz_files_truth import ROLES, TOKENS

Rows = list[dict[str, Any]]

HURTFUL = (
    "a,b", 'say "no"', '5" pipe', "two\nlines", "tab\there", "semi;colon", "pipe|d", "# 12", "#7",
    "Zürich", "東京都", "Nuñez, J.", "😀 lab", " blank ", "  two", "it's", "a\\b", "100%",
    "'quoted'",
    "10.1002/(SICI)1097-0258(19980815)17:15<1661::AID-SIM968>3.0.CO;2-2", "=1+1", "<b>x</b>",
    "ÅÄÖ",
    "true", "null island", "Na", "e5", "1_0", "0x1F", "1,5", "c:\\new\\table", "{}", "{'a': 1}",
    "€",
    'all, of; it"\n', '"', '""', '"x', "x\"y\"z", "line\nline\nline", "--", "?", "~", "@x",
    "!", "%s",
)  # fmt: skip
BAD = (
    "", " ", "abc", "1_0", "inf", "-inf", "nan", "NaN", "48,1", "48.1f", "0x1F", "４８.１",
    "1e", "e5",
    "48.1.2", "--5", "+-5", "48°", "48.1 N", "1 0", "Infinity", "1e999", "NA", "NULL",
    "\\N", "None", "true", ".", "+", "1e5.5", "12:30", "1/2", "1d", "١٢",
)  # fmt: skip
OFF = {"lat": ("90.1", "-91", "1e3"), "lon": ("360", "-180.5", "1e4", "359.9999999999999999")}


def plain_row(rng: random.Random) -> dict[str, Any]:
    """Return coordinates that nothing is wrong with, as numbers."""
    lat = round(rng.uniform(1, 89) * rng.choice((1, -1)), rng.choice((0, 1, 2, 5, 7, 13, 15)))
    lon = round(rng.uniform(-180, 359), rng.choice((0, 1, 2, 5, 7, 13)))
    return {"lat": lat, "lon": lon}


def spelled(rng: random.Random, number: float) -> str:
    """Return one of the ways to write a number."""
    text = repr(number)
    way = rng.randrange(9)
    if way == 0:
        return f"{number:.17g}"
    if way == 1:
        return f"{number:e}"
    if way == 2:
        return f"{number:+.3f}"
    if way == 3:
        return f"{number:.0f}."
    if way == 4:
        return f" {text}  "
    if way == 5:
        return f"{number:.0f}"
    if way == 6:
        return f"{number / 10:.4f}E+1"
    if way == 7:
        return f"{number % 1:.6f}".removeprefix("0")
    return text + "0" * rng.randrange(4) if "." in text and "e" not in text else text


def small(rng: random.Random, n: int) -> list[Any]:
    return [rng.randrange(1, n + 2) for _ in range(n)]


def large(rng: random.Random, n: int) -> list[Any]:
    """Numbers beyond 2**53, neighbours among them, some missing."""
    base = rng.choice((2**53, 2**60, 2**63 - 400))
    gaps = rng.random() < 0.5
    return [None if gaps and rng.random() < 0.2 else base + rng.randrange(300) for _ in range(n)]


def with_gaps(rng: random.Random, n: int) -> list[Any]:
    return [None if rng.random() < 0.3 else rng.randrange(n + 2) for _ in range(n)]


def negative(rng: random.Random, n: int) -> list[Any]:
    return [rng.randrange(-n, n) for _ in range(n)]


def zeros(rng: random.Random, n: int) -> list[Any]:
    """Numbers that are names: zeros before them count, and some have none."""
    return [f"{rng.randrange(1, n + 2):0{rng.choice((1, 3, 8))}d}" for _ in range(n)]


def exponents(rng: random.Random, n: int) -> list[Any]:
    return [f"{rng.randrange(1, 9)}{rng.choice('eE')}{rng.randrange(1, 30)}" for _ in range(n)]


def pointed(rng: random.Random, n: int) -> list[Any]:
    """Whole numbers as a tool writes them once one is missing."""
    return [rng.choice(("", f"{rng.randrange(n + 1)}.0", f"{rng.randrange(9)}")) for _ in range(n)]


def dois(rng: random.Random, n: int) -> list[Any]:
    return [f"10.{rng.randrange(1000, 1010)}/a<{rng.randrange(99)}::B>3.0;2-2" for _ in range(n)]


def hurtful(rng: random.Random, n: int) -> list[Any]:
    return [rng.choice(HURTFUL) for _ in range(n)]


def late(rng: random.Random, n: int) -> list[Any]:
    """Numbers, until a text comes."""
    return [str(i) if i < 0.9 * n else f"x{i}" for i in range(n)]


def long(rng: random.Random, n: int) -> list[Any]:
    values: list[Any] = [f"id{i % 50}" for i in range(n)]
    values[rng.randrange(n)] = "long " * 20_000
    return values


def tokens(rng: random.Random, n: int) -> list[Any]:
    return [rng.choice((*TOKENS, "", " ", "A1", "B2", "C-3")) for _ in range(n)]


RECORDS: dict[Callable[[random.Random, int], list[Any]], int] = {
    small: 8, large: 4, with_gaps: 3, negative: 1, zeros: 3, exponents: 2, pointed: 2, dois: 2,
    hurtful: 6, late: 2, long: 1, tokens: 2,
}  # fmt: skip


def organisations(rng: random.Random, n: int) -> list[Any]:
    names = ["Acme", "Uni Zürich", "ETH", None, "Bayer AG", *rng.sample(HURTFUL, 4)]
    return [rng.choice(names) for _ in range(n)]


def fields(rng: random.Random, n: int) -> list[Any]:
    return [rng.choice(("A61K", "H04L", "G06F", None, "biology")) for _ in range(n)]


def countries(rng: random.Random, n: int) -> list[Any]:
    return [rng.choice(("DE", "NA", "NO", "US", "CH", None)) for _ in range(n)]


def years(rng: random.Random, n: int) -> list[Any]:
    """Years in one notation, all of them readable but for some in one table of four."""
    way = rng.randrange(6)
    garbage = rng.random() < 0.25
    values: list[Any] = []
    for _ in range(n):
        year, day = (
            rng.randrange(2005, 2021),
            f"{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        )
        value: Any = (
            year, f"{year}", f"{year}.0", f"{year}-{day}", f"{year}-{day} 10:20:30",
            f"{year}-{day}T23:59:59",
        )[way]  # fmt: skip
        if garbage and rng.random() < 0.2:
            value = rng.choice((None, "soon", "2014.7", "", "2012-13-45", "c. 2012", "20l2"))
        values.append(value)
    return values


def weights(rng: random.Random, n: int) -> list[Any]:
    values: tuple[Any, ...] = rng.choice(
        ((1, 2, 3), (0, 1, 5), ("0.5", "0.25", "1.0"), (1 / 3, 0.1, 2.5), ("1e0", "2.", ".5", "+1"))
    )
    drawn: list[Any] = [rng.choice(values) for _ in range(n)]
    if rng.random() < 0.04:
        drawn[rng.randrange(n)] = rng.choice(("-1", "", "x", "1_0", "5e10", "inf", "nan", None))
    return drawn


def draw(rng: random.Random, n: int, way: list[str]) -> Rows:
    """Return rows of one table by role; what is special about it is added to ``way``."""
    rows: Rows = [plain_row(rng) for _ in range(n)]
    columns: dict[str, list[Any]] = {}
    if rng.random() < 0.93:
        sort = rng.choices(list(RECORDS), list(RECORDS.values()))[0]
        columns["record"] = sort(rng, n)
        way.append(f"ids {sort.__name__}")
    for role, share, sort in (
        ("weight", 0.3, weights), ("year", 0.45, years), ("organisation", 0.45, organisations),
        ("field", 0.25, fields), ("country", 0.35, countries),
    ):  # fmt: skip
        if rng.random() < share:
            columns[role] = sort(rng, n)
    for role, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[role] = value
    disturb(rng, rows, way)
    return [{role: row[role] for role in ROLES if role in row} for row in rows]


def disturb(rng: random.Random, rows: Rows, way: list[str]) -> None:
    """Spell numbers, break some, put rows onto null island, let words stand for nothing."""
    if rng.random() < 0.35:
        way.append("spelled numbers")
        for row in rows:
            for axis in ("lat", "lon"):
                row[axis] = spelled(rng, row[axis])
    if rng.random() < 0.3:
        way.append("bad numbers")
        for row in rng.sample(rows, max(1, len(rows) // rng.randrange(3, 40))):
            axis = rng.choice(("lat", "lon"))
            row[axis] = rng.choice((*BAD, *OFF[axis], *OFF[axis], None))
    if rng.random() < 0.06:
        way.append("null island")
        for row in rng.sample(rows, max(1, len(rows) // 10)):
            row["lat"], row["lon"] = rng.choice(
                ((0, 0), ("0.0", "-0.0"), ("0.005", "0.005"), ("0", "0.02"), (0, 1e-7), (0.0, 5))
            )
    there = [role for role in ("organisation", "field", "country", "year") if role in rows[0]]
    if there and rng.random() < 0.15:
        way.append("tokens")
        for row in rng.sample(rows, max(1, len(rows) // 4)):
            row[rng.choice(there)] = rng.choice((*TOKENS, "", " "))


def size(rng: random.Random) -> int:
    """Return a number of rows: mostly few, up to 300."""
    return rng.choice(
        (1, 2, 3, 10, rng.randrange(1, 30), rng.randrange(1, 60), rng.randrange(1, 301))
    )


def as_text(value: Any) -> str:
    """Return a value as a CSV file holds it."""
    if value is None:
        return ""
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def as_texts(rows: Rows) -> Rows:
    """Return rows of texts."""
    return [{role: as_text(value) for role, value in row.items()} for row in rows]
