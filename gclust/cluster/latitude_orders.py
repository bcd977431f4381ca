"""Orders of locations by latitude band and longitude, each shared by several radii.

Bands are from a third to a sixth of a radius high, so radii that differ by less than a factor of
two have their points sorted once. What is computed from bands does not depend on their height.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gclust.kernels.spatial.bands import band_height
from gclust.kernels.spatial.fold import fold_rows
from gclust.parallel import unreported

MOST_RATIO = 1.8
"""Largest ratio of two radii that share an order: bands are then from 3 to 5.4 in a radius."""

LEAST_PART = 0.75
"""Least height of the bands of an order, as a part of `band_height` of its largest radius."""

NO_UNITS = np.zeros(0, dtype=np.int64)


class LatitudeOrder(NamedTuple):
    """Locations sorted by band of latitude, then longitude."""

    eps_km: float  # the radius whose `band_height` the bands have
    order: NDArray[np.uint32]  # (n,) locations


def order_locations(
    lat: NDArray[np.float64], lon: NDArray[np.float64], eps_km: float, threads: int
) -> LatitudeOrder:
    """Sort distinct locations, at least one, into the bands of a radius."""
    folded = fold_rows(lat, lon, NO_UNITS, band_height(eps_km), threads, unreported)
    return LatitudeOrder(eps_km, folded.first)


def orders_of_radii(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    eps_km: tuple[float, ...],
    threads: int,
    report: Callable[[float], None],
) -> list[LatitudeOrder]:
    """Return the order for each radius, ascending; several radii share one."""
    orders: list[LatitudeOrder] = []
    first = 0
    while first < len(eps_km):
        last = first
        while last < len(eps_km) and eps_km[last] <= MOST_RATIO * eps_km[first]:
            last += 1
        base = max(eps_km[first], LEAST_PART * eps_km[last - 1])
        orders += [order_locations(lat, lon, base, threads)] * (last - first)
        first = last
        report(first / len(eps_km))
    return orders
