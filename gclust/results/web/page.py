"""The report of a run as one HTML file: nothing in it is fetched, no text in it is code."""

from __future__ import annotations

import html
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from gclust.errors import StudyError
from gclust.escapes import visible
from gclust.html import text
from gclust.plurals import counted
from gclust.report.symbols import LAND, NOISE, OCEAN, OTHER, RANK_COLOURS
from gclust.results.methods import Methods, methods
from gclust.results.web import experiments, map_data, sections
from gclust.results.web.parts import details, number, paragraph, section, whole

NEEDS_BOKEH = (
    "the report needs Bokeh, which is not installed: install bokeh (extra report of gclust)"
)
SCRIPTS = ("bokeh.min.js", "bokeh-api.min.js")
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline';"
    " img-src data: blob:; font-src data:"
)
"""What the page may load: nothing but what is in it."""
HEADING = re.compile("<h2 id='(?P<name>[a-z-]+)-title'>(?P<title>.*?)</h2>")
PALETTES = {
    "light": {
        "sea": OCEAN,
        "land": LAND,
        "border": "#ffffff",
        "noise": NOISE,
        "location": "#3d4a57",
        "ink": "#1a1a1a",
        "paper": "#ffffff",
        "other": OTHER,
        "ranks": list(RANK_COLOURS),
    },
    "dark": {
        "sea": "#15181b",
        "land": "#2c3238",
        "border": "#15181b",
        "noise": "#8494a5",
        "location": "#cfd8e0",
        "ink": "#f1f1ee",
        "paper": "#15181b",
        "other": "#8a8f94",
        "ranks": ["#fdf0c4", "#f9a13a", "#e8727a", "#b06bd0"],
    },
}
"""Colours of the map on light and dark pages; first ranks stand out most from the ground."""


def page(run: Any, *, uncertainty: Any = None, sweep: Any = None, comparison: Any = None) -> bytes:
    """Return the report of a run, and of experiments on it, as an HTML file.

    The bytes depend on the results and on the versions of gclust and Bokeh alone. Raises StudyError
    if Bokeh is not installed.
    """
    scripts = [_inline(each) for each in _bokeh()]
    done = methods(run, uncertainty=uncertainty, comparison=comparison)
    parts = [
        _map(run),
        sections.ranking(run),
        sections.counts(run),
        sections.intensity(run),
        experiments.rank_sets(uncertainty),
        experiments.sweep(sweep),
        experiments.comparison(comparison),
        sections.merges(run),
        sections.inputs(run),
        sections.rejects(run),
        sections.study_choices(run),
        sections.column_meanings(run),
        _methods(done),
        _cite(done),
    ]
    data = {"tips": _tips(run), "palettes": PALETTES, **_geography(run)}
    title, body = text(run.study.heading), "\n".join(filter(None, parts))
    document = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<style>\n{_own('page.css')}</style></head>\n<body>"
        '<a class="skip" href="#ranking">To the ranking</a>\n'
        f"{_head(run, parts)}<main>\n{body}\n</main>"
        f"<footer>{paragraph(f'Made by gclust {done.version}.', 'muted')}</footer>\n"
        f"<script type='application/json' id='data'>{_json(data)}</script>\n"
        f"{''.join(scripts)}<script>\n{_own('page.js')}</script>\n</body></html>\n"
    )
    return document.encode("utf-8", "backslashreplace")


def _bokeh() -> list[str]:
    try:
        import bokeh
    except ImportError as error:
        raise StudyError(NEEDS_BOKEH) from error
    folder = Path(bokeh.__file__).parent / "server" / "static" / "js"
    return [(folder / name).read_text(encoding="utf-8") for name in SCRIPTS]


def _inline(script: str) -> str:
    return "<script>" + script.replace("</script", "<\\/script") + "</script>\n"


def _own(name: str) -> str:
    return (files("gclust.results.web") / name).read_text(encoding="utf-8")


def _json(data: dict[str, Any]) -> str:
    """Return JSON that cannot end the element that it is in."""
    spelled = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return spelled.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _head(run: Any, parts: list[str]) -> str:
    """Return the title, the main numbers, the note, and links to the sections."""
    links = [
        f"<li><a href='#{found['name']}'>{found['title']}</a></li>"
        for part in parts
        if (found := HEADING.search(part))
    ]
    kinds = ", ".join(run.study.kinds)
    counts = (
        f"{counted(len(run.ranking), 'cluster')} in {counted(len(run.locations), 'location')} of"
        f" {kinds} listings; {counted(run.info['rejected'], 'row')} rejected."
    )
    note = paragraph(run.study.study.note) if run.study.study.note else ""
    return (
        f"<header><h1>{text(run.study.heading)}</h1>{paragraph(counts)}{note}"
        f"<nav aria-label='Sections'><ul>{''.join(links)}</ul></nav></header>\n"
    )


def _map(run: Any) -> str:
    buttons = "".join(
        f"<button type=button data-do='{do}' aria-label='{label}'>{sign}</button>"
        for do, label, sign in (
            ("in", "Zoom in", "+"),
            ("out", "Zoom out", "−"),
            ("left", "Move west", "←"),
            ("right", "Move east", "→"),
            ("up", "Move north", "↑"),
            ("down", "Move south", "↓"),
            ("all", "Show all clusters", "All"),
        )
    )
    boxes = "".join(
        f"<label><input type=checkbox id='{name}' checked> {label}</label>"
        for name, label in (("noise-on", "Noise"), ("clustered-on", "Locations of clusters"))
    )
    shown = min(len(run.locations), map_data.MOST_LOCATIONS)
    drawn = "" if shown == len(run.locations) else f" The {shown:,} heaviest locations are drawn."
    hint = (
        "Dots: clusters, larger with the score; outlines: footprints. Point at one for its numbers;"
        f" drag to move, zoom with Ctrl and the wheel.{drawn}"
    )
    return section(
        "the-map",
        "Map",
        f"<div class='tools'>{buttons}{boxes}</div>",
        "<div id='map' role='img' aria-label='Map of the clusters; the ranking below has the same"
        " clusters as a table'></div>",
        "<p class='key' id='key'></p>",
        "<p id='said' role='status'></p>",
        paragraph(hint, "muted"),
    )


def _geography(run: Any) -> dict[str, Any]:
    return {
        **map_data.land(),
        "footprints": map_data.footprints(run.clusters),
        "dots": map_data.dots(run.clusters),
        "locations": map_data.locations(run.locations),
    }


def _tips(run: Any) -> dict[str, list[str]]:
    """Return what the map says of each cluster when it is pointed at, in the ranking's order."""
    table = run.clusters
    shares = [f"{kind}_share" for kind in run.study.kinds]
    lines = []
    for row in table.to_dict("records"):
        parts = [f"{kind} {number(row[f'{kind}_share'], 2)} %" for kind in run.study.kinds]
        lines.append(", ".join(parts) if shares else "")
    has_people = "population" in table
    return {
        "name": [str(each) for each in table["name"]],
        "rank": ["–" if pd.isna(each) else str(int(each)) for each in table["rank"]],
        "shares": lines,
        "score": [number(each, 3) for each in table["score"]],
        "people": [whole(each) for each in table["population"]] if has_people else [],
    }


def _methods(done: Methods) -> str:
    copies = "".join(
        details(name, f"<pre tabindex='0'>{_kept(body)}</pre>")
        for name, body in (("As Markdown", done.markdown), ("As LaTeX", done.latex))
    )
    return section("methods", "Methods", paragraph(done.text), copies)


def _cite(done: Methods) -> str:
    words = "Cite gclust, the works that the methods rest on, and the data that were ranked:"
    return section(
        "cite", "How to cite", paragraph(words), f"<pre tabindex='0'>{_kept(done.bibtex)}</pre>"
    )


def _kept(body: str) -> str:
    """Return text as HTML with its line breaks."""
    return "\n".join(html.escape(visible(line)) for line in body.split("\n"))
