"""The table of a ranking for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.report.text_table import (
    ALWAYS,
    NEEDED,
    Column,
    filled,
    fixed,
    numbers,
    significant,
    table_lines,
    whole,
)

FOOTNOTE = "* agrees with a published figure"


def ranking_table(
    ranking: pd.DataFrame,
    *,
    width: int,
    top: int = 20,
    marks: pd.DataFrame | None = None,
    ascii: bool = False,
) -> str:
    """Return the first clusters of a ``ranking.csv`` as a table of text.

    Rank, name, economies, the share of each kind and the total are always shown; counts,
    population, intensity and area are shown if known, as far as the width allows. The score is
    shown if it differs from the total. Kinds are those that have a column ``<kind>_share``.

    The table has ``top`` rows. No line is longer than ``width``, unless the columns that are always
    shown do not fit with the names cut to 8 letters; lines have no blanks at their ends, and there
    is no final line break. True in ``marks``, which has the index of the ranking and some of its
    columns, puts an asterisk after the figure, and a footnote says that it agrees with a published
    one. ``ascii`` is for terminals that cannot show more.
    """
    shown = ranking.head(top)
    columns = [filled(column, shown, marks) for column in _columns(shown)]
    lines = table_lines(columns, width, ascii)
    if any(cell.endswith("*") for column in columns if column.write for cell in column.cells):
        lines += ["", FOOTNOTE]
    return "\n".join(lines)


def score_is_total(ranking: pd.DataFrame) -> bool:
    """Return whether every cluster's score is its total, so that one column shows both."""
    total, score = (ranking.get(name) for name in ("total", "score"))
    return (
        total is not None
        and score is not None
        and bool(np.allclose(numbers(total), numbers(score), rtol=1e-9, atol=0, equal_nan=True))
    )


def _columns(ranking: pd.DataFrame) -> list[Column]:
    """Return the columns that the ranking has, in the order of the table."""
    names = [str(name) for name in ranking.columns]
    # Columns after the total that end so are shares of a footprint or indicators, not kinds.
    before = names[: names.index("total")] if "total" in names else names
    kinds = [name[: -len("_share")] for name in before if name.endswith("_share")]
    decimals = _decimals(ranking, [f"{kind}_share" for kind in kinds])
    columns = [
        Column("rank", ("", "Rank"), whole, ALWAYS),
        Column("name", ("", "Cluster"), None, ALWAYS),
        Column("economies", ("", "Economy"), None, ALWAYS),
        *(Column(f"{k}_share", (k, "share %"), fixed(decimals), ALWAYS) for k in kinds),
        Column("total", ("", "Total"), fixed(decimals), ALWAYS),
    ]
    if not score_is_total(ranking):
        columns.append(Column("score", ("", "Score"), significant, NEEDED))
    columns += [
        *(Column(f"{k}_count", (k, "count"), whole, 6) for k in kinds),
        Column("population", ("Population", "million"), _millions, 5),
        Column("intensity", ("", "Intensity"), significant, 5),
        Column("intensity_rank", ("Intensity", "rank"), whole, 7),
        Column("area_km2", ("Area", "km²"), whole, 4),
    ]
    return [
        column
        for column in columns
        if column.source in ranking.columns
        and (column.importance == ALWAYS or ranking[column.source].notna().any())
    ]


def _decimals(ranking: pd.DataFrame, shares: list[str]) -> int:
    """Return the number of decimals of shares: one, as WIPO prints, or two if they are small."""
    found = [float(np.nanmedian(numbers(ranking[name]))) for name in shares if len(ranking)]
    return 2 if found and min(found) < 1.0 else 1


def _millions(value: float) -> str:
    return f"{value / 1e6:,.2f}"
