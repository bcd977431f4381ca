"""Draw bands of latitude, their cells, and the two half-widths around a run of points.

    python docs/figures/band.py

Writes band.svg next to this file. The half-widths are those of the kernels.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Circle, Rectangle
from matplotlib.pyplot import subplots

from gclust.kernels.spatial.bands import band_height, bands_within, build_bands, half_widths
from gclust.kernels.spatial.fold import fold_rows
from gclust.kernels.sphere import reach_of
from gclust.parallel import unreported
from gclust.sphere import EARTH_RADIUS_KM

EPS_KM = 15.0
LAT, LON = 48.0, 8.0
KM_NORTH = np.pi * EARTH_RADIUS_KM / 180
KM_EAST = KM_NORTH * np.cos(np.radians(LAT))

INSIDE, CANDIDATE, OUTSIDE, CELL, CHOSEN = "#2a6f97", "#d98a1f", "#b8bec5", "#7d8894", "#c1121f"
LIGHT = {INSIDE: "#cfe3ef", CANDIDATE: "#fdedd3"}


def main() -> None:
    """Draw the figure."""
    mpl.rcParams.update({"font.size": 9, "svg.hashsalt": "band", "svg.fonttype": "none"})
    rng = np.random.default_rng(7)
    east, north = rng.uniform(-25, 25, 600), rng.uniform(-21, 21, 600)
    height = band_height(EPS_KM)
    lat, lon = LAT + north / KM_NORTH, LON + east / KM_EAST
    reach = reach_of(EPS_KM)
    folded = fold_rows(lat, lon, np.zeros(0, dtype=np.int64), height, 1, unreported)
    points = build_bands(folded.lat, folded.lon, (1.0, 0.0), EPS_KM, reach, 1, unreported)
    own = int(np.searchsorted(points.edges[:, 1], LAT))
    cell = chosen_cell(points, own)
    first, last = points.cell_start[cell], points.cell_start[cell + 1]
    west, east_end = points.lon[first], points.lon[last - 1]
    axes = subplots(figsize=(7.4, 5.6))[1]
    kind = np.full(len(points.lon), 2)
    low, _, high = bands_within(points, own, points, reach)
    for j in range(low, high):
        inner, outer = half_widths(points, own, points, j, reach)
        bottom = np.floor(points.edges[j, 0] / height) * height
        for width, end, start, colour in (
            (outer, east_end, west, CANDIDATE),
            (inner, west, east_end, INSIDE),
        ):
            if width >= 0 and end + width > start - width:
                span = (km_east(start - width), km_east(end + width))
                axes.add_patch(
                    Rectangle(
                        (span[0], km_north(bottom)),
                        span[1] - span[0],
                        height * KM_NORTH,
                        facecolor=LIGHT[colour],
                        linewidth=0,
                        zorder=-1,
                    )
                )
        here = slice(points.start[j], points.start[j + 1])
        beyond = np.maximum(west - points.lon[here], points.lon[here] - east_end)
        farthest = np.maximum(points.lon[here] - west, east_end - points.lon[here])
        kind[here] = np.where(farthest < inner, 0, np.where(beyond <= outer, 1, 2))
        if j == own + 2:
            at = km_north(bottom + 0.5 * height)
            ends = (km_east(west + inner), km_east(east_end + outer))
            draw_width(axes, km_east(west), ends[0], at - 0.9, "inner", INSIDE)
            draw_width(axes, km_east(east_end), ends[1], at + 0.9, "outer", CANDIDATE)
    for number, colour in enumerate((INSIDE, CANDIDATE, OUTSIDE)):
        axes.scatter(
            km_east(points.lon[kind == number]),
            km_north(points.lat[kind == number]),
            s=5,
            color=colour,
        )
    draw_cells(axes, points, own, height)
    axes.scatter(km_east(points.lon[first:last]), km_north(points.lat[first:last]), 9, CHOSEN)
    middle = 0.5 * (km_east(west) + km_east(east_end)), km_north(points.lat[first:last].mean())
    axes.add_patch(Circle(middle, EPS_KM, fill=False, color=CHOSEN, linewidth=0.9, linestyle="--"))
    label(axes)
    axes.set(xlim=(-23, 23), ylim=(-19.5, 19.5), xlabel="km east", ylabel="km north")
    axes.set_aspect("equal")
    axes.figure.tight_layout()
    axes.figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


def chosen_cell(points, band):
    """Return the cell of a band nearest to the middle of the figure."""
    cells = np.arange(points.band_cell[band], points.band_cell[band + 1])
    starts = points.cell_start
    middles = 0.5 * (points.lon[starts[cells]] + points.lon[starts[cells + 1] - 1])
    several = np.diff(points.cell_start)[cells] > 2
    return int(cells[several][np.argmin(np.abs(middles[several] - LON))])


def draw_width(axes, start, end, north, name, colour):
    """Draw an arrow as long as a half-width."""
    arrow = {"arrowstyle": "<->", "color": colour, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.1}
    axes.annotate("", (start, north), (end, north), arrowprops=arrow)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
    axes.text(
        0.5 * (start + end), north, f"{name} half-width", color=colour, fontsize=6.5,
        ha="center", va="center", bbox=box,
    )  # fmt: skip


def draw_cells(axes, points, band, height):
    """Draw the edges of the bands, and the cells of one of them."""
    for edge in np.unique(np.floor(points.lat / height)) * height:
        axes.axhline(km_north(edge), color=CELL, linewidth=0.4, zorder=0)
    bottom = np.floor(points.edges[band, 0] / height) * height
    for c in range(points.band_cell[band], points.band_cell[band + 1]):
        first, last = points.cell_start[c], points.cell_start[c + 1] - 1
        start = km_east(points.lon[first]) - 0.12
        axes.add_patch(
            Rectangle(
                (start, km_north(bottom) + 0.1),
                km_east(points.lon[last]) - start + 0.12,
                height * KM_NORTH - 0.2,
                fill=False,
                color=CELL,
                linewidth=0.9,
            )
        )


def label(axes):
    """Say what the colours are."""
    notes = (
        (CHOSEN, "the points of one cell, and the radius around it"),
        (INSIDE, "within the inner half-widths: neighbours of all of them, counted by prefix sums"),
        (CANDIDATE, "candidates: between the half-widths, compared by distance"),
        (OUTSIDE, "beyond the outer half-widths: neighbours of none of them, never visited"),
        (CELL, "the cells of its band; bands are eps/4 high"),
    )
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour, _ in notes]
    axes.legend(
        handles,
        [text for _, text in notes],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.12),
        frameon=False,
        fontsize=8,
        ncols=1,
    )


def km_east(lon):
    """Return kilometres east of the middle."""
    return (lon - LON) * KM_EAST


def km_north(lat):
    """Return kilometres north of the middle."""
    return (lat - LAT) * KM_NORTH


if __name__ == "__main__":
    main()
