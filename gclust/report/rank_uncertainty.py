"""Rank uncertainty as a plot of rank sets and score intervals, and as a text table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gclust.report.page import EDGE_IN, axes_in_inches, wrapped, write_heading
from gclust.report.style import (
    DOUBLE,
    SINGLE,
    SMALL_PT,
    new_figure,
    save_both,
    shortened,
    thin_axes,
)
from gclust.report.symbols import INK
from gclust.report.text_table import (
    ALWAYS,
    NEEDED,
    Column,
    filled,
    significant,
    table_lines,
    whole,
)

TOP = 40
HEADING = "Rank uncertainty"
ROW_IN, AXIS_IN, KEY_IN, NOTE_IN = 0.15, 0.38, 0.13, 0.1
NAME_IN = 1.75
KEYS_IN = 5.0
"""Least width of a page that has the keys of its legend in one row."""
LONGEST = 34
SET, SCATTER, BAND = "#9fb8c9", "#2f6f8f", "#f2f4f5"


def rank_uncertainty_table(
    table: pd.DataFrame, *, width: int, top: int = 20, ascii: bool = False
) -> str:
    """Return the first clusters of ``uncertainty.csv`` with their rank sets as a table of text.

    The other parameters are those of `gclust.report.table.ranking_table`.
    """
    shown = table.head(top).copy()
    dash = "-" if ascii else "–"
    shown["set"] = _ranges(shown["rank_set_low"], shown["rank_set_high"], dash)
    shown["scatter"] = _ranges(shown["rank_low"], shown["rank_high"], dash)
    columns = [
        Column("rank", ("", "Rank"), whole, ALWAYS),
        Column("set", ("Rank", "set"), None, ALWAYS),
        Column("scatter", ("drawn", "ranks"), None, ALWAYS),
        Column("name", ("", "Cluster"), None, ALWAYS),
        Column("score", ("", "Score"), significant, NEEDED),
        Column("score_low", ("Score", "from"), significant, 7),
        Column("score_high", ("", "to"), significant, 7),
        Column("among_10", ("Among", "10"), None, 6),
        Column("among_100", ("Among", "100"), None, 5),
        Column("economies", ("", "Economy"), None, 4),
    ]
    return "\n".join(table_lines([filled(c, shown) for c in columns], width, ascii))


def _ranges(low: pd.Series, high: pd.Series, dash: str) -> list[str]:
    pairs = zip(low, high, strict=True)
    return ["" if pd.isna(a) else f"{a}" if a == b else f"{a}{dash}{b}" for a, b in pairs]


def draw_rank_sets(
    table: pd.DataFrame, level: float, folder: Path, *, title: str, note: str, top: int = TOP
) -> Figure:
    """Draw rank sets and score intervals, as ``rank_sets.png`` and ``rank_sets.pdf``.

    ``table`` is that of ``uncertainty.csv``, best first; ``level`` the confidence of sets and
    intervals; ``title`` the study's, and ``note`` is on the draws. The first ``top`` are drawn.
    """
    with new_figure() as figure:
        rank_sets_page(figure, table.head(top), level, title=title, note=note)
        save_both(figure, folder / "rank_sets", f"{title}: {HEADING}")
    return figure


def rank_sets_page(
    figure: Figure,
    table: pd.DataFrame,
    level: float,
    *,
    title: str,
    note: str,
    width_in: float = DOUBLE,
) -> Axes:
    """Draw sets and intervals on an empty figure, which gets its size; return the sets' axes."""
    head = write_heading(figure, width_in, HEADING, [title]) + 0.06
    notes = wrapped(figure, note, width_in - 0.3, size=SMALL_PT - 1)
    keys = 1 if width_in > KEYS_IN else 3
    foot = AXIS_IN + KEY_IN * keys + NOTE_IN * len(notes)
    names = min(NAME_IN, 0.4 * width_in)
    rows_in = ROW_IN * max(len(table), 4)
    figure.set_size_inches(width_in, head + rows_in + foot)
    width = width_in - names - 0.1
    ranks = axes_in_inches(figure, names, foot, 0.6 * width, rows_in)
    scores = axes_in_inches(figure, names + 0.64 * width, foot, 0.36 * width, rows_in)
    rank_sets_on(ranks, table, legend=False)
    score_intervals_on(scores, table)
    scores.set_yticks([])
    height = figure.get_figheight()
    place: Any = {"loc": "lower left", "ncol": 3 if keys == 1 else 1}
    place["bbox_to_anchor"] = (EDGE_IN / width_in, (0.04 + NOTE_IN * len(notes)) / height)
    handles = _handles(level)
    size = SMALL_PT - 0.5
    figure.legend(handles=handles, fontsize=size, borderpad=0, borderaxespad=0, **place)
    for i, line in enumerate(reversed(notes)):
        y = (0.05 + NOTE_IN * i) / height
        figure.text(EDGE_IN / width_in, y, line, size=SMALL_PT - 1)
    return ranks


def rank_sets_on(axes: Axes, table: pd.DataFrame, level: float = 0.9, *, legend: bool) -> None:
    """Draw the rank sets of all rows of a table on axes, with a legend below them or without."""
    rows = np.arange(len(table))
    _stripes(axes, len(table))
    ends = table[["rank_set_low", "rank_set_high"]].to_numpy(float)
    axes.hlines(rows, ends[:, 0] - 0.4, ends[:, 1] + 0.4, color=SET, lw=5.5)
    drawn = table[["rank_low", "rank_high"]].to_numpy(float)
    axes.hlines(rows, drawn[:, 0] - 0.2, drawn[:, 1] + 0.2, color=SCATTER, lw=1.6)
    axes.plot(table["rank"].to_numpy(float), rows, "o", ms=2.6, color=INK, mew=0)
    axes.set_xlim(0, max(float(np.nanmax(ends, initial=0.0)) * 1.02, 5) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("Rank", size=SMALL_PT)
    _write_names(axes, table)
    if legend:
        size = SMALL_PT - 0.5
        place: Any = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0)}
        place["borderaxespad"] = 72 * AXIS_IN / size  # below the axis and its label
        axes.legend(handles=_handles(level), fontsize=size, **place)


def score_intervals_on(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the scores of all rows of a table with their intervals on axes."""
    rows = np.arange(len(table))
    _stripes(axes, len(table))
    spread = table[["score_low", "score_high"]].to_numpy(float)
    axes.hlines(rows, spread[:, 0], spread[:, 1], color=SCATTER, lw=1.6)
    axes.plot(table["score"].to_numpy(float), rows, "o", ms=2.6, color=INK, mew=0)
    axes.set_xlabel(_score_label(table), size=SMALL_PT)
    _write_names(axes, table)


def score_intervals_page(figure: Figure, table: pd.DataFrame, level: float, *, title: str) -> Axes:
    """Draw scores with their intervals on an empty figure, which gets its size; return the axes."""
    heading = f"Scores, and {100 * level:g} % of the draws"
    head = write_heading(figure, SINGLE, heading, [title]) + 0.06
    rows_in = ROW_IN * max(len(table), 4)
    figure.set_size_inches(SINGLE, head + rows_in + AXIS_IN)
    axes = axes_in_inches(figure, NAME_IN, AXIS_IN, SINGLE - NAME_IN - 0.12, rows_in)
    score_intervals_on(axes, table)
    return axes


def _write_names(axes: Axes, table: pd.DataFrame) -> None:
    ranked = zip(table["name"], table["rank"], strict=True)
    names = [f"{shortened(name, LONGEST)}  {rank}" for name, rank in ranked]
    axes.set_yticks(np.arange(len(table)), names, size=SMALL_PT - 0.5)


def _score_label(table: pd.DataFrame) -> str:
    """Return the label of the score's axis, with the kinds that its intervals leave out."""
    missing = table.get("score_interval_leaves_out", pd.Series(dtype=str))
    if missing.empty or not missing.iloc[0]:
        return "Score"
    return f"Score ({shortened(missing.iloc[0], LONGEST)} not resampled)"


def _stripes(axes: Axes, rows: int) -> None:
    """Shade every second row of the figure."""
    for row in range(0, rows, 2):
        axes.axhspan(row - 0.5, row + 0.5, color=BAND, lw=0, zorder=0)
    axes.set_ylim(rows - 0.5, -0.5)
    thin_axes(axes, ("bottom",), size=SMALL_PT - 0.5)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.grid(axis="x", color="#dfe3e6", lw=0.4)
    axes.set_axisbelow(True)


def _handles(level: float) -> list[Line2D]:
    share = f"{100 * level:g} %"
    return [
        Line2D([], [], color=SET, lw=5.5, label=f"rank sets, {share} for all clusters jointly"),
        Line2D([], [], color=SCATTER, lw=1.6, label=f"{share} of the draws"),
        Line2D([], [], color=INK, marker="o", ms=2.6, mew=0, lw=0, label="the study's own"),
    ]
