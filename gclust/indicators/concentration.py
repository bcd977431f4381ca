"""Indicators of concentration: how far a cluster depends on one or a few organisations."""

from __future__ import annotations

import math
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.leaders import leaders
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import (
    Frame,
    by_cluster,
    in_clusters,
    kinds_of,
    known,
    rows_of,
    sum_fractional_counts,
)
from gclust.listings.sums import sum_by
from gclust.units import UNIT

HERFINDAHL = "Hirschman 1945, 1964; Herfindahl 1950"
LEFT_OUT = "Quenouille 1956, Biometrika 43: 353; Cook 1977, Technometrics 19: 15: one left out"

SQUARED = 2.0**60
"""Squares of shares are summed as integer multiples of 1 / SQUARED; their sum is at most one."""

OF_WORLD = 2.0**56
"""Shares of the world are summed as integer multiples of 1 / OF_WORLD; the sum of up to 128
kinds is below 2^63."""


@indicator(
    needs=("{by}",),
    source=HERFINDAHL,
    formula="sum over organisations of (fractional count of o / fractional count of all known)^2",
    looks_at=(),
)
def hhi(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    kind: str | None = None,
    by: Literal["organisation", "field", "country"] = "organisation",
    normalised: bool = False,
) -> pd.Series:
    """Herfindahl-Hirschman index: how concentrated a cluster is on few organisations.

    ``H = sum over o of s_o^2`` with ``s_o`` organisation o's part of the fractional count
    of the cluster's listings whose organisation is known. ``normalised`` for the number n of
    organisations, it is ``(H - 1 / n) / (1 - 1 / n)``.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With the column ``by``.
    kind : str, optional
        All kinds together, each record one, if not given.
    by : {"organisation", "field", "country"}
    normalised : bool

    Returns
    -------
    Series of float
        From 1 / n (normalised: 0), all alike, to 1, one organisation only; in units in
        which competition authorities' 10,000 points are 1. Missing where none is known.

    References
    ----------
    A. O. Hirschman (1964), The paternity of an index, American Economic Review 54: 761.
    O. C. Herfindahl (1950), Concentration in the steel industry, Columbia University.
    """
    parts = sum_fractional_counts(known(in_clusters(rows_of(listings, kind)), by), "cluster", by)
    joined = parts.join(sum_by(parts, "cluster", every="fractional_count"), on="cluster")
    part = nw.col("fractional_count") / nw.col("every")
    squared = joined.with_columns(
        squared=(part * part * SQUARED + 0.5).floor().cast(nw.Int64), one=nw.lit(1, dtype=nw.Int64)
    )
    table = listings.collect(sum_by(squared, "cluster", squared="squared", n="one"))
    n = by_cluster(table, "n", clusters).astype(np.float64)
    index = (by_cluster(table, "squared", clusters) / SQUARED).where(n > 0)
    if not normalised:
        return index
    spread = (index - 1 / n) / (1 - 1 / n).where(n > 1)
    return spread.clip(0.0, 1.0).where(n != 1, 1.0)


@indicator(
    needs=("organisation",),
    source=LEFT_OUT,
    formula="share - 100 * fractional count of the top organisation / world total",
    looks_at=(),
)
def share_without_top(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Per cent of the world's records that a cluster has if its top organisation is left out.

    ``100 * (count_ck - fractional count of the top organisation) / world_k``; without a kind,
    the sum over all kinds, and the top organisation is the one with the largest part of that
    sum: all its listings there, of any kind, are left out.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``organisation``. The world's totals stay as they are, and listings of unknown
        organisation stay with their cluster.
    kind : str, optional

    Returns
    -------
    Series of float
        The cluster's share where no organisation is known.

    References
    ----------
    Leaving out one at a time: M. H. Quenouille (1956), Notes on bias in estimation,
    Biometrika 43: 353; R. D. Cook (1977), Detection of influential observation in linear
    regression, Technometrics 19: 15. The case: Ningde, ranked among the GII 2025's first
    100 by one battery maker.
    """
    _, without = _shares(clusters, listings, kind)
    return without


@indicator(
    needs=("organisation",),
    source=LEFT_OUT,
    formula="1 + number of other clusters whose whole share exceeds share_without_top",
    looks_at=(),
)
def rank_without_top(
    clusters: pd.DataFrame, listings: LabelledListings, *, kind: str | None = None
) -> pd.Series:
    """Rank of a cluster by share if only its own top organisation is left out.

    One more than the number of other clusters whose share is above the cluster's
    `share_without_top`; without a kind, among the sums of the shares of all kinds. Each
    cluster's loss is judged by itself: the others keep their own top organisations.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``organisation``.
    kind : str, optional

    Returns
    -------
    Series of Int64
        1 for the largest share. A cluster without a known organisation keeps its rank.

    References
    ----------
    See `share_without_top`.
    """
    whole, without = _shares(clusters, listings, kind)
    ranked = np.sort(whole.to_numpy())
    # The cluster itself is never above what it is without its top organisation, unless
    # that had something: then it is among those counted, and is taken off.
    above = len(ranked) - np.searchsorted(ranked, without.to_numpy(), side="right")
    itself = (whole > without).to_numpy().astype(np.int64)
    return pd.Series(1 + above - itself, index=clusters.index).astype("Int64")


def _shares(
    clusters: pd.DataFrame, listings: LabelledListings, kind: str | None
) -> tuple[pd.Series, pd.Series]:
    """Return the world share (or sum of shares) with and without the top organisation."""
    kinds = tuple(k for k in kinds_of(listings, kind) if listings.totals[k] > 0)
    rows = in_clusters(rows_of(listings, kind))
    counted = listings.collect(sum_fractional_counts(rows, "kind", "cluster"))
    parts = sum_fractional_counts(known(rows, "organisation"), "kind", "cluster", "organisation")
    weighed = sum_by(_of_world(parts, listings, kinds), "cluster", "organisation", part="part")
    top = leaders(weighed, "organisation", "part").select("cluster", "organisation")
    lost = listings.collect(
        parts.join(top, on=["cluster", "organisation"]).select(
            "kind", "cluster", "fractional_count"
        )
    )
    every, gone = (_by_kind(table, kinds, clusters) for table in (counted, lost))
    worlds = [float(listings.totals[k]) for k in kinds]
    return _total(every, worlds, clusters), _total(every - gone, worlds, clusters)


def _of_world(parts: Frame, listings: LabelledListings, kinds: tuple[str, ...]) -> Frame:
    """Add ``part``: fractional count / world total of the kind, in multiples of 1 / OF_WORLD."""
    part = nw.lit(0, dtype=nw.Int64)
    for kind in kinds:
        scale = OF_WORLD / (float(listings.totals[kind]) * UNIT)
        of_kind = (nw.col("fractional_count") * scale + 0.5).floor().cast(nw.Int64)
        part = nw.when(nw.col("kind") == kind).then(of_kind).otherwise(part)
    return parts.with_columns(part=part)


def _by_kind(table: pd.DataFrame, kinds: tuple[str, ...], clusters: pd.DataFrame) -> np.ndarray:
    """Return the fractional counts by cluster and kind."""
    counted = np.zeros((len(clusters), len(kinds)), dtype=np.int64)
    for column, kind in enumerate(kinds):
        counted[:, column] = by_cluster(table[table["kind"] == kind], "fractional_count", clusters)
    return counted


def _total(counted: np.ndarray, worlds: list[float], clusters: pd.DataFrame) -> pd.Series:
    """Return the sum of the shares of the kinds, in per cent, rounded once."""
    shares = 100 * (counted / UNIT) / np.array(worlds)
    return pd.Series([math.fsum(row) for row in shares], index=clusters.index, dtype="float64")
