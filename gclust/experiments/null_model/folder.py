"""Result folder of a null model: tables, the draws, and metadata."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gclust.experiments.null_model.result import NullModel
from gclust.progress import Report, stage
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result

TABLES = {"null_model": "table", "null_places": "places"}
"""Attribute of a null model that each file holds, by file name."""


def write_null_model(found: NullModel, place: Place, progress: Report) -> NullModel:
    """Write the result folder of a null model; see `gclust.results.writer.write_result`.

    It holds ``null_model.csv`` (the clusters) and ``null_places.csv``, the same as Parquet,
    ``null_draws.parquet`` (the largest excess of each draw), ``study.toml``,
    ``null_model.json`` and ``datapackage.json``. `read_null_model` reads it back.
    """

    def fill(folder: ResultWriter) -> None:
        with stage(progress, "write tables"):
            for name, field in TABLES.items():
                folder.csv(name, getattr(found, field))
                folder.parquet(name, getattr(found, field))
            folder.parquet("null_draws", pd.DataFrame({"largest_excess": found.largest}))
            folder.study(found.study)
            folder.json("null_model", _info(found))
            write_data_package(folder, "null_model", found.study)

    return write_result(found, place, fill)


def _info(found: NullModel) -> dict[str, object]:
    wanted = found.study.null
    return {
        **versions(),
        "study": found.study.study.name,
        "units": found.units,
        "n_units": found.n_units,
        "baseline": wanted.baseline,
        "within": wanted.within,
        "radius_km": found.radius_km,
        "n_places": found.n_places,
        "draws": wanted.draws,
        "seed": wanted.seed,
        "level": wanted.level,
        "critical_excess": found.critical,
        "p_value": found.p_value,
        "warnings": list(found.warnings),
    }


def read_null_model(path: str | Path) -> NullModel:
    """Read a null model back from its result folder, as `gclust.null_model` returned it.

    Parameters
    ----------
    path : path-like
        The folder that ``gclust null -o`` or ``gclust.null_model(out=...)`` wrote.

    Returns
    -------
    NullModel

    Raises
    ------
    StudyError
        If the folder does not hold a null model, or a file of it is missing or broken.

    Examples
    --------
    >>> import gclust
    >>> done = gclust.null_model(gclust.datasets.example_study(), out="my-null-model")
    >>> gclust.read_null_model("my-null-model").n_units == done.n_units
    True
    """
    folder = ResultReader(path, "null_model")
    tables = {field: folder.table(f"{name}.parquet") for name, field in TABLES.items()}
    largest = folder.table("null_draws.parquet", ["largest_excess"])
    study = folder.study()
    with folder.reading("null_model.json"):
        return NullModel(
            study=study,
            **tables,
            largest=largest["largest_excess"].to_numpy(dtype=float),
            critical=float(folder.info["critical_excess"]),
            p_value=float(folder.info["p_value"]),
            n_places=int(folder.info["n_places"]),
            radius_km=float(folder.info["radius_km"]),
            units=folder.info["units"],
            n_units=int(folder.info["n_units"]),
            warnings=tuple(folder.info["warnings"]),
            path=folder.path,
        )
