"""Opening of the engine that holds a study's listings (``[engine]``)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.memory_parts import memory_parts
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
    folder = None if options.temp_dir is None else temporary_folder(study)
    threads = options.threads if n_jobs is None else n_jobs
    parts = memory_parts(study)
    memory = None if parts is None else parts.database
    return DuckDBEngine(folder, threads=threads, memory=memory, progress=progress, home=home)


def temporary_folder(study: Study) -> Path:
    """Return the folder for the temporary files of a study's listings.

    Raises FileNotFoundError if there is none that can be written to.
    """
    given = study.engine.temp_dir
    return Path(tempfile.gettempdir()) if given is None else study.folder / given
