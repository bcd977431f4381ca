"""Exact weighted DBSCAN on the Earth's surface."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from gclust.cluster.coordinates import degrees, find_places, note_features
from gclust.cluster.fixed_point import UNIT, row_units, threshold_units
from gclust.cluster.numbers import is_real
from gclust.errors import GclustWarning
from gclust.kernels.dbscan.border_labels import assign_labels
from gclust.kernels.dbscan.core_components import link_points
from gclust.kernels.dbscan.core_levels import find_levels
from gclust.kernels.dbscan.warmup import run_dbscan_kernels
from gclust.kernels.spatial.bands import band_height, build_bands, select_points
from gclust.kernels.spatial.fold import Folded, fold, locations_of, unfold
from gclust.kernels.sphere import EARTH_RADIUS_KM, reach_of
from gclust.kernels.warm_up import warm_up
from gclust.parallel import unreported
from gclust.progress import Report, resolve, silent, stage
from gclust.threads import count_threads

_FLATTENING = 1 / 298.257223563
SURFACES = {
    "haversine": (1.0, 0.0),
    "wgs84": (6378.137 / EARTH_RADIUS_KM, _FLATTENING * (2 - _FLATTENING)),
}
"""Semi-major axis in mean radii and squared eccentricity, by metric."""

LARGEST_EPS_KM = {"haversine": math.inf, "wgs84": 1000.0}
"""The one curvature of ``wgs84`` is 5 mm off at 60 km and 25 m at 1000 km."""

BORDERS = ("nearest", "first", "noise")


class DBSCAN(ClusterMixin, BaseEstimator):
    """Density-based clusters of weighted points on the Earth, exact.

    A point is a core point if the points within ``eps_km`` of it, itself included, weigh
    at least ``min_samples``. Core points within ``eps_km`` of each other are in one
    cluster; a border point has a core point within ``eps_km``; the others are noise.
    *Within* means a distance of at most ``eps_km`` plus one micrometre.

    Parameters
    ----------
    eps_km : float, default 15.0
        Radius of the neighbourhood in kilometres. It is not a bound on the size of
        clusters, nor on the distance between points of one.
    min_samples : float, default 4500
        Least weight of a core point's neighbourhood, at least 1. The point itself counts:
        as in scikit-learn, and one more than in the ``hdbscan`` library. It is no least
        weight of clusters: one may weigh less where points that its core points count are
        nearer to the core points of a neighbour, and go with them.
    border : {"nearest", "first", "noise"}, default "nearest"
        What a border point becomes. ``nearest``: it joins its nearest core point, ties
        (a micrometre) going to the smallest latitude, then longitude; the partition does
        not depend on the order of rows. ``first``: it takes the lowest label within
        reach, as in scikit-learn. ``noise``: it is noise (DBSCAN*, [2]_).
    metric : {"haversine", "wgs84"}, default "haversine"
        Great circles on a sphere of 6371.0088 km, or geodesics on the WGS84 ellipsoid,
        within 5 mm up to 60 km and only up to 1000 km.
    n_jobs : int, optional
        Number of threads; by default all that the process may use within the limits of
        ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS`` and joblib, -1 for all processors, -2 for
        all but one. Results do not depend on it.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n_samples,)
        Cluster of each row, -1 for noise, numbered by first core row.
    core_sample_mask_ : ndarray of bool, shape (n_samples,)
        Whether each row is a core point.
    core_sample_indices_ : ndarray of int64, shape (n_core_samples,)
        Rows that are core points.
    components_ : ndarray of float64, shape (n_core_samples, 2)
        Latitude and longitude of the core points in degrees, longitudes in [-180, 180).
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of str, shape (2,)
        Names of the columns of a data frame; not there for other input.

    References
    ----------
    .. [1] M. Ester, H.-P. Kriegel, J. Sander, X. Xu: A density-based algorithm for
       discovering clusters in large spatial databases with noise. KDD 1996.
    .. [2] R. Campello, D. Moulavi, J. Sander: Density-based clustering based on
       hierarchical density estimates. PAKDD 2013.

    Examples
    --------
    >>> from gclust import DBSCAN
    >>> X = [[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]]
    >>> DBSCAN(eps_km=5, min_samples=2).fit_predict(X)
    array([ 0,  0,  1,  1, -1])
    """

    def __init__(
        self,
        eps_km: float = 15.0,
        min_samples: float = 4500,
        *,
        border: str = "nearest",
        metric: str = "haversine",
        n_jobs: int | None = None,
    ) -> None:
        self.eps_km = eps_km
        self.min_samples = min_samples
        self.border = border
        self.metric = metric
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002
        sample_weight: Any = None,
        *,
        progress: bool | Report | None = None,
    ) -> DBSCAN:
        """Find the clusters of ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2), data frame, GeoSeries or GeoDataFrame
            Degrees, latitude then longitude; or points in any reference system.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights, none negative; 1 by default. Weight k is the same as k copies, weight 0
            as none: such rows change nothing, are no core points and get the label that
            `predict` gives them.
        progress : bool or callable, optional
            True draws progress on a terminal; a callable is called as
            ``progress(fraction, stage)``.

        Raises
        ------
        ValueError
            For coordinates, weights or parameters that cannot be used; names the value.

        Warns
        -----
        GclustWarning
            If no point is a core point.
        """
        threads = check_parameters(self.eps_km, self.border, self.metric, self.n_jobs)
        least = threshold_units(self.min_samples)
        show = resolve(progress)
        with stage(show, "reading coordinates") as report:
            lat, lon = degrees(X, threads, report)
        weighs = None
        if sample_weight is None:  # whole rows are counted
            units, unit, least = _NO_UNITS, 1, -(-least // UNIT)
        else:
            units, unit = row_units(sample_weight, len(lat)), UNIT
            weighs = None if units.all() else units > 0
        self._note_features(X, reset=True)
        warm_up(show, run_dbscan_kernels)
        folded = _fold(lat, lon, units, self.eps_km, threads, show)
        del lat, lon, units
        labels, core = _cluster(
            folded, least, (self.eps_km, self.border, self.metric), threads, show
        )
        self._core = (folded.lat[core], folded.lon[core], labels[core])
        self._core_height = band_height(float(self.eps_km))
        with stage(show, "labelling rows") as report:
            self.labels_, self.core_sample_mask_ = unfold(folded, labels, core, threads, report)
            if weighs is not None:
                self.core_sample_mask_ &= weighs
            self.core_sample_indices_ = np.flatnonzero(self.core_sample_mask_)
        nothing = np.zeros(0)
        self._folded = (
            folded._replace(lat=nothing, lon=nothing, prefix=_NO_UNITS, first=folded.first[:0]),
            core,
        )
        if not len(self._core[0]):
            self._warn_of_no_core(int(folded.prefix[-1]) / unit)
        return self

    @property
    def components_(self) -> NDArray[np.float64]:
        """Latitude and longitude of the core points, shape (n_core_samples, 2)."""
        check_is_fitted(self)
        folded, core = self._folded
        place = locations_of(folded, 1)[self.core_sample_indices_]
        at = (np.cumsum(core) - 1)[place]
        return np.stack([self._core[0][at], self._core[1][at]], axis=1)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the cluster that each point of ``X`` belongs to as a border point would.

        The label follows ``border``: that of the nearest core point within ``eps_km``,
        or the lowest one within reach, or, with ``noise``, only that of a core point at
        the same coordinates. On the rows that were fitted it is ``labels_``.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        ndarray of int64, shape (n_samples,)
            -1 for points that belong to no cluster.
        """
        check_is_fitted(self)
        threads = check_parameters(self.eps_km, self.border, self.metric, self.n_jobs)
        lat, lon = degrees(X, threads)
        self._note_features(X, reset=False)
        ways = (self.eps_km, self.border, self.metric)
        core_lat, core_lon, core_labels = self._core
        moved = self._core_height != band_height(float(self.eps_km))  # eps_km set since fit
        if moved and len(core_lat):
            cores = fold(
                core_lat, core_lon, _NO_UNITS, band_height(float(self.eps_km)), threads, unreported
            )
            core_lat, core_lon, core_labels = cores.lat, cores.lon, core_labels[cores.first]
        return _assign(lat, lon, core_lat, core_lon, core_labels, ways, threads, silent)

    def _note_features(self, X: Any, *, reset: bool) -> None:
        note_features(self, X, reset=reset)

    def _warn_of_no_core(self, total: float) -> None:
        warnings.warn(
            "no point is a core point, so that all are noise: nowhere do the points within "
            f"eps_km = {self.eps_km:g} weigh min_samples = {self.min_samples:g} (all rows "
            f"together weigh {total:.6g}); lower min_samples or raise eps_km",
            GclustWarning,
            stacklevel=3,
        )


_NO_UNITS = np.zeros(0, dtype=np.int64)


def cluster_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    eps_km: float,
    min_units: int,
    border: str,
    metric: str,
    n_jobs: int | None = None,
    progress: Report = silent,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cluster folded locations.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, sorted by latitude, then longitude, normalised as
        by :func:`gclust.cluster.coordinates.degrees`.
    units : ndarray of int64, shape (n,)
        Weight of each, in units of 1/232792560. Those without weight form and connect
        nothing, and get the label that :func:`assign_locations` gives them.
    eps_km, border, metric, n_jobs
        As in :class:`DBSCAN`.
    min_units : int
        ``min_samples`` in the units of the weights.
    progress : callable
        Called as ``progress(fraction, stage)``.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise, numbered by first core location.
    core : ndarray of bool, shape (n,)

    Raises
    ------
    ValueError
        If a parameter cannot be used or the locations are not sorted and distinct.
    """
    threads = check_parameters(eps_km, border, metric, n_jobs)
    lat, lon = check_locations(lat, lon)
    units = np.array(units, dtype=np.int64)
    if units.shape != lat.shape or (units < 0).any():
        raise ValueError("units must be one whole number per location, none negative")
    if int(min_units) < 1:
        raise ValueError(f"min_units must be at least 1, not {min_units!r}")
    if len(lat) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
    warm_up(progress, run_dbscan_kernels)
    folded = _fold(lat, lon, units, eps_km, threads, progress)
    labels, core = _cluster(folded, int(min_units), (eps_km, border, metric), threads, progress)
    return unfold(folded, labels, core, threads)


def assign_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    core_lat: NDArray[np.float64],
    core_lon: NDArray[np.float64],
    core_labels: NDArray[np.int64],
    *,
    eps_km: float,
    border: str,
    metric: str,
    n_jobs: int | None = None,
    progress: Report = silent,
) -> NDArray[np.int64]:
    """Return the label that locations take from given core locations.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, sorted and normalised as in
        :func:`cluster_locations`.
    core_lat, core_lon : ndarray of float64, shape (m,)
        Core locations, likewise.
    core_labels : ndarray of int64, shape (m,)
        Their clusters.
    eps_km, border, metric, n_jobs, progress
        As in :func:`cluster_locations`.

    Returns
    -------
    ndarray of int64, shape (n,)
        See :meth:`DBSCAN.predict`.
    """
    threads = check_parameters(eps_km, border, metric, n_jobs)
    lat, lon = check_locations(lat, lon)
    core_lat, core_lon = check_locations(core_lat, core_lon)
    core_labels = np.array(core_labels, dtype=np.int64)
    if core_labels.shape != core_lat.shape:
        raise ValueError(
            f"core_labels has the shape {core_labels.shape}, core_lat {core_lat.shape}"
        )
    if len(lat) == 0 or len(core_lat) == 0:
        return np.full(len(lat), -1, dtype=np.int64)
    warm_up(progress, run_dbscan_kernels)
    cores = fold(core_lat, core_lon, _NO_UNITS, band_height(float(eps_km)), threads, unreported)
    ways = (eps_km, border, metric)
    core_labels = core_labels[cores.first]
    return _assign(lat, lon, cores.lat, cores.lon, core_labels, ways, threads, progress)


def check_parameters(eps_km: Any, border: Any, metric: Any, n_jobs: Any) -> int:
    """Raise ValueError for a parameter that cannot be used; return the number of threads."""
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, not {border!r}")
    check_metric(metric)
    if not is_real(eps_km) or not 0 < eps_km < math.inf:
        raise ValueError(f"eps_km must be a positive number of kilometres, not {eps_km!r}")
    if eps_km > LARGEST_EPS_KM[metric]:
        raise ValueError(
            f"eps_km is {eps_km!r}, but metric {metric!r} holds only up to "
            f"{LARGEST_EPS_KM[metric]:g} km; take 'haversine'"
        )
    return count_threads(n_jobs)


def check_metric(metric: Any) -> None:
    """Raise ValueError for a metric that there is not."""
    if metric not in SURFACES:
        raise ValueError(f"metric must be one of {', '.join(SURFACES)}, not {metric!r}")


def check_locations(lat: Any, lon: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return own contiguous copies of sorted, distinct, normalised locations."""
    lat, lon = np.array(lat, dtype=np.float64), np.array(lon, dtype=np.float64)
    if lat.ndim != 1 or lat.shape != lon.shape:
        raise ValueError(f"lat and lon must be of one length, not {lat.shape} and {lon.shape}")
    if not (np.all(np.abs(lat) <= 90) and np.all(lon >= -180) and np.all(lon < 180)):
        raise ValueError("locations must have latitudes in [-90, 90], longitudes in [-180, 180)")
    rises = lat[1:] > lat[:-1]
    rises |= (lat[1:] == lat[:-1]) & (lon[1:] > lon[:-1])
    if not rises.all():
        raise ValueError(
            "locations must be distinct and sorted by latitude, then longitude; "
            f"location {int(np.argmin(rises)) + 1} is not"
        )
    return lat, lon


def _fold(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    eps_km: float,
    threads: int,
    progress: Report,
) -> Folded:
    with stage(progress, "folding onto locations") as report:
        return fold(lat, lon, units, band_height(float(eps_km)), threads, report)


def _cluster(
    folded: Folded,
    least: int,
    ways: tuple[float, str, str],
    threads: int,
    progress: Report,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cluster locations; clusters are numbered by the lowest row at a core location."""
    eps_km, border, metric = ways
    eps_km = float(eps_km)  # a float32 would lose the tolerance
    labels = np.full(len(folded.lat), -1, dtype=np.int64)
    reach = reach_of(eps_km)
    with stage(progress, "making bands") as report:
        points = build_bands(
            folded.lat, folded.lon, SURFACES[metric], eps_km, reach, threads, report
        )
    with stage(progress, "finding core locations") as report:
        thresholds = np.array([least], dtype=np.int64)
        level = find_levels(points, folded.prefix, thresholds, reach, threads, report)
        core = level.view(np.bool_)  # of one threshold: 0 or 1
        core &= folded.prefix[1:] > folded.prefix[:-1]  # a point without weight is none
    places = np.flatnonzero(core)
    if len(places) == 0:
        return labels, core
    with stage(progress, "linking") as report:
        cores = select_points(points, places, reach, threads)
        start, root = link_points(cores, reach, threads, report)
        core_labels = _number(start, root, folded.first[places])
        labels[places] = core_labels
    if border != "noise" and len(places) < len(core):
        del places, start, root  # before more is made
        with stage(progress, "assigning borders") as report:
            nearest = border == "nearest"
            assign_labels(
                points, ~core, cores, core_labels, nearest, reach, threads, report, labels
            )
    return labels, core


def _assign(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    core_lat: NDArray[np.float64],
    core_lon: NDArray[np.float64],
    core_labels: NDArray[np.int64],
    ways: tuple[float, str, str],
    threads: int,
    progress: Report,
) -> NDArray[np.int64]:
    """Return the labels that rows take from core locations, given in the order of bands."""
    eps_km, border, metric = ways
    eps_km = float(eps_km)  # a float32 would lose the tolerance
    if len(lat) == 0 or len(core_lat) == 0:
        return np.full(len(lat), -1, dtype=np.int64)
    warm_up(progress, run_dbscan_kernels)
    rows = _fold(lat, lon, _NO_UNITS, eps_km, threads, progress)
    labels = np.full(len(rows.lat), -1, dtype=np.int64)
    wanted = np.ones(len(labels), dtype=np.bool_)
    with stage(progress, "assigning") as report:
        if border == "noise":
            _match(rows, core_lat, core_lon, core_labels, labels)
        else:
            reach, surface = reach_of(eps_km), SURFACES[metric]
            points = build_bands(
                rows.lat, rows.lon, surface, eps_km, reach, threads, unreported, vectors=False
            )
            core = build_bands(core_lat, core_lon, surface, eps_km, reach, threads, unreported)
            nearest = border == "nearest"
            assign_labels(
                points, wanted, core, core_labels, nearest, reach, threads, report, labels
            )
    return unfold(rows, labels, wanted, threads)[0]


def _match(
    rows: Folded,
    core_lat: NDArray[np.float64],
    core_lon: NDArray[np.float64],
    core_labels: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Write the labels of the core points that lie at the very coordinates of locations."""
    at = find_places(rows.lat, rows.lon, core_lat, core_lon)
    out[at >= 0] = core_labels[at[at >= 0]]


def _number(
    start: NDArray[np.int64], root: NDArray[np.int64], rank: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Return labels of core points, numbered by the lowest rank in each component."""
    first = np.full(len(root), np.iinfo(np.int64).max)
    np.minimum.at(first, root, np.minimum.reduceat(rank, start[:-1]))
    roots = np.flatnonzero(root == np.arange(len(root)))
    number = np.empty(len(root), dtype=np.int64)
    number[roots[np.argsort(first[roots])]] = np.arange(len(roots))
    return np.repeat(number[root], np.diff(start))
