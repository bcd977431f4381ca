"""The leading clusters for each kind of record: per inhabitant, per km2, or by share."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gclust.ranking.rank import rank
from gclust.ranking.table import kinds_of

PER = {"head": "per million inhabitants", "km2": "per km2", "world": "per cent of the world's"}


def leaders(
    run: Any, *, per: str = "head", first: int = 10, top: int | None = None
) -> pd.DataFrame:
    """Return the leading clusters by records per head, for each kind, as the GII lists them.

    Parameters
    ----------
    run : Run or DataFrame
        A run, or its ranking.
    per : {"head", "km2", "world"}
        Records per million inhabitants, per km2 of footprint, or in per cent of the world
        total.
    first : int
        The number listed for each kind; clusters that tie with the last one are listed too.
    top : int, optional
        The number of first clusters by score that are compared, so that no tiny cluster
        leads; by default the ``top`` of the run's study, or 100 for a ranking.

    Returns
    -------
    DataFrame
        ``kind, kind_rank, name, economies, value, count, rank, cluster_id``, by kind in
        the ranking's order, then by ``kind_rank``; ``rank`` is that by score. Clusters whose
        value is missing or 0 are left out.

    Raises
    ------
    ValueError
        If ``per`` is unknown, ``first`` or ``top`` below 1, or ``per="head"`` where no
        cluster has inhabitants.

    Examples
    --------
    >>> import gclust
    >>> run = gclust.run(gclust.datasets.example_study())
    >>> gclust.leaders(run, per="head", first=1)[["kind", "name"]]
              kind      name
    0       patent  Grenoble
    1  publication  Grenoble
    """
    table = run if isinstance(run, pd.DataFrame) else run.ranking
    if top is None:
        top = 100 if isinstance(run, pd.DataFrame) else run.study.study.top
    if per not in PER:
        raise ValueError(f"per must be one of {', '.join(PER)}, not {per!r}")
    for name, value in (("first", first), ("top", top)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, not {value!r}")
    if per == "head" and not (table["population"] > 0).any():
        raise ValueError(
            "no cluster has inhabitants; run the study with [population] raster, or use"
            " per='km2' or per='world'"
        )
    among = table[(table["rank"] <= top).fillna(False).astype(bool)]
    found = [_of_kind(among, kind, per, first) for kind in kinds_of(table)]
    return pd.concat(found, ignore_index=True)


def _of_kind(among: pd.DataFrame, kind: str, per: str, first: int) -> pd.DataFrame:
    count = among[f"{kind}_count"]
    value = {
        "head": among[f"{kind}_per_million"],
        "km2": count / among["area_km2"].where(among["area_km2"] > 0),
        "world": among[f"{kind}_share"],
    }[per]
    value = value.where(value > 0)
    listed = pd.DataFrame(
        {
            "kind": kind,
            "kind_rank": rank(value),
            "name": among["name"],
            "economies": among["economies"],
            "value": value,
            "count": count,
            "rank": among["rank"],
            "cluster_id": among["cluster_id"],
        }
    )
    listed = listed[(listed["kind_rank"] <= first).fillna(False).astype(bool)]
    return listed.sort_values(["kind_rank", "cluster_id"])
