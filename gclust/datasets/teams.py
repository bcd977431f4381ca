"""Team sizes: the number of listings per record, and its division between two regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gclust.plurals import counted

Ints = NDArray[np.int64]

UNIT = 232_792_560
"""Least common multiple of 1 to 22: fractions of up to 22 co-authors are whole."""

# Teams made 88 % of articles and 68 % of patents in the second half of the 2010s (WIPO 2019,
# World Intellectual Property Report: The Geography of Innovation); smaller ones outside clusters.
TEAM_SIZES: dict[str, dict[int, float]] = {
    "patent": {
        1: 0.34, 2: 0.20, 3: 0.16, 4: 0.11, 5: 0.07, 6: 0.045, 7: 0.025, 8: 0.02, 9: 0.015,
        10: 0.015,
    },
    "publication": {
        1: 0.07, 2: 0.14, 3: 0.175, 4: 0.165, 5: 0.135, 6: 0.105, 7: 0.07, 8: 0.05, 10: 0.04,
        12: 0.024, 15: 0.014, 20: 0.007, 30: 0.0035, 60: 0.0015,
    },
    "deal": {1: 1.0},
}  # fmt: skip
"""Frequencies of the number of listings of a cluster's own records, by kind: invented."""
TEAM_SIZES_OUTSIDE: dict[str, dict[int, float]] = {
    "patent": {1: 0.42, 2: 0.28, 3: 0.17, 4: 0.08, 5: 0.05},
    "publication": {1: 0.16, 2: 0.42, 3: 0.28, 4: 0.10, 5: 0.04},
    "deal": {1: 1.0},
}
"""The same outside clusters."""
SHARED_SIZES: dict[str, dict[int, float]] = {
    "patent": {2: 0.45, 3: 0.25, 4: 0.15, 5: 0.08, 6: 0.05, 8: 0.02},
    "publication": {2: 0.26, 3: 0.25, 4: 0.2, 5: 0.12, 6: 0.08, 8: 0.06, 10: 0.02, 15: 0.01},
}
"""The same of records of two regions: at most 22 listings, so that fractions are exact."""
LISTINGS: dict[str, tuple[float, float]] = {
    "patent": (3.05, 2.3), "publication": (4.75, 2.8), "deal": (1.0, 1.0),
}  # fmt: skip
"""Listings per record, counted fractionally: in clusters and outside."""
TWO_PLACES: dict[str, float] = {"patent": 0.5, "publication": 0.5, "deal": 0.0}
"""Part of a region's own records of several listings that lie in two of its places: invented."""


@dataclass(frozen=True)
class Patterns:
    """Possible divisions of a record: ``size`` listings, ``here`` of them in its first region."""

    size: Ints
    here: Ints
    frequency: NDArray[np.float64]

    def allocate(self, counts: Ints, phase: NDArray[np.float64]) -> Ints:
        """Divide each number of records among the patterns, in whole numbers.

        The result has the shape (n, patterns), and every row sums to its count; the phase, in
        [0, 1), decides which patterns a small count gets.
        """
        ends = np.cumsum(self.frequency)
        ends[-1] = 1.0
        upto = np.floor(counts[:, None] * ends[None, :] + phase[:, None]).astype(np.int64)
        upto[:, -1] = counts
        upto = np.minimum(upto, counts[:, None])
        return np.diff(upto, axis=1, prepend=0)


def shared_patterns(kind: str) -> Patterns:
    """Return how records' listings divide over two regions: 1, half or all but 1 in the first."""
    shapes: dict[tuple[int, int], float] = {}
    for size, share in SHARED_SIZES[kind].items():
        for here, part in ((1, 0.3), (size // 2, 0.4), (size - 1, 0.3)):
            shapes[size, here] = shapes.get((size, here), 0.0) + share * part
    table = np.array(list(shapes), dtype=np.int64)
    frequency = np.array(list(shapes.values()))
    return Patterns(table[:, 0], table[:, 1], frequency / frequency.sum())


def own_sizes(frequencies: dict[int, float], records: int, listings: int) -> tuple[Ints, Ints]:
    """Return the sizes of records (listings per record) and the number of records of each size.

    Sizes have the given frequencies; then some records get one listing more or less, so that
    the sum is ``listings``.

    Raises
    ------
    ValueError
        If there are fewer listings than records, or far more.
    """
    most = max(frequencies) + 2
    frequency = np.zeros(most + 1)
    for size, share in frequencies.items():
        frequency[size] = share
    upto = np.floor(records * np.cumsum(frequency) / frequency.sum() + 0.5).astype(np.int64)
    upto[-1] = records
    counts = np.diff(upto, prepend=0)
    sizes = np.arange(most + 1)
    while (short := listings - int((sizes * counts).sum())) != 0:
        step = 1 if short > 0 else -1
        able = np.where((sizes + step >= 1) & (sizes + step <= most), counts, 0)
        if (total := int(able.sum())) == 0:
            raise ValueError(
                f"{counted(listings, 'listing')} for {counted(records, 'record')}; expected"
                f" {records} to"
                f" {records * most}, for a record has 1 to {most}"
            )
        moved = np.floor(able * min(abs(short) / total, 1.0)).astype(np.int64)
        if moved.sum() == 0:
            moved[np.argmax(able)] = min(abs(short), able.max())
        counts = counts - moved + np.roll(moved, step)
    kept = counts > 0
    return sizes[kept], counts[kept]
