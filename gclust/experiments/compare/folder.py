"""The folder of a comparison: tables, the bump chart, and what they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

import gclust
from gclust.errors import StudyError
from gclust.escapes import escaped
from gclust.experiments.compare.mixtures import Difference
from gclust.experiments.compare.result import Comparison
from gclust.experiments.compare.tables import Carried
from gclust.report.bump import draw_bump_chart
from gclust.results.folders import Place
from gclust.results.readback import read_info, reading, with_columns
from gclust.results.run import write_csv
from gclust.study.write_toml import seen_from, study_toml

OF_CARRIED = ("id", "cluster_id_b", "rank_b")
LIBRARIES = ("duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy")


def write_comparison(found: Comparison, place: Place) -> Comparison:
    """Write a comparison's folder, as a whole or not at all.

    It holds ``comparison.csv`` (the table), ``lineage.csv``, ``parts.csv`` and
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
            tables |= {"parts": found.parts, "coalitions": found.coalitions}
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
        "players": list(found.factors),
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
    return {"player": each.factor, "setting": each.setting, "a": choices[0], "b": choices[1]}


def carried_from(before: Comparison | str | Path, ranking: pd.DataFrame) -> Carried:
    """Return the ids that the clusters of a run carry from an earlier comparison.

    Parameters
    ----------
    before : Comparison or path-like
        What ended with the run, or its folder.
    ranking : DataFrame
        Of the run.

    Raises
    ------
    StudyError
        If it is no comparison, or ended with another run.
    """
    if isinstance(before, Comparison):
        name, table, next_id = "the earlier comparison", before.table, before.next_id
    else:
        name, folder = str(before), Path(before)
        info = read_info(folder, "comparison")
        with reading(folder / "comparison.csv", "comparison"):
            table = with_columns(pd.read_csv(folder / "comparison.csv"), OF_CARRIED)
            table[list(OF_CARRIED)].astype(float)
        with reading(folder / "comparison.json", "comparison"):
            next_id = int(info["next_id"])
    ended = table[table["cluster_id_b"].notna()].sort_values("cluster_id_b")
    mine = ranking.sort_values("cluster_id")
    same = len(ended) == len(mine) and bool(
        (ended["rank_b"].to_numpy(int) == mine["rank"].to_numpy(int)).all()
    )
    if not same:
        raise StudyError(
            f"{name} ends with a run of {len(ended)} clusters that is not the first of this one;"
            " ids are carried on from a to b, then from b to c"
        )
    return Carried(ended["id"].to_numpy(np.int64), next_id)
