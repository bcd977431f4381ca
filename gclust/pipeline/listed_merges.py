"""Merging by a list: the clusters of the pairs of places that a study names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.cluster.gaps import Gaps, gaps_km, gaps_of_pairs_km
from gclust.errors import StudyError
from gclust.pipeline.run_log import RunLog
from gclust.places.cities.cities import NEAR_KM
from gclust.places.cities.gazetteer import gazetteer
from gclust.spelling import did_you_mean
from gclust.sphere import arc_km, unit_vectors
from gclust.study.sections import Merge, PlaceName, place_text

WITH_COUNTRY = re.compile(r"(.+) \((?:([^(),]+), )?([A-Z]{2})\)")
"""``name (country)`` or ``name (division, country)``, as names of clusters are written."""

KM_PER_DEGREE = 111.0
"""A little less than one degree of latitude."""

MOST_NAMED = 5

Floats = NDArray[np.float64]


def mergeable_gaps_km(
    options: Merge, lat: Floats, lon: Floats, labels: NDArray[np.integer]
) -> Gaps:
    """Return the gaps of the clusters that may merge: near ones, or those of the listed places."""
    if options.rule == "list":
        return ListedMerges(options, lat, lon).gaps_km(labels)
    return gaps_km(lat, lon, labels, options.max_gap_km)


class ListedPlaces(NamedTuple):
    """The pairs of places of ``[merge] pairs``, with their coordinates."""

    pairs: Sequence[tuple[PlaceName, PlaceName]]
    points: dict[PlaceName, tuple[float, float]]
    """Latitude and longitude of each place."""

    @classmethod
    def of(cls, options: Merge, lat: Floats, lon: Floats) -> ListedPlaces:
        """Look the places up in the gazetteer; ``lat`` and ``lon`` are those of all locations.

        Raises
        ------
        StudyError
            If there is no such city, or if several are near locations of the study.
        """
        pairs = options.pairs or ()
        names = dict.fromkeys(place for pair in pairs for place in pair)
        return cls(pairs, {name: _point(name, lat, lon) for name in names})


class ListedMerges:
    """The locations near the places of a list, from which the clusters of any labels are found.

    Parameters
    ----------
    options : Merge
    lat, lon : ndarray of float64, shape (n,)
        All locations of the study, in degrees.
    """

    def __init__(self, options: Merge, lat: Floats, lon: Floats) -> None:
        self._set(ListedPlaces.of(options, lat, lon), lat, lon)

    @classmethod
    def near(cls, places: ListedPlaces, lat: Floats, lon: Floats) -> ListedMerges:
        """Return the same for places that are known, and other locations."""
        made = cls.__new__(cls)
        made._set(places, lat, lon)
        return made

    def _set(self, places: ListedPlaces, lat: Floats, lon: Floats) -> None:
        self._pairs, self._lat, self._lon = places.pairs, lat, lon
        self._near = {
            name: _nearest_first(lat, lon, *point)[0] for name, point in places.points.items()
        }

    def cluster(self, place: PlaceName, labels: NDArray[np.integer]) -> int:
        """Return the label of the nearest location with one, -1 if none is within 15 km."""
        found = labels[self._near[place]]
        inside = np.flatnonzero(found >= 0)
        return int(found[inside[0]]) if inside.size else -1

    def gaps_km(self, labels: NDArray[np.integer]) -> Gaps:
        """Return the gap of each pair of clusters in the list; ``labels`` are -1 for noise."""
        pairs = set()
        for places in self._pairs:
            a, b = sorted(self.cluster(place, labels) for place in places)
            if 0 <= a < b:
                pairs.add((a, b))
        return gaps_of_pairs_km(self._lat, self._lon, labels, pairs)

    def messages(self, labels: NDArray[np.integer]) -> Iterator[str]:
        """Yield a message for each pair of the list that merges nothing."""
        for places in self._pairs:
            clusters = [self.cluster(place, labels) for place in places]
            named = " and ".join(map(place_text, places))
            for place, cluster in zip(places, clusters, strict=True):
                if cluster < 0:
                    yield (
                        f"[merge] pairs: {named} do not merge, for no cluster has a location"
                        f" within {NEAR_KM:g} km of {place_text(place)}; name a place inside the"
                        " cluster, or remove the pair"
                    )
            if clusters[0] >= 0 and clusters[0] == clusters[1]:
                yield f"[merge] pairs: {named} lie in one cluster already; remove the pair"


def warn_of_listed(
    options: Merge, locations: pd.DataFrame, labels: NDArray[np.integer], run_log: RunLog
) -> None:
    """Warn of pairs of ``[merge] pairs`` that merge nothing; they are errors in a strict study."""
    if options.rule == "list":
        lat, lon = locations["lat"].to_numpy(), locations["lon"].to_numpy()
        run_log.warn_or_refuse(list(ListedMerges(options, lat, lon).messages(labels)))


def _nearest_first(
    lat: Floats, lon: Floats, at_lat: float, at_lon: float
) -> tuple[NDArray[np.intp], Floats]:
    """Return the locations within 15 km of a point, nearest first, and their distances in km."""
    band = np.flatnonzero(np.abs(lat - at_lat) <= NEAR_KM / KM_PER_DEGREE)
    apart = unit_vectors(lat[band], lon[band]) - unit_vectors(at_lat, at_lon)
    km = arc_km(np.sqrt((apart * apart).sum(axis=1)))
    band, km = band[km <= NEAR_KM], km[km <= NEAR_KM]
    order = np.lexsort((lon[band], lat[band], km))
    return band[order], km[order]


def _point(place: PlaceName, lat: Floats, lon: Floats) -> tuple[float, float]:
    """Return the coordinates of a place: those of the city of that name, if it has one."""
    if not isinstance(place, str):
        return place
    cities = gazetteer()
    found = _called(cities, place)
    if found.empty:
        hint = did_you_mean(place, cities["name"].tolist(), otherwise=".")
        raise StudyError(
            f"[merge] pairs: {place!r} is no city of the gazetteer{hint} Expected the name of a"
            " city, with its country where several have it (Cambridge (GB)), or [latitude,"
            " longitude]"
        )
    if len(found) > 1:
        points = zip(found["lat"], found["lon"], strict=True)
        found = found[[_nearest_first(lat, lon, *point)[0].size > 0 for point in points]]
    if len(found) > 1:
        listed = [
            f"{_full_name(row)} at [{row['lat']:.4f}, {row['lon']:.4f}]"
            for row in found.head(MOST_NAMED).to_dict("records")
        ]
        raise StudyError(
            f"[merge] pairs: {place!r} is the name of {len(found)} cities near locations of the"
            f" study: {', '.join(listed)}; write the country too, or [latitude, longitude]"
        )
    if found.empty:
        raise StudyError(
            f"[merge] pairs: none of the cities called {place!r} is within {NEAR_KM:g} km of a"
            " location of the study; remove the pair, or give [latitude, longitude]"
        )
    return float(found["lat"].iloc[0]), float(found["lon"].iloc[0])


def _called(cities: pd.DataFrame, place: str) -> pd.DataFrame:
    """Return the cities of a name, which may end with the country in brackets."""
    found = cities[cities["name"].str.casefold() == place.casefold()]
    parts = WITH_COUNTRY.fullmatch(place)
    if len(found) or parts is None:
        return found
    name, division, country = parts.groups()
    found = cities[(cities["name"].str.casefold() == name.casefold())]
    found = found[found["country"] == country]
    return found if division is None else found[found["admin1"] == division]


def _full_name(city: dict[str, object]) -> str:
    division = str(city["admin1"])
    within = f"{division}, {city['country']}" if division.isalpha() else str(city["country"])
    return f"{city['name']} ({within})"
