"""gclust's columns in every file of a source: found, and the same in all."""

from __future__ import annotations

from collections.abc import Sequence

from gclust.errors import StudyError
from gclust.listings.sources.column_names import Naming, columns_summary, find_columns
from gclust.listings.sources.files import format_of
from gclust.listings.sources.source import SourceFiles

MOST_FAULTS = 20


class ColumnError(StudyError):
    """Columns of a source are missing, or there twice.

    Attributes
    ----------
    faults : list of str
        One sentence for each, with its file.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        super().__init__("; ".join(faults[:MOST_FAULTS]) + more)


class ColumnResolver:
    """The columns that serve in each file of a source.

    Parameters
    ----------
    source : SourceFiles
    """

    def __init__(self, source: SourceFiles) -> None:
        self._source = source
        self._names: dict[str, tuple[str, ...]] = {}
        self._naming: dict[str, Naming] = {}
        self._geometry: dict[str, bool] = {}
        self._faults: list[str] = []

    def resolve(self, path: str, names: Sequence[str], *, by_geometry: bool = False) -> None:
        """Find gclust's columns among those of a file."""
        source = self._source
        named = dict(source.columns)
        if by_geometry:
            named = {name: own for name, own in named.items() if name not in ("lat", "lon")}
        wanted = () if source.years is None else ("year",)
        help_of_one = ""
        if source.delimiter is None and source.is_file and format_of(path) == "csv":
            help_of_one = "if the file has several columns, name their delimiter in the source"
        naming, faults = find_columns(
            names, named, wanted, by_geometry=by_geometry, help_of_one=help_of_one
        )
        self._names[path] = tuple(names)
        self._naming[path] = naming
        self._geometry[path] = by_geometry
        self._faults += [f"{path}: {fault.message}" for fault in faults]

    def check(self) -> None:
        """Refuse what is missing, and columns that some files have and others do not.

        Raises
        ------
        ColumnError
            The message names every file and column.
        """
        if not self._faults:
            self._faults += self._differences()
        if self._faults:
            raise ColumnError(self._faults)

    def _differences(self) -> list[str]:
        everywhere = {name for naming in self._naming.values() for name in naming.used}
        faults = []
        for path, naming in self._naming.items():
            for name in sorted(everywhere - set(naming.used)):
                other = next(each for each, has in self._naming.items() if name in has.used)
                column = self._names[other][self._naming[other].used[name]]
                faults.append(
                    f"{path}: column {column!r} ({name}) is missing, which {other} has; expected"
                    " the same columns in all files of a source"
                )
        return faults

    def used(self, path: str) -> dict[str, int]:
        """Gclust's name of each column that serves in a file -> its position there."""
        return self._naming[path].used

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all files, each once."""
        return tuple(dict.fromkeys(name for names in self._names.values() for name in names))

    @property
    def user_columns(self) -> dict[str, str]:
        """Gclust's name of each column that serves -> the user's, of the first file."""
        if not self._names:
            return {}
        path = next(iter(self._names))
        return {name: self._names[path][at] for name, at in self._naming[path].used.items()}

    @property
    def summary(self) -> str:
        """Say in one line which column serves as what."""
        if not self._names:
            return ""
        path = next(iter(self._names))
        return columns_summary(self._names[path], self._naming[path].used, self._geometry[path])

    @property
    def hints(self) -> tuple[str, ...]:
        """What a reader may want to name too."""
        return tuple(dict.fromkeys(hint for each in self._naming.values() for hint in each.hints))
