"""The layers of a map from bottom to top: land, noise, clusters, names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection, PathCollection
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray
from shapely import GeometryType

from gclust.report.labels import NOTHING, Label, nowhere_foreign, place_labels
from gclust.report.projection import Frame
from gclust.report.symbols import BORDER, INK, LAND, OCEAN, fill
from gclust.report.territories import Territories

Floats = NDArray[np.float64]

NAME_PT = 6.4
HALO_PT, HALO_ALPHA = 1.6, 0.85
NAME_GAP_PT = 1.6
DOT_PT = 1.0
"""Diameter, in points, of the end of a leader in the middle of its circle."""
EDGE_PT = 0.6
RING_PT = 1.5
SIMPLIFY_PIXELS = 0.4
FOOTPRINT_PIXELS = 0.02
"""Details of land and of footprints, in pixels at 300 dpi, that are not drawn. An inset, and a PDF
on a screen, show footprints many times larger."""
METRES_PER_DEGREE = 111_320.0
GRID_CELLS = 60_000_000
SPARSE = 64
"""Cells a location from which locations are sorted rather than marked on a grid of all cells."""


def draw_land(
    axes: Axes,
    frame: Frame,
    land: NDArray[np.object_],
    lakes: NDArray[np.object_],
    metres_per_pixel: float,
) -> NDArray[np.object_]:
    """Draw sea, countries with their borders, and lakes (in degrees); return countries drawn.

    The countries are returned as they are drawn, in metres of the plane.
    """
    sea = [outline_of([frame.outline])]
    axes.add_collection(PathCollection(sea, facecolor=OCEAN, edgecolor="none", zorder=0))
    plane, water = (_drawn(frame, each, metres_per_pixel) for each in (land, lakes))
    # All countries are one path: their borders are its edges.
    for shapes, colour, edge, zorder in (
        (plane, LAND, BORDER, 1),
        (water, OCEAN, "none", 2),
    ):
        style: Any = {"fc": colour, "ec": edge, "lw": 0.45, "joinstyle": "round"}
        patch = PathPatch(outline_of(shapes), zorder=zorder, **style)
        axes.add_artist(patch)
    axes.add_collection(
        PathCollection(sea, facecolor="none", edgecolor="#b9bec4", linewidth=0.6, zorder=7)
    )
    return plane


def _drawn(
    frame: Frame, shapes: NDArray[np.object_], metres_per_pixel: float
) -> NDArray[np.object_]:
    """Return the shapes within the frame, in its plane and no finer than its pixels."""
    plane = frame.shapes(shapes)
    return simplified(plane[~shapely.is_empty(plane)], SIMPLIFY_PIXELS * metres_per_pixel)


def simplified(shapes: NDArray[np.object_], tolerance: float) -> NDArray[np.object_]:
    """Return polygons without the points that are nearer than ``tolerance`` to what remains.

    Most polygons are the same valid ones whether their lines are watched or not, which takes
    five times as long; those that are not are simplified again so that they stay valid.
    """
    parts, owner = shapely.get_parts(shapes, return_index=True)
    polygons = shapely.get_type_id(parts) == GeometryType.POLYGON
    parts, owner = parts[polygons], owner[polygons]
    found = shapely.simplify(parts, tolerance, preserve_topology=False)
    whole = (shapely.get_type_id(found) == GeometryType.POLYGON) & ~shapely.is_empty(found)
    same = shapely.get_num_interior_rings(found) == shapely.get_num_interior_rings(parts)
    watched = ~(whole & same & shapely.is_valid(found))
    found[watched] = shapely.simplify(parts[watched], tolerance)
    return np.asarray(shapely.multipolygons(found, indices=owner))


def coarser(shapes: NDArray[np.object_], metres: float) -> NDArray[np.object_]:
    """Return polygons in degrees without details of less than some metres; see `simplified`.

    Those at 180 degrees stay as they are: their other half has to fit them.
    """
    found = np.array(shapes, dtype=object)
    free = ~(np.abs(shapely.bounds(found)[:, [0, 2]]) >= 180.0).any(axis=1)
    found[free] = simplified(found[free], metres / METRES_PER_DEGREE)
    return found


def outline_of(geometries: Sequence[shapely.Geometry] | NDArray[np.object_]) -> Outline:
    """Return the rings of all polygons, holes included, as one path."""
    edges = shapely.get_rings(shapely.get_parts(geometries))
    at, edge = shapely.get_coordinates(edges, return_index=True)
    codes = np.full(len(at), Outline.LINETO, dtype=Outline.code_type)
    starts = np.flatnonzero(np.diff(edge, prepend=-1))
    codes[starts] = Outline.MOVETO
    codes[np.append(starts[1:], len(at))[: len(starts)] - 1] = Outline.CLOSEPOLY
    return Outline(at, codes)


def noise_dots(
    locations: pd.DataFrame, frame: Frame, cell: float, least: float
) -> tuple[Floats, Floats]:
    """Return x and y (metres) of one dot in the middle of each map cell with noise locations.

    Locations (``lat, lon`` in degrees, ``label``, ``weight``) are first put on a grid of degrees
    finer than ``cell``, the side of a cell in metres of the plane, so that not all of ten million
    locations are projected. Those of less than ``least`` weight are left out. The dots do not
    depend on the order of the rows.
    """
    west, south, east, north = frame.degrees
    noise = (locations["label"].to_numpy() < 0) & (locations["weight"].to_numpy() >= least)
    lat = locations["lat"].to_numpy(float)[noise]
    lon = frame.centred(locations["lon"].to_numpy(float)[noise])
    seen = (lat >= south) & (lat <= north) & (lon >= west) & (lon <= east)
    lat, lon = lat[seen], lon[seen]
    step = max(
        cell / METRES_PER_DEGREE / 2.0, np.sqrt((east - west) * (north - south) / GRID_CELLS)
    )
    shape = (int((north - south) / step) + 1, int((east - west) / step) + 1)
    row, column = ((lat - south) / step).astype(np.int64), ((lon - west) / step).astype(np.int64)
    if len(row) * SPARSE > shape[0] * shape[1]:
        grid = np.zeros(shape, dtype=bool)
        grid[row, column] = True
        row, column = np.nonzero(grid)
    else:
        row, column = np.divmod(np.unique(row * shape[1] + column), shape[1])
    x, y = frame.project(south + (row + 0.5) * step, west + (column + 0.5) * step)
    x_min, y_min, x_max, y_max = frame.bounds
    inside = (x >= x_min) & (x <= x_max) & (y >= y_min) & (y <= y_max)
    n_rows = int((y_max - y_min) // cell) + 1
    column = ((x[inside] - x_min) // cell).astype(np.int64)
    row = ((y[inside] - y_min) // cell).astype(np.int64)
    column, row = np.divmod(np.unique(column * n_rows + row), n_rows)
    return x_min + (column + 0.5) * cell, y_min + (row + 0.5) * cell


def draw_clusters(
    axes: Axes,
    plane: NDArray[np.object_],
    centres: Floats,
    radii_pt: Floats,
    colours: NDArray[np.object_],
) -> None:
    """Draw the circles of clusters, the largest first, and the footprints above them.

    A white ring around each circle separates it from those below, in grey print too.
    """
    order = np.argsort(-radii_pt, kind="stable")
    doubled = np.repeat(order, 2)
    axes.add_collection(
        EllipseCollection(
            2 * radii_pt[doubled],
            2 * radii_pt[doubled],
            np.zeros(2 * len(order)),
            units="points",
            offsets=centres[doubled],
            offset_transform=axes.transData,
            facecolors=[face for c in colours[order] for face in (("white", 0.0), fill(c))],
            edgecolors=[edge for c in colours[order] for edge in (("white", 1.0), (c, 1.0))],
            linewidths=[RING_PT, EDGE_PT] * len(order),
            zorder=4,
        )
    )
    # Neighbours of one colour are one path: footprints are opaque. Two that overlap would be a
    # hole if their rings did not turn the same way.
    plane, colours = shapely.normalize(plane[order]), colours[order]
    starts = np.flatnonzero(np.append(True, colours[1:] != colours[:-1])[: len(colours)])
    axes.add_collection(
        PathCollection(
            [outline_of(each) for each in np.split(plane, starts[1:])],
            facecolors=colours[starts].tolist(),
            edgecolor="none",
            zorder=5,
        )
    )


def draw_names(
    axes: Axes,
    outline: shapely.Polygon,
    texts: list[str],
    symbols_px: Floats,
    *,
    taken_px: Floats = NOTHING,
    territories: Territories | None = None,
) -> list[Label | None]:
    """Write names next to their circles; all lengths are in pixels of the figure.

    The axes are of a figure with an Agg canvas, which measures the texts: the names of the first
    circles, the most important first. ``outline`` is the frame of the map in metres of the plane;
    ``symbols_px`` (m, 4) has x, y and radius of all circles, and the cost of covering each. No
    name meets the boxes ``taken_px``; it lies over a foreign one of the ``territories`` only where
    there is no better place.
    """
    figure: Any = axes.figure
    to_plane = axes.transData.inverted().transform

    def foreign(i: int, boxes: Floats) -> Floats:
        if territories is None or not len(boxes):
            return nowhere_foreign(i, boxes)
        own = territories.near(to_plane(symbols_px[i, :2]))
        corners = np.hstack([to_plane(boxes[:, :2]), to_plane(boxes[:, 2:])])
        return territories.foreign_share(corners, own)

    pixel = figure.dpi / 72.0
    artists = [
        axes.text(0, 0, text, transform=axes.transAxes, size=NAME_PT, va="baseline", zorder=9)
        for text in texts
    ]
    extents = [artist.get_window_extent() for artist in artists]
    window = axes.get_window_extent()
    labels = place_labels(
        symbols_px,
        np.array([(e.width, e.height) for e in extents]).reshape(-1, 2),
        shapely.transform(outline, axes.transData.transform),
        gap=NAME_GAP_PT * pixel,
        taken=taken_px,
        foreign=foreign,
    )
    leaders, halos = [], []
    for artist, extent, label in zip(artists, extents, labels, strict=True):
        if label is None:
            artist.remove()
            continue
        # The ink of a text does not start at its position: subtract the offset.
        left, bottom = extent.x0 - window.x0, extent.y0 - window.y0
        where = np.array([label.box[0] - left, label.box[1] - bottom])
        x, y = axes.transAxes.inverted().transform(where)
        artist.set_position((x, y))
        halos.append(_letters(artist, where, pixel))
        if label.leader:
            ends = np.array(label.leader).reshape(2, 2)
            leaders.append(axes.transAxes.inverted().transform(ends))
    if halos:
        # The halos are outlines, in a PDF too; the names above them stay text.
        outlines = Outline.make_compound_path(*halos)
        outlines = axes.transAxes.inverted().transform_path(outlines)
        style: Any = {"fc": "black", "ec": "white", "lw": HALO_PT, "alpha": HALO_ALPHA}
        style |= {"joinstyle": "round", "transform": axes.transAxes, "clip_on": False}
        axes.add_artist(PathPatch(outlines, zorder=8, **style))
    inks = (("white", 1.3, 6), (INK, 0.45, 8))
    for colour, width, zorder in inks:
        layer: Any = {"transform": axes.transAxes, "zorder": zorder}
        lines = LineCollection(leaders, colors=colour, linewidths=width, capstyle="butt", **layer)
        axes.add_collection(lines, autolim=False)
        ends = np.array([leader[0] for leader in leaders]).reshape(-1, 2)
        axes.plot(*ends.T, "o", ms=DOT_PT + width, mew=0, color=colour, **layer)
    return labels


def _letters(artist: Text, baseline_px: Floats, pixel: float) -> Outline:
    """Return the outline of a text whose baseline starts at a point, in pixels of the axes.

    A point of type has ``pixel`` pixels.
    """
    at, codes = text_to_path.get_text_path(artist.get_fontproperties(), artist.get_text())
    scale = NAME_PT * pixel / text_to_path.FONT_SCALE
    return Outline(np.asarray(at).reshape(-1, 2) * scale + baseline_px, codes)
