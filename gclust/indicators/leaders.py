"""Indicators of the top organisation and top field of a cluster, and of their shares."""

from __future__ import annotations

from typing import Literal

import narwhals as nw
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import (
    Frame,
    by_cluster,
    in_clusters,
    known,
    percent,
    rows_of,
    sum_fractional_counts,
    texts,
)
from gclust.listings.sums import sum_by

Of = Literal["known", "all"]
GII = "WIPO 2023, Global Innovation Index 2023, cluster profiles"
TOP_SHARE = "100 * fractional count of the first / fractional count of all that are known"


@indicator(
    needs=("organisation",),
    source=GII,
    formula="the organisation of the largest fractional count in the cluster",
    looks_at=(),
)
def top_organisation(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Organisation with the largest fractional count of a kind of record in each cluster.

    ``argmax over o of sum of the fractional counts of o's listings in the cluster``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``organisation``.
    kind : str, optional
        All kinds together, each record one, if not given.

    Returns
    -------
    Series of str
        Of equal ones the first by name; None where no organisation is known.

    References
    ----------
    WIPO (2023), Global Innovation Index 2023: each cluster's top applicant and top
    scientific organisation.
    """
    return _top(clusters, listings, kind, "organisation")


@indicator(needs=("organisation",), source=GII, formula=TOP_SHARE, looks_at=())
def top_organisation_share(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None, of: Of = "known"
) -> pd.Series:
    """Per cent of a cluster's records that its top organisation has.

    ``100 * fractional count of the top organisation / fractional count of all listings``:
    of those whose organisation is ``known`` (the others do not show who leads) or of ``all``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``organisation``.
    kind : str, optional
        All kinds together, each record one, if not given.
    of : {"known", "all"}

    Returns
    -------
    Series of float
        Missing where no organisation is known, or, of all, where there is no record.

    References
    ----------
    WIPO (2023), Global Innovation Index 2023: the top applicant's share.
    """
    return _top_share(clusters, listings, kind, "organisation", of)


@indicator(
    needs=("field",),
    source=GII,
    formula="the field of the largest fractional count in the cluster",
    looks_at=(),
)
def top_field(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Field in which most of a cluster's records of a kind lie.

    ``argmax over f of sum of the fractional counts of listings of field f in the cluster``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``field``.
    kind : str, optional
        All kinds together, each record one, if not given.

    Returns
    -------
    Series of str
        Of equal ones the first by name; None where no field is known.

    References
    ----------
    WIPO (2023), Global Innovation Index 2023: each cluster's top technology field (of 35,
    Schmoch 2008) and top field of science.
    """
    return _top(clusters, listings, kind, "field")


@indicator(needs=("field",), source=GII, formula=TOP_SHARE, looks_at=())
def top_field_share(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None, of: Of = "known"
) -> pd.Series:
    """Per cent of a cluster's records that lie in its top field.

    As `top_organisation_share`, of fields.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``field``.
    kind : str, optional
        All kinds together, each record one, if not given.
    of : {"known", "all"}

    Returns
    -------
    Series of float
        Missing where no field is known, or, of all, where there is no record.

    References
    ----------
    WIPO (2023), Global Innovation Index 2023: the top field's share.
    """
    return _top_share(clusters, listings, kind, "field", of)


def leaders(parts: Frame, column: str, value: str = "fractional_count") -> Frame:
    """Return each cluster's row with the largest value; of equal values, the first by name.

    ``parts`` has ``cluster``, a ``column`` of texts without nulls, and a column of whole numbers,
    ``value``, with one row for each cluster and text. The result has ``cluster, most`` (the largest
    value), ``every`` (the sum of the values) and the column of texts, one row for each cluster.
    """
    most = parts.group_by("cluster").agg(
        nw.col(value).max().alias("most"), nw.col(value).sum().alias("every")
    )
    most = most.with_columns(nw.col("every").cast(nw.Int64))
    first = parts.join(most, on="cluster").filter(nw.col(value) == nw.col("most"))
    return first.group_by("cluster", "most", "every").agg(nw.col(column).min())


def _leading(listings: LabelledListings, kind: str | None, column: str) -> pd.DataFrame:
    rows = known(in_clusters(rows_of(listings, kind)), column)
    return listings.collect(leaders(sum_fractional_counts(rows, "cluster", column), column))


def _top(
    clusters: pd.DataFrame, listings: LabelledListings, kind: str | None, column: str
) -> pd.Series:
    return texts(_leading(listings, kind, column), column, clusters)


def _top_share(
    clusters: pd.DataFrame, listings: LabelledListings, kind: str | None, column: str, of: Of
) -> pd.Series:
    first = _leading(listings, kind, column)
    whole = by_cluster(first, "every", clusters)
    if of == "all":
        every = sum_by(in_clusters(rows_of(listings, kind)), "cluster", every="fractional_count")
        whole = by_cluster(listings.collect(every), "every", clusters)
    return percent(by_cluster(first, "most", clusters), whole)
