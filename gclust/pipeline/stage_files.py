"""Files with the results of finished stages: written whole, and read only if undamaged and own.

A result is a pickle, whose arrays follow it without a copy. Unpickling runs code, so a file is
read only from a folder that no other user can enter and only if it belongs to this user; a file
that is damaged, or of another run, is not unpickled either (sha256).
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gclust.pipeline.run_log import LogPart

LONGEST_HEADER = 1 << 20
SHA256_BYTES = 32
LARGEST_SHARE = 0.25
"""Largest part of the disk's free space that a file may take: the listings need the rest."""


class StageError(Exception):
    """A result that cannot be written to a file; the message says why."""


@dataclass(frozen=True)
class FinishedStage:
    """A finished stage.

    Attributes
    ----------
    name : str
    result : object
        Without the engine's frames.
    log : LogPart
    tables : dict
        Names of the engine's tables at its end -> number of rows.
    """

    name: str
    result: Any
    log: LogPart
    tables: dict[str, int]


def write_stage(folder: Path, number: int, key: str, finished: FinishedStage) -> None:
    """Write a finished stage to its file, completely or not at all.

    ``key`` identifies the run. Raises OSError if it cannot be written, and StageError if it is
    too large for the disk or cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        code = pickle.dumps(finished, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(code), *(buffer.raw() for buffer in buffers)]
    except Exception as error:
        raise StageError(f"the result of {finished.name!r} cannot be pickled: {error}") from error
    sizes = [part.nbytes for part in parts]
    if sum(sizes) > LARGEST_SHARE * shutil.disk_usage(folder).free:
        raise StageError(f"{sum(sizes) / 1e6:,.0f} MB would take too much of the disk's free space")
    header = json.dumps({"key": key, "number": number, "sizes": sizes}).encode() + b"\n"
    path = _path(folder, number)
    partial = path.with_suffix(".part")
    try:
        with open(partial, "wb") as file:
            _write(file, [header, *parts])
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _write(file: IO[bytes], parts: Sequence[bytes | memoryview]) -> None:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        file.write(part)
    file.write(digest.digest())
    file.flush()
    os.fsync(file.fileno())


def read_stages(folder: Path, key: str) -> Iterator[FinishedStage]:
    """Yield the finished stages of a run from its first, up to one whose file cannot be used.

    The files from there on are removed.
    """
    number = 0
    while (finished := _read(folder, number, key)) is not None:
        yield finished
        number += 1
    remove_stages(folder, number)


def remove_stages(folder: Path, first: int) -> None:
    """Remove the files of stages from a number on."""
    for path in folder.glob("stage-*"):
        name = path.stem.removeprefix("stage-")
        if not name.isdigit() or int(name) >= first or path.suffix == ".part":
            path.unlink(missing_ok=True)


def _path(folder: Path, number: int) -> Path:
    return folder / f"stage-{number}.pickle"


def _read(folder: Path, number: int, key: str) -> FinishedStage | None:
    """Return the finished stage in a file, or None if there is none or it cannot be used."""
    try:
        handle = os.open(_path(folder, number), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            parts = _own_parts(file, number, key)
        found = None if parts is None else pickle.loads(parts[0], buffers=parts[1:])
    except Exception:  # whatever is wrong with the file, the stage can be computed
        return None
    return found if isinstance(found, FinishedStage) else None


def _own_parts(file: IO[bytes], number: int, key: str) -> list[Any] | None:
    """Return the pickle and the arrays in a file of this user's, if its sha256 is right."""
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
        return None
    line = file.readline(LONGEST_HEADER)
    header = json.loads(line)
    sizes = header["sizes"]
    whole = len(line) + sum(sizes) + SHA256_BYTES == found.st_size
    if (header["key"], header["number"]) != (key, number) or not whole:
        return None
    digest, parts = hashlib.sha256(line), []
    for size in sizes:
        part = bytearray(size)
        if file.readinto(part) != size:  # type: ignore[attr-defined]
            return None
        digest.update(part)
        parts.append(part)
    return parts if file.read() == digest.digest() else None
