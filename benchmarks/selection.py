"""Coverage of intervals after selection: the same records form clusters and are counted, or not.

    python benchmarks/selection.py --worlds 40

Each world has towns whose expected numbers of records are known, many of them near the threshold.
The intervals of the clusters' shares are those of ``gclust.uncertainty`` (records drawn, fixed
clusters): once all records form the clusters and are counted, once a half forms them and the other
half is counted (``[clusters] formed_on = { half = ... }``); with ``--reclustered`` also those of
draws that find their own clusters. The true share of a cluster is the expected number of records
within its own boundary, measured in a large sample of the same world. For each tenth of the
clusters by true share: how far counts lie above the truth, and the part of intervals that hold it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import gclust  # noqa: E402
from gclust.study.sections import Source  # noqa: E402

KM_OF_A_DEGREE = 111.195
ROWS = 16
"""Towns lie on a grid of so many rows and columns."""
APART_KM = 60.0
SPREAD_KM = 2.0
EPS_KM = 10.0
LEAST = 100.0
"""Records that a town needs to be found."""
SMALLEST, LARGEST = 0.75, 6.0
"""Expected records of a town, in thresholds."""
NOISE = 0.05
"""Records outside of towns, in parts of those in towns."""
REFERENCE = 30
"""Size of the sample that measures the truth, in sizes of the world."""
LEVEL = 0.9
GROUPS = 10

Floats = NDArray[np.float64]


class World:
    """Towns on a grid, each with its expected number of records.

    The numbers have a density that falls with the square of the size, so that half of the towns
    that can be found have less than 1.7 thresholds.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        u = rng.random(ROWS * ROWS)
        self.expected = LEAST / (1 / SMALLEST - u * (1 / SMALLEST - 1 / LARGEST))
        row, column = np.divmod(np.arange(ROWS * ROWS), ROWS)
        self._middle = APART_KM * (np.column_stack([row, column]) + 1.0)

    def places(self, times: float) -> Floats:
        """Draw places in degrees, a Poisson number of them: the expected numbers, times so many."""
        rng, side = self._rng, APART_KM * (ROWS + 1)
        town = np.repeat(np.arange(ROWS * ROWS), rng.poisson(times * self.expected))
        inside = self._middle[town] + rng.normal(0.0, SPREAD_KM, (len(town), 2))
        noise = rng.uniform(0, side, (rng.poisson(times * NOISE * self.expected.sum()), 2))
        km = np.concatenate([inside, noise])
        lat = 40.0 + km[:, 0] / KM_OF_A_DEGREE
        lon = km[:, 1] / KM_OF_A_DEGREE / np.cos(np.radians(lat))
        return np.column_stack([lat, lon]).round(5)


def study(records: pd.DataFrame, draws: int, half: int | None, clusters: str) -> gclust.Study:
    """Return a study of records, each of one listing; the threshold follows what forms clusters."""
    least = LEAST if half is None else LEAST / 2
    return gclust.Study(
        sources=[Source(kind="patent", data=records)],
        clusters={
            "eps_km": EPS_KM,
            "min_samples": least,
            **({} if half is None else {"formed_on": {"half": half}}),
        },
        merge={"rule": "none"},
        uncertainty={"draws": draws, "level": LEVEL, "clusters": clusters},
    )


def true_shares(forming: Floats, least: float, reference: Floats) -> pd.Series:
    """Return the share of a large sample, in per cent, in each cluster that places form."""
    model = gclust.DBSCAN(EPS_KM, least, n_jobs=1).fit(forming)
    label = model.predict(reference)
    found = np.bincount(label[label >= 0], minlength=model.labels_.max() + 1)
    return pd.Series(100.0 * found / len(reference), name="truth").rename_axis("cluster_id")


def forms(records: pd.DataFrame, seed: int) -> NDArray[np.bool_]:
    """Return whether each record is in the half that forms clusters; see the guide."""
    texts = (f"{seed} patent {record}" for record in records["record"])
    digits = [hashlib.sha256(text.encode()).hexdigest()[0] for text in texts]
    return np.array(digits) < "8"


def measure(
    records: pd.DataFrame, reference: Floats, way: str, draws: int, seed: int
) -> pd.DataFrame:
    """Return ``truth, share, low, high`` of the clusters that a way of forming them finds."""
    half = seed if way == "half" else None
    clusters = "reclustered" if way == "reclustered" else "fixed"
    chosen = study(records, draws, half, clusters)
    table = gclust.uncertainty(chosen, n_jobs=1).table.set_index("cluster_id").sort_index()
    forming = records if half is None else records[forms(records, seed)]
    # In the order of a run's locations, by which its clusters are numbered.
    places = forming.sort_values(["lat", "lon"])[["lat", "lon"]].to_numpy()
    truth = true_shares(places, chosen.dbscan.min_samples, reference)
    assert len(truth) == len(table)
    columns = {"patent_share": "share", "patent_share_low": "low", "patent_share_high": "high"}
    return table[list(columns)].rename(columns=columns).join(truth).assign(way=way)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return bias and coverage by way and by tenth of the true share."""
    tenth = found.groupby("way")["truth"].transform(
        lambda truth: pd.qcut(truth, GROUPS, labels=False) + 1
    )
    inside = (found["low"] <= found["truth"]) & (found["truth"] <= found["high"])
    rows = found.assign(tenth=tenth, inside=100.0 * inside, share=found["share"])
    grouped = rows.groupby(["way", "tenth"])
    table = pd.DataFrame(
        {
            "clusters": grouped.size(),
            "bias": 100.0 * (grouped["share"].sum() / grouped["truth"].sum() - 1.0),
            "covered": grouped["inside"].mean(),
        }
    )
    return table.unstack("way").swaplevel(axis=1).sort_index(axis=1)


def main() -> None:
    """Measure many worlds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reclustered", action="store_true")
    options = parser.parse_args()
    ways = ["same records", *(["reclustered"] if options.reclustered else []), "half"]
    found = []
    for number in range(options.worlds):
        rng = np.random.default_rng([options.seed, number])
        world = World(rng)
        places, reference = world.places(1.0), world.places(REFERENCE)
        records = pd.DataFrame(places, columns=["lat", "lon"])
        records["record"] = [f"r{each}" for each in range(len(records))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found += [measure(records, reference, way, options.draws, number + 1) for way in ways]
        seconds = time.process_time()
        print(f"world {number + 1}: {seconds:.0f} s in all", file=sys.stderr, flush=True)
    table = pd.concat(found)
    print(summary(table).round(1).to_string())
    inside = (table["low"] <= table["truth"]) & (table["truth"] <= table["high"])
    print(f"all: {(100.0 * inside.groupby(table['way']).mean()).round(1).to_dict()} % covered")


if __name__ == "__main__":
    main()
