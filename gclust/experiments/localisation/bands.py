"""Local and global confidence bands of curves, from curves by chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 40
"""Bisections of the global bands' place between two order statistics."""


class Bands(NamedTuple):
    """Bands of a curve with ``d`` values, and its global p values on either side."""

    local_low: Floats
    local_high: Floats
    global_low: Floats
    global_high: Floats
    p_above: float
    p_below: float


def confidence_bands(own: Floats, drawn: Floats, level: float) -> Bands:
    """Return the bands of a curve ``own`` (d,) from curves ``drawn`` (n, d) by chance.

    Each side has the probability ``(1 - level) / 2``: for the local bands at each distance by
    itself, for the global ones at any distance (Duranton and Overman 2005). The global bands are
    the same quantile at all distances, interpolated between order statistics, that this share of
    the drawn curves crosses. The p values are those of extreme rank lengths: the share of all
    curves, own included, that are as extreme (Myllymaki et al. 2017, J. R. Stat. Soc. B 79).
    """
    alpha = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [alpha, 1.0 - alpha], axis=0)
    return Bands(
        local_low=low,
        local_high=high,
        global_low=-_upper(-drawn, alpha),
        global_high=_upper(drawn, alpha),
        p_above=_extreme(own, drawn),
        p_below=_extreme(-own, -drawn),
    )


def _upper(drawn: Floats, alpha: float) -> Floats:
    """Return the lowest band of one quantile that at most ``alpha`` of the curves cross."""
    ordered = np.sort(drawn, axis=0)[::-1]
    low, high = 0.0, len(ordered) - 1.0
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        crossed = (drawn > _between(ordered, middle)).any(axis=1).mean()
        low, high = (middle, high) if crossed <= alpha else (low, middle)
    return _between(ordered, low)


def _between(ordered: Floats, at: float) -> Floats:
    first = min(int(at), len(ordered) - 2)
    part = at - first
    found: Floats = (1.0 - part) * ordered[first] + part * ordered[first + 1]
    return found


def _extreme(own: Floats, drawn: Floats) -> float:
    """Return the p value of the largest values of a curve, by its least ranks from above.

    Curves of the same least rank are ordered by how often they have it, then by the next one.
    """
    curves = np.vstack([own, drawn])
    ordered = np.sort(curves, axis=0)
    ranks = np.empty(curves.shape, dtype=np.int64)
    for column in range(curves.shape[1]):
        below = np.searchsorted(ordered[:, column], curves[:, column], side="left")
        ranks[:, column] = len(curves) - below  # of equal values the last
    ranks.sort(axis=1)
    order = np.lexsort(ranks.T[::-1])
    place = int(np.flatnonzero(order == 0)[0])
    while place + 1 < len(order) and np.array_equal(ranks[order[place + 1]], ranks[0]):
        place += 1  # equal curves count as as extreme
    return (place + 1) / len(curves)
