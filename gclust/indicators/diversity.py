"""Indicator of diversity: how many fields a cluster works in, and how evenly."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import in_clusters, known, rows_of, sum_fractional_counts
from gclust.listings.sums import distinct


@indicator(
    needs=("{by}",),
    source="Shannon 1948; Hill 1973, Ecology 54: 427; Jost 2006, Oikos 113: 363",
    formula="H = -sum p ln p over fields; normalised: H / ln(fields in the world); effective: e^H",
    looks_at=(),
)
def diversity(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    kind: str | None = None,
    by: Literal["field", "organisation", "country"] = "field",
    measure: Literal["entropy", "normalised", "effective"] = "entropy",
) -> pd.Series:
    """Diversity of a cluster's fields, measured by Shannon entropy.

    With ``p_f`` field f's part of the fractional count of the cluster's listings whose
    field is known, ``entropy`` is ``H = -sum over f of p_f ln p_f``, in nats; ``normalised`` is
    ``H / ln F`` for the F fields that occur in the world; ``effective`` is ``e^H``, the
    number of equally large fields that are as diverse.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With the column ``by``.
    kind : str, optional
        All kinds together, each record one, if not given.
    by : {"field", "organisation", "country"}
    measure : {"entropy", "normalised", "effective"}

    Returns
    -------
    Series of float
        0 (effective: 1) for one field only; missing where no field is known and, normalised,
        where the world has but one.

    References
    ----------
    C. E. Shannon (1948), A mathematical theory of communication, Bell Syst.
    Tech. J. 27: 379. M. O. Hill (1973), Diversity and evenness, Ecology 54: 427. L. Jost
    (2006), Entropy and diversity, Oikos 113: 363: effective numbers.
    """
    rows = known(rows_of(listings, kind), by)
    table = listings.collect(sum_fractional_counts(in_clusters(rows), "cluster", by))
    # Sorted by count, so that the same parts in another order have the same entropy.
    table = table.sort_values(["cluster", "fractional_count"], ignore_index=True)
    every = table.groupby("cluster")["fractional_count"].transform("sum")
    part = (table["fractional_count"] / every).to_numpy(dtype=np.float64)
    terms = pd.Series(-part * np.log(np.where(part > 0, part, 1.0)) + 0.0)
    entropy = terms.groupby(table["cluster"]).sum().reindex(clusters.index).astype(np.float64)
    if measure == "effective":
        return np.exp(entropy)
    if measure == "normalised":
        fields = len(listings.collect(distinct(rows, by)))
        return entropy / np.log(fields) if fields > 1 else entropy * np.nan
    return entropy
