"""What each draw makes of a study's clusters: counts, shares, scores and ranks."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import GclustWarning
from gclust.experiments.grid import Pair
from gclust.experiments.score_columns import columns_of_pairs
from gclust.experiments.uncertainty.bootstrap import Bootstrap
from gclust.experiments.uncertainty.fixed_clusters import draw_records, held_groups
from gclust.experiments.uncertainty.listings import Relisted
from gclust.experiments.uncertainty.parallel import ParallelDraws, threads_of_draws
from gclust.experiments.uncertainty.recluster import HeldPlaces, MovingPlaces
from gclust.experiments.uncertainty.scores import Scorer
from gclust.indicators.labelled_listings import LabelledListings
from gclust.kernels.resampling.poisson import cross_tabulate
from gclust.listings.engine import Engine
from gclust.pipeline.count import MergedCounts
from gclust.pipeline.count_arrays import ArrayCounter
from gclust.pipeline.describe import dissolve
from gclust.pipeline.form import partition_locations
from gclust.pipeline.labelled_listings import labelled_listings
from gclust.pipeline.prepare import Prepared
from gclust.pipeline.score_columns import ScoreColumns
from gclust.progress import Report, silent, stage
from gclust.ranking.matching import match
from gclust.study.clustering_methods import Clusters
from gclust.study.schema import Study
from gclust.threads import count_threads

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LONG_SECONDS = 120.0
"""Draws that will take longer than this are warned of."""


@dataclass(frozen=True)
class Outcomes:
    """What draws make of the study's own clusters; missing where a draw has no such cluster.

    Attributes
    ----------
    shares : ndarray of float64, shape (draws, clusters, kinds)
    scores : ndarray of float64, shape (draws, clusters)
    ranks : ndarray of float64, shape (draws, clusters)
        Among all clusters of the draw.
    moved : DataFrame, optional
        What each draw puts elsewhere; see `gclust.experiments.uncertainty.jitter.jitter_table`.
    """

    shares: Floats
    scores: Floats
    ranks: Floats
    moved: pd.DataFrame | None = None

    @classmethod
    def empty(cls, n_draws: int, n_clusters: int, n_kinds: int) -> Outcomes:
        """Nothing found yet."""
        return cls(
            np.full((n_draws, n_clusters, n_kinds), np.nan),
            np.full((n_draws, n_clusters), np.nan),
            np.full((n_draws, n_clusters), np.nan),
        )

    def put(
        self,
        draw: int,
        scorer: Scorer,
        values: pd.DataFrame,
        share: pd.DataFrame,
        same: Ints | None = None,
    ) -> None:
        """Score the clusters of a draw, and keep what concerns the study's own.

        ``values`` are the columns of the score; ``same`` is the draw's cluster that each of the
        study's is, -1 for none; by default they are the same.
        """
        scores, ranks = scorer.score(draw, values)
        if same is None:
            same = np.arange(self.scores.shape[1])
        there = same >= 0
        self.shares[draw, there] = share.to_numpy()[same[there]]
        self.scores[draw, there] = scores[same[there]]
        self.ranks[draw, there] = ranks[same[there]]


@dataclass(frozen=True)
class Drawing:
    """What draws start from.

    Attributes
    ----------
    study, engine, prepared
    own : ndarray of int64, shape (n_locations,)
        The study's clusters; -1 for noise.
    settled : Settled
        What they come to.
    pairs, chosen
        See `gclust.experiments.uncertainty.parameters.choose_pairs`; no pairs: the study's.
    scorer : Scorer
    described : DataFrame
        What the columns of the score look at of the study's clusters; see
        `gclust.pipeline.score_columns.ScoreColumns.describe`.
    of_listings : bool
        Whether some of these columns look at listings.
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.
    """

    study: Study
    engine: Engine
    prepared: Prepared
    own: Ints
    counted: MergedCounts
    pairs: list[Pair]
    chosen: Ints
    scorer: Scorer
    described: pd.DataFrame
    of_listings: bool
    n_jobs: int | None
    report: Report

    @cached_property
    def _of_pairs(self) -> dict[Pair, ScoreColumns]:
        return columns_of_pairs(self.study, self.pairs)

    def columns(self, pair: Pair | None) -> ScoreColumns:
        """What the score is made of with a pair of parameters, or with the study's own."""
        return self.scorer.columns if pair is None else self._of_pairs[pair]

    def slowly(self, draws: list[int], name: str) -> Iterator[int]:
        """Go through draws, and say what makes them slow and how long they will take."""
        further = ", ".join(self.scorer.columns.further)
        start = time.perf_counter()
        self.report(0.0, name)
        for done, draw in enumerate(draws):
            yield draw
            if done == 0 and further:
                seconds = (time.perf_counter() - start) * len(draws)
                self.report(1.0, name)
                name += f" ({further} in each: about {max(seconds / 60, 1):.0f} min)"
                if seconds > LONG_SECONDS:
                    warnings.warn(
                        f"{len(draws)} draws compute {further} anew, which will take about"
                        f" {seconds / 60:.0f} minutes; fewer draws take less",
                        GclustWarning,
                        stacklevel=2,
                    )
            self.report((done + 1) / len(draws), name)

    @property
    def units(self) -> Ints:
        """With which the locations form clusters."""
        return self.prepared.locations["density"].to_numpy()

    def nothing_found(self) -> Outcomes:
        """Outcomes to be filled."""
        wanted = self.study.uncertainty.draws
        return Outcomes.empty(wanted, len(self.counted.count), len(self.study.kinds))

    def counter(self) -> ArrayCounter:
        """What settles any labels, or draws, of the listings."""
        return ArrayCounter(
            self.study, self.engine, self.prepared, n_jobs=self.n_jobs, report=self.report
        )


def same_clusters(own: Ints, drawn: Ints, units: Ints, n_own: int, threads: int) -> Ints:
    """Return for each of the study's clusters the draw's that it is, -1 for none.

    Parameters
    ----------
    own, drawn : ndarray of int64, shape (n,)
        Clusters of the study and of the draw at the same locations; -1 for noise.
    units : ndarray of int64, shape (n,)
        With which the study's locations form clusters.
    n_own, threads : int
    """
    weight = cross_tabulate(own, drawn, units, threads)
    a, b = np.nonzero(weight)
    same = match(pd.DataFrame({"a": a - 1, "b": b - 1, "weight": weight[a, b]}))
    found = np.full(n_own, -1, dtype=np.int64)
    found[same["a"].to_numpy()] = same["b"].to_numpy()
    return found


def draw_held(drawing: Drawing) -> Outcomes:
    """Draw with the clusters that the listings as they are form, for each pair of parameters.

    Of a score that is made of listings (a concentration, a growth) the listings of each draw
    are asked; all else follows from the draw's counts, and from the areas and inhabitants of
    the clusters, which are held.
    """
    study = drawing.study
    found = drawing.nothing_found()
    counter = drawing.counter() if drawing.pairs else None
    drawn_from = _HeldListings(drawing) if drawing.of_listings else None
    for number, pair in enumerate(drawing.pairs or [None]):
        draws = np.flatnonzero(drawing.chosen == number)
        if not len(draws):
            continue
        clusters, here, described, same = drawing.own, drawing.counted, drawing.described, None
        columns = drawing.columns(pair)
        if pair is not None and counter is not None:
            options = replace(study.dbscan, eps_km=pair[0], min_samples=pair[1])
            locations = drawing.prepared.locations
            formed = partition_locations(options, locations, n_jobs=drawing.n_jobs, report=silent)
            here = counter.merge_and_count(formed.labels)
            clusters, n_own = here.clusters(formed.labels), len(drawing.counted.count)
            same = same_clusters(
                drawing.own, clusters, drawing.units, n_own, count_threads(drawing.n_jobs)
            )
            described = columns.describe(locations, clusters, formed.core, len(here.count))
        if "records" not in study.uncertainty.sources:
            listings = labelled_listings(study, drawing.engine, drawing.prepared, clusters)
            values = columns.values(here.count, here.share, described, listings)
            with stage(drawing.report, "score draws"):
                for draw in draws.tolist():
                    found.put(draw, drawing.scorer, values, here.share[list(study.kinds)], same)
        elif drawn_from is not None:
            for draw in drawing.slowly(draws.tolist(), "draw listings"):
                share, values = drawn_from.values(columns, draw, clusters, described)
                found.put(draw, drawing.scorer, values, share, same)
        else:
            _put_groups(drawing, found, draws, clusters, columns, described, same)
    return found


def _put_groups(
    drawing: Drawing,
    found: Outcomes,
    draws: Ints,
    clusters: Ints,
    columns: ScoreColumns,
    described: pd.DataFrame,
    same: Ints | None,
) -> None:
    """Draw how many records there are of each group, and score what they come to."""
    study, report = drawing.study, drawing.report
    kinds = list(study.kinds)
    groups = held_groups(study, drawing.engine, drawing.prepared, clusters)
    threads = count_threads(drawing.n_jobs)
    drawn = draw_records(groups, draws, study.uncertainty.seed, threads=threads, report=report)
    with stage(report, "score draws"):
        for draw, *tables, world in zip(
            draws.tolist(), drawn.counts, drawn.shares, drawn.world, strict=True
        ):
            count, share = (pd.DataFrame(table, columns=kinds) for table in tables)
            listings = unlisted(dict(zip(kinds, world.tolist(), strict=True)))
            values = columns.values(count, share, described, listings)
            found.put(draw, drawing.scorer, values, share, same)


class _HeldListings:
    """Draws of the listings of clusters that are held."""

    def __init__(self, drawing: Drawing) -> None:
        study, engine, prepared = drawing.study, drawing.engine, drawing.prepared
        self._kinds, self._places = list(study.kinds), prepared.locations[["lat", "lon"]]
        with stage(drawing.report, "gather listings"):
            every = np.arange(len(prepared.locations))
            self._redraw = Bootstrap(study, engine, prepared, every, n_jobs=drawing.n_jobs)
            self._relisted = Relisted(study, engine, prepared, self._redraw)

    def values(
        self, columns: ScoreColumns, draw: int, clusters: Ints, described: pd.DataFrame
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the shares of clusters in a draw, and the columns of their score."""
        drawn = self._redraw.draw(draw)
        here = self._redraw.merge_and_count(clusters, {}, drawn)
        listings = self._relisted.listings(drawn, self._places.assign(cluster=clusters))
        values = columns.values(here.count, here.share, described, listings)
        return here.share[self._kinds], values


def unlisted(world: dict[str, float]) -> LabelledListings:
    """Listings of a draw of which no column of the score asks more than the world's totals."""

    def refuse() -> Any:
        raise RuntimeError("it looked at no listing of the study, and would at those of a draw")

    return LabelledListings(refuse, tuple(world), world)


def draw_anew(drawing: Drawing) -> Outcomes:
    """Draw records and places, and let each draw form, merge and count its own clusters.

    Clusters of a draw are matched with the study's by the weight that they share; see
    `gclust.ranking.matching.match`. Their areas, inhabitants and names are their own too.
    """
    study, report, prepared = drawing.study, drawing.report, drawing.prepared
    wanted, kinds = study.uncertainty, list(study.kinds)
    found, n_own = drawing.nothing_found(), len(drawing.counted.count)
    threads = count_threads(drawing.n_jobs)
    # Other methods, and columns that take longer than draws, use what threads there are.
    alone = not isinstance(study.clusters, Clusters) or bool(drawing.scorer.columns.further)
    at_once, n_jobs = threads_of_draws(threads, alone=alone)
    former: HeldPlaces | MovingPlaces
    with stage(report, "gather listings"):
        if wanted.moves:
            every = np.arange(len(prepared.locations))
            redraw = Bootstrap(study, drawing.engine, prepared, every, n_jobs=n_jobs)
            former = MovingPlaces(study, prepared, drawing.pairs, redraw.spread, n_jobs)
        else:
            former = HeldPlaces(study, prepared, drawing.pairs, n_jobs)
            redraw = Bootstrap(study, drawing.engine, prepared, former.order, n_jobs=n_jobs)
        relisted = None
        if drawing.of_listings:
            relisted = Relisted(study, drawing.engine, prepared, redraw)
    own = drawing.own[redraw.home]
    # Draws of one eps_km share their bands.
    order = np.argsort(drawing.chosen, kind="stable").tolist()
    ahead = ParallelDraws(redraw, former, order, drawing.chosen, at_once)
    for draw in drawing.slowly(order, "form clusters anew"):
        number = int(drawing.chosen[draw])
        drawn, (labels, _, core, polygons), here = ahead.take(draw)
        clusters = here.clusters(labels)
        same = same_clusters(own, clusters, redraw.density, n_own, threads)
        columns = drawing.columns(drawing.pairs[number] if drawing.pairs else None)
        described = pd.DataFrame(index=pd.RangeIndex(len(here.count), name="cluster_id"))
        places = pd.DataFrame()
        if columns.looks_at or relisted is not None:
            lat, lon = former.places(drawn)
            places = pd.DataFrame({"lat": lat, "lon": lon, "density": drawn.density})
        if columns.looks_at:
            contours = None if polygons is None else dissolve(polygons, here.cluster_ids)
            described = columns.describe(places, clusters, core, len(here.count), contours=contours)
        listings = unlisted(drawn.world)
        if relisted is not None:
            listings = relisted.listings(drawn, places.assign(cluster=clusters))
        values = columns.values(here.count, here.share, described, listings)
        found.put(draw, drawing.scorer, values, here.share[kinds], same)
    return replace(found, moved=redraw.moved)
