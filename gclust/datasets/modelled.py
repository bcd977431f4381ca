"""Modelled shares of the world's records in each cluster of a simulated world.

Published figures are used unchanged. Figures that were not published are
computed from published ones: two falling curves of totals (with and without
deals) through published anchors, and splits that keep the published sums of
the first hundred. The table ``modelled_clusters.csv`` only names the clusters
and says how much each leans towards patents and towards deals.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from gclust.datasets.figures import gii_world, published_figures, read_table

WORLD_TOTALS: dict[int, dict[str, int]] = {
    # Implied by the table that WIPO printed in 2023: the totals from which all
    # its shares follow; and nearly the same a year or two later, with deals.
    2023: {"patent": 1_255_500, "publication": 7_457_500},
    2025: {"patent": 1_260_000, "publication": 7_500_000, "deal": 240_000},
}
"""Records of the world by edition and kind, at scale 1."""

YEARS: dict[int, dict[str, tuple[int, int]]] = {
    2023: {"patent": (2018, 2022), "publication": (2017, 2021)},
    2025: {"patent": (2020, 2024), "publication": (2019, 2023), "deal": (2019, 2023)},
}
"""First and last year of each kind's window, by edition."""

# Totals of patents and publications by rank, in per cent: near the 2023 table's
# from rank 12 to 35, and small at the last; the total at rank 100 is fitted.
_TWO_KIND_CURVE = {12: 1.95, 14: 1.72, 16: 1.53, 22: 1.14, 35: 0.8, 237: 0.06}
# Totals of three kinds by rank: high enough at 43, 54 and 63 for Cologne,
# Stuttgart and Tehran, whose patents and publications alone are nearly that.
_THREE_KIND_CURVE = {15: 2.75, 43: 1.075, 54: 0.955, 87: 0.435}


def targets(edition: int) -> pd.DataFrame:
    """Return the shares of the world that each cluster of a simulated world should have.

    Parameters
    ----------
    edition : {2025, 2023}
        The world.

    Returns
    -------
    pandas.DataFrame
        Ordered by rank: ``cluster, principal_cities, further_cities, rank,
        two_kind_rank, <kind>_share..., total`` with shares in per cent of the
        world's records.

    Raises
    ------
    ValueError
        For any other edition.
    """
    if edition not in WORLD_TOTALS:
        raise ValueError(f"edition must be 2025 or 2023, not {edition!r}")
    table = read_table("modelled_clusters.csv")
    table["patent_part"] = _patent_parts(table)
    shares = _world_2025(table) if edition == 2025 else _world_2023(table)
    kinds = list(WORLD_TOTALS[edition])
    names = ["cluster", "principal_cities", "further_cities"]
    out = pd.concat([table[names], shares[[f"{kind}_share" for kind in kinds]]], axis=1)
    out["total"] = shares[[f"{kind}_share" for kind in kinds]].sum(axis=1)
    two = shares["patent_share"] + shares["publication_share"]
    out["two_kind_rank"] = two.rank(ascending=False, method="first").astype(int)
    out = out.sort_values("total", ascending=False, kind="stable", ignore_index=True)
    out.insert(3, "rank", np.arange(1, len(out) + 1))
    return out


def modelled_figures(edition: int, known: pd.DataFrame) -> pd.DataFrame:
    """Return modelled ranks, shares and totals, as rows of `gclust.datasets.gii`.

    Parameters
    ----------
    edition : {2025, 2023}
    known : pandas.DataFrame
        The published rows, which are left out.
    """
    table = targets(edition)
    figures = ["rank", *(f"{kind}_share" for kind in WORLD_TOTALS[edition]), "total"]
    rows = table.melt("cluster", figures, var_name="figure")
    published_cells = pd.MultiIndex.from_frame(known[["cluster", "figure"]])
    rows = rows[~pd.MultiIndex.from_frame(rows[["cluster", "figure"]]).isin(published_cells)]
    economy = known.drop_duplicates("cluster").set_index("cluster")["economy"]
    rows = rows.assign(
        edition=edition,
        economy=rows["cluster"].map(economy).fillna(""),
        value=rows["value"].astype(float),
        mark="modelled",
        by="",
        source=f"gclust: simulated world of {edition}",
    )
    return rows[known.columns].reset_index(drop=True)


def log_linear(anchors: dict[int, float], ranks: np.ndarray) -> np.ndarray:
    """Return totals by rank, whose logarithm is linear between the anchors."""
    at = sorted(anchors)
    return np.exp(np.interp(ranks, at, np.log([anchors[rank] for rank in at])))


def _patent_parts(table: pd.DataFrame) -> pd.Series:
    """Return patents' part of each cluster's total of two kinds, that of 2023 if printed."""
    world = WORLD_TOTALS[2023]
    counts = published(2023)
    patents = counts["patent_count"] / world["patent"]
    part = patents / (patents + counts["publication_count"] / world["publication"])
    millions = counts["patent_per_million"] / world["patent"]
    of_millions = millions / (millions + counts["publication_per_million"] / world["publication"])
    known = part.fillna(of_millions)
    return table["cluster"].map(known).fillna(table["patent_part"])


def published(edition: int) -> pd.DataFrame:
    """Return an edition's published figures, with a row per cluster and a column per figure."""
    return published_figures(edition).pivot_table(index="cluster", columns="figure", values="value")


def _world_2023(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of 2023 from the printed counts, and from a curve for other ranks."""
    counts = published(2023)[["patent_count", "publication_count"]].dropna()
    shares = 100.0 * counts / [WORLD_TOTALS[2023][kind] for kind in ("patent", "publication")]
    shares = shares.set_axis(["patent_share", "publication_share"], axis=1)
    out = shares.reindex(table["cluster"]).reset_index(drop=True)
    rest = out["patent_share"].isna().to_numpy()
    lowest = float(shares.sum(axis=1).min())
    ranks = np.arange(len(shares) + 1, len(table) + 1)
    anchors = {len(shares): lowest, 100: 0.25, 237: _TWO_KIND_CURVE[237]}
    total = log_linear(anchors, ranks)
    part = table.loc[rest, "patent_part"].to_numpy()
    out.loc[rest, "patent_share"] = total * part
    out.loc[rest, "publication_share"] = total * (1.0 - part)
    return out


def _world_2025(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of 2025: the first ranks as published, others from curves and sums."""
    sums = gii_world(2025).set_index("figure")["value"]
    hundred = {kind: float(sums[f"{kind}_share_first_100"]) for kind in WORLD_TOTALS[2025]}
    first = table["first_hundred"].to_numpy() == 1
    head = table[["patent_share", "publication_share", "deal_share"]].to_numpy()
    given = ~np.isnan(head).any(axis=1)
    tehran = (table["cluster"] == "Tehran").to_numpy()
    rates = _per_million_shares(2025, "Tehran")

    def two_kinds(at_100: float) -> np.ndarray:
        curve = log_linear(_TWO_KIND_CURVE | {100: at_100}, table["two_kind_order"].to_numpy())
        return np.where(given, head[:, :2].sum(axis=1), curve)

    wanted = hundred["patent"] + hundred["publication"]
    two = _solve(two_kinds, lambda two: two[first].sum() - wanted, 0.1, 0.6)
    of_tehran = two[tehran].item() * rates.sum() / rates[:2].sum()
    anchors = _THREE_KIND_CURVE | {int(published(2025).loc["Tehran", "rank"]): of_tehran}
    # Clusters that the deals pushed out of the first hundred have nearly none.
    out = ~first
    deals = two * table["deals_per_point"].to_numpy()
    anchors[100] = 0.015 + float((two + deals)[out].max())
    ranks = _three_kind_ranks(table[first], (two + deals)[first])

    def three_kinds(at_30: float) -> np.ndarray:
        curve = log_linear(anchors | {30: at_30}, ranks)
        return np.where(given[first], head[first].sum(axis=1), curve)

    three = _solve(three_kinds, lambda three: three.sum() - sum(hundred.values()), 1.0, 2.2)
    deals[first] = three - two[first]
    if deals.min() <= 0.0:
        short = table.loc[deals <= 0.0, "cluster"].tolist()
        raise ValueError(f"two kinds alone hold more than the total of three: {short}")

    part = table["patent_part"].to_numpy().copy()
    part[given] = head[given, 0] / two[given]
    part[tehran] = rates[0] / rates[:2].sum()
    fixed = given | tehran

    def patent_parts(shift: float) -> np.ndarray:
        return np.where(fixed, part, 1.0 / (1.0 + (1.0 / part - 1.0) * np.exp(-shift)))

    part = _solve(
        patent_parts, lambda part: (part * two)[first].sum() - hundred["patent"], -3.0, 3.0
    )
    shares = {"patent_share": part * two, "publication_share": (1.0 - part) * two}
    return pd.DataFrame(shares | {"deal_share": deals})


def _per_million_shares(edition: int, cluster: str) -> np.ndarray:
    """Return a cluster's published counts per million as shares of the world, per kind."""
    row = published(edition).loc[cluster]
    world = WORLD_TOTALS[edition]
    return np.array([100.0 * row[f"{kind}_per_million"] / world[kind] for kind in world])


def rate_of(edition: int, cluster: str) -> float:
    """Return a cluster's published total per million inhabitants, in per cent of the world."""
    return float(_per_million_shares(edition, cluster).sum())


def _three_kind_ranks(table: pd.DataFrame, modelled: np.ndarray) -> np.ndarray:
    """Return ranks: published ones as they are, and the free ones by modelled total."""
    rank = table["cluster"].map(published(2025)["rank"]).to_numpy().copy()
    free = np.setdiff1d(np.arange(1, len(table) + 1), rank[~np.isnan(rank)])
    unranked = np.flatnonzero(np.isnan(rank))
    rank[unranked[np.argsort(-modelled[unranked], kind="stable")]] = free
    return rank


def _solve(
    shares: Callable[[float], np.ndarray],
    surplus: Callable[[np.ndarray], float],
    low: float,
    high: float,
) -> np.ndarray:
    """Return the shares at the parameter, found by bisection, where their surplus is zero."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if surplus(shares(middle)) < 0.0 else (low, middle)
    return shares(0.5 * (low + high))
