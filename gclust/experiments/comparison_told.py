"""What a comparison found, in lines of text."""

from __future__ import annotations

import textwrap

import pandas as pd

from gclust.experiments.between import Difference
from gclust.experiments.comparison import Comparison

MOST_TOLD = 10
ORDER = ("kept", "split", "merged", "split and merged", "born", "gone")


def told_before(found: Comparison, width: int) -> list[str]:
    """Lines above the table: what is compared, and which choices differ."""
    one, two = found.labels
    share_one, share_two = (f"{100 * share:.0f} %" for share in found.common)
    lines = [
        f"{one} (was) and {two}. Listings that both have at the same place: {share_one} of the"
        f" first's, {share_two} of the second's"
    ]
    for player in dict.fromkeys(each.player for each in found.differences):
        mine = [_difference(each) for each in found.differences if each.player == player]
        more = f"; and {len(mine) - MOST_TOLD} more" if len(mine) > MOST_TOLD else ""
        lines.append(f"{player}: {'; '.join(mine[:MOST_TOLD])}{more}")
    if not found.differences:
        lines.append("No choice differs that scores depend on")
    return [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent="  ")]


def told_after(found: Comparison) -> list[str]:
    """Lines below the table: what became of the clusters, and where the files are."""
    events = found.table["event"].value_counts()
    counts = [f"{events[event]} {event}" for event in ORDER if event in events]
    lines = [f"Clusters: {', '.join(counts) or 'none'}"]
    changed = found.lineage[found.lineage["event"] != "kept"]
    changed = changed.assign(first=changed[["rank_a", "rank_b"]].min(axis=1))
    changed = changed.sort_values("first", kind="stable")
    lines += [f"  {_relation(row)}" for row in changed.head(MOST_TOLD).to_dict("records")]
    if len(changed) > MOST_TOLD:
        lines.append(f"  and {len(changed) - MOST_TOLD} more in lineage.csv")
    if found.decomposed and found.players:
        lost = found.table[found.table["lost_in"].fillna("") != ""]
        if len(lost):
            names = ", ".join(lost["name_b"].head(MOST_TOLD))
            more = f" and {len(lost) - MOST_TOLD} more" if len(lost) > MOST_TOLD else ""
            lines.append(
                f"Not decomposed, for they are not found in every coalition of"
                f" {', '.join(found.players)}: {names}{more}"
            )
    if not found.decomposed:
        lines.append("Changes are not decomposed: the listings were not asked")
    if found.path is not None:
        lines += [
            "",
            f"Bump chart: {found.path / 'figures' / 'bump.png'}",
            f"Table:      {found.path / 'comparison.csv'}",
            f"All files of the comparison: {found.path}",
        ]
    return lines


def _difference(each: Difference) -> str:
    if each.setting.endswith(": path"):
        return each.setting.removesuffix(": path") + ": other files"
    setting = "" if each.setting == each.player else f"{each.setting}: "
    return f"{setting}{_choice(each.a)} -> {_choice(each.b)}"


def _choice(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _relation(row: dict[str, object]) -> str:
    a, b = (
        "" if pd.isna(row[f"name_{which}"]) else f"{row[f'name_{which}']} ({row[f'rank_{which}']})"
        for which in ("a", "b")
    )
    if a and b:
        main = "" if row["continues"] else ", lesser part"
        return f"{row['event']}: {a} -> {b}{main}"
    return f"{row['event']}: {a or b}"
