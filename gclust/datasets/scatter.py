"""Random numbers that depend on a counter alone, and the points made from them.

Every listing's place is computed from its number, so that a world can be
written in parts of any size and is the same whatever their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gclust.datasets.geometry import offset

POSTAL_POINTS = 4000
"""Postal-code points of a site, at most."""
DECIMALS = 5
"""Of the degrees of every position: about a metre."""

_MAX_ROOFTOPS = 1 << 20


def mixed(counter: np.ndarray, seed: int) -> np.ndarray:
    """Turn counters into 64 well-mixed bits each.

    The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    with np.errstate(over="ignore"):
        z = counter.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64((seed * 0xD1B54A32D192ED03 + 0x8CB92BA72F3D8DD7) % (1 << 64))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(counter: np.ndarray, seed: int) -> np.ndarray:
    """Return one number in [0, 1) for each counter."""
    return (mixed(counter, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53


@dataclass(frozen=True)
class Shuffle:
    """Permutations of 0 .. size - 1, one for each size, that bring neighbours far apart.

    They are affine maps with a step near the golden section of the size, so
    that any run of numbers is spread evenly over the whole.
    """

    size: np.ndarray
    step: np.ndarray
    shift: int

    @classmethod
    def of(cls, size: np.ndarray | int, seed: int) -> Shuffle:
        """Choose for each size a step that has no common factor with it."""
        size = np.maximum(np.atleast_1d(np.asarray(size, dtype=np.int64)), 1)
        step = np.maximum(np.rint(size * 0.6180339887498949).astype(np.int64), 1)
        while (bad := np.gcd(step, size) != 1).any():
            step = np.where(bad, step + 1, step)
        return cls(size, step, seed % 1_000_003)

    def __call__(self, index: np.ndarray, which: np.ndarray | int = 0) -> np.ndarray:
        """Return the new place of each number under the permutation it belongs to."""
        return (index * self.step[which] + self.shift) % self.size[which]


class Points:
    """The finite pools of positions about each site: centre, postal codes, rooftops.

    Parameters
    ----------
    lat, lon : ndarray
        Centres in degrees.
    spread_km : ndarray
        Radius about each centre; 0 keeps every listing at the centre.
    listings : ndarray
        Expected listings at scale 1, which the pools are sized for.
    """

    def __init__(
        self, lat: np.ndarray, lon: np.ndarray, spread_km: np.ndarray, listings: np.ndarray
    ) -> None:
        self.lat, self.lon, self.spread_km = lat, lon, spread_km
        still = spread_km == 0.0
        postal = np.clip(listings / 40.0, 6, POSTAL_POINTS).astype(np.int64)
        rooftops = np.clip(listings * 0.5, 16, _MAX_ROOFTOPS).astype(np.int64)
        self.postal = np.where(still, 0, postal)
        self.rooftops = np.where(still, 0, rooftops)

    @property
    def bound(self) -> int:
        """Number of positions there can be at any scale."""
        return int(len(self.lat) + self.postal.sum() + self.rooftops.sum())

    def precision(
        self, site: np.ndarray, bits: np.ndarray, city: float, postal: float
    ) -> np.ndarray:
        """Return 0 (city), 1 (postal) or 2 (rooftop) for each listing from its random bits."""
        draw = (bits & np.uint64(0xFFFF)).astype(np.float64) / 65536.0
        code = (draw >= city).astype(np.int8) + (draw >= city + postal).astype(np.int8)
        return np.where(self.spread_km[site] == 0.0, np.int8(0), code)

    def positions(
        self, site: np.ndarray, precision: np.ndarray, bits: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return latitude and longitude of each listing in degrees, rounded to 5 decimals."""
        draw = ((bits >> np.uint64(16)) & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
        pool = np.where(precision == 1, self.postal[site], self.rooftops[site])
        # Postal codes near the centre have more addresses than those far out.
        index = (np.where(precision == 1, draw**1.5, draw) * pool).astype(np.int64)
        key = (site.astype(np.uint64) << np.uint64(24)) | index.astype(np.uint64)
        key |= precision.astype(np.uint64) << np.uint64(22)
        point = mixed(key, seed)
        near = (point >> np.uint64(32)).astype(np.float64) * 2.0**-32
        angle = (point & np.uint64(0xFFFFFFFF)).astype(np.float64) * (2.0**-32 * 2.0 * np.pi)
        km = np.where(precision == 0, 0.0, self.spread_km[site] * near**0.8)
        lat, lon = offset(self.lat[site], self.lon[site], km, angle)
        return np.round(lat, DECIMALS), np.round(lon, DECIMALS)
