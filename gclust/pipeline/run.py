"""The order of the stages: from a study to a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gclust.errors import StudyError
from gclust.listings.engine import Engine
from gclust.pipeline.centroid_geocodes import city_share, heap_table
from gclust.pipeline.check_space import warn_of_space
from gclust.pipeline.describe import describe, name_merges, outlined, shown, unite
from gclust.pipeline.form import Formed, check_former, form_clusters
from gclust.pipeline.indicators import measure
from gclust.pipeline.intensity import check_rasters, spread_of
from gclust.pipeline.labelled_listings import attributed_listings
from gclust.pipeline.members import divide_clusters
from gclust.pipeline.provenance import provenance
from gclust.pipeline.run_log import Journal
from gclust.pipeline.stages import Prepared, Settled, check_found, prepare, settle, warn_of_gap
from gclust.progress import Report, resolve
from gclust.ranking.table import contribution_table, ranking
from gclust.results.folders import claim
from gclust.results.run import Run, write
from gclust.study.indicators import ask
from gclust.study.schema import Clusters, Study, read_study, with_listings

MOST_TOLD = 5
"""Clusters named in a warning."""


def run(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    listings: Mapping[str, Any] | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Run:
    """Run a study: from listings to ranked clusters.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml``, or a `gclust.Study`.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
    listings : mapping, optional
        Kind -> table in memory (pandas, Polars, PyArrow, GeoPandas, DuckDB), in place of the
        study's sources of that kind.
    progress : bool or callable, optional
        True draws on the terminal; a callable is called with
        ``(fraction, stage)``.
    n_jobs : int, optional
        Threads; all by default. Results do not depend on it.
    overwrite : bool
        Whether a run that is in ``out`` may be replaced.

    Returns
    -------
    Run

    Raises
    ------
    StudyError
        If the study or the data it names cannot be used.
    FileExistsError
        If ``out`` exists and may not be replaced.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run("study.toml", "my-run")  # doctest: +SKIP
    >>> run.ranking.head()  # doctest: +SKIP
    """
    if not isinstance(study, Study):
        study = read_study(study, listings)
    elif listings:
        study = with_listings(study, listings)
    journal = Journal(resolve(progress), study.study.strict)
    with claim(out, overwrite, "run") as place:
        warn_of_space(study)
        rasters = check_rasters(study)
        journal.warn([raster.warning for raster in rasters if raster.warning is not None])
        journal.rasters = [raster.told for raster in rasters if raster.told is not None]
        check_former(study.clusters)
        # With every default of its indicators spelled out: another version may have others.
        study = replace(study, indicators=tuple(asked.entry for asked in ask(study.indicators)))
        result = _compute(study, journal, n_jobs)
        return result if place is None else write(result, place, journal.report)


def _compute(study: Study, journal: Journal, n_jobs: int | None) -> Run:
    """Run all stages."""
    with Engine(threads=n_jobs, progress=journal.report) as engine:
        prepared = prepare(study, engine, journal)
        formed = form(study, prepared, journal, n_jobs)
        check_found(study.clusters, prepared.locations, formed.labels)
        if isinstance(study.clusters, Clusters):
            warn_of_gap(study, study.clusters.eps_km, journal)
        settled = settle(study, engine, prepared, formed.labels, journal)
        return complete(study, engine, prepared, formed, settled, journal, n_jobs)


def form(study: Study, prepared: Prepared, journal: Journal, n_jobs: int | None) -> Formed:
    """Form the clusters of a study from its listings."""
    with journal.timed("cluster locations"), journal.overhearing():
        return form_clusters(
            study.clusters, prepared.locations, n_jobs=n_jobs, report=journal.report
        )


def rank_clusters(
    study: Study,
    clusters: pd.DataFrame,
    settled: Settled,
    indicators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score and rank clusters as a study says; see `gclust.ranking.table.ranking`."""
    kinds = list(study.kinds)
    try:
        return ranking(
            clusters,
            settled.count[kinds],
            settled.share[kinds],
            top=study.study.top,
            combine=study.score.combine,
            weights=study.score.weights,
            of=study.score.of,
            lower_is_better=study.score.lower_is_better,
            indicators=indicators,
        )
    except ValueError as error:
        raise StudyError(f"[score] {error}") from error


def complete(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    formed: Formed,
    settled: Settled,
    journal: Journal,
    n_jobs: int | None = None,
) -> Run:
    """Describe, score and rank clusters that have been formed, merged and counted."""
    labels = formed.labels
    locations = prepared.locations.assign(
        part=labels, label=settled.clusters(labels), core=formed.core
    )
    contours = None
    if study.footprint.method == "contour":
        contours = unite(formed.polygons, settled.cluster_ids)
    clusters = describe(study, locations, len(settled.count), journal, contours)
    listings = attributed_listings(study, engine, prepared, locations["label"].to_numpy())
    indicators = measure(study, clusters, settled, listings, journal)
    ranked = rank_clusters(study, clusters.drop(columns="geometry"), settled, indicators)
    without = ranked.loc[ranked["score"].isna(), "name"]
    if len(without):
        journal.told.append(
            f"{len(without)} clusters have no score and no rank, for a column that it is made of"
            f" is missing: {', '.join(without.head(MOST_TOLD))}"
        )
    known = city_share(study.heaps, engine, prepared) if study.heaps.on else None
    shapes, places = outlined(ranked, clusters), shown(locations, known)
    intensity = None
    if study.intensity.wanted:
        with journal.timed("compare intensities"), journal.overhearing():
            intensity = spread_of(study, shapes, places, journal.report)
    by_id = ranked.set_index("cluster_id").sort_index()
    members, member_ties = divide_clusters(study, engine, listings, by_id, locations, journal)
    heaps = None
    if study.heaps.on:
        with journal.timed("find heaps"):
            names = by_id["name"]
            heaps = heap_table(
                study, study.heaps, locations, names, city_share=known, n_jobs=n_jobs
            )
    prepared.staged.inputs.check()
    found = len(settled.cluster_ids), len(clusters)
    return Run(
        study=study,
        ranking=ranked,
        contributions=contribution_table(
            ranked,
            combine=study.score.combine,
            weights=study.score.weights,
            of=study.score.of,
            lower_is_better=study.score.lower_is_better,
        ),
        clusters=shapes,
        locations=places,
        merges=name_merges(study, settled.merging, locations, settled.cluster_ids),
        rejects=prepared.staged.rejects,
        info={
            **provenance(study, prepared.staged, prepared.world, found, n_jobs, journal),
            **formed.told,
        },
        intensity=intensity,
        members=members,
        heaps=heaps,
        member_ties=member_ties,
    )
