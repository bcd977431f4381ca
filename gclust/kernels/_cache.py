"""A file cache of compiled kernels, in a folder named after a digest of all kernel sources.

Numba's cache only checks the source file of the called function: if a file with a helper
changes, the old machine code stays in use. It can neither read nor replace a damaged file, and
two processes that compile a function for different types at the same time can write the code of
one under the name of the other. Its locators only choose a folder, and ``NUMBA_CACHE_DIR`` is
one setting for all libraries in a process. So gclust has a separate cache for its kernels. Like
Numba's cache, it needs Numba only to take a compiled function apart and to rebuild it.

- A file holds one kernel, compiled for one signature, processor and version of Numba; its
  name is made of these, and its first bytes are a checksum. It is first written under another
  name and then renamed, so that a reader never finds half a file.
- The folder lies in ``NUMBA_CACHE_DIR`` if that is set, else in the package's
  ``__pycache__``, or in the user's cache directory where that cannot be written. Files in
  a read-only folder are used, too.
- A damaged file is removed, and the kernel is compiled again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
from numba import config
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from gclust.errors import GclustWarning
from gclust.kernels.first_compilation import begin

PACKAGE = Path(__file__).resolve().parent
SOURCES = (PACKAGE, PACKAGE.parent / "sphere.py")
"""Folders and files that hold the source code of the kernels and the constants they use."""

_MAGIC = b"gclust kernel 1\n"
_CHECKSUM = hashlib.sha256
_HEAD = len(_MAGIC) + _CHECKSUM().digest_size

MOST_FOLDERS = 4
"""Largest number of folders kept for other sources, such as those of other git branches."""

HOUR = 3600.0
MOST_SECONDS = 30 * 24 * HOUR
"""Seconds for which a folder of other sources is kept after its last use."""

_SETTINGS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE")
"""Settings of Numba that change the compiled code."""


def digest_of(sources: tuple[Path, ...]) -> str:
    """Return the digest of the given Python files and of all Python files in the given folders."""
    digest = _CHECKSUM()
    for source in sources:
        files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
        for file in files:
            content = file.read_bytes()
            name = file.relative_to(source.parent).as_posix()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def usual_roots() -> list[Path]:
    """Return the folders that may hold compiled kernels, the one to write to first."""
    # As Numba names it; this keeps installations that share a directory apart.
    own = f"{PACKAGE.name}_{hashlib.sha1(os.fsencode(PACKAGE)).hexdigest()}"
    if config.CACHE_DIR:  # type: ignore[attr-defined]
        return [Path(config.CACHE_DIR).absolute() / own]  # type: ignore[attr-defined]
    users = Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
    return [PACKAGE / "__pycache__", users / own]


class Store:
    """Storage of compiled kernels in files.

    Parameters
    ----------
    roots : list of Path
        Folders; the first writable one is written to.
    sources : tuple of Path
        Files and folders from which the kernels are compiled.
    """

    def __init__(self, roots: list[Path], sources: tuple[Path, ...]) -> None:
        self._sources = sources
        try:
            self._digest = digest_of(sources)
        except OSError:  # e.g. in an archive: the sources of the kernels are unknown
            roots, self._digest = [], ""
        self.folders = [root / f"sources-{self._digest[:20]}" for root in roots]
        self._open = list(self.folders)  # folders not yet found to be unwritable
        self._used: set[Path] = set()
        self._cleaned = self._warned = False

    def contents(self, name: str) -> Iterator[tuple[Path, bytes]]:
        """Yield the path and the content of each undamaged file of this name, folder by folder."""
        for folder in self.folders:
            path = folder / name
            try:
                whole = path.read_bytes()
            except OSError:
                continue
            content = whole[_HEAD:]
            if whole[:_HEAD] == _MAGIC + _CHECKSUM(content).digest():
                self._mark_as_used(folder)
                yield path, content
            else:
                self.discard(path)

    def discard(self, path: Path) -> None:
        """Remove a cache file that cannot be used."""
        with suppress(OSError):
            path.unlink()

    def save(self, name: str, content: bytes) -> None:
        """Save content under a name in the first writable folder; warn once if there is none.

        Nothing is saved if the sources have changed since the process began: it may have
        loaded some of them before the change and some after it.
        """
        why = "install it as files: the sources of the kernels cannot be read"
        with suppress(OSError):
            if self._digest and digest_of(self._sources) != self._digest:
                return
        while self._open:
            try:
                self._write(self._open[0], name, content)
            except OSError as error:
                why = f"set NUMBA_CACHE_DIR to a folder that can be written ({error})"
                del self._open[0]
                continue
            if not self._cleaned:
                self._cleaned = True
                remove_stale(self._open[0])
            return
        if not self._warned:
            self._warned = True
            warnings.warn(
                "gclust cannot keep its compiled kernels, and compiles them in every process; "
                + why,
                GclustWarning,
                stacklevel=2,
            )

    def _write(self, folder: Path, name: str, content: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        made = folder / f"{uuid.uuid4().hex}.tmp"
        try:
            made.write_bytes(_MAGIC + _CHECKSUM(content).digest() + content)
            os.replace(made, folder / name)
        except PermissionError:
            # On Windows, if another process has this file open: its content is the same.
            if os.name != "nt" or not (folder / name).exists():
                raise
        finally:
            self.discard(made)

    def _mark_as_used(self, folder: Path) -> None:
        if folder not in self._used:
            self._used.add(folder)
            with suppress(OSError):
                os.utime(folder)


def remove_stale(folder: Path) -> None:
    """Remove long unused cache folders that belong to other versions of the kernel sources.

    A process that still uses such a folder compiles missing kernels again. Half-written files
    of killed processes are removed, too.
    """
    now = time.time()
    with suppress(OSError):
        for path in folder.glob("*.tmp"):
            if now - path.stat().st_mtime > HOUR:
                path.unlink()
    ages = {}
    for other in folder.parent.glob("sources-*"):
        with suppress(OSError):
            if other != folder and other.is_dir() and not other.is_symlink():
                ages[other] = now - other.stat().st_mtime
    for rank, other in enumerate(sorted(ages, key=lambda each: ages[each])):
        if ages[other] > MOST_SECONDS or (rank >= MOST_FOLDERS and ages[other] > HOUR):
            shutil.rmtree(other, ignore_errors=True)


class NotCachedError(Exception):
    """Error raised within `only_cached` for a kernel that is not in the cache."""


_thread = threading.local()


@contextmanager
def only_cached() -> Iterator[None]:
    """Compile nothing on this thread: a kernel that is not in the cache is a `NotCachedError`."""
    _thread.only_cached = True
    try:
        yield
    finally:
        _thread.only_cached = False


class KernelCache:
    """The cache of one kernel, from which Numba loads compiled code and in which it saves it.

    It has the methods of ``numba.core.caching.FunctionCache``.
    """

    def __init__(self, function: Callable[..., Any], store: Store) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._store = store
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Return the folder to which files are written."""
        return str(self._store.folders[0]) if self._store.folders else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel of a signature, or None if it is not in the cache."""
        if not self._enabled:
            return self._not_found()
        target_context.refresh()
        for path, content in self._store.contents(self._file(sig, target_context.codegen())):
            try:
                signature, parts = pickle.loads(content)
                if signature == sig:
                    return CompileResult._rebuild(target_context, *parts)
            except Exception:  # whatever the error, the kernel can be compiled
                self._store.discard(path)
        return self._not_found()

    def _not_found(self) -> None:
        if getattr(_thread, "only_cached", False):
            raise NotCachedError(self._name)
        begin()

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save the kernel compiled for a signature."""
        if self._enabled and not data.library.has_dynamic_globals:
            content = dumps((sig, data._reduce()))
            self._store.save(self._file(sig, data.codegen), content)

    def enable(self) -> None:
        """Turn the cache on: load and save compiled kernels."""
        self._enabled = True

    def disable(self) -> None:
        """Turn the cache off: neither load nor save files."""
        self._enabled = False

    def flush(self) -> None:
        """Remove the kernel's files from the cache."""
        for folder in self._store.folders:
            for path in folder.glob(f"{self._name}-*"):
                self._store.discard(path)

    def _file(self, sig: Any, codegen: Any) -> str:
        python = sys.implementation.cache_tag, getattr(sys, "abiflags", "")
        settings = tuple(getattr(config, name, None) for name in _SETTINGS)
        made_by = numba.__version__, *python, *settings
        key = repr((str(sig), codegen.magic_tuple(), made_by))
        return f"{self._name}-{_CHECKSUM(key.encode()).hexdigest()[:24]}.bin"


def is_kept(function: Callable[..., Any]) -> bool:
    """Return whether a function's source file is one that the cache folder's name depends on."""
    file = Path(function.__code__.co_filename).resolve()
    return any(file == source or source in file.parents for source in SOURCES)


STORE = Store(usual_roots(), SOURCES)
