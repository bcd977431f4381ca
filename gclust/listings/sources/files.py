"""The files that a source's path names, and whether they change while they are read."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gclust.errors import StudyError
from gclust.listings.readers.csv.text import sha256_of

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".tab")
PACKED_ENDINGS = (".gz", ".gzip", ".zst", ".zstd", ".zip", ".bz2", ".xz")
PARQUET_ENDINGS = (".parquet", ".geoparquet", ".pq", ".parq")
GEOPACKAGE_ENDINGS = (".gpkg",)
GEOJSON_ENDINGS = (".geojson", ".geojsonl", ".geojsons")
LISTED = (*TEXT_ENDINGS, ".csv.gz", ".zst", ".zip", ".parquet", ".gpkg", ".geojson")


def format_of(path: str) -> str | None:
    """Return ``"csv"``, ``"parquet"``, ``"gpkg"`` or ``"geojson"`` by a file's name."""
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
    """Return the files that a path names, sorted: a file, a pattern, or a folder of files.

    Hidden files and folders, and those whose names begin with an underscore (marks and
    unfinished parts of Spark), are left out; a folder that is linked to more than once is
    read once.

    Parameters
    ----------
    path : str
        Absolute.
    kind : str
        For the message.

    Raises
    ------
    StudyError
        If there is none, or their formats are not known or not one.
    """
    if os.path.isfile(path):
        found = [path]
    elif os.path.isdir(path):
        below = sorted(_below(path))
        # A README.txt beside the data is none of them, unless there is nothing else.
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
            f"{path}: names files of several formats: {listed}; expected one for each source"
        )
    return tuple(found)


def _once(paths: list[str]) -> list[str]:
    """Leave out links to files that are there already."""
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
    """Files of known formats below a folder; each folder once, however it is reached."""
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
    """Files that a pattern matches; hidden ones only where the pattern itself has them."""
    for path in glob.glob(pattern, recursive=True):
        if os.path.isdir(path) and format_of(path) is not None:
            # Spark writes a table as a folder of the name of a file.
            yield from _below(path)
        if not os.path.isfile(path):
            continue
        below = os.path.relpath(path, _fixed_part(pattern)).split(os.sep)
        if any(_is_hidden(part) for part in below) and not _asked_for(pattern, below):
            continue
        yield path


def _fixed_part(pattern: str) -> str:
    """The folder down to which a pattern has no wildcard."""
    parts = Path(pattern).parts
    fixed = []
    for part in parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return os.path.join(*fixed) if fixed else "."


def _asked_for(pattern: str, below: list[str]) -> bool:
    """Whether a pattern itself names what is hidden, such as ``_parts/*.csv``."""
    wanted = [part for part in Path(pattern).parts if part.startswith((".", "_"))]
    hidden = [part for part in below if _is_hidden(part)]
    return all(any(fnmatch.fnmatch(part, each) for each in wanted) for part in hidden)


def escaped(path: str) -> str:
    """Return a path in which DuckDB sees no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


@dataclass(frozen=True)
class _Seen:
    """A file as it was when it was opened."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: str) -> _Seen:
        stat = os.stat(path)
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ino)


class _Hasher(threading.Thread):
    """Computes the sha256 of files one after another; nothing waits for it at the end."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(name="gclust-sha256", daemon=True)
        self.paths = paths
        self.found: dict[str, str] = {}
        self.start()

    def run(self) -> None:
        """Hash the files; one that cannot be read any more has no digest."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                self.found[path] = sha256_of(path)

    def wait(self) -> None:
        """Wait for the last file, in pieces that Ctrl-C can break off."""
        while self.is_alive():
            self.join(0.1)


@dataclass
class Inputs:
    """The files that a study reads, each with its sha256.

    Files are hashed beside the reading, once.
    """

    _seen: dict[str, _Seen] = field(default_factory=dict)
    _sha256: dict[str, str] = field(default_factory=dict)
    _hashers: list[_Hasher] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Note a file before it is read.

        Raises
        ------
        StudyError
            If it is not there or may not be read.
        """
        if path in self._seen:
            return
        try:
            self._seen[path] = _Seen.of(path)
            with open(path, "rb"):
                pass
        except OSError as error:
            raise StudyError(f"{path}: cannot be read: {error.strerror}") from error

    def hashed(self, path: str, sha256: str) -> None:
        """Note the digest of a file that was read as a whole."""
        self._sha256[path] = sha256

    def hash_in_background(self, paths: Iterable[str]) -> None:
        """Begin to hash files in a thread."""
        begun = {path for hasher in self._hashers for path in hasher.paths}
        new = [path for path in paths if path not in self._sha256 and path not in begun]
        if new:
            self._hashers.append(_Hasher(new))

    def sha256(self) -> dict[str, str]:
        """Return the digest of every file, by its path.

        Raises
        ------
        StudyError
            If one cannot be read any more.
        """
        while self._hashers:
            hasher = self._hashers.pop()
            hasher.wait()
            lost = [path for path in hasher.paths if path not in hasher.found]
            if lost:
                raise changed(lost[0])
            self._sha256 |= hasher.found
        return dict(self._sha256)

    def check(self) -> None:
        """Refuse what was read if a file has changed since.

        Size, time of change and inode are compared; where these differ the file is hashed
        again.

        Raises
        ------
        StudyError
            If a file's bytes are others than those that were read, or it is gone.
        """
        digests = self.sha256()
        for path, seen in self._seen.items():
            try:
                same = _Seen.of(path) == seen or sha256_of(path) == digests.get(path)
            except OSError:
                same = False
            if not same:
                raise changed(path)


def changed(path: str) -> StudyError:
    """Return the error for a file that changed while it was read."""
    return StudyError(
        f"{path}: changed while it was read; start again when nothing writes to it any more"
    )
