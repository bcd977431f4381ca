"""Groups of listings without a record that are drawn independently of each other.

Columns of a score may read listings by year, field or organisation. The weight of a place is
therefore drawn by these columns, so that what they compare varies, and is the sum of the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import sum_by
from gclust.units import UNIT

Ints = NDArray[np.int64]

GROUPS = "unrecorded_groups"


class UnrecordedGroups(NamedTuple):
    """Groups of listings without a record, sorted by kind, place and organisation.

    There are ``g`` groups at ``w`` weights, which are those of records in the order of
    `gclust.experiments.uncertainty.bootstrap.UnrecordedWeight`.
    """

    units: Ints
    """Units of each group in the study's own listings, shape (g,)."""
    starts: Ints
    """First group of each weight, shape (w,); a weight has one group or more."""

    @classmethod
    def one_each(cls, units: Ints) -> UnrecordedGroups:
        """Return one group for each weight, the whole of it."""
        return cls(units, np.arange(len(units)))

    @property
    def records(self) -> NDArray[np.float64]:
        """The units of each group, converted to a number of records."""
        return self.units / UNIT

    def of_groups(self, of_weights: NDArray[Any]) -> NDArray[Any]:
        """Repeat a value of each weight for its groups, shape (g,)."""
        return np.repeat(of_weights, np.diff(self.starts, append=len(self.units)))

    def sums(self, of_groups: Ints) -> Ints:
        """Sum a number of each group by weight, shape (w,)."""
        return np.add.reduceat(of_groups, self.starts) if len(self.starts) else of_groups


def group_listings(
    engine: Engine,
    rows: nw.LazyFrame[Any],
    keys: Sequence[str],
    columns: Sequence[str],
    amounts: Sequence[int],
) -> tuple[nw.LazyFrame[Any], UnrecordedGroups]:
    """Sum listings without a record by place and by the columns that are read.

    Parameters
    ----------
    engine : Engine
    rows : LazyFrame
        Numbered listings: ``number`` (-1 without a record), ``units``, ``keys`` and ``columns``.
    keys : sequence of str
        ``kind, place`` and, if organisations vary, ``item``: what a weight has in common.
    columns : sequence of str
        Columns of listings that are read; unknown values are a value of their own.
    amounts : sequence of int
        Codes of the kinds that are amounts, which are left out.

    Returns
    -------
    frame : LazyFrame
        Stored table of the groups: ``group`` (from 0, in the order of keys and columns), ``keys``,
        ``columns`` and ``units``.
    groups : UnrecordedGroups
    """
    bare = rows.filter(nw.col("number") < 0)
    if amounts:
        bare = bare.filter(~nw.col("kind").is_in(list(amounts)))
    by = [*keys, *columns]
    summed = sum_by(bare, *by, units="units").with_row_index("group", order_by=by)
    summed = summed.with_columns(group=nw.col("group").cast(nw.Int64))
    stored = engine.store(summed, GROUPS, "group listings")
    table = engine.arrow(stored.select("group", *keys, "units").sort("group"), "group listings")
    changes = np.zeros(len(table), dtype=bool)
    changes[:1] = True
    for name in keys:
        changes[1:] |= np.diff(table[name].to_numpy()) != 0
    return stored, UnrecordedGroups(table["units"].to_numpy(), np.flatnonzero(changes))
