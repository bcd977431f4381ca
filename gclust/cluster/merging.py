"""Merge neighbouring clusters that belong together by their ties.

The rule of the GII's method since 2018, as far as it is known: two clusters
merge if their edges lie within 5 km and each is the other's strongest partner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from gclust.kernels.sphere import TOLERANCE_KM
from gclust.sphere import arc_km, chord_of, unit_vectors

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
    """What merging made of the clusters.

    Attributes
    ----------
    cluster : ndarray of int64, shape (n_labels,)
        The cluster into which each label went: the smallest label in it.
    log : DataFrame
        One row per join: ``round, cluster_a, cluster_b`` (named by their
        smallest labels as they stood before the round), ``gap_km, ties``, and
        for each side the runner-up among its partners with its ties.
    """

    cluster: np.ndarray
    log: pd.DataFrame


def gaps_km(
    lat: np.ndarray, lon: np.ndarray, labels: np.ndarray, max_gap_km: float
) -> dict[tuple[int, int], float]:
    """Least distances between the locations of different clusters, on the sphere.

    Parameters
    ----------
    lat, lon : ndarray of float64, shape (n,)
        Degrees.
    labels : ndarray of int64, shape (n,)
        -1 for noise, which has no gap.
    max_gap_km : float
        Farther pairs are left out.

    Returns
    -------
    dict
        (a, b) with a < b -> great-circle distance in km.
    """
    inside = np.flatnonzero(labels >= 0)
    if inside.size == 0 or max_gap_km < 0:
        return {}
    vectors = unit_vectors(lat[inside], lon[inside])
    label = labels[inside]
    reach = float(chord_of(max_gap_km + TOLERANCE_KM))
    near = _near_another(vectors, label, max(reach, 1e-5))
    return least_gaps(vectors[near], label[near], max_gap_km)


def least_gaps(
    vectors: np.ndarray, label: np.ndarray, max_gap_km: float
) -> dict[tuple[int, int], float]:
    """Find the gaps between clusters as `gaps_km` does, of unit vectors and without noise.

    Every location may be given, but those far from other clusters cost time.
    """
    reach = float(chord_of(max_gap_km + TOLERANCE_KM))
    found: dict[tuple[int, int], float] = {}
    if label.size == 0:
        return found
    order = np.argsort(label, kind="stable")
    vectors, label = vectors[order], label[order]
    names, starts = np.unique(label, return_index=True)
    groups = np.split(vectors, starts[1:])
    trees = [cKDTree(group) for group in groups]
    low = np.array([group.min(axis=0) for group in groups])
    high = np.array([group.max(axis=0) for group in groups])
    for i, a in enumerate(names):
        apart = np.maximum(low[i + 1 :] - high[i], low[i] - high[i + 1 :]).max(axis=1)
        for j in i + 1 + np.flatnonzero(apart <= reach):
            distances, _ = trees[j].query(groups[i], distance_upper_bound=reach * (1 + 1e-9))
            least = float(distances.min())
            if least <= reach:
                found[int(a), int(names[j])] = float(arc_km(least))
    return found


def _near_another(vectors: np.ndarray, label: np.ndarray, reach: float) -> np.ndarray:
    """Mark points in whose cube, or a neighbouring one, another label lies.

    Cubes have the side ``reach``, so no pair within reach is lost, and dense
    cities of a single cluster drop out before any distance is computed.
    """
    cubes = np.floor(vectors / reach).astype(np.int64)
    cubes -= cubes.min(axis=0) - 1
    extent = cubes.max(axis=0) + 2
    key = (cubes[:, 0] * extent[1] + cubes[:, 1]) * extent[2] + cubes[:, 2]
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    unique = key[order][first]
    low = np.minimum.reduceat(label[order], first)
    high = np.maximum.reduceat(label[order], first)
    least, most = low.copy(), high.copy()
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dz in (-1, 0, 1):
                neighbour = unique + (dx * extent[1] + dy) * extent[2] + dz
                at = np.minimum(np.searchsorted(unique, neighbour), unique.size - 1)
                there = unique[at] == neighbour
                least = np.where(there, np.minimum(least, low[at]), least)
                most = np.where(there, np.maximum(most, high[at]), most)
    near = np.empty(len(key), dtype=bool)
    near[order] = np.repeat(least != most, np.diff(first, append=len(key)))
    return near


def merge(
    n_labels: int,
    gaps: dict[tuple[int, int], float],
    ties: dict[tuple[int, int], float],
    *,
    max_gap_km: float = 5.0,
    rule: str = "mutual",
    noise_partner: bool = True,
) -> Merging:
    """Join clusters in rounds until no pair qualifies.

    A pair qualifies if its gap is at most ``max_gap_km``, its ties are above
    zero, and each of the two (``mutual``) or one of them (``one-sided``) has
    its strongest ties with the other; a tie for the strongest place is not
    strongest. A round finds all qualifying pairs, then joins them.

    Parameters
    ----------
    n_labels : int
        Number of clusters before merging, labelled 0 to n_labels - 1.
    gaps : dict
        (a, b) with a < b -> km, from `gaps_km`.
    ties : dict
        (a, b) with a < b -> ties; noise is -1.
    max_gap_km : float
        Inclusive.
    rule : {"mutual", "one-sided", "none"}
    noise_partner : bool
        Whether all noise together counts as one further partner.
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
        cluster = join(cluster, chosen)
    table = pd.DataFrame(log, columns=list(MERGE_COLUMNS)).astype(MERGE_COLUMNS)
    return Merging(cluster, table)


def _partners(
    cluster: np.ndarray, ties: dict[tuple[int, int], float], noise_partner: bool
) -> dict[int, dict[int, float]]:
    """Sum the ties between the clusters as they stand."""
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
    """Return the strongest partner of ``here`` other than ``there``, (-2, 0) if none."""
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


def join(cluster: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Join pairs of clusters, and chains of pairs.

    Parameters
    ----------
    cluster : ndarray of int64, shape (n_labels,)
        The cluster of each label, named by the smallest label in it.
    pairs : list of (int, int)
        Clusters to join.

    Returns
    -------
    ndarray of int64, shape (n_labels,)
    """
    parent = {int(name): int(name) for name in cluster}

    def root(name: int) -> int:
        while parent[name] != name:
            name = parent[name]
        return name

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return np.array([root(int(name)) for name in cluster], dtype=np.int64)
