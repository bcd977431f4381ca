"""The study of a run with its inputs, at their places or in another folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from gclust.errors import StudyError
from gclust.experiments.verify.folder import RunFolder
from gclust.study.schema import Study, study_from
from gclust.study.sections import OtherRaster, Population, Source

OUTSIDE = ".."
"""First part of the path of an input outside of the study's folder."""


def study_of(
    folder: RunFolder, inputs: str | Path | None, listings: Mapping[str, Any] | None
) -> Study:
    """Return the study of a run, with paths that lead to its inputs.

    Parameters
    ----------
    folder : RunFolder
    inputs : path-like, optional
        A folder that holds the inputs as the study's folder did; inputs from outside of that are
        directly in it. By default they are where they were, seen from the run's folder.
    listings : mapping, optional
        Kind -> table in memory.

    Raises
    ------
    StudyError
        If an input is not there.
    """
    root = folder.study_folder if inputs is None else Path(inputs).resolve()
    if inputs is not None and not root.is_dir():
        raise StudyError(f"{inputs}: is not a folder; expected the folder of the run's inputs")
    study = study_from(
        folder.info["resolved_study"], folder=root, name=str(folder.path / "run.json")
    )
    if inputs is not None:
        study = _gathered(study)
    if listings:
        given = {source.kind for source in study.sources if source.data is not None}
        if unknown := set(listings) - given:
            raise StudyError(
                f"the listings of kind {min(unknown)!r} were no table in memory but files, which"
                " the run is verified with; leave the table out"
            )
        study = replace(
            study,
            sources=tuple(
                replace(source, data=listings.get(source.kind, source.data))
                if source.data is not None
                else source
                for source in study.sources
            ),
        )
    for path in _paths(study):
        _check(root, path, folder, inputs)
    return study


def _gathered(study: Study) -> Study:
    """Return a study whose inputs from outside of its folder are directly in the folder.

    They have the same names in results as before, where only the name of such a file stands.
    """

    def moved(item: Any) -> Any:
        given = item.raster
        if given is None:
            return item
        return replace(
            item, raster=_inside(given) if isinstance(given, str) else tuple(map(_inside, given))
        )

    def of(source: Source) -> Source:
        return source if source.path is None else replace(source, path=_inside(source.path))

    formed_on = study.clusters.formed_on
    if formed_on is not None and formed_on.run is not None:
        formed_on = replace(formed_on, run=_inside(formed_on.run))
    return replace(
        study,
        sources=tuple(of(source) for source in study.sources),
        clusters=replace(study.clusters, formed_on=formed_on),  # type: ignore[type-var]
        population=moved(study.population),
        places=study.places
        if study.places.given is None
        else replace(study.places, given=_inside(study.places.given)),
        intensity=replace(
            study.intensity, rasters=tuple(moved(each) for each in study.intensity.rasters)
        ),
    )


def _inside(path: str) -> str:
    known = PurePosixPath(path)
    outside = known.parts[:1] == (OUTSIDE,) or Path(path).is_absolute()
    return known.name if outside else path


def _paths(study: Study) -> Iterator[str]:
    rasters: list[Population | OtherRaster] = [study.population, *study.intensity.rasters]
    yield from (source.path for source in study.sources if source.path is not None)
    if study.places.given is not None:
        yield study.places.given
    formed_on = study.clusters.formed_on
    if formed_on is not None and formed_on.run is not None:
        yield formed_on.run
    for raster in rasters:
        if isinstance(raster.raster, str):
            yield raster.raster
        elif raster.raster is not None:
            yield from raster.raster


def _check(root: Path, path: str, folder: RunFolder, inputs: str | Path | None) -> None:
    """Raise StudyError if nothing is where an input should be."""
    whole = os.path.join(root, path)
    if os.path.lexists(whole) or glob.glob(whole, recursive=True) or "://" in path:
        return
    known = {each["path"]: each for each in folder.info["inputs"]}
    digest = known.get(path, known.get(PurePosixPath(path).name, {})).get("sha256")
    which = "" if digest is None else f", the file of sha256 {digest},"
    where = (
        "name the folder that holds the inputs (--inputs)"
        if inputs is None
        else f"expected it at {path} in the folder of the inputs"
    )
    raise StudyError(f"{whole}: there is no such input{which} which the run has read; {where}")
