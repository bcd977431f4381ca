"""Parts of the report in HTML: sections, tables and bars; all text is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from gclust.html import text

MOST_ROWS = 500
"""Rows of a long table that the report shows."""
MOST_HIGH = 20
"""Rows of a table that is shown in full height; a longer one scrolls."""
DASH = "–"


def number(value: Any, decimals: int = 1) -> str:
    """Return a number with separators of thousands, a dash where it is missing."""
    if value is None or pd.isna(value) or not math.isfinite(value):
        return DASH
    return f"{value:,.{decimals}f}"


def whole(value: Any) -> str:
    """Return a whole number, a dash where it is missing."""
    return number(value, 0)


def paragraph(words: object, kind: str = "") -> str:
    """Return a paragraph of text."""
    return f"<p{f' class={kind}' if kind else ''}>{html.escape(str(words))}</p>"


def section(name: str, title: str, *parts: str) -> str:
    """Return a section of the page with its heading; empty if it has no parts."""
    inner = "".join(parts)
    if not inner:
        return ""
    heading = f"<h2 id='{name}-title'>{text(title)}</h2>"
    return f"<section id='{name}' aria-labelledby='{name}-title'>{heading}{inner}</section>"


def scrolling(label: str, inner: str, kind: str = "") -> str:
    """Return a box that scrolls sideways, by keys too, and shows that it does."""
    attributes = f"class='scroll {kind}' role='region' tabindex='0' aria-label='{text(label)}'"
    return f"<div {attributes}>{inner}</div>"


def table(
    label: str, heads: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()
) -> str:
    """Return a table of text; the columns ``numbers`` are aligned to the right.

    Cells that are `Markup` are HTML already.
    """
    right = set(numbers)

    def cells(tag: str, row: Sequence[object]) -> str:
        return "".join(
            f"<{tag}{' class=num' if at in right else ''}{' scope=col' if tag == 'th' else ''}>"
            f"{each if isinstance(each, Markup) else text(each)}</{tag}>"
            for at, each in enumerate(row)
        )

    lines = [f"<tr>{cells('td', row)}</tr>" for row in rows]
    head = f"<thead><tr>{cells('th', heads)}</tr></thead>"
    inner = f"<table>{head}<tbody>{''.join(lines)}</tbody></table>"
    return scrolling(label, inner, "tall" if len(lines) > MOST_HIGH else "")


class Markup(str):
    """Text that is HTML."""


def bar(of: Sequence[Any], last: float) -> Markup:
    """Return a bar on a line of ranks 1 to ``last``; ``of`` are its first, last and marked rank."""
    low, high, at = (float("nan") if pd.isna(each) else float(each) for each in of)
    if not all(math.isfinite(each) for each in (low, high)) or last < 1:
        return Markup("")
    left, wide = 100 * (low - 1) / last, 100 * (high - low + 1) / last
    mark = ""
    if math.isfinite(at):
        mark = f"<i class='mark' style='left:{100 * (at - 0.5) / last:.2f}%'></i>"
    style = f"left:{left:.2f}%;width:{wide:.2f}%"
    return Markup(f"<div class='line'><i class='bar' style='{style}'></i>{mark}</div>")


def shade(words: str, share: float, own: bool = False) -> str:
    """Return a cell of a heat map: the larger ``share`` (0 to 1), the darker."""
    opacity = 0.0 if math.isnan(share) else 0.06 + 0.5 * min(max(share, 0.0), 1.0)
    mark = " class='own'" if own else ""
    return f"<td{mark} style='background:rgba(60,130,170,{opacity:.2f})'>{text(words)}</td>"


def details(title: str, inner: str) -> str:
    """Return a part that opens on request."""
    return f"<details><summary>{text(title)}</summary>{inner}</details>"


def first_rows(found: pd.DataFrame, what: str) -> tuple[pd.DataFrame, str]:
    """Return the first rows of a long table, and a sentence about the others."""
    if len(found) <= MOST_ROWS:
        return found, ""
    note = f"The first {MOST_ROWS:,} of {len(found):,} {what}."
    return found.head(MOST_ROWS), paragraph(note, "muted")
