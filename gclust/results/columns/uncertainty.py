"""Tables of the folder of ``gclust uncertainty``."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.shared import CLUSTER, ECONOMIES, KIND, NAME, RANK, SCORE
from gclust.results.columns.table import (
    PER_CENT,
    Column,
    Table,
    by_name,
    flag,
    integer,
    number,
    text,
)

PART = "part of one"
LOW, HIGH = "(1 - level) / 2 quantile of the draws", "(1 + level) / 2 quantile of the draws"
ENDS = (("low", "Lower", LOW), ("high", "Upper", HIGH))
RANK_ENDS = (("low", "Best", LOW), ("high", "Worst", HIGH))


def _interval(name: str, of: str, unit: str = "") -> tuple[Column, ...]:
    """Return the ends of an interval of a number."""
    return tuple(
        number(f"{name}_{end}", f"{word} end of the interval of {of}", unit, formula)
        for end, word, formula in ENDS
    )


def _rank_set(name: str, of: str) -> tuple[Column, ...]:
    return tuple(
        integer(f"{name}_{end}", f"{word} rank of the {of}", formula="Mogstad et al. 2024")
        for end, word, _ in RANK_ENDS
    )


DRAWN_RANKS = tuple(
    integer(f"rank_{end}", f"{word} end of the interval of the drawn ranks", formula=formula)
    for end, word, formula in RANK_ENDS
)
FOUND = number("found", "Part of the draws that have the cluster", PART)
LARGEST = (
    text("<kind>_largest_organisation", "Organisation with most records of kind <kind> in it"),
    number(
        "<kind>_largest_organisation_share",
        "Its records of kind <kind>, of the cluster's",
        PER_CENT,
    ),
)

CLUSTERS = (
    RANK,
    CLUSTER,
    NAME,
    ECONOMIES,
    number(
        "<kind>_share",
        "Records of kind <kind>, of the world's, noise included",
        PER_CENT,
        "100 * <kind>_count / world total of <kind>",
    ),
    *_interval("<kind>_share", "<kind>_share over the draws that have the cluster", PER_CENT),
    *_interval(
        "<kind>_share_in_own", "<kind>_share of the study's own cluster over all draws", PER_CENT
    ),
    text("<kind>_share_interval", "Why there is no interval: the kind is not resampled"),
    SCORE,
    *_interval("score", "the score"),
    text("score_interval_leaves_out", "Kinds that affect the score and are the same in all draws"),
    *DRAWN_RANKS,
    *_rank_set("rank_set", "set; all sets together hold the true ranks at the level"),
    *_rank_set("marginal_rank_set", "set that alone holds its true rank at the level"),
    *(
        text(f"among_{first}", f"Whether it is among the first {first}: yes, possible or no")
        for first in (10, 100)
    ),
    FOUND,
    *LARGEST,
    text("largest_source", "Source of uncertainty with the widest interval of ranks"),
)

PAIRS = (
    *(
        column
        for side, word in (("a", "better"), ("b", "other"))
        for column in (
            replace(RANK, name=f"rank_{side}", description=f"Rank of the {word} cluster"),
            integer(f"cluster_{side}", f"Number of the {word} cluster"),
            text(f"name_{side}", f"Name of the {word} cluster"),
        )
    ),
    number("difference", "Difference of the scores", formula="score of a - score of b"),
    number(
        "low",
        "Lower end of its interval, simultaneous over all pairs",
        formula="difference - critical value * standard error over the draws",
    ),
    number(
        "high",
        "Upper end of its interval, simultaneous over all pairs",
        formula="difference + critical value * standard error over the draws",
    ),
    number("a_above_b", "Part of the draws with both in which a is above", PART),
)

MOVED = (
    KIND,
    text("precision", "Precision of the addresses that are moved"),
    integer("listings", "Number of these listings", "listings"),
    number("weight", "Their weight", "listings"),
    *(
        number(f"radius_km_{name}", f"{word} radius of the discs in which they lie", "km")
        for name, word in (("least", "Least"), ("median", "Median"), ("most", "Largest"))
    ),
)

SOURCE = text("source", "Source of uncertainty that is drawn alone")
SOURCES = (
    RANK,
    CLUSTER,
    NAME,
    SOURCE,
    text("range", "Range over which the study draws the source"),
    *DRAWN_RANKS,
    *_interval("score", "the score"),
    FOUND,
    flag("largest", "Whether no other source has a wider interval of ranks, then of scores"),
)

SCORES = (number("<cluster_id>", "Score of the cluster in each draw; missing if not found"),)

MOVED_TABLE = Table("moved", "Jittered addresses", MOVED, ("kind", "precision"))
TABLES = by_name(
    Table("uncertainty", "Clusters with intervals and rank sets", CLUSTERS, ("cluster_id",)),
    Table("pairs", "Pairs of clusters that cannot be distinguished", PAIRS),
    MOVED_TABLE,
    Table("sources", "Intervals by each source alone", SOURCES, ("cluster_id", "source")),
    Table("scores", "Scores, a row for each draw", SCORES),
)
"""Tables by name."""

DRAW = integer("draw", "Number of the draw, from 0")
OF_DRAW = (
    DRAW,
    CLUSTER,
    number("score", "Score in the draw; missing if it is not found"),
    number("rank", "Rank in the draw; missing if it is not found"),
)
OF_KIND = "records of the study's kind with this number, from 0"
PART_TABLES = by_name(
    Table(
        "draws",
        "Clusters in each draw of the shard",
        (
            *OF_DRAW,
            number("share_<number>", f"Share in the draw: {OF_KIND}", PER_CENT),
            number("in_own_<number>", f"Share of the study's own cluster: {OF_KIND}", PER_CENT),
        ),
        ("draw", "cluster_id"),
    ),
    Table(
        "clusters",
        "The study's own clusters, by number",
        (
            NAME,
            ECONOMIES,
            SCORE,
            number("share_<number>", f"Share: {OF_KIND}", PER_CENT),
            *LARGEST,
        ),
    ),
    MOVED_TABLE,
    Table("alone", "Draws of each source alone", (SOURCE, *OF_DRAW)),
)
"""Tables of the folder that ``gclust uncertainty --shard`` writes, by name."""
