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

from gclust.report.style import SMALL_PT, TITLE_PT, new_figure, save_both, shortened, thin_axes
from gclust.report.symbols import INK
from gclust.report.text_table import (
    ALWAYS,
    NEEDED,
    Column,
    filled,
    fixed,
    significant,
    table_lines,
    whole,
)

TOP = 40
WIDTH_IN, ROW_IN, HEAD_IN, FOOT_IN = 6.4, 0.15, 0.5, 0.66
NAME_IN = 1.75
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
    for first in (10, 100):
        shown[f"percent_{first}"] = 100 * shown[f"first_{first}"]
    columns = [
        Column("rank", ("", "Rank"), whole, ALWAYS),
        Column("set", ("Rank", "set"), None, ALWAYS),
        Column("scatter", ("drawn", "ranks"), None, ALWAYS),
        Column("name", ("", "Cluster"), None, ALWAYS),
        Column("score", ("", "Score"), significant, NEEDED),
        Column("score_low", ("Score", "from"), significant, 7),
        Column("score_high", ("", "to"), significant, 7),
        Column("percent_10", ("% in first", "10"), fixed(0), 6),
        Column("percent_100", ("% in first", "100"), fixed(0), 5),
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
    shown = table.head(top).reset_index(drop=True)
    height = HEAD_IN + FOOT_IN + ROW_IN * max(len(shown), 4)
    with new_figure(WIDTH_IN, height) as figure:
        heading = "Rank uncertainty"
        figure.text(0.02, 1 - 0.2 / height, heading, size=TITLE_PT, weight="bold")
        figure.text(0.02, 1 - 0.36 / height, title, size=SMALL_PT)
        bottom, span = FOOT_IN / height, 1 - (FOOT_IN + HEAD_IN) / height
        left = NAME_IN / WIDTH_IN
        width = 0.985 - left
        ranks = figure.add_axes((left, bottom, 0.6 * width, span))
        scores = figure.add_axes((left + 0.64 * width, bottom, 0.36 * width, span))
        rows = np.arange(len(shown))
        for axes in (ranks, scores):
            _stripes(axes, len(shown))
        ends = shown[["rank_set_low", "rank_set_high"]].to_numpy(float)
        ranks.hlines(rows, ends[:, 0] - 0.4, ends[:, 1] + 0.4, color=SET, lw=5.5)
        drawn = shown[["rank_low", "rank_high"]].to_numpy(float)
        ranks.hlines(rows, drawn[:, 0] - 0.2, drawn[:, 1] + 0.2, color=SCATTER, lw=1.6)
        ranks.plot(shown["rank"].to_numpy(float), rows, "o", ms=2.6, color=INK, mew=0)
        ranks.set_xlim(0, max(float(np.nanmax(ends)) * 1.02, 5) + 0.5)
        ranks.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ranks.set_xlabel("Rank", size=SMALL_PT)
        ranked = zip(shown["name"], shown["rank"], strict=True)
        names = [f"{shortened(name, LONGEST)}  {rank}" for name, rank in ranked]
        ranks.set_yticks(rows, names, size=SMALL_PT - 0.5)
        spread = shown[["score_low", "score_high"]].to_numpy(float)
        scores.hlines(rows, spread[:, 0], spread[:, 1], color=SCATTER, lw=1.6)
        scores.plot(shown["score"].to_numpy(float), rows, "o", ms=2.6, color=INK, mew=0)
        scores.set_xlabel(_score_label(shown), size=SMALL_PT)
        scores.set_yticks([])
        _legend(figure, height, level, note)
        save_both(figure, folder / "rank_sets", f"{title}: {heading}")
    return figure


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


def _legend(figure: Figure, height: float, level: float, note: str) -> None:
    share = f"{100 * level:g} %"
    handles = [
        Line2D([], [], color=SET, lw=5.5, label=f"rank sets, {share} for all clusters jointly"),
        Line2D([], [], color=SCATTER, lw=1.6, label=f"{share} of the draws"),
        Line2D([], [], color=INK, marker="o", ms=2.6, mew=0, lw=0, label="the study's own"),
    ]
    place: Any = {"loc": "lower left", "bbox_to_anchor": (0.02, 0.16 / height), "ncol": 3}
    size = SMALL_PT - 0.5
    figure.legend(handles=handles, fontsize=size, borderpad=0, borderaxespad=0, **place)
    figure.text(0.02, 0.05 / height, note, size=SMALL_PT - 1)
