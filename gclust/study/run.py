"""The order of the stages: from a study to a run."""

from __future__ import annotations

import platform
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import narwhals as nw
import numpy as np
import pandas as pd

import gclust
from gclust.cluster.dbscan import assign_locations, cluster_locations
from gclust.cluster.merging import Merging, gaps_km, merge
from gclust.cluster.units import threshold_units
from gclust.errors import GclustWarning, StudyError
from gclust.indicators.counts import counts, shares
from gclust.listings import attribute as attribution
from gclust.listings.engine import Engine
from gclust.listings.fold import density_units, fold, record_totals
from gclust.listings.read import SourceFiles, open_source
from gclust.listings.stage import Staged, stage, usable
from gclust.places.footprints import footprints
from gclust.places.geodesic import area_km2
from gclust.places.names import name_clusters
from gclust.places.population import population
from gclust.progress import Report, resolve
from gclust.ranking.table import ranking
from gclust.study import checks
from gclust.study.folder import Run, claim, write
from gclust.study.schema import Study, read_study
from gclust.units import UNIT

CALIBRATION_CLUSTERS = 237  # covered by the GII 2025; a target, not a result
LIBRARIES = ("duckdb", "geopandas", "narwhals", "numba", "numpy", "pandas", "pyarrow", "shapely")


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
    session = _Session(study, resolve(progress), n_jobs)
    result = session.compute()
    if out is not None:
        result = write(result, Path(out), overwrite, session.report)
    return result


def _check_raster(study: Study) -> None:
    raster = study.population.raster
    if raster is not None and not (study.folder / raster).is_file():
        raise StudyError(f"[population] raster: {study.folder / raster} does not exist")


@dataclass
class _Session:
    """One execution: what the stages share, and the order in which they come."""

    study: Study
    report: Report
    n_jobs: int | None
    told: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def compute(self) -> Run:
        """Run all stages."""
        study = self.study
        with Engine(threads=self.n_jobs, progress=self.report) as engine:
            staged = self._stage(engine)
            located = engine.store(
                usable(staged.listings).drop("source", "reason"), "located", "set rejects apart"
            )
            totals = self._record_totals(engine, staged)
            locations = self._fold(engine, staged, located)
            n_labels = self._cluster(locations)
            with self.timed("attribute listings"):
                labels = engine.put(locations[["lat", "lon", "label"]], "labels")
                attributed = engine.store(
                    attribution.attribute(located, labels), "attributed", "attribute listings"
                )
            merging = self._merge(engine, attributed, locations, n_labels)
            cluster_ids = self._adopt(merging, locations)
            with self.timed("count records"):
                units = self._count(engine, attributed, totals, merging, cluster_ids)
                world = self._world(engine, staged)
        clusters = self._describe(locations, len(np.unique(merging.cluster)))
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
        merges = self._name_merges(merging, locations, cluster_ids)
        return Run(
            study=study,
            ranking=ranked,
            clusters=self._outlined(ranked, clusters),
            locations=_published(locations),
            merges=merges,
            rejects=staged.rejects,
            info=self._info(staged, world, n_labels, clusters),
        )

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Announce a stage, and note the seconds that it takes."""
        start = time.perf_counter()
        self.report(0.0, name)
        yield
        self.report(1.0, name)
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def _stage(self, engine: Engine) -> Staged:
        study = self.study
        with self.timed("read listings"):
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
        self._warn(checks.zeros_and_radians(staged) + checks.swapped_rejects(staged.rejects))
        return staged

    def _judge_rejects(self, staged: Staged) -> None:
        rejected = len(staged.rejects)
        rows = int((staged.sources["used"] + staged.sources["rejected"]).sum())
        if rejected > self.study.study.max_rejects * rows:
            first = staged.rejects.iloc[0]
            reasons = staged.rejects["reason"].value_counts()
            raise StudyError(
                f"{rejected} of {rows} rows ({100 * rejected / rows:.1f} %) were rejected, more"
                f" than max_rejects = {self.study.study.max_rejects:g} allows. Most often:"
                f" {reasons.index[0]} ({reasons.iloc[0]} rows). First: {first['source']} line"
                f" {first['line']}, lat {_shown(first['lat'])}, lon {_shown(first['lon'])}"
            )

    def _warn(self, messages: list[str]) -> None:
        """Warn of what looks wrong; with ``strict = true``, refuse it."""
        if messages and self.study.study.strict:
            raise StudyError("strict = true refuses: " + "; ".join(messages))
        for message in messages:
            self.told.append(message)
            warnings.warn(message, GclustWarning, stacklevel=4)

    def _record_totals(self, engine: Engine, staged: Staged) -> nw.LazyFrame[Any]:
        """Denominators of the records: of located listings, or of all."""
        keep = self.study.counting.unlocated == "keep"
        rows = staged.listings if keep else usable(staged.listings)
        return engine.store(record_totals(rows), "record_totals", "add up records")

    def _fold(self, engine: Engine, staged: Staged, located: nw.LazyFrame[Any]) -> pd.DataFrame:
        study = self.study
        with self.timed("fold listings"):
            totals = None
            if study.density.weight == "fractional":
                totals = engine.store(record_totals(located), "located_totals", "add up records")
            formers = {
                staged.kinds.index(kind): staged.kind_units[staged.kinds.index(kind)]
                for kind in study.density_kinds
            }
            weighted = density_units(located, study.density.weight, formers, totals)
            locations = engine.pandas(fold(weighted), "fold listings")
        self._warn(checks.swapped(locations["lat"].to_numpy(), locations["lon"].to_numpy()))
        return locations

    def _cluster(self, locations: pd.DataFrame) -> int:
        """Label the locations in place; return the number of labels."""
        options = self.study.clusters
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        forming = locations["density"].to_numpy() > 0
        labels = np.full(len(locations), -1, dtype=np.int64)
        core = np.zeros(len(locations), dtype=bool)
        with self.timed("cluster locations"):
            labels[forming], core[forming] = cluster_locations(
                lat[forming],
                lon[forming],
                locations["density"].to_numpy()[forming],
                eps_km=options.eps_km,
                min_units=threshold_units(options.min_samples),
                border=options.border,
                metric=options.metric,
                n_jobs=self.n_jobs,
                progress=self.report,
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
            self._warn(
                [
                    f'border = "noise" leaves cores alone in clusters, which lie more than eps_km ='
                    f" {self.study.clusters.eps_km:g} apart: no gap can be at most max_gap_km ="
                    f" {options.max_gap_km:g}, so no clusters merge"
                ]
            )
        with self.timed("merge clusters"):
            totals = engine.store(record_totals(attributed), "attributed_totals", "add up records")
            if engine.arrow(totals.head(1)).num_rows == 0:
                self.told.append(
                    "the listings have no records, so clusters have no ties: none merge"
                )
                return merge(n_labels, {}, {}, rule="none")
            table = engine.pandas(attribution.ties(attributed, totals, options.ties), "add up ties")
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

    def _describe(self, locations: pd.DataFrame, n_clusters: int) -> gpd.GeoDataFrame:
        """Outline, measure, name and people the clusters."""
        study = self.study
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        labels = locations["label"].to_numpy()
        with self.timed("outline clusters"):
            outlines = footprints(
                lat,
                lon,
                locations["core"].to_numpy(),
                labels,
                method=study.footprint.method,
                radius_km=study.radius_km,
                ratio=study.footprint.ratio,
                n_clusters=n_clusters,
                metric=study.clusters.metric,
                progress=self.report,
            )
        with self.timed("name clusters"):
            named = name_clusters(
                lat,
                lon,
                locations["density"].to_numpy(),
                labels,
                n_clusters=n_clusters,
                most=study.names.most,
                least_share=study.names.least_share,
            )
        table = gpd.GeoDataFrame(
            {
                "cluster_id": np.arange(n_clusters, dtype=np.int64),
                "name": named["name"].to_numpy(),
                "economies": named["economies"].to_numpy(),
                "area_km2": area_km2(outlines),
            },
            geometry=outlines.to_numpy(),
            crs=4326,
        )
        table["population"] = np.nan
        if study.population.raster is not None:
            with self.timed("count inhabitants"), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", GclustWarning)
                people = population(
                    table.geometry,
                    study.folder / study.population.raster,
                    unit=study.population.unit,
                    names=table["name"],
                    progress=self.report,
                )
            for warning in caught:
                if issubclass(warning.category, GclustWarning):
                    self.told.append(str(warning.message))
                warnings.warn(warning.message, stacklevel=3)
            table["population"] = people["population"].to_numpy()
            table["uncovered_share"] = people["uncovered_share"].to_numpy()
        return table

    def _outlined(self, ranked: pd.DataFrame, clusters: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Join the ranking and the footprints."""
        at = clusters.set_index("cluster_id").loc[ranked["cluster_id"]]
        table = ranked.copy()
        if "uncovered_share" in at:
            table["uncovered_share"] = at["uncovered_share"].to_numpy()
        return gpd.GeoDataFrame(table, geometry=at.geometry.to_numpy(), crs=4326)

    def _name_merges(
        self, merging: Merging, locations: pd.DataFrame, cluster_ids: np.ndarray
    ) -> pd.DataFrame:
        """Say in the log of merges what the parts are called."""
        log = merging.log.copy()
        parts = locations["part"].to_numpy()
        if log.empty:
            for column in ("cluster_id", "name_a", "name_b"):
                log[column] = pd.Series(dtype="Int64" if column == "cluster_id" else "string")
            return log
        named = name_clusters(
            locations["lat"].to_numpy(),
            locations["lon"].to_numpy(),
            locations["density"].to_numpy(),
            parts,
            n_clusters=cluster_ids.size,
            most=self.study.names.most,
            least_share=self.study.names.least_share,
        )["name"].to_numpy()
        log["cluster_id"] = cluster_ids[log["cluster_a"].to_numpy()]
        log["name_a"] = named[log["cluster_a"].to_numpy()]
        log["name_b"] = named[log["cluster_b"].to_numpy()]
        for side in ("a", "b"):
            column = f"runner_up_{side}"
            log[column] = [named[int(n)] if n.isdigit() else n for n in log[column]]
        return log

    def _info(
        self,
        staged: Staged,
        world: dict[str, float],
        n_labels: int,
        clusters: pd.DataFrame,
    ) -> dict[str, Any]:
        """What ``run.json`` tells: provenance and the run's own numbers."""
        return {
            "gclust": gclust.__version__,
            "study": self.study.study.name,
            "sources": staged.sources.to_dict(orient="records"),
            "rejected": len(staged.rejects),
            "world_totals": world,
            "clusters_before_merging": n_labels,
            "clusters": len(clusters),
            "calibration_clusters": CALIBRATION_CLUSTERS,
            "warnings": self.told,
            "libraries": {name: version(name) for name in LIBRARIES},
            "execution": {
                "seconds": self.seconds,
                "threads": self.n_jobs,
                "python": sys.version.split()[0],
                "machine": platform.platform(),
                "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            },
        }


def _published(locations: pd.DataFrame) -> pd.DataFrame:
    """The locations as a run shows them: weights in listings, clusters by id."""
    return pd.DataFrame(
        {
            "lat": locations["lat"],
            "lon": locations["lon"],
            "weight": locations["units"] / UNIT,
            "density": locations["density"] / UNIT,
            "cluster_id": locations["label"],
            "core": locations["core"],
        }
    )


def _shown(value: Any) -> str:
    return "empty" if pd.isna(value) else repr(str(value))
