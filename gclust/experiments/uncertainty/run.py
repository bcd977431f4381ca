"""Entry point of rank uncertainty: a bootstrap of a study's records and choices."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError, warn_user
from gclust.experiments.frozen_boundaries import refuse_frozen
from gclust.experiments.grid import Pair
from gclust.experiments.input_digests import input_digests
from gclust.experiments.shards.part import PART, Part
from gclust.experiments.shards.shard import Shard, check_folder
from gclust.experiments.uncertainty.amounts import number_amounts
from gclust.experiments.uncertainty.draws import (
    Baseline,
    BootstrapInputs,
    Replicates,
)
from gclust.experiments.uncertainty.folder import write_uncertainty
from gclust.experiments.uncertainty.leading import largest_organisations, warnings_of_largest
from gclust.experiments.uncertainty.normalised import check_records
from gclust.experiments.uncertainty.organisations import number_organisations
from gclust.experiments.uncertainty.parameters import DrawnPairs, draw_pairs
from gclust.experiments.uncertainty.part import write_draws_part
from gclust.experiments.uncertainty.periods import OwnCounts, excess_of_kinds
from gclust.experiments.uncertainty.result import (
    OwnClusters,
    Uncertainty,
    left_out,
    rank_uncertainty,
)
from gclust.experiments.uncertainty.scores import Scorer
from gclust.experiments.uncertainty.sources_alone import replicates, sources_alone
from gclust.experiments.uncertainty.variation import variation_of
from gclust.listings.counting import world_components
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import rows_by
from gclust.pipeline.count_arrays import merge_and_count
from gclust.pipeline.describe import dissolve, names_of
from gclust.pipeline.earlier_run import with_options_of_run
from gclust.pipeline.form import check_found, check_method
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.open_engine import open_engine
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.run import form
from gclust.pipeline.run_log import RunLog
from gclust.plurals import counted, either
from gclust.progress import Report, resolve, silent, stage
from gclust.ranking.rank_sets import least_draws
from gclust.results.folders import claim
from gclust.study.schema import Study, read_study
from gclust.threads import default_threads
from gclust.units import UNIT

FEW = 10
"""Number of records below which a cluster's intervals get a caution."""
NO_RECORDS = "has listings without a record: each weight of one is drawn as a record"


@overload
def uncertainty(
    study: str | Path | Study,
    out: str | Path | None = ...,
    *,
    shard: None = ...,
    progress: bool | Report | None = ...,
    n_jobs: int | None = ...,
    overwrite: bool = ...,
) -> Uncertainty: ...


@overload
def uncertainty(
    study: str | Path | Study,
    out: str | Path,
    *,
    shard: tuple[int, int],
    progress: bool | Report | None = ...,
    n_jobs: int | None = ...,
    overwrite: bool = ...,
) -> Part: ...


def uncertainty(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    shard: tuple[int, int] | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Uncertainty | Part:
    """Compute the uncertainty of a study's shares, scores and ranks by a bootstrap.

    The study's section ``[uncertainty]`` sets what is drawn (records, choices), how often, and the
    level. The result says which superpopulation the draws represent. Amounts (sources with
    ``measure = "amount"``) are not resampled unless the section says how.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml``, or the study that `gclust.read_study` read from it.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
    shard : (number, count), optional
        Compute only this share of the draws, numbered from 1, and write it to ``out`` as a part,
        which `gclust.gather` joins with the others.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether the result of an earlier call in ``out`` may be replaced.

    Returns
    -------
    Uncertainty
        With ``shard`` a `Part`.

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
    wanted = check_folder(shard, out)
    if not isinstance(study, Study):
        study = read_study(study)
    study = with_options_of_run(study)
    with ExitStack() as within:
        kind = "uncertainty" if wanted is None else PART
        place = within.enter_context(claim(out, overwrite, kind))
        within.enter_context(default_threads(n_jobs, study.engine.threads))
        run_log = RunLog(resolve(progress), study.study.strict)
        found = _computed(study, wanted, run_log, n_jobs)
        if wanted is not None and place is not None:
            common = {**found.inputs, "warnings": run_log.messages}
            draws = study.uncertainty.draws
            part = Part("uncertainty", study, wanted, len(found.numbers), draws, common)
            return write_draws_part(part, place, found.own, found.replicates, found.numbers)
        with stage(run_log.report, "compare clusters"):
            result = rank_uncertainty(study, found.own, found.replicates, found.pairs)
        result = replace(result, warnings=tuple(run_log.messages))
        return result if place is None else write_uncertainty(result, place, run_log.report)


class _Computed(NamedTuple):
    """Replicates that were computed, and what the result needs in addition."""

    own: OwnClusters
    replicates: Replicates
    numbers: NDArray[np.int64]
    """Numbers of the replicates, in rising order."""
    pairs: list[Pair]
    """Pairs of parameters that are drawn from."""
    inputs: dict[str, Any]
    """Digests of all inputs, if only a shard is computed."""


def _computed(study: Study, shard: Shard | None, run_log: RunLog, n_jobs: int | None) -> _Computed:
    """Find the study's clusters, and compute its replicates or those of a shard."""
    check_method(study.clusters)
    _check_draws(study)
    _check_frozen(study)
    numbers = np.arange(study.uncertainty.draws)
    if shard is not None:
        _check_shard(study, shard)
    scorer, kinds = Scorer(study), list(study.kinds)
    drawn = draw_pairs(study, n_jobs=n_jobs, report=run_log.report)
    if shard is not None:
        numbers = np.sort(shard.share_of(drawn.in_order(numbers), "draws"))
    with open_engine(study, n_jobs, run_log.report) as engine:
        prepared = prepare_listings(study, engine, run_log)
        _check_measures(study, engine, prepared)
        check_records(study, engine, prepared)
        inputs: dict[str, Any] = {}
        if shard is not None:
            inputs = {**input_digests(study, engine, prepared), "draws": _described(study, drawn)}
        partition = form(study, prepared, run_log, n_jobs)
        check_found(study.clusters, prepared.locations, partition.labels)
        counted = merge_and_count(study, engine, prepared, partition.labels, run_log)
        own = counted.clusters(partition.labels)
        if "records" in study.uncertainty.sources:
            run_log.messages.extend(_without_records(study, engine, prepared))
        organisations = number_organisations(study, engine, prepared)
        numbered = number_amounts(study, engine, prepared, organisations)
        run_log.messages.extend(numbered.amounts.messages)
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
        variation = variation_of(study, prepared.staged.kinds, organisations)
        if study.variation.dispersion:
            with stage(run_log.report, "compare periods"):
                counts = OwnCounts(prepared, own, listings, len(counted.count))
                excess, messages = excess_of_kinds(study, counts, n_jobs)
            run_log.messages.extend(messages)
            variation = variation.with_excess(prepared.staged.kinds, excess)
        largest = largest_organisations(study, engine, numbered.prepared, own, variation)
        bootstrap = BootstrapInputs(
            study=study,
            engine=engine,
            prepared=numbered.prepared,
            baseline=baseline,
            drawn=drawn,
            scorer=scorer,
            n_jobs=n_jobs,
            report=run_log.report,
            numbers=numbers,
            amounts=numbered.amounts,
            variation=variation,
        )
        found = replicates(bootstrap)
        found = replace(found, alone=sources_alone(bootstrap))
    if prepared.frozen is not None and prepared.frozen.earlier is not None:
        named = prepared.frozen.earlier.named
    else:
        named = names_of(study, prepared.locations, pd.Series(own), len(counted.count))
    run_log.messages.extend(_of_few_records(study, named, counted.count))
    run_log.messages.extend(warnings_of_largest(study, named, largest))
    clusters = OwnClusters(named, counted.share[kinds], pd.Series(scores), largest)
    return _Computed(clusters, found, numbers, drawn.pairs, inputs)


def _check_shard(study: Study, shard: Shard) -> None:
    """Refuse more shards than draws; warn if every shard must make the same sweep first."""
    wanted = study.uncertainty
    shard.share_of(range(wanted.draws), "draws")
    given = wanted.sweep, wanted.eps_km, wanted.min_samples, wanted.factor
    if "parameters" in wanted.sources and given == (None,) * 4:
        warn_user(
            "each shard makes the sweep of the study to find the plateau; to make it once, run"
            " gclust sweep first, and name its folder: [uncertainty] sweep"
        )


def _described(study: Study, drawn: DrawnPairs) -> dict[str, Any]:
    """Return the number of draws and the pairs to draw from, as values that JSON can hold."""
    pairs = [list(pair) for pair in drawn.pairs]
    return {"draws": study.uncertainty.draws, "parameters": pairs}


def _without_records(study: Study, engine: Engine, prepared: Prepared) -> list[str]:
    """Return warnings about kinds with listings without a record, drawn by their weight."""
    parts = world_components(prepared.staged.listings, study.counting.unlocated, engine.pandas)
    kinds = [prepared.staged.kinds[code] for code in parts.index[parts["unrecorded"] > 0]]
    return [f"kind {kind!r} {NO_RECORDS}" for kind in kinds if kind not in study.amounts]


def _of_few_records(study: Study, named: pd.DataFrame, count: pd.DataFrame) -> list[str]:
    """Return a caution about clusters with too few records for a bootstrap."""
    kinds = [kind for kind in study.kinds if kind not in study.amounts]
    if "records" not in study.uncertainty.sources or not kinds:
        return []
    few = np.flatnonzero(count[kinds].sum(axis=1).to_numpy() < FEW)
    if not len(few):
        return []
    names = [str(name) for name in named["name"].iloc[few[:3]]]
    more = f" and {len(few) - 3:,} more" if len(few) > 3 else ""
    return [
        f"{len(few):,} of {counted(len(count), 'cluster')}"
        f" {either(len(few), 'has', 'have')} fewer than {FEW} records, too few for the"
        f" intervals and rank sets of a bootstrap: {', '.join(names)}{more}"
    ]


def _check_measures(study: Study, engine: Engine, prepared: Prepared) -> None:
    """Refuse weights without records that may be amounts: they would be drawn as records."""
    if "records" not in study.uncertainty.sources:
        return
    listings = prepared.staged.listings.filter(
        nw.col("record").is_null() & (nw.col("units") > 0) & (nw.col("units") != UNIT)
    )
    if study.counting.unlocated == "drop":
        listings = listings.filter(nw.col("reason").is_null())
    weighted = engine.pandas(rows_by(listings, "source")).sort_values("source")
    for position, rows in weighted.itertuples(index=False):
        source = study.sources[position]
        if source.measure is None:
            raise StudyError(
                f"[[sources]] number {position + 1} (kind {source.kind!r}): {counted(rows, 'row')}"
                " without a"
                f" record {either(rows, 'has', 'have')} weights, and measure does not say what they"
                " are; expected measure ="
                ' "records" (a weight of 3 is drawn as three records) or measure = "amount" (money,'
                " people: not resampled)"
            )


def _check_frozen(study: Study) -> None:
    """Refuse frozen boundaries if clusters differ between draws."""
    wanted = study.uncertainty
    if wanted.varies_clusters:
        key = 'clusters = "reclustered"'
        for source in ("addresses", "parameters"):
            if source in wanted.sources:
                key = f"sources with {source!r}"
        refuse_frozen(
            study,
            f"[uncertainty] {key} forms clusters in each draw",
            'set clusters = "fixed" and draw records or weights only, or remove formed_on',
        )
    if "windows" in study.variation.dispersion.values():
        refuse_frozen(
            study,
            "[uncertainty] dispersion = 'windows' finds the clusters of other years' listings by"
            " those of the study's own",
            "set dispersion = 'years', or remove formed_on",
        )


def _check_draws(study: Study) -> None:
    least = least_draws(study.uncertainty.level)
    if study.uncertainty.draws < least:
        raise StudyError(
            f"[uncertainty] draws = {study.uncertainty.draws}; expected {least} or more at level"
            f" = {study.uncertainty.level:g}"
        )
    if study.normalises and study.variation:
        raise StudyError(
            "[counting] normalise does not go with organisations (resample, multiplier) or"
            " dispersion in [uncertainty], for a count is no number of records then; expected"
            " draws of records, or counts that are not normalised (amounts by organisation:"
            " resample = { <kind> = 'organisations' })"
        )
    fixed, wanted = study.not_resampled, study.uncertainty
    if wanted.sources == ("records",) and not wanted.reclusters:
        used = left_out(study, study.kinds)
        if used and not set(used) - set(fixed):
            raise StudyError(
                f"[uncertainty]: the score is made of amounts alone ({', '.join(used)}), which are"
                " not resampled, so that all draws are the same; expected cv or resample, or"
                " another entry in the option sources"
            )
