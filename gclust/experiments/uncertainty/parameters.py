"""Random choice of eps_km and min_samples for replicates, from a plateau or given values."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.experiments.grid import Pair
from gclust.experiments.sweep.folder import read_sweep
from gclust.experiments.sweep.run import sweep
from gclust.progress import Report
from gclust.study.schema import Study

PAIRS = 2
"""Key of the random numbers that choose pairs."""


class DrawnPairs(NamedTuple):
    """The pair of parameters drawn for each replicate."""

    pairs: list[Pair]
    """Distinct pairs in rising order; empty if every replicate has the study's own pair."""
    chosen: NDArray[np.int64]
    """Position of each replicate's pair in ``pairs``, shape (draws,)."""

    def pair(self, replicate: int) -> Pair | None:
        """Return a replicate's eps_km and min_samples; None means the study's own."""
        return self.pairs[self.chosen[replicate]] if self.pairs else None

    def in_order(self, numbers: NDArray[np.int64]) -> list[int]:
        """Return replicates sorted by their pair, because those of one pair share work."""
        return [int(each) for each in numbers[np.argsort(self.chosen[numbers], kind="stable")]]


def draw_pairs(study: Study, *, n_jobs: int | None, report: Report) -> DrawnPairs:
    """Choose eps_km and min_samples at random per replicate, if the study varies parameters.

    Raises
    ------
    StudyError
        If the clustering method is not DBSCAN, if the study's own pair lies on no plateau, or if
        both a factor and values, or a sweep, are given.
    """
    wanted = study.uncertainty
    if "parameters" not in wanted.sources:
        return DrawnPairs([], np.zeros(wanted.draws, dtype=np.int64))
    own = study.dbscan.eps_km, study.dbscan.min_samples
    if wanted.factor is not None:
        pairs = _within_factor(study, wanted.factor)
    elif wanted.eps_km is not None or wanted.min_samples is not None:
        pairs = sorted(set(product(wanted.eps_km or own[:1], wanted.min_samples or own[1:])))
    elif wanted.sweep is not None:
        pairs = _of_plateau(read_sweep(study.folder / wanted.sweep).table, own, wanted.sweep)
    else:
        made = sweep(study, progress=report, n_jobs=n_jobs)
        pairs = _of_plateau(made.table, own, "the sweep of the study")
    random = np.random.Generator(np.random.Philox(key=[wanted.seed, PAIRS]))
    return DrawnPairs(pairs, random.integers(len(pairs), size=wanted.draws))


def _within_factor(study: Study, factor: float) -> list[Pair]:
    """Return the study's own pair and its eight neighbours at a factor, in rising order."""
    wanted, own = study.uncertainty, study.dbscan
    for name in ("eps_km", "min_samples", "sweep"):
        if getattr(wanted, name) is not None:
            raise StudyError(
                f"[uncertainty] has factor and {name}, which both say what parameters are drawn;"
                " expected one of them"
            )
    steps = 1 / factor, 1.0, factor
    least = {max(own.min_samples * step, 1.0) for step in steps}
    return sorted(product((own.eps_km * step for step in steps), least))


def _of_plateau(table: pd.DataFrame, own: Pair, where: str | Path) -> list[Pair]:
    """Return the pairs of the plateau on which the study's own pair lies."""
    mine = table[(table["eps_km"] == own[0]) & (table["min_samples"] == own[1])]
    names = [name for name in mine["plateau"] if name]
    if not names:
        known = sorted(set(table["plateau"]) - {""})
        raise StudyError(
            f"[uncertainty] sources has 'parameters', but in {where} the study's own pair, eps_km ="
            f" {own[0]:g} and min_samples = {own[1]:g}, lies on no plateau"
            f" ({', '.join(known) or 'there is none'}); expected factor = 1.1 in [uncertainty]"
            " (both parameters vary by this factor), or eps_km and min_samples: lists of values to"
            " draw from"
        )
    plateau = table[table["plateau"] == names[0]]
    return sorted(zip(plateau["eps_km"].tolist(), plateau["min_samples"].tolist(), strict=True))
