"""The ranking as a table of LaTeX, with the rules of booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from gclust.errors import StudyError
from gclust.results.methods import latex

WITHOUT_DECIMALS = ("rank", "population", "intensity_rank", "cluster_id")
MISSING = "--"


def ranking_latex(run: Any, columns: Sequence[str] | None, top: int | None) -> str:
    """Return the first clusters as a floating table; see `gclust.Run.to_latex`."""
    if columns is None:
        shares = [f"{kind}_share" for kind in run.study.kinds]
        columns = ["rank", "name", "economies", *shares, "score"]
    if unknown := [each for each in columns if each not in run.ranking]:
        raise StudyError(
            f"the ranking has no column {unknown[0]!r}; it has {', '.join(run.ranking)}"
        )
    shown = run.ranking[list(columns)].head(run.study.study.top if top is None else top)
    numeric = [pd.api.types.is_numeric_dtype(shown[each]) for each in columns]
    rows = [
        " & ".join(_cell(name, value) for name, value in zip(columns, row, strict=True)) + r" \\"
        for row in shown.itertuples(index=False, name=None)
    ]
    heads = " & ".join(latex(name.replace("_", " ")) for name in columns) + r" \\"
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex(run.study.heading)}}}",
            rf"\label{{tab:{re.sub('[^a-z0-9]+', '-', run.study.study.name.lower()).strip('-')}}}",
            rf"\begin{{tabular}}{{{''.join('r' if each else 'l' for each in numeric)}}}",
            r"\toprule",
            heads,
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _cell(name: str, value: Any) -> str:
    if pd.isna(value):
        return MISSING
    if isinstance(value, str):
        return latex(value)
    if name in WITHOUT_DECIMALS or name.endswith("_rank") or isinstance(value, int):
        return f"{value:,.0f}"
    return f"{value:,.2f}"
