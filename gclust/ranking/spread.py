"""Ranks by intensity (score per inhabitant) for several footprints and rasters, and their range."""

from __future__ import annotations

import pandas as pd

from gclust.indicators.counts import per_million_inhabitants
from gclust.ranking.rank import rank


def rank_intensities(measured: pd.DataFrame) -> pd.DataFrame:
    """Rank clusters by intensity, separately for each combination of footprint and raster.

    ``measured`` has one row per cluster and combination: ``combination, amount, population`` at
    least. Returns the same rows with ``intensity`` (amount per million inhabitants; missing if
    nobody lives there or their number is unknown) and ``intensity_rank`` (among the clusters that
    have an intensity under the same combination).
    """
    table = measured.copy()
    table["intensity"] = per_million_inhabitants(table["amount"], table["population"])
    ranks = table["intensity"].groupby(table["combination"], sort=False).transform(rank)
    table["intensity_rank"] = ranks.astype("Int64")
    return table


def intensity_spread(detail: pd.DataFrame) -> pd.DataFrame:
    """Return the range of each cluster's ranks by intensity over the combinations.

    Parameters
    ----------
    detail : DataFrame
        ``rank, cluster_id, name, economies, score, combination, uncovered_share,
        intensity_rank``; see `rank_intensities`. Each combination has the same clusters; the
        study's own comes first.

    Returns
    -------
    DataFrame
        One row per cluster in the order of the rank: ``rank, cluster_id, name, economies,
        score, intensity_rank`` (under the first combination), ``least_intensity_rank,
        largest_intensity_rank, intensity_rank_range`` (their difference), ``ranked_under``
        (combinations under which there is a rank), ``largest_uncovered_share`` (of the footprint,
        from 0 to 1) and a column of ranks for each combination, named by it.
    """
    columns = ["rank", "cluster_id", "name", "economies", "score"]
    first = detail["combination"] == detail["combination"].iloc[0]
    table = detail.loc[first, columns].reset_index(drop=True)
    wide = detail.pivot(index="cluster_id", columns="combination", values="intensity_rank")
    wide = wide.reindex(index=table["cluster_id"], columns=detail["combination"].unique())
    ranks = wide.astype("Int64").reset_index(drop=True)
    table["intensity_rank"] = ranks.iloc[:, 0]
    table["least_intensity_rank"] = ranks.min(axis=1).astype("Int64")
    table["largest_intensity_rank"] = ranks.max(axis=1).astype("Int64")
    table["intensity_rank_range"] = table["largest_intensity_rank"] - table["least_intensity_rank"]
    table["ranked_under"] = ranks.notna().sum(axis=1)
    largest = detail.groupby("cluster_id")["uncovered_share"].max()
    table["largest_uncovered_share"] = table["cluster_id"].map(largest)
    return pd.concat([table, ranks.rename_axis(columns=None)], axis=1)
