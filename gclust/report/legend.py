"""The legend below a map: ranks, scores, noise, scale bar."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gclust.report.projection import WORLD_SCALE_LAT, Frame
from gclust.report.symbols import INK, NOISE, OTHER, RankClass, fill, radii_pt, round_scores

TEXT_PT = 6.4
SMALL_PT = 6.0
ROW_PT = 13.0
HEAD_PT = 29.0
SPACE_PT = 12.0


def draw_legend(
    figure: Figure,
    box_in: tuple[float, float, float, float],
    frame: Frame,
    map_width_in: float,
    classes: list[RankClass],
    *,
    largest_score: float,
    others: str,
    noise_weight: float | None,
) -> None:
    """Draw the legend into a box of the figure (left, bottom, width, height in inches)."""
    width_in, height_in = figure.get_size_inches()
    left, bottom, width, height = box_in
    axes = figure.add_axes(
        (left / width_in, bottom / height_in, width / width_in, height / height_in)
    )
    # One unit is one point, so that circles are as large as on the map.
    axes.set(xlim=(0, 72 * width), ylim=(0, 72 * height))
    axes.set_axis_off()
    strip = _Strip(axes)
    if classes:
        strip.head("Rank")
        for ranks in classes:
            strip.circle(5.0, ranks.colour, ranks.name)
        if others:
            strip.circle(5.0, OTHER, others)
        strip.x += SPACE_PT
    elif others:
        strip.head("Clusters")
        strip.circle(5.0, OTHER, others)
        strip.x += SPACE_PT
    scores = round_scores(largest_score)
    if scores:
        strip.head("Score")
        for score, radius in zip(scores, radii_pt(np.array(scores), largest_score), strict=True):
            strip.circle(float(radius), None, f"{score:g}")
        strip.x += SPACE_PT
    if noise_weight is not None:
        strip.head("Noise")
        strip.dot(f"locations of weight ≥ {noise_weight:.3g}")
    _scale_bar(axes, frame, map_width_in, 72 * width)


class _Strip:
    """A row of the legend, filled with entries from left to right."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.x = 0.0

    def head(self, text: str) -> None:
        self.axes.text(self.x, HEAD_PT, text, size=TEXT_PT, weight="bold", va="baseline")

    def circle(self, radius: float, colour: str | None, text: str) -> None:
        from matplotlib.patches import Circle

        face = fill(colour) if colour else "none"
        centre = (self.x + radius + 0.5, ROW_PT)
        self.axes.add_patch(Circle(centre, radius, fc=face, ec=colour or INK, lw=0.6))
        if colour:
            self.axes.add_patch(Circle(centre, radius * 0.4, fc=colour, ec="none"))
        self.x += 2 * radius + 4.0
        self._text(text)

    def dot(self, text: str) -> None:
        x, y = self.x + np.array([1.0, 4.5, 7.0]), ROW_PT + np.array([-1.0, 2.0, -2.0])
        self.axes.plot(x, y, "o", ms=1.0, mew=0, color=NOISE)
        self.x += 11.0
        self._text(text)

    def _text(self, text: str) -> None:
        # "center" would stand a name without descenders higher than one with them.
        y = ROW_PT - 0.36 * TEXT_PT
        artist = self.axes.text(self.x, y, text, size=TEXT_PT, va="baseline")
        extent = artist.get_window_extent()
        self.x += extent.width * 72 / self.axes.figure.dpi + 8.0


def _scale_bar(axes: Axes, frame: Frame, map_width_in: float, right: float) -> None:
    points_per_metre = 72 * map_width_in / (frame.bounds[2] - frame.bounds[0])
    steps = [step * 10.0**power for power in range(5) for step in (1, 2, 5)]
    km = max(step for step in steps if frame.bar_metres(step) * points_per_metre <= 90.0)
    length = frame.bar_metres(km) * points_per_metre
    left = right - length
    x, y = [left, left, right, right], [ROW_PT + 3.5, ROW_PT, ROW_PT, ROW_PT + 3.5]
    ends: Any = {"solid_capstyle": "butt", "solid_joinstyle": "miter", "clip_on": False}
    axes.plot(x, y, color=INK, lw=0.8, **ends)
    axes.text((left + right) / 2, ROW_PT + 2.5, f"{km:,.0f} km", size=TEXT_PT, ha="center")
    holds = f"along {WORLD_SCALE_LAT:g}° N and S" if frame.is_world else "at the centre of the map"
    axes.text(right, ROW_PT - 8.5, holds, size=SMALL_PT, ha="right")
