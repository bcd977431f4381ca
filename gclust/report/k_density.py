"""The plot of K-densities: distances between sites, with bands of chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

HEADING = "Distances between sites, and between as many random sites"
LOCAL, GLOBAL = "#cfd8de", "#7f95ad"
LEFT_IN, RIGHT_IN, FOOT_IN, TOP_IN = 0.5, 0.12, 0.42, 0.2
HEIGHT = 0.64
"""Height of the axes as a share of their width."""
COLUMNS, MOST_PANELS = 3, 12
LONGEST = 34


def draw_k_densities(found: Any, folder: Path, *, title: str) -> Figure:
    """Draw the K-densities of the most localised kinds or fields, as ``k_density.png`` and PDF.

    ``found`` is a `gclust.experiments.localisation.k_density.KDensity`; up to 12 are drawn.
    """
    names = order_of(found)[:MOST_PANELS]
    rows = -(-len(names) // COLUMNS)
    with new_figure() as figure:
        head = write_heading(figure, DOUBLE, HEADING, [title, note_of(found)])
        wide = DOUBLE / COLUMNS - LEFT_IN - RIGHT_IN
        high = wide * HEIGHT
        row_in = TOP_IN + high + FOOT_IN
        figure.set_size_inches(DOUBLE, head + rows * row_in)
        for at, name in enumerate(names):
            left = (at % COLUMNS) * DOUBLE / COLUMNS + LEFT_IN
            bottom = (rows - 1 - at // COLUMNS) * row_in + FOOT_IN
            axes = axes_in_inches(figure, left, bottom, wide, high)
            k_density_on(axes, found, name, legend=at == 0)
            axes.set_title(shortened(name, LONGEST), size=LABEL_PT, loc="left", pad=3)
        save_both(figure, folder / "k_density", f"{title}: {HEADING}")
    return figure


def k_density_page(figure: Figure, found: Any, name: str, *, width_in: float) -> Axes:
    """Draw one K-density with a heading on an empty figure, which gets its size."""
    head = write_heading(figure, width_in, f"{HEADING}: {name}", [note_of(found)])
    height = HEIGHT * (width_in - LEFT_IN - RIGHT_IN)
    figure.set_size_inches(width_in, head + 0.06 + height + FOOT_IN)
    axes = axes_in_inches(figure, LEFT_IN, FOOT_IN, width_in - LEFT_IN - RIGHT_IN, height)
    k_density_on(axes, found, name)
    return axes


def k_density_on(axes: Axes, found: Any, name: str, *, legend: bool = True) -> None:
    """Draw one K-density with its bands on axes."""
    curve: pd.DataFrame = found.curves[found.curves[found.by] == name]
    at, scale = curve["distance_km"], 1000.0
    low, high = scale * curve["local_low"], scale * curve["local_high"]
    label = f"{100 * found.level:g} % of random sites, each distance"
    axes.fill_between(at, low, high, color=LOCAL, lw=0, label=label)
    for side in ("global_low", "global_high"):
        text = "the same, all distances" if side == "global_low" else None
        axes.plot(at, scale * curve[side], color=GLOBAL, lw=0.8, ls=(0, (4, 2)), label=text)
    axes.plot(at, scale * curve["k_density"], color=INK, lw=1.2, label="sites")
    most = scale * curve[["k_density", "global_high"]].to_numpy().max()
    axes.set(xlim=(0, float(at.max())), ylim=(0, most * (1.45 if legend else 1.08)))
    axes.set_xlabel("Distance, km", size=LABEL_PT)
    axes.set_ylabel("Density, per 1,000 km", size=LABEL_PT)
    thin_axes(axes, ("left", "bottom"))
    axes.grid(color="#e4e6e8", lw=0.4)
    axes.set_axisbelow(True)
    if legend:
        axes.legend(loc="upper right", fontsize=SMALL_PT - 0.5)


def order_of(found: Any) -> list[str]:
    """Return the names of the kinds or fields, the most localised first."""
    order = ["localisation", "dispersion", found.by]
    ranked = found.table.sort_values(order, ascending=[False, True, True])
    return [str(name) for name in ranked[found.by]]


def note_of(found: Any) -> str:
    """Return a line that says what was drawn."""
    return str(found.in_words)
