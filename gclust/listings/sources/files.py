"""Search for the files that a source's path names."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from gclust.errors import StudyError

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".tab")
PACKED_ENDINGS = (".gz", ".gzip", ".zst", ".zstd", ".zip", ".bz2", ".xz")
PARQUET_ENDINGS = (".parquet", ".geoparquet", ".pq", ".parq")
GEOPACKAGE_ENDINGS = (".gpkg",)
GEOJSON_ENDINGS = (".geojson", ".geojsonl", ".geojsons")
LISTED = (*TEXT_ENDINGS, ".csv.gz", ".zst", ".zip", ".parquet", ".gpkg", ".geojson")


def format_of(path: str) -> str | None:
    """Return a file's format by its name: ``"csv"``, ``"parquet"``, ``"gpkg"`` or ``"geojson"``."""
    name = path.lower()
    if name.endswith(PARQUET_ENDINGS):
        return "parquet"
    if name.endswith(GEOPACKAGE_ENDINGS):
        return "gpkg"
    if name.endswith(GEOJSON_ENDINGS):
        return "geojson"
    if name.endswith(".zip"):
        return "csv"
    for ending in PACKED_ENDINGS:
        name = name.removesuffix(ending)
    return "csv" if name.endswith(TEXT_ENDINGS) else None


def matching_files(path: str, kind: str) -> tuple[str, ...]:
    """Return the sorted files that a path names: a file, a pattern, or a folder of files.

    Hidden files and folders, and those whose names begin with an underscore (marks and
    unfinished parts of Spark), are left out; a folder that is linked to more than once is
    read once. Raises StudyError if there is no file, or formats are unknown or different.
    """
    if os.path.isfile(path):
        found = [path]
    elif os.path.isdir(path):
        below = sorted(_below(path))
        # A README.txt next to the data is not read, unless there is nothing else.
        found = [name for name in below if not name.lower().endswith(".txt")] or below
        if not found:
            raise StudyError(
                f"{path}: holds no file that can be read for kind {kind!r}; expected files that"
                f" end in {', '.join(LISTED)}"
            )
    else:
        found = sorted(set(_of_pattern(path)))
    found = _once(found)
    if not found:
        raise StudyError(
            f"{path}: nothing found for kind {kind!r}; expected a file, a folder of files or a"
            " pattern such as patents/*.parquet"
        )
    formats: dict[str, str] = {}
    for name in found:
        known = format_of(name)
        if known is None:
            raise StudyError(
                f"{name}: unknown format; expected a name that ends in {', '.join(LISTED)}"
            )
        formats.setdefault(known, name)
    if len(formats) > 1:
        listed = ", ".join(f"{name} ({what})" for what, name in formats.items())
        raise StudyError(
            f"{path}: names files of several formats: {listed}; expected the same format in all"
        )
    return tuple(found)


def _once(paths: list[str]) -> list[str]:
    """Return paths without links to files that are also listed."""
    first: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path)
        # The file itself, rather than a link to it.
        if real not in first or os.path.abspath(path) == real:
            first[real] = path
    return sorted(first.values())


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _below(folder: str) -> Iterator[str]:
    """Yield the files of known formats below a folder; read each linked folder only once."""
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in files:
            if not _is_hidden(name) and format_of(name) is not None:
                yield os.path.join(here, name)


def _of_pattern(pattern: str) -> Iterator[str]:
    """Yield the files that a pattern matches; hidden files only if the pattern names them."""
    for path in glob.glob(pattern, recursive=True):
        if os.path.isdir(path) and format_of(path) is not None:
            # Spark writes a table as a folder of the name of a file.
            yield from _below(path)
        elif os.path.isfile(path) and _names_hidden(pattern, path):
            yield path


def _names_hidden(pattern: str, path: str) -> bool:
    """Return whether a pattern such as ``_parts/*.csv`` names all hidden parts of a path."""
    parts = Path(pattern).parts
    named = [part for part in parts if _is_hidden(part)]
    fixed = takewhile(lambda part: not glob.has_magic(part), parts[:-1])
    below = os.path.relpath(path, os.path.join(".", *fixed)).split(os.sep)
    hidden = [part for part in below if _is_hidden(part)]
    return all(any(fnmatch.fnmatch(part, each) for each in named) for part in hidden)
