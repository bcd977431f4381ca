"""The folder of a sweep: tables, figures, and what they come from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import gclust
from gclust.experiments.result import Sweep
from gclust.progress import Report, stage
from gclust.report.curve import draw_k_distance
from gclust.report.surface import draw_surfaces
from gclust.study.atomic import claim, write_folder
from gclust.study.folder import write_csv
from gclust.study.toml import study_toml

LIBRARIES = ("duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy")


def write_sweep(sweep: Sweep, out: Path, overwrite: bool, progress: Report) -> Sweep:
    """Write a sweep's folder, as a whole or not at all.

    It holds ``sweep.parquet`` and ``sweep.csv`` (the table), ``clusters.csv``,
    ``ranks.parquet``, ``plateaus.csv``, ``k_distance.parquet``, ``figures/``, ``study.toml`` and
    ``sweep.json``. No file holds a time or anything else that another start would change.

    Raises
    ------
    FileExistsError
        See `gclust.study.atomic.claim`.

    Returns
    -------
    Sweep
        The same, knowing its path.
    """
    claim(out, overwrite, "sweep")
    home = Path(os.path.abspath(out))

    def fill(folder: Path) -> None:
        with stage(progress, "write tables"):
            _write_tables(sweep, folder, home)
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

    return replace(sweep, path=write_folder(home, fill))


def _write_tables(sweep: Sweep, folder: Path, home: Path) -> None:
    sweep.table.to_parquet(folder / "sweep.parquet", index=False, compression="zstd")
    write_csv(sweep.table, folder / "sweep.csv")
    write_csv(sweep.clusters, folder / "clusters.csv")
    write_csv(sweep.plateaus, folder / "plateaus.csv")
    sweep.ranks.to_parquet(folder / "ranks.parquet", index=False, compression="zstd")
    sweep.k_distance.to_parquet(folder / "k_distance.parquet", index=False, compression="zstd")
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
    (folder / "sweep.json").write_text(text + "\n", encoding="utf-8")
