"""Parallel computation of bootstrap replicates with reclustering."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.uncertainty.bootstrap import Bootstrap, Replicate
from gclust.experiments.uncertainty.recluster import Reclustered, Reclusterer
from gclust.parallel import parallel_for
from gclust.pipeline.count import MergedCounts

MOST_AT_ONCE = 4
"""Most replicates computed at once; each holds some arrays with an entry for every place."""


class Finished(NamedTuple):
    """A finished replicate with its clusters and their counts."""

    replicate: Replicate
    reclustered: Reclustered
    counted: MergedCounts
    in_own: pd.DataFrame
    """Shares of the study's own clusters, found again or not, shape (clusters, kinds)."""


def threads_per_replicate(threads: int, *, alone: bool) -> tuple[int, int]:
    """Return how many replicates are computed at once, and how many threads each uses.

    Some steps of a replicate use only one thread; other replicates use the rest meanwhile.
    """
    at_once = 1 if alone else min(threads, MOST_AT_ONCE)
    return at_once, threads // at_once


class ParallelReplicates:
    """Parallel computation of replicates, in batches with the same eps_km and min_samples.

    ``own`` are the study's own clusters of the places, -1 for noise. ``chosen`` is the number of
    each replicate's pair; ``order`` lists the replicates to compute, by pair, because replicates
    with the same eps_km use the same bands.
    """

    def __init__(
        self,
        bootstrap: Bootstrap,
        reclusterer: Reclusterer,
        own: NDArray[np.int64],
        *,
        chosen: NDArray[np.int64],
        order: list[int],
        at_once: int,
    ) -> None:
        self._bootstrap, self._reclusterer, self._chosen = bootstrap, reclusterer, chosen
        self._own = own
        self._left, self._at_once = order.copy(), at_once
        self._finished: dict[int, Finished] = {}

    def take(self, number: int) -> Finished:
        """Return the finished replicate with a given number; call in the sequence of ``order``."""
        if number not in self._finished:
            pair = int(self._chosen[number])
            batch = [each for each in self._left[: self._at_once] if self._chosen[each] == pair]
            self._reclusterer.use_pair(pair)

            def work(first: int, last: int) -> None:
                for each in batch[first:last]:
                    self._finished[each] = self._compute(each, pair)

            parallel_for(np.arange(len(batch) + 1), self._at_once, work)
            self._left = self._left[len(batch) :]
        return self._finished.pop(number)

    def _compute(self, number: int, pair: int) -> Finished:
        replicate = self._bootstrap.draw(number)
        reclustered = self._reclusterer.recluster(pair, replicate)
        counted = self._bootstrap.merge_and_count(
            reclustered.labels, reclustered.gaps_km, replicate
        )
        in_own = self._bootstrap.merge_and_count(self._own, {}, replicate).share
        return Finished(replicate, reclustered, counted, in_own)
