"""Entry point of rank uncertainty: a bootstrap of a study's records and choices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from gclust.errors import StudyError
from gclust.experiments.uncertainty.draws import (
    Baseline,
    BootstrapInputs,
    fixed_cluster_replicates,
    reclustered_replicates,
)
from gclust.experiments.uncertainty.folder import write_uncertainty
from gclust.experiments.uncertainty.parameters import draw_pairs
from gclust.experiments.uncertainty.result import Uncertainty, rank_uncertainty
from gclust.experiments.uncertainty.scores import Scorer
from gclust.listings.counting import world_components
from gclust.listings.engine import Engine
from gclust.pipeline.check_space import warn_of_space
from gclust.pipeline.count import merge_and_count
from gclust.pipeline.describe import dissolve, names_of
from gclust.pipeline.form import check_found, check_method
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run import form
from gclust.pipeline.run_log import RunLog
from gclust.progress import Report, resolve, silent, stage
from gclust.ranking.rank_sets import least_draws
from gclust.results.folders import claim
from gclust.study.schema import Study, read_study

NO_RECORDS = "has listings without a record: each weight of one is drawn as a record"


def uncertainty(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Uncertainty:
    """Compute the uncertainty of a study's shares, scores and ranks by a bootstrap.

    The study's section ``[uncertainty]`` sets what is drawn (records, choices), how often, and the
    level. The result says which superpopulation the draws represent.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml``, or the study that `gclust.read_study` read from it.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether the result of an earlier call in ``out`` may be replaced.

    Returns
    -------
    Uncertainty

    Raises
    ------
    StudyError
        If the study or the data it names cannot be used.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Examples
    --------
    >>> import gclust
    >>> found = gclust.uncertainty(gclust.datasets.example_study())
    >>> found.table[["rank", "name", "rank_set_low", "rank_set_high"]]
       rank      name  rank_set_low  rank_set_high
    0     1  Grenoble             1              2
    1     2      Lyon             1              2
    2     3    Geneva             3              3
    """
    if not isinstance(study, Study):
        study = read_study(study)
    with claim(out, overwrite, "uncertainty") as place:
        warn_of_space(study)
        run_log = RunLog(resolve(progress), study.study.strict)
        result = _computed(study, run_log, n_jobs)
        return result if place is None else write_uncertainty(result, place, run_log.report)


def _computed(study: Study, run_log: RunLog, n_jobs: int | None) -> Uncertainty:
    """Find the study's clusters, draw replicates, and compare them."""
    check_method(study.clusters)
    _check_draws(study)
    scorer, kinds = Scorer(study), list(study.kinds)
    drawn = draw_pairs(study, n_jobs=n_jobs, report=run_log.report)
    with Engine(threads=n_jobs, progress=run_log.report) as engine:
        prepared = prepare_listings(study, engine, run_log)
        partition = form(study, prepared, run_log, n_jobs)
        check_found(study.clusters, prepared.locations, partition.labels)
        counted = merge_and_count(study, engine, prepared, partition.labels, run_log)
        own = counted.clusters(partition.labels)
        if "records" in study.uncertainty.sources:
            run_log.messages.extend(_without_records(study, engine, prepared))
        engine.progress = silent  # reports of single draws would hide the overall progress
        contours = None
        if partition.polygons is not None:
            contours = dissolve(partition.polygons, counted.cluster_ids)
        with stage(run_log.report, "compute the score"):
            described = scorer.columns.describe(
                prepared.locations, own, partition.core, len(counted.count), contours=contours
            )
            listings = labelled_listings(study, engine, prepared, own)
            values = scorer.columns.values(counted.count, counted.share, described, listings)
            scores = scorer.own(values)
        baseline = Baseline(own, counted, described, listings.are_made)
        inputs = BootstrapInputs(
            study, engine, prepared, baseline, drawn, scorer, n_jobs, run_log.report
        )
        replicates = (
            reclustered_replicates if study.uncertainty.reclusters else fixed_cluster_replicates
        )
        found = replicates(inputs)
    named = names_of(study, prepared.locations, pd.Series(own), len(counted.count))
    with stage(run_log.report, "compare clusters"):
        result = rank_uncertainty(
            study, named, counted.share[kinds], pd.Series(scores), found, drawn.pairs
        )
    return replace(result, warnings=tuple(run_log.messages))


def _without_records(study: Study, engine: Engine, prepared: Prepared) -> list[str]:
    """Return warnings about kinds with listings without a record, drawn by their weight."""
    parts = world_components(prepared.staged.listings, study.counting.unlocated, engine.pandas)
    bare = parts.index[parts["unrecorded"] > 0]
    return [f"kind {prepared.staged.kinds[code]!r} {NO_RECORDS}" for code in bare]


def _check_draws(study: Study) -> None:
    least = least_draws(study.uncertainty.level)
    if study.uncertainty.draws < least:
        raise StudyError(
            f"[uncertainty] draws = {study.uncertainty.draws}; expected {least} or more at level"
            f" = {study.uncertainty.level:g}"
        )
