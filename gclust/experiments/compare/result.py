"""What a comparison found, and the folder that holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import gclust
from gclust.escapes import escaped
from gclust.experiments.compare.mixtures import Difference
from gclust.report.bump import draw_bump_chart
from gclust.results.folders import Place, claim
from gclust.results.run import write_csv
from gclust.study.schema import Study
from gclust.study.write_toml import seen_from, study_toml

LIBRARIES = ("duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy")


@dataclass(frozen=True)
class Comparison:
    """Two runs compared: what became of their clusters, and why ranks and scores changed.

    Attributes
    ----------
    a, b : Study
    labels : (str, str)
        What the two runs are called.
    factors : tuple of str
        What changes are decomposed into: those of ``data, formation, kinds, weights`` that
        differ; see `gclust.experiments.compare.mixtures.FACTORS`.
    differences : tuple of Difference
        The choices that differ, each of a factor.
    table : DataFrame
        One row per cluster of either run, by rank in b, then in a: ``id`` (carried on from a;
        new for others), ``event`` (see ``lineage``), ``cluster_id_a, name_a, rank_a, score_a``
        and the same of ``b`` (missing where there is none), ``rank_change`` (places gained),
        ``score_change``, and of each factor its part in both, ``rank_<factor>,
        score_<factor>``: parts add up to the change exactly, in any order. Scores are
        rounded to 48 bits of the largest for that. ``missing_in`` tells of clusters that are in
        both, but not in every coalition, in which they are missing first ("kinds + weights":
        with these of b and the others of a); they have no parts.
    lineage : DataFrame
        One row per two clusters that are related, and per cluster that is not: ``id_a, id_b,
        cluster_id_a, name_a, rank_a`` and the same of ``b``, ``event, continues, weight``
        (listings that they share), ``share_of_a, share_of_b``; see
        `gclust.ranking.lineage.lineage`.
    decomposition : DataFrame
        The parts again, one row per cluster and factor: ``id, name, factor, rank, score``.
    coalitions : DataFrame
        What the parts come from, one row per coalition and cluster that is found in it: which
        run each factor is taken from (``a`` or ``b``), ``id, name, cluster_id, rank, score``.
    common : (float, float)
        Share of the listings of a, and of b, that the other has too.
    next_id : int
        The first id that no cluster has or had.
    decomposed : bool
        Whether coalitions were run.
    path : Path, optional
        The comparison's folder, if it was written.
    """

    a: Study
    b: Study
    labels: tuple[str, str]
    factors: tuple[str, ...]
    differences: tuple[Difference, ...]
    table: pd.DataFrame
    lineage: pd.DataFrame
    decomposition: pd.DataFrame
    coalitions: pd.DataFrame
    common: tuple[float, float]
    next_id: int
    decomposed: bool = True
    path: Path | None = None

    def write(self, folder: str | Path, *, overwrite: bool = False) -> Comparison:
        """Write tables and figures into a folder, as a whole or not at all.

        Parameters
        ----------
        folder : path-like
        overwrite : bool
            Whether a comparison that is there may be replaced.

        Returns
        -------
        Comparison
            The same, knowing its path.

        Raises
        ------
        FileExistsError
            If the folder exists and may not be replaced.
        """
        with claim(folder, overwrite, "comparison") as place:
            return self if place is None else write_comparison(self, place)


def write_comparison(found: Comparison, place: Place) -> Comparison:
    """Write a comparison's folder, as a whole or not at all.

    It holds ``comparison.csv`` (the table), ``lineage.csv``, ``decomposition.csv`` and
    ``coalitions.csv`` (if changes are decomposed), ``figures/``, the two studies, and
    ``comparison.json``. Numbers have all their digits, so that what is read back still adds
    up exactly. No file holds a time or anything else that another start would change.

    Raises
    ------
    FileExistsError, StudyError
        See `gclust.results.folders.Place`.

    Returns
    -------
    Comparison
        The same, knowing its path.
    """

    def fill(folder: Path) -> None:
        tables = {"comparison": found.table, "lineage": found.lineage}
        if found.decomposed:
            tables |= {"decomposition": found.decomposition, "coalitions": found.coalitions}
        for name, table in tables.items():
            write_csv(table, folder / f"{name}.csv", numbers=None)
        for which, study in (("a", found.a), ("b", found.b)):
            text = study_toml(study, place.path)
            (folder / f"study-{which}.toml").write_text(text, encoding="utf-8")
        text = json.dumps(_info(found, place.path), indent=2, ensure_ascii=False, sort_keys=True)
        (folder / "comparison.json").write_text(escaped(text) + "\n", encoding="utf-8")
        draw_bump_chart(found.table, found.lineage, found.labels, folder / "figures")

    return replace(found, path=place.write(fill))


def _info(found: Comparison, home: Path) -> dict[str, object]:
    return {
        "gclust": gclust.__version__,
        "a": found.labels[0],
        "b": found.labels[1],
        "decomposed": found.decomposed,
        "factors": list(found.factors),
        "differences": [_difference(each, home) for each in found.differences],
        "common_share_of_a": found.common[0],
        "common_share_of_b": found.common[1],
        "next_id": found.next_id,
        "events": {
            str(event): int(count)
            for event, count in found.table["event"].value_counts().sort_index().items()
        },
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _difference(each: Difference, home: Path) -> dict[str, object]:
    """A choice that differs, as JSON can hold it; paths as a study in that folder has them."""
    choices = []
    for value in (each.a, each.b):
        if isinstance(value, str) and each.setting.endswith(": path"):
            value = seen_from(home, value)
        choices.append(dict(value) if isinstance(value, Mapping) else value)
    return {"factor": each.factor, "setting": each.setting, "a": choices[0], "b": choices[1]}
