"""Groups of records that vary by organisation or by cluster, for draws with fixed clusters."""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.uncertainty.variation import Variation
from gclust.kernels.resampling.volumes import PLAIN, VariedGroups
from gclust.listings.engines.protocol import Engine
from gclust.listings.sums import rows_by, sum_by
from gclust.pipeline.prepare import Prepared
from gclust.units import UNIT

Ints = NDArray[np.int64]


class OutsideGroups(NamedTuple):
    """Records and weight of organisations that profiles of records in clusters leave out."""

    records: pd.DataFrame
    """Records at noise alone: ``kind, item, records``."""
    weight: pd.DataFrame
    """Weight without records: ``kind, item, label, units``, label -1 for noise and no place."""


def outside_groups(
    engine: Engine,
    prepared: Prepared,
    at: nw.LazyFrame[Any],
    profiles: pd.DataFrame,
    vary: Variation,
) -> OutsideGroups:
    """Sum what organisations have outside clusters or without records.

    ``at`` has ``lat, lon, label`` of every location; ``profiles`` are those of the records.
    """
    organisations = vary.organisations
    keys = ["kind", "item", "label"]
    if organisations.of_records is None:
        none = pd.DataFrame(columns=[*keys, "records", "units"], dtype="int64")
        return OutsideGroups(none, none)
    total = engine.pandas(rows_by(organisations.of_records, "kind", "item")).astype("int64")
    first = profiles.drop_duplicates("profile")
    inside = first.groupby(["kind", "item"])["records"].sum()
    total = total.sort_values(["kind", "item"], ignore_index=True)
    at_noise = total.set_index(["kind", "item"])["rows"].sub(inside, fill_value=0)
    at_noise = at_noise.reindex(pd.MultiIndex.from_frame(total[["kind", "item"]]))
    records = total[["kind", "item"]].assign(records=at_noise.to_numpy(np.int64))
    mine = nw.col("kind").is_in(np.flatnonzero(vary.ways != PLAIN).tolist())
    rows = prepared.located.filter((nw.col("item") >= 0) & nw.col("record").is_null() & mine)
    located = engine.pandas(sum_by(rows.join(at, on=["lat", "lon"]), *keys, units="units"))
    weight = pd.concat([located.astype("int64"), organisations.unlocated.assign(label=-1)])
    weight = weight.groupby(keys, as_index=False)["units"].sum()
    return OutsideGroups(records[records["records"] > 0], weight[weight["units"] > 0])


def without_organisations(
    bare: pd.DataFrame, world: pd.DataFrame, outside: OutsideGroups
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Subtract what organisations have from the weight in clusters and from the world totals."""
    if outside.weight.empty and outside.records.empty:
        return bare, world
    inside = outside.weight[outside.weight["label"] >= 0]
    of_cells = inside.groupby(["kind", "label"])["units"].sum()
    left = bare.set_index(["kind", "label"])["units"].sub(of_cells, fill_value=0)
    left = left.astype("int64").reindex(pd.MultiIndex.from_frame(bare[["kind", "label"]]))
    bare = bare.assign(units=left.to_numpy())
    weight = outside.weight.groupby("kind")["units"].sum() / UNIT
    records = outside.records.groupby("kind")["records"].sum()
    return bare[bare["units"] > 0], world.assign(
        unrecorded=world["unrecorded"].sub(weight.reindex(world.index, fill_value=0.0)),
        records=world["records"].sub(records.reindex(world.index, fill_value=0)),
    )


def entries_outside(
    outside: OutsideGroups, first: int, n_clusters: int, n_kinds: int
) -> list[pd.DataFrame]:
    """Return tables ``group, cell, units`` of groups outside profiles, numbered from ``first``."""
    totals = n_clusters * n_kinds
    records = outside.records["kind"].to_numpy() + totals
    kind, label = outside.weight["kind"].to_numpy(), outside.weight["label"].to_numpy()
    number = first + np.arange(len(records) + len(kind))
    of_weight, inside = number[len(records) :], label >= 0
    cells = (
        (number[: len(records)], records),
        (of_weight[inside], (label * n_kinds + kind)[inside]),
        (of_weight, totals + kind),
    )
    return [pd.DataFrame({"group": at, "cell": cell, "units": UNIT}) for at, cell in cells]


def vary_groups(
    groups: VariedGroups, kind: Ints, variation: Variation, n_clusters: int
) -> VariedGroups:
    """Return groups with the way in which each is drawn, and what it adds as a whole.

    ``kind`` is that of each group. A record that counts in several clusters varies with the mean
    of their volumes.
    """
    n = len(groups.records)
    length = np.diff(groups.start)
    group = np.repeat(np.arange(n), length)
    n_columns = n_clusters * len(variation.ways)
    in_cluster = (groups.cell < n_columns) & (variation.excess[kind] > 0)[group]
    counted = np.where(in_cluster, groups.units, 0)
    total = np.zeros(n, dtype=np.int64)
    np.add.at(total, group, counted)
    part = counted / np.maximum(total, UNIT)[group]
    whole_records = np.floor(groups.records).astype(np.int64)
    rest = np.rint((groups.records - whole_records) * UNIT).astype(np.int64)
    # Weight without records is a fraction of a record, which adds as much to its columns.
    whole = whole_records[group] * groups.units + rest[group]
    return groups._replace(way=variation.ways[kind], part=part, whole=whole)


def shares_of_largest(
    groups: VariedGroups, n_clusters: int, n_kinds: int
) -> tuple[NDArray[np.float64], Ints]:
    """Return the largest part that an organisation has of each cluster and kind, and its number.

    Both have the shape (n_clusters, n_kinds); the part is 0 and the number -1 without any. Of
    equal ones it is the first by name.
    """
    n_columns = n_clusters * n_kinds
    group = np.repeat(np.arange(len(groups.records)), np.diff(groups.start))
    item = groups.item[group]
    inside = groups.cell < n_columns
    total = np.zeros(n_columns, dtype=np.int64)
    np.add.at(total, groups.cell[inside], groups.whole[inside])
    mine = inside & (item >= 0)
    table = pd.DataFrame(
        {"cell": groups.cell[mine], "item": item[mine], "units": groups.whole[mine]}
    )
    sums = table.groupby(["cell", "item"], as_index=False)["units"].sum()
    order = sums.sort_values(["units", "item"], ascending=[False, True], kind="stable")
    best = order.drop_duplicates("cell")
    share, number = np.zeros(n_columns), np.full(n_columns, -1, dtype=np.int64)
    at = best["cell"].to_numpy()
    share[at] = best["units"].to_numpy() / total[at]
    number[at] = best["item"].to_numpy()
    shape = n_clusters, n_kinds
    return share.reshape(shape), number.reshape(shape)
