"""SQL that reads values of the user's columns: numbers, years, ids and missing values.

Only this module decides what a text means: a number if `NUMBER` matches all of it, a year if
`YEAR` or `DATE` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from gclust.listings.sources.dialects import DUCKDB, Dialect

NUMBERS = ("lat", "lon", "weight", "citations")
NUMBER = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
YEAR = r"\s*([0-9]{1,4})(\.0*)?\s*"
DATE = r"\s*([0-9]{4})-(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])([T ].*)?\s*"
WHOLE = r"^(-?[0-9]+)\.0$"

MISSING = (
    "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "Null", "\\N", "nan", "NaN", "NAN",
    "NaT", "None", "none", "NONE", "-",
)  # fmt: skip
"""Texts that mean a missing record, organisation, field or year; blank texts do too."""

MISSING_COUNTRY = (
    "NULL", "null", "Null", "\\N", "nan", "NaN", "NAN", "NaT", "None", "none", "NONE", "<NA>",
)  # fmt: skip
"""Texts that mean a missing country, without NA, which is Namibia."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
"""DuckDB's types whose values all fit into a signed integer of 64 bits."""

LARGE = ("HUGEINT", "UBIGINT", "UHUGEINT")
FLOATS = ("FLOAT", "DOUBLE")
DATES = ("DATE", "TIMESTAMP")
NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "GEOMETRY", "BIT", "VARIANT")
BLANKS = " \t"
"""Characters that are removed from both ends of ids and other texts."""


def is_text(sql_type: str) -> bool:
    """Return whether a DuckDB type holds texts."""
    return sql_type == "VARCHAR" or sql_type.startswith("ENUM")


def is_number(sql_type: str) -> bool:
    """Return whether a DuckDB type holds numbers."""
    return sql_type in (*INTEGERS, *LARGE, *FLOATS) or sql_type.startswith("DECIMAL")


def expected_of(name: str, sql_type: str) -> str | None:
    """Return which type gclust's column ``name`` should have, or None if its DuckDB type fits."""
    readable = is_text(sql_type) or is_number(sql_type) or sql_type in ('"NULL"', "NULL")
    if name in NUMBERS:
        return None if readable else "a number"
    if name == "year":
        return None if readable or sql_type.startswith(DATES) else "a year or a date"
    nested = sql_type.startswith(NESTED) or sql_type.endswith("]")
    return "a number or a text" if nested else None


def number(column: str, sql_type: str, sql: Dialect = DUCKDB) -> str:
    """Return SQL for the numbers in a column, null where a value is not a number."""
    if sql_type.startswith("DECIMAL"):
        # Through its digits: DuckDB's own cast is not the double nearest to them.
        return sql.cast(sql.cast(column, "text"), "double")
    if not is_text(sql_type):
        return sql.cast(column, "double")
    return sql.number(column if sql_type == "VARCHAR" else sql.cast(column, "text"), NUMBER)


def year(
    column: str, sql_type: str, missing: Sequence[str] | None = None, sql: Dialect = DUCKDB
) -> str:
    """Return SQL for a value's year (1 to 9999), null without a year or if in ``missing``."""
    if missing:
        found = year(column, sql_type, None, sql)
        return _unless_missing(column, sql_type, missing, found, sql)
    if sql_type.startswith(DATES):
        return sql.cast(f"year({column})", "integer")
    if is_text(sql_type):
        text = sql.cast(column, "text")
        found = "".join(
            f" WHEN {sql.matches(text, pattern)} THEN {sql.first_group(text, pattern)}"
            for pattern in (YEAR, DATE)
        )
        return f"nullif({sql.cast(f'CASE{found} END', 'integer')}, 0)"
    if sql_type in INTEGERS:
        return f"CASE WHEN {column} BETWEEN 1 AND 9999 THEN {sql.cast(column, 'integer')} END"
    value = sql.cast(column, "double")
    fits = f"{value} BETWEEN 1 AND 9999 AND {value} % 1 = 0"
    return f"CASE WHEN {fits} THEN {sql.cast(value, 'integer')} END"


def text(
    column: str, sql_type: str, name: str, missing: Sequence[str] | None, sql: Dialect = DUCKDB
) -> str:
    """Return SQL for the text (id or other) of gclust's column ``name``, null if missing.

    ``missing`` are texts that mean a missing value, instead of `MISSING`; blank texts always do.
    """
    if missing and not is_text(sql_type):
        found = text(column, sql_type, name, None, sql)
        return _unless_missing(column, sql_type, missing, found, sql)
    if sql_type in FLOATS:
        # pandas turns whole numbers into floats if one is missing: 1.0 is record 1.
        return sql.text_of_float(column)
    if sql_type.startswith("DECIMAL"):
        shown = sql.cast(column, "text")
        return f"CASE WHEN contains({shown}, '.') THEN {sql.short(shown)} ELSE {shown} END"
    if not is_text(sql_type):
        return column
    own = column if sql_type == "VARCHAR" else sql.cast(column, "text")
    if missing is None:
        missing = MISSING_COUNTRY if name == "country" else MISSING
    return sql.text(own, BLANKS, missing, WHOLE if name == "record" else None)


def _unless_missing(
    column: str, sql_type: str, missing: Sequence[str], found: str, sql: Dialect
) -> str:
    """Return SQL for a value, null where the column's text means a missing value."""
    shown = sql.text_of_float(column) if sql_type in FLOATS else sql.cast(column, "text")
    named = f"{sql.trimmed(shown, BLANKS)} IN ({', '.join(map(sql.quoted, missing))})"
    return f"CASE WHEN {named} THEN NULL ELSE {found} END"
