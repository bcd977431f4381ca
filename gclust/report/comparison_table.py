"""Text table of a comparison: changes of ranks and scores, with each factor's contribution."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gclust.report.text_table import ALWAYS, NEEDED, Column, filled, fixed, table_lines, whole

LESS = 6
ALL = 99.5
"""Per cent of the weight of both clusters in common from which on all of it is shown as such."""


def changes_table(
    table: pd.DataFrame, factors: Sequence[str], *, width: int, top: int = 20, ascii: bool = False
) -> str:
    """Return the changes of the first clusters of a ``comparison.csv`` as a table of text.

    Ranks, names and the contribution of each factor (if any explains changes) to a change of rank
    are always shown; scores and contributions to them are shown as far as the width allows. The
    event of a cluster is shown if not all are kept, and the lesser share of the weight of its two
    clusters that lies in the other if it is not all of it. The other parameters are those of
    `gclust.report.table.ranking_table`.
    """
    shown = table.head(top)
    shown = shown.assign(name=shown["name_b"].fillna(shown["name_a"]))
    columns = [
        Column("rank_b", ("", "Rank"), whole, ALWAYS),
        Column("rank_a", ("", "Was"), whole, ALWAYS),
        Column("rank_change", ("", "Change"), _signed, ALWAYS),
        Column("name", ("", "Cluster"), None, ALWAYS),
    ]
    if (shown["event"] != "kept").any():
        columns.append(Column("event", ("", "Event"), None, NEEDED))
    shown["in_common"] = 100 * shown[["share_of_a", "share_of_b"]].min(axis=1)
    if (shown["in_common"] < ALL).any():
        columns.append(Column("in_common", ("% in", "common"), fixed(0), NEEDED))
    columns += [Column(f"rank_{p}", ("rank by", p), _signed, ALWAYS) for p in factors]
    columns += [
        Column("score_b", ("", "Score"), fixed(2), LESS),
        Column("score_change", ("Score", "change"), _hundredths, LESS),
    ]
    columns += [Column(f"score_{p}", ("score by", p), _hundredths, LESS - 1) for p in factors]
    return "\n".join(table_lines([filled(c, shown) for c in columns], width, ascii))


def _signed(value: float) -> str:
    """Return gained places as text; fractions where they depend on the order of factors."""
    text = f"{value:+.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("+0", "-0") else text


def _hundredths(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text
