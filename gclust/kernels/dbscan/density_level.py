"""Density levels of points: the number of thresholds that the neighbour weight reaches.

The *neighbour weight* of a point is the weight of all points within the radius, including the
point. With one threshold, ``min_samples``, level 1 is a core point (Ester, Kriegel, Sander
and Xu 1996). All thresholds share one pass over the points. See "Which points are core
points" in docs/algorithm.md.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels._jit import helper
from gclust.kernels.sphere import Reach

MOST_LEVELS = 255
"""Largest number of thresholds: levels are stored in 8 bits."""

LARGEST_LIMIT = 1.9
"""Keys up to this are squared chords; see ``sphere.separation``."""


class Counting(NamedTuple):
    """Weights, thresholds and radius for finding the density levels of ``n`` points."""

    prefix: NDArray[np.int64]  # (n + 1,) cumulative weight, from 0; (0,) counts points
    thresholds: NDArray[np.int64]  # (k,) ascending; two may be equal
    reach: Reach  # the radius
    most: int  # candidates per point above which the ball tree is used


class Bounds(NamedTuple):
    """Bounds of a point's neighbour weight and of its density level."""

    lower: int  # weight that is certainly within the radius
    upper: int  # weight that may be within the radius
    lowest: int  # level
    highest: int


@helper
def level_of(thresholds, weight):
    """Return the number of thresholds that a weight reaches."""
    level = 0
    while level < len(thresholds) and thresholds[level] <= weight:
        level += 1
    return level


@helper
def narrowed(thresholds, lower, upper, bounds):
    """Return bounds with a new range of weights, and the range of levels narrowed to fit it."""
    lowest, highest = bounds.lowest, bounds.highest
    while lowest < highest and lower >= thresholds[lowest]:
        lowest += 1
    while lowest < highest and upper < thresholds[highest - 1]:
        highest -= 1
    return Bounds(lower, upper, lowest, highest)
