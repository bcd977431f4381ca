"""Listings with the labels of their clusters, from which indicators are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import narwhals as nw
import pandas as pd

from gclust.listings.counting import add_fractional_counts, record_totals, world_totals
from gclust.units import UNIT


def collected(frame: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Compute a lazy frame of any engine, and return it as a pandas frame."""
    return frame.collect().to_pandas()


def _without_decimals(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return decimal numbers as int64, or as floats if some are missing or no whole numbers."""
    known = column.dropna()
    if not len(known) or not isinstance(known.iloc[0], Decimal):
        return column
    whole = len(known) == len(column) and all(each == int(each) for each in known)
    return column.astype("int64" if whole else "float64")


@dataclass(frozen=True)
class LabelledListings:
    """Table of all listings with the clusters in which they lie, noise included.

    The listings stay in their engine (DuckDB while a study runs). An indicator sums `frame`, or
    the listings `of` a kind, and collects the small result with `collect`.

    Attributes
    ----------
    make : callable
        Returns the frame. It is called when `frame` is first used, so that indicators that do
        not need listings do not cause a pass over them.
    kinds : tuple of str
        In the order of the study's sources.
    totals : mapping
        Kind -> the world's total in records, noise included.
    gather : callable
        Computes a lazy frame as a pandas frame.

    Examples
    --------
    >>> import narwhals as nw
    >>> import pandas as pd
    >>> from gclust.indicators import LabelledListings
    >>> from gclust.units import UNIT
    >>> table = pd.DataFrame(
    ...     {"kind": "patent", "record": [1, 1, 2], "cluster": [0, -1, 0]}
    ... )
    >>> listings = LabelledListings.from_native(table)
    >>> summed = listings.of("patent").group_by("cluster").agg(nw.col("fractional_count").sum())
    >>> (listings.collect(summed).set_index("cluster")["fractional_count"] / UNIT).to_dict()
    {-1: 0.5, 0: 1.5}
    """

    make: Callable[[], nw.LazyFrame[Any]]
    kinds: tuple[str, ...]
    totals: Mapping[str, float]
    gather: Callable[[nw.LazyFrame[Any]], pd.DataFrame] = collected

    @cached_property
    def frame(self) -> nw.LazyFrame[Any]:
        """The table of listings, one row per listing.

        ``kind`` (text), ``record`` (null for listings without one), ``lat, lon``
        (degrees), ``cluster`` (int64, -1 for noise), ``units`` (int64, the listing's weight),
        ``fractional_count`` (int64, the part of its record that it adds to its cluster), and those
        of ``year`` (integer) and ``organisation, field, country, precision`` (text) that
        indicators of the study need, null where unknown. Weights and parts are whole numbers: one
        record is 232,792,560, which ``gclust.units`` calls ``UNIT``.
        """
        return self.make()

    @property
    def are_made(self) -> bool:
        """Whether the table of listings has been computed."""
        return "frame" in vars(self)

    def of(self, kind: str) -> nw.LazyFrame[Any]:
        """Return the listings of one kind.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        if kind not in self.kinds:
            raise ValueError(f"there is no kind {kind!r}; kinds are {', '.join(self.kinds)}")
        return self.frame.filter(nw.col("kind") == kind)

    def collect(self, frame: nw.LazyFrame[Any]) -> pd.DataFrame:
        """Return a frame as pandas, sorted by all columns, as some engines change the row order.

        The result is held in memory, so collect sums by cluster and not listings. Sums of whole
        numbers are int64, whatever type an engine gives them (DuckDB: 128 bits).
        """
        table = self.gather(frame).apply(_without_decimals)
        return table.sort_values(list(table.columns), ignore_index=True, na_position="first")

    @classmethod
    def from_native(
        cls,
        table: Any,
        *,
        totals: Mapping[str, float] | None = None,
        kinds: Sequence[str] | None = None,
        method: str = "fractional",
    ) -> LabelledListings:
        """Return labelled listings made from a table, for tests of indicators.

        Parameters
        ----------
        table : DataFrame, Table or relation
            Of pandas, Polars, PyArrow or DuckDB: ``kind, record, cluster`` and the indicator's
            other columns. Without ``units`` each listing weighs one; without
            ``fractional_count`` it is computed.
        totals : mapping, optional
            Kind -> the world's total; the table's own by default.
        kinds : sequence of str, optional
            By default those of ``totals``, or else those of the table, in their order.
        method : {"fractional", "whole"}
            How records are counted.

        Raises
        ------
        ValueError
            If a column is missing.
        """
        frame = nw.from_native(table).lazy()
        columns = frame.collect_schema().names()
        for name in ("kind", "record", "cluster"):
            if name not in columns:
                raise ValueError(f"the listings have no column {name!r}; they have {columns}")
        if "units" not in columns:
            frame = frame.with_columns(units=nw.lit(UNIT, dtype=nw.Int64))
        if "fractional_count" not in columns:
            frame = add_fractional_counts(frame, record_totals(frame), method)
        if totals is None:
            validated = frame.with_columns(reason=nw.lit(None, dtype=nw.String))
            sums = collected(world_totals(validated))
            totals = {
                str(kind): int(units) / UNIT
                for kind, units in sorted(zip(sums["kind"], sums["units"], strict=True))
            }
        return cls(lambda: frame, tuple(kinds if kinds is not None else totals), dict(totals))
