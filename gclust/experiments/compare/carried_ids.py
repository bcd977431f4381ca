"""Cluster ids that are kept from one comparison to the next."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.compare.result import Comparison, read_comparison
from gclust.plurals import counted


class Carried(NamedTuple):
    """Ids of a run's clusters from an earlier comparison, and the first free id."""

    ids: NDArray[np.int64]
    next_id: int


def carried_from(before: Comparison | str | Path, ranking: pd.DataFrame) -> Carried:
    """Return the ids that an earlier comparison gave to the clusters of a run.

    Parameters
    ----------
    before : Comparison or path-like
        A comparison whose second run is this one, or its folder.
    ranking : DataFrame
        The run's ranking.

    Raises
    ------
    StudyError
        If ``before`` is no comparison, or its second run is a different one.
    """
    found = before if isinstance(before, Comparison) else read_comparison(before)
    ended = found.table[found.table["cluster_id_b"].notna()].sort_values("cluster_id_b")
    mine = ranking.sort_values("cluster_id")
    same = len(ended) == len(mine) and bool(
        (ended["rank_b"].to_numpy(int) == mine["rank"].to_numpy(int)).all()
    )
    if not same:
        name = "the earlier comparison" if found is before else before
        raise StudyError(
            f"{name} ends with a run of {counted(len(ended), 'cluster')} that is not the first run"
            " of this"
            " comparison; expected an earlier comparison whose second run is the first run here"
        )
    return Carried(ended["id"].to_numpy(np.int64), found.next_id)
