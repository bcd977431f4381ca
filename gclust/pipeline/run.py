"""The computation of a run from a study: its stages in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gclust.indicators.registry import OWN
from gclust.kernels.first_compilation import noted
from gclust.listings.engines.protocol import Engine
from gclust.parallel import meanwhile
from gclust.pipeline.centroid_geocodes import centroid_geocode_table, city_share
from gclust.pipeline.check_kinds import warn_of_amounts
from gclust.pipeline.checkpoint import checkpoint
from gclust.pipeline.count import MergedCounts, warn_of_gap
from gclust.pipeline.count_arrays import merge_and_count
from gclust.pipeline.describe import describe, dissolve, join_footprints, name_merges, output_table
from gclust.pipeline.earlier_run import with_options_of_run
from gclust.pipeline.footprint_counts import add_footprint_counts
from gclust.pipeline.form import (
    Partition,
    check_found,
    check_method,
    partition_locations,
)
from gclust.pipeline.frozen import forming_labels
from gclust.pipeline.given_areas import given_area_tables, read_given_areas
from gclust.pipeline.indicators import compute_indicators
from gclust.pipeline.intensity import check_rasters, spread_of
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.listed_merges import warn_of_listed
from gclust.pipeline.load_for_later import load_for_later
from gclust.pipeline.members import divide_clusters
from gclust.pipeline.normalised_ranking import normalised_table
from gclust.pipeline.outputs import add_outputs
from gclust.pipeline.prepare import Prepared, prepare_listings
from gclust.pipeline.provenance import provenance
from gclust.pipeline.rank_clusters import rank_clusters
from gclust.pipeline.rasters import warnings_of
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.stage_counts import stage_counts
from gclust.pipeline.stages import ALL_COMPUTED, Stages
from gclust.progress import Report, resolve
from gclust.ranking.table import contribution_table
from gclust.ranking.unscored import unscored_in_words
from gclust.results.folders import Place, claim
from gclust.results.intensity import IntensitySpread
from gclust.results.run import Run, write_run
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study, read_study, with_listings
from gclust.threads import default_threads

if TYPE_CHECKING:
    import geopandas as gpd


def run(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    listings: Mapping[str, Any] | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Run:
    """Run a study, from listings to ranked clusters.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml``, or a `gclust.Study`.
    out : path-like, optional
        Folder to write, completely or not at all. Nothing is written without it.
    listings : mapping, optional
        Kind -> table in memory (pandas, Polars, PyArrow, GeoPandas, DuckDB), in place of the
        study's sources of that kind.
    progress : bool or callable, optional
        True draws on the terminal; a callable is called with
        ``(fraction, stage)``.
    n_jobs : int, optional
        Threads; those of the study's ``[engine]`` by default, else all. Results do not depend
        on it.
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
    >>> study = gclust.datasets.example_study()
    >>> run = gclust.run(study, "my-run")
    >>> run.ranking[["rank", "name", "score"]].round(1)
       rank      name  score
    0     1  Grenoble   76.6
    1     2      Lyon   67.4
    2     3    Geneva   47.0
    """
    if not isinstance(study, Study):
        study = read_study(study, listings)
    elif listings:
        study = with_listings(study, listings)
    run_log = RunLog(resolve(progress), study.study.strict, measures=True)
    study = with_options_of_run(study)
    with (
        claim(out, overwrite, "run") as place,
        default_threads(n_jobs, study.engine.threads),
        noted(run_log.report),
    ):
        rasters = check_rasters(study)
        run_log.warn_or_refuse(warnings_of(rasters))
        areas = read_given_areas(study)
        run_log.rasters = [raster.metadata for raster in rasters if raster.metadata is not None]
        check_method(study.clusters)
        # With every default of its indicators written out: another version may have others.
        study = replace(
            study,
            indicators=tuple(resolved.entry for resolved in resolve_indicators(study.indicators)),
        )
        with checkpoint(study, place, run_log) as stages:
            result = _compute(study, run_log, n_jobs, stages, place, areas)
            return result if place is None else write_run(result, place, run_log.report)


def _compute(
    study: Study,
    run_log: RunLog,
    n_jobs: int | None,
    stages: Stages,
    place: Place | None,
    areas: gpd.GeoDataFrame | None,
) -> Run:
    """Run all stages."""
    with stages.open(study, n_jobs, run_log.report) as engine:
        with meanwhile(lambda: load_for_later(study)):
            prepared = prepare_listings(study, engine, run_log, stages)
        warn_of_amounts(study, prepared.staged, run_log)
        partition = stages.step(
            "cluster locations",
            lambda: form(study, prepared, run_log, n_jobs),
            lambda found: found._replace(metadata=dict(found.metadata)),
        )
        check_found(study.clusters, prepared.locations, partition.labels)
        warn_of_gap(study, study.clusters, run_log)
        _warn_of_listed(study, prepared, partition, run_log)
        counted = stages.step(
            "merge clusters and count records",
            lambda: merge_and_count(study, engine, prepared, partition.labels, run_log),
        )
        found = complete(study, engine, prepared, partition, counted, run_log, n_jobs, stages)
        if areas is not None:
            ranked = stages.step(
                "count given areas",
                lambda: given_area_tables(study, engine, prepared, areas, found, run_log),
            )
            found = replace(found, tables=ranked)
        if study.normalises:
            table = stages.step(
                "rank without normalisation",
                lambda: normalised_table(study, engine, prepared, counted, found, run_log),
            )
            found = replace(found, tables={**found.tables, "normalised": table})
        return add_outputs(found, engine, prepared, run_log, stages, place)


def form(study: Study, prepared: Prepared, run_log: RunLog, n_jobs: int | None) -> Partition:
    """Cluster the locations of a study with its method, or take the clusters of an earlier run."""
    frozen = prepared.frozen
    with run_log.timed("cluster locations"):
        if frozen is not None and frozen.earlier is not None:
            return frozen.earlier.partition(
                study.clusters,
                prepared.locations,
                n_jobs=n_jobs,
                report=run_log.report,
                warn=run_log.warn,
            )
        return partition_locations(
            study.clusters,
            prepared.locations,
            n_jobs=n_jobs,
            report=run_log.report,
            warn=run_log.warn,
        )


def _warn_of_listed(
    study: Study, prepared: Prepared, partition: Partition, run_log: RunLog
) -> None:
    """Warn of listed pairs of places that merge nothing, unless an earlier run has merged them."""
    labels, frozen = partition.labels, prepared.frozen
    if frozen is not None:
        if frozen.earlier is not None:
            return
        labels = forming_labels(prepared.locations, labels)
    warn_of_listed(study.merge, prepared.locations, labels, run_log)


def complete(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    partition: Partition,
    counted: MergedCounts,
    run_log: RunLog,
    n_jobs: int | None = None,
    stages: Stages = ALL_COMPUTED,
) -> Run:
    """Describe, score and rank clusters that are already formed, merged and counted."""
    labels = partition.labels
    locations = prepared.locations.assign(
        part=labels, label=counted.clusters(labels), core=partition.core
    )
    clusters = stages.step(
        "describe clusters",
        lambda: _describe(study, engine, prepared, locations, partition, counted, run_log),
    )
    listings = labelled_listings(study, engine, prepared, locations["label"].to_numpy())
    if any(each.indicator.origin != OWN for each in resolve_indicators(study.indicators)):
        # What a plug-in computes may depend on more than the study and its files.
        stages.end()
    indicators = stages.step(
        "compute indicators",
        lambda: compute_indicators(study, clusters, counted, listings, run_log),
    )
    ranked = rank_clusters(study, clusters.drop(columns="geometry"), counted, indicators)
    if unscored := unscored_in_words(ranked, study.score):
        run_log.messages.append(unscored)
    known = None
    if study.centroid_geocodes.on:
        known = stages.step(
            "add up weights of cities",
            lambda: city_share(study.centroid_geocodes, engine, prepared),
        )
    shapes, places = join_footprints(ranked, clusters), output_table(locations, known)
    intensity = None
    if study.intensity.wanted:
        intensity = stages.step(
            "compare intensities",
            lambda: _compare_intensities(study, shapes, places, run_log),
        )
    by_id = ranked.set_index("cluster_id").sort_index()
    members, member_ties = stages.step(
        "divide clusters among cities",
        lambda: divide_clusters(study, engine, listings, by_id, locations, run_log),
    )
    centroid_geocodes = None
    if study.centroid_geocodes.on:
        with run_log.timed("find centroid geocodes"):
            names = by_id["name"]
            centroid_geocodes = centroid_geocode_table(
                study, study.centroid_geocodes, locations, names, city_share=known, n_jobs=n_jobs
            )
    prepared.staged.inputs.check()
    counts = stage_counts(study, prepared, partition, counted)
    return Run(
        study=study,
        ranking=ranked,
        contributions=contribution_table(ranked, study.score),
        clusters=shapes,
        locations=places,
        merges=name_merges(study, counted.merging, locations, counted.cluster_ids),
        rejects=prepared.staged.rejects,
        info={
            **provenance(study, prepared.staged, prepared.world_totals, counts, n_jobs, run_log),
            **partition.metadata,
            **(prepared.frozen.info if prepared.frozen is not None else {}),
        },
        intensity=intensity,
        members=members,
        centroid_geocodes=centroid_geocodes,
        member_ties=member_ties,
    )


def _describe(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    locations: pd.DataFrame,
    partition: Partition,
    counted: MergedCounts,
    run_log: RunLog,
) -> gpd.GeoDataFrame:
    """Describe the clusters, with the shares of records in and outside of their footprints."""
    contours = None
    if study.footprint.method == "contour":
        contours = dissolve(partition.polygons, counted.cluster_ids)
    clusters = describe(study, locations, len(counted.count), run_log, contours)
    if prepared.frozen is not None and prepared.frozen.earlier is not None:
        for column, values in prepared.frozen.earlier.named.items():
            clusters[column] = values.to_numpy()
    labels = locations["label"].to_numpy()
    return add_footprint_counts(study, engine, prepared, labels, counted, clusters, run_log)


def _compare_intensities(
    study: Study, shapes: gpd.GeoDataFrame, places: pd.DataFrame, run_log: RunLog
) -> IntensitySpread:
    with run_log.timed("compare intensities"):
        return spread_of(study, shapes, places, run_log.report, run_log.warn)
