"""Heat maps of the parameter grid on the tuner's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from bokeh.core.properties import value as constant
from bokeh.events import Tap
from bokeh.layouts import row
from bokeh.models import (
    ColorMapper,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    LogColorMapper,
    Range1d,
)
from bokeh.plotting import figure
from matplotlib.colors import to_hex

from gclust.experiments.grid import Pair, Pairs
from gclust.report.sweep_heatmaps import COLOURS, MISSING
from gclust.report.symbols import INK

HIGH = 260
PALETTE = [to_hex(COLOURS(share)) for share in np.linspace(0, 1, 64)]
SHOWN = {
    "n_clusters": ("Number of clusters", "{:.0f}"),
    "clustered_share": ("Weight in clusters, per cent", "{:.0f}"),
    "ari": ("Agreement (ARI)", "{:.2f}"),
}
FLOW = ":host { flex-wrap: wrap; gap: 4px; }"
Known = tuple[dict[str, float], str] | None


class HeatMaps:
    """Three heat maps of the parameter grid; a click chooses a cell's eps_km and min_samples."""

    def __init__(self, pairs: Pairs, set_pair: Callable[[Pair], Any]) -> None:
        self._pairs, self._set_pair = pairs, set_pair
        across, up = pairs.min_samples, pairs.eps_km
        places = [(across.index(least), up.index(eps)) for eps, least in pairs]
        self._source = ColumnDataSource(
            name="surface",
            data={
                "x": [x for x, _ in places],
                "y": [y for _, y in places],
                "eps_km": [f"{eps:.12g}" for eps, _ in pairs],
                "min_samples": [f"{least:.12g}" for _, least in pairs],
                "diagnostics": [""] * len(places),
                **{name: [np.nan] * len(places) for name in SHOWN},
                **{f"{name}_text": [""] * len(places) for name in SHOWN},
            },
        )
        own = across.index(pairs.baseline[1]), up.index(pairs.baseline[0])
        self._mark = ColumnDataSource(data={"x": [own[0]], "y": [own[1]]})
        self._mappers: dict[str, ColorMapper] = {}
        drawn = [self._draw(name, own) for name in SHOWN]
        self.layout = row(*drawn, sizing_mode="stretch_width", stylesheets=[FLOW])

    def show(self, known: Mapping[Pair, Known], chosen: Pair) -> None:
        """Show the statistics computed so far, and mark the chosen eps_km and min_samples."""
        data: dict[str, list[Any]] = {"diagnostics": []}
        for name in SHOWN:
            data[name], data[f"{name}_text"] = [], []
        for pair in self._pairs:
            figures, diagnostics = known[pair] or ({}, "")
            data["diagnostics"].append(diagnostics)
            for name, (_, form) in SHOWN.items():
                value = figures.get(name, np.nan) * (100 if name == "clustered_share" else 1)
                data[name].append(value)
                data[f"{name}_text"].append(value_text(value, form))
        self._source.data = {**self._source.data, **data}
        for name, mapper in self._mappers.items():
            values = [value for value in data[name] if not np.isnan(value)]
            if values:
                low, high = min(values), max(values)
                mapper.low = max(low, 0.5) if name == "n_clusters" else low
                mapper.high = max(high, mapper.low + 1e-6)
        across, up = self._pairs.min_samples, self._pairs.eps_km
        self._mark.data = {"x": [across.index(chosen[1])], "y": [up.index(chosen[0])]}

    def _draw(self, name: str, own: tuple[int, int]) -> Any:
        across, up = self._pairs.min_samples, self._pairs.eps_km
        plot = figure(
            title=SHOWN[name][0],
            name=f"heat-{name}",
            height=HIGH,
            sizing_mode="stretch_width",
            min_width=230,
            x_range=Range1d(-0.5, len(across) - 0.5),
            y_range=Range1d(-0.5, len(up) - 0.5),
            tools="",
            toolbar_location=None,
            x_axis_label="min_samples",
            y_axis_label="eps_km",
        )
        mapper = (LogColorMapper if name == "n_clusters" else LinearColorMapper)(
            palette=PALETTE, nan_color=MISSING, low=1, high=2
        )
        self._mappers[name] = mapper
        at = {"x": "x", "y": "y", "source": self._source}
        fill, edge = {"field": name, "transform": mapper}, {"line_color": "#ffffff"}
        cells = plot.rect(**at, width=1, height=1, fill_color=fill, line_width=0.5, **edge)
        centred = {"text_align": "center", "text_baseline": "middle", "text_font_size": "8px"}
        plot.text(**at, text=f"{name}_text", text_color=INK, **centred)
        square = {"width": 1, "height": 1, "fill_alpha": 0.0, "line_color": INK}
        # A bare list would be a column of the data, which Bokeh 3.7 cannot draw.
        plot.rect([own[0]], [own[1]], line_width=1.2, line_dash=constant([3, 2]), **square)
        plot.rect("x", "y", source=self._mark, line_width=2.5, **square)
        for axis, values in ((plot.xaxis, across), (plot.yaxis, up)):
            axis.ticker = FixedTicker(ticks=list(range(len(values))))
            axis.major_label_overrides = {i: f"{value:.12g}" for i, value in enumerate(values)}
            axis.major_label_text_font_size = "10px"
            axis.axis_label_standoff = 2
            axis.minor_tick_line_color = None
        plot.xaxis.major_label_orientation = 0.9
        plot.grid.visible = False
        plot.title.text_font_size = "12px"
        pair = [("eps_km", "@eps_km"), ("min_samples", "@min_samples")]
        shown = [(SHOWN[name][0], f"@{name}_text"), ("diagnostics", "@diagnostics")]
        plot.add_tools(HoverTool(renderers=[cells], tooltips=[*pair, *shown]))
        plot.on_event(Tap, self._tapped)
        return plot

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        across, up = round(event.x), round(event.y)
        if 0 <= across < len(self._pairs.min_samples) and 0 <= up < len(self._pairs.eps_km):
            self._set_pair((self._pairs.eps_km[up], self._pairs.min_samples[across]))


def value_text(value: float, form: str) -> str:
    """Return a value as short text."""
    if np.isnan(value):
        return ""
    return form.format(value) if value < 1000 else f"{value / 1000:.1f}k"
