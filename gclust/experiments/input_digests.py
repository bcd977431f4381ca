"""Digests of everything that the results of a sweep or bootstrap depend on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gclust.listings.engines.protocol import Engine
from gclust.pipeline.earlier_run import earlier_files
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.rasters import files_of
from gclust.pipeline.score_columns import ScoreColumns
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml


def input_digests(study: Study, engine: Engine, prepared: Prepared) -> dict[str, Any]:
    """Return the study and digests of its data by name, as values that JSON can hold.

    Listings enter as a sum of hashes of rows, which does not depend on their order; paths in the
    study are relative to its folder.
    """
    columns = ("kind", "record", "lat", "lon", "units", "reason", *study.needed_columns)
    origins = (resolved.indicator.origin for resolved in resolve_indicators(study.indicators))
    return {
        "study": study_toml(study, study.folder),
        "listings": engine.fingerprint("listings", columns),
        "world totals": dict(sorted(prepared.world_totals.items())),
        "population raster": raster_digest(study),
        "origin of indicators": list(origins),
        **_earlier_run(study),
    }


def _earlier_run(study: Study) -> dict[str, Any]:
    """Return the digests of the run on which clusters are formed, if there is one."""
    digests = []
    for path in earlier_files(study):
        with open(path, "rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return {"earlier run": digests} if digests else {}


def raster_digest(study: Study) -> str:
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
