"""How firm is a rank: a study's records and choices drawn anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.threads import count_threads
from gclust.errors import StudyError
from gclust.experiments.uncertainty_files import write_uncertainty
from gclust.experiments.uncertainty_held import draw_records, held_groups
from gclust.experiments.uncertainty_result import Uncertainty, firmness
from gclust.listings.engine import Engine
from gclust.progress import Report, resolve, stage
from gclust.ranking.columns import column_weights, scored
from gclust.ranking.rank_sets import least_draws
from gclust.ranking.score import score
from gclust.study.atomic import claim
from gclust.study.describe import names_of
from gclust.study.formers import check_former
from gclust.study.journal import Journal
from gclust.study.run import form
from gclust.study.schema import Study, read_study
from gclust.study.stages import check_found, prepare, settle

NO_RECORDS = "has no records: it is drawn as if each unit of weight were a record of its own"


def uncertainty(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Uncertainty:
    """Draw a study's records anew, and say how firm shares, scores and ranks are.

    What is drawn, how often and at which level stands in the study's section
    ``[uncertainty]``. The result says which superpopulation the draws stand for.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml`` or what `gclust.read_study` made of it.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
    progress : bool or callable, optional
        True draws on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether what an earlier call left in ``out`` may be replaced.

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
    >>> firm = gclust.uncertainty("study.toml")  # doctest: +SKIP
    >>> firm.table[["rank", "name", "rank_set_low", "rank_set_high"]]  # doctest: +SKIP
    """
    if not isinstance(study, Study):
        study = read_study(study)
    if out is not None:
        claim(Path(out), overwrite, "uncertainty")
    check_former(study.clusters)
    _check_draws(study)
    _check_score(study)
    threads = count_threads(n_jobs)
    journal = Journal(resolve(progress), study.study.strict)
    wanted = study.uncertainty
    with Engine(threads=n_jobs, progress=journal.report) as engine:
        prepared = prepare(study, engine, journal)
        formed = form(study, prepared, journal, n_jobs)
        check_found(study.clusters, prepared.locations, formed.labels)
        settled = settle(study, engine, prepared, formed.labels, journal)
        clusters = settled.clusters(formed.labels)
        with journal.timed("group records"):
            groups = held_groups(study, engine, prepared, clusters)
    for code, kind in enumerate(prepared.staged.kinds):
        if "records" in wanted.sources and code in groups.unrecorded:
            journal.told.append(f"kind {kind!r} {NO_RECORDS}")
    named = names_of(study, prepared.locations, pd.Series(clusters), len(settled.count))
    if "records" in wanted.sources:
        counts, shares = draw_records(
            groups, wanted.draws, wanted.seed, threads=threads, report=journal.report
        )
    else:
        counts, shares = (
            np.repeat(table.to_numpy()[None], wanted.draws, axis=0)
            for table in (settled.count, settled.share)
        )
    with stage(journal.report, "score draws"):
        own_weights = column_weights(
            scored(study.kinds, study.score.of), study.score.weights, study.kinds
        )
        own = _scored(study, settled.count.to_numpy(), settled.share.to_numpy(), own_weights)
        weights = _weights(study, own_weights)
        scores = np.array(
            [_scored(study, *drawn) for drawn in zip(counts, shares, weights, strict=True)]
        )
    with stage(journal.report, "compare clusters"):
        result = firmness(study, named, settled.share, pd.Series(own), shares, scores)
    result = replace(result, warnings=tuple(journal.told))
    if out is not None:
        result = write_uncertainty(result, Path(out), overwrite, journal.report)
    return result


def _check_draws(study: Study) -> None:
    least = least_draws(study.uncertainty.level)
    if study.uncertainty.draws < least:
        raise StudyError(
            f"[uncertainty] draws = {study.uncertainty.draws}; expected {least} or more at level"
            f" = {study.uncertainty.level:g}"
        )


def _check_score(study: Study) -> None:
    for column in scored(study.kinds, study.score.of):
        if not column.endswith(("_share", "_count")):
            raise StudyError(
                f"[score] of: {column!r} cannot be drawn anew; expected shares and counts of kinds"
            )


def _scored(
    study: Study,
    count: NDArray[np.float64],
    share: NDArray[np.float64],
    weights: dict[str, float],
) -> NDArray[np.float64]:
    values = pd.DataFrame(np.hstack((share, count)), columns=_columns(study))
    found = score(values[list(weights)], combine=study.score.combine, weights=weights)
    return found.to_numpy(dtype=np.float64)


def _columns(study: Study) -> list[str]:
    return [f"{kind}_{what}" for what in ("share", "count") for kind in study.kinds]


def _weights(study: Study, own: dict[str, float]) -> list[dict[str, float]]:
    """The weights of the columns in each draw: the study's own, or drawn round them.

    Their sum is that of the study's; a weight of 0 stays 0.
    """
    weights = np.array(list(own.values()))
    drawn = np.repeat(weights[None], study.uncertainty.draws, axis=0)
    used = weights > 0
    if "weights" in study.uncertainty.sources and used.sum() > 1:
        random = np.random.Generator(np.random.Philox(key=study.uncertainty.seed))
        alpha = study.uncertainty.concentration * weights[used] / weights.sum()
        drawn[:, used] = weights.sum() * random.dirichlet(alpha, size=len(drawn))
    return [dict(zip(own, row.tolist(), strict=True)) for row in drawn]
