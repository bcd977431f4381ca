"""Values of the user's columns as SQL: numbers, years, ids, and what is missing.

What a text means is said once, here, and means the same on every engine: a number is what
`NUMBER` matches as a whole, a year what `YEAR` or `DATE` does.
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
"""Texts that stand for no value, in a record, organisation, field or year; blanks too."""

MISSING_COUNTRY = (
    "NULL", "null", "Null", "\\N", "nan", "NaN", "NAN", "NaT", "None", "none", "NONE", "<NA>",
)  # fmt: skip
"""The same in a country: NA is Namibia."""

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
"""DuckDB's types whose values all fit into 64 bits with a sign."""

LARGE = ("HUGEINT", "UBIGINT", "UHUGEINT")
FLOATS = ("FLOAT", "DOUBLE")
DATES = ("DATE", "TIMESTAMP")
NESTED = ("STRUCT", "MAP", "UNION", "BLOB", "GEOMETRY", "BIT", "VARIANT")
BLANKS = " \t"
"""What does not count at the ends of ids and other texts."""


def quoted(text: str) -> str:
    """Return text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def is_text(kind: str) -> bool:
    """Whether DuckDB's type holds texts."""
    return kind == "VARCHAR" or kind.startswith("ENUM")


def is_number(kind: str) -> bool:
    """Whether DuckDB's type holds numbers."""
    return kind in (*INTEGERS, *LARGE, *FLOATS) or kind.startswith("DECIMAL")


def expected_of(name: str, kind: str) -> str | None:
    """Return what is expected of a column's type, None if it is right.

    Parameters
    ----------
    name : str
        gclust's name of the column.
    kind : str
        DuckDB's type.
    """
    readable = is_text(kind) or is_number(kind) or kind == '"NULL"' or kind == "NULL"
    if name in NUMBERS:
        return None if readable else "a number"
    if name == "year":
        return None if readable or kind.startswith(DATES) else "a year or a date"
    nested = kind.startswith(NESTED) or kind.endswith("]")
    return "a number or a text" if nested else None


def number(column: str, kind: str) -> str:
    """Return SQL for a number, null where there is none."""
    if kind.startswith("DECIMAL"):
        # By way of its digits: DuckDB's own cast is not the double nearest to them.
        return f"CAST(CAST({column} AS VARCHAR) AS DOUBLE)"
    if not is_text(kind):
        return f"CAST({column} AS DOUBLE)"
    text = column if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    # DuckDB's cast takes besides what NUMBER matches only these: 1_0, +-1, inf and nan.
    cast = f"TRY_CAST({text} AS DOUBLE)"
    plain = f"isfinite({cast}) AND NOT contains({text}, '_') AND NOT contains({text}, '+-')"
    matched = f"regexp_full_match({text}, {quoted(NUMBER)})"
    return f"CASE WHEN {plain} THEN {cast} WHEN {matched} THEN {cast} END"


def year(column: str, kind: str, missing: Sequence[str] | None = None) -> str:
    """Return SQL for a year from 1 to 9999, null where there is none or ``missing`` says so."""
    if missing:
        return (
            f"CASE WHEN {_is_named(column, kind, missing)} THEN NULL ELSE {year(column, kind)} END"
        )
    if kind.startswith(DATES):
        return f"CAST(year({column}) AS INTEGER)"
    if is_text(kind):
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


def text(column: str, kind: str, name: str, missing: Sequence[str] | None) -> str:
    """Return SQL for an id or another text, null where it is missing.

    Parameters
    ----------
    column : str
        SQL of the user's column.
    kind : str
        Its DuckDB type.
    name : str
        gclust's name of it.
    missing : sequence of str, optional
        What stands for no value, in place of `MISSING`; blanks always do.
    """
    if missing and not is_text(kind):
        plain = text(column, kind, name, None)
        return f"CASE WHEN {_is_named(column, kind, missing)} THEN NULL ELSE {plain} END"
    if kind in FLOATS:
        # pandas makes whole numbers floats once one is missing: 1.0 is record 1.
        whole = f"isfinite({column}) AND {column} = floor({column})"
        digits = f"CAST(TRY_CAST({column} AS HUGEINT) AS VARCHAR)"
        shown = f"CASE WHEN isfinite({column}) THEN CAST({column} AS VARCHAR) END"
        return f"CASE WHEN {whole} THEN coalesce({digits}, {shown}) ELSE {shown} END"
    if kind.startswith("DECIMAL"):
        shown = f"CAST({column} AS VARCHAR)"
        short = f"rtrim(rtrim({shown}, '0'), '.')"
        return f"CASE WHEN contains({shown}, '.') THEN {short} ELSE {shown} END"
    if not is_text(kind):
        return column
    own = column if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    if missing is None:
        missing = MISSING_COUNTRY if name == "country" else MISSING
    clean = f"trim({own}, {quoted(BLANKS)})"
    odd = " OR ".join([f"{own} < '!'", *(f"suffix({own}, {quoted(each)})" for each in BLANKS)])
    if name == "record":
        odd += f" OR suffix({own}, '.0')"
        clean = f"regexp_replace({clean}, {quoted(WHOLE)}, '\\1')"
    none = ", ".join(quoted(each) for each in dict.fromkeys(("", *missing)))
    longest = max((len(each.encode()) for each in missing), default=0)
    # Nearly all values are neither odd nor short. What is costly stands once, in a lambda: of an
    # expression that stands twice DuckDB makes a column, and computes it for all rows.
    return (
        f"CASE WHEN {odd} THEN list_filter([{clean}], lambda each: each NOT IN ({none}))[1]"
        f" WHEN strlen({own}) > {longest} THEN {own}"
        f" WHEN {own} IN ({none}) THEN NULL ELSE {own} END"
    )


def _is_named(column: str, kind: str, missing: Sequence[str]) -> str:
    """Return SQL for whether a value is among those that stand for none."""
    shown = f"trim(CAST({column} AS VARCHAR), {quoted(BLANKS)})"
    if kind in FLOATS:
        shown = f"regexp_replace({shown}, {quoted(WHOLE)}, '\\1')"
    return f"{shown} IN ({', '.join(quoted(each) for each in missing)})"
