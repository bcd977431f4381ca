"""The sha256 of a study's input files, and a check that they do not change during the run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterable
from typing import Any

from gclust.errors import StudyError


class Inputs:
    """Input files of a study; each is hashed once (sha256), in the background if possible."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[int, int, int]] = {}
        self._sha256: dict[str, str] = {}
        self._hashers: list[_Hasher] = []

    def open(self, path: str) -> None:
        """Store a file's size, modification time and inode; raise StudyError if unreadable."""
        if path in self._states:
            return
        try:
            self._states[path] = _state(path)
            with open(path, "rb"):
                pass
        except OSError as error:
            raise StudyError(f"{path}: cannot be read: {error.strerror}") from error

    def hashed(self, path: str, sha256: str) -> None:
        """Store a file's sha256 that the caller has computed while reading the file."""
        self._sha256[path] = sha256

    def hash_in_background(self, paths: Iterable[str]) -> None:
        """Start a thread that computes the sha256 of files."""
        begun = {path for hasher in self._hashers for path in hasher.paths}
        new = [path for path in paths if path not in self._sha256 and path not in begun]
        if new:
            self._hashers.append(_Hasher(new))

    def sha256(self) -> dict[str, str]:
        """Return the sha256 of every file by path; wait for the hashing threads."""
        while self._hashers:
            hasher = self._hashers.pop()
            hasher.wait()
            lost = [path for path in hasher.paths if path not in hasher.found]
            if lost:
                raise _changed(lost[0])
            self._sha256 |= hasher.found
        return dict(self._sha256)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to go on; it hashes the files that are not hashed."""
        found, begun = dict(self._sha256), []
        for hasher in list(self._hashers):
            found |= hasher.found.copy()
            begun += hasher.paths
        unhashed = [path for path in begun if path not in found]
        return {"states": dict(self._states), "sha256": found, "unhashed": unhashed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on with the inputs of another process."""
        self._states, self._sha256, self._hashers = state["states"], state["sha256"], []
        self.hash_in_background(state["unhashed"])

    def check(self) -> None:
        """Raise StudyError if a file has changed or vanished since it was opened.

        Size, time of change and inode are compared; if they differ, the file is hashed again.
        """
        digests = self.sha256()
        for path, state in self._states.items():
            try:
                same = _state(path) == state or _sha256_of(path) == digests.get(path)
            except OSError:
                same = False
            if not same:
                raise _changed(path)


class _Hasher(threading.Thread):
    """Thread that computes the sha256 of files one by one; Python can end before it."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(name="gclust-sha256", daemon=True)
        self.paths = paths
        self.found: dict[str, str] = {}
        self.start()

    def run(self) -> None:
        """Hash the files; skip a file that cannot be read any more."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                self.found[path] = _sha256_of(path)

    def wait(self) -> None:
        """Wait until all files are hashed; Ctrl-C works meanwhile."""
        while self.is_alive():
            self.join(0.1)


def _state(path: str) -> tuple[int, int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _sha256_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _changed(path: str) -> StudyError:
    return StudyError(
        f"{path}: changed while it was read; start again when nothing writes to it any more"
    )
