"""What finds the clusters of a study: DBSCAN, HDBSCAN or contours of density."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.contour import DensityContour
from gclust.cluster.dbscan import assign_locations, cluster_locations
from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.hdbscan import HDBSCAN, hierarchical_labels
from gclust.errors import StudyError
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
        Contours by label (EPSG:4326), where the method has them.
    told : dict
        What the method found beside, for ``run.json``.
    """

    labels: NDArray[np.int64]
    core: NDArray[np.bool_]
    polygons: geopandas.GeoSeries | None = None
    told: Mapping[str, float] = MappingProxyType({})


def check_method(options: ClusteringOptions) -> None:
    """Raise StudyError for options that the method cannot be used with.

    What `gclust.read_study` does not see: a raster whose cells, small as the bandwidth
    makes them, are finer than addresses are known; a greatest weight of clusters below the
    least one.
    """
    if isinstance(options, HierarchyClusters):
        least, most = options.min_cluster_size, options.max_cluster_size
        if most is not None and most < least:
            raise StudyError(
                f"[clusters] max_cluster_size is {most:g}, less than min_cluster_size, {least:g};"
                " raise it or leave it out"
            )
    if isinstance(options, ContourClusters):
        try:
            _contour(options, None)._check()
        except ValueError as error:
            raise StudyError(f"[clusters] {error}") from None


def check_found(
    options: ClusteringOptions, locations: pd.DataFrame, labels: NDArray[np.integer]
) -> None:
    """Raise StudyError if there is no cluster, with what would help."""
    if labels.max(initial=-1) >= 0:
        return
    heaviest, total = locations["density"].max() / UNIT, locations["density"].sum() / UNIT
    weigh = f"the heaviest location weighs {heaviest:g}, all together {total:g}"
    raise StudyError(f"no cluster found: {options.unmet}; {weigh}. {options.remedy}")


def partition_locations(
    options: ClusteringOptions, locations: pd.DataFrame, *, n_jobs: int | None, report: Report
) -> Partition:
    """Cluster the locations that form clusters, and give the others a label.

    Others, which only count, neither form nor connect clusters. They take the label of core
    locations near them (DBSCAN; see `label_locations`), of the cluster that they would join
    (HDBSCAN; see `gclust.cluster.hdbscan_predict.attach_weightless`), or of
    the contour that they lie in.

    Parameters
    ----------
    options : Clusters, HierarchyClusters or ContourClusters
        The section ``[clusters]`` of a study.
    locations : DataFrame
        See `gclust.pipeline.prepare.Prepared`.
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.

    Returns
    -------
    Formed

    Raises
    ------
    StudyError
        If a raster of contours would not fit in memory.
    """
    if isinstance(options, Clusters):
        return Partition(*label_locations(options, locations, n_jobs=n_jobs, report=report))
    units = locations["density"].to_numpy()
    if not (units > 0).any():
        return Partition(np.full(len(units), -1, dtype=np.int64), np.zeros(len(units), dtype=bool))
    if isinstance(options, HierarchyClusters):
        return _hierarchical(options, locations, n_jobs, report)
    assert isinstance(options, ContourClusters)
    return _contoured(options, locations, n_jobs, report)


def label_locations(
    options: Clusters,
    locations: pd.DataFrame,
    *,
    n_jobs: int | None,
    report: Report,
    cluster: Callable[..., tuple[NDArray[np.int64], NDArray[np.bool_]]] = cluster_locations,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cluster the locations that form clusters; the others take the label of cores near them.

    This is DBSCAN; `partition_locations` does as a study's method says.

    Parameters
    ----------
    options : Clusters
        The section ``[clusters]`` of a study.
    locations : DataFrame
        See `Prepared`.
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.
    cluster : callable
        Labels and cores of the locations that form clusters; takes what
        `gclust.cluster.dbscan.cluster_locations` takes.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise.
    core : ndarray of bool, shape (n,)
    """
    forming = locations["density"].to_numpy() > 0
    lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
    labels = np.full(len(locations), -1, dtype=np.int64)
    core = np.zeros(len(locations), dtype=bool)
    labels[forming], core[forming] = cluster(
        lat[forming],
        lon[forming],
        locations["density"].to_numpy()[forming],
        eps_km=options.eps_km,
        min_units=threshold_units(options.min_samples),
        border=options.border,
        metric=options.metric,
        n_jobs=n_jobs,
        progress=report,
    )
    if core.any() and not forming.all():
        labels[~forming] = assign_locations(
            lat[~forming],
            lon[~forming],
            lat[core],
            lon[core],
            labels[core],
            eps_km=options.eps_km,
            border=options.border,
            metric=options.metric,
            n_jobs=n_jobs,
        )
    return labels, core


def _hierarchical(
    options: HierarchyClusters, locations: pd.DataFrame, n_jobs: int | None, report: Report
) -> Partition:
    units = locations["density"].to_numpy()
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


def _contoured(
    options: ContourClusters, locations: pd.DataFrame, n_jobs: int | None, report: Report
) -> Partition:
    points = locations[["lat", "lon"]].to_numpy()
    units = locations["density"].to_numpy()
    forming = units > 0
    labels = np.full(len(units), -1, dtype=np.int64)
    model = _contour(options, n_jobs)
    try:
        # Weights come back as the same units below 1.6e7 listings at one location, where a
        # float's rounding is less than half a unit.
        model.fit(points[forming], sample_weight=units[forming] / UNIT, progress=report)
    except ValueError as error:
        raise StudyError(f"[clusters] {error}") from None
    labels[forming] = model.labels_
    if not forming.all():
        labels[~forming] = model.predict(points[~forming])
    told = {"contour_level_per_km2": model.level_, "contour_cell_km2": model.cell_km2_}
    return Partition(labels, forming & (labels >= 0), model.polygons_, told)


def _contour(options: ContourClusters, n_jobs: int | None) -> DensityContour:
    return DensityContour(
        options.bandwidth_km,
        options.threshold,
        kernel=options.kernel,
        resolution_km=options.resolution_km,
        level=options.level,
        share=options.share,
        n_jobs=n_jobs,
    )
