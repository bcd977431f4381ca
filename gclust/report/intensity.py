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

from gclust.plurals import counted
from gclust.report.page import axes_in_inches, write_heading
from gclust.report.style import (
    DOUBLE,
    LABEL_PT,
    SMALL_PT,
    new_figure,
    save_both,
    shortened,
    thin_axes,
)
from gclust.report.symbols import INK

TOP = 30
LONGEST = 40
HEADING = "Rank by intensity under each footprint and raster"
ROW_IN, FOOT_IN, KEY_IN = 0.19, 0.5, 0.17
NAMES_IN, EDGE_IN = 2.5, 0.2
COLOURS = ("#0072b2", "#e69f00", "#7a1f5c", "#6ab7e6", "#d5603a", "#1a1a1a", "#d8cf6a", "#8d959c")
"""Colours of footprints, which differ for colour blindness too."""
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<")
KEYS_PER_LINE = 4
KEYS_IN = 5.0
"""Least width of a page that has so many keys in a line of its legend."""
KEYS: dict[str, Any] = {
    **{"handletextpad": 0.2, "columnspacing": 1.2, "labelspacing": 0.45},
    **{"borderpad": 0.0, "borderaxespad": 0.0},
}
LANES = 0.56
"""Fraction of a row's height that the lanes of the rasters take."""


def draw_intensity(detail: pd.DataFrame, folder: Path, *, title: str, top: int = TOP) -> Figure:
    """Plot the ranks of clusters by records per inhabitant, for each footprint and raster.

    Writes ``intensity.png`` and ``intensity.pdf``.

    ``detail`` has ``rank, cluster_id, name, combination, footprint, raster, intensity_rank``, the
    study's own combination first. The first ``top`` clusters of the ranking are drawn.
    """
    with new_figure() as figure:
        intensity_page(figure, detail, title=title, top=top)
        save_both(figure, folder / "intensity", f"{title}: {HEADING}")
    return figure


def intensity_page(
    figure: Figure, detail: pd.DataFrame, *, title: str, top: int = TOP, width_in: float = DOUBLE
) -> Axes:
    """Draw the ranks with a heading on an empty figure, which gets its size; return the axes."""
    clusters, shown = _first(detail, top)
    caption = (
        f"The first {counted(len(clusters), 'cluster')} by score; the study's own choice is ringed"
    )
    head = write_heading(figure, width_in, HEADING, [title, caption]) + 0.1
    per_line = KEYS_PER_LINE if width_in > KEYS_IN else 2
    legends = _legends(_Styles.of(shown), per_line)
    foot = FOOT_IN + KEY_IN * sum(-(-len(keys) // columns) for keys, columns in legends)
    rows_in = len(clusters) * ROW_IN
    figure.set_size_inches(width_in, head + rows_in + foot)
    left = min(NAMES_IN, 0.45 * width_in)
    axes = axes_in_inches(figure, left, foot, width_in - left - EDGE_IN, rows_in)
    intensity_on(axes, detail, top=top, legend=False)
    bottom = 0.06
    for keys, columns in reversed(legends):
        at = (0.01, bottom / figure.get_figheight())
        figure.legend(handles=keys, ncols=columns, loc="lower left", bbox_to_anchor=at, **KEYS)
        bottom += KEY_IN * -(-len(keys) // columns)
    return axes


def intensity_on(axes: Axes, detail: pd.DataFrame, *, top: int = TOP, legend: bool) -> None:
    """Plot the ranks on axes, with a legend below them or without; see `draw_intensity`."""
    clusters, shown = _first(detail, top)
    styles, own = _Styles.of(shown), detail["combination"].iloc[0]
    for row, cluster in enumerate(clusters["cluster_id"]):
        _draw_row(axes, row, shown[shown["cluster_id"] == cluster], styles, own)
    _dress(axes, clusters, max(detail["intensity_rank"].dropna().astype(float), default=1.0))
    if legend:
        keys = [key for each, _ in _legends(styles, 2) for key in each]
        place: Any = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0)}
        axes.legend(handles=keys, ncols=2, **place, **KEYS | {"borderaxespad": 5.0})


def _first(detail: pd.DataFrame, top: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first clusters, and the rows of these."""
    own = detail["combination"].iloc[0]
    clusters = detail.loc[detail["combination"] == own, ["cluster_id", "name"]].head(top)
    return clusters, detail[detail["cluster_id"].isin(clusters["cluster_id"])]


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


def _legends(styles: _Styles, per_line: int) -> list[tuple[list[Line2D], int]]:
    """Return the keys of the colours and, with several rasters, of the marks, with columns."""
    first = next(iter(styles.marks.values()))
    colours = [(first, colour, name) for name, colour in styles.colours.items()]
    marks = [(mark, "#7f8a94", name) for name, mark in styles.marks.items()]
    return [
        ([Line2D([], [], ls="", marker=m, color=c, ms=4, label=name) for m, c, name in keys], n)
        for keys, n in ((colours, per_line), (marks, per_line))
        if keys is colours or len(keys) > 1
    ]


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
