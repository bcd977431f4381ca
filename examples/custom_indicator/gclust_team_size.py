"""How large the teams are that work in a cluster."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from gclust.indicators import LabelledListings, indicator


@indicator(
    name="team_size",
    needs=("record",),
    source="Wuchty, Jones & Uzzi 2007, Science 316: 1036",
    formula="mean listings, wherever they lie, of the records that touch the cluster",
    looks_at=(),
)
def team_size(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    kind: str | None = None,
    at_least: int = 1,
) -> pd.Series:
    """Mean number of listings of the records that touch a cluster.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
    kind : str, optional
        All kinds together if not given.
    at_least : int
        Records of fewer listings are left out.

    Returns
    -------
    Series of float
        Missing where no record is left.
    """
    frame = listings.frame if kind is None else listings.of(kind)
    rows = frame.filter(~nw.col("record").is_null()).with_columns(one=nw.lit(1, dtype=nw.Int64))
    sizes = rows.group_by("kind", "record").agg(size=nw.col("one").sum())
    touched = rows.select("kind", "record", "cluster").filter(nw.col("cluster") >= 0).unique()
    teams = touched.join(sizes.filter(nw.col("size") >= at_least), on=["kind", "record"])
    table = listings.collect(teams.group_by("cluster").agg(team_size=nw.col("size").mean()))
    return table.set_index("cluster")["team_size"].astype("float64").reindex(clusters.index)
