"""The folder of an uncertainty: tables, a figure, and what the draws stand for."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import gclust
from gclust.escapes import escaped
from gclust.experiments.uncertainty.result import Uncertainty
from gclust.progress import Report, stage
from gclust.report.rank_uncertainty import draw_rank_sets
from gclust.results.folders import Place
from gclust.results.run import write_csv
from gclust.study.schema import DRAWN
from gclust.study.write_toml import study_toml

LIBRARIES = ("duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy")


def write_uncertainty(found: Uncertainty, place: Place, progress: Report) -> Uncertainty:
    """Write the folder, as a whole or not at all.

    It holds ``uncertainty.csv``, ``pairs.csv``, ``moved.csv`` (if addresses are), ``figures/``,
    ``study.toml`` and ``uncertainty.json``. No file holds a time or anything else that another
    start would change.

    Raises
    ------
    FileExistsError, StudyError
        See `gclust.results.folders.Place`.

    Returns
    -------
    Uncertainty
        The same, knowing its path.
    """

    def fill(folder: Path) -> None:
        with stage(progress, "write tables"):
            write_csv(found.table, folder / "uncertainty.csv")
            write_csv(found.pairs, folder / "pairs.csv")
            if found.moved is not None:
                write_csv(found.moved, folder / "moved.csv")
            text = json.dumps(_info(found), indent=2, ensure_ascii=False, sort_keys=True)
            (folder / "uncertainty.json").write_text(escaped(text) + "\n", encoding="utf-8")
            (folder / "study.toml").write_text(
                study_toml(found.study, place.path), encoding="utf-8"
            )
        with stage(progress, "draw figures"):
            draw_rank_sets(
                found.table,
                found.study.uncertainty.level,
                folder / "figures",
                title=found.study.study.title or found.study.study.name,
                note=drawn(found),
            )

    return replace(found, path=place.write(fill))


def drawn(found: Uncertainty) -> str:
    """What was drawn, in a line."""
    wanted = found.study.uncertainty
    what = {
        "records": "records (Poisson bootstrap)",
        "addresses": "addresses (anywhere in their discs)",
        "parameters": f"{len(found.parameters)} pairs of eps_km and min_samples",
        "weights": "weights of the score",
    }
    sources = " and ".join(what[source] for source in DRAWN if source in wanted.sources)
    clusters = "reclustered" if wanted.reclusters else "fixed"
    return f"{wanted.draws:,} draws of {sources}, clusters {clusters}; seed {wanted.seed}"


def _info(found: Uncertainty) -> dict[str, object]:
    wanted = found.study.uncertainty
    return {
        "gclust": gclust.__version__,
        "study": found.study.study.name,
        "sources": list(wanted.sources),
        "draws": wanted.draws,
        "seed": wanted.seed,
        "level": wanted.level,
        "clusters": wanted.clusters,
        "parameters": [list(pair) for pair in found.parameters],
        "critical_value": found.critical,
        "superpopulation": found.superpopulation,
        "pairs_not_told_apart": len(found.pairs),
        "warnings": list(found.warnings),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
