"""Entry point of the null model: organisations placed at random by a baseline."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.null_model.baseline import Baseline, check_baseline, make_baseline
from gclust.experiments.null_model.excess import draw_by_chance, measure
from gclust.experiments.null_model.folder import write_null_model
from gclust.experiments.null_model.result import Clustering, NullModel, null_model_result
from gclust.experiments.null_model.units import Units, gather_units
from gclust.experiments.reading import with_columns
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.count_arrays import merge_and_count
from gclust.pipeline.describe import names_of
from gclust.pipeline.form import check_method
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run import form
from gclust.pipeline.run_log import RunLog
from gclust.plurals import counted, either
from gclust.progress import Report, resolve, stage
from gclust.results.folders import claim
from gclust.study.schema import Study, read_study
from gclust.threads import count_threads, default_threads
from gclust.units import UNIT

LARGEST_OUTSIDE = 0.01
"""Part of the weight at places without baseline from which there is a warning."""


def null_model(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> NullModel:
    """Test whether a study's clusters exceed what chance gives, with organisations as units.

    The section ``[null]`` of the study says what is placed at random as a whole, by which
    baseline, and how often; see `gclust.study.localisation.NullModelOptions`. A *place* is a cell
    of an equal-area grid with sides of the radius; its weight is that of all listings within the
    radius of its centre. The excess of a place is its weight minus the expectation under the
    baseline, divided by the standard deviation. A draw keeps only its largest excess over all
    places: these give the p values, which therefore hold for all places together.

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
    NullModel

    Raises
    ------
    StudyError
        If the study or the data it names cannot be used.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Notes
    -----
    The largest of many statistics controls the probability of any false finding (Westfall and
    Young 1993, Resampling-Based Multiple Testing). Expectations and variances of the weight near
    a place are exact, so that no draws are needed for them.

    Examples
    --------
    >>> import gclust
    >>> found = gclust.null_model(gclust.datasets.example_study())
    >>> found.table[["name", "significant"]].sort_values("name", ignore_index=True)
           name  significant
    0    Geneva        False
    1  Grenoble        False
    2      Lyon        False
    """
    if not isinstance(study, Study):
        study = read_study(study)
    _check(study)
    with ExitStack() as within:
        place = within.enter_context(claim(out, overwrite, "null_model"))
        within.enter_context(default_threads(n_jobs, study.engine.threads))
        run_log = RunLog(resolve(progress), study.study.strict)
        found = _computed(study, run_log, n_jobs)
        return found if place is None else write_null_model(found, place, run_log.report)


def _check(study: Study) -> None:
    wanted = study.null
    check_method(study.clusters)
    check_baseline(study)
    least = math.ceil(1 / wanted.level - 1e-9) - 1
    if wanted.draws < least:
        raise StudyError(
            f"[null] draws = {wanted.draws}; expected {least} or more at level = {wanted.level:g}"
        )


def _computed(study: Study, run_log: RunLog, n_jobs: int | None) -> NullModel:
    """Compute the null model of a study."""
    wanted = study.null
    threads, radius_km = count_threads(n_jobs), _radius_km(study)
    reading = with_columns(study, *_columns(study))
    with open_engine(study, n_jobs, run_log.report) as engine:
        prepared = prepare_listings(reading, engine, run_log)
        clustering = _clusters(study, engine, prepared, run_log, n_jobs)
        with stage(run_log.report, "gather units"):
            units = gather_units(study, engine, prepared, radius_km)
        with stage(run_log.report, "make baseline"):
            baseline = make_baseline(study, engine, prepared, units, radius_km)
    locations = prepared.locations[["lat", "lon"]].assign(
        weight=_weight(units, baseline, len(prepared.locations))
    )
    with stage(run_log.report, "measure excess"):
        places = measure(locations, baseline, units, radius_km, threads)
    by_chance = draw_by_chance(
        places,
        baseline,
        units,
        draws=wanted.draws,
        seed=wanted.seed,
        threads=threads,
        report=run_log.report,
    )
    for message in units.messages:
        run_log.messages.append(message)
    run_log.messages.extend(_of_outside(units, baseline, places.outside))
    result = null_model_result(study, clustering, locations, places, by_chance)
    return replace(
        result,
        units=units.what,
        n_units=int((baseline.stratum >= 0).sum()),
        warnings=tuple(run_log.messages),
    )


def _columns(study: Study) -> tuple[str, ...]:
    """Return the further columns that a study's null model reads."""
    return () if study.null.units in ("locations", "listings") else ("organisation",)


def _radius_km(study: Study) -> float:
    given = study.null.radius_km
    return study.clusters.scale_km if given is None else given


def _clusters(
    study: Study, engine: Engine, prepared: Prepared, run_log: RunLog, n_jobs: int | None
) -> Clustering:
    """Find the study's clusters, which may be none."""
    partition = form(study, prepared, run_log, n_jobs)
    counted = merge_and_count(study, engine, prepared, partition.labels, run_log)
    clusters = counted.clusters(partition.labels)
    named = names_of(study, prepared.locations, pd.Series(clusters), len(counted.count))
    return Clustering(clusters, named[["name", "economies"]].reset_index(drop=True))


def _weight(units: Units, baseline: Baseline, n_locations: int) -> NDArray[np.int64]:
    """Return the weight of the units that are placed, by the location where they lie."""
    weight = np.zeros(n_locations, dtype=np.int64)
    parts = units.parts[baseline.stratum[units.parts["unit"].to_numpy()] >= 0]
    np.add.at(weight, parts["location"].to_numpy(), parts["weight"].to_numpy())
    return weight


def _of_outside(units: Units, baseline: Baseline, outside: int) -> list[str]:
    """Return messages about units without baseline, and about weight where there is none."""
    weights = units.weights()
    left, total, messages = baseline.stratum < 0, int(weights.sum()), []
    if left.any():
        messages.append(
            f"{int(left.sum()):,} of {len(left):,} {units.what}"
            f" ({counted(round(weights[left].sum() / UNIT), 'listing')})"
            f" {either(left.sum(), 'lies', 'lie')} in economies without baseline and"
            f" {either(left.sum(), 'is', 'are')} left out"
        )
    if outside > LARGEST_OUTSIDE * total:
        messages.append(
            f"{100 * outside / total:.1f} % of the weight lies where the baseline has nothing"
            " within the radius, so that it is not tested"
        )
    return messages
