"""The ranking table on the tuner's page, with changes against the study's ranking."""

from __future__ import annotations

from dataclasses import astuple
from html import escape
from math import nan
from typing import Any

import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    HTMLTemplateFormatter,
    NumberFormatter,
    TableColumn,
)

from gclust.experiments.tune.outcome import Outcome

MOST_HIGH, HEAD_HIGH, ROW_HIGH = 330, 30, 25
LEAST_ROWS = 4
MOST_GONE = 12
LETTER = 7
"""Width of one letter in a heading, in pixels."""
MOVED = """<span style="color:<%= value.startsWith('▲') ? '#0067a5' : value.startsWith('▼') ?
'#b84a00' : value === 'new' ? '#8a1f6a' : '#5f676e' %>"><%- value %></span>"""
PLAIN = "<%- value %>"
RENDER = "setTimeout(() => table.view.change.emit(), 0)"
ROWS = """
.slick-header-column { font-weight: 600; font-size: 11px; background: #f4f5f6; }
.slick-cell { font-variant-numeric: tabular-nums; }
.slick-viewport::-webkit-scrollbar { height: 10px; }
.slick-viewport::-webkit-scrollbar-thumb { background: #8a8f94; border-radius: 5px; }
"""
SCROLLS = """
@media (max-width: %dpx), (min-width: 1000px) and (max-width: %dpx) {
  :host::after { content: "→"; position: absolute; top: 0; right: 0; bottom: 0; width: 26px;
    padding-top: 5px; text-align: right; font-weight: 700; pointer-events: none; z-index: 9;
    background: linear-gradient(to left, #fff 30%%, #aab4 60%%, transparent); }
}
"""
"""Mark at the right of a table that is wider than its room: widths of windows in which it is."""
BESIDE_TABLE, MARGINS = 336, 40
"""Width of what is left of the table in wide windows, and of the margins, in pixels."""


class RankingTable:
    """Table of the ranking, with a sentence that lists the study's clusters without a match.

    ``further`` are the columns of the score that are neither shares nor counts.
    """

    def __init__(self, kinds: tuple[str, ...], further: tuple[str, ...] = ()) -> None:
        self._kinds, self._further = kinds, further
        self._source = ColumnDataSource(name="ranking", data={})
        number = NumberFormatter(format="0.000", text_align="right")
        plain, change = (HTMLTemplateFormatter(template=html) for html in (PLAIN, MOVED))
        columns = [
            TableColumn(field=field, title=title, width=width, formatter=formatter)
            for field, title, width, formatter in (
                ("rank", "Rank", 42, plain),
                ("then", "Study", 46, plain),
                ("moved", "Change", 58, change),
                ("name", "Cluster", 216, plain),
                ("economies", "Economies", 74, plain),
                ("score", "Score", 60, number),
                *((f"{kind}_share", f"{kind} %", 88, number) for kind in kinds),
                *((name, name, LETTER * len(name) + 20, number) for name in further),
            )
        ]
        self._table = DataTable(
            source=self._source,
            columns=columns,
            height=MOST_HIGH,
            sizing_mode="stretch_width",
            index_position=None,
            sortable=False,
            reorderable=False,
            autosize_mode="none",
            stylesheets=[ROWS, scroll_mark(sum(each.width for each in columns))],
        )
        # Rows rendered together with the data keep their old first cell.
        render = CustomJS(args={"table": self._table}, code=RENDER)
        self._source.js_on_change("tags", render)
        self._gone = Div(name="gone", sizing_mode="stretch_width", styles={"color": "#444"})
        self.models: tuple[Any, ...] = (self._table, self._gone)

    def show(self, outcome: Outcome, top: int) -> None:
        """Show the ranked clusters that one set of parameters gives, in the page's table."""
        table = outcome.table
        none = "…" if outcome.pending else "–"
        data = {
            "rank": [none if pd.isna(rank) else int(rank) for rank in table["rank"]],
            "then": ["" if pd.isna(r) else str(r) for r in table["rank_then"]],
            "moved": [
                none if pd.isna(now) else moved(now, then)
                for now, then in zip(table["rank"], table["rank_then"], strict=True)
            ],
            **{name: table[name].tolist() for name in ("name", "economies", "score")},
            **{f"{kind}_share": table[f"{kind}_share"].tolist() for kind in self._kinds},
            **{
                name: table[name].astype(float).tolist() if name in table else [nan] * len(table)
                for name in self._further
            },
        }
        self._source.data = data
        # Tags are set after the data, so a reader of the parameters sees their ranking.
        pending = ["pending"] if outcome.pending else []
        self._source.tags = [*astuple(outcome.parameters), *pending]
        rows = max(len(table), LEAST_ROWS)
        self._table.height = min(MOST_HIGH, HEAD_HIGH + ROW_HIGH * rows)
        self._gone.text = gone_html(outcome.gone, top)


def scroll_mark(width: int) -> str:
    """Return the style that shows that a table scrolls, where a window has no room for it."""
    return SCROLLS % (min(width + MARGINS, 999), width + BESIDE_TABLE)


def moved(now: Any, then: Any) -> str:
    """Return a change of rank as text: ▲ or ▼ with a number, ``=``, ``new``; ``…`` if pending."""
    if pd.isna(now):
        return "…"
    if pd.isna(then):
        return "new"
    if now == then:
        return "="
    return f"▲ {then - now}" if now < then else f"▼ {now - then}"


def gone_html(gone: pd.DataFrame, top: int) -> str:
    """Return the names of the study's first ``top`` clusters that have no match, as HTML."""
    lost = gone[gone["rank"] <= top]
    if lost.empty:
        return ""
    names = [
        f"{escape(row.name)} ({row.rank}"
        + (")" if pd.isna(row.into) else f", now in {escape(row.into)})")
        for row in lost.head(MOST_GONE).itertuples(index=False)
    ]
    more = f" and {len(lost) - MOST_GONE} more" if len(lost) > MOST_GONE else ""
    return f"Of the study’s first {top}, no longer clusters of their own: {', '.join(names)}{more}."
