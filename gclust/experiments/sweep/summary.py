"""Summary of a sweep for the terminal."""

from __future__ import annotations

import pandas as pd

from gclust.experiments.sweep.plateaus import named
from gclust.experiments.sweep.result import Sweep


def summary_lines(sweep: Sweep) -> list[str]:
    """Return lines of text: the variation of the results, suggestions, paths of the files."""
    table = sweep.table.set_index(["eps_km", "min_samples"])
    baseline = table.loc[sweep.baseline]
    others = table.drop(index=[sweep.baseline])
    lines = [
        f"{len(table)} pairs of eps_km and min_samples; the baseline ({named(*sweep.baseline)}) has"
        f" {baseline['n_clusters']} clusters, the others {_range(table['n_clusters'], '.0f')}"
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
        lines.append(f"Diagnostics: {pairs} other pair{'s have' if pairs > 1 else ' has'} {what}")
    for suggestion in sweep.suggestions:
        pair = named(suggestion.eps_km, suggestion.min_samples)
        lines.append(f"Suggested: {pair}: {suggestion.reason}")
    if not sweep.suggestions:
        lines.append("Nothing is suggested: no two neighbouring pairs agree")
    if sweep.path is not None:
        lines += [
            "",
            f"Table:   {sweep.path / 'sweep.csv'}",
            f"Figures: {sweep.path / 'figures'}",
            f"All files of the sweep: {sweep.path}",
        ]
    return lines


def _range(values: pd.Series, form: str) -> str:
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"
