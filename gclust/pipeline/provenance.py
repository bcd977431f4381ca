"""The content of ``run.json``: inputs, totals, warnings, library versions and times of a run."""

from __future__ import annotations

import os
import platform
import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gclust
from gclust._version import system_libraries
from gclust.listings.rejects import shown_path
from gclust.listings.stage import Staged
from gclust.peak_memory import peak_memory_mb
from gclust.pipeline.earlier_run import earlier_files
from gclust.pipeline.open_engine import engine_name
from gclust.pipeline.run_log import RunLog
from gclust.pipeline.stage_counts import Counts
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml
from gclust.threads import count_threads

SHA256 = re.compile("[0-9a-f]{64}")
LIBRARIES = (
    "duckdb", "exactextract", "geopandas", "hdbscan", "matplotlib", "narwhals", "numba", "numpy",
    "pandas", "pyarrow", "pyogrio", "pyproj", "rasterio", "scikit-learn", "scipy", "shapely",
)  # fmt: skip
"""The packages that can change a run's numbers, files or figures."""


def provenance(
    study: Study,
    staged: Staged,
    world_totals: dict[str, float],
    counts: Counts,
    threads: int | None,
    run_log: RunLog,
) -> dict[str, Any]:
    """Return the content of ``run.json``.

    Parameters
    ----------
    study : Study
    staged : Staged
    world_totals : dict
        Kind -> the world's total.
    counts : dict
        What goes through every stage; see `gclust.pipeline.stage_counts.stage_counts`.
    threads : int or None
        None means all.
    run_log : RunLog

    Returns
    -------
    dict
        ``execution`` holds what may differ between two runs of the same study.
    """
    return {
        "gclust": gclust.__version__,
        "study": study.study.name,
        "sources": _sources(staged),
        "inputs": _inputs(study, staged),
        "rejected": int(staged.sources["rejected"].sum()),
        "world_totals": world_totals,
        "clusters_before_merging": counts["clusters"]["before_merging"],
        "clusters": counts["clusters"]["merged"],
        "counts": counts,
        "resolved_study": resolved_study(study),
        "seeds": {"uncertainty": study.uncertainty.seed},
        **_indicators(study),
        **({"rasters": run_log.rasters} if run_log.rasters else {}),
        "warnings": run_log.messages,
        "libraries": {name: version(name) for name in LIBRARIES} | system_libraries(),
        "execution": {
            "started": run_log.started.isoformat(timespec="seconds"),
            "seconds": run_log.seconds,
            "peak_memory_mb_of_stages": run_log.peaks,
            "resumed_after": run_log.resumed_after,
            "threads": count_threads(threads),
            "engine": engine_name(study),
            "python": sys.version.split()[0],
            "machine": platform.platform(),
            "peak_memory_mb": peak_memory_mb(),
        },
    }


def resolved_study(study: Study) -> dict[str, Any]:
    """Return a study with every default, as in ``study.toml``; paths are relative to its folder.

    `gclust.study.schema.study_from` makes the study from it.
    """
    return tomllib.loads(study_toml(study, Path(os.path.realpath(study.folder))))


def _sources(staged: Staged) -> list[dict[str, Any]]:
    """Return for each source the rows used, rejected and outside the years, and its columns."""
    rows = staged.sources.to_dict(orient="records")
    messages = [*staged.messages, *[[]] * (len(rows) - len(staged.messages))]
    return [{**row, "messages": lines} for row, lines in zip(rows, messages, strict=True)]


def _inputs(study: Study, staged: Staged) -> list[dict[str, Any]]:
    """List the files, tables and queries that were read, each with its sha256.

    A Spark DataFrame has ``row_hashes`` instead: the number of its rows and a sum of their hashes.
    """
    of_run = {path: f"{Path(path).parent.name}/{Path(path).name}" for path in earlier_files(study)}
    return [
        {
            # Files of an earlier run have the same names wherever its folder is.
            "path": of_run.get(path) or shown_path(path, study.folder),
            "sha256" if SHA256.fullmatch(identity) else "row_hashes": identity,
        }
        for path, identity in sorted(staged.sha256.items())
    ]


def _indicators(study: Study) -> dict[str, Any]:
    """Return the origin of each indicator of the study by its column."""
    origins = {
        resolved.entry.heading: {
            "name": resolved.indicator.name,
            "origin": resolved.indicator.origin,
        }
        for resolved in resolve_indicators(study.indicators)
    }
    return {"indicators": origins} if origins else {}
