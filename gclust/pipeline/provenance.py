"""The content of ``run.json``: inputs, totals, warnings, library versions and times of a run."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import version
from typing import Any

import gclust
from gclust.listings.rejects import shown_path
from gclust.listings.stage import Staged
from gclust.pipeline.open_engine import engine_name
from gclust.pipeline.run_log import RunLog
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study
from gclust.threads import count_threads

SHA256 = re.compile("[0-9a-f]{64}")
LIBRARIES = ("duckdb", "geopandas", "narwhals", "numba", "numpy", "pandas", "pyarrow", "shapely")


def provenance(
    study: Study,
    staged: Staged,
    world_totals: dict[str, float],
    clusters: tuple[int, int],
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
    clusters : (int, int)
        Numbers of clusters before and after merging.
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
        "clusters_before_merging": clusters[0],
        "clusters": clusters[1],
        **_indicators(study),
        **({"rasters": run_log.rasters} if run_log.rasters else {}),
        "warnings": run_log.messages,
        "libraries": {name: version(name) for name in LIBRARIES},
        "execution": {
            "seconds": run_log.seconds,
            "resumed_after": run_log.resumed_after,
            "threads": count_threads(threads),
            "engine": engine_name(study),
            "python": sys.version.split()[0],
            "machine": platform.platform(),
            "peak_memory_mb": _peak_memory_mb(),
        },
    }


def _sources(staged: Staged) -> list[dict[str, Any]]:
    """Return for each source the rows used, rejected and outside the years, and its columns."""
    rows = staged.sources.to_dict(orient="records")
    messages = [*staged.messages, *[[]] * (len(rows) - len(staged.messages))]
    return [{**row, "messages": lines} for row, lines in zip(rows, messages, strict=True)]


def _inputs(study: Study, staged: Staged) -> list[dict[str, Any]]:
    """List the files, tables and queries that were read, each with its sha256.

    A Spark DataFrame has ``row_hashes`` instead: the number of its rows and a sum of their hashes.
    """
    return [
        {
            "path": shown_path(path, study.folder),
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


def _peak_memory_mb() -> int | None:
    """Return the peak memory of the process in MB; None on Windows, which does not record it."""
    if sys.platform == "win32":
        return None
    import resource

    # Linux counts KiB, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 if sys.platform != "darwin" else 1024**2)
