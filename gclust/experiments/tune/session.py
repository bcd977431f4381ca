"""The study on the bench: prepared once, then tried with any choice."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.fixed_point import threshold_units
from gclust.cluster.surface import LocationSurface, surface_of_locations
from gclust.errors import StudyError
from gclust.experiments.grid import Pair, Pairs, choose_pairs
from gclust.experiments.tune.location_grid import Places
from gclust.experiments.tune.outcome import (
    Merged,
    Outcome,
    ParameterSet,
    compare_with,
    count_clusters,
    merge_labels,
    name_merged,
    rank_merged,
)
from gclust.experiments.tune.partition import PairPartition, form
from gclust.experiments.tune.write_study import chosen_study
from gclust.indicators.counts import shares
from gclust.listings.engine import Engine
from gclust.listings.record_arrays import gather_records
from gclust.pipeline.count import warn_of_gap
from gclust.pipeline.form import check_found, label_locations
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.progress import Report, silent, stage
from gclust.study.schema import Study
from gclust.threads import count_threads

GAPS_KM = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0)
MOST_OUTCOMES = 500
HELD_BYTES = 1 << 30
"""What is held of the pairs that were tried, at most."""

AT_ONCE_SECONDS = 0.5
"""Columns that took longer than this for the study's own clusters are not waited for."""


class Session:
    """A study's listings in memory, and what was tried with them.

    Not to be used by two threads at once.

    Parameters
    ----------
    study : Study
    n_jobs : int, optional
        Threads; all by default.
    report : callable
        Called with ``(fraction, stage)``.

    Raises
    ------
    StudyError
        If the study or its data cannot be used, or if it finds no cluster.
    """

    def __init__(self, study: Study, *, n_jobs: int | None, report: Report) -> None:
        self.study, self._n_jobs = study, n_jobs
        self.pairs: Pairs = choose_pairs(study, None, None, None)
        self.gaps_km = tuple(sorted({*GAPS_KM, study.merge.max_gap_km}))
        self.columns = ScoreColumns(study)
        self.columns.check()
        self._engine = Engine(threads=n_jobs, progress=report)
        try:
            self._open(report)
        except BaseException:
            self.close()
            raise
        if not self.columns.further:
            self.close()  # the listings are in memory, and nothing else is asked of them

    def close(self) -> None:
        """Let go of the listings; what further columns a score has is not computed any more."""
        self._engine.__exit__(None, None, None)

    def _open(self, report: Report) -> None:
        study, n_jobs, engine = self.study, self._n_jobs, self._engine
        run_log = RunLog(report, study.study.strict)
        prepared = self._prepared = prepare_listings(study, engine, run_log)
        warn_of_gap(study, replace(study.dbscan, eps_km=self.pairs.eps_km[-1]), run_log)
        with stage(report, "gather locations"):
            self._places = Places(prepared.locations, study.dbscan.eps_km, self.gaps_km[-1])
        self._records = gather_records(
            engine,
            prepared.located,
            prepared.totals,
            prepared.locations[["lat", "lon"]].iloc[self._places.order],
            n_kinds=len(prepared.staged.kinds),
            method=study.counting.method,
        )
        self._threads = count_threads(n_jobs)
        self._locations = prepared.locations
        self._surface = self._make_surface(report)
        self._world, self.kinds = prepared.world_totals, prepared.staged.kinds
        self._formed: OrderedDict[tuple[Pair, str], PairPartition] = OrderedDict()
        self._outcomes: OrderedDict[ParameterSet, Outcome] = OrderedDict()
        self._found: dict[ParameterSet, tuple[dict[str, float], str]] = {}
        self.own = ParameterSet.of(study)
        labels, core = self._label(self.own.pair, report)
        check_found(study.clusters, self._locations, labels)
        with stage(report, "rank the study's clusters"):
            self._base_labels = labels
            self._base = merge_labels(
                study, self.own, self._form(self.own, labels, core, silent), None
            )
            start = time.perf_counter()
            self._base_table = self._rank(self._base, self.own, silent)
            self.seconds = time.perf_counter() - start
            self._outcomes[self.own] = compare_with(
                self._base, self._base_table, self.own, self._base, self._base_table
            )

    @property
    def own_figures(self) -> dict[str, float]:
        """Figures of the study itself."""
        return self._base.figures

    @property
    def square_km(self) -> float:
        """Side of the squares by which clusters are outlined."""
        return self._places.square_km

    def outcome(self, choice: ParameterSet, report: Report = silent) -> Outcome:
        """Say what a choice gives, beside what the study gives.

        Parameters
        ----------
        choice : Choice
            Of any pair; its gap is one of ``gaps_km``.
        report : callable
            Called often with ``(fraction, stage)``; what it raises ends the work.
        """
        if choice not in self._outcomes:
            merged = self._merged(choice, report)
            table = self._rank(merged, choice, report)
            self._outcomes[choice] = compare_with(
                self._base, self._base_table, choice, merged, table
            )
            if len(self._outcomes) > MOST_OUTCOMES:
                self._outcomes.popitem(last=False)
        self._outcomes.move_to_end(choice)
        return self._outcomes[choice]

    def draft(self, choice: ParameterSet, report: Report = silent) -> Outcome:
        """Say the same without scores and ranks, whose columns take their time."""
        merged = self._merged(choice, report)
        count, named = self._named(merged, report)
        table = rank_merged(self.study, named, count, shares(count, self._world), None)
        found = compare_with(self._base, self._base_table, choice, merged, table)
        return replace(found, awaited=self.columns.further)

    def is_awaited(self, choice: ParameterSet) -> bool:
        """Whether the score of a choice is made of columns that are long in coming."""
        slow = bool(self.columns.further) and self.seconds > AT_ONCE_SECONDS
        return slow and not self.is_ranked(choice)

    def figures(
        self, choice: ParameterSet, report: Report = silent
    ) -> tuple[dict[str, float], str]:
        """Figures of a choice, and what is suspicious about it; see `Merged`."""
        if choice not in self._found:
            self._merged(choice, report)
        return self._found[choice]

    def is_ranked(self, choice: ParameterSet) -> bool:
        """Whether the outcome of a choice is at hand."""
        return choice in self._outcomes

    def known_figures(self, choice: ParameterSet) -> tuple[dict[str, float], str] | None:
        """The same if they were found before, else None."""
        return self._found.get(choice)

    def _merged(self, choice: ParameterSet, report: Report) -> Merged:
        key = choice.pair, choice.ties
        if key not in self._formed:
            labels, core = self._label(choice.pair, report)
            report(0.0, "label listings")
            self._hold(choice, self._form(choice, labels, core, report))
        self._formed.move_to_end(key)
        merged = merge_labels(self.study, choice, self._formed[key], self._base.cluster_ids)
        self._found[choice] = merged.figures, merged.diagnostics
        return merged

    def _hold(self, choice: ParameterSet, formed: PairPartition) -> None:
        """Keep what was formed, and forget what was not asked for longest if it is too much."""
        self._formed[choice.pair, choice.ties] = formed
        while len(self._formed) > 1 and sum(f.n_bytes for f in self._formed.values()) > HELD_BYTES:
            gone, _ = self._formed.popitem(last=False)
            for other in [c for c in self._outcomes if (c.pair, c.ties) == gone]:
                del self._outcomes[other]

    def _form(
        self,
        choice: ParameterSet,
        labels: NDArray[np.int32],
        core: NDArray[np.bool_],
        report: Report,
    ) -> PairPartition:
        return form(
            choice.pair,
            labels,
            core,
            self._base_labels,
            self._records,
            self._places,
            choice.ties,
            self._threads,
            report,
        )

    def _named(self, merged: Merged, report: Report) -> tuple[pd.DataFrame, pd.DataFrame]:
        count = count_clusters(self.study, merged, self._records, self.kinds)
        named = name_merged(self.study, merged, lambda share: report(share, "rank clusters"))
        return count, named

    def _rank(self, merged: Merged, choice: ParameterSet, report: Report) -> pd.DataFrame:
        count, named = self._named(merged, report)
        share = shares(count, self._world)
        if not self.columns.further:
            return rank_merged(self.study, named, count, share, pd.DataFrame())
        columns = self.columns
        if columns.looks_at & OUTLINED:
            columns = ScoreColumns(chosen_study(self.study, choice))
        labels, core = self._label(choice.pair, report)
        clusters = np.empty(len(labels), dtype=np.int64)
        cores = np.empty(len(labels), dtype=bool)
        clusters[self._places.order], cores[self._places.order] = merged.clusters(labels), core
        # What the engine reports ends the work that has to wait, as all reports do here.
        self._engine.progress = report
        described = columns.describe(
            self._locations, clusters, cores, merged.n_clusters, report=report
        )
        listings = labelled_listings(self.study, self._engine, self._prepared, clusters)
        gathered = replace(
            listings, gather=lambda frame: self._engine.pandas(frame, "compute indicators")
        )
        values = columns.values(count, share, described, gathered)
        return rank_merged(
            self.study, named, count, share, described, values[list(columns.headings)]
        )

    def _label(self, pair: Pair, report: Report) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Labels of the locations, and which are core, in the order of the cells."""
        if self._places.forming.all():
            labels, core = self._surface.cluster(pair[0], threshold_units(pair[1]))
        else:
            labels, core = label_locations(
                replace(self.study.dbscan, eps_km=pair[0], min_samples=pair[1]),
                self._locations,
                n_jobs=self._n_jobs,
                report=report,
                cluster=self._cluster,
            )
        order = self._places.order
        return labels.astype(np.int32)[order], core[order]

    def _cluster(
        self, *_: Any, eps_km: float, min_units: int, **__: Any
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Take from the surface what `gclust.cluster.dbscan.cluster_locations` would find."""
        return self._surface.cluster(eps_km, min_units)

    def _make_surface(self, report: Report) -> LocationSurface:
        locations, options = self._locations, self.study.dbscan
        forming = locations[locations["density"] > 0]
        try:
            return surface_of_locations(
                forming["lat"].to_numpy(),
                forming["lon"].to_numpy(),
                forming["density"].to_numpy(),
                eps_km=self.pairs.eps_km,
                min_units=[threshold_units(each) for each in self.pairs.min_samples],
                border=options.border,
                metric=options.metric,
                n_jobs=self._n_jobs,
                progress=report,
            )
        except ValueError as error:  # too large for the memory
            raise StudyError(str(error)) from error
