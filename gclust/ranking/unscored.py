"""The clusters of a ranking that have no score, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gclust.plurals import counted
from gclust.ranking.columns import ScoreOptions, column_weights, scored
from gclust.ranking.table import kinds_of

MOST_NAMED = 5


def unscored_in_words(ranked: pd.DataFrame, options: ScoreOptions) -> str:
    """Return how many clusters have no score, the columns that they lack, and names.

    Empty if all have one. ``ranked`` is from `gclust.ranking.table.ranking`, with the same options.
    """
    without = ranked[ranked["score"].isna()]
    if without.empty:
        return ""
    kinds = kinds_of(ranked)
    weights = column_weights(scored(kinds, options.of), options.weights, kinds)
    values = without[[column for column, weight in weights.items() if weight > 0]]
    lacks = ~np.isfinite(values.to_numpy(dtype=float, na_value=np.nan)).all(axis=0)
    more = f" and {len(without) - MOST_NAMED:,} more" if len(without) > MOST_NAMED else ""
    return (
        f"{counted(len(without), 'cluster has', 'clusters have')} no score and no rank, for want of"
        f" {', '.join(values.columns[lacks])}: {', '.join(without['name'].head(MOST_NAMED))}{more}"
    )
