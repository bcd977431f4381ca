"""Sums of fractional counts of clusters by organisation, field, year or kind.

A listing's fractional count is a fixed-point number, the part of its record that it adds to its
cluster. Sums are therefore the same for any order of rows and any engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.indicators.labelled_listings import LabelledListings
from gclust.listings.sums import sum_by

Frame = nw.LazyFrame[Any]


def kinds_of(listings: LabelledListings, kinds: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the given kinds, or all of them if none is given.

    Raises ValueError if there is no such kind.
    """
    wanted = (kinds,) if isinstance(kinds, str) else tuple(kinds or listings.kinds)
    for kind in wanted:
        if kind not in listings.kinds:
            raise ValueError(f"there is no kind {kind!r}; kinds are {', '.join(listings.kinds)}")
    return wanted


def rows_of(listings: LabelledListings, kind: str | None) -> Frame:
    """Return the listings of one kind, or of all kinds if it is None."""
    return listings.frame if kind is None else listings.of(kind)


def in_clusters(frame: Frame) -> Frame:
    """Return the listings that lie in clusters, without noise."""
    return frame.filter(nw.col("cluster") >= 0)


def known(frame: Frame, column: str) -> Frame:
    """Return the listings whose value in a column is known."""
    return frame.filter(~nw.col(column).is_null())


def sum_fractional_counts(frame: Frame, *columns: str) -> Frame:
    """Sum the fractional counts of listings, grouped by columns that have no nulls."""
    return sum_by(frame, *columns, fractional_count="fractional_count")


def by_cluster(table: pd.DataFrame, column: str, clusters: pd.DataFrame) -> pd.Series:
    """Return one integer for each cluster: its value in a table, or 0 if it is not in the table."""
    values = table.set_index("cluster")[column]
    return values.reindex(clusters.index, fill_value=0).astype(np.int64)


def texts(table: pd.DataFrame, column: str, clusters: pd.DataFrame) -> pd.Series:
    """Return one text for each cluster: its value in a table, or None if it is not in the table."""
    by_id = dict(zip(table["cluster"].tolist(), table[column].tolist(), strict=True))
    values = [by_id.get(cluster) for cluster in clusters.index.tolist()]
    return pd.Series(values, index=clusters.index, dtype=object)


def percent(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return a part as per cent of the whole; missing where the whole is 0."""
    return 100 * part / whole.where(whole > 0)
