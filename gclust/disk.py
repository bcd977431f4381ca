"""What keeps a folder from being written, said in a sentence that names it."""

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
"""Errors by which a disk says that it takes no more."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what keeps a folder from being written, in a sentence that names it.

    Raises
    ------
    StudyError
        In the place of any error of the system, and of whatever error a library makes of a
        full disk. `FileExistsError` goes through, for callers say better what is there.
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
    """Say why a folder cannot be written."""
    if error.errno in FULL:
        return f"{folder}: {_WHY_FULL[error.errno]}; make room there, or name another folder"
    where = error.filename if isinstance(error.filename, str) else folder
    why = error.strerror or str(error)
    return f"{where}: cannot be written: {why}; name another folder"


def is_full(folder: Path) -> bool:
    """Whether a folder, or the nearest one above it that exists, has no room for a little more."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
    except OSError as error:
        return error.errno in FULL
    return False
