"""A warning about too little disk space for temporary files."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gclust.errors import warn_user
from gclust.study.schema import Study


def warn_of_space(study: Study) -> None:
    """Warn before the work if the listings need more disk space than is free.

    No more than a warning: what the database needs is known when the listings are read. It
    takes 2.5 times the size of a CSV file of five columns, and nothing for unused columns.
    """
    with suppress(OSError, ValueError):
        folder = Path(tempfile.gettempdir())
        free, size = shutil.disk_usage(folder).free, sum(_sizes(study))
        if free < size:
            warn_user(
                f"{folder} has {_megabytes(free)} free and the listings take {_megabytes(size)}:"
                " temporary files may not fit; make room there, or name another folder in the"
                " environment variable TMPDIR"
            )


def _sizes(study: Study) -> Iterator[int]:
    paths = [study.folder / source.path for source in study.sources if source.path is not None]
    for path in dict.fromkeys(map(str, paths)):
        for found in [path] if os.path.isdir(path) else glob.iglob(path, recursive=True):
            if os.path.isdir(found):
                for inside, _, files in os.walk(found):
                    yield from (os.stat(os.path.join(inside, name)).st_size for name in files)
            else:
                yield os.stat(found).st_size


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
