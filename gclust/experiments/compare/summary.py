"""Summary of a comparison for the terminal."""

from __future__ import annotations

import textwrap

import pandas as pd

from gclust.experiments.compare.hybrid_studies import Difference
from gclust.experiments.compare.result import Comparison
from gclust.plurals import counted
from gclust.ranking.columns import scored
from gclust.ranking.score_in_words import score_in_words

MOST_LINES = 10
MOST_NAMES = 3
ORDER = ("kept", "split", "merged", "split and merged", "born", "gone")


def difference_lines(found: Comparison, width: int) -> list[str]:
    """Return the lines above the table: the runs compared, and the choices that differ."""
    one, two = found.labels
    share_one, share_two = (f"{100 * share:.0f} %" for share in found.common)
    lines = [
        f"{one} (was, a) and {two} (b). Clusters are matched by place. Listings that both have at"
        f" the same coordinates: {share_one} of the first's, {share_two} of the second's"
    ]
    scores = [
        score_in_words(scored(study.kinds, study.score.of), study.score)
        for study in (found.a, found.b)
    ]
    if scores[0] == scores[1]:
        lines.append(f"Score: {scores[0]}")
    else:
        lines.append(f"Score of a: {scores[0]}. Score of b: {scores[1]}")
    for factor in dict.fromkeys(each.factor for each in found.differences):
        mine = [_difference(each) for each in found.differences if each.factor == factor]
        more = f"; and {len(mine) - MOST_LINES} more" if len(mine) > MOST_LINES else ""
        lines.append(f"{factor}: {'; '.join(mine[:MOST_LINES])}{more}")
    if not found.differences:
        lines.append("No choice differs that scores depend on")
    return _wrapped(lines, width)


def summary_lines(found: Comparison, width: int) -> list[str]:
    """Return the lines below the table: the lineage of the clusters, and the paths of the files."""
    events = found.table["event"].value_counts()
    noted = found.table[found.table["note"].fillna("") != ""]
    counts = [f"{events[event]} {event}" for event in ORDER if event in events]
    lines = [f"Clusters: {', '.join(counts) or 'none'}"]
    relations = _relations(found.lineage)
    lines += [f"  {line}" for line in relations[:MOST_LINES]]
    if len(relations) > MOST_LINES:
        lines.append(f"  and {len(relations) - MOST_LINES} more in lineage.csv")
    matched = int((found.table["name_a"].notna() & found.table["name_b"].notna()).sum())
    for note, rows in noted.groupby("note", sort=False):
        names = f": {_names(rows)}" if len(rows) < matched else ""
        lines.append(
            f"Note on {len(rows):,} of {counted(matched, 'matched cluster')}: {note}{names}"
        )
    if found.decomposed and found.factors:
        missing = found.table[found.table["missing_in"].fillna("") != ""]
        if len(missing):
            lines.append(
                f"Not decomposed, because they are missing in a coalition of"
                f" {', '.join(found.factors)}: {_names(missing)}"
            )
    if not found.decomposed:
        lines.append("Changes are not decomposed: the listings were not read")
    lines = _wrapped(lines, width)
    if found.path is not None:
        lines += [
            "",
            f"Bump chart: {found.path / 'figures' / 'bump.png'}",
            f"Table:      {found.path / 'comparison.csv'}",
            f"All files of the comparison: {found.path}",
        ]
    return lines


def _names(rows: pd.DataFrame) -> str:
    """Return the names of the first clusters, and how many more there are."""
    more = f" and {len(rows) - MOST_LINES} more" if len(rows) > MOST_LINES else ""
    return ", ".join(rows["name_b"].head(MOST_LINES)) + more


def _weight(lineage: pd.DataFrame) -> pd.Series:
    return lineage["weight_of_a"] + lineage["weight_of_b"]


def _wrapped(lines: list[str], width: int) -> list[str]:
    """Break long lines, and indent continuations by two more spaces."""
    return [
        wrapped
        for line in lines
        for wrapped in textwrap.wrap(
            line, width, subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2)
        )
    ]


def _difference(each: Difference) -> str:
    if each.setting.endswith(": path"):
        return each.setting.removesuffix(": path") + ": other files"
    setting = "" if each.setting == each.factor else f"{each.setting}: "
    return f"{setting}{_choice(each.a)} -> {_choice(each.b)}"


def _choice(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _relations(lineage: pd.DataFrame) -> list[str]:
    """Return one line for each event other than kept, best ranks first.

    An event is a cluster that has split, a cluster merged from others, or a cluster of only one
    run.
    """
    changed = lineage[lineage["event"] != "kept"].reset_index(drop=True)
    first = changed[["rank_a", "rank_b"]].min(axis=1)
    # The relation that continues comes before the others.
    order = changed.assign(first=first, lesser=~changed["continues"], light=-_weight(changed))
    lines: list[tuple[int, str]] = []
    done: set[int] = set()
    for at, row in order.sort_values(["first", "lesser", "light"], kind="stable").iterrows():
        if at in done:
            continue
        alike = order[order["event"] == row["event"]]
        if row["event"] == "split":
            alike = alike[alike["id_a"] == row["id_a"]]
        elif row["event"] == "merged":
            alike = alike[alike["id_b"] == row["id_b"]]
        else:
            alike = alike.loc[[at]]
        done |= set(alike.index)
        alike = alike.sort_values(["lesser", "light"], kind="stable")
        sides = [_listed(alike, which) for which in ("a", "b")]
        line = f"{row['event']}: {' -> '.join(side for side in sides if side)}"
        lines.append((int(alike["first"].min()), line))
    return [line for _, line in sorted(lines, key=lambda each: each[0])]


def _listed(rows: pd.DataFrame, which: str) -> str:
    """Return the distinct clusters of one run with their ranks, as text."""
    there = rows.dropna(subset=[f"id_{which}"]).drop_duplicates(f"id_{which}")
    names = [
        f"{name} ({rank})"
        for name, rank in zip(there[f"name_{which}"], there[f"rank_{which}"], strict=True)
    ]
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
