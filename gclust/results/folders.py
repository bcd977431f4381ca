"""Result folders: reserved before the work, then written completely or not at all."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from gclust.disk import writing
from gclust.errors import StudyError, first_line, warn_user
from gclust.results.exchange import exchange
from gclust.results.manifest import (
    PREFIX,
    foreign_entry,
    json_text,
    note_files,
    remove_written,
)
from gclust.temporary_folders import TemporaryFolder, abandoned, remove_folder

RECORD, NEW, OLD = "for.json", "new", "old"
"""Names in the temporary folder: its purpose, the new result, the replaced result."""
LOOKS = 10
LOOK_SECONDS = 0.1
OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}


class Place:
    """The path of a result folder that is reserved for one process.

    ``path`` is absolute and without links, so that paths relative to it are valid; ``what`` is what
    it will hold, for example ``"run"``.
    """

    def __init__(self, path: Path, what: str, overwrite: bool, temporary: TemporaryFolder) -> None:
        self.path, self.what, self._temporary = path, what, temporary
        self._replaced = _identity(path, what) if overwrite else None

    @property
    def unfinished(self) -> Path:
        """The folder in which the result is written before it is moved to its path."""
        return self._temporary.path / NEW

    def write(self, fill: Callable[[Path], None]) -> Path:
        """Write the result to a temporary folder next to the final path, then move it in one step.

        ``fill`` is called with the folder to write into. Returns the place. Raises StudyError if
        the folder cannot be written, and FileExistsError if another process has written to the
        place meanwhile; its files are kept.
        """
        new = self.unfinished
        with writing(self.path.parent):
            fill(new)
            note_files(new, self.what)
            if self._replaced is None or not os.path.lexists(self.path):
                self._put(new)
            elif exchange(new, self.path):
                self._look_at_replaced(new)
            else:
                self._put_after(new)
        return self.path

    def _put(self, new: Path) -> None:
        """Move the new folder to a place that is free or an empty folder."""
        try:
            if os.name == "nt" and self.path.is_dir():
                os.rmdir(self.path)
            os.rename(new, self.path)
        except OSError as error:
            if error.errno in OCCUPIED:
                raise self._taken() from error
            raise

    def _look_at_replaced(self, taken: Path) -> None:
        """Remove the replaced folder, or undo the exchange if somebody else has changed it."""
        if _identity(taken, self.what) != self._replaced or foreign_entry(taken, self.what):
            exchange(taken, self.path)
            raise self._taken()
        _discard(taken, self.path, self.what)

    def _put_after(self, new: Path) -> None:
        """Replace the folder in two steps; `_restore` undoes the first after a kill in between."""
        old = self._temporary.path / OLD
        os.rename(self.path, old)
        try:
            if _identity(old, self.what) != self._replaced or foreign_entry(old, self.what):
                raise self._taken()
            self._put(new)
        except BaseException:
            _bring_back(old, self.path)
            raise
        _discard(old, self.path, self.what)

    def _taken(self) -> FileExistsError:
        return FileExistsError(
            f"{self.path} was changed by somebody else while this {self.what} was computed, and is"
            f" left as it is; this {self.what} is not written: name another folder (-o)"
        )


@contextmanager
def claim(out: str | Path | None, overwrite: bool, what: str) -> Iterator[Place | None]:
    """Reserve the path of a result folder from before the computation until the folder is written.

    Problems are found now: a folder that exists, that cannot be written, or to which another
    process is about to write. No file is left behind if nothing is written.

    Links in ``out`` are followed; without it nothing is reserved. ``overwrite`` is whether a result
    in it may be replaced, and ``what`` is what it holds, for example ``"run"``; the file
    ``run.json`` identifies it. Raises FileExistsError, whose message says what is there and what to
    do, and StudyError if nothing can be written there.
    """
    if out is None:
        yield None
        return
    path = _resolved(out)
    _restore(path.parent)
    if overwrite and path.is_dir():
        _restore(path)  # a killed process that wrote a file into it
    _check(path, overwrite, what)
    made = _make_parents(path.parent)
    try:
        with writing(path.parent):
            temporary = TemporaryFolder(
                path.parent, PREFIX, lambda folder: _prepare(folder, path, what)
            )
        try:
            _refuse_second(path, what, temporary.path)
            # Check again: another run may have ended before it could see this claim.
            _check(path, overwrite, what)
            yield Place(path, what, overwrite, temporary)
        finally:
            temporary.remove()
    except BaseException:
        for folder in made:
            with suppress(OSError):
                os.rmdir(folder)
        raise


def _resolved(out: str | Path) -> Path:
    """Return a path with its links followed, because an exchange would move the link itself."""
    try:
        path = Path(os.path.realpath(out))
        # Libraries cannot write to other names.
        str(path).encode("utf-8")
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise StudyError(
            f"{out}: cannot be a folder ({error.strerror}); name another folder (-o)"
        ) from None
    except ValueError:
        raise StudyError(
            f"{out!s}: has characters that no folder can have; name another folder (-o)"
        ) from None
    return path


def _check(path: Path, overwrite: bool, what: str) -> None:
    """Refuse an existing folder, unless it holds only a result that may be replaced."""
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise FileExistsError(f"{path} is a file; name a folder for the {what}")
    if path.is_mount():
        raise FileExistsError(f"{path} is the root of a mounted disk; name a folder in it")
    try:
        if not any(path.iterdir()):
            return
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}; name another folder") from None
    if not (path / f"{what}.json").is_file():
        raise FileExistsError(f"{path} exists and is not a {what} of gclust; name another folder")
    if not overwrite:
        raise FileExistsError(
            f"{path} holds a {what} already; name another folder (-o), or replace it (--overwrite)"
        )
    if foreign := foreign_entry(path, what):
        known = (
            "does not tell which files gclust wrote there"
            if foreign == f"{what}.json"
            else f"was not written by gclust with the {what}, and would be lost with it"
        )
        raise FileExistsError(
            f"{path / foreign} {known}; move it away, or name another folder (-o)"
        )


def _make_parents(parent: Path) -> list[Path]:
    """Create a folder and its parents; return those that are new, the innermost first."""
    missing = []
    for folder in (parent, *parent.parents):
        if os.path.lexists(folder):
            break
        missing.append(folder)
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
    return missing


def _prepare(folder: Path, path: Path, what: str) -> None:
    """Write the purpose of a temporary folder before other processes can see it."""
    (folder / NEW).mkdir()
    new, since = (folder / NEW).stat().st_ino, time.time_ns()
    record = {"out": path.name, "what": what, "new": new, "since": since}
    (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")


def _refuse_second(path: Path, what: str, mine: Path) -> None:
    """Refuse a place if another process has reserved it earlier.

    A process that removes a folder also locks it for a moment, so the check is repeated.
    """
    for look in range(LOOKS):
        first = _order(mine)
        others = abandoned(path.parent, PREFIX, locked=True)
        orders = [_order(other) for other in others if other != mine]
        if not any(order[0] == path.name and order < first for order in orders):
            return
        if look + 1 < LOOKS:
            time.sleep(LOOK_SECONDS)
    raise FileExistsError(
        f"{path} is about to be written by another process of gclust; wait for it, or name another"
        f" folder for this {what} (-o)"
    )


def _order(temporary: Path) -> tuple[str, int, str]:
    """Return the place that a temporary folder is for, the time of its creation, and its name."""
    record = _record(temporary) or {"out": "", "since": 0}
    return str(record["out"]), int(record["since"]), temporary.name


def _record(temporary: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((temporary / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _restore(parent: Path) -> None:
    """Undo or finish the moves of killed processes in a folder, and remove their files."""
    for temporary in abandoned(parent, PREFIX):
        record = _record(temporary)
        if record is not None:
            path, what = parent / str(record["out"]), str(record["what"])
            new, old = temporary / NEW, temporary / OLD
            is_new = new.is_dir() and new.stat().st_ino == record["new"]
            if old.is_dir():
                if is_new:
                    _bring_back(old, path)
                else:
                    _discard(old, path, what)
            elif new.is_dir() and not is_new:
                _discard(new, path, what)
        remove_folder(temporary)


def _discard(replaced: Path, path: Path, what: str) -> None:
    """Remove a replaced folder, or rename it if it holds files that gclust did not write."""
    if not remove_written(replaced, what):
        _keep(replaced, path)


def _bring_back(old: Path, path: Path) -> None:
    """Move a folder back to its place, or to another name if the place is taken."""
    try:
        os.rename(old, path)
    except OSError:
        _keep(old, path)


def _keep(folder: Path, path: Path) -> None:
    for number in count(1):
        kept = path.with_name(f"{path.name[:60]}-replaced" + (f"-{number}" if number > 1 else ""))
        if os.path.lexists(kept):
            continue
        os.rename(folder, kept)
        message = f"what was in {path} is kept in {kept}, for the place was taken or it was in use"
        warn_user(message)
        return


def _identity(path: Path, what: str) -> tuple[int, ...] | None:
    """Return numbers that identify a result folder, or None if there is none."""
    try:
        folder, manifest = path.stat(), (path / f"{what}.json").stat()
    except OSError:
        return None
    return folder.st_dev, folder.st_ino, manifest.st_ino, manifest.st_mtime_ns, manifest.st_size


def write_file(path: Path, content: bytes) -> None:
    """Write a file completely or not at all, even if the process is killed."""
    with writing(path.parent):
        _restore(path.parent)
        temporary = TemporaryFolder(path.parent, PREFIX)
        try:
            partial = temporary.path / NEW
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            temporary.remove()


def note_file(folder: Path, what: str, name: str) -> None:
    """Add a file to the list of a result folder's files, in one step.

    ``what`` is what the folder holds, for example ``"run"``.
    """
    path = folder / f"{what}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        noted = {*content["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: cannot be read ({first_line(error)})") from error
    if name not in noted:
        content["files"] = sorted({*noted, name})
        write_file(path, json_text(content).encode("utf-8"))
