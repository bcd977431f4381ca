"""Poisson bootstrap with fixed clusters; records that add the same counts are one group."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.uncertainty.amounts import Amounts
from gclust.experiments.uncertainty.normalised import labelled_counts, world_of_profiles
from gclust.experiments.uncertainty.variation import Variation
from gclust.experiments.uncertainty.varied_groups import (
    OutsideGroups,
    entries_outside,
    outside_groups,
    vary_groups,
    without_organisations,
)
from gclust.kernels.resampling.philox import draw_sums
from gclust.kernels.resampling.volumes import Law, VariedGroups, draw_varied_sums
from gclust.listings.counting import record_counts, world_components
from gclust.listings.engines.protocol import Engine
from gclust.listings.label import label_records
from gclust.listings.record_profiles import record_profiles, unrecorded
from gclust.parallel import even_chunks, parallel_for
from gclust.pipeline.prepare import Prepared
from gclust.progress import Report, stage
from gclust.study.schema import Study
from gclust.units import UNIT

CHUNK = 2_000_000
"""Number of groups drawn in one chunk, over one or several replicates."""

_TABLES = ("fixed_labels", "fixed_listings", "parts")


def _nothing() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class RecordGroups:
    """Groups of records that add the same counts, and what each adds to a table of counts.

    The table has a column for each cluster and kind (kinds side by side within a cluster)
    and one for the world total of each kind.
    """

    records: NDArray[np.float64]
    """Number of records, or weight of listings without a record, of each group, shape (n,)."""
    start: NDArray[np.int64]
    """First entry of each group, then the number of entries, shape (n + 1,)."""
    cell: NDArray[np.int64]
    """Column of each entry."""
    units: NDArray[np.int64]
    """Count that one record of the group adds in that column."""
    n_clusters: int
    n_kinds: int
    kind: NDArray[np.int64] = field(default_factory=_nothing)
    """Kind of each group."""
    item: NDArray[np.int64] = field(default_factory=_nothing)
    """Organisation of each group, -1 for none or where organisations do not vary."""
    varied: VariedGroups | None = None
    """The groups with how they vary by organisation or cluster, if they do."""
    fixed: NDArray[np.int64] | None = None
    """Count of each column that is the same in all replicates, of amounts; 0 by default."""

    @property
    def as_varied(self) -> VariedGroups:
        """The groups as the kernels of varied draws take them, all drawn record by record."""
        return VariedGroups(
            records=self.records,
            start=self.start,
            cell=self.cell,
            units=self.units,
            whole=np.zeros(len(self.cell), dtype=np.int64),
            part=np.zeros(len(self.cell)),
            way=np.zeros(len(self.records), dtype=np.int8),
            item=self.item,
        )


def group_records(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    clusters: NDArray[np.int64],
    variation: Variation | None = None,
) -> RecordGroups:
    """Group a study's records that have equal counts in every cluster.

    ``clusters`` is the cluster of each location, -1 for noise. Records that vary by organisation
    are grouped by it too.
    The order of groups follows from kinds, clusters and counts, not from rows or engines.
    """
    n_clusters = int(clusters.max(initial=-1)) + 1
    # With normalised counts records in noise differ too: noise is one more label.
    labels = np.where(clusters < 0, n_clusters, clusters) if study.normalises else clusters
    at = engine.put(prepared.locations[["lat", "lon"]].assign(label=labels), _TABLES[0])
    labelled = (
        labelled_counts(engine, prepared, at, n_clusters)
        if study.normalises
        else engine.store(label_records(prepared.located, at), _TABLES[1], "group records")
    )
    counted = record_counts(labelled, prepared.totals, study.count_method)
    varies = Variation(ways=np.zeros(len(prepared.staged.kinds), dtype=np.int8))
    if variation is not None:
        varies = variation
    items = varies.organisations.of_records
    profiles = record_profiles(counted, engine.pandas, engine.put, items)
    bare = unrecorded(counted, engine.pandas)
    world = world_components(prepared.staged.listings, study.counting.unlocated, engine.pandas)
    outside = outside_groups(engine, prepared, at, profiles, varies)
    for name in _TABLES:
        engine.drop(name)
    kinds = prepared.staged.kinds
    world = world.reindex(range(len(kinds)), fill_value=0.0)
    beyond = [
        0.0
        if kind in study.normalised_kinds
        else prepared.world_totals[kind] - float(world.loc[code].sum())
        for code, kind in enumerate(kinds)
    ]
    if study.normalises:
        world = world_of_profiles(profiles, bare, world)
    world = world.assign(beyond=beyond, amount=[kind in study.amounts for kind in kinds])
    world["fixed"] = [
        prepared.world_totals[kind] if kind not in study.drawn_amounts else max(rest, 0.0)
        for kind, rest in zip(kinds, beyond, strict=True)
    ]
    amounts = bare["kind"].isin(world.index[world["amount"]]).to_numpy()
    same = bare["kind"].isin([kinds.index(kind) for kind in study.not_resampled]).to_numpy()
    fixed = _fixed_counts(bare[amounts & same], world, n_clusters)
    groups = _joined(
        profiles, bare[~amounts], world, n_clusters, outside, whole_records=not study.normalises
    )
    if varies:
        varied = vary_groups(groups.as_varied, groups.kind, varies, n_clusters)
        groups = replace(groups, varied=varied)
    return replace(groups, fixed=fixed)


def _fixed_counts(bare: pd.DataFrame, world: pd.DataFrame, n_clusters: int) -> NDArray[np.int64]:
    """Return the counts of amounts that are the same in all replicates, by column."""
    n_kinds = len(world)
    fixed = np.zeros((n_clusters + 1, n_kinds), dtype=np.int64)
    np.add.at(fixed, (bare["label"].to_numpy(), bare["kind"].to_numpy()), bare["units"])
    totals = np.where(world["amount"], world["fixed"], 0.0)
    fixed[-1] = np.rint(totals * UNIT).astype(np.int64)
    return fixed.ravel()


def _joined(
    profiles: pd.DataFrame,
    bare: pd.DataFrame,
    world: pd.DataFrame,
    n_clusters: int,
    outside: OutsideGroups,
    *,
    whole_records: bool,
) -> RecordGroups:
    """Join the groups of records, the weight in clusters and the rest outside clusters.

    Each adds to its world total; a record adds one if ``whole_records``, else all its counts.
    """
    bare, world = without_organisations(bare, world, outside)
    n_kinds = len(world)
    totals = n_clusters * n_kinds
    kind, label = profiles["kind"].to_numpy(), profiles["label"].to_numpy()
    first = profiles.drop_duplicates("profile")
    # The label after the last cluster is noise, which counts for the world alone.
    inside = profiles[label < n_clusters]
    cell = (label * n_kinds + kind)[label < n_clusters]
    own = _entries(inside["profile"], cell, inside["units"])
    n = len(first)
    counts = UNIT if whole_records else profiles.groupby("profile")["units"].sum().to_numpy()
    whole = _entries(first["profile"], totals + first["kind"].to_numpy(), counts)
    n_bare = len(bare)
    number = n + np.arange(n_bare)
    bare_kind = bare["kind"].to_numpy()
    of_cluster = bare["label"].to_numpy() < n_clusters
    cell = bare["label"].to_numpy() * n_kinds + bare_kind
    weight = _entries(number[of_cluster], cell[of_cluster], UNIT)
    weight_total = _entries(number, totals + bare_kind, UNIT)
    touching = first.groupby("kind")["records"].sum().reindex(range(n_kinds), fill_value=0)
    in_bare = bare.groupby("kind")["units"].sum().reindex(range(n_kinds), fill_value=0) / UNIT
    # Records in noise only, weight in noise, and the study's total outside its sources.
    rest = (
        (world["records"] - touching).to_numpy()
        + np.maximum((world["unrecorded"] - in_bare).to_numpy(), 0.0)
        + np.maximum(world["beyond"].to_numpy(), 0.0)
    )
    rest[world["amount"].to_numpy()] = 0.0
    every_kind, numbered = np.arange(n_kinds), n + n_bare + n_kinds
    beyond = _entries(n + n_bare + every_kind, totals + every_kind, UNIT)
    further = entries_outside(outside, numbered, n_clusters, n_kinds)
    entries = pd.concat([own, whole, weight, weight_total, beyond, *further], ignore_index=True)
    entries = entries.sort_values(["group", "cell"], kind="stable")
    records = np.concatenate(
        (
            first["records"].to_numpy(np.float64),
            bare["units"].to_numpy() / UNIT,
            rest,
            outside.records["records"].to_numpy(np.float64),
            outside.weight["units"].to_numpy() / UNIT,
        )
    )
    nobody = np.full(n_bare + n_kinds, -1, dtype=np.int64)
    kinds = (first["kind"], bare_kind, every_kind, outside.records["kind"], outside.weight["kind"])
    items = (first["item"], nobody, outside.records["item"], outside.weight["item"])
    group = entries["group"].to_numpy(np.int64)
    return RecordGroups(
        records=records,
        start=np.searchsorted(group, np.arange(len(records) + 1)).astype(np.int64),
        cell=np.ascontiguousarray(entries["cell"].to_numpy(np.int64)),
        units=np.ascontiguousarray(entries["units"].to_numpy(np.int64)),
        n_clusters=n_clusters,
        n_kinds=n_kinds,
        kind=np.concatenate(kinds).astype(np.int64),
        item=np.concatenate(items).astype(np.int64),
    )


def _entries(group: Any, cell: Any, units: Any) -> pd.DataFrame:
    rows = np.broadcast_arrays(np.asarray(group), np.asarray(cell), np.asarray(units))
    return pd.DataFrame(dict(zip(("group", "cell", "units"), rows, strict=True))).astype("int64")


class GroupReplicates(NamedTuple):
    """Counts and shares of the clusters in each replicate, and its world totals."""

    counts: NDArray[np.float64]
    """Counts in records, shape (n_draws, n_clusters, n_kinds)."""
    shares: NDArray[np.float64]
    """Shares in per cent of the replicate's world total, 0 where that is 0, shape (n_draws,
    n_clusters, n_kinds)."""
    world: NDArray[np.float64]
    """World totals of the replicates in records, shape (n_draws, n_kinds)."""


class ClusterAmounts:
    """The amounts that vary between replicates, summed by cluster and for the world.

    ``clusters`` is the merged cluster of each location, -1 for noise.
    """

    def __init__(self, amounts: Amounts, clusters: NDArray[np.int64], n_kinds: int) -> None:
        self._amounts, parts = amounts, amounts.parts
        self._items, self._units = parts["item"].to_numpy(), parts["units"].to_numpy()
        label = np.append(clusters, -1)[parts["location"].to_numpy()]
        kind, n_clusters = parts["kind"].to_numpy(), int(clusters.max(initial=-1)) + 1
        self._inside = label >= 0
        self._cell = (label * n_kinds + kind)[self._inside]
        self._total = n_clusters * n_kinds + kind

    def add(self, number: int, threads: int, sums: NDArray[np.int64]) -> None:
        """Add the amounts of a replicate to the columns of `RecordGroups`."""
        drawn = self._amounts.draw(number, threads, self._items, self._units)
        np.add.at(sums, self._cell, drawn[self._inside])
        np.add.at(sums, self._total, drawn)


def bootstrap_groups(
    groups: RecordGroups,
    draws: NDArray[np.int64],
    seed: int,
    *,
    threads: int,
    report: Report,
    amounts: ClusterAmounts | None = None,
    law: Law | None = None,
) -> GroupReplicates:
    """Draw each group's number of records in each replicate, and count records by cluster.

    In the Poisson bootstrap each record enters a replicate a Poisson number of times, of mean
    one, independently of the others. A group of n records then enters it a Poisson number of
    times of mean n, which is one draw. A listing without a record counts as its weight in
    records. World totals, noise included, are drawn with the rest. ``draws``, of shape (n_draws,),
    are numbers of replicates: the same number gives the same records. ``amounts`` are those that
    vary, none by default; all others are the same in each replicate. ``law`` is that of groups
    that vary by organisation or cluster.
    """
    n_draws = len(draws)
    width = groups.n_clusters * groups.n_kinds
    sums = np.zeros((n_draws, width + groups.n_kinds), dtype=np.int64)
    with stage(report, "draw records") as share_done:
        chunks = even_chunks(n_draws, max(1, CHUNK // max(1, len(groups.records))))
        common = np.uint64(seed), draws, sums
        if groups.varied is not None and law is not None:
            arguments: tuple[Any, ...] = (draw_varied_sums, groups.varied, law, *common)
        else:
            parts = groups.records, groups.start, groups.cell, groups.units
            arguments = (draw_sums, *parts, *common)
        parallel_for(chunks, threads, *arguments, report=share_done)
    if groups.fixed is not None:
        sums += groups.fixed
    if amounts is not None:
        for number, row in zip(draws.tolist(), sums, strict=True):
            amounts.add(number, threads, row)
    # As in `gclust.indicators.counts.shares`, to the bit.
    counts = sums[:, :width].reshape(n_draws, groups.n_clusters, groups.n_kinds) / UNIT
    world = sums[:, width:] / UNIT
    shares = np.zeros(counts.shape)
    np.divide(100 * counts, world[:, None], out=shares, where=world[:, None] > 0)
    return GroupReplicates(counts, shares, world)
