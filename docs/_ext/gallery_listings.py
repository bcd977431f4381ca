"""The module that examples of the gallery import, shown on their pages."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

HELPER = Path(__file__).resolve().parents[2] / "examples" / "gallery" / "towns.py"
IMPORT = "from towns import "
CODE = ".. code-block:: Python\n"
"""What the first block of code of a page begins with."""
SHOWN = """\
.. raw:: html

   <details><summary>The simulated listings, <code>towns.py</code>: save it beside this example
   </summary>

.. code-block:: Python

{code}

.. raw:: html

   </details>

"""


def with_helper(page: str) -> str:
    """Return the source of a page, with the helper ahead of its first code if that imports it."""
    if IMPORT not in page:
        return page
    code = textwrap.indent(HELPER.read_text(encoding="utf-8"), "    ")
    return page.replace(CODE, SHOWN.format(code=code) + CODE, 1)


def _read(_app: Any, name: str, source: list[str]) -> None:
    if name.startswith("gallery/"):
        source[0] = with_helper(source[0])


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx show it on each page of the gallery that needs it."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
