"""Diagnostics: signs that a pair of eps_km and min_samples is badly chosen.

After Schubert, Sander, Ester, Kriegel and Xu (2017, DBSCAN Revisited, Revisited, ACM TODS
42(3), article 19), who propose indicators of bad parameters of DBSCAN: almost no point is
core, almost every point is core, or everything is one cluster. The limits are gclust's own.
They advise, and exclude no pair: the capital of a country may well have more than half of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

ALMOST_ALL = 0.95
"""Share of the weight at core locations above which fewer than one listing in twenty is not core,
so density hardly separates clusters. The simulated world of the GII 2025 has 0.64 at the GII's
parameters and 0.88 at a quarter of their density."""

ALMOST_NONE = 0.05
"""Share of the weight at core locations below which more than nineteen listings in twenty are
noise or border."""

GIANT = 0.5
"""Share of the clustered weight above which one cluster outweighs all others together, such as a
chain of cities."""

NO_CLUSTER = "no cluster"
ALL_CORE = "almost all listings core"
NONE_CORE = "almost no listings core"
ONE_GIANT = "one giant cluster"


def diagnose(statistics: Mapping[str, float]) -> str:
    """Return the diagnostics of a pair of parameters as text, "" if nothing is suspicious.

    ``statistics`` has ``n_clusters`` and, as shares of the weight that forms clusters,
    ``core_share, clustered_share, largest_share``; see `gclust.experiments.cluster_statistics`. The
    diagnostics are one or several of ``no cluster``; ``almost no listings core`` (below 5 %);
    ``almost all listings core`` (above 95 %); ``one giant cluster`` (more than half of the
    clustered weight), joined by semicolons.
    """
    if statistics["n_clusters"] == 0:
        return NO_CLUSTER
    found = []
    if statistics["core_share"] < ALMOST_NONE:
        found.append(NONE_CORE)
    if statistics["core_share"] > ALMOST_ALL:
        found.append(ALL_CORE)
    if statistics["largest_share"] > GIANT * statistics["clustered_share"]:
        found.append(ONE_GIANT)
    return "; ".join(found)


def mean_agreement(table: pd.DataFrame) -> pd.Series:
    """Return the mean adjusted Rand index of each pair with its neighbours; missing without any.

    ``table`` has one row per pair of a sweep: ``eps_km, min_samples, ari_to_smaller_eps,
    ari_to_smaller_min_samples``. It chooses nothing: where a world has clusters of two scales, the
    pair with the highest mean has only those of one.
    """
    values, ranks = [], []
    for name in ("eps_km", "min_samples"):
        axis, at = np.unique(table[name].to_numpy(float), return_inverse=True)
        values.append(axis)
        ranks.append(at)
    # Links of a pair to the smaller eps_km, then to the smaller min_samples, and those to the pair.
    link = np.full((2, values[0].size + 1, values[1].size + 1), np.nan)
    link[0, ranks[0], ranks[1]] = table["ari_to_smaller_eps"]
    link[1, ranks[0], ranks[1]] = table["ari_to_smaller_min_samples"]
    row, column = ranks
    sides = np.array(
        [
            *(link[0, row, column], link[0, row + 1, column]),
            *(link[1, row, column], link[1, row, column + 1]),
        ]
    )
    known = np.isfinite(sides).sum(axis=0)
    return pd.Series(np.nansum(sides, axis=0) / np.where(known, known, np.nan), table.index)
