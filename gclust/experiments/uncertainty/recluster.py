"""Reclustering: finds a bootstrap replicate's clusters and the distances between them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from geopandas import GeoSeries
from numpy.typing import NDArray

from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.gaps import GridHash, gaps_km
from gclust.cluster.reweighted import Reweighed
from gclust.experiments.grid import Pair
from gclust.experiments.uncertainty.bootstrap import Replicate
from gclust.experiments.uncertainty.jitter import PositionalJitter
from gclust.pipeline.form import partition_locations
from gclust.pipeline.listed_merges import ListedMerges, ListedPlaces
from gclust.pipeline.prepare import Prepared
from gclust.progress import silent
from gclust.study.clustering_methods import ClusteringOptions, Clusters
from gclust.study.schema import Study
from gclust.threads import count_threads

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Gaps = dict[tuple[int, int], float]


class Reclustered(NamedTuple):
    """Clusters of a replicate before merging."""

    labels: Ints
    """Label of each place, -1 for noise and where the replicate has no listing."""
    gaps_km: Gaps
    """Least distances between clusters that may merge; empty if none may."""
    core: NDArray[np.bool_]
    """An array over places; see `gclust.pipeline.form.Partition`."""
    polygons: GeoSeries | None
    """Contours by label, if the method has contours."""


class FixedLocationReclusterer:
    """Reclusterer for replicates that keep the study's locations and differ in densities.

    ``pairs`` of DBSCAN are used by number; without any, the study's own pair is used. ``order``,
    of shape (n,), is the prepared location of each place.
    """

    def __init__(
        self, study: Study, prepared: Prepared, pairs: list[Pair], n_jobs: int | None
    ) -> None:
        self._options, self._n_jobs = study.clusters, n_jobs
        self._dbscan = None if study.clusters.reach_km is None else study.dbscan
        self._locations = prepared.locations
        self._lat = prepared.locations["lat"].to_numpy()
        self._lon = prepared.locations["lon"].to_numpy()
        self.order = np.arange(len(self._lat))
        if self._dbscan is not None:
            self._pairs = pairs or [(self._dbscan.eps_km, self._dbscan.min_samples)]
            self._eps_km = self._pairs[0][0]
            self._bands = self._in_bands(self._dbscan, self._eps_km)
            self.order = self._bands.order
            self._back = np.argsort(self.order)
        self._grid_hash: GridHash | None = None
        self._listed: ListedMerges | None = None
        lat, lon = self._lat[self.order], self._lon[self.order]
        if study.merge.rule == "list":
            self._listed = ListedMerges(study.merge, lat, lon)
        elif study.merge.may_merge(prepared.has_records):
            self._grid_hash = GridHash(lat, lon, study.merge.max_gap_km)

    def use_pair(self, pair: int) -> None:
        """Prepare for a pair of parameters, so that several threads can recluster replicates."""
        if self._dbscan is not None and self._pairs[pair][0] != self._eps_km:
            self._eps_km = self._pairs[pair][0]
            self._bands = self._in_bands(self._dbscan, self._eps_km)

    def recluster(self, pair: int, replicate: Replicate) -> Reclustered:
        """Find a replicate's clusters with the eps_km and min_samples that have number ``pair``."""
        labels, core, polygons = self._clusters(pair, replicate)
        gaps: Gaps = {}
        if self._listed is not None:
            gaps = self._listed.gaps_km(labels)
        elif self._grid_hash is not None:
            ordered = labels.astype(np.int32)[self._grid_hash.order]
            gaps = self._grid_hash.gaps_km(ordered, count_threads(self._n_jobs))
        return Reclustered(labels, gaps, core, polygons)

    def coordinates(self, replicate: Replicate) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return latitudes and longitudes of the places of a replicate, in degrees."""
        return self._lat[self.order], self._lon[self.order]

    def _in_bands(self, options: Clusters, eps_km: float) -> Reweighed:
        return Reweighed(
            self._lat,
            self._lon,
            eps_km=eps_km,
            border=options.border,
            metric=options.metric,
            n_jobs=self._n_jobs,
        )

    def _clusters(
        self, pair: int, replicate: Replicate
    ) -> tuple[Ints, NDArray[np.bool_], GeoSeries | None]:
        present, density = replicate.present, replicate.density
        if self._dbscan is None:
            weighed = self._locations.assign(density=density)
            found = partition_locations(self._options, weighed, n_jobs=self._n_jobs, report=silent)
            return np.where(present, found.labels, -1), found.core & present, found.polygons
        least = threshold_units(self._pairs[pair][1])
        if self._bands.order is self.order:
            return (*self._bands.cluster(density, least, present), None)
        at = self._back[self._bands.order]
        labels = np.empty(len(at), dtype=np.int64)
        core = np.empty(len(at), dtype=np.bool_)
        labels[at], core[at] = self._bands.cluster(density[at], least, present[at])
        return labels, core, None


class JitteredReclusterer:
    """Reclusterer for replicates in which some listings move to other coordinates.

    The places of jittered listings come after the prepared locations.
    """

    def __init__(
        self,
        study: Study,
        prepared: Prepared,
        pairs: list[Pair],
        jitter: PositionalJitter,
        n_jobs: int | None,
    ) -> None:
        self._study, self._jitter, self._n_jobs = study, jitter, n_jobs
        self._lat = prepared.locations["lat"].to_numpy()
        self._lon = prepared.locations["lon"].to_numpy()
        self._merges = study.merge.may_merge(prepared.has_records)
        self._listed: ListedPlaces | None = None
        if study.merge.rule == "list":
            self._listed = ListedPlaces.of(study.merge, self._lat, self._lon)
        self._options: list[ClusteringOptions] = [study.clusters]
        if pairs:
            self._options = [
                replace(study.dbscan, eps_km=eps_km, min_samples=least) for eps_km, least in pairs
            ]

    def use_pair(self, pair: int) -> None:
        """Do nothing: coordinates differ between replicates, so nothing can be prepared."""

    def recluster(self, pair: int, replicate: Replicate) -> Reclustered:
        """Find the clusters of a replicate, as a study of its listings would."""
        lat, lon = self.coordinates(replicate)
        order = _sorted(lat, lon, len(self._lat), replicate.present)
        lat, lon = lat[order], lon[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (np.diff(lat) != 0) | (np.diff(lon) != 0)
        starts = np.flatnonzero(first)
        density = replicate.density[order]
        if len(starts):
            density = np.add.reduceat(density, starts)
        locations = pd.DataFrame({"lat": lat[first], "lon": lon[first], "density": density})
        options = self._options[pair]
        found = partition_locations(options, locations, n_jobs=self._n_jobs, report=silent)
        labels = np.full(len(replicate.present), -1, dtype=np.int64)
        core = np.zeros(len(replicate.present), dtype=np.bool_)
        location = np.cumsum(first) - 1
        labels[order], core[order] = found.labels[location], found.core[location]
        gaps: Gaps = {}
        if self._listed is not None:
            near = ListedMerges.near(self._listed, lat[first], lon[first])
            gaps = near.gaps_km(found.labels)
        elif self._merges:
            gaps = gaps_km(lat[first], lon[first], found.labels, self._study.merge.max_gap_km)
        return Reclustered(labels, gaps, core, found.polygons)

    def coordinates(self, replicate: Replicate) -> tuple[Floats, Floats]:
        """Return latitudes and longitudes of the places of a replicate, in degrees."""
        lat, lon = self._jitter.coordinates(replicate.number, count_threads(self._n_jobs))
        return np.append(self._lat, lat), np.append(self._lon, lon)


Reclusterer = FixedLocationReclusterer | JitteredReclusterer


def _sorted(lat: Floats, lon: Floats, n_fixed: int, present: NDArray[np.bool_]) -> Ints:
    """Sort the present places by latitude, then longitude; fixed places are sorted already."""
    fixed, moved = np.flatnonzero(present[:n_fixed]), n_fixed + np.flatnonzero(present[n_fixed:])
    moved = moved[np.lexsort((lon[moved], lat[moved]))]
    at = np.searchsorted(_pairs(lat[fixed], lon[fixed]), _pairs(lat[moved], lon[moved]), "right")
    return np.insert(fixed, at, moved)


def _pairs(lat: Floats, lon: Floats) -> NDArray[np.complex128]:
    """Return coordinates as complex numbers, which NumPy sorts by real, then imaginary part."""
    out = np.empty(len(lat), dtype=np.complex128)
    out.real, out.imag = lat, lon
    return out
