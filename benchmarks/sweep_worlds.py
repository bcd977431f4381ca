"""Suggestions of sweeps in simulated worlds whose clusters are known.

    python benchmarks/sweep_worlds.py --seeds 3

For each world, seed and first guess it runs a sweep whose grid comes from the data, and prints the
adjusted Rand index of the suggestion, and of the runner-up if there is one, with the truth; all
noise is one cluster. The best of the grid's pairs stands beside them.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from sklearn.metrics import adjusted_rand_score  # noqa: E402

import gclust  # noqa: E402
from gclust.errors import StudyError  # noqa: E402
from gclust.study.sections import Source  # noqa: E402

KM_OF_A_DEGREE = 111.195
SIDE_KM = 1000.0
"""Side of the square that a world fills."""

GUESSES = ((15.0, 100.0), (4.0, 100.0), (60.0, 1000.0))
"""First guesses: eps_km and min_samples."""

TOWNS = 60
"""Number of towns in the world of towns and villages; the villages are numbered after them."""

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


class World(NamedTuple):
    """Places in kilometres, shape (n, 2), and the cluster of each, -1 for noise."""

    places: Floats
    truth: Labels

    @property
    def listings(self) -> pd.DataFrame:
        """The places in degrees, from 40 degrees north."""
        lat = 40 + self.places[:, 0] / KM_OF_A_DEGREE
        lon = self.places[:, 1] / KM_OF_A_DEGREE / np.cos(np.radians(lat))
        return pd.DataFrame({"lat": lat, "lon": lon})


def centres(rng: np.random.Generator, number: int, gap_km: float) -> Floats:
    """Return places at random that are at least a gap apart."""
    found: list[Floats] = []
    while len(found) < number:
        place = rng.uniform(0.05, 0.95, 2) * SIDE_KM
        if all(np.hypot(*(place - other)) > gap_km for other in found):
            found.append(place)
    return np.array(found)


def round_clusters(
    rng: np.random.Generator, gap_km: float, sizes: NDArray[np.int64], spread_km: Floats
) -> World:
    """Return normal clusters of given sizes and standard deviations."""
    middle = np.repeat(centres(rng, len(sizes), gap_km), sizes, axis=0)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    moved = rng.normal(0, 1, middle.shape) * np.asarray(spread_km)[truth][:, None]
    return World(middle + moved, truth)


def with_noise(rng: np.random.Generator, world: World, part: float) -> World:
    """Add places at random: a part of the number of those that are there."""
    n = int(part * len(world.truth))
    places = np.vstack([world.places, rng.uniform(0, SIDE_KM, (n, 2))])
    return World(places, np.append(world.truth, np.full(n, -1)))


def equal(rng: np.random.Generator) -> World:
    """30 alike clusters."""
    return with_noise(rng, round_clusters(rng, 80, np.full(30, 500), np.full(30, 5.0)), 1 / 3)


def zipf(rng: np.random.Generator) -> World:
    """40 clusters of sizes after Zipf's law, the larger ones wider."""
    sizes = np.maximum(8000 // np.arange(1, 41), 200)
    return with_noise(rng, round_clusters(rng, 80, sizes, 3 + 9 * np.sqrt(sizes / 8000)), 0.2)


def lines(rng: np.random.Generator) -> World:
    """12 corridors of 90 km."""
    world = round_clusters(rng, 150, np.full(12, 1500), np.full(12, 3.0))
    direction = rng.uniform(0, np.pi, 12)[world.truth]
    along = rng.uniform(-45, 45, len(world.truth))
    moved = along[:, None] * np.column_stack([np.sin(direction), np.cos(direction)])
    return with_noise(rng, World(world.places + moved, world.truth), 0.2)


def two_scales(rng: np.random.Generator) -> World:
    """7 wide clusters, and 7 small and dense ones."""
    sizes, spread = np.repeat([2000, 500], 7), np.repeat([20.0, 2.0], 7)
    return with_noise(rng, round_clusters(rng, 150, sizes, spread), 0.1)


def towns(rng: np.random.Generator) -> World:
    """60 small towns among 200 villages, which are noise or clusters."""
    sizes, spread = np.repeat([150, 15], [TOWNS, 200]), np.repeat([3.0, 1.0], [TOWNS, 200])
    return with_noise(rng, round_clusters(rng, 25, sizes, spread), 0.05)


def clean(rng: np.random.Generator) -> World:
    """25 clusters with 1 % noise."""
    return with_noise(rng, round_clusters(rng, 80, np.full(25, 600), np.full(25, 4.0)), 0.01)


def capital(rng: np.random.Generator) -> World:
    """A capital with 63 % of all places, and 19 towns."""
    sizes = np.append(14235, np.full(19, 400))
    return with_noise(
        rng, round_clusters(rng, 100, sizes, np.append(15.0, np.full(19, 5.0))), 0.035
    )


def uniform(rng: np.random.Generator) -> World:
    """Noise alone."""
    return World(rng.uniform(0, SIDE_KM, (15_000, 2)), np.full(15_000, -1))


WORLDS: tuple[Callable[[np.random.Generator], World], ...] = (
    *(equal, zipf, lines, two_scales, towns, clean, capital, uniform),
)


def suggestions(world: World, guess: tuple[float, float]) -> tuple[list[float], int]:
    """Return the agreement of each suggestion with the truth, and how many are weak.

    In the world of towns it is the better one of villages as clusters and villages as noise.
    """
    table = world.listings
    study = gclust.Study(
        sources=[Source(kind="patent", data=table)],
        clusters={"eps_km": guess[0], "min_samples": guess[1]},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of guesses without clusters
        found = gclust.sweep(study).suggestions
    truths = [world.truth]
    if len(np.unique(world.truth)) > TOWNS + 1:
        truths.append(np.where(world.truth >= TOWNS, -1, world.truth))
    agreement = []
    for each in found:
        model = gclust.DBSCAN(eps_km=each.eps_km, min_samples=each.min_samples)
        labels = model.fit(table[["lat", "lon"]].to_numpy()).labels_
        agreement.append(max(adjusted_rand_score(truth, labels) for truth in truths))
    return agreement, sum(each.weak for each in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--worlds", help="names, such as equal,zipf; all by default")
    options = parser.parse_args()
    chosen = options.worlds.split(",") if options.worlds else [make.__name__ for make in WORLDS]
    print("| world | seeds x guesses | suggestion, least | better of both, least | weak | none |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for make in WORLDS:
        if make.__name__ not in chosen:
            continue
        first, best, weak, none, n = [], [], 0, 0, 0
        for seed in range(options.seeds):
            world = make(np.random.default_rng([18, seed]))
            for guess in GUESSES:
                n += 1
                try:
                    agreement, of_weak = suggestions(world, guess)
                except StudyError as error:
                    raise SystemExit(f"{make.__name__}, {guess}: {error}") from error
                weak += of_weak > 0
                none += not agreement
                if agreement:
                    first.append(agreement[0])
                    best.append(max(agreement))
        least = [f"{min(each):.3f}" if each else "–" for each in (first, best)]
        print(f"| {make.__name__} | {n} | {' | '.join(least)} | {weak} | {none} |", flush=True)


if __name__ == "__main__":
    main()
