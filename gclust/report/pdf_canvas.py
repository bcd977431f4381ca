"""Canvas of PDF files whose fonts are made smaller in a tenth of matplotlib's time.

matplotlib reduces a font to the letters that a figure uses. Most of the time goes to its tables
of ligatures, scripts and formulas, which no reader of a PDF looks at: glyphs are already chosen
and placed. Here those tables are dropped first. `FigureCanvas` is what matplotlib asks for in a
module that is given as ``backend="module://gclust.report.pdf_canvas"``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

from fontTools import subset
from matplotlib.backends import _backend_pdf_ps, backend_pdf

from gclust.parallel import end_if_left

LAYOUT_TABLES = ("BASE", "GDEF", "GPOS", "GSUB", "JSTF", "MATH", "kern", "gasp", "name")
"""Tables of a font that choose and place glyphs, or name the font; they draw none."""


def _load(*given: Any, **options: Any) -> Any:
    """Return a font that `fontTools.subset.load_font` loads, without its tables of layout."""
    font = subset.load_font(*given, **options)
    for table in LAYOUT_TABLES:
        if table in font:
            del font[table]
    return font


def _with(function: Callable[..., Any], **replaced: Any) -> Any:
    """Return a function that finds other objects under some of its module's names.

    The module itself stays as it is, for figures of users that are drawn at the same time.
    """
    own: Any = function
    names = own.__globals__ | replaced
    found = FunctionType(own.__code__, names, own.__name__, own.__defaults__, own.__closure__)
    found.__kwdefaults__ = own.__kwdefaults__
    return found


def _like(module: Any, **replaced: Any) -> SimpleNamespace:
    return SimpleNamespace(**(vars(module) | replaced))


_reduced = _with(_backend_pdf_ps.get_glyphs_subset, subset=_like(subset, load_font=_load))


class _File(backend_pdf.PdfFile):
    """PDF file whose fonts have no tables of layout."""

    embedTTF = _with(  # noqa: N815
        backend_pdf.PdfFile.embedTTF,
        _backend_pdf_ps=_like(_backend_pdf_ps, get_glyphs_subset=_reduced),
    )

    def output(self, *data: Any) -> None:
        """Write some operations of a page, unless nobody waits for it any more."""
        end_if_left()
        super().output(*data)


class FigureCanvas(backend_pdf.FigureCanvasPdf):
    """Canvas of PDF files with quickly reduced fonts."""

    print_pdf = _with(backend_pdf.FigureCanvasPdf.print_pdf, PdfFile=_File)
