"""How results show themselves: a few lines of text, and HTML in notebooks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from gclust.escapes import visible
from gclust.html import block, svg, table, text
from gclust.plurals import counted

HEAD = 5
LETTERS = 34
PER_ROW = 16.0
"""Height of a row of the small charts in pixels."""


def run_text(run: Any) -> str:
    """Return a run in a few lines: its title, counts, first clusters and folder."""
    return _lines("Run", run.study.heading, [_counts(run)], _first(run.ranking), run.path)


def run_html(run: Any) -> str:
    """Return a run as HTML: counts, the first clusters, and a small map."""
    from gclust.report.small_map import small_map

    title = f"Run: {run.study.heading}"
    heads, rows = _first(run.ranking)
    notes = [_counts(run), *_folder(run.path)]
    return block(title, notes, table(heads, rows), small_map(run.clusters, run.study.study.top))


def sweep_text(sweep: Any) -> str:
    """Return a sweep in a few lines: its pairs, the baseline, the suggestions."""
    return _lines("Sweep", sweep.study.heading, _pairs(sweep), ([], []), sweep.path)


def sweep_html(sweep: Any) -> str:
    """Return a sweep as HTML: its pairs, and the number of clusters at each as a small chart."""
    title = f"Sweep: {sweep.study.heading}"
    return block(title, [*_pairs(sweep), *_folder(sweep.path)], _cells(sweep))


def comparison_text(found: Any) -> str:
    """Return a comparison in a few lines: the runs, counts, and the first changes."""
    notes = _events(found)
    return _lines("Comparison", " and ".join(found.labels), notes, _changes(found), found.path)


def comparison_html(found: Any) -> str:
    """Return a comparison as HTML: the runs, counts, and the first clusters' changes."""
    heads, rows = _changes(found)
    title = f"Comparison: {' and '.join(found.labels)}"
    return block(title, [*_events(found), *_folder(found.path)], table(heads, rows))


def uncertainty_text(found: Any) -> str:
    """Return rank uncertainty in a few lines: the draws, and the first clusters' rank sets."""
    notes = [f"{found.note}; {_undecided(found)}"]
    return _lines("Uncertainty", found.study.heading, notes, _sets(found), found.path)


def uncertainty_html(found: Any) -> str:
    """Return rank uncertainty as HTML: the draws, and rank sets as a table and a small chart."""
    heads, rows = _sets(found)
    notes = [found.note, _undecided(found)]
    title = f"Uncertainty: {found.study.heading}"
    return block(title, [*notes, *_folder(found.path)], table(heads, rows), _bars(found.table))


def _lines(
    what: str, title: str, notes: list[str], head: tuple[list[str], list[Any]], path: Any
) -> str:
    heads, rows = head
    lines = [f"{what}: {visible(title)}", *(f"  {visible(note)}" for note in notes)]
    if rows:
        frame = pd.DataFrame(rows, columns=heads).astype(str)
        frame = frame.map(lambda value: visible(_short(value)))
        lines += [f"  {line.rstrip()}" for line in frame.to_string(index=False).split("\n")]
    return "\n".join([*lines, *(f"  {visible(line)}" for line in _folder(path))])


def _folder(path: Any) -> list[str]:
    return [] if path is None else [f"Folder: {path}"]


def _short(value: object) -> str:
    shown = re.sub(r"\s+", " ", str(value))
    return shown if len(shown) <= LETTERS else shown[: LETTERS - 1] + "…"


def _number(value: Any, form: str = ".1f") -> str:
    return "" if pd.isna(value) else format(value, form)


def _counts(run: Any) -> str:
    ranked = int(pd.to_numeric(run.ranking["rank"]).notna().sum())
    kinds = ", ".join(run.study.kinds)
    return (
        f"{counted(len(run.ranking), 'cluster')}, {ranked:,} ranked;"
        f" {counted(len(run.locations), 'location')} of {kinds};"
        f" {counted(len(run.rejects), 'rejected row')}"
    )


def _first(ranking: pd.DataFrame) -> tuple[list[str], list[Any]]:
    rows = [
        (_number(each.rank, "d"), _short(each.name), _short(each.economies), _number(each.score))
        for each in ranking.head(HEAD)[["rank", "name", "economies", "score"]].itertuples(
            index=False, name="Cluster"
        )
    ]
    return ["rank", "name", "economies", "score"], rows


def _pairs(sweep: Any) -> list[str]:
    eps, least = (sweep.table[name].unique() for name in ("eps_km", "min_samples"))
    notes = [
        f"{counted(len(sweep.table), 'pair')}: eps_km {min(eps):g} to {max(eps):g}, min_samples"
        f" {min(least):g} to {max(least):g}; baseline {sweep.baseline[0]:g} km,"
        f" {sweep.baseline[1]:g}; {counted(len(sweep.plateaus), 'plateau')}"
    ]
    return notes + [
        f"Suggestion {number}: {each.eps_km:g} km, {each.min_samples:g}: {each.reason}"
        for number, each in enumerate(sweep.suggestions, start=1)
    ]


def _cells(sweep: Any) -> str:
    """Return the number of clusters at every pair as a chart of cells."""
    shown = sweep.table.pivot_table(index="eps_km", columns="min_samples", values="n_clusters")
    shown = shown.sort_index(ascending=False)
    most = max(float(shown.to_numpy().max(initial=0.0)), 1.0)
    size, left = 30.0, 44.0
    parts = []
    for i, (eps, row) in enumerate(shown.iterrows()):
        y = i * size
        parts.append(_label(left - 4, y + size / 2 + 3, f"{eps:g}", "end"))
        for j, (least, count) in enumerate(row.items()):
            if not np.isfinite(count):
                continue
            share = float(np.log1p(count) / np.log1p(most))
            own = (eps, least) == sweep.baseline
            edge = "stroke='#1a1a1a' stroke-width='1.6'" if own else "stroke='#ffffff'"
            title = text(f"{eps:g} km, {least:g}: {counted(count, 'cluster')}")
            parts.append(
                f"<rect x='{left + j * size + 1:.0f}' y='{y + 1:.0f}' width='{size - 2:.0f}'"
                f" height='{size - 2:.0f}' fill='#dfa878' fill-opacity='{0.08 + 0.92 * share:.2f}'"
                f" {edge}><title>{title}</title></rect>"
            )
            middle = left + (j + 0.5) * size
            parts.append(_label(middle, y + size / 2 + 3, f"{count:.3g}", "middle"))
    for j, least in enumerate(shown.columns):
        at = left + (j + 0.5) * size
        parts.append(_label(at, len(shown) * size + 12, f"{least:g}", "middle"))
    width, height = left + len(shown.columns) * size + 8, len(shown) * size + 30
    parts.append(_label(width / 2, height - 4, "eps_km by min_samples: clusters", "middle"))
    return svg(max(width, 220.0), height, "".join(parts), "Number of clusters at every pair")


def _label(x: float, y: float, label: str, anchor: str) -> str:
    style = f"font-size='10' fill='currentColor' text-anchor='{anchor}' font-family='sans-serif'"
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{text(label)}</text>"


def _events(found: Any) -> list[str]:
    counts = found.table["event"].value_counts().sort_index()
    listed = ", ".join(f"{count} {event}" for event, count in counts.items())
    differ = ", ".join(found.factors) or "nothing that scores depend on"
    return [f"Clusters: {listed or 'none'}", f"What differs: {differ}"]


def _changes(found: Any) -> tuple[list[str], list[Any]]:
    rows = []
    for each in found.table.head(HEAD).to_dict("records"):
        name = each["name_b"] if not pd.isna(each["name_b"]) else each["name_a"]
        ranks = (_number(each[rank], "d") or "–" for rank in ("rank_a", "rank_b"))
        rows.append((*ranks, _change(each["rank_change"]), _short(name)))
    return [*found.labels, "change", "name"], rows


def _change(places: Any) -> str:
    return "" if pd.isna(places) else f"{places:+d}" if places else "0"


def _range(low: Any, high: Any) -> str:
    return "" if pd.isna(low) else f"{low:d}" if low == high else f"{low:d}–{high:d}"


def _undecided(found: Any) -> str:
    n = len(found.table)
    return f"{len(found.pairs):,} of {counted(n * (n - 1) // 2, 'pair')} cannot be distinguished"


def _sets(found: Any) -> tuple[list[str], list[Any]]:
    rows = [
        (
            _number(each["rank"], "d"),
            _range(each["rank_set_low"], each["rank_set_high"]),
            _short(each["name"]),
            _number(each["score"]),
            f"{_number(each['score_low'])} to {_number(each['score_high'])}",
        )
        for each in found.table.head(HEAD).to_dict("records")
    ]
    return ["rank", "rank set", "name", "score", "interval"], rows


def _bars(shown: pd.DataFrame) -> str:
    """Return the rank sets of the first clusters as bars."""
    shown = shown.head(2 * HEAD).dropna(subset=["rank_set_low", "rank_set_high"])
    last = float(shown["rank_set_high"].astype(float).max()) if len(shown) else 1.0
    left, wide = 24.0, 220.0
    step = wide / (last + 0.5)
    parts = []
    for i, each in enumerate(shown.to_dict("records")):
        y = (i + 0.5) * PER_ROW
        low, high = float(each["rank_set_low"]), float(each["rank_set_high"])
        x, width = left + (low - 0.5) * step, max((high - low + 1) * step, 1.0)
        title = text(f"{each['name']}: {low:g} to {high:g}")
        parts.append(
            f"<rect x='{x:.1f}' y='{y - 4:.1f}' width='{width:.1f}' height='8' fill='#9fb8c9'>"
            f"<title>{title}</title></rect>"
        )
        at = left + float(each["rank"]) * step
        parts.append(f"<circle cx='{at:.1f}' cy='{y:.1f}' r='2.4' fill='currentColor'/>")
        parts.append(_label(left - 6, y + 3, f"{each['rank']}", "end"))
    height = max(len(shown), 1) * PER_ROW + 4
    return svg(left + wide + 4, height, "".join(parts), "Rank sets of the first clusters")
