"""Records of each member city of a cluster, and ties (common records) between the cities."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.indicators.counts import counts
from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.totals import Frame, in_clusters, percent
from gclust.listings.counting import record_totals
from gclust.listings.label import sum_ties
from gclust.listings.sums import sum_by
from gclust.units import UNIT


def member_counts(
    clusters: pd.DataFrame, listings: LabelledListings, members: pd.DataFrame, places: Frame
) -> pd.DataFrame:
    """Count each member city's records by kind, and compute its share of the cluster's records.

    ``count_mk = sum of the fractional counts of the listings of kind k in m``, and
    ``share_mk = 100 * count_mk / sum over the cluster's members of count_mk``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``name``.
    listings : LabelledListings
        With ``lat, lon``.
    members : DataFrame
        ``cluster_id, city, country``; see `gclust.places.cities.member_cities.member_cities`.
    places : LazyFrame
        ``lat, lon, member`` of the locations in clusters, on the listings' engine;
        ``member`` is a row of ``members``.

    Returns
    -------
    DataFrame
        ``cluster_id, name`` (of the cluster), ``city, country`` and, for each kind,
        ``<kind>_count`` (records) and ``<kind>_share`` (per cent of the cluster's; missing
        where it has none), one row for each member.
    """
    at = in_clusters(listings.frame).join(places, on=["lat", "lon"])
    units = listings.collect(sum_by(at, "kind", "member", units="fractional_count"))
    codes = units["kind"].map({kind: code for code, kind in enumerate(listings.kinds)})
    coded = units.assign(kind=codes.astype(np.int64), label=units["member"].astype(np.int64))
    count = counts(coded, listings.kinds, len(members))
    names = clusters["name"].reindex(members["cluster_id"]).to_numpy()
    table = members[["cluster_id"]].assign(name=names)
    table[["city", "country"]] = members[["city", "country"]]
    for kind in listings.kinds:
        table[f"{kind}_count"] = count[kind]
        whole = count[kind].groupby(members["cluster_id"]).transform("sum")
        table[f"{kind}_share"] = percent(count[kind], whole)
    return table


def member_ties(listings: LabelledListings, members: pd.DataFrame, places: Frame) -> pd.DataFrame:
    """Compute the ties (records in common) of member cities; arguments as in `member_counts`.

    Ties are computed as between clusters that may merge: each record spreads one unit evenly
    over the ``n (n - 1) / 2`` pairs of its listings, wherever these lie, so
    ``t_ab = sum over records of n_a n_b / (n (n - 1) / 2)`` (A. Perianes-Rodriguez, L. Waltman and
    N. J. van Eck 2016, Constructing bibliometric networks: full and fractional counting, Journal of
    Informetrics 10: 1178).

    Returns
    -------
    DataFrame
        ``cluster_id, city_a, city_b, ties`` (in records), one row for each pair of members
        that have ties, the strongest of a cluster first; ``city_a`` is the heavier member.
    """
    # Most clusters have one member, and no ties inside.
    several = np.flatnonzero(members["cluster_id"].duplicated(keep=False)).tolist()
    shared = places.filter(nw.col("member").is_in(several))
    at = in_clusters(listings.frame).join(shared, on=["lat", "lon"])
    parts = sum_by(at, "kind", "record", "member", units="units")
    parts = parts.select("kind", "record", "units", label="member")
    table = listings.collect(sum_ties(parts, record_totals(listings.frame), "fractional"))
    cluster = members["cluster_id"].to_numpy()
    a, b = table["a"].to_numpy(), table["b"].to_numpy()
    inner = (cluster[a] == cluster[b]) & (table["ties"] > 0).to_numpy()
    table = table[inner].assign(cluster_id=cluster[a[inner]])
    order = ["cluster_id", "ties", "a", "b"]
    table = table.sort_values(order, ascending=[True, False, True, True], ignore_index=True)
    city = members["city"].to_numpy()
    return pd.DataFrame(
        {
            "cluster_id": table["cluster_id"],
            "city_a": city[table["a"].to_numpy()],
            "city_b": city[table["b"].to_numpy()],
            "ties": table["ties"] / UNIT,
        }
    )
