"""How often intervals and rank sets hold the truth, in simulated worlds, by size of cluster.

    python benchmarks/coverage.py --replicates 200

In each world clusters have known expected numbers of records. A replicate draws what would be
seen; each option of ``[uncertainty]`` then gives intervals of nominal 90 % for the shares, and
joint rank sets, from what was seen alone. The table shows how often the intervals hold the true
share in the smallest, middle and largest third of the clusters, how often all true ranks lie in
their sets at once, and the median width of the intervals over that of plain records.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from gclust.experiments.uncertainty.dispersion import (  # noqa: E402
    FIRST_DIFFERENCE,
    SECOND_DIFFERENCE,
    excess_variance,
)
from gclust.experiments.uncertainty.fixed_clusters import (  # noqa: E402
    RecordGroups,
    bootstrap_groups,
)
from gclust.experiments.uncertainty.organisations import Organisations  # noqa: E402
from gclust.experiments.uncertainty.variation import Variation  # noqa: E402
from gclust.experiments.uncertainty.varied_groups import vary_groups  # noqa: E402
from gclust.kernels.resampling.volumes import MULTIPLIED, PLAIN, WHOLE  # noqa: E402
from gclust.progress import silent  # noqa: E402
from gclust.ranking.intervals import intervals  # noqa: E402
from gclust.ranking.rank_sets import rank_sets  # noqa: E402
from gclust.units import UNIT  # noqa: E402

LEVEL = 0.9
N_CLUSTERS, YEARS, WINDOWS = 30, 5, 3
SMALLEST, LARGEST = 100.0, 4000.0
"""Expected numbers of records of the smallest and of the largest cluster."""
NOISE = 5000.0
"""Expected number of records outside clusters."""

Floats = NDArray[np.float64]


class Seen(NamedTuple):
    """What is seen of a world: records by cluster and year, and who has them."""

    counts: Floats
    """Shape (clusters, years of all windows); the last `YEARS` are the study's window."""
    large: Floats
    """Records in the window of the largest organisation of each cluster, shape (clusters,)."""
    noise: Floats
    """Records outside clusters by year."""


def sizes() -> Floats:
    """Return the expected number of records of each cluster in a window, the largest first."""
    return np.geomspace(LARGEST, SMALLEST, N_CLUSTERS)


def seen(rng: np.random.Generator, volumes: Floats, volume_of_large: Floats | float = 1.0) -> Seen:
    """Draw records where half of each cluster's are one organisation's.

    ``volumes``, of shape (clusters, years), multiply the expected number of records of each year;
    those of the large organisation are multiplied by ``volume_of_large`` in all years alike.
    """
    mean = sizes()[:, None] / YEARS * volumes
    large = rng.poisson(0.5 * mean * np.reshape(volume_of_large, (-1, 1)))
    others = rng.poisson(0.5 * mean)
    noise = rng.poisson(NOISE / YEARS, mean.shape[1])
    own = large[:, -YEARS:].sum(axis=1)
    return Seen((large + others).astype(float), own.astype(float), noise.astype(float))


def gamma(rng: np.random.Generator, cv: float, shape: tuple[int, ...]) -> Floats:
    """Return gamma numbers of mean one."""
    return rng.gamma(1 / cv**2, cv**2, shape)


def ar1(rng: np.random.Generator, cv: float, memory: float, years: int) -> Floats:
    """Return volumes whose logarithms follow AR(1), of mean one."""
    now = rng.normal(0, 1, N_CLUSTERS)
    found = []
    for _ in range(years):
        found.append(now)
        now = memory * now + np.sqrt(1 - memory**2) * rng.normal(0, 1, N_CLUSTERS)
    return np.exp(cv * np.stack(found, axis=1) - cv**2 / 2)


ALL_YEARS = YEARS * WINDOWS
EVEN = np.ones((N_CLUSTERS, ALL_YEARS))
WORLDS: dict[str, Callable[[np.random.Generator], Seen]] = {
    "independent records": lambda rng: seen(rng, EVEN),
    "independent cluster-years, cv 0.2": lambda rng: seen(rng, gamma(rng, 0.2, EVEN.shape)),
    "an organisation of 50 % whose volume varies by 30 %": lambda rng: seen(
        rng, EVEN, gamma(rng, 0.3, (N_CLUSTERS,))
    ),
    "lasting shocks of clusters, cv 0.15": lambda rng: seen(
        rng, EVEN * gamma(rng, 0.15, (N_CLUSTERS, 1))
    ),
    "AR(1) of clusters, cv 0.2, 0.9 a year": lambda rng: seen(rng, ar1(rng, 0.2, 0.9, ALL_YEARS)),
}
OPTIONS: dict[str, tuple[str, float]] = {
    'resample = "records"': ("records", 0.0),
    'dispersion = "years"': ("years", 0.0),
    'dispersion = "windows"': ("windows", 0.0),
    "multiplier = { cv = 0.2 }": ("multiplier", 0.2),
    "multiplier = { cv = 0.3 }": ("multiplier", 0.3),
    "multiplier = { cv = 0.5 }": ("multiplier", 0.5),
    'resample = "organisations"': ("organisations", 0.0),
}
"""Option of ``[uncertainty]`` -> its way, and the cv of a multiplier."""

OTHER_CV = ("multiplier = { cv = 0.2 }", "multiplier = { cv = 0.5 }")
"""Options for the world of organisations alone."""


def groups_of(data: Seen) -> RecordGroups:
    """Group the records of a window: of the large organisations, of all others, and noise."""
    window = data.counts[:, -YEARS:].sum(axis=1)
    records = np.concatenate((data.large, window - data.large, [data.noise[-YEARS:].sum()]))
    clusters = np.tile(np.arange(N_CLUSTERS), 2)
    cell = np.stack((clusters, np.full(2 * N_CLUSTERS, N_CLUSTERS)), axis=1).ravel()
    start = np.append(np.arange(0, 4 * N_CLUSTERS + 1, 2), 4 * N_CLUSTERS + 1)
    nobody = np.full(N_CLUSTERS + 1, -1)
    return RecordGroups(
        records=records,
        start=start,
        cell=np.append(cell, N_CLUSTERS),
        units=np.full(4 * N_CLUSTERS + 1, UNIT),
        n_clusters=N_CLUSTERS,
        n_kinds=1,
        kind=np.zeros(2 * N_CLUSTERS + 1, dtype=np.int64),
        item=np.append(np.arange(N_CLUSTERS), nobody),
    )


def variation(data: Seen, way: str, cv: float) -> Variation:
    """Return the variation of an option, estimated from what is seen where it is estimated."""
    ways = {"multiplier": MULTIPLIED, "organisations": WHOLE}
    kinds = np.array([ways.get(way, PLAIN)], dtype=np.int8)
    k = 0.0
    if way == "years":
        counts, noise = data.counts[:, -YEARS:], data.noise[-YEARS:]
        excess = excess_variance(counts, counts.sum(axis=0) + noise, FIRST_DIFFERENCE)
        k = excess.k if excess else 0.0
    elif way == "windows":
        counts = data.counts.reshape(N_CLUSTERS, WINDOWS, YEARS).sum(axis=2)
        totals = counts.sum(axis=0) + data.noise.reshape(WINDOWS, YEARS).sum(axis=1)
        excess = excess_variance(counts, totals, SECOND_DIFFERENCE, totals[-1] / totals.sum())
        k = excess.k if excess else 0.0
    return Variation(Organisations(N_CLUSTERS), kinds, cv, np.array([k]))


class Row(NamedTuple):
    """A row of the table: coverage in per cent by third, of ranks, and the relative width."""

    world: str
    option: str
    thirds: tuple[float, float, float]
    ranks: float
    width: float


def measure(world: str, option: str, replicates: int, draws: int) -> tuple[Row, Floats]:
    """Return the coverage of an option in a world, and the median width of each cluster."""
    truth = 100 * sizes() / (sizes().sum() + NOISE)
    ranks = np.arange(1, N_CLUSTERS + 1)
    held, jointly, widths = [], [], []
    way, cv = OPTIONS[option]
    for replicate in range(replicates):
        data = WORLDS[world](np.random.default_rng(replicate))
        varied = variation(data, way, cv)
        groups, law = groups_of(data), varied.law(N_CLUSTERS)
        as_varied = vary_groups(groups.as_varied, groups.kind, varied, N_CLUSTERS)
        groups = replace(groups, varied=as_varied)
        drawn = bootstrap_groups(
            groups, np.arange(draws), replicate, threads=1, report=silent, law=law
        ).shares[:, :, 0]
        low, high = intervals(drawn, LEVEL)
        held.append((low <= truth) & (truth <= high))
        widths.append(high - low)
        window = data.counts[:, -YEARS:].sum(axis=1)
        own = 100 * window / (window.sum() + data.noise[-YEARS:].sum())
        sets = rank_sets(own, drawn, LEVEL)
        jointly.append(((sets.low <= ranks) & (ranks <= sets.high)).all())
    covered = 100 * np.mean(held, axis=0).reshape(3, -1).mean(axis=1)
    thirds = float(covered[2]), float(covered[1]), float(covered[0])
    return Row(world, option, thirds, 100 * float(np.mean(jointly)), 0.0), np.median(widths, axis=0)


def table(replicates: int, draws: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for world in WORLDS:
        plain: Floats | None = None
        for option in OPTIONS:
            if option in OTHER_CV and "organisation" not in world:
                continue
            row, width = measure(world, option, replicates, draws)
            plain = width if plain is None else plain
            yield row._replace(width=float(np.median(width / plain)))


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--draws", type=int, default=400)
    given = parser.parse_args()
    print("| world | option | small | middle | large | all ranks | width |")
    print("|---|---|---:|---:|---:|---:|---:|")
    before = ""
    for row in table(given.replicates, given.draws):
        shown = row.world if row.world != before else ""
        before = row.world
        numbers = " | ".join(f"{value:.0f}" for value in (*row.thirds, row.ranks))
        print(f"| {shown} | `{row.option}` | {numbers} | {row.width:.1f} |", flush=True)


if __name__ == "__main__":
    main()
