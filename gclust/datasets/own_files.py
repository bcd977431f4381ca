"""Safe writing of data sets, which replaces only unchanged files that gclust wrote."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from gclust.disk import writing
from gclust.temporary_folders import TemporaryFolder, remove_abandoned

NOTE = ".gclust-made.json"
"""File that lists the files that gclust wrote, each with its possible sha256 sums."""
PREFIX = ".gclust-partial-"

Note = dict[str, list[str]]


def check_replaceable(folder: Path, names: Iterable[str]) -> None:
    """Raise FileExistsError if a file to replace is not gclust's, or was changed since.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Files that will be written, and folders that may contain nothing else.

    Raises
    ------
    FileExistsError
        The message names the file.
    """
    noted = _read(folder)
    for name in names:
        for path in _files(folder / name):
            sums = noted.get(path.relative_to(folder).as_posix())
            if sums is None:
                raise FileExistsError(
                    f"{path} was not made by gclust and is not replaced; move it away, or name"
                    " another folder"
                )
            if path.is_symlink() or not path.is_file() or _sum(path) not in sums:
                raise FileExistsError(
                    f"{path} was changed since gclust made it and is not replaced; move it away,"
                    " or name another folder"
                )


def write_data_set(
    folder: Path, names: Iterable[str], make: Callable[[Path], None], *, last: str = ""
) -> None:
    """Write files into a temporary folder, then move them to their place and remove old files.

    A call after a killed one finishes the work, because the note is written before files move.

    Parameters
    ----------
    folder : Path
        Created if missing.
    names : iterable of str
        See `check_replaceable`.
    make : callable
        Called with the folder to write into.
    last : str
        The file that is removed first and moved last, so that a folder that has it is complete.

    Raises
    ------
    FileExistsError
        See `check_replaceable`.
    gclust.StudyError
        If the folder cannot be written.
    """
    names = list(names)
    check_replaceable(folder, names)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder, PREFIX)
        temporary = TemporaryFolder(folder, PREFIX)
        try:
            new = temporary.path / "new"
            new.mkdir()
            make(new)
            check_replaceable(folder, names)
            _move(new, folder, names, last)
        finally:
            temporary.remove()


def _move(new: Path, folder: Path, names: list[str], last: str) -> None:
    before = _read(folder)
    made = {path.relative_to(new).as_posix(): [_sum(path)] for path in _files(new)}
    both = {name: before.get(name, []) + made.get(name, []) for name in {**before, **made}}
    _write(folder, both)
    old = [path for name in names for path in _files(folder / name)]
    for path in sorted(old, key=lambda path: path != folder / last):
        path.unlink()
    for name in sorted(made, key=lambda name: name == last):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(folder / name):
            raise FileExistsError(
                f"{folder / name} was written meanwhile by another process and is not"
                " replaced; move it away, or name another folder"
            )
        os.rename(new / name, folder / name)
    gone = {name for name in before if not os.path.lexists(folder / name)}
    _write(folder, {name: sums for name, sums in {**before, **made}.items() if name not in gone})


def _files(path: Path) -> list[Path]:
    """List a file, or all files below a folder."""
    if path.is_symlink() or not path.is_dir():
        return [path] if os.path.lexists(path) else []
    return [inner for each in sorted(path.iterdir()) for inner in _files(each)]


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> Note:
    """Read the note of a folder, empty if it cannot be read."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return {str(name): [str(each) for each in sums] for name, sums in note.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _write(folder: Path, note: Note) -> None:
    text = json.dumps(note, indent=0, sort_keys=True) + "\n"
    partial = folder / f"{NOTE}.new"
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, folder / NOTE)
