"""Centroid geocodes: locations whose weight comes from addresses that are known to the city only.

An address that a geocoder finds no street for is put at the point of its city. Many such
make a location far heavier than what is around it, at a gazetteer's point.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from gclust.kernels.spatial.radius_sums import units_around
from gclust.places.cities.gazetteer import gazetteer as shipped
from gclust.sphere import arc_km, unit_vectors
from gclust.threads import count_threads
from gclust.units import UNIT

OWN_KM2 = 1.0
"""The area that a located address stands for: about that of an urban postal code."""

RADIUS_KM = 5.0
NEAR_KM = 1.0
LEAST_RATIO = 10.0
MOSTLY = 0.5
"""The part of a location's weight from which on it is one of city-level addresses."""


def find_centroid_geocodes(
    lat: ArrayLike,
    lon: ArrayLike,
    units: ArrayLike,
    *,
    least_weight: float,
    radius_km: float = RADIUS_KM,
    near_km: float = NEAR_KM,
    least_ratio: float = LEAST_RATIO,
    gazetteer: pd.DataFrame | None = None,
    city_share: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Find the locations that are far heavier than their surroundings, at a city's point.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Distinct locations in degrees, sorted by latitude.
    units : array_like of int64, shape (n,)
        Weights in units of 1/232792560.
    least_weight : float
        Lighter locations are no centroid geocodes: a lone address in a village is heavier than
        nothing around it.
    radius_km : float
        How far the surroundings go.
    near_km : float
        A centroid geocode lies within it of a city's point.
    least_ratio : float
        From which ratio on; see Notes.
    gazetteer : DataFrame, optional
        ``name, country, lat, lon``; that of the package by default. Users with the
        gazetteer of their geocoder give that.
    city_share : array_like, shape (n,), optional
        The part of each location's weight whose addresses are known to the city only,
        from 0 to 1. Where it is known it says what is at a city's point, from a half on, in
        place of the gazetteer.
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
        If the locations are not sorted, or a parameter is not above 0.

    Notes
    -----
    Were a location as dense as its surroundings, its weight would be
    ``e = around * a / (pi radius_km**2 - a)``, with an area ``a`` of 1 km2, about that of an
    urban postal code, for its own. The ratio is ``weight / e``; a location is a centroid geocode from
    ``least_ratio`` on. With the default of 10 and 5 km it then holds more than an eighth of
    what is around it.
    """
    lat, lon = np.array(lat, dtype=np.float64), np.array(lon, dtype=np.float64)
    units = np.array(units, dtype=np.int64)
    if not lat.shape == lon.shape == units.shape or (np.diff(lat) < 0).any():
        raise ValueError("locations must be of one length and sorted by latitude")
    given = {"least_weight": least_weight, "radius_km": radius_km, "near_km": near_km}
    for name, value in {**given, "least_ratio": least_ratio}.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a number above 0, not {value!r}")
    own = OWN_KM2 / (math.pi * radius_km**2 - OWN_KM2)
    if not 0 < own < 1:
        raise ValueError(f"radius_km must be at least 0.8 km, not {radius_km!r}")
    cities = shipped() if gazetteer is None else gazetteer
    row = np.flatnonzero(units >= least_weight * UNIT)
    city, distance_km = _nearest(lat[row], lon[row], cities)
    if city_share is None:
        near = distance_km <= near_km
    else:
        near = np.asarray(city_share, dtype=np.float64)[row] >= MOSTLY
    row, city, distance_km = row[near], city[near], distance_km[near]
    around = units_around(lat, lon, units, row, radius_km, count_threads(n_jobs))
    expected = around * own
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
    table = table[ratio >= least_ratio]
    return table.sort_values(["excess", "row"], ascending=[False, True], ignore_index=True)


def _nearest(
    lat: NDArray[np.float64], lon: NDArray[np.float64], cities: pd.DataFrame
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Row of the nearest city and its distance."""
    if len(lat) == 0:
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    chord, city = cKDTree(unit_vectors(cities["lat"], cities["lon"])).query(unit_vectors(lat, lon))
    return city, arc_km(chord)
