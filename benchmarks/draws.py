"""Draws of an uncertainty against single fits of the same listings.

    python benchmarks/draws.py --size 1e6

A simulated world of about so many listings is read by its own study. Fits of the raw
listings, at the study's parameters, are timed before and after; then 100 draws of records
that are reclustered, and 1,000 with fixed clusters. The time of draws begins where the
study's own run has ended: it holds bringing the listings into memory (printed on its own for
reclustered draws), drawing, clustering, merging, counting, matching and scoring.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, its folder is on the path, not that above

import numpy as np  # noqa: E402
import pyarrow.dataset as ds  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

import gclust  # noqa: E402
from benchmarks.machine import describe_machine, is_busy  # noqa: E402
from gclust.datasets import simulate  # noqa: E402
from gclust.study.schema import Study  # noqa: E402

LISTINGS = 36.5e6
"""Of the simulated world of 2025 at its real size."""

GATHERING = "gather listings"
DRAWING = (GATHERING, "recluster", "draw listings", "draw records", "score draws")
"""The stages that draws consist of; reading listings for fixed clusters reports nothing."""

MOST_FITS, MOST_SECONDS = 30.0, 120.0
"""Fits that 100 reclustered draws may take; seconds of 1,000 draws with fixed clusters, of 10
million listings."""


class Clock:
    """Times draws from the last report of what comes before them to their own last."""

    def __init__(self) -> None:
        self._before = self._gathered = self._last = (0.0, 0.0)
        self._draws = False

    def __call__(self, _fraction: float, stage: str) -> None:
        """Take the time of a report."""
        now = time.perf_counter(), time.process_time()
        draws = stage.startswith(DRAWING)  # slow columns and expected time may follow
        self._draws = self._draws or draws
        if stage == GATHERING:
            self._gathered = now
        if draws:
            self._last = now
        elif not self._draws:
            self._before = now

    def seconds(self) -> tuple[float, float]:
        """Return what passed on the clock, and on the processor."""
        return self._last[0] - self._before[0], self._last[1] - self._before[1]

    def gathering(self) -> tuple[float, float]:
        """Return what of it listings took that are brought into memory."""
        return self._gathered[0] - self._before[0], self._gathered[1] - self._before[1]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=1e6, help="about how many listings")
    parser.add_argument("--rounds", type=int, default=3, help="fits before, and as many after")
    parser.add_argument("--reclustered", type=int, default=100, help="draws; 0 for none")
    parser.add_argument("--fixed", type=int, default=1000, help="draws with fixed clusters")
    parser.add_argument("--addresses", type=int, default=0, help="draws of addresses too")
    parser.add_argument("--scratch", help="folder for the listings")
    options = parser.parse_args(arguments)
    if is_busy():
        print("warning: the machine is busy; times will not be what they could be", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        simulate(folder, scale=options.size / LISTINGS)
        study = gclust.read_study(Path(folder) / "study.toml")
        X = points(study)
        print(f"{len(X):,} listings; {describe_machine()}")
        fits = [fit(X, study) for _ in range(options.rounds + 1)][1:]
        for sources, clusters, draws in (
            (("records",), "reclustered", options.reclustered),
            (("records",), "fixed", options.fixed),
            (("addresses",), "reclustered", options.addresses),
        ):
            if draws:
                wanted = replace(study.uncertainty, sources=sources, clusters=clusters, draws=draws)
                clock = Clock()
                gclust.uncertainty(replace(study, uncertainty=wanted), progress=clock)
                told(clock.seconds(), f"{draws} of {sources[0]}, {clusters}")
                if clusters == "reclustered":
                    told(clock.gathering(), "  gathering listings alone")
                gc.collect()
        fits += [fit(X, study) for _ in range(options.rounds)]
        told((median(one[0] for one in fits), median(one[1] for one in fits)), "one fit")
    print(f"expected: 100 reclustered draws of records in at most {MOST_FITS:g} fits;")
    print(f"1,000 held at 10 million listings in at most {MOST_SECONDS:g} s")


def points(study: Study) -> NDArray[np.float64]:
    """Return the listings of all kinds that form clusters, in degrees."""
    parts = [
        ds.dataset((study.folder / source.path).parent).to_table(["lat", "lon"])
        for source in study.sources
    ]
    return np.concatenate([np.column_stack([part["lat"], part["lon"]]) for part in parts])


def fit(X: NDArray[np.float64], study: Study) -> tuple[float, float]:
    """Return the seconds of one fit, on the clock and on the processor."""
    options = study.dbscan
    start = time.perf_counter(), time.process_time()
    gclust.DBSCAN(options.eps_km, options.min_samples).fit(X)
    return time.perf_counter() - start[0], time.process_time() - start[1]


def told(seconds: tuple[float, float], what: str) -> None:
    """Print a line."""
    print(f"{what:32} {seconds[0]:9.3f} s; processor {seconds[1]:9.3f} s", flush=True)


if __name__ == "__main__":
    main()
