"""Connected regions of raster cells, and their outlines."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.kde import Raster

Ints = NDArray[np.int64]


class Regions(NamedTuple):
    """Regions of raster cells that share sides, stored as runs of cells along rows.

    A *sheet* is a region on the map, which ends at 180 degrees; sheets that touch there are
    one region.
    """

    runs: Ints  # (n_runs, 2) first and last cell of each run, sorted
    sheet: Ints  # (n_runs,) sheet of each run
    region: Ints  # (n_runs,)


def connect_runs(runs: Ints, raster: Raster) -> Regions:
    """Join runs of cells into regions, also across 180 degrees of longitude.

    Cells that share a side are connected, those that share only a corner are not: the interior
    of a region is connected.
    """
    n_cols = raster.n_cols
    begin, end = runs[:, 0], runs[:, 1]
    # Runs of the row below that share columns: those that end at or after a run's begin
    # and begin at or before its end.
    low = np.searchsorted(end, begin + n_cols, side="left")
    count = np.searchsorted(begin, end + n_cols, side="right") - low
    upper = np.repeat(np.arange(len(runs)), count)
    lower = np.arange(len(upper)) + np.repeat(low - (np.cumsum(count) - count), count)
    sheet = _components(len(runs), upper, lower)

    west = np.flatnonzero(begin % n_cols == 0)
    east = np.searchsorted(end, begin[west] + n_cols - 1)
    east = np.minimum(east, len(runs) - 1)
    touch = end[east] == begin[west] + n_cols - 1
    n_sheets = int(sheet.max(initial=-1)) + 1
    region = _components(n_sheets, sheet[west[touch]], sheet[east[touch]])
    return Regions(runs, sheet, region[sheet])


def _components(n: int, a: Ints, b: Ints) -> Ints:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def find_runs(cell: Ints, runs: Ints) -> Ints:
    """Return, for each cell, the index of the run of cells that it lies in, or -1 if none."""
    if len(runs) == 0:
        return np.full(len(cell), -1, dtype=np.int64)
    run = np.searchsorted(runs[:, 0], cell, side="right") - 1
    return np.where((run >= 0) & (cell <= runs[run, 1]), run, -1)


def outline(runs: Ints, sheet: Ints, raster: Raster) -> Any:
    """Return the polygon that encloses the raster cells of a region.

    ``runs`` (n_runs, 2) are the runs of cells of the region, ``sheet`` the sheet of each run.
    The result is a valid Polygon or MultiPolygon in degrees: longitude, in [-180, 180], then
    latitude. Its edges are edges of cells.
    """
    import shapely

    order = np.argsort(sheet, kind="stable")
    bounds = np.flatnonzero(np.diff(sheet[order], prepend=-1, append=-1))
    parts = [_outline_of_sheet(runs[order[first:last]], raster) for first, last in pairwise(bounds)]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _outline_of_sheet(runs: Ints, raster: Raster) -> Any:
    import shapely
    from rasterio.features import shapes

    row, begin = np.divmod(runs[:, 0], raster.n_cols)
    end = runs[:, 1] - row * raster.n_cols + 1
    top, left = row.min(), begin.min()
    inside = np.zeros((row.max() - top + 1, end.max() - left), dtype=np.uint8)
    for r, first, last in zip(row - top, begin - left, end - left, strict=True):
        inside[r, first:last] = 1
    ((found, _),) = shapes(inside, mask=inside.view(np.bool_), connectivity=4)

    def to_degrees(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        lon = (corners[:, 0] + left) * (360.0 / raster.n_cols) - 180.0
        sine = np.clip(1.0 - 2.0 * (corners[:, 1] + top) / raster.n_rows, -1.0, 1.0)
        return np.column_stack([np.clip(lon, -180.0, 180.0), np.degrees(np.arcsin(sine))])

    polygon = shapely.transform(shapely.geometry.shape(found), to_degrees)
    return polygon if polygon.is_valid else shapely.make_valid(polygon)
