"""Polygons that cross the 180th meridian or contain a pole.

Rings (closed lines on the sphere) become polygons in the rectangle [-180, 180] x [-90, 90] of
longitude and latitude. A ring that crosses the 180th meridian is cut there; a ring round a pole
is closed along the pole, which is a side of the rectangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate

Floats = NDArray[np.float64]

HALF_GAP_DEGREES = 1e-9


def unwrapped(lon: Floats, lat: Floats) -> Any:
    """Return one ring as a planar polygon whose longitudes do not jump by 360 degrees.

    Parameters
    ----------
    lon, lat : ndarray, shape (n,)
        Degrees; the ring's vertices, with or without the first one repeated at the end.
        Neighbouring vertices lie less than 180 degrees of longitude apart.

    Returns
    -------
    shapely.Polygon
        The interior of the ring; for a ring round a pole, the side of the nearer pole.
        Longitudes may leave [-180, 180].
    """
    lon, lat = np.append(lon, lon[0]), np.append(lat, lat[0])
    if np.abs(lon[1:] - lon[:-1]).max() >= 180.0:
        lon = np.unwrap(lon, period=360.0)
    if abs(lon[-1] - lon[0]) > 180.0:
        pole = 90.0 if lat.mean() >= 0.0 else -90.0
        lon = np.concatenate([lon, [lon[-1], lon[0]]])
        lat = np.concatenate([lat, [pole, pole]])
    return shapely.Polygon(np.column_stack([lon, lat]))


def into_rectangle(polygon: Any) -> list[Any]:
    """Cut a planar polygon at the 180th meridian, and shift its parts into [-180, 180]."""
    west, _, east, _ = polygon.bounds
    parts: list[Any] = []
    for turn in range(int(np.floor((west + 180.0) / 360.0)), int(np.ceil((east + 180.0) / 360.0))):
        offset = 360.0 * turn
        if west >= offset - 180.0 and east <= offset + 180.0:
            inside = polygon
        else:
            inside = polygon.intersection(shapely.box(offset - 180.0, -90.0, offset + 180.0, 90.0))
        parts.extend(polygons_of(translate(inside, xoff=-offset) if turn else inside))
    return parts


def from_rings(boundaries: Sequence[tuple[Floats, Floats]]) -> Any:
    """Make a polygon with holes from rings on the sphere, cut at the 180th meridian.

    Parameters
    ----------
    boundaries : sequence of (lon, lat)
        The outer ring and then the holes, as in :func:`unwrapped`.

    Returns
    -------
    shapely.Polygon or shapely.MultiPolygon
        Valid, within [-180, 180].
    """
    outer, *holes = [
        shapely.union_all(into_rectangle(shapely.make_valid(unwrapped(lon, lat))))
        for lon, lat in boundaries
    ]
    return outer.difference(shapely.union_all(holes)) if holes else outer


def split_at_meridian(shape: Any, meridian: float) -> Any:
    """Split a planar polygon at a meridian, with a gap of 0.2 mm.

    Parameters
    ----------
    shape : shapely.Polygon or shapely.MultiPolygon
        In degrees, within [-180, 180].
    meridian : float
        The meridian along which a projection cuts the Earth.
    """
    west, _, east, _ = shape.bounds
    if not west <= meridian <= east:
        return shape
    halves = [
        shape.intersection(shapely.box(-180.0, -90.0, meridian - HALF_GAP_DEGREES, 90.0)),
        shape.intersection(shapely.box(meridian + HALF_GAP_DEGREES, -90.0, 180.0, 90.0)),
    ]
    return shapely.multipolygons([part for half in halves for part in polygons_of(half)])


def polygons_of(geometry: Any) -> list[Any]:
    """List the polygons of a geometry, without its points and lines."""
    parts = shapely.get_parts(geometry)
    kinds = shapely.get_type_id(parts)
    if (kinds == shapely.GeometryType.GEOMETRYCOLLECTION).any():
        parts = shapely.get_parts(parts)
        kinds = shapely.get_type_id(parts)
    return list(parts[(kinds == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)])
