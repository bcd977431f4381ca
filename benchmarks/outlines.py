"""Footprints of every method against the clustering of the same listings, by turns.

``python benchmarks/outlines.py --size 1e7`` prints a table; ``--before FOLDER``, a checkout of
an earlier commit, adds its times, measured in turn with those of this one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # after a checkout in PYTHONPATH

import numpy as np  # noqa: E402

from benchmarks import listings  # noqa: E402
from benchmarks.machine import describe_machine, is_busy  # noqa: E402

METHODS = ("discs", "convex", "concave", "alpha", "cells")
CLUSTERING = "clustering"


def serve(n: int) -> None:
    """Time the tasks named on the standard input: wall and processor seconds, line by line."""
    import geopandas  # noqa: F401  its import is not measured

    import gclust
    from gclust.places.footprints.outlines import FootprintOptions, footprints

    points = listings.listings(n)
    model = gclust.DBSCAN(listings.EPS_KM, listings.min_samples(n)).fit(points)
    distinct, rows = np.unique(points, axis=0, return_index=True)
    lat, lon, labels = *distinct.T.copy(), model.labels_[rows]
    n_clusters, members = int(labels.max()) + 1, labels >= 0

    def run(task: str) -> None:
        if task == CLUSTERING:
            model.fit(points)
        else:
            options = FootprintOptions(method=task)
            footprints(lat, lon, members, labels, options, n_clusters=n_clusters)

    print(json.dumps([n_clusters, int(members.sum())]), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        run(line.strip())
        seconds = [time.perf_counter() - wall, time.process_time() - cpu]
        print(json.dumps(seconds), flush=True)


class Server:
    """A process that times tasks with the gclust of a checkout."""

    def __init__(self, checkout: Path, n: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve", "--size", str(n)],
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.found = self._answer()

    def time(self, task: str) -> list[float]:
        """Return wall and processor seconds of a task."""
        assert self._process.stdin is not None
        print(task, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> list[float]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> None:
    """Parse the command line, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1e7, help="number of listings")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--before", type=Path, help="checkout of an earlier commit")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(int(args.size))
        return
    checkouts = {"now": ROOT} | ({"before": args.before.resolve()} if args.before else {})
    tasks = (CLUSTERING, *args.methods.split(","))
    servers = {name: Server(folder, int(args.size)) for name, folder in checkouts.items()}
    taken: dict[tuple[str, str], list[list[float]]] = {}
    for round_ in range(args.rounds + 1):
        for task in tasks:
            for name, server in servers.items():
                seconds = server.time(task)
                if round_:  # the first one compiles, or loads kernels
                    taken.setdefault((task, name), []).append(seconds)
    n_clusters, members = servers["now"].found
    print(f"{args.size:g} listings, {members:,} locations of {n_clusters} clusters;", end=" ")
    print(describe_machine() + ("; busy with other work" if is_busy() else ""))
    print("median wall (processor) seconds; wall seconds in clusterings")
    middle = {key: np.median(values, axis=0) for key, values in taken.items()}
    for task in tasks:
        cells = [
            f"{name} {middle[task, name][0]:.2f} ({middle[task, name][1]:.2f})" for name in servers
        ]
        ratio = median(
            wall / unit
            for (wall, _), (unit, _) in zip(
                taken[task, "now"], taken[CLUSTERING, "now"], strict=True
            )
        )
        print(f"{task:<11}", *cells, f"{ratio:.2f}", sep=" | ")
    for server in servers.values():
        server.close()


if __name__ == "__main__":
    main()
