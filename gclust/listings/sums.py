"""Sums of integers by group, which are the same on every engine."""

from __future__ import annotations

from typing import Any

import narwhals as nw

Frame = nw.LazyFrame[Any]


def sum_by(frame: Frame, *by: str, **columns: str) -> Frame:
    """Sum integer columns by group: ``sum_by(frame, "kind", total="units")``.

    DuckDB's sum of BIGINT is a HUGEINT, so it is cast back to int64. This is
    done after the aggregation, because pandas is fast only on plain sums.
    """
    totals = [nw.col(column).sum().alias(name) for name, column in columns.items()]
    back = [nw.col(name).cast(nw.Int64) for name in columns]
    return frame.group_by(*by).agg(*totals).with_columns(*back)


def rounded(value: nw.Expr) -> nw.Expr:
    """Round half up to int64. Not floor(): on some engines that cuts off what does not fit."""
    half_up = value + 0.5
    return (half_up - half_up % 1).cast(nw.Int64)


def rows_by(frame: Frame, *by: str) -> Frame:
    """Count the rows of each group; the counts are in the column ``rows``."""
    counted = frame.group_by(*by).agg(nw.len().alias("rows"))
    return counted.with_columns(nw.col("rows").cast(nw.Int64))


def distinct(frame: Frame, *by: str) -> Frame:
    """Return the distinct rows of some columns.

    It is a group by: narwhals' `unique` is a window function on DuckDB, which takes seven times
    as long.
    """
    return frame.group_by(*by).agg(nw.len().alias("rows")).select(*by)
