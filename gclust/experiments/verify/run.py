"""Entry point of verification: computes a run again, and compares every file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gclust.experiments.verify.files import RECORD, file_differences
from gclust.experiments.verify.folder import RunFolder, open_folder
from gclust.experiments.verify.inputs import study_of
from gclust.experiments.verify.reasons import reasons
from gclust.experiments.verify.result import Verification
from gclust.pipeline.provenance import resolved_study
from gclust.pipeline.run import run as compute
from gclust.progress import Report, resolve, stage
from gclust.results.crate import CRATE
from gclust.results.manifest import write_json
from gclust.results.run import Run
from gclust.study.schema import Study, study_from
from gclust.study.write_toml import study_toml
from gclust.temporary_folders import TemporaryFolder, remove_abandoned

PREFIX = "gclust-verify-"
DEPTH = 40
"""Depth of the folder that a run is compared as if it was in: paths that lead up end in it."""


def verify(
    run: str | Path,
    *,
    inputs: str | Path | None = None,
    listings: Mapping[str, Any] | None = None,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
) -> Verification:
    """Compute a run again from its study and inputs, and compare every file with the run's.

    A file is the same if its bytes are equal. Of ``run.json``, the block ``execution`` (times,
    memory, machine) and the versions are not compared, nor are times and versions in
    ``ro-crate-metadata.json``. Files that other commands or users have added are not compared.
    The run's folder is only read. It may have been moved or copied: inputs are where they were,
    seen from it, or in the folder ``inputs``.

    Parameters
    ----------
    run : path-like
        The folder of a run, or a ZIP file of it.
    inputs : path-like, optional
        The folder of the inputs, in which they are as in the study's folder; those from outside
        of the study's folder are directly in it.
    listings : mapping, optional
        Kind -> table in memory, for a run that read such tables.
    progress : bool or callable, optional
        True draws on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Threads; all by default. Results do not depend on it.

    Returns
    -------
    Verification

    Raises
    ------
    StudyError
        If there is no run, or one of an earlier version, or an input is not there.

    Examples
    --------
    >>> import gclust
    >>> study = gclust.datasets.example_study()
    >>> run = gclust.run(study, "my-run")
    >>> gclust.verify("my-run").same
    True
    """
    report = resolve(progress)
    with _scratch() as scratch:
        (scratch / "unpacked").mkdir()
        with open_folder(run, scratch / "unpacked") as folder:
            study = study_of(folder, inputs, listings)
            again = compute(study, scratch / "run", progress=report, n_jobs=n_jobs)
            _as_where_it_was(folder, again)
            with stage(report, "compare files"):
                files = pd.DataFrame(
                    _compared(folder, scratch / "run", list(again.info["outputs"])),
                    columns=["file", "same", "differences"],
                )
                found = tuple(reasons(folder, again.info, files))
    return Verification(Path(run), files, found)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a temporary folder; remove those that killed processes have left."""
    place = Path(tempfile.gettempdir())
    remove_abandoned(place, PREFIX)
    folder = TemporaryFolder(place, PREFIX)
    try:
        yield folder.path
    finally:
        folder.remove()


def _as_where_it_was(folder: RunFolder, again: Run) -> None:
    """Rewrite the paths of inputs in a new run's study to those in the verified run's.

    Inputs may be elsewhere now, which changes no result; their digests are compared.
    """
    assert again.path is not None
    home = Path(folder.path.anchor, *["-"] * DEPTH, "run")
    root = Path(os.path.normpath(home / folder.info["execution"]["study_folder"]))
    then = study_from(folder.info["resolved_study"], folder=root, name=RECORD)
    study = replace(
        again.study,
        sources=tuple(
            replace(now, path=old.path, sql_paths=old.sql_paths)
            for now, old in zip(again.study.sources, then.sources, strict=True)
        ),
        clusters=then.clusters,
        population=replace(again.study.population, raster=then.population.raster),
        places=replace(again.study.places, given=then.places.given),
        intensity=replace(again.study.intensity, rasters=_rasters(again.study, then)),
        folder=root,
    )
    (again.path / "study.toml").write_text(study_toml(study, home), encoding="utf-8")
    content = {**again.info, "resolved_study": resolved_study(study)}
    write_json(again.path / RECORD, content)


def _rasters(now: Study, then: Study) -> tuple[Any, ...]:
    pairs = zip(now.intensity.rasters, then.intensity.rasters, strict=True)
    return tuple(replace(new, raster=old.raster) for new, old in pairs)


def _compared(
    folder: RunFolder, again: Path, written: list[str]
) -> Iterator[tuple[str, bool, str]]:
    """Yield each file of a run, whether it is the same again, and what differs."""
    then, now = ({*names, RECORD, CRATE} for names in (folder.info["outputs"], written))
    for name in sorted(then | now):
        if name not in now:
            lines = ["is not written any more"]
        elif name not in then:
            lines = ["is new: it was not written then"]
        elif not (folder.path / name).is_file():
            lines = ["is missing in the run's folder"]
        else:
            lines = file_differences(name, folder.path / name, again / name)
        yield name, not lines, "\n".join(lines)
