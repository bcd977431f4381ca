"""Entry point of parameter sweeps, which run a study for each pair of eps_km and min_samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from gclust.experiments.cluster_statistics import Labels, agreement
from gclust.experiments.frozen_boundaries import OF_PARAMETERS, refuse_frozen
from gclust.experiments.grid import Pair, Pairs
from gclust.experiments.input_digests import input_digests
from gclust.experiments.score_columns import columns_of_pairs
from gclust.experiments.shards.part import PART, Part
from gclust.experiments.shards.shard import Shard, check_folder
from gclust.experiments.sweep.checkpoint import Checkpoint, digest
from gclust.experiments.sweep.density_validity import sample_of
from gclust.experiments.sweep.folder import write_sweep
from gclust.experiments.sweep.grid_choice import GridChoice
from gclust.experiments.sweep.grid_point import GridPoint, compare_to_baseline, measure_point
from gclust.experiments.sweep.label_cache import LabelCache
from gclust.experiments.sweep.part import grid_of, write_sweep_part
from gclust.experiments.sweep.result import Sweep
from gclust.experiments.sweep.tables import BaselineTables, assemble_sweep, baseline_tables
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.check_kinds import warn_of_amounts
from gclust.pipeline.count import warn_of_gap
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.form import check_found, label_locations
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.score_columns import ScoreColumns
from gclust.progress import Report, resolve, silent, stage
from gclust.results.folders import Place, claim
from gclust.study.clustering_methods import Clusters
from gclust.study.schema import Study, read_study
from gclust.threads import count_threads, default_threads

TO_SMALLER = ("ari_to_smaller_eps", "ari_to_smaller_min_samples")


@overload
def sweep(
    study: str | Path | Study,
    *,
    eps_km: Iterable[float] | str | None = ...,
    min_samples: Iterable[float] | str | None = ...,
    baseline: Sequence[float] | None = ...,
    out: str | Path | None = ...,
    shard: None = ...,
    progress: bool | Report | None = ...,
    n_jobs: int | None = ...,
    overwrite: bool = ...,
) -> Sweep: ...


@overload
def sweep(
    study: str | Path | Study,
    *,
    eps_km: Iterable[float] | str | None = ...,
    min_samples: Iterable[float] | str | None = ...,
    baseline: Sequence[float] | None = ...,
    out: str | Path,
    shard: tuple[int, int],
    progress: bool | Report | None = ...,
    n_jobs: int | None = ...,
    overwrite: bool = ...,
) -> Part: ...


def sweep(
    study: str | Path | Study,
    *,
    eps_km: Iterable[float] | str | None = None,
    min_samples: Iterable[float] | str | None = None,
    baseline: Sequence[float] | None = None,
    out: str | Path | None = None,
    shard: tuple[int, int] | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Sweep | Part:
    """Run a study for each pair of eps_km and min_samples, and compare the results.

    Listings are read and folded once. Each pair goes through the study's own stages, from
    clusters to scores; its clusters are matched with those of the baseline by the weight of
    their common listings. Weights are those with which listings form clusters.

    Scores of shares and counts take no extra time. Other columns of a score are computed for each
    pair, which takes as long as in a run: areas need footprints, inhabitants also a raster, most
    indicators a pass over the listings.

    Parameters
    ----------
    study : path-like or Study
        A ``study.toml``, or what `gclust.read_study` returns.
    eps_km, min_samples : iterable of float or "auto", optional
        Values to try, in any order; by default those of the study's section ``[sweep]``. With
        "auto", or where the section gives none, they come from the data: radii between quantiles
        of the weighted k-distance and thresholds between quantiles of the densities, with the
        study's own.
    baseline : (eps_km, min_samples), optional
        The pair with which all are compared; by default the study's own. If these find no cluster
        and values come from the data, it is a pair in the middle of those that do.
    out : path-like, optional
        Folder to write, as a whole or not at all. With it, a sweep that was killed resumes when
        it is started again: finished pairs are kept in a hidden folder next to it.
    shard : (number, count), optional
        Compute only this share of the pairs, numbered from 1, and write it to ``out`` as a part,
        which `gclust.gather` joins with the others.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether a sweep that is in ``out`` may be replaced.

    Returns
    -------
    Sweep
        With ``shard`` a `Part`.

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
    wanted = check_folder(shard, out)
    if not isinstance(study, Study):
        study = read_study(study)
    refuse_frozen(study, "a sweep forms clusters with each pair of parameters", OF_PARAMETERS)
    with ExitStack() as within:
        place = within.enter_context(claim(out, overwrite, "sweep" if wanted is None else PART))
        within.enter_context(default_threads(n_jobs, study.engine.threads))
        choice = GridChoice.of(study, eps_km, min_samples, baseline)
        run_log = RunLog(resolve(progress), study.study.strict)
        found = _computed(study, choice, wanted, place, run_log)
        pairs, own = found.pairs, found.wanted
        points, tables, messages = found.points, found.tables, run_log.messages
        result: Sweep | Part
        if wanted is not None and place is not None:
            common = {**found.inputs, "grid": grid_of(pairs), "warnings": messages}
            part = Part("sweep", study, wanted, len(own), len(list(pairs)), common)
            result = write_sweep_part(part, place, points, tables)
        else:
            result = assemble_sweep(study, pairs, points, tables, messages)
            if place is not None:
                result = write_sweep(result, place, run_log.report)
        if found.checkpoint is not None:
            found.checkpoint.remove()
        return result


class _Computed(NamedTuple):
    """Grid points that were computed or resumed, and what the sweep needs in addition."""

    pairs: Pairs
    wanted: list[Pair]
    """Pairs of this shard, or all."""
    points: list[GridPoint]
    tables: BaselineTables
    inputs: dict[str, Any]
    """Digests of all inputs, if there is a folder to write to."""
    checkpoint: Checkpoint | None


def _computed(
    study: Study,
    choice: GridChoice,
    shard: Shard | None,
    place: Place | None,
    run_log: RunLog,
) -> _Computed:
    """Compute the grid points of all pairs or of a shard.

    With a place, finished ones are kept in a checkpoint.
    """
    n_jobs = count_threads()
    checkpoint, digests = None, {}
    with ExitStack() as while_needed:
        opened = open_engine(study, n_jobs, run_log.report, for_arrays=True)
        engine = while_needed.enter_context(opened)
        prepared = prepare_listings(study, engine, run_log)
        pairs = choice.pairs(prepared.locations, run_log)
        wanted = list(pairs)
        if shard is not None:
            wanted = shard.share_of(wanted, "pairs of eps_km and min_samples")
        columns = columns_of_pairs(study, pairs)
        warn_of_amounts(study, prepared.staged, run_log)
        warn_of_gap(study, replace(study.dbscan, eps_km=pairs.eps_km[-1]), run_log)
        if place is not None:
            digests = input_digests(study, engine, prepared)
            checkpoint = Checkpoint(place.path, digest(pairs, digests))
        counter = ArrayCounter(study, engine, prepared, n_jobs=n_jobs, report=run_log.report)
        engine.progress = silent  # reports of single grid points would hide the overall progress
        if not columns[pairs.baseline].further:
            while_needed.close()  # all data that is still needed is in memory
        weight = prepared.locations["density"].to_numpy()
        weighing = np.flatnonzero(weight)
        sample = weighing[sample_of(weight[weighing])]
        inputs = _Inputs(study, pairs, columns, engine, prepared, counter, sample, n_jobs)
        computer = _GridPoints(inputs, wanted, checkpoint, run_log.report)
        points = computer.evaluate(run_log.report)
    with stage(run_log.report, "k-distances"):
        baseline = computer.baseline, computer.baseline_clusters
        tables = baseline_tables(study, pairs, prepared, baseline, sample)
    return _Computed(pairs, wanted, points, tables, digests, checkpoint)


@dataclass(frozen=True)
class _Inputs:
    """Inputs that all grid points have in common."""

    study: Study
    pairs: Pairs
    columns: dict[Pair, ScoreColumns]
    engine: Engine
    prepared: Prepared
    counter: ArrayCounter
    sample: NDArray[np.integer]
    """Positions of sampled locations."""
    n_jobs: int | None


class _GridPoints:
    """Grid points of the wanted pairs, each computed once or read from the checkpoint."""

    def __init__(
        self, inputs: _Inputs, wanted: list[Pair], checkpoint: Checkpoint | None, report: Report
    ) -> None:
        self.inputs, self.checkpoint = inputs, checkpoint
        self.weight = inputs.prepared.locations["density"].to_numpy()
        self._finished = {
            pair: None if checkpoint is None else checkpoint.read(pair) for pair in wanted
        }
        self.label_cache = LabelCache(inputs.pairs, self._eps_left())
        self._clusters: dict[Pair, Labels] = {}
        # The baseline reports its own progress: kernels are compiled on first use.
        pair = inputs.pairs.baseline
        labels, core = self._labels(pair, report)
        check_found(_options(inputs.study, pair), inputs.prepared.locations, labels)
        self.baseline = self._finished.get(pair) or self._measure(pair, labels, core)[0]
        self.baseline_clusters = self.baseline.clusters(labels)

    def _eps_left(self) -> set[float]:
        """Return the eps_km of the pairs that are left, and of the pairs compared with these."""
        pairs = self.inputs.pairs
        left = [pair for pair, point in self._finished.items() if point is None]
        smaller = [other for pair in left for other in pairs.smaller(pair) if other is not None]
        return {pair[0] for pair in (*left, *smaller)}

    def evaluate(self, report: Report) -> list[GridPoint]:
        """Compute the grid points that are not finished, one eps_km after another."""
        left = [pair for pair, point in self._finished.items() if point is None]
        further = self.inputs.columns[self.inputs.pairs.baseline].further
        stage = "try pairs" + (f" ({', '.join(further)} in each)" if further else "")
        report(0.0, stage)
        for done, pair in enumerate(left, start=1):
            point = self._evaluate(pair)
            if self.checkpoint is not None:
                self.checkpoint.write(pair, point)
            self._finished[pair] = point
            report(done / len(left), stage)
        report(1.0, stage)
        return [point for point in self._finished.values() if point is not None]

    def _evaluate(self, pair: Pair) -> GridPoint:
        if pair == self.inputs.pairs.baseline:
            point, clusters = self.baseline, self.baseline_clusters
        else:
            labels, core = self._labels(pair)
            point, clusters = self._measure(pair, labels, core)
        both, top = (clusters, self.baseline_clusters), self.inputs.study.study.top
        point = compare_to_baseline(point, self.baseline, both, self.weight, top)
        statistics = dict(point.statistics)
        smaller = self.inputs.pairs.smaller(pair)
        # Only the current row and the one before still have neighbours to compute.
        kept = {pair[0], *(other[0] for other in smaller if other is not None)}
        self._clusters = {at: known for at, known in self._clusters.items() if at[0] in kept}
        self._clusters[pair] = clusters
        for name, other in zip(TO_SMALLER, smaller, strict=True):
            statistics[name] = math.nan
            if other is not None:
                others = self._clusters_at(other)
                statistics[name] = agreement(clusters, others, self.weight, noise="class")
        return replace(point, statistics=statistics)

    def _clusters_at(self, pair: Pair) -> Labels:
        """Return the cluster of each location at a finished pair, or at one of another shard."""
        if pair not in self._clusters:
            labels, _ = self._labels(pair)
            merged = self._finished.get(pair) or self.inputs.counter.merge_and_count(labels)
            self._clusters[pair] = merged.clusters(labels)
        return self._clusters[pair]

    def _labels(self, pair: Pair, report: Report = silent) -> tuple[Labels, NDArray[np.bool_]]:
        return label_locations(
            _options(self.inputs.study, pair),
            self.inputs.prepared.locations,
            n_jobs=self.inputs.n_jobs,
            report=report,
            cluster=self.label_cache.cluster,
        )

    def _measure(
        self, pair: Pair, labels: Labels, core: NDArray[np.bool_]
    ) -> tuple[GridPoint, Labels]:
        """Compute a grid point, and the cluster of each location after merging."""
        prepared, columns = self.inputs.prepared, self.inputs.columns[pair]
        counted = self.inputs.counter.merge_and_count(labels)
        merged = np.append(counted.cluster_ids, -1).astype(np.int32)
        clusters, n_clusters = merged[labels], len(counted.count)
        wide = clusters.astype(np.int64)
        described = columns.describe(prepared.locations, wide, core, n_clusters)
        listings = labelled_listings(self.inputs.study, self.inputs.engine, prepared, wide)
        values = columns.values(counted.count, counted.share, described, listings)
        labelled = labels, clusters, core
        scores, sample = columns.score(values), self.inputs.sample
        return measure_point(pair, prepared, labelled, counted, scores, sample), clusters


def _options(study: Study, pair: Pair) -> Clusters:
    return replace(study.dbscan, eps_km=pair[0], min_samples=pair[1])
