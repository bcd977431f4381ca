"""The bump chart of a comparison: the ranks of the first clusters in two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from matplotlib.text import Text

from gclust.report.style import SMALL_PT, TITLE_PT, new_figure, save_both, shortened

TOP = 30
ROW_IN, LINES_IN, EDGE_IN, GAP_IN = 0.155, 2.4, 0.12, 0.05
HEAD_IN, FOOT_IN = 0.5, 0.36
LATER = 0.8
"""Gap in rows between the first clusters and those that are first only in the other run."""
LONGEST = 46
UP, DOWN, STILL, ALONE = "#1b7a4b", "#b5402b", "#7f8a94", "#b07800"
DASHES = (0, (3, 2))


def draw_bump_chart(
    table: pd.DataFrame,
    related: pd.DataFrame,
    labels: tuple[str, str],
    folder: Path,
    *,
    top: int = TOP,
) -> Figure:
    """Draw the ranks of the first clusters of either run, as ``bump.png`` and ``bump.pdf``.

    A line joins the two ranks of a cluster. Clusters that are among the first only in the other
    run are drawn below the first ones. From a cluster that does not continue a dashed line
    leads to the one that it merged into or split from, if that is drawn.

    ``table`` has ``id, name_a, rank_a, name_b, rank_b, rank_change``, missing where a run has no
    such cluster; ``related`` the pairs of related clusters ``id_a, id_b, continues``; ``labels``
    are the names of the runs.
    """
    shown = table[(table["rank_a"] <= top).fillna(False) | (table["rank_b"] <= top).fillna(False)]
    sides = [_Side(shown, which, top) for which in ("a", "b")]
    with new_figure() as figure:
        wide = [_widest(figure, side.texts) for side in sides]
        rows = max([1.0, *(side.rows for side in sides)])
        width = sum(wide) + LINES_IN + 2 * (EDGE_IN + GAP_IN)
        height = HEAD_IN + rows * ROW_IN + FOOT_IN
        figure.set_size_inches(width, height)
        left, bottom = (EDGE_IN + wide[0] + GAP_IN) / width, FOOT_IN / height
        axes = figure.add_axes((left, bottom, LINES_IN / width, rows * ROW_IN / height))
        axes.set(xlim=(0, 1), ylim=(rows - 0.5, -0.5))
        axes.axis("off")
        dashed = _lines(axes, shown, related, sides)
        _names(axes, sides)
        _heads(figure, axes, labels, height, top)
        _legend(figure, height, dashed, alone=any(ALONE in side.colours for side in sides))
        save_both(figure, folder / "bump", f"Ranks: {labels[0]} and {labels[1]}")
    return figure


class _Side:
    """One side of the chart: row, text and colour of each cluster of a run."""

    def __init__(self, shown: pd.DataFrame, which: str, top: int) -> None:
        self.which = which
        other = "b" if which == "a" else "a"
        there = shown[shown[f"rank_{which}"].notna()].sort_values(
            [f"rank_{which}", f"rank_{other}", "id"], na_position="last"
        )
        later = (there[f"rank_{which}"] > top).to_numpy(bool)
        row = np.arange(len(there)) + LATER * (later & ~later.all())
        self.row = dict(zip(there["id"], row.tolist(), strict=True))
        self.rows = float(row[-1] + 1) if len(row) else 0.0
        self.texts = [self._text(each) for each in there.to_dict("records")]
        self.colours = [_colour(change) for change in there["rank_change"]]

    def _text(self, cluster: dict[str, object]) -> str:
        name = shortened(cluster[f"name_{self.which}"], LONGEST)
        rank, change = cluster[f"rank_{self.which}"], cluster["rank_change"]
        if self.which == "a":
            return f"{name}  {rank}"
        if pd.isna(change):
            return f"{rank}  {name}  new"
        moved = int(change)  # type: ignore[call-overload]
        return f"{rank}  {name}" + (f"  {'▲' if moved > 0 else '▼'}{abs(moved)}" if moved else "")


def _colour(change: object) -> str:
    if pd.isna(change):
        return ALONE
    moved = int(change)  # type: ignore[call-overload]
    return UP if moved > 0 else DOWN if moved < 0 else STILL


def _lines(axes: Axes, shown: pd.DataFrame, related: pd.DataFrame, sides: list[_Side]) -> bool:
    """Draw the lines between the two ranks of clusters; return whether any is dashed."""
    dashed = False
    left, right = (side.row for side in sides)
    for each in shown.itertuples():
        if each.id in left and each.id in right:
            _line(axes, left[each.id], right[each.id], _colour(each.rank_change), solid=True)
    for each in related[~related["continues"]].itertuples():
        if each.id_a in left and each.id_b in right:
            _line(axes, left[each.id_a], right[each.id_b], ALONE, solid=False)
            dashed = True
    return dashed


def _line(axes: Axes, start: float, end: float, colour: str, *, solid: bool) -> None:
    points = [(0.0, start), (0.45, start), (0.55, end), (1.0, end)]
    curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    style = "solid" if solid else DASHES
    axes.add_patch(PathPatch(curve, fc="none", ec=colour, lw=1.1, ls=style, clip_on=False))


def _names(axes: Axes, sides: list[_Side]) -> None:
    gap = GAP_IN / LINES_IN
    for side, at, to in zip(sides, (-gap, 1 + gap), ("right", "left"), strict=True):
        for row, text, colour in zip(side.row.values(), side.texts, side.colours, strict=True):
            axes.text(at, row, text, size=SMALL_PT, ha=to, va="center_baseline")
            edge = 0.0 if side.which == "a" else 1.0
            axes.plot([edge], [row], "o", ms=2.6, color=colour, clip_on=False)


def _heads(figure: Figure, axes: Axes, labels: tuple[str, str], height: float, top: int) -> None:
    title = f"Ranks of the clusters that are among the first {top} in either run"
    left, y = EDGE_IN / figure.get_figwidth(), 1 - 0.1 / height
    figure.text(left, y, title, size=TITLE_PT, weight="bold", va="top")
    box = axes.get_position()
    gap = GAP_IN / figure.get_figwidth()
    y = box.y1 + 0.06 / height
    for label, x, to in ((labels[0], box.x0 - gap, "right"), (labels[1], box.x1 + gap, "left")):
        figure.text(x, y, label, size=SMALL_PT + 1, weight="bold", ha=to)


def _legend(figure: Figure, height: float, dashed: bool, alone: bool) -> None:
    entries = [
        Line2D([], [], color=colour, lw=1.1, label=label)
        for label, colour in (("higher", UP), ("lower", DOWN), ("the same", STILL))
    ]
    if alone:
        label = "in one run only"
        entries.append(Line2D([], [], color=ALONE, lw=0, marker="o", ms=2.6, label=label))
    if dashed:
        entries.append(Line2D([], [], color=ALONE, lw=1.1, ls=DASHES, label="split or merged"))
    place: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.03 / height)}
    figure.legend(handles=entries, ncols=len(entries), handlelength=2.2, **place)


def _widest(figure: Figure, texts: list[str]) -> float:
    """Return the width of the widest text, in inches."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    widths = [0.0]
    for text in texts:
        drawn = Text(0, 0, text, size=SMALL_PT, figure=figure)
        widths.append(drawn.get_window_extent(renderer).width / figure.dpi)
    return max(widths)
