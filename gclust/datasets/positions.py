"""Positions of simulated listings, from random numbers that depend only on a counter.

Every listing's position depends only on its number, so a world can be written in chunks of any
size and in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gclust.datasets.geometry import offset

POSTAL_POINTS = 4000
"""Most postal-code points of a site."""
DECIMALS = 5
"""Number of decimals of positions in degrees, which is about a metre."""

_MAX_ROOFTOPS = 1 << 20


def mixed(counter: np.ndarray, seed: int) -> np.ndarray:
    """Return a 64-bit hash of each counter and the seed.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    with np.errstate(over="ignore"):
        z = counter.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64((seed * 0xD1B54A32D192ED03 + 0x8CB92BA72F3D8DD7) % (1 << 64))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(counter: np.ndarray, seed: int) -> np.ndarray:
    """Return a uniform random number in [0, 1) for each counter."""
    return (mixed(counter, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


@dataclass(frozen=True)
class Shuffle:
    """Permutations of 0 to size - 1, one for each size, that move neighbours far apart.

    They are affine maps with a step near the golden section of the size, so that consecutive
    numbers are distributed evenly over the whole range.
    """

    size: np.ndarray
    step: np.ndarray
    shift: int

    @classmethod
    def of(cls, size: np.ndarray | int, seed: int) -> Shuffle:
        """Make a permutation for each size; its step has no common factor with the size."""
        size = np.maximum(np.atleast_1d(np.asarray(size, dtype=np.int64)), 1)
        step = np.maximum(np.rint(size * 0.6180339887498949).astype(np.int64), 1)
        while (bad := np.gcd(step, size) != 1).any():
            step = np.where(bad, step + 1, step)
        return cls(size, step, seed % 1_000_003)

    def __call__(self, index: np.ndarray, which: np.ndarray | int = 0) -> np.ndarray:
        """Apply to each number the permutation of its size."""
        return (index * self.step[which] + self.shift) % self.size[which]


class PositionPools:
    """Finite pools of positions at each site: its centre, postal codes and rooftops.

    Parameters
    ----------
    lat, lon : ndarray
        Centres in degrees.
    radius_km : ndarray
        Radius of each site; 0 puts every listing at the centre.
    listings : ndarray
        Expected listings at scale 1, which decide the sizes of the pools.
    """

    def __init__(
        self, lat: np.ndarray, lon: np.ndarray, radius_km: np.ndarray, listings: np.ndarray
    ) -> None:
        self.lat, self.lon, self.radius_km = lat, lon, radius_km
        at_centre = radius_km == 0.0
        postal = np.clip(listings / 40.0, 6, POSTAL_POINTS).astype(np.int64)
        rooftops = np.clip(listings * 0.5, 16, _MAX_ROOFTOPS).astype(np.int64)
        self.postal = np.where(at_centre, 0, postal)
        self.rooftops = np.where(at_centre, 0, rooftops)

    @property
    def bound(self) -> int:
        """Largest number of distinct positions, whatever the size of the simulated world."""
        return int(len(self.lat) + self.postal.sum() + self.rooftops.sum())

    def precision(
        self, site: np.ndarray, bits: np.ndarray, city: float, postal: float
    ) -> np.ndarray:
        """Return each listing's precision from its random bits: 0 city, 1 postal, 2 rooftop."""
        draw = (bits & np.uint64(0xFFFF)).astype(np.float64) / 65536.0
        code = (draw >= city).astype(np.int8) + (draw >= city + postal).astype(np.int8)
        return np.where(self.radius_km[site] == 0.0, np.int8(0), code)

    def positions(
        self, site: np.ndarray, precision: np.ndarray, bits: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the latitude and longitude of each listing in degrees, rounded to 5 decimals."""
        draw = ((bits >> np.uint64(16)) & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
        pool = np.where(precision == 1, self.postal[site], self.rooftops[site])
        # Postal codes near the centre have more addresses than those far out.
        index = (np.where(precision == 1, draw**1.5, draw) * pool).astype(np.int64)
        key = (site.astype(np.uint64) << np.uint64(24)) | index.astype(np.uint64)
        key |= precision.astype(np.uint64) << np.uint64(22)
        point = mixed(key, seed)
        near = (point >> np.uint64(32)).astype(np.float64) * 2.0**-32
        angle = (point & np.uint64(0xFFFFFFFF)).astype(np.float64) * (2.0**-32 * 2.0 * np.pi)
        # Ever fewer outwards, and none at the edge: half of them within 0.29 of the radius.
        km = np.where(precision == 0, 0.0, self.radius_km[site] * (1.0 - np.sqrt(1.0 - near)))
        lat, lon = offset(self.lat[site], self.lon[site], km, angle)
        return np.round(lat, DECIMALS), np.round(lon, DECIMALS)
