"""Compilation of kernels before their first use, or their loading from the cache."""

from __future__ import annotations

import sys
from collections.abc import Callable

from gclust.kernels._cache import NotCachedError, only_cached
from gclust.kernels.first_compilation import COMPILING, listening
from gclust.parallel import end_if_left
from gclust.progress import Report, silent, stage

STAGE = "compile kernels (first run only)"
Run = Callable[[Callable[[float], None]], None]
"""Function that calls every kernel of a method once on a small input and reports progress."""

_done: set[Run] = set()


def warm_up(progress: Report, *runs: Run) -> None:
    """Compile or load the kernels that this process has not yet called, as one progress stage."""
    missing = [run for run in runs if run not in _done]
    if progress is silent:
        load(*missing)
        missing = [run for run in missing if run not in _done]
        if missing:
            # A first call would seem to hang.
            print(f"gclust: {COMPILING}", file=sys.stderr, flush=True)
    if not missing:
        return
    # Nobody else needs to speak of what a stage shows.
    with stage(progress, STAGE) as report, listening(lambda: None):
        for k, run in enumerate(missing):
            run(lambda share, k=k: report((k + share) / len(missing)))  # type: ignore[misc]
            _done.add(run)


def load(*runs: Run) -> None:
    """Load the kernels that are in the cache, and compile none: `warm_up` does, if one is missing.

    This may be done on another thread, while kernels of other runs are called; see
    `gclust.parallel.end_if_left`.
    """
    for run in runs:
        if run not in _done:
            try:
                with only_cached():
                    run(lambda _: end_if_left())
            except NotCachedError:
                continue
            _done.add(run)
