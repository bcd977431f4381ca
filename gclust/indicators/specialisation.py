"""Indicators of specialisation: location quotients of fields and of kinds of record."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import by_cluster, kinds_of, known, rows_of, sum_fractional_counts
from gclust.plurals import counted
from gclust.spelling import did_you_mean

QUOTIENT = "Florence 1939; Balassa 1965; symmetric: Laursen 2015, Eurasian Bus. Rev. 5: 99"


@indicator(
    needs=("field",),
    source=QUOTIENT,
    formula="(part of the field in the cluster) / (part of the field in the world)",
    looks_at=(),
)
def specialisation(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    field: str,
    kind: str | None = None,
    symmetric: bool = False,
) -> pd.Series:
    """Location quotient of a field: its share of a cluster's records / its share of the world's.

    ``Q = (x_cf / x_c) / (x_f / x)`` with x the fractional count of listings whose field is
    known, noise included in the world; ``symmetric`` is ``(Q - 1) / (Q + 1)``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``field``.
    field : str
    kind : str, optional
        All kinds together, each record one, if not given.
    symmetric : bool

    Returns
    -------
    Series of float
        1 (symmetric: 0) where the field's part is the world's, 0 (symmetric: -1) where the
        cluster has none of it; missing where no field is known.

    Raises
    ------
    ValueError
        If no listing in the world is of that field.

    References
    ----------
    P. S. Florence (1939), Report on the location of industry. B. Balassa (1965), Trade
    liberalisation and "revealed" comparative advantage, Manchester School 33: 99.
    K. Laursen (2015), Revealed comparative advantage and the alternatives as measures of
    international specialization, Eurasian Business Review 5: 99.
    """
    rows = known(rows_of(listings, kind), "field")
    table = listings.collect(sum_fractional_counts(rows, "cluster", "field"))
    of_field = table[table["field"] == field]
    if of_field.empty:
        fields = sorted(table["field"].unique())
        hint = did_you_mean(field, fields, otherwise=f"; it has {counted(len(fields), 'other')}")
        raise ValueError(f"specialisation: no listing has the field {field!r}{hint}")
    every = table.groupby("cluster", as_index=False)["fractional_count"].sum()
    own = (
        by_cluster(of_field, "fractional_count", clusters),
        by_cluster(every, "fractional_count", clusters),
    )
    world = int(of_field["fractional_count"].sum()), int(table["fractional_count"].sum())
    return _quotient(*own, *world, symmetric=symmetric)


@indicator(
    source=QUOTIENT,
    formula="(part of the kind in the cluster's records) / (part of the kind in the world's)",
    looks_at=(),
)
def kind_specialisation(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str, symmetric: bool = False
) -> pd.Series:
    """Location quotient of a kind: its share of a cluster's records / its share of the world's.

    ``Q = (count_ck / sum_j count_cj) / (world_k / sum_j world_j)``; ``symmetric`` is
    ``(Q - 1) / (Q + 1)``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``<kind>_count`` of each kind.
    listings : LabelledListings
    kind : str
    symmetric : bool

    Returns
    -------
    Series of float
        As `specialisation`; missing where the cluster or the world has no record, and for
        a kind without any record in the world.

    References
    ----------
    See `specialisation`.
    """
    (kind,) = kinds_of(listings, kind)
    every = clusters[[f"{k}_count" for k in listings.kinds]].sum(axis=1)
    world = float(sum(listings.totals[k] for k in listings.kinds))
    own = clusters[f"{kind}_count"]
    return _quotient(own, every, listings.totals[kind], world, symmetric=symmetric)


def _quotient(
    own: pd.Series, every: pd.Series, world_own: float, world: float, *, symmetric: bool
) -> pd.Series:
    """Return the location quotient, missing where a denominator is 0."""
    expected = world_own / world if world_own > 0 else np.nan
    quotient = own.astype(np.float64) / every.astype(np.float64).where(every > 0) / expected
    return (quotient - 1) / (quotient + 1) if symmetric else quotient
