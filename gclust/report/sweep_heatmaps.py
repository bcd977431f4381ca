"""Heat maps of the results of a sweep over eps_km and min_samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from gclust.plurals import counted
from gclust.report.page import EDGE_IN, axes_in_inches, size_in_inches, write_heading
from gclust.report.style import LABEL_PT, MIDDLE, SMALL_PT, new_figure, save_both
from gclust.report.symbols import INK

Pair = tuple[float, float]
Floats = NDArray[np.float64]

LEFT_IN, RIGHT_IN, FOOT_IN, KEY_IN = 0.53, 0.67, 0.5, 0.13
HEIGHT = 0.57
"""Height of the axes as a share of the page's width."""
KEYS_IN = 4.0
"""Least width of a page that has three columns of keys in its legend."""
COLOURS = LinearSegmentedColormap.from_list("surface", ["#fdfbf2", "#f0dfae", "#dfa878", "#b8727c"])
"""Colour map, pale enough for lines and letters in ink."""
MISSING, HATCH, PLATEAU = "#e4e6e8", "#8c8f94", "#2f6f8f"
MOST_TICKS = 12
MOST_LEVELS = 7
UNITS = {"count": "clusters", "per cent": "per cent", "agreement": "index"}
"""What the numbers at the colour bar are, by scale."""
COUNTS = [digit * 10.0**power for power in range(8) for digit in (1, 2, 3, 5, 7)]
AGREEMENTS = [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
LABEL_HALF_IN = np.array([0.30, 0.14])
"""Half of the width and height that a label needs, in inches."""
SHORTEST = 0.7
"""Least length of a contour, in cells, to be labelled."""
PAPER = {"boxstyle": "square,pad=0.15", "fc": "#ffffff", "alpha": 0.75, "lw": 0}


@dataclass(frozen=True)
class Quantity:
    """A column of a sweep's table, with its title and colour scale.

    The scale is "count" (coloured by the logarithm), "per cent" (of shares) or "agreement"
    (contours lie closer towards 1).
    """

    column: str
    title: str
    scale: str


QUANTITIES = (
    Quantity("n_clusters", "Number of clusters", "count"),
    Quantity("clustered_share", "Listings in clusters, per cent", "per cent"),
    Quantity("largest_share", "Listings in the largest cluster, per cent", "per cent"),
    Quantity("ari", "Adjusted Rand index with the baseline", "agreement"),
    Quantity("ami", "Adjusted mutual information with the baseline", "agreement"),
    Quantity("jaccard", "First clusters in common with the baseline (Jaccard index)", "agreement"),
    Quantity(
        "tau_b", "Order of the first clusters against the baseline (Kendall's tau-b)", "agreement"
    ),
)


def quantity_of(column: str) -> Quantity:
    """Return the quantity of a column; raises ValueError if it is not one that is drawn."""
    for quantity in QUANTITIES:
        if quantity.column == column:
            return quantity
    known = ", ".join(quantity.column for quantity in QUANTITIES)
    raise ValueError(f"{column!r} is not drawn; give one of {known}")


def draw_surfaces(
    table: pd.DataFrame,
    baseline: Pair,
    suggestions: Sequence[Pair],
    folder: Path,
    *,
    title: str,
    target_clusters: int | None = None,
    quantities: Sequence[Quantity] = QUANTITIES,
    progress: Callable[[float], None] | None = None,
) -> list[Figure]:
    """Draw a heat map of each quantity, as ``<column>.png`` and ``<column>.pdf``.

    Contours run between the middles of cells. Cells with diagnostics are hatched, cells without
    a value grey; plateaus are outlined. With only one value of eps_km or min_samples there are
    no contours, and values are written into the cells.

    ``table`` has one row per pair: ``eps_km, min_samples, diagnostics, plateau`` and the
    quantities. A square marks the baseline, numbered circles the suggestions; the contour of the
    target in the number of clusters is bold. ``progress`` is called with the fraction of work done.
    """
    figures = []
    for number, quantity in enumerate(quantities, start=1):
        with new_figure() as figure:
            surface_page(
                figure,
                Surfaces(table, baseline, suggestions, target_clusters),
                quantity,
                title=title,
            )
            save_both(figure, folder / quantity.column, f"{title}: {quantity.title}")
        figures.append(figure)
        if progress is not None:
            progress(number / len(quantities))
    return figures


class Surfaces(NamedTuple):
    """The table of a sweep with the pairs that are marked on it."""

    table: pd.DataFrame
    baseline: Pair
    suggestions: Sequence[Pair]
    target_clusters: int | None = None


def surface_page(
    figure: Figure,
    surfaces: Surfaces,
    quantity: Quantity,
    *,
    title: str,
    width_in: float = MIDDLE,
) -> Axes:
    """Draw a heat map with a heading on an empty figure, which gets its size; return the axes."""
    head = write_heading(figure, width_in, quantity.title, [title])
    height = HEIGHT * width_in
    keys = _handles(surfaces, quantity)
    columns = 3 if width_in > KEYS_IN else 1
    foot = FOOT_IN + KEY_IN * -(-len(keys) // columns)
    figure.set_size_inches(width_in, head + height + foot)
    axes = axes_in_inches(figure, LEFT_IN, foot, width_in - LEFT_IN - RIGHT_IN, height)
    surface_on(axes, surfaces, quantity, legend=False)
    at = (EDGE_IN / width_in, 0.07 / figure.get_figheight())
    place: Any = {"loc": "lower left", "bbox_to_anchor": at, "ncols": columns}
    gaps: Any = {"handletextpad": 0.5, "columnspacing": 1.4, "borderpad": 0, "borderaxespad": 0}
    figure.legend(handles=keys, **place, **gaps)
    return axes


def surface_on(
    axes: Axes, surfaces: Surfaces, quantity: Quantity, *, legend: bool, heading: bool = False
) -> None:
    """Draw the heat map of a quantity on axes, with a legend below them or without.

    With ``heading`` its title stands above the axes, and the unit above the colour bar.
    """
    grid, target = _Grid(*surfaces[:3]), _target(surfaces, quantity)
    factor = 100.0 if quantity.scale == "per cent" else 1.0
    values = grid.values(quantity.column).astype(float) * factor
    norm = _norm(values, quantity.scale)
    cells = np.ma.masked_where(_grey(values, quantity.scale), values)
    axes.set_facecolor(MISSING)
    edges = (np.arange(n + 1) - 0.5 for n in cells.shape[::-1])
    mesh = axes.pcolormesh(*edges, cells, cmap=COLOURS, norm=norm, ec="#ffffff", lw=0.4)
    axes.set(xlim=(-0.5, grid.min_samples.size - 0.5), ylim=(-0.5, grid.eps_km.size - 0.5))
    _ticks(axes, grid)
    for up, across in np.argwhere(grid.values("diagnostics") != ""):
        corner = across - 0.5, up - 0.5
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="/////", lw=0, ec=HATCH))
    _outline_plateaus(axes, grid)
    if min(values.shape) > 1:
        _contours(axes, grid, values, quantity.scale, target)
    else:
        _write_values(axes, values, quantity.scale)
    _mark(axes, grid)
    bar = _colour_bar(axes, mesh, quantity.scale)
    if heading:
        axes.set_title(quantity.title, loc="left", size=LABEL_PT, color=INK)
        bar.set_title(UNITS[quantity.scale], loc="left", size=SMALL_PT, color=INK)
    if legend:
        place: Any = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0), "borderaxespad": 5.0}
        axes.legend(handles=_handles(surfaces, quantity), handletextpad=0.5, **place)


def _target(surfaces: Surfaces, quantity: Quantity) -> int | None:
    return surfaces.target_clusters if quantity.column == "n_clusters" else None


def _colour_bar(axes: Axes, mesh: Any, scale: str) -> Axes:
    figure: Any = axes.figure
    bar = figure.colorbar(mesh, cax=axes.inset_axes((1.025, 0.0, 0.03, 1.0)))
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(labelsize=SMALL_PT, width=0.4, length=2, colors=INK)
    if scale == "count":
        bar.ax.yaxis.set_major_locator(FixedLocator(COUNTS))
        bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    found: Axes = bar.ax
    return found


class _Grid:
    """The table as a grid: rows of equal eps_km, ascending, and columns of equal min_samples."""

    def __init__(self, table: pd.DataFrame, baseline: Pair, suggestions: Sequence[Pair]) -> None:
        self.table = table
        self.eps_km = np.unique(table["eps_km"].to_numpy(float))
        self.min_samples = np.unique(table["min_samples"].to_numpy(float))
        self.baseline, self.suggestions = baseline, list(dict.fromkeys(suggestions))

    def values(self, column: str) -> NDArray[np.object_]:
        row = np.searchsorted(self.eps_km, self.table["eps_km"])
        place = np.searchsorted(self.min_samples, self.table["min_samples"])
        values = np.empty((self.eps_km.size, self.min_samples.size), dtype=object)
        values[row, place] = self.table[column].to_numpy(object)
        return values

    def place(self, pair: Pair) -> tuple[float, float]:
        """Return x and y of the middle of the cell of a pair (eps_km, min_samples)."""
        across = int(np.searchsorted(self.min_samples, pair[1]))
        return float(across), float(np.searchsorted(self.eps_km, pair[0]))


def _grey(values: Floats, scale: str) -> NDArray[np.bool_]:
    """Return the cells without a colour: those without a value, or without a cluster."""
    return ~np.isfinite(values) | ((values <= 0) & (scale == "count"))


def _norm(values: Floats, scale: str) -> Normalize:
    """Return the colour scale from the least to the greatest value, with a minimum range."""
    known = values[np.isfinite(values) & ((values > 0) | (scale != "count"))]
    low, high = (float(known.min()), float(known.max())) if known.size else (1.0, 1.0)
    if scale == "count":
        return LogNorm(low, max(high, 1.2 * low))
    if scale == "agreement":
        return Normalize(min(np.floor(10 * low) / 10, 0.9), 1.0)
    return Normalize(np.floor(low), max(np.ceil(high), np.floor(low) + 1))


def _levels(values: Floats, scale: str) -> list[float]:
    """Return at most seven round values between the least and the greatest value."""
    known = values[np.isfinite(values)]
    low, high = float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))
    if not low < high or (scale == "per cent" and high - low < 1):
        return []
    if scale == "per cent":
        levels = list(MaxNLocator(MOST_LEVELS, integer=True).tick_values(low, high))
    else:
        levels = COUNTS if scale == "count" else AGREEMENTS
    inside = [level for level in levels if low < level < high]
    while len(inside) > MOST_LEVELS:
        inside = inside[1::2]
    return inside


def _contours(axes: Axes, grid: _Grid, values: Floats, scale: str, target: int | None) -> None:
    shown = np.ma.masked_invalid(values)
    taken = [grid.place(pair) for pair in (grid.baseline, *grid.suggestions)]
    if target is not None and shown.min() < target < shown.max():
        bold = axes.contour(shown, levels=[target], colors=INK, linewidths=1.6)
        _label_contours(axes, bold, taken, weight="bold", size=LABEL_PT)
    levels = [level for level in _levels(values, scale) if level != target]
    if levels:
        lines = axes.contour(shown, levels=levels, colors=INK, linewidths=0.6)
        _label_contours(axes, lines, taken, size=SMALL_PT)


def _label_contours(
    axes: Axes, lines: QuadContourSet, taken: list[tuple[float, float]], **style: Any
) -> None:
    """Write each contour level once, upright, as far as possible from all marks and labels.

    A label too near to a mark, another label or the frame is left out. ``taken`` has the places
    of marks and labels, in cells.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    cell_in = np.array(size_in_inches(axes)) / (right - left, top - bottom)
    for level, segments in zip(lines.levels, lines.allsegs, strict=True):
        points = np.concatenate([_along(each) for each in segments] or [np.empty((0, 2))])
        if not len(points):
            continue
        inches = points * cell_in
        frame = np.array([[left, bottom], [right, top]]) * cell_in
        border = np.minimum(inches - frame[0], frame[1] - inches) / LABEL_HALF_IN
        others = np.array(taken) * cell_in
        apart = (np.abs(inches[:, None] - others) / LABEL_HALF_IN).max(axis=2).min(axis=1)
        free = np.minimum(apart, 2 * border.min(axis=1))
        best = int(np.argmax(free.round(6)))
        if free[best] < 1:
            continue
        x, y = points[best]
        taken.append((float(x), float(y)))
        axes.text(x, y, f"{level:g}", ha="center", va="center", zorder=4, bbox=PAPER, **style)


def _along(segment: Floats) -> Floats:
    """Return points along a line, a tenth of a cell apart; none if it is too short to label."""
    steps = np.hypot(*np.diff(segment, axis=0).T)
    length = np.concatenate(([0.0], np.cumsum(steps)))
    if length[-1] < SHORTEST:
        return np.empty((0, 2))
    at = np.arange(0.0, length[-1] + 1e-9, 0.1)
    return np.column_stack([np.interp(at, length, segment[:, axis]) for axis in (0, 1)])


def _write_values(axes: Axes, values: Floats, scale: str) -> None:
    form = "{:.0f}" if scale == "count" else "{:.3g}"
    for (up, across), value in np.ndenumerate(values):
        text = form.format(value) if np.isfinite(value) else "–"
        axes.text(across, up, text, size=SMALL_PT, ha="center", va="center")


def _ticks(axes: Axes, grid: _Grid) -> None:
    for axis, known, name in (
        (axes.xaxis, grid.min_samples, "min_samples"),
        (axes.yaxis, grid.eps_km, "eps, km"),
    ):
        step = -(-known.size // MOST_TICKS)
        at = np.arange(0, known.size, step)
        axis.set_ticks(at, [f"{known[i]:.6g}" for i in at])
        axis.set_label_text(name, size=LABEL_PT, color=INK)
    axes.tick_params(labelsize=SMALL_PT, width=0.4, length=2, colors=INK)
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)


def _outline_plateaus(axes: Axes, grid: _Grid) -> None:
    """Draw the edges between cells of different plateaus."""
    names = np.pad(grid.values("plateau"), 1, constant_values="")
    for up, across in np.ndindex(names.shape):
        for to_up, to_across in ((1, 0), (0, 1)):
            other = (up + to_up, across + to_across)
            there = other[0] < names.shape[0] and other[1] < names.shape[1]
            if there and names[up, across] != names[other]:
                x, y = across - 0.5, up - 0.5
                ends = ((x - 1, x), (y, y)) if to_up else ((x, x), (y - 1, y))
                axes.plot(*ends, color=PLATEAU, lw=1.3, solid_capstyle="round", zorder=3)


def _mark(axes: Axes, grid: _Grid) -> None:
    halo = [patheffects.withStroke(linewidth=2.4, foreground="#ffffff")]
    x, y = grid.place(grid.baseline)
    axes.plot(x, y, "s", ms=11, mfc="none", mec=INK, mew=1.2, path_effects=halo)
    for number, pair in enumerate(grid.suggestions, start=1):
        x, y = grid.place(pair)
        axes.plot(x, y, "o", ms=7, mfc="#ffffff", mec=INK, mew=0.8, zorder=5)
        axes.text(x, y, str(number), size=SMALL_PT - 1, ha="center", va="center_baseline", zorder=6)


def _handles(surfaces: Surfaces, quantity: Quantity) -> list[Line2D | Patch]:
    """Return the keys of a legend, of what the heat map of a quantity shows."""
    grid, target = _Grid(*surfaces[:3]), _target(surfaces, quantity)

    def marker(shape: str, size: float, label: str) -> Line2D:
        return Line2D([], [], ls="", marker=shape, ms=size, mfc="none", mec=INK, label=label)

    def named(pair: Pair) -> str:
        return f"{pair[0]:.6g} km, {pair[1]:.6g}"

    handles: list[Line2D | Patch] = [marker("s", 6, f"baseline: {named(grid.baseline)}")]
    for number, pair in enumerate(grid.suggestions, start=1):
        handles.append(marker("o", 5.5, f"suggestion {number}: {named(pair)}"))
    if (grid.values("plateau") != "").any():
        handles.append(Line2D([], [], color=PLATEAU, lw=1.3, label="edge of a plateau"))
    if target is not None:
        handles.append(Line2D([], [], color=INK, lw=1.6, label=counted(target, "cluster")))
    if (grid.values("diagnostics") != "").any():
        handles.append(Patch(fill=False, hatch="//////", ec=HATCH, lw=0.4, label="diagnostics"))
    if _grey(grid.values(quantity.column).astype(float), quantity.scale).any():
        grey = "no cluster" if quantity.scale == "count" else "no value"
        handles.append(Patch(fc=MISSING, ec=HATCH, lw=0.4, label=grey))
    return handles
