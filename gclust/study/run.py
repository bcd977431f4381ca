"""The order of the stages: from a study to a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd

from gclust.cluster.dbscan import assign_locations, cluster_locations
from gclust.cluster.merging import Merging, gaps_km, merge
from gclust.cluster.units import threshold_units
from gclust.errors import StudyError
from gclust.indicators.counts import counts, shares
from gclust.listings import attribute as attribution
from gclust.listings.engine import Engine
from gclust.listings.fold import density_units, fold, record_totals
from gclust.listings.read import SourceFiles, open_source
from gclust.listings.stage import Staged, stage, told_rejects, usable
from gclust.progress import Report, resolve
from gclust.ranking.table import ranking
from gclust.study import checks
from gclust.study.describe import describe, name_merges, outlined, shown
from gclust.study.folder import Run, claim, write
from gclust.study.journal import Journal
from gclust.study.provenance import provenance
from gclust.study.schema import Study, read_study
from gclust.units import UNIT


def run(
    study: str | Path | Study,
    out: str | Path | None = None,
    *,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
) -> Run:
    """Run a study: from listings to ranked clusters.

    Parameters
    ----------
    study : path-like or Study
        ``study.toml`` or what `gclust.read_study` made of it.
    out : path-like, optional
        Folder to write, as a whole or not at all. Nothing is written without it.
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
        study = read_study(study)
    if out is not None:
        claim(Path(out), overwrite)
    _check_raster(study)
    journal = Journal(resolve(progress), study.study.strict)
    result = _Session(study, journal, n_jobs).compute()
    if out is not None:
        result = write(result, Path(out), overwrite, journal.report)
    return result


def _check_raster(study: Study) -> None:
    raster = study.population.raster
    if raster is not None and not (study.folder / raster).is_file():
        raise StudyError(f"[population] raster: {study.folder / raster} does not exist")


@dataclass
class _Session:
    """One execution: what the stages share, and the order in which they come."""

    study: Study
    journal: Journal
    n_jobs: int | None

    def compute(self) -> Run:
        """Run all stages."""
        study = self.study
        with Engine(threads=self.n_jobs, progress=self.journal.report) as engine:
            staged = self._stage(engine)
            located = engine.store(
                usable(staged.listings).drop("source", "reason"), "located", "set rejects apart"
            )
            totals = self._record_totals(engine, staged)
            locations = self._fold(engine, staged, located)
            n_labels = self._cluster(locations)
            with self.journal.timed("attribute listings"):
                labels = engine.put(locations[["lat", "lon", "label"]], "labels")
                attributed = engine.store(
                    attribution.attribute(located, labels), "attributed", "attribute listings"
                )
            merging = self._merge(engine, attributed, locations, n_labels)
            cluster_ids = self._adopt(merging, locations)
            with self.journal.timed("count records"):
                units = self._count(engine, attributed, totals, merging, cluster_ids)
                world = self._world(engine, staged)
        clusters = describe(study, locations, len(np.unique(merging.cluster)), self.journal)
        count = counts(units, staged.kinds, len(clusters))
        share = shares(count, world)
        ranked = ranking(
            clusters.drop(columns="geometry"),
            count,
            share,
            top=study.study.top,
            combine=study.score.combine,
            weights=study.score.weights,
        )
        found = n_labels, len(clusters)
        return Run(
            study=study,
            ranking=ranked,
            clusters=outlined(ranked, clusters),
            locations=shown(locations),
            merges=name_merges(study, merging, locations, cluster_ids),
            rejects=staged.rejects,
            info=provenance(study, staged, world, found, self.n_jobs, self.journal),
        )

    def _stage(self, engine: Engine) -> Staged:
        study = self.study
        with self.journal.timed("read listings"):
            files = [
                SourceFiles(
                    kind=source.kind,
                    path=str(study.folder / source.path),
                    columns=source.columns,
                    years=source.years,
                    delimiter=source.delimiter,
                    layer=source.layer,
                )
                for source in study.sources
            ]
            scans = [open_source(engine, source) for source in files]
            staged = stage(engine, scans, decimals=study.density.rounding, root=study.folder)
        self._judge_rejects(staged)
        self.journal.warn(checks.zeros_and_radians(staged) + checks.swapped_rejects(staged.rejects))
        return staged

    def _judge_rejects(self, staged: Staged) -> None:
        rejected = len(staged.rejects)
        rows = int((staged.sources["used"] + staged.sources["rejected"]).sum())
        if rejected > self.study.study.max_rejects * rows:
            raise StudyError(
                f"{rejected} of {rows} rows ({100 * rejected / rows:.1f} %) were rejected, more"
                f" than max_rejects = {self.study.study.max_rejects:g} allows"
                + told_rejects(staged.rejects)
            )

    def _record_totals(self, engine: Engine, staged: Staged) -> nw.LazyFrame[Any]:
        """Denominators of the records: of located listings, or of all."""
        keep = self.study.counting.unlocated == "keep"
        rows = staged.listings if keep else usable(staged.listings)
        return engine.store(record_totals(rows), "record_totals", "add up records")

    def _fold(self, engine: Engine, staged: Staged, located: nw.LazyFrame[Any]) -> pd.DataFrame:
        study = self.study
        with self.journal.timed("fold listings"):
            totals = None
            if study.density.weight == "fractional":
                totals = engine.store(record_totals(located), "located_totals", "add up records")
            formers = {
                staged.kinds.index(kind): staged.kind_units[staged.kinds.index(kind)]
                for kind in study.density_kinds
            }
            weighted = density_units(located, study.density.weight, formers, totals)
            locations = engine.pandas(fold(weighted), "fold listings")
        self.journal.warn(checks.swapped(locations["lat"].to_numpy(), locations["lon"].to_numpy()))
        return locations

    def _cluster(self, locations: pd.DataFrame) -> int:
        """Label the locations in place; return the number of labels."""
        options = self.study.clusters
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        forming = locations["density"].to_numpy() > 0
        labels = np.full(len(locations), -1, dtype=np.int64)
        core = np.zeros(len(locations), dtype=bool)
        with self.journal.timed("cluster locations"):
            labels[forming], core[forming] = cluster_locations(
                lat[forming],
                lon[forming],
                locations["density"].to_numpy()[forming],
                eps_km=options.eps_km,
                min_units=threshold_units(options.min_samples),
                border=options.border,
                metric=options.metric,
                n_jobs=self.n_jobs,
                progress=self.journal.report,
            )
            if core.any() and not forming.all():
                labels[~forming] = assign_locations(
                    lat[~forming],
                    lon[~forming],
                    lat[core],
                    lon[core],
                    labels[core],
                    eps_km=options.eps_km,
                    border=options.border,
                    metric=options.metric,
                    n_jobs=self.n_jobs,
                )
        locations["label"] = labels
        locations["core"] = core
        n_labels = int(labels.max()) + 1 if labels.size else 0
        if n_labels == 0:
            heaviest = locations["density"].max() / UNIT
            raise StudyError(
                f"no cluster found: no neighbourhood of eps_km = {options.eps_km:g} reaches"
                f" min_samples = {options.min_samples:g}; the heaviest location weighs"
                f" {heaviest:g}."
                " Lower min_samples or raise eps_km in [clusters]"
            )
        return n_labels

    def _merge(
        self,
        engine: Engine,
        attributed: nw.LazyFrame[Any],
        locations: pd.DataFrame,
        n_labels: int,
    ) -> Merging:
        options = self.study.merge
        if options.rule == "none":
            return merge(n_labels, {}, {}, rule="none")
        if (
            self.study.clusters.border == "noise"
            and options.max_gap_km < self.study.clusters.eps_km
        ):
            self.journal.warn(
                [
                    f'border = "noise" leaves cores alone in clusters, which lie more than eps_km ='
                    f" {self.study.clusters.eps_km:g} apart: no gap can be at most max_gap_km ="
                    f" {options.max_gap_km:g}, so no clusters merge"
                ]
            )
        with self.journal.timed("merge clusters"):
            totals = engine.store(record_totals(attributed), "attributed_totals", "add up records")
            if engine.arrow(totals.head(1)).num_rows == 0:
                self.journal.told.append(
                    "the listings have no records, so clusters have no ties: none merge"
                )
                return merge(n_labels, {}, {}, rule="none")
            try:
                table = engine.pandas(
                    attribution.ties(attributed, totals, options.ties), "add up ties"
                )
            except duckdb.ConversionException as error:
                raise StudyError(
                    f"[merge] ties = {options.ties!r}: the products of weights in one record are"
                    ' too large to count; expected ties = "fractional" with such weights'
                ) from error
            ties = {
                (int(a), int(b)): units / UNIT
                for a, b, units in zip(table["a"], table["b"], table["ties"], strict=True)
            }
            gaps = gaps_km(
                locations["lat"].to_numpy(),
                locations["lon"].to_numpy(),
                locations["label"].to_numpy(),
                options.max_gap_km,
            )
            return merge(
                n_labels,
                gaps,
                ties,
                max_gap_km=options.max_gap_km,
                rule=options.rule,
                noise_partner=options.noise_partner,
            )

    def _adopt(self, merging: Merging, locations: pd.DataFrame) -> np.ndarray:
        """Give locations their cluster's id; return the id of each label."""
        _, ids = np.unique(merging.cluster, return_inverse=True)
        ids = ids.astype(np.int64)
        labels = locations["label"].to_numpy()
        locations["part"] = labels
        locations["label"] = np.where(labels >= 0, ids[labels], -1)
        return ids

    def _count(
        self,
        engine: Engine,
        attributed: nw.LazyFrame[Any],
        totals: nw.LazyFrame[Any],
        merging: Merging,
        cluster_ids: np.ndarray,
    ) -> pd.DataFrame:
        if merging.log.empty:
            counted = attributed
        else:
            table = pd.DataFrame(
                {
                    "label": np.arange(-1, cluster_ids.size, dtype=np.int64),
                    "cluster": np.concatenate(([-1], cluster_ids)),
                }
            )
            counted = attribution.relabel(attributed, engine.put(table, "cluster_of_label"))
        method = self.study.counting.method
        return engine.pandas(attribution.count(counted, totals, method), "count records")

    def _world(self, engine: Engine, staged: Staged) -> dict[str, float]:
        """Total of each kind: as given in the study, or as the sources hold."""
        counting = self.study.counting
        table = engine.pandas(
            attribution.world_totals(staged.listings, unlocated=counting.unlocated), "add up totals"
        )
        world = {
            staged.kinds[kind]: units / UNIT
            for kind, units in zip(table["kind"], table["units"], strict=True)
        }
        for kind, total in counting.totals.items():
            if total < world[kind]:
                raise StudyError(
                    f"[counting] totals: {kind} = {total:g} is less than the {world[kind]:g} that"
                    " the sources hold"
                )
        return {**world, **counting.totals}
