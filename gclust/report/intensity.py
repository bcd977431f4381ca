"""The figure of the intensity ranks under several footprints and rasters."""

from __future__ import annotations

from pathlib import Path

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gclust.report.style import STYLE, save
from gclust.report.surface import LABEL_PT, SMALL_PT, TITLE_PT, WIDTH_IN
from gclust.report.symbols import INK

__all__ = ["draw_intensity"]

TOP = 30
LONGEST = 34
ROW_IN, HEAD_IN, FOOT_IN, KEY_IN = 0.17, 0.62, 0.45, 0.17
NAMES_IN, EDGE_IN = 2.45, 0.2
COLOURS = ("#4477aa", "#cc6677", "#228833", "#ccbb44", "#aa3377", "#66a5c4", "#8c6d46", "#7f8a94")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<")
KEYS_PER_LINE = 4
LANE = 0.12
"""Least part of a row's height between marks of one rank, which stand above each other."""


def draw_intensity(detail: pd.DataFrame, folder: Path, *, title: str, top: int = TOP) -> Figure:
    """Draw between which ranks the intensity lies, as ``intensity.png`` and ``intensity.pdf``.

    Parameters
    ----------
    detail : DataFrame
        ``rank, cluster_id, name, combination, footprint, raster, intensity_rank``, the
        study's own combination first.
    folder : Path
        Made if it is not there.
    title : str
        Of the study.
    top : int
        Clusters drawn, the first of the ranking.

    Returns
    -------
    matplotlib.figure.Figure
    """
    own = detail["combination"].iloc[0]
    clusters = detail.loc[detail["combination"] == own, ["cluster_id", "name"]].head(top)
    shown = detail[detail["cluster_id"].isin(clusters["cluster_id"])]
    styles = _styles(shown)
    key_lines = -(-len(styles) // KEYS_PER_LINE)
    rows_in = len(clusters) * ROW_IN
    height = HEAD_IN + rows_in + FOOT_IN + key_lines * KEY_IN
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH_IN, height), facecolor="white")
        FigureCanvasAgg(figure)
        bottom = (FOOT_IN + key_lines * KEY_IN) / height
        left, right = NAMES_IN / WIDTH_IN, 1.0 - EDGE_IN / WIDTH_IN
        axes = figure.add_axes((left, bottom, right - left, rows_in / height))
        for row, cluster in enumerate(clusters["cluster_id"]):
            _draw_row(axes, row, shown[shown["cluster_id"] == cluster], styles, own)
        _dress(axes, clusters, float(detail["intensity_rank"].max(skipna=True) or 1))
        heading = "Rank by intensity under each footprint and raster"
        figure.text(0.02, 1 - 0.22 / height, heading, size=TITLE_PT, weight="bold", color=INK)
        told = f"{title}: the first {len(clusters)} clusters by score; the study's own is ringed"
        figure.text(0.02, 1 - 0.42 / height, told, size=SMALL_PT, color=INK)
        figure.legend(
            handles=[
                Line2D([], [], ls="", marker=mark, color=colour, ms=4, label=name)
                for name, (colour, mark) in styles.items()
            ],
            loc="lower left",
            bbox_to_anchor=(0.01, 0.005),
            ncols=KEYS_PER_LINE,
            fontsize=SMALL_PT,
            frameon=False,
            labelcolor=INK,
            handletextpad=0.2,
            columnspacing=1.2,
        )
        for ending in ("png", "pdf"):
            save(figure, folder / f"intensity.{ending}", f"{title}: {heading}")
    return figure


def _styles(shown: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Colour, by footprint, and mark, by raster, of each combination."""
    footprints, rasters = list(shown["footprint"].unique()), list(shown["raster"].unique())
    several = len(rasters) > 1
    out = {}
    for each in shown.drop_duplicates("combination").itertuples():
        colour = footprints.index(each.footprint)
        mark = rasters.index(each.raster) if several else colour
        out[each.combination] = (COLOURS[colour % len(COLOURS)], MARKS[mark % len(MARKS)])
    return out


def _draw_row(
    axes: Axes, row: int, mine: pd.DataFrame, styles: dict[str, tuple[str, str]], own: str
) -> None:
    mine = mine.dropna(subset="intensity_rank")
    if mine.empty:
        axes.text(1, row, "no inhabitants known", size=SMALL_PT, va="center", color="#7f8a94")
        return
    ranks = mine["intensity_rank"].to_numpy(float)
    axes.plot([ranks.min(), ranks.max()], [row, row], color="#c9ced3", lw=3.0, zorder=1)
    # Marks of one rank stand above each other, so that none hides another.
    lane, count = (
        mine.groupby("intensity_rank").cumcount(),
        mine["intensity_rank"].map(mine["intensity_rank"].value_counts()),
    )
    step = np.minimum(LANE, 0.7 / count.to_numpy(float))
    at = row + (lane.to_numpy(float) - (count.to_numpy(float) - 1) / 2) * step
    for rank, height, name in zip(ranks, at, mine["combination"], strict=True):
        colour, mark = styles[name]
        ringed = name == own
        axes.plot(
            rank,
            height,
            ls="",
            marker=mark,
            ms=4.4 if ringed else 3.2,
            mfc=colour,
            mec=INK if ringed else "white",
            mew=0.8 if ringed else 0.3,
            zorder=3 if ringed else 2,
        )


def _dress(axes: Axes, clusters: pd.DataFrame, last: float) -> None:
    axes.set(xlim=(1 - 0.02 * last, last * 1.02), ylim=(len(clusters) - 0.5, -0.5))
    texts = []
    for place, name in enumerate(clusters["name"], start=1):
        text = " ".join(str(name).split())
        text = text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
        texts.append(f"{text}  {place}")
    axes.set_yticks(range(len(clusters)), texts, size=SMALL_PT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Rank by score per million inhabitants", size=LABEL_PT)
    axes.tick_params(labelsize=SMALL_PT, width=0.4, length=2, colors=INK)
    axes.grid(axis="x", color="#e4e6e8", lw=0.4)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_linewidth(0.4)
        spine.set_visible(side == "bottom")
