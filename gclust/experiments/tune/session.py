"""Tuning session: a study read once, then clustered and ranked with many parameter sets."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.locations import Settings
from gclust.cluster.surface import LocationSurface, surface_of_locations
from gclust.errors import StudyError
from gclust.experiments.frozen_boundaries import OF_PARAMETERS, refuse_frozen
from gclust.experiments.grid import Pair, Pairs, choose_pairs
from gclust.experiments.tune.location_grid import LocationGrid
from gclust.experiments.tune.outcome import (
    MergedPartition,
    Outcome,
    ParameterSet,
    compare_with,
    merge_partition,
    name_merged,
    rank_merged,
)
from gclust.experiments.tune.partition import PairMerging, PairPartition, partition_pair
from gclust.experiments.tune.write_study import with_parameters
from gclust.pipeline.check_kinds import warn_of_amounts
from gclust.pipeline.count import MergedCounts, warn_of_gap
from gclust.pipeline.count_arrays import RecordCounter
from gclust.pipeline.form import check_found, label_locations
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.listed_merges import ListedMerges
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.progress import Report, silent, stage
from gclust.study.schema import Study
from gclust.threads import default_threads

GAPS_KM = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0)
MOST_OUTCOMES = 500
MOST_BYTES = 1 << 30
"""Most memory for the partitions of tried pairs, in bytes."""

AT_ONCE_SECONDS = 0.5
"""Time in seconds above which a score counts as slow, so that a draft is shown first."""

Figures = tuple[dict[str, float], str]
PartitionKey = tuple[Pair, str, bool]
"""eps_km and min_samples, what counts as a tie, and whether a list of places merges clusters."""


class Session:
    """Tuning session with a study's listings in memory and the outcomes of tried parameters.

    Two threads must not use it at once. ``pairs`` is the grid of eps_km and min_samples,
    ``gaps_km`` the values of ``max_gap_km`` that may be tried; ``own`` are the study's own
    parameters, ``own_figures`` the figures of its clusters, and ``seconds`` the time that ranking
    them took. Clusters are outlined by squares of ``square_km``. Raises StudyError if the study or
    its data cannot be used, or if it finds no cluster.
    """

    def __init__(self, study: Study, *, n_jobs: int | None, report: Report) -> None:
        refuse_frozen(study, "the tuner forms clusters with many parameters", OF_PARAMETERS)
        self.study, self._n_jobs = study, n_jobs
        self.pairs: Pairs = choose_pairs(study, None, None, None)
        self.gaps_km = tuple(sorted({*GAPS_KM, study.merge.max_gap_km}))
        self.columns = ScoreColumns(study)
        self.columns.check()
        self._engine, self._closed = open_engine(study, n_jobs, report, for_arrays=True), False
        try:
            self._open(report)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the engine; only scores of shares and counts can be computed after this."""
        if not self._closed:
            self._closed = True
            self._engine.__exit__(None, None, None)

    def _open(self, report: Report) -> None:
        study, engine = self.study, self._engine
        run_log = RunLog(report, study.study.strict)
        prepared = self._prepared = prepare_listings(study, engine, run_log)
        warn_of_amounts(study, prepared.staged, run_log)
        warn_of_gap(study, replace(study.dbscan, eps_km=self.pairs.eps_km[-1]), run_log)
        with stage(report, "gather locations"):
            self._grid = LocationGrid(prepared.locations, study.dbscan.eps_km, self.gaps_km[-1])
        self.square_km = self._grid.square_km
        self.kinds = prepared.staged.kinds
        self._listed: ListedMerges | None = None
        if study.merge.rule == "list":
            self._listed = ListedMerges(study.merge, self._grid.lat, self._grid.lon)
        order, n_jobs = self._grid.order, self._n_jobs
        self._counter = RecordCounter.gather(study, engine, prepared, order, n_jobs)
        if not self.columns.further:
            self.close()  # only the arrays in memory are still needed
            if self._grid.has_density.all():
                locations = pd.DataFrame({"density": self._grid.density})
                prepared = self._prepared = replace(prepared, locations=locations)
        self._surface = self._make_surface(report)
        self._partitions: OrderedDict[PartitionKey, PairPartition] = OrderedDict()
        self._outcomes: OrderedDict[ParameterSet, Outcome] = OrderedDict()
        self._figures: dict[ParameterSet, Figures] = {}
        self.own = ParameterSet.of(study)
        labels, core = self._label(self.own.pair, report)
        check_found(study.clusters, prepared.locations, labels)
        with stage(report, "rank the study's clusters"):
            self._base_labels = labels
            partition = self._partition(self.own, labels, core, silent)
            self._base = merge_partition(study, self.own, partition, None)
            self.own_figures = self._base.figures
            start = time.perf_counter()
            self._base_table = self._rank(self._base, self.own, silent)
            self.seconds = time.perf_counter() - start
            self._outcomes[self.own] = self._compare(self.own, self._base, self._base_table)

    def outcome(self, parameters: ParameterSet, report: Report = silent) -> Outcome:
        """Return the outcome of a parameter set, compared with the study's.

        The set's gap must be one of ``gaps_km``. An exception that ``report`` raises ends the work.
        """
        if parameters not in self._outcomes:
            merged = self._merged(parameters, report)
            table = self._rank(merged, parameters, report)
            self._outcomes[parameters] = self._compare(parameters, merged, table)
            if len(self._outcomes) > MOST_OUTCOMES:
                self._outcomes.popitem(last=False)
        self._outcomes.move_to_end(parameters)
        return self._outcomes[parameters]

    def draft(self, parameters: ParameterSet, report: Report = silent) -> Outcome:
        """Return an outcome without scores and ranks, to show while these are computed."""
        merged = self._merged(parameters, report)
        counted, named = self._counted(merged, report)
        table = rank_merged(self.study, named, counted, None)
        draft = self._compare(parameters, merged, table)
        return replace(draft, pending=self.columns.further)

    def is_pending(self, parameters: ParameterSet) -> bool:
        """Return whether the score of a parameter set is slow to compute and not computed yet."""
        slow = bool(self.columns.further) and self.seconds > AT_ONCE_SECONDS
        return slow and not self.is_ranked(parameters)

    def figures(self, parameters: ParameterSet, report: Report = silent) -> Figures:
        """Return statistics and diagnostics of a parameter set; see `MergedPartition`."""
        if parameters not in self._figures:
            self._merged(parameters, report)
        return self._figures[parameters]

    def is_ranked(self, parameters: ParameterSet) -> bool:
        """Return whether the outcome of a parameter set is already computed."""
        return parameters in self._outcomes

    def known_figures(self, parameters: ParameterSet) -> Figures | None:
        """Return what `figures` returns if it is already computed, else None."""
        return self._figures.get(parameters)

    def _compare(
        self, parameters: ParameterSet, merged: MergedPartition, table: pd.DataFrame
    ) -> Outcome:
        return compare_with(self._base, self._base_table, parameters, merged, table)

    def _merged(self, parameters: ParameterSet, report: Report) -> MergedPartition:
        key = _partition_key(parameters)
        if key not in self._partitions:
            labels, core = self._label(parameters.pair, report)
            report(0.0, "label listings")
            self._keep(key, self._partition(parameters, labels, core, report))
        self._partitions.move_to_end(key)
        partition, base = self._partitions[key], self._base.cluster_ids
        merged = merge_partition(self.study, parameters, partition, base)
        self._figures[parameters] = merged.figures, merged.diagnostics
        return merged

    def _keep(self, key: PartitionKey, partition: PairPartition) -> None:
        """Store a partition, and drop the least recently used ones that exceed the memory limit."""
        kept = self._partitions
        kept[key] = partition
        while len(kept) > 1 and sum(each.n_bytes for each in kept.values()) > MOST_BYTES:
            dropped, _ = kept.popitem(last=False)
            for other in [each for each in self._outcomes if _partition_key(each) == dropped]:
                del self._outcomes[other]

    def _partition(
        self,
        parameters: ParameterSet,
        labels: NDArray[np.int32],
        core: NDArray[np.bool_],
        report: Report,
    ) -> PairPartition:
        base, grid, counter = self._base_labels, self._grid, self._counter
        listed = self._listed if parameters.rule == "list" else None
        merging = PairMerging(parameters.ties, listed)
        return partition_pair(labels, core, base, grid, counter, merging, report)

    def _counted(
        self, merged: MergedPartition, report: Report
    ) -> tuple[MergedCounts, pd.DataFrame]:
        """Count and name the clusters of a partition."""
        totals = merged.partition.totals
        counted = self._counter.count(totals, merged.labels, self._prepared.world_totals)
        return counted, name_merged(self.study, merged, lambda done: report(done, "rank clusters"))

    def _rank(
        self, merged: MergedPartition, parameters: ParameterSet, report: Report
    ) -> pd.DataFrame:
        counted, named = self._counted(merged, report)
        if not self.columns.further:
            return rank_merged(self.study, named, counted, pd.DataFrame())
        columns = self.columns
        if columns.looks_at & OUTLINED:
            columns = ScoreColumns(with_parameters(self.study, parameters))
        labels, core = self._label(parameters.pair, report)
        clusters = np.empty(len(labels), dtype=np.int64)
        cores = np.empty(len(labels), dtype=bool)
        clusters[self._grid.order], cores[self._grid.order] = merged.clusters(labels), core
        # Reports of the engine, too, let more urgent work end this one.
        self._engine.progress = report
        described = columns.describe(
            self._prepared.locations, clusters, cores, merged.n_clusters, report=report
        )
        listings = labelled_listings(self.study, self._engine, self._prepared, clusters)
        gather = partial(self._engine.pandas, stage="compute indicators")
        gathered = replace(listings, gather=gather)
        values = columns.values(counted.count, counted.share, described, gathered)
        indicators = values[list(columns.headings)]
        return rank_merged(self.study, named, counted, described, indicators)

    def _label(self, pair: Pair, report: Report) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return labels and core flags of the locations, in the order of the grid."""
        if self._grid.has_density.all():  # the surface has their order
            labels, core = self._surface.cluster(pair[0], threshold_units(pair[1]))
            return labels, core
        labels, core = label_locations(
            replace(self.study.dbscan, eps_km=pair[0], min_samples=pair[1]),
            self._prepared.locations,
            n_jobs=self._n_jobs,
            report=report,
            cluster=self._cluster,
        )
        order = self._grid.order
        return labels.astype(np.int32)[order], core[order]

    def _cluster(
        self, _lat: Any, _lon: Any, _units: Any, settings: Settings, _progress: Report
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return from the surface what `cluster_locations` would compute."""
        return self._surface.cluster(settings.eps_km, threshold_units(settings.min_samples))

    def _make_surface(self, report: Report) -> LocationSurface:
        grid, options = self._grid, self.study.dbscan
        if grid.has_density.all():
            lat, lon, units = grid.lat, grid.lon, grid.density
            rank = grid.order.astype(np.uint32)
        else:
            dense = self._prepared.locations["density"].to_numpy() > 0
            lat, lon, units = (
                self._prepared.locations[name].to_numpy()[dense]
                for name in ("lat", "lon", "density")
            )
            rank = None
        try:
            with default_threads(self._n_jobs):
                return surface_of_locations(
                    *(lat, lon, units),
                    (self.pairs.eps_km, [threshold_units(each) for each in self.pairs.min_samples]),
                    border=options.border,
                    metric=options.metric,
                    rank=rank,
                    progress=report,
                )
        except ValueError as error:  # too large for the memory
            raise StudyError(str(error)) from error


def _partition_key(parameters: ParameterSet) -> PartitionKey:
    return parameters.pair, parameters.ties, parameters.rule == "list"
