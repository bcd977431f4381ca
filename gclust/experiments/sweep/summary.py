"""Summary of a sweep for the terminal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.experiments.sweep.k_distance import elbow
from gclust.experiments.sweep.plateaus import named, no_plateau
from gclust.experiments.sweep.result import Sweep
from gclust.plurals import counted


def summary_lines(sweep: Sweep) -> list[str]:
    """Return lines of text: the variation of the results, suggestions, paths of the files."""
    table = sweep.table.set_index(["eps_km", "min_samples"])
    baseline = table.loc[sweep.baseline]
    others = table.drop(index=[sweep.baseline])
    lines = [
        f"{counted(len(table), 'pair')} of eps_km and min_samples; the baseline"
        f" ({named(*sweep.baseline)}) has {counted(baseline['n_clusters'], 'cluster')}, the others"
        f" {_range(table['n_clusters'], '.0f')}"
    ]
    if len(others):
        lines.append(
            f"Agreement with the baseline: adjusted Rand index {_range(others['ari'], '.3f')},"
            f" first clusters in common (Jaccard) {_range(others['jaccard'], '.2f')}, their order"
            f" (tau-b) {_range(others['tau_b'], '.2f')}"
        )
    if baseline["diagnostics"]:
        lines.append(f"Diagnostics: the baseline has {baseline['diagnostics']}")
    diagnostics = others["diagnostics"][others["diagnostics"] != ""]
    for what, pairs in sorted(diagnostics.value_counts().items()):
        lines.append(f"Diagnostics: {counted(pairs, 'other pair has', 'other pairs have')} {what}")
    lines += _choices(sweep, table)
    targets = sweep.study.sweep.target_clusters is not None
    for number, suggestion in enumerate(sweep.suggestions):
        pair = named(suggestion.eps_km, suggestion.min_samples)
        what = "Suggested" if number <= targets else "Runner-up"
        lines.append(f"{what}: {pair}: {suggestion.reason}")
    if len(sweep.suggestions) <= targets:
        lines.append(no_plateau(sweep.plateaus))
    if sweep.path is not None:
        lines += [
            "",
            f"Table:   {sweep.path / 'sweep.csv'}",
            f"Figures: {sweep.path / 'figures'}",
            f"All files of the sweep: {sweep.path}",
        ]
    return lines


def _choices(sweep: Sweep, table: pd.DataFrame) -> list[str]:
    """Return diagnostics that advise, and choose nothing; ``table`` is indexed by pairs."""
    said = []
    if table["mean_ari"].notna().any():
        at = table["mean_ari"].idxmax()
        said.append(f"neighbours agree best (mean {table.loc[at, 'mean_ari']:.3f}) at {named(*at)}")
    valid = table["dbcv"].dropna()
    if len(valid):
        each = (f"{value:.2f} at {named(*at)}" for at, value in valid.items())
        said.append(f"density-based validity (DBCV, of a sample) {', '.join(each)}")
    at_elbow = elbow(sweep.k_distance, sweep.baseline[1])
    if np.isfinite(at_elbow):
        said.append(
            f"the k-distance of the baseline's min_samples has its elbow at {at_elbow:.3g} km"
        )
    return [f"To compare, without any choice by these: {'; '.join(said)}"] if said else []


def _range(values: pd.Series, form: str) -> str:
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"
