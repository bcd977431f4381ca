"""Indicators of a cluster's size: counts and shares of kinds, also per inhabitant and area."""

from __future__ import annotations

import math

import pandas as pd

from gclust.indicators.counts import per_million_inhabitants
from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import kinds_of, percent

FRACTIONAL = "de Solla Price 1981, Multiple authorship, Science 212: 986"
GII = "WIPO 2024, Global Innovation Index 2024, Appendix IV"


@indicator(
    source=FRACTIONAL,
    formula="sum of the fractional counts of the listings in the cluster",
    looks_at=(),
)
def count(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Records of a kind in each cluster, as the study counts them.

    With fractional counting a record gives each cluster the part of its
    listings that lies there: ``count_c = sum over records r of n_rc / n_r``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``<kind>_count`` of each kind.
    listings : LabelledListings
    kind : str, optional
        All kinds together, each record one, if not given.

    Returns
    -------
    Series of float
        In records; 0 where a cluster has none.

    References
    ----------
    D. de Solla Price (1981), Multiple authorship, Science 212: 986.
    """
    return _summed(clusters, kinds_of(listings, kind), "count")


@indicator(source=GII, formula="100 * count / world total; without kind their sum", looks_at=())
def share(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """A cluster's records of a kind in per cent of the world's, noise included in the world.

    ``share_ck = 100 * count_ck / world_k``. Without a kind, the sum of the shares
    of all kinds: the GII's total.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``<kind>_share`` of each kind.
    listings : LabelledListings
    kind : str, optional

    Returns
    -------
    Series of float
        Per cent; 0 for a kind of world total 0.

    References
    ----------
    WIPO (2024), Global Innovation Index 2024, Appendix IV. All shares and totals of the
    first 34 rows of the 2023 edition's Appendix Table 3 are reproduced so.
    """
    return _summed(clusters, kinds_of(listings, kind), "share")


@indicator(source=FRACTIONAL, formula="100 * count of kind / count of all kinds", looks_at=())
def kind_share(clusters: pd.DataFrame, listings: LabelledListings, *, kind: str) -> pd.Series:
    """Per cent of a cluster's own records that are of one kind.

    ``100 * count_ck / sum over kinds j of count_cj``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``<kind>_count`` of each kind.
    listings : LabelledListings
    kind : str

    Returns
    -------
    Series of float
        Per cent; missing where a cluster has no record at all.
    """
    every = _summed(clusters, listings.kinds, "count")
    return percent(_summed(clusters, kinds_of(listings, kind), "count"), every)


@indicator(
    source=GII, formula="count (without kind: share) * 1e6 / population", looks_at=("population",)
)
def per_million(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Records of a kind per million inhabitants of the cluster's footprint.

    ``count_ck * 1e6 / population_c``. Without a kind, the sum of the shares per million
    inhabitants, as the GII's intensity ranking takes it.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``population``, and ``<kind>_count`` and ``<kind>_share``.
    listings : LabelledListings
    kind : str, optional

    Returns
    -------
    Series of float
        Missing where nobody lives, or where it is not known how many do.

    References
    ----------
    WIPO (2024), Global Innovation Index 2024, clusters by intensity.
    """
    return per_million_inhabitants(_amount(clusters, listings, kind), clusters["population"])


@indicator(source=GII, formula="count (without kind: share) / area in km2", looks_at=("area_km2",))
def per_km2(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Records of a kind per square kilometre of the cluster's footprint.

    ``count_ck / area_c``; without a kind, the sum of the shares per square kilometre.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``area_km2``, and ``<kind>_count`` and ``<kind>_share``.
    listings : LabelledListings
    kind : str, optional

    Returns
    -------
    Series of float
        Missing where the area is 0 or not known.
    """
    area = clusters["area_km2"]
    return _amount(clusters, listings, kind) / area.where(area > 0)


def _amount(clusters: pd.DataFrame, listings: LabelledListings, kind: str | None) -> pd.Series:
    """Return the count of a kind, or the sum of the shares of all kinds (these differ in size).

    With ``<kind>_inside`` it is that of the records inside the footprint.
    """
    figure, amounts = ("share" if kind is None else "count"), clusters.copy()
    for each in kinds_of(listings, kind):
        if f"{each}_inside" in clusters:
            counted = clusters[f"{each}_count"]
            inside = clusters[f"{each}_inside"] / counted.where(counted > 0)
            amounts[f"{each}_{figure}"] = clusters[f"{each}_{figure}"] * inside.fillna(0.0)
    return _summed(amounts, kinds_of(listings, kind), figure)


def _summed(clusters: pd.DataFrame, kinds: tuple[str, ...], figure: str) -> pd.Series:
    """Sum a column (count or share) over kinds, rounded once."""
    columns = [clusters[f"{kind}_{figure}"] for kind in kinds]
    sums = [math.fsum(row) for row in zip(*columns, strict=True)]
    return pd.Series(sums, index=clusters.index, dtype="float64")
