"""A study's score in words."""

from __future__ import annotations

from collections.abc import Sequence

from gclust.escapes import cell
from gclust.ranking.columns import ScoreOptions
from gclust.ranking.score import AMOUNTS

WAYS = {
    "sum": "the sum",
    "mean": "the mean",
    "geometric": "the geometric mean",
    "zscore": "the mean of the z-scores",
    "borda": "the Borda points",
    "copeland": "the Copeland score",
}


def score_in_words(columns: Sequence[str], options: ScoreOptions) -> str:
    """Return which columns a score combines, and how; ``columns`` are their names or other words.

    Examples
    --------
    >>> score_in_words(["patent_share", "deal_share"], ScoreOptions(weights={"deal": 2.0}))
    'the sum of patent_share and deal_share, with weights deal 2'
    >>> score_in_words(["patent_count"], ScoreOptions(of=["patent_count"]))
    'patent_count'
    """
    weighted = ""
    if options.weights:
        each = [f"{key} {value:g}" for key, value in options.weights.items()]
        weighted = f", with weights {listed(each)}"
    low = options.lower_is_better
    less = f"; less is better of {listed([*low])}" if low else ""
    if len(columns) == 1 and options.combine in AMOUNTS and not options.weights:
        return f"{listed(columns)}{less}"
    return f"{WAYS[options.combine]} of {listed(columns)}{weighted}{less}"


def listed(names: Sequence[str]) -> str:
    """Return names as text, the last after an "and"."""
    *others, last = map(cell, names)
    return f"{', '.join(others)} and {last}" if others else last
