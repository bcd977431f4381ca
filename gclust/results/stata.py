"""The writer of a table as a file of Stata."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gclust.disk import writing
from gclust.results.short_names import short_names

VERSION = 118
"""Stata's format from version 14 on, whose texts are UTF-8."""
LONGEST_LABEL = 80
LONGEST_TEXT = 2045
FIXED_TIME = pd.Timestamp(2000, 1, 1).to_pydatetime()


def write_stata(table: pd.DataFrame, path: Path) -> None:
    """Write a table for Stata: short names, with the columns' own names as labels."""
    names = short_names(table)
    plain = pd.DataFrame({names[str(name)]: _plain(column) for name, column in table.items()})
    texts = [name for name in plain if plain[name].dtype == object]
    longest = {name: plain[name].map(lambda text: len(text.encode())).max() for name in texts}
    with writing(path.parent):
        plain.to_stata(
            path,
            write_index=False,
            version=VERSION,
            time_stamp=FIXED_TIME,
            variable_labels={short: name[:LONGEST_LABEL] for name, short in names.items()},
            convert_strl=[name for name in texts if longest[name] > LONGEST_TEXT],
        )


def _plain(column: pd.Series) -> pd.Series:
    """Return numbers and texts of types that Stata has: whole numbers without a value are NaN."""
    if pd.api.types.is_bool_dtype(column):
        return column.astype("int8")
    if pd.api.types.is_numeric_dtype(column):
        whole = pd.api.types.is_integer_dtype(column)
        if whole and not column.isna().any() and column.abs().max() < 2**31 - 100:
            return column.astype("int32")
        return column.astype("float64")
    return column.fillna("").astype(str).astype(object)
