"""Clusters of points inside contours of their kernel density on the Earth's surface."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from gclust.cluster.contour_density import (
    RasterLocations,
    cell_km2,
    estimate_density,
    find_cells,
    fold_onto_raster,
    latitude_of_height,
    make_kernel,
    make_raster,
    standard_deviation_km,
)
from gclust.cluster.contour_regions import Regions, connect_runs, find_runs, outline
from gclust.cluster.coordinates import degrees, note_features
from gclust.cluster.fitted_html import FittedHTML, MappedPoints
from gclust.cluster.fixed_point import UNIT, nearest_units, row_units
from gclust.cluster.numbers import is_real
from gclust.errors import Warn, warn_user
from gclust.kernels.kde import Raster
from gclust.kernels.warm_up import warm_up
from gclust.plurals import counted
from gclust.progress import Report, resolve, silent, stage
from gclust.threads import count_threads
from gclust.units import LARGEST_TOTAL

if TYPE_CHECKING:
    import geopandas

KERNELS = ("gaussian", "epanechnikov")

LARGEST_BANDWIDTH_KM = 1000.0
"""Kernels are functions of chords, which differ from arcs at larger bandwidths."""

LEAST_RESOLUTION_KM = 0.05
"""The accuracy of addresses."""


class DensityContour(FittedHTML, ClusterMixin, BaseEstimator):
    """Estimator of clusters: weighted points inside contours of their kernel density.

    The weight per km2 is estimated in the cells of an equal-area raster. A cluster is a
    region of cells connected by their sides, with at least the density of the contour, and
    with points that weigh at least ``threshold``: the contour method ("organic clusters") of
    Alcácer and Zhao [1]_, with one contour for all clusters. Points outside are noise.

    Parameters
    ----------
    bandwidth_km : float, default 7.5
        Width of the kernel: the Gaussian's standard deviation along an axis, or the radius at
        which Epanechnikov's ends. A Gaussian of 7.5 km has the standard deviation of a uniform
        disc of 15 km. At most 1000.
    threshold : float, default 4500
        Least weight of the points of a cluster, above 0.
    kernel : {"gaussian", "epanechnikov"}, default "gaussian"
        ``gaussian``: ends at 4.5 bandwidths; the 4e-5 of its mass farther out are distributed
        over the rest. ``epanechnikov``: a paraboloid ([2]_, the "radius" of geographic software).
        Distances are great circles on a sphere of 6371.0088 km.
    resolution_km : float, optional
        Side of the raster's cells, at least 0.05 and at most ``bandwidth_km``. A fifth of
        the kernel's standard deviation by default: ``bandwidth_km / 5``, or about
        ``bandwidth_km / 12`` with Epanechnikov's. It is rounded so that a whole number of
        cells covers the Earth. Cells are square at 30 degrees and ``cos(30°) / cos(lat)``
        times as high elsewhere, twice at 64 degrees; polygons follow their edges.
    level : float, optional
        Density of the contour, weight per km2. By default that of ``threshold`` spread evenly
        over a disc of two standard deviations of the kernel: the least density within
        ``eps_km`` of a core point of ``DBSCAN(2 * bandwidth_km, threshold)``.
    share : float, optional
        Instead of ``level``: the highest contour that contains this share of the weight,
        above 0 and at most 1 (a highest density region, [3]_).
    n_jobs : int, optional
        Number of threads; by default all that the process may use within the limits of
        ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS`` and joblib, -1 for all processors, -2 for
        all but one. Results do not depend on it.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n_samples,)
        Cluster of each row, -1 for noise, numbered by first member row of weight.
    polygons_ : geopandas.GeoSeries, shape (n_clusters,)
        Outlines in EPSG:4326 by label: Polygon or MultiPolygon, valid, cut at 180 degrees.
    level_ : float
        Density of the contour, weight per km2.
    density_ : ndarray of float64, shape (n_samples,)
        Weight per km2 in the cell of each row.
    cell_km2_ : float
        Area of a cell.
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of str, shape (2,)
        Names of the columns of a data frame; not set for other input.

    Notes
    -----
    The raster is Lambert's cylindrical equal-area projection of the sphere with standard
    parallels at 30 degrees, as EPSG:6933 for the ellipsoid. A density is the kernel's mean
    over the cell by the midpoint rule, with midpoints at most 0.3 standard deviations apart
    (a fourteenth of the radius for Epanechnikov's), so one at the centre of cells that are
    small compared to the bandwidth. Nothing is rescaled: over all cells the density of a point
    adds up to its weight within 1e-3 at any latitude, the poles included. Near them cells are
    tall and narrow, and the mean over a cell may hide a small cluster. Only tiles of cells
    that points reach are in memory.

    References
    ----------
    .. [1] J. Alcácer, M. Zhao: Zooming in: a practical manual for identifying geographic
       clusters. Strategic Management Journal 37 (1), 2016, 10-21.
    .. [2] B. W. Silverman: Density Estimation for Statistics and Data Analysis. 1986,
       section 4.2.
    .. [3] R. J. Hyndman: Computing and graphing highest density regions. The American
       Statistician 50 (2), 1996, 120-126.

    Examples
    --------
    >>> from gclust import DensityContour
    >>> X = [[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]]
    >>> DensityContour(bandwidth_km=3, threshold=2).fit_predict(X)
    array([ 0,  0,  1,  1, -1])
    """

    def __init__(
        self,
        bandwidth_km: float = 7.5,
        threshold: float = 4500,
        *,
        kernel: str = "gaussian",
        resolution_km: float | None = None,
        level: float | None = None,
        share: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth_km = bandwidth_km
        self.threshold = threshold
        self.kernel = kernel
        self.resolution_km = resolution_km
        self.level = level
        self.share = share
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002
        sample_weight: Any = None,
        *,
        progress: bool | Report | None = None,
        warn: Warn = warn_user,
    ) -> DensityContour:
        """Find the clusters of the points ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2), data frame, GeoSeries or GeoDataFrame
            Degrees, latitude then longitude; or points in any reference system.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights, none negative; 1 by default. Weight k is the same as k copies, weight 0
            as none: such rows change nothing, and get the label that `predict` gives them.
        progress : bool or callable, optional
            True draws progress on a terminal; a callable is called as
            ``progress(fraction, stage)``.
        warn : callable, optional
            Called with each warning, instead of giving a GclustWarning.

        Returns
        -------
        DensityContour
            The fitted estimator.

        Raises
        ------
        ValueError
            For coordinates, weights or parameters that cannot be used, or a raster that
            would not fit in memory; the message names the value.

        Warns
        -----
        GclustWarning
            If there is no cluster, or points lie so near a pole that cells are higher there
            than two standard deviations of the kernel, by default nearer than 5 degrees.
        """
        threads = self.check()
        show = resolve(progress)
        with stage(show, "reading coordinates") as report:
            lat, lon = degrees(X, threads, report)
        units = None if sample_weight is None else row_units(sample_weight, len(lat))
        self._note_features(X, reset=True)
        raster = make_raster(self._resolution_km())
        warm_up(show, _run_kernels)
        with stage(show, "folding onto locations") as report:
            locations = fold_onto_raster(lat, lon, units, raster, threads, report)
        del lat, lon, units
        self._warn_of_tall_cells(locations, raster, warn)
        kernel = make_kernel(self.kernel, float(self.bandwidth_km))
        self._density = estimate_density(locations, raster, kernel, threads, show)
        with stage(show, "finding contours"):
            at_locations = self._density.at(locations.cell)
            self.level_ = self._find_level(at_locations, locations.units)
            regions = connect_runs(self._density.runs_above(self.level_), raster)
            least = max(nearest_units(self.threshold), 1)
            self._clusters, labels = _select(regions, locations, least)
            self.labels_ = labels[locations.of_row]
            self.density_ = at_locations[locations.of_row]
        with stage(show, "outlining"):
            self.polygons_ = _outlines(self._clusters, raster)
        self.cell_km2_ = cell_km2(raster)
        if self.polygons_.empty:
            self._warn_of_no_cluster(int(locations.units.sum()) / UNIT, warn)
        return self

    def _mapped_points(self) -> MappedPoints:
        import shapely

        shapes = self.polygons_.geometry.to_numpy()
        points, label = shapely.get_coordinates(shapes, return_index=True)
        return points[:, 1], points[:, 0], label

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return, for each point of ``X``, the cluster whose contour it lies in, or -1.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        ndarray of int64, shape (n_samples,)
            The label of the point's cell, -1 outside all clusters. For the rows that were
            fitted it is ``labels_``.

        Raises
        ------
        ValueError
            If coordinates cannot be used; the message names the value.
        """
        check_is_fitted(self)
        lat, lon = degrees(X, count_threads(self.n_jobs))
        self._note_features(X, reset=False)
        run = find_runs(find_cells(lat, lon, self._density.raster), self._clusters.runs)
        return np.append(self._clusters.region, -1)[run]

    def write_density(self, path: str | os.PathLike[str]) -> None:
        """Write the kernel density to a GeoTIFF file.

        Weight per km2 as float32 in Lambert's cylindrical equal-area projection of the
        sphere of 6371.0088 km, standard parallels at 30 degrees, tiled and compressed. Zero is
        the value of "no data": cells that no point reaches.

        Parameters
        ----------
        path : str or path-like
            File to write; an existing one is replaced once the new one is complete.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
        self._density.write(path)

    def check(self) -> int:
        """Raise ValueError for a parameter that cannot be used; return the number of threads."""
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, not {self.kernel!r}")
        _check_number("bandwidth_km", self.bandwidth_km, LARGEST_BANDWIDTH_KM)
        _check_number("threshold", self.threshold, LARGEST_TOTAL)
        if self.level is not None:
            _check_number("level", self.level, math.inf)
            if self.share is not None:
                raise ValueError(
                    f"level is {self.level!r} and share is {self.share!r}; give one, not both"
                )
        if self.share is not None:
            _check_number("share", self.share, 1.0)
        if self.resolution_km is not None:
            _check_number("resolution_km", self.resolution_km, float(self.bandwidth_km))
        if self._resolution_km() < LEAST_RESOLUTION_KM:
            raise ValueError(
                f"resolution_km is {self._resolution_km():g}, and at least {LEAST_RESOLUTION_KM} "
                "is expected; raise it, or raise bandwidth_km, from which its default is computed"
            )
        return count_threads(self.n_jobs)

    def _note_features(self, X: Any, *, reset: bool) -> None:
        note_features(self, X, reset=reset)

    def _warn_of_no_cluster(self, total: float, warn: Warn) -> None:
        warn(
            "no cluster was found, so that all points are noise: within no contour of "
            f"{self.level_:.6g} per km2 do points weigh threshold = {self.threshold:g} (all rows "
            f"together weigh {total:.6g}); lower threshold or level, or raise bandwidth_km"
        )

    def _spread_km(self) -> float:
        return standard_deviation_km(self.kernel, float(self.bandwidth_km))

    def _resolution_km(self) -> float:
        return self._spread_km() / 5 if self.resolution_km is None else float(self.resolution_km)

    def _warn_of_tall_cells(self, locations: RasterLocations, raster: Raster, warn: Warn) -> None:
        limit = latitude_of_height(2.0 * self._spread_km(), raster)
        sine = np.abs(1.0 - locations.height * (2.0 / raster.n_rows))
        beyond = int(np.count_nonzero(locations.units[sine > math.sin(math.radians(limit))]))
        if beyond:
            warn(
                f"{counted(beyond, 'location lies', 'locations lie')} beyond {limit:.1f} degrees of"
                " latitude, where cells are "
                "higher than two standard deviations of the kernel and clusters may be missed; "
                f"take a resolution_km below {self._resolution_km():.3g} if they matter"
            )

    def _find_level(self, density: NDArray[np.float64], units: NDArray[np.int64]) -> float:
        if self.level is not None:
            return float(self.level)
        if self.share is None:
            return float(self.threshold) / (4.0 * math.pi * self._spread_km() ** 2)
        order = np.argsort(-density, kind="stable")
        inside = np.cumsum(units[order])
        if inside[-1] == 0:
            return math.inf
        wanted = min(math.ceil(float(self.share) * int(inside[-1])), int(inside[-1]))
        return float(density[order[np.searchsorted(inside, wanted)]])


def _check_number(name: str, value: Any, most: float) -> None:
    if not is_real(value) or not 0 < value <= most or value == math.inf:
        bound = "" if most == math.inf else f" of at most {most:.6g}"
        raise ValueError(f"{name} must be a positive number{bound}, not {value!r}")


def _select(
    regions: Regions, locations: RasterLocations, least: int
) -> tuple[Regions, NDArray[np.int64]]:
    """Keep the regions whose locations weigh enough, numbered by their first row.

    Returns the `Regions` of the clusters, where the number of a region is its label, and the label
    of each location.
    """
    run = find_runs(locations.cell, regions.runs)
    inside = np.flatnonzero(run >= 0)
    region = regions.region[run[inside]]
    n_regions = int(regions.region.max(initial=-1)) + 1
    weight = np.zeros(n_regions, dtype=np.int64)
    np.add.at(weight, region, locations.units[inside])
    first = np.full(n_regions, np.iinfo(np.int64).max)
    weighs = locations.units[inside] > 0
    np.minimum.at(first, region[weighs], locations.first[inside][weighs])
    kept = np.flatnonzero(weight >= least)
    label = np.full(n_regions + 1, -1, dtype=np.int64)
    label[kept[np.argsort(first[kept])]] = np.arange(len(kept))
    labels = np.full(len(run), -1, dtype=np.int64)
    labels[inside] = label[region]
    of_run = label[regions.region]
    within = of_run >= 0
    return Regions(regions.runs[within], regions.sheet[within], of_run[within]), labels


def _outlines(clusters: Regions, raster: Raster) -> geopandas.GeoSeries:
    import geopandas

    order = np.argsort(clusters.region, kind="stable")
    bounds = np.flatnonzero(np.diff(clusters.region[order], prepend=-1, append=-1))
    polygons = [
        outline(clusters.runs[order[first:last]], clusters.sheet[order[first:last]], raster)
        for first, last in pairwise(bounds)
    ]
    return geopandas.GeoSeries(polygons, crs="EPSG:4326", name="geometry")


def _run_kernels(report: Callable[[float], None]) -> None:
    """Run every kernel of contour clustering once."""
    raster = make_raster(500.0)
    at = np.zeros(1)
    locations = fold_onto_raster(at, at, None, raster)
    for heavy in (0, 1 << 40):  # blocks in chunks, and whole
        kernel = make_kernel("gaussian", 100.0)
        estimate_density(locations, raster, kernel, 1, silent, heavy_visits=heavy)
    report(1.0)
