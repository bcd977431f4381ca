"""Merging, in rounds, of neighbouring clusters with strong ties (records in common).

The rule of the GII's method since 2018, as far as it is known: two clusters merge if their
edges lie within 5 km and each is the other's strongest partner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.kernels.sphere import TOLERANCE_KM
from gclust.kernels.union_find import all_roots, join_sets

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RULES = ("mutual", "one-sided", "list", "none")
MERGE_COLUMNS = {
    "round": "int64",
    "cluster_a": "int64",
    "cluster_b": "int64",
    "gap_km": "float64",
    "ties": "float64",
    "runner_up_a": "string",
    "runner_up_a_ties": "float64",
    "runner_up_b": "string",
    "runner_up_b_ties": "float64",
}


@dataclass(frozen=True)
class Merging:
    """Result of merging: the merged cluster of each label, and a log of all joins.

    Attributes
    ----------
    cluster : ndarray of int64, shape (n_labels,)
        The merged cluster of each label, named by the smallest label in it.
    log : DataFrame
        One row per join: ``round, cluster_a, cluster_b`` (by the names that they had
        before the round), ``gap_km, ties``, and for each side the runner-up among its
        partners with its ties.
    """

    cluster: np.ndarray
    log: pd.DataFrame


class Ties(NamedTuple):
    """Ties between clusters, or of clusters with noise, which has the number -1."""

    a: Ints  # (n,)
    b: Ints  # (n,), above a
    strength: Floats  # (n,)

    @classmethod
    def of(cls, pairs: Mapping[tuple[int, int], float]) -> Ties:
        """Return the ties of a mapping from pairs (a, b) to strengths."""
        ends = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
        return cls(ends[:, 0], ends[:, 1], np.array(list(pairs.values()), dtype=np.float64))

    def by_pair(self) -> dict[tuple[int, int], float]:
        """Return a mapping from pairs (a, b) to strengths, in their order."""
        ends = zip(self.a.tolist(), self.b.tolist(), strict=True)
        return dict(zip(ends, self.strength.tolist(), strict=True))


NO_TIES = Ties.of({})


def merge(
    n_labels: int,
    gaps: Mapping[tuple[int, int], float],
    ties: Mapping[tuple[int, int], float] | Ties,
    *,
    max_gap_km: float = 5.0,
    rule: str = "mutual",
    noise_partner: bool = True,
) -> Merging:
    """Merge pairs of near clusters with strong ties, in rounds, until no pair qualifies.

    A pair qualifies if its gap is at most ``max_gap_km``, its ties are above zero, and each
    of the two (``mutual``) or at least one (``one-sided``) has strictly stronger ties with the
    other than with any third partner. A round finds all qualifying pairs, then joins them. With
    the rule ``list`` all pairs in ``gaps`` merge, whatever their gap and ties.

    Parameters
    ----------
    n_labels : int
        Number of clusters before merging, labelled 0 to n_labels - 1.
    gaps : dict
        (a, b) with a < b -> km, from `gclust.cluster.gaps.gaps_km`.
    ties : Ties or dict
        A dict has (a, b) with a < b -> strength of the ties between a and b; noise has the
        number -1.
    max_gap_km : float
        Largest gap of a pair that may merge, inclusive.
    rule : {"mutual", "one-sided", "list", "none"}
    noise_partner : bool
        Whether all noise together counts as one more partner.

    Examples
    --------
    >>> merge(3, {(0, 1): 2.0, (1, 2): 9.0}, {(0, 1): 5.0, (1, 2): 3.0}).cluster.tolist()
    [0, 0, 2]
    """
    known = ties if isinstance(ties, Ties) else Ties.of(ties)
    cluster = np.arange(n_labels, dtype=np.int64)
    log = [pd.DataFrame(columns=list(MERGE_COLUMNS)).astype(MERGE_COLUMNS)]
    most = np.inf if rule == "list" else max_gap_km + TOLERANCE_KM
    near = {pair: gap for pair, gap in gaps.items() if gap <= most}
    while rule != "none":
        partners = _Partners(cluster, known, noise_partner)
        distance: dict[tuple[int, int], float] = {}
        for (a, b), gap in near.items():
            ends = int(cluster[a]), int(cluster[b])
            if ends[0] != ends[1]:
                pair = min(ends), max(ends)
                distance[pair] = min(gap, distance.get(pair, gap))
        pairs = np.array(sorted(distance), dtype=np.int64).reshape(-1, 2)
        pairs = pairs[_qualify(pairs[:, 0], pairs[:, 1], partners, rule)]
        if not len(pairs):
            break
        chosen = [(a, b) for a, b in pairs.tolist()]
        gap_km = np.array([distance[pair] for pair in chosen])
        log.append(_rows(len(log), pairs[:, 0], pairs[:, 1], gap_km, partners))
        cluster = join_pairs(cluster, chosen)
    return Merging(cluster, pd.concat(log[1:] or log, ignore_index=True))


class _Partners:
    """The partners of each cluster, with the strongest two of each."""

    def __init__(self, cluster: Ints, ties: Ties, noise_partner: bool) -> None:
        named = np.append(cluster, -1)  # the last one is that of noise, -1
        ends = np.column_stack((named[ties.a], named[ties.b]))
        counts = ends[:, 0] != ends[:, 1]
        if not noise_partner:
            counts &= ends.min(axis=1) >= 0
        ends = ends[counts]
        self._n = len(cluster) + 1
        here, there = ends.ravel(), ends[:, ::-1].ravel()
        self._keys, at = np.unique(self._key(here, there), return_inverse=True)
        # In the order of the ties, so that sums are the same for all threads.
        self._strength = np.bincount(at, np.repeat(ties.strength[counts], 2), len(self._keys))
        here, there = self._keys // self._n - 1, self._keys % self._n - 1
        order = np.lexsort((there, -self._strength, here))
        self._there, self._ranked = there[order], self._strength[order]
        self._first = np.searchsorted(here[order], np.arange(self._n))
        self._last = np.searchsorted(here[order], np.arange(self._n), side="right")

    def _key(self, here: Ints, there: Ints) -> Ints:
        return (here + 1) * self._n + there + 1

    def strength(self, here: Ints, there: Ints) -> Floats:
        """Return the ties of clusters with others, 0 without any."""
        if not len(self._keys):
            return np.zeros(len(here))
        key = self._key(here, there)
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where(self._keys[at] == key, self._strength[at], 0.0)

    def runner_up(self, here: Ints, there: Ints) -> tuple[Ints, Floats]:
        """Return the strongest partner of ``here`` other than ``there``, and its ties.

        -2 and 0 if there is none. Of equally strong ones it is the one with the smallest number.
        """
        if not len(self._keys):
            return np.full(len(here), -2), np.zeros(len(here))
        first, most = self._first[here], len(self._there) - 1
        is_there = self._there[np.minimum(first, most)] == there
        at = first + (is_there & (first < self._last[here]))
        known = at < self._last[here]
        at = np.minimum(at, most)
        return np.where(known, self._there[at], -2), np.where(known, self._ranked[at], 0.0)


def _qualify(a: Ints, b: Ints, partners: _Partners, rule: str) -> NDArray[np.bool_]:
    """Return whether each pair of clusters merges."""
    if rule == "list":
        return np.ones(len(a), dtype=bool)
    strength = partners.strength(a, b)
    strongest = [strength > partners.runner_up(*ends)[1] for ends in ((a, b), (b, a))]
    of_rule = strongest[0] & strongest[1] if rule == "mutual" else strongest[0] | strongest[1]
    return of_rule & (strength > 0)


def _rows(number: int, a: Ints, b: Ints, gap_km: Floats, partners: _Partners) -> pd.DataFrame:
    """Return the log of a round."""
    rows = {"round": number, "cluster_a": a, "cluster_b": b, "gap_km": gap_km}
    rows["ties"] = partners.strength(a, b)
    for side, here, there in (("a", a, b), ("b", b, a)):
        names, strength = partners.runner_up(here, there)
        rows[f"runner_up_{side}"] = [
            {-1: "noise", -2: ""}.get(name, str(name)) for name in names.tolist()
        ]
        rows[f"runner_up_{side}_ties"] = strength
    return pd.DataFrame(rows).astype(MERGE_COLUMNS)


def join_pairs(cluster: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Merge pairs of clusters, and return the merged cluster of each label.

    Pairs that share a cluster become one cluster.
    ``cluster`` (n_labels,) is the cluster of each label before. A cluster is named by the smallest
    label in it.
    """
    parent = np.arange(len(cluster), dtype=np.int64)
    for a, b in pairs:
        join_sets(parent, a, b)
    return all_roots(parent)[cluster]
