"""Tables of the folder of ``gclust sweep``."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.shared import CLUSTER, ECONOMIES, LAT, LON, NAME, RANK, SCORE
from gclust.results.columns.table import Table, by_name, integer, number, text

PART = "part of one"
OF_WEIGHT = "weight that forms clusters"
EPS_KM = number("eps_km", "Radius of neighbourhoods", "km")
MIN_SAMPLES = number(
    "min_samples", "Least weight within eps_km that makes a location a core", "listings"
)
PAIR = (EPS_KM, MIN_SAMPLES)
SHARE = number("share", f"Part of the {OF_WEIGHT}, noise included", PART)
WITH_BASELINE = "of the clusters with those of the baseline, weighted by listings, each noise"
RULES = (
    ("plateau", "neighbours agree with an adjusted Rand index of 0.95 or more"),
    ("plateau_by_number", "neighbours have as many clusters"),
)

POINTS = (
    *PAIR,
    integer("clusters_before_merging", "Clusters before they are merged", "clusters"),
    integer("n_clusters", "Clusters", "clusters"),
    integer("n_core", "Core locations", "locations"),
    integer("n_noise", f"Locations with {OF_WEIGHT} in no cluster", "locations"),
    number("clustered_share", f"Part of the {OF_WEIGHT} that is in clusters", PART),
    number("largest_share", f"Part of the {OF_WEIGHT} that is in the largest cluster", PART),
    number("core_share", f"Part of the {OF_WEIGHT} that is at core locations", PART),
    number(
        "ari",
        f"Adjusted Rand index {WITH_BASELINE} listing as a cluster of its own",
        "index, at most 1",
        "Hubert and Arabie 1985, equation 5",
    ),
    number(
        "ami",
        f"Adjusted mutual information {WITH_BASELINE} listing as a cluster of its own",
        "index, at most 1",
        "Vinh, Epps and Bailey 2010; normalised by the mean of the entropies",
    ),
    number(
        "jaccard",
        "Jaccard index of the first clusters ([study] top) and those of the baseline",
        PART,
        "first of both, matched / first of either",
    ),
    number(
        "tau_b",
        "Kendall's tau-b of the ranks of the clusters that are among the first of both",
        "index, -1 to 1",
    ),
    *(
        number(
            f"ari_to_smaller_{name}",
            f"Adjusted Rand index with the next smaller {parameter}, all noise as one cluster",
            "index, at most 1",
        )
        for name, parameter in (("eps", "eps_km"), ("min_samples", "min_samples"))
    ),
    text("diagnostics", "Signs that the pair is badly chosen; empty without any"),
    number(
        "mean_ari",
        "Mean of the adjusted Rand indices with all neighbouring pairs, all noise as one cluster",
        "index, at most 1",
    ),
    *(text(name, f"Plateau of the pair, where {rule}; empty for none") for name, rule in RULES),
    number(
        "dbcv",
        "Density-based validity of the clusters; of the baseline and the suggested pairs alone",
        "index, -1 to 1",
        "Moulavi et al. 2014, of at most 4,000 locations",
    ),
)

OF_BASELINE = "of the baseline"
BASELINE = (
    RANK,
    replace(CLUSTER, description=f"Number of the cluster {OF_BASELINE}, from 0"),
    NAME,
    ECONOMIES,
    SCORE,
    SHARE,
)

RANKS = (
    *PAIR,
    replace(CLUSTER, description="Number of the cluster at this pair, from 0"),
    integer("baseline_id", "Number of the cluster of the baseline that it matches, if any"),
    RANK,
    SCORE,
    SHARE,
)

PLATEAUS = (
    text("by", "Rule by which neighbours are linked: agreement, or number (of clusters)"),
    text("plateau", "Name of the plateau: its centre"),
    *(replace(column, description=f"{column.description}, at the centre") for column in PAIR),
    integer("pairs", "Number of pairs on the plateau"),
    number(
        "area",
        "Size of the plateau on natural logarithmic scales of both parameters",
        "product of logarithms",
        "sum over pairs of log width in eps_km times log width in min_samples",
    ),
    *(
        replace(column, name=f"{end}_{column.name}", description=f"{word} {column.name} on it")
        for column in PAIR
        for end, word in (("least", "Least"), ("most", "Largest"))
    ),
    integer("least_clusters", "Least number of clusters on it", "clusters"),
    integer("most_clusters", "Largest number of clusters on it", "clusters"),
    number("least_ari", "Least adjusted Rand index of linked neighbours", "index, at most 1"),
)

K_DISTANCE = (
    replace(MIN_SAMPLES, description="Weight that a neighbourhood must reach"),
    number(
        "distance_km",
        "Distance within which a location reaches it, infinite if never, in rising order",
        "km",
    ),
    number("weight_share", "Part of the weight that reaches it within this distance", PART),
)

KEY = ("eps_km", "min_samples")
CLUSTERS_TABLE = Table("clusters", "Clusters of the baseline", BASELINE, ("cluster_id",))
K_DISTANCE_TABLE = Table("k_distance", "Weighted k-distance curves", K_DISTANCE)
TABLES = by_name(
    Table("sweep", "Pairs of parameters, with clusters and their agreement", POINTS, KEY),
    CLUSTERS_TABLE,
    Table("ranks", "Ranks of clusters at each pair", RANKS, (*KEY, "cluster_id")),
    Table("plateaus", "Plateaus, by either rule the largest first", PLATEAUS, ("by", "plateau")),
    K_DISTANCE_TABLE,
)
"""Tables by name."""

PART_TABLES = by_name(
    CLUSTERS_TABLE,
    K_DISTANCE_TABLE,
    Table("sample", "Locations that the density-based validity is computed from", (LAT, LON)),
)
"""Tables of the folder that ``gclust sweep --shard`` writes, by name."""
