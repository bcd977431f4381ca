"""The page around a plot: heading, margins in inches, and axes of a given size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from gclust.report.style import SMALL_PT, TITLE_PT

EDGE_IN = 0.09
LEADING = 1.35


def write_heading(figure: Figure, width_in: float, title: str, notes: Sequence[str] = ()) -> float:
    """Write a bold title and lines below it at the top of a page; return the height in inches.

    Each is broken into lines that fit into the width. The figure may get its size later.
    """
    top = EDGE_IN
    parts = [(title, TITLE_PT, "bold"), *((note, SMALL_PT, "normal") for note in notes)]
    for text, size, weight in parts:
        for line in wrapped(figure, text, width_in - 2 * EDGE_IN, size=size, weight=weight):
            left = ScaledTranslation(EDGE_IN, -top, figure.dpi_scale_trans)
            place: Any = {"va": "top", "transform": figure.transFigure + left}
            figure.text(0.0, 1.0, line, size=size, weight=weight, **place)
            top += LEADING * size / 72
        top += 0.03
    return top


def wrapped(figure: Figure, text: str, width_in: float, **style: Any) -> list[str]:
    """Break a text into lines that fit into a width when drawn."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(figure, longer, **style) <= width_in:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def text_width(figure: Figure, text: str, **style: Any) -> float:
    """Return the width of a text in inches."""
    probe = figure.text(0, 0, text, **style)
    width = probe.get_window_extent().width / figure.dpi
    probe.remove()
    return float(width)


def axes_in_inches(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place that is given in inches; the figure has its final size."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def size_in_inches(axes: Axes) -> tuple[float, float]:
    """Return width and height of axes as they will be drawn."""
    figure: Any = axes.figure
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
    box = axes.get_window_extent()
    return float(box.width / figure.dpi), float(box.height / figure.dpi)
