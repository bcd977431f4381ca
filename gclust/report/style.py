"""How every figure is set and written: one typeface, one resolution, bytes without dates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

DPI = 300

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "pdf.fonttype": 42,
    "text.hinting": "none",
    "text.parse_math": False,
    "path.simplify": False,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}
"""For ``matplotlib.style.context(["default", STYLE])``, so that a user's own settings change
nothing; names of clusters are never taken for formulas."""


def save(figure: Figure, target: Path, title: str) -> None:
    """Write a figure without dates and versions, so that its bytes say only what it shows.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    target : Path
        Ends in ``.png`` or ``.pdf``; its folder is made if need be.
    title : str
        Kept in the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix.lower() == ".pdf":
        metadata = {"Title": title, "CreationDate": None, "Creator": None, "Producer": None}
    else:
        metadata = {"Title": title, "Software": None}
    figure.savefig(target, dpi=DPI, metadata=metadata)
