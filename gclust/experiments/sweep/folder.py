"""Result folder of a sweep: tables, figures, the study and metadata."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from gclust.experiments.sweep.plateaus import Suggestion
from gclust.experiments.sweep.result import Sweep
from gclust.progress import Report, stage
from gclust.report.k_distance import draw_k_distance
from gclust.report.sweep_heatmaps import draw_surfaces
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result

TABLES = {"sweep": "table"} | {
    name: name for name in ("clusters", "ranks", "plateaus", "k_distance")
}
"""Attribute of a sweep that each file holds, by file name."""

FOR_READERS = ("sweep", "clusters", "plateaus")
"""Tables that are short enough to read, so they are also written as CSV."""


def write_sweep(sweep: Sweep, place: Place, progress: Report) -> Sweep:
    """Write a sweep's result folder, completely or not at all.

    It holds ``sweep.csv`` (the table), ``clusters.csv`` and ``plateaus.csv``, the same as Parquet,
    ``ranks.parquet``, ``k_distance.parquet``, ``figures/``, ``study.toml``,
    ``sweep.json`` and ``datapackage.json``.
    `read_sweep` reads it back. See `gclust.results.writer.write_result`.
    """

    def fill(folder: ResultWriter) -> None:
        with stage(progress, "write tables"):
            for name, field in TABLES.items():
                folder.parquet(name, getattr(sweep, field))
            for name in FOR_READERS:
                folder.csv(name, getattr(sweep, TABLES[name]))
            folder.study(sweep.study)
            folder.json("sweep", _info(sweep))
        with stage(progress, "draw figures") as report:
            title = sweep.study.heading
            draw_k_distance(sweep.k_distance, sweep.baseline, folder.figures, title=title)
            draw_surfaces(
                sweep.table_drawn,
                sweep.baseline,
                [(s.eps_km, s.min_samples) for s in sweep.suggestions],
                folder.figures,
                title=title,
                target_clusters=sweep.study.sweep.target_clusters,
                progress=report,
            )
        write_data_package(folder, "sweep", sweep.study)

    return write_result(sweep, place, fill)


def _info(sweep: Sweep) -> dict[str, object]:
    return {
        **versions(),
        "study": sweep.study.study.name,
        "baseline": {"eps_km": sweep.baseline[0], "min_samples": sweep.baseline[1]},
        "eps_km": sweep.table["eps_km"].unique().tolist(),
        "min_samples": sweep.table["min_samples"].unique().tolist(),
        "target_clusters": sweep.study.sweep.target_clusters,
        "suggestions": [asdict(suggestion) for suggestion in sweep.suggestions],
        "warnings": list(sweep.warnings),
    }


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep back from its folder, as `gclust.sweep` returned it.

    Parameters
    ----------
    path : path-like
        The folder that ``gclust sweep -o`` or ``gclust.sweep(out=...)`` wrote.

    Raises
    ------
    StudyError
        If the folder holds no sweep, or one with columns of an earlier version.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> done = gclust.sweep(study, eps_km=[3, 5], min_samples=[100], out="my-sweep")
    >>> gclust.read_sweep("my-sweep").rank_of("Lyon")
    min_samples  100.0
    eps_km
    3.0              2
    5.0              2
    """
    folder = ResultReader(path, "sweep")
    tables = {field: folder.table(f"{name}.parquet") for name, field in TABLES.items()}
    study = folder.study()
    with folder.reading("sweep.json"):
        return Sweep(
            study=study,
            baseline=(folder.info["baseline"]["eps_km"], folder.info["baseline"]["min_samples"]),
            suggestions=tuple(Suggestion(**each) for each in folder.info["suggestions"]),
            warnings=tuple(folder.info["warnings"]),
            path=folder.path,
            **tables,
        )
