"""Temporary folders that are removed with the process that made them, even if it is killed.

A killed process leaves its folders behind, and the next one removes them. A folder that may be
removed is recognised by its mark: a file that only gclust makes, that names the folder, and
that its maker keeps locked. A mark without a lock is in a folder that nobody uses. A name would
not do, for a folder of the user's can have it too; nor would the number of a process, which
means nothing in a container or on a shared disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no folder is marked, so none is ever removed
    fcntl = None  # type: ignore[assignment]

MARK = ".gclust-temporary"
_UNLOCKED = ".gclust-temporary-new"
_SAYS = "A temporary folder of gclust, removed when nobody has this file locked: {}\n"
_MOST_BYTES = 200
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class TemporaryFolder:
    """A new folder that only this user can enter, locked until it is removed.

    It is removed by `remove`, when nothing refers to this object any more, or at the end of
    Python, whichever comes first; after a kill by `abandoned`.

    Parameters
    ----------
    place : Path
        Where it is made.
    prefix : str
        How its name begins.
    prepare : callable, optional
        Called with the folder before other processes can notice it.

    Attributes
    ----------
    path : Path

    Raises
    ------
    OSError
        If it cannot be made.
    """

    def __init__(
        self, place: Path, prefix: str, prepare: Callable[[Path], object] | None = None
    ) -> None:
        self.path, lock = _made(place, prefix, prepare)
        self._end = weakref.finalize(self, _remove_own, self.path, lock, os.getpid())

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        self._end()


def _made(
    place: Path, prefix: str, prepare: Callable[[Path], object] | None
) -> tuple[Path, int | None]:
    while True:
        # Named before it is made, so that it is removed if a signal comes just after.
        path = place / f"{prefix}{secrets.token_hex(8)}"
        lock = None
        try:
            path.mkdir(mode=0o700)
            lock = _locked(path)
            if prepare is not None:
                prepare(path)
            if lock is not None:
                os.rename(path / _UNLOCKED, path / MARK)
        except FileExistsError:
            continue
        except BaseException:
            _remove_own(path, lock, os.getpid())
            raise
        return path, lock


def _locked(path: Path) -> int | None:
    """Make the file that becomes the mark, and lock it; None where there are no locks.

    It has another name until it is locked: another process would remove the folder.
    """
    if fcntl is None:
        return None
    text = _SAYS.format(path.stat().st_ino).encode()
    lock = os.open(path / _UNLOCKED, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, text)
    except OSError as error:
        os.close(lock)
        if error.errno not in _NO_LOCKS:
            raise
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _remove_own(path: Path, lock: int | None, maker: int) -> None:
    """Remove a folder of this process; not in a child that a fork made."""
    if os.getpid() != maker:
        return
    if fcntl is None:
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        folder = None
    try:
        if folder is not None:
            _remove(path, folder)
    finally:
        for handle in (folder, lock):
            if handle is not None:
                os.close(handle)


def abandoned(place: Path, prefix: str, *, locked: bool = False) -> Iterator[Path]:
    """Yield the temporary folders whose makers are gone, each locked while it is yielded.

    A folder counts as one if it and the mark in it are real (no link, pipe or device) and this
    user's own, if the mark names this very folder, and if nobody has it locked. Where any of
    this is uncertain, it does not.

    Parameters
    ----------
    place : Path
    prefix : str
        How their names begin; only folders with it are opened.
    locked : bool
        Yield instead those that somebody else has locked.
    """
    if fcntl is None:
        return
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(prefix))
    except OSError:
        return
    for name in names:
        path = place / name
        with _Look(path) as look:
            if look.marked and look.locked_by_others is locked:
                yield path


def remove_abandoned(place: Path, prefix: str) -> None:
    """Remove the temporary folders that `abandoned` finds."""
    for path in abandoned(place, prefix):
        remove_folder(path)


def remove_folder(path: Path) -> None:
    """Remove a folder that `abandoned` has just yielded; what cannot be removed stays."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.fstat(folder).st_uid == os.geteuid():
            _remove(path, folder)
    finally:
        os.close(folder)


class _Look:
    """Whether a folder is marked as temporary, and locked; locks it itself if nobody has."""

    def __init__(self, path: Path) -> None:
        self.marked = self.locked_by_others = False
        self._open: list[int] = []
        try:
            self._look(path)
        except OSError:
            self.marked = False

    def _look(self, path: Path) -> None:
        # Nothing is opened before it is known to be no pipe, which would wait for a writer.
        if not _own(os.lstat(path), stat.S_ISDIR):
            return
        flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | flags)
        self._open.append(folder)
        found = os.fstat(folder)
        mark = os.stat(MARK, dir_fd=folder, follow_symlinks=False)
        if not (_own(found, stat.S_ISDIR) and _own(mark, stat.S_ISREG) and mark.st_nlink == 1):
            return
        lock = os.open(MARK, os.O_RDWR | flags, dir_fd=folder)
        self._open.append(lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.locked_by_others = True
        # Another process may have removed it meanwhile, and made another of the same name.
        now = os.stat(MARK, dir_fd=folder, follow_symlinks=False)
        same = os.path.samestat(os.fstat(lock), now) and os.path.samestat(os.lstat(path), found)
        says = os.pread(lock, _MOST_BYTES, 0)
        self.marked = same and says == _SAYS.format(found.st_ino).encode()

    def __enter__(self) -> _Look:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in reversed(self._open):
            os.close(handle)


def _own(found: os.stat_result, kind: Callable[[int], bool]) -> bool:
    return kind(found.st_mode) and found.st_uid == os.geteuid()


def _remove(path: Path, folder: int) -> None:
    """Empty an open folder, its mark last, and remove it; a kill meanwhile leaves it marked."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_dir in found:
        if name == MARK:
            continue
        try:
            if is_dir:
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
        except OSError:
            continue
    try:
        if os.listdir(folder) == [MARK]:
            os.unlink(MARK, dir_fd=folder)
        os.rmdir(path)
    except OSError:
        return
