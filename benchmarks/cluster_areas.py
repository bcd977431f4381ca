"""Areas of one simulated city by its number of listings.

    python benchmarks/cluster_areas.py --seeds 5

The city is normal with a standard deviation of 6 km, so that the smallest region with 90 % of it
has 521 km2. It prints, for each number of listings, the mean areas of the footprint by each method
and that of the densest region (`area_90`). Thresholds grow with the number of listings.
"""

from __future__ import annotations

import argparse
import math
import warnings

import numpy as np
import pandas as pd

import gclust

SIGMA_KM = 6.0
KM_OF_A_DEGREE = 111.2
NUMBERS = (1_000, 10_000, 100_000)
FOOTPRINTS = {
    "discs": {},
    "concave": {"method": "concave"},
    "convex": {"method": "convex"},
    "cells": {"method": "cells"},
    "discs of cores": {"of": "cores"},
}


def listings(n: int, seed: int) -> pd.DataFrame:
    """Return the listings of the city, each with a record of its own."""
    north, east = np.random.default_rng([n, seed]).normal(0.0, SIGMA_KM, (2, n)) / KM_OF_A_DEGREE
    lon = 9.0 + east / math.cos(math.radians(48.0))
    return pd.DataFrame({"record": range(n), "lat": 48.0 + north, "lon": lon})


def areas(n: int, seed: int) -> list[float]:
    """Return the area of the largest cluster by each footprint, and its area_90."""
    table, found = listings(n, seed), []
    for footprint in FOOTPRINTS.values():
        study = gclust.Study(
            sources=[{"kind": "patent", "data": table}],
            clusters={"eps_km": 15, "min_samples": n / 100},
            footprint=footprint,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            largest = gclust.run(study).ranking.iloc[0]
        found.append(float(largest["area_km2"]))
    return [*found, float(largest["area_90"])]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    print(f"| listings | {' | '.join(FOOTPRINTS)} | area_90 |")
    print(f"| ---: |{' ---: |' * (len(FOOTPRINTS) + 1)}")
    for n in NUMBERS:
        means = np.mean([areas(n, seed) for seed in range(options.seeds)], axis=0)
        print(f"| {n:,} | {' | '.join(f'{each:,.0f}' for each in means)} |", flush=True)


if __name__ == "__main__":
    main()
