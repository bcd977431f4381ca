"""Coalitions of choices, run: which clusters each finds, and how they rank."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from geopandas import GeoSeries
from numpy.typing import NDArray

from gclust.errors import ignore_warning
from gclust.experiments.compare.mixtures import HybridStudies
from gclust.listings.engine import Engine
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.describe import dissolve
from gclust.pipeline.form import Partition
from gclust.pipeline.labelled_listings import labelled_listings
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
WEIGHTS = {"density": "density", "units": "weight"}
"""Weight of locations that are being prepared, and what a run calls it."""


@dataclass(frozen=True)
class ScenarioResult:
    """The clusters of one run, and how they rank.

    Attributes
    ----------
    study : Study
    locations : DataFrame
        ``lat, lon`` (degrees) and ``units`` (int64), the weight by which clusters are matched.
    clusters : ndarray of int64
        Cluster of each location, -1 for noise.
    ranks : DataFrame
        ``rank`` (Int64) and ``score``, by ``cluster_id``, from 0.
    """

    study: Study
    locations: pd.DataFrame
    clusters: NDArray[np.int64]
    ranks: pd.DataFrame


def scenario_of_run(run: Run, weight: str) -> ScenarioResult:
    """Return the standing of a run that is done.

    Parameters
    ----------
    run : Run
    weight : {"density", "units"}
        Weight by which clusters are matched: that which forms clusters, or all.
    """
    units = np.rint(run.locations[WEIGHTS[weight]].to_numpy() * UNIT).astype(np.int64)
    return ScenarioResult(
        run.study,
        run.locations[["lat", "lon"]].assign(units=units),
        run.locations["cluster_id"].to_numpy(np.int64),
        _ranks(run.ranking),
    )


def run_scenarios(
    between: HybridStudies,
    coalitions: Iterable[Coalition],
    weight: str,
    *,
    n_jobs: int | None,
    report: Report,
) -> Iterator[tuple[Coalition, ScenarioResult]]:
    """Run the study of each coalition, doing once what several have in common.

    The same listings are read once, folded once for the same kinds and density, clustered
    once for the same ``[clusters]``, merged and counted once; of the columns that the scores
    are made of, each is computed once for the same clusters.

    Parameters
    ----------
    between : Between
    coalitions : iterable of Coalition
        Those that have no study are left out.
    weight : {"density", "units"}
        See `scenario_of_run`.
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.

    Yields
    ------
    (Coalition, Standing)

    Raises
    ------
    StudyError
        If listings cannot be used, because their files are gone for example.
    """
    all_studies = [(each, between.study(each)) for each in coalitions]
    studies = [(each, study) for each, study in all_studies if study is not None]
    # The runs themselves have given the warnings.
    run_log = RunLog(silent, strict=False, give=ignore_warning)
    done = 0

    def told() -> None:
        report(done / len(studies), "run coalitions")

    told()
    for of_data in _alike(studies, lambda each: _reading_key(between.reading(each[0]))):
        with Engine(threads=n_jobs) as engine:
            read = prepare_listings(between.reading(of_data[0][0]), engine, run_log)
            for of_kinds in _alike(of_data, lambda each: _density_key(each[1])):
                prepared = select_kinds(of_kinds[0][1], engine, read, run_log)
                locations = prepared.locations
                shown = locations[["lat", "lon"]].assign(units=locations[weight])
                counters: dict[Hashable, ArrayCounter] = {}
                for of_formation in _alike(of_kinds, lambda each: repr(each[1].clusters)):
                    partition = form(of_formation[0][1], prepared, run_log, n_jobs)
                    for of_merge in _alike(of_formation, lambda each: _count_key(each[1])):
                        first, key = of_merge[0][1], _count_key(of_merge[0][1])
                        if key not in counters:
                            counters[key] = ArrayCounter(first, engine, prepared, n_jobs=n_jobs)
                        counted = counters[key].merge_and_count(partition.labels)
                        clusters = counted.clusters(partition.labels)
                        scorer = _Scorer(engine, prepared, partition, counted)
                        for coalition, study in of_merge:
                            yield (
                                coalition,
                                ScenarioResult(study, shown, clusters, scorer.ranks(study)),
                            )
                            done += 1
                            told()


class _Scorer:
    """Scores of the same clusters by one study after another."""

    def __init__(
        self, engine: Engine, prepared: Prepared, partition: Partition, counted: MergedCounts
    ) -> None:
        self._engine, self._prepared = engine, prepared
        self._formed, self._settled = partition, counted
        self._described: dict[Hashable, pd.DataFrame] = {}
        self._values: dict[Hashable, pd.DataFrame] = {}

    def ranks(self, study: Study) -> pd.DataFrame:
        """Rank and score by cluster; see `ScenarioResult`."""
        columns = ScoreColumns(study)
        key = repr((columns.columns, study.indicators, _description_key(study, columns)))
        if key not in self._values:
            self._values[key] = self._computed(study, columns)
        scores = columns.score(self._values[key])
        table = pd.DataFrame({"rank": rank(scores), "score": scores})
        return table.rename_axis("cluster_id")

    def _computed(self, study: Study, columns: ScoreColumns) -> pd.DataFrame:
        partition, counted = self._formed, self._settled
        clusters = counted.clusters(partition.labels)
        key = _description_key(study, columns)
        if key not in self._described:
            self._described[key] = columns.describe(
                self._prepared.locations,
                clusters,
                partition.core,
                len(counted.count),
                contours=contours_of(partition, counted),
            )
        listings = labelled_listings(study, self._engine, self._prepared, clusters)
        described = self._described[key]
        return columns.values(counted.count, counted.share, described, listings)


def _ranks(ranked: pd.DataFrame) -> pd.DataFrame:
    return ranked.set_index("cluster_id")[["rank", "score"]].sort_index()


def _alike(items: list[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Group what has the same key, in the order in which keys first come."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _reading_key(study: Study) -> Hashable:
    """What decides which listings are read, and how they are judged and rounded."""
    counting = study.counting
    return repr((study.sources, study.density.decimals, counting.unlocated, counting.totals))


def _density_key(study: Study) -> Hashable:
    """What decides the locations, once listings are read."""
    return repr((sorted(study.kinds), sorted(study.density_kinds), study.density.weight))


def contours_of(partition: Partition, counted: MergedCounts) -> GeoSeries | None:
    """The contours of the merged clusters, with the method that has them."""
    return None if partition.polygons is None else dissolve(partition.polygons, counted.cluster_ids)


def _description_key(study: Study, columns: ScoreColumns) -> Hashable:
    """What decides areas, inhabitants and names, once clusters are merged."""
    looks_at = columns.looks_at
    join_footprints = (study.footprint, study.population) if looks_at & OUTLINED else None
    return repr((sorted(looks_at), join_footprints, study.names if looks_at - OUTLINED else None))


def _count_key(study: Study) -> Hashable:
    """What decides merging and counting, once clusters are formed."""
    return repr((study.merge, study.counting.method))
