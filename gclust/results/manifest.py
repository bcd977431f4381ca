"""The list of files that gclust wrote into a result folder, so that it deletes no others."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gclust.escapes import escaped

LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Names of files that file browsers leave in folders."""
PREFIX = ".gclust-partial-"
"""What the names of temporary folders start with; a kill may leave an empty one."""
BESIDE = ("-wal", "-shm", "-journal", ".aux.xml")
"""Endings of files that programs create next to a GeoPackage or raster that they open."""


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, in which characters that could control a terminal are escaped."""
    path.write_text(json_text(content), encoding="utf-8")


def json_text(content: Mapping[str, Any]) -> str:
    """Return the text of a JSON file; see `write_json`."""
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True)
    return escaped(text) + "\n"


def note_files(folder: Path, what: str) -> None:
    """Write the list of a result folder's files into its ``<what>.json``, such as ``run.json``.

    Call it again after adding a file to an existing folder.
    """
    path = folder / f"{what}.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    content["files"] = sorted(name for name, _ in _entries(folder))
    write_json(path, content)


def foreign_entry(folder: Path, what: str) -> str | None:
    """Return the first entry of a result folder that gclust did not write, None if there is none.

    ``what`` is what it holds, for example ``"run"``. The path is that within the folder;
    ``<what>.json`` if that does not list the files.
    """
    manifest = f"{what}.json"
    try:
        noted = json.loads((folder / manifest).read_text(encoding="utf-8"))["files"]
        known = {name for name in noted if isinstance(name, str)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return manifest
    folders = {name.rsplit("/", 1)[0] for name in known if "/" in name}
    found = (
        name
        for name, path in _entries(folder)
        if name not in folders and not (name.startswith(PREFIX) and path.is_dir())
    )
    return next((name for name in found if not _is_known(name, known)), None)


def remove_written(folder: Path, what: str) -> bool:
    """Remove the files that gclust wrote into a result folder, and the folder if it is then empty.

    Returns whether nothing is left.
    """
    manifest = f"{what}.json"
    # It may be empty after a killed process.
    if any(folder.iterdir()):
        if foreign_entry(folder, what) == manifest:
            return False
        known = set(json.loads((folder / manifest).read_text(encoding="utf-8"))["files"])
        for name, path in _entries(folder):
            if (
                name != manifest
                and _is_known(name, known)
                and (path.is_symlink() or path.is_file())
            ):
                path.unlink()
        for inner, _, _ in os.walk(folder, topdown=False):
            with suppress(OSError):
                os.rmdir(inner)
        if names := os.listdir(folder):
            if names != [manifest]:
                return False
            # The list of files goes last, so that it still exists after a kill.
            (folder / manifest).unlink()
    os.rmdir(folder)
    return True


def _is_known(name: str, known: set[str]) -> bool:
    if name in known or name.rsplit("/", 1)[-1] in LITTER:
        return True
    return any(name.removesuffix(ending) in known for ending in BESIDE)


def _entries(folder: Path, within: str = "") -> Iterator[tuple[str, Path]]:
    """Yield relative and full path of each file and empty folder in a folder."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name, path = within + entry.name, Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and any(os.scandir(path)):
            yield from _entries(path, name + "/")
        else:
            yield name, path
