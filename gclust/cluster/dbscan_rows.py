"""The computation behind `gclust.DBSCAN`; it loads Numba, which the estimator itself does not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.coordinates import degrees, note_features
from gclust.cluster.dbscan_steps import (
    ONES,
    CoreLocations,
    assign_rows,
    cluster_folded,
    fold_for,
    in_bands,
)
from gclust.cluster.fixed_point import UNIT, row_units, threshold_units
from gclust.cluster.locations import checked
from gclust.kernels.dbscan.warmup import run_dbscan_kernels
from gclust.kernels.spatial.bands import band_height
from gclust.kernels.spatial.fold import Folded, locations_of, unfold
from gclust.kernels.warm_up import warm_up
from gclust.progress import Report, resolve, silent, stage


class Fitted(NamedTuple):
    """The clusters of rows."""

    labels: NDArray[np.int64]  # (n,) -1 for noise
    core: NDArray[np.bool_]  # (n,) whether a row is a core point
    core_locations: CoreLocations
    band_height: float  # of the bands that the core locations are sorted into
    folded: Folded  # the locations without their coordinates and weights
    is_core: NDArray[np.bool_]  # (n_locations,)
    total: float  # weight of all rows


def fit_rows(
    model: Any, X: Any, sample_weight: Any, progress: bool | Report | None = None
) -> Fitted:
    """Return the clusters of the points ``X`` by the parameters of a `gclust.DBSCAN`.

    Its attributes that describe the columns of ``X`` are set. For parameters and errors see
    `gclust.DBSCAN.fit`.
    """
    parameters = checked(model)
    threads, least = parameters.threads, threshold_units(model.min_samples)
    show = resolve(progress)
    with stage(show, "reading coordinates") as report:
        lat, lon = degrees(X, threads, report)
    has_weight = None
    if sample_weight is None:  # whole rows are counted
        units, unit, least = ONES, 1, -(-least // UNIT)
    else:
        units, unit = row_units(sample_weight, len(lat)), UNIT
        has_weight = None if units.all() else units > 0
    note_features(model, X, reset=True)
    warm_up(show, run_dbscan_kernels)
    folded = fold_for(lat, lon, units, parameters, show)
    del lat, lon, units
    labels, core = cluster_folded(folded, least, parameters, show)
    cores = CoreLocations(folded.lat[core], folded.lon[core], labels[core])
    with stage(show, "labelling rows") as report:
        row_labels, row_core = unfold(folded, labels, core, threads, report)
        if has_weight is not None:
            row_core &= has_weight
    nothing = np.zeros(0)
    kept = folded._replace(lat=nothing, lon=nothing, prefix=ONES, first=folded.first[:0])
    total = int(folded.prefix[-1]) / unit
    height = band_height(parameters.eps_km)
    return Fitted(row_labels, row_core, cores, height, kept, core, total)


def core_coordinates(
    cores: CoreLocations, folded: Folded, is_core: NDArray[np.bool_], rows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return latitude and longitude, shape (n, 2), of ``n`` core rows of what was fitted."""
    place = locations_of(folded, 1)[rows]
    at = (np.cumsum(is_core) - 1)[place]
    return np.stack([cores.lat[at], cores.lon[at]], axis=1)


def predict_rows(
    model: Any, X: Any, cores: CoreLocations, fitted_height: float
) -> NDArray[np.int64]:
    """Return the cluster that each point would join as a border point, -1 for none.

    ``cores`` are sorted into bands of the height ``fitted_height``; see `gclust.DBSCAN.predict`.
    """
    parameters = checked(model)
    lat, lon = degrees(X, parameters.threads)
    note_features(model, X, reset=False)
    moved = fitted_height != band_height(parameters.eps_km)  # eps_km set since fit
    if moved and len(cores.lat):
        cores = in_bands(cores, parameters)
    return assign_rows(lat, lon, cores, parameters, silent)
