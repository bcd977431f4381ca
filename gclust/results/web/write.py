"""The writer of the report's file."""

from __future__ import annotations

from pathlib import Path

from gclust.errors import StudyError
from gclust.results.folders import note_file, write_file

NAME = "report.html"
"""Name of the report in the folder of a run."""


def write_page(home: Path | None, content: bytes, path: str | Path | None) -> Path:
    """Write a report completely or not at all; return its path.

    Parameters
    ----------
    home : Path, optional
        The folder of the run.
    content : bytes
    path : path-like, optional
        The file; by default it is in the folder of the run, whose list of files then has it.
    """
    if path is None:
        if home is None:
            raise StudyError("the run was not written; name a file for the report")
        # Noted first: a file that is not noted would keep the folder from being replaced.
        note_file(home, "run", NAME)
        path = home / NAME
    path = Path(path)
    if path.is_dir():
        raise StudyError(f"{path} is a folder; name a file for the report")
    if not path.parent.is_dir():
        raise StudyError(f"{path.parent}: there is no such folder; make it, or name another file")
    write_file(path, content)
    return path
