"""Scores and ranks of a replicate's clusters, with the score weights of the replicate."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.pipeline.score_columns import ScoreColumns
from gclust.ranking.intervals import draw_ranks
from gclust.study.schema import Study

Floats = NDArray[np.float64]

WEIGHTS = 1
"""Key of the random numbers that draw weights."""


class Scorer:
    """Scorer of clusters with a study's weights, or with random weights near them.

    Raises StudyError if a raster that columns of the score need is missing.
    """

    def __init__(self, study: Study) -> None:
        self.columns = ScoreColumns(study)
        self.columns.check()
        self._weights = self.columns.weights
        self._drawn = _drawn_weights(study, np.array(list(self._weights.values())))

    def own(self, values: pd.DataFrame) -> Floats:
        """Return the scores of clusters with the study's own weights."""
        return self.columns.score(values).to_numpy(dtype=np.float64)

    def score(self, number: int, values: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return scores and ranks of clusters with the weights of a replicate.

        ``values`` are those of `gclust.pipeline.score_columns.ScoreColumns.values`.
        """
        weights = dict(zip(self._weights, self._drawn[number].tolist(), strict=True))
        scores = self.columns.score(values, weights).to_numpy(dtype=np.float64)
        return scores, draw_ranks(scores[None])[0]


def _drawn_weights(study: Study, own: Floats) -> Floats:
    """Return the weights of the columns in each replicate: the study's own, or drawn near them.

    Shape (draws, columns). Their sum is that of the study's weights; a weight of 0 stays 0.
    """
    wanted = study.uncertainty
    drawn = np.repeat(own[None], wanted.draws, axis=0)
    used = own > 0
    if "weights" in wanted.sources and used.sum() > 1:
        random = np.random.Generator(np.random.Philox(key=[wanted.seed, WEIGHTS]))
        alpha = wanted.concentration * own[used] / own.sum()
        drawn[:, used] = own.sum() * random.dirichlet(alpha, size=len(drawn))
    return drawn
