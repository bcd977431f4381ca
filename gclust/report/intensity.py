"""The plot of the ranks of clusters by intensity under several footprints and rasters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gclust.report.style import (
    LABEL_PT,
    SMALL_PT,
    TITLE_PT,
    new_figure,
    save_both,
    shortened,
    thin_axes,
)
from gclust.report.symbols import INK

TOP = 30
LONGEST = 40
WIDTH_IN = 7.2
ROW_IN, HEAD_IN, FOOT_IN, KEY_IN = 0.19, 0.8, 0.45, 0.17
NAMES_IN, EDGE_IN = 2.5, 0.2
COLOURS = ("#4477aa", "#cc6677", "#228833", "#ccbb44", "#aa3377", "#66a5c4", "#8c6d46", "#7f8a94")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<")
KEYS_PER_LINE = 4
LANES = 0.56
"""Fraction of a row's height that the lanes of the rasters take."""


def draw_intensity(detail: pd.DataFrame, folder: Path, *, title: str, top: int = TOP) -> Figure:
    """Plot the ranks of clusters by records per inhabitant, for each footprint and raster.

    Writes ``intensity.png`` and ``intensity.pdf``.

    ``detail`` has ``rank, cluster_id, name, combination, footprint, raster, intensity_rank``, the
    study's own combination first. The first ``top`` clusters of the ranking are drawn.
    """
    own = detail["combination"].iloc[0]
    clusters = detail.loc[detail["combination"] == own, ["cluster_id", "name"]].head(top)
    shown = detail[detail["cluster_id"].isin(clusters["cluster_id"])]
    styles = _Styles.of(shown)
    key_lines = -(-len(styles.colours) // KEYS_PER_LINE) + (len(styles.marks) > 1)
    rows_in = len(clusters) * ROW_IN
    height = HEAD_IN + rows_in + FOOT_IN + key_lines * KEY_IN
    with new_figure(WIDTH_IN, height) as figure:
        bottom = (FOOT_IN + key_lines * KEY_IN) / height
        left, right = NAMES_IN / WIDTH_IN, 1.0 - EDGE_IN / WIDTH_IN
        axes = figure.add_axes((left, bottom, right - left, rows_in / height))
        for row, cluster in enumerate(clusters["cluster_id"]):
            _draw_row(axes, row, shown[shown["cluster_id"] == cluster], styles, own)
        _dress(axes, clusters, max(detail["intensity_rank"].dropna().astype(float), default=1.0))
        heading = "Rank by intensity under each footprint and raster"
        caption = f"The first {len(clusters)} clusters by score; the study's own choice is ringed"
        for inches, text, size in ((0.22, heading, TITLE_PT), (0.41, title, SMALL_PT)):
            weight = "bold" if text is heading else "normal"
            figure.text(0.02, 1 - inches / height, text, size=size, weight=weight)
        figure.text(0.02, 1 - 0.57 / height, caption, size=SMALL_PT)
        _legends(figure, styles, height)
        save_both(figure, folder / "intensity", f"{title}: {heading}")
    return figure


@dataclass(frozen=True)
class _Styles:
    """Styles of the points: a colour for each footprint, a mark and a lane for each raster."""

    colours: dict[str, str]
    marks: dict[str, str]
    lanes: dict[str, float]

    @classmethod
    def of(cls, shown: pd.DataFrame) -> _Styles:
        footprints, rasters = shown["footprint"].unique(), shown["raster"].unique()
        at = (np.arange(len(rasters)) + 0.5) / len(rasters) - 0.5
        return cls(
            dict(zip(footprints, cycle(COLOURS), strict=False)),
            dict(zip(rasters, cycle(MARKS), strict=False)),
            dict(zip(rasters, (at * LANES).tolist(), strict=True)),
        )


def _legends(figure: Figure, styles: _Styles, height: float) -> None:
    """Draw the legends of the colours and, with several rasters, of the marks."""
    first = next(iter(styles.marks.values()))
    colours = [(first, colour, name) for name, colour in styles.colours.items()]
    marks = [(mark, "#7f8a94", name) for name, mark in styles.marks.items()]
    bottom = 0.06
    for keys, at, columns in (
        (marks if len(marks) > 1 else [], bottom, len(marks)),
        (colours, bottom + KEY_IN * (len(marks) > 1), KEYS_PER_LINE),
    ):
        handles = [
            Line2D([], [], ls="", marker=mark, color=colour, ms=4, label=name)
            for mark, colour, name in keys
        ]
        if handles:
            place: Any = {"loc": "lower left", "bbox_to_anchor": (0.01, at / height)}
            gaps: Any = {"handletextpad": 0.2, "columnspacing": 1.2, "labelspacing": 0.45}
            pads: Any = {"borderpad": 0.0, "borderaxespad": 0.0}
            figure.legend(handles=handles, ncols=columns, **place, **gaps, **pads)


def _draw_row(axes: Axes, row: int, mine: pd.DataFrame, styles: _Styles, own: str) -> None:
    mine = mine.dropna(subset="intensity_rank")
    if mine.empty:
        offset: Any = {"xytext": (4, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate("no inhabitants known", (1, row), **offset, size=SMALL_PT, color="#7f8a94")
        return
    ranks = mine["intensity_rank"].to_numpy(float)
    axes.plot([ranks.min(), ranks.max()], [row, row], color="#dfe3e6", lw=5.0, zorder=1)
    for each in mine.iloc[::-1].itertuples():  # the study's own above all others
        ringed = each.combination == own
        size, edge, width, order = (4.6, INK, 0.8, 3) if ringed else (3.6, "white", 0.3, 2)
        mark: Any = {"marker": styles.marks[each.raster], "mfc": styles.colours[each.footprint]}
        x, y = each.intensity_rank, row + styles.lanes[each.raster]
        axes.plot(x, y, ls="", ms=size, mec=edge, mew=width, zorder=order, **mark)


def _dress(axes: Axes, clusters: pd.DataFrame, last: float) -> None:
    axes.set(xlim=(1 - 0.02 * last, last * 1.02), ylim=(len(clusters) - 0.5, -0.5))
    texts = []
    for place, name in enumerate(clusters["name"], start=1):
        texts.append(f"{shortened(name, LONGEST)}  {place}")
    axes.set_yticks(range(len(clusters)), texts, size=SMALL_PT)
    rest = [int(tick) for tick in MaxNLocator(8, integer=True).tick_values(1, last)]
    axes.set_xticks([1, *(tick for tick in rest if 1 < tick <= last)])
    axes.set_xlabel("Rank by score per million inhabitants", size=LABEL_PT)
    thin_axes(axes, ("bottom",))
    axes.grid(axis="x", color="#e4e6e8", lw=0.4)
    axes.set_axisbelow(True)
