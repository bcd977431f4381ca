"""Ids of clusters carried on from one comparison to the next."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.compare.result import Comparison
from gclust.results.readback import read_info, reading, with_columns

OF_CARRIED = ("id", "cluster_id_b", "rank_b")


class Carried(NamedTuple):
    """Ids that the clusters of a run carry from before: by cluster, and the first free one."""

    ids: NDArray[np.int64]
    next_id: int


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
