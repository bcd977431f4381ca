"""Works that a report cites, as BibTeX; they are in ``references.bib``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files

TITLE = "gclust: innovation clusters in geocoded addresses, found and ranked"
"""Title of the software, as in ``CITATION.cff``."""

GCLUST = """@software{gclust,
  title = {%s},
  author = {{The gclust developers}},
  version = {%s},
  license = {BSD-3-Clause}
}"""


@lru_cache(maxsize=1)
def works() -> dict[str, str]:
    """Return all works by key."""
    text = (files("gclust.results") / "references.bib").read_text(encoding="utf-8")
    entries = [entry.strip() for entry in text.split("\n\n")]
    return {re.split("[{,]", entry)[1]: entry for entry in entries}


def bibtex(keys: Iterable[str], version: str) -> str:
    """Return works as BibTeX, gclust first.

    Parameters
    ----------
    keys : iterable of str
        Keys of `works`.
    version : str
        The version of gclust that made the run.
    """
    return "\n\n".join([GCLUST % (TITLE, version), *(works()[key] for key in keys)])
