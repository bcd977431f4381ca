"""Data sets written into a folder, where nothing is replaced that was not made so."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from gclust.disk import writing
from gclust.folders import TemporaryFolder, remove_abandoned

NOTE = ".gclust-made.json"
"""Names each file that was made, with the sums that its content may have."""
PREFIX = ".gclust-partial-"

Note = dict[str, list[str]]


def check_place(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder in which a file would be replaced that was not made by gclust.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Files that will be made, and folders in which nothing else may be.

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


def make_in(
    folder: Path, names: Iterable[str], make: Callable[[Path], None], *, last: str = ""
) -> None:
    """Make files beside their place, then move them there; what was made before goes.

    After a kill the next call goes on: all that it may replace is noted before.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    names : iterable of str
        See `check_place`.
    make : callable
        Called with the folder to write into.
    last : str
        The file that goes first and comes last, so that a folder that has it is whole.

    Raises
    ------
    FileExistsError
        See `check_place`.
    gclust.StudyError
        If the folder cannot be written.
    """
    names = list(names)
    check_place(folder, names)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder, PREFIX)
        beside = TemporaryFolder(folder, PREFIX)
        try:
            new = beside.path / "new"
            new.mkdir()
            make(new)
            check_place(folder, names)
            _move(new, folder, names, last)
        finally:
            beside.remove()


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
            raise FileExistsError(f"{folder / name} came meanwhile and is not replaced")
        os.rename(new / name, folder / name)
    gone = {name for name in before if not os.path.lexists(folder / name)}
    _write(folder, {name: sums for name, sums in {**before, **made}.items() if name not in gone})


def _files(path: Path) -> list[Path]:
    """A file, or all that is in a folder and no folder itself."""
    if path.is_symlink() or not path.is_dir():
        return [path] if os.path.lexists(path) else []
    return [inner for each in sorted(path.iterdir()) for inner in _files(each)]


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> Note:
    """What is noted of a folder; nothing where the note cannot be read."""
    try:
        told = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return {str(name): [str(each) for each in sums] for name, sums in told.items()}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _write(folder: Path, note: Note) -> None:
    text = json.dumps(note, indent=0, sort_keys=True) + "\n"
    partial = folder / f"{NOTE}.new"
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, folder / NOTE)
