"""What each draw makes of a study's clusters: counts, shares, scores and ranks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.threads import count_threads
from gclust.experiments.pairs import Pair
from gclust.experiments.uncertainty_forming import HeldPlaces, MovingPlaces
from gclust.experiments.uncertainty_held import draw_records, held_groups
from gclust.experiments.uncertainty_redraw import Redraw
from gclust.experiments.uncertainty_score import Scorer
from gclust.kernels.redraw import share_weight
from gclust.listings.engine import Engine
from gclust.progress import Report, silent, stage
from gclust.ranking.matching import match
from gclust.study.formers import form_clusters
from gclust.study.schema import Study
from gclust.study.settler import Settler
from gclust.study.stages import Prepared, Settled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
        What each draw puts elsewhere; see `gclust.experiments.uncertainty_spread.spread_table`.
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
        self, draw: int, scorer: Scorer, count: Floats, share: Floats, same: Ints | None = None
    ) -> None:
        """Score the clusters of a draw, and keep what concerns the study's own.

        ``same`` is the draw's cluster that each of the study's is, -1 for none; by default
        they are the same.
        """
        scores, ranks = scorer.score(draw, count, share)
        if same is None:
            same = np.arange(self.scores.shape[1])
        there = same >= 0
        self.shares[draw, there] = share[same[there]]
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
        See `gclust.experiments.uncertainty_parameters.choose_pairs`; no pairs: the study's.
    scorer : Scorer
    n_jobs, report
        Threads, and a callable for ``(fraction, stage)``.
    """

    study: Study
    engine: Engine
    prepared: Prepared
    own: Ints
    settled: Settled
    pairs: list[Pair]
    chosen: Ints
    scorer: Scorer
    n_jobs: int | None
    report: Report

    @property
    def units(self) -> Ints:
        """With which the locations form clusters."""
        return self.prepared.locations["density"].to_numpy()

    def nothing_found(self) -> Outcomes:
        """Outcomes to be filled."""
        wanted = self.study.uncertainty.draws
        return Outcomes.empty(wanted, len(self.settled.count), len(self.study.kinds))

    def settler(self) -> Settler:
        """What settles any labels, or draws, of the listings."""
        return Settler(
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
    weight = share_weight(own, drawn, units, threads)
    a, b = np.nonzero(weight)
    same = match(pd.DataFrame({"a": a - 1, "b": b - 1, "weight": weight[a, b]}))
    found = np.full(n_own, -1, dtype=np.int64)
    found[same["a"].to_numpy()] = same["b"].to_numpy()
    return found


def draw_held(drawing: Drawing) -> Outcomes:
    """Draw with the clusters that the listings as they are form, for each pair of parameters."""
    study, report = drawing.study, drawing.report
    wanted, kinds = study.uncertainty, list(study.kinds)
    found = drawing.nothing_found()
    settler = drawing.settler() if drawing.pairs else None
    threads = count_threads(drawing.n_jobs)
    for number, pair in enumerate(drawing.pairs or [None]):
        draws = np.flatnonzero(drawing.chosen == number)
        clusters, here, same = drawing.own, drawing.settled, None
        if not len(draws):
            continue
        if pair is not None and settler is not None:
            options = replace(study.dbscan, eps_km=pair[0], min_samples=pair[1])
            locations = drawing.prepared.locations
            formed = form_clusters(options, locations, n_jobs=drawing.n_jobs, report=silent)
            here = settler.settle(formed.labels)
            clusters = here.clusters(formed.labels)
            n_own = len(drawing.settled.count)
            same = same_clusters(drawing.own, clusters, drawing.units, n_own, threads)
        if "records" in wanted.sources:
            groups = held_groups(study, drawing.engine, drawing.prepared, clusters)
            counts, shares = draw_records(
                groups, draws, wanted.seed, threads=threads, report=report
            )
        else:
            counts, shares = (
                np.repeat(table[kinds].to_numpy()[None], len(draws), axis=0)
                for table in (here.count, here.share)
            )
        with stage(report, "score draws"):
            for at, draw in enumerate(draws.tolist()):
                found.put(draw, drawing.scorer, counts[at], shares[at], same)
    return found


def draw_anew(drawing: Drawing) -> Outcomes:
    """Draw records and places, and let each draw form, merge and count its own clusters.

    Clusters of a draw are matched with the study's by the weight that they share; see
    `gclust.ranking.matching.match`.
    """
    study, report, prepared = drawing.study, drawing.report, drawing.prepared
    wanted, kinds, n_jobs = study.uncertainty, list(study.kinds), drawing.n_jobs
    found, n_own = drawing.nothing_found(), len(drawing.settled.count)
    threads = count_threads(n_jobs)
    former: HeldPlaces | MovingPlaces
    with stage(report, "gather listings"):
        if wanted.moves:
            every = np.arange(len(prepared.locations))
            redraw = Redraw(study, drawing.engine, prepared, every, n_jobs=n_jobs)
            former = MovingPlaces(study, prepared, drawing.pairs, redraw.spread, n_jobs)
        else:
            former = HeldPlaces(study, prepared, drawing.pairs, n_jobs)
            redraw = Redraw(study, drawing.engine, prepared, former.order, n_jobs=n_jobs)
    own = drawing.own[redraw.home]
    # Draws of one eps_km share their bands.
    order = np.argsort(drawing.chosen, kind="stable").tolist()
    with stage(report, "form clusters anew") as told:
        for done, draw in enumerate(order, start=1):
            drawn = redraw.draw(draw)
            labels, gaps_km = former.form(int(drawing.chosen[draw]), drawn)
            here = redraw.settle(labels, gaps_km, drawn)
            same = same_clusters(own, here.clusters(labels), redraw.density, n_own, threads)
            count, share = here.count[kinds].to_numpy(), here.share[kinds].to_numpy()
            found.put(draw, drawing.scorer, count, share, same)
            told(done / wanted.draws)
    return replace(found, moved=redraw.moved)
