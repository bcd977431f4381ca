"""The folder of a sweep: tables, figures, and what they come from."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import gclust
from gclust.errors import StudyError
from gclust.escapes import escaped
from gclust.experiments.sweep.plateaus import Suggestion
from gclust.experiments.sweep.result import Sweep
from gclust.progress import Report, stage
from gclust.report.k_distance import draw_k_distance
from gclust.report.sweep_heatmaps import draw_surfaces
from gclust.results.folders import Place
from gclust.results.readback import read_info, reading
from gclust.results.run import write_csv
from gclust.study.schema import read_study
from gclust.study.write_toml import study_toml

TABLES = {
    "sweep": "table",
    "clusters": "clusters",
    "ranks": "ranks",
    "plateaus": "plateaus",
    "k_distance": "k_distance",
}
"""Name of a file -> what it holds of a sweep."""

FOR_READERS = ("sweep", "clusters", "plateaus")
"""Tables that are short enough to be read, and are written as CSV too."""

LIBRARIES = ("duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy")


def write_sweep(sweep: Sweep, place: Place, progress: Report) -> Sweep:
    """Write a sweep's folder, as a whole or not at all.

    It holds ``sweep.csv`` (the table), ``clusters.csv`` and ``plateaus.csv``, the same as Parquet,
    ``ranks.parquet``, ``k_distance.parquet``, ``figures/``, ``study.toml`` and ``sweep.json``.
    `read_sweep` reads it back. No file holds a time or anything else that another start changes.

    Raises
    ------
    FileExistsError, StudyError
        See `gclust.results.folders.Place`.

    Returns
    -------
    Sweep
        The same, knowing its path.
    """

    def fill(folder: Path) -> None:
        with stage(progress, "write tables"):
            _write_tables(sweep, folder, place.path)
        with stage(progress, "draw figures") as report:
            figures = folder / "figures"
            title = sweep.study.study.title or sweep.study.study.name
            draw_k_distance(sweep.k_distance, sweep.baseline, figures, title=title)
            draw_surfaces(
                sweep.table,
                sweep.baseline,
                [(s.eps_km, s.min_samples) for s in sweep.suggestions],
                figures,
                title=title,
                target_clusters=sweep.study.sweep.target_clusters,
                progress=report,
            )

    return replace(sweep, path=place.write(fill))


def _write_tables(sweep: Sweep, folder: Path, home: Path) -> None:
    for name, field in TABLES.items():
        table = getattr(sweep, field)
        table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
        if name in FOR_READERS:
            write_csv(table, folder / f"{name}.csv")
    (folder / "study.toml").write_text(study_toml(sweep.study, home), encoding="utf-8")
    info = {
        "gclust": gclust.__version__,
        "study": sweep.study.study.name,
        "baseline": {"eps_km": sweep.baseline[0], "min_samples": sweep.baseline[1]},
        "eps_km": sweep.table["eps_km"].unique().tolist(),
        "min_samples": sweep.table["min_samples"].unique().tolist(),
        "target_clusters": sweep.study.sweep.target_clusters,
        "suggestions": [asdict(suggestion) for suggestion in sweep.suggestions],
        "warnings": list(sweep.warnings),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
    text = json.dumps(info, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / "sweep.json").write_text(escaped(text) + "\n", encoding="utf-8")


def read_sweep(path: str | Path) -> Sweep:
    """Read a sweep's folder back, as `gclust.sweep` returned it.

    Parameters
    ----------
    path : path-like
        What ``gclust sweep -o`` or ``gclust.sweep(out=...)`` wrote.

    Raises
    ------
    StudyError
        If the folder does not hold a sweep.

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
    folder = Path(path)
    info = read_info(folder, "sweep")
    tables = {}
    for name, field in TABLES.items():
        with reading(folder / f"{name}.parquet", "sweep"):
            tables[field] = pd.read_parquet(folder / f"{name}.parquet")
    if "caution" in tables["table"]:
        raise StudyError(
            f"{folder / 'sweep.parquet'}: the column caution is called diagnostics now; run the"
            " sweep again"
        )
    study = read_study(folder / "study.toml")
    with reading(folder / "sweep.json", "sweep"):
        return Sweep(
            study=study,
            baseline=(info["baseline"]["eps_km"], info["baseline"]["min_samples"]),
            suggestions=tuple(Suggestion(**each) for each in info["suggestions"]),
            warnings=tuple(info["warnings"]),
            path=folder.resolve(),
            **tables,
        )
