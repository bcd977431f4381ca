"""A small map of a ranking as SVG, for notebooks: land, and a circle for each cluster."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gclust.html import dot, svg, text
from gclust.places import basemap
from gclust.plurals import counted
from gclust.report.projection import Frame, frame_of_points, world_frame
from gclust.report.scene import Scene, scene_of
from gclust.report.symbols import INK, LAND, OCEAN, OTHER

WIDTH, TALLEST = 420.0, 300.0
RADIUS = 0.9
"""Radius of circles, as a share of that of the printed map in points."""
MOST_NAMED = 6
"""Most clusters of a map on which names are written."""
DETAIL = 0.7
"""Largest deviation of a coast that is drawn, in pixels."""
NO_LOCATIONS = pd.DataFrame({"lat": [], "lon": [], "label": [], "weight": []})


def small_map(clusters: gpd.GeoDataFrame, top: int) -> str:
    """Return the clusters of a ranking on land as SVG; see `gclust.report.map.draw_map`."""
    nothing = np.empty(0, dtype=object)
    scene = scene_of(
        clusters, top, locations=NO_LOCATIONS, land=nothing, lakes=nothing, noise_weight=0.0
    )
    table = scene.shown
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    frame = frame_of_points(lat, lon) if len(table) else world_frame()
    x_min, y_min, x_max, y_max = frame.bounds
    scale = min(WIDTH / (x_max - x_min), TALLEST / (y_max - y_min))
    width, height = (x_max - x_min) * scale, (y_max - y_min) * scale

    def to_pixels(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([(plane[:, 0] - x_min) * scale, (y_max - plane[:, 1]) * scale])

    land, lakes = (
        shapely.transform(_shapes(frame, each, DETAIL / scale), to_pixels)
        for each in (basemap.countries().geometry.to_numpy(), basemap.lakes().to_numpy())
    )
    sea = shapely.transform(np.array([frame.outline], dtype=object), to_pixels)
    parts = [
        _path(sea, OCEAN, "#b9bec4"),
        _path(land, LAND, "#ffffff"),
        _path(lakes, OCEAN, "none"),
    ]
    x, y = frame.project(lat, lon)
    at = to_pixels(np.column_stack([x, y]))
    parts += [_circle(scene, row, *at[row]) for row in np.argsort(-scene.radii_pt, kind="stable")]
    if len(table) <= MOST_NAMED:
        parts += [
            _name(str(name), x, y, width)
            for name, (x, y) in zip(table["name"], at.tolist(), strict=True)
        ]
    return svg(width, height, "".join(parts), f"Map of {counted(len(table), 'cluster')}")


def _shapes(frame: Frame, shapes: NDArray[np.object_], metres: float) -> NDArray[np.object_]:
    """Return shapes in the plane, no finer than a number of metres."""
    rough = shapely.simplify(shapes, metres / 111_320.0 / 2)
    plane = shapely.simplify(frame.shapes(rough), metres)
    return np.asarray(plane[shapely.area(plane) > metres**2])


def _path(shapes: NDArray[np.object_], colour: str, edge: str) -> str:
    """Return the polygons of some shapes as one path."""
    boundaries = []
    for polygon in shapely.get_parts(shapes):
        if isinstance(polygon, shapely.Polygon):
            for ring in (polygon.exterior, *polygon.interiors):
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ring.coords[:-1])
                boundaries.append(f"M{points}Z")
    return f"<path d='{''.join(boundaries)}' fill='{colour}' stroke='{edge}' stroke-width='0.4'/>"


def _circle(scene: Scene, row: int, x: float, y: float) -> str:
    colour = str(scene.colours[row])
    name = scene.text(row) if scene.ranked[row] else str(scene.shown["name"].iloc[row])
    radius = RADIUS * float(scene.radii_pt[row])
    return dot(x, y, radius, colour, 0.0 if colour == OTHER else 0.5, name)


def _name(name: str, x: float, y: float, width: float) -> str:
    """Return a name next to its circle, on the side that has more room."""
    right = x < width / 2
    at = f"x='{x + (9 if right else -9):.1f}' y='{y + 4:.1f}'"
    style = f"font-size='11' font-family='sans-serif' fill='{INK}'"
    return f"<text {at} {style} text-anchor='{'start' if right else 'end'}'>{text(name)}</text>"
