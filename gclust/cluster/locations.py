"""DBSCAN of distinct locations: what a run computes, which needs no scikit-learn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan_steps import (
    CoreLocations,
    Parameters,
    assign_rows,
    cluster_folded,
    fold_for,
    in_bands,
)
from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.parameters import check_locations, check_parameters
from gclust.kernels.dbscan.warmup import run_dbscan_kernels
from gclust.kernels.spatial.fold import unfold
from gclust.kernels.warm_up import warm_up
from gclust.progress import Report, silent


class Settings(NamedTuple):
    """The parameters of `gclust.DBSCAN`, not yet checked."""

    eps_km: float
    min_samples: float
    border: str = "nearest"
    metric: str = "haversine"
    n_jobs: int | None = None


def checked(settings: Settings) -> Parameters:
    """Return the parameters; ValueError is raised if one cannot be used."""
    threads = check_parameters(settings.eps_km, settings.border, settings.metric, settings.n_jobs)
    # A float32 would lose the tolerance.
    return Parameters(float(settings.eps_km), settings.border, settings.metric, threads)


def cluster_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    settings: Settings,
    progress: Report = silent,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the clusters of distinct locations, each with the summed weight of its listings.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, sorted by latitude, then longitude, normalised as
        by :func:`gclust.cluster.coordinates.degrees`.
    units : ndarray of int64, shape (n,)
        Fixed-point weight of each, in units of 1/232792560. Those without weight form and
        connect nothing, and get the label that :func:`assign_locations` gives them.
    settings : Settings
        The parameters; a `gclust.DBSCAN` has them, too.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        -1 for noise, numbered by first core location.
    core : ndarray of bool, shape (n,)

    Raises
    ------
    ValueError
        If a parameter cannot be used or the locations are not sorted and distinct.

    Examples
    --------
    >>> from gclust.units import UNIT
    >>> lat, lon, units = np.array([46.20, 46.21]), np.array([6.14, 6.15]), np.array([UNIT, UNIT])
    >>> cluster_locations(lat, lon, units, Settings(eps_km=5, min_samples=2))
    (array([0, 0]), array([ True,  True]))
    """
    parameters = checked(settings)
    lat, lon = check_locations(lat, lon)
    units = np.array(units, dtype=np.int64)
    if units.shape != lat.shape or (units < 0).any():
        raise ValueError(
            "units must be one whole number per location, none negative: its weight in fixed"
            " point, see gclust.units"
        )
    min_units = threshold_units(settings.min_samples)
    if len(lat) == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
    warm_up(progress, run_dbscan_kernels)
    folded = fold_for(lat, lon, units, parameters, progress)
    labels, core = cluster_folded(folded, min_units, parameters, progress)
    return unfold(folded, labels, core, parameters.threads)


def assign_locations(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    cores: CoreLocations,
    settings: Settings,
) -> NDArray[np.int64]:
    """Return the cluster of each location, given core locations; see `gclust.DBSCAN.predict`.

    Locations and core locations are distinct, sorted and normalised as in
    :func:`cluster_locations`; ValueError is raised if they are not, or if a parameter cannot be
    used.
    """
    parameters = checked(settings)
    lat, lon = check_locations(lat, lon)
    core_lat, core_lon = check_locations(cores.lat, cores.lon)
    label = np.array(cores.label, dtype=np.int64)
    if label.shape != core_lat.shape:
        raise ValueError(
            f"cores have labels of shape {label.shape}, but lat of shape {core_lat.shape}; expected"
            " one label for each core location"
        )
    if len(lat) == 0 or len(core_lat) == 0:
        return np.full(len(lat), -1, dtype=np.int64)
    cores = in_bands(CoreLocations(core_lat, core_lon, label), parameters)
    return assign_rows(lat, lon, cores, parameters, silent)
