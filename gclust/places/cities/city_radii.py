"""Radii of cities, computed from their inhabitants."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gclust.places.cities.cities import INHABITANTS_PER_KM2, Cities, shipped_cities
from gclust.sphere import chord_of, unit_vectors

LEAST_INHABITANTS = 15_000.0
"""Least number of inhabitants of places in the gazetteer."""

AT_POINT_KM = 1.0
"""Largest distance between the points of one city in different gazetteers."""


def city_radii_km(
    lat: ArrayLike,
    lon: ArrayLike,
    *,
    inhabitants_per_km2: float = INHABITANTS_PER_KM2,
    cities: Cities | None = None,
) -> NDArray[np.float64]:
    """Return for each location the radius (km) of the city at whose point it lies.

    Parameters
    ----------
    lat, lon : array_like, shape (n,)
        Degrees: points at which a geocoder puts addresses that it knows to the city only.
    inhabitants_per_km2 : float
        Density of a city; see Notes.
    cities : Cities, optional
        Those of the package's gazetteer by default.

    Returns
    -------
    ndarray of float64, shape (n,)
        Kilometres.

    Raises
    ------
    ValueError
        If ``inhabitants_per_km2`` is not above 0.

    Notes
    -----
    The radius is that of a circle in which the city's inhabitants live so densely:
    ``sqrt(inhabitants / inhabitants_per_km2 / pi)``. The default of 2,500 is the density by
    which `gclust.places.cities.cities` separates cities from parts of cities. Each km2 of a
    city has at least 1,500 (Applying the Degree of Urbanisation, European Union, FAO,
    UN-Habitat, OECD and World Bank 2021, doi:10.2785/706535), and most have more, so that the
    discs are too wide rather than too narrow (13.8 km for Munich, whose 310 km2 would fill one
    of 9.9 km).

    The city is the largest place whose point lies within 1 km. Where there is none, it is the
    nearest one that is no part of another, if its disc contains the point. A point in no city
    belongs to a place smaller than those of the gazetteer, and gets the radius of 15,000
    inhabitants, 1.4 km, as an upper bound.
    """
    if not inhabitants_per_km2 > 0:
        raise ValueError(f"inhabitants_per_km2 must be above 0, not {inhabitants_per_km2!r}")
    known = shipped_cities() if cities is None else cities
    points = unit_vectors(lat, lon)
    radius = np.sqrt(known.population / inhabitants_per_km2 / np.pi)
    least = float(np.sqrt(LEAST_INHABITANTS / inhabitants_per_km2 / np.pi))
    chord, nearest = known.eligible_tree.query(points)
    of_nearest = radius[known.eligible[nearest]]
    found = np.where(chord <= chord_of(of_nearest), of_nearest, least)
    # Rows go from the largest city down.
    near = known.tree.query_ball_point(points, float(chord_of(AT_POINT_KM)))
    for at, rows in enumerate(near):
        if rows:
            found[at] = radius[min(rows)]
    return np.maximum(found, least)
