"""Checkpoint of a sweep: finished grid points on disk, from which a killed sweep resumes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path

import gclust
from gclust.experiments.grid import Pair, Pairs
from gclust.experiments.sweep.grid_point import GridPoint
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.rasters import files_of
from gclust.pipeline.score_columns import ScoreColumns
from gclust.results.folders import PREFIX, write_file
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml
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


def digest(study: Study, pairs: Pairs, engine: Engine, prepared: Prepared) -> str:
    """Return a hash, as text, of everything that the results of a sweep depend on.

    Listings enter as a sum of hashes of rows, which does not depend on their order.
    """
    columns = ("kind", "record", "lat", "lon", "units", "reason", *study.needed_columns)
    inputs = (
        [field.name for field in fields(GridPoint)],
        gclust.__version__,
        study_toml(study, study.folder),
        pairs,
        sorted(prepared.world_totals.items()),
        engine.fingerprint("listings", columns),
        _raster_digest(study),
        [resolved.indicator.origin for resolved in resolve_indicators(study.indicators)],
    )
    return hashlib.sha256(repr(inputs).encode()).hexdigest()


def _raster_digest(study: Study) -> str:
    """Return a digest of the population raster, "" if scores do not depend on inhabitants."""
    if "population" not in ScoreColumns(study).looks_at or study.population.raster is None:
        return ""
    whole = hashlib.sha256()
    for path in map(Path, files_of(study, study.population).files):
        # Some rasters are folders.
        for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if part.is_file():
                with part.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
