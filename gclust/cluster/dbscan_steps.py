"""The steps of DBSCAN on sorted locations: find core locations, link them, assign the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.coordinates import find_places
from gclust.cluster.parameters import SURFACES
from gclust.kernels.dbscan.border_labels import LabelledCores, assign_labels
from gclust.kernels.dbscan.core_components import link_points
from gclust.kernels.dbscan.core_levels import density_levels
from gclust.kernels.dbscan.warmup import run_dbscan_kernels, run_tree_kernels
from gclust.kernels.spatial.bands import Bands, band_height, build_bands, select_points
from gclust.kernels.spatial.fold import Folded, fold_rows, unfold
from gclust.kernels.sphere import reach_of
from gclust.kernels.warm_up import warm_up
from gclust.parallel import unreported
from gclust.progress import Report, silent, stage

ONES = np.zeros(0, dtype=np.int64)
"""Empty array in the place of weights: every weight is 1."""

NO_FLAGS = np.zeros(0, dtype=np.bool_)
"""Empty array in the place of core flags, where nobody asks for them."""

FEW = 8
"""Border locations are assigned on their own if less than one of so many locations is one."""


class Parameters(NamedTuple):
    """Checked parameters of `gclust.DBSCAN`."""

    eps_km: float
    border: str
    metric: str
    threads: int


class CoreLocations(NamedTuple):
    """Arrays of ``m`` core locations and their clusters."""

    lat: NDArray[np.float64]  # (m,) degrees
    lon: NDArray[np.float64]  # (m,) degrees
    label: NDArray[np.int64]  # (m,)


def fold_for(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    units: NDArray[np.int64],
    parameters: Parameters,
    progress: Report,
    places_alone: bool = False,
) -> Folded:
    """Sum the weights of the rows at each location, and sort locations into latitude bands."""
    height = band_height(parameters.eps_km)
    with stage(progress, "folding onto locations") as report:
        return fold_rows(lat, lon, units, height, parameters.threads, report, places_alone)


def cluster_folded(
    folded: Folded, min_units: int, parameters: Parameters, progress: Report
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the label, -1 for noise, and the core flag of each location.

    Clusters are numbered by lowest row. ``min_units`` is ``min_samples`` in the units of the
    weights.
    """
    prefix, rank, show = folded.prefix, folded.first, progress
    # Only `cluster_bands` holds the bands, which it frees: they have no name and no tuple here.
    return cluster_bands(
        _in_bands(folded, parameters, show), prefix, rank, min_units, parameters, show, spent=True
    )


def _in_bands(folded: Folded, parameters: Parameters, progress: Report) -> Bands:
    """Return the locations with their division into bands and cells."""
    eps_km, _, metric, threads = parameters
    with stage(progress, "making bands") as report:
        return build_bands(
            folded.lat, folded.lon, SURFACES[metric], eps_km, reach_of(eps_km), threads, report
        )


def cluster_bands(
    points: Bands,
    prefix: NDArray[np.int64],
    rank: NDArray[np.uint32],
    min_units: int,
    parameters: Parameters,
    progress: Report = silent,
    wanted: NDArray[np.bool_] | None = None,
    spent: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the label, -1 for noise, and the core flag of each of ``m`` locations sorted in bands.

    Parameters
    ----------
    points : Bands
        The locations, in the bands of ``parameters.eps_km``.
    prefix : ndarray of int64, shape (m + 1,)
        Their cumulative weight, from 0. A location without weight is no core location.
    rank : ndarray of uint32, shape (m,)
        Clusters are numbered by the lowest rank of their core locations.
    min_units, parameters, progress
        As in `cluster_folded`.
    wanted : ndarray of bool, shape (m,), optional
        Which border locations take a label, all by default; the others are -1.
    spent : bool
        Whether ``points`` are not used afterwards, so that their vectors may be overwritten.
    """
    reach, threads = reach_of(parameters.eps_km), parameters.threads
    with stage(progress, "finding core locations") as report:
        thresholds = np.array([min_units], dtype=np.int64)
        n_reached = density_levels(
            *(points, prefix, thresholds, reach, threads, report),
            before_tree=lambda: warm_up(progress, run_tree_kernels),
        )
        core = n_reached.view(np.bool_)  # of one threshold: 0 or 1
        core &= prefix[1:] > prefix[:-1]
    chosen = np.flatnonzero(core)
    borders = ~core if wanted is None else wanted & ~core
    if len(chosen) == 0:
        return np.full(len(rank), -1, dtype=np.int64), core
    few = None
    if FEW * (len(core) - len(chosen)) < len(core):  # on their own, which takes less memory
        few = np.flatnonzero(borders)
        everywhere, points = points, select_points(points, few, reach, threads)
        cores = select_points(everywhere, chosen, reach, threads, in_place=spent)
        del everywhere
        borders = np.ones(len(few), dtype=np.bool_)
    with stage(progress, "linking") as report:
        if few is None:
            cores = select_points(points, chosen, reach, threads)
        start, root = link_points(cores, reach, threads, report)
        core_labels = _number(start, root, rank[chosen])
    del chosen, start, root  # before more memory is needed
    labelled = LabelledCores(cores._replace(cell_band=ONES), core_labels)  # nothing reads the bands
    del cores
    of_points = np.full(len(borders), -1, dtype=np.int64)
    if parameters.border != "noise" and borders.any():
        with stage(progress, "assigning borders") as report:
            nearest = parameters.border == "nearest"
            assign_labels(points, borders, labelled, nearest, reach, threads, report, of_points)
    labels = of_points
    if few is not None:
        labels = np.full(len(rank), -1, dtype=np.int64)
        labels[few] = of_points
    labels[core] = core_labels
    return labels, core


def assign_rows(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    cores: CoreLocations,
    parameters: Parameters,
    progress: Report,
) -> NDArray[np.int64]:
    """Return the cluster that each data row joins as a border point, or -1.

    ``lat`` and ``lon`` (n,) are degrees, normalised; ``cores`` are in the order of the bands of
    ``parameters.eps_km``.
    """
    if len(lat) == 0 or len(cores.lat) == 0:
        return np.full(len(lat), -1, dtype=np.int64)
    warm_up(progress, run_dbscan_kernels)
    rows = fold_for(lat, lon, ONES, parameters, progress, places_alone=True)
    labels = np.full(len(rows.lat), -1, dtype=np.int64)
    with stage(progress, "assigning") as report:
        if parameters.border == "noise":  # only at the same coordinates
            at = find_places(rows.lat, rows.lon, cores.lat, cores.lon)
            labels[at >= 0] = cores.label[at[at >= 0]]
        else:
            eps_km, border, metric, threads = parameters
            ways = (SURFACES[metric], eps_km, reach_of(eps_km), threads, unreported)
            points = build_bands(rows.lat, rows.lon, *ways, vectors=False)
            core = LabelledCores(build_bands(cores.lat, cores.lon, *ways), cores.label)
            nearest = border == "nearest"
            assign_labels(points, None, core, nearest, reach_of(eps_km), threads, report, labels)
    return unfold(rows, labels, NO_FLAGS, parameters.threads)[0]


def in_bands(cores: CoreLocations, parameters: Parameters) -> CoreLocations:
    """Return the core locations, sorted into the latitude bands for ``parameters.eps_km``."""
    folded = fold_for(cores.lat, cores.lon, ONES, parameters, silent)
    return CoreLocations(folded.lat, folded.lon, cores.label[folded.first])


def _number(
    start: NDArray[np.int64], root: NDArray[np.int64], rank: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Return the labels of core points; components are numbered by their lowest rank."""
    first = np.full(len(root), np.iinfo(np.int64).max)
    np.minimum.at(first, root, np.minimum.reduceat(rank, start[:-1]))
    roots = np.flatnonzero(root == np.arange(len(root)))
    number = np.empty(len(root), dtype=np.int64)
    number[roots[np.argsort(first[roots])]] = np.arange(len(roots))
    return np.repeat(number[root], np.diff(start))
