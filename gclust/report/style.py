"""The style and output of all plots and maps: one typeface, one resolution, no dates in files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gclust.parallel import end_if_left
from gclust.report.symbols import INK

DPI = 300
SCREEN_DPI = 144
WIDTHS_MM = {"single": 89.0, "middle": 120.0, "double": 183.0}
"""Widths of one, one and a half, and two columns in print (Nature's; others' are
within a few millimetres)."""
MM_PER_INCH = 25.4
SINGLE, MIDDLE, DOUBLE = (mm / MM_PER_INCH for mm in WIDTHS_MM.values())
PNG_LEVEL = 3
"""Compression of PNG files: in 0.6 of the time of the usual 6, for a twentieth more bytes."""
PDF_BACKEND = "module://gclust.report.pdf_canvas"
TITLE_PT, LABEL_PT, SMALL_PT = 8.0, 7.0, 6.0

NO_DATES: dict[str, dict[str, str | None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}
"""Metadata that matplotlib would write by itself, by the ending of the file."""

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "pdf.fonttype": 42,
    "pdf.compression": 3,
    # matplotlib 3.11 reads this one too when it numbers the letters of a PDF: as Type 3 fonts,
    # which have 256, they would be divided into several.
    "ps.fonttype": 42,
    "svg.hashsalt": "gclust",
    "text.hinting": "none",
    "text.parse_math": False,
    "path.simplify": False,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "text.color": INK,
    "legend.fontsize": SMALL_PT,
    "legend.frameon": False,
}
"""Style of all figures. Names of clusters are never parsed as formulas."""


def inches(width: str | float) -> float:
    """Return a width in inches, given in millimetres or by its name in `WIDTHS_MM`."""
    if isinstance(width, str):
        if width not in WIDTHS_MM:
            known = ", ".join(f"{name!r} ({mm:g} mm)" for name, mm in WIDTHS_MM.items())
            raise ValueError(f"width must be one of {known} or a number of mm, not {width!r}")
        return WIDTHS_MM[width] / MM_PER_INCH
    if not 40.0 <= float(width) <= 1000.0:
        raise ValueError(f"width must be between 40 and 1000 mm, not {width!r}")
    return float(width) / MM_PER_INCH


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the style of all figures; a user's matplotlib settings are ignored."""
    with matplotlib.style.context(["default", STYLE]):
        yield


@contextmanager
def shown_figure() -> Iterator[Figure]:
    """Yield an empty figure of pyplot, which a notebook or a window shows; see `new_figure`."""
    import matplotlib.pyplot as plt

    # Before the style: with the first figure a notebook's backend turns interaction on, and the
    # end of the style's context would turn it off again.
    figure = plt.figure(
        figsize=(1.0, 1.0), dpi=SCREEN_DPI, facecolor="white", edgecolor="white", layout="none"
    )
    try:
        with styled():
            yield figure
    except BaseException:
        plt.close(figure)
        raise


@contextmanager
def new_figure(width_in: float = 1.0, height_in: float = 1.0) -> Iterator[Figure]:
    """Yield an empty figure that can measure texts; a user's matplotlib settings are ignored."""
    with styled():
        figure = Figure(figsize=(width_in, height_in))
        FigureCanvasAgg(figure)
        yield figure


def image(figure: Figure, ending: str, title: str) -> bytes:
    """Return a figure as a file without dates and versions: equal figures have equal bytes.

    The ending is ``.png``, ``.pdf`` or ``.svg``. The title is in the file's metadata.
    """
    end_if_left()
    how: dict[str, Any] = {}
    metadata: dict[str, str | None] = {"Title": title, **NO_DATES[ending]}
    if ending == ".png":
        how["pil_kwargs"] = {"compress_level": PNG_LEVEL}
    elif ending == ".pdf":
        how["backend"] = PDF_BACKEND
    content = BytesIO()
    figure.savefig(content, format=ending[1:], dpi=DPI, metadata=metadata, **how)
    return content.getvalue()


def save(figure: Figure, target: Path, title: str) -> None:
    """Write a figure to a file; see `image`. Its folder is made if it is missing."""
    content = image(figure, target.suffix.lower(), title)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def save_both(figure: Figure, stem: Path, title: str) -> None:
    """Write a figure as ``<stem>.png`` and ``<stem>.pdf``; see `save`."""
    for ending in ("png", "pdf"):
        save(figure, stem.with_name(f"{stem.name}.{ending}"), title)


def thin_axes(axes: Axes, sides: tuple[str, ...], size: float = SMALL_PT) -> None:
    """Make ticks and spines thin, and show spines on the given sides only."""
    axes.tick_params(labelsize=size, width=0.4, length=2, colors=INK, which="both")
    for side, spine in axes.spines.items():
        spine.set_linewidth(0.4)
        spine.set_visible(side in sides)


def shortened(name: object, longest: int) -> str:
    """Return a name on one line, cut to at most ``longest`` letters."""
    text = " ".join(str(name).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
