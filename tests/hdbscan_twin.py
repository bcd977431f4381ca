"""The slow, obviously right twin of HDBSCAN: all distances, copies for weights, recursion."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from gclust.testing import distances_km


def merge_heights(reach):
    """Return the lengths of a minimum spanning tree, ascending (R. Prim 1957)."""
    length, done, found = reach[0].copy(), np.zeros(len(reach), dtype=bool), []
    done[0] = True
    for _ in range(len(reach) - 1):
        length[done] = np.inf
        nearest = int(length.argmin())
        found.append(length[nearest])
        done[nearest] = True
        length = np.minimum(length, reach[nearest])
    return np.sort(found)


def reachability(lat, lon, min_samples, metric="haversine"):
    """Return mutual reachability in km, with core distances on the diagonal."""
    distance = distances_km(lat, lon, metric)
    core = np.sort(distance, axis=1)[:, min_samples - 1]
    return np.maximum(np.maximum(distance, core[:, None]), core[None, :])


class Twin:
    """The hierarchy of points given by their mutual reachability in km.

    ``parent`` and ``birth`` by cluster; ``cluster`` and ``leaves`` by point.
    """

    def __init__(self, reach, min_cluster_size):
        self.reach = np.maximum(np.round(reach, 9), 1e-3)
        self.least = min_cluster_size
        self.parent, self.birth = [-1], [np.inf]
        self.cluster = np.zeros(len(reach), dtype=int)
        self.leaves = np.zeros(len(reach))
        self._follow(0, np.arange(len(reach)))

    def _follow(self, k, members):
        self.cluster[members] = k
        among = self.reach[np.ix_(members, members)]
        height = merge_heights(among)[-1] if len(members) > 1 else among[0, 0]
        _, part = connected_components(among < height)
        large = []
        for number in range(part.max() + 1):
            group = members[part == number]
            if len(group) >= self.least:
                large.append(group)
            else:
                self.leaves[group] = height
        if len(large) == 1:
            self._follow(k, large[0])
        for group in large if len(large) > 1 else []:
            self.parent.append(k)
            self.birth.append(height)
            self._follow(len(self.parent) - 1, group)

    def children(self, k):
        return [child for child, parent in enumerate(self.parent) if parent == k]

    def within(self, k):
        """Points of a cluster."""
        inside = self.cluster == k
        for child in self.children(k):
            inside = inside | self.within(child)
        return inside

    def stability(self, k):
        stays = np.where(self.cluster == k, self.leaves, self.birth[k])
        for child in self.children(k):
            stays[self.within(child)] = self.birth[child]
        return float((1 / stays - 1 / self.birth[k])[self.within(k)].sum())

    def best(self, k):
        """Return the greatest total stability in a cluster, and the clusters that have it."""
        totals, chosen = 0.0, []
        for child in self.children(k):
            total, found = self.best(child)
            totals += total
            chosen += found
        if k > 0 and self.stability(k) >= totals:
            return self.stability(k), [k]
        return totals, chosen

    def above(self, k, epsilon_km):
        while self.birth[k] < epsilon_km and self.parent[k] > 0:
            k = self.parent[k]
        return k

    def select(self, method, epsilon_km=0.0):
        """Return labels, numbered by first point, and probabilities."""
        if method == "eom":
            chosen = self.best(0)[1]
        else:
            chosen = [k for k in range(1, len(self.parent)) if not self.children(k)]
        chosen = {self.above(k, epsilon_km) for k in chosen}
        labels, probability = np.full(len(self.cluster), -1), np.zeros(len(self.cluster))
        for label, k in enumerate(sorted(chosen, key=lambda k: self.within(k).argmax())):
            inside = self.within(k)
            ends = [*self.leaves[self.cluster == k], *(self.birth[c] for c in self.children(k))]
            labels[inside] = label
            probability[inside] = np.minimum(min(ends) / self.leaves[inside], 1)
        return labels, probability
