"""Result of a comparison, and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gclust.experiments.compare.hybrid_studies import Difference
from gclust.report.bump import draw_bump_chart
from gclust.report.notebook import comparison_html, comparison_text
from gclust.results.datapackage import write_data_package
from gclust.results.folders import Place, claim
from gclust.results.reader import ResultReader
from gclust.results.writer import ResultWriter, versions, write_result
from gclust.study.schema import Study
from gclust.study.write_toml import absolute_path, rebased_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TABLES = {
    "comparison": "table",
    "lineage": "lineage",
    "decomposition": "decomposition",
    "coalitions": "coalitions",
}
"""Attribute of a comparison that each file holds, by file name."""
OF_DECOMPOSED = ("decomposition", "coalitions")
PATH = ": path"
"""Ending of the names of settings that are paths."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """Comparison of two runs: the lineage of clusters, and why ranks and scores changed.

    The columns of a table are those of its file. What they mean, with unit and formula, is in
    ``datapackage.json`` of the folder, and in the reference.

    Attributes
    ----------
    a, b : Study
    labels : (str, str)
        Names of the two runs.
    factors : tuple of str
        The factors that changes are decomposed into: those of ``data, formation, kinds,
        weights`` that differ; see `gclust.experiments.compare.hybrid_studies.FACTORS`.
    differences : tuple of Difference
        The choices that differ, each with its factor.
    table : DataFrame
        One row per cluster of either run, by rank in b, then in a: ``comparison.csv`` of
        ``gclust compare``. Contributions add up to the change exactly, in any order; scores are
        rounded to 48 bits of the largest for that. Clusters that are ``missing_in`` a coalition
        have no contributions.
    lineage : DataFrame
        One row per two related clusters, and per cluster without a relation: ``lineage.csv`` of
        ``gclust compare``.
    decomposition : DataFrame
        The contributions again, one row per cluster and factor: ``decomposition.csv`` of
        ``gclust compare``.
    coalitions : DataFrame
        The scenarios behind them, one row per coalition and cluster found in it:
        ``coalitions.csv`` of ``gclust compare``.
    common : (float, float)
        Share of the listings of a, and of b, that the other run has too.
    next_id : int
        The first id that was never used.
    decomposed : bool
        Whether coalitions were run.
    path : Path, optional
        The comparison's folder, if it was written.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> gclust.compare(run, run).table[["name_a", "name_b", "rank_change"]]
         name_a    name_b  rank_change
    0  Grenoble  Grenoble            0
    1      Lyon      Lyon            0
    2    Geneva    Geneva            0
    """

    a: Study
    b: Study
    labels: tuple[str, str]
    factors: tuple[str, ...]
    differences: tuple[Difference, ...]
    table: pd.DataFrame
    lineage: pd.DataFrame
    common: tuple[float, float]
    next_id: int
    decomposed: bool = True
    decomposition: pd.DataFrame = field(default_factory=pd.DataFrame)
    coalitions: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: Path | None = None

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the ranks in both runs; options are those of `gclust.plot.bump`."""
        from gclust import plot

        return plot.bump(self, ax, **options)

    def __repr__(self) -> str:
        return comparison_text(self)

    def _repr_html_(self) -> str:
        return comparison_html(self)

    def write(self, folder: str | Path, *, overwrite: bool = False) -> Comparison:
        """Write tables and figures into a folder, completely or not at all.

        Parameters
        ----------
        folder : path-like
        overwrite : bool
            Whether a comparison that is there may be replaced.

        Returns
        -------
        Comparison
            The same comparison with its path.

        Raises
        ------
        FileExistsError
            If the folder exists and may not be replaced.
        """
        with claim(folder, overwrite, "comparison") as place:
            return self if place is None else write_comparison(self, place)


def write_comparison(found: Comparison, place: Place) -> Comparison:
    """Write a comparison's result folder; see `gclust.results.writer.write_result`.

    It holds ``comparison.csv`` (the table), ``lineage.csv``, ``decomposition.csv`` and
    ``coalitions.csv`` (if changes are decomposed), with all digits, so that changes add up
    exactly, the same as Parquet, ``figures/``, the two studies, ``comparison.json`` and
    ``datapackage.json``.
    `read_comparison` reads it back.
    """

    def fill(folder: ResultWriter) -> None:
        for name, attribute in TABLES.items():
            if found.decomposed or name not in OF_DECOMPOSED:
                folder.parquet(name, getattr(found, attribute))
                folder.csv(name, getattr(found, attribute), numbers=None)
        folder.study(found.a, "study-a")
        folder.study(found.b, "study-b")
        folder.json("comparison", _info(found, place.path))
        draw_bump_chart(found.table, found.lineage, found.labels, folder.figures)
        title = " to ".join(found.labels)
        write_data_package(folder, "comparison", found.b, title=title)

    return write_result(found, place, fill)


def _info(found: Comparison, home: Path) -> dict[str, object]:
    return {
        **versions(),
        "a": found.labels[0],
        "b": found.labels[1],
        "decomposed": found.decomposed,
        "factors": list(found.factors),
        "differences": [
            {
                "factor": each.factor,
                "setting": each.setting,
                **{side: _seen_from(home, each, side) for side in ("a", "b")},
            }
            for each in found.differences
        ],
        "matched_by": "place",
        "common_share_of_a": found.common[0],
        "common_share_of_b": found.common[1],
        "next_id": found.next_id,
        "notes": {
            str(note): int(count)
            for note, count in found.table["note"].value_counts().sort_index().items()
            if note
        },
        "events": {
            str(event): int(count)
            for event, count in found.table["event"].value_counts().sort_index().items()
        },
    }


def _seen_from(home: Path, difference: Difference, side: str) -> object:
    """Return one study's choice for JSON, with paths relative to a folder."""
    value = getattr(difference, side)
    if isinstance(value, str) and difference.setting.endswith(PATH):
        return rebased_path(home, value)
    return dict(value) if isinstance(value, Mapping) else value


def read_comparison(path: str | Path) -> Comparison:
    """Read a comparison back from its folder, as `gclust.compare` returned it.

    Parameters
    ----------
    path : path-like
        The folder that ``gclust compare -o`` or ``gclust.compare(out=...)`` wrote.

    Returns
    -------
    Comparison

    Raises
    ------
    StudyError
        If the folder holds no comparison, or a file is missing or broken.

    Examples
    --------
    >>> import gclust
    >>> before = gclust.datasets.example_study(years=(2015, 2019))
    >>> after = gclust.datasets.example_study(years=(2020, 2024))
    >>> done = gclust.compare(before, after, "2019-to-2024")
    >>> gclust.read_comparison("2019-to-2024").table[["name_b", "rank_change"]]
         name_b  rank_change
    0  Grenoble            1
    1      Lyon           -1
    2    Geneva            0
    """
    folder = ResultReader(path, "comparison")
    with folder.reading("comparison.json"):
        decomposed = bool(folder.info["decomposed"])
    tables = {
        attribute: folder.table(f"{name}.parquet")
        for name, attribute in TABLES.items()
        if decomposed or name not in OF_DECOMPOSED
    }
    studies = {side: folder.study(f"study-{side}") for side in ("a", "b")}
    with folder.reading("comparison.json"):
        info = folder.info
        return Comparison(
            **studies,
            **tables,
            labels=(info["a"], info["b"]),
            factors=tuple(info["factors"]),
            differences=tuple(_difference(each, folder.path) for each in info["differences"]),
            common=(info["common_share_of_a"], info["common_share_of_b"]),
            next_id=int(info["next_id"]),
            decomposed=decomposed,
            path=folder.path,
        )


def _difference(read: Mapping[str, Any], home: Path) -> Difference:
    """Return a difference read from JSON, with absolute paths, and tuples for lists."""
    sides = []
    for value in (read["a"], read["b"]):
        if isinstance(value, str) and read["setting"].endswith(PATH):
            value = str(absolute_path(home / value))
        sides.append(tuple(value) if isinstance(value, list) else value)
    return Difference(read["factor"], read["setting"], *sides)
