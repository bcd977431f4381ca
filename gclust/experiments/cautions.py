"""Pairs of parameters that show themselves to be ill chosen.

Schubert, Sander, Ester, Kriegel and Xu (2017, ACM TODS 42(3), section 4) advise to distrust
parameters of DBSCAN with which almost all or almost no points are core, or one cluster holds
most of what is clustered. They leave open what *almost all* is; the limits are gclust's.
"""

from __future__ import annotations

ALMOST_ALL = 0.95
ALMOST_NONE = 0.05
GIANT = 0.5

NO_CLUSTER = "no cluster"
ALL_CORE = "almost all listings core"
NONE_CORE = "almost no listings core"
ONE_GIANT = "one giant cluster"


def caution(
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
