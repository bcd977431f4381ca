"""Checkpoint of a sweep: finished grid points on disk, from which a killed sweep resumes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import gclust
from gclust.experiments.grid import Pair, Pairs
from gclust.experiments.sweep.grid_point import GridPoint
from gclust.results.folders import PREFIX, write_file
from gclust.temporary_folders import remove_abandoned

DIGITS = 16
DIGEST = re.compile(f"[0-9a-f]{{{DIGITS}}}")
PAIR_FILE = re.compile(r"eps-[-+.\w]+-min-[-+.\w]+\.json")
LONGEST_NAME = 200
"""Most bytes of a folder's name, as file names with prefix and digest have up to 255 bytes."""


class Checkpoint:
    """Checkpoint with a file for each finished pair of parameters, in a hidden folder.

    The folder's name holds a digest of the study, its listings and the grid (see `digest`), so that
    grid points of another sweep are never used. Files are written whole and depend on nothing else,
    so two processes can work on one sweep. ``out`` is the folder of the sweep, without links.
    """

    def __init__(self, out: Path, digest: str) -> None:
        self._parent = out.parent
        self._start = f".{_shortened(out.name)}.sweep-"
        self.folder = self._parent / f"{self._start}{digest[:DIGITS]}"

    def read(self, pair: Pair) -> GridPoint | None:
        """Return the results at one pair of parameters, or None if they are not finished."""
        try:
            text = self._file(pair).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return GridPoint(**json.loads(text))

    def write(self, pair: Pair, point: GridPoint) -> None:
        """Write the results at one pair of parameters to its file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Python writes floats so that they read back the same, NaN included.
        write_file(self._file(pair), json.dumps(asdict(point)).encode())

    def remove(self) -> None:
        """Remove this checkpoint and all other sweeps' checkpoints for the same output folder."""
        for name in os.listdir(self._parent):
            if name.startswith(self._start) and DIGEST.fullmatch(name, len(self._start)):
                _remove_pairs(self._parent / name)

    def _file(self, pair: Pair) -> Path:
        return self.folder / f"eps-{pair[0]!r}-min-{pair[1]!r}.json"


def _shortened(name: str) -> str:
    """Return a name, or its digest if the name is too long to be part of another name."""
    if len(os.fsencode(name)) <= LONGEST_NAME:
        return name
    return hashlib.sha256(os.fsencode(name)).hexdigest()[: 2 * DIGITS]


def _remove_pairs(folder: Path) -> None:
    """Remove the files of finished pairs, and their folder if nothing else is in it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    remove_abandoned(folder, PREFIX)
    with suppress(OSError):
        for name in os.listdir(folder):
            if PAIR_FILE.fullmatch(name):
                (folder / name).unlink()
        folder.rmdir()


def digest(pairs: Pairs, inputs: Mapping[str, Any]) -> str:
    """Return a hash, as text, of everything that the results of a sweep depend on.

    ``inputs`` are those of `gclust.experiments.input_digests.input_digests`.
    """
    names = [field.name for field in fields(GridPoint)]
    whole = names, gclust.__version__, pairs, sorted(inputs.items())
    return hashlib.sha256(repr(whole).encode()).hexdigest()
