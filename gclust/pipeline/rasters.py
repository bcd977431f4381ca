"""The population rasters of a study, found and checked before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gclust.errors import StudyError
from gclust.places.rasters.check import RasterSummary, check_raster
from gclust.places.rasters.files import RasterFiles, rebased_path
from gclust.study.schema import Study
from gclust.study.sections import OtherRaster, Population

FIRST_BAND = 1
"""The default band."""


@dataclass(frozen=True)
class RasterUsed:
    """A raster of a study with the result of its check.

    Attributes
    ----------
    where : str
        The key of the study that names the raster.
    raster : str
        The raster as the study names it.
    chosen : bool
        Whether the study chooses the band.
    found : Checked
    """

    where: str
    raster: str
    chosen: bool
    found: RasterSummary

    @property
    def warning(self) -> str | None:
        """The warning that the raster has several bands and the study chooses none, or None."""
        if self.chosen or len(self.found.bands) == 1:
            return None
        return (
            f"{self.where}: {self.raster} has {len(self.found.bands)} bands"
            f" ({', '.join(self.found.bands)}), and band {self.found.band} is used, for the key"
            " band is not given; say which with band = 1 or another number"
        )

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The entry of ``run.json`` for a raster of several bands or files, or None for others."""
        if len(self.found.bands) == 1 and self.found.n_files == 1:
            return None
        return {
            "key": self.where,
            "raster": self.raster,
            "band": self.found.band,
            "bands": list(self.found.bands),
            "files": self.found.n_files,
        }


def files_of(study: Study, raster: Population | OtherRaster) -> RasterFiles:
    """Return the files of a raster of a study.

    Raises
    ------
    StudyError
        If none is named, or a pattern fits none.
    """
    if raster.raster is None:
        raise StudyError("[population] has no raster; set raster to a file of inhabitants")
    return RasterFiles.of(raster.raster, study.folder)


def band_of(raster: Population | OtherRaster) -> int:
    """Return the number of the raster's band that the study uses."""
    return FIRST_BAND if raster.band is None else raster.band


def absolute(study: Study, raster: Population | OtherRaster) -> str | tuple[str, ...] | None:
    """Return the absolute path or paths of a study's raster."""
    if raster.raster is None:
        return None
    if isinstance(raster.raster, str):
        return rebased_path(raster.raster, study.folder)
    return tuple(rebased_path(each, study.folder) for each in raster.raster)


def cells_raster(study: Study) -> RasterFiles | None:
    """Return the raster whose cells make up the footprints of the method ``raster``."""
    if study.population.raster is not None:
        return files_of(study, study.population)
    return next((files_of(study, other) for other in study.intensity.rasters), None)


def rasters_of(study: Study) -> Iterator[tuple[str, Population | OtherRaster]]:
    """Yield the rasters of a study, each with the name of the option that gives it."""
    if study.population.raster is not None:
        yield "[population] raster", study.population
    for position, other in enumerate(study.intensity.rasters, start=1):
        yield f"[intensity] rasters number {position}", other


def check_files(study: Study) -> list[RasterUsed]:
    """Check the rasters of a study before anything is computed.

    Raises
    ------
    StudyError
        If a file is not there or cannot be counted in; see
        `gclust.places.rasters.check.check_raster`.
    """
    used = []
    for where, raster in rasters_of(study):
        try:
            files = files_of(study, raster)
            missing = next((file for file in files.files if not Path(file).exists()), None)
            if missing is not None:
                raise StudyError(f"{missing} does not exist; expected a raster of inhabitants")
            found = check_raster(files, band_of(raster))
        except StudyError as error:
            raise StudyError(f"{where}: {error}") from error
        used.append(RasterUsed(where, _spelled(study, raster), raster.band is not None, found))
    return used


def _spelled(study: Study, raster: Population | OtherRaster) -> str:
    """Return a raster's path relative to the study's folder; outside it, only its name."""
    if raster.raster is None:
        return ""
    given = (raster.raster,) if isinstance(raster.raster, str) else raster.raster
    first = rebased_path(given[0], study.folder, study.folder)
    if Path(first).is_absolute() or Path(first).parts[:1] == ("..",):
        first = Path(first).name
    return f"{first} and {len(given) - 1} more" if len(given) > 1 else first


def warnings_of(used: Iterable[RasterUsed]) -> list[str]:
    """Return the warnings about rasters whose band the study has not chosen."""
    return [raster.warning for raster in used if raster.warning is not None]
