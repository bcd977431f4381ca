"""Exact weighted HDBSCAN on the Earth's surface."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from gclust.cluster.coordinates import degrees, find_places, note_features
from gclust.cluster.dbscan import SURFACES, check_metric
from gclust.cluster.fixed_point import UNIT, row_units, threshold_units
from gclust.cluster.hdbscan_predict import join
from gclust.cluster.hierarchy import (
    Flat,
    Places,
    Ways,
    find_hierarchy,
    flatten,
    fold_places,
    run_hierarchy_kernels,
)
from gclust.cluster.selection import METHODS, Selection, strength
from gclust.errors import GclustWarning
from gclust.kernels.warm_up import warm_up
from gclust.progress import Report, resolve, silent, stage
from gclust.threads import count_threads
from gclust.units import LARGEST_TOTAL

_NO_UNITS = np.zeros(0, dtype=np.int64)


class HDBSCAN(ClusterMixin, BaseEstimator):
    """Hierarchical density-based clusters of weighted points on the Earth, exact.

    The core distance of a point is the least radius within which the points, itself
    included, weigh at least ``min_samples``. Two points are connected at a radius that is
    no less than their distance nor than their core distances: the clusters of
    :class:`gclust.DBSCAN` without borders at that ``eps_km``. Over falling radii these
    are split and shrink; the hierarchy keeps the parts that weigh at least
    ``min_cluster_size``, and the selected clusters are those that last longest.

    Weight k is the same as k copies, and weight 0 as none. Lengths that are equal to a
    micrometre are equal, and split a cluster into all of its parts at once: the result does
    not depend on the order of rows.

    Parameters
    ----------
    min_cluster_size : float, default 4500
        Least weight of a cluster, at least 2.
    min_samples : float, optional
        Weight that a core distance holds, at least 1, the point's own included: as in
        scikit-learn, and one more than in the ``hdbscan`` library, where the point does not
        count: ``min_samples=5`` here is ``min_samples=4`` there. By default
        ``min_cluster_size``. It is no least weight of clusters: one may weigh less where
        points that its core distances hold go with a neighbour.
    cluster_selection_method : {"eom", "leaf"}, default "eom"
        ``eom``: the clusters of greatest total excess of mass. ``leaf``: those that are
        not split any more.
    cluster_selection_epsilon_km : float, default 0.0
        Clusters that were split off below this radius, in kilometres, are put together
        again.
    max_cluster_size : float, optional
        Greatest weight, when it is split off, of a cluster that ``eom`` selects: a heavier one
        gives way to the parts that it is split into. As in the ``hdbscan`` library, ``leaf``
        does not look at it, and ``cluster_selection_epsilon_km`` may put heavier ones together.
    allow_single_cluster : bool, default False
        Whether the one cluster that holds everything may be selected. Its points are those
        that are in it when it is split or ends, or at ``cluster_selection_epsilon_km`` if that
        is given, as in the ``hdbscan`` library and in scikit-learn; the others are noise.
        Unlike there, it is selected by ``leaf`` too if it is never split.
    metric : {"haversine", "wgs84"}, default "haversine"
        Great circles on a sphere of 6371.0088 km, or geodesics on the WGS84 ellipsoid,
        within 5 mm up to 60 km and within 25 m up to 1000 km.
    n_jobs : int, optional
        Number of threads; by default all that the process may use within the limits of
        ``NUMBA_NUM_THREADS``, ``OMP_NUM_THREADS`` and joblib, -1 for all processors, -2 for
        all but one. Results do not depend on it.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n_samples,)
        Cluster of each row, -1 for noise, numbered by first member row of weight.
    probabilities_ : ndarray of float64, shape (n_samples,)
        How strongly each row belongs to its cluster: lambda at which it leaves it over the
        greatest one at which any does before it is split; 0 for noise. Lambda is 1 / km,
        lengths below 1 m counting as 1 m.
    condensed_tree_ : hdbscan.plots.CondensedTree
        The hierarchy, with the plots of the ``hdbscan`` library; sizes are weights.
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of str, shape (2,)
        Names of the columns of a data frame; not there for other input.

    Notes
    -----
    Rows without weight are not in the hierarchy: in ``condensed_tree_`` they have a size of 0
    and leave the root at lambda 0, unless a row with weight lies at the same place. Their
    labels are those that `predict` gives.

    There is no ``single_linkage_tree_``: that of the ``hdbscan`` library draws every leaf
    with a weight of one, SciPy refuses linkages that hold more weight than leaves, and one
    of two parts at a time must order equal lengths, which are one here.

    References
    ----------
    .. [1] R. Campello, D. Moulavi, J. Sander: Density-based clustering based on
       hierarchical density estimates. PAKDD 2013.
    .. [2] L. McInnes, J. Healy: Accelerated hierarchical density based clustering.
       ICDM Workshops 2017.

    Examples
    --------
    >>> from gclust import HDBSCAN
    >>> X = [[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]]
    >>> HDBSCAN(min_cluster_size=2).fit_predict(X)
    array([ 0,  0,  1,  1, -1])
    """

    def __init__(
        self,
        min_cluster_size: float = 4500,
        min_samples: float | None = None,
        *,
        cluster_selection_method: str = "eom",
        cluster_selection_epsilon_km: float = 0.0,
        max_cluster_size: float | None = None,
        allow_single_cluster: bool = False,
        metric: str = "haversine",
        n_jobs: int | None = None,
    ) -> None:
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.cluster_selection_method = cluster_selection_method
        self.cluster_selection_epsilon_km = cluster_selection_epsilon_km
        self.max_cluster_size = max_cluster_size
        self.allow_single_cluster = allow_single_cluster
        self.metric = metric
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002
        sample_weight: Any = None,
        *,
        progress: bool | Report | None = None,
    ) -> HDBSCAN:
        """Find the clusters of ``X``.

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

        Raises
        ------
        ValueError
            For coordinates, weights or parameters that cannot be used; names the value.

        Warns
        -----
        GclustWarning
            If there is no cluster.
        """
        ways = self._check()
        show = resolve(progress)
        with stage(show, "reading coordinates") as report:
            lat, lon = degrees(X, ways.threads, report)
        units, size, unit = _NO_UNITS, None, 1
        if sample_weight is None:  # whole rows are counted
            ways = ways.of_rows()
        else:
            units, unit = row_units(sample_weight, len(lat)), UNIT
            size = units / UNIT
        self._note_features(X, reset=True)
        warm_up(show, run_hierarchy_kernels)
        with stage(show, "folding onto locations") as report:
            places = fold_places(lat, lon, units, ways.threads, report)
        del lat, lon, units
        tree = find_hierarchy(places.lat, places.lon, places.units, ways, show)
        flat = flatten(tree, places.units, places.first, unit, ways.selection, show)
        labels, probability = _with_others(places, flat, ways, show)
        self.labels_ = labels[places.row_of]
        self.probabilities_ = probability[places.row_of]
        self._found = (tree, places.row_of, size, unit, flat.chosen)
        self._places = (places._replace(row_of=places.row_of[:0]), labels, flat.until_km)
        self._fitted = ways
        if not len(flat.chosen):
            self._warn_of_no_cluster(int(places.units.sum()) / unit)
        return self

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the cluster that each point of ``X`` would be in if it weighed next to nothing.

        That of the nearest point of a cluster with which it would be connected at some radius
        at which there is that cluster: one at which that point is within the radius, and so are
        points that weigh ``min_samples``. Ties (a micrometre) go to the smallest latitude, then
        longitude. On the rows that were fitted it is ``labels_``.

        The ``hdbscan`` library's ``approximate_predict`` looks at one point alone, that which it
        would be connected with first, and finds noise where that is noise.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        ndarray of int64, shape (n_samples,)
            -1 for points that would be in no cluster.
        """
        check_is_fitted(self)
        threads = count_threads(self.n_jobs)
        lat, lon = degrees(X, threads)
        self._note_features(X, reset=False)
        new = fold_places(lat, lon, _NO_UNITS, threads, lambda _: None)
        known, labels, until_km = self._places
        at = find_places(new.lat, new.lon, known.lat, known.lon)
        found = labels[at]
        others = np.flatnonzero(at < 0)
        there = known.units > 0
        found[others] = join(
            np.concatenate([known.lat[there], new.lat[others]]),
            np.concatenate([known.lon[there], new.lon[others]]),
            np.concatenate([known.units[there], np.zeros(len(others), dtype=np.int64)]),
            np.concatenate([labels[there], np.full(len(others), -1)]),
            until_km,
            (self._fitted.need, self._fitted.surface, threads),
            silent,
        ).labels
        return found[new.row_of]

    def _note_features(self, X: Any, *, reset: bool) -> None:
        note_features(self, X, reset=reset)

    def _warn_of_no_cluster(self, total: float) -> None:
        warnings.warn(
            "no cluster was found, so that all points are noise: at no radius do they split into "
            f"several clusters of min_cluster_size = {self.min_cluster_size:g} (all rows together "
            f"weigh {total:.6g}); lower min_cluster_size or min_samples, or set "
            "allow_single_cluster",
            GclustWarning,
            stacklevel=3,
        )

    @property
    def condensed_tree_(self) -> Any:
        """The hierarchy, as the ``hdbscan`` library's ``CondensedTree``."""
        check_is_fitted(self)
        from gclust.cluster.condensed_tree import condensed_tree  # hdbscan takes a second to load

        return condensed_tree(*self._found)

    def _check(self) -> Ways:
        """Raise ValueError for a parameter that cannot be used; return them all."""
        size, samples = self.min_cluster_size, self.min_samples
        if not _is_number(size) or not size >= 2:
            raise ValueError(f"min_cluster_size must be a number from 2 on, not {size!r}")
        epsilon_km = self.cluster_selection_epsilon_km
        if not _is_number(epsilon_km) or not 0 <= epsilon_km < math.inf:
            raise ValueError(
                "cluster_selection_epsilon_km must be a number of kilometres from 0 on, "
                f"not {epsilon_km!r}"
            )
        if self.cluster_selection_method not in METHODS:
            raise ValueError(
                f"cluster_selection_method must be one of {', '.join(METHODS)}, "
                f"not {self.cluster_selection_method!r}"
            )
        most = self.max_cluster_size
        if most is not None and (not _is_number(most) or not most >= size):
            raise ValueError(
                "max_cluster_size must be None or a number no less than min_cluster_size "
                f"({size!r}), not {most!r}"
            )
        if not isinstance(self.allow_single_cluster, bool | np.bool_):
            raise ValueError(
                f"allow_single_cluster must be True or False, not {self.allow_single_cluster!r}"
            )
        check_metric(self.metric)
        least = threshold_units(min(size, LARGEST_TOTAL))
        return Ways(
            least=least,
            need=least if samples is None else threshold_units(samples),
            selection=Selection(
                self.cluster_selection_method,
                float(epsilon_km),
                bool(self.allow_single_cluster),
                None if most is None else threshold_units(min(most, LARGEST_TOTAL)),
            ),
            surface=SURFACES[self.metric],
            threads=count_threads(self.n_jobs),
        )


def _with_others(
    places: Places, flat: Flat, ways: Ways, show: Report
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return labels and probabilities of all locations, those without weight included."""
    others = np.flatnonzero(places.units == 0)
    labels, probability = flat.labels.copy(), flat.probability.copy()
    if len(others):
        need = (ways.need, ways.surface, ways.threads)
        joined = join(places.lat, places.lon, places.units, labels, flat.until_km, need, show)
        labels[others] = joined.labels
        inside = others[joined.labels >= 0]
        reach_km = joined.reach_km[joined.labels >= 0]
        probability[inside] = strength(flat.last_km[labels[inside]], reach_km)
    return labels, probability


def hierarchical_labels(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    min_cluster_size: float,
    min_samples: float | None = None,
    cluster_selection_method: str = "eom",
    cluster_selection_epsilon_km: float = 0.0,
    max_cluster_size: float | None = None,
    allow_single_cluster: bool = False,
    metric: str = "haversine",
    n_jobs: int | None = None,
    progress: Report = silent,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cluster folded locations.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,), n >= 1
        Distinct locations in degrees, sorted by latitude, then longitude, normalised as
        by :func:`gclust.cluster.coordinates.degrees`.
    units : ndarray of int64, shape (n,)
        Weight of each, in units of 1/232792560, none 0.
    min_cluster_size, min_samples, cluster_selection_method, \
    cluster_selection_epsilon_km, max_cluster_size, allow_single_cluster, metric, n_jobs
        As in :class:`HDBSCAN`.
    progress : callable
        Called as ``progress(fraction, stage)``.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise, numbered by first location.
    probability : ndarray of float64, shape (n,)
    until_km : ndarray of float64, shape (n_clusters,)
        Radius below which there is each cluster; see `gclust.cluster.selection.radii`.
    """
    model = HDBSCAN(
        min_cluster_size,
        min_samples,
        cluster_selection_method=cluster_selection_method,
        cluster_selection_epsilon_km=cluster_selection_epsilon_km,
        max_cluster_size=max_cluster_size,
        allow_single_cluster=allow_single_cluster,
        metric=metric,
        n_jobs=n_jobs,
    )
    ways = model._check()
    warm_up(progress, run_hierarchy_kernels)
    tree = find_hierarchy(lat, lon, units, ways, progress)
    flat = flatten(tree, units, np.arange(len(lat)), UNIT, ways.selection, progress)
    return flat.labels, flat.probability, flat.until_km


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
