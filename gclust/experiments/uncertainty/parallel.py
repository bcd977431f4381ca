"""Draws formed anew, several at a time."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gclust.experiments.uncertainty.bootstrap import Bootstrap, Replicate
from gclust.experiments.uncertainty.recluster import Reclustered
from gclust.parallel import parallel_for
from gclust.pipeline.count import MergedCounts

MOST_AT_ONCE = 4
"""Each draw at work holds some arrays as long as there are places."""


class Made(NamedTuple):
    """What became of a draw."""

    drawn: Replicate
    formed: Reclustered
    counted: MergedCounts


class Reclusterer(Protocol):
    """Forms the clusters of draws."""

    def begin(self, pair: int) -> None:
        """Make ready for a pair of parameters."""

    def form(self, pair: int, drawn: Replicate) -> Reclustered:
        """Form the clusters of a draw."""


def threads_of_draws(threads: int, *, alone: bool) -> tuple[int, int]:
    """Return how many draws are made at once, and how many threads each has.

    A draw has parts that use one thread only; draws side by side leave none idle.
    """
    at_once = 1 if alone else min(threads, MOST_AT_ONCE)
    return at_once, threads // at_once


class ParallelDraws:
    """Makes draws in their order, those of one pair of parameters several at a time.

    Parameters
    ----------
    redraw : Redraw
    former : Former
    order : list of int
        Numbers of the draws.
    chosen : ndarray of int64
        The pair of parameters of each draw.
    at_once : int
    """

    def __init__(
        self,
        redraw: Bootstrap,
        reclusterer: Reclusterer,
        order: list[int],
        chosen: NDArray[np.int64],
        at_once: int,
    ) -> None:
        self._redraw, self._former, self._chosen = redraw, reclusterer, chosen
        self._left, self._at_once = order.copy(), at_once
        self._made: dict[int, Made] = {}

    def take(self, draw: int) -> Made:
        """Return a draw, which must be the next."""
        if draw not in self._made:
            pair = int(self._chosen[draw])
            some = [one for one in self._left[: self._at_once] if self._chosen[one] == pair]
            self._former.begin(pair)

            def work(first: int, last: int) -> None:
                for one in some[first:last]:
                    self._made[one] = self._make(one, pair)

            parallel_for(np.arange(len(some) + 1), self._at_once, work)
            self._left = self._left[len(some) :]
        return self._made.pop(draw)

    def _make(self, draw: int, pair: int) -> Made:
        drawn = self._redraw.draw(draw)
        formed = self._former.form(pair, drawn)
        return Made(
            drawn, formed, self._redraw.merge_and_count(formed.labels, formed.gaps_km, drawn)
        )
