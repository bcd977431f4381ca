"""Seeded listings of the world, of any size, made in parts.

Real cities of the gazetteer with heavy-tailed weights; a quarter of the listings
at the centre of their city, nearly half on a postal code of it, the rest at a
rooftop. Listing ``i`` depends on the seed and ``i`` alone: a smaller world is the
beginning of a larger one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.places.cities.gazetteer import gazetteer

SEED = 20250901
EPS_KM = 15.0
PER_MILLION = 150
"""``min_samples`` for a million listings."""

CENTRE, POSTAL = 0.25, 0.47
"""Shares of listings at city centres and on postal codes; the others are at rooftops."""
INHABITANTS_OF_A_CODE = 2000
"""Of a postal code: so many that 1 million listings fall onto 0.6 million places."""
DECIMALS = 5
"""Of the degrees of codes and rooftops: about a metre."""

PART = 1 << 20
"""Listings made at once."""
KM_OF_A_DEGREE = 111.195


def min_samples(n: int) -> int:
    """Return the threshold that goes with ``n`` listings, at least 2."""
    return max(2, round(n * PER_MILLION / 1_000_000))


class Cities(NamedTuple):
    """Where listings are drawn from."""

    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    scale_km: NDArray[np.float64]
    """Distance over which the density of a city falls to 1/e (C. Clark, Urban
    population densities, JRSS A 114, 1951)."""
    cumulated: NDArray[np.float64]
    """Of the cities' shares of all listings, in order; ends in 1."""
    first_code: NDArray[np.int64]
    """Number of each city's first postal code; the last entry is that of all codes."""
    code_lat: NDArray[np.float64]
    code_lon: NDArray[np.float64]


@lru_cache(maxsize=1)
def cities(seed: int = SEED) -> Cities:
    """Lay out the world: the weight of every city and the places of its postal codes."""
    table = gazetteer()
    table = table[~table["section"]]
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    inhabitants = np.maximum(table["population"].to_numpy(dtype=np.float64), 15_000.0)
    rng = np.random.default_rng([seed, 0])
    # Innovation is more concentrated than people, and cities of a size differ widely.
    weight = inhabitants**1.15 * np.exp(rng.normal(0.0, 1.3, len(lat)))
    scale_km = 1.2 * (inhabitants / 1e5) ** 0.4
    codes = np.maximum(inhabitants / INHABITANTS_OF_A_CODE, 6.0).astype(np.int64)
    of_code = np.repeat(np.arange(len(lat)), codes)
    code_lat, code_lon = _about(lat[of_code], lon[of_code], scale_km[of_code], rng)
    cumulated = np.cumsum(weight) / weight.sum()
    cumulated[-1] = 1.0
    first_code = np.concatenate([[0], np.cumsum(codes)])
    return Cities(lat, lon, scale_km, cumulated, first_code, code_lat, code_lon)


def parts(n: int, seed: int = SEED) -> Iterator[NDArray[np.float64]]:
    """Yield ``n`` listings as arrays of degrees of shape (at most 2**20, 2)."""
    for number, start in enumerate(range(0, n, PART), start=1):
        yield _part(cities(seed), np.random.default_rng([seed, number]))[: n - start]


def listings(n: int, seed: int = SEED) -> NDArray[np.float64]:
    """Return ``n`` listings as degrees, latitude then longitude, of shape (n, 2)."""
    points = np.empty((n, 2))
    _fill(points, n, seed)
    return points


def write_listings(path: Path, n: int, seed: int = SEED) -> None:
    """Write ``n`` listings to an ``.npy`` file, one part in memory at a time."""
    points = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(n, 2))
    _fill(points, n, seed)
    points.flush()


def _fill(points: NDArray[np.float64], n: int, seed: int) -> None:
    done = 0
    for part in parts(n, seed):
        points[done : done + len(part)] = part
        done += len(part)


def _part(world: Cities, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return one whole part; every draw is made for every listing, used or not."""
    city = np.searchsorted(world.cumulated, rng.random(PART), side="right")
    precision = rng.random(PART)
    code = rng.random(PART)
    lat, lon = _about(world.lat[city], world.lon[city], world.scale_km[city], rng)
    centre, postal = precision < CENTRE, precision < CENTRE + POSTAL
    lat[centre], lon[centre] = world.lat[city[centre]], world.lon[city[centre]]
    postal &= ~centre
    of = city[postal]
    many = world.first_code[of + 1] - world.first_code[of]
    at = world.first_code[of] + (code[postal] * many).astype(np.int64)
    lat[postal], lon[postal] = world.code_lat[at], world.code_lon[at]
    return np.column_stack([lat, lon])


def _about(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    scale_km: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a place about each centre, with a density that falls exponentially."""
    km = rng.gamma(2.0, 1.0, len(lat)) * scale_km
    angle = rng.random(len(lat)) * (2.0 * np.pi)
    north = lat + km * np.cos(angle) / KM_OF_A_DEGREE
    east = lon + km * np.sin(angle) / (KM_OF_A_DEGREE * np.cos(np.radians(lat)))
    east = np.where(east >= 180.0, east - 360.0, np.where(east < -180.0, east + 360.0, east))
    return np.round(np.clip(north, -90.0, 90.0), DECIMALS), np.round(east, DECIMALS)
