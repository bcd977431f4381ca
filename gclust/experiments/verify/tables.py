"""Differences between two tables, found part by part, so that they may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gclust.plurals import counted

PART = 200_000
"""Rows that are compared at a time."""
MOST_SHAPES = 1000
"""Largest number of footprints whose distances are measured."""

Parts = Iterable[pd.DataFrame]


@dataclass
class _Column:
    """What differs in one column.

    Attributes
    ----------
    rows : int
        Number of rows that differ.
    first : tuple
        Number of the first such row, from 1, and the two values in it.
    most : float, optional
        Largest difference of numbers, None where values are no numbers.
    """

    rows: int = 0
    first: tuple[int, Any, Any] | None = None
    most: float | None = None
    share: float = 0.0  # the largest difference relative to the larger value


def table_differences(old: Parts, new: Parts) -> list[str]:
    """Return what differs between two tables, in one line for each column; none if nothing does.

    Rows are compared in their order. If the numbers of rows differ, only that is said.
    """
    columns: dict[str, _Column] = {}
    names: tuple[list[str], list[str]] = ([], [])
    counts = [0, 0]
    for one, two in _pairs(old, new):
        names = list(one.columns), list(two.columns)
        if len(one) == len(two):
            for name in one.columns.intersection(two.columns):
                _compare(columns.setdefault(name, _Column()), one[name], two[name], counts[0])
        counts[0] += len(one)
        counts[1] += len(two)
    lines = [f"the column {name} is missing now" for name in names[0] if name not in names[1]]
    lines += [f"the column {name} is new" for name in names[1] if name not in names[0]]
    if not lines and names[0] != names[1]:
        lines.append("the columns have another order")
    if counts[0] != counts[1]:
        return [*lines, f"{counted(counts[0], 'row')} then, {counts[1]:,} now"]
    return lines + [_line(name, found, counts[0]) for name, found in columns.items() if found.rows]


def parquet_parts(path: Path) -> Iterator[pd.DataFrame]:
    """Yield the parts of a Parquet file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        empty = file.schema_arrow.empty_table().to_pandas()
        yield from _in_parts(empty, (batch.to_pandas() for batch in file.iter_batches(PART)))


def csv_parts(path: Path) -> Iterator[pd.DataFrame]:
    """Yield the parts of a CSV file, whose values are texts."""
    how: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_filter": False}
    with pd.read_csv(path, chunksize=PART, **how) as parts:
        yield from parts


def layer_parts(path: Path) -> dict[str, Parts]:
    """Return the tables of a GeoPackage by the names of its layers."""
    import pyogrio

    found: dict[str, Parts] = {}
    for name in pyogrio.list_layers(path)[:, 0]:
        table = pd.DataFrame(pyogrio.read_dataframe(path, layer=name))
        if "geometry" in table.columns:
            table["geometry"] = [None if each is None else each.wkb for each in table["geometry"]]
        found[str(name)] = [table]
    return found


def _in_parts(empty: pd.DataFrame, batches: Parts) -> Iterator[pd.DataFrame]:
    """Yield batches of any sizes as parts of `PART` rows, the last of fewer."""
    left = empty
    for batch in batches:
        left = batch if left.empty else pd.concat([left, batch], ignore_index=True)
        while len(left) >= PART:
            yield left.iloc[:PART].reset_index(drop=True)
            left = left.iloc[PART:]
    yield left.reset_index(drop=True)


def _pairs(old: Parts, new: Parts) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the parts of two tables in pairs, with empty parts after the end of the shorter one."""
    ones, twos = iter(old), iter(new)
    last: list[pd.DataFrame] = [pd.DataFrame(), pd.DataFrame()]
    while True:
        found = [next(ones, None), next(twos, None)]
        if all(part is None for part in found):
            return
        pair = [last[at].iloc[:0] if part is None else part for at, part in enumerate(found)]
        last = pair
        yield pair[0].reset_index(drop=True), pair[1].reset_index(drop=True)


def _compare(found: _Column, one: pd.Series, two: pd.Series, before: int) -> None:
    """Add what differs in a part of a column; ``before`` rows of the table come before it."""
    a, b = one.to_numpy(object), two.to_numpy(object)
    missing = pd.isna(a) & pd.isna(b)
    differs = ~missing & np.array([not _same(x, y) for x, y in zip(a, b, strict=True)], dtype=bool)
    if not differs.any():
        return
    rows = np.flatnonzero(differs)
    found.rows += len(rows)
    if found.first is None:
        found.first = before + int(rows[0]) + 1, a[rows[0]], b[rows[0]]
    if one.name == "geometry":
        _measure(found, a[rows], b[rows])
        return
    x, y = (
        pd.to_numeric(pd.Series(each[rows]), errors="coerce").to_numpy(float) for each in (a, b)
    )
    gap = np.abs(x - y)
    if np.isfinite(gap).any():
        size = np.fmax(np.abs(x), np.abs(y))
        share = gap / np.where(size > 0, size, 1)
        found.most = max(found.most or 0.0, float(np.nanmax(gap[np.isfinite(gap)])))
        found.share = max(found.share, float(np.nanmax(share[np.isfinite(gap)])))


def _same(one: Any, two: Any) -> bool:
    found = one is two or one == two
    return bool(found) if isinstance(found, bool | np.bool_) else repr(one) == repr(two)


def _measure(found: _Column, old: Any, new: Any) -> None:
    """Measure how far footprints that differ lie apart, in degrees."""
    import shapely

    a, b = (shapely.from_wkb(each[:MOST_SHAPES]) for each in (old, new))
    apart = shapely.hausdorff_distance(a, b)
    if np.isfinite(apart).any():
        found.most = max(found.most or 0.0, float(np.nanmax(apart)))


def _line(name: str, found: _Column, rows: int) -> str:
    text = f"{name} differs in {found.rows:,} of {counted(rows, 'row')}"
    assert found.first is not None
    at, old, new = found.first
    if name == "geometry":
        return text if found.most is None else f"{text}, by at most {found.most:.3g} degrees"
    if found.most is not None:
        text += f", by at most {found.most:.6g} ({100 * found.share:.2g} %)"
    return f"{text}; first in row {at:,}: {_shown(old)} then, {_shown(new)} now"


def _shown(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    text = f"{value:.10g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
