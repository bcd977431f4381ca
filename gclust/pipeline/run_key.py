"""A digest of everything that the results of a run depend on."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import requires, version
from pathlib import Path

import gclust
from gclust.errors import StudyError
from gclust.listings.sources.files import matching_files
from gclust.pipeline.earlier_run import earlier_files
from gclust.pipeline.prepare import source_files
from gclust.pipeline.rasters import files_of, rasters_of
from gclust.places.given_areas import area_files
from gclust.study.indicators import resolve_indicators
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml

State = tuple[str, int, int, int]
"""Path, size, time of change in ns and inode of a file."""


def run_key(study: Study) -> str | None:
    """Return a digest of a study, of its files' states, of gclust's code and of the libraries.

    Files are not read: their size, time of change and inode are compared. It is None if this cannot
    show that inputs are the same (tables in memory, SQL, rasters that are no files), or if a
    file is missing.
    """
    if any(source.sql is not None or source.data is not None for source in study.sources):
        return None
    try:
        states = [*map(_state, _inputs(study)), *_states_below(Path(gclust.__file__).parent)]
    except (OSError, StudyError):
        return None
    parts = (
        gclust.__version__,
        platform.python_version(),
        platform.machine(),
        sorted(_libraries()),
        str(study.folder),
        study_toml(study, study.folder),
        study.needs,
        [resolved.indicator.origin for resolved in resolve_indicators(study.indicators)],
        states,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _inputs(study: Study) -> Iterator[str]:
    """Yield the paths of the files that a run reads."""
    for source in study.sources:
        yield from matching_files(source_files(study, source).path, source.kind)
    rasters = [files_of(study, raster).files for _, raster in rasters_of(study)]
    files = list(dict.fromkeys(file for found in rasters for file in found))
    yield from files
    yield from _helpers(files)
    if study.places.given is not None:
        yield from area_files(study.folder / study.places.given)
    yield from earlier_files(study)


def _helpers(rasters: Iterable[str]) -> Iterator[str]:
    """Yield the files that GDAL reads with rasters: of the same name, or named in them."""
    by_folder: dict[Path, set[str]] = {}
    for raster in map(Path, rasters):
        by_folder.setdefault(raster.parent, set()).add(raster.stem)
        if raster.is_dir():
            yield from sorted(str(path) for path in raster.rglob("*") if path.is_file())
        elif raster.suffix.lower() not in (".tif", ".tiff"):
            import rasterio

            with rasterio.open(raster) as opened:
                yield from opened.files
    for folder, stems in by_folder.items():
        for path in sorted(folder.iterdir()):
            if path.name.split(".")[0] in {stem.split(".")[0] for stem in stems}:
                yield str(path)


def _states_below(folder: Path) -> Iterator[State]:
    """Yield the states of the files of a package."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (_state(os.path.join(here, name)) for name in sorted(names))


def _state(path: str) -> State:
    found = os.stat(path)
    return path, found.st_size, found.st_mtime_ns, found.st_ino


def _libraries() -> Iterator[str]:
    """Yield the libraries that gclust needs, with their versions."""
    for line in requires("gclust") or []:
        if "extra ==" not in line:
            name = re.split(r"[^\w.-]", line)[0]
            yield f"{name} {version(name)}"
