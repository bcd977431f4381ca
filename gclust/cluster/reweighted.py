"""DBSCAN of the same locations under one weighting after another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan import SURFACES, _number, check_locations, check_parameters
from gclust.kernels.dbscan.border_labels import assign_labels
from gclust.kernels.dbscan.core_components import link_points
from gclust.kernels.dbscan.core_levels import find_levels
from gclust.kernels.dbscan.warmup import run_dbscan_kernels
from gclust.kernels.spatial.bands import band_height, build_bands, select_points
from gclust.kernels.spatial.fold import fold
from gclust.kernels.sphere import reach_of
from gclust.kernels.warm_up import warm_up
from gclust.parallel import unreported
from gclust.progress import Report, silent

_NO_UNITS = np.zeros(0, dtype=np.int64)


class Reweighed:
    """Locations sorted into bands once, then clustered under any weights.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, sorted and normalised as in
        :func:`gclust.cluster.dbscan.cluster_locations`.
    eps_km, border, metric, n_jobs
        As in :class:`gclust.DBSCAN`.
    progress : callable
        Called as ``progress(fraction, stage)``.
    """

    def __init__(
        self,
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        *,
        eps_km: float,
        border: str,
        metric: str,
        n_jobs: int | None = None,
        progress: Report = silent,
    ) -> None:
        self._threads = check_parameters(eps_km, border, metric, n_jobs)
        self._border = border
        lat, lon = check_locations(lat, lon)
        warm_up(progress, run_dbscan_kernels)
        eps = float(eps_km)
        self._reach = reach_of(eps)
        folded = fold(lat, lon, _NO_UNITS, band_height(eps), self._threads, unreported)
        self.order = folded.first.astype(np.int64)
        """The location that each point of the bands is: labels and weights are in this order."""
        self._bands = build_bands(
            folded.lat, folded.lon, SURFACES[metric], eps, self._reach, self._threads, unreported
        )

    def cluster(
        self,
        units: NDArray[np.int64],
        min_units: int,
        there: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Cluster the locations under weights.

        Parameters
        ----------
        units : ndarray of int64, shape (n,)
            Of the locations, in the `order` of the bands. One without weight forms no cluster
            and connects none, but takes the label that :meth:`gclust.DBSCAN.predict` would give
            it.
        min_units : int
            ``min_samples`` in the units of the weights.
        there : ndarray of bool, shape (n,), optional
            Which locations take a label at all; the others are -1.

        Returns
        -------
        labels : ndarray of int64, shape (n,)
            Likewise; -1 for noise, numbered by first core location.
        core : ndarray of bool, shape (n,)
        """
        n, threads, reach = len(self.order), self._threads, self._reach
        labels = np.full(n, -1, dtype=np.int64)
        prefix = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(units, out=prefix[1:])
        least = np.array([min_units], dtype=np.int64)
        levels = find_levels(self._bands, prefix, least, reach, threads, unreported)
        core = levels.view(np.bool_) & (units > 0)
        places = np.flatnonzero(core)
        if len(places):
            cores = select_points(self._bands, places, reach, threads)
            start, root = link_points(cores, reach, threads, unreported)
            core_labels = _number(start, root, self.order[places].astype(np.uint32))
            labels[places] = core_labels
            if self._border != "noise" and len(places) < n:
                assign_labels(
                    self._bands,
                    ~core if there is None else there & ~core,
                    cores,
                    core_labels,
                    self._border == "nearest",
                    reach,
                    threads,
                    unreported,
                    labels,
                )
        return labels, core
