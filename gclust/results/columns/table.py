"""Columns and tables of the data dictionary, and the units and formulas that several have."""

from __future__ import annotations

from dataclasses import dataclass

TYPES = ("integer", "number", "string", "boolean", "any")
"""Types of columns, by the names of the Table Schema of Frictionless Data."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its type (of `TYPES`), and what it says, with unit and formula."""

    name: str
    type: str
    description: str
    unit: str = ""
    formula: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a result folder: its name without ending, and its columns."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    """Columns that together identify a row."""


def integer(name: str, description: str, unit: str = "", formula: str = "") -> Column:
    """Return a column of whole numbers."""
    return Column(name, "integer", description, unit, formula)


def number(name: str, description: str, unit: str = "", formula: str = "") -> Column:
    """Return a column of numbers."""
    return Column(name, "number", description, unit, formula)


def text(name: str, description: str) -> Column:
    """Return a column of texts."""
    return Column(name, "string", description)


def flag(name: str, description: str) -> Column:
    """Return a column of yes or no."""
    return Column(name, "boolean", description)


def by_name(*tables: Table) -> dict[str, Table]:
    """Return tables by their names."""
    return {table.name: table for table in tables}


RECORDS, PER_CENT, DEGREES = "records", "per cent", "degrees"
FIXED_POINT = "1/232792560 record"
FRACTIONAL = "sum over records of the part of the record's listings that lie in it"
WHOLE = "number of records with a listing in it, each spread over these listings by weight"
FIELD_YEAR = (
    "sum over listings of their part of the record, times the mean total of all field-years over"
    " the total of their own"
)
"""Formulas of counts with ``[counting] method = "fractional"`` and ``"whole"``."""
OF_RECORD = "weight / weight of all listings of the record; its weight without a record"
OF_RECORD_HERE = "weight / weight of the record's listings in the cluster; else its weight"
