"""Search for gclust's columns in each file of a source; all files must have the same columns."""

from __future__ import annotations

from collections.abc import Sequence

from gclust.errors import StudyError
from gclust.listings.sources.column_names import AXES, FileColumns, match_columns
from gclust.listings.sources.files import format_of
from gclust.listings.sources.source import SourceFiles

MOST_FAULTS = 20


class ColumnError(StudyError):
    """Error that names each column that is missing or occurs twice, and its file."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        super().__init__("; ".join(faults[:MOST_FAULTS]) + more)


class ColumnResolver:
    """Finder of gclust's columns in a source; ``files`` maps each file's path to its columns."""

    def __init__(self, source: SourceFiles) -> None:
        self._source = source
        self._faults: list[str] = []
        self.files: dict[str, FileColumns] = {}

    def resolve(self, path: str, names: Sequence[str], *, by_geometry: bool = False) -> None:
        """Find gclust's columns among the columns of a file."""
        source = self._source
        left_out = AXES if by_geometry else ()
        help_of_one = ""
        if source.delimiter is None and source.is_file and format_of(path) == "csv":
            help_of_one = "if the file has several columns, name their delimiter in the source"
        self.files[path], faults = match_columns(
            names,
            {name: own for name, own in source.columns.items() if name not in left_out},
            () if source.years is None else ("year",),
            by_geometry=by_geometry,
            help_of_one=help_of_one,
        )
        self._faults += [f"{path}: {fault}" for fault in faults]

    def check(self) -> None:
        """Raise ColumnError if a column is missing, occurs twice, or is not in all files."""
        faults = self._faults or self._differences()
        if faults:
            raise ColumnError(faults)

    def _differences(self) -> list[str]:
        everywhere = {name for columns in self.files.values() for name in columns.used}
        faults = []
        for path, columns in self.files.items():
            for name in sorted(everywhere - set(columns.used)):
                other = next(each for each, its in self.files.items() if name in its.used)
                column = self.files[other].user_columns[name]
                faults.append(
                    f"{path}: column {column!r} ({name}) is missing, which {other} has; expected"
                    " the same columns in all files of a source"
                )
        return faults

    @property
    def first(self) -> FileColumns:
        """The columns of the first file; see `FileColumns`."""
        return next(iter(self.files.values()), FileColumns((), {}))

    @property
    def names(self) -> tuple[str, ...]:
        """The column names of all files, each once."""
        return tuple(dict.fromkeys(name for each in self.files.values() for name in each.names))

    @property
    def hints(self) -> tuple[str, ...]:
        """Hints: unused columns that may be one of gclust's columns, such as the record."""
        return tuple(dict.fromkeys(hint for each in self.files.values() for hint in each.hints))
