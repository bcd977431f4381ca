"""Diagnostics: signs that a pair of eps_km and min_samples is badly chosen.

After Schubert, Sander, Ester, Kriegel and Xu (2017, DBSCAN Revisited, Revisited, ACM TODS
42(3), article 19), who propose indicators of bad parameters of DBSCAN: almost no point is
core, almost every point is core, or everything is one cluster. The limits are gclust's own.
"""

from __future__ import annotations

from collections.abc import Mapping

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
