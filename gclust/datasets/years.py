"""Years of simulated records: trends and shocks, all of them invented.

Every economy has a trend, and every cluster one of its own in addition. In some clusters the
number of records of a kind is far higher or lower in one year. Venture capital deals have a peak
in 2021 and fall after it, as in the real world.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.datasets.positions import uniform

Floats = NDArray[np.float64]

_TREND = {"patent": 0.02, "publication": 0.04, "deal": 0.03}  # of the world, per year
_WORLD: dict[str, dict[int, float]] = {
    "patent": {2020: 1.0},
    "publication": {2020: 1.03, 2021: 1.04},
    "deal": {2020: 0.95, 2021: 1.35, 2022: 1.15, 2023: 0.85},
}
"""How much a year of the world is above its trend."""
_ECONOMY, _CLUSTER = 0.06, 0.05  # half the range of trends
_SHOCKED = 0.25  # part of the clusters
_SHOCK = 0.45


def year_limits(kind: str, sites: pd.DataFrame, years: tuple[int, int], seed: int) -> Floats:
    """Return for each site the cumulative shares of the years in its records.

    Parameters
    ----------
    kind : str
    sites : pandas.DataFrame
        ``region, cluster, country``; places of a region have the same years.
    years : (int, int)
        First and last.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n, years)
        The last is 1.
    """
    number = {"patent": 1, "publication": 2, "deal": 3}[kind]
    every = np.arange(years[0], years[1] + 1)
    home = sites.groupby("region")["country"].transform("first")
    economy = np.array([int.from_bytes(code.encode(), "big") for code in home], dtype=np.uint64)
    cluster = sites["cluster"].to_numpy()
    key = np.where(cluster >= 0, cluster + 1, 0).astype(np.uint64) + economy * np.uint64(1 << 12)
    seed = seed * 1000 + 900 + number * 10
    trend = _TREND[kind] + _ECONOMY * (2.0 * uniform(economy, seed) - 1.0)
    trend = trend + _CLUSTER * (2.0 * uniform(key, seed + 1) - 1.0)
    part = np.exp(np.log1p(trend)[:, None] * (every - every[0])[None, :])
    part *= np.array([_WORLD[kind].get(int(year), 1.0) for year in every])
    shocked = uniform(key, seed + 2) < _SHOCKED
    which = (uniform(key, seed + 3) * len(every)).astype(np.int64)
    strength = 1.0 + _SHOCK * (2.0 * uniform(key, seed + 4) - 1.0)
    rows = np.flatnonzero(shocked & (cluster >= 0))
    part[rows, which[rows]] *= strength[rows]
    limits = np.cumsum(part, axis=1) / part.sum(axis=1, keepdims=True)
    limits[:, -1] = 1.0
    return limits
