"""Exact weighted HDBSCAN on the Earth's surface."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from gclust.cluster.coordinates import degrees, find_places, note_features
from gclust.cluster.fitted_html import FittedHTML, MappedPoints
from gclust.cluster.fixed_point import UNIT, row_units, threshold_units
from gclust.cluster.hdbscan_predict import attach_weightless
from gclust.cluster.hierarchy import (
    FlatClusters,
    HierarchyParameters,
    WeightedLocations,
    extract_clusters,
    find_hierarchy,
    fold_locations,
    run_hierarchy_kernels,
)
from gclust.cluster.numbers import is_real
from gclust.cluster.parameters import SURFACES, check_metric
from gclust.cluster.selection import METHODS, Selection, strength
from gclust.errors import GclustWarning
from gclust.kernels.hdbscan.condensed_tree import Condensed
from gclust.kernels.warm_up import warm_up
from gclust.progress import Report, resolve, silent, stage
from gclust.threads import count_threads
from gclust.units import LARGEST_TOTAL

_NO_UNITS = np.zeros(0, dtype=np.int64)


class HDBSCAN(FittedHTML, ClusterMixin, BaseEstimator):
    """Estimator of exact HDBSCAN clusters of weighted points on the Earth's surface.

    The core distance of a point is the least radius within which the points, itself
    included, weigh at least ``min_samples``. Two points are connected at a radius no less
    than their distance and their core distances. The connected points at a radius are the
    clusters of :class:`gclust.DBSCAN` with that ``eps_km`` and without border points. As the radius
    falls, they split and shrink; the hierarchy keeps those that weigh at least
    ``min_cluster_size``, and selects the ones that persist longest ([1]_, [2]_).

    Weight k is the same as k copies, and weight 0 as none. Connection radii that differ by less
    than a micrometre count as equal, and a cluster may split into more than two parts at one
    radius: the result does not depend on the order of rows.

    Parameters
    ----------
    min_cluster_size : float, default 4500
        Least weight of a cluster, at least 2.
    min_samples : float, optional
        Weight within the core distance, at least 1; ``min_cluster_size`` by default. The
        point itself counts, as in scikit-learn; in the ``hdbscan`` library it does not:
        ``min_samples=5`` here is ``min_samples=4`` there. It is not a least weight of
        clusters: one weighs less where points within its core distances belong to a
        neighbouring cluster.
    cluster_selection_method : {"eom", "leaf"}, default "eom"
        ``eom``: the clusters of greatest total excess of mass. ``leaf``: the leaves of the
        hierarchy.
    cluster_selection_epsilon_km : float, default 0.0
        Clusters that split off below this radius, in kilometres, are merged again ([3]_).
    max_cluster_size : float, optional
        Greatest weight, at its birth, of a cluster that ``eom`` selects; instead of a heavier
        one its children are considered. As in the ``hdbscan`` library, ``leaf`` ignores it,
        and ``cluster_selection_epsilon_km`` may merge heavier ones.
    allow_single_cluster : bool, default False
        Whether the root, which holds everything, may be selected. Its points are those in it
        when it splits or ends, or at ``cluster_selection_epsilon_km`` if that is given, as in
        the ``hdbscan`` library and in scikit-learn; the others are noise. Unlike in
        those two, ``leaf`` may also select a root that never splits.
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
        Strength of membership: lambda at which a row leaves its cluster, divided by the
        greatest lambda at which any row does before the cluster splits; 0 for noise. Lambda is
        1 / km; lengths below 1 m count as 1 m.
    condensed_tree_ : hdbscan.plots.CondensedTree
        The hierarchy, with the plots of the ``hdbscan`` library; sizes are weights.
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of str, shape (2,)
        Names of the columns of a data frame; not set for other input.

    Notes
    -----
    Rows without weight are not in the hierarchy: in ``condensed_tree_`` they have size 0 and
    leave the root at lambda 0, unless a row with weight has the same coordinates. Their labels
    are those that `predict` gives.

    There is no ``single_linkage_tree_``: the ``hdbscan`` library draws each leaf with a weight
    of one, SciPy refuses linkages with more weight than leaves, and a binary tree would have to
    order equal lengths.

    References
    ----------
    .. [1] R. Campello, D. Moulavi, J. Sander: Density-based clustering based on
       hierarchical density estimates. PAKDD 2013.
    .. [2] L. McInnes, J. Healy: Accelerated hierarchical density based clustering.
       ICDM Workshops 2017.
    .. [3] C. Malzer, M. Baum: A hybrid approach to hierarchical density-based cluster
       selection. MFI 2020.

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

        Returns
        -------
        HDBSCAN
            The fitted estimator.

        Raises
        ------
        ValueError
            If coordinates, weights or parameters cannot be used; the message names the value.

        Warns
        -----
        GclustWarning
            If there is no cluster.
        """
        parameters = self._check()
        show = resolve(progress)
        with stage(show, "reading coordinates") as report:
            lat, lon = degrees(X, parameters.threads, report)
        units, size, unit = _NO_UNITS, None, 1
        if sample_weight is None:  # whole rows are counted
            parameters = parameters.in_rows()
        else:
            units, unit = row_units(sample_weight, len(lat)), UNIT
            size = units / UNIT
        self._note_features(X, reset=True)
        warm_up(show, run_hierarchy_kernels)
        with stage(show, "folding onto locations") as report:
            known = fold_locations(lat, lon, units, parameters.threads, report)
        del lat, lon, units
        tree, flat = _cluster(known, unit, parameters, show)
        self.labels_ = flat.labels[known.row_of]
        self.probabilities_ = flat.probability[known.row_of]
        self._tree = (tree, known.row_of, size, unit, flat.chosen)
        self._known = (known._replace(row_of=known.row_of[:0]), flat.labels, flat.until_km)
        self._fitted = parameters
        if not len(flat.chosen):
            self._warn_of_no_cluster(int(known.units.sum()) / unit)
        return self

    def _mapped_points(self) -> MappedPoints:
        known, labels, _ = self._known
        return known.lat, known.lon, labels

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the cluster that each point of ``X`` would join if its weight were negligible.

        It is the cluster of the nearest member to which the point would be connected at some
        radius at which the cluster exists: the member is within that radius, and so are points
        that weigh ``min_samples``. Ties (a micrometre) go to the smallest latitude, then
        longitude. For the rows that were fitted it is ``labels_``.

        ``approximate_predict`` of the ``hdbscan`` library considers only the point to which the
        new one would be connected first, and returns noise where that one is noise.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        ndarray of int64, shape (n_samples,)
            -1 for points that would join no cluster.

        Raises
        ------
        ValueError
            If coordinates cannot be used; the message names the value.
        """
        check_is_fitted(self)
        parameters = self._fitted._replace(threads=count_threads(self.n_jobs))
        lat, lon = degrees(X, parameters.threads)
        self._note_features(X, reset=False)
        new = fold_locations(lat, lon, _NO_UNITS, parameters.threads, lambda _: None)
        known, labels, until_km = self._known
        at = find_places(new.lat, new.lon, known.lat, known.lon)
        found = labels[at]
        others = np.flatnonzero(at < 0)
        weighs = known.units > 0
        found[others] = attach_weightless(
            np.concatenate([known.lat[weighs], new.lat[others]]),
            np.concatenate([known.lon[weighs], new.lon[others]]),
            np.concatenate([known.units[weighs], np.zeros(len(others), dtype=np.int64)]),
            np.concatenate([labels[weighs], np.full(len(others), -1)]),
            until_km,
            parameters,
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
        """The hierarchy as a ``CondensedTree`` of the ``hdbscan`` library."""
        check_is_fitted(self)
        from gclust.cluster.condensed_tree import condensed_tree  # hdbscan takes a second to load

        return condensed_tree(*self._tree)

    def _check(self) -> HierarchyParameters:
        """Return the checked parameters; raise ValueError for one that cannot be used."""
        size, samples = self.min_cluster_size, self.min_samples
        if not is_real(size) or not size >= 2:
            raise ValueError(f"min_cluster_size must be a number from 2 on, not {size!r}")
        epsilon_km = self.cluster_selection_epsilon_km
        if not is_real(epsilon_km) or not 0 <= epsilon_km < math.inf:
            raise ValueError(
                "cluster_selection_epsilon_km must be a number of kilometres, 0 or more, "
                f"not {epsilon_km!r}"
            )
        if self.cluster_selection_method not in METHODS:
            raise ValueError(
                f"cluster_selection_method must be one of {', '.join(METHODS)}, "
                f"not {self.cluster_selection_method!r}"
            )
        most = self.max_cluster_size
        if most is not None and (not is_real(most) or not most >= size):
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
        return HierarchyParameters(
            min_cluster_units=least,
            min_units=least if samples is None else threshold_units(samples),
            selection=Selection(
                self.cluster_selection_method,
                float(epsilon_km),
                bool(self.allow_single_cluster),
                None if most is None else threshold_units(min(most, LARGEST_TOTAL)),
            ),
            surface=SURFACES[self.metric],
            threads=count_threads(self.n_jobs),
        )


def _cluster(
    known: WeightedLocations, unit: int, parameters: HierarchyParameters, show: Report
) -> tuple[Condensed, FlatClusters]:
    """Return the hierarchy and the flat clusters of locations, also of those without weight."""
    tree = find_hierarchy(known.lat, known.lon, known.units, parameters, show)
    flat = extract_clusters(tree, known.units, known.first, unit, parameters.selection, show)
    others = np.flatnonzero(known.units == 0)
    if len(others):
        attached = attach_weightless(
            *(known.lat, known.lon, known.units, flat.labels, flat.until_km), parameters, show
        )
        flat.labels[others] = attached.labels
        inside = others[attached.labels >= 0]
        reach_km = attached.reach_km[attached.labels >= 0]
        flat.probability[inside] = strength(flat.last_km[flat.labels[inside]], reach_km)
    return tree, flat


def hierarchical_labels(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    model: HDBSCAN,
    progress: Report = silent,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the cluster of each distinct location, weighted by its listings.

    ``lat``, ``lon`` and ``units`` (n,), n >= 1, are as in
    `gclust.cluster.locations.cluster_locations`; locations without weight are labelled by
    `gclust.cluster.hdbscan_predict.attach_weightless`. Raises ValueError for a parameter that
    cannot be used.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise, numbered by first location with weight.
    probability : ndarray of float64, shape (n,)
    until_km : ndarray of float64, shape (n_clusters,)
        Radius below which each cluster exists; see `gclust.cluster.selection.cluster_radii`.
    """
    parameters = model._check()
    warm_up(progress, run_hierarchy_kernels)
    first, no_rows = np.arange(len(lat), dtype=np.uint32), np.zeros(0, dtype=np.int32)
    known = WeightedLocations(lat, lon, units, first, no_rows)
    _, flat = _cluster(known, UNIT, parameters, progress)
    return flat.labels, flat.probability, flat.until_km
