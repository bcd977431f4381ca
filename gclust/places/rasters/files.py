"""The files of a raster: one file, or the tiles in a folder, a pattern or a list."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gclust.errors import StudyError

RasterPath = str | os.PathLike[str]

ENDINGS = (".tif", ".tiff")
"""Endings of files in a folder that are tiles."""

SIDECARS = (".aux.xml", ".ovr", ".msk")
"""Endings of files that GDAL writes next to a raster, which are never tiles."""


@dataclass(frozen=True)
class RasterFiles:
    """The files of one raster.

    Attributes
    ----------
    path : str
        Name of the raster in errors: the file, the folder or the pattern.
    files : tuple of str
        At least one, in the order of their paths where a folder or a pattern names them.
    is_list : bool
        Whether several entries name them.
    """

    path: str
    files: tuple[str, ...]
    is_list: bool = False

    @classmethod
    def of(
        cls, raster: RasterPath | Sequence[RasterPath] | RasterFiles, folder: RasterPath = ""
    ) -> RasterFiles:
        """Find the files of a raster, given as a file, a folder, a pattern or a list.

        Parameters
        ----------
        raster : path or sequence of paths
            A file, whatever GDAL opens, a folder of ``.tif`` files or a pattern such as
            ``tiles/*.tif``, ``**`` meaning folders of any depth; the name of an existing file is no
            pattern.
        folder : path
            Relative paths are relative to it.

        Raises
        ------
        StudyError
            If a pattern or a list names no file.
        """
        if isinstance(raster, RasterFiles):
            return raster
        listed = [raster] if isinstance(raster, str | os.PathLike) else list(raster)
        if not listed or not all(map(os.fspath, listed)):
            raise StudyError(
                f"raster = {raster!r}; expected a file of inhabitants per cell, or a list of files"
            )
        found = [file for each in listed for file in _files(os.fspath(each), os.fspath(folder))]
        path = os.path.join(folder, listed[0])
        if len(listed) > 1:
            path += f" and {len(listed) - 1} more"
        return cls(path, tuple(dict.fromkeys(found)), len(listed) > 1)

    @property
    def name(self) -> str:
        """Short name of the raster, for warnings."""
        path = Path(self.path)
        fits = len(self.files) > 1 and glob.has_magic(path.name)
        return f"{path.parent.name}/{path.name}" if fits else path.name

    @property
    def stem(self) -> str:
        """Default name in comparisons: that of the file without ending, or of the tiles' folder."""
        path = Path(self.files[0] if self.is_list else self.path)
        if self.is_list and len(self.files) > 1:
            return f"{path.stem} and {len(self.files) - 1} more"
        if path.exists() or not glob.has_magic(path.name):
            return path.name if path.is_dir() else path.stem
        plain = [part for part in path.parts[:-1] if not glob.has_magic(part)]
        return plain[-1] if plain else "tiles"


def is_pattern(path: RasterPath, folder: RasterPath = "") -> bool:
    """Return whether a path is a pattern, not the name of an existing file or folder."""
    return glob.has_magic(os.fspath(path)) and not os.path.exists(os.path.join(folder, path))


def _files(path: str, folder: str) -> list[str]:
    """List the files of one entry: a file, a folder or a pattern."""
    whole = os.path.join(folder, path)
    if is_pattern(path, folder):
        # The folder's own name may contain characters of patterns.
        fit = sorted(glob.glob(path, root_dir=folder or None, recursive=True))
        files = [os.path.join(folder, each) for each in fit if not each.endswith(SIDECARS)]
        files = [each for each in files if os.path.isfile(each)]
        if not files:
            raise StudyError(
                f"{whole}: no file fits the pattern; expected the tiles of a raster, such as"
                ' raster = "tiles/*.tif"'
            )
        return files
    if os.path.isdir(whole):
        names = (name for name in sorted(os.listdir(whole)) if not name.startswith("."))
        tiles = [os.path.join(whole, name) for name in names if name.lower().endswith(ENDINGS)]
        return [tile for tile in tiles if os.path.isfile(tile)] or [whole]
    return [whole]


def rebased_path(path: str, folder: Path, home: Path | None = None) -> str:
    """Convert a path or pattern relative to one folder into one relative to another.

    Parameters
    ----------
    path : str
    folder : Path
        The folder to which it is relative.
    home : Path, optional
        The new folder; without it the result is absolute.
    """
    parts = Path(path).parts
    plain = len(parts)
    if is_pattern(path, folder):
        plain = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    start = folder.joinpath(*parts[:plain])
    spelled = os.path.abspath(start) if home is None else os.path.relpath(start, home)
    spelled = Path(spelled).as_posix()
    # The folders before the pattern are not part of it.
    return "/".join([glob.escape(spelled), *parts[plain:]]) if plain < len(parts) else spelled
