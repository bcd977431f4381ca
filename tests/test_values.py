"""What a text means: numbers, years and ids in SQL against the regular expressions in Python."""

from __future__ import annotations

import itertools
import random
import re

import duckdb
import pyarrow as pa
import pytest

from gclust.listings.sources import values

LETTERS = "05+-.eE_ \tfinax'"


def texts(seed):
    """Every text of up to three letters, and random longer ones."""
    rng = random.Random(seed)
    for length in range(4):
        yield from map("".join, itertools.product(LETTERS, repeat=length))
    for _ in range(20_000):
        yield "".join(rng.choices(LETTERS, k=rng.randint(4, 9)))
    yield from ("1e400", "-1e400", "1e-400", "infinity", "NaN", "0x10", "1,5", "１", "1d", " 1\n")


def computed(sql, found):
    with duckdb.connect() as own:
        own.register("t", pa.table({"x": found}))
        return own.execute(f"SELECT {sql} FROM t").fetchall()


@pytest.mark.parametrize("kind", ["VARCHAR", "ENUM('a')"])
def test_a_number_is_what_the_expression_matches_as_a_whole(kind):
    found = list(dict.fromkeys(texts(1)))
    for text, (value,) in zip(found, computed(values.number("x", kind), found), strict=True):
        is_number = re.fullmatch(values.NUMBER, text, flags=re.ASCII) is not None
        assert (value is not None) == is_number, repr(text)
        assert not is_number or value == float(text), repr(text)


def test_a_year_is_a_number_or_the_year_of_a_date():
    rng = random.Random(2)
    found = ["".join(rng.choices("0129-T:. ", k=rng.randint(1, 11))) for _ in range(20_000)]
    found += ["2015", "2015.0", "2015.00", "0", "9999", "10000", "20150301", "2015-03-01", "15"]
    found += ["2015-3-1", "2015-13-01", "2015-03-32", "2015-03-01T10:00", "03/05/2018", "-2015"]
    for text, (value,) in zip(found, computed(values.year("x", "VARCHAR"), found), strict=True):
        plain = re.fullmatch(values.YEAR, text, flags=re.ASCII)
        match = plain or re.fullmatch(values.DATE, text, flags=re.ASCII)
        assert value == ((int(match[1]) or None) if match else None), repr(text)


@pytest.mark.parametrize("kind", ["SMALLINT", "BIGINT", "HUGEINT", "DOUBLE"])
def test_a_whole_number_is_a_year_from_1_to_9999(kind):
    found = [None, -5, 0, 1, 2015, 9999, 10_000]
    found += [] if kind == "SMALLINT" else [1 << 40, -(1 << 40)]
    sql = values.year(f"x::{kind}", kind)
    expected = [(year if year and 0 < year < 10_000 else None,) for year in found]
    assert computed(sql, found) == expected


@pytest.mark.parametrize("name", ["record", "organisation", "country"])
@pytest.mark.parametrize("missing", [None, ("x", "long enough")])
def test_ids_are_without_blanks_round_them_and_missing_ones_none(name, missing):
    rng = random.Random(3)
    none = missing or (values.MISSING_COUNTRY if name == "country" else values.MISSING)
    parts = ["", " ", "\t", "a b", "7", "7.0", "-12.00", "1.5", ".0", "\u00a0", "é", *none]
    found = ["".join(rng.choices(parts, k=rng.randint(0, 3))) for _ in range(5_000)]
    sql = values.text("x", "VARCHAR", name, missing)
    for text, (value,) in zip(found, computed(sql, found), strict=True):
        expected = text.strip(values.BLANKS)
        if name == "record" and re.fullmatch(values.WHOLE, expected):
            expected = expected.split(".")[0]
        assert value == (None if expected in ("", *none) else expected), repr(text)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("DOUBLE", 7.0, "7"),
        ("DOUBLE", 7.5, "7.5"),
        ("DOUBLE", 9007199254740992.0, "9007199254740992"),
        ("DOUBLE", float("nan"), None),
        ("DOUBLE", float("inf"), None),
        ("FLOAT", 16777216.0, "16777216"),
        ("DECIMAL(10,2)", 7, "7"),
        ("DECIMAL(10,2)", 7.5, "7.5"),
        ("DECIMAL(10,0)", 70, "70"),
    ],
)
def test_ids_that_are_numbers_have_no_zeros_behind_the_point(kind, value, expected):
    with duckdb.connect() as own:
        own.execute(f"CREATE TABLE t (x {kind})")
        own.execute("INSERT INTO t VALUES (?)", [value])
        sql = values.text("x", kind, "record", None)
        assert own.execute(f"SELECT {sql} FROM t").fetchall() == [(expected,)]


def test_decimals_are_the_doubles_nearest_to_their_digits():
    with duckdb.connect() as own:
        sql = values.number("x", "DECIMAL(18,11)")
        query = f"SELECT {sql} FROM (SELECT CAST('48.12345678901' AS DECIMAL(18,11)) AS x)"
        assert own.execute(query).fetchall() == [(48.12345678901,)]
