"""Coalitions of choices, run: which clusters each finds, and how they rank."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from geopandas import GeoSeries
from numpy.typing import NDArray

from gclust.errors import GclustWarning
from gclust.experiments.compare.mixtures import Between
from gclust.listings.engine import Engine
from gclust.pipeline.count_arrays import Settler
from gclust.pipeline.describe import unite
from gclust.pipeline.form import Formed
from gclust.pipeline.labelled_listings import attributed_listings
from gclust.pipeline.run import form
from gclust.pipeline.run_log import Journal
from gclust.pipeline.score_columns import OUTLINED, ScoreColumns
from gclust.pipeline.stages import Prepared, Settled, prepare, restrict
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
class Standing:
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


def standing_of(run: Run, weight: str) -> Standing:
    """Return the standing of a run that is done.

    Parameters
    ----------
    run : Run
    weight : {"density", "units"}
        Weight by which clusters are matched: that which forms clusters, or all.
    """
    units = np.rint(run.locations[WEIGHTS[weight]].to_numpy() * UNIT).astype(np.int64)
    return Standing(
        run.study,
        run.locations[["lat", "lon"]].assign(units=units),
        run.locations["cluster_id"].to_numpy(np.int64),
        _ranks(run.ranking),
    )


def standings(
    between: Between,
    coalitions: Iterable[Coalition],
    weight: str,
    *,
    n_jobs: int | None,
    report: Report,
) -> Iterator[tuple[Coalition, Standing]]:
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
        See `standing_of`.
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
    journal = Journal(silent, strict=False)
    done = 0

    def told() -> None:
        report(done / len(studies), "run coalitions")

    told()
    for of_data in _alike(studies, lambda each: _reading_key(between.reading(each[0]))):
        with Engine(threads=n_jobs) as engine:
            with _quiet():
                read = prepare(between.reading(of_data[0][0]), engine, journal)
            for of_kinds in _alike(of_data, lambda each: _density_key(each[1])):
                with _quiet():
                    prepared = restrict(of_kinds[0][1], engine, read, journal)
                locations = prepared.locations
                shown = locations[["lat", "lon"]].assign(units=locations[weight])
                settlers: dict[Hashable, Settler] = {}
                for of_formation in _alike(of_kinds, lambda each: repr(each[1].clusters)):
                    with _quiet():
                        formed = form(of_formation[0][1], prepared, journal, n_jobs)
                    for of_merge in _alike(of_formation, lambda each: _count_key(each[1])):
                        first, key = of_merge[0][1], _count_key(of_merge[0][1])
                        if key not in settlers:
                            settlers[key] = Settler(first, engine, prepared, n_jobs=n_jobs)
                        settled = settlers[key].settle(formed.labels)
                        clusters = settled.clusters(formed.labels)
                        scorer = _Scorer(engine, prepared, formed, settled)
                        for coalition, study in of_merge:
                            yield coalition, Standing(study, shown, clusters, scorer.ranks(study))
                            done += 1
                            told()


@contextmanager
def _quiet() -> Iterator[None]:
    """Warn of nothing: what looks wrong, the runs themselves have told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GclustWarning)
        yield


class _Scorer:
    """Scores of the same clusters by one study after another."""

    def __init__(
        self, engine: Engine, prepared: Prepared, formed: Formed, settled: Settled
    ) -> None:
        self._engine, self._prepared = engine, prepared
        self._formed, self._settled = formed, settled
        self._described: dict[Hashable, pd.DataFrame] = {}
        self._values: dict[Hashable, pd.DataFrame] = {}

    def ranks(self, study: Study) -> pd.DataFrame:
        """Rank and score by cluster; see `Standing`."""
        columns = ScoreColumns(study)
        key = repr((columns.columns, study.indicators, _description_key(study, columns)))
        if key not in self._values:
            self._values[key] = self._computed(study, columns)
        scores = columns.score(self._values[key])
        table = pd.DataFrame({"rank": rank(scores), "score": scores})
        return table.rename_axis("cluster_id")

    def _computed(self, study: Study, columns: ScoreColumns) -> pd.DataFrame:
        formed, settled = self._formed, self._settled
        clusters = settled.clusters(formed.labels)
        key = _description_key(study, columns)
        if key not in self._described:
            self._described[key] = columns.describe(
                self._prepared.locations,
                clusters,
                formed.core,
                len(settled.count),
                contours=contours_of(formed, settled),
            )
        listings = attributed_listings(study, self._engine, self._prepared, clusters)
        described = self._described[key]
        return columns.values(settled.count, settled.share, described, listings)


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


def contours_of(formed: Formed, settled: Settled) -> GeoSeries | None:
    """The contours of the merged clusters, with the method that has them."""
    return None if formed.polygons is None else unite(formed.polygons, settled.cluster_ids)


def _description_key(study: Study, columns: ScoreColumns) -> Hashable:
    """What decides areas, inhabitants and names, once clusters are merged."""
    looks_at = columns.looks_at
    outlined = (study.footprint, study.population) if looks_at & OUTLINED else None
    return repr((sorted(looks_at), outlined, study.names if looks_at - OUTLINED else None))


def _count_key(study: Study) -> Hashable:
    """What decides merging and counting, once clusters are formed."""
    return repr((study.merge, study.counting.method))
