"""Exact weighted DBSCAN on the Earth's surface."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from gclust.cluster.fitted_html import FittedHTML, MappedPoints
from gclust.errors import GclustWarning
from gclust.progress import Report


class DBSCAN(FittedHTML, ClusterMixin, BaseEstimator):
    """Estimator of exact DBSCAN clusters of weighted points on the Earth's surface.

    A point is a core point if the points within ``eps_km`` of it, itself included, weigh
    at least ``min_samples``. Core points within ``eps_km`` of each other are in one
    cluster; a border point has a core point within ``eps_km``; the others are noise.
    *Within* means a distance of at most ``eps_km`` plus one micrometre. How it is computed:
    docs/algorithm.md.

    Parameters
    ----------
    eps_km : float, default 15.0
        Radius of the neighbourhood in kilometres; the default is the GII's of 2024, as is
        that of ``min_samples``. It is not a bound on the size of
        clusters, nor on the distance between points of one.
    min_samples : float, default 4500
        Least weight of a core point's neighbourhood, at least 1. The point itself counts:
        as in scikit-learn, and one more than in the ``hdbscan`` library. It is not a
        least weight of clusters: one may weigh less where points that its core points count
        are nearer to core points of a neighbouring cluster, and join that one.
    border : {"nearest", "first", "noise"}, default "nearest"
        What a border point becomes. ``nearest``: it joins its nearest core point, ties
        (a micrometre) going to the smallest latitude, then longitude; the partition does
        not depend on the order of rows. ``first``: it takes the lowest label within
        reach, as in scikit-learn. ``noise``: it is noise (DBSCAN*, [2]_).
    metric : {"haversine", "wgs84"}, default "haversine"
        Great circles on a sphere of 6371.0088 km, or geodesics on the WGS84 ellipsoid,
        within 5 mm up to 60 km and within 25 m up to 1000 km, the largest radius.
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
        Names of the columns of a data frame; not set for other input.

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
        """Find the clusters of the points ``X``.

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
            If coordinates, weights or parameters cannot be used; the message names the value.

        Warns
        -----
        GclustWarning
            If no point is a core point.
        """
        # Numba is loaded by the first call, not by the import of this class.
        from gclust.cluster.dbscan_rows import fit_rows

        found = fit_rows(self, X, sample_weight, progress)
        self.labels_, self.core_sample_mask_ = found.labels, found.core
        self.core_sample_indices_ = np.flatnonzero(found.core)
        self._core, self._core_height = found.core_locations, found.band_height
        self._folded = (found.folded, found.is_core)
        if not len(self._core.lat):
            self._warn_of_no_core(found.total)
        return self

    @property
    def components_(self) -> NDArray[np.float64]:
        """Latitude and longitude of the core points, shape (n_core_samples, 2)."""
        from gclust.cluster.dbscan_rows import core_coordinates

        check_is_fitted(self)
        return core_coordinates(self._core, *self._folded, self.core_sample_indices_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the cluster that each point of ``X`` would join as a border point, or -1.

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
        from gclust.cluster.dbscan_rows import predict_rows

        check_is_fitted(self)
        return predict_rows(self, X, self._core, self._core_height)

    def _mapped_points(self) -> MappedPoints:
        core = self.components_
        return core[:, 0], core[:, 1], self.labels_[self.core_sample_indices_]

    def _warn_of_no_core(self, total: float) -> None:
        warnings.warn(
            "no point is a core point, so that all are noise: nowhere do the points within "
            f"eps_km = {self.eps_km:g} weigh min_samples = {self.min_samples:g} (all rows "
            f"together weigh {total:.6g}); lower min_samples or raise eps_km",
            GclustWarning,
            stacklevel=3,
        )
