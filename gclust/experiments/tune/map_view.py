"""The map on the tuner's page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, CustomJS, Div, HoverTool, Range1d
from bokeh.plotting import figure

from gclust.experiments.tune.map_data import (
    WORLD_X,
    WORLD_Y,
    clusters_to_draw,
    land,
    names_with_room,
    polygon_paths,
)
from gclust.experiments.tune.outcome import Outcome
from gclust.experiments.tune.table import moved
from gclust.report.symbols import BORDER, INK, LAND, OCEAN

HIGH = 430
COLOURS = {"▲": "#0067a5", "▼": "#b84a00", "n": "#8a1f6a", "=": "#5f676e", "…": "#8a8f94"}
"""Colours of changes of rank, which colour-blind readers can tell apart."""
MOST_DOT, LEAST_DOT = 20.0, 4.0
LEAST_SPAN = 4.0
"""Smallest extent that the map shows, in degrees."""
NAMES_AFTER_MS = 80
FIT = """
// All clusters at first, then what was shown; a degree is as long across as up.
const w = cb_obj.inner_width, h = cb_obj.inner_height
if (!w || !h || !cb_obj.tags.length) return
const [x0, x1, y0, y1] = cb_obj.tags
const whole = 1.3 * Math.max(Math.max(x1 - x0, least) / w, Math.max(y1 - y0, least) / h)
const fit = {x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: Math.min(whole, 360 / w)}
const seen = () => [x.start, x.end, y.start, y.end].join()
const before = cb_obj.fitted
let show = fit
if (before && before.seen !== seen())  // the user has moved
  show = {x: (x.start + x.end) / 2, y: (y.start + y.end) / 2, scale: (x.end - x.start) / before.w}
for (const [range, axis, pixels] of [[x, "x", w], [y, "y", h]]) {
  const ends = ({scale, ...middle}) => [-1, 1].map((s) => middle[axis] + s * scale * pixels / 2)
  const [start, end] = ends(show), [reset_start, reset_end] = ends(fit)
  range.setv({start, end, reset_start, reset_end})
}
cb_obj.fitted = {w, seen: seen()}
"""


class MapView:
    """Map of countries, cluster outlines made of squares, dots by score, and names that fit."""

    def __init__(self, square_km: float) -> None:
        self.legend = Div(text=legend(square_km), sizing_mode="stretch_width", name="legend")
        self._drawn: pd.DataFrame | None = None
        self._size = np.zeros(0)
        self._naming = False
        self._x, self._y = Range1d(*WORLD_X), Range1d(*WORLD_Y)
        # Until the browser reports its own size.
        self._pixels = {"inner_width": 900.0, "inner_height": float(HIGH)}
        self.figure = figure(
            name="map",
            height=HIGH,
            sizing_mode="stretch_width",
            x_range=self._x,
            y_range=self._y,
            tools="pan,wheel_zoom,reset",
            min_border=0,
            active_scroll="wheel_zoom",
            toolbar_location="right",
            x_axis_type=None,
            y_axis_type=None,
            background_fill_color=OCEAN,
        )
        self.figure.toolbar.logo = None
        self.figure.grid.visible = False
        self.figure.multi_polygons(**land(), fill_color=LAND, line_color=BORDER, line_width=0.7)
        self._shapes = empty_source("shapes", "xs ys colour")
        self._dots = empty_source("clusters", "x y size colour name rank moved then score")
        self._names = empty_source("names", "x y name offset")
        coloured = {"fill_color": "colour", "line_color": "colour"}
        self.figure.multi_polygons(source=self._shapes, fill_alpha=0.35, line_width=0.8, **coloured)
        at = {"x": "x", "y": "y", "source": self._dots}
        dots = self.figure.scatter(**at, size="size", fill_alpha=0.45, **coloured)
        # A LabelSet is not always drawn again when its data change.
        self.figure.text(
            x="x",
            y="y",
            text="name",
            source=self._names,
            x_offset="offset",
            text_baseline="middle",
            text_font_size="11px",
            text_color=INK,
            background_fill_color="#ffffff",
            background_fill_alpha=0.6,
        )
        ranks = [("rank", "@rank (@moved)"), ("in the study", "@then")]
        tooltips = [("", "@name"), *ranks, ("score", "@score{0.000}")]
        self.figure.add_tools(HoverTool(renderers=[dots], tooltips=tooltips))
        for axis in (self._x, self._y):
            for end in ("start", "end"):
                axis.on_change(end, self._moved)
        fit = CustomJS(args={"x": self._x, "y": self._y, "least": LEAST_SPAN}, code=FIT)
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._sized)
            self.figure.js_on_change(name, fit)
        self.figure.js_on_change("tags", fit)

    def show(self, outcome: Outcome) -> None:
        """Show the clusters and ranks of an outcome."""
        first = self._drawn is None
        drawn = self._drawn = clusters_to_draw(outcome)
        change = [moved(*ranks) for ranks in zip(drawn["rank"], drawn["rank_then"], strict=True)]
        colour = [COLOURS[each[0]] for each in change]
        # Pending scores, and scores below 0 such as z-scores, have no size.
        weight = drawn["score" if (drawn["score"] >= 0).all() else "total"].to_numpy(float)
        size = MOST_DOT * np.sqrt(weight / max(weight.max(initial=0.0), 1e-12))
        self._size = np.maximum(size, LEAST_DOT)
        self._shapes.data = {**polygon_paths(drawn["shape"].to_numpy()), "colour": colour}
        self._dots.data = {
            "x": drawn["x"].to_numpy(),
            "y": drawn["y"].to_numpy(),
            "size": self._size,
            "colour": colour,
            "name": drawn["name"].tolist(),
            "rank": ["…" if pd.isna(rank) else str(rank) for rank in drawn["rank"]],
            "then": ["none" if pd.isna(rank) else str(rank) for rank in drawn["rank_then"]],
            "moved": change,
            "score": drawn["score"].tolist(),
        }
        if first and len(drawn):
            ends = (drawn["x"].min(), drawn["x"].max(), drawn["y"].min(), drawn["y"].max())
            self.figure.tags = [float(end) for end in ends]
        self._name()

    def _sized(self, attr: str, old: Any, new: Any) -> None:  # noqa: ARG002
        if new:
            self._pixels[attr] = float(new)
        self._name()

    def _moved(self, attr: str, old: Any, new: Any) -> None:  # noqa: ARG002
        """Update the names soon after the map moves, once for all four ends of its axes."""
        if not self._naming and self.figure.document is not None:
            self._naming = True
            self.figure.document.add_timeout_callback(self._name, NAMES_AFTER_MS)

    def _name(self) -> None:
        self._naming = False
        drawn = self._drawn
        if drawn is None:
            return
        x, y, names = drawn["x"].to_numpy(), drawn["y"].to_numpy(), drawn["name"].tolist()
        window = self._x.start, self._x.end, self._y.start, self._y.end
        pixels = self._pixels["inner_width"], self._pixels["inner_height"]
        shown = names_with_room(x, y, names, window, pixels)
        offset, named = self._size[shown] / 2 + 2, [names[i] for i in shown]
        self._names.data = {"x": x[shown], "y": y[shown], "name": named, "offset": offset}


def empty_source(name: str, columns: str) -> ColumnDataSource:
    """Return a data source without rows; ``columns`` are separated by blanks."""
    return ColumnDataSource(name=name, data={column: [] for column in columns.split()})


def legend(square_km: float) -> str:
    """Return the map's legend of colours and shapes, as HTML."""
    words = {"▲": "higher than in the study", "▼": "lower", "=": "as in the study", "n": "new"}
    dots = " ".join(
        f"<span style='white-space:nowrap'><span style='color:{COLOURS[key]}'>●</span>"
        f" {meaning}</span>"
        for key, meaning in words.items()
    )
    return (
        f"<span style='color:#444'>Rank: {dots}. Size: score. Outlines: squares of"
        f" {square_km:.1f} km with core locations.</span>"
    )
