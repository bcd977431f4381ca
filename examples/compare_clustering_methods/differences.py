"""A map of where ways to form clusters differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from gclust.places.basemap import countries, lakes
from gclust.report.layers import draw_land, draw_names
from gclust.report.projection import Frame, frame_of_points

REGIONS = {
    "Low Countries and Rhine": (4.3, 50.4, 7.8, 52.2),
    "Yangtze delta": (119.4, 30.1, 121.9, 31.9),
    "US north-east": (-75.4, 39.8, -71.6, 42.0),
}
"""West, south, east and north, in degrees."""

CELL_KM = 3.0
SCALE_KM = 50.0
NAMED = 7
"""Clusters named in each panel."""

NAME_AWAY_PX = 2.0
"""From the circle about a footprint, whose line has a width."""

IN_ALL, IN_SOME, IN_NONE = "#59636f", "#f08a24", "#c9d2da"
LINES = (("#0b3f9e", 0.7, "-"), ("#e08ac6", 2.0, "-"), ("#0f7a3d", 0.9, (0, (1, 1))))
"""Colour, width and style by former; narrow lines above wide ones, for many coincide."""
INK = "#1a1a1a"
DPI = 300
WIDTH_IN, GAP_IN, HEAD_IN, FOOT_IN = 7.4, 0.1, 0.5, 0.45


def draw_differences(
    locations: pd.DataFrame,
    outlines: Mapping[str, pd.DataFrame],
    paths: Sequence[Path],
    *,
    title: str,
) -> None:
    """Draw three regions: which listings lie in a cluster of all, of some or of no former.

    Parameters
    ----------
    locations : DataFrame
        ``lat, lon`` in degrees, ``weight``, and ``formers``: in how many ways the location
        lies in a cluster.
    outlines : dict
        Former -> its clusters, GeoDataFrame with ``rank`` and ``name``; those of the first
        give the names.
    paths : sequence of path
        ``.png`` or ``.pdf``.
    title : str
    """
    frames = {name: _frame(region) for name, region in REGIONS.items()}
    aspects = [_width(frame) / _height(frame) for frame in frames.values()]
    height = (WIDTH_IN - (len(frames) + 1) * GAP_IN) / sum(aspects)
    size = (WIDTH_IN, HEAD_IN + height + FOOT_IN)
    with matplotlib.rc_context({"pdf.fonttype": 42, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=size, dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        left = GAP_IN
        for (name, frame), aspect in zip(frames.items(), aspects, strict=True):
            box = (left, FOOT_IN, aspect * height, height)
            axes = figure.add_axes([v / size[i % 2] for i, v in enumerate(box)])
            _draw_panel(axes, frame, locations, outlines, len(outlines))
            top = (FOOT_IN + height + 0.05) / size[1]
            figure.text(left / size[0], top, name, size=7, weight="bold", color=INK)
            left += aspect * height + GAP_IN
        at = (GAP_IN / size[0], 1 - 0.2 / size[1])
        figure.text(*at, title, size=9, weight="bold", color=INK)
        _draw_legend(figure, list(outlines))
        for path in paths:
            dateless = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
            figure.savefig(path, dpi=DPI, metadata=dateless)


def _frame(region: tuple[float, float, float, float]) -> Frame:
    west, south, east, north = region
    lon, lat = np.meshgrid(np.linspace(west, east, 21), np.linspace(south, north, 21))
    return frame_of_points(lat.ravel(), lon.ravel())


def _width(frame: Frame) -> float:
    return frame.bounds[2] - frame.bounds[0]


def _height(frame: Frame) -> float:
    return frame.bounds[3] - frame.bounds[1]


def _draw_panel(
    axes: Axes,
    frame: Frame,
    locations: pd.DataFrame,
    outlines: Mapping[str, pd.DataFrame],
    n_formers: int,
) -> None:
    x_min, y_min, x_max, y_max = frame.bounds
    axes.set(xlim=(x_min, x_max), ylim=(y_min, y_max), autoscale_on=False)
    axes.set_axis_off()
    pixels = axes.get_window_extent().width
    shapes = (each().geometry.to_numpy() for each in (countries, lakes))
    draw_land(axes, frame, *shapes, _width(frame) / pixels)
    _draw_cells(axes, frame, locations, n_formers)
    for (colour, width, style), clusters in zip(LINES, outlines.values(), strict=True):
        plane = frame.shapes(clusters.geometry.to_numpy())
        rings = shapely.get_parts(shapely.boundary(plane[~shapely.is_empty(plane)]))
        lines = [shapely.get_coordinates(ring) for ring in rings]
        axes.add_collection(
            LineCollection(
                lines, colors=colour, linewidths=width, linestyles=[style], zorder=6 - width / 4
            )
        )
    _draw_names(axes, frame, next(iter(outlines.values())))
    _draw_scale(axes, frame)


def _draw_cells(axes: Axes, frame: Frame, locations: pd.DataFrame, n_formers: int) -> None:
    """Colour each cell of the map by where most of its listings lie."""
    west, south, east, north = frame.degrees
    near = locations[
        locations["lat"].between(south, north)
        & (frame.centred(locations["lon"].to_numpy()) >= west)
        & (frame.centred(locations["lon"].to_numpy()) <= east)
    ]
    x, y = frame.project(near["lat"].to_numpy(), near["lon"].to_numpy())
    side = 1000 * CELL_KM
    cells = pd.DataFrame(
        {
            "column": np.floor((x - frame.bounds[0]) / side),
            "row": np.floor((y - frame.bounds[1]) / side),
            "in": np.where(near["formers"] == n_formers, 2, np.minimum(near["formers"], 1)),
            "weight": near["weight"].to_numpy(),
        }
    )
    most = cells.pivot_table(
        index=["row", "column"], columns="in", values="weight", aggfunc="sum", fill_value=0
    ).idxmax(axis=1)
    for which, colour in ((0, IN_NONE), (2, IN_ALL), (1, IN_SOME)):
        for row, column in most.index[most == which]:
            corner = (frame.bounds[0] + column * side, frame.bounds[1] + row * side)
            axes.add_patch(Rectangle(corner, side, side, color=colour, lw=0, zorder=3))


def _draw_names(axes: Axes, frame: Frame, clusters: pd.DataFrame) -> None:
    """Write the names beside the circles that hold the footprints, so over none of its own."""
    middle = shapely.centroid(clusters.geometry.to_numpy())
    x, y = frame.project(shapely.get_y(middle), shapely.get_x(middle))
    x_min, y_min, x_max, y_max = frame.bounds
    inside = (x > x_min) & (x < x_max) & (y > y_min) & (y < y_max)
    plane = frame.shapes(clusters.geometry[inside].to_numpy())
    centre = shapely.get_coordinates(shapely.centroid(shapely.minimum_bounding_circle(plane)))
    places = axes.transData.transform(centre)
    pixels = axes.get_window_extent().width / (x_max - x_min)
    radius = NAME_AWAY_PX + pixels * shapely.minimum_bounding_radius(plane)
    matters = np.where(np.arange(len(places)) < NAMED, 1.5, 0.25)
    symbols = np.column_stack([places, radius, matters])
    draw_names(axes, frame.outline, clusters["name"][inside].head(NAMED).tolist(), symbols)


def _draw_scale(axes: Axes, frame: Frame) -> None:
    x_min, y_min, x_max, y_max = frame.bounds
    x = x_max - 0.03 * (x_max - x_min) - np.array([frame.bar_metres(SCALE_KM), 0.0])
    y = y_min + 0.03 * (y_max - y_min)
    axes.plot(x, [y, y], color=INK, linewidth=1.2, solid_capstyle="butt", zorder=9)
    axes.text(x.mean(), y, f"{SCALE_KM:g} km", size=5.5, color=INK, ha="center", va="bottom")


def _draw_legend(figure: Figure, names: list[str]) -> None:
    cells = [
        Patch(color=colour, label=f"in a cluster of {what}")
        for colour, what in ((IN_ALL, "all"), (IN_SOME, "some"), (IN_NONE, "none"))
    ]
    lines = [
        Line2D([], [], color=colour, linestyle=style, linewidth=width, label=name)
        for name, (colour, width, style) in zip(names, LINES, strict=True)
    ]
    for handles, x, head in (
        (cells, 0.0, f"Where most listings of a cell of {CELL_KM:g} km lie"),
        (lines, 0.55, "Footprints"),
    ):
        figure.legend(
            handles=handles,
            title=head,
            ncols=3,
            loc="lower left",
            bbox_to_anchor=(x, 0.0),
            fontsize=6.5,
            title_fontsize=6.5,
            alignment="left",
            frameon=False,
            handlelength=2.4 if x else 1.2,
        )
