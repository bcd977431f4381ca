"""Cache of cluster labels: surfaces that give the labels of many pairs of parameters."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.locations import Settings
from gclust.cluster.surface import LocationSurface, surface_of_locations
from gclust.cluster.surface_memory import radii_that_fit
from gclust.experiments.grid import Pairs
from gclust.progress import Report
from gclust.threads import count_threads, default_threads


class LabelCache:
    """Cache that gives the cluster labels of the same locations at each pair of parameters.

    Surfaces are computed for as many eps_km at a time as memory allows, because several share
    most of the work. Only those of ``wanted`` and of the baseline are computed, so a sweep that is
    resumed computes those of the pairs that are left.
    """

    def __init__(self, pairs: Pairs, wanted: Iterable[float]) -> None:
        self._pairs = pairs
        self._left = sorted({pairs.baseline[0], *wanted})
        self._min_units = [threshold_units(each) for each in pairs.min_samples]
        self._surfaces: dict[float, LocationSurface] = {}

    def cluster(
        self,
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        units: NDArray[np.int64],
        settings: Settings,
        progress: Report,
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return labels and core flags, as `gclust.cluster.locations.cluster_locations` does."""
        eps_km = settings.eps_km
        self._drop_before(eps_km)
        if eps_km not in self._surfaces:
            others = [each for each in self._left if each != eps_km]
            together = [
                eps_km,
                *others[: radii_that_fit(len(lat), count_threads(settings.n_jobs)) - 1],
            ]
            with default_threads(settings.n_jobs):
                surface = surface_of_locations(
                    *(lat, lon, units),
                    (together, self._min_units),
                    border=settings.border,
                    metric=settings.metric,
                    progress=progress,
                )
            self._left = [each for each in others if each not in together]
            self._surfaces |= {each: surface.at(each) for each in together}
        return self._surfaces[eps_km].cluster(eps_km, threshold_units(settings.min_samples))

    def _drop_before(self, eps_km: float) -> None:
        """Drop the surfaces of eps_km that are no longer compared: below the next smaller one."""
        if eps_km == self._pairs.baseline[0]:
            return
        at = self._pairs.eps_km.index(eps_km)
        least = self._pairs.eps_km[max(at - 1, 0)]
        for each in list(self._surfaces):
            if each < least and each != self._pairs.baseline[0]:
                del self._surfaces[each]
