"""Allocation of simulated records to one region, or to two regions that share them.

Numbers of records are computed, not drawn at random. Records that two regions share are
allocated first; records of one region are then added until each cluster reaches its target.
Whatever the size of the simulated world, a cluster's fractional count differs from its target by
at most half a record, and the total number of records is exact. The number of listings in each
region is exact too, so that its density does not depend on how many listings a record has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.datasets.positions import uniform
from gclust.datasets.teams import (
    TEAM_SIZES,
    TEAM_SIZES_OUTSIDE,
    TWO_PLACES,
    UNIT,
    own_sizes,
    shared_patterns,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INTERNATIONAL: dict[str, float] = {"patent": 0.08, "publication": 0.19}
"""Part of the world's records with listings in regions of two economies, and some regions lie in
several: together about a tenth and a fifth. WIPO 2019, World Intellectual Property Report: The
Geography of Innovation, has 11 % of patents (2009, and less since) and 26 % of articles (2017)."""
DOMESTIC: dict[str, float] = {"patent": 0.16, "publication": 0.22}
"""Part of the world's records in two regions of one economy: invented."""

_JOINED = 0.45  # of the smaller one's records: more than with all noise, from both ends
_LEANING = 0.25  # more than with all noise for the smaller one only: these do not merge
_LESS = 0.8  # of the larger one's strongest ties, at most
_HALF_KM = 100.0  # at which domestic ties have fallen to a half
_ABROAD_KM = 1000.0  # and international ones
_NOISE = 0.25  # of what a cluster would share with regions outside clusters, were they clusters
_ROUNDS = 40


@dataclass(frozen=True)
class RecordClasses:
    """Classes of records of one kind: regions, listings per record, and number of records.

    Attributes
    ----------
    first, second : ndarray of int
        Regions of a class's records: ``second`` is -1 where all listings lie in one place, and
        ``first`` where they lie in two places of a region.
    size, here : ndarray of int
        Listings of each record, and how many of them lie in the first place.
    count : ndarray of int
        Records of the class.
    """

    first: Ints
    second: Ints
    size: Ints
    here: Ints
    count: Ints

    @property
    def records(self) -> int:
        """Number of records in all these groups together."""
        return int(self.count.sum())

    def units(self, regions: int) -> Ints:
        """Return each region's fractional count of records, in units of 1/232792560 of a record.

        Exact for records of two regions; those of one count 1 whatever their size.
        """
        out = np.zeros(regions, dtype=np.int64)
        shared = (self.second >= 0) & (self.second != self.first)
        np.add.at(out, self.first[~shared], self.count[~shared] * UNIT)
        each = UNIT // np.where(shared, self.size, 1)
        here = self.count * self.here * each
        there = self.count * (self.size - self.here) * each
        np.add.at(out, self.first[shared], here[shared])
        np.add.at(out, self.second[shared], there[shared])
        return out

    def listings(self, regions: int) -> Ints:
        """Return the number of listings in each region."""
        out = np.zeros(regions, dtype=np.int64)
        np.add.at(out, self.first, self.count * self.here)
        two = self.second >= 0
        np.add.at(out, self.second[two], (self.count * (self.size - self.here))[two])
        return out

    def plus(self, other: RecordClasses) -> RecordClasses:
        """Return one object with these classes of records and those of ``other``."""
        return RecordClasses(
            *(
                np.concatenate([getattr(self, name), getattr(other, name)])
                for name in ("first", "second", "size", "here", "count")
            )
        )


class Geography(NamedTuple):
    """Regions of a simulated world: first the regions of clusters, then all other regions.

    Attributes
    ----------
    cluster : ndarray of int
        Cluster of each region, -1 for the regions outside clusters: one per economy.
    part : ndarray of float
        The region's part of its cluster, or of all that lies outside.
    economy : ndarray of int
    km : ndarray (regions, regions)
        Distances.
    joined, leaning : list of (int, int)
        Pairs whose ties are each other's strongest, and pairs whose ties are the strongest of
        the first one only.
    """

    cluster: Ints
    part: Floats
    economy: Ints
    km: Floats
    joined: list[tuple[int, int]]
    leaning: list[tuple[int, int]]


def whole_numbers(
    wanted: Floats, others: Floats, grain: float, slack: float, printed: NDArray[np.bool_]
) -> Ints:
    """Round each cluster's number of records, without a change in the clusters' order.

    Parameters
    ----------
    wanted : ndarray
        Records of each cluster, by falling total.
    others : ndarray
        What else its total consists of, in per cent.
    grain : float
        What a record adds to the total, in per cent.
    slack : float
        By how much totals shall differ, in per cent, for what others are rounded by.
    printed : ndarray of bool
        Clusters whose number is printed: it moves only for the sake of another printed one.

    Returns
    -------
    ndarray of int
        The nearest numbers; where these would change the order of two neighbours, the next
        nearest of one of them.
    """
    out = np.floor(wanted + 0.5).astype(np.int64)
    for _ in range(len(out)):
        total = others + grain * out
        wrong = np.flatnonzero(np.diff(total) > -slack)
        wrong = wrong[-np.diff(others + grain * wanted)[wrong] > slack]
        if len(wrong) == 0:
            break
        upper, lower = wrong[0], wrong[0] + 1
        up = wanted[upper] - out[upper] > out[lower] - wanted[lower]
        if printed[lower] if printed[upper] != printed[lower] else up:
            out[upper] += 1
        else:
            out[lower] -= 1
    return out


def allocate_records(
    kind: str, targets: Floats, world: int, listings: Ints, geography: Geography, seed: int
) -> RecordClasses:
    """Allocate the records of one kind to regions.

    Parameters
    ----------
    kind : str
        Decides the sizes of teams.
    targets : ndarray
        Wanted fractional count of each cluster at this scale.
    world : int
        Records of the world.
    listings : ndarray of int
        Wanted number of listings of each region.
    geography : Geography
    seed : int
        Decides which patterns small numbers of shared records take.

    Raises
    ------
    ValueError
        If the shared records alone exceed a target: the scale is too small.
    """
    cluster, outside = geography.cluster, geography.cluster < 0
    mass = np.where(outside, 0.0, targets[cluster]) * geography.part
    mass[outside] = (world - targets.sum()) * geography.part[outside]
    between = _shared(kind, mass, geography, seed)

    shared = between.units(len(cluster))
    own = np.zeros(len(cluster), dtype=np.int64)
    # Rounding runs on through the regions of a cluster, so that their sum is rounded once; and
    # through the regions outside clusters, which have what is left of the world.
    for position in range(-1, len(targets)):
        members = np.flatnonzero(cluster == position)
        ends = np.cumsum(geography.part[members])
        if position >= 0:
            wanted = np.rint(ends * targets[position] * UNIT)
            ends = wanted.astype(np.int64) - np.cumsum(shared[members])
            own[members] = np.diff((2 * ends + UNIT) // (2 * UNIT), prepend=0)
    members = np.flatnonzero(outside)
    left = world - own.sum() - between.records
    wanted = np.maximum(mass[members] - shared[members] / UNIT, 0.0)
    upto = np.floor(np.cumsum(wanted) * (left / wanted.sum()) + 0.5).astype(np.int64)
    own[members] = np.diff(upto, prepend=0)
    if own.min() < 0:
        raise ValueError(
            f"the scale is too small to allocate {kind} records to every cluster; expected a"
            " larger scale"
        )
    return between.plus(_own(kind, own, listings - between.listings(len(cluster)), outside))


def _own(kind: str, records: Ints, listings: Ints, outside: NDArray[np.bool_]) -> RecordClasses:
    """Return the records of single regions, with exactly so many listings."""
    columns: list[tuple[int, int, int, int, int]] = []
    for region in np.flatnonzero(records).tolist():
        frequencies = (TEAM_SIZES_OUTSIDE if outside[region] else TEAM_SIZES)[kind]
        # Below a listing per record, or far above, the region has what it can have.
        number = int(records[region])
        most = number * (max(frequencies) if kind != "deal" else 1)
        many = int(np.clip(listings[region], number, most))
        carried = 0.0
        sizes, counts = own_sizes(frequencies, number, many)
        for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
            carried += TWO_PLACES[kind] * count if size > 1 else 0.0
            two = min(int(carried + 0.5), count)
            carried -= two
            even = two // 2
            columns += [
                (region, -1, size, size, count - two),
                (region, region, size, 1, two - even),
                (region, region, size, size // 2, even),
            ]
    table = np.array(columns, dtype=np.int64).reshape(-1, 5)
    table = table[table[:, 4] > 0]
    return RecordClasses(*table.T)


def _shared(kind: str, mass: Floats, geography: Geography, seed: int) -> RecordClasses:
    """Return the records of two regions."""
    if kind == "deal":
        return RecordClasses(*np.empty((5, 0), dtype=np.int64))
    ties = shared_records(kind, mass, geography)
    first, second = np.nonzero(ties)
    patterns = shared_patterns(kind)
    # One of the two at random comes first, so that odd splits favour neither.
    keys = first.astype(np.uint64) * np.uint64(1 << 20) + second.astype(np.uint64)
    counts = patterns.allocate(ties[first, second], uniform(keys, seed))
    turn = uniform(keys, seed + 50)
    first, second = np.where(turn < 0.5, (first, second), (second, first))
    pair, shape = np.nonzero(counts)
    return RecordClasses(
        first[pair], second[pair], patterns.size[shape], patterns.here[shape], counts[pair, shape]
    )


def shared_records(kind: str, mass: Floats, geography: Geography) -> Ints:
    """Return a matrix with the number of records that each two regions share.

    Parameters
    ----------
    kind : {"patent", "publication"}
    mass : ndarray
        Records of each region.
    geography : Geography

    Returns
    -------
    ndarray of int, shape (regions, regions)
        Only the upper triangle is filled.

    Notes
    -----
    A gravity model: two regions share records in proportion to the product of their masses,
    less with distance but never nothing, so that neighbours and the largest regions share most.
    International and domestic ties are balanced separately, so that each region shares a given
    part of its records with either (Sinkhorn and Knopp 1967, Pacific J. Math. 21: 343); regions
    of small economies share more abroad.
    """
    economy, outside = geography.economy, geography.cluster < 0
    home = economy[:, None] == economy[None, :]
    pull = np.where(
        home,
        0.05 + 1.0 / (1.0 + (geography.km / _HALF_KM) ** 2),
        0.3 + 1.0 / (1.0 + (geography.km / _ABROAD_KM) ** 2),
    )
    pull *= np.where(outside[:, None] != outside[None, :], _NOISE, 1.0)
    merging = np.zeros(len(mass), dtype=bool)
    for a, b in geography.joined + geography.leaning:
        merging[[a, b]] = True
        pull[a, b] = pull[b, a] = 0.0
    pull[np.ix_(merging, outside)] *= 0.3
    pull[np.ix_(outside, merging)] *= 0.3
    np.fill_diagonal(pull, 0.0)
    pull *= mass[:, None] * mass[None, :]
    # Regions of few records share none: rounded, they would be too many.
    part = np.where(mass > 12.0, 1.0, 0.0)
    of_economy = np.bincount(economy, mass)[economy] / mass.sum()
    abroad = part * np.clip((of_economy / 0.03) ** -0.2, 0.5, 1.6) * np.where(merging, 0.6, 1.0)
    abroad *= 2.0 * INTERNATIONAL[kind] * mass.sum() / (abroad * mass).sum()
    between = _balanced(np.where(home, 0.0, pull), np.minimum(abroad, 0.8) * mass)
    at_home = 2.0 * DOMESTIC[kind] * part * np.where(merging, 0.25, 1.0)
    between += _balanced(np.where(home, pull, 0.0), at_home * mass)
    for a, b in geography.joined:
        between[a, b] = between[b, a] = _JOINED * min(mass[a], mass[b])
    for a, b in geography.leaning:
        strongest = between[b, ~outside].max()
        between[a, b] = between[b, a] = min(_LEANING * mass[a], _LESS * strongest)
    # Rounding runs on along each row, so that many small ties are not lost.
    upto = np.floor(np.cumsum(np.triu(between, 1), axis=1) + 0.5).astype(np.int64)
    return np.diff(upto, axis=1, prepend=0)


def _balanced(pull: Floats, rows: Floats) -> Floats:
    """Scale a symmetric matrix to given sums of rows, or to less where these are impossible."""
    able = (pull.sum(axis=1) > 0.0) & (rows > 0.0)
    scale = np.where(able, 1.0, 0.0)
    for _ in range(_ROUNDS):
        sums = scale * (pull * scale).sum(axis=1)  # a matrix product depends on threads
        scale *= np.sqrt(rows / np.where(sums > 0.0, sums, 1.0))
        scale[sums <= 0.0] = 0.0
    out = scale[:, None] * pull * scale[None, :]
    able = np.minimum(rows / np.maximum(out.sum(axis=1), 1e-9), 1.0)
    return out * np.minimum(able[:, None], able[None, :])
