"""Opening of the engine that holds a study's listings (``[engine]``)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gclust.listings.engines.duckdb import DuckDBEngine
from gclust.listings.engines.protocol import Engine
from gclust.listings.readers.spark_frame import is_spark_frame
from gclust.pipeline.memory_parts import database_for_arrays, memory_parts
from gclust.progress import Report, silent
from gclust.study.schema import Study
from gclust.temporary_folders import TemporaryFolder
from gclust.threads import count_threads


def open_engine(
    study: Study,
    n_jobs: int | None = None,
    progress: Report = silent,
    home: TemporaryFolder | None = None,
    for_arrays: bool = False,
) -> Engine:
    """Open the engine that ``[engine]`` names.

    ``home`` is the folder of an earlier process's DuckDB database. ``for_arrays`` is whether its
    listings are soon held in arrays, so that a database takes less memory.
    """
    options = study.engine
    folder = None if options.temp_dir is None else temporary_folder(study)
    if for_arrays:
        memory = database_for_arrays(study, count_threads(n_jobs))
    else:
        parts = memory_parts(study)
        memory = None if parts is None else parts.database
    if engine_name(study) == "duckdb":
        return DuckDBEngine(folder, threads=n_jobs, memory=memory, progress=progress, home=home)
    from gclust.listings.engines.spark import SparkEngine
    from gclust.listings.engines.spark_session import open_session

    running = next((frame.sparkSession for frame in _spark_frames(study)), None)
    opened = open_session(options.master, options.options, running)
    return SparkEngine(opened, folder, threads=n_jobs, memory=memory, progress=progress)


def engine_name(study: Study) -> str:
    """Return the engine of a study: by default Spark if a source is a Spark DataFrame."""
    if study.engine.name is not None:
        return study.engine.name
    return "spark" if any(True for _ in _spark_frames(study)) else "duckdb"


def _spark_frames(study: Study) -> Iterator[Any]:
    """Yield the Spark DataFrames among the sources of a study."""
    return (source.data for source in study.sources if is_spark_frame(source.data))


def temporary_folder(study: Study) -> Path:
    """Return the folder for the temporary files of a study's listings.

    Raises FileNotFoundError if there is none that can be written to.
    """
    given = study.engine.temp_dir
    return Path(tempfile.gettempdir()) if given is None else study.folder / given
