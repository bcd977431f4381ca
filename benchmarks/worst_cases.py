"""Inputs that are hard for a density kernel, each with the parameters that make it so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.listings import EPS_KM, SEED, listings, min_samples
from benchmarks.vectors import EARTH_RADIUS_KM, chord, unit_vectors

CITY = (48.85341, 2.3488)
CITY_SIGMA_KM = 15.0


class Case(NamedTuple):
    """Points in degrees, and the parameters to fit them with."""

    points: NDArray[np.float64]
    eps_km: float
    min_samples: int


def reference(n: int) -> Case:
    """Return the listings of the world, which all other cases are held against."""
    return Case(listings(n), EPS_KM, min_samples(n))


def one_location(n: int) -> Case:
    """Return ``n`` listings at one place."""
    return Case(np.tile(CITY, (n, 1)), EPS_KM, min_samples(n))


def within_one_eps(n: int) -> Case:
    """Return distinct points of a disc whose diameter is eps: every pair is within it."""
    rng = np.random.default_rng([SEED, 1])
    km = 0.499 * EPS_KM * np.sqrt(rng.random(n))
    return Case(_near_city(km, rng.random(n) * 2 * math.pi), EPS_KM, min_samples(n))


def parallel(n: int) -> Case:
    """Return points evenly along the equator: all in one band of latitude."""
    lon = -180.0 + 360.0 * np.arange(n) / n
    return Case(np.column_stack([np.zeros(n), lon]), EPS_KM, min_samples(n))


def meridian(n: int) -> Case:
    """Return points evenly along a meridian, pole to pole: few in each band of latitude."""
    lat = np.linspace(-90.0, 90.0, n)
    return Case(np.column_stack([lat, np.zeros(n)]), EPS_KM, min_samples(n))


def lattice(n: int) -> Case:
    """Return a lattice whose neighbours on a meridian are exactly eps apart.

    It lies between the 60th parallels, eps being what lets ``n`` points fit there. On a
    parallel, neighbours are eps apart at the equator and nearer elsewhere, the ones
    beyond them and those on diagonals farther than eps. Each point has five within eps,
    two of them exactly at it: with ``min_samples=5`` all are core but the two outer rows.
    """
    columns = math.isqrt(3 * n)
    eps_km = 2.0 * math.pi * EARTH_RADIUS_KM / columns
    rows = math.ceil(n / columns)
    row, column = np.divmod(np.arange(n), columns)
    lat = (row - (rows - 1) / 2.0) * (360.0 / columns)
    return Case(np.column_stack([lat, -180.0 + column * (360.0 / columns)]), eps_km, 5)


def city(n: int) -> NDArray[np.float64]:
    """Return distinct points of one city with a Gaussian density."""
    rng = np.random.default_rng([SEED, 2])
    km = CITY_SIGMA_KM * np.sqrt(-2.0 * np.log1p(-rng.random(n)))
    return _near_city(km, rng.random(n) * 2 * math.pi)


def city_no_core(n: int) -> Case:
    """Return the city with ``min_samples`` at twice the largest count."""
    points = city(n)
    return Case(points, EPS_KM, 2 * int(_counts(points, _central(points, 200)).max()))


def city_just_no_core(n: int) -> Case:
    """Return the city with ``min_samples`` one above the largest count."""
    points = city(n)
    return Case(points, EPS_KM, int(_counts(points, _central(points, 4000)).max()) + 1)


def city_undecided(n: int) -> Case:
    """Return the city with ``min_samples`` at the median count, that of 1001 points."""
    points = city(n)
    sample = np.random.default_rng([SEED, 3]).choice(n, min(n, 1001), replace=False)
    return Case(points, EPS_KM, int(np.median(_counts(points, sample))))


CASES: dict[str, Callable[[int], Case]] = {
    "reference": reference,
    "one location": one_location,
    "all within one eps": within_one_eps,
    "line: the equator": parallel,
    "line: a meridian": meridian,
    "lattice at exactly eps": lattice,
    "city, min_samples twice the largest count": city_no_core,
    "city, min_samples one above the largest count": city_just_no_core,
    "city, min_samples the median count": city_undecided,
}
HARD = {
    "city, min_samples one above the largest count",
    "city, min_samples the median count",
}
"""Cases that may take 30 times the reference; the others 3 times."""


def _near_city(km: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    lat = CITY[0] + np.degrees(km * np.cos(angle) / EARTH_RADIUS_KM)
    east = km * np.sin(angle) / (EARTH_RADIUS_KM * math.cos(math.radians(CITY[0])))
    return np.column_stack([lat, CITY[1] + np.degrees(east)])


def _central(points: NDArray[np.float64], many: int) -> NDArray[np.int64]:
    """Return the rows nearest to the centre of the city, where counts are largest."""
    off = (points - CITY) * [1.0, math.cos(math.radians(CITY[0]))]
    return np.argsort(np.hypot(off[:, 0], off[:, 1]))[:many]


def _counts(points: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many points lie within eps of some of them, themselves included."""
    tree = cKDTree(unit_vectors(points), leafsize=64, balanced_tree=False)
    return tree.query_ball_point(tree.data[rows], chord(EPS_KM), return_length=True, workers=-1)
