"""The legend below a map: ranks, scores, noise, scale bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Affine2D

from gclust.report.projection import WORLD_SCALE_LAT, Frame
from gclust.report.symbols import INK, NOISE, OTHER, RankClass, fill, radii_pt, round_scores

TEXT_PT = 6.4
SMALL_PT = 6.0
ROW_PT = 13.0
HEAD_PT = 29.0
SPACE_PT = 12.0
HEIGHT_PT, FURTHER_PT = 40.3, 33.0
"""Height of the first row of the legend (heads, symbols and what is below the scale bar), and of
further ones."""
BAR_PT = 90.0
"""Largest length of the scale bar, which is at most a quarter of the map's width."""


@dataclass(frozen=True, kw_only=True)
class LegendContent:
    """What the legend of a map explains."""

    frame: Frame
    classes: list[RankClass]  # those that are drawn
    largest_score: float
    others: str  # text for clusters of no class, "" if there are none
    noise_weight: float | None  # least weight of noise locations, 0 if all, None if none are drawn
    points_per_metre: float  # of the map's plane


def draw_legend(axes: Axes, content: LegendContent, width_pt: float) -> float:
    """Draw the legend on empty axes, one data unit a point; return its height in points.

    Groups that are too wide for a row go on in the next one. The caller makes the axes
    ``width_pt`` wide and as high as the height that is returned.
    """
    axes.set_axis_off()
    groups = [each for each in (_ranks(axes, content), _scores(axes, content)) if each.width]
    if content.noise_weight is not None:
        groups.append(_noise(axes, content.noise_weight))
    bar = _scale_bar(axes, content)
    places: list[tuple[_Group, float, int]] = []
    x, row = 0.0, 0
    for group in groups:
        if x and x + group.width > width_pt:
            x, row = 0.0, row + 1
        places.append((group, x, row))
        x += group.width + SPACE_PT
    row += bool(x and x + bar.width > width_pt)
    places.append((bar, width_pt - bar.width, row))
    height = HEIGHT_PT + row * FURTHER_PT
    for group, at, line in places:
        group.move.translate(at, (row - line) * FURTHER_PT)
    # One unit is one point, so that circles are as large as on the map.
    axes.set(xlim=(0, width_pt), ylim=(0, height))
    return height


class _Group:
    """A part of the legend, filled from left to right and moved to its place as a whole."""

    def __init__(self, axes: Axes, head: str = "") -> None:
        self.axes = axes
        self.move = Affine2D()
        self.transform = self.move + axes.transData
        self.x = self.width = 0.0
        if head:
            self.text(head, (0.0, HEAD_PT), weight="bold")

    def text(self, text: str, at: tuple[float, float], **given: Any) -> float:
        """Write a text; return its width in points."""
        own: dict[str, Any] = {"size": TEXT_PT, "va": "baseline", "transform": self.transform}
        style = own | given
        artist: Any = self.axes.text(at[0], at[1], text, **style)
        width = artist.get_window_extent().width * 72 / self.axes.figure.dpi
        if style.get("ha", "left") == "left":
            self.width = max(self.width, at[0] + width)
        return float(width)

    def circle(self, radius: float, colour: str | None, text: str) -> None:
        from matplotlib.patches import Circle

        face = fill(colour) if colour else "none"
        centre = (self.x + radius + 0.5, ROW_PT)
        ring = Circle(centre, radius, fc=face, ec=colour or INK, lw=0.6, transform=self.transform)
        self.axes.add_patch(ring)
        if colour:
            inner: Any = {"fc": colour, "ec": "none", "transform": self.transform}
            self.axes.add_patch(Circle(centre, radius * 0.4, **inner))
        self.x += 2 * radius + 4.0
        self.entry(text)

    def entry(self, text: str) -> None:
        # "center" would stand a name without descenders higher than one with them.
        self.x += self.text(text, (self.x, ROW_PT - 0.36 * TEXT_PT)) + 8.0

    def line(self, x: Any, y: Any, **style: Any) -> None:
        self.axes.plot(x, y, transform=self.transform, clip_on=False, **style)


def _ranks(axes: Axes, content: LegendContent) -> _Group:
    head = "Rank" if content.classes else "Clusters" if content.others else ""
    group = _Group(axes, head)
    for ranks in content.classes:
        group.circle(5.0, ranks.colour, ranks.name)
    if content.others:
        group.circle(5.0, OTHER, content.others)
    return group


def _scores(axes: Axes, content: LegendContent) -> _Group:
    scores = round_scores(content.largest_score)
    group = _Group(axes, "Score" if scores else "")
    radii = radii_pt(np.array(scores), content.largest_score)
    for score, radius in zip(scores, radii, strict=True):
        group.circle(float(radius), None, f"{score:g}")
    return group


def _noise(axes: Axes, weight: float) -> _Group:
    group = _Group(axes, "Noise")
    x, y = np.array([1.0, 4.5, 7.0]), ROW_PT + np.array([-1.0, 2.0, -2.0])
    group.line(x, y, marker="o", ls="", ms=1.0, mew=0, color=NOISE)
    group.x = 11.0
    group.entry(f"locations of weight ≥ {weight:.3g}" if weight else "all locations")
    return group


def _scale_bar(axes: Axes, content: LegendContent) -> _Group:
    frame = content.frame
    steps = [step * 10.0**power for power in range(4) for step in (1, 2, 5)]
    lengths = {km: frame.bar_metres(km) * content.points_per_metre for km in steps}
    x_min, _, x_max, _ = frame.bounds
    longest = min(BAR_PT, (x_max - x_min) * content.points_per_metre / 4)
    km = max((km for km in steps if lengths[km] <= longest), default=steps[0])
    group = _Group(axes)
    holds = f"along {WORLD_SCALE_LAT:g}° N and S" if frame.is_world else "at the centre of the map"
    below: Any = {"size": SMALL_PT, "ha": "right"}
    note = group.text(holds, (0.0, ROW_PT - 8.5), **below)
    group.width = max(note, lengths[km])
    left, right = group.width - lengths[km], group.width
    x, y = [left, left, right, right], [ROW_PT + 3.5, ROW_PT, ROW_PT, ROW_PT + 3.5]
    group.line(x, y, color=INK, lw=0.8, solid_capstyle="butt", solid_joinstyle="miter")
    group.text(f"{km:,.0f} km", ((left + right) / 2, ROW_PT + 2.5), ha="center")
    axes.texts[-2].set_x(right)
    return group
