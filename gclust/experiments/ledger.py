"""What a sweep has finished, kept on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import gclust
from gclust.experiments.pairs import Pair, Pairs
from gclust.listings.engine import Engine
from gclust.study.asked import ask
from gclust.study.atomic import write_file
from gclust.study.rasters import files_of
from gclust.study.schema import Study
from gclust.study.scored import ScoreColumns
from gclust.study.stages import Prepared
from gclust.study.toml import study_toml


class Ledger:
    """One file for each finished pair, in a hidden folder beside that of the sweep.

    Its name holds a digest of the study, of its listings and of what is swept: what another
    sweep left is not taken for this one's. Files are written whole, and the same whoever
    writes them, so two processes on one sweep do each other no harm.

    Parameters
    ----------
    out : Path
        The folder of the sweep.
    digest : str
        See `digest`.
    """

    def __init__(self, out: Path, digest: str) -> None:
        self._out = Path(os.path.abspath(out))
        self.folder = self._out.parent / f".{self._out.name}.sweep-{digest[:16]}"

    def read(self, pair: Pair) -> dict[str, Any] | None:
        """Return what was found for a pair, None if it is not there."""
        try:
            text = self._file(pair).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found: dict[str, Any] = json.loads(text)
        return found

    def write(self, pair: Pair, found: dict[str, Any]) -> None:
        """Keep what was found for a pair."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Python writes floats so that they read back the same, NaN included.
        write_file(self._file(pair), json.dumps(found).encode())

    def remove(self) -> None:
        """Remove the folder, and those of other sweeps meant for the same place."""
        for left in self._out.parent.glob(f".{self._out.name}.sweep-*"):
            shutil.rmtree(left, ignore_errors=True)

    def _file(self, pair: Pair) -> Path:
        return self.folder / f"eps-{pair[0]!r}-min-{pair[1]!r}.json"


def digest(study: Study, pairs: Pairs, engine: Engine, prepared: Prepared) -> str:
    """Digest of all that the results of a sweep follow from.

    Of the listings it is a sum of hashes of rows, which no order of rows changes.
    """
    columns = ", ".join(("kind", "record", "lat", "lon", "units", "reason", *study.needed_columns))
    query = f"SELECT count(*), sum(hash({columns})) FROM listings"
    rows = engine.connection.execute(query).fetchall()
    told = (
        gclust.__version__,
        study_toml(study, study.folder),
        pairs,
        sorted(prepared.world.items()),
        rows,
        _raster_digest(study),
        [asked.indicator.origin for asked in ask(study.indicators)],
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _raster_digest(study: Study) -> str:
    """Digest of the raster that scores follow from, if they do."""
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
