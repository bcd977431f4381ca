"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gclust.experiments.compare.mixtures import Difference
from gclust.study.schema import Study


@dataclass(frozen=True)
class Comparison:
    """Two runs compared: what became of their clusters, and why ranks and scores changed.

    Attributes
    ----------
    a, b : Study
    labels : (str, str)
        What the two runs are called.
    players : tuple of str
        What changes are decomposed into: those of ``data, formation, kinds, weights`` that
        differ; see `gclust.experiments.compare.mixtures.FACTORS`.
    differences : tuple of Difference
        The choices that differ, each of a player.
    table : DataFrame
        One row per cluster of either run, by rank in b, then in a: ``id`` (carried on from a;
        new for others), ``event`` (see ``lineage``), ``cluster_id_a, name_a, rank_a, score_a``
        and the same of ``b`` (missing where there is none), ``rank_change`` (places gained),
        ``score_change``, and of each player its part in both, ``rank_<player>,
        score_<player>``: parts add up to the change exactly, in any order. Scores are
        rounded to 48 bits of the largest for that. ``missing_in`` tells of clusters that are in
        both, but not in every coalition, in which they are missing first ("kinds + weights":
        with these of b and the others of a); they have no parts.
    lineage : DataFrame
        One row per two clusters that are related, and per cluster that is not: ``id_a, id_b,
        cluster_id_a, name_a, rank_a`` and the same of ``b``, ``event, continues, weight``
        (listings that they share), ``share_of_a, share_of_b``; see
        `gclust.ranking.lineage.lineage`.
    parts : DataFrame
        The parts again, one row per cluster and player: ``id, name, factor, rank, score``.
    coalitions : DataFrame
        What the parts come from, one row per coalition and cluster that is found in it: which
        run each player is taken from (``a`` or ``b``), ``id, name, cluster_id, rank, score``.
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
    parts: pd.DataFrame
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
        from gclust.experiments.compare.folder import write_comparison
        from gclust.results.folders import claim

        with claim(folder, overwrite, "comparison") as place:
            return self if place is None else write_comparison(self, place)
