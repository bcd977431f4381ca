"""Cache of cluster labels: one computation per eps_km gives the labels of all min_samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.locations import Settings
from gclust.cluster.surface import LocationSurface, surface_of_locations
from gclust.experiments.grid import Pairs
from gclust.progress import Report

KEPT = 2
"""Number of surfaces kept in addition to the baseline's: the current one and its neighbour."""


class LabelCache:
    """Cache that gives the cluster labels of the same locations at each pair of parameters.

    The surface of an eps_km is computed when its labels are first needed, so a sweep that is
    resumed computes only those of the pairs that are left.
    """

    def __init__(self, pairs: Pairs) -> None:
        self._baseline_eps_km = pairs.baseline[0]
        self._min_units = [threshold_units(each) for each in pairs.min_samples]
        self._surfaces: dict[float, LocationSurface] = {}

    def cluster(
        self,
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        units: NDArray[np.int64],
        settings: Settings,
        progress: Report,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return labels and core flags, as `gclust.cluster.locations.cluster_locations` does."""
        eps_km, min_units = settings.eps_km, threshold_units(settings.min_samples)
        surface = self._surfaces.pop(eps_km, None)
        if surface is None:
            surface = surface_of_locations(
                *(lat, lon, units),
                ([eps_km], self._min_units),
                border=settings.border,
                metric=settings.metric,
                n_jobs=settings.n_jobs,
                progress=progress,
            )
        self._surfaces[eps_km] = surface  # the last used is at the end
        others = [eps for eps in self._surfaces if eps != self._baseline_eps_km]
        for eps in others[:-KEPT]:
            del self._surfaces[eps]
        return surface.cluster(eps_km, min_units)
