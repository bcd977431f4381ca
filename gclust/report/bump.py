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

from gclust.report.page import axes_in_inches, size_in_inches, text_width, write_heading
from gclust.report.style import MM_PER_INCH, SMALL_PT, WIDTHS_MM, new_figure, save_both, shortened

TOP = 30
ROW_IN, LINES_IN, EDGE_IN, GAP_IN = 0.155, 1.3, 0.12, 0.05
FOOT_IN = 0.4
LATER = 0.8
"""Gap in rows between the first clusters and those that are first only in the other run."""
LONGEST = 46
SHORTEST = 10
"""Least number of letters to which names are cut where there is little room."""
LEAST_LINES = 0.18
"""Least share of the axes' width that is left to the lines between the names."""
MEASURED = 12
"""Longest names, by letters, that are measured to find the widest."""
KEYS_IN = 3.8
"""Least width of a page that has all keys of its legend in one row."""
UP, DOWN, STILL, ALONE = "#0072b2", "#d5603a", "#8d959c", "#1a1a1a"
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
    with new_figure() as figure:
        bump_page(figure, table, related, labels, top=top)
        save_both(figure, folder / "bump", f"Ranks: {labels[0]} and {labels[1]}")
    return figure


def bump_page(
    figure: Figure,
    table: pd.DataFrame,
    related: pd.DataFrame,
    labels: tuple[str, str],
    *,
    top: int = TOP,
    width_in: float | None = None,
) -> Axes:
    """Draw the chart with a heading on an empty figure, which gets its size; return the axes.

    Without a width the page gets the least of the usual ones that its names need.
    """
    sides = _sides(_first(table, top), top, LONGEST)
    needed = sum(_widest(figure, side.texts) for side in sides) + LINES_IN + 2 * EDGE_IN
    if width_in is None:
        widths = sorted(mm / MM_PER_INCH for mm in WIDTHS_MM.values())
        width_in = next((each for each in widths if each >= needed), widths[-1])
    title = f"Ranks of the clusters that are among the first {top} in either run"
    head = write_heading(figure, width_in, title) + 0.22
    rows = max([1.0, *(side.rows for side in sides)])
    height = head + rows * ROW_IN + FOOT_IN
    figure.set_size_inches(width_in, height)
    axes = axes_in_inches(figure, EDGE_IN, FOOT_IN, width_in - 2 * EDGE_IN, rows * ROW_IN)
    keys = bump_on(axes, table, related, labels, top=top, legend=False)
    columns = len(keys) if width_in > KEYS_IN else 3
    place: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.03 / height), "ncols": columns}
    figure.legend(handles=keys, handlelength=2.2, **place)
    return axes


def bump_on(
    axes: Axes,
    table: pd.DataFrame,
    related: pd.DataFrame,
    labels: tuple[str, str],
    *,
    top: int = TOP,
    legend: bool,
) -> list[Line2D]:
    """Draw the chart on axes, names included, with a legend below or without; return its keys.

    Names are cut where the axes are too narrow for them.
    """
    shown = _first(table, top)
    width, _ = size_in_inches(axes)
    for longest in range(LONGEST, SHORTEST - 1, -2):
        sides = _sides(shown, top, longest)
        wide = [_widest(axes.figure, side.texts) + GAP_IN for side in sides]
        if width - sum(wide) >= LEAST_LINES * width:
            break
    lines_in = max(width - sum(wide), 0.1 * width)
    rows = max([1.0, *(side.rows for side in sides)])
    axes.set(xlim=(-wide[0] / lines_in, 1 + wide[1] / lines_in), ylim=(rows - 0.5, -0.5))
    axes.axis("off")
    dashed = _lines(axes, shown, related, sides)
    _names(axes, sides, GAP_IN / lines_in)
    _heads(axes, labels, GAP_IN / lines_in)
    keys = _keys(dashed, alone=any(ALONE in side.colours for side in sides))
    if legend:
        place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0)}
        axes.legend(handles=keys, ncols=3, handlelength=2.2, **place)
    return keys


def _first(table: pd.DataFrame, top: int) -> pd.DataFrame:
    """Return the clusters that are among the first in either run."""
    return table[(table["rank_a"] <= top).fillna(False) | (table["rank_b"] <= top).fillna(False)]


def _sides(shown: pd.DataFrame, top: int, longest: int) -> list[_Side]:
    return [_Side(shown, which, top, longest) for which in ("a", "b")]


class _Side:
    """One side of the chart: row, text and colour of each cluster of a run."""

    def __init__(self, shown: pd.DataFrame, which: str, top: int, longest: int) -> None:
        self.which, self.longest = which, longest
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
        name = shortened(cluster[f"name_{self.which}"], self.longest)
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


def _names(axes: Axes, sides: list[_Side], gap: float) -> None:
    for side, at, to in zip(sides, (-gap, 1 + gap), ("right", "left"), strict=True):
        for row, text, colour in zip(side.row.values(), side.texts, side.colours, strict=True):
            axes.text(at, row, text, size=SMALL_PT, ha=to, va="center_baseline")
            edge = 0.0 if side.which == "a" else 1.0
            axes.plot([edge], [row], "o", ms=2.6, color=colour, clip_on=False)


def _heads(axes: Axes, labels: tuple[str, str], gap: float) -> None:
    for label, x, to in ((labels[0], -gap, "right"), (labels[1], 1 + gap, "left")):
        place: Any = {"xytext": (0, 4), "textcoords": "offset points", "annotation_clip": False}
        at = (x, axes.get_ylim()[1])
        axes.annotate(
            shortened(label, LONGEST), at, size=SMALL_PT + 1, weight="bold", ha=to, **place
        )


def _keys(dashed: bool, alone: bool) -> list[Line2D]:
    entries = [
        Line2D([], [], color=colour, lw=1.1, label=label)
        for label, colour in (("higher", UP), ("lower", DOWN), ("the same", STILL))
    ]
    if alone:
        label = "in one run only"
        entries.append(Line2D([], [], color=ALONE, lw=0, marker="o", ms=2.6, label=label))
    if dashed:
        entries.append(Line2D([], [], color=ALONE, lw=1.1, ls=DASHES, label="split or merged"))
    return entries


def _widest(figure: Any, texts: list[str]) -> float:
    """Return the width of the widest text, in inches."""
    longest = sorted(texts, key=len)[-MEASURED:]
    return max([text_width(figure, text, size=SMALL_PT) for text in longest], default=0.0)
