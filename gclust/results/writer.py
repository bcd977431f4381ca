"""The writer of result folders, for runs, sweeps and all experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

import gclust
from gclust.escapes import harmless
from gclust.results.folders import Place
from gclust.results.manifest import write_json
from gclust.study.schema import Study
from gclust.study.write_toml import study_toml

CSV_NUMBERS = "%.12g"
LIBRARIES = ("duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy")
"""The libraries that can change the numbers of an experiment."""

Result = TypeVar("Result")


class ResultWriter:
    """The writer of the files of a result folder.

    No file contains a time or anything else that differs between two runs of the same study, but
    for the block ``execution`` of ``run.json`` and the times in ``ro-crate-metadata.json``. The
    files are written in ``folder``, which will be at ``home``: paths in studies are relative to it.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.csv_encoding = "utf-8"

    @property
    def figures(self) -> Path:
        """The folder for plots and maps."""
        return self.folder / "figures"

    def parquet(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as Parquet, so that it is read back unchanged."""
        table.to_parquet(self.folder / f"{name}.parquet", index=False, compression="zstd")

    def csv(self, name: str, table: pd.DataFrame, *, numbers: str | None = CSV_NUMBERS) -> None:
        """Write a table as a CSV file; see `write_csv`."""
        path = self.folder / f"{name}.csv"
        write_csv(table, path, numbers=numbers, encoding=self.csv_encoding)

    def study(self, study: Study, name: str = "study") -> None:
        """Write a study with all its defaults, so that it can be run from the folder."""
        text = study_toml(study, self.home)
        (self.folder / f"{name}.toml").write_text(text, encoding="utf-8")

    def json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a mapping as JSON."""
        write_json(self.folder / f"{name}.json", content)


def write_result(result: Result, place: Place, fill: Callable[[ResultWriter], None]) -> Result:
    """Write the folder of a result, completely or not at all; return the result with its path.

    The result is a dataclass with a field ``path``; ``fill`` writes the files. For errors see
    `gclust.results.folders.Place`.
    """
    path = place.write(lambda folder: fill(ResultWriter(folder, place.path)))
    return replace(result, path=path)  # type: ignore[type-var]


def versions() -> dict[str, Any]:
    """Return the versions of gclust and its libraries for the JSON file of an experiment."""
    return {"gclust": gclust.__version__, "libraries": {name: version(name) for name in LIBRARIES}}


def write_csv(
    table: pd.DataFrame,
    path: Path,
    *,
    numbers: str | None = CSV_NUMBERS,
    encoding: str = "utf-8",
) -> None:
    """Write a CSV file; texts are made safe: no formulas, line breaks or control characters.

    ``numbers`` is how floats are written; None for all digits, so that they are the same when read.
    """
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [harmless(value) for value in safe[column]]
    safe.columns = [harmless(column) for column in safe.columns]
    safe.to_csv(path, index=False, encoding=encoding, float_format=numbers, lineterminator="\n")
