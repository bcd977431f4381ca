"""Merging of clusters and counting of their records, from records in memory.

`gclust.pipeline.count.count_in_engine` does the same for one clustering in SQL; the tests compare
the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.gaps import GridHash
from gclust.cluster.merging import NO_TIES, Merging, Ties, merge
from gclust.errors import StudyError
from gclust.indicators.counts import shares
from gclust.kernels.cooccurrence import ONCE, WHOLE, count_by_cluster, sum_values, ties_by_label
from gclust.listings.engines.protocol import Engine
from gclust.listings.record_arrays import (
    Records,
    counts_by_location,
    gather_records,
    sort_by_place,
    with_fixed_counts,
)
from gclust.pipeline.count import MergedCounts, count_in_engine
from gclust.pipeline.listed_merges import ListedMerges, mergeable_gaps_km
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.run_log import RunLog
from gclust.progress import Report, silent, stage
from gclust.study.schema import Study
from gclust.study.sections import Merge
from gclust.threads import count_threads
from gclust.units import UNIT

PairValues = dict[tuple[int, int], float]
"""A mapping from pairs of labels (a, b), a < b, to their gap (km)."""


class LabelTotals(NamedTuple):
    """Gaps and ties between clusters before merging, and the number of records in each cluster."""

    gaps_km: PairValues
    """Gaps between labels that may merge."""
    ties: Ties
    """Ties of the labels in ``gaps_km`` with any label and with noise."""
    units: NDArray[np.int64]
    """Fixed-point counts of the records summed by location, shape (kinds, n_labels)."""
    open_labels: NDArray[np.integer]
    """Label of each row of the open records (`gclust.listings.record_arrays.Records`)."""


class MergedLabels(NamedTuple):
    """The result of merging, and the merged cluster of each label."""

    merging: Merging
    cluster_ids: NDArray[np.int64]
    """Cluster of each label, shape (n_labels,)."""


def merge_labels(totals: LabelTotals, options: Merge) -> MergedLabels:
    """Merge the clusters by the rule of a study's section ``[merge]``."""
    merging = merge(
        totals.units.shape[1],
        totals.gaps_km,
        totals.ties,
        max_gap_km=options.max_gap_km,
        rule=options.rule,
        noise_partner=options.noise_partner,
    )
    _, cluster_ids = np.unique(merging.cluster, return_inverse=True)
    return MergedLabels(merging, cluster_ids.astype(np.int64))


@dataclass(frozen=True)
class RecordCounter:
    """A counter of a study's records by label and by merged cluster."""

    study: Study
    kinds: tuple[str, ...]
    records: Records
    """Records by location; labels must be in the same order of locations."""
    threads: int
    """Number of threads; results do not depend on it."""

    @classmethod
    def gather(
        cls,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        order: NDArray[np.integer],
        n_jobs: int | None,
    ) -> RecordCounter:
        """Read the records into memory, with the locations in the given order."""
        kinds = prepared.staged.kinds
        if prepared.records is not None:
            records = prepared.records.reordered(order)
        else:
            records = gather_records(
                engine,
                prepared.located,
                prepared.totals,
                prepared.locations[["lat", "lon"]].iloc[order],
                n_kinds=len(kinds),
                method=study.counting.method,
            )
            if study.normalises:
                at = prepared.locations[["lat", "lon"]].iloc[order]
                fixed = counts_by_location(engine, prepared.located, at, len(kinds))
                records = with_fixed_counts(records, fixed)
        return cls(study, kinds, sort_by_place(records), count_threads(n_jobs))

    def totals(
        self,
        labels: NDArray[np.int32],
        gaps_km: PairValues,
        ties: str | None = None,
        n_labels: int | None = None,
    ) -> LabelTotals:
        """Count the records of each label, and sum the ties of labels that may merge.

        ``labels`` are the labels of the locations, -1 for noise; ``gaps_km`` has the gaps of labels
        that may merge; ``ties`` is the study's by default, ``n_labels`` one more than the largest
        label. Raises StudyError if ties are too large to count.
        """
        if n_labels is None:
            n_labels = int(labels.max(initial=-1)) + 1
        strengths = NO_TIES
        if gaps_km:
            near = labels_with_gaps(gaps_km, n_labels)
            strengths = ties_of(
                self.records, labels, near, ties or self.study.merge.ties, self.threads
            )
        units = sum_values(labels, self.records.fixed, n_labels)
        return LabelTotals(gaps_km, strengths, units, labels[self.records.open_rows.place])

    def count(
        self,
        totals: LabelTotals,
        merged: MergedLabels,
        world: dict[str, float],
        copies: NDArray[np.int64] = ONCE,
    ) -> MergedCounts:
        """Count the records of merged clusters; ``world`` has the world total of each kind.

        ``copies``, of shape (o,), says how often each of the open records is counted; once by
        default.
        """
        records, opened, cluster_ids = self.records, self.records.opened, merged.cluster_ids
        clusters = np.append(cluster_ids, -1)[totals.open_labels].astype(np.int32)
        units = count_by_cluster(
            records.open_rows._replace(place=np.arange(len(clusters), dtype=np.int32)),
            clusters,
            records.kind[opened],
            WHOLE if self.study.counting.method == "whole" else records.record_units[opened],
            UNIT,
            (len(records.fixed), int(cluster_ids.max(initial=-1)) + 1),
            copies=copies,
        )
        for kind, of_labels in enumerate(totals.units):
            np.add.at(units[kind], cluster_ids, of_labels)
        counted = pd.DataFrame(units.T / UNIT, columns=list(self.kinds))
        return MergedCounts(merged.merging, cluster_ids, counted, shares(counted, world))


class ArrayCounter:
    """A counter that merges clusters and counts records for any clustering of the locations.

    Listings are read into memory once, record by record; each labelling then takes one pass
    over them. Counts, clusters and the log of merges equal those of
    `gclust.pipeline.count.count_in_engine` to the bit.

    Parameters
    ----------
    study : Study
    engine : Engine
        Holds the listings; not used after construction.
    prepared : Prepared
    n_jobs : int, optional
        Threads; all by default. Results do not depend on it.
    report : callable
        Called with ``(fraction, stage)``.
    """

    def __init__(
        self,
        study: Study,
        engine: Engine,
        prepared: Prepared,
        *,
        n_jobs: int | None = None,
        report: Report = silent,
    ) -> None:
        self._world, self._options = prepared.world_totals, study.merge
        locations = prepared.locations
        self._merges = study.merge.may_merge(prepared.has_records)
        self._listed: ListedMerges | None = None
        self._order: NDArray[np.integer] = np.arange(len(locations))
        if self._merges:
            with stage(report, "gather locations"):
                lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
                if study.merge.rule == "list":
                    self._listed = ListedMerges(study.merge, lat, lon)
                self._grid = GridHash(lat, lon, study.merge.max_gap_km)
                self._order = self._grid.order
        self._counter = RecordCounter.gather(study, engine, prepared, self._order, n_jobs)

    def merge_and_count(self, labels: NDArray[np.integer]) -> MergedCounts:
        """Label the listings, merge clusters, and count records.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            Of the prepared locations; -1 for noise.

        Raises
        ------
        StudyError
            If the ties of records are too large to count.
        """
        ordered = labels.astype(np.int32, copy=False)[self._order]
        gaps_km: PairValues = {}
        if self._listed is not None:
            gaps_km = self._listed.gaps_km(labels)
        elif self._merges:
            gaps_km = self._grid.gaps_km(ordered, self._counter.threads)
        totals = self._counter.totals(ordered, gaps_km)
        return self._counter.count(totals, merge_labels(totals, self._options), self._world)


def merge_and_count(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    labels: NDArray[np.int64],
    run_log: RunLog,
) -> MergedCounts:
    """Merge clusters and count their records: in memory if the records are there.

    See `gclust.pipeline.count.count_in_engine`.
    """
    if prepared.records is None:
        return count_in_engine(study, engine, prepared, labels, run_log)
    counter = RecordCounter(study, prepared.staged.kinds, prepared.records, count_threads())
    locations, narrow = prepared.locations, labels.astype(np.int32)
    gaps: PairValues = {}
    with run_log.timed("merge clusters"):
        if study.merge.may_merge(prepared.has_records):
            lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
            gaps = mergeable_gaps_km(study.merge, lat, lon, narrow)
        totals = counter.totals(narrow, gaps)
        merged = merge_labels(totals, study.merge)
    with run_log.timed("count records"):
        return counter.count(totals, merged, prepared.world_totals)


def count_labels(
    study: Study, prepared: Prepared, labels: NDArray[np.int64], n_labels: int
) -> pd.DataFrame | None:
    """Count the records of locations by label and kind, shape (n_labels, kinds).

    Those of label -1 are left out. None if the records are not in memory.
    """
    if prepared.records is None:
        return None
    counter = RecordCounter(study, prepared.staged.kinds, prepared.records, count_threads())
    totals = counter.totals(labels.astype(np.int32), {}, n_labels=n_labels)
    own = MergedLabels(merge(n_labels, {}, {}, rule="none"), np.arange(n_labels))
    return counter.count(totals, own, prepared.world_totals).count


def labels_with_gaps(gaps_km: PairValues, n_labels: int) -> NDArray[np.bool_]:
    """Return for each label (noise first) whether the label has an entry in ``gaps_km``.

    Only ties of such labels are needed to merge clusters.
    """
    near = np.zeros(n_labels + 1, dtype=bool)
    near[[end + 1 for pair in gaps_km for end in pair]] = True
    return near


def ties_of(
    records: Records,
    labels: NDArray[np.int32],
    near: NDArray[np.bool_],
    ties: str,
    threads: int,
    copies: NDArray[np.int64] = ONCE,
) -> Ties:
    """Sum the ties between labels that may merge: pairs of listings of one record.

    `gclust.listings.label.sum_ties` does the same in SQL.

    Parameters
    ----------
    records : Records
    labels : ndarray of int32, shape (n,)
        Of the locations, in the order of the records' arrays; -1 for noise.
    near : ndarray of bool, shape (n_labels + 1,)
        Labels whose ties are computed; see `labels_with_gaps`.
    ties : {"fractional", "pairs"}
    threads : int
    copies : ndarray of int64, shape (r,) or (0,)
        How often each record is counted; once by default.

    Returns
    -------
    Ties
        Of pairs of labels, at least one of the two near, in records (or pairs).

    Raises
    ------
    StudyError
        If products of weights are too large to count.
    """
    pairs = records.doubled_pairs if ties == "fractional" else np.zeros(0)
    found = ties_by_label(records.rows, labels, near, pairs, UNIT, threads, copies=copies)
    if found is None:
        raise StudyError(
            f"[merge] ties = {ties!r}: the products of weights in one record are too large to"
            ' count; use ties = "fractional" or smaller weights'
        )
    a, b, units = found
    return Ties(a.astype(np.int64), b.astype(np.int64), units / UNIT)
