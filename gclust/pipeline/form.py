"""The clustering of a study's locations with DBSCAN, HDBSCAN or density contours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError, Warn, warn_user
from gclust.progress import Report
from gclust.study.clustering_methods import (
    ClusteringOptions,
    Clusters,
    ContourClusters,
    HierarchyClusters,
)
from gclust.units import UNIT

if TYPE_CHECKING:
    import geopandas

    from gclust.cluster.contour import DensityContour
    from gclust.cluster.locations import Settings


class Partition(NamedTuple):
    """The clusters of the locations, before merging.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        -1 for noise.
    core : ndarray of bool, shape (n,)
        Locations that clusters consist of, from which footprints are drawn: DBSCAN's core
        locations, else all that form clusters and lie in one.
    polygons : GeoSeries, optional
        Contours by label (EPSG:4326), if the method draws contours.
    metadata : dict
        Further results of the method, for ``run.json``.
    """

    labels: NDArray[np.int64]
    core: NDArray[np.bool_]
    polygons: geopandas.GeoSeries | None = None
    metadata: Mapping[str, float] = MappingProxyType({})


def check_method(options: ClusteringOptions) -> None:
    """Raise StudyError if contours need raster cells finer than the precision of addresses.

    `gclust.read_study` does not find it, because the cell size follows from the bandwidth.
    """
    if isinstance(options, ContourClusters):
        try:
            _contour(options, None).check()
        except ValueError as error:
            raise StudyError(f"[clusters] {error}") from None


def load_kernels(options: ClusteringOptions) -> None:
    """Load the compiled kernels of a method, as far as they are in the cache.

    Those of contours are few and are loaded when they are needed.
    """
    from gclust.kernels.warm_up import load

    if isinstance(options, Clusters):
        from gclust.kernels.dbscan.warmup import run_dbscan_kernels, run_tree_kernels

        load(run_dbscan_kernels, run_tree_kernels)
    elif isinstance(options, HierarchyClusters):
        from gclust.cluster.hierarchy import run_hierarchy_kernels

        load(run_hierarchy_kernels)


def check_found(
    options: ClusteringOptions, locations: pd.DataFrame, labels: NDArray[np.integer]
) -> None:
    """Raise StudyError if there is no cluster."""
    if labels.max(initial=-1) >= 0:
        return
    heaviest, total = locations["density"].max() / UNIT, locations["density"].sum() / UNIT
    weigh = f"the heaviest location weighs {heaviest:g}, all together {total:g}"
    raise StudyError(f"no cluster found: {options.unmet}; {weigh}. {options.remedy}")


def partition_locations(
    options: ClusteringOptions,
    locations: pd.DataFrame,
    *,
    n_jobs: int | None,
    report: Report,
    warn: Warn = warn_user,
) -> Partition:
    """Cluster the locations with a density above 0, and then assign the others to the clusters.

    The others only count: they neither form nor connect clusters. They take the label of core
    locations near them (DBSCAN; see `label_locations`), of the cluster that they would join
    (HDBSCAN; see `gclust.cluster.hdbscan_predict.attach_weightless`), or of the contour that
    they lie in.

    Parameters
    ----------
    options : Clusters, HierarchyClusters or ContourClusters
        The section ``[clusters]`` of a study.
    locations : DataFrame
        See `gclust.pipeline.prepare.Prepared`.
    n_jobs, report, warn
        Threads, a callable for ``(fraction, stage)``, and one for warnings.

    Returns
    -------
    Partition

    Raises
    ------
    StudyError
        If a raster of contours would not fit in memory.
    """
    return _METHODS[options.method](options, locations, n_jobs, report, warn)


def _dbscan(
    options: Clusters, locations: pd.DataFrame, n_jobs: int | None, report: Report, _warn: Warn
) -> Partition:
    return Partition(*label_locations(options, locations, n_jobs=n_jobs, report=report))


def label_locations(
    options: Clusters,
    locations: pd.DataFrame,
    *,
    n_jobs: int | None,
    report: Report,
    cluster: Callable[..., tuple[NDArray[np.integer], NDArray[np.bool_]]] | None = None,
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Cluster with DBSCAN; locations of zero density get the label of a core location near them.

    Parameters
    ----------
    options : Clusters
        The section ``[clusters]`` of a study.
    locations : DataFrame
        See `Prepared`.
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.
    cluster : callable
        Returns labels and core locations of the locations that form clusters; takes the
        arguments of `gclust.cluster.locations.cluster_locations`, which is the default.

    Returns
    -------
    labels : ndarray of int, shape (n,)
        -1 for noise.
    core : ndarray of bool, shape (n,)
    """
    from gclust.cluster.dbscan_steps import CoreLocations
    from gclust.cluster.locations import assign_locations, cluster_locations

    weighted = locations["density"].to_numpy() > 0
    lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
    settings = dbscan_settings(options, n_jobs)
    if weighted.all():
        units = locations["density"].to_numpy()
        return (cluster or cluster_locations)(lat, lon, units, settings, report)
    labels = np.full(len(locations), -1, dtype=np.int64)
    core = np.zeros(len(locations), dtype=bool)
    labels[weighted], core[weighted] = (cluster or cluster_locations)(
        lat[weighted],
        lon[weighted],
        locations["density"].to_numpy()[weighted],
        settings,
        report,
    )
    if core.any():
        labels[~weighted] = assign_locations(
            lat[~weighted],
            lon[~weighted],
            CoreLocations(lat[core], lon[core], labels[core]),
            settings,
        )
    return labels, core


def dbscan_settings(options: Clusters, n_jobs: int | None) -> Settings:
    """Return the parameters of DBSCAN from the section ``[clusters]`` of a study."""
    from gclust.cluster.locations import Settings

    return Settings(options.eps_km, options.min_samples, options.border, options.metric, n_jobs)


def _hdbscan(
    options: HierarchyClusters,
    locations: pd.DataFrame,
    n_jobs: int | None,
    report: Report,
    _warn: Warn,
) -> Partition:
    from gclust.cluster.hdbscan import HDBSCAN, hierarchical_labels

    units = locations["density"].to_numpy()
    if not units.any():
        return _all_noise(len(units))
    model = HDBSCAN(
        options.min_cluster_size,
        options.min_samples,
        cluster_selection_method=options.selection,
        cluster_selection_epsilon_km=options.selection_eps_km,
        max_cluster_size=options.max_cluster_size,
        allow_single_cluster=options.allow_single_cluster,
        metric=options.metric,
        n_jobs=n_jobs,
    )
    lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
    labels, probability, _ = hierarchical_labels(lat, lon, units, model, report)
    return Partition(labels, (units > 0) & (probability > 0))


def _contours(
    options: ContourClusters,
    locations: pd.DataFrame,
    n_jobs: int | None,
    report: Report,
    warn: Warn,
) -> Partition:
    points = locations[["lat", "lon"]].to_numpy()
    units = locations["density"].to_numpy()
    weighted = units > 0
    if not weighted.any():
        return _all_noise(len(units))
    labels = np.full(len(units), -1, dtype=np.int64)
    model = _contour(options, n_jobs)
    try:
        # The fixed-point weights survive as floats below 1.6e7 listings at one location, where
        # a float's rounding is less than half a unit.
        weights = units[weighted] / UNIT
        model.fit(points[weighted], sample_weight=weights, progress=report, warn=warn)
    except ValueError as error:
        raise StudyError(f"[clusters] {error}") from None
    labels[weighted] = model.labels_
    if not weighted.all():
        labels[~weighted] = model.predict(points[~weighted])
    metadata = {"contour_level_per_km2": model.level_, "contour_cell_km2": model.cell_km2_}
    return Partition(labels, weighted & (labels >= 0), model.polygons_, metadata)


def _contour(options: ContourClusters, n_jobs: int | None) -> DensityContour:
    from gclust.cluster.contour import DensityContour

    return DensityContour(
        options.bandwidth_km,
        options.threshold,
        kernel=options.kernel,
        resolution_km=options.resolution_km,
        level=options.level,
        share=options.share,
        n_jobs=n_jobs,
    )


def _all_noise(n: int) -> Partition:
    return Partition(np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=bool))


_METHODS: dict[str, Callable[..., Partition]] = {
    "dbscan": _dbscan,
    "hdbscan": _hdbscan,
    "contour": _contours,
}
