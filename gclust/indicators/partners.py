"""Indicators of a cluster's top partner: the cluster with the strongest ties to it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import known, percent, rows_of, texts
from gclust.listings.counting import record_totals
from gclust.listings.label import sum_ties
from gclust.listings.sums import sum_by

NEWMAN = (
    "Newman 2001, Phys. Rev. E 64: 016132; Perianes-Rodriguez et al. 2016, J. Informetrics 10: 1178"
)


@indicator(
    needs=("record",),
    source=NEWMAN,
    formula="the other cluster of the largest sum over records of n_a n_b / (n (n - 1) / 2)",
    looks_at=("name",),
)
def top_partner(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Name of the other cluster with the strongest ties (records in common) to a cluster.

    Ties are those by which clusters merge: each record spreads one unit evenly over the
    ``n (n - 1) / 2`` pairs of its listings, ``t_ab = sum over records of
    n_a n_b / (n (n - 1) / 2)``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``name``.
    listings : LabelledListings
    kind : str, optional
        All kinds together if not given.

    Returns
    -------
    Series of str
        Of equal ones the first by name; None where a cluster has ties with no other
        cluster, but with noise at most.

    References
    ----------
    M. E. J. Newman (2001), Scientific collaboration networks II, Physical Review E 64:
    016132. A. Perianes-Rodriguez, L. Waltman and N. J. van Eck (2016), Constructing
    bibliometric networks: full and fractional counting, Journal of Informetrics 10: 1178.
    """
    first, _ = _strongest(clusters, listings, kind)
    return texts(first, "name", clusters)


@indicator(
    needs=("record",),
    source=NEWMAN,
    formula="100 * ties with the top partner / ties with all other clusters and noise",
    looks_at=("name",),
)
def top_partner_share(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Per cent of a cluster's ties (common records) with others that go to its top partner.

    Ties as in `top_partner`; outwards are those with all other clusters and with noise.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``; ``name``.
    listings : LabelledListings
    kind : str, optional
        All kinds together if not given.

    Returns
    -------
    Series of float
        0 where all partners are noise; missing where a cluster has no ties outwards.

    References
    ----------
    See `top_partner`.
    """
    first, every = _strongest(clusters, listings, kind)
    most = first.set_index("cluster")["ties"].reindex(clusters.index, fill_value=0)
    return percent(most.astype(np.int64), every.reindex(clusters.index, fill_value=0))


def _strongest(
    clusters: pd.DataFrame, listings: LabelledListings, kind: str | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Return the ``other`` cluster with the strongest ``ties``, and the sum of all ties."""
    rows = known(rows_of(listings, kind), "record")
    of_record = sum_by(rows, "kind", "record", "cluster", units="units")
    parts = of_record.select("kind", "record", "units", label="cluster")
    table = listings.collect(sum_ties(parts, record_totals(rows), "fractional"))
    both = pd.concat(
        [
            table.set_axis(["cluster", "other", "ties"], axis=1),
            table.set_axis(["other", "cluster", "ties"], axis=1),
        ]
    )
    both = both[both["ties"] > 0]
    every = both.groupby("cluster")["ties"].sum()
    inner = both[(both["cluster"] >= 0) & (both["other"] >= 0)]
    inner = inner.assign(name=clusters["name"].reindex(inner["other"]).to_numpy())
    inner = inner.sort_values(["cluster", "ties", "name"], ascending=[True, False, True])
    return inner.drop_duplicates("cluster"), every
