"""The inset of a world map: a region where clusters lie too close together to be named."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from gclust.report.labels import Label
from gclust.report.projection import Frame, Region, frame_of_points, region_degrees
from gclust.report.scene import Scene, SceneOnAxes

Floats = NDArray[np.float64]

LEAST_CLUSTERS = 4
"""Ranked clusters that a region must have for an inset."""
MOST_NAMES = 12
"""Clusters that are named in an inset even if they are not among the first of the map."""
WIDTH, MOST_HEIGHT = 0.3, 0.52
"""Width, and largest height, of the inset as shares of the map's."""
EDGE = 0.004
RIM = 0.02
"""Clusters nearer than this share of its width to the edge of an inset are not in it."""
STEPS = 61
CLUSTER_COST = 40.0
"""Noise dots that one covered cluster counts as; those with a rank count as ten of these."""
LAND_COST = 2.0
"""Noise dots that one covered cell of land counts as."""
LINE: Any = {"fill": False, "ec": "#5c6166", "lw": 0.6}


def inset_frame(scene: Scene, region: Region) -> Frame | None:
    """Return the frame of the clusters in a region, None if too few of them have a rank."""
    west, south, east, north = region_degrees(region)
    table = scene.shown
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    shifted = west + (lon - west) % 360.0
    inside = scene.ranked & (lat >= south) & (lat <= north) & (shifted <= east)
    if inside.sum() < LEAST_CLUSTERS:
        return None
    return frame_of_points(lat[inside], lon[inside])


def draw_inset(drawn: SceneOnAxes, frame: Frame, names: int) -> InsetOnMap:
    """Draw an inset where it covers least of the map, and a box around its region."""
    x_min, y_min, x_max, y_max = frame.bounds
    axes = drawn.axes
    box = axes.get_window_extent()
    height = min(MOST_HEIGHT, WIDTH * (y_max - y_min) / (x_max - x_min) * box.width / box.height)
    width = height * (x_max - x_min) / (y_max - y_min) * box.height / box.width
    left, bottom = _free_corner(drawn, width, height)
    small = axes.inset_axes((left, bottom, width, height), zorder=20)
    scene = SceneOnAxes(small, frame, drawn.scene, drawn.fine)
    within = _holds(frame, drawn.scene)
    inside = [row for row in scene.named_rows(len(within)) if within[row]]
    named = [row for i, row in enumerate(inside) if row < names or i < MOST_NAMES]
    labels = scene.draw_names(named)
    small.add_patch(Rectangle((0, 0), 1, 1, transform=small.transAxes, zorder=30, **LINE))
    _outline_region(drawn, frame)
    corners = axes.transAxes.transform([[left, bottom], [left + width, bottom + height]])
    return InsetOnMap(small, frame, tuple(labels), corners.reshape(1, 4), within)


@dataclass(frozen=True)
class InsetOnMap:
    """An inset of a map."""

    axes: Axes
    frame: Frame
    labels: tuple[tuple[str, Label | None], ...]  # names and positions, in pixels of the figure
    box_px: Floats  # shape (1, 4), left, bottom, right and top in pixels of the figure
    holds: NDArray[np.bool_]  # whether each cluster of the scene lies in the inset, off its edge


def _holds(frame: Frame, scene: Scene) -> NDArray[np.bool_]:
    """Return whether each cluster of a scene lies within a frame and not at its edge."""
    x, y = frame.project(scene.shown["lat"].to_numpy(), scene.shown["lon"].to_numpy())
    x_min, y_min, x_max, y_max = frame.bounds
    edge = RIM * (x_max - x_min)
    return (x > x_min + edge) & (x < x_max - edge) & (y > y_min + edge) & (y < y_max - edge)


def _outline_region(drawn: SceneOnAxes, frame: Frame) -> None:
    """Draw the edge of the inset's region on the map."""
    edge = shapely.get_coordinates(shapely.segmentize(frame.outline, 50e3))
    lon, lat = frame.degrees_of(edge)
    drawn.axes.plot(*drawn.frame.project(lat, lon), color=LINE["ec"], lw=LINE["lw"], zorder=7)


def _free_corner(drawn: SceneOnAxes, width: float, height: float) -> tuple[float, float]:
    """Return left and bottom, as shares of the map, of the box that covers least."""
    to_share = drawn.axes.transData + drawn.axes.transAxes.inverted()
    rows, columns = drawn.territories.country.shape
    row, column = np.nonzero(drawn.territories.country)
    land = np.column_stack([column / columns, row / rows])
    centres = to_share.transform(drawn.centres).reshape(-1, 2)
    cost = CLUSTER_COST * np.where(drawn.scene.ranked[drawn.rows], 10.0, 1.0)
    points = np.concatenate([centres, to_share.transform(np.column_stack(drawn.dots)), land])
    costs = np.concatenate([cost, np.ones(len(drawn.dots[0])), np.full(len(land), LAND_COST)])
    bins = 200
    grid, _, _ = np.histogram2d(
        points[:, 0], points[:, 1], bins=bins, range=[[0, 1], [0, 1]], weights=costs
    )
    sums = np.pad(grid.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    best: tuple[float, float, float] | None = None
    lefts = np.linspace(EDGE, 1.0 - width - EDGE, STEPS)
    bottoms = np.linspace(EDGE, 1.0 - height - EDGE, STEPS)
    for bottom, left in product(bottoms.tolist(), lefts.tolist()):
        i, j = int(left * bins), int(bottom * bins)
        k, n = int(np.ceil((left + width) * bins)), int(np.ceil((bottom + height) * bins))
        total = float(sums[k, n] - sums[i, n] - sums[k, j] + sums[i, j])
        if best is None or total < best[0] - 1e-6:
            best = (total, left, bottom)
    assert best is not None
    return best[1], best[2]
