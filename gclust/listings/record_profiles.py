"""Profiles of records: records of the same profile add equal counts to the same clusters.

Records of one kind with the same profile are exchangeable: a bootstrap needs to know how many of
them were drawn, but not which.
"""

from __future__ import annotations

from collections.abc import Callable

import narwhals as nw
import numpy as np
import pandas as pd

from gclust.listings.sums import Frame, rows_by, sum_by

Collect = Callable[[Frame], pd.DataFrame]
Put = Callable[[pd.DataFrame, str], Frame]

KNOWN_BY_SUMS = 3
"""Largest number of parts that their count, least, largest and sum determine."""


def record_profiles(
    counted: Frame, collect: Collect, put: Put, items: Frame | None = None
) -> pd.DataFrame:
    """Group the records of each kind that add equal counts to the same clusters.

    Returns a table of int64 with one row per profile and part: ``profile`` (numbered from 0 in an
    order that follows from items, kinds, labels and units alone), ``records`` (how many have the
    profile), ``kind, label, units`` (added to the label's count by each record), and ``item``.

    ``counted`` is from `gclust.listings.counting.record_counts`; noise (labels below 0) is ignored.
    ``collect`` computes a small frame as a pandas one; ``put`` stores one in the listings' engine.
    ``items``, with ``kind, record, item``, are the organisations of records, by which they are
    grouped apart; -1 for records that have none there.
    """
    touching = counted.filter(~nw.col("record").is_null() & (nw.col("label") >= 0))
    parts = collect(rows_by(touching, "kind", "label", "units")).drop(columns="rows")
    parts = parts.astype("int64").sort_values(["kind", "label", "units"], ignore_index=True)
    numbered = put(parts.assign(part=np.arange(len(parts), dtype=np.int64)), "parts")
    touching = touching.join(numbered, on=["kind", "label", "units"])
    by_record = touching.group_by("kind", "record").agg(
        nw.len().alias("n"),
        nw.col("part").min().alias("least"),
        nw.col("part").max().alias("most"),
        nw.col("part").sum().alias("total"),
    )
    by_record = _with_items(by_record, items)
    whole = ("item", "n", "least", "most", "total")
    by_record = by_record.with_columns(*(nw.col(name).cast(nw.Int64) for name in whole))
    few = by_record.filter(nw.col("n") <= KNOWN_BY_SUMS)
    groups = _of_sums(collect(rows_by(few, *whole)).astype("int64"))
    many = by_record.filter(nw.col("n") > KNOWN_BY_SUMS).select("kind", "record", "item")
    of_many = touching.join(many, on=["kind", "record"])
    listed = collect(of_many.select("kind", "record", "item", "part"))
    ordered = listed.sort_values(["kind", "record", "part"])
    for (_, _, item), of_record in ordered.groupby(["kind", "record", "item"])["part"]:
        key = item, tuple(of_record)
        groups[key] = groups.get(key, 0) + 1
    return _unfolded(groups, parts)


def _with_items(by_record: Frame, items: Frame | None) -> Frame:
    if items is None:
        return by_record.with_columns(item=nw.lit(-1, dtype=nw.Int64))
    joined = by_record.join(items, on=["kind", "record"], how="left")
    return joined.with_columns(item=nw.col("item").fill_null(-1))


Groups = dict[tuple[int, tuple[int, ...]], int]
"""Item and sorted parts -> number of records."""


def _of_sums(sums: pd.DataFrame) -> Groups:
    """Return the groups of records of few parts, found from these parts' count, min, max, sum."""
    groups = {}
    for item, n, least, most, total, rows in sums.itertuples(index=False):
        parts = (least, total - least - most, most) if n == 3 else (least, most)[:n]
        groups[item, parts] = rows
    return groups


def _unfolded(groups: Groups, parts: pd.DataFrame) -> pd.DataFrame:
    ordered = sorted(groups)
    sizes = np.array([len(each) for _, each in ordered], dtype=np.int64)
    part = np.array([number for _, each in ordered for number in each], dtype=np.int64)
    items = np.array([item for item, _ in ordered], dtype=np.int64)
    records = np.array([groups[each] for each in ordered], dtype=np.int64)
    table = pd.DataFrame(
        {
            "profile": np.repeat(np.arange(len(ordered), dtype=np.int64), sizes),
            "records": np.repeat(records, sizes),
        }
    )
    table = table.assign(**{name: parts[name].to_numpy()[part] for name in parts.columns})
    return table.assign(item=np.repeat(items, sizes))


def unrecorded(counted: Frame, collect: Collect) -> pd.DataFrame:
    """Sum the weights of listings without a record by kind and cluster label, excluding noise."""
    bare = counted.filter(nw.col("record").is_null() & (nw.col("label") >= 0))
    table = collect(sum_by(bare, "kind", "label", units="units")).astype("int64")
    return table.sort_values(["kind", "label"], ignore_index=True)
