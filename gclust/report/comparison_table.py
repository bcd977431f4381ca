"""How ranks and scores changed between two runs, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gclust.report.table import ALWAYS, NEEDED, _fixed, _whole
from gclust.report.table import _Column as Column
from gclust.report.table import _filled as filled
from gclust.report.table import _lines as written

__all__ = ["changes_table"]

LESS = 6


def changes_table(
    table: pd.DataFrame,
    factors: Sequence[str],
    *,
    width: int,
    top: int = 20,
    ascii: bool = False,
) -> str:
    """Write the first clusters of a comparison, how they moved and why, as a table of text.

    Ranks, names and what each factor has of a change of rank are always there; scores and
    their parts follow as far as the width goes. What became of clusters is told if any of them
    is not simply kept.

    Parameters
    ----------
    table : DataFrame
        As in ``comparison.csv``.
    factors : sequence of str
        What changes are decomposed into; may be none.
    width : int
        Columns of the terminal.
    top : int
        How many rows to write.
    ascii : bool
        Write nothing beyond ASCII.

    Returns
    -------
    str
        Lines without blanks at their ends, and without a final line break.
    """
    shown = table.head(top)
    shown = shown.assign(name=shown["name_b"].fillna(shown["name_a"]))
    columns = [
        Column("rank_b", ("", "Rank"), _whole, ALWAYS),
        Column("rank_a", ("", "Was"), _whole, ALWAYS),
        Column("rank_change", ("", "Change"), _signed, ALWAYS),
        Column("name", ("", "Cluster"), None, ALWAYS),
    ]
    if (shown["event"] != "kept").any():
        columns.append(Column("event", ("", "Event"), None, NEEDED))
    columns += [Column(f"rank_{p}", ("rank by", p), _signed, ALWAYS) for p in factors]
    columns += [
        Column("score_b", ("", "Score"), _fixed(2), LESS),
        Column("score_change", ("Score", "change"), _hundredths, LESS),
    ]
    columns += [Column(f"score_{p}", ("score by", p), _hundredths, LESS - 1) for p in factors]
    return "\n".join(written([filled(c, shown, None) for c in columns], width, ascii))


def _signed(value: float) -> str:
    """Places, in fractions where several orders have a part in them: two digits after the point."""
    text = f"{value:+.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("+0", "-0") else text


def _hundredths(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text
