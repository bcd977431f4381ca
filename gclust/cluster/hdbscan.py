"""Exact weighted HDBSCAN on the Earth's surface."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from gclust.cluster.coordinates import degrees
from gclust.cluster.dbscan import SURFACES, check_metric
from gclust.cluster.selection import METHODS, memberships, select, stabilities
from gclust.cluster.units import UNIT, row_units, threshold_units
from gclust.kernels._pieces import even_cuts, run_pieces, unreported
from gclust.kernels.balls import LEAF, fill_km, grow_balls
from gclust.kernels.condense import Condensed, condense
from gclust.kernels.fold import fold
from gclust.kernels.nearness import core_keys
from gclust.kernels.spanning import spanning_tree
from gclust.kernels.sphere import fill_vectors
from gclust.progress import Report, resolve, silent, stage
from gclust.threads import count_threads
from gclust.units import LARGEST_TOTAL

DECIMALS = 9
"""Lengths are rounded to micrometres, so that those that are equal are found to be."""

SHORTEST_KM = 1e-3
"""What shorter lengths count as, so that lambda = 1 / km is finite: one metre, about as
well as a geocode is known."""

_BAND = 1.0
"""Height of the bands that locations are sorted in, in degrees."""

_PIECE = 1 << 18


class HDBSCAN(ClusterMixin, BaseEstimator):
    """Hierarchical density-based clusters of weighted points on the Earth, exact.

    The core distance of a point is the least radius within which the points, itself
    included, weigh at least ``min_samples``. Two points are connected at a radius that is
    no less than their distance nor than their core distances: the clusters of
    :class:`gclust.DBSCAN` without borders at that ``eps_km``. Over falling radii these
    are split and shrink; the hierarchy keeps the parts that weigh at least
    ``min_cluster_size``, and the selected clusters are those that last longest.

    Weight k is the same as k copies. Lengths that are equal to a micrometre are equal,
    and split a cluster into all of its parts at once: the result does not depend on the
    order of rows.

    Parameters
    ----------
    min_cluster_size : float, default 4500
        Least weight of a cluster, at least 2.
    min_samples : float, optional
        Weight that a core distance holds, at least 1, the point's own included: as in
        scikit-learn, and one more than in the ``hdbscan`` library. By default
        ``min_cluster_size``.
    cluster_selection_method : {"eom", "leaf"}, default "eom"
        ``eom``: the clusters of greatest total excess of mass. ``leaf``: those that are
        not split any more. The one cluster that holds everything is never selected.
    cluster_selection_epsilon_km : float, default 0.0
        Clusters that were split off below this radius, in kilometres, are put together
        again.
    metric : {"haversine", "wgs84"}, default "haversine"
        Great circles on a sphere of 6371.0088 km, or geodesics on the WGS84 ellipsoid,
        within 5 mm up to 60 km and within 25 m up to 1000 km.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.

    Attributes
    ----------
    labels_ : ndarray of int64, shape (n_samples,)
        Cluster of each row, -1 for noise, numbered by first member row.
    probabilities_ : ndarray of float64, shape (n_samples,)
        How strongly each row belongs to its cluster: lambda at which it leaves it over the
        greatest one at which any does before it is split; 0 for noise. Lambda is 1 / km,
        lengths below 1 m counting as 1 m.
    condensed_tree_ : hdbscan.plots.CondensedTree
        The hierarchy, with the plots of the ``hdbscan`` library; sizes are weights.
    n_features_in_ : int
        2.

    Notes
    -----
    Rows without weight add no density, but may connect others, as in
    :class:`gclust.DBSCAN`.

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
        metric: str = "haversine",
        n_jobs: int | None = None,
    ) -> None:
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.cluster_selection_method = cluster_selection_method
        self.cluster_selection_epsilon_km = cluster_selection_epsilon_km
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
            Weights, none negative; 1 by default. Weight k is the same as k copies.
        progress : bool or callable, optional
            True draws progress on a terminal; a callable is called as
            ``progress(fraction, stage)``.

        Raises
        ------
        ValueError
            For coordinates, weights or parameters that cannot be used; names the value.
        """
        ways = self._check()
        show = resolve(progress)
        with stage(show, "reading coordinates") as report:
            lat, lon = degrees(X, ways.threads, report)
        units, size, unit = np.zeros(0, dtype=np.int64), None, 1
        if sample_weight is None:  # whole rows are counted
            ways = ways._replace(least=-(-ways.least // UNIT), need=-(-ways.need // UNIT))
        else:
            units, unit = row_units(sample_weight, len(lat)), UNIT
            size = units / UNIT
        _prepare(show)
        with stage(show, "folding onto locations") as report:
            places = _fold(lat, lon, units, ways.threads, report)
        del lat, lon, units
        tree = _hierarchy(places.lat, places.lon, places.units, ways, show)
        number, probability, chosen = _flatten(tree, places.units, unit, ways, show)
        labels, chosen = _by_first(number, places.first, chosen)
        self.labels_ = labels[places.row_of]
        self.probabilities_ = probability[places.row_of]
        self._found = (tree, places.row_of, size, unit, chosen)
        self.n_features_in_ = 2
        return self

    @property
    def condensed_tree_(self) -> Any:
        """The hierarchy, as the ``hdbscan`` library's ``CondensedTree``."""
        check_is_fitted(self)
        from gclust.cluster.condensed import condensed_tree  # hdbscan takes a second to load

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
        check_metric(self.metric)
        threads = count_threads(self.n_jobs)
        least = threshold_units(min(size, LARGEST_TOTAL))
        return Ways(
            least=least,
            need=least if samples is None else threshold_units(samples),
            method=self.cluster_selection_method,
            epsilon_km=float(epsilon_km),
            surface=SURFACES[self.metric],
            threads=threads,
        )


class Ways(NamedTuple):
    """Checked parameters."""

    least: int
    """``min_cluster_size`` in the unit of the weights."""
    need: int
    """``min_samples`` in the unit of the weights."""
    method: str
    epsilon_km: float
    surface: tuple[float, float]
    threads: int


class _Places(NamedTuple):
    """Distinct locations, by band of latitude, longitude and latitude."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    units: NDArray[np.int64]
    first: NDArray[np.uint32]
    """Lowest row at each location."""
    row_of: NDArray[np.int32]
    """Location of each row."""


def hierarchical_labels(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    *,
    min_cluster_size: float,
    min_samples: float | None = None,
    cluster_selection_method: str = "eom",
    cluster_selection_epsilon_km: float = 0.0,
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
        Weight of each, in units of 1/232792560.
    min_cluster_size, min_samples, cluster_selection_method, \
    cluster_selection_epsilon_km, metric, n_jobs
        As in :class:`HDBSCAN`.
    progress : callable
        Called as ``progress(fraction, stage)``.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise, numbered by first location.
    probability : ndarray of float64, shape (n,)
    birth_km : ndarray of float64, shape (n_clusters,)
        Radius below which there is each cluster.
    """
    model = HDBSCAN(
        min_cluster_size,
        min_samples,
        cluster_selection_method=cluster_selection_method,
        cluster_selection_epsilon_km=cluster_selection_epsilon_km,
        metric=metric,
        n_jobs=n_jobs,
    )
    ways = model._check()
    _prepare(progress)
    tree = _hierarchy(lat, lon, units, ways, progress)
    number, probability, chosen = _flatten(tree, units, UNIT, ways, progress)
    labels, chosen = _by_first(number, np.arange(len(lat)), chosen)
    return labels, probability, tree.birth[chosen]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _fold(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    threads: int,
    report: Callable[[float], None],
) -> _Places:
    """Fold rows onto distinct locations, in an order that is the same for any of rows.

    An empty ``units`` stands for ones.
    """
    folded = fold(lat, lon, units, _BAND, threads, lambda share: report(0.9 * share))
    row_of = np.empty(len(lat), dtype=np.int32)
    offset = dict(zip(folded.bounds.tolist(), folded.offsets.tolist(), strict=True))

    def spread(first: int, last: int) -> None:
        row_of[folded.rows[first:last]] = folded.place[first:last] + offset[first]

    run_pieces(spread, folded.bounds, threads, lambda share: report(0.9 + 0.1 * share))
    return _Places(folded.lat, folded.lon, np.diff(folded.prefix), folded.first, row_of)


def _hierarchy(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    ways: Ways,
    show: Report,
) -> Condensed:
    """Return the condensed tree of locations, its radii in kilometres."""
    n, total = len(lat), int(units.sum())
    if total < ways.need:  # no radius holds enough
        nothing = np.zeros(n, dtype=np.int64)
        root = (np.array([-1]), np.array([np.inf]), np.array([total]))
        return Condensed(nothing, np.full(n, np.inf), *root)
    ends, edges, cores = _connect(lat, lon, units, ways, show)
    with stage(show, "condensing") as report:
        return condense(ends, edges, cores, units, ways.least, report)


def _connect(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    ways: Ways,
    show: Report,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Return a minimum spanning tree of mutual reachability, and all core distances.

    The edges' ends and their lengths in kilometres, and the core distance of each location.
    """
    n, sphere = len(lat), ways.surface == SURFACES["haversine"]
    with stage(show, "growing a tree") as report:
        xyz = np.empty((n, 3))
        run_pieces(
            lambda first, last: fill_vectors(lat, lon, *ways.surface, xyz, first, last),
            even_cuts(n, _PIECE),
            ways.threads,
            unreported,
        )
        balls, order = grow_balls(xyz, units, sphere, LEAF, ways.threads, report)
    with stage(show, "measuring core distances") as report:
        core = core_keys(balls, ways.need, ways.threads, report)
    with stage(show, "connecting") as report:
        ends, keys = spanning_tree(balls, core, ways.threads, report)
    cores = np.empty(n)
    cores[order] = lengths_km(sphere, core, ways.threads)
    return order[ends], lengths_km(sphere, keys, ways.threads), cores


def lengths_km(sphere: bool, keys: NDArray[np.float64], threads: int) -> NDArray[np.float64]:
    """Return the kilometres of keys of distances, rounded and none too short."""
    km = np.empty(len(keys))
    run_pieces(
        lambda first, last: fill_km(sphere, keys, km, first, last),
        even_cuts(len(keys), _PIECE),
        threads,
        unreported,
    )
    return np.maximum(np.round(km, DECIMALS), SHORTEST_KM)


def _flatten(
    tree: Condensed, units: NDArray[np.int64], unit: int, ways: Ways, show: Report
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return number and probability by location, and the cluster of each number."""
    with stage(show, "selecting clusters"):
        stability = stabilities(tree, units, unit)
        chosen = select(tree, stability, ways.method, ways.epsilon_km)
        return *memberships(tree, chosen), chosen


def _by_first(
    number: NDArray[np.int64], first: NDArray[Any], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number clusters anew by their lowest row; return labels and what they stand for."""
    lowest = np.full(len(chosen), np.iinfo(np.int64).max)
    members = np.flatnonzero(number >= 0)
    np.minimum.at(lowest, number[members], first[members])
    order = np.argsort(lowest)
    label = np.full(len(chosen) + 1, -1)  # the last one is that of noise
    label[order] = np.arange(len(chosen))
    return label[number], chosen[order]


_ready = False


def _prepare(show: Report) -> None:
    """Compile, or load from the cache, all kernels before their first use."""
    global _ready
    if _ready:
        return
    with stage(show, "compiling kernels (first use)") as report:
        lat, lon = np.divmod(np.arange(64.0), 8)
        places = _fold(lat, lon, np.zeros(0, dtype=np.int64), 1, report)
        ways = Ways(2, 4, METHODS[0], 0.0, SURFACES["haversine"], 1)
        _hierarchy(places.lat, places.lon, places.units, ways, silent)
    _ready = True
