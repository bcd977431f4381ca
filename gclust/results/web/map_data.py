"""Data of the report's map: land, footprints and locations in the Mercator plane."""

from __future__ import annotations

import base64
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from gclust.places import basemap
from gclust.report.symbols import rank_classes

Floats = NDArray[np.float64]

STEPS = 1000
"""Steps of a degree to which corners are rounded."""
COAST = 0.01
"""Largest deviation of a coast in degrees."""
LEAST_DETAIL = 0.001
"""Least deviation of a footprint's outline in degrees."""
MOST_CORNERS = 120_000
"""Corners of all footprints: of more, fewer are kept."""
MOST_LOCATIONS = 100_000
"""Locations that are drawn: of more, the heaviest."""
LARGEST, LEAST = 22.0, 5.0
"""Diameters of dots in pixels."""


def mercator(lat: ArrayLike) -> Floats:
    """Return the y coordinates of latitudes in the spherical Mercator projection, in degrees.

    Snyder (1987), Map Projections, equation 7-2; eastings are longitudes.
    """
    clipped = np.clip(np.asarray(lat, dtype=np.float64), -85.0, 85.0)
    return np.degrees(np.arcsinh(np.tan(np.radians(clipped))))


def land() -> dict[str, Any]:
    """Return the outlines of countries and of lakes."""
    countries = shapely.simplify(basemap.countries().geometry.to_numpy(), COAST)
    lakes = shapely.simplify(basemap.lakes().to_numpy(), COAST)
    return {"land": paths(countries), "lakes": paths(lakes)}


def footprints(clusters: gpd.GeoDataFrame) -> list[Any]:
    """Return the footprints of clusters, with as much detail as `MOST_CORNERS` allows."""
    shapes = clusters.geometry.to_numpy()
    detail = LEAST_DETAIL
    rough = shapely.simplify(shapes, detail)
    while shapely.get_num_coordinates(rough).sum() > MOST_CORNERS:
        detail *= 2
        rough = shapely.simplify(shapes, detail)
    return paths(rough)


def paths(shapes: NDArray[np.object_]) -> list[Any]:
    """Return polygons as lists of whole numbers: shapes, polygons, rings of x, y and steps.

    A ring has its first corner, then the steps to each next one, in thousandths of a degree of the
    plane.
    """
    return [
        [
            [_ring(ring) for ring in (part.exterior, *part.interiors)]
            for part in shapely.get_parts(shape)
            if isinstance(part, shapely.Polygon) and not part.is_empty
        ]
        for shape in shapes
    ]


def _ring(ring: Any) -> list[int]:
    corners = np.asarray(ring.coords)[:-1]
    plane = np.column_stack([corners[:, 0], mercator(corners[:, 1])])
    steps = np.rint(plane * STEPS).astype(np.int64)
    moved = np.diff(steps, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    moved = moved[np.concatenate([[True], np.any(moved[1:] != 0, axis=1)])]
    return [int(each) for each in moved.ravel()]


def locations(table: pd.DataFrame) -> dict[str, Any]:
    """Return the heaviest locations, those of clusters and noise, as numbers in base 64."""
    lat, lon, weight = (table[name].to_numpy(dtype=float) for name in ("lat", "lon", "weight"))
    order = np.lexsort((lon, lat, -weight))[:MOST_LOCATIONS]
    order = order[np.lexsort((lon[order], lat[order]))]
    noise = table["cluster_id"].to_numpy()[order] < 0
    x, y = lon[order], mercator(lat[order])
    return {
        "all": len(table),
        "shown": len(order),
        "noise": _numbers(x[noise], y[noise]),
        "clustered": _numbers(x[~noise], y[~noise]),
    }


def _numbers(x: Floats, y: Floats) -> dict[str, str]:
    return {
        name: base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
        for name, values in (("x", x), ("y", y))
    }


def dots(clusters: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return the place, size, class of rank and bounds of each cluster, in the ranking's order."""
    value = clusters["score"].astype(float)
    if not (value.fillna(0.0) >= 0).all():
        value = clusters["total"].astype(float)
    share = np.sqrt(np.nan_to_num(value.to_numpy()) / max(float(value.max()), 1e-300))
    ranks = pd.to_numeric(clusters["rank"]).astype(float).to_numpy()
    classes = rank_classes(int(np.nanmax(ranks, initial=0.0)))
    of_rank = [
        next((i for i, each in enumerate(classes) if each.first <= rank <= each.last), -1)
        for rank in ranks
    ]
    x, y = clusters["lon"].to_numpy(dtype=float), mercator(clusters["lat"])
    bounds = shapely.bounds(clusters.geometry.to_numpy())
    crossing = bounds[:, 2] - bounds[:, 0] > 180.0
    bounds[crossing] = 0.0
    wide = np.where(crossing, 1.0, np.maximum(x - bounds[:, 0], bounds[:, 2] - x))
    return {
        "x": np.round(x, 5).tolist(),
        "y": np.round(y, 5).tolist(),
        "size": np.round(np.maximum(LARGEST * share, LEAST), 1).tolist(),
        "class": of_rank,
        "half": np.round(np.maximum(np.nan_to_num(wide, nan=0.2), 0.05), 4).tolist(),
        "classes": [each.name for each in classes],
    }
