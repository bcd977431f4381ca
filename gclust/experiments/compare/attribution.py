"""Attribution of changes in ranks and scores to factors, such as data or weights.

A coalition is the set of factors that are taken from run b; the others are taken from run a.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gclust.experiments.compare.scenarios import ScenarioResult
from gclust.ranking.common_listings import common_places
from gclust.ranking.matching import match, overlap
from gclust.ranking.shapley import Coalition, coalitions, exact_step, in_steps, shapley

RANK_STEP = Fraction(1, 2**40)
"""Step for ranks: their contributions are multiples of 1/12, with inexact sums in float64."""


def common_listings(
    a: ScenarioResult, b: ScenarioResult
) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Compute the weight of listings at the same coordinates in each cluster of two runs.

    Returns
    -------
    DataFrame
        See `gclust.ranking.matching.overlap`.
    (float, float)
        Share of the listings of either run that the other has too.
    """
    decimals = [each.study.density.rounding for each in (a, b)]
    known = [each for each in decimals if each is not None]
    coarser = min(known) if decimals[0] != decimals[1] else None
    at_a, at_b, units = common_places(a.locations, b.locations, coarser)
    total = float(units.sum())
    one, two = (total / max(float(each.locations["units"].sum()), 1.0) for each in (a, b))
    return overlap(a.clusters[at_a], b.clusters[at_b], units), (one, two)


def shared_places(a: ScenarioResult, b: ScenarioResult) -> pd.DataFrame:
    """Sum the weight of listings for each pair of a cluster of run a and a cluster of run b.

    A listing lies in the cluster that the other run gives to its place, with its own parameters
    where it has no listing there; see `gclust.experiments.compare.places.ClustersAtPlaces`.

    Returns
    -------
    DataFrame of int64
        ``a, b, weight_of_a`` (of a's listings), ``weight_of_b`` (of b's), in fixed point; -1 is
        noise.
    """
    of_a = overlap(a.clusters, b.places.at(a.locations), a.locations["units"].to_numpy())
    of_b = overlap(a.places.at(b.locations), b.clusters, b.locations["units"].to_numpy())
    of_a, of_b = (
        table.rename(columns={"weight": f"weight_of_{side}"})
        for side, table in (("a", of_a), ("b", of_b))
    )
    both = of_a.merge(of_b, on=["a", "b"], how="outer")
    return both.fillna(0).astype("int64").sort_values(["a", "b"], ignore_index=True)


class Attribution:
    """Clusters that continue from run a to run b, with their rank and score in each coalition.

    A cluster is found in a scenario if one cluster there matches both the cluster of a and
    that of b.

    Parameters
    ----------
    factors : sequence of str
    ends : (ScenarioResult, ScenarioResult)
        Scenarios of a and b.
    lineage : DataFrame
        From `gclust.ranking.lineage.lineage`.

    Attributes
    ----------
    pairs : DataFrame of int64
        ``a, b``: the clusters that continue.
    found : dict
        Coalition -> DataFrame with a row for each pair: ``cluster_id, rank, score``, missing
        where it is not found.
    """

    def __init__(
        self,
        factors: tuple[str, ...],
        ends: tuple[ScenarioResult, ScenarioResult],
        lineage: pd.DataFrame,
    ) -> None:
        self.factors = factors
        pairs = lineage.loc[lineage["continues"], ["a", "b"]]
        self.pairs = pairs.astype("int64").reset_index(drop=True)
        nothing = pd.DataFrame(
            {"cluster_id": pd.NA, "rank": pd.NA, "score": np.nan}, index=self.pairs.index
        ).astype({"cluster_id": "Int64", "rank": "Int64", "score": "float64"})
        self.found = {each: nothing for each in coalitions(factors)}
        self._ends = ends

    def add(self, coalition: Coalition, result: ScenarioResult) -> None:
        """Match the continuing clusters with a coalition's clusters, and store rank and score."""
        if not coalition:
            ids = self.pairs["a"].to_numpy()
        elif len(coalition) == len(self.factors):
            ids = self.pairs["b"].to_numpy()
        else:
            of_a, of_b = (
                self._matched(end, result, self.pairs[side])
                for end, side in zip(self._ends, ("a", "b"), strict=True)
            )
            ids = np.where(of_a == of_b, of_a, -1)
        known = pd.Series(ids, dtype="Int64").where(ids >= 0)
        table = result.ranks.reindex(ids).reset_index(drop=True)
        table.insert(0, "cluster_id", known)
        self.found[coalition] = table

    @staticmethod
    def _matched(
        end: ScenarioResult, result: ScenarioResult, clusters: pd.Series
    ) -> NDArray[np.int64]:
        matched = match(shared_places(end, result)).set_index("a")["b"]
        return matched.reindex(clusters).fillna(-1).to_numpy(np.int64)

    @property
    def scores(self) -> list[NDArray[np.float64]]:
        """Scores of the continuing clusters, one array for each coalition."""
        return [table["score"].to_numpy() for table in self.found.values()]

    def missing_in(self) -> pd.Series:
        """Return, for each continuing cluster, the first coalition without a match, else ""."""
        first = pd.Series("", index=self.pairs.index, dtype="string")
        for coalition, table in self.found.items():
            missing = table["rank"].isna() | table["score"].isna()
            named = " + ".join(factor for factor in self.factors if factor in coalition)
            first = first.mask(missing & (first == ""), named)
        return first

    def decomposition(self, step: Fraction) -> pd.DataFrame:
        """Decompose the changes in rank and score of the clusters found in every coalition.

        Parameters
        ----------
        step : Fraction
            Step to which scores are rounded; see `gclust.ranking.shapley.exact_step`.

        Returns
        -------
        DataFrame of float
            ``rank_<factor>`` (places gained) and ``score_<factor>``, the Shapley values of the
            factors; missing for pairs that are missing in a coalition.
        """
        columns = [f"{what}_{factor}" for what in ("rank", "score") for factor in self.factors]
        table = pd.DataFrame(np.nan, index=self.pairs.index, columns=columns)
        missing_in = self.missing_in()
        for at in self.pairs.index[missing_in == ""]:
            ranks = {each: -Fraction(int(t["rank"][at])) for each, t in self.found.items()}
            scores = {
                each: round(Fraction(t["score"][at]) / step) * step
                for each, t in self.found.items()
            }
            for what, value, unit in (("rank", ranks, RANK_STEP), ("score", scores, step)):
                values = in_steps(shapley(value, self.factors), unit)
                for factor, contribution in values.items():
                    table.loc[at, f"{what}_{factor}"] = contribution
        return table


def score_step(scores: Iterable[NDArray[np.float64]]) -> Fraction:
    """Return the step to which scores are rounded so that contributions add up exactly."""
    finite = [float(np.abs(each[np.isfinite(each)]).max(initial=0.0)) for each in scores]
    return exact_step(max(finite, default=0.0))


def on_steps(scores: pd.Series, step: Fraction) -> pd.Series:
    """Round scores to multiples of a step, a power of two, so that float64 holds them exactly."""
    return (scores / float(step)).round() * float(step)
