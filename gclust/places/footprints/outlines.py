"""Footprints: the polygon of each cluster."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gclust.errors import StudyError
from gclust.places.equal_area import occupied_cells
from gclust.places.footprints import hulls
from gclust.places.footprints.discs import union_of_discs
from gclust.places.footprints.raster_cells import RasterCells
from gclust.places.geodesic import METRICS
from gclust.places.rasters.files import RasterFiles, RasterPath
from gclust.progress import Report, resolve, stage

if TYPE_CHECKING:
    import geopandas

Floats = NDArray[np.float64]

METHODS = ("discs", "convex", "concave", "alpha", "cells", "raster")


def footprints(
    lat: ArrayLike,
    lon: ArrayLike,
    core: ArrayLike,
    labels: ArrayLike,
    *,
    method: str = "discs",
    radius_km: float = 5.0,
    edge_km: float = 15.0,
    ratio: float | None = None,
    alpha_km: float = 7.5,
    cell_km: float = 5.0,
    raster: RasterPath | Sequence[RasterPath] | RasterFiles | None = None,
    n_clusters: int,
    metric: str = "haversine",
    names: Sequence[str] | None = None,
    progress: bool | Report | None = None,
) -> geopandas.GeoSeries:
    """Draw the footprint of each cluster from its core locations.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Locations, degrees.
    core : array_like of bool, shape (n,)
        Which locations are core; the others are not drawn.
    labels : array_like of int, shape (n,)
        Cluster of each location, -1 for noise.
    method : {"discs", "convex", "concave", "alpha", "cells", "raster"}
        - ``"discs"``: all places within `radius_km` of a core location. With a radius of at
          most half the eps of DBSCAN the discs of different clusters cannot overlap, for
          their core locations lie farther than eps apart.
        - ``"convex"``: all places within `radius_km` of the convex hull of the core
          locations. Footprints of different clusters may overlap.
        - ``"concave"``: the same with the concave hull, one piece without holes.
        - ``"alpha"``: the same with the alpha shape, which may have several pieces and holes.
        - ``"cells"``: the cells of a grid over the Earth, all of one area, that hold a core
          location. Clusters may share a cell.
        - ``"raster"``: the cells of `raster` that hold a core location, each counted whole
          when its inhabitants are counted in that raster. Clusters may share a cell.
    radius_km : float
        Radius of the discs and width of the seam round hulls and alpha shapes, kilometres.
    edge_km : float
        The concave hull is indented at sides longer than this, kilometres.
    ratio : float, optional
        Instead of `edge_km`: how closely the concave hull follows the locations, from 0
        (most) to 1 (convex), measured by each cluster's own longest side.
    alpha_km : float
        Radius of the circles that the alpha shape consists of, kilometres. With half the
        eps of DBSCAN the locations of a cluster hang together.
    cell_km : float
        Side of a square as large as a cell, kilometres.
    raster : path, sequence of paths or RasterFiles, optional
        A raster that GDAL reads, or tiles of one, for ``"raster"``; where it ends its cells
        go on.
    n_clusters : int
        Clusters are numbered from 0 to ``n_clusters - 1``; each has a core location.
    metric : {"haversine", "wgs84"}
        In which lengths are measured; that of the clustering.
    names : sequence of str, optional
        What errors call the clusters; their numbers by default.
    progress : bool or callable, optional
        See :mod:`gclust.progress`.

    Returns
    -------
    geopandas.GeoSeries
        Index ``0 .. n_clusters - 1``, CRS EPSG:4326; valid polygons and multipolygons, cut
        at 180 degrees, outer rings anticlockwise. The same bytes for any order of the rows.

    Raises
    ------
    ValueError
        For an unknown method or metric, a length that is not above 0, a ratio outside
        [0, 1], arrays of different lengths, a label beyond `n_clusters`, or a cluster
        without a core location.
    gclust.errors.StudyError
        If a hull or an alpha shape is asked for that spreads over more than a hemisphere, or
        a raster that cannot be read, is nowhere on the Earth or has no room for a place.

    Notes
    -----
    Discs are polygons of 96 corners that lie on the circle, so their sides stay within
    0.054 % of the radius inside it, wherever the disc is. Hulls are drawn in a conformal
    plane at the cluster's centre; `edge_km` and the width of their seam are true to 0.1 %
    in a cluster of 300 km and to 1 % in one of 1,000 km. For the methods themselves see
    :mod:`gclust.places.footprints.discs`, :mod:`gclust.places.footprints.hulls`, :mod:`gclust.places.footprints.alpha_shapes` and
    :mod:`gclust.places.equal_area`.

    Examples
    --------
    >>> shape = footprints([47.6], [7.6], [True], [0], n_clusters=1)
    >>> shape.crs.to_epsg(), shape.iloc[0].geom_type
    (4326, 'Polygon')
    """
    import geopandas

    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {metric!r}")
    lengths = {"radius_km": radius_km, "edge_km": edge_km, "alpha_km": alpha_km}
    for name, length in {**lengths, "cell_km": cell_km}.items():
        if not (np.isfinite(length) and length > 0.0):
            raise ValueError(f"{name} must be above 0, not {length!r}")
    if ratio is not None and not 0.0 <= ratio <= 1.0:
        raise ValueError(f"ratio must lie between 0 and 1, not {ratio!r}")

    if method == "raster":
        if raster is None:
            raise ValueError("method 'raster' needs a raster; expected a path")
        cells_of_raster = RasterCells.of(raster)

    def draw(lat: Floats, lon: Floats) -> Any:
        if method == "discs":
            return union_of_discs(lat, lon, radius_km, metric)
        if method == "cells":
            return occupied_cells(lat, lon, cell_km)
        if method == "raster":
            return cells_of_raster.occupied(lat, lon)
        here = hulls.Places.of(lat, lon, metric)
        if method == "convex":
            return hulls.convex(here, radius_km)
        if method == "alpha":
            return hulls.alpha(here, radius_km, alpha_km)
        if ratio is not None:
            return hulls.concave(here, radius_km, ratio)
        return hulls.concave_by_edge(here, radius_km, edge_km)

    places = _core_places(lat, lon, core, labels, n_clusters)
    shapes = np.empty(n_clusters, dtype=object)
    drawn, total = 0, sum(len(place_lat) for place_lat, _ in places)
    with stage(resolve(progress), "footprints") as done:
        for cluster, (place_lat, place_lon) in enumerate(places):
            try:
                shape = draw(place_lat, place_lon)
            except StudyError as error:
                called = f"cluster {cluster}" if names is None else names[cluster]
                raise StudyError(f"{called}: {error}") from error
            shapes[cluster] = _tidy(shape)
            drawn += len(place_lat)
            done(drawn / total)
    return geopandas.GeoSeries(shapes, crs="EPSG:4326", name="geometry")


def _core_places(
    lat: ArrayLike, lon: ArrayLike, core: ArrayLike, labels: ArrayLike, n_clusters: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Distinct core coordinates of each cluster, sorted: no trace of the order of rows."""
    lat, lon = np.asarray(lat, float), np.asarray(lon, float)
    core, labels = np.asarray(core, bool), np.asarray(labels)
    lengths = {"lat": lat.shape, "lon": lon.shape, "core": core.shape, "labels": labels.shape}
    if len(set(lengths.values())) > 1 or lat.ndim != 1:
        raise ValueError(f"lat, lon, core and labels must be of one length: {lengths}")
    if labels.size and labels.max() >= n_clusters:
        raise ValueError(f"label {labels.max()} found with n_clusters = {n_clusters}")
    rows = np.flatnonzero(core & (labels >= 0))
    rows = rows[np.lexsort((lon[rows], lat[rows], labels[rows]))]
    sorted_rows = np.stack([labels[rows].astype(float), lat[rows], lon[rows]])
    fresh = np.ones(len(rows), bool)
    fresh[1:] = (np.diff(sorted_rows, axis=1) != 0.0).any(axis=0)
    rows = rows[fresh]
    ends = np.searchsorted(labels[rows], np.arange(n_clusters + 1))
    without = np.flatnonzero(np.diff(ends) == 0)
    if without.size:
        raise ValueError(f"cluster {without[0]} has no core location to draw")
    return [(lat[rows[start:end]], lon[rows[start:end]]) for start, end in pairwise(ends)]


def _tidy(shape: Any) -> Any:
    """Bring a shape into the one form in which its bytes are compared."""
    if not shape.is_valid:
        shape = shapely.make_valid(shape, method="structure")
    return shapely.orient_polygons(shapely.normalize(shape))
