"""Poisson bootstrap: each replicate draws every record a random number of times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.merging import NO_TIES
from gclust.experiments.uncertainty.amounts import Amounts
from gclust.experiments.uncertainty.near_records import NearRecords
from gclust.experiments.uncertainty.normalised import counted_of_records
from gclust.experiments.uncertainty.record_arrays import gather_listings, items_of_records
from gclust.experiments.uncertainty.unrecorded_groups import UnrecordedGroups
from gclust.experiments.uncertainty.variation import (
    DrawnVolumes,
    Variation,
    in_records,
    whole_weight,
)
from gclust.kernels.resampling.poisson import (
    AWAY,
    REST,
    WEIGHT,
    LocationRows,
    copies_of_rows,
    count_replicate,
    draw_copies,
    draw_poisson,
    sum_density,
)
from gclust.kernels.spatial.radix_order import radix_order
from gclust.listings.counting import world_components
from gclust.listings.engines.protocol import Engine
from gclust.listings.record_arrays import (
    Records,
    fold_records,
    fractional_units_of_arrays,
    with_fixed_counts,
)
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import (
    LabelTotals,
    PairValues,
    RecordCounter,
    labels_with_gaps,
    merge_labels,
    ties_of,
)
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.threads import count_threads
from gclust.units import UNIT

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class UnrecordedWeight:
    """Weight of listings without a record, by place and kind; amounts also by organisation.

    ``density`` is the density that the whole weight adds at each place. ``item`` is the number of
    the organisation of an amount that varies, -1 for all others.
    """

    place: Ints
    kind: Ints
    item: Ints
    units: Ints
    density: Ints

    @property
    def records(self) -> NDArray[np.float64]:
        """The weight at each place, converted from units to a number of records."""
        return self.units / UNIT


@dataclass(frozen=True)
class Replicate:
    """One bootstrap replicate: how often each record is drawn, and the density of each place."""

    number: int
    copies: NDArray[np.uint8]
    """Number of times each record is drawn, shape (r,)."""
    row_copies: NDArray[np.uint8]
    """The same by row of a record at a place, in the order of the places."""
    weight: Ints
    """Units of the listings without a record, in the order of `Bootstrap.weight`."""
    groups: Ints
    """Units of each of `Bootstrap.groups`, whose sums are the weights of records."""
    density: Ints
    """Density of each place, shape (n,)."""
    present: NDArray[np.bool_]
    """Whether each place has any listing, shape (n,)."""
    world: dict[str, float]
    """World total of the replicate by kind."""


class VariedRecords(NamedTuple):
    """How records vary by organisation or cluster."""

    variation: Variation
    clusters: Ints
    """The study's own cluster of each prepared location, -1 for noise."""


class Bootstrap:
    """Bootstrap that draws replicates from a study's listings in memory.

    Parameters
    ----------
    study, engine, prepared
    order : ndarray of int64, shape (n_locations,)
        The prepared location of each place that is not jittered.
    amounts : Amounts, optional
        The amounts that vary, whose numbers ``prepared`` has; none by default.
    varies : VariedRecords, optional
        The records that vary by organisation or cluster; none by default.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.

    Attributes
    ----------
    location : ndarray of int64, shape (n,)
        The prepared location of each place: ``order``, then that of each jittered listing.
    density : ndarray of int64, shape (n,)
        Density of each place in the study's own listings.
    weight : UnrecordedWeight
    groups : UnrecordedGroups
        Parts of the weights of records that are drawn independently; see `draw_by_groups`.
    jitter : PositionalJitter
        Coordinates of the jittered listings, the last places.
    moved : DataFrame or None
        See `gclust.experiments.uncertainty.jitter.jitter_table`.
    jittered : Table or None
        See `gclust.experiments.uncertainty.record_arrays.ListingArrays`.
    """

    def __init__(
        self,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        order: Ints,
        *,
        amounts: Amounts | None = None,
        varies: VariedRecords | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self._study, self._seed = study, study.uncertainty.seed
        self._threads = count_threads(n_jobs)
        self._amounts = Amounts() if amounts is None else amounts
        self._kinds, self._world = prepared.staged.kinds, prepared.world_totals
        world = world_components(prepared.staged.listings, study.counting.unlocated, engine.pandas)
        world = world.reindex(range(len(self._kinds)), fill_value=0.0)
        # Records are numbered kind by kind.
        self._bounds = np.concatenate(([0], np.cumsum(world["records"].to_numpy(np.int64))))
        gathered = gather_listings(study, engine, prepared, order)
        self.location, self.jitter, self.moved = gathered.location, gathered.jitter, gathered.moved
        self.jittered = gathered.jittered
        self._index(gathered.rows, len(self.location))
        unrecorded = np.zeros(len(self._kinds))
        np.add.at(unrecorded, self.weight.kind, self.weight.records)
        total = np.array([prepared.world_totals[kind] for kind in self._kinds])
        is_amount = np.isin(self._kinds, study.amounts)
        self._counted: Ints | None = None
        records = world["records"].to_numpy(np.float64)
        if study.normalises:
            self._counted = counted_of_records(engine, prepared, int(self._bounds[-1]))
            records = np.array([each.sum() for each in self._of_kinds(self._counted)]) / UNIT
        # Records at no location: outside the sources, or rejected and kept.
        rest = np.maximum(total - records - unrecorded, 0.0)
        rest[np.isin(self._kinds, study.normalised_kinds)] = 0.0
        self._rest = np.where(is_amount, 0.0, rest)
        self._volumes: DrawnVolumes | None = None
        if varies is not None and varies.variation:
            self._vary(varies, engine, prepared, gathered.rows)
        # Amounts outside the sources are the same in all draws.
        self._beyond = np.maximum(total - world["unrecorded"].to_numpy(), 0.0)
        self._is_record = ~is_amount[self.weight.kind]
        self.groups = UnrecordedGroups.one_each(self.weight.units[self._is_record])
        self._unlocated = self._amounts.parts[self._amounts.parts["location"] < 0]
        self._own = self._every_record_once()
        self.density = self._own.density

    def _vary(
        self, varies: VariedRecords, engine: Engine, prepared: Prepared, rows: dict[str, Ints]
    ) -> None:
        """Prepare for records that vary by organisation or cluster."""
        n = int(self._bounds[-1])
        kind = np.searchsorted(self._bounds, np.arange(n), side="right") - 1
        organisations = varies.variation.organisations
        items = items_of_records(engine, prepared, organisations, n)
        clusters = varies.clusters[self.location]
        self._volumes = DrawnVolumes(
            varies.variation, items, kind, clusters, seed=self._seed, threads=self._threads
        )
        self._volumes.place_records(rows, whole=self._study.counting.method == "whole")
        self._away = organisations.unlocated
        away = self._away["kind"].to_numpy()
        np.subtract.at(self._rest, away, in_records(self._away))
        self._rest = np.maximum(self._rest, 0.0)

    def _index(self, rows: dict[str, Ints], n: int) -> None:
        method = self._study.counting.method
        columns = ("number", "kind", "place", "units", "record_units")
        records = fold_records(
            [rows[name] for name in columns], n, n_kinds=len(self._kinds), method=method
        )
        if self._study.normalises:
            records = with_fixed_counts(records, records.fixed)
        bare = int(np.searchsorted(rows["number"], 0))
        names = ("place", "kind", "item", "units", "density")
        self.weight = UnrecordedWeight(*(rows[name][:bare] for name in names))
        rows = {name: each[bare:] for name, each in rows.items()}
        first = np.flatnonzero(np.diff(rows["number"], prepend=-1))
        length = np.diff(first, append=len(rows["number"]))
        self._several = rows["number"][first[length > 1]]
        self._counter = RecordCounter(self._study, self._kinds, records, self._threads)
        self._listed = _listed(rows, length, records, n, whole=method == "whole")
        self._near = NearRecords(self._listed, self._several, records, int(self._bounds[-1]))

    def draw_by_groups(self, groups: UnrecordedGroups) -> None:
        """Draw the weights of records by groups from now on, for columns that tell them apart."""
        assert np.array_equal(groups.sums(groups.units), self.weight.units[self._is_record])
        self.groups, self._own = groups, replace(self._own, groups=groups.units)

    def draw(self, number: int) -> Replicate:
        """Draw the replicate with a given number; if records do not vary, use the study's own."""
        if "records" not in self._study.uncertainty.sources:
            return replace(self._own, number=number)
        copies = draw_copies(int(self._bounds[-1]), self._seed, number, self._threads)
        if self._volumes is not None:
            copies = self._volumes.copies(number, copies)
        of_rows = copies_of_rows(self._listed, copies, self._threads)
        density, present = sum_density(self._listed, of_rows, self._threads)
        weight = self.weight
        of_groups = self._draw_groups(number)
        units, amount_totals = self._draw_weight(number, of_groups)
        added = np.rint(weight.density * (units / UNIT / weight.records)).astype(np.int64)
        np.add.at(density, weight.place, added)
        present[weight.place[units > 0]] = True
        world = draw_poisson(self._rest, self._seed, REST, number)
        units_of_world = np.zeros(len(world), dtype=np.int64)
        np.add.at(units_of_world, weight.kind[self._is_record], units[self._is_record])
        self._add_away(number, units_of_world)
        whole, rest = np.divmod(units_of_world, UNIT)
        drawn = self._of_kinds(copies)
        if self._counted is None:
            world += whole + np.array([int(mine.sum(dtype=np.int64)) for mine in drawn])
            # Whole numbers stay exact; weight that is drawn with organisations may be a fraction.
            found = world + rest / UNIT
        else:
            counted = zip(drawn, self._of_kinds(self._counted), strict=True)
            world += whole
            found = world + np.array([int((mine * of).sum()) for mine, of in counted]) / UNIT
        totals = dict(zip(self._kinds, found.tolist(), strict=True))
        world_totals = {**totals, **amount_totals}
        return Replicate(number, copies, of_rows, units, of_groups, density, present, world_totals)

    def _of_kinds(self, of_records: NDArray[Any]) -> list[NDArray[Any]]:
        """Divide an array of all records among the kinds, by which records are numbered."""
        return np.split(of_records, self._bounds[1:-1])

    def _draw_groups(self, number: int) -> Ints:
        """Draw the units of each group of listings without a record: a number of records."""
        groups, weight, mine = self.groups, self.weight, self._is_record
        if self._volumes is None:
            return draw_poisson(groups.records, self._seed, WEIGHT, number) * UNIT
        at = weight.kind[mine], weight.item[mine], weight.place[mine]
        times, copies = (groups.of_groups(of) for of in self._volumes.weight(number, *at))
        one_by_one = draw_poisson(groups.records * times, self._seed, WEIGHT, number) * UNIT
        return np.where(copies < 0, one_by_one, whole_weight(groups.units, copies))

    def _draw_weight(self, number: int, of_groups: Ints) -> tuple[Ints, dict[str, float]]:
        """Draw the weight without records; return it, and the world totals of the amounts.

        Weight of records is that of its groups; amounts vary only as the study says.
        """
        weight, units, mine = self.weight, self.weight.units.copy(), self._is_record
        units[mine] = self.groups.sums(of_groups)
        totals = {kind: self._world[kind] for kind in self._study.amounts}
        drawn = np.flatnonzero((weight.item >= 0) & ~mine)
        if len(self._amounts):
            away = self._unlocated
            items = np.concatenate((weight.item[drawn], away["item"].to_numpy()))
            amounts = np.concatenate((weight.units[drawn], away["units"].to_numpy()))
            kinds = np.concatenate((weight.kind[drawn], away["kind"].to_numpy()))
            amounts = self._amounts.draw(number, self._threads, items, amounts)
            units[drawn] = amounts[: len(drawn)]
            for kind in self._study.drawn_amounts:
                code = self._kinds.index(kind)
                total = int(amounts[kinds == code].sum())
                totals[kind] = total / UNIT + float(self._beyond[code])
        return units, totals

    def _add_away(self, number: int, world: Ints) -> None:
        """Add the drawn weight of organisations that has no place to the world totals."""
        if self._volumes is None or self._away.empty:
            return
        kind, item, units = (self._away[name].to_numpy() for name in ("kind", "item", "units"))
        times, copies = self._volumes.weight(number, kind, item, np.full(len(kind), -1))
        drawn = draw_poisson(in_records(self._away) * times, self._seed, AWAY, number) * UNIT
        np.add.at(world, kind, np.where(copies < 0, drawn, whole_weight(units, copies)))

    def _every_record_once(self) -> Replicate:
        """Return the study's own listings as a replicate."""
        copies = np.ones(int(self._bounds[-1]), dtype=np.uint8)
        of_rows = np.ones(len(self._listed.record), dtype=np.uint8)
        density, present = sum_density(self._listed, of_rows, self._threads)
        np.add.at(density, self.weight.place, self.weight.density)
        present[self.weight.place] = True
        weight, groups = self.weight.units, self.groups.units
        return Replicate(0, copies, of_rows, weight, groups, density, present, self._world)

    def merge_and_count(
        self, labels: Ints, gaps_km: PairValues, replicate: Replicate
    ) -> MergedCounts:
        """Merge clusters that share enough of a replicate's records, and count the records in them.

        ``labels`` are those of the places, -1 for noise; ``gaps_km`` are the least distances
        between clusters that may merge (`gclust.cluster.gaps.gaps_km`). Raises StudyError if the
        ties of records are too large to count.
        """
        records, weight = self._counter.records, self.weight
        short, n_labels = labels.astype(np.int32), int(labels.max(initial=-1)) + 1
        ties = NO_TIES
        if gaps_km:
            near = labels_with_gaps(gaps_km, n_labels)
            few, numbers = self._near.records(near[short + 1])
            copies = replicate.copies[numbers].astype(np.int64)
            ties = ties_of(few, short, near, self._study.merge.ties, self._threads, copies)
        shape, of_rows = (len(self._kinds), n_labels), replicate.row_copies
        units = count_replicate(self._listed, of_rows, labels, shape, self._threads)
        inside = labels[weight.place] >= 0
        at = weight.kind[inside], labels[weight.place[inside]]
        np.add.at(units, at, replicate.weight[inside])
        totals = LabelTotals(gaps_km, ties, units, short[records.open_rows.place])
        merged = merge_labels(totals, self._study.merge)
        opened = replicate.copies[self._several[records.opened]].astype(np.int64)
        return self._counter.count(totals, merged, replicate.world, opened)


def _listed(
    rows: dict[str, Ints], length: Ints, records: Records, n: int, *, whole: bool
) -> LocationRows:
    """Sort rows by place; open records, which are counted one by one, add no units here."""
    opened = np.zeros(len(records.kind), dtype=bool)
    opened[records.opened] = True
    is_open = np.zeros(len(length), dtype=bool)
    is_open[length > 1] = opened
    if "counted" in rows:
        added_units = rows["counted"].copy()
    else:
        added_units = fractional_units_of_arrays(rows["units"], rows["record_units"])
    if whole:
        added_units = np.full(len(added_units), UNIT, dtype=np.int64)
    added_units[np.repeat(is_open, length)] = 0
    order = radix_order(rows["place"])
    counted = np.bincount(rows["place"], minlength=n)
    added = (rows["density"][order], rows["kind"][order], added_units[order])
    code, first = _codes(*added)
    density, kind, units = (values[first] for values in added)
    return LocationRows(
        starts=np.concatenate(([0], np.cumsum(counted))).astype(np.int64),
        record=rows["number"][order].astype(np.int32),
        code=code.astype(np.int32),
        density=density,
        kind=kind,
        fraction=units,
    )


def _codes(density: Ints, kind: Ints, units: Ints) -> tuple[Ints, Ints]:
    """Number the distinct rows; return the number of each row, and one row for each number."""
    own, _ = pd.factorize(density)
    other, distinct = pd.factorize(units)
    n_kinds = int(kind.max(initial=0)) + 1
    code, _ = pd.factorize((own * len(distinct) + other) * n_kinds + kind)
    first = np.zeros(int(code.max(initial=-1)) + 1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return code, first
