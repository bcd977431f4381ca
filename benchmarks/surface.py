"""A parameter surface against single fits, and against a peer called for every pair.

    python benchmarks/surface.py --size 1e6

Ten radii by ten thresholds, both geometric. The labels of every pair are compared with
those of ``gclust.DBSCAN`` before anything is timed. Then single fits at the geometric
means, the surface with its table, and all of its labels take turns; medians are shown.
The peer, ``dbscan`` 1.0 (C++), is called once for every pair, on vectors that are made
beforehand, and its partition is compared with that of the surface.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import gclust  # noqa: E402
from benchmarks.agreement import check_partition  # noqa: E402
from benchmarks.contenders import Answer  # noqa: E402
from benchmarks.listings import listings  # noqa: E402
from benchmarks.machine import describe_machine, is_busy  # noqa: E402
from benchmarks.vectors import chord, unit_vectors  # noqa: E402

EPS_KM = np.geomspace(5.0, 50.0, 10)
MIN_SAMPLES = np.geomspace(50.0, 1500.0, 10)
"""For a million listings."""

WARM_UP = 20_000
MOST_SURFACE, MOST_LABELS = 10.0, 20.0
"""Fits that the surface may take, and that all of its labels may."""


def main(arguments: list[str] | None = None) -> None:
    """Compare, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=1e6, help="number of listings")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=100, help="pairs to compare, at random")
    parser.add_argument("--without-peer", action="store_true", help="do not call dbscan")
    parser.add_argument("--peak", action="store_true", help="only print the peak memory in bytes")
    options = parser.parse_args(arguments)
    n = round(options.size)
    if options.peak:
        print(peak_of_surface(n))
        return
    if is_busy():
        print("warning: the machine is busy; times will not be what they could be", file=sys.stderr)
    print(f"{n:,} listings; {describe_machine()}")
    X = listings(n)
    eps, least = grid(n)
    middle = (float(np.sqrt(eps[0] * eps[-1])), float(np.sqrt(least[0] * least[-1])))
    warm_up(X)
    surface = make(X, eps, least)
    compare(surface, X, options.pairs)

    def all_labels() -> None:
        for each in surface.eps_km:
            for threshold in surface.min_samples:
                surface.labels(each, threshold)

    calls: dict[str, Callable[[], Any]] = {
        "one fit": lambda: gclust.DBSCAN(*middle).fit(X),
        "the surface": lambda: make(X, eps, least),
        "its labels": all_labels,
    }
    wall: dict[str, list[float]] = {name: [] for name in calls}
    work: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            gc.collect()
            start, used = time.perf_counter(), time.process_time()
            call()
            wall[name].append(time.perf_counter() - start)
            work[name].append(time.process_time() - used)
    fit, of_fit = median(wall["one fit"]), median(work["one fit"])
    for name in calls:
        seconds, used = median(wall[name]), median(work[name])
        print(
            f"{name:12} {seconds:8.3f} s {seconds / fit:6.1f} fits; "
            f"processor {used:8.3f} s {used / of_fit:6.1f} fits"
        )
    print(f"expected: at most {MOST_SURFACE:g} and {MOST_LABELS:g} fits")
    command = [sys.executable, str(Path(__file__).resolve()), "--peak", "--size", str(n)]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(f"peak memory of a process that makes it: {peak / 1e9:.2f} GB, its input included")
    if not options.without_peer:
        seconds = peer(surface, X)
        ours = median(wall["the surface"]) + median(wall["its labels"])
        print(
            f"dbscan 1.0, {len(eps) * len(least)} calls: {seconds:.1f} s, "
            f"{seconds / ours:.1f} times the surface with all labels"
        )


def grid(n: int) -> tuple[list[float], list[float]]:
    """Return the radii, and the thresholds for ``n`` listings."""
    least = np.maximum(np.round(MIN_SAMPLES * n / 1e6), 1.0)
    return EPS_KM.tolist(), np.unique(least).tolist()


def make(X: NDArray[np.float64], eps: list[float], least: list[float]) -> gclust.Surface:
    """Return the surface of listings."""
    return gclust.parameter_surface(X, eps_km=eps, min_samples=least)


def warm_up(X: NDArray[np.float64]) -> None:
    """Compile or load what is used."""
    gclust.DBSCAN(15.0, 20).fit(X[:WARM_UP])
    make(X[:WARM_UP], [15.0], [20.0, 40.0]).labels(15.0, 20.0)


def peak_of_surface(n: int) -> int:
    """Return the peak memory of this process after making a surface, in bytes."""
    X = listings(n)
    warm_up(X)
    surface = make(X, *grid(n))
    surface.labels(surface.eps_km[0], surface.min_samples[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def compare(surface: gclust.Surface, X: NDArray[np.float64], most: int) -> None:
    """Raise unless pairs of the surface have the labels and cores of ``gclust.DBSCAN``."""
    pairs = [(eps, least) for eps in surface.eps_km for least in surface.min_samples]
    rng = np.random.default_rng(0)
    for k in rng.permutation(len(pairs))[:most]:
        model = gclust.DBSCAN(*pairs[k]).fit(X)
        if not (
            np.array_equal(model.labels_, surface.labels(*pairs[k]))
            and np.array_equal(model.core_sample_mask_, surface.core_sample_mask(*pairs[k]))
        ):
            raise SystemExit(f"eps_km, min_samples = {pairs[k]}: other clusters than DBSCAN's")
    print(f"{min(most, len(pairs))} of {len(pairs)} pairs compared with DBSCAN, all the same")


def peer(surface: gclust.Surface, X: NDArray[np.float64]) -> float:
    """Return the seconds that the peer takes for all pairs; its partitions are compared."""
    if importlib.util.find_spec("dbscan") is None:
        raise SystemExit("dbscan is not installed: pip install dbscan, or --without-peer")
    from dbscan import DBSCAN

    vectors = unit_vectors(X)
    seconds = 0.0
    missed = 0
    DBSCAN(vectors[:WARM_UP], eps=chord(15.0), min_samples=20)
    for eps in surface.eps_km:
        for least in surface.min_samples:
            start = time.perf_counter()
            labels, core = DBSCAN(vectors, eps=chord(eps), min_samples=int(least))
            seconds += time.perf_counter() - start
            answer = Answer(labels.astype(np.int64), core.astype(np.bool_))
            ours = Answer(surface.labels(eps, least), surface.core_sample_mask(eps, least))
            missed += any(check_partition(answer, ours, "dbscan", vectors, chord(eps), int(least)))
    print(f"dbscan 1.0 agrees, but for what it misses in {missed} pairs (see agreement.py)")
    return seconds


if __name__ == "__main__":
    main()
