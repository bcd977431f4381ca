"""Footprints of clusters, and the registry of their methods.

A new method is a module of this folder, a function here, and an entry of `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gclust.errors import StudyError
from gclust.parallel import parallel_for
from gclust.places.equal_area import occupied_cells
from gclust.places.footprints import hulls
from gclust.places.footprints.discs import union_of_discs
from gclust.places.footprints.overlaps import divide_overlaps
from gclust.places.footprints.raster_cells import RasterCells
from gclust.places.geodesic import METRICS
from gclust.places.rasters.files import RasterFiles, RasterPath
from gclust.places.rows_by_label import rows_by_label
from gclust.progress import Report, resolve, stage
from gclust.threads import count_threads

if TYPE_CHECKING:
    import geopandas

Floats = NDArray[np.float64]
FEW = 10_000
"""Number of locations up to which one thread draws."""

Draw = Callable[[Floats, Floats], Any]
"""A function from latitudes and longitudes of a cluster's locations to a polygon (degrees)."""


@dataclass(frozen=True, kw_only=True)
class FootprintOptions:
    """The method of drawing footprints, and its options.

    Attributes
    ----------
    method : {"discs", "convex", "concave", "alpha", "cells", "raster"}
        - ``"discs"``: all places within `radius_km` of a location.
        - ``"convex"``: all places within `radius_km` of the convex hull of the locations.
        - ``"concave"``: the same with the concave hull, connected and without holes.
        - ``"alpha"``: the same with the alpha shape, which may be disconnected and have holes.
        - ``"cells"``: the cells of a grid over the Earth, all of one area, that hold a
          location.
        - ``"raster"``: the cells of `raster` that hold a location.
    radius_km : float
        Radius of the discs and width of the seam round hulls and alpha shapes, kilometres.
    edge_km : float
        The concave hull is indented at sides longer than this, kilometres.
    ratio : float, optional
        Instead of `edge_km`: how closely the concave hull follows the locations, from 0
        (most) to 1 (convex), measured by each cluster's own longest side.
    alpha_km : float
        Radius of the circles that the alpha shape consists of, kilometres. With half the
        eps of DBSCAN the alpha shape of a cluster is connected.
    cell_km : float
        Side of a square as large as a cell, kilometres.
    raster : path, sequence of paths or RasterFiles, optional
        A raster that GDAL reads, or tiles of one, for ``"raster"``; beyond its edge its cells
        are continued.
    metric : {"haversine", "wgs84"}
        Metric of all lengths; that of the clustering.

    Raises
    ------
    ValueError
        For an unknown method or metric, a length that is not above 0, a ratio outside
        [0, 1], or ``"raster"`` without a raster.
    """

    method: str = "discs"
    radius_km: float = 5.0
    edge_km: float = 15.0
    ratio: float | None = None
    alpha_km: float = 7.5
    cell_km: float = 5.0
    raster: RasterPath | Sequence[RasterPath] | RasterFiles | None = None
    metric: str = "haversine"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")
        if self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, not {self.metric!r}")
        for name in ("radius_km", "edge_km", "alpha_km", "cell_km"):
            length = getattr(self, name)
            if not (np.isfinite(length) and length > 0.0):
                raise ValueError(f"{name} must be above 0, not {length!r}")
        if self.ratio is not None and not 0.0 <= self.ratio <= 1.0:
            raise ValueError(f"ratio must lie between 0 and 1, not {self.ratio!r}")
        if self.method == "raster" and self.raster is None:
            raise ValueError("method 'raster' needs a raster; set raster to its path")


def _discs(options: FootprintOptions) -> Draw:
    return partial(union_of_discs, radius_km=options.radius_km, metric=options.metric)


def _convex(options: FootprintOptions) -> Draw:
    def draw(lat: Floats, lon: Floats) -> Any:
        locations = hulls.ProjectedLocations.of(lat, lon, options.metric)
        return hulls.convex(locations, options.radius_km)

    return draw


def _concave(options: FootprintOptions) -> Draw:
    def draw(lat: Floats, lon: Floats) -> Any:
        locations = hulls.ProjectedLocations.of(lat, lon, options.metric)
        if options.ratio is not None:
            return hulls.concave(locations, options.radius_km, options.ratio)
        return hulls.concave_by_edge(locations, options.radius_km, options.edge_km)

    return draw


def _alpha(options: FootprintOptions) -> Draw:
    def draw(lat: Floats, lon: Floats) -> Any:
        locations = hulls.ProjectedLocations.of(lat, lon, options.metric)
        return hulls.alpha(locations, options.radius_km, options.alpha_km)

    return draw


def _cells(options: FootprintOptions) -> Draw:
    return partial(occupied_cells, cell_km=options.cell_km)


def _raster(options: FootprintOptions) -> Draw:
    assert options.raster is not None
    return RasterCells.of(options.raster).occupied


METHODS: Mapping[str, Callable[[FootprintOptions], Draw]] = {
    "discs": _discs,
    "convex": _convex,
    "concave": _concave,
    "alpha": _alpha,
    "cells": _cells,
    "raster": _raster,
}
"""Every method of `FootprintOptions`, as a function from the options to one that draws."""


def footprints(
    lat: ArrayLike,
    lon: ArrayLike,
    drawn: ArrayLike,
    labels: ArrayLike,
    options: FootprintOptions | None = None,
    *,
    n_clusters: int,
    names: Sequence[str] | None = None,
    progress: bool | Report | None = None,
) -> geopandas.GeoSeries:
    """Draw the footprint of each cluster round its locations.

    Ground that two footprints would share goes to the cluster of the nearest location.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Locations, degrees.
    drawn : array_like of bool, shape (n,)
        Locations that the footprints are drawn round, such as all of a cluster or its core
        locations.
    labels : array_like of int, shape (n,)
        Cluster of each location, -1 for noise.
    options : FootprintOptions, optional
        Discs of 5 km by default.
    n_clusters : int
        Clusters are numbered from 0 to ``n_clusters - 1``; each has a location that is drawn.
    names : sequence of str, optional
        Names of the clusters in errors; their numbers by default.
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
        For arrays of different lengths, a label beyond `n_clusters`, or a cluster without a
        location that is drawn.
    gclust.errors.StudyError
        For a hull or an alpha shape of locations more than 80 degrees from their centre, and
        for a raster that cannot be read, has no CRS, or does not cover a location.

    Notes
    -----
    Discs are polygons of 96 corners that lie on the circle, so their sides stay within
    0.054 % of the radius inside it, wherever the disc is. Hulls are drawn in a conformal
    plane at the cluster's centre; `edge_km` and the width of their seam are true to 0.1 %
    in a cluster of 300 km and to 1 % in one of 1,000 km. For the methods themselves see
    :mod:`gclust.places.footprints.discs`, :mod:`gclust.places.footprints.hulls`,
    :mod:`gclust.places.footprints.alpha_shapes` and :mod:`gclust.places.equal_area`.

    Examples
    --------
    >>> shape = footprints([47.6], [7.6], [True], [0], n_clusters=1)
    >>> shape.crs.to_epsg(), shape.iloc[0].geom_type
    (4326, 'Polygon')
    >>> convex = FootprintOptions(method="convex", radius_km=2)
    >>> wide = footprints([47.6, 47.7], [7.6, 7.6], [True] * 2, [0, 0], convex, n_clusters=1)
    """
    import geopandas

    options = FootprintOptions() if options is None else options
    draw = METHODS[options.method](options)
    locations = _drawn_locations(lat, lon, drawn, labels, n_clusters)
    with stage(resolve(progress), "footprints") as done:
        shapes = _drawn_side_by_side(draw, locations, names, done)
        divided = divide_overlaps(shapes, locations, options.metric)
    ordered = [
        shapely.orient_polygons(shapely.normalize(shape if shape is drawn else _valid(shape)))
        for shape, drawn in zip(divided, shapes, strict=True)
    ]
    return geopandas.GeoSeries(ordered, crs="EPSG:4326", name="geometry")


def _drawn_side_by_side(
    draw: Draw,
    locations: list[tuple[Floats, Floats]],
    names: Sequence[str] | None,
    done: Callable[[float], None],
) -> NDArray[Any]:
    """Draw clusters on several threads, the largest ones first; return valid polygons.

    ``locations`` are replaced by the distinct ones in order.
    """
    sizes = np.array([len(lat) for lat, _ in locations])
    order = np.argsort(-sizes, kind="stable")
    shapes = np.empty(len(locations), dtype=object)
    failed: dict[int, StudyError] = {}
    finished = [0]

    def draw_one(first: int, _last: int) -> None:
        cluster = int(order[first])
        if all(cluster < number for number in failed):
            locations[cluster] = _distinct(*locations[cluster])
            try:
                shapes[cluster] = _valid(draw(*locations[cluster]))
            except StudyError as error:
                failed[cluster] = error
        finished.append(int(sizes[cluster]))

    def report(_share: float) -> None:
        reached = sum(finished)
        if reached > reported[-1]:
            reported.append(reached)
            done(reached / sizes.sum())

    reported = [0]
    threads = count_threads() if sizes.sum() > FEW else 1
    parallel_for(np.arange(len(order) + 1), threads, draw_one, report=report)
    if failed:
        cluster = min(failed)
        name = f"cluster {cluster}" if names is None else names[cluster]
        raise StudyError(f"{name}: {failed[cluster]}") from failed[cluster]
    return shapes


def _drawn_locations(
    lat: ArrayLike, lon: ArrayLike, drawn: ArrayLike, labels: ArrayLike, n_clusters: int
) -> list[tuple[Floats, Floats]]:
    """Return the coordinates of the locations that each cluster is drawn round."""
    lat, lon = np.asarray(lat, float), np.asarray(lon, float)
    drawn, labels = np.asarray(drawn, bool), np.asarray(labels)
    lengths = {"lat": lat.shape, "lon": lon.shape, "drawn": drawn.shape, "labels": labels.shape}
    if len(set(lengths.values())) > 1 or lat.ndim != 1:
        raise ValueError(
            f"lat, lon, drawn and labels must be 1-d arrays, all of one length; got {lengths}"
        )
    if labels.size and labels.max() >= n_clusters:
        raise ValueError(
            f"label {labels.max()} found with n_clusters = {n_clusters}; expected labels below"
            " n_clusters"
        )
    rows, ends = rows_by_label(labels, drawn, n_clusters)
    without = np.flatnonzero(np.diff(ends) == 0)
    if without.size:
        raise ValueError(f"cluster {without[0]} has no location with drawn = True; it needs one")
    return [(lat[rows[start:end]], lon[rows[start:end]]) for start, end in pairwise(ends)]


def _distinct(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Return distinct places sorted by latitude, then longitude."""
    north, east = np.diff(lat), np.diff(lon)
    if ((north < 0.0) | ((north == 0.0) & (east < 0.0))).any():
        order = np.lexsort((lon, lat))
        lat, lon = lat[order], lon[order]
        north, east = np.diff(lat), np.diff(lon)
    is_new = np.append(True, (north != 0.0) | (east != 0.0))
    return (lat, lon) if is_new.all() else (lat[is_new], lon[is_new])


def _valid(shape: Any) -> Any:
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure")
