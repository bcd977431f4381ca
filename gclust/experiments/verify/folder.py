"""The folder of a run that is verified: as it is, moved, or in a ZIP file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.results.reader import ResultReader

MANIFEST = "run.json"
OLD = "an earlier version of gclust wrote this run, which cannot be verified; run gclust run again"


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, and what ``run.json`` says of them.

    Attributes
    ----------
    path : Path
        The folder of the files.
    home : Path
        The folder that paths in ``study.toml`` are relative to: that of the files, or for a ZIP
        file the one that it would be unpacked to.
    info : dict
        The content of ``run.json``.
    files : frozenset of str
        The files that gclust wrote.
    """

    path: Path
    home: Path
    info: dict[str, Any]
    files: frozenset[str]

    @property
    def study_folder(self) -> Path:
        """The folder of the study: at the same place from the run's folder as when it was run."""
        return Path(os.path.normpath(self.home / self.info["execution"]["study_folder"]))


@contextmanager
def open_folder(run: str | Path, scratch: Path) -> Iterator[RunFolder]:
    """Open the folder of a run, or a ZIP file of it, which is unpacked into ``scratch``.

    Raises StudyError if it holds no run, or one of an earlier version.
    """
    path = Path(run)
    if path.is_file():
        files = _unpacked(path, scratch)
        home = path.resolve().parent / (path.stem if files == scratch else files.name)
    else:
        files = path
        home = path.resolve()
    reader = ResultReader(files, "run")
    if not {"outputs", "resolved_study"} <= reader.info.keys():
        raise StudyError(f"{path}: {OLD}")
    with reader.reading(MANIFEST):
        reader.info["execution"]["study_folder"]
    yield RunFolder(reader.path, home, reader.info, reader.files)


def _unpacked(path: Path, scratch: Path) -> Path:
    """Unpack a ZIP file; return the folder in it that holds the run."""
    try:
        with zipfile.ZipFile(path) as packed:
            packed.extractall(scratch)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise StudyError(
            f"{path}: is no ZIP file that can be read ({error}); expected the folder of a run, or"
            " a ZIP file of it"
        ) from error
    found = [scratch, *sorted(each for each in scratch.iterdir() if each.is_dir())]
    folder = next((each for each in found if (each / MANIFEST).is_file()), None)
    if folder is None:
        raise StudyError(f"{path}: holds no run (no {MANIFEST}); expected a ZIP file of a run")
    return folder
