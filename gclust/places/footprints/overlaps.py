"""Overlaps between the footprints of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gclust.places.geodesic import area_km2

MOST_PAIRS = 3
LEAST_OVERLAP_KM2 = 0.05
"""Least area of an overlap; smaller ones would be printed as 0.0 km2."""


def overlaps(shapes: NDArray[Any]) -> pd.DataFrame:
    """Find the pairs of polygons that overlap.

    Parameters
    ----------
    shapes : ndarray of shapely geometry
        Valid polygons in degrees.

    Returns
    -------
    DataFrame
        ``a, b`` (positions, a < b) and ``area_km2``, the largest overlap first.
    """
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    parts, pair = shapely.get_parts(shapely.intersection(shapes[a], shapes[b]), return_index=True)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    area = np.bincount(pair[is_polygon], area_km2(parts[is_polygon]), minlength=len(a))
    shared = pd.DataFrame({"a": a, "b": b, "area_km2": area})
    return shared[shared["area_km2"] >= LEAST_OVERLAP_KM2].sort_values(
        ["area_km2", "a", "b"], ascending=[False, True, True], ignore_index=True
    )


def shared_share(shapes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of each polygon's area that overlaps other polygons.

    Parameters
    ----------
    shapes : ndarray of shapely geometry
        Valid polygons in degrees.

    Returns
    -------
    ndarray of float64
        Share of the area, from 0 to 1. Inhabitants there are counted for several clusters.
    """
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a != b], b[a != b]
    common = shapely.intersection(shapes[a], shapes[b])
    share = np.zeros(len(shapes))
    for at in np.unique(a):
        parts = shapely.get_parts(shapely.union_all(common[a == at]))
        flat = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        if flat.size:
            share[at] = area_km2(flat).sum() / area_km2(shapes[at : at + 1])[0]
    return np.minimum(share, 1.0)


def overlap_warning(shapes: NDArray[Any], names: Sequence[str]) -> str | None:
    """Return a warning about overlapping footprints, the largest overlap first, or None."""
    shared = overlaps(shapes)
    if shared.empty:
        return None
    listed = "; ".join(
        f"{names[row.a]} and {names[row.b]} by {row.area_km2:.1f} km2"
        for row in shared.head(MOST_PAIRS).itertuples()
    )
    more = len(shared) - MOST_PAIRS
    return (
        "footprints of different clusters overlap, and inhabitants there count for each:"
        f" {listed}" + (f"; and {more} pairs more, by less" if more > 0 else "")
    )
