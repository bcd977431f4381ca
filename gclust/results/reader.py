"""The reader of result folders, with errors for missing, broken or incompatible files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from gclust.errors import StudyError, first_line
from gclust.study.schema import Study, read_study

Content = TypeVar("Content")

COMMANDS = {
    "run": "run",
    "sweep": "sweep",
    "comparison": "compare",
    "uncertainty": "uncertainty",
    "null_model": "null",
    "localisation": "localise",
    "part": "sweep or uncertainty with --shard",
}
"""The command that writes each kind of result folder."""

RENAMED_KEYS = {"players": "factors", "formed": "clusters"}
RENAMED_FILES = {"heaps.csv": "centroid_geocodes.csv", "parts.csv": "decomposition.csv"}
RENAMED_COLUMNS = {"caution": "diagnostics"}
"""Names of columns in earlier versions, with their present names."""


class ResultReader:
    """The reader of the files of a result folder.

    ``what`` is what the folder holds: ``"run"``, ``"sweep"``, ``"comparison"``,
    ``"uncertainty"``, ``"null_model"`` or ``"part"``. ``path`` is absolute, ``files`` are those
    that were written, and ``info`` is the content of ``<what>.json`` without them. Raises
    StudyError if the folder holds something else, or is of an earlier version; all methods raise
    it for a file that is missing or broken.
    """

    def __init__(self, path: str | Path, what: str) -> None:
        self._folder, self._what = Path(path), what
        self._again = f"run gclust {COMMANDS[what]} again"
        self.info = self._read_info()
        self.path = self._folder.resolve()
        with self.reading(f"{what}.json"):
            self.files = frozenset(self.info.pop("files", ()))
        for old, new in RENAMED_KEYS.items():
            if old in self.info:
                raise self._renamed(f"{what}.json", f"{old} is called {new} now")
        for old, new in RENAMED_FILES.items():
            if (self._folder / old).is_file():
                raise self._renamed(old, f"is called {new} now")

    def _read_info(self) -> dict[str, Any]:
        path = self._folder / f"{self._what}.json"
        if not path.is_file():
            raise StudyError(
                f"{self._folder}: holds no {self._what} (no {path.name}); expected a folder"
                f" written by gclust {COMMANDS[self._what]}"
            )
        found: dict[str, Any] = self.file(
            path.name, lambda path: json.loads(path.read_text(encoding="utf-8"))
        )
        if not isinstance(found, dict):
            raise self._broken(path.name, "it holds no names and values")
        return found

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Turn any error that occurs while a file is read into a StudyError that names the file."""
        try:
            yield
        except StudyError:
            raise
        except FileNotFoundError as error:
            raise self._unusable(name, "is missing") from error
        except Exception as error:
            own = error.strerror if isinstance(error, OSError) else None
            raise self._broken(name, own or first_line(error)) from error

    def file(self, name: str, read: Callable[[Path], Content]) -> Content:
        """Read a file with a function that takes its path."""
        with self.reading(name):
            return read(self._folder / name)

    def table(
        self,
        name: str,
        columns: Iterable[str] = (),
        read: Callable[[Path], pd.DataFrame] = pd.read_parquet,
    ) -> pd.DataFrame:
        """Read a table, and check that it has the given columns."""
        table = self.file(name, read)
        for old, new in RENAMED_COLUMNS.items():
            if old in table.columns:
                raise self._renamed(name, f"the column {old} is called {new} now")
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise self._broken(name, f"it has no column {missing[0]!r}")
        return table

    def study(self, name: str = "study") -> Study:
        """Read the study of the folder, which another version of gclust may have written."""
        try:
            return read_study(self._folder / f"{name}.toml")
        except StudyError as error:
            wrote = f"if another version of gclust wrote this {self._what}"
            raise StudyError(f"{error} ({wrote}, {self._again} with this one)") from error

    def _broken(self, name: str, why: str) -> StudyError:
        return self._unusable(name, f"cannot be read ({why})")

    def _unusable(self, name: str, how: str) -> StudyError:
        file = self._folder / name
        return StudyError(f"{file}: {how}, so the {self._what} is not whole; {self._again}")

    def _renamed(self, name: str, how: str) -> StudyError:
        return StudyError(
            f"{self._folder / name}: {how}; {self._again} with this version of gclust"
        )
