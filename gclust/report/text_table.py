"""Tables of text for the terminal; columns are left out or cut to fit the width."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from rich.cells import cell_len, set_cell_size

from gclust.escapes import cell

LEAST_NAME = 8
ALWAYS, NEEDED = 9, 8


@dataclass(frozen=True)
class Column:
    """A column of a text table: source column, two heading lines, and how values are written.

    If the width is too small, columns of the least `importance` are dropped first; columns of
    importance `ALWAYS` are never dropped. ``write=None`` is for texts.
    """

    source: str
    head: tuple[str, ...]
    write: Callable[[float], str] | None
    importance: int
    cells: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Width of the column's widest text, in characters of the terminal."""
        return max(cell_len(text) for text in (*self.head, *self.cells))


def filled(column: Column, table: pd.DataFrame, marks: pd.DataFrame | None = None) -> Column:
    """Fill a column from the rows of a table; numbers marked in ``marks`` get an asterisk."""
    values = table[column.source]
    if column.write is None:
        texts = ["" if pd.isna(value) else cell(value) for value in values]
        return replace(column, cells=tuple(texts))
    write = column.write
    texts = ["" if math.isnan(value) else write(value) for value in numbers(values)]
    if marks is not None and column.source in marks.columns:
        marked = marks[column.source].reindex(table.index).fillna(False).astype(bool).tolist()
        if any(marked):
            # A blank behind the others keeps the digits under each other.
            pairs = zip(texts, marked, strict=True)
            texts = [text + ("*" if mark and text else " ") for text, mark in pairs]
            column = replace(column, head=(column.head[0], column.head[1] + " "))
    return replace(column, cells=tuple(texts))


def numbers(values: pd.Series) -> np.ndarray:
    """Convert values to float64, with NaN for missing values."""
    return pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)


def table_lines(columns: list[Column], width: int, ascii: bool) -> list[str]:
    """Return a table that fits the width as lines: two heading lines, a rule, the rows."""
    if ascii:
        columns = [
            replace(each, head=plain(each.head), cells=plain(each.cells)) for each in columns
        ]
    n_rows = len(columns[0].cells)
    columns, gap = _fitting(columns, width, ellipsis="~" if ascii else "…")
    lines = [_line([column.head[i] for column in columns], columns, gap) for i in (0, 1)]
    lines.append(("-" if ascii else "─") * _total_width(columns, gap))
    for row in range(n_rows):
        lines.append(_line([column.cells[row] for column in columns], columns, gap))
    return [line.rstrip() for line in lines]


def fixed(decimals: int) -> Callable[[float], str]:
    """Return a function that writes numbers with a given number of decimals."""
    return lambda value: f"{value:,.{decimals}f}"


def whole(value: float) -> str:
    """Return a number as text without decimals."""
    return f"{value:,.0f}"


def significant(value: float) -> str:
    """Return a number as text with three significant digits, or with its whole part if longer."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def plain(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return texts in ASCII: without accents, with hyphens for dashes and ? for other letters."""
    table = str.maketrans({"–": "-", "—": "-", "’": "'", "²": "2", "…": "~", "ß": "ss", "ø": "o"})
    found = []
    for text in texts:
        letters = unicodedata.normalize("NFKD", text.translate(table))
        kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
        found.append(kept.encode("ascii", "replace").decode("ascii"))
    return tuple(found)


def _total_width(columns: list[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _fitting(columns: list[Column], width: int, *, ellipsis: str) -> tuple[list[Column], int]:
    """Drop the least important columns and cut names until the table fits.

    The gap between columns shrinks from two blanks to one before names are cut, and names are
    cut only for `NEEDED` columns.
    """
    while _total_width(columns, 2) > width:
        least = min(column.importance for column in columns)
        if least >= NEEDED:
            break
        columns = [column for column in columns if column.importance > least]
    for gap in (2, 1):
        if _total_width(columns, gap) <= width:
            return columns, gap
    cut = columns
    for gap, keep in ((2, NEEDED), (1, NEEDED), (1, ALWAYS)):
        kept = [column for column in columns if column.importance >= keep]
        kept = columns if _total_width(columns, gap) <= width else kept
        free = width - _total_width([c for c in kept if c.source != "name"], gap) - gap
        cut = [_cut(c, max(free, LEAST_NAME), ellipsis) if c.source == "name" else c for c in kept]
        if _total_width(cut, gap) <= width:
            break
    return cut, gap


def _cut(column: Column, width: int, ellipsis: str) -> Column:
    cells = tuple(
        text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + ellipsis
        for text in column.cells
    )
    return replace(column, cells=cells)


def _line(texts: list[str], columns: list[Column], gap: int) -> str:
    cells = []
    for text, column in zip(texts, columns, strict=True):
        blanks = " " * (column.width - cell_len(text))
        cells.append(text + blanks if column.write is None else blanks + text)
    return (" " * gap).join(cells)
