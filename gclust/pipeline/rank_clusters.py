"""The ranking of clusters, or of other areas, by a study's rules."""

from __future__ import annotations

import pandas as pd

from gclust.errors import StudyError
from gclust.pipeline.count import MergedCounts
from gclust.ranking.table import ranking
from gclust.study.schema import Study


def rank_clusters(
    study: Study,
    clusters: pd.DataFrame,
    counted: MergedCounts,
    indicators: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score and rank clusters by a study's rules; see `gclust.ranking.table.ranking`."""
    kinds = list(study.kinds)
    try:
        return ranking(
            clusters,
            counted.count[kinds],
            counted.share[kinds],
            study.score,
            top=study.study.top,
            indicators=indicators,
        )
    except ValueError as error:
        raise StudyError(f"[score] {error}") from error
