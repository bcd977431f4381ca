"""A sweep: what a study gives for each pair of eps_km and min_samples."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.grid import Pair, Pairs, choose_pairs
from gclust.experiments.score_columns import columns_of_pairs
from gclust.experiments.sweep.checkpoint import Checkpoint, digest
from gclust.experiments.sweep.folder import write_sweep
from gclust.experiments.sweep.grid_point import (
    GridPoint,
    Labels,
    agreement,
    compare,
    diagnosed,
    measure,
)
from gclust.experiments.sweep.k_distance import k_distance
from gclust.experiments.sweep.label_cache import LabelCache
from gclust.experiments.sweep.plateaus import find_plateaus, suggest
from gclust.experiments.sweep.result import Sweep
from gclust.listings.engine import Engine
from gclust.pipeline.check_space import warn_of_space
from gclust.pipeline.count import warn_of_gap
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.describe import names_of
from gclust.pipeline.form import check_found, label_locations
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.score_columns import ScoreColumns
from gclust.progress import Report, resolve, silent, stage
from gclust.results.folders import Place, claim
from gclust.study.clustering_methods import Clusters
from gclust.study.schema import Study, read_study

TO_SMALLER = ("ari_to_smaller_eps", "ari_to_smaller_min_samples")


def sweep(
    study: str | Path | Study,
    *,
    eps_km: Iterable[float] | None = None,
    min_samples: Iterable[float] | None = None,
    baseline: Sequence[float] | None = None,
    out: str | Path | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Sweep:
    """Run a study for each pair of eps_km and min_samples, and compare what comes out.

    Listings are read and folded once. Each pair goes through the study's own stages, from
    clusters to scores; its clusters are matched with those of the baseline by the weight of
    listings they share. Weights are those with which listings form clusters.

    Shares and counts of kinds follow at once. Other columns of a score are computed for each
    pair, which takes as long as in a run of its own: footprints for areas, a raster too for
    inhabitants, a pass over the listings for most indicators.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml`` or what `gclust.read_study` made of it.
    eps_km, min_samples : iterable of float, optional
        What to try, in any order; by default what the study's section ``[sweep]`` says, else
        multiples of the study's own parameters.
    baseline : (eps_km, min_samples), optional
        The pair with which all are compared; by default the study's own.
    out : path-like, optional
        Folder to write, as a whole or not at all. With it, a sweep that was killed goes on where
        it was when it is started again: finished pairs are kept in a hidden folder beside.
    progress : bool or callable, optional
        True draws on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether a sweep that is in ``out`` may be replaced.

    Returns
    -------
    Sweep

    Raises
    ------
    StudyError
        If the study, the data it names or the pairs cannot be used.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> sweep = gclust.sweep(study, eps_km=[3, 5, 8], min_samples=[100])
    >>> sweep.rank_of("Lyon")
    min_samples  100.0
    eps_km
    3.0              2
    5.0              2
    8.0              2
    """
    if not isinstance(study, Study):
        study = read_study(study)
    with claim(out, overwrite, "sweep") as place:
        warn_of_space(study)
        pairs = choose_pairs(study, eps_km, min_samples, baseline)
        run_log = RunLog(resolve(progress), study.study.strict)
        result, checkpoint = _computed(study, pairs, place, run_log, n_jobs)
        if place is not None:
            result = write_sweep(result, place, run_log.report)
        if checkpoint is not None:
            checkpoint.remove()
        return result


def _computed(
    study: Study, pairs: Pairs, place: Place | None, run_log: RunLog, n_jobs: int | None
) -> tuple[Sweep, Checkpoint | None]:
    """Try all pairs; with a place, finished ones are kept in a ledger."""
    columns = columns_of_pairs(study, pairs)
    checkpoint = None
    with ExitStack() as while_asked:
        engine = while_asked.enter_context(Engine(threads=n_jobs, progress=run_log.report))
        prepared = prepare_listings(study, engine, run_log)
        warn_of_gap(study, replace(study.dbscan, eps_km=pairs.eps_km[-1]), run_log)
        if place is not None:
            checkpoint = Checkpoint(place.path, digest(study, pairs, engine, prepared))
        counter = ArrayCounter(study, engine, prepared, n_jobs=n_jobs, report=run_log.report)
        engine.progress = silent  # what single pairs report would hide the whole
        if not columns[pairs.baseline].further:
            while_asked.close()  # the listings are in memory, and nothing else is asked of them
        trials = _Trials(
            study, engine, prepared, counter, pairs, columns, checkpoint, n_jobs, run_log.report
        )
        found = trials.all(run_log.report)
    with stage(run_log.report, "k-distances, plateaus"):
        result = _result(study, pairs, prepared, trials, found)
    return replace(result, warnings=tuple(run_log.messages)), checkpoint


class _Trials:
    """The trials of all pairs, each computed once, or taken from the ledger."""

    def __init__(
        self,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        counter: ArrayCounter,
        pairs: Pairs,
        columns: dict[Pair, ScoreColumns],
        checkpoint: Checkpoint | None,
        n_jobs: int | None,
        report: Report,
    ) -> None:
        self.study, self.prepared, self.counter = study, prepared, counter
        self.engine, self.columns, self.slowest = engine, columns, 0.0
        self.pairs, self.checkpoint, self.n_jobs = pairs, checkpoint, n_jobs
        self.rows = LabelCache(pairs)
        self.units = prepared.locations["density"].to_numpy()
        self._finished = {pair: self._read(pair) for pair in pairs}
        self._clusters: dict[Pair, Labels] = {}
        # The first clusters may take their time: kernels are compiled on first use.
        labels, core = self._labels(pairs.baseline, report)
        check_found(_options(study, pairs.baseline), prepared.locations, labels)
        self.base = self._finished[pairs.baseline] or self._measure(pairs.baseline, labels, core)
        self.of_base = self.base.clusters(labels)

    def all(self, report: Report) -> list[GridPoint]:
        """Go through all pairs that are not finished, in rows of equal eps_km."""
        left = [pair for pair, trial in self._finished.items() if trial is None]
        stage = "try pairs" + self._told(len(left))
        report(0.0, stage)
        for done, pair in enumerate(left, start=1):
            trial = self._try(pair)
            if self.checkpoint is not None:
                self.checkpoint.write(pair, trial.as_dict())
            self._finished[pair] = trial
            report(done / len(left), stage)
        report(1.0, stage)
        return [trial for trial in self._finished.values() if trial is not None]

    def _told(self, n_left: int) -> str:
        """What makes pairs slow, and for how long as the baseline had it."""
        further = self.columns[self.pairs.baseline].further
        if not further or not n_left:
            return ""
        minutes = self.slowest * n_left / 60
        about = f": about {max(minutes, 1):.0f} min" if self.slowest else ""
        return f" ({', '.join(further)} in each{about})"

    def _try(self, pair: Pair) -> GridPoint:
        if pair == self.pairs.baseline:
            trial, clusters = self.base, self.of_base
        else:
            labels, core = self._labels(pair)
            trial = self._measure(pair, labels, core)
            clusters = trial.clusters(labels)
        top = self.study.study.top
        trial = compare(trial, clusters, self.base, self.of_base, self.units, top)
        figures = dict(trial.figures)
        smaller = self.pairs.smaller(pair)
        # Only the row at work and the one before have neighbours to come.
        kept = {pair[0], *(other[0] for other in smaller if other is not None)}
        self._clusters = {at: held for at, held in self._clusters.items() if at[0] in kept}
        self._clusters[pair] = clusters
        for name, other in zip(TO_SMALLER, smaller, strict=True):
            figures[name] = math.nan
            if other is not None:
                figures[name] = agreement(clusters, self._clusters_of(other), self.units)
        return replace(trial, figures=figures)

    def _clusters_of(self, pair: Pair) -> Labels:
        """Clusters of the locations in a pair that is finished."""
        trial = self._finished[pair]
        if pair not in self._clusters and trial is not None:
            self._clusters[pair] = trial.clusters(self._labels(pair)[0])
        return self._clusters[pair]

    def _labels(
        self, pair: Pair, report: Report = silent
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        return label_locations(
            _options(self.study, pair),
            self.prepared.locations,
            n_jobs=self.n_jobs,
            report=report,
            cluster=self.rows.cluster,
        )

    def _measure(self, pair: Pair, labels: NDArray[np.int64], core: NDArray[np.bool_]) -> GridPoint:
        counted = self.counter.merge_and_count(labels)
        columns, start = self.columns[pair], time.perf_counter()
        clusters, n_clusters = counted.clusters(labels), len(counted.count)
        described = columns.describe(self.prepared.locations, clusters, core, n_clusters)
        listings = labelled_listings(self.study, self.engine, self.prepared, clusters)
        values = columns.values(counted.count, counted.share, described, listings)
        self.slowest = max(self.slowest, time.perf_counter() - start)
        return measure(pair, self.prepared, labels, core, counted, columns.score(values))

    def _read(self, pair: Pair) -> GridPoint | None:
        found = None if self.checkpoint is None else self.checkpoint.read(pair)
        return None if found is None else GridPoint(**found)


def _options(study: Study, pair: Pair) -> Clusters:
    return replace(study.dbscan, eps_km=pair[0], min_samples=pair[1])


def _result(
    study: Study, pairs: Pairs, prepared: Prepared, trials: _Trials, found: list[GridPoint]
) -> Sweep:
    table = pd.DataFrame(
        [
            {
                "eps_km": trial.eps_km,
                "min_samples": trial.min_samples,
                **trial.figures,
                "diagnostics": diagnosed(trial.figures),
            }
            for trial in found
        ]
    ).astype({"diagnostics": "string"})
    plateaus, table["plateau"] = find_plateaus(table)
    base = trials.base
    names = names_of(study, prepared.locations, pd.Series(trials.of_base), len(base.score))
    clusters = pd.DataFrame(
        {
            "rank": base.ranks,
            "cluster_id": np.arange(len(base.score), dtype=np.int64),
            "name": names["name"].to_numpy(),
            "economies": names["economies"].to_numpy(),
            "score": base.score,
            "share": base.share,
        }
    ).sort_values(["rank", "cluster_id"], ignore_index=True)
    forming = prepared.locations[prepared.locations["density"] > 0]
    return Sweep(
        study=study,
        baseline=pairs.baseline,
        table=table,
        clusters=clusters,
        ranks=_ranks(found),
        plateaus=plateaus,
        suggestions=suggest(table, plateaus, study.sweep.target_clusters),
        k_distance=k_distance(
            forming["lat"].to_numpy(),
            forming["lon"].to_numpy(),
            forming["density"].to_numpy(),
            pairs.min_samples,
        ),
    )


def _ranks(found: list[GridPoint]) -> pd.DataFrame:
    parts = []
    for trial in found:
        part = pd.DataFrame(
            {
                "cluster_id": np.arange(len(trial.score), dtype=np.int64),
                "baseline_id": pd.array(trial.baseline_id, dtype="Int64"),
                "rank": trial.ranks,
                "score": np.array(trial.score, dtype=np.float64),
                "share": np.array(trial.share, dtype=np.float64),
            }
        )
        part.insert(0, "eps_km", trial.eps_km)
        part.insert(1, "min_samples", trial.min_samples)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    table["baseline_id"] = table["baseline_id"].mask(table["baseline_id"] < 0)
    return table
