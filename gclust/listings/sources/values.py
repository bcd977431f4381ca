"""SQL that reads values of the user's columns: numbers, years, ids and missing values.

Only this module decides what a text means: a number if `NUMBER` matches all of it, a year if
`YEAR` or `DATE` does.
"""

from __future__ import annotations

from collections.abc import Sequence

NUMBERS = ("lat", "lon", "weight")
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


def quoted(text: str) -> str:
    """Return a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


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


def number(column: str, sql_type: str) -> str:
    """Return SQL for the numbers in a column, null where a value is not a number."""
    if sql_type.startswith("DECIMAL"):
        # Through its digits: DuckDB's own cast is not the double nearest to them.
        return f"CAST(CAST({column} AS VARCHAR) AS DOUBLE)"
    if not is_text(sql_type):
        return f"CAST({column} AS DOUBLE)"
    text = column if sql_type == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    # DuckDB's cast also takes these, which NUMBER does not match: 1_0, +-1, inf and nan.
    cast = f"TRY_CAST({text} AS DOUBLE)"
    plain = f"isfinite({cast}) AND NOT contains({text}, '_') AND NOT contains({text}, '+-')"
    matched = f"regexp_full_match({text}, {quoted(NUMBER)})"
    return f"CASE WHEN {plain} THEN {cast} WHEN {matched} THEN {cast} END"


def year(column: str, sql_type: str, missing: Sequence[str] | None = None) -> str:
    """Return SQL for a value's year (1 to 9999), null without a year or if in ``missing``."""
    if missing:
        return _unless_missing(column, sql_type, missing, year(column, sql_type))
    if sql_type.startswith(DATES):
        return f"CAST(year({column}) AS INTEGER)"
    if is_text(sql_type):
        text = f"CAST({column} AS VARCHAR)"
        found = (
            f"CASE WHEN regexp_full_match({text}, {quoted(YEAR)})"
            f" THEN regexp_extract({text}, {quoted(YEAR)}, 1)"
            f" WHEN regexp_full_match({text}, {quoted(DATE)})"
            f" THEN regexp_extract({text}, {quoted(DATE)}, 1) END"
        )
        return f"nullif(CAST({found} AS INTEGER), 0)"
    value = f"CAST({column} AS DOUBLE)"
    fits = f"{value} = floor({value}) AND {value} BETWEEN 1 AND 9999"
    return f"CASE WHEN {fits} THEN CAST({value} AS INTEGER) END"


def text(column: str, sql_type: str, name: str, missing: Sequence[str] | None) -> str:
    """Return SQL for the text (id or other) of gclust's column ``name``, null if missing.

    ``missing`` are texts that mean a missing value, instead of `MISSING`; blank texts always do.
    """
    if missing and not is_text(sql_type):
        return _unless_missing(column, sql_type, missing, text(column, sql_type, name, None))
    if sql_type in FLOATS:
        # pandas turns whole numbers into floats if one is missing: 1.0 is record 1.
        whole = f"isfinite({column}) AND {column} = floor({column})"
        digits = f"CAST(TRY_CAST({column} AS HUGEINT) AS VARCHAR)"
        shown = f"CASE WHEN isfinite({column}) THEN CAST({column} AS VARCHAR) END"
        return f"CASE WHEN {whole} THEN coalesce({digits}, {shown}) ELSE {shown} END"
    if sql_type.startswith("DECIMAL"):
        shown = f"CAST({column} AS VARCHAR)"
        short = f"rtrim(rtrim({shown}, '0'), '.')"
        return f"CASE WHEN contains({shown}, '.') THEN {short} ELSE {shown} END"
    if not is_text(sql_type):
        return column
    own = column if sql_type == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    if missing is None:
        missing = MISSING_COUNTRY if name == "country" else MISSING
    clean = f"trim({own}, {quoted(BLANKS)})"
    odd = " OR ".join([f"{own} < '!'", *(f"suffix({own}, {quoted(each)})" for each in BLANKS)])
    if name == "record":
        odd += f" OR suffix({own}, '.0')"
        clean = f"regexp_replace({clean}, {quoted(WHOLE)}, '\\1')"
    none = ", ".join(quoted(each) for each in dict.fromkeys(("", *missing)))
    longest = max((len(each.encode()) for each in missing), default=0)
    # Nearly all values are neither odd nor short. The costly expression stands once, in a lambda:
    # DuckDB turns one that stands twice into a column, computed for all rows.
    return (
        f"CASE WHEN {odd} THEN list_filter([{clean}], lambda each: each NOT IN ({none}))[1]"
        f" WHEN strlen({own}) > {longest} THEN {own}"
        f" WHEN {own} IN ({none}) THEN NULL ELSE {own} END"
    )


def _unless_missing(column: str, sql_type: str, missing: Sequence[str], sql: str) -> str:
    """Return SQL for a value, null where the column's text means a missing value."""
    shown = f"trim(CAST({column} AS VARCHAR), {quoted(BLANKS)})"
    if sql_type in FLOATS:
        shown = f"regexp_replace({shown}, {quoted(WHOLE)}, '\\1')"
    named = f"{shown} IN ({', '.join(map(quoted, missing))})"
    return f"CASE WHEN {named} THEN NULL ELSE {sql} END"
