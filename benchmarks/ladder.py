"""Which step decides whether a point is a core point: shares of points, counted, not timed.

    python benchmarks/ladder.py --size 1e7

Prints the table of docs/algorithm.md: for the listings of the world, the share of the points
(distinct locations) that each step decides, and the work that is left to distances.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from benchmarks.listings import EPS_KM, listings, min_samples  # noqa: E402
from gclust.cluster.coordinates import degrees  # noqa: E402
from gclust.kernels.dbscan.batch_counts import (  # noqa: E402
    BALL_TREE,
    BATCH_BOUNDS,
    BATCH_DISTANCES,
    CANDIDATES,
    POINT_BOUNDS,
    POINT_DISTANCES,
)
from gclust.kernels.dbscan.core_levels import (  # noqa: E402
    MOST_CANDIDATES,
    cell_levels,
    count_undecided,
)
from gclust.kernels.dbscan.density_level import Counting  # noqa: E402
from gclust.kernels.spatial.bands import band_height, build_bands  # noqa: E402
from gclust.kernels.spatial.fold import fold_rows  # noqa: E402
from gclust.kernels.sphere import reach_of  # noqa: E402
from gclust.parallel import unreported  # noqa: E402

STEPS = {
    "batch bounds": BATCH_BOUNDS,
    "batch distances": BATCH_DISTANCES,
    "point bounds": POINT_BOUNDS,
    "point distances": POINT_DISTANCES,
    "ball tree": BALL_TREE,
}


def count_steps(
    X: NDArray[np.float64], eps_km: float, least: int, threads: int = 1
) -> dict[str, float]:
    """Return how many points each step decides, how many are core, and distances computed.

    Parameters
    ----------
    X : ndarray of float64, shape (n, 2)
        Degrees, latitude then longitude.
    eps_km : float
    least : int
        ``min_samples``.
    threads : int, default 1
    """
    reach = reach_of(eps_km)
    none = np.zeros(0, dtype=np.int64)
    folded = fold_rows(*degrees(X), none, band_height(eps_km), threads, unreported)
    points = build_bands(folded.lat, folded.lon, (1.0, 0.0), eps_km, reach, threads, unreported)
    counting = Counting(folded.prefix, np.array([least]), reach, MOST_CANDIDATES)
    levels = cell_levels(points, counting, threads, unreported)
    sizes = np.diff(points.cell_start)
    n_reached = np.repeat(levels.lowest, sizes)
    cells = np.flatnonzero(levels.lowest < levels.highest)
    work = count_undecided(points, cells, counting, levels, n_reached, threads, unreported)
    decided = levels.lowest == levels.highest
    found = {
        "points": len(points.lon),
        "cells": len(sizes),
        "cell bounds: no core point": int(sizes[decided & (levels.highest == 0)].sum()),
        "cell bounds: core points": int(sizes[decided & (levels.highest == 1)].sum()),
    }
    found |= {name: int(work[:, column].sum()) for name, column in STEPS.items()}
    return found | {"distances": int(work[:, CANDIDATES].sum()), "core": int(n_reached.sum())}


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=1e6, help="number of listings")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    n = round(options.size)
    found = count_steps(listings(n), EPS_KM, min_samples(n), options.threads)
    total = found["points"]
    print(f"{n:,} listings, {total:,} points, {found['cells']:,} cells, eps {EPS_KM:g} km")
    for name, number in found.items():
        if name.startswith("cell bounds") or name in STEPS:
            print(f"{name:28} {100 * number / total:8.3f} % of the points")
    print(f"{'distances':28} {found['distances'] / total:8.3f} a point")


if __name__ == "__main__":
    main()
