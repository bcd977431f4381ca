"""Bootstrap replicates of a ranking, with the shares, scores and ranks of its clusters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import warn_user
from gclust.experiments.grid import Pair
from gclust.experiments.score_columns import columns_of_pairs
from gclust.experiments.uncertainty.amounts import Amounts
from gclust.experiments.uncertainty.bootstrap import Bootstrap, VariedRecords
from gclust.experiments.uncertainty.fixed_clusters import (
    ClusterAmounts,
    bootstrap_groups,
    group_records,
)
from gclust.experiments.uncertainty.listings import ReplicateListings
from gclust.experiments.uncertainty.parallel import ParallelReplicates, threads_per_replicate
from gclust.experiments.uncertainty.parameters import DrawnPairs
from gclust.experiments.uncertainty.recluster import (
    FixedLocationReclusterer,
    JitteredReclusterer,
    Reclusterer,
)
from gclust.experiments.uncertainty.scores import Scorer
from gclust.experiments.uncertainty.variation import Variation
from gclust.indicators.labelled_listings import LabelledListings
from gclust.kernels.resampling.poisson import cross_tabulate
from gclust.listings.engines.protocol import Engine
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.describe import dissolve
from gclust.pipeline.form import partition_locations
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.score_columns import ScoreColumns
from gclust.plurals import counted
from gclust.progress import Report, TimeLeft, shown_duration, silent, stage
from gclust.ranking.matching import match
from gclust.study.schema import Study
from gclust.threads import count_threads

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LONG_SECONDS = 120.0
"""Expected time of the replicates that are left, in seconds, above which the user is warned."""


@dataclass(frozen=True)
class Replicates:
    """Shares, scores and ranks of the study's own clusters in every replicate.

    A value is NaN where a replicate has no cluster that matches.

    Attributes
    ----------
    shares : ndarray of float64, shape (draws, clusters, kinds)
    scores : ndarray of float64, shape (draws, clusters)
    ranks : ndarray of float64, shape (draws, clusters)
        Among all clusters of the replicate.
    in_own : ndarray of float64, shape (draws, clusters, kinds), optional
        Shares of the study's own clusters, whether a replicate that is reclustered finds them or
        not.
    moved : DataFrame, optional
        The jittered listings; see `gclust.experiments.uncertainty.jitter.jitter_table`.
    alone : mapping
        Source -> the first draws with this source alone, if the study has several.
    """

    shares: Floats
    scores: Floats
    ranks: Floats
    in_own: Floats | None = None
    moved: pd.DataFrame | None = None
    alone: Mapping[str, Replicates] = field(default_factory=dict)

    def fill(
        self,
        number: int,
        scorer: Scorer,
        values: pd.DataFrame,
        share: pd.DataFrame,
        same: Ints | None = None,
    ) -> None:
        """Score the clusters of a replicate, and store the values of those that match the study's.

        ``values`` are the columns of the score. ``same`` is the replicate's cluster that matches
        each of the study's, -1 for none; by default the clusters are the study's own.
        """
        scores, ranks = scorer.score(number, values)
        if same is None:
            same = np.arange(self.scores.shape[1])
        found = same >= 0
        self.shares[number, found] = share.to_numpy()[same[found]]
        self.scores[number, found] = scores[same[found]]
        self.ranks[number, found] = ranks[same[found]]


class Baseline(NamedTuple):
    """The study's own clusters, with which replicates are compared."""

    clusters: Ints
    """Cluster of each location, -1 for noise, shape (n_locations,)."""
    counted: MergedCounts
    described: pd.DataFrame
    """See `gclust.pipeline.score_columns.ScoreColumns.describe`."""
    reads_listings: bool
    """Whether any column of the score reads listings."""


@dataclass(frozen=True)
class BootstrapInputs:
    """Inputs from which replicates are computed."""

    study: Study
    engine: Engine
    prepared: Prepared
    baseline: Baseline
    drawn: DrawnPairs
    scorer: Scorer
    n_jobs: int | None
    report: Report
    numbers: Ints
    """Numbers of the replicates to compute, in rising order."""
    amounts: Amounts = field(default_factory=Amounts)
    """The amounts that vary, whose numbers ``prepared`` has."""
    variation: Variation = field(default_factory=Variation)
    """How records vary by organisation or cluster."""

    @property
    def varies(self) -> VariedRecords:
        """How records vary, with the study's own clusters."""
        return VariedRecords(self.variation, self.baseline.clusters)

    @cached_property
    def _of_pairs(self) -> dict[Pair, ScoreColumns]:
        return columns_of_pairs(self.study, self.drawn.pairs)

    def columns(self, pair: Pair | None) -> ScoreColumns:
        """Return the score's columns for a pair of parameters; None means the study's own pair."""
        return self.scorer.columns if pair is None else self._of_pairs[pair]

    def with_progress(self, numbers: list[int], name: str) -> Iterator[int]:
        """Yield the number of each replicate; report progress, and warn of slow columns."""
        further = ", ".join(self.scorer.columns.further)
        name += f" ({further} in each)" if further else ""
        time_left, is_said = TimeLeft(), not further
        start = time.perf_counter()
        self.report(0.0, name)
        for done, number in enumerate(numbers, start=1):
            yield number
            self.report(done / len(numbers), name)
            left = time_left(time.perf_counter() - start, done / len(numbers))
            if is_said or left is None:
                continue
            is_said = True
            if left > LONG_SECONDS:
                warn_user(
                    f"{counted(len(numbers), 'draw recomputes', 'draws recompute')} {further},"
                    " which will take about"
                    f" {shown_duration(left)} more; fewer draws take less"
                )

    def matched(self, clusters: Ints, units: Ints, location: Ints | None = None) -> Ints:
        """Match clusters of a replicate with the study's; see `same_clusters`.

        ``location`` is the prepared location of each place; by default places are locations.
        """
        own, counted = self.baseline.clusters, self.baseline.counted
        own = own if location is None else own[location]
        return same_clusters(own, clusters, units, len(counted.count), count_threads(self.n_jobs))

    def empty_replicates(self) -> Replicates:
        """Return a `Replicates` object for all draws of the study, whose values are all NaN."""
        return empty_replicates(self.study, len(self.baseline.counted.count))


def empty_replicates(study: Study, n_clusters: int) -> Replicates:
    """Return a `Replicates` object for all draws of a study, whose values are all NaN."""
    shape = study.uncertainty.draws, n_clusters
    scores, ranks = np.full((2, *shape), np.nan)
    shares = np.full((*shape, len(study.kinds)), np.nan)
    in_own = shares.copy() if study.uncertainty.reclusters else None
    return Replicates(shares, scores, ranks, in_own)


def same_clusters(own: Ints, replicate: Ints, units: Ints, n_own: int, threads: int) -> Ints:
    """Return for each of the study's clusters the replicate's cluster that matches, or -1.

    Clusters match by their common weight; see `gclust.ranking.matching.match`. ``own`` and
    ``replicate`` are clusters of the same places, -1 for noise; ``units`` is the study's density.
    """
    weight = cross_tabulate(own, replicate, units, threads)
    a, b = np.nonzero(weight)
    same = match(pd.DataFrame({"a": a - 1, "b": b - 1, "weight": weight[a, b]}))
    found = np.full(n_own, -1, dtype=np.int64)
    found[same["a"].to_numpy()] = same["b"].to_numpy()
    return found


class _FixedClusters(NamedTuple):
    """The clusters that all replicates of one pair of parameters have."""

    clusters: Ints
    counted: MergedCounts
    described: pd.DataFrame
    columns: ScoreColumns
    same: Ints | None = None


def fixed_cluster_replicates(inputs: BootstrapInputs) -> Replicates:
    """Compute replicates without reclustering: all have the clusters of the study's listings.

    Only a score that reads listings (a concentration, a growth) needs the listings of each
    replicate; any other follows from its counts and from the areas and inhabitants of the fixed
    clusters.
    """
    study, kinds = inputs.study, list(inputs.study.kinds)
    found = inputs.empty_replicates()
    draws_records = "records" in study.uncertainty.sources
    of_listings = None
    if inputs.baseline.reads_listings and draws_records:
        of_listings = _FixedClusterListings(inputs)
    for numbers, fixed in _clusters_of_pairs(inputs):
        if not draws_records:
            listings = labelled_listings(study, inputs.engine, inputs.prepared, fixed.clusters)
            count, share = fixed.counted.count, fixed.counted.share
            values = fixed.columns.values(count, share, fixed.described, listings)
            with stage(inputs.report, "score draws"):
                for number in numbers.tolist():
                    found.fill(number, inputs.scorer, values, share[kinds], fixed.same)
        elif of_listings is not None:
            for number in inputs.with_progress(numbers.tolist(), "draw listings"):
                share, values = of_listings.values(fixed, number)
                found.fill(number, inputs.scorer, values, share, fixed.same)
        else:
            _fill_from_groups(inputs, found, numbers, fixed)
    return found


def _clusters_of_pairs(inputs: BootstrapInputs) -> Iterator[tuple[Ints, _FixedClusters]]:
    """Yield the clusters of each drawn pair, with the numbers of its replicates."""
    study, drawn, (own, counted, described, _) = inputs.study, inputs.drawn, inputs.baseline
    if not drawn.pairs:
        yield inputs.numbers, _FixedClusters(own, counted, described, inputs.columns(None))
        return
    locations = inputs.prepared.locations
    counter = ArrayCounter(
        study, inputs.engine, inputs.prepared, n_jobs=inputs.n_jobs, report=inputs.report
    )
    for position, pair in enumerate(drawn.pairs):
        numbers = inputs.numbers[drawn.chosen[inputs.numbers] == position]
        if not len(numbers):
            continue
        options = replace(study.dbscan, eps_km=pair[0], min_samples=pair[1])
        partition = partition_locations(options, locations, n_jobs=inputs.n_jobs, report=silent)
        counted = counter.merge_and_count(partition.labels)
        clusters = counted.clusters(partition.labels)
        same = inputs.matched(clusters, locations["density"].to_numpy())
        columns = inputs.columns(pair)
        described = columns.describe(locations, clusters, partition.core, len(counted.count))
        yield numbers, _FixedClusters(clusters, counted, described, columns, same)


def _fill_from_groups(
    inputs: BootstrapInputs, found: Replicates, numbers: Ints, fixed: _FixedClusters
) -> None:
    """Draw the number of records in each group, and score the clusters by these counts."""
    study, report, kinds = inputs.study, inputs.report, list(inputs.study.kinds)
    vary = inputs.variation
    groups = group_records(study, inputs.engine, inputs.prepared, fixed.clusters, vary)
    threads = count_threads(inputs.n_jobs)
    varying = None
    if len(inputs.amounts):
        varying = ClusterAmounts(inputs.amounts, fixed.clusters, len(kinds))
    options: dict[str, Any] = {"threads": threads, "report": report, "amounts": varying}
    options["law"] = vary.law(groups.n_clusters)
    sums = bootstrap_groups(groups, numbers, study.uncertainty.seed, **options)
    with stage(report, "score draws"):
        for number, *tables, world in zip(
            numbers.tolist(), sums.counts, sums.shares, sums.world, strict=True
        ):
            count, share = (pd.DataFrame(table, columns=kinds) for table in tables)
            listings = without_listings(dict(zip(kinds, world.tolist(), strict=True)))
            values = fixed.columns.values(count, share, fixed.described, listings)
            found.fill(number, inputs.scorer, values, share, fixed.same)


class _FixedClusterListings:
    """Reader of the listings of replicates with fixed clusters."""

    def __init__(self, inputs: BootstrapInputs) -> None:
        study, engine, prepared = inputs.study, inputs.engine, inputs.prepared
        self._kinds, self._places = list(study.kinds), prepared.locations[["lat", "lon"]]
        with stage(inputs.report, "gather listings"):
            every = np.arange(len(prepared.locations))
            self._bootstrap = Bootstrap(
                study,
                engine,
                prepared,
                every,
                amounts=inputs.amounts,
                varies=inputs.varies,
                n_jobs=inputs.n_jobs,
            )
            self._listings = ReplicateListings(study, engine, prepared, self._bootstrap)

    def values(self, fixed: _FixedClusters, number: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the clusters' shares in a replicate, and the values of the score's columns."""
        replicate = self._bootstrap.draw(number)
        counted = self._bootstrap.merge_and_count(fixed.clusters, {}, replicate)
        places = self._places.assign(cluster=fixed.clusters)
        listings = self._listings.listings(replicate, places)
        values = fixed.columns.values(counted.count, counted.share, fixed.described, listings)
        return counted.share[self._kinds], values


def without_listings(world: dict[str, float]) -> LabelledListings:
    """Return an object with world totals but no listings, for scores that read no listings."""

    def refuse() -> Any:
        raise RuntimeError(
            "an indicator reads listings in a bootstrap replicate, but read none when the study was"
            " ranked; expected indicators that read listings always or never"
        )

    return LabelledListings(refuse, tuple(world), world)


def reclustered_replicates(inputs: BootstrapInputs) -> Replicates:
    """Compute replicates with reclustering: each finds, merges and counts its own clusters.

    Its clusters are matched with the study's by their common weight; see `same_clusters`. It
    also has its own areas, inhabitants and names.
    """
    study, report, prepared = inputs.study, inputs.report, inputs.prepared
    drawn, kinds = inputs.drawn, list(study.kinds)
    found = inputs.empty_replicates()
    # Other methods, and columns slower than a replicate, use all threads themselves.
    alone = study.clusters.reach_km is None or bool(inputs.scorer.columns.further)
    at_once, n_jobs = threads_per_replicate(count_threads(inputs.n_jobs), alone=alone)
    reclusterer: Reclusterer
    options: dict[str, Any] = {"amounts": inputs.amounts, "n_jobs": n_jobs}
    options["varies"] = inputs.varies
    with stage(report, "gather listings"):
        if study.uncertainty.moves:
            every = np.arange(len(prepared.locations))
            bootstrap = Bootstrap(study, inputs.engine, prepared, every, **options)
            reclusterer = JitteredReclusterer(
                study, prepared, drawn.pairs, bootstrap.jitter, n_jobs
            )
        else:
            reclusterer = FixedLocationReclusterer(study, prepared, drawn.pairs, n_jobs)
            bootstrap = Bootstrap(study, inputs.engine, prepared, reclusterer.order, **options)
        of_listings = None
        if inputs.baseline.reads_listings:
            of_listings = ReplicateListings(study, inputs.engine, prepared, bootstrap)
    order = drawn.in_order(inputs.numbers)
    own = inputs.baseline.clusters[bootstrap.location]
    parallel = ParallelReplicates(
        bootstrap, reclusterer, own, chosen=drawn.chosen, order=order, at_once=at_once
    )
    assert found.in_own is not None
    for number in inputs.with_progress(order, "recluster"):
        replicate, (labels, _, core, polygons), counted, in_own = parallel.take(number)
        found.in_own[number] = in_own[kinds]
        clusters = counted.clusters(labels)
        same = inputs.matched(clusters, bootstrap.density, bootstrap.location)
        columns = inputs.columns(drawn.pair(number))
        described = pd.DataFrame(index=pd.RangeIndex(len(counted.count), name="cluster_id"))
        places = pd.DataFrame()
        if columns.looks_at or of_listings is not None:
            lat, lon = reclusterer.coordinates(replicate)
            places = pd.DataFrame({"lat": lat, "lon": lon, "density": replicate.density})
        if columns.looks_at:
            contours = None if polygons is None else dissolve(polygons, counted.cluster_ids)
            described = columns.describe(
                places, clusters, core, len(counted.count), contours=contours
            )
        listings = without_listings(replicate.world)
        if of_listings is not None:
            listings = of_listings.listings(replicate, places.assign(cluster=clusters))
        values = columns.values(counted.count, counted.share, described, listings)
        found.fill(number, inputs.scorer, values, counted.share[kinds], same)
    return replace(found, moved=bootstrap.moved)
