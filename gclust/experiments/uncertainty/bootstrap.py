"""Poisson bootstrap: each replicate draws every record a random number of times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.merging import NO_TIES
from gclust.experiments.uncertainty.amounts import Amounts
from gclust.experiments.uncertainty.normalised import counted_of_records
from gclust.experiments.uncertainty.record_arrays import gather_listings
from gclust.kernels.cooccurrence import RecordRows
from gclust.kernels.resampling.poisson import (
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
    rows_in_order,
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
    density: Ints
    """Density of each place, shape (n,)."""
    present: NDArray[np.bool_]
    """Whether each place has any listing, shape (n,)."""
    world: dict[str, float]
    """World total of the replicate by kind."""


class Bootstrap:
    """Bootstrap that draws replicates from a study's listings in memory.

    Parameters
    ----------
    study, engine, prepared
    order : ndarray of int64, shape (n_locations,)
        The prepared location of each place that is not jittered.
    amounts : Amounts, optional
        The amounts that vary, whose numbers ``prepared`` has; none by default.
    n_jobs : int, optional
        Number of threads; all by default. Results do not depend on it.

    Attributes
    ----------
    location : ndarray of int64, shape (n,)
        The prepared location of each place: ``order``, then that of each jittered listing.
    density : ndarray of int64, shape (n,)
        Density of each place in the study's own listings.
    weight : UnrecordedWeight
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
        # Amounts outside the sources are the same in all draws.
        self._beyond = np.maximum(total - world["unrecorded"].to_numpy(), 0.0)
        self._is_record = ~is_amount[self.weight.kind]
        self._unlocated = self._amounts.parts[self._amounts.parts["location"] < 0]
        self._own = self._every_record_once()
        self.density = self._own.density

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
        self._near = _NearRecords(self._listed, self._several, records, int(self._bounds[-1]))

    def draw(self, number: int) -> Replicate:
        """Draw the replicate with a given number; if records do not vary, use the study's own."""
        if "records" not in self._study.uncertainty.sources:
            return replace(self._own, number=number)
        copies = draw_copies(int(self._bounds[-1]), self._seed, number, self._threads)
        of_rows = copies_of_rows(self._listed, copies, self._threads)
        density, present = sum_density(self._listed, of_rows, self._threads)
        weight = self.weight
        units, amount_totals = self._draw_weight(number)
        added = np.rint(weight.density * (units / UNIT / weight.records)).astype(np.int64)
        np.add.at(density, weight.place, added)
        present[weight.place[units > 0]] = True
        world = draw_poisson(self._rest, self._seed, REST, number)
        np.add.at(world, weight.kind[self._is_record], units[self._is_record] // UNIT)
        drawn = self._of_kinds(copies)
        if self._counted is None:
            found = (world + [int(mine.sum(dtype=np.int64)) for mine in drawn]).astype(np.float64)
        else:
            counted = zip(drawn, self._of_kinds(self._counted), strict=True)
            found = world + np.array([int((mine * of).sum()) for mine, of in counted]) / UNIT
        totals = dict(zip(self._kinds, found.tolist(), strict=True))
        world_totals = {**totals, **amount_totals}
        return Replicate(number, copies, of_rows, units, density, present, world_totals)

    def _of_kinds(self, of_records: NDArray[Any]) -> list[NDArray[Any]]:
        """Divide an array of all records among the kinds, by which records are numbered."""
        return np.split(of_records, self._bounds[1:-1])

    def _draw_weight(self, number: int) -> tuple[Ints, dict[str, float]]:
        """Draw the weight without records; return it, and the world totals of the amounts.

        Weight of records is a Poisson number of records; amounts vary only as the study says.
        """
        weight, units = self.weight, self.weight.units.copy()
        sampled = weight.records[self._is_record]
        units[self._is_record] = draw_poisson(sampled, self._seed, WEIGHT, number) * UNIT
        totals = {kind: self._world[kind] for kind in self._study.amounts}
        drawn = np.flatnonzero(weight.item >= 0)
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

    def _every_record_once(self) -> Replicate:
        """Return the study's own listings as a replicate."""
        copies = np.ones(int(self._bounds[-1]), dtype=np.uint8)
        of_rows = np.ones(len(self._listed.record), dtype=np.uint8)
        density, present = sum_density(self._listed, of_rows, self._threads)
        np.add.at(density, self.weight.place, self.weight.density)
        present[self.weight.place] = True
        return Replicate(0, copies, of_rows, self.weight.units, density, present, self._world)

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


class _Near(NamedTuple):
    """The records with several places that were found near so far."""

    known: NDArray[np.bool_]  # (n,) places whose records are found
    is_new: NDArray[np.bool_]  # (r,) records with several places that are not
    numbers: Ints  # of the found records
    records: Records  # the found records


class _NearRecords:
    """Cache of the records at places of clusters that may merge.

    Most of these records are the same in all replicates. A record at no such place adds no ties.
    """

    def __init__(
        self, listed: LocationRows, several: Ints, records: Records, n_records: int
    ) -> None:
        self._listed, self._several, self._all = listed, several, records
        is_new = np.zeros(n_records, dtype=bool)
        is_new[several] = True
        known = np.zeros(len(listed.starts) - 1, dtype=bool)
        self._found = _Near(known, is_new, several[:0], _records_in_order(records, several[:0]))

    def records(self, wanted: NDArray[np.bool_]) -> tuple[Records, Ints]:
        """Return the records with several places that were ever at wanted places, to count ties.

        Returns their numbers too. They come in the order of places, so that the labels that are
        looked up for them lie near each other.
        """
        found = self._found  # replaced as a whole, because replicates are counted side by side
        new = np.flatnonzero(wanted & ~found.known)
        begin = self._listed.starts[new]
        length = self._listed.starts[new + 1] - begin
        rows = np.repeat(begin - np.cumsum(length) + length, length) + np.arange(length.sum())
        number = self._listed.record[rows]
        number = number[found.is_new[number]]
        if not len(number):
            return found.records, found.numbers
        known, is_new = found.known.copy(), found.is_new.copy()
        known[new], is_new[number] = True, False
        _, first = np.unique(number, return_index=True)
        number = number[np.sort(first)]
        more = _records_in_order(self._all, np.searchsorted(self._several, number))
        numbers = np.append(found.numbers, number)
        self._found = found = _Near(known, is_new, numbers, _appended(found.records, more))
        return found.records, found.numbers


def _records_in_order(records: Records, order: Ints) -> Records:
    """Return what counting ties needs of some records with several places: rows and weights."""
    rows = rows_in_order(records.rows, order)
    return replace(records, rows=rows, located_units=records.located_units[order])


def _appended(records: Records, more: Records) -> Records:
    """Return the records of `_records_in_order` with more of them at the end."""
    starts = np.append(records.rows.starts, more.rows.starts[1:] + records.rows.starts[-1])
    place = np.append(records.rows.place, more.rows.place)
    rows = RecordRows(starts, place, np.append(records.rows.units, more.rows.units))
    located_units = np.append(records.located_units, more.located_units)
    return replace(records, rows=rows, located_units=located_units)


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
