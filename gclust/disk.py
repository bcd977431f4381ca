"""Error messages for folders that cannot be written to; each names the folder."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gclust.errors import StudyError

PROBE_BYTES = 1 << 18
_WHY_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "files may not become as large as this one",
}
FULL = frozenset(_WHY_FULL)
"""Error numbers (errno) that mean that the disk is full."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn errors in writing to a folder into a StudyError that names the folder and the reason.

    It is raised instead of any `OSError`, and instead of any library's error if the disk is full.
    `FileExistsError` is not caught, because callers know what exists.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise StudyError(unwritable(folder, error)) from error
    except Exception as error:
        if isinstance(error, StudyError) or not is_full(folder):
            raise
        raise StudyError(unwritable(folder, OSError(errno.ENOSPC, ""))) from error


def unwritable(folder: Path, error: OSError) -> str:
    """Return the message that says why a folder cannot be written to."""
    if error.errno in FULL:
        return f"{folder}: {_WHY_FULL[error.errno]}; make room there, or name another folder"
    where = error.filename if isinstance(error.filename, str) else folder
    why = error.strerror or str(error)
    return f"{where}: cannot be written: {why}; name another folder"


def is_full(folder: Path) -> bool:
    """Return whether the disk of a folder (or of its nearest existing parent) is full."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
    except OSError as error:
        return error.errno in FULL
    return False
