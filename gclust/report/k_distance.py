"""The plot of weighted k-distances: how near min_samples listings are to each listing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from gclust.report.page import axes_in_inches, write_heading
from gclust.report.style import LABEL_PT, MIDDLE, SMALL_PT, new_figure, save_both, thin_axes
from gclust.report.symbols import INK

HEADING = "Distance within which min_samples listings lie"
LEFT_IN, RIGHT_IN, FOOT_IN = 0.53, 0.16, 0.45
HEIGHT = 0.64
"""Height of the axes as a share of the page's width."""
COLOURS = ("#8a1f6a", "#dc4a4d", "#f9a13a", "#7f95ad")
MOST_OTHERS = len(COLOURS)
LEAST_KM = 0.1
"""Shorter distances are drawn as this: min_samples listings at one location have 0 km."""


def draw_k_distance(
    curve: pd.DataFrame, baseline: tuple[float, float], folder: Path, *, title: str
) -> Figure:
    """Draw the k-distance curves, as ``k_distance.png`` and ``k_distance.pdf``.

    ``curve`` is that of `gclust.experiments.sweep.k_distance.k_distance`, in increasing order. The
    curve of the baseline is bold, its eps_km a line; up to four others are drawn.
    """
    with new_figure() as figure:
        k_distance_page(figure, curve, baseline, title=title)
        save_both(figure, folder / "k_distance", f"{title}: {HEADING}")
    return figure


def k_distance_page(
    figure: Figure,
    curve: pd.DataFrame,
    baseline: tuple[float, float],
    *,
    title: str,
    width_in: float = MIDDLE,
) -> Axes:
    """Draw the curves with a heading on an empty figure, which gets its size; return the axes."""
    head = write_heading(figure, width_in, HEADING, [title])
    height = HEIGHT * width_in
    figure.set_size_inches(width_in, head + height + FOOT_IN)
    axes = axes_in_inches(figure, LEFT_IN, FOOT_IN, width_in - LEFT_IN - RIGHT_IN, height)
    k_distance_on(axes, curve, baseline)
    return axes


def k_distance_on(axes: Axes, curve: pd.DataFrame, baseline: tuple[float, float]) -> None:
    """Draw the k-distance curves on axes; see `draw_k_distance`."""
    eps_km, own = baseline
    colours = dict(zip(_others(curve, own), COLOURS, strict=False))
    for least in sorted([own, *colours]):
        width, label = 1.8 if least == own else 0.9, f"min_samples {least:.6g}"
        axes.plot(*_line(curve, least), color=colours.get(least, INK), lw=width, label=label)
    axes.axhline(eps_km, color=INK, lw=0.7, ls=(0, (4, 3)))
    offset: Any = {"xytext": (4, 2), "textcoords": "offset points"}
    axes.annotate(f"eps {eps_km:.6g} km", (0, eps_km), **offset, size=SMALL_PT)
    axes.set(yscale="log", xlim=(0, 100))
    axes.set_ylim(bottom=LEAST_KM)
    axes.yaxis.set_major_formatter(FuncFormatter(_km_text))
    across = "Listings with at most this distance (core, were it eps), per cent"
    axes.set_xlabel(across, size=LABEL_PT)
    axes.set_ylabel("Distance, km", size=LABEL_PT)
    thin_axes(axes, ("left", "bottom"))
    axes.grid(color="#e4e6e8", lw=0.4)
    axes.legend(loc="upper left")


def _others(curve: pd.DataFrame, own: float) -> list[float]:
    """Return up to four evenly spaced values of min_samples other than the baseline's."""
    known = np.array(sorted(set(curve["min_samples"]) - {own}))
    if known.size <= MOST_OTHERS:
        return known.tolist()
    return known[np.linspace(0, known.size - 1, MOST_OTHERS).round().astype(int)].tolist()


def _line(curve: pd.DataFrame, least: float) -> tuple[np.ndarray, np.ndarray]:
    mine = curve[curve["min_samples"] == least]
    share = 100 * mine["weight_share"].to_numpy()
    return share, np.maximum(mine["distance_km"].to_numpy(), LEAST_KM)


def _km_text(km: float, _: int) -> str:
    return f"≤ {km:g}" if km <= LEAST_KM else f"{km:g}"
