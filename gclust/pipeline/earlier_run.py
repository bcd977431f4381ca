"""An earlier run whose clusters are those of a study: ``[clusters] formed_on = { run = ... }``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError, Warn
from gclust.pipeline.boundary_years import boundary_years
from gclust.pipeline.describe import dissolve
from gclust.pipeline.form import Partition, partition_locations
from gclust.progress import Report
from gclust.results.reader import ResultReader
from gclust.results.run import OF_LOCATIONS
from gclust.study.clustering_methods import ClusteringOptions
from gclust.study.schema import Study
from gclust.study.sections import Merge
from gclust.study.validate import check_method_of_footprint
from gclust.units import UNIT

FILES = ("run.json", "study.toml", "locations.parquet", "clusters.parquet")
"""The files of the earlier run that are read."""


def earlier_files(study: Study) -> list[str]:
    """Return the paths of the files of the earlier run on which a study's clusters are formed."""
    options = study.clusters.formed_on
    if options is None or options.run is None:
        return []
    return [str(study.folder / options.run / name) for name in FILES]


def with_options_of_run(study: Study) -> Study:
    """Return a study with the ``[clusters]`` and ``[merge]`` of the run that formed its clusters.

    A study without such a run is returned as it is.

    Raises
    ------
    StudyError
        If there is no such run, or if the study has options of its own that differ.
    """
    options = study.clusters.formed_on
    if options is None or options.run is None:
        return study
    earlier = _reader(study, options.run).study()
    _refuse_other(study.clusters, earlier.clusters, "clusters", options.run)
    _refuse_other(study.merge, earlier.merge, "merge", options.run)
    clusters = replace(earlier.clusters, formed_on=options)  # type: ignore[type-var]
    has_raster = study.population.raster is not None
    check_method_of_footprint(study.footprint, clusters, has_raster, "study")
    return replace(study, clusters=clusters, merge=earlier.merge)


def _refuse_other(
    own: ClusteringOptions | Merge, then: ClusteringOptions | Merge, section: str, run: str
) -> None:
    """Refuse options that are neither the default ones nor those of the earlier run."""
    for item in fields(own):  # type: ignore[arg-type]
        value, of_run = getattr(own, item.name), getattr(then, item.name, None)
        if item.name != "formed_on" and value not in (item.default, of_run):
            there = "has none" if of_run is None else f"has {item.name} = {of_run!r}"
            raise StudyError(
                f"[{section}] {item.name} = {value!r}, but clusters are formed by the run"
                f" {run!r}, which {there}; remove it, or run that study again with it"
            )


@dataclass(frozen=True)
class EarlierRun:
    """What an earlier run says of its clusters.

    Attributes
    ----------
    folder : str
        As the study names it.
    locations : DataFrame
        ``lat, lon`` (degrees), ``density`` (fixed-point weight) and ``cluster_id`` of the
        locations that formed its clusters, sorted by ``lat``, then ``lon``.
    named : DataFrame
        ``name`` and ``economies`` of its clusters, by id from 0.
    kinds, years : str
        Kinds and years of the listings that formed its clusters.
    summary : mapping
        For ``run.json``.
    """

    folder: str
    locations: pd.DataFrame
    named: pd.DataFrame
    kinds: str
    years: str
    summary: Mapping[str, Any]

    @classmethod
    def read(cls, study: Study, folder: str) -> EarlierRun:
        """Read it; StudyError is raised if a file is missing or broken."""
        reader = _reader(study, folder)
        earlier = reader.study()
        locations = reader.table("locations.parquet", OF_LOCATIONS)
        density = np.rint(locations["density"].to_numpy() * UNIT).astype(np.int64)
        boundary = locations[["lat", "lon", "cluster_id"]].assign(density=density)[density > 0]
        clusters = reader.table("clusters.parquet", ("cluster_id", "name", "economies"))
        named = clusters.set_index("cluster_id").sort_index()[["name", "economies"]]
        if named.index.tolist() != list(range(len(named))):
            raise StudyError(f"{folder}: clusters.parquet does not number the clusters from 0")
        then = reader.info.get("formed_on", {})
        kinds = then.get("boundary_kinds") or ", ".join(earlier.density_kinds)
        years = then.get("boundary_years") or boundary_years(earlier)
        summary = {
            "gclust": reader.info["gclust"],
            "study": earlier.study.name,
            "boundary_kinds": kinds,
            "boundary_years": years,
            "clusters": len(named),
        }
        return cls(folder, boundary.reset_index(drop=True), named, kinds, years, summary)

    def partition(
        self,
        options: ClusteringOptions,
        locations: pd.DataFrame,
        *,
        n_jobs: int | None,
        report: Report,
        warn: Warn,
    ) -> Partition:
        """Give the locations of a study the clusters of the run, which are merged already.

        The run's locations form the same clusters once more, and the others are assigned to them
        as `gclust.pipeline.form.partition_locations` says. ``locations`` have the run's densities.

        Raises
        ------
        StudyError
            If the run's clusters come out in another way.
        """
        found = partition_locations(options, locations, n_jobs=n_jobs, report=report, warn=warn)
        forms = locations["density"].to_numpy() > 0
        cluster = self._cluster_of_label(found.labels[forms])
        polygons = found.polygons
        if polygons is not None:
            polygons = dissolve(polygons, cluster[:-1])
        return found._replace(labels=cluster[found.labels], polygons=polygons)

    def _cluster_of_label(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the run's cluster of each label, and of noise, the last."""
        then = self.locations["cluster_id"].to_numpy(np.int64)
        cluster = np.full(int(labels.max(initial=-1)) + 2, -1, dtype=np.int64)
        cluster[labels] = then
        same = len(labels) == len(then) and (cluster[labels] == then).all()
        if not same or cluster[-1] != -1 or len(np.unique(then[then >= 0])) != len(self.named):
            raise StudyError(
                f"[clusters] formed_on: the locations of the run {self.folder!r} form other"
                f" clusters now: gclust {self.summary['gclust']} made it, or its files have"
                " changed; run its study again"
            )
        return cluster


def _reader(study: Study, folder: str) -> ResultReader:
    try:
        return ResultReader(Path(study.folder) / folder, "run")
    except StudyError as error:
        raise StudyError(f"[clusters] formed_on: {error}") from error
