"""Records drawn anew one by one: what locations then weigh, and what clusters come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.merging import Merging, merge
from gclust.experiments.uncertainty.record_arrays import gather_rows
from gclust.indicators.counts import shares
from gclust.kernels.resampling.poisson import (
    REST,
    WEIGHT,
    LocationRows,
    count_replicate,
    draw_copies,
    draw_poisson,
    sum_density,
)
from gclust.listings.engine import Engine
from gclust.listings.record_arrays import Records, fold_records, fractional_units_of_arrays
from gclust.listings.record_profiles import world_components
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import count_open, ties_of
from gclust.pipeline.prepare import Prepared
from gclust.study.schema import Study
from gclust.threads import count_threads
from gclust.units import UNIT

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Weight:
    """Weight of listings without a record: at which place, of which kind, how much.

    ``density`` is what all of it adds to the density.
    """

    place: Ints
    kind: Ints
    units: Ints
    density: Ints

    @property
    def mean(self) -> NDArray[np.float64]:
        """For how many records it stands."""
        return self.units / UNIT


@dataclass(frozen=True)
class Replicate:
    """The records of one draw.

    Attributes
    ----------
    number : int
        Of the draw.
    times : ndarray of uint8, shape (r,)
        How often each record is there.
    weight : ndarray of int64
        Units of the listings without a record.
    density : ndarray of int64, shape (n,)
        Of the places.
    there : ndarray of bool, shape (n,)
        Which places have any listing.
    world : dict
        Kind -> the draw's total.
    """

    number: int
    times: NDArray[np.uint8]
    weight: Ints
    density: Ints
    there: NDArray[np.bool_]
    world: dict[str, float]


class Bootstrap:
    """A study's listings in memory, to be drawn anew as often as is wanted.

    Parameters
    ----------
    study, engine, prepared
    order : ndarray of int64, shape (n_locations,)
        The prepared location that each place of the arrays here is, as far as they stay.
    n_jobs : int, optional
        Threads; all by default. What is drawn does not depend on it.

    Attributes
    ----------
    home : ndarray of int64, shape (n,)
        The prepared location of each place: those of ``order``, then those of listings that
        move.
    density : ndarray of int64, shape (n,)
        Of the study's own listings.
    spread : Spread
        The places that move, which are the last.
    weight : Weight
        Listings without a record.
    moved : DataFrame or None
        See `gclust.experiments.uncertainty.jitter.jitter_table`.
    moving : Table or None
        See `gclust.experiments.uncertainty.record_arrays.Gathered`.
    """

    def __init__(
        self,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        order: Ints,
        *,
        n_jobs: int | None = None,
    ) -> None:
        self._study, self._seed, self._threads = (
            study,
            study.uncertainty.seed,
            count_threads(n_jobs),
        )
        self._kinds, self._world = prepared.staged.kinds, prepared.world_totals
        world = world_components(prepared.staged.listings, study.counting.unlocated, engine.pandas)
        world = world.reindex(range(len(self._kinds)), fill_value=0.0)
        # Records are numbered kind by kind.
        self._bounds = np.concatenate(([0], np.cumsum(world["records"].to_numpy(np.int64))))
        gathered = gather_rows(study, engine, prepared, order)
        self.home, self.spread, self.moved = gathered.home, gathered.spread, gathered.moved
        self.moving = gathered.moving
        self._take(gathered.rows, len(self.home))
        held = np.zeros(len(self._kinds))
        np.add.at(held, self.weight.kind, self.weight.mean)
        total = np.array([prepared.world_totals[kind] for kind in self._kinds])
        # What is at no location: beyond the sources, or rejected and kept.
        self._rest = np.maximum(total - world["records"].to_numpy() - held, 0.0)
        self._own = self._once()
        self.density = self._own.density

    def _take(self, rows: dict[str, Ints], n: int) -> None:
        method = self._study.counting.method
        columns = ("number", "kind", "place", "units", "record_units")
        records = fold_records(
            [rows[name] for name in columns], n, n_kinds=len(self._kinds), method=method
        )
        bare = int(np.searchsorted(rows["number"], 0))
        at, kind, units = (rows[name][:bare] for name in ("place", "kind", "units"))
        self.weight = Weight(at, kind, units, rows["density"][:bare])
        rows = {name: each[bare:] for name, each in rows.items()}
        first = np.flatnonzero(np.diff(rows["number"], prepend=-1))
        length = np.diff(first, append=len(rows["number"]))
        self._several = rows["number"][first[length > 1]]
        self._records = records
        self._listed = _listed(rows, length, records, n, whole=method == "whole")
        self._near = _Near(self._listed, self._several, int(self._bounds[-1]))
        self._spread = records.spread_over(self._study.merge.ties)

    def draw(self, number: int) -> Replicate:
        """Draw the records once, if the study wants that; a number gives the same always."""
        if "records" not in self._study.uncertainty.sources:
            return replace(self._own, number=number)
        times = draw_copies(int(self._bounds[-1]), self._seed, number, self._threads)
        density, there = sum_density(self._listed, times, self._threads)
        weight = self.weight
        copies = draw_poisson(weight.mean, self._seed, WEIGHT, number)
        drawn = np.rint(weight.density * (copies / weight.mean)).astype(np.int64)
        np.add.at(density, weight.place, drawn)
        there[weight.place[copies > 0]] = True
        world = draw_poisson(self._rest, self._seed, REST, number)
        np.add.at(world, weight.kind, copies)
        for kind in range(len(self._kinds)):
            mine = times[self._bounds[kind] : self._bounds[kind + 1]]
            world[kind] += int(mine.sum(dtype=np.int64))
        totals = dict(zip(self._kinds, world.astype(np.float64).tolist(), strict=True))
        return Replicate(number, times, copies * UNIT, density, there, totals)

    def _once(self) -> Replicate:
        """Each record once: the study's own listings."""
        times = np.ones(int(self._bounds[-1]), dtype=np.uint8)
        density, there = sum_density(self._listed, times, self._threads)
        np.add.at(density, self.weight.place, self.weight.density)
        there[self.weight.place] = True
        return Replicate(0, times, self.weight.units, density, there, self._world)

    def merge_and_count(
        self, labels: Ints, gaps_km: dict[tuple[int, int], float], drawn: Replicate
    ) -> MergedCounts:
        """Merge clusters by the ties of the records drawn, and count these.

        As `gclust.pipeline.count.merge_and_count` does with listings that are there as often as they
        are drawn.

        Parameters
        ----------
        labels : ndarray of int64, shape (n,)
            Of the places; -1 for noise.
        gaps_km : dict
            Least distances of clusters that may merge; see `gclust.cluster.gaps.gaps_km`.
        drawn : Drawn

        Raises
        ------
        StudyError
            If the ties of records are too large to count.
        """
        several = drawn.times[self._several].astype(np.int64)
        merging = self._merged(labels, gaps_km, several)
        _, cluster_ids = np.unique(merging.cluster, return_inverse=True)
        cluster_ids = cluster_ids.astype(np.int64)
        clusters = np.append(cluster_ids, -1)[labels]
        n_clusters = int(cluster_ids.max(initial=-1)) + 1
        shape = len(self._kinds), n_clusters
        units = count_replicate(self._listed, drawn.times, clusters, shape, self._threads)
        weight = self.weight
        inside = clusters[weight.place] >= 0
        at = weight.kind[inside], clusters[weight.place[inside]]
        np.add.at(units, at, drawn.weight[inside])
        if len(self._records.opened):
            of_open = clusters[self._records.open_rows.place]
            method = self._study.counting.method
            units += count_open(self._records, of_open, n_clusters, method, several)
        counted = pd.DataFrame(units.T / UNIT, columns=list(self._kinds))
        return MergedCounts(merging, cluster_ids, counted, shares(counted, drawn.world))

    def _merged(self, labels: Ints, gaps: dict[tuple[int, int], float], several: Ints) -> Merging:
        options, n_labels = self._study.merge, int(labels.max(initial=-1)) + 1
        short = labels.astype(np.int32)
        if not gaps:
            return merge(n_labels, {}, {}, rule="none")
        near = np.zeros(n_labels + 1, dtype=bool)
        near[[end + 1 for pair in gaps for end in pair]] = True
        times = self._near.times(near[labels + 1], several)
        return merge(
            n_labels,
            gaps,
            ties_of(self._records, short, near, options.ties, self._threads, times, self._spread),
            max_gap_km=options.max_gap_km,
            rule=options.rule,
            noise_partner=options.noise_partner,
        )


class _Near:
    """Which records touch places of clusters that may merge, which are mostly the same few.

    A record that was found once stays; it costs a look, and adds nothing where it is not near.
    """

    def __init__(self, listed: LocationRows, several: Ints, n_records: int) -> None:
        self._listed, self._several = listed, several
        self._known = np.zeros(len(listed.starts) - 1, dtype=bool)
        self._touching = np.zeros(n_records, dtype=bool)

    def times(self, wanted: NDArray[np.bool_], times: Ints) -> Ints:
        """Return the times of the records at several places, 0 where none of these is wanted."""
        new = np.flatnonzero(wanted & ~self._known)
        begin = self._listed.starts[new]
        length = self._listed.starts[new + 1] - begin
        rows = np.repeat(begin - np.cumsum(length) + length, length) + np.arange(length.sum())
        self._touching[self._listed.record[rows]] = True
        self._known[new] = True
        return np.where(self._touching[self._several], times, 0)


def _listed(
    rows: dict[str, Ints], length: Ints, records: Records, n: int, *, whole: bool
) -> LocationRows:
    """Rows location by location; records that no sum over locations counts add no fraction."""
    opened = np.zeros(len(records.kind), dtype=bool)
    opened[records.opened] = True
    is_open = np.zeros(len(length), dtype=bool)
    is_open[length > 1] = opened
    credits = fractional_units_of_arrays(rows["units"], rows["record_units"])
    if whole:
        credits = np.full(len(credits), UNIT, dtype=np.int64)
    credits[np.repeat(is_open, length)] = 0
    order = np.argsort(rows["place"], kind="stable")
    counted = np.bincount(rows["place"], minlength=n)
    added = (rows["density"][order], rows["kind"][order], credits[order])
    code, first = _coded(added)
    density, kind, credit_of = (values[first] for values in added)
    return LocationRows(
        starts=np.concatenate(([0], np.cumsum(counted))).astype(np.int64),
        record=rows["number"][order].astype(np.int32),
        code=code.astype(np.int32),
        density=density,
        kind=kind,
        fraction=credit_of,
    )


def _coded(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Number the different rows of columns: the number of each row, and a row of each number."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for values in columns:
        own, different = pd.factorize(values)
        code, _ = pd.factorize(code * len(different) + own)
    first = np.zeros(int(code.max(initial=-1)) + 1, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return code, first
