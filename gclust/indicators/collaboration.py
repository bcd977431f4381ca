"""Indicators of collaboration inside a cluster, with other clusters, and with other countries."""

from __future__ import annotations

from typing import Literal

import narwhals as nw
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import Frame, by_cluster, in_clusters, known, percent, rows_of
from gclust.listings.sums import distinct, rows_by, sum_by
from gclust.units import UNIT

MEASURED = "Luukkonen et al. 1993, Scientometrics 28: 15; OECD 2009, Patent Statistics Manual"


@indicator(
    needs=("record",),
    source=MEASURED,
    formula="100 * records with listings in the cluster and outside / records with one in it",
    looks_at=(),
)
def collaboration(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    kind: str | None = None,
    partner: Literal["outside", "cluster", "noise", "within"] = "outside",
) -> pd.Series:
    """Per cent of a cluster's records that have partners outside it, or only inside it.

    Of the records with at least one listing in the cluster, each counted once: those with
    a listing ``outside`` it, in another ``cluster``, or in no cluster (``noise``); or those
    of several listings that all lie ``within``. A record may have partners of both sorts
    outside. What ``outside`` and ``within`` leave of 100 are records of one listing.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        Listings without a record say nothing of partners and are left out. A listing of
        weight k is k listings.
    kind : str, optional
        All kinds together if not given.
    partner : {"outside", "cluster", "noise", "within"}

    Returns
    -------
    Series of float
        Missing where a cluster has no record.

    References
    ----------
    T. Luukkonen, R. J. W. Tijssen, O. Persson and G. Sivertsen (1993), The measurement of
    international scientific collaboration, Scientometrics 28: 15-36. OECD (2009), Patent
    Statistics Manual, on co-inventions.
    """
    noise = nw.when(nw.col("cluster") < 0).then(nw.col("units")).otherwise(0)
    rows = known(rows_of(listings, kind), "record").with_columns(noise=noise)
    here = sum_by(in_clusters(rows), "kind", "record", "cluster", here="units")
    whole = sum_by(rows, "kind", "record", whole="units", noise="noise")
    away = nw.col("whole") - nw.col("here")
    found = {
        "outside": away > 0,
        "cluster": away - nw.col("noise") > 0,
        "noise": nw.col("noise") > 0,
        "within": (away == 0) & (nw.col("whole") > UNIT),
    }
    return _share(listings, here.join(whole, on=["kind", "record"]), found[partner], clusters)


@indicator(
    needs=("record", "country"),
    source=MEASURED,
    formula="100 * records with a listing in the cluster and one outside it of another country"
    " / records with a listing in it",
    looks_at=(),
)
def international_collaboration(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Per cent of a cluster's records with a partner outside the cluster in another country.

    Of the records with at least one listing in the cluster, each counted once: those with
    one listing in the cluster and one outside in different countries. Partners across a
    border that the cluster itself spans are within it.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``country``; listings of unknown country count as no partner. Listings without
        a record are left out.
    kind : str, optional
        All kinds together if not given.

    Returns
    -------
    Series of float
        Missing where a cluster has no record.

    References
    ----------
    T. Luukkonen, R. J. W. Tijssen, O. Persson and G. Sivertsen (1993), The measurement of
    international scientific collaboration, Scientometrics 28: 15-36.
    """
    has_country = (~nw.col("country").is_null()).cast(nw.Int64)
    rows = known(rows_of(listings, kind), "record").with_columns(has_country=has_country)
    here = sum_by(in_clusters(rows), "kind", "record", "cluster", here="has_country")
    whole = sum_by(rows, "kind", "record", whole="has_country")
    # Where a record has two countries or more, and listings of known country in the cluster and
    # outside, two of these differ.
    countries = rows_by(distinct(known(rows, "country"), "kind", "record", "country"),
                        "kind", "record")  # fmt: skip
    joined = here.join(whole, on=["kind", "record"])
    joined = joined.join(countries, on=["kind", "record"], how="left")
    several = nw.col("rows").fill_null(0) > 1
    abroad = several & (nw.col("here") > 0) & (nw.col("whole") > nw.col("here"))
    return _share(listings, joined, abroad, clusters)


def _share(
    listings: LabelledListings, records: Frame, found: nw.Expr, clusters: pd.DataFrame
) -> pd.Series:
    """Return the per cent of the rows of each cluster that meet a condition."""
    counted = records.with_columns(found=found.cast(nw.Int64), one=nw.lit(1, dtype=nw.Int64))
    table = listings.collect(sum_by(counted, "cluster", found="found", every="one"))
    return percent(by_cluster(table, "found", clusters), by_cluster(table, "every", clusters))
