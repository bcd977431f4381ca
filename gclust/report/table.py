"""The ranking in the terminal."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from rich.cells import cell_len, set_cell_size

from gclust.escapes import cell

__all__ = ["ranking_table"]

LEAST_NAME = 8
ALWAYS, NEEDED = 9, 8
FOOTNOTE = "* agrees with a published figure"


@dataclass(frozen=True)
class _Column:
    """A column of the table: where it comes from and how it is written.

    Where there is no room, columns of the least `importance` go first; one that is
    `ALWAYS` there never goes.
    """

    source: str
    head: tuple[str, ...]
    write: Callable[[float], str] | None
    importance: int
    cells: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (*self.head, *self.cells))


def ranking_table(
    ranking: pd.DataFrame,
    *,
    width: int,
    top: int = 20,
    marks: pd.DataFrame | None = None,
    ascii: bool = False,
) -> str:
    """Write the first clusters of a ranking as a table of text.

    Rank, name, economies, the share of each kind and the total are always there; counts,
    population, intensity and area follow as far as the width goes, if they are known. The
    score is shown where it is not the total.

    Parameters
    ----------
    ranking : DataFrame
        As in ``ranking.csv``; kinds are those that have a column ``<kind>_share``.
    width : int
        Columns of the terminal; no line is longer, unless the columns that are always
        there do not fit with the names cut to 8 letters.
    top : int
        How many rows to write.
    marks : DataFrame of bool, optional
        Same index as `ranking` and some of its columns: True puts an asterisk behind the
        figure, and a footnote says that it agrees with a published one.
    ascii : bool
        Write nothing beyond ASCII, for terminals that cannot show it.

    Returns
    -------
    str
        Lines without blanks at their ends, and without a final line break.
    """
    shown = ranking.head(top)
    columns = [_filled(column, shown, marks) for column in _columns(shown)]
    lines = _lines(columns, width, ascii)
    if any(cell.endswith("*") for column in columns if column.write for cell in column.cells):
        lines += ["", FOOTNOTE]
    return "\n".join(lines)


def _lines(columns: list[_Column], width: int, ascii: bool) -> list[str]:
    """Write filled columns as far as the width goes: two lines of heads, a rule, the rows."""
    if ascii:
        columns = [
            replace(column, head=plain(column.head), cells=plain(column.cells))
            for column in columns
        ]
    n_rows = len(columns[0].cells)
    columns, gap = _fitting(columns, width, ellipsis="~" if ascii else "…")
    lines = [_line([column.head[i] for column in columns], columns, gap) for i in (0, 1)]
    lines.append(("-" if ascii else "─") * _total_width(columns, gap))
    for row in range(n_rows):
        lines.append(_line([column.cells[row] for column in columns], columns, gap))
    return [line.rstrip() for line in lines]


def _columns(ranking: pd.DataFrame) -> list[_Column]:
    """All columns that the ranking has, in the order of the table."""
    names = [str(name) for name in ranking.columns]
    # What ends so behind the total is a share of a footprint, or an indicator: no kind.
    before = names[: names.index("total")] if "total" in names else names
    kinds = [name[: -len("_share")] for name in before if name.endswith("_share")]
    total, score = (ranking.get(name) for name in ("total", "score"))
    same = (
        total is not None
        and score is not None
        and bool(np.allclose(_numbers(total), _numbers(score), rtol=1e-9, atol=0, equal_nan=True))
    )
    decimals = _decimals(ranking, [f"{kind}_share" for kind in kinds])
    columns = [
        _Column("rank", ("", "Rank"), _whole, ALWAYS),
        _Column("name", ("", "Cluster"), None, ALWAYS),
        _Column("economies", ("", "Economy"), None, ALWAYS),
        *(_Column(f"{k}_share", (k, "share %"), _fixed(decimals), ALWAYS) for k in kinds),
        _Column("total", ("", "Total"), _fixed(decimals), ALWAYS),
    ]
    if not same:
        columns.append(_Column("score", ("", "Score"), _significant, NEEDED))
    columns += [
        *(_Column(f"{k}_count", (k, "count"), _whole, 6) for k in kinds),
        _Column("population", ("Population", "million"), _millions, 5),
        _Column("intensity", ("", "Intensity"), _significant, 5),
        _Column("intensity_rank", ("Intensity", "rank"), _whole, 7),
        _Column("area_km2", ("Area", "km²"), _whole, 4),
    ]
    return [
        column
        for column in columns
        if column.source in ranking.columns
        and (column.importance == ALWAYS or ranking[column.source].notna().any())
    ]


def _filled(column: _Column, ranking: pd.DataFrame, marks: pd.DataFrame | None) -> _Column:
    values = ranking[column.source]
    if column.write is None:
        texts = ["" if pd.isna(value) else cell(value) for value in values]
        return replace(column, cells=tuple(texts))
    write = column.write
    texts = ["" if math.isnan(value) else write(value) for value in _numbers(values)]
    if marks is not None and column.source in marks.columns:
        marked = marks[column.source].reindex(ranking.index).fillna(False).astype(bool).tolist()
        if any(marked):
            # A blank behind the others keeps the digits under each other.
            texts = [
                text + ("*" if mark and text else " ")
                for text, mark in zip(texts, marked, strict=True)
            ]
            column = replace(column, head=(column.head[0], column.head[1] + " "))
    return replace(column, cells=tuple(texts))


def _numbers(values: pd.Series) -> np.ndarray:
    return pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)


def _decimals(ranking: pd.DataFrame, shares: list[str]) -> int:
    """One decimal as WIPO prints; two where the shares are so small that one says little."""
    found = [float(np.nanmedian(_numbers(ranking[name]))) for name in shares if len(ranking)]
    return 2 if found and min(found) < 1.0 else 1


def _fixed(decimals: int) -> Callable[[float], str]:
    return lambda value: f"{value:,.{decimals}f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _millions(value: float) -> str:
    return f"{value / 1e6:,.2f}"


def _significant(value: float) -> str:
    """Three significant digits without an exponent, whole digits never dropped."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def plain(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Letters without accents, hyphens for dashes, a question mark for what has no likeness."""
    table = str.maketrans({"–": "-", "—": "-", "’": "'", "²": "2", "…": "~", "ß": "ss", "ø": "o"})
    found = []
    for text in texts:
        letters = unicodedata.normalize("NFKD", text.translate(table))
        kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
        found.append(kept.encode("ascii", "replace").decode("ascii"))
    return tuple(found)


def _total_width(columns: list[_Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _fitting(columns: list[_Column], width: int, *, ellipsis: str) -> tuple[list[_Column], int]:
    """Drop the least important columns and cut names until the table fits.

    One blank between columns instead of two comes before cutting a name. Names are cut for
    the sake of `NEEDED` columns only.
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
        room = width - _total_width([c for c in kept if c.source != "name"], gap) - gap
        cut = [_cut(c, max(room, LEAST_NAME), ellipsis) if c.source == "name" else c for c in kept]
        if _total_width(cut, gap) <= width:
            break
    return cut, gap


def _cut(column: _Column, room: int, ellipsis: str) -> _Column:
    cells = tuple(
        text if cell_len(text) <= room else set_cell_size(text, room - 1).rstrip() + ellipsis
        for text in column.cells
    )
    return replace(column, cells=cells)


def _line(texts: list[str], columns: list[_Column], gap: int) -> str:
    parts = []
    for text, column in zip(texts, columns, strict=True):
        blanks = " " * (column.width - cell_len(text))
        parts.append(text + blanks if column.write is None else blanks + text)
    return (" " * gap).join(parts)
