"""The null model in simulated worlds without localisation, and with some planted.

    python benchmarks/null_worlds.py --worlds 60

Organisations of many records lie where inhabitants do. For each world it runs the null model with
organisations and with listings as units, and prints the share of worlds in which any place is
significant, the share of clusters whose pointwise value at their own peak is 5 % or less, and the
power for organisations that were moved to one small town.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import gclust  # noqa: E402

KM_OF_A_DEGREE = 111.195
SIDE_KM, TOWNS, INHABITANTS = 600.0, 300, 20_000
ORGANISATIONS, MEAN_RECORDS = 400, 25
"""Number of organisations, and mean of their records; sizes are lognormal."""
LEVEL = 0.05
PLANTED = (0, 5, 10, 20, 40)
"""Organisations moved to one small town."""

Floats = NDArray[np.float64]


class World(NamedTuple):
    """Inhabitants and listings, as tables with coordinates in degrees."""

    people: pd.DataFrame
    patents: pd.DataFrame


def in_degrees(places: Floats) -> pd.DataFrame:
    """Return places in kilometres, shape (n, 2), as degrees, from 45 degrees north."""
    lat = 45 + places[:, 0] / KM_OF_A_DEGREE
    lon = 5 + places[:, 1] / KM_OF_A_DEGREE / np.cos(np.radians(lat))
    return pd.DataFrame({"lat": lat.round(5), "lon": lon.round(5)})


def make_world(seed: int, planted: int = 0) -> World:
    """Return a world whose organisations lie where inhabitants do, but for some in one town."""
    rng = np.random.default_rng(seed)
    towns = rng.uniform(0, SIDE_KM, (TOWNS, 2))
    size = 1.0 / np.arange(1, TOWNS + 1)
    town = rng.choice(TOWNS, INHABITANTS, p=size / size.sum())
    people = towns[town] + rng.normal(0, 4, (INHABITANTS, 2))
    records = np.ceil(rng.lognormal(np.log(MEAN_RECORDS) - 0.5, 1.0, ORGANISATIONS)).astype(int)
    site = people[rng.integers(0, INHABITANTS, ORGANISATIONS)]
    moved = rng.permutation(ORGANISATIONS)[:planted]
    site[moved] = towns[100] + rng.normal(0, 3, (planted, 2))
    organisation = np.repeat(np.arange(ORGANISATIONS), records)
    places = site[organisation] + rng.normal(0, 0.5, (len(organisation), 2))
    patents = in_degrees(places).assign(
        record=np.arange(len(organisation)), organisation=[f"o{n}" for n in organisation]
    )
    return World(in_degrees(people), patents)


def study_of(world: World, units: str, draws: int) -> gclust.Study:
    """Return a study whose clusters are formed by patents, with people as the baseline."""
    return gclust.Study(
        sources=[
            {"kind": "patent", "data": world.patents},
            {"kind": "people", "data": world.people},
        ],
        density={"kinds": ["patent"]},
        clusters={"eps_km": 10, "min_samples": 150},
        merge={"rule": "none"},
        null={"units": units, "baseline": "listings", "within": "all", "draws": draws},
    )


def main() -> None:
    """Print a table of rejections, and one of power."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--draws", type=int, default=199)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.process_time()
    print(f"{given.worlds} worlds without localisation, {given.draws} draws, level {LEVEL:g}")
    for units in ("organisations", "listings"):
        rejected, peaks, found, strongest = 0, [], [], 0
        for seed in range(given.worlds):
            result = gclust.null_model(study_of(make_world(seed), units, given.draws), n_jobs=1)
            rejected += result.p_value <= LEVEL
            peaks += (result.table["peak_pointwise_p"] <= LEVEL).tolist()
            found.append(int(result.table["significant"].sum()))
            strongest += bool((result.table["peak_pointwise_p"].head(1) <= LEVEL).any())
        print(
            f"{units:14} any place significant: {100 * rejected / given.worlds:5.1f} % of worlds;"
            f" clusters: {len(peaks) / given.worlds:.1f} a world, {np.mean(found):.2f} significant;"
            f" pointwise at a cluster's own peak: {100 * np.mean(peaks):.0f} % of clusters, at that"
            f" of the strongest {100 * strongest / given.worlds:.0f} %"
        )
    print("organisations moved to one small town: share of worlds in which it is significant")
    for planted in PLANTED:
        power = 0
        for seed in range(1000, 1000 + given.worlds // 3):
            world = make_world(seed, planted)
            result = gclust.null_model(study_of(world, "organisations", given.draws), n_jobs=1)
            rng = np.random.default_rng(seed)
            town = in_degrees(rng.uniform(0, SIDE_KM, (TOWNS, 2))[100:101]).iloc[0]
            near = result.table[
                (result.table["lat"] - town["lat"]).abs().lt(0.15)
                & (result.table["lon"] - town["lon"]).abs().lt(0.2)
            ]
            power += bool(near["significant"].any())
        print(f"  {planted:3d} of {ORGANISATIONS}: {100 * power / (given.worlds // 3):5.1f} %")
    print(f"process time {time.process_time() - start:.0f} s")


if __name__ == "__main__":
    main()
