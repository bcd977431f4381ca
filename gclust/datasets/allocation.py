"""Allocation of records to one region, or to two regions that have them in common.

Records are allocated, not drawn: shared ones first, then as many of a single region as bring
every cluster to its target. A cluster's fractional count is within half a record of its target at
any scale, and the world's total is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gclust.datasets.positions import uniform
from gclust.datasets.teams import UNIT, own_patterns, shared_patterns

# Shares of the smaller partner's records, so that neither exceeds its own.
_WITH_NOISE = 0.08
_WITH_CLUSTERS = 0.15
_JOINED = 0.40  # more than with all noise, from both ends: these regions merge
_LEANING = 0.25  # more than with all noise for the smaller one only: these do not
_DISTANCE_KM = 100.0  # at which ties have fallen to a half


@dataclass(frozen=True)
class RecordClasses:
    """Records of one kind, counted in classes of equal records.

    Attributes
    ----------
    first, second : ndarray of int
        Regions of a class's records; ``second`` is -1 where there is only one.
    size, here : ndarray of int
        Listings of each record, and how many of them lie in ``first``.
    count : ndarray of int
        Records of the class.
    """

    first: np.ndarray
    second: np.ndarray
    size: np.ndarray
    here: np.ndarray
    count: np.ndarray

    @property
    def records(self) -> int:
        """Total number of records."""
        return int(self.count.sum())

    def units(self, regions: int) -> np.ndarray:
        """Return the fractional counts of regions in units of 1/232792560 of a record.

        Exact for records of two regions; those of one count 1 whatever their size.
        """
        out = np.zeros(regions, dtype=np.int64)
        shared = self.second >= 0
        alone = ~shared
        np.add.at(out, self.first[alone], self.count[alone] * UNIT)
        each = UNIT // np.where(shared, self.size, 1)
        here = self.count * self.here * each
        there = self.count * (self.size - self.here) * each
        np.add.at(out, self.first[shared], here[shared])
        np.add.at(out, self.second[shared], there[shared])
        return out

    def listings(self, regions: int) -> np.ndarray:
        """Return the number of listings in each region."""
        out = np.zeros(regions, dtype=np.int64)
        np.add.at(out, self.first, self.count * self.here)
        shared = self.second >= 0
        there = self.count * (self.size - self.here)
        np.add.at(out, self.second[shared], there[shared])
        return out


def allocate_records(
    kind: str,
    targets: np.ndarray,
    cluster: np.ndarray,
    part: np.ndarray,
    ties: np.ndarray,
    world: int,
    seed: int,
) -> RecordClasses:
    """Allocate the records of one kind to regions.

    Parameters
    ----------
    kind : str
        Decides the sizes of teams.
    targets : ndarray
        Wanted fractional count of each cluster at this scale.
    cluster, part : ndarray
        Cluster of each region, and the region's share of it. The noise is one more
        region, after the last.
    ties : ndarray (regions + 1, regions + 1)
        Records shared by pairs of regions, the noise last; only the upper
        triangle is read.
    world : int
        Records of the world.
    seed : int
        Decides which patterns small numbers of shared records take.

    Raises
    ------
    ValueError
        If the shared records alone exceed a target: the scale is too small.
    """
    noise = len(cluster)
    first, second = np.nonzero(np.triu(ties, 1))
    shared = ties[first, second]
    patterns = shared_patterns(kind) if kind != "deal" else own_patterns(kind)
    # A random one of the two comes first, so that odd splits favour neither.
    phase = uniform(first.astype(np.uint64) * np.uint64(1 << 20) + second.astype(np.uint64), seed)
    counts = patterns.allocate(shared, phase)
    turn = uniform(second.astype(np.uint64) * np.uint64(1 << 20) + first.astype(np.uint64), seed)
    first, second = np.where(turn < 0.5, (first, second), (second, first))
    pair, shape = np.nonzero(counts)
    between = RecordClasses(
        first[pair], second[pair], patterns.size[shape], patterns.here[shape], counts[pair, shape]
    )

    already = between.units(noise + 1)
    own = np.zeros(noise + 1, dtype=np.int64)
    # Cumulative rounding over a cluster's regions, so that their sum is rounded once.
    for position, target in enumerate(targets):
        members = np.flatnonzero(cluster == position)
        wanted = np.rint(np.cumsum(part[members]) * target * UNIT).astype(np.int64)
        left = wanted - np.cumsum(already[members])
        upto = (2 * left + UNIT) // (2 * UNIT)
        own[members] = np.diff(upto, prepend=0)
    own[noise] = world - own.sum() - between.records
    if own.min() < 0:
        raise ValueError(f"the scale is too small to allocate {kind} records to every cluster")

    patterns = own_patterns(kind)
    regions = np.arange(noise + 1, dtype=np.uint64)
    counts = patterns.allocate(own, uniform(regions + np.uint64(1 << 40), seed))
    region, shape = np.nonzero(counts)
    size = patterns.size[shape]
    return RecordClasses(
        np.concatenate([between.first, region]),
        np.concatenate([between.second, np.full(len(region), -1)]),
        np.concatenate([between.size, size]),
        np.concatenate([between.here, size]),
        np.concatenate([between.count, counts[region, shape]]),
    )


def shared_records(
    mass: np.ndarray,
    km: np.ndarray,
    joined: list[tuple[int, int]],
    leaning: list[tuple[int, int]],
) -> np.ndarray:
    """Return the number of common records of each pair of regions, with the noise last.

    Parameters
    ----------
    mass : ndarray
        Records of each region.
    km : ndarray (regions, regions)
        Distances of their centres.
    joined, leaning : list of (int, int)
        Pairs whose ties are the strongest of both regions, and pairs whose ties
        are the strongest of the first region only.

    Notes
    -----
    A gravity model: two regions share records in proportion to the product of their masses,
    less with distance but never nothing, so that neighbours and the largest regions share most.
    Each region shares a fixed part of its records with all others together.
    """
    pull = mass[None, :] * (0.05 + 1.0 / (1.0 + (km / _DISTANCE_KM) ** 2))
    np.fill_diagonal(pull, 0.0)
    for a, b in joined + leaning:
        pull[a, b] = pull[b, a] = 0.0
    offered = _WITH_CLUSTERS * mass[:, None] * pull / pull.sum(axis=1, keepdims=True)
    between = np.minimum(offered, offered.T)
    for pairs, share in ((joined, _JOINED), (leaning, _LEANING)):
        for a, b in pairs:
            between[a, b] = between[b, a] = share * min(mass[a], mass[b])
    out = np.zeros((len(mass) + 1, len(mass) + 1), dtype=np.int64)
    out[:-1, :-1] = np.floor(between + 0.5)
    out[:-1, -1] = np.floor(_WITH_NOISE * mass + 0.5)
    return np.triu(out, 1)
