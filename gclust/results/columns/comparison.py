"""Tables of the folder of ``gclust compare``."""

from __future__ import annotations

from dataclasses import replace

from gclust.results.columns.table import Column, Table, by_name, flag, integer, number, text

PART = "part of one"
ID = integer("id", "Id of the cluster through comparisons: kept from run a; new for others")
EVENT = text("event", "What became of it: kept, split, merged, split and merged, gone or born")
NAME = text("name", "Name of the cluster in run b")
PLACES = "places"


def _of_run(side: str) -> tuple[Column, ...]:
    """Return the columns of a cluster of run a or b."""
    return (
        integer(f"cluster_id_{side}", f"Number of the cluster in run {side}; missing for none"),
        text(f"name_{side}", f"Name of the cluster in run {side}"),
        integer(f"rank_{side}", f"Rank in run {side}"),
    )


def _score(side: str) -> Column:
    return number(f"score_{side}", f"Score in run {side}, rounded to 48 bits of the largest")


RELATION = (
    *(
        number(
            f"share_of_{one}",
            f"Part of the weight of {one}'s cluster at places where {other} has the other cluster",
            PART,
        )
        for one, other in (("a", "b"), ("b", "a"))
    ),
    *(
        number(
            f"common_of_{one}",
            f"Part of the weight of {one}'s cluster that is listings at the same coordinates in"
            " the other",
            PART,
        )
        for one in ("a", "b")
    ),
)

CHANGES = (
    ID,
    EVENT,
    *_of_run("a"),
    _score("a"),
    *_of_run("b"),
    _score("b"),
    *RELATION,
    text("note", "Where less than half of a cluster's weight or listings is in common"),
    integer("rank_change", "Places gained from a to b", PLACES, "rank_a - rank_b"),
    number("score_change", "Change of the score from a to b", formula="score_b - score_a"),
    number(
        "rank_<factor>",
        "Contribution of the factor to rank_change",
        PLACES,
        "Shapley value over coalitions; these of all factors add up to rank_change",
    ),
    number(
        "score_<factor>",
        "Contribution of the factor to score_change",
        formula="Shapley value over coalitions; these of all factors add up to score_change",
    ),
    text("missing_in", "First coalition in which a cluster of both runs is not found, if any"),
)

LINEAGE = (
    integer("id_a", "Id of a's cluster through comparisons"),
    *_of_run("a"),
    integer("id_b", "Id of b's cluster through comparisons"),
    *_of_run("b"),
    EVENT,
    flag("continues", "Whether the cluster of b is the one that continues a's"),
    *(
        number(f"weight_of_{side}", f"Weight of {side}'s listings in both clusters", "listings")
        for side in ("a", "b")
    ),
    *RELATION,
)

DECOMPOSITION = (
    ID,
    NAME,
    text("factor", "Factor: data, formation, kinds or weights"),
    number("rank", "Its contribution to the change of rank", PLACES, "rank_<factor>"),
    number("score", "Its contribution to the change of score", formula="score_<factor>"),
)

COALITIONS = (
    text("<factor>", "Run whose choices the factor has: a or b"),
    ID,
    NAME,
    integer("cluster_id", "Number of the cluster in the coalition's scenario"),
    replace(integer("rank", "Rank there"), formula="rank of score"),
    number("score", "Score there, rounded to 48 bits of the largest"),
)

TABLES = by_name(
    Table("comparison", "Clusters of either run, with changes", CHANGES, ("id",)),
    Table("lineage", "Related clusters of the two runs, and those without relation", LINEAGE),
    Table("decomposition", "Contributions of factors to changes", DECOMPOSITION, ("id", "factor")),
    Table("coalitions", "Clusters in the scenario of each coalition of factors", COALITIONS),
)
"""Tables by name."""
