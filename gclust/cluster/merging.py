"""Merging, in rounds, of neighbouring clusters with strong ties (records in common).

The rule of the GII's method since 2018, as far as it is known: two clusters merge if their
edges lie within 5 km and each is the other's strongest partner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gclust.kernels.sphere import TOLERANCE_KM
from gclust.kernels.union_find import all_roots, join_sets

RULES = ("mutual", "one-sided", "none")
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


def merge(
    n_labels: int,
    gaps: dict[tuple[int, int], float],
    ties: dict[tuple[int, int], float],
    *,
    max_gap_km: float = 5.0,
    rule: str = "mutual",
    noise_partner: bool = True,
) -> Merging:
    """Merge pairs of near clusters with strong ties, in rounds, until no pair qualifies.

    A pair qualifies if its gap is at most ``max_gap_km``, its ties are above zero, and each
    of the two (``mutual``) or at least one (``one-sided``) has strictly stronger ties with the
    other than with any third partner. A round finds all qualifying pairs, then joins them.

    Parameters
    ----------
    n_labels : int
        Number of clusters before merging, labelled 0 to n_labels - 1.
    gaps : dict
        (a, b) with a < b -> km, from `gclust.cluster.gaps.gaps_km`.
    ties : dict
        (a, b) with a < b -> strength of the ties between a and b; noise has the number -1.
    max_gap_km : float
        Largest gap of a pair that may merge, inclusive.
    rule : {"mutual", "one-sided", "none"}
    noise_partner : bool
        Whether all noise together counts as one more partner.

    Examples
    --------
    >>> merge(3, {(0, 1): 2.0, (1, 2): 9.0}, {(0, 1): 5.0, (1, 2): 3.0}).cluster.tolist()
    [0, 0, 2]
    """
    cluster = np.arange(n_labels, dtype=np.int64)
    log: list[dict[str, object]] = []
    number = 0
    near = {pair: gap for pair, gap in gaps.items() if gap <= max_gap_km + TOLERANCE_KM}
    while rule != "none":
        number += 1
        partners = _partners(cluster, ties, noise_partner)
        distance: dict[tuple[int, int], float] = {}
        for (a, b), gap in near.items():
            ends = int(cluster[a]), int(cluster[b])
            if ends[0] != ends[1]:
                pair = min(ends), max(ends)
                distance[pair] = min(gap, distance.get(pair, gap))
        chosen = [pair for pair in sorted(distance) if _qualifies(pair, partners, rule)]
        if not chosen:
            break
        for a, b in chosen:
            log.append(_row(number, a, b, distance[a, b], partners))
        cluster = join_pairs(cluster, chosen)
    table = pd.DataFrame(log, columns=list(MERGE_COLUMNS)).astype(MERGE_COLUMNS)
    return Merging(cluster, table)


def _partners(
    cluster: np.ndarray, ties: dict[tuple[int, int], float], noise_partner: bool
) -> dict[int, dict[int, float]]:
    """Return for each cluster its partners and its ties with them."""
    partners: dict[int, dict[int, float]] = {}
    for (a, b), strength in ties.items():
        if not noise_partner and min(a, b) < 0:
            continue
        ends = [int(cluster[end]) if end >= 0 else -1 for end in (a, b)]
        if ends[0] == ends[1]:
            continue
        for here, there in (ends, ends[::-1]):
            mine = partners.setdefault(here, {})
            mine[there] = mine.get(there, 0) + strength
    return partners


def _runner_up(partners: dict[int, dict[int, float]], here: int, there: int) -> tuple[int, float]:
    """Return the strongest partner of ``here`` other than ``there`` and its ties, or (-2, 0)."""
    others = [
        (-strength, name) for name, strength in partners.get(here, {}).items() if name != there
    ]
    if not others:
        return -2, 0.0
    strength, name = min(others)
    return name, -strength


def _qualifies(pair: tuple[int, int], partners: dict[int, dict[int, float]], rule: str) -> bool:
    strongest = []
    for here, there in (pair, pair[::-1]):
        strength = partners.get(here, {}).get(there, 0)
        strongest.append(strength > _runner_up(partners, here, there)[1] and strength > 0)
    return all(strongest) if rule == "mutual" else any(strongest)


def _row(
    number: int, a: int, b: int, gap: float, partners: dict[int, dict[int, float]]
) -> dict[str, object]:
    row: dict[str, object] = {"round": number, "cluster_a": a, "cluster_b": b, "gap_km": gap}
    row["ties"] = partners[a][b]
    for side, here, there in (("a", a, b), ("b", b, a)):
        name, strength = _runner_up(partners, here, there)
        row[f"runner_up_{side}"] = {-1: "noise", -2: ""}.get(name, str(name))
        row[f"runner_up_{side}_ties"] = strength
    return row


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
