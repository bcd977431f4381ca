"""Modelled shares of the world's records in each cluster of a simulated world.

Published numbers are used unchanged, counts before shares. All others are invented. Totals
(with deals, and without) lie on falling curves through published totals. They are divided into
kinds so that the sums of the first hundred clusters are the published ones. The table
``invented_clusters.csv`` names the clusters and has the weights of patents and deals in each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from gclust.datasets.certainty import MIN_SAMPLES
from gclust.datasets.figures import gii_world, published_figures, read_table
from gclust.datasets.teams import LISTINGS

WORLD_TOTALS: dict[int, dict[str, int]] = {
    # Implied by the table that WIPO printed in 2023: the totals from which all its shares
    # follow. Those of 2025 follow from printed counts and shares: 1,305,594 to 1,313,318
    # applications (two counts), 7,903,469 to 8,239,787 articles (one), and 234,475 to
    # 237,898 deals (three).
    2023: {"patent": 1_255_500, "publication": 7_457_500},
    2025: {"patent": 1_309_500, "publication": 8_070_000, "deal": 236_200},
}
"""Records of the world by edition and kind, at scale 1."""

YEARS: dict[int, dict[str, tuple[int, int]]] = {
    2023: {"patent": (2018, 2022), "publication": (2017, 2021)},
    2025: {"patent": (2020, 2024), "publication": (2019, 2023), "deal": (2019, 2023)},
}
"""First and last year of each kind's window, by edition: those of 2025 as reported by the
Mexican patent office (elfinanciero.com.mx 2025-09-03), those of 2023 one edition's step earlier
than what appendix IV of the GII 2024 says."""

Curve = dict[int, float]
# Totals of patents and publications by rank, in per cent: near the 2023 table's from rank 12
# to 22; published figures, and one rank in between that makes the sum right, join them.
_TWO_KIND_CURVE: Curve = {12: 1.95, 14: 1.72, 16: 1.53, 22: 1.22, 100: 0.27, 140: 0.056}
# Listings of the clusters after these, in multiples of the density threshold: ever more of
# them, and ever nearer to it.
_LISTINGS_CURVE: Curve = {140: 4.2, 160: 2.9, 185: 1.98, 200: 1.62, 237: 1.27}
# Totals of three kinds by rank: high enough at 28, 43, 54 and 63 for Nagoya, Cologne,
# Stuttgart and Tehran, whose patents and publications alone are nearly that.
_THREE_KIND_CURVE: Curve = {15: 2.55, 28: 1.68, 43: 1.12, 54: 0.995, 63: 0.825, 87: 0.43}


def targets(edition: int) -> pd.DataFrame:
    """Return the share of the world's records that each cluster of a simulated world should have.

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
    table = read_table("invented_clusters.csv")
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


def invented_figures(edition: int, known: pd.DataFrame) -> pd.DataFrame:
    """Return made-up ranks, shares and totals for what was not published, as `gclust.datasets.gii`.

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
        unit=np.nan,
        mark="invented",
        by="",
        source=f"gclust: simulated world of {edition}",
    )
    return rows[known.columns].reset_index(drop=True)


def log_linear(anchors: Curve, ranks: np.ndarray) -> np.ndarray:
    """Return the total at each rank, interpolated linearly in logarithms between given totals."""
    at = sorted(anchors)
    return np.exp(np.interp(ranks, at, np.log([anchors[rank] for rank in at])))


def _by_listings(edition: int, rank: np.ndarray, patent_part: np.ndarray) -> np.ndarray:
    """Return totals of two kinds in per cent that give clusters the listings of a curve."""
    patent, publication = (
        WORLD_TOTALS[edition][kind] * LISTINGS[kind][0] / 100.0
        for kind in ("patent", "publication")
    )
    of_one = patent_part * patent + (1.0 - patent_part) * publication
    return log_linear(_LISTINGS_CURVE, rank) * MIN_SAMPLES / of_one


def published(edition: int) -> pd.DataFrame:
    """Return an edition's published numbers, a row per cluster and a column per kind of number."""
    return published_figures(edition).pivot_table(index="cluster", columns="figure", values="value")


def rates(edition: int) -> pd.DataFrame:
    """Return published counts per million inhabitants, in per cent of the world's records.

    One row per cluster whose counts of all kinds are published, one column per kind.
    """
    figures, world = published(edition), WORLD_TOTALS[edition]
    found = {kind: 100.0 * figures[f"{kind}_per_million"] / world[kind] for kind in world}
    return pd.DataFrame(found).dropna()


def _patent_parts(table: pd.DataFrame) -> pd.Series:
    """Return patents' part of each cluster's total of two kinds, that of 2023 if printed."""
    world, counts = WORLD_TOTALS[2023], published(2023)
    both = [(f"{kind}_count", f"{kind}_per_million") for kind in ("patent", "publication")]
    of_world = [
        pd.DataFrame({figure: counts[figure] / total for figure in figures})
        for figures, total in zip(both, world.values(), strict=True)
    ]
    patents, publications = (frame.set_axis(["count", "rate"], axis=1) for frame in of_world)
    part = patents / (patents + publications)
    return table["cluster"].map(part["count"].fillna(part["rate"])).fillna(table["patent_part"])


def _given(edition: int, table: pd.DataFrame) -> pd.DataFrame:
    """Return the published shares, from counts if published, and invented ones elsewhere."""
    figures, out = published(edition), {}
    for kind, total in WORLD_TOTALS[edition].items():
        share = 100.0 * figures[f"{kind}_count"] / total
        share = share.fillna(figures.get(f"{kind}_share", np.nan)).reindex(table["cluster"])
        invented = table[f"{kind}_share"] if edition == 2025 else np.nan
        out[f"{kind}_share"] = share.reset_index(drop=True).fillna(invented)
    return pd.DataFrame(out)


def _world_2023(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of 2023 from the printed counts, and from a curve for other ranks."""
    out = _given(2023, table)
    rest = out.isna().any(axis=1)
    figures = published(2023).reindex(table["cluster"]).reset_index(drop=True)
    rank = _ranks(figures["rank"], -table["two_kind_order"])
    lowest, first = float(out.sum(axis=1)[~rest].min()), int((~rest).sum())
    anchors = {first: lowest} | {at: _TWO_KIND_CURVE[at] for at in (100, 140)}
    part = table["patent_part"]
    small = rank > max(_TWO_KIND_CURVE)
    total = np.where(small, _by_listings(2023, rank, part), log_linear(anchors, rank))
    out.loc[rest, "patent_share"] = (total * part)[rest]
    out.loc[rest, "publication_share"] = (total * (1.0 - part))[rest]
    return out


def _world_2025(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of 2025: published ones, the others from curves and sums."""
    given, first = _given(2025, table).to_numpy(), table["first_hundred"].to_numpy() == 1
    whole = ~np.isnan(given).any(axis=1)
    sums = gii_world(2025).set_index("figure")["value"]
    hundred = [float(sums[f"{kind}_share_first_100"]) for kind in WORLD_TOTALS[2025]]
    rank = (
        published(2025)["rank"]
        .reindex(table["cluster"])
        .fillna(table.set_index("cluster")["rank"])
        .to_numpy()
    )
    anchors = _THREE_KIND_CURVE | {
        int(rank[row]): given[row].sum() for row in np.flatnonzero(whole) if rank[row] > 15
    }
    # Where rates per head are published, the total by rank says how many heads.
    rated = rates(2025).reindex(table["cluster"]).to_numpy()
    rated = rated * (log_linear(anchors, rank) / rated.sum(axis=1))[:, None]
    given = np.where(np.isnan(given), rated, given)
    whole = ~np.isnan(given).any(axis=1)

    order = table["two_kind_order"].to_numpy()
    known = {int(order[row]): given[row, :2].sum() for row in np.flatnonzero(whole)}
    known = {at: total for at, total in known.items() if 22 < at <= 100}

    part = table["patent_part"].to_numpy()
    small = order > max(_TWO_KIND_CURVE)

    def two_kinds(at_35: float) -> np.ndarray:
        curve = log_linear(_TWO_KIND_CURVE | known | {35: at_35}, order)
        curve = np.where(small, _by_listings(2025, order, part), curve)
        return np.where(whole, given[:, :2].sum(axis=1), curve)

    two = _solve(two_kinds, lambda two: two[first].sum() - sum(hundred[:2]), 0.6, 1.1)
    deals = two * table["deals_per_point"].to_numpy()
    # Clusters that the deals pushed out of the first hundred have nearly none.
    anchors[100] = 0.015 + float((two + deals)[~first].max())
    rank = _ranks(pd.Series(rank[first]), (two + deals)[first])

    def three_kinds(at_20: float) -> np.ndarray:
        curve = log_linear(anchors | {20: at_20}, rank)
        return np.where(whole[first], given[first].sum(axis=1), curve)

    three = _solve(three_kinds, lambda three: three.sum() - sum(hundred), 1.7, 2.7)
    deals[first] = three - two[first]
    if deals.min() <= 0.0:
        short = table.loc[deals <= 0.0, "cluster"].tolist()
        raise ValueError(
            "the shares of patents and publications alone exceed the total with deals in the"
            f" clusters {short}; expected a larger total"
        )

    fixed, part = whole | small, np.where(whole, given[:, 0] / two, part)

    def patent_parts(shift: float) -> np.ndarray:
        return np.where(fixed, part, 1.0 / (1.0 + (1.0 / part - 1.0) * np.exp(-shift)))

    part = _solve(patent_parts, lambda part: (part * two)[first].sum() - hundred[0], -3.0, 3.0)
    shares = {"patent_share": part * two, "publication_share": (1.0 - part) * two}
    return pd.DataFrame(shares | {"deal_share": deals})


def _ranks(known: pd.Series, natural: np.ndarray | pd.Series) -> np.ndarray:
    """Return ranks: known ones as they are, and the free ones by a natural order."""
    rank = known.to_numpy(dtype=np.float64).copy()
    free = np.setdiff1d(np.arange(1, len(rank) + 1), rank[~np.isnan(rank)])
    unranked = np.flatnonzero(np.isnan(rank))
    rank[unranked[np.argsort(-np.asarray(natural)[unranked], kind="stable")]] = free
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
