"""Merging of clusters by ties (records in common), and counts of their records, in SQL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.merging import Merging, Ties, merge
from gclust.errors import StudyError
from gclust.indicators.counts import counts, shares
from gclust.listings.counting import count_records
from gclust.listings.engines.protocol import Engine, QueryOverflowError
from gclust.listings.label import label_records, relabel_records, sum_ties
from gclust.listings.normalise import given_units
from gclust.pipeline.frozen import FrozenBoundaries, forming_labels
from gclust.pipeline.listed_merges import mergeable_gaps_km
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.run_log import RunLog
from gclust.study.clustering_methods import (
    ClusteringOptions,
)
from gclust.study.schema import Study
from gclust.units import UNIT

_OF_LABELS = ("labelled", "labelled_counts", "cluster_of_label")
"""Names of the tables of one labelling; they are dropped after it."""


@dataclass(frozen=True)
class MergedCounts:
    """Merged clusters and their numbers of records by kind.

    Attributes
    ----------
    merging : Merging
    cluster_ids : ndarray of int64, shape (n_labels,)
        The merged cluster of each label.
    count, share : DataFrame, shape (clusters, kinds)
        Records, and per cent of the world's total.
    """

    merging: Merging
    cluster_ids: NDArray[np.int64]
    count: pd.DataFrame
    share: pd.DataFrame

    def clusters(self, labels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the merged cluster of each given label, -1 for noise."""
        return np.concatenate((self.cluster_ids, [-1]))[labels]


def count_in_engine(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    labels: NDArray[np.int64],
    run_log: RunLog,
) -> MergedCounts:
    """Label the listings, merge clusters, and count their records in SQL.

    `gclust.pipeline.count_arrays` gives bit-identical results from records in memory.

    Parameters
    ----------
    study : Study
    engine : Engine
    prepared : Prepared
    labels : ndarray of int64, shape (n,)
        Of the locations; -1 for noise.
    run_log : RunLog

    Raises
    ------
    StudyError
        If the ties of records are too large to count.
    """
    n_labels = int(labels.max(initial=-1)) + 1
    locations = prepared.locations
    with run_log.timed("label listings"):
        # Labels of 32 bits are enough, and take less memory and disk with each listing.
        numbered = locations[["lat", "lon"]].assign(label=labels.astype(np.int32))
        at = engine.put(numbered, "labels")
        del numbered
        labelled = engine.store(label_records(prepared.located, at), "labelled", "label listings")
        counted = labelled
        if study.normalises:
            given = given_units(prepared.located, study.count_method)
            counted = engine.store(label_records(given, at), "labelled_counts", "label listings")
    with run_log.timed("merge clusters"):
        if prepared.frozen is None:
            merging = _merge(study, engine, labelled, prepared, labels)
        else:
            merging = _merge_formed(study, engine, prepared, prepared.frozen, labels)
        engine.drop("labels")
    _, cluster_ids = np.unique(merging.cluster, return_inverse=True)
    cluster_ids = cluster_ids.astype(np.int64)
    with run_log.timed("count records"):
        if not merging.log.empty:
            table = pd.DataFrame(
                {
                    "label": np.arange(-1, n_labels, dtype=np.int32),
                    "cluster": np.concatenate(([-1], cluster_ids)).astype(np.int32),
                }
            )
            counted = relabel_records(counted, engine.put(table, "cluster_of_label"))
        units = engine.pandas(
            count_records(counted, prepared.totals, study.count_method), "count records"
        )
    for name in _OF_LABELS:
        engine.drop(name)
    count = counts(units, prepared.staged.kinds, int(cluster_ids.max(initial=-1)) + 1)
    return MergedCounts(merging, cluster_ids, count, shares(count, prepared.world_totals))


def warn_of_gap(study: Study, options: ClusteringOptions, run_log: RunLog) -> None:
    """Warn if no clusters can merge because ``max_gap_km`` is below the least possible gap."""
    gap, least = study.merge.max_gap_km, options.least_gap_km
    formed_on = options.formed_on
    merged_before = formed_on is not None and formed_on.run is not None
    by_ties = study.merge.rule not in ("list", "none") and not merged_before
    if by_ties and least is not None and gap < least:
        run_log.warn_or_refuse(
            [
                f'border = "noise" leaves cores alone in clusters, which lie more than eps_km ='
                f" {least:g} apart: no gap can be at most max_gap_km = {gap:g}, so no clusters"
                " merge"
            ]
        )


def _merge_formed(
    study: Study,
    engine: Engine,
    prepared: Prepared,
    frozen: FrozenBoundaries,
    labels: NDArray[np.int64],
) -> Merging:
    """Merge by the listings that form the clusters, which are not those that are counted.

    Clusters of an earlier run are merged already.
    """
    if frozen.earlier is not None:
        return merge(int(labels.max(initial=-1)) + 1, {}, {}, rule="none")
    at = engine.frame("labels")
    labelled = engine.store(label_records(frozen.located, at), "forming_labels", "label listings")
    own = replace(prepared, located_totals=frozen.totals, has_records=frozen.has_records)
    merging = _merge(study, engine, labelled, own, forming_labels(prepared.locations, labels))
    engine.drop("forming_labels")
    return merging


def _merge(
    study: Study,
    engine: Engine,
    labelled: nw.LazyFrame[Any],
    prepared: Prepared,
    labels: NDArray[np.int64],
) -> Merging:
    options, totals, locations = study.merge, prepared.located_totals, prepared.locations
    n_labels = int(labels.max(initial=-1)) + 1
    if not options.may_merge(prepared.has_records):
        return merge(n_labels, {}, {}, rule="none")
    lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
    gaps = mergeable_gaps_km(options, lat, lon, labels)
    near = sorted({label for pair in gaps for label in pair})
    if not near:  # nothing can merge, so ties need not be known
        return merge(n_labels, {}, {}, rule=options.rule)
    try:
        table = engine.pandas(sum_ties(labelled, totals, options.ties, near), "add up ties")
    except QueryOverflowError as error:
        raise StudyError(
            f"[merge] ties = {options.ties!r}: the products of weights in one record are"
            ' too large to count; use ties = "fractional" or smaller weights'
        ) from error
    a, b, units = (table[name].to_numpy(np.int64) for name in ("a", "b", "ties"))
    ties = Ties(a, b, units / UNIT)
    return merge(
        n_labels,
        gaps,
        ties,
        max_gap_km=options.max_gap_km,
        rule=options.rule,
        noise_partner=options.noise_partner,
    )
