"""Temporary folders that are removed when their process ends, even if it is killed.

A killed process leaves its folders behind, and the next process removes them. It recognises a
temporary folder by its mark: a file that only gclust makes and that names the folder. The
process that made the folder keeps the mark locked, so an unlocked mark shows that nobody uses
the folder. A folder's name is not enough, because a folder of the user's can have the same
name. A process number is not enough, because it means nothing in a container or on a shared
disk.

A folder in which its process has put the file `KEPT` is not removed when the process is killed:
another process can adopt it (`kept_folders`) within `KEPT_DAYS` days.

A process that is killed just after it made a folder, or just before it removes one, leaves the
folder without a mark. Such a folder is empty, or holds only the file that becomes the mark, and is
removed too. A process whose new folder is removed at this moment makes another one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no folder is marked, so none is ever removed
    fcntl = None  # type: ignore[assignment]

MARK = ".gclust-temporary"
KEPT = ".gclust-kept"
"""Name of the file in a folder that outlives its process."""
KEPT_DAYS = 30
"""Days after which a kept folder is removed like any other that nobody uses."""
_UNLOCKED = ".gclust-temporary-new"
"""Name of the mark until the folder is prepared."""
_SAYS = "A temporary folder of gclust, removed when nobody has this file locked: {}\n"
_MOST_BYTES = 200
_TOKEN = re.compile("[0-9a-f]{16}")
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class TemporaryFolder:
    """A new folder that only this user can enter, locked until it is removed.

    It is removed by `remove`, when nothing refers to this object any more, or when Python ends,
    whichever comes first. If the process is killed, `remove_abandoned` removes it later. After
    `keep` only `remove` removes it.

    It is made in ``place``, and its name starts with ``prefix``. ``prepare`` is called with the
    folder before other processes can notice it. Raises OSError if it cannot be made.
    """

    def __init__(
        self, place: Path, prefix: str, prepare: Callable[[Path], object] | None = None
    ) -> None:
        self.path, self._lock = _made(place, prefix, prepare)
        self._maker, self.kept, self._guard = os.getpid(), False, threading.Lock()
        self._end: weakref.finalize[..., object] = weakref.finalize(
            self, _remove_own, self.path, self._lock, self._maker
        )

    @classmethod
    def _adopted(cls, path: Path, lock: int) -> TemporaryFolder:
        """Return the object of a kept folder whose mark this process has locked."""
        folder = cls.__new__(cls)
        folder.path, folder._lock = path, lock
        folder._maker, folder.kept, folder._guard = os.getpid(), True, threading.Lock()
        folder._end = weakref.finalize(folder, os.close, lock)
        return folder

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        if self._end.detach() is not None:
            _remove_own(self.path, self._lock, self._maker)

    def remove_unless_kept(self) -> None:
        """Remove the folder, unless `keep` was called."""
        with self._guard:
            if not self.kept:
                self.remove()

    def keep(self, content: bytes) -> bool:
        """Write the file `KEPT`, so that the folder outlives this process; return whether it does.

        It does not if it is removed already, or where locks are not supported, because no other
        process could know that this one has ended.
        """
        with self._guard:
            if self._lock is None or not self._end.alive:
                return False
            partial = self.path / f"{KEPT}-new"
            partial.write_bytes(content)
            os.replace(partial, self.path / KEPT)
            if not self.kept:
                self._end.detach()
                self._end = weakref.finalize(self, os.close, self._lock)
                self.kept = True
            return True

    def leave(self) -> None:
        """Leave a kept folder to other processes, which may adopt it from now on."""
        if self.kept:
            self._end()


def _made(
    place: Path, prefix: str, prepare: Callable[[Path], object] | None
) -> tuple[Path, int | None]:
    while True:
        # The path is set before the folder is made, so that a signal just after still removes it.
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
        except _TakenError:
            _remove_own(path, None, os.getpid())
            continue
        except BaseException:
            _remove_own(path, lock, os.getpid())
            raise
        return path, lock


class _TakenError(Exception):
    """Another process took a new folder for one that a killed process left."""


def _locked(path: Path) -> int | None:
    """Make the file that becomes the mark and lock it; return None if locks are not supported.

    It has another name until it is locked, because another process would remove the folder.
    """
    if fcntl is None:
        return None
    try:
        text = _SAYS.format(path.stat().st_ino).encode()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        lock = os.open(path / _UNLOCKED, flags, 0o600)
    except FileNotFoundError:
        raise _TakenError from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.stat(path / _UNLOCKED), os.fstat(lock)):
            raise _TakenError
        os.write(lock, text)
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        raise _TakenError from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            os.close(lock)
            raise
        # An empty file would be taken for one that a killed process left.
        os.write(lock, b"The folder is not locked.\n")
        os.close(lock)
        return None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _remove_own(path: Path, lock: int | None, maker: int) -> None:
    """Remove a folder that this process made; do nothing in a forked child."""
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
    """Yield temporary folders left by ended processes; keep each locked until the next is yielded.

    A folder is yielded only if the folder and its mark are real (no link, pipe or device) and
    belong to this user, the mark names this very folder, and nobody has it locked. If any of this
    is uncertain, the folder is skipped, as is a kept folder. An empty folder without a mark is
    removed. Folders whose names do not start with ``prefix`` are not opened. With ``locked``, the
    folders that another process has locked are yielded instead.
    """
    for path in _named(place, prefix):
        with _Look(path) as look:
            if look.marked and look.locked_by_others is locked and not look.kept:
                yield path
            elif look.private and not look.marked and _TOKEN.fullmatch(path.name, len(prefix)):
                with suppress(OSError):
                    path.rmdir()


def kept_folders(place: Path, prefix: str) -> Iterator[TemporaryFolder]:
    """Yield the kept folders of ended processes, each adopted: locked by this process.

    The caller calls `TemporaryFolder.remove` or `TemporaryFolder.leave` of each in the end. The
    same folders are skipped as by `abandoned`, and those that other users may look into.
    """
    for path in _named(place, prefix):
        with _Look(path) as look:
            adopts = look.marked and look.kept and look.private and not look.locked_by_others
            lock = look.take_lock() if adopts else None
        if lock is not None:
            yield TemporaryFolder._adopted(path, lock)


def _named(place: Path, prefix: str) -> list[Path]:
    """Return the paths in a folder whose names start with a prefix, sorted."""
    if fcntl is None:
        return []
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(prefix))
    except OSError:
        return []
    return [place / name for name in names]


def remove_abandoned(place: Path, prefix: str) -> None:
    """Remove the temporary folders that `abandoned` finds."""
    for path in abandoned(place, prefix):
        remove_folder(path)


def remove_folder(path: Path) -> None:
    """Remove a folder that `abandoned` has just yielded; leave what cannot be removed."""
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
    """Check of whether a folder is marked as temporary and locked; locks it if nobody has."""

    def __init__(self, path: Path) -> None:
        self.marked = self.locked_by_others = self.kept = self.private = False
        self._open: list[int] = []
        try:
            self._look(path)
        except OSError:
            self.marked = False

    def _look(self, path: Path) -> None:
        # Check first that this is no pipe: opening a pipe would wait for a writer.
        if not _own(os.lstat(path), stat.S_ISDIR):
            return
        flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | flags)
        self._open.append(folder)
        found = os.fstat(folder)
        self.private = not stat.S_IMODE(found.st_mode) & 0o077
        name = MARK if _has(folder, MARK) else _UNLOCKED
        mark = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not (_own(found, stat.S_ISDIR) and _own(mark, stat.S_ISREG) and mark.st_nlink == 1):
            return
        lock = os.open(name, os.O_RDWR | flags, dir_fd=folder)
        self._open.append(lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.locked_by_others = True
        # Another process may have removed the folder and made a new one of the same name.
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        same = os.path.samestat(os.fstat(lock), now) and os.path.samestat(os.lstat(path), found)
        says = os.pread(lock, _MOST_BYTES, 0)
        named = says == _SAYS.format(found.st_ino).encode()
        # A process was killed before it wrote into the mark.
        unwritten = not says and os.listdir(folder) == [_UNLOCKED]
        self.marked = same and (named or unwritten)
        self.kept = _is_kept(folder)

    def take_lock(self) -> int:
        """Return the lock, which is now the caller's to close."""
        return self._open.pop()

    def __enter__(self) -> _Look:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in reversed(self._open):
            os.close(handle)


def _is_kept(folder: int) -> bool:
    """Return whether an open folder has the file `KEPT`, younger than `KEPT_DAYS`."""
    try:
        kept = os.stat(KEPT, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return _own(kept, stat.S_ISREG) and time.time() - kept.st_mtime < KEPT_DAYS * 86_400


def _has(folder: int, name: str) -> bool:
    """Return whether an open folder has something of a name, be it a link to nothing."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _own(found: os.stat_result, kind: Callable[[int], bool]) -> bool:
    return kind(found.st_mode) and found.st_uid == os.geteuid()


def _remove(path: Path, folder: int) -> None:
    """Empty an open folder and remove it.

    The mark is removed last, so that the folder stays marked if the process is killed, and the file
    `KEPT` first, so that nobody adopts what is left.
    """
    with suppress(OSError):
        os.unlink(KEPT, dir_fd=folder)
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_dir in found:
        if name in (MARK, _UNLOCKED):
            continue
        try:
            if is_dir:
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
        except OSError:
            continue
    try:
        names = os.listdir(folder)
        if names in ([MARK], [_UNLOCKED]):
            os.unlink(names[0], dir_fd=folder)
        os.rmdir(path)
    except OSError:
        return
