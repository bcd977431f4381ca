"""Random cases of clustering, made to be difficult; each follows from one seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gclust.testing import EARTH_RADIUS_KM, TOLERANCE_KM, distances_km
from gclust.units import UNIT

LARGEST = 400
LARGEST_WGS84 = 120  # a geodesic takes half a microsecond
HALF_TURN_KM = np.pi * EARTH_RADIUS_KM

Cloud = tuple[np.ndarray, np.ndarray, float]  # latitudes, longitudes, eps_km


class Case(NamedTuple):
    """What one call of ``DBSCAN`` gets."""

    kind: str
    X: np.ndarray
    weight: np.ndarray | None
    eps_km: float
    min_samples: float
    metric: str


def some_eps(rng: np.random.Generator) -> float:
    """Return a radius, from a metre to half the circumference."""
    if rng.random() < 0.25:
        return 15.0
    return float(10 ** rng.uniform(-3, np.log10(HALF_TURN_KM)))


def moved(lat, lon, bearing, km):
    """Return the points at ``km`` and ``bearing`` (radians) from others, longitudes wrapped."""
    phi, angle = np.radians(lat), np.asarray(km) / EARTH_RADIUS_KM
    sine = np.sin(phi) * np.cos(angle) + np.cos(phi) * np.sin(angle) * np.cos(bearing)
    turn = np.arctan2(
        np.sin(bearing) * np.sin(angle) * np.cos(phi), np.cos(angle) - np.sin(phi) * sine
    )
    to_lat = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return to_lat, wrapped(lon + np.degrees(turn))


def wrapped(lon):
    """Return longitudes in [-180, 180], 180 only where rounding makes it so."""
    return (np.asarray(lon) + 180) % 360 - 180


def somewhere(rng, n):
    """Return ``n`` points anywhere on the sphere."""
    return np.degrees(np.arcsin(rng.uniform(-1, 1, n))), rng.uniform(-180, 180, n)


def around(rng, lat, lon, n, km):
    """Return ``n`` points scattered about others, ``km`` being the standard deviation."""
    bearing, away = rng.uniform(0, 2 * np.pi, n), np.abs(rng.normal(0, 1, n)) * km
    return moved(np.broadcast_to(lat, n), np.broadcast_to(lon, n), bearing, away)


def random(rng: np.random.Generator, n: int) -> Cloud:
    """Anywhere, with a radius at which some have company."""
    return *somewhere(rng, n), HALF_TURN_KM * rng.uniform(0.1, 2) / np.sqrt(n + 1)


def clumps(rng: np.random.Generator, n: int) -> Cloud:
    """Towns of all densities within a few radii of each other."""
    eps_km = some_eps(rng)
    k = int(rng.integers(1, 8))
    centre_lat, centre_lon = around(rng, *somewhere(rng, 1), k, 3 * eps_km)
    town = rng.integers(0, k, n)
    spread = eps_km * 10 ** rng.uniform(-2, 0.5, k)
    return *around(rng, centre_lat[town], centre_lon[town], n, spread[town]), eps_km


def far_apart(rng: np.random.Generator, n: int) -> Cloud:
    """Tiny towns all over the Earth: as many bands as there can be, most of them empty."""
    eps_km = 10 ** rng.uniform(-6, 0)
    centre_lat, centre_lon = somewhere(rng, int(rng.integers(1, n + 1)))
    centre_lat[0] = rng.choice([centre_lat[0], -90.0, 90.0, 0.0])
    town = rng.integers(0, len(centre_lat), n)
    if rng.random() < 0.2:  # a micrometre: no more than the tolerance
        return centre_lat[town], centre_lon[town], 1e-9
    return *around(rng, centre_lat[town], centre_lon[town], n, eps_km), eps_km


def duplicated(rng: np.random.Generator, n: int) -> Cloud:
    """Few places, many rows."""
    lat, lon, eps_km = clumps(rng, n)
    pick = rng.integers(0, int(rng.integers(1, n + 1)), n)
    return lat[pick], lon[pick], eps_km


def nearly_equal(rng: np.random.Generator, n: int) -> Cloud:
    """Few places, and rows beside them by some roundings up to some micrometres."""
    lat, lon, eps_km = duplicated(rng, n)
    jitter = 10 ** rng.uniform(-15, -7, (2, n)) * rng.integers(-1, 2, (2, n))
    return np.clip(lat + jitter[0], -90, 90), wrapped(lon + jitter[1]), eps_km


def collinear(rng: np.random.Generator, n: int) -> Cloud:
    """On one great circle, over a pole for instance, or on one parallel."""
    eps_km = some_eps(rng)
    along = eps_km * rng.choice([0.5, 1.0, 1 / 3, 0.999, 0.003]) * rng.permutation(n)
    if rng.random() < 0.5:
        along = rng.uniform(0, eps_km * n / rng.uniform(1, 5), n)
    along = along - np.median(along)
    lat = float(rng.choice([0.0, 52.5, -89.9, 90.0]))
    lon = float(rng.choice([0.0, 180.0, -60.0]))
    way = rng.integers(3)
    if way == 0:  # a parallel
        degrees = np.degrees(along / EARTH_RADIUS_KM / max(np.cos(np.radians(lat)), 1e-3))
        return np.full(n, lat), wrapped(lon + degrees), eps_km
    bearing = 0.0 if way == 1 else float(rng.uniform(0, 2 * np.pi))
    return *moved(np.full(n, lat), lon, bearing, along), eps_km


def lattice(rng: np.random.Generator, n: int) -> Cloud:
    """Neighbours along meridians at exactly eps, or at a whole part of it."""
    eps_km = float(rng.choice([15.0, 1.0, 0.01, 300.0]))
    step = np.degrees(eps_km / EARTH_RADIUS_KM) / int(rng.choice([1, 2, 3, 5]))
    half = int(np.ceil(np.sqrt(n) * rng.uniform(0.4, 1)))
    lat, lon = rng.integers(-half, half + 1, (2, n)) * step
    lat += rng.choice([0.0, 45.0, -60.0])
    lon /= rng.choice([1.0, float(np.cos(np.radians(lat[0])))])
    return np.clip(lat, -90, 90), wrapped(lon + rng.choice([0.0, 180.0, 7.5])), eps_km


def antimeridian(rng: np.random.Generator, n: int) -> Cloud:
    """On both sides of the 180th meridian, and on it."""
    eps_km = min(some_eps(rng), 3000.0)
    spread = eps_km * 10 ** rng.uniform(-0.5, 1.2)
    lat, lon = around(rng, rng.uniform(-85, 85), 180.0, n, spread)
    return lat, np.where(rng.random(n) < 0.1, rng.choice([-180.0, 180.0]), lon), eps_km


def polar(rng: np.random.Generator, n: int) -> Cloud:
    """Round a pole; some rows are the pole itself, under any longitude."""
    eps_km = some_eps(rng)
    spread = eps_km * 10 ** rng.uniform(-0.5, 1.2)
    lat, lon = around(rng, rng.choice([-90.0, 90.0]), 0.0, n, spread)
    lon = np.where(rng.random(n) < 0.5, lon, rng.uniform(-180, 360, n))
    return np.where(rng.random(n) < 0.1, np.round(lat / 90) * 90, lat), lon, eps_km


def antipodal(rng: np.random.Generator, n: int) -> Cloud:
    """Places and their antipodes, with a radius just short of half the Earth."""
    eps_km = HALF_TURN_KM - float(rng.choice([0.0, 10 ** rng.uniform(-9, 3)]))
    lat, lon = around(rng, *somewhere(rng, 1), n, 10 ** rng.uniform(-6, 3))
    pick = rng.integers(0, int(rng.integers(1, n + 1)), n)
    far = rng.random(n) < 0.5
    lat = np.where(far, -lat[pick], lat[pick])
    return lat, wrapped(lon[pick] + 180 * far), eps_km


def huge(rng: np.random.Generator, n: int) -> Cloud:
    """Radii of the size of the Earth and beyond."""
    eps_km = float(rng.choice([10 ** rng.uniform(3.3, 4.31), 10_007.55, HALF_TURN_KM, 1e6]))
    return *somewhere(rng, n), eps_km


def dense_city(rng: np.random.Generator, n: int) -> Cloud:
    """One Gaussian city of about the size of the radius."""
    eps_km = min(some_eps(rng), 1000.0)
    lat, lon = somewhere(rng, 1)
    return *around(rng, lat, lon, n, eps_km * 10 ** rng.uniform(-0.5, 0.8)), eps_km


def mirrored(rng: np.random.Generator, n: int) -> Cloud:
    """A few points, as many twice as far, and their images in a meridian and in the equator.

    The middle, which is a row too, is exactly as far from the images of each point.
    Coordinates are multiples of a power of 2, so that mirroring rounds nothing.
    """
    eps_km = float(rng.choice([15.0, 1.0, 100.0]))
    unit = 2.0 ** np.floor(np.log2(np.degrees(eps_km / EARTH_RADIUS_KM) / 16))
    few = min(n // 8, int(rng.integers(1, 6)))
    at = rng.integers(0, 20, (2, few)) * unit
    at[rng.integers(2)] *= rng.random() < 0.5  # or all on the meridian, or on the equator
    at = np.concatenate([at, 2 * at], axis=1)
    lat, lon = np.zeros(n), np.zeros(n)
    lat[: 8 * few] = np.concatenate([at[0], -at[0], at[0], -at[0]])
    lon[: 8 * few] = np.concatenate([at[1], at[1], -at[1], -at[1]])
    return lat, wrapped(lon + rng.choice([0.0, 7.0, 180.0])), eps_km


HEAVY = 1000.0
"""Weight of what the middle of a `mirrored` cloud does not reach: more than all rows."""


KINDS: tuple[Callable[[np.random.Generator, int], Cloud], ...] = (
    random,
    clumps,
    far_apart,
    duplicated,
    nearly_equal,
    collinear,
    lattice,
    antimeridian,
    polar,
    antipodal,
    huge,
    dense_city,
)

OFTEN = 0.1
"""Share of cases that are `mirrored`, drawn apart: the others' seeds stay what they were."""


def ones(rng, n):
    """No weights."""


def small(rng, n):
    """Whole weights, some of them zero."""
    return rng.integers(0, 5, n).astype(float)


def copies(rng, n):
    """Whole weights, none of them zero."""
    return rng.integers(1, 4, n).astype(float)


def shares(rng, n):
    """Fractions of up to 22 authors, each a whole number of units."""
    parts = rng.integers(1, 23, n)
    return rng.integers(0, 2 * parts + 1) / parts


def fractional(rng, n):
    """Any fractions."""
    return rng.uniform(0, 3, n)


def heavy(rng, n):
    """Very unequal weights, most of what may be summed; no float rounds their units."""
    return rng.integers(0, 2**20, n) * 2.0 ** rng.integers(0, 6, n)


WEIGHTS = (ones, small, copies, shares, fractional, heavy)


def wgs84_error_km(km: float) -> float:
    """Return what ``wgs84`` may be off by at a distance: 5 mm at 60 km, by its cube."""
    return 2 * TOLERANCE_KM + 6e-6 * (km / 60) ** 3


def clear_eps(distance: np.ndarray, eps_km: float) -> float | None:
    """Return the radius nearest to ``eps_km`` that no distance is too near to for wgs84."""
    known = np.unique(np.concatenate([[0.0], distance[distance < 1000.0], [1000.0]]))
    middle = (known[1:] + known[:-1]) / 2
    error = 2 * TOLERANCE_KM + 6e-6 * (known[1:] / 60) ** 3
    clear = middle[np.diff(known) > 2.5 * error]
    if not len(clear):
        return None
    return float(clear[np.abs(clear - eps_km).argmin()])


def some_size(rng: np.random.Generator, largest: int) -> int:
    """Return a number of rows: a few, some dozens, or up to the largest."""
    low, high = ((1, 12), (12, 80), (80, largest))[rng.choice(3, p=[0.2, 0.6, 0.2])]
    return int(rng.integers(low, high + 1))


def make_case(seed: int) -> Case:
    """Return the case of a seed."""
    rng = np.random.default_rng(seed)
    kind = KINDS[rng.integers(len(KINDS))]
    if np.random.default_rng([seed, 1]).random() < OFTEN:
        kind = mirrored
    weigh = WEIGHTS[rng.integers(len(WEIGHTS))]
    geodesic = rng.random() < 0.2 and kind not in (antipodal, huge)
    n = some_size(rng, LARGEST_WGS84 if geodesic else LARGEST)
    lat, lon, eps_km = kind(rng, n)
    if rng.random() < 0.15:  # as many data are: ties of all sorts
        lat, lon = np.round(lat, 2), np.round(lon, 2)
    lon = np.where((lon < 0) & (rng.random(n) < 0.2), lon + 360, lon)
    lon = np.where(lon >= 360, 0.0, lon)  # a rounding below 0
    distance = distances_km(lat, lon, "wgs84" if geodesic else "haversine")
    clear = clear_eps(distance, eps_km) if geodesic else None
    if clear is not None:
        eps_km = clear
    elif rng.random() < 0.2:  # a distance that occurs, just within or just beyond the radius
        offset = rng.choice([0.0, -0.9 * TOLERANCE_KM, -1.1 * TOLERANCE_KM, TOLERANCE_KM])
        eps_km = max(float(rng.choice(distance.ravel()) + offset), 1e-3)
    weight = weigh(rng, n)
    least = some_least(rng, distance <= eps_km + TOLERANCE_KM, weight)
    if kind is mirrored and rng.random() < 0.8:  # its middle is a border point of several clusters
        weight = np.where(distance[-1] > eps_km + TOLERANCE_KM, HEAVY, 1.0)
        least = HEAVY + 1
    return Case(
        f"{kind.__name__}, {weigh.__name__}",
        np.stack([lat, lon], axis=1),
        weight,
        eps_km,
        least,
        "haversine" if clear is None else "wgs84",
    )


def some_least(rng: np.random.Generator, within: np.ndarray, weight: np.ndarray | None) -> float:
    """Return a threshold: small, or exactly what one of the points has, or just above."""
    if rng.random() < 0.3:
        return float(rng.choice([1, 2, 3, 5, 8, 2.5, 10 / 3]))
    units = np.ones(len(within)) if weight is None else weight
    rows = within[rng.integers(0, len(within), int(rng.integers(1, 5)))]
    total = min(sum(round(w * UNIT) for w in units[row].tolist()) for row in rows)
    if total >= 2**53:  # no float holds a unit more
        return total // UNIT + int(rng.choice([0, 0, 1]))
    return max((total + int(rng.choice([0, 0, 1]))) / UNIT, 1.0)
