"""Colours, sizes and rank classes of the symbols on a map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OCEAN = "#f5f8fa"
LAND = "#e4e3df"
BORDER = "#ffffff"
NOISE = "#7f95ad"
OTHER = "#a09e99"
INK = "#1a1a1a"

RANK_COLOURS = ("#20093f", "#8a1f6a", "#dc4a4d", "#f9a13a")
"""Colours from first ranks to last; lightness increases evenly, also in grey and for colour
blindness."""

FILL = 0.45
"""Opacity of a circle, through which footprints, noise and other circles are visible."""

MAX_RADIUS_PT = 7.0
MIN_RADIUS_PT = 1.0


_ROUND_RANKS = ((50, (10, 25, 50)), (20, (5, 10, 20)), (9, (3, 6, 9)), (4, (1, 2, 4)))
"""More ranks than this -> the last rank of each class, except the last class."""


@dataclass(frozen=True)
class RankClass:
    """Class of ranks from `first` to `last`, both included, and its colour."""

    first: int
    last: int
    colour: str

    @property
    def name(self) -> str:
        """Text of the class in the legend."""
        return f"{self.first}–{self.last}" if self.first < self.last else f"{self.first}"


def rank_classes(n_ranked: int) -> list[RankClass]:
    """Return the rank classes of the legend, with round limits; the first class is smallest."""
    inner = next((rounds for least, rounds in _ROUND_RANKS if n_ranked > least), range(1, n_ranked))
    breaks = [*inner, n_ranked] if n_ranked else []
    firsts = [1, *(last + 1 for last in breaks[:-1])]
    return [RankClass(*each) for each in zip(firsts, breaks, RANK_COLOURS, strict=False)]


def fill(colour: str) -> tuple[str, float]:
    """Return the colour and opacity inside a circle; clusters without a rank are hollow."""
    return ("#ffffff", 0.8) if colour == OTHER else (colour, FILL)


def radii_pt(score: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """Return radii in points: areas are proportional to scores, but radii have a minimum."""
    share = np.clip(np.nan_to_num(score) / largest, 0.0, None) if largest > 0 else 0.0 * score
    return np.maximum(MAX_RADIUS_PT * np.sqrt(share), MIN_RADIUS_PT)


def round_scores(largest: float) -> list[float]:
    """Return up to three round scores for the legend, the largest first."""
    if not (largest > 0 and math.isfinite(largest)):
        return []
    power = 10.0 ** math.floor(math.log10(largest))
    first = next(step * power for step in (5.0, 2.0, 1.0) if step * power <= largest)
    return [float(f"{first:.1g}"), float(f"{first / 5:.1g}"), float(f"{first / 25:.1g}")]
