"""Short names of columns, which statistics programs and databases take as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 32
"""Largest number of characters in a name of Stata's."""

_ENDINGS = ("_count", "_share", "_rank", "_per_million", "_inside", "_part")
"""Endings that a shortened name keeps."""


def short_names(columns: Iterable[str]) -> dict[str, str]:
    """Return a name for each column: lower case, words joined by ``_``, at most 32 characters.

    Equal ones get numbers, so that all differ, and what follows a kind in a name is kept.

    Examples
    --------
    >>> short_names(["rank", "University R&D_share"])
    {'rank': 'rank', 'University R&D_share': 'university_r_d_share'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        name = _snake_case(str(column))
        ending = next((each for each in _ENDINGS if name.endswith(each)), "")
        stem, number, mark = name.removesuffix(ending), 1, ""
        while (short := stem[: LONGEST - len(mark + ending)].rstrip("_") + mark + ending) in taken:
            number += 1
            mark = f"_{number}"
        found[str(column)] = short
        taken.add(short)
    return found


def _snake_case(text: str) -> str:
    """Return a name of letters, digits and single ``_`` that begins with a letter."""
    name = re.sub(r"[\W_]+", "_", text.casefold()).strip("_")
    return name if name[:1].isalpha() else f"n{name}"
