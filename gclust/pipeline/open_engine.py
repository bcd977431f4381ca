"""Opening of the engine that holds a study's listings (``[engine]``)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.engines.protocol import Engine
from gclust.progress import Report, silent
from gclust.study.schema import Study
from gclust.temporary_folders import TemporaryFolder


def open_engine(
    study: Study,
    n_jobs: int | None = None,
    progress: Report = silent,
    home: TemporaryFolder | None = None,
) -> Engine:
    """Open the engine that ``[engine]`` names; ``n_jobs`` replaces its ``threads`` if given.

    ``home`` is the folder of an earlier process's DuckDB database.
    """
    options = study.engine
    folder = None if options.temp_dir is None else study.folder / options.temp_dir
    threads = options.threads if n_jobs is None else n_jobs
    return DuckDBEngine(folder, threads=threads, progress=progress, home=home)


def temporary_place(study: Study) -> Path | None:
    """Return the folder for temporary files of a study's engine; None if there is none."""
    if study.engine.temp_dir is not None:
        return study.folder / study.engine.temp_dir
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
