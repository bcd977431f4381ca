"""DBSCAN on the sphere in plain Python: the steps of the kernels without their shortcuts.

Read it together with docs/algorithm.md. The tests compare it with the kernels. Its run time
is quadratic in dense places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gclust.kernels.sphere import TOLERANCE_KM
from gclust.sphere import EARTH_RADIUS_KM

BANDS_PER_RADIUS = 4


def reference_dbscan(
    places: Sequence[tuple[float, float]],
    units: Sequence[int],
    eps_km: float,
    min_units: int,
    border: str = "nearest",
) -> tuple[list[int], list[bool]]:
    """Return the labels and core flags of weighted points, as `gclust.DBSCAN` does.

    Parameters
    ----------
    places : sequence of (float, float)
        Latitude and longitude in degrees.
    units : sequence of int
        Their weights, none negative.
    eps_km : float
        The radius, to which a tolerance of one micrometre is added.
    min_units : int
        Least weight within the radius of a core point.
    border : {"nearest", "first", "noise"}
        See `gclust.DBSCAN`.

    Returns
    -------
    labels : list of int
        Clusters are numbered by first core point; noise is -1.
    core : list of bool

    Examples
    --------
    >>> reference_dbscan([(46.2, 6.1), (46.2, 6.2), (0.0, 0.0)], [1, 1, 1], 15.0, 2)
    ([0, 0, -1], [True, True, False])
    """
    points = range(len(places))
    # Bands of latitude: the neighbours of a point are in few of them.
    height = math.degrees((eps_km + TOLERANCE_KM) / EARTH_RADIUS_KM) / BANDS_PER_RADIUS
    band = [math.floor(lat / height) for lat, _ in places]
    members: dict[int, list[int]] = {}
    for p in points:
        members.setdefault(band[p], []).append(p)
    # Neighbours, with their distances.
    near: list[dict[int, float]] = []
    for p in points:
        around = range(band[p] - BANDS_PER_RADIUS - 1, band[p] + BANDS_PER_RADIUS + 2)
        km = {q: distance_km(places[p], places[q]) for j in around for q in members.get(j, ())}
        near.append({q: away for q, away in km.items() if away <= eps_km + TOLERANCE_KM})
    # Core points.
    core = [units[p] > 0 and sum(units[q] for q in near[p]) >= min_units for p in points]
    # Linking: core points within the radius of each other, by union-find.
    parent = list(points)

    def root(p: int) -> int:
        return p if parent[p] == p else root(parent[p])

    for p in points:
        for q in near[p]:
            if core[p] and core[q]:
                low, high = sorted((root(p), root(q)))
                parent[high] = low
    roots = sorted({root(p) for p in points if core[p]})
    labels = [roots.index(root(p)) if core[p] else -1 for p in points]
    # Border labels.
    for p in points:
        cores = {q: km for q, km in near[p].items() if core[q]}
        if core[p] or not cores or border == "noise":
            continue
        if border == "first":
            labels[p] = min(labels[q] for q in cores)
        else:
            tie_km = min(cores.values()) + TOLERANCE_KM
            labels[p] = labels[
                min((q for q in cores if cores[q] <= tie_km), key=places.__getitem__)
            ]
    return labels, core


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the great-circle distance between two points, exact for near and antipodal ones."""
    u, v = (
        (math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))
        for phi, lam in ((math.radians(lat), math.radians(lon)) for lat, lon in (a, b))
    )
    cross = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
    return EARTH_RADIUS_KM * math.atan2(
        math.hypot(*cross), sum(x * y for x, y in zip(u, v, strict=True))
    )
