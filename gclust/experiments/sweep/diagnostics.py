"""Pairs of parameters that show themselves to be ill chosen.

After Schubert, Sander, Ester, Kriegel and Xu (2017, DBSCAN Revisited, Revisited, ACM TODS
42(3), article 19), who propose indicators of bad parameters of DBSCAN: almost no point is
core, almost every point is core, or everything is one cluster. The limits are gclust's.
"""

from __future__ import annotations

ALMOST_ALL = 0.95
"""Of the weight at core locations: the rest, which density tells apart, is less than one listing
in twenty. The simulated world of the GII 2025 has 0.64 at the GII's parameters and 0.88 at a
quarter of their density."""

ALMOST_NONE = 0.05
"""The same from below: less than one listing in twenty is anything but noise or border."""

GIANT = 0.5
"""Of the clustered weight in one cluster: it outweighs all others together, as cities do that have
chained together."""

NO_CLUSTER = "no cluster"
ALL_CORE = "almost all listings core"
NONE_CORE = "almost no listings core"
ONE_GIANT = "one giant cluster"


def diagnose(
    n_clusters: int, core_share: float, clustered_share: float, largest_share: float
) -> str:
    """Say what is suspicious about a pair.

    Parameters
    ----------
    n_clusters : int
    core_share, clustered_share, largest_share : float
        Of the weight that forms clusters, from 0 to 1: at core locations, in clusters, in the
        largest cluster.

    Returns
    -------
    str
        Empty if nothing is; else one or several of ``no cluster``; ``almost no listings core``
        (below 5 %); ``almost all listings core`` (above 95 %); ``one giant cluster`` (more than
        half of the clustered weight), joined by semicolons.
    """
    if n_clusters == 0:
        return NO_CLUSTER
    found = []
    if core_share < ALMOST_NONE:
        found.append(NONE_CORE)
    if core_share > ALMOST_ALL:
        found.append(ALL_CORE)
    if largest_share > GIANT * clustered_share:
        found.append(ONE_GIANT)
    return "; ".join(found)
