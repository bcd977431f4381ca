"""Which files of an output folder gclust wrote, so that no others are replaced with them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gclust.escapes import escaped

LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""What file browsers leave in folders that they show."""
BESIDE = ("-wal", "-shm", "-journal", ".aux.xml")
"""Endings of what programs put beside a GeoPackage or raster that they open."""


def note_files(folder: Path, what: str) -> None:
    """Note in ``<what>.json`` of an output folder the files that it holds.

    Whatever adds a file to a folder that is there already has to call it again.
    """
    path = folder / f"{what}.json"
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    told["files"] = sorted(name for name, _ in _entries(folder))
    text = json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True)
    path.write_text(escaped(text) + "\n", encoding="utf-8")


def foreign_entry(folder: Path, what: str) -> str | None:
    """Return the first file or folder in an output folder that gclust did not write there.

    Parameters
    ----------
    folder : Path
    what : str
        What it holds, ``"run"`` say.

    Returns
    -------
    str or None
        Its path within the folder. That of ``<what>.json`` where it does not tell.
    """
    told = f"{what}.json"
    try:
        noted = json.loads((folder / told).read_text(encoding="utf-8"))["files"]
        known = {name for name in noted if isinstance(name, str)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return told
    return next((name for name, _ in _entries(folder) if not _is_known(name, known)), None)


def remove_written(folder: Path, what: str) -> bool:
    """Remove what gclust wrote into an output folder, and the folder if that was all.

    Returns
    -------
    bool
        Whether nothing is left.
    """
    told = f"{what}.json"
    if foreign_entry(folder, what) == told:
        return False
    known = set(json.loads((folder / told).read_text(encoding="utf-8"))["files"])
    # Last what tells the others: after a kill the rest is still known.
    for name, path in sorted(_entries(folder), key=lambda entry: entry[0] == told):
        if _is_known(name, known) and not (path.is_dir() and not path.is_symlink()):
            path.unlink()
    for inner, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(inner)
        except OSError:
            return False
    return True


def _is_known(name: str, known: set[str]) -> bool:
    if name in known or name.rsplit("/", 1)[-1] in LITTER:
        return True
    return any(name.removesuffix(ending) in known for ending in BESIDE)


def _entries(folder: Path, within: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the files and empty folders in a folder: the path within, and the path."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name, path = within + entry.name, Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and any(os.scandir(path)):
            yield from _entries(path, name + "/")
        else:
            yield name, path
