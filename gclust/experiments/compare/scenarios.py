"""Scenarios: the clusters and ranks of each coalition's hybrid study.

A coalition is a set of factors. Its hybrid study takes these from b and the others from a.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from geopandas import GeoSeries
from numpy.typing import NDArray

from gclust.errors import ignore_warning
from gclust.experiments.compare.hybrid_studies import HybridStudies
from gclust.experiments.compare.places import ClustersAtPlaces
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.describe import dissolve
from gclust.pipeline.form import Partition
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import Prepared, prepare_listings, select_kinds
from gclust.pipeline.run import form
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.progress import Report, silent
from gclust.ranking.rank import rank
from gclust.ranking.shapley import Coalition
from gclust.results.run import Run
from gclust.study.schema import Study
from gclust.units import UNIT

T = TypeVar("T")
Scenario = tuple[Coalition, Study]
WEIGHTS = {"density": "density", "units": "weight"}
"""Column in a run's ``locations`` for each weight column of prepared locations."""


@dataclass(frozen=True)
class ScenarioResult:
    """Clusters and ranks of one scenario, which is a run or a coalition's hybrid study.

    Attributes
    ----------
    study : Study
    locations : DataFrame
        ``lat, lon`` (degrees) and ``units`` (int64), the weight by which clusters are matched.
    clusters : ndarray of int64
        Cluster of each location, -1 for noise.
    ranks : DataFrame
        ``rank`` (Int64) and ``score``, by ``cluster_id``, from 0.
    places : ClustersAtPlaces
        The clusters at any places.
    """

    study: Study
    locations: pd.DataFrame
    clusters: NDArray[np.int64]
    ranks: pd.DataFrame
    places: ClustersAtPlaces


def scenario_of_run(run: Run, weight: str, n_jobs: int | None = None) -> ScenarioResult:
    """Return the clusters and ranks of a run, as a scenario result.

    Parameters
    ----------
    run : Run
    weight : {"density", "units"}
        The weight by which clusters are matched: the weight that forms clusters, or the weight
        of all listings.
    n_jobs : int, optional
        Threads; all by default.
    """
    units, density = (
        np.rint(run.locations[name].to_numpy() * UNIT).astype(np.int64)
        for name in (WEIGHTS[weight], "density")
    )
    clusters = run.locations["cluster_id"].to_numpy(np.int64)
    weighed = run.locations[["lat", "lon", "core"]].assign(density=density)
    return ScenarioResult(
        run.study,
        run.locations[["lat", "lon"]].assign(units=units),
        clusters,
        run.ranking.set_index("cluster_id")[["rank", "score"]].sort_index(),
        ClustersAtPlaces(run.study.clusters, weighed, clusters, n_jobs),
    )


def run_scenarios(
    hybrids: HybridStudies,
    coalitions: Iterable[Coalition],
    weight: str,
    *,
    n_jobs: int | None,
    report: Report,
) -> Iterator[tuple[Coalition, ScenarioResult]]:
    """Run the hybrid study of each coalition; stages that several have in common run once.

    The same listings are read once, folded once for the same kinds and density, clustered
    once for the same ``[clusters]``, merged and counted once; each column of the scores is
    computed once for the same clusters.

    Parameters
    ----------
    hybrids : HybridStudies
    coalitions : iterable of Coalition
        Coalitions without a hybrid study are left out.
    weight : {"density", "units"}
        See `scenario_of_run`.
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.

    Yields
    ------
    (Coalition, ScenarioResult)

    Raises
    ------
    StudyError
        If listings cannot be used, because their files are gone for example.
    """
    studies = [(each, hybrids.study(each)) for each in coalitions]
    scenarios = [(each, study) for each, study in studies if study is not None]
    done = 0
    report(0.0, "run coalitions")
    # The runs that are compared have given the warnings.
    run_log = RunLog(silent, strict=False, give=ignore_warning)
    for same_data in _grouped(scenarios, lambda each: _reading_key(hybrids.reading(each[0]))):
        reading = hybrids.reading(same_data[0][0])
        with open_engine(reading, n_jobs) as engine:
            read = prepare_listings(reading, engine, run_log)
            for same_density in _grouped(same_data, lambda each: _density_key(each[1])):
                prepared = select_kinds(same_density[0][1], engine, read, run_log)
                runner = _Runner(engine, prepared, weight, run_log, n_jobs)
                for coalition, result in runner.run(same_density):
                    yield coalition, result
                    done += 1
                    report(done / len(scenarios), "run coalitions")


class _Runner:
    """Runner of the scenarios that have the same prepared listings."""

    def __init__(
        self, engine: Engine, prepared: Prepared, weight: str, run_log: RunLog, n_jobs: int | None
    ) -> None:
        self._engine, self._prepared = engine, prepared
        self._run_log, self._n_jobs = run_log, n_jobs
        locations = prepared.locations
        self._locations = locations[["lat", "lon"]].assign(units=locations[weight])
        self._counters: dict[Hashable, ArrayCounter] = {}

    def run(self, scenarios: Sequence[Scenario]) -> Iterator[tuple[Coalition, ScenarioResult]]:
        """Cluster, merge, count and score each hybrid study, and yield its coalition and result."""
        for same_clusters in _grouped(scenarios, lambda each: repr(each[1].clusters)):
            first = same_clusters[0][1]
            partition = form(first, self._prepared, self._run_log, self._n_jobs)
            for same_counts in _grouped(same_clusters, lambda each: _count_key(each[1])):
                counted = self._counter(same_counts[0][1]).merge_and_count(partition.labels)
                clusters = counted.clusters(partition.labels)
                scorer = _Scorer(self._engine, self._prepared, partition, counted)
                weighed = self._prepared.locations.assign(core=partition.core)
                places = ClustersAtPlaces(first.clusters, weighed, clusters, self._n_jobs)
                for coalition, study in same_counts:
                    ranks = scorer.ranks(study)
                    yield coalition, ScenarioResult(study, self._locations, clusters, ranks, places)

    def _counter(self, study: Study) -> ArrayCounter:
        key = _count_key(study)
        if key not in self._counters:
            self._counters[key] = ArrayCounter(
                study, self._engine, self._prepared, n_jobs=self._n_jobs
            )
        return self._counters[key]


class _Scorer:
    """Scorer of the same clusters with several studies."""

    def __init__(
        self, engine: Engine, prepared: Prepared, partition: Partition, counted: MergedCounts
    ) -> None:
        self._engine, self._prepared = engine, prepared
        self._partition, self._counted = partition, counted
        self._described: dict[Hashable, pd.DataFrame] = {}
        self._values: dict[Hashable, pd.DataFrame] = {}

    def ranks(self, study: Study) -> pd.DataFrame:
        """Return the rank and score of each cluster; see `ScenarioResult`."""
        columns = ScoreColumns(study)
        key = repr((columns.columns, study.indicators, _description_key(study, columns)))
        if key not in self._values:
            self._values[key] = self._compute(study, columns)
        scores = columns.score(self._values[key])
        table = pd.DataFrame({"rank": rank(scores), "score": scores})
        return table.rename_axis("cluster_id")

    def _compute(self, study: Study, columns: ScoreColumns) -> pd.DataFrame:
        partition, counted = self._partition, self._counted
        clusters = counted.clusters(partition.labels)
        key = _description_key(study, columns)
        if key not in self._described:
            self._described[key] = columns.describe(
                self._prepared.locations,
                clusters,
                partition.core,
                len(counted.count),
                contours=_contours(partition, counted),
            )
        listings = labelled_listings(study, self._engine, self._prepared, clusters)
        described = self._described[key]
        return columns.values(counted.count, counted.share, described, listings)


def _contours(partition: Partition, counted: MergedCounts) -> GeoSeries | None:
    """Return the contours of the merged clusters, None if the method has none."""
    return None if partition.polygons is None else dissolve(partition.polygons, counted.cluster_ids)


def _grouped(items: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Group items with the same key, in the order in which keys first occur."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _reading_key(study: Study) -> Hashable:
    """Return the choices that reading, validation and rounding of listings depend on."""
    counting = study.counting
    normalised = study.normalised_kinds, counting.weight
    choices = study.density.decimals, counting.unlocated, counting.totals, normalised
    return repr((study.sources, *choices))


def _density_key(study: Study) -> Hashable:
    """Return the choices that folding of the read listings depends on."""
    return repr((sorted(study.kinds), sorted(study.density_kinds), study.density.weight))


def _description_key(study: Study, columns: ScoreColumns) -> Hashable:
    """Return the choices that areas, inhabitants and names of merged clusters depend on."""
    looks_at = columns.looks_at
    footprints = (study.footprint, study.population) if looks_at & OUTLINED else None
    return repr((sorted(looks_at), footprints, study.names if looks_at - OUTLINED else None))


def _count_key(study: Study) -> Hashable:
    """Return the choices that merging and counting of labelled locations depend on."""
    return repr((study.merge, study.count_method, study.normalised_kinds))
