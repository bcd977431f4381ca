"""Result folder of rank uncertainty: tables, scores of all draws, a figure, and metadata."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gclust.experiments.uncertainty.result import NOT_RESAMPLED, Uncertainty
from gclust.progress import Report, stage
from gclust.report.rank_uncertainty import draw_rank_sets
from gclust.results.folders import Place
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result
from gclust.study.sections import DRAWN

TABLES = {"uncertainty": "table", "pairs": "pairs", "moved": "moved"}
"""Attribute of an uncertainty that each file holds, by file name."""


def write_uncertainty(found: Uncertainty, place: Place, progress: Report) -> Uncertainty:
    """Write the result folder of rank uncertainty; see `gclust.results.writer.write_result`.

    It holds ``uncertainty.csv`` (the table), ``pairs.csv`` and ``moved.csv`` (if addresses are
    jittered), the same as Parquet, ``scores.parquet`` (a row per draw, a column per cluster id),
    ``figures/``, ``study.toml`` and ``uncertainty.json``. `read_uncertainty` reads it back.
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
                title=found.study.study.title or found.study.study.name,
                note=describe_draws(found),
            )

    return write_result(found, place, fill)


def describe_draws(found: Uncertainty) -> str:
    """Describe the draws in one line: their number, sources, clusters and seed."""
    wanted = found.study.uncertainty
    what = {
        "records": "records (Poisson bootstrap)",
        "addresses": "addresses (anywhere in their discs)",
        "parameters": f"{len(found.parameters)} pairs of eps_km and min_samples",
        "weights": "weights of the score",
    }
    sources = " and ".join(what[source] for source in DRAWN if source in wanted.sources)
    clusters = "reclustered" if wanted.reclusters else "fixed"
    amounts = "".join(f", amounts of {kind} {how}" for kind, how in _amounts(found).items())
    return f"{wanted.draws:,} draws of {sources}{amounts}, clusters {clusters}; seed {wanted.seed}"


def _amounts(found: Uncertainty) -> dict[str, str]:
    """Describe how each kind of amounts varies between the draws, if records are drawn."""
    study = found.study
    if "records" not in study.uncertainty.sources:
        return {}
    drawn = {
        kind: f"of cv {cv:g}" if cv else "by organisation"
        for kind, cv in study.drawn_amounts.items()
    }
    return {kind: drawn.get(kind, NOT_RESAMPLED) for kind in study.amounts}


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
        "amounts": _amounts(found),
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
        if name != "moved" or "moved.parquet" in folder.files
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
