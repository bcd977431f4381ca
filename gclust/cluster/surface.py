"""Parameter surfaces: DBSCAN clusters for every pair of ``eps_km`` and ``min_samples``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.coordinates import degrees
from gclust.cluster.fixed_eps import (
    NO_UNITS,
    CountedLocations,
    FixedEpsHierarchy,
    FixedEpsOptions,
    Sorted,
    fixed_eps_hierarchy,
    hierarchy_of_nothing,
)
from gclust.cluster.fixed_point import UNIT, row_units, threshold_units
from gclust.cluster.latitude_orders import order_locations, orders_of_radii
from gclust.cluster.parameters import SURFACES, check_locations, check_parameters
from gclust.cluster.surface_memory import check_memory, radii_at_once
from gclust.kernels.dbscan.density_level import MOST_LEVELS
from gclust.kernels.dbscan.levels_by_radius import grow_tree, levels_by_radius
from gclust.kernels.dbscan.warmup import SIDE, run_dbscan_kernels
from gclust.kernels.spatial.bands import band_height
from gclust.kernels.spatial.fold import Folded, fold_rows, unfold
from gclust.kernels.sphere import EARTH_RADIUS_KM, reach_of
from gclust.kernels.surface.node_sums import count_rows
from gclust.kernels.warm_up import warm_up
from gclust.parallel import parallel_for, unreported
from gclust.progress import Report, resolve, silent, stage


def parameter_surface(
    X: Any,
    *,
    eps_km: Iterable[float],
    min_samples: Iterable[float],
    sample_weight: Any = None,
    border: str = "nearest",
    metric: str = "haversine",
    n_jobs: int | None = None,
    progress: bool | Report | None = None,
) -> Surface:
    """Find the clusters of ``X`` for every pair of ``eps_km`` and ``min_samples``.

    They are the clusters of :class:`gclust.DBSCAN` for that pair, borders included. All
    ``min_samples`` of one ``eps_km`` are computed together; 5 bytes are kept for each
    distinct location and ``eps_km``, and labels are computed on demand.

    Parameters
    ----------
    X, sample_weight : array-like
        As in :meth:`gclust.DBSCAN.fit`.
    eps_km : iterable of float
        Radii in kilometres, in any order, none twice.
    min_samples : iterable of float
        Least weights of a core point's neighbourhood, each at least 1; in any order, none
        twice, at most 255.
    border, metric, n_jobs : optional
        As in :class:`gclust.DBSCAN`.
    progress : bool or callable, optional
        True draws progress on a terminal; a callable is called as
        ``progress(fraction, stage)``.

    Returns
    -------
    Surface

    Raises
    ------
    ValueError
        For coordinates, weights or parameters that cannot be used, an empty sequence, a
        value that appears twice (the message names it), or a surface that would not fit in
        memory (the message says what would).

    Notes
    -----
    One pass finds how many of the thresholds the neighbourhood of each point reaches at
    every radius. For each radius the components of all thresholds form a tree, as in
    :class:`gclust.HDBSCAN` over falling densities, and a border point has at most one node
    in it, apart from the few points with several components within reach. See docs/algorithm.md.

    Examples
    --------
    >>> from gclust import parameter_surface
    >>> X = [[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]]
    >>> surface = parameter_surface(X, eps_km=[5, 60], min_samples=[1, 2])
    >>> surface.table["n_clusters"].tolist()
    [3, 2, 2, 1]
    >>> surface.labels(5, 2)
    array([ 0,  0,  1,  1, -1])
    """
    eps, least = rising("eps_km", eps_km), rising("min_samples", min_samples)
    threads = _check_values(eps, least, border, metric, n_jobs)
    thresholds = [threshold_units(each) for each in least]
    show = resolve(progress)
    with stage(show, "reading coordinates") as report:
        lat, lon = degrees(X, threads, report)
    unit = UNIT
    if sample_weight is None:  # whole rows are counted
        units, thresholds, unit = NO_UNITS, [-(-each // UNIT) for each in thresholds], 1
    else:
        units = row_units(sample_weight, len(lat))
    with stage(show, "folding onto locations") as report:
        folded = fold_rows(lat, lon, units, band_height(eps[len(eps) // 2]), threads, report)
    del lat, lon
    rows = weighing = np.diff(folded.prefix)
    weighs = None
    if sample_weight is not None:
        rows, weighing = _count_rows(folded, units)
        weighs = None if units.all() else units > 0
    locations = CountedLocations(
        folded.lat, folded.lon, np.diff(folded.prefix), folded.first, rows, weighing
    )
    check_memory(len(folded.rows), len(locations.lat), len(eps), threads)
    hierarchies = _cluster(locations, eps, thresholds, border, metric, threads, show)
    nothing = np.zeros(0)
    folded = folded._replace(lat=nothing, lon=nothing, prefix=NO_UNITS, first=locations.rank[:0])
    return Surface(folded, hierarchies, eps, least, unit, threads, weighs)


class Surface:
    """Result of `gclust.parameter_surface`: the clusters for each ``eps_km`` and ``min_samples``.

    Attributes
    ----------
    eps_km, min_samples : tuple of float
        In increasing order.
    table : DataFrame
        For every pair, by ``eps_km``, then ``min_samples``: ``n_clusters``; ``n_core`` and
        ``n_noise``, rows that are core points and rows that are noise; ``clustered_weight``
        and ``largest_weight``, the weight of all clusters and of the heaviest one.

    Examples
    --------
    >>> from gclust import parameter_surface
    >>> X = [[46.20, 6.14], [46.21, 6.15], [46.52, 6.63], [46.53, 6.62], [0.0, 0.0]]
    >>> surface = parameter_surface(X, eps_km=[5], min_samples=[1, 2])
    >>> surface
    Surface(eps_km=[5.0], min_samples=[1.0, 2.0])
    >>> surface.core_sample_mask(5, 2)
    array([ True,  True,  True,  True, False])
    """

    def __init__(
        self,
        folded: Folded,
        hierarchies: list[FixedEpsHierarchy],
        eps_km: tuple[float, ...],
        min_samples: tuple[float, ...],
        unit: int,
        threads: int,
        weighs: NDArray[np.bool_] | None,
    ) -> None:
        self.eps_km, self.min_samples = eps_km, min_samples
        self._weighs = weighs
        self.table = _table(hierarchies, eps_km, min_samples, unit)
        self._folded, self._hierarchies, self._threads = folded, hierarchies, threads

    def labels(self, eps_km: float, min_samples: float) -> NDArray[np.int64]:
        """Return the cluster labels that ``DBSCAN(eps_km, min_samples)`` gives the rows.

        Parameters
        ----------
        eps_km, min_samples : float
            A pair of the surface.

        Returns
        -------
        ndarray of int64, shape (n_rows,)
            -1 for noise, numbered by first core row.

        Raises
        ------
        ValueError
            If the surface has no such pair.
        """
        return self._unfold(eps_km, min_samples)[0]

    def core_sample_mask(self, eps_km: float, min_samples: float) -> NDArray[np.bool_]:
        """Return whether each row is a core point, shape (n_rows,); see :meth:`labels`."""
        return self._unfold(eps_km, min_samples)[1]

    def _unfold(
        self, eps_km: float, min_samples: float
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        at = self._hierarchies[_index("eps_km", self.eps_km, eps_km)]
        threshold = _index("min_samples", self.min_samples, min_samples)
        labels, core = unfold(self._folded, at.labels(threshold), at.core(threshold), self._threads)
        return labels, core if self._weighs is None else core & self._weighs

    def __repr__(self) -> str:
        """Return the parameters of the surface as text."""
        return f"Surface(eps_km={list(self.eps_km)}, min_samples={list(self.min_samples)})"


class LocationSurface:
    """Result of `surface_of_locations`: the clusters for each ``eps_km`` and ``min_units``.

    ``eps_km`` and ``min_units`` are in increasing order.
    """

    def __init__(
        self,
        hierarchies: list[FixedEpsHierarchy],
        eps_km: tuple[float, ...],
        min_units: tuple[int, ...],
    ) -> None:
        self.eps_km, self.min_units = eps_km, min_units
        self._hierarchies = hierarchies

    def at(self, eps_km: float) -> LocationSurface:
        """Return the part of the surface that has only one ``eps_km``."""
        index = _index("eps_km", self.eps_km, eps_km)
        return LocationSurface([self._hierarchies[index]], (eps_km,), self.min_units)

    def cluster(self, eps_km: float, min_units: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the clusters and core flags of the locations for one pair of parameters.

        They are those of :func:`gclust.cluster.locations.cluster_locations`, in 32 bits.

        Raises ValueError if the surface has no such pair.
        """
        at = self._hierarchies[_index("eps_km", self.eps_km, eps_km)]
        threshold = _index("min_units", self.min_units, min_units)
        return at.labels(threshold, np.int32), at.core(threshold)


def surface_of_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    grid: tuple[Iterable[float], Iterable[int]],
    *,
    border: str,
    metric: str,
    rank: NDArray[np.uint32] | None = None,
    progress: Report = silent,
) -> LocationSurface:
    """Find the clusters of distinct locations for every pair of ``eps_km`` and ``min_units``.

    The locations and further parameters are as in
    :func:`gclust.cluster.locations.cluster_locations`; with ``rank``, (n,), a location's number in
    that order, they are in any other order, which is not checked, and are not copied.
    ``grid`` has the ``eps_km`` as in :func:`parameter_surface`, and ``min_samples`` as fixed-point
    weights, at least 1; in any order, none twice, at most 255. Raises ValueError as these two do.
    """
    eps = rising("eps_km", grid[0])
    least = tuple(int(each) for each in rising("min_units", grid[1], whole=True))
    threads = _check_values(eps, least, border, metric, None)
    if rank is None:
        lat, lon = check_locations(lat, lon)
        units, rank = np.array(units, dtype=np.int64), np.arange(len(lat), dtype=np.uint32)
    if units.shape != lat.shape or (units < 0).any():
        raise ValueError(
            "units must be one whole number per location, none negative: its weight in fixed"
            " point, see gclust.units"
        )
    if least[0] < 1:
        raise ValueError(
            f"min_units must be at least 1, not {least[0]!r}: they are values of min_samples in"
            " fixed point, see gclust.units"
        )
    n = len(lat)
    check_memory(0, n, len(eps), threads)
    locations = CountedLocations(lat, lon, units, rank, None, None)
    hierarchies = _cluster(locations, eps, list(least), border, metric, threads, progress)
    return LocationSurface(hierarchies, eps, least)


def rising(name: str, given: Any, *, whole: bool = False) -> tuple[Any, ...]:
    """Check that values are numbers, all different; return them in increasing order."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ValueError(f"{name} must be a sequence of numbers, not {given!r}")
    values: list[Any] = list(given)
    kind: Any = Integral if whole else Real
    for value in values:
        if not isinstance(value, kind) or isinstance(value, bool | np.bool_) or value != value:
            what = "whole numbers" if whole else "numbers"
            raise ValueError(f"{name} must be a sequence of {what}, but holds {value!r}")
    if not values:
        raise ValueError(f"{name} is empty; expected at least one value")
    rising = sorted(int(value) if whole else float(value) for value in values)
    for before, after in pairwise(rising):
        if before == after:
            raise ValueError(f"{name} holds {after:.12g} twice; expected different values")
    return tuple(rising)


def _check_values(
    eps_km: tuple[float, ...], least: tuple[Any, ...], border: str, metric: str, n_jobs: int | None
) -> int:
    """Raise ValueError for parameters that cannot be used; return the number of threads."""
    if len(least) > MOST_LEVELS:
        raise ValueError(
            f"min_samples has {len(least)} values, but a surface holds at most {MOST_LEVELS}; "
            "make several surfaces"
        )
    threads = [check_parameters(each, border, metric, n_jobs) for each in eps_km]
    return threads[0]


def _count_rows(
    folded: Folded, units: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of rows at each location, and of those with weight above 0."""
    rows, weighing = np.zeros((2, len(folded.lat)), dtype=np.int64)
    for bucket, (first, last) in enumerate(pairwise(folded.bounds.tolist())):
        here = slice(first, last)
        place, offset = folded.place[here], int(folded.offsets[bucket])
        count_rows(place, offset, folded.rows[here], units, rows, weighing)
    return rows, weighing


def _cluster(
    locations: CountedLocations,
    eps_km: tuple[float, ...],
    thresholds: list[int],
    border: str,
    metric: str,
    threads: int,
    show: Report,
) -> list[FixedEpsHierarchy]:
    """Return the clusters at all thresholds, for each radius."""
    warm_up(show, run_dbscan_kernels, _run_surface_kernels)
    least = np.array(thresholds, dtype=np.int64)
    if len(locations.lat) == 0:
        return [hierarchy_of_nothing(len(least)) for _ in eps_km]
    surface, reaches = SURFACES[metric], [reach_of(each) for each in eps_km]
    with stage(show, "growing a tree") as report:
        balls = grow_tree(locations.lat, locations.lon, locations.units, surface, threads, report)
    with stage(show, "finding core locations") as report:
        levels = levels_by_radius(*balls, reaches, least, threads, report)
        if not locations.units.all():
            levels[:, locations.units == 0] = 0  # a point without weight is no core point
    tree = balls[0]._replace(units=NO_UNITS, inside=NO_UNITS), balls[1]  # weights are counted
    del balls
    with stage(show, "sorting locations") as report:
        orders = orders_of_radii(locations.lat, locations.lon, eps_km, threads, report)
    hierarchies: list[Any] = [None] * len(eps_km)
    at_once = radii_at_once(threads, len(eps_km))
    ended: list[BaseException] = []

    def go_on(_: float) -> None:  # radii take long: when one is given up, so are the others
        if ended:
            raise ended[0]

    def cluster(first: int, last: int) -> None:
        try:
            for k in range(first, last):
                options = FixedEpsOptions(eps_km[k], len(least), border, metric)
                places = Sorted(*tree, orders[k])
                hierarchies[k] = fixed_eps_hierarchy(
                    locations, places, levels[k], options, threads // at_once, go_on
                )
        except BaseException as error:
            ended.append(error)
            raise

    with stage(show, "clustering for every pair") as report:
        parallel_for(np.arange(len(eps_km) + 1), at_once, cluster, report=report)
    return hierarchies


def _table(
    hierarchies: list[FixedEpsHierarchy],
    eps_km: tuple[float, ...],
    min_samples: tuple[float, ...],
    unit: int,
) -> pd.DataFrame:
    rows = []
    for eps, of_eps in zip(eps_km, hierarchies, strict=True):
        for least, summary in zip(min_samples, of_eps.summaries, strict=True):
            weights = summary.clustered_units / unit, summary.largest_units / unit
            counted = summary.n_clusters, summary.n_core, summary.n_noise
            rows.append((eps, least, *counted, *weights))
    names = ["n_clusters", "n_core", "n_noise", "clustered_weight", "largest_weight"]
    return pd.DataFrame(rows, columns=["eps_km", "min_samples", *names])


def _index(name: str, known: tuple[Any, ...], value: Any) -> int:
    """Return the index of a value among those of the surface."""
    if value not in known:
        listed = ", ".join(f"{each:.12g}" for each in known)
        raise ValueError(f"the surface has no {name} {value!r}; it has {listed}")
    return known.index(value)


def _run_surface_kernels(report: Callable[[float], None]) -> None:
    """Run every kernel of a parameter surface once."""
    side = np.degrees(1 / EARTH_RADIUS_KM) / 16 * np.arange(SIDE)
    lat, lon = np.repeat(side, SIDE), np.tile(side, SIDE)
    rows = units = np.ones(len(lat), dtype=np.int64)
    rank = np.arange(len(lat), dtype=np.uint32)
    least = np.array([100, 400, 401, 1000])
    locations = CountedLocations(lat, lon, units, rank, rows, rows)
    balls = grow_tree(lat, lon, units, (1.0, 0.0), 1, unreported)
    level = levels_by_radius(*balls, [reach_of(1.0)], least, 1, unreported)[0]
    places = Sorted(*balls, order_locations(lat, lon, 1.0, 1))
    for border in ("nearest", "first"):
        options = FixedEpsOptions(1.0, len(least), border, "haversine")
        fixed_eps_hierarchy(locations, places, level, options, 1, unreported)
    report(1.0)
