"""The record of a run in its folder: ``run.json`` and ``ro-crate-metadata.json``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from gclust.peak_memory import Peak, peak_memory_mb
from gclust.results.crate import CRATE, crate
from gclust.results.digests import file_digests
from gclust.results.writer import ResultWriter
from gclust.study.schema import Study

WRITING = "write results"
"""Name of the stage that writes all other files of a run."""


def write_record(
    study: Study, info: dict[str, Any], folder: ResultWriter, seconds: float, peak: Peak
) -> dict[str, Any]:
    """Write the record of a run into its folder, which holds all other files; return ``run.json``.

    Parameters
    ----------
    study : Study
    info : dict
        See `gclust.pipeline.provenance.provenance`.
    folder : ResultWriter
    seconds : float
        Time that it took to write the other files.
    peak : Peak
        Memory that it took.
    """
    execution = info["execution"]
    content = {
        **info,
        "outputs": file_digests(folder.folder),
        "execution": {
            **execution,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {**execution["seconds"], WRITING: round(seconds, 3)},
            "peak_memory_mb_of_stages": {
                **execution["peak_memory_mb_of_stages"],
                WRITING: peak.mb,
            },
            "peak_memory_mb": peak_memory_mb(),
            "study_folder": _seen_from(study, folder),
        },
    }
    folder.json("run", content)
    title = study.study.title or study.study.name
    folder.json(CRATE.removesuffix(".json"), crate(content, title))
    return content


def _seen_from(study: Study, folder: ResultWriter) -> str:
    """Return the study's folder relative to that of the run, so that both can be moved."""
    try:
        return os.path.relpath(os.path.realpath(study.folder), folder.home).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        return study.folder.as_posix()
