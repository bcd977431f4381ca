"""Indicator of balance: how evenly a cluster's shares are spread over kinds of record."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import kinds_of


@indicator(
    source="Pielou 1966, J. theor. Biol. 13: 131; Stirling 2007, J. R. Soc. Interface 4: 707",
    formula="-sum p ln p / ln K, or (1 - sum p^2) / (1 - 1/K), of p = share / sum of shares",
    looks_at=(),
)
def balance(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    kinds: tuple[str, ...] = (),
    measure: Literal["pielou", "simpson"] = "pielou",
) -> pd.Series:
    """How evenly a cluster's shares of the world are spread over the kinds of record.

    A cluster that is first in no kind can be first in total, if it is near the first in
    each. With ``p_k`` the part of kind k in the sum of the cluster's K shares,
    ``pielou`` is the entropy ``-sum p_k ln p_k / ln K``, and ``simpson`` is
    ``(1 - sum p_k^2) / (1 - 1 / K)``, which is 1 less the normalised
    Herfindahl-Hirschman index. Both are 0 where one kind is all and 1 where all are equal.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``<kind>_share`` of each kind.
    listings : LabelledListings
    kinds : tuple of str
        Which kinds; all by default. Kinds without any record in the world are left out.
    measure : {"pielou", "simpson"}

    Returns
    -------
    Series of float
        From 0 to 1; missing where a cluster has no share of anything, or where fewer than
        two kinds are left.

    References
    ----------
    E. C. Pielou (1966), The measurement of diversity in different types of biological
    collections, Journal of Theoretical Biology 13: 131-144. A. Stirling (2007), A general
    framework for analysing diversity in science, technology and society, Journal of the
    Royal Society Interface 4: 707-719: balance as one of variety, balance and disparity.
    """
    used = [kind for kind in kinds_of(listings, kinds) if listings.totals[kind] > 0]
    if len(used) < 2:
        return pd.Series(np.nan, index=clusters.index)
    # Sorted, so that clusters with the same shares in another order have the same balance.
    share = np.sort(clusters[[f"{kind}_share" for kind in used]].to_numpy(dtype=np.float64))
    whole = share.sum(axis=1)
    part = share / np.where(whole > 0, whole, np.nan)[:, None]
    if measure == "pielou":
        logs = np.log(np.where(part > 0, part, 1.0))
        even = -(part * logs).sum(axis=1) / np.log(len(used))
    else:
        even = (1 - (part * part).sum(axis=1)) / (1 - 1 / len(used))
    return pd.Series(np.clip(even, 0.0, 1.0) + 0.0, index=clusters.index)
