"""What the clusters of a draw are, and which of them are near each other."""

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
from gclust.pipeline.prepare import Prepared
from gclust.progress import silent
from gclust.study.clustering_methods import ClusteringOptions, Clusters
from gclust.study.schema import Study
from gclust.threads import count_threads

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Gaps = dict[tuple[int, int], float]


class Reclustered(NamedTuple):
    """The clusters of a draw before merging."""

    labels: Ints
    """Of the places; -1 for noise, and where the draw has no listing."""
    gaps_km: Gaps
    """Least distances of clusters that may merge; none where none merge."""
    core: NDArray[np.bool_]
    """Of the places; see `gclust.pipeline.form.Reclustered`."""
    polygons: GeoSeries | None
    """Contours by label, where the method has them."""


class HeldPlaces:
    """Forms clusters of a study's locations under one weighting after another.

    Parameters
    ----------
    study, prepared
    pairs : list of (eps_km, min_samples)
        Those of DBSCAN that will be asked for by number; the study's own if there are none.
    n_jobs : int, optional

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        The prepared location that each place is.
    """

    def __init__(
        self, study: Study, prepared: Prepared, pairs: list[Pair], n_jobs: int | None
    ) -> None:
        self._options, self._n_jobs = study.clusters, n_jobs
        self._locations = prepared.locations
        self._lat = prepared.locations["lat"].to_numpy()
        self._lon = prepared.locations["lon"].to_numpy()
        self.order = np.arange(len(self._lat))
        if isinstance(self._options, Clusters):
            self._pairs = pairs or [(self._options.eps_km, self._options.min_samples)]
            self._eps_km = self._pairs[0][0]
            self._bands = self._in_bands(self._options, self._eps_km)
            self.order = self._bands.order
            self._back = np.argsort(self.order)
        self._nearness = _Nearness(study, prepared, self.order, count_threads(n_jobs))

    def form(self, pair: int, drawn: Replicate) -> Reclustered:
        """Form the clusters of a draw, with the pair of a number."""
        labels, core, polygons = self._clusters(pair, drawn)
        gaps = self._nearness.gaps_km(labels.astype(np.int32))
        return Reclustered(labels, gaps, core, polygons)

    def begin(self, pair: int) -> None:
        """Make ready for a pair, after which its draws may be formed by several threads."""
        if isinstance(self._options, Clusters) and self._pairs[pair][0] != self._eps_km:
            self._eps_km = self._pairs[pair][0]
            self._bands = self._in_bands(self._options, self._eps_km)

    def places(self, drawn: Replicate) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return latitudes and longitudes of the places of a draw, in degrees."""
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
        self, pair: int, drawn: Replicate
    ) -> tuple[Ints, NDArray[np.bool_], GeoSeries | None]:
        there, density = drawn.there, drawn.density
        if not isinstance(self._options, Clusters):
            weighed = self._locations.assign(density=density)
            formed = partition_locations(self._options, weighed, n_jobs=self._n_jobs, report=silent)
            return np.where(there, formed.labels, -1), formed.core & there, formed.polygons
        least = threshold_units(self._pairs[pair][1])
        if self._bands.order is self.order:
            return (*self._bands.cluster(density, least, there), None)
        at = self._back[self._bands.order]
        labels = np.empty(len(at), dtype=np.int64)
        core = np.empty(len(at), dtype=np.bool_)
        labels[at], core[at] = self._bands.cluster(density[at], least, there[at])
        return labels, core, None


class _Nearness:
    """Finds the gaps between clusters of places that stay, as `gclust.pipeline.count_arrays` does."""

    def __init__(self, study: Study, prepared: Prepared, order: Ints, threads: int) -> None:
        self._threads = threads
        self._merges = study.merge.rule != "none" and prepared.has_records
        if self._merges:
            lat, lon = (prepared.locations[axis].to_numpy()[order] for axis in ("lat", "lon"))
            self._grid = GridHash(lat, lon, study.merge.max_gap_km)
            self._order = np.argsort(self._grid.number, kind="stable")
            self._lat, self._lon = lat[self._order], lon[self._order]

    def gaps_km(self, labels: NDArray[np.int32]) -> Gaps:
        if not self._merges:
            return {}
        ordered = labels[self._order]
        return self._grid.gaps_km(self._lat, self._lon, ordered, self._threads)


class MovingPlaces:
    """Forms clusters of places of which some are elsewhere in each draw.

    Parameters
    ----------
    study, prepared
    pairs
        See `HeldPlaces`.
    spread : Spread
        The places that move, which come after the prepared locations.
    n_jobs : int, optional
    """

    def __init__(
        self,
        study: Study,
        prepared: Prepared,
        pairs: list[Pair],
        spread: PositionalJitter,
        n_jobs: int | None,
    ) -> None:
        self._study, self._spread, self._n_jobs = study, spread, n_jobs
        self._lat = prepared.locations["lat"].to_numpy()
        self._lon = prepared.locations["lon"].to_numpy()
        self._merges = study.merge.rule != "none" and prepared.has_records
        self._options: list[ClusteringOptions] = [study.clusters]
        if pairs:
            self._options = [
                replace(study.dbscan, eps_km=eps_km, min_samples=least) for eps_km, least in pairs
            ]

    def begin(self, pair: int) -> None:
        """Do nothing: what was made for a pair would not serve the next draw."""

    def form(self, pair: int, drawn: Replicate) -> Reclustered:
        """Form the clusters of a draw as a study of its listings would."""
        lat, lon = self.places(drawn)
        order = _sorted(lat, lon, len(self._lat), drawn.there)
        lat, lon = lat[order], lon[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (np.diff(lat) != 0) | (np.diff(lon) != 0)
        starts = np.flatnonzero(first)
        density = drawn.density[order]
        if len(starts):
            density = np.add.reduceat(density, starts)
        locations = pd.DataFrame({"lat": lat[first], "lon": lon[first], "density": density})
        options = self._options[pair]
        formed = partition_locations(options, locations, n_jobs=self._n_jobs, report=silent)
        labels = np.full(len(drawn.there), -1, dtype=np.int64)
        core = np.zeros(len(drawn.there), dtype=np.bool_)
        location = np.cumsum(first) - 1
        labels[order], core[order] = formed.labels[location], formed.core[location]
        gaps: Gaps = {}
        if self._merges:
            gaps = gaps_km(lat[first], lon[first], formed.labels, self._study.merge.max_gap_km)
        return Reclustered(labels, gaps, core, formed.polygons)

    def places(self, drawn: Replicate) -> tuple[Floats, Floats]:
        """Return latitudes and longitudes of the places of a draw, in degrees."""
        lat, lon = self._spread.places(drawn.number, count_threads(self._n_jobs))
        return np.append(self._lat, lat), np.append(self._lon, lon)


def _sorted(lat: Floats, lon: Floats, n_stay: int, there: NDArray[np.bool_]) -> Ints:
    """Sort the places that are there by latitude, then longitude; those that stay are sorted."""
    stay, moved = np.flatnonzero(there[:n_stay]), n_stay + np.flatnonzero(there[n_stay:])
    moved = moved[np.lexsort((lon[moved], lat[moved]))]
    at = np.searchsorted(_pairs(lat[stay], lon[stay]), _pairs(lat[moved], lon[moved]), "right")
    return np.insert(stay, at, moved)


def _pairs(lat: Floats, lon: Floats) -> NDArray[np.complex128]:
    """Pairs as numbers of two parts, which NumPy compares part by part."""
    out = np.empty(len(lat), dtype=np.complex128)
    out.real, out.imag = lat, lon
    return out
