"""Scores and ranks of the clusters of a draw, with the draw's own weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.errors import StudyError
from gclust.ranking.columns import column_weights, scored
from gclust.ranking.intervals import draw_ranks
from gclust.ranking.score import score
from gclust.study.schema import Study

Floats = NDArray[np.float64]

WEIGHTS = 1
"""Key of the random numbers that draw weights."""


class Scorer:
    """Scores as a study makes them, with its weights or weights drawn round them.

    Parameters
    ----------
    study : Study

    Raises
    ------
    StudyError
        If the score is made of columns that draws do not have.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        columns = scored(study.kinds, study.score.of)
        self._columns = [f"{kind}_{what}" for what in ("share", "count") for kind in study.kinds]
        for column in columns:
            if column not in self._columns:
                raise StudyError(
                    f"[score] of: {column!r} cannot be drawn anew; expected shares and counts of"
                    " kinds"
                )
        self._own = column_weights(columns, study.score.weights, study.kinds)
        self._drawn = _drawn_weights(study, np.array(list(self._own.values())))

    def own(self, count: Floats, share: Floats) -> Floats:
        """Return the scores of clusters with the study's own weights."""
        return self._scored(count, share, self._own)

    def score(self, draw: int, count: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Return scores and ranks of clusters with the weights of a draw.

        Parameters
        ----------
        draw : int
            Its number.
        count, share : ndarray of float64, shape (clusters, kinds)
        """
        weights = dict(zip(self._own, self._drawn[draw].tolist(), strict=True))
        scores = self._scored(count, share, weights)
        return scores, draw_ranks(scores[None])[0]

    def _scored(self, count: Floats, share: Floats, weights: dict[str, float]) -> Floats:
        values = pd.DataFrame(np.hstack((share, count)), columns=self._columns)
        if values.empty:
            return np.zeros(0)
        combine = self._study.score.combine
        found = score(values[list(weights)], combine=combine, weights=weights)
        return found.to_numpy(dtype=np.float64)


def _drawn_weights(study: Study, own: Floats) -> Floats:
    """The weights of the columns in each draw: the study's own, or drawn round them.

    Their sum is that of the study's; a weight of 0 stays 0.
    """
    wanted = study.uncertainty
    drawn = np.repeat(own[None], wanted.draws, axis=0)
    used = own > 0
    if "weights" in wanted.sources and used.sum() > 1:
        random = np.random.Generator(np.random.Philox(key=[wanted.seed, WEIGHTS]))
        alpha = wanted.concentration * own[used] / own.sum()
        drawn[:, used] = own.sum() * random.dirichlet(alpha, size=len(drawn))
    return drawn
