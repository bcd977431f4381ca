"""The slow, obviously right twin of HDBSCAN: all distances, copies for weights, recursion."""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from gclust.testing import TOLERANCE_KM, distances_km, wrapped


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

    def best(self, k, most=np.inf, single=False):
        """Return the greatest total stability in a cluster, and the clusters that have it."""
        totals, chosen = 0.0, []
        for child in self.children(k):
            total, found = self.best(child, most)
            totals += total
            chosen += found
        small = self.within(k).sum() <= most
        if (k > 0 or single) and self.stability(k) >= totals and small:
            return self.stability(k), [k]
        return totals, chosen

    def above(self, k, epsilon_km, single=False):
        while self.birth[k] < epsilon_km and self.parent[k] >= (0 if single else 1):
            k = self.parent[k]
        return k

    def death(self, k):
        """Radius at which a cluster is split or ends."""
        return min([*self.leaves[self.cluster == k], *(self.birth[c] for c in self.children(k))])

    def chosen(self, method, epsilon_km=0.0, most=np.inf, single=False):
        """Return the selected clusters by label, and up to which radius points are theirs."""
        if method == "eom":
            chosen = self.best(0, most, single)[1]
        else:
            first = 0 if single else 1
            chosen = [k for k in range(first, len(self.parent)) if not self.children(k)]
        found = {self.above(k, epsilon_km, single) for k in chosen}
        order = sorted(found, key=lambda k: self.members(k, epsilon_km).argmax())
        return order, [self.birth[k] if k else epsilon_km or self.death(k) for k in order]

    def members(self, k, epsilon_km):
        """Points that are labelled as those of a selected cluster."""
        inside = self.within(k)
        return inside if k else inside & (self.leaves <= (epsilon_km or self.death(k)))

    def select(self, method, epsilon_km=0.0, most=np.inf, single=False):
        """Return labels, numbered by first point, and probabilities."""
        labels, probability = np.full(len(self.cluster), -1), np.zeros(len(self.cluster))
        for label, k in enumerate(self.chosen(method, epsilon_km, most, single)[0]):
            inside = self.members(k, epsilon_km)
            labels[inside] = label
            probability[inside] = np.minimum(self.death(k) / self.leaves[inside], 1)
        return labels, probability


def predict_by_twin(model, X, weight, new, size, samples):
    """Return what new points go with, by all distances and the definition.

    ``model`` is an ``HDBSCAN(size, samples)`` fitted with ``X`` and whole weights; its other
    parameters are looked at too.
    """
    weight = np.asarray(weight, dtype=int)
    copies = np.repeat(X, weight, axis=0)
    if len(copies) < samples:
        return np.full(len(new), -1)
    twin = Twin(reachability(*copies.T, samples, model.metric), size)
    most = np.inf if model.max_cluster_size is None else model.max_cluster_size
    ways = (
        model.cluster_selection_method,
        model.cluster_selection_epsilon_km,
        most,
        model.allow_single_cluster,
    )
    labels, _ = twin.select(*ways)
    order, until = twin.chosen(*ways)
    place = np.lexsort((wrapped(*copies.T), copies[:, 0])).argsort()
    found = []
    for point in new:
        both = np.concatenate([copies, [point]])
        km = distances_km(*both.T, model.metric)[-1, :-1]
        radius = np.sort(km)[samples - 1]
        best = []
        for label, k in enumerate(order):
            reach = np.maximum(np.round(np.maximum(km, radius), 9), 1e-3)
            ok = (labels == label) & (reach < until[label] if k else reach <= until[label])
            best += [(km[row], place[row], label) for row in np.flatnonzero(ok)]
        if not best:
            found.append(-1)
            continue
        nearest = min(best)[0]
        found.append(min(each[1:] for each in best if each[0] <= nearest + TOLERANCE_KM)[1])
    return np.array(found)
