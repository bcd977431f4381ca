"""Settling many labellings of the same listings, from arrays in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.gaps import GridHash
from gclust.cluster.merging import Merging, merge
from gclust.errors import StudyError
from gclust.indicators.counts import shares
from gclust.kernels.cooccurrence import ONCE, WHOLE, count_by_cluster, sum_values, ties_by_label
from gclust.listings.engine import Engine
from gclust.listings.record_arrays import Records, gather_records
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.prepare import Prepared
from gclust.progress import Report, silent, stage
from gclust.study.schema import Study
from gclust.threads import count_threads
from gclust.units import UNIT


class ArrayCounter:
    """What `gclust.pipeline.count.merge_and_count` finds, for any number of labellings of the locations.

    Listings are brought into memory once, record by record; each labelling then takes one pass
    over them. Counts, clusters and the log of merges are those of ``merge_and_count``, to the bit.

    Parameters
    ----------
    study : Study
    engine : Engine
        Holds the listings; not asked again.
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
        self._study, self._threads = study, count_threads(n_jobs)
        self._world, self._kinds = prepared.world_totals, prepared.staged.kinds
        locations = prepared.locations
        self._merges = study.merge.rule != "none" and prepared.has_records
        self._order = np.arange(len(locations))
        if self._merges:
            with stage(report, "gather locations"):
                lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
                self._grid = GridHash(lat, lon, study.merge.max_gap_km)
                self._order = np.argsort(self._grid.number, kind="stable")
                self._lat, self._lon = lat[self._order], lon[self._order]
        self._records: Records = gather_records(
            engine,
            prepared.located,
            prepared.totals,
            locations[["lat", "lon"]].iloc[self._order],
            n_kinds=len(self._kinds),
            method=study.counting.method,
        )

    def merge_and_count(self, labels: NDArray[np.integer]) -> MergedCounts:
        """Attribute the listings to labels, merge clusters, and count records.

        Parameters
        ----------
        labels : ndarray of int, shape (n,)
            Of the prepared locations; -1 for noise.

        Raises
        ------
        StudyError
            If the ties of records are too large to count.
        """
        n_labels = int(labels.max(initial=-1)) + 1
        ordered = labels[self._order].astype(np.int32)
        merging = self._merge(ordered, n_labels)
        _, cluster_ids = np.unique(merging.cluster, return_inverse=True)
        cluster_ids = cluster_ids.astype(np.int64)
        n_clusters = int(cluster_ids.max(initial=-1)) + 1
        units = self._count(ordered, cluster_ids, n_clusters)
        counted = pd.DataFrame(units.T / UNIT, columns=list(self._kinds))
        return MergedCounts(merging, cluster_ids, counted, shares(counted, self._world))

    def _merge(self, labels: NDArray[np.int32], n_labels: int) -> Merging:
        options = self._study.merge
        if not self._merges:
            return merge(n_labels, {}, {}, rule="none")
        gaps = self._grid.gaps_km(self._lat, self._lon, labels)
        # Merging looks at the ties of clusters that have a gap, and at no others.
        near = np.zeros(n_labels + 1, dtype=bool)
        near[[end + 1 for pair in gaps for end in pair]] = True
        return merge(
            n_labels,
            gaps,
            ties_of(self._records, labels, near, options.ties, self._threads) if gaps else {},
            max_gap_km=options.max_gap_km,
            rule=options.rule,
            noise_partner=options.noise_partner,
        )

    def _count(
        self, labels: NDArray[np.int32], cluster_ids: NDArray[np.int64], n_clusters: int
    ) -> NDArray[np.int64]:
        """Units of each kind and cluster."""
        of_labels = sum_values(labels, self._records.fixed, len(cluster_ids))
        of_open = np.append(cluster_ids, -1)[labels[self._records.open_rows.place]]
        units = count_open(self._records, of_open, n_clusters, self._study.counting.method)
        for kind, sums in enumerate(of_labels):
            np.add.at(units[kind], cluster_ids, sums)
        return units


def ties_of(
    records: Records,
    labels: NDArray[np.int32],
    near: NDArray[np.bool_],
    ties: str,
    threads: int,
    times: NDArray[np.int64] = ONCE,
    spread: NDArray[np.float64] | None = None,
) -> dict[tuple[int, int], float]:
    """Ties of labels that may merge, to the bit those of `gclust.listings.label.ties_by_label`.

    Parameters
    ----------
    records : Records
    labels : ndarray of int32, shape (n,)
        Of the locations, in the order of the records' arrays; -1 for noise.
    near : ndarray of bool, shape (n_labels + 1,)
        Which labels are asked for, that of noise first.
    ties : {"fractional", "pairs"}
    threads : int
    times : ndarray of int64, shape (r,) or (0,)
        How many records each stands for; one where it is not given.
    spread : ndarray of float64, optional
        `Records.spread_over` of ``ties``, where it was found before.

    Returns
    -------
    dict
        (a, b) with a < b -> ties, in records (or pairs), of which one at least is near; noise
        is -1.

    Raises
    ------
    StudyError
        If products of weights are too large to count.
    """
    spread = records.spread_over(ties) if spread is None else spread
    found = ties_by_label(records.rows, labels, near, spread, UNIT, threads, copies=times)
    if found is None:
        raise StudyError(
            f"[merge] ties = {ties!r}: the products of weights in one record are too large to"
            ' count; expected ties = "fractional" with such weights'
        )
    a, b, units = found
    listed = (a.tolist(), b.tolist(), (units / UNIT).tolist())
    return {(one, other): strength for one, other, strength in zip(*listed, strict=True)}


def count_open(
    records: Records,
    clusters: NDArray[np.integer],
    n_clusters: int,
    method: str,
    times: NDArray[np.int64] = ONCE,
) -> NDArray[np.int64]:
    """Count the records that no sum over locations counts.

    Parameters
    ----------
    records : Records
    clusters : ndarray of int
        Cluster of each of its open rows; -1 for noise.
    n_clusters : int
    method : {"fractional", "whole"}
    times : ndarray of int64, shape (r,) or (0,)
        As in `ties_of`.

    Returns
    -------
    ndarray of int64, shape (kinds, n_clusters)
        In units.
    """
    return count_by_cluster(
        records.open_rows._replace(place=np.arange(len(clusters), dtype=np.int32)),
        clusters.astype(np.int32),
        records.kind[records.opened],
        WHOLE if method == "whole" else records.record_units[records.opened],
        UNIT,
        (len(records.fixed), n_clusters),
        copies=times[records.opened] if len(times) else ONCE,
    )
