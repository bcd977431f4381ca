"""DBSCAN of the same locations for many sets of weights, as in a bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.dbscan_steps import ONES, Parameters, cluster_bands, fold_for
from gclust.cluster.parameters import SURFACES, check_locations, check_parameters
from gclust.kernels.dbscan.warmup import run_dbscan_kernels
from gclust.kernels.spatial.bands import build_bands
from gclust.kernels.sphere import reach_of
from gclust.kernels.warm_up import warm_up
from gclust.parallel import unreported
from gclust.progress import Report, silent


class Reweighed:
    """Locations that are sorted once and can then be clustered with any weights.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Distinct locations in degrees, sorted and normalised as in
        :func:`gclust.cluster.locations.cluster_locations`.
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
        threads = check_parameters(eps_km, border, metric, n_jobs)
        self._parameters = Parameters(float(eps_km), border, metric, threads)
        lat, lon = check_locations(lat, lon)
        warm_up(progress, run_dbscan_kernels)
        folded = fold_for(lat, lon, ONES, self._parameters, silent)
        self._rank = folded.first
        self.order = folded.first.astype(np.int64)
        """The location that each point of the bands is: labels and weights are in this order."""
        eps_km, _, metric, threads = self._parameters
        self._bands = build_bands(
            folded.lat, folded.lon, SURFACES[metric], eps_km, reach_of(eps_km), threads, unreported
        )

    def cluster(
        self, units: NDArray[np.int64], min_units: int, there: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the labels, -1 for noise, and core flags of the locations for given weights.

        Clusters are numbered by first core location. All arrays are in the `order` of the bands.

        Parameters
        ----------
        units : ndarray of int64, shape (n,)
            Weights of the locations. A location without weight forms no cluster and connects none,
            but takes the label that :meth:`gclust.DBSCAN.predict` would give it.
        min_units : int
            ``min_samples`` in the units of the weights.
        there : ndarray of bool, shape (n,), optional
            Whether each location takes a label; the others are -1.
        """
        prefix = np.zeros(len(self.order) + 1, dtype=np.int64)
        np.cumsum(units, out=prefix[1:])
        return cluster_bands(
            self._bands, prefix, self._rank, min_units, self._parameters, wanted=there
        )
