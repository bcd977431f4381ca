"""Assignment of any coordinates to a run's clusters, to match clusters between runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.coordinates import find_places
from gclust.cluster.dbscan_steps import CoreLocations
from gclust.cluster.locations import Settings, assign_locations
from gclust.errors import StudyError, ignore_warning
from gclust.pipeline.form import partition_locations
from gclust.progress import silent
from gclust.study.clustering_methods import ClusteringOptions, Clusters

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClustersAtPlaces:
    """Assignment of places to a run's clusters, also where the run has no listing.

    A place of the run has the cluster that the run gave it. Any other has the one that a listing
    without weight would get there, as `predict` of the method's estimator gives it: by the core
    locations within reach (DBSCAN), by the members that it would be connected to (HDBSCAN), or by
    the contour that it lies in. With ``border = "noise"``, where `predict` knows only the places
    of core locations, it is the cluster of the nearest core location within eps_km.

    Attributes
    ----------
    options : ClusteringOptions
        The section ``[clusters]`` of the study.
    locations : DataFrame
        ``lat, lon`` (degrees), ``density`` (fixed-point weight that forms clusters) and ``core``,
        sorted by ``lat``, then ``lon``.
    clusters : ndarray of int64, shape (n,)
        Merged cluster of each location, -1 for noise.
    n_jobs : int, optional
    """

    options: ClusteringOptions
    locations: pd.DataFrame
    clusters: Ints
    n_jobs: int | None = None
    _known: dict[int, tuple[pd.DataFrame, Ints]] = field(default_factory=dict)

    def at(self, places: pd.DataFrame) -> Ints:
        """Return the cluster at each place, -1 where there is none.

        ``places`` are distinct, with ``lat, lon`` in degrees as in locations. The result has the
        shape (m,); for the same table it is computed once.

        Raises
        ------
        StudyError
            If the method no longer gives the run's clusters, because another version ran it.
        """
        if id(places) not in self._known:
            self._known[id(places)] = places, self._computed(places)
        return self._known[id(places)][1]

    def _computed(self, places: pd.DataFrame) -> Ints:
        lat, lon = (places[name].to_numpy(np.float64) for name in ("lat", "lon"))
        own_lat, own_lon = (self.locations[name].to_numpy() for name in ("lat", "lon"))
        if not len(own_lat):
            return np.full(len(lat), -1, dtype=np.int64)
        if np.array_equal(lat, own_lat) and np.array_equal(lon, own_lon):
            return self.clusters
        at = find_places(lat, lon, own_lat, own_lon)
        found = np.append(self.clusters, -1)[at]
        new = np.flatnonzero(at < 0)
        new = new[np.lexsort((lon[new], lat[new]))]
        if len(new):
            predict = self._of_cores if self._has_cores else self._of_weightless
            found[new] = predict(lat[new], lon[new])
        return found

    @property
    def _has_cores(self) -> bool:
        """Whether a place's cluster follows from core locations and their merged clusters.

        With ``border = "first"`` it follows from the order of clusters before merging.
        """
        return isinstance(self.options, Clusters) and self.options.border != "first"

    def _of_cores(self, lat: Floats, lon: Floats) -> Ints:
        assert isinstance(self.options, Clusters)
        core = self.locations["core"].to_numpy()
        own_lat, own_lon = (self.locations[name].to_numpy()[core] for name in ("lat", "lon"))
        settings = Settings(
            self.options.eps_km,
            self.options.min_samples,
            border="nearest",
            metric=self.options.metric,
            n_jobs=self.n_jobs,
        )
        cores = CoreLocations(own_lat, own_lon, self.clusters[core])
        return assign_locations(lat, lon, cores, settings)

    def _of_weightless(self, lat: Floats, lon: Floats) -> Ints:
        """Cluster the locations again, with the places as locations without weight."""
        n = len(self.locations)
        table = pd.DataFrame({"lat": lat, "lon": lon, "density": 0})
        rows = pd.concat([self.locations[["lat", "lon", "density"]], table], ignore_index=True)
        order = np.lexsort((rows["lon"], rows["lat"]))
        partition = partition_locations(
            self.options,
            rows.iloc[order].reset_index(drop=True),
            n_jobs=self.n_jobs,
            report=silent,
            warn=ignore_warning,
        )
        labels = np.empty(len(rows), dtype=np.int64)
        labels[order] = partition.labels
        return self._merged(labels[:n])[labels[n:]]

    def _merged(self, labels: Ints) -> Ints:
        """Return the cluster of each label that the locations have now, and of noise, the last."""
        merged = np.full(int(labels.max(initial=-1)) + 2, -1, dtype=np.int64)
        merged[labels] = self.clusters
        if (merged[labels] != self.clusters).any() or merged[-1] != -1:
            raise StudyError(
                f"[clusters] method = {self.options.method!r} gives other clusters now than in the"
                " run: another version of gclust made the run; run the study again"
            )
        return merged
