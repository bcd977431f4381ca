"""Simulated listings of patents round twelve towns, for the examples of the gallery."""

from __future__ import annotations

import numpy as np
import pandas as pd

TOWNS = {  # latitude, longitude, records
    "Munich": (48.14, 11.58, 900),
    "Stuttgart": (48.78, 9.18, 800),
    "Frankfurt": (50.11, 8.68, 600),
    "Zürich": (47.38, 8.54, 550),
    "Mannheim": (49.49, 8.47, 420),
    "Heidelberg": (49.41, 8.69, 380),
    "Nuremberg": (49.45, 11.08, 350),
    "Basel": (47.56, 7.59, 330),
    "Karlsruhe": (49.01, 8.40, 280),
    "Strasbourg": (48.58, 7.75, 200),
    "Freiburg": (47.99, 7.85, 160),
    "Ulm": (48.40, 9.99, 130),
}


def listings(seed: int = 1, towns: dict[str, tuple[float, float, int]] = TOWNS) -> pd.DataFrame:
    """Return one row per inventor of a record: ``record, lat, lon, year, organisation``.

    Most inventors of a record live round one town, a tenth in the next one of the list; a tenth of
    all listings lie anywhere in the region.
    """
    random = np.random.default_rng(seed)
    places = np.array([(lat, lon) for lat, lon, _ in towns.values()])
    town = np.repeat(np.arange(len(towns)), [records for _, _, records in towns.values()])
    team = random.integers(1, 5, town.size)
    record = np.repeat(np.arange(town.size), team)
    home = np.repeat(town, team)
    away = random.random(home.size) < 0.1
    home = np.where(away, (home + 1) % len(towns), home)
    lat, lon = (places[home] + random.normal(0, (0.05, 0.07), (home.size, 2))).T
    rural = random.random(home.size) < 0.1
    lat[rural] = random.uniform(47, 50.5, rural.sum())
    lon[rural] = random.uniform(7, 12.5, rural.sum())
    first = 2015 + (random.beta(1.2, 1.0, town.size) * 10).astype(int)
    firm = np.minimum(random.zipf(1.6, town.size), 40)
    names = np.char.add("firm ", firm.astype(str))
    return pd.DataFrame(
        {
            "record": record,
            "lat": lat,
            "lon": lon,
            "year": first[record],
            "organisation": names[record],
        }
    )
