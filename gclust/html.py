"""HTML and SVG of results in notebooks: text in them is escaped, and nothing is fetched."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gclust.escapes import cell

Floats = NDArray[np.float64]

COLOURS = ("#20093f", "#8a1f6a", "#dc4a4d", "#f9a13a", "#0072b2", "#6ab7e6")
NOISE = "#7f95ad"
WIDTH, HEIGHT = 360.0, 220.0
"""Largest size of a small map in pixels of the page."""
MOST_POINTS = 300_000
"""Points that are looked at for a small map: of more, every second, third or further one."""
CELL = 3.0
"""Side of a cell of a small map, in which one dot is drawn."""


def text(value: object) -> str:
    """Return a value as HTML text on one line."""
    return html.escape(cell(value))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table; cells are text."""
    head = "".join(f"<th style='text-align:left'>{text(each)}</th>" for each in heads)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{text(each)}</td>" for each in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def block(title: str, notes: Iterable[str], *parts: str) -> str:
    """Return a title, lines of text below it, and parts in HTML next to each other."""
    lines = "".join(f"<div>{text(note)}</div>" for note in notes)
    flex = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start"
    inner = "".join(f"<div>{part}</div>" for part in parts)
    return f"<div><strong>{text(title)}</strong>{lines}<div style='{flex}'>{inner}</div></div>"


def svg(width: float, height: float, body: str, label: str) -> str:
    """Return an SVG picture, with a text for those who cannot see it."""
    size = f"width='{width:.0f}' height='{height:.0f}' viewBox='0 0 {width:.1f} {height:.1f}'"
    style = "style='max-width:100%;height:auto'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' {size} {style} role='img'"
    return f"{head} aria-label='{text(label)}'>{body}</svg>"


def dot(x: float, y: float, radius: float, colour: str, opacity: float, title: str = "") -> str:
    """Return a circle, with a text that is shown when the pointer is on it."""
    shape = f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:.1f}'"
    paint = f"fill='{colour}' fill-opacity='{opacity:g}' stroke='{colour}' stroke-width='0.8'"
    return f"{shape} {paint}>{f'<title>{text(title)}</title>' if title else ''}</circle>"


def points_map(lat: Floats, lon: Floats, label: NDArray[np.int64]) -> str:
    """Return a small map of labelled points: a dot in each cell that has some, noise in grey.

    Coordinates are degrees; degrees of longitude are as long as in the middle of the points.
    """
    step = -(-len(lat) // MOST_POINTS) or 1
    lat, lon, label = lat[::step], lon[::step], label[::step]
    if not len(lat):
        return ""
    # About the middle of the shortest arc of longitudes.
    wrapped = np.unique(np.round(lon % 360.0, 3))
    gaps = np.diff(wrapped, append=wrapped[0] + 360.0)
    west = wrapped[(int(np.argmax(gaps)) + 1) % len(wrapped)] - 1e-3
    x = (lon - west) % 360.0 * np.cos(np.radians((lat.min() + lat.max()) / 2))
    y = lat.max() - lat
    wide, high = max(float(np.ptp(x)), 0.05), max(float(np.ptp(y)), 0.05)
    scale = min((WIDTH - 4 * CELL) / wide, (HEIGHT - 4 * CELL) / high)
    column, row = ((v - v.min()) * scale // CELL for v in (x, y))
    cells = (row * 1000 + column).astype(np.int64)
    # A cell has the label of its cluster with the lowest number; noise where there is none.
    order = np.lexsort((label, label < 0, cells))
    first = order[np.unique(cells[order], return_index=True)[1]]
    dots = "".join(
        dot(
            (column[i] + 2) * CELL,
            (row[i] + 2) * CELL,
            CELL * (0.25 if label[i] < 0 else 0.45),
            NOISE if label[i] < 0 else COLOURS[int(label[i]) % len(COLOURS)],
            0.8,
        )
        for i in first.tolist()
    )
    width, height = wide * scale + 4 * CELL, high * scale + 4 * CELL
    ground = f"<rect width='{width:.1f}' height='{height:.1f}' fill='#f5f8fa'/>"
    return svg(width, height, ground + dots, "Map of the points: clusters in colours, noise grey")
