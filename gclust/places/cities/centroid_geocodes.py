"""Centroid geocodes: points where a geocoder puts all addresses known to the city only.

A geocoder that finds no street for an address puts it at the point of its city. Many such
addresses make one location far heavier than its surroundings, at a city's point.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gclust.kernels.spatial.radius_sums import units_around
from gclust.places.cities.gazetteer import gazetteer as shipped
from gclust.sphere import arc_km, unit_vectors
from gclust.threads import count_threads
from gclust.units import UNIT

ADDRESS_KM2 = 1.0
"""Area that one location represents: about that of an urban postal code."""

LEAST_CITY_SHARE = 0.5
"""Least part of a centroid geocode's weight whose addresses are known to the city only."""


@dataclass(frozen=True, kw_only=True)
class GeocodeCriteria:
    """The criteria by which a location is a centroid geocode.

    Attributes
    ----------
    least_weight : float
        The least weight, in listings: a lone address in a village is no centroid geocode,
        although nothing around it has any weight.
    radius_km : float
        Radius of the surroundings, at least 0.8 km.
    near_km : float
        The largest distance from a city's point.
    least_ratio : float
        The least ratio to the surroundings; see the notes of `find_centroid_geocodes`.

    Raises
    ------
    ValueError
        If one of them is not above 0, or ``radius_km`` too small.
    """

    least_weight: float
    radius_km: float = 5.0
    near_km: float = 1.0
    least_ratio: float = 10.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be a number above 0, not {value!r}")
        if not 0 < self.expected_share < 1:
            raise ValueError(f"radius_km must be at least 0.8 km, not {self.radius_km!r}")

    @property
    def expected_share(self) -> float:
        """Expected weight of an ordinary location, as a share of the weight of its surroundings."""
        return ADDRESS_KM2 / (math.pi * self.radius_km**2 - ADDRESS_KM2)


def find_centroid_geocodes(
    lat: ArrayLike,
    lon: ArrayLike,
    units: ArrayLike,
    criteria: GeocodeCriteria,
    *,
    gazetteer: pd.DataFrame | None = None,
    city_share: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Find locations at a city's point that are far heavier than their surroundings.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Distinct locations in degrees, sorted by latitude.
    units : array_like of int64, shape (n,)
        Fixed-point weights: multiples of 1/232792560.
    criteria : GeocodeCriteria
    gazetteer : DataFrame, optional
        ``name, country, lat, lon``; that of the package by default. Give the gazetteer of your
        geocoder if you have it.
    city_share : array_like, shape (n,), optional
        The share of each location's weight whose addresses are known to the city only, from 0
        to 1. With it, a share of a half or more decides what is at a city's point, and
        ``near_km`` does not.
    n_jobs : int, optional
        Threads; the result does not depend on it.

    Returns
    -------
    DataFrame
        ``row`` (of the location), ``lat, lon, city, country, distance_km`` (to the nearest
        city's point), ``weight, weight_around`` (of the other locations within ``radius_km``),
        ``ratio, excess`` (weight above what the surroundings would put there), heaviest
        excess first.

    Raises
    ------
    ValueError
        If the locations are not sorted, or the arrays differ in length.

    Notes
    -----
    A location as dense as its surroundings would have the weight
    ``e = around * a / (pi radius_km**2 - a)``, where ``a`` is 1 km2, about the area of an urban
    postal code. The ratio is ``weight / e``. With the default of 10 and 5 km, a centroid
    geocode has more than an eighth of the weight around it.
    """
    lat, lon = np.array(lat, dtype=np.float64), np.array(lon, dtype=np.float64)
    units = np.array(units, dtype=np.int64)
    if not lat.shape == lon.shape == units.shape or (np.diff(lat) < 0).any():
        raise ValueError("lat and lon must have the same length and be sorted by latitude")
    cities = shipped() if gazetteer is None else gazetteer
    row = np.flatnonzero(units >= criteria.least_weight * UNIT)
    city, distance_km = _nearest(lat[row], lon[row], cities)
    if city_share is None:
        near = distance_km <= criteria.near_km
    else:
        near = np.asarray(city_share, dtype=np.float64)[row] >= LEAST_CITY_SHARE
    row, city, distance_km = row[near], city[near], distance_km[near]
    around = units_around(lat, lon, units, row, criteria.radius_km, count_threads(n_jobs))
    expected = around * criteria.expected_share
    with np.errstate(divide="ignore"):
        ratio = units[row] / expected
    table = pd.DataFrame(
        {
            "row": row,
            "lat": lat[row],
            "lon": lon[row],
            "city": cities["name"].to_numpy()[city],
            "country": cities["country"].to_numpy()[city],
            "distance_km": distance_km,
            "weight": units[row] / UNIT,
            "weight_around": around / UNIT,
            "ratio": ratio,
            "excess": np.floor(units[row] - expected) / UNIT,
        }
    )
    table = table[ratio >= criteria.least_ratio]
    return table.sort_values(["excess", "row"], ascending=[False, True], ignore_index=True)


def _nearest(
    lat: NDArray[np.float64], lon: NDArray[np.float64], cities: pd.DataFrame
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the row of the nearest city of each location, and the distance."""
    if len(lat) == 0:
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    from scipy.spatial import cKDTree

    chord, city = cKDTree(unit_vectors(cities["lat"], cities["lon"])).query(unit_vectors(lat, lon))
    return city, arc_km(chord)
