"""Result folder of rank uncertainty: tables, scores of all draws, a figure, and metadata."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gclust.experiments.uncertainty.draws_in_words import resampled_amounts
from gclust.experiments.uncertainty.result import Uncertainty
from gclust.progress import Report, stage
from gclust.report.rank_uncertainty import draw_rank_sets
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result

TABLES = {"uncertainty": "table", "pairs": "pairs", "moved": "moved", "sources": "sources"}
"""Attribute of an uncertainty that each file holds, by file name."""
OPTIONAL = ("moved", "sources")
"""Files that some folders do not have."""


def write_uncertainty(found: Uncertainty, place: Place, progress: Report) -> Uncertainty:
    """Write the result folder of rank uncertainty; see `gclust.results.writer.write_result`.

    It holds ``uncertainty.csv`` (the table), ``pairs.csv`` and ``moved.csv`` (if addresses are
    jittered), ``sources.csv`` (each source alone, if there are several), the same as Parquet,
    ``scores.parquet`` (a row per draw, a column per cluster id), ``figures/``, ``study.toml``,
    ``uncertainty.json`` and ``datapackage.json``. `read_uncertainty` reads it back.
    """

    def fill(folder: ResultWriter) -> None:
        with stage(progress, "write tables"):
            for name, field in TABLES.items():
                if (table := getattr(found, field)) is not None:
                    folder.csv(name, table)
                    folder.parquet(name, table)
            ids = found.table["cluster_id"].astype(str)
            folder.parquet("scores", pd.DataFrame(found.scores, columns=ids))
            folder.study(found.study)
            folder.json("uncertainty", _info(found))
        with stage(progress, "draw figures"):
            draw_rank_sets(
                found.table,
                found.study.uncertainty.level,
                folder.figures,
                title=found.study.heading,
                note=found.note,
            )
        write_data_package(folder, "uncertainty", found.study)

    return write_result(found, place, fill)


def _info(found: Uncertainty) -> dict[str, object]:
    wanted = found.study.uncertainty
    return {
        **versions(),
        "study": found.study.study.name,
        "sources": list(wanted.sources),
        "draws": wanted.draws,
        "seed": wanted.seed,
        "level": wanted.level,
        "clusters": wanted.clusters,
        "parameters": [list(pair) for pair in found.parameters],
        "critical_value": found.critical,
        "superpopulation": found.superpopulation,
        "assumption": found.assumption,
        "amounts": resampled_amounts(found.study),
        "not_resampled": list(found.not_resampled),
        "score_interval_leaves_out": list(found.score_leaves_out),
        "pairs_not_told_apart": len(found.pairs),
        "warnings": list(found.warnings),
    }


def read_uncertainty(path: str | Path) -> Uncertainty:
    """Read rank uncertainty back from its result folder, as `gclust.uncertainty` returned it.

    Parameters
    ----------
    path : path-like
        The folder that ``gclust uncertainty -o`` or ``gclust.uncertainty(out=...)`` wrote.

    Returns
    -------
    Uncertainty

    Raises
    ------
    StudyError
        If the folder does not hold an uncertainty, or a file of it is missing or broken.

    Examples
    --------
    >>> import gclust
    >>> done = gclust.uncertainty(gclust.datasets.example_study(), out="my-uncertainty")
    >>> gclust.read_uncertainty("my-uncertainty").table[["name", "rank_set_low", "rank_set_high"]]
           name  rank_set_low  rank_set_high
    0  Grenoble             1              2
    1      Lyon             1              2
    2    Geneva             3              3
    """
    folder = ResultReader(path, "uncertainty")
    tables = {
        field: folder.table(f"{name}.parquet")
        for name, field in TABLES.items()
        if name not in OPTIONAL or f"{name}.parquet" in folder.files
    }
    scores = folder.table("scores.parquet").to_numpy(dtype=float)
    study = folder.study()
    with folder.reading("uncertainty.json"):
        return Uncertainty(
            study=study,
            **tables,
            scores=scores,
            critical=float(folder.info["critical_value"]),
            superpopulation=folder.info["superpopulation"],
            parameters=tuple((eps_km, least) for eps_km, least in folder.info["parameters"]),
            warnings=tuple(folder.info["warnings"]),
            path=folder.path,
        )
