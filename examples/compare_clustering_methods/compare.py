"""Find clusters in the same listings by DBSCAN, HDBSCAN and contours, and compare them.

    python examples/compare_clustering_methods/compare.py [-o DIR] [--scale 0.02]

Needs no network: the listings are simulated.
"""

from __future__ import annotations

import argparse
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from differences import draw_differences

import gclust
from gclust.ranking.agreement import (
    adjusted_mutual_information,
    adjusted_rand_index,
    jaccard_of_first,
    tau_b_of_first,
)
from gclust.ranking.matching import match, overlap

METHODS = {
    "DBSCAN": """
[clusters]
method = "dbscan"
eps_km = 15
min_samples = {least}
""",
    "HDBSCAN": """
[clusters]
method = "hdbscan"
min_cluster_size = {least}
selection_eps_km = 15  # what hangs together at 15 km is not split any further
""",
    "contours": """
[clusters]
method = "contour"
bandwidth_km = 7.5     # spreads as far as a disc of 15 km
threshold = {least}

[footprint]
method = "contour"
""",
}
"""What of the study differs; min_samples, min_cluster_size and threshold are the GII's 4,500 at
the scale of the world."""

LISTED = 20
TOP = 100


def run_all(world: Path, least: float) -> dict[str, gclust.Run]:
    """Run the world's study once with each of `METHODS`."""
    study = (world / "study.toml").read_text(encoding="utf-8")
    # Inhabitants are the same whoever forms clusters: without them it is quicker.
    common = re.sub(r"\[(clusters|population)\]\n(.+\n)+", "", study)
    runs = {}
    for name, section in METHODS.items():
        path = world / f"study-{name.lower()}.toml"
        path.write_text(common + section.format(least=f"{least:g}"), encoding="utf-8")
        runs[name] = gclust.run(path, progress=True)
    return runs


def list_first(runs: dict[str, gclust.Run]) -> pd.DataFrame:
    """Put the rankings side by side, with the rank that a cluster has in the first of them.

    Clusters are the same if they share most of their weight with each other; see
    `gclust.ranking.matching.match`.
    """
    first, *others = runs
    ranks = runs[first].ranking.set_index("cluster_id")["rank"]
    table = (
        runs[first]
        .ranking[["rank", "name", "score"]]
        .rename(columns={"name": first, "score": f"score, {first}"})
    )
    for name in others:
        ranking = runs[name].ranking[["cluster_id", "name", "score"]]
        same = match(shared(runs[first], runs[name])).set_index("b")["a"].map(ranks)
        columns = {
            name: ranking["name"],
            f"score, {name}": ranking["score"],
            f"rank, {first}, of {name}": ranking["cluster_id"].map(same).astype("Int64"),
        }
        table = table.join(pd.DataFrame(columns), how="outer")
    return table.assign(rank=np.arange(1, len(table) + 1))


def measure_agreement(runs: dict[str, gclust.Run]) -> pd.DataFrame:
    """Measure how far each two agree, in clusters and in ranks; see `gclust.ranking.agreement`."""
    rows = []
    for a, b in combinations(runs, 2):
        weights = shared(runs[a], runs[b])
        same = match(weights)
        ranks = [runs[name].ranking.set_index("cluster_id")["rank"] for name in (a, b)]
        rows.append(
            {
                "a": a,
                "b": b,
                "adjusted Rand": adjusted_rand_index(weights),
                "adjusted mutual information": adjusted_mutual_information(weights),
                "Jaccard of the first 100": jaccard_of_first(same, *ranks, TOP),
                "tau-b of their ranks": tau_b_of_first(same, *ranks, TOP),
            }
        )
    return pd.DataFrame(rows)


def shared(a: gclust.Run, b: gclust.Run) -> pd.DataFrame:
    """Weigh in listings what clusters of two runs of the same listings share."""
    weight = a.locations["density"].round().astype("int64").to_numpy()
    return overlap(a.locations["cluster_id"], b.locations["cluster_id"], weight)


def describe(runs: dict[str, gclust.Run]) -> pd.DataFrame:
    """Tell how many clusters there are and what they hold."""
    rows = []
    for name, run in runs.items():
        held = run.locations["density"].where(run.locations["cluster_id"] >= 0, 0.0)
        rows.append(
            {
                "": name,
                "clusters": len(run.ranking),
                "listings in clusters, per cent": 100 * held.sum() / run.locations["density"].sum(),
                "footprints, thousand km2": run.ranking["area_km2"].sum() / 1000,
            }
        )
    return pd.DataFrame(rows)


def locate(runs: dict[str, gclust.Run]) -> pd.DataFrame:
    """Count in how many runs each location lies in a cluster."""
    inside = sum((run.locations["cluster_id"] >= 0).astype(int) for run in runs.values())
    first = next(iter(runs.values())).locations
    return first[["lat", "lon"]].assign(weight=first["density"], formers=inside)


def show(table: pd.DataFrame) -> str:
    """Write a table as text."""
    return table.to_string(index=False, float_format="{:.3g}".format, na_rep="–")


def main() -> None:
    """Simulate, run, compare; print and write what comes out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("compare-formers"))
    parser.add_argument("--scale", type=float, default=0.02, help="of the world; 1 is real")
    options = parser.parse_args()
    world = gclust.datasets.simulate(options.out / "world", scale=options.scale, progress=True)
    runs = run_all(world.folder, max(2, round(4500 * options.scale)))
    first, agreement, numbers = list_first(runs), measure_agreement(runs), describe(runs)
    first.to_csv(options.out / "rankings.csv", index=False, lineterminator="\n")
    agreement.to_csv(options.out / "agreement.csv", index=False, lineterminator="\n")
    draw_differences(
        locate(runs),
        {name: run.clusters for name, run in runs.items()},
        [options.out / "differences.png", options.out / "differences.pdf"],
        title="Where DBSCAN, HDBSCAN and contours differ (simulated listings)",
    )
    names = first[["rank", *METHODS]].head(LISTED)
    for text in (numbers, names, agreement):
        print(f"\n{show(text)}")
    print(f"\nAll ranks and scores, agreement and the map: {options.out}")


if __name__ == "__main__":
    main()
