"""Fields of simulated records, such as chemistry, and the fields in which cities specialise.

Both are invented: the share of each field in the world, and the fields in which a city is
specialised. Some cities have the specialities that they are known for, other cities random ones.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.datasets.positions import uniform

FIELDS: dict[str, dict[str, float]] = {
    # Named as technology fields of WIPO's concordance (Schmoch 2008) or several of these.
    "patent": {
        "biotechnology": 5.0,
        "chemistry": 9.0,
        "civil engineering": 5.0,
        "computer technology": 14.0,
        "digital communication": 11.0,
        "electrical machinery": 11.0,
        "machinery": 13.0,
        "measurement": 6.0,
        "medical technology": 8.0,
        "pharmaceuticals": 5.0,
        "semiconductors": 6.0,
        "transport": 7.0,
    },
    "publication": {
        "agriculture": 5.0,
        "biology": 13.0,
        "chemistry": 12.0,
        "computer science": 8.0,
        "earth science": 7.0,
        "engineering": 16.0,
        "materials": 9.0,
        "mathematics": 3.0,
        "medicine": 20.0,
        "physics": 7.0,
    },
    "deal": {
        "biotechnology": 16.0,
        "energy": 9.0,
        "finance": 17.0,
        "hardware": 12.0,
        "health": 12.0,
        "software": 34.0,
    },
}
"""Per cent of a kind's records in the world in each field, before specialities."""

KNOWN_FOR: dict[str, tuple[str, ...]] = {
    "Basel": ("pharmaceuticals", "biology", "biotechnology"),
    "Beijing": ("digital communication", "computer science"),
    "Bengaluru": ("computer technology", "software"),
    "Boston": ("biotechnology", "medicine"),
    "Cambridge": ("biotechnology", "biology"),
    "Copenhagen": ("biotechnology", "biology"),
    "Daejeon": ("electrical machinery", "materials"),
    "Detroit": ("transport", "engineering"),
    "Eindhoven": ("medical technology", "hardware"),
    "Houston": ("civil engineering", "earth science", "energy"),
    "London": ("finance", "medicine"),
    "Minneapolis": ("medical technology", "health"),
    "Munich": ("transport", "physics"),
    "Nagoya": ("transport", "engineering"),
    "New York City": ("pharmaceuticals", "finance"),
    "San Diego": ("digital communication", "biotechnology"),
    "San Francisco": ("computer technology", "software"),
    "San Jose": ("computer technology", "software"),
    "Seoul": ("semiconductors", "materials"),
    "Shenzhen": ("digital communication", "hardware"),
    "Stockholm": ("digital communication", "finance"),
    "Stuttgart": ("transport", "engineering"),
    "Taipei": ("semiconductors", "hardware"),
    "Tokyo": ("electrical machinery", "physics"),
    "Yokohama": ("electrical machinery", "engineering"),
}
"""Fields that are six times as frequent in a city's region as in the world, by city."""

TIMES = 6.0
LEAST, MOST = 0.4, 1.6
"""Range of a city's random factors for all other fields."""


def field_limits(kind: str, sites: pd.DataFrame, seed: int) -> np.ndarray:
    """Draw at random the cumulative shares of a kind's fields at each site.

    Parameters
    ----------
    kind : str
    sites : pandas.DataFrame
        ``name, region, cluster, principal``. Sites of a region have equal shares, with the
        specialities of all its principal cities; those outside clusters are independent.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n, fields)
        Cumulative shares; the last one is 1.
    """
    fields, region = list(FIELDS[kind]), sites["region"].to_numpy()
    outside = sites["cluster"].to_numpy() < 0
    alike = np.where(outside, region.max() + 1 + np.arange(len(region)), region)
    counter = alike[:, None] * len(fields) + np.arange(len(fields))
    draw = uniform(counter.astype(np.uint64), seed)
    times = LEAST + (MOST - LEAST) * draw
    cities = sites["name"].to_numpy().astype(str)
    for column, field in enumerate(fields):
        known = [city for city, of_city in KNOWN_FOR.items() if field in of_city]
        known_here = np.isin(cities, known) & sites["principal"].to_numpy()
        times[np.isin(alike, alike[known_here]), column] = TIMES
    parts = np.array(list(FIELDS[kind].values())) * times
    limits = np.cumsum(parts, axis=1) / parts.sum(axis=1, keepdims=True)
    limits[:, -1] = 1.0
    return limits


def field_of(limits: np.ndarray, city: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Return each record's field number (int8), from a random number in [0, 1) for each record."""
    return (draw[:, None] >= limits[city]).sum(axis=1).astype(np.int8)
