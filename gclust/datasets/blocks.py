"""Division of each region's listings among records.

The listings of a region are numbered along its places. A record has one block of consecutive
listings, or two blocks, in one region or in two. A block lies in one place, or at the end of a
place and the start of the next. The blocks of each size are spread evenly over the region, in
the order of (rank among the blocks of this size) / (number of these blocks). So the start of a
block follows from its rank alone, and any records can be generated without the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.datasets.allocation import RecordClasses
from gclust.datasets.positions import Shuffle

Ints = NDArray[np.int64]


class Found(NamedTuple):
    """Blocks of consecutive listings that belong to given records, in the records' order.

    Attributes
    ----------
    row : ndarray of int
        Row of the record.
    start, size : ndarray of int
        First listing, numbered through all regions, and how many.
    """

    row: Ints
    start: Ints
    size: Ints


class Blocks:
    """Blocks of consecutive listings for all records of one kind.

    Parameters
    ----------
    classes : RecordClasses
        Classes of records.
    regions : int
        Number of regions.
    seed : int
        Decides which record has which block.
    """

    def __init__(self, classes: RecordClasses, regions: int, seed: int) -> None:
        self.classes = classes
        two = classes.second >= 0
        there = np.where(two, classes.size - classes.here, 0)
        self.sizes = np.unique(np.concatenate([classes.here, there[two]]))
        column = [np.searchsorted(self.sizes, size) for size in (classes.here, there)]
        many = len(self.sizes)
        # Blocks by region and size, class by class: first blocks, then second ones.
        key = np.concatenate([
            classes.first * many + column[0], classes.second[two] * many + column[1][two]
        ])  # fmt: skip
        count = np.concatenate([classes.count, classes.count[two]])
        order = np.argsort(key, kind="stable")
        ends = np.cumsum(count[order])
        total = np.bincount(key, count, regions * many).astype(np.int64)
        rank = np.empty(len(key), dtype=np.int64)
        rank[order] = ends - count[order] - (np.cumsum(total) - total)[key[order]]
        self.key = key[: len(two)], np.full(len(two), -1)
        self.rank = rank[: len(two)], np.zeros(len(two), dtype=np.int64)
        self.key[1][two], self.rank[1][two] = key[len(two) :], rank[len(two) :]
        self.total = total.reshape(regions, many)
        self.shuffle = Shuffle.of(total, seed)
        listings = self.total @ self.sizes
        self.region_start = np.cumsum(listings) - listings

    def of(self, group: Ints, within: Ints) -> Found:
        """Return the blocks of records, each given by its class and its number in this class."""
        second = np.flatnonzero(self.classes.second[group] >= 0)
        row = np.concatenate([np.arange(len(group)), second])
        key = np.concatenate([self.key[0][group], self.key[1][group[second]]])
        rank = np.concatenate([self.rank[0][group], self.rank[1][group[second]]])
        rank = rank + within[row]
        start, size = self._place(key, self.shuffle(rank, key))
        order = np.argsort(row, kind="stable")
        return Found(row[order], start[order], size[order])

    def _place(self, key: Ints, rank: Ints) -> tuple[Ints, Ints]:
        """Return where blocks begin: after all blocks of any size with a lower (r + 1/2) / n."""
        region, column = np.divmod(key, len(self.sizes))
        mine = self.total[region, column]
        start = self.region_start[region] + rank * self.sizes[column]
        for number, size in enumerate(self.sizes):
            other = self.total[region, number]
            # Of equal ones the smaller blocks come first.
            before = ((2 * rank + 1) * other + mine - (number > column)) // (2 * mine)
            start += np.where(number == column, 0, before * size)
        return start, self.sizes[column]
