"""Indicator of growth: a cluster's records in late years compared with early years."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.indicators.protocol import indicator
from gclust.indicators.totals import by_cluster, known, rows_of, sum_fractional_counts

Window = tuple[int, int]


@indicator(
    needs=("year",),
    source="Törnqvist, Vartia & Vartia 1985, American Statistician 39: 43",
    formula="100 * (l / f - 1) of records a year; compound: 100 * ((l / f)^(1 / t) - 1)",
    looks_at=(),
)
def growth(
    clusters: pd.DataFrame,
    listings: LabelledListings,
    *,
    kind: str | None = None,
    first: tuple[int, ...] | None = None,
    last: tuple[int, ...] | None = None,
    compound: bool = False,
) -> pd.Series:
    """Growth in per cent of a cluster's yearly records, from a first to a last window of years.

    With ``f`` and ``l`` the cluster's records a year in the windows, growth is
    ``100 * (l / f - 1)``; ``compound`` growth, a year, is ``100 * ((l / f)^(1 / t) - 1)``
    with ``t`` the years from the middle of the first window to that of the last.

    Parameters
    ----------
    clusters : DataFrame
        Index ``cluster_id``.
    listings : LabelledListings
        With ``year``; listings of unknown year count in neither window.
    kind : str, optional
        All kinds together, each record one, if not given.
    first, last : (int, int), optional
        First and last year of a window, both included. By default the halves of the years
        that occur in the world; of an odd number of years, the middle one is in neither.
    compound : bool

    Returns
    -------
    Series of float
        Per cent, -100 where nothing is left; missing where the first window has no record.

    Raises
    ------
    ValueError
        If a window is not two years in order, if the last does not begin after the first
        ends, or if the listings have fewer than two years to halve.

    References
    ----------
    L. Törnqvist, P. Vartia and Y. O. Vartia (1985), How should relative changes be
    measured?, The American Statistician 39: 43-46: both measures, and why changes in per
    cent do not add up.
    """
    table = listings.collect(
        sum_fractional_counts(known(rows_of(listings, kind), "year"), "cluster", "year")
    )
    windows = _windows(table["year"], first, last)
    early, late = (_per_year(table, window, clusters) for window in windows)
    times = late / early.where(early > 0)
    years = (sum(windows[1]) - sum(windows[0])) / 2
    return 100 * (times ** (1 / years) - 1) if compound else 100 * (times - 1)


def _windows(
    years: pd.Series, first: tuple[int, ...] | None, last: tuple[int, ...] | None
) -> tuple[Window, Window]:
    """Return both windows of years: check those that are given, halve the years for the others."""
    for name, window in (("first", first), ("last", last)):
        if window is not None and (len(window) != 2 or window[0] > window[1]):
            raise ValueError(
                f"growth: {name} = {list(window)}; expected two years, the earlier first"
            )
    if first is None or last is None:
        if years.nunique() < 2:
            raise ValueError(
                "growth: the listings have fewer than two years; add listings of other years, or"
                " set the options first and last, each as [first year, last year]"
            )
        start, end = int(years.min()), int(years.max())
        half = (end - start + 1) // 2
        first = first or (start, start + half - 1)
        last = last or (end - half + 1, end)
    if last[0] <= first[1]:
        raise ValueError(
            f"growth: last = {list(last)} does not begin after first = {list(first)} ends;"
            " expected windows that do not overlap"
        )
    return (first[0], first[1]), (last[0], last[1])


def _per_year(table: pd.DataFrame, window: Window, clusters: pd.DataFrame) -> pd.Series:
    """Return the fractional count per year in a window of years."""
    inside = table[table["year"].between(*window)].groupby("cluster", as_index=False)
    counted = by_cluster(inside["fractional_count"].sum(), "fractional_count", clusters)
    return counted.astype(np.float64) / (window[1] - window[0] + 1)
