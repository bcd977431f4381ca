"""The map on the page of the tuner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource, CustomJS, HoverTool, Range1d
from bokeh.plotting import figure

from gclust.experiments.tune_map import (
    WORLD_X,
    WORLD_Y,
    drawn_clusters,
    land,
    names_with_room,
    rings,
)
from gclust.experiments.tune_outcome import Outcome
from gclust.experiments.tune_table import moved
from gclust.report.symbols import BORDER, INK, LAND, OCEAN

HIGH = 430
COLOURS = {"▲": "#1b7a4b", "▼": "#b5402b", "n": "#d08a00", "=": "#2f6f8f"}
MOST_DOT, LEAST_DOT = 20.0, 4.0
LEAST_SPAN = 4.0
"""Degrees that are shown at least."""
FIT = """
// All clusters at first, then what was shown; a degree is as long across as up.
const w = cb_obj.inner_width, h = cb_obj.inner_height
if (!w || !h || !cb_obj.tags.length) return
const fitted = cb_obj.fitted ?? {}
const key = cb_obj.tags.join()
let [x0, x1, y0, y1] = cb_obj.tags
let k = Math.max(1.3 * Math.max(x1 - x0, least) / w, 1.3 * Math.max(y1 - y0, least) / h)
k = Math.min(k, 360 / w)
if (fitted.key === key && !fitted.same(x, y)) {
  k = (x.end - x.start) / fitted.w
  x0 = x1 = (x.start + x.end) / 2
  y0 = y1 = (y.start + y.end) / 2
}
for (const [range, middle, half] of [[x, (x0 + x1) / 2, k * w / 2], [y, (y0 + y1) / 2, k * h / 2]])
  range.setv({start: middle - half, end: middle + half,
              reset_start: middle - half, reset_end: middle + half})
const set = [x.start, x.end, y.start, y.end].join()
cb_obj.fitted = {key, w, same: (x, y) => [x.start, x.end, y.start, y.end].join() === set}
"""


class MapView:
    """Countries, outlines of clusters, dots by score, and as many names as there is room for."""

    def __init__(self) -> None:
        self._drawn: pd.DataFrame | None = None
        self._x, self._y = Range1d(*WORLD_X), Range1d(*WORLD_Y)
        # Until the browser tells.
        self._pixels = {"inner_width": 900.0, "inner_height": float(HIGH)}
        self.figure = figure(
            name="map",
            height=HIGH,
            sizing_mode="stretch_width",
            x_range=self._x,
            y_range=self._y,
            tools="pan,wheel_zoom,reset",
            active_scroll="wheel_zoom",
            toolbar_location="right",
            background_fill_color=OCEAN,
        )
        self.figure.toolbar.logo = None
        self.figure.axis.visible = False
        self.figure.grid.visible = False
        self.figure.multi_polygons(**land(), fill_color=LAND, line_color=BORDER, line_width=0.7)
        shape: dict[str, list[Any]] = {"xs": [], "ys": [], "colour": []}
        dot: dict[str, list[Any]] = {
            "x": [],
            "y": [],
            "size": [],
            "colour": [],
            "name": [],
            "rank": [],
            "moved": [],
        }
        self._shapes = ColumnDataSource(data=shape)
        self._dots = ColumnDataSource(data={**dot, "then": [], "score": []}, name="clusters")
        self._names = ColumnDataSource(data={"x": [], "y": [], "name": []}, name="names")
        self.figure.multi_polygons(
            source=self._shapes,
            fill_color="colour",
            fill_alpha=0.35,
            line_color="colour",
            line_width=0.8,
        )
        dots = self.figure.scatter(
            "x",
            "y",
            size="size",
            source=self._dots,
            fill_color="colour",
            fill_alpha=0.45,
            line_color="colour",
        )
        self.figure.text(
            "x",
            "y",
            text="name",
            source=self._names,
            x_offset=8,
            text_baseline="middle",
            text_font_size="11px",
            text_color=INK,
            background_fill_color="#ffffff",
            background_fill_alpha=0.6,
        )
        told = [("rank", "@rank (@moved)"), ("in the study", "@then"), ("score", "@score{0.000}")]
        self.figure.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@name"), *told]))
        self.figure.on_event(RangesUpdate, self._name)
        fit = CustomJS(args={"x": self._x, "y": self._y, "least": LEAST_SPAN}, code=FIT)
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._sized)
            self.figure.js_on_change(name, fit)
        self.figure.js_on_change("tags", fit)

    def show(self, outcome: Outcome) -> None:
        """Show an outcome."""
        first = self._drawn is None
        drawn = self._drawn = drawn_clusters(outcome)
        change = [moved(*ranks) for ranks in zip(drawn["rank"], drawn["rank_then"], strict=True)]
        colour = [COLOURS[each[0]] for each in change]
        most = max(drawn["score"].max(), 1e-12) if len(drawn) else 1.0
        size = MOST_DOT * np.sqrt(drawn["score"].to_numpy(float) / most)
        self._shapes.data = {**rings(drawn["shape"].to_numpy()), "colour": colour}
        self._dots.data = {
            "x": drawn["x"].to_numpy(),
            "y": drawn["y"].to_numpy(),
            "size": np.maximum(size, LEAST_DOT),
            "colour": colour,
            "name": drawn["name"].tolist(),
            "rank": drawn["rank"].tolist(),
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

    def _name(self, event: RangesUpdate | None = None) -> None:  # noqa: ARG002
        drawn = self._drawn
        if drawn is None:
            return
        x, y, names = drawn["x"].to_numpy(), drawn["y"].to_numpy(), drawn["name"].tolist()
        window = self._x.start, self._x.end, self._y.start, self._y.end
        pixels = self._pixels["inner_width"], self._pixels["inner_height"]
        shown = names_with_room(x, y, names, window, pixels)
        self._names.data = {"x": x[shown], "y": y[shown], "name": [names[i] for i in shown]}
