"""Team sizes: numbers of listings of a record, and how records of two regions are split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNIT = 232_792_560
"""Least common multiple of 1 to 22: fractions of up to 22 co-authors are whole."""

TEAM_SIZES: dict[str, dict[int, float]] = {
    # Means of 2.9 and 4.3; the last two are more than 22, which no fixed point divides.
    "patent": {
        1: 0.30, 2: 0.24, 3: 0.17, 4: 0.11, 5: 0.07, 6: 0.045, 7: 0.025, 8: 0.018, 9: 0.012,
        10: 0.01,
    },
    "publication": {
        1: 0.08, 2: 0.165, 3: 0.21, 4: 0.195, 5: 0.13, 6: 0.09, 7: 0.05, 8: 0.03, 10: 0.024,
        12: 0.013, 15: 0.009, 20: 0.004, 30: 0.002, 60: 0.001,
    },
    "deal": {1: 1.0},
}  # fmt: skip
"""Frequency of each number of listings per record, by kind."""


@dataclass(frozen=True)
class Patterns:
    """Patterns of records with ``size`` listings, ``here`` of them in the first region."""

    size: np.ndarray
    here: np.ndarray
    frequency: np.ndarray

    def allocate(self, counts: np.ndarray, phase: np.ndarray) -> np.ndarray:
        """Return whole numbers of records allocated to the patterns, shape (n, patterns).

        Every row sums to its count; the phase, in [0, 1), decides which patterns a small count
        gets.
        """
        ends = np.cumsum(self.frequency)
        ends[-1] = 1.0
        upto = np.floor(counts[:, None] * ends[None, :] + phase[:, None]).astype(np.int64)
        upto[:, -1] = counts
        upto = np.minimum(upto, counts[:, None])
        return np.diff(upto, axis=1, prepend=0)


def mean_size(kind: str) -> float:
    """Return the mean number of listings of a record."""
    total = sum(TEAM_SIZES[kind].values())
    return sum(size * share for size, share in TEAM_SIZES[kind].items()) / total


def own_patterns(kind: str) -> Patterns:
    """Return the patterns of records that lie in one region."""
    sizes = np.array(list(TEAM_SIZES[kind]), dtype=np.int64)
    frequency = np.array(list(TEAM_SIZES[kind].values()))
    return Patterns(sizes, sizes.copy(), frequency / frequency.sum())


def shared_patterns(kind: str) -> Patterns:
    """Return the patterns of records in two regions: teams of 2 to 22, so that halves are exact."""
    shapes: dict[tuple[int, int], float] = {}
    for size, share in TEAM_SIZES[kind].items():
        if 2 <= size <= 22:
            for here, part in ((1, 0.3), (size // 2, 0.4), (size - 1, 0.3)):
                shapes[size, here] = shapes.get((size, here), 0.0) + share * part
    table = np.array(list(shapes), dtype=np.int64)
    frequency = np.array(list(shapes.values()))
    return Patterns(table[:, 0], table[:, 1], frequency / frequency.sum())
