"""Data of the tuner's map: countries, clusters, and the names that fit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from gclust.experiments.tune.outcome import Outcome
from gclust.places.basemap import countries

WORLD_X, WORLD_Y = (-180.0, 180.0), (-62.0, 105.0)
"""First view of the map in units of `mercator`: from 52 degrees south to 73 north."""
NAME_PIXELS_PER_LETTER, NAME_PIXELS_HIGH = 6.4, 15.0
DOT_PIXELS = 12.0
MOST_NAMES = 60
Floats = NDArray[np.float64]


def mercator(lat: ArrayLike) -> Floats:
    """Return the y coordinates of latitudes in the spherical Mercator projection, in degrees.

    Snyder (1987), Map Projections, equation 7-2; eastings are longitudes.
    """
    clipped = np.clip(np.asarray(lat, dtype=np.float64), -85.0, 85.0)
    return np.degrees(np.arcsinh(np.tan(np.radians(clipped))))


@lru_cache(maxsize=1)
def land() -> dict[str, list[Any]]:
    """Return the outlines of countries as ``xs, ys`` of Bokeh's ``multi_polygons``."""
    return polygon_paths(countries().geometry.to_numpy())


def polygon_paths(shapes: Sequence[Any] | NDArray[np.object_]) -> dict[str, list[Any]]:
    """Project polygons in degrees, and return ``xs, ys`` of Bokeh's ``multi_polygons``."""
    xs: list[Any] = []
    ys: list[Any] = []
    for shape in shapes:
        polygons = [each for each in shapely.get_parts(shape) if each.geom_type == "Polygon"]
        corners = [
            [np.asarray(ring.coords) for ring in (each.exterior, *each.interiors)]
            for each in polygons
        ]
        xs.append([[np.round(ring[:, 0], 4).tolist() for ring in each] for each in corners])
        ys.append(
            [[np.round(mercator(ring[:, 1]), 4).tolist() for ring in each] for each in corners]
        )
    return {"xs": xs, "ys": ys}


def clusters_to_draw(outcome: Outcome) -> pd.DataFrame:
    """Return the data that the map draws for each cluster, in the order of the ranking.

    Columns ``rank, rank_then, name, score, total``, ``x, y`` (a location in its heaviest cell) and
    ``shape``.
    """
    merged, table = outcome.merged, outcome.table
    patches = merged.partition.patches
    cluster = merged.clusters(patches.label)
    heaviest = pd.DataFrame({"cluster_id": cluster, "weight": patches.weight})
    order = heaviest.sort_values(["cluster_id", "weight"], ascending=[True, False], kind="stable")
    at = order.drop_duplicates("cluster_id").index.to_numpy()
    outlines: list[list[Any]] = [[] for _ in range(merged.n_clusters)]
    for outline, of in zip(merged.partition.outlines, merged.cluster_ids, strict=True):
        outlines[of].append(outline)
    shapes = [
        each[0]
        if len(each) == 1
        else shapely.multipolygons(np.concatenate([shapely.get_parts(shape) for shape in each]))
        for each in outlines
    ]
    ids = table["cluster_id"].to_numpy(dtype=np.int64)
    drawn = table[["rank", "rank_then", "name", "score", "total"]].copy()
    drawn["x"], drawn["y"] = patches.lon[at][ids], mercator(patches.lat[at])[ids]
    drawn["shape"] = [shapes[cluster] for cluster in ids]
    return drawn


def names_with_room(
    x: Floats,
    y: Floats,
    names: Sequence[str],
    window: tuple[float, float, float, float],
    pixels: tuple[float, float],
) -> list[int]:
    """Choose names that fit on the map without overlaps, giving earlier names priority.

    Names stand to the right of their dots ``x, y``. ``window`` is the visible part of the plane
    (west, east, south, north), ``pixels`` its width and height. Returns positions in ``names``.
    """
    west, east, south, north = window
    across, up = pixels[0] / (east - west), pixels[1] / (north - south)
    taken = np.zeros((0, 4))
    chosen: list[int] = []
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    for number in np.flatnonzero(inside).tolist():
        left = (x[number] - west) * across + DOT_PIXELS
        low = (y[number] - south) * up - NAME_PIXELS_HIGH / 2
        box = np.array(
            [left, low, left + NAME_PIXELS_PER_LETTER * len(names[number]), low + NAME_PIXELS_HIGH]
        )
        if box[2] > pixels[0] or low < 0 or box[3] > pixels[1]:
            continue
        clear = (box[:2] > taken[:, 2:]) | (box[2:] < taken[:, :2])
        if clear.any(axis=1).all():
            taken = np.vstack([taken, box])
            chosen.append(number)
            if len(chosen) == MOST_NAMES:
                break
    return chosen
